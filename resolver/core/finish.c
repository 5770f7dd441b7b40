/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a question: its answer is stored, everybody who waits gets a reply
 * made from it, and questions that followed it are answered with it or asked.
 */
#include "resolver/core/core_int.h"

#include <string.h>

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
void refreshing_clear(struct core *c, const struct question *q)
{
	struct cache_key k;
	struct entry *e;

	question_key(q, &k);
	e = cache_find(&c->cache, &k);
	if (e)
		e->is_refreshing = false;
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
	a->ede = ede;
	a->ede_len = (uint16_t)ede_len;
}

/* Nobody finds it any more, and nobody else waits for it. Returns who followed it. */
static uint32_t question_detach(struct core *c, uint32_t qi)
{
	struct question *q = &c->tab.question[qi];

	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id)
			ask_close(c, qi, &q->ask[i], true);
	question_release_forward(c, q);
	follow_release(c, q);
	follower_remove(&c->tab, qi);
	question_hide(&c->tab, qi);
	due_forget(&c->tab, qi);
	timers_set(&c->timers, qi, T_NEVER);
	refreshing_clear(c, q);
	return followers_take(&c->tab, qi);
}

/* Ends one question, and returns who followed it. */
static uint32_t end_answered(struct core *c, uint32_t qi, const struct answer *a, uint16_t upstream,
			     uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint32_t followers = question_detach(c, qi);

	if (a->kind != ANSWER_FAILURE) {
		core_acts(c);
		answer_store(c, q, a, now_ns);
		if (upstream != UPSTREAM_NONE)
			denial_learn(c, q, a, now_ns);
	}
	if (a->kind != ANSWER_FAILURE || !stale_to_waiters(c, qi, now_ns))
		waiters_serve(c, q, a, upstream, now_ns);
	if (a->kind != ANSWER_FAILURE)
		shield_learn(c, q, a, now_ns);
	question_remove(&c->tab, qi);
	return followers;
}

/* Its ancestor does not exist: nothing is stored under the name itself. */
static uint32_t end_denied(struct core *c, uint32_t qi, const struct answer *cut, uint32_t age_s,
			   uint16_t upstream, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint32_t followers = question_detach(c, qi);

	waiters_deny(c, q, cut, age_s, false, upstream, now_ns);
	question_remove(&c->tab, qi);
	return followers;
}

/* Nobody answered it. */
static uint32_t end_failed(struct core *c, uint32_t qi, const struct answer *why, uint64_t now_ns)
{
	const struct question *q = &c->tab.question[qi];
	unsigned rcode = DNS_RCODE(get_be16(why->msg + 2));
	uint8_t msg[ANSWER_EMPTY_MAX], ede[2];
	struct answer a;

	set_be16(ede, why->ede ? get_be16(why->ede) : 0);
	question_failed_note(c, q, rcode, get_be16(ede), now_ns);
	failure_make(&a, msg, q, rcode, why->ede ? ede : NULL, why->ede ? 2 : 0);
	return end_answered(c, qi, &a, UPSTREAM_NONE, now_ns);
}

/* An answer on its way from a question to those that followed it, and on to their
 * followers. Where a head is put before it, it is another answer from there on, and
 * its own followers come first: level upon level, the last of them a failure. */
struct passing {
	struct answer a;
	uint32_t first; /* followers, by next_follower */
	bool is_whole;
};
#define PASSING_MAX (1 + FOLLOW_WHOLES_MAX + 1)

static void passing_add(struct core *c, struct passing *p, uint32_t more)
{
	uint32_t *link = &more;

	while (*link != NIL)
		link = &c->tab.question[*link].next_follower;
	*link = p->first;
	p->first = more;
}

/* A follower whose head waits for `p`. Returns how many levels came upon it. */
static unsigned target_pass(struct core *c, uint32_t qi, struct passing *p, uint16_t upstream,
			    uint64_t now_ns)
{
	static const uint8_t servfail[DNS_HEADER_LEN] = {[2] = DNS_QR >> 8, [3] = DNS_SERVFAIL};
	struct passing *next = p + 1;

	if (p->a.kind == ANSWER_FAILURE) {
		passing_add(c, p, end_failed(c, qi, &p->a, now_ns));
		return 0;
	}
	next->is_whole = follow_whole(c, &c->tab.question[qi], &p->a, 0, &next->a);
	if (next->is_whole) {
		next->first = end_answered(c, qi, &next->a, upstream, now_ns);
	} else {
		next->a = (struct answer){.msg = servfail, .len = sizeof(servfail), .kind = ANSWER_FAILURE};
		next->first = end_failed(c, qi, &next->a, now_ns);
	}
	return 1;
}

static unsigned follower_pass(struct core *c, uint32_t qi, struct passing *p, uint16_t upstream,
			      uint64_t now_ns)
{
	struct question *f = &c->tab.question[qi];

	f->follow_ns = T_NEVER;
	if (f->follows_target)
		return target_pass(c, qi, p, upstream, now_ns);
	/* What a cut says is weighed by whoever begins. */
	due_note(&c->tab, qi, p->a.kind == ANSWER_FAILURE ? DUE_ASK : DUE_BEGIN);
	return 0;
}

static void followers_pass(struct core *c, uint32_t first, const struct answer *a,
			   uint16_t upstream, uint64_t now_ns)
{
	struct passing level[PASSING_MAX];
	unsigned n = 1;

	level[0] = (struct passing){.a = *a, .first = first};
	while (n > 0) {
		struct passing *p = &level[n - 1];
		uint32_t qi = p->first;

		if (qi != NIL) {
			p->first = c->tab.question[qi].next_follower;
			n += follower_pass(c, qi, p, upstream, now_ns);
			continue;
		}
		if (p->is_whole)
			follow_whole_free(c);
		n--;
	}
}

void question_finish(struct core *c, uint32_t qi, const struct answer *a, uint16_t upstream,
		     uint64_t now_ns)
{
	followers_pass(c, end_answered(c, qi, a, upstream, now_ns), a, upstream, now_ns);
}

void question_known(struct core *c, uint32_t qi, const struct entry *e, uint64_t now_ns)
{
	uint32_t followers = question_detach(c, qi);
	struct answer kept, a;

	cache_answer(e, &kept);
	answer_copy(&a, c->buf, &kept);
	waiters_serve(c, &c->tab.question[qi], &a, UPSTREAM_NONE, now_ns);
	question_remove(&c->tab, qi);
	followers_pass(c, followers, &a, UPSTREAM_NONE, now_ns);
}

/* `cut` may lie in the cache, where those that are passed on are stored. */
void question_deny(struct core *c, uint32_t qi, const struct answer *cut, uint32_t age_s,
		   uint16_t upstream, uint64_t now_ns)
{
	struct answer a;

	answer_copy(&a, c->buf, cut);
	followers_pass(c, end_denied(c, qi, &a, age_s, upstream, now_ns), &a, upstream, now_ns);
}

void question_fail(struct core *c, uint32_t qi, unsigned rcode, int ede, bool note,
		   uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint8_t msg[ANSWER_EMPTY_MAX], data[2];
	struct answer a;

	if (rcode > 15)
		rcode = DNS_SERVFAIL; /* the upper bits were for us; the lower alone would mean another */
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
