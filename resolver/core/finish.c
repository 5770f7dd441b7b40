/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a question: its answer is stored, everybody who waits gets a reply
 * made from it, and questions that followed it are answered with it or asked.
 */
#include "resolver/core/core_int.h"

#include <string.h>

/* One parked client, its query read again. */
static void visit_of(struct core *c, const struct waiter *w, struct query *query,
		     struct visit *v, uint64_t now_ns)
{
	query_parse(query, w->query, w->query_len); /* it was accepted once */
	*v = (struct visit){.client = &w->client,
			    .q = query,
			    .zone = &c->conf->zone[w->zone],
			    .zone_index = w->zone,
			    .upstream = UPSTREAM_NONE,
			    .from = CORE_FROM_UPSTREAM,
			    .start_ns = w->start_ns,
			    .now_ns = now_ns,
			    .out = c->reply,
			    .cap = w->client.proto == CORE_UDP ? CORE_UDP_MAX : DNS_MSG_MAX};
}

static void waiter_send(struct core *c, uint32_t wi, size_t len)
{
	struct waiter *w = &c->tab.waiter[wi];

	if (len) /* otherwise it went on to wait for a second half */
		c->ops.reply(c->ops.ctx, &w->client, c->reply, len);
	waiter_free(&c->tab, wi);
}

/* Who waited for another question than its own. */
static size_t serve_other(struct core *c, const struct visit *v, const struct waiter *w,
			  const struct answer *a)
{
	return w->waits == WAITS_PATH ? path_resume(c, v, w->step, a) : serve_second(c, v, a);
}

void waiters_serve_entry(struct core *c, struct question *q, struct entry *e, uint64_t now_ns)
{
	struct query query;
	struct visit v;
	uint32_t wi;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		v.from = CORE_FROM_STALE;
		if (w->waits == WAITS_ANSWER) {
			len = serve_entry(c, &v, e, true);
		} else {
			struct answer a;

			cache_answer(e, &a);
			len = serve_other(c, &v, w, &a);
		}
		waiter_send(c, wi, len);
	}
}

static void waiters_serve(struct core *c, struct question *q, const struct answer *a,
			  uint16_t upstream, uint64_t now_ns)
{
	struct reply_age age = {0, REPLY_KEEP_TTL};
	uint32_t wi;
	struct query query;
	struct visit v;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		v.upstream = upstream;
		len = w->waits == WAITS_ANSWER ? serve_answer(c, &v, a, age, NULL, 0) :
						 serve_other(c, &v, w, a);
		waiter_send(c, wi, len);
	}
}

static bool name_in_any(const uint8_t *name, const struct name *zone, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name_within(name, zone[i].b))
			return true;
	return false;
}

/* What the Corefile says about storing this answer. */
static bool may_store(const struct core_cache_conf *cc, const struct question *q, bool positive)
{
	if (!cc->enabled || (positive ? cc->pos_disabled : cc->neg_disabled))
		return false;
	if (cc->n_only && !name_in_any(q->name, cc->only, cc->n_only))
		return false;
	return positive ? !name_in_any(q->name, cc->no_pos, cc->n_no_pos)
			: !name_in_any(q->name, cc->no_neg, cc->n_no_neg);
}

/* The same from the denial of an ancestor. */
static void waiters_deny(struct core *c, struct question *q, const struct answer *cut,
			 uint32_t age_s, bool is_stale, uint16_t upstream, uint64_t now_ns)
{
	struct query query;
	struct visit v;
	uint32_t wi;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		v.upstream = upstream;
		v.from = is_stale ? CORE_FROM_STALE : CORE_FROM_SHIELD;
		len = w->waits == WAITS_ANSWER ? serve_synthesized(c, &v, cut, age_s, is_stale) :
						 serve_other(c, &v, w, cut);
		waiter_send(c, wi, len);
	}
}

void waiters_deny_stale(struct core *c, struct question *q, struct entry *e, uint64_t now_ns)
{
	struct answer cut;

	cache_touch(e, now_ns);
	cache_answer(e, &cut);
	waiters_deny(c, q, &cut, 0, true, UPSTREAM_NONE, now_ns);
}

static void answer_store(struct core *c, const struct question *q, const struct answer *a,
			 uint64_t now_ns)
{
	const struct core_cache_conf *cc = &c->conf->zone[q->zone].z.cache;
	struct stats_server *row = stats_server_of(c->stats, q->listener, q->zone);
	uint64_t evicted[CACHE_REGIONS];
	struct cache_key k;

	question_key(q, &k);
	failures_clear(&c->failures, key_mark(&k));
	/* Not kept, yet it says that what was known before is not so any more. No data
	 * and no SOA says nothing. */
	if (a->ttl_s == 0 && a->kind != ANSWER_DENIAL)
		cache_forget(&c->cache, &k);
	if (a->ttl_s == 0 || !may_store(cc, q, a->kind == ANSWER_POSITIVE))
		return;
	k.block = (uint8_t)row->block;
	memcpy(evicted, c->cache.counts.evicted_by, sizeof(evicted));
	if (!cache_put(&c->cache, &k, a, now_ns))
		c->stats->cache_full++;
	row->cache_evict_success += c->cache.counts.evicted_by[CACHE_POSITIVE] - evicted[CACHE_POSITIVE];
	row->cache_evict_denial += c->cache.counts.evicted_by[CACHE_DENIAL] - evicted[CACHE_DENIAL];
	c->stats->evicted = c->cache.counts.evicted;
	c->stats->expired_reclaimed = c->cache.counts.reclaimed;
	c->stats->types_displaced = c->cache.counts.displaced;
	cache_gauges(c);
}

