/* SPDX-License-Identifier: Apache-2.0 */
/* Learning a client's search list from its walks, and walking it ahead of the client. */
#include "resolver/core/autopath.h"

#include <stdlib.h>
#include <string.h>

#include "resolver/core/core_int.h"

#define LIST_LIFE_NS (600 * NS_PER_S) /* then the client must walk once again */

static const uint8_t svc_label[] = "\3svc";

/* --- clients --- */

static struct path_client *client_find(const struct core *c, const struct in6_addr *addr)
{
	uint64_t h = hash_sip13(&c->key, addr, sizeof(*addr));

	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct path_client *p = &c->path[(h + i) % PATH_CLIENTS];

		if (p->in_use && memcmp(&p->addr, addr, sizeof(*addr)) == 0)
			return p;
	}
	return NULL;
}

/* Who has not begun a walk for longest gives way; a place that nobody had is oldest. */
static struct path_client *client_take(struct core *c, const struct in6_addr *addr, uint64_t now_ns)
{
	uint64_t h = hash_sip13(&c->key, addr, sizeof(*addr));
	struct path_client *p = client_find(c, addr);

	if (!p) {
		p = &c->path[h % PATH_CLIENTS];
		for (unsigned i = 1; i < PATH_WAYS; i++) {
			struct path_client *other = &c->path[(h + i) % PATH_CLIENTS];

			if (other->begun_ns < p->begun_ns)
				p = other;
		}
		*p = (struct path_client){.addr = *addr, .in_use = true};
	}
	p->begun_ns = now_ns;
	return p;
}

/* The same cluster zone, with its listeners, in another configuration, or ZONE_NONE. */
static uint16_t zone_in(const struct config *to, const struct core_zone *z)
{
	for (size_t i = 0; i < to->n_zones; i++)
		if (to->zone[i].z.autopath && to->zone[i].z.listeners == z->listeners &&
		    name_eq(to->zone[i].z.origin.b, z->origin.b))
			return (uint16_t)i;
	return ZONE_NONE;
}

/* Lists stay known where the zone is that they were learnt for. */
void path_move(struct core *c, const struct config *to)
{
	uint16_t moved[CORE_ZONES_MAX];

	for (size_t i = 0; i < c->conf->n_zones; i++)
		moved[i] = zone_in(to, &c->conf->zone[i].z);
	for (size_t i = 0; c->path && i < PATH_CLIENTS; i++) {
		struct path_client *p = &c->path[i];

		if (p->learnt_ns)
			p->zone = moved[p->zone];
		if (p->zone == ZONE_NONE)
			p->learnt_ns = 0;
	}
	if (!to->has_autopath) {
		free(c->path);
		c->path = NULL;
	}
}

/* --- names --- */

static bool name_eq_label(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, 1u + *a) == 0;
}

/* Length of P in a name P.<ns>.svc.<origin>, and where <ns> is; 0: not that form. */
static unsigned first_step(const struct query *q, const uint8_t *origin, unsigned *ret_ns)
{
	unsigned origin_labels = name_labels(origin), below;

	if (q->n_labels < origin_labels + 3 || !name_within(q->name, origin))
		return 0;
	below = q->n_labels - origin_labels;
	if (memcmp(q->name + q->label_at[below - 1], svc_label, 4) != 0)
		return 0;
	*ret_ns = q->label_at[below - 2];
	return *ret_ns;
}

/* Is the query's name, which begins with base, base + label "svc" (if given) + tail? */
static bool is_joined(const struct query *q, const struct name *base, bool svc, const uint8_t *tail)
{
	unsigned off = base->len;

	if (svc) {
		if (q->name_len < off + 4 || memcmp(q->name + off, svc_label, 4) != 0)
			return false;
		off += 4;
	}
	return q->name_len - off == name_len(tail) && name_eq(q->name + off, tail);
}

