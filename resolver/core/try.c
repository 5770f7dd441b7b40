/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question and the upstreams of its forward: which to ask, when to ask the
 * next, and when to ask twice. An exchange that timed out stays open, since
 * a late answer is as good as any.
 *
 * A hedge is a second try before the first has failed, sent once the upstream
 * has been silent for longer than it is for 95 of 100 questions. It is paid from
 * a credit that each first try adds to, so hedges stay a bounded share.
 *
 * Second tries for names that are slow at an upstream that answers others are paid by
 * the client too (clients.h), so that nobody can have each of its questions asked
 * four times. What cannot pay waits for the answer to what was asked.
 */
#include "resolver/core/core_int.h"

#include <assert.h>

#define ROUND_PAUSE_NS   (250 * NS_PER_MS) /* when each target has failed at once */

static struct forward_state *state_of(struct core *c, const struct question *q)
{
	return &c->forward[c->forward_at[q->zone] + q->forward];
}

void question_release_forward(struct core *c, struct question *q)
{
	if (q->is_counted)
		state_of(c, q)->concurrent--;
	q->is_counted = q->is_settled = false;
}

/* --- choosing --- */

static enum core_proto proto_for(const struct core *c, const struct question *q,
				 const struct core_forward *f, unsigned upstream)
{
	if (q->damaged & target_bit(f, upstream))
		return CORE_TCP;
	switch (c->conf->upstream[upstream].transport) {
	case CORE_TO_UDP:
		return CORE_UDP;
	case CORE_TO_TCP:
		return CORE_TCP;
	case CORE_TO_TLS:
		return CORE_TLS;
	case CORE_TO_HTTPS:
		return CORE_HTTPS;
	default:
		if (f->force_tcp)
			return CORE_TCP;
		return f->prefer_udp || q->proto == CORE_UDP ? CORE_UDP : CORE_TCP;
	}
}

bool has_untried(const struct core *c, const struct question *q)
{
	const struct core_forward *f = question_forward(c, q);

	return q->tried != (1u << f->n_to) - 1;
}

/* One upstream is asked three times before its failure is believed. */
static bool may_try(const struct core_forward *f, const struct question *q)
{
	if (f->max_connect_attempts && q->n_tries >= f->max_connect_attempts)
		return false;
	return q->n_tries < 2 * f->n_to + 1;
}

/* "Refused" over UDP is a message of ICMP, for which a forger needs to know the port only.
 * So that it alone cannot end a question, the last try is by TCP. So it is where none leaves this host: a
 * connection table that is full has no room for one more port, while a connection that is open goes on. */
static bool is_last_after_refusals(const struct core *c, const struct question *q,
				   const struct core_forward *f, unsigned upstream)
{
	return (q->last_why == CORE_FAIL_REFUSED + 1 || q->last_why == CORE_FAIL_UNREACHABLE + 1) &&
	       q->last_proto == CORE_UDP && !asks_open(q) && !may_try(f, q) &&
	       c->conf->upstream[upstream].transport == CORE_TO_AUTO;
}

static void try_send(struct core *c, uint32_t qi, unsigned target, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	unsigned u = f->to[target];

	q->tried |= (uint16_t)(1u << target);
	if (q->n_tries++ > 0)
		c->stats->retries++;
	else
		clients_earn(&c->tab.clients, qi);
	c->hedge_credit += f->hedge_percent;
	if (c->hedge_credit > HEDGE_CREDIT_MAX)
		c->hedge_credit = HEDGE_CREDIT_MAX;
	q->retry_ns = now_ns + f->read_timeout_ns;
	q->hedge_ns = f->hedge_percent ? now_ns + hedge_delay(c, u) : T_NEVER;
	question_timer(c, qi);
	ask_send(c, qi, u, is_last_after_refusals(c, q, f, u) ? CORE_TCP : proto_for(c, q, f, u),
		 now_ns);
}

