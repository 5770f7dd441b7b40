/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that make something happen, each after `at TIME`:
 *
 *   ask CLIENT NAME TYPE [do] [cd] [ad] [nord] [edns SIZE] [tcp] [nsid] [cookie HEX]
 *       [class N] [from ADDR] [listener N] [opcode N] [version N] [pad N] [pair TYPE]
 *   flood COUNT NAME TYPE RCODE   that many names, % replaced by 0, 1, ...; each must be
 *                                 answered at once, with that rcode
 *   raw CLIENT HEX... [tcp]
 *   answer [UPSTREAM] NAME TYPE RCODE ["rr"...] [soa TTL MINIMUM] [auth "rr"] [add "rr"]
 *       [tc] [ad] [aa] [noqr] [noedns] [noquestion] [ede CODE] [cookie HEX] [wrong NAME]
 *       [many N] [twice]
 *   fail [UPSTREAM] NAME TYPE refused|closed|unreachable|nosocket|tls
 *   probe UPSTREAM ok|refused
 *   tick
 *   reconfigure
 *   export / import      entries out of the core into a fresh one
 *
 * In records `@` stands for the question's name. `answer` and `fail` take the
 * oldest open exchange that fits.
 */
#ifndef NODENS_SCENARIO_ACT_H
#define NODENS_SCENARIO_ACT_H

#include "tests/scenario/config.h"

/* --- what the core asks of its driver --- */

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len);

static struct said *said_add(struct world *w, const char *client, const uint8_t *bytes, size_t len)
{
	struct said *r;

	if (w->n_said == THINGS_MAX) {
		script_fail(&w->s, "more than %d replies", THINGS_MAX);
		return NULL;
	}
	r = &w->said[w->n_said++];
	snprintf(r->client, sizeof(r->client), "%s", client);
	r->bytes = malloc(len + 1);
	memcpy(r->bytes, bytes, len);
	r->len = len;
	r->is_expected = false;
	return r;
}

/* What must hold for every reply, whatever the file says about it. */
static void reply_check(struct world *w, const struct asked *a, const uint8_t *b, size_t len)
{
	struct dns_msg q, r;

	if (dns_msg_parse(&r, b, len) < 0 || r.end != len) {
		script_fail(&w->s, "the reply to %s is not well-formed", a->name);
		return;
	}
	if (get_be16(b) != get_be16(a->bytes))
		script_fail(&w->s, "the reply to %s has another id", a->name);
	if (!(r.h.flags & DNS_QR))
		script_fail(&w->s, "the reply to %s has no QR bit", a->name);
	if (a->is_raw || dns_msg_parse(&q, a->bytes, a->len) < 0)
		return;
	if (msg_check(b, len) < 0)
		script_fail(&w->s, "ldns does not accept the reply to %s", a->name);
	if (r.h.n_qd && (r.q.name_len != q.q.name_len || r.q.qtype != q.q.qtype ||
			 memcmp(r.q.name, q.q.name, q.q.name_len) != 0))
		script_fail(&w->s, "the reply to %s does not echo its question", a->name);
	if (r.edns.present != q.edns.present)
		script_fail(&w->s, "the reply to %s: OPT %s", a->name,
			    r.edns.present ? "without one in the query" : "is missing");
	if ((r.h.flags ^ q.h.flags) & (DNS_RD | DNS_CD))
		script_fail(&w->s, "the reply to %s: RD or CD not copied", a->name);
}

static struct asked *asked_by_name(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_asked; i++)
		if (strcmp(w->asked[i].name, name) == 0)
			return &w->asked[i];
	if (w->n_asked == 64) {
		script_fail(&w->s, "more than 64 clients");
		return &w->asked[0];
	}
	snprintf(w->asked[w->n_asked].name, sizeof(w->asked[0].name), "%s", name);
	return &w->asked[w->n_asked++];
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	struct asked *a = &w->asked[c->cookie];

	reply_check(w, a, bytes, len);
	said_add(w, a->name, bytes, len);
}