/* A renewal came to nothing: the next hit may try again. */
static void refreshing_clear(struct core *c, const struct question *q)
{
	struct cache_key k;
	struct entry *e;

	question_key(q, &k);
	e = cache_find(&c->cache, &k);
	if (e)
		e->is_refreshing = false;
}

/* Out of every list but its waiters' and followers'. */
static void question_detach(struct core *c, uint32_t qi)
{
	struct question *q = &c->tab.question[qi];

	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id)
			ask_close(c, qi, &q->ask[i], true);
	question_release_forward(c, q);
	follow_release(c, q);
	follower_remove(&c->tab, qi);
	timers_set(&c->timers, qi, T_NEVER);
}

/* Its ancestor does not exist: nothing is stored under the name itself. */
void question_deny(struct core *c, uint32_t qi, const struct answer *cut, uint32_t age_s,
		   uint16_t upstream, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint32_t followers = q->first_follower;

	question_detach(c, qi);
	refreshing_clear(c, q);
	waiters_deny(c, q, cut, age_s, false, upstream, now_ns);
	q->first_follower = NIL;
	question_remove(&c->tab, qi);
	followers_wake(c, followers, cut, upstream, now_ns);
}

void followers_wake(struct core *c, uint32_t first, const struct answer *a, uint16_t upstream,
		    uint64_t now_ns)
{
	for (uint32_t i = first; i != NIL; i = c->tab.question[i].next_follower)
		c->tab.question[i].leader = NIL;
	while (first != NIL) {
		struct question *f = &c->tab.question[first];
		uint32_t next = f->next_follower;

		f->next_follower = NIL;
		f->follow_ns = T_NEVER;
		if (f->follows == FOLLOWS_TARGET) {
			follow_end(c, first, a, 0, upstream, now_ns);
		} else if (a->kind == ANSWER_NXDOMAIN && f->follows == FOLLOWS_CUT &&
		    c->shield[f->zone] == SHIELD_ACTIVE) {
			question_deny(c, first, a, 0, upstream, now_ns);
		} else if (a->kind == ANSWER_FAILURE) {
			question_ask(c, first, now_ns);
		} else {
			question_begin(c, first, now_ns);
		}
		first = next;
	}
}

void question_finish(struct core *c, uint32_t qi, const struct answer *a, uint16_t upstream,
		     uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint32_t followers = q->first_follower;

	question_detach(c, qi);
	if (a->kind != ANSWER_FAILURE)
		answer_store(c, q, a, now_ns);
	refreshing_clear(c, q);
	if (a->kind != ANSWER_FAILURE || !stale_to_waiters(c, qi, now_ns))
		waiters_serve(c, q, a, upstream, now_ns);
	if (a->kind != ANSWER_FAILURE)
		shield_learn(c, q, a, now_ns);
	q->first_follower = NIL;
	question_remove(&c->tab, qi);
	followers_wake(c, followers, a, upstream, now_ns);
}

void question_failed_note(struct core *c, const struct question *q, unsigned rcode, unsigned ede,
			  uint64_t now_ns)
{
	const struct core_cache_conf *cc = &c->conf->zone[q->zone].z.cache;
	struct cache_key k;

	if (!cc->servfail_ns && !cc->stale_enabled)
		return;
	question_key(q, &k);
	failures_note(&c->failures, key_mark(&k), now_ns, cc->servfail_ns,
		      cc->stale_enabled ? cc->stale_recheck_ns : 0, (uint16_t)rcode, (uint16_t)ede);
	c->stats->failures_cached++;
}

static void failure_make(struct answer *a, uint8_t msg[ANSWER_EMPTY_MAX], const struct question *q,
			 unsigned rcode, const uint8_t *ede, size_t ede_len)
{
	struct answer_question aq = {q->name, q->qtype, q->qclass};

	answer_empty(a, msg, &aq, rcode);
	a->kind = ANSWER_FAILURE;
	a->ede = ede;
	a->ede_len = (uint16_t)ede_len;
}

void question_fail(struct core *c, uint32_t qi, unsigned rcode, int ede, bool note,
		   uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint8_t msg[ANSWER_EMPTY_MAX], data[2];
	struct answer a;

	if (note)
		question_failed_note(c, q, rcode, ede > 0 ? (unsigned)ede : 0, now_ns);
	set_be16(data, (uint16_t)ede);
	failure_make(&a, msg, q, rcode, ede >= 0 ? data : NULL, ede >= 0 ? 2 : 0);
	question_finish(c, qi, &a, UPSTREAM_NONE, now_ns);
}

void question_overload(struct core *c, uint32_t qi, uint64_t now_ns)
{
	uint8_t msg[ANSWER_EMPTY_MAX];
	struct answer a;

	failure_make(&a, msg, &c->tab.question[qi], DNS_SERVFAIL, (const uint8_t *)EDE_OVERLOAD,
		     sizeof(EDE_OVERLOAD) - 1);
	question_finish(c, qi, &a, UPSTREAM_NONE, now_ns);
}

void waiter_turn_away(struct core *c, uint32_t wi, uint64_t now_ns)
{
	struct waiter *w = &c->tab.waiter[wi];
	const struct question *q = &c->tab.question[w->question];
	struct cache_key k;
	struct query query;
	struct visit v;
	struct entry *e;
	size_t len;

	question_key(q, &k);
	visit_of(c, w, &query, &v, now_ns);
	waiter_pull(&c->tab, wi);
	e = w->waits == WAITS_ANSWER ? entry_stale(cache_find(&c->cache, &k), v.zone, now_ns) : NULL;
	v.from = e ? CORE_FROM_STALE : CORE_FROM_SERVER;
	if (e)
		len = serve_entry(c, &v, e, true);
	else if (w->waits == WAITS_ANSWER)
		len = serve_overload(c, &v);
	else
		len = serve_other(c, &v, w, NULL);
	waiter_send(c, wi, len);
}
