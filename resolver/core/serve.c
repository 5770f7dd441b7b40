/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last stretch of every reply, hit or miss: plugins that edit replies, the
 * OPT, the size limit, the counters, the log hook. Zones without such plugins
 * take the short way: one copy into the client's buffer.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "lib/base/hot.h"
#include "resolver/plugins/plugin.h"

enum { EDE_TEXT_MAX = 100 };

/* A query that only wants a cookie names no zone: any of the listener's will do. Of one that names
 * something and has no zone the listener may be gone. */
bool cookies_given(const struct core *c, const struct visit *v)
{
	const struct config *conf = c->conf;
	unsigned l = v->client->listener;

	if (v->zone)
		return v->zone->z.cookies;
	if (v->q->question_end > DNS_HEADER_LEN)
		return false;
	for (size_t i = 0; i < conf->n_routes[l]; i++)
		if (conf->zone[conf->route[l][i].zone].z.cookies)
			return true;
	return false;
}

HOT static void opts_fill(const struct core *c, const struct visit *v, struct reply_opts *o)
{
	bool udp = v->client->proto == CORE_UDP;

	o->bufsize = v->zone ? v->zone->z.bufsize : 1232;
	o->nsid = v->zone ? v->zone->z.nsid : NULL;
	o->nsid_len = v->zone ? v->zone->nsid_len : 0;
	o->limit = reply_limit(v->q, udp, o->bufsize, v->cap);
	o->ede = NULL;
	o->has_keepalive = v->q->want_keepalive && !udp; /* over UDP it is ignored */
	o->keepalive_ds = v->client->keepalive_ds;
	o->has_cookie = v->q->cookie && cookies_given(c, v);
	if (o->has_cookie)
		cookie_server_make(&c->key, &v->client->addr, v->q->cookie,
				   (uint32_t)(v->now_ns / NS_PER_S), o->cookie);
}

/* Counts a reply that is ready in v->out. What was turned away before a zone was
 * looked for is no server block's business: CoreDNS's counters and logs do not
 * know it, and ours count it apart. */
HOT static size_t account(struct core *c, const struct visit *v, size_t len, unsigned rcode)
{
	const struct core_client *cl = v->client;
	struct stats_server *row;

	if (v->is_unrouted)
		return len;
	row = stats_server_of(c->stats, cl->listener, v->zone_index);
	if (v->from == CORE_FROM_STALE) {
		c->stats->stale_served++;
		row->cache_served_stale++;
	}
	row->responses[rcode < STATS_RCODES ? rcode : STATS_RCODES - 1]++;
	stats_size_add(&row->response_size[cl->proto != CORE_UDP], len);
	stats_duration_add(&row->duration, v->now_ns - v->start_ns);
	if (c->ops.done) {
		struct core_done done = {.query = v->q->msg,
					 .query_len = v->q->len,
					 .reply = v->out,
					 .reply_len = len,
					 .start_ns = v->start_ns,
					 .end_ns = v->now_ns,
					 .zone = v->zone_index,
					 .upstream = v->upstream,
					 .from = v->from};

		c->ops.done(c->ops.ctx, cl, &done);
	}
	return len;
}

void serve_drop(struct core *c, const struct visit *v)
{
	c->stats->dropped++;
	if (c->ops.done) {
		struct core_done done = {.query = v->q->msg,
					 .query_len = v->q->len,
					 .start_ns = v->start_ns,
					 .end_ns = v->now_ns,
					 .zone = v->zone_index,
					 .upstream = UPSTREAM_NONE,
					 .from = v->from};

		c->ops.done(c->ops.ctx, v->client, &done);
	}
}

void plugin_query_fill(struct plugin_query *p, const struct visit *v)
{
	const struct query *q = v->q;

	memset(p, 0, sizeof(*p));
	p->now_ns = v->now_ns;
	p->client = v->client;
	p->name.len = q->name_len;
	memcpy(p->name.b, q->name, q->name_len);
	p->qtype = q->qtype;
	p->qclass = q->qclass;
	p->flags = q->flags;
	p->edns = &q->edns;
	p->zone = &v->zone->z.origin;
	p->msg = q->msg;
	p->msg_len = q->len;
}