static void on_ask(void *ctx, const struct core_ask *ask)
{
	struct world *w = ctx;
	struct sent *s;

	if (w->n_sent == THINGS_MAX || ask->len > sizeof(s->query)) {
		script_fail(&w->s, "too many or too long questions to upstreams");
		return;
	}
	s = &w->sent[w->n_sent++];
	*s = (struct sent){.ask = *ask};
	memcpy(s->query, ask->query, ask->len);
	s->ask.query = s->query;
}

static void on_cancel(void *ctx, uint32_t id)
{
	struct world *w = ctx;

	for (size_t i = 0; i < w->n_sent; i++)
		if (w->sent[i].ask.id == id)
			w->sent[i].is_done = true;
}

static void on_event(void *ctx, int level, const char *text)
{
	struct world *w = ctx;
	size_t n = strlen(w->events);

	snprintf(w->events + n, sizeof(w->events) - n, "%d %s\n", level, text);
}

/* The words that the daemon makes of it, but for the addresses of its sockets. */
static void on_failed(void *ctx, const struct core_failed *f)
{
	struct world *w = ctx;
	char name[NAME_MAX_TEXT], type[16], line[NAME_MAX_TEXT + 256];
	bool has_upstream = f->upstream != UINT16_MAX;

	name_to_text(f->name, name, sizeof(name));
	snprintf(line, sizeof(line), "plugin/errors: %u %s %s: %s%s%s", f->rcode, name,
		 dns_type_str(f->qtype, type), has_upstream ? w->conf.upstream[f->upstream].label : "",
		 has_upstream ? ": " : "", core_fail_text(f->why));
	on_event(w, 3, line);
}

static void core_start(struct world *w)
{
	static const struct hash_key key = {1, 2};
	struct core_ops ops = {.ctx = w,
			       .reply = on_reply,
			       .ask = on_ask,
			       .cancel = on_cancel,
			       .event = on_event,
			       .failed = on_failed};
	struct diag d = {""};

	config_complete(w);
	if (core_new(&w->core, &w->conf, &ops, w->stats, &key, 1, &d) < 0)
		script_fail(&w->s, "the core does not start: %s", d.text);
	else
		core_set_probes(w->core, &w->probes);
}

/* Time goes on; the core is called whenever it wanted to be. */
static void time_pass(struct world *w, uint64_t until_ns)
{
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t next = core_deadline(w->core);

		if (next > until_ns) {
			w->now_ns = until_ns;
			return;
		}
		if (next > w->now_ns)
			w->now_ns = next;
		core_tick(w->core, w->now_ns);
	}
	script_fail(&w->s, "the core's deadline does not move on");
}

/* --- clients --- */

static size_t hex_read(struct script *s, const char *w, uint8_t *buf, size_t cap)
{
	size_t n = 0;

	for (; w[0] && w[1] && n < cap; w += 2) {
		char pair[3] = {w[0], w[1], 0}, *end;

		buf[n++] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			break;
	}
	if (*w)
		script_fail(s, "'%s' is not hex", w);
	return n;
}

static void query_give(struct world *w, struct asked *a, struct core_client *c)
{
	static uint8_t out[DNS_MSG_MAX];
	size_t len = 0;

	c->cookie = (uint64_t)(a - w->asked);
	switch (core_query(w->core, w->now_ns, c, a->bytes, a->len, out, &len)) {
	case CORE_REPLY:
		reply_check(w, a, out, len);
		said_add(w, a->name, out, len);
		break;
	case CORE_DROP:
		said_add(w, a->name, out, 0);
		break;
	case CORE_WAIT:
		break;
	}
}

struct query_words {
	struct name name;
	uint16_t type, qclass, flags, size, pad;
	uint8_t version, cookie[64];
	size_t cookie_len;
	bool edns, do_bit, nsid;
};

#define PAD_MAX 3700u /* with the longest name still below sizeof(asked.bytes) */

static void option_put(struct wire_out *o, uint16_t code, const uint8_t *data, size_t len)
{
	wire_put_u16(o, code);
	wire_put_u16(o, (uint16_t)len);
	wire_put_bytes(o, data, len);
}