void try_next(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	bool all_down;
	int target;

	if (now_ns >= q->end_ns || !may_try(f, q)) {
		q->retry_ns = T_NEVER;
		q->hedge_ns = T_NEVER;
		if (asks_open(q) && now_ns < q->end_ns) {
			question_timer(c, qi); /* the last may still answer */
			return;
		}
		failure_tell_last(c, q);
		question_fail(c, qi, q->last_rcode ? q->last_rcode : DNS_SERVFAIL,
			      q->last_ede ? q->last_ede : EDE_NO_REACHABLE, true, now_ns);
		return;
	}
	target = upstream_choose(c->up, f, state_of(c, q), q->tried, &c->rng, &all_down);
	if (target < 0) { /* a new round, after a breath if all failed at once */
		q->tried = 0;
		if (!asks_open(q)) {
			q->retry_ns = now_ns + ROUND_PAUSE_NS;
			q->hedge_ns = T_NEVER;
			question_timer(c, qi);
			return;
		}
		target = upstream_choose(c->up, f, state_of(c, q), 0, &c->rng, &all_down);
	}
	if (all_down) {
		c->stats->healthcheck_broken++;
		if (f->failfast_all_unhealthy) {
			failure_tell(c, q, DNS_SERVFAIL, CORE_FAIL_UNHEALTHY);
			question_fail(c, qi, DNS_SERVFAIL, EDE_NO_REACHABLE, true, now_ns);
			return;
		}
	}
	assert(target >= 0);
	try_send(c, qi, (unsigned)target, now_ns);
}

void try_again(struct core *c, uint32_t qi, unsigned upstream, enum core_proto proto,
	       uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	q->retry_ns = now_ns + question_forward(c, q)->read_timeout_ns;
	question_timer(c, qi);
	ask_send(c, qi, upstream, proto, now_ns);
}

/* It is the name that is slow and not the upstream, which has answered others since. */
static bool is_slow_name(const struct core *c, const struct question *q)
{
	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id && c->up[q->ask[i].upstream].answered_ns > q->ask[i].sent_ns)
			return true;
	return false;
}

bool may_pay(struct core *c, uint32_t qi)
{
	if (!is_slow_name(c, &c->tab.question[qi]) || clients_spend(&c->tab.clients, qi))
		return true;
	c->stats->tries_withheld++;
	return false;
}

void try_hedge(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f = question_forward(c, q);
	unsigned u = UPSTREAM_NONE;
	bool all_down;
	int target;

	q->hedge_ns = T_NEVER;
	question_timer(c, qi);
	if (c->hedge_credit < HEDGE_COST || !asks_open(q) || !may_pay(c, qi))
		return;
	target = upstream_choose(c->up, f, state_of(c, q), q->tried, &c->rng, &all_down);
	if (target >= 0 && !all_down) {
		q->tried |= (uint16_t)(1u << target);
		u = f->to[target];
	} else { /* nobody else: the same once more, by another socket */
		for (unsigned i = 0; i < ASKS_MAX; i++)
			if (q->ask[i].id)
				u = q->ask[i].upstream;
	}
	c->hedge_credit -= HEDGE_COST;
	c->stats->hedges++;
	ask_send(c, qi, u, proto_for(c, q, f, u), now_ns);
}

/* --- forwards --- */

/* Enters forward `index` with a fresh round of tries. */
static void forward_enter(struct core *c, uint32_t qi, size_t index, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	const struct core_forward *f;
	struct forward_state *state;

	question_release_forward(c, q);
	q->forward = (uint8_t)index;
	f = question_forward(c, q);
	state = state_of(c, q);
	if (f->n_to == 0) { /* its resolv.conf is empty for now */
		question_fail(c, qi, DNS_SERVFAIL, EDE_NO_REACHABLE, false, now_ns);
		return;
	}
	if (f->max_concurrent && state->concurrent >= f->max_concurrent) {
		c->stats->max_concurrent_rejects++;
		failure_tell(c, q, DNS_REFUSED, CORE_FAIL_LIMIT);
		question_fail(c, qi, DNS_REFUSED, -1, false, now_ns);
		return;
	}
	state->concurrent++;
	q->is_counted = true;
	q->n_tries = 0;
	q->tried = q->damaged = q->respelled = q->no_edns = 0;
	if (q->end_ns == T_NEVER)
		q->end_ns = q->start_ns + f->budget_ns;
	try_next(c, qi, now_ns);
}

void question_ask(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	size_t index;

	if (q->head) {
		follow_begin(c, qi, now_ns);
		return;
	}
	if (config_forward(&c->conf->zone[q->zone], q->asked.b, 0, &index)) {
		forward_enter(c, qi, index, now_ns);
		return;
	}
	failure_tell(c, q, DNS_SERVFAIL, CORE_FAIL_NO_FORWARD);
	question_fail(c, qi, DNS_SERVFAIL, -1, false, now_ns);
}

bool next_forward(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	size_t index;

	if (!config_forward(&c->conf->zone[q->zone], q->asked.b, q->forward + 1u, &index))
		return false;
	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (q->ask[i].id)
			ask_close(c, qi, &q->ask[i], true);
	forward_enter(c, qi, index, now_ns);
	return true;
}