static void label_put(char *to, size_t cap, const char *from)
{
	size_t n = from ? strnlen(from, cap - 1) : 0;

	if (n)
		memcpy(to, from, n);
	to[n] = 0;
}

static void event_count(struct core *c, unsigned listener, const struct plugin_query *p,
			const struct plugin_event *what)
{
	struct stats_event e = {.what = what->what};
	char zone[NAME_MAX_TEXT] = "";

	label_put(e.server, sizeof(e.server), c->conf->listener[listener].label);
	if (what->zone) {
		name_to_text(what->zone->b, zone, sizeof(zone));
		label_put(e.type, sizeof(e.type), stats_type_label(stats_type_index(p->qtype)));
		label_put(e.rclass, sizeof(e.rclass), stats_class_label(p->qclass));
	}
	label_put(e.zone, sizeof(e.zone), zone);
	label_put(e.section, sizeof(e.section), what->section);
	label_put(e.text, sizeof(e.text), what->text);
	stats_event_add(c->stats, &e, 1);
}

void plugin_events_count(struct core *c, unsigned listener, const struct plugin_query *p)
{
	for (unsigned i = 0; i < p->n_events; i++)
		event_count(c, listener, p, &p->event[i]);
}

/* Respond hooks over a whole message without OPT, then what the client's
 * transport allows of it. */
size_t seal(struct core *c, const struct visit *v, uint8_t *msg, size_t len,
		   const uint8_t *ede, size_t ede_len)
{
	struct reply_opts o;
	struct plugin_query p;
	size_t room;
	unsigned rcode;

	if (v->zone->hooks & HOOK_RESPOND) {
		plugin_query_fill(&p, v);
		for (size_t i = v->zone->z.n_steps; i-- > 0;) {
			const struct plugin_step *s = v->zone->z.step[i];

			if (s->ops->respond)
				len = s->ops->respond(s, &p, msg, len, DNS_MSG_MAX);
		}
	}
	rcode = DNS_RCODE(get_be16(msg + 2));
	opts_fill(c, v, &o);
	room = o.limit - reply_opt_len(v->q, &o); /* the extended error has what is left */
	len = reply_truncate(msg, len, room);
	memcpy(v->out, msg, len);
	len = reply_opt_put(v->q, 0, &o, ede, ede_len, v->out, len, o.limit);
	return account(c, v, len, rcode);
}

/* --- replies made of two answers (dns64) --- */

/* --- the ways in --- */

HOT size_t serve_answer(struct core *c, const struct visit *v, const struct answer *a,
			struct reply_age age, const uint8_t *ede, size_t ede_len)
{
	struct reply_opts o;
	size_t len;

	if (v->zone->z.autopath && a->kind == ANSWER_NXDOMAIN && path_begin(c, v, &len))
		return len;
	if (v->zone->hooks & HOOK_TARGETS && targets_refuse(c, v, a, &len))
		return len;
	if (v->zone->hooks & (HOOK_RESPOND | HOOK_REASK)) {
		if (!ede) {
			ede = a->ede;
			ede_len = a->ede_len;
		}
		reply_body(v->q, a, age, c->hook);
		if (v->zone->hooks & HOOK_REASK)
			return halves_begin(c, v, a->len, ede, ede_len);
		return seal(c, v, c->hook, a->len, ede, ede_len);
	}
	opts_fill(c, v, &o);
	o.ede = ede;
	o.ede_len = (uint16_t)ede_len;
	len = reply_answer(v->q, a, age, &o, v->out);
	return account(c, v, len, DNS_RCODE(get_be16(a->msg + 2)));
}

HOT size_t serve_entry(struct core *c, const struct visit *v, const struct entry *e, bool is_stale)
{
	struct reply_age age = {(uint32_t)((v->now_ns - e->stored_ns) / NS_PER_S), REPLY_KEEP_TTL};
	uint8_t ede[2];
	struct answer a;

	cache_answer(e, &a);
	if (is_stale) {
		age.fixed_s = v->zone->z.cache.stale_ttl_s;
		set_be16(ede, e->kind == ANSWER_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE);
	} else if (v->zone->z.cache.keepttl) {
		age.age_s = 0;
	}
	return serve_answer(c, v, &a, age, is_stale ? ede : NULL, is_stale ? 2 : 0);
}