static void query_build(struct asked *a, const struct query_words *q, uint16_t id)
{
	static const uint8_t zeros[PAD_MAX];
	struct dns_header h = {.id = id, .flags = q->flags, .n_qd = 1, .n_ar = q->edns};
	struct wire_out o;

	wire_out_init(&o, a->bytes, sizeof(a->bytes));
	wire_put_header(&o, &h);
	wire_put_question(&o, q->name.b, q->type, q->qclass);
	if (q->edns) {
		size_t mark = wire_opt_begin(&o, q->size, 0, q->version, q->do_bit);

		if (q->nsid)
			option_put(&o, EDNS_NSID, NULL, 0);
		if (q->cookie_len)
			option_put(&o, EDNS_COOKIE, q->cookie, q->cookie_len);
		if (q->pad)
			option_put(&o, EDNS_PADDING, zeros, q->pad);
		wire_opt_end(&o, mark);
	}
	a->len = o.len;
	a->is_raw = false;
}

static uint16_t pad_word(struct script *s)
{
	uint64_t n = number_next(s, "octets");

	if (n <= PAD_MAX)
		return (uint16_t)n;
	script_fail(s, "a padding of more than %u octets", PAD_MAX);
	return 0;
}

static uint16_t type_word(struct script *s)
{
	const char *t = word_next(s, "a type");
	uint16_t type = 0;

	if (dns_type_from_str(t, &type) < 0)
		script_fail(s, "'%s' is not a type", t);
	return type;
}

static void client_init(struct core_client *c)
{
	memset(c, 0, sizeof(*c));
	qs_ip_from_text(&c->addr, "10.244.1.5");
	qs_ip_from_text(&c->local, "169.254.20.10");
	c->port = 40000;
}

static bool query_word(struct script *s, struct query_words *q, struct core_client *c)
{
	if (word_is(s, "do"))
		q->edns = q->do_bit = true;
	else if (word_is(s, "cd"))
		q->flags |= DNS_CD;
	else if (word_is(s, "ad"))
		q->flags |= DNS_AD;
	else if (word_is(s, "nord"))
		q->flags &= (uint16_t)~DNS_RD;
	else if (word_is(s, "opcode"))
		q->flags |= (uint16_t)(number_next(s, "opcode") << 11);
	else if (word_is(s, "tcp"))
		c->proto = CORE_TCP;
	else if (word_is(s, "class"))
		q->qclass = (uint16_t)number_next(s, "class");
	else if (word_is(s, "listener"))
		c->listener = (uint8_t)number_next(s, "listener");
	else if (word_is(s, "from"))
		qs_ip_from_text(&c->addr, word_next(s, "an address"));
	else if (word_is(s, "edns"))
		q->edns = true, q->size = (uint16_t)number_next(s, "size");
	else if (word_is(s, "version"))
		q->edns = true, q->version = (uint8_t)number_next(s, "version");
	else if (word_is(s, "pad"))
		q->edns = true, q->pad = pad_word(s);
	else if (word_is(s, "nsid"))
		q->edns = q->nsid = true;
	else if (word_is(s, "cookie"))
		q->edns = true,
		q->cookie_len = hex_read(s, word_next(s, "hex"), q->cookie, sizeof(q->cookie));
	else
		return false;
	return true;
}

static void act_ask(struct world *w)
{
	struct script *s = &w->s;
	struct asked *a = asked_by_name(w, word_next(s, "a client"));
	struct query_words q = {.qclass = DNS_IN, .flags = DNS_RD, .size = 1232};
	static uint16_t id = 1000;
	struct core_client c;

	client_init(&c);
	q.name = name_word(s, "a name");
	q.type = type_word(s);
	while (word_left(s)) {
		if (!query_word(s, &q, &c)) {
			script_fail(s, "unknown word '%s' for a query", s->word[s->at]);
			return;
		}
	}
	query_build(a, &q, ++id);
	query_give(w, a, &c);
}