/* Step `step` of a list, from 2 on: 1 is <ns>.svc.D. False: no such step, or too long. */
static bool step_name(const struct path_list *list, const uint8_t *base, unsigned base_len,
		      const uint8_t *origin, unsigned step, struct name *ret)
{
	const uint8_t *tail = origin;
	unsigned len = base_len;

	if (step > 4u + list->n_extra)
		return false;
	memcpy(ret->b, base, base_len);
	if (step == 2) { /* there is room for it: more stood behind this base */
		memcpy(ret->b + len, svc_label, 4);
		len += 4;
	} else if (step > 3) {
		tail = step - 4 < list->n_extra ? list->extra[step - 4] : (const uint8_t *)"";
	}
	if (len + name_len(tail) > NAME_MAX_WIRE)
		return false;
	memcpy(ret->b + len, tail, name_len(tail));
	ret->len = (uint8_t)(len + name_len(tail));
	return true;
}

/* --- learning --- */

static void walk_begin(struct path_client *p, const struct query *q, unsigned base_len, unsigned ns)
{
	struct path_walk *w = &p->walk[0];

	for (unsigned i = 1; i < PATH_WALKS; i++)
		if (p->walk[i].turn < w->turn)
			w = &p->walk[i];
	memset(w, 0, sizeof(*w));
	w->base.len = (uint8_t)base_len;
	memcpy(w->base.b, q->name, base_len);
	memcpy(w->list.ns, q->name + ns, 1u + q->name[ns]);
	w->step = 1;
	w->turn = ++p->turn;
}

static void walk_end(struct path_client *p, struct path_walk *w, uint16_t zone, uint64_t now_ns)
{
	p->list = w->list;
	p->zone = zone;
	p->learnt_ns = now_ns ? now_ns : 1;
	SPOIL(w, sizeof(*w));
	w->base.len = 0;
	w->turn = 0;
}

/* The next step of this walk? True when the name belongs to it. */
static bool walk_step(struct path_client *p, struct path_walk *w, const struct query *q,
		      const uint8_t *origin, uint16_t zone, uint64_t now_ns)
{
	const uint8_t *rest;

	if (!w->base.len || q->name_len <= w->base.len ||
	    memcmp(q->name, w->base.b, w->base.len) != 0)
		return false;
	rest = q->name + w->base.len;
	if (w->step == 1 && is_joined(q, &w->base, true, origin)) {
		w->step = 2;
	} else if (w->step == 2 && is_joined(q, &w->base, false, origin)) {
		w->step = 3;
	} else if (w->step >= 3 && *rest == 0) {
		walk_end(p, w, zone, now_ns);
	} else if (w->step >= 3 && w->list.n_extra && name_eq(rest, w->list.extra[w->list.n_extra - 1])) {
		return true; /* the other type of the same step */
	} else if (w->step >= 3 && !name_within(rest, origin) &&
		   w->list.n_extra < PATH_EXTRA_MAX && name_len(rest) <= PATH_EXTRA_LEN) {
		memcpy(w->list.extra[w->list.n_extra++], rest, name_len(rest));
	} else {
		return (w->step == 2 && is_joined(q, &w->base, true, origin)) ||
		       (w->step == 3 && is_joined(q, &w->base, false, origin));
	}
	return true;
}

/* The cluster zone with autopath at this listener, or ZONE_NONE. */
static uint16_t path_zone(const struct core *c, unsigned listener)
{
	for (size_t i = 0; i < c->conf->n_routes[listener]; i++) {
		uint16_t zone = c->conf->route[listener][i].zone;

		if (c->conf->zone[zone].z.autopath && c->conf->zone[zone].z.is_cluster)
			return zone;
	}
	return ZONE_NONE;
}

