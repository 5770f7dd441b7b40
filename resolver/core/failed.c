/* SPDX-License-Identifier: Apache-2.0 */
/* What did not come back from upstreams: failures, time-outs, and all that is due. */
#include "resolver/core/core_int.h"

#include <assert.h>

#define MOVES_MAX 2 /* of one question from socket to socket */
#define ENDED_MAX 8 /* connections that answered others and not it */

/* --- telling --- */

const char *core_fail_text(enum core_fail_why why)
{
	static const char *const text[] = {
		[CORE_FAIL_REFUSED] = "connection refused",
		[CORE_FAIL_CLOSED] = "EOF",
		[CORE_FAIL_UNREACHABLE] = "no route to host",
		[CORE_FAIL_BADREPLY] = "bad reply",
		[CORE_FAIL_NOSOCKET] = "too many open files",
		[CORE_FAIL_TLS] = "TLS handshake failed",
		[CORE_FAIL_GUESSED] = "bad reply",
		[CORE_FAIL_GAVE_WAY] = "too many open files",
		[CORE_FAIL_ENDED] = "EOF",
		[CORE_FAIL_TIMEOUT] = "i/o timeout",
		[CORE_FAIL_UNHEALTHY] = "no healthy proxies",
		[CORE_FAIL_LIMIT] = "concurrent queries exceeded maximum",
		[CORE_FAIL_NO_FORWARD] = "no next plugin found",
	};

	return text[why];
}

static void failed_call(struct core *c, const struct question *q, struct core_failed f)
{
	if (!c->ops.failed || q->purpose != FOR_CLIENTS || !c->conf->zone[q->zone].z.has_errors)
		return;
	f.name = q->name;
	f.qtype = q->qtype;
	f.zone = q->zone;
	c->ops.failed(c->ops.ctx, &f);
}

void failure_tell(struct core *c, const struct question *q, unsigned rcode, enum core_fail_why why)
{
	failed_call(c, q, (struct core_failed){.rcode = (uint16_t)rcode,
					       .upstream = UPSTREAM_NONE,
					       .why = (uint8_t)why});
}

void failure_tell_last(struct core *c, const struct question *q)
{
	struct core_failed f = {.rcode = DNS_SERVFAIL,
				.upstream = q->last_upstream,
				.proto = q->last_proto,
				.why = (uint8_t)(q->last_why - 1)};
	const struct ask *newest = NULL;

	if (q->last_rcode)
		return; /* an upstream's own words: an answer, not an error */
	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id && (!newest || q->ask[i].sent_ns > newest->sent_ns))
			newest = &q->ask[i];
	if (newest) {
		f.upstream = newest->upstream;
		f.proto = newest->proto;
		f.why = CORE_FAIL_TIMEOUT;
		f.ask_id = newest->id;
	} else if (!q->last_why) {
		f.upstream = UPSTREAM_NONE;
		f.why = CORE_FAIL_UNHEALTHY;
	}
	failed_call(c, q, f);
}

/* --- failures --- */

/* Nothing better than what an upstream said has come. True when that ended it. */
static bool settle(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	uint32_t bit = q->last_rcode < 32 ? 1u << q->last_rcode : 0;

	if (!q->is_settled)
		return false;
	q->is_settled = false;
	if (f->failover_rcodes & bit && has_untried(c, q))
		return false;
	if (!(f->next_rcodes & bit && next_forward(c, qi, now_ns)))
		question_fail(c, qi, q->last_rcode, -1, true, now_ns);
	return true;
}

/* What an upstream's connections do not survive may be this question; its neighbours there are not to
 * find out again and again. */
static void broken_note(struct question *q, const struct ask *a)
{
	if (a->proto != CORE_UDP && q->n_broken < UINT8_MAX)
		q->n_broken++;
}

static void failure_note(struct question *q, const struct ask *a, enum core_fail_why why)
{
	q->last_upstream = a->upstream;
	q->last_proto = a->proto;
	q->last_why = (uint8_t)(why + 1);
}

/* Its socket is gone, and its upstream not to blame. While others of the question's
 * exchanges are open one less does no harm; else the same upstream is asked again
 * from another port, and if somebody guesses there too by TCP. True when that is
 * all there is to do. */
static bool ask_moved(struct core *c, uint32_t qi, const struct ask *old, enum core_fail_why why,
		      uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	enum core_proto proto = CORE_UDP;

	if (why != CORE_FAIL_GUESSED && why != CORE_FAIL_GAVE_WAY)
		return false;
	if (asks_open(q))
		return !q->is_settled;
	if (q->is_settled || q->n_moved >= MOVES_MAX)
		return false;
	if (q->n_moved++ && why == CORE_FAIL_GUESSED &&
	    c->conf->upstream[old->upstream].transport == CORE_TO_AUTO)
		proto = CORE_TCP;
	try_again(c, qi, old->upstream, proto, now_ns);
	return true;
}

/* A peer may close an idle connection just as we use it, or each after so many answers:
 * no fault, the same again over another. True when that is all there is to do. */