static void act_flood(struct world *w)
{
	struct script *s = &w->s;
	uint64_t n = number_next(s, "how many");
	const char *pattern = word_next(s, "a name"), *percent = strchr(pattern, '%');
	struct query_words q = {.qclass = DNS_IN, .flags = DNS_RD};
	struct core_client c;
	uint16_t rcode = 0;
	char text[256];

	client_init(&c);
	q.type = type_word(s);
	dns_rcode_from_str(word_next(s, "an rcode"), &rcode);
	for (uint64_t i = 0; i < n && percent && !s->failed; i++) {
		struct asked *a = asked_by_name(w, "flood");
		size_t before = w->n_said;

		snprintf(text, sizeof(text), "%.*s%lu%s", (int)(percent - pattern), pattern,
			 (unsigned long)i, percent + 1);
		name_from_text(&q.name, text);
		query_build(a, &q, (uint16_t)i);
		query_give(w, a, &c);
		if (w->n_said == before || (w->said[before].bytes[3] & 15) != rcode) {
			script_fail(s, "%s was not answered at once as it should", text);
			return;
		}
		free(w->said[before].bytes);
		w->n_said = before;
	}
}

static void act_raw(struct world *w)
{
	struct script *s = &w->s;
	struct asked *a = asked_by_name(w, word_next(s, "a client"));
	struct core_client c;

	client_init(&c);
	a->is_raw = true;
	a->len = 0;
	while (word_left(s)) {
		if (word_is(s, "tcp"))
			c.proto = CORE_TCP;
		else
			a->len += hex_read(s, word_next(s, "hex"), a->bytes + a->len,
					   sizeof(a->bytes) - a->len);
	}
	query_give(w, a, &c);
}

/* --- upstreams --- */

/* Oldest exchange with this question: one still open, or one that no line has
 * expected yet. upstream -1: any. */
static struct sent *sent_find(struct world *w, int upstream, const struct name *name, uint16_t type,
			      bool is_open)
{
	for (size_t i = 0; i < w->n_sent; i++) {
		struct sent *s = &w->sent[i];
		struct dns_msg m;

		if ((is_open ? s->is_done : s->is_expected) ||
		    (upstream >= 0 && s->ask.upstream != upstream))
			continue;
		if (dns_msg_parse(&m, s->query, s->ask.len) < 0) {
			script_fail(&w->s, "the core sent a malformed question");
			return NULL;
		}
		if (m.q.qtype == type && name_eq(m.q.name, name->b))
			return s;
	}
	return NULL;
}

static int upstream_word(struct world *w)
{
	int u = word_left(&w->s) ? upstream_by_name(w, w->s.word[w->s.at]) : -1;

	if (u >= 0)
		w->s.at++;
	return u;
}

static void rr_put(struct world *w, struct wire_out *o, const char *text, const char *qname)
{
	static uint8_t rdata[65535];
	struct name owner;
	uint16_t type;
	uint32_t ttl_s;
	size_t len;
	char full[9000];
	struct diag d = {""};

	snprintf(full, sizeof(full), "%s%s", *text == '@' ? qname : "", *text == '@' ? text + 1 : text);
	if (msg_rr_from_text(full, 30, &owner, &type, &ttl_s, rdata, sizeof(rdata), &len, &d) < 0) {
		script_fail(&w->s, "not a record: '%s' %s", full, d.text);
		return;
	}
	/* Uncompressed: the core's replies must be compressed all the same. */
	wire_put_name_plain(o, owner.b);
	wire_put_u16(o, type);
	wire_put_u16(o, DNS_IN);
	wire_put_u32(o, ttl_s);
	wire_put_u16(o, (uint16_t)len);
	wire_put_bytes(o, rdata, len);
}

