/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies out of two answers (dns64: AAAA, then A). While the second is asked for
 * nobody keeps the first: it is in the cache; or it had no records, and is made again;
 * or it is asked for once more, when the second turns out to change nothing.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

static const struct plugin_step *merger_of(const struct visit *v)
{
	for (size_t i = 0; i < v->zone->z.n_steps; i++)
		if (v->zone->z.step[i]->ops->reask && v->zone->z.step[i]->ops->merge)
			return v->zone->z.step[i];
	return NULL;
}

/* What was waited for is an old answer. */
static size_t seal_stale(struct core *c, const struct visit *v, uint8_t *msg, size_t len)
{
	struct visit old = *v;
	uint8_t ede[2];

	old.from = CORE_FROM_STALE;
	set_be16(ede, EDE_STALE);
	return seal(c, &old, msg, len, ede, sizeof(ede));
}

/* 0: the second half changes nothing. */
static size_t merge_seal(struct core *c, const struct visit *v, size_t first_len,
			 const struct answer *second, uint32_t age_s)
{
	const struct plugin_step *s = merger_of(v);
	struct plugin_query p;
	size_t len;

	if (v->zone->hooks & HOOK_TARGETS && targets_refused(c, v, second))
		return 0;
	plugin_query_fill(&p, v);
	memcpy(c->second, second->msg, second->len);
	for (unsigned i = 0; i < second->n_ttl && (age_s || v->is_stale); i++) {
		uint8_t *ttl = c->second + second->ttl_at[i];

		if (v->is_stale)
			set_be32(ttl, v->zone->z.cache.stale_ttl_s);
		else
			set_be32(ttl, get_be32(ttl) > age_s ? get_be32(ttl) - age_s : 0);
	}
	len = s->ops->merge(s, &p, c->hook, first_len, c->second, second->len, c->merged,
			    DNS_MSG_MAX);
	if (!len)
		return 0;
	p.event[p.n_events++] = (struct plugin_event){.what = s->ops->merge_event};
	plugin_events_count(c, v->client->listener, &p);
	return v->is_stale ? seal_stale(c, v, c->merged, len) : seal(c, v, c->merged, len, NULL, 0);
}

/* What a waiter for a second half remembers of the first. */
#define STEP_RCODE   15
#define STEP_RECORDS 16 /* it had some */

static unsigned step_of(const uint8_t *first)
{
	return DNS_RCODE(get_be16(first + 2)) | (get_be16(first + 6) ? STEP_RECORDS : 0);
}

size_t halves_begin(struct core *c, const struct visit *v, size_t first_len, const uint8_t *ede,
		    size_t ede_len)
{
	const struct plugin_step *s = merger_of(v);
	struct plugin_query p;
	struct cache_key k;
	struct answer second;
	struct entry *e;
	size_t len;

	plugin_query_fill(&p, v);
	key_of_query(c, v->q, v->zone, &k);
	k.qtype = s->ops->reask(s, &p, c->hook, first_len);
	if (!k.qtype || second_refused(c, v, k.qtype))
		return seal(c, v, c->hook, first_len, ede, ede_len);
	e = v->zone->z.cache.enabled ? entry_fresh(cache_find(&c->cache, &k), v->now_ns) : NULL;
	if (!e) {
		if (park_for(c, v, &k, v->zone_index, WAITS_SECOND, step_of(c->hook)))
			return 0;
		return seal(c, v, c->hook, first_len, ede, ede_len);
	}
	cache_touch(e, v->now_ns);
	cache_answer(e, &second);
	len = merge_seal(c, v, first_len, &second, (uint32_t)((v->now_ns - e->stored_ns) / NS_PER_S));
	return len ? len : seal(c, v, c->hook, first_len, ede, ede_len);
}

size_t serve_second(struct core *c, const struct visit *v, unsigned step,
		    const struct answer *second)
{
	uint8_t empty[ANSWER_EMPTY_MAX];
	struct reply_age age = {0, REPLY_KEEP_TTL};
	struct cache_key k;
	struct answer first;
	struct entry *e;
	size_t len = 0;

	/* The first half was in the cache a moment ago, or was not to be stored. */
	key_of_query(c, v->q, v->zone, &k);
	e = v->zone->z.cache.enabled ? entry_fresh(cache_find(&c->cache, &k), v->now_ns) : NULL;
	if (e) {
		cache_answer(e, &first);
		age.age_s = (uint32_t)((v->now_ns - e->stored_ns) / NS_PER_S);
	} else {
		struct answer_question q = {v->q->name, v->q->qtype, v->q->qclass};

		answer_empty(&first, empty, &q, step & STEP_RCODE);
	}
	if (v->zone->hooks & HOOK_TARGETS && targets_refuse(c, v, &first, &len))
		return len;
	reply_body(v->q, &first, age, c->hook);
	if (second && second->kind != ANSWER_FAILURE && second->kind != ANSWER_NXDOMAIN)
		len = merge_seal(c, v, first.len, second, 0);
	if (len)
		return len;
	if (e || !(step & STEP_RECORDS))
		return seal(c, v, c->hook, first.len, first.ede, first.ede_len);
	if (park_for(c, v, &k, v->zone_index, WAITS_FIRST, 0))
		return 0;
	return serve_rcode(c, v, DNS_SERVFAIL, -1);
}

size_t serve_first(struct core *c, const struct visit *v, const struct answer *first)
{
	struct reply_age age = {0, v->is_stale ? v->zone->z.cache.stale_ttl_s : REPLY_KEEP_TTL};
	size_t len;

	if (!first)
		return serve_rcode(c, v, DNS_SERVFAIL, -1);
	if (v->zone->hooks & HOOK_TARGETS && targets_refuse(c, v, first, &len))
		return len;
	reply_body(v->q, first, age, c->hook);
	if (v->is_stale)
		return seal_stale(c, v, c->hook, first->len);
	return seal(c, v, c->hook, first->len, first->ede, first->ede_len);
}