size_t serve_synthesized(struct core *c, const struct visit *v, const struct answer *cut,
			 uint32_t age_s, bool is_stale)
{
	struct answer_question q = {v->q->name, v->q->qtype, v->q->qclass};
	struct reply_age age = {age_s, REPLY_KEEP_TTL};
	struct answer a;
	uint8_t ede[2];

	if (answer_transplant(&a, c->synth, cut, &q) < 0)
		return serve_rcode(c, v, DNS_SERVFAIL, -1);
	c->stats->shield_synth++;
	if (is_stale)
		age.fixed_s = v->zone->z.cache.stale_ttl_s;
	set_be16(ede, is_stale ? EDE_STALE_NXDOMAIN : EDE_SYNTHESIZED);
	return serve_answer(c, v, &a, age, ede, sizeof(ede));
}

static size_t serve_empty(struct core *c, const struct visit *v, unsigned rcode,
			  const uint8_t *ede, size_t ede_len)
{
	struct reply_opts o;
	size_t len;

	opts_fill(c, v, &o);
	o.ede = ede;
	o.ede_len = (uint16_t)ede_len;
	if (rcode == DNS_SERVFAIL)
		c->stats->servfail++;
	len = reply_rcode(v->q, rcode, &o, v->out);
	return account(c, v, len, rcode);
}

size_t serve_rcode(struct core *c, const struct visit *v, unsigned rcode, int ede)
{
	uint8_t data[2];

	set_be16(data, (uint16_t)ede);
	return serve_empty(c, v, rcode, ede >= 0 ? data : NULL, ede >= 0 ? 2 : 0);
}

size_t serve_overload(struct core *c, const struct visit *v)
{
	return serve_empty(c, v, DNS_SERVFAIL, (const uint8_t *)EDE_OVERLOAD,
			   sizeof(EDE_OVERLOAD) - 1);
}

/* A hook's extended error as option data; `data` takes it with its words. */
static size_t ede_of(const struct plugin_query *p, uint8_t data[EDE_TEXT_MAX + 2])
{
	size_t n = p->ede_text ? strnlen(p->ede_text, EDE_TEXT_MAX) : 0;

	if (!p->has_ede)
		return 0;
	set_be16(data, p->ede_code);
	if (n)
		memcpy(data + 2, p->ede_text, n);
	return n + 2;
}

/* A plugin's reply of `len` octets in c->buf->msg. */
static size_t serve_plugin(struct core *c, const struct visit *v, const struct plugin_query *asked,
			   size_t len)
{
	uint8_t ede[EDE_TEXT_MAX + 2];
	size_t ede_len = ede_of(asked, ede);
	const struct query *q = v->q;
	size_t question = (size_t)(q->question_end - DNS_HEADER_LEN);
	uint8_t *msg = c->hook;
	uint16_t flags;

	memcpy(msg, c->buf->msg, len);
	flags = get_be16(msg + 2) & (DNS_AA | 15);
	set_be16(msg, q->id);
	set_be16(msg + 2, flags | DNS_QR | DNS_RA | (q->flags & (DNS_RD | DNS_CD)));
	/* Its question is ours in lower case: spell it as the client did. */
	if (get_be16(msg + 4) == 1 && len >= q->question_end &&
	    name_check(msg + DNS_HEADER_LEN, question) == question - 4)
		memcpy(msg + DNS_HEADER_LEN, q->msg + DNS_HEADER_LEN, question);
	return seal(c, v, msg, len, ede_len ? ede : NULL, ede_len);
}

enum core_verdict serve_verdict(struct core *c, struct visit *v, const struct plugin_query *asked,
				unsigned verdict, size_t len, size_t *ret_len)
{
	if (verdict == PLUGIN_DROP) {
		serve_drop(c, v);
		return CORE_DROP;
	}
	v->from = CORE_FROM_PLUGIN;
	if (verdict == PLUGIN_REPLY)
		*ret_len = serve_plugin(c, v, asked, len);
	else
		*ret_len = serve_rcode(c, v, (unsigned)len, asked->has_ede ? asked->ede_code : -1);
	return CORE_REPLY;
}