/* Owner of the SOA: the zone of ours that holds the name. */
static void soa_put(struct world *w, struct wire_out *o, const struct name *qname)
{
	uint64_t ttl = number_next(&w->s, "the SOA's TTL"), minimum = number_next(&w->s, "its MINIMUM");
	const uint8_t *zone = (const uint8_t *)"";
	char text[NAME_MAX_TEXT], rr[4 * NAME_MAX_TEXT];

	for (size_t i = 0; i < w->conf.n_zones; i++)
		if (name_within(qname->b, w->zone[i].origin.b) &&
		    name_len(w->zone[i].origin.b) > name_len(zone))
			zone = w->zone[i].origin.b;
	name_to_text(zone, text, sizeof(text));
	snprintf(rr, sizeof(rr), "%s %lu SOA ns.dns.%s hostmaster.%s 1 7200 1800 86400 %lu", text,
		 (unsigned long)ttl, *zone ? text : "invalid.", *zone ? text : "invalid.",
		 (unsigned long)minimum);
	rr_put(w, o, rr, "");
}

struct answer_words {
	uint16_t flags, rcode, n_an, n_ns, n_ar;
	int ede;
	uint8_t cookie[64];
	size_t cookie_len;
	bool noedns, noquestion, twice;
};

static bool answer_flag(struct script *s, struct answer_words *a)
{
	if (word_is(s, "tc"))
		a->flags |= DNS_TC;
	else if (word_is(s, "ad"))
		a->flags |= DNS_AD;
	else if (word_is(s, "aa"))
		a->flags |= DNS_AA;
	else if (word_is(s, "noqr"))
		a->flags &= (uint16_t)~DNS_QR;
	else if (word_is(s, "noedns"))
		a->noedns = true;
	else if (word_is(s, "twice"))
		a->twice = true;
	else if (word_is(s, "ede"))
		a->ede = (int)number_next(s, "a code");
	else if (word_is(s, "cookie"))
		a->cookie_len = hex_read(s, word_next(s, "hex"), a->cookie, sizeof(a->cookie));
	else
		return false;
	return true;
}

static void answer_records(struct world *w, struct wire_out *o, struct answer_words *a,
			   const struct name *name)
{
	struct script *s = &w->s;
	char text[NAME_MAX_TEXT], many[64];

	name_to_text(name->b, text, sizeof(text));
	while (word_left(s) && !s->failed) {
		if (answer_flag(s, a))
			continue;
		if (word_is(s, "soa")) {
			soa_put(w, o, name);
			a->n_ns++;
		} else if (word_is(s, "auth")) {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_ns++;
		} else if (word_is(s, "add")) {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_ar++;
		} else if (word_is(s, "many")) {
			for (uint64_t i = number_next(s, "how many"); i > 0; i--, a->n_an++) {
				snprintf(many, sizeof(many), "@ 30 A 10.9.%u.%u", (unsigned)(i >> 8),
					 (unsigned)(i & 255));
				rr_put(w, o, many, text);
			}
		} else {
			rr_put(w, o, word_next(s, "a record"), text);
			a->n_an++;
		}
	}
}

static void opt_end(struct wire_out *o, struct answer_words *a, const struct dns_msg *query)
{
	uint16_t len;
	const uint8_t *sent = dns_edns_option(&query->edns, EDNS_COOKIE, &len);
	size_t mark;

	if (a->noedns || !query->edns.present)
		return;
	mark = wire_opt_begin(o, 1232, (uint8_t)(a->rcode >> 4), 0, query->edns.do_bit);
	if (a->ede >= 0) {
		wire_put_u16(o, EDNS_EDE);
		wire_put_u16(o, 2);
		wire_put_u16(o, (uint16_t)a->ede);
	}
	if (a->cookie_len && sent) { /* our client part, then what the file says */
		wire_put_u16(o, EDNS_COOKIE);
		wire_put_u16(o, (uint16_t)(8 + a->cookie_len));
		wire_put_bytes(o, sent, 8);
		wire_put_bytes(o, a->cookie, a->cookie_len);
	}
	wire_opt_end(o, mark);
	a->n_ar++;
}