void path_observe(struct core *c, const struct visit *v)
{
	const struct query *q = v->q;
	uint16_t zone = path_zone(c, v->client->listener);
	const uint8_t *origin;
	struct path_client *p;
	unsigned ns = 0, base_len;

	if (zone == ZONE_NONE || (q->qtype != DNS_A && q->qtype != DNS_AAAA))
		return;
	origin = c->conf->zone[zone].z.origin.b;
	base_len = first_step(q, origin, &ns);
	p = base_len ? client_take(c, &v->client->addr, v->now_ns) : client_find(c, &v->client->addr);
	if (!p)
		return;
	for (unsigned i = 0; i < PATH_WALKS; i++)
		if (walk_step(p, &p->walk[i], q, origin, zone, v->now_ns))
			return;
	if (!base_len)
		return;
	for (unsigned i = 0; i < PATH_WALKS; i++) /* begun already, by the other type */
		if (p->walk[i].base.len == base_len &&
		    memcmp(p->walk[i].base.b, q->name, base_len) == 0 && p->walk[i].step == 1)
			return;
	walk_begin(p, q, base_len, ns);
}

ONLY_CHECKS void path_check(const struct core *c)
{
	for (unsigned i = 0; c->path && i < PATH_CLIENTS; i++) {
		const struct path_client *p = &c->path[i];

		if (!p->in_use)
			continue;
		assert(client_find(c, &p->addr) == p);
		assert(!p->learnt_ns || (p->zone < c->conf->n_zones && p->list.n_extra <= PATH_EXTRA_MAX));
		for (unsigned k = 0; k < PATH_WALKS; k++) {
			const struct path_walk *w = &p->walk[k];

			assert(w->turn <= p->turn && (w->base.len != 0) == (w->turn != 0));
			assert(!w->turn || (w->step >= 1 && w->step <= 3 && w->list.n_extra <= PATH_EXTRA_MAX));
			assert(!w->turn || w->step == 3 || !w->list.n_extra);
		}
	}
}

/* --- answering --- */

/* The list that says where this name's walk goes on; NULL: none. */
static const struct path_list *list_for(const struct core *c, const struct visit *v,
					unsigned *ret_base_len)
{
	const struct path_client *p = client_find(c, &v->client->addr);
	unsigned ns = 0;

	if (!p || !p->learnt_ns || v->now_ns - p->learnt_ns > LIST_LIFE_NS ||
	    p->zone != v->zone_index)
		return NULL;
	*ret_base_len = first_step(v->q, v->zone->z.origin.b, &ns);
	if (!*ret_base_len || !name_eq_label(v->q->name + ns, p->list.ns))
		return NULL;
	return &p->list;
}

/* The walk found nothing: the denial of the name asked, as it would have been. */
static size_t path_deny(struct core *c, const struct visit *v)
{
	struct visit plain = *v;
	struct cache_key k;
	struct entry *e;
	size_t len = 0;

	plain.is_path = true;
	key_of_query(c, v->q, v->zone, &k);
	e = entry_fresh(cache_find(&c->cache, &k), v->now_ns);
	if (e)
		return serve_entry(c, &plain, e, false);
	if (shield_serve(c, &plain, &k, &len))
		return len;
	return serve_rcode(c, &plain, DNS_NXDOMAIN, -1);
}

static size_t path_found(struct core *c, const struct visit *v, const struct name *target,
			 const struct answer *a, uint32_t age_s, bool is_stale)
{
	struct answer_question q = {v->q->name, v->q->qtype, v->q->qclass};
	struct reply_age age = {age_s, REPLY_KEEP_TTL};
	struct visit plain = *v;
	struct answer alias;
	uint8_t ede[2];

	plain.is_path = true;
	if (answer_alias(&alias, c->synth, a, &q, target->b) < 0 ||
	    (c->conf->has_arrive && targets_refused(c, v, &alias)))
		return path_deny(c, v);
	c->stats->autopath_answers++;
	if (is_stale) {
		plain.from = CORE_FROM_STALE;
		age.fixed_s = v->zone->z.cache.stale_ttl_s;
	}
	set_be16(ede, is_stale ? EDE_STALE : EDE_SYNTHESIZED);
	return serve_answer(c, &plain, &alias, age, ede, sizeof(ede));
}