static bool closed_again(struct core *c, uint32_t qi, const struct ask *old,
			 enum core_fail_why why, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	if (why == CORE_FAIL_ENDED && q->n_ended < ENDED_MAX)
		q->n_ended++;
	else if (why == CORE_FAIL_CLOSED && q->n_closed == 0)
		q->n_closed++;
	else
		return false;
	try_again(c, qi, old->upstream, old->proto, now_ns);
	return true;
}

void exchange_failed(struct core *c, uint64_t now_ns, uint32_t ask_id, enum core_fail_why why)
{
	uint32_t qi = NIL;
	struct ask *ask = ask_find(c, ask_id, &qi);
	struct question *q;
	struct ask old;

	if (!ask)
		return;
	q = &c->tab.question[qi];
	old = *ask;
	stats_upstream_of(c->stats, old.upstream)->fails[why]++;
	ask_close(c, qi, ask, false);
	if (why == CORE_FAIL_CLOSED || why == CORE_FAIL_ENDED)
		broken_note(q, &old);
	if (closed_again(c, qi, &old, why, now_ns))
		return;
	if (why == CORE_FAIL_ENDED)
		why = CORE_FAIL_CLOSED;
	if (ask_moved(c, qi, &old, why, now_ns))
		return;
	q->last_ede = why == CORE_FAIL_UNREACHABLE ? EDE_NO_REACHABLE : EDE_NETWORK;
	failure_note(q, &old, why);
	if (why != CORE_FAIL_NOSOCKET && why != CORE_FAIL_GUESSED && why != CORE_FAIL_GAVE_WAY)
		upstream_failed(c, old.upstream, question_forward(c, q), old.proto != CORE_UDP,
				now_ns);
	if ((!asks_open(q) && settle(c, qi, now_ns)) || q->is_settled)
		return;
	if (!asks_open(q) || has_untried(c, q))
		try_next(c, qi, now_ns);
}

void core_fail(struct core *c, uint64_t now_ns, uint32_t ask_id, enum core_fail_why why)
{
	uint32_t qi = NIL;
	struct ask *ask = ask_find(c, ask_id, &qi);
	int probed = probe_find(c, ask_id);

	assert(why < CORE_FAIL_TIMEOUT);
	if (ask) {
		ask->failed = (uint8_t)(why + 1);
		due_note(&c->tab, qi, DUE_FAILED);
	} else if (probed >= 0) {
		c->up[probed].probe_failed = (uint8_t)(why + 1);
		timers_set(&c->timers, c->tab.question_places + (uint32_t)probed, now_ns);
	}
}

/* --- time --- */

/* Silence for a whole read time-out. The exchange stays open. */
static void exchange_timeout(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	bool may = !asks_open(q) || may_pay(c, qi);

	for (unsigned i = 0; i < ASKS_MAX; i++) {
		struct ask *a = &q->ask[i];

		if (!a->id || now_ns - a->sent_ns < f->read_timeout_ns ||
		    now_ns - a->sent_ns >= 2 * f->read_timeout_ns)
			continue; /* not yet, or counted at the time-out before */
		stats_upstream_of(c->stats, a->upstream)->timeouts++;
		failure_note(q, a, CORE_FAIL_TIMEOUT);
		broken_note(q, a);
		if (c->up[a->upstream].answered_ns <= a->sent_ns) /* else the name is slow, not it */
			upstream_failed(c, a->upstream, f, a->proto != CORE_UDP, now_ns);
	}
	if (may) {
		try_next(c, qi, now_ns);
		return;
	}
	q->retry_ns = now_ns + f->read_timeout_ns;
	question_timer(c, qi);
}

static void question_due(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	if (q->stale_ns <= now_ns) {
		q->stale_ns = T_NEVER;
		stale_to_waiters(c, qi, now_ns);
	}
	if (q->end_ns <= now_ns) {
		failure_tell_last(c, q);
		question_fail(c, qi, q->last_rcode ? q->last_rcode : DNS_SERVFAIL,
			      EDE_NO_REACHABLE, true, now_ns);
	} else if (q->follow_ns <= now_ns) {
		q->follow_ns = T_NEVER;
		follower_remove(&c->tab, qi);
		question_ask(c, qi, now_ns);
	} else if (q->retry_ns <= now_ns) {
		if (!settle(c, qi, now_ns))
			exchange_timeout(c, qi, now_ns);
	} else if (q->hedge_ns <= now_ns) {
		try_hedge(c, qi, now_ns);
	} else {
		question_timer(c, qi);
	}
}

void core_tick(struct core *c, uint64_t now_ns)
{
	uint32_t item;

	core_enter(c, CORE_ACTS);
	due_run(c, now_ns);
	while ((item = timers_pop(&c->timers, now_ns)) != UINT32_MAX) {
		if (item >= c->tab.question_places)
			probe_due(c, item - c->tab.question_places, now_ns);
		else
			question_due(c, item, now_ns);
		due_run(c, now_ns);
	}
	clients_gauge(c);
	cache_gauges(c); /* what was taken out as well */
	core_leave(c);
}