static void act_answer(struct world *w)
{
	static uint8_t buf[DNS_MSG_MAX];
	struct script *s = &w->s;
	struct answer_words a = {.flags = DNS_QR | DNS_RD | DNS_RA, .ede = -1};
	int u = upstream_word(w);
	struct name name = name_word(s, "a name"), said;
	uint16_t type = type_word(s);
	struct sent *sent = sent_find(w, u, &name, type, true);
	const char *rcode = word_next(s, "an rcode");
	struct dns_msg query;
	struct wire_out o;

	if (dns_rcode_from_str(rcode, &a.rcode) < 0)
		script_fail(s, "'%s' is not an rcode", rcode);
	if (!sent) {
		script_fail(s, "nothing open to be answered");
		return;
	}
	said = name;
	if (word_is(s, "wrong"))
		said = name_word(s, "a name");
	a.noquestion = word_is(s, "noquestion");
	dns_msg_parse(&query, sent->query, sent->ask.len);
	wire_out_init(&o, buf, sizeof(buf));
	wire_put_header(&o, &(struct dns_header){0});
	if (!a.noquestion)
		wire_put_question(&o, said.b, type, query.q.qclass);
	answer_records(w, &o, &a, &name);
	opt_end(&o, &a, &query);
	memcpy(buf, sent->query, 2);
	set_be16(buf + 2, (uint16_t)(a.flags | (a.rcode & 15)));
	set_be16(buf + 4, !a.noquestion);
	set_be16(buf + 6, a.n_an);
	set_be16(buf + 8, a.n_ns);
	set_be16(buf + 10, a.n_ar);
	sent->is_expected = true;
	if (core_answer(w->core, w->now_ns, sent->ask.id, buf, o.len))
		sent->is_done = true;
	if (a.twice)
		core_answer(w->core, w->now_ns, sent->ask.id, buf, o.len);
}

static enum core_fail_why why_word(struct script *s)
{
	static const char *const why[] = {
		[CORE_FAIL_REFUSED] = "refused",	 [CORE_FAIL_CLOSED] = "closed",
		[CORE_FAIL_UNREACHABLE] = "unreachable", [CORE_FAIL_BADREPLY] = "badreply",
		[CORE_FAIL_NOSOCKET] = "nosocket",	 [CORE_FAIL_TLS] = "tls",
	};
	const char *w = word_next(s, "why");

	for (unsigned i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		if (strcmp(w, why[i]) == 0)
			return (enum core_fail_why)i;
	script_fail(s, "'%s' is no kind of failure", w);
	return CORE_FAIL_REFUSED;
}

static void act_fail(struct world *w)
{
	int u = upstream_word(w);
	struct name name = name_word(&w->s, "a name");
	uint16_t type = type_word(&w->s);
	struct sent *sent = sent_find(w, u, &name, type, true);
	enum core_fail_why why = why_word(&w->s);

	if (!sent) {
		script_fail(&w->s, "nothing open to fail");
		return;
	}
	sent->is_expected = sent->is_done = true;
	core_fail(w->core, w->now_ns, sent->ask.id, why);
}

static void act_reconfigure(struct world *w)
{
	struct diag d = {""};

	config_complete(w);
	if (core_reconfigure(w->core, &w->conf, w->now_ns, &d) < 0)
		script_fail(&w->s, "reconfigure: %s", d.text);
}

/* The cache goes on in a new core, as at a hand-over. */
static void act_handover(struct world *w)
{
	struct core *old = w->core;
	struct core_entry e;
	size_t cursor = 0;

	core_start(w);
	while (!w->s.failed && core_entry_next(old, &cursor, &e))
		if (core_entry_put(w->core, w->now_ns, &e) < 0)
			script_fail(&w->s, "an entry was not taken over");
	core_free(old);
}

static void act_line(struct world *w)
{
	struct script *s = &w->s;

	if (!word_left(s))
		return;
	if (word_is(s, "ask"))
		act_ask(w);
	else if (word_is(s, "flood"))
		act_flood(w);
	else if (word_is(s, "raw"))
		act_raw(w);
	else if (word_is(s, "answer"))
		act_answer(w);
	else if (word_is(s, "fail"))
		act_fail(w);
	else if (word_is(s, "reconfigure"))
		act_reconfigure(w);
	else if (word_is(s, "handover"))
		act_handover(w);
	else if (!word_is(s, "tick"))
		script_fail(s, "'%s' is nothing that can happen", s->word[s->at]);
}

#endif