enum step_state { STEP_ABSENT, STEP_FOUND, STEP_PARKED, STEP_UNCLEAR };

/* What is known of one step's name, or the client parked until it is. */
static enum step_state step_look(struct core *c, const struct visit *v, const struct name *name,
				 unsigned step, struct entry **ret)
{
	const struct config_zone *z;
	struct entry *found = NULL;
	struct cache_key k;
	struct query q;
	uint16_t zone;
	struct entry *e;

	query_from_name(&q, name->b, v->q->qtype);
	q.key_flags = v->q->key_flags;
	zone = config_route(c->conf, v->client->listener, &q);
	if (zone == ZONE_NONE)
		return STEP_UNCLEAR;
	z = &c->conf->zone[zone];
	key_of_query(c, &q, z, &k);
	if (z->z.cache.enabled)
		found = cache_find(&c->cache, &k);
	e = entry_fresh(found, v->now_ns);
	if (e) {
		cache_touch(e, v->now_ns);
		*ret = e;
		return e->kind == ANSWER_NXDOMAIN ? STEP_ABSENT : STEP_FOUND;
	}
	if (shield_denies(c, zone, v->client->listener, &k, v->now_ns))
		return STEP_ABSENT;
	return park_for(c, v, &k, zone, WAITS_PATH, step) ? STEP_PARKED : STEP_UNCLEAR;
}

/* From `step` on along the list. */
static size_t path_walk(struct core *c, const struct visit *v, const struct path_list *list,
			unsigned base_len, unsigned step)
{
	const uint8_t *origin = v->zone->z.origin.b;
	struct name name;

	for (; step <= 4u + list->n_extra; step++) {
		struct entry *e = NULL;
		struct answer a;

		if (!step_name(list, v->q->name, base_len, origin, step, &name))
			break;
		switch (step_look(c, v, &name, step, &e)) {
		case STEP_ABSENT:
			continue;
		case STEP_FOUND:
			cache_answer(e, &a);
			return path_found(c, v, &name, &a,
					  (uint32_t)((v->now_ns - e->stored_ns) / NS_PER_S), false);
		case STEP_PARKED:
			return 0;
		case STEP_UNCLEAR:
			return path_deny(c, v);
		}
	}
	return path_deny(c, v);
}

/* Does the other address type say that the name exists, whatever is denied of this one? */
static bool has_other_type(const struct core *c, const struct visit *v)
{
	const struct entry *e;
	struct cache_key k;

	key_of_query(c, v->q, v->zone, &k);
	k.qtype = k.qtype == DNS_A ? DNS_AAAA : DNS_A;
	e = cache_find(&c->cache, &k);
	return e && e->kind == ANSWER_POSITIVE;
}

bool path_begin(struct core *c, const struct visit *v, size_t *ret_len)
{
	const struct path_list *list;
	unsigned base_len;

	/* Who wants proofs (DO) gets what the zone says. */
	if (!c->path || v->is_path || (v->q->qtype != DNS_A && v->q->qtype != DNS_AAAA) ||
	    v->q->qclass != DNS_IN || v->q->key_flags & QUERY_DO)
		return false;
	list = list_for(c, v, &base_len);
	if (!list || has_other_type(c, v))
		return false;
	*ret_len = path_walk(c, v, list, base_len, 2);
	return true;
}

size_t path_resume(struct core *c, const struct visit *v, unsigned step, const struct answer *a)
{
	const struct path_list *list;
	unsigned base_len = 0;
	struct name name;

	list = c->path ? list_for(c, v, &base_len) : NULL;
	if (!list || !a || a->kind == ANSWER_FAILURE ||
	    !step_name(list, v->q->name, base_len, v->zone->z.origin.b, step, &name))
		return path_deny(c, v);
	if (a->kind == ANSWER_NXDOMAIN)
		return path_walk(c, v, list, base_len, step + 1);
	return path_found(c, v, &name, a, 0, v->is_stale);
}
