/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded interference between a scenario's lines; what must hold all the same is driver.h's. */
#include "tests/scenario/disturb.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "tests/scenario/act.h"
#include "tests/scenario/config.h"

#define REFUSED_ONE_IN 8

/* --- configurations --- */

static void setup_copy(struct world *to, const struct world *from)
{
	to->conf = from->conf;
	memcpy(to->listener, from->listener, sizeof(to->listener));
	memcpy(to->zone, from->zone, sizeof(to->zone));
	memcpy(to->forward, from->forward, sizeof(to->forward));
	memcpy(to->except, from->except, sizeof(to->except));
	memcpy(to->upstream, from->upstream, sizeof(to->upstream));
	memcpy(to->text, from->text, sizeof(to->text));
	memcpy(to->label, from->label, sizeof(to->label));
	to->conf.listener = to->listener;
	to->conf.zone = to->zone;
	to->conf.upstream = to->upstream;
	for (size_t i = 0; i < 16; i++) {
		if (from->zone[i].forward == from->forward[i])
			to->zone[i].forward = to->forward[i];
		for (size_t k = 0; k < 4; k++)
			if (from->forward[i][k].except == from->except[i])
				to->forward[i][k].except = to->except[i];
		if (from->upstream[i].label == from->label[i])
			to->upstream[i].label = to->label[i];
	}
}

void disturb_learn(struct world *w)
{
	struct disturb *d = w->disturb;
	struct world *copy;

	d->n_listeners = w->conf.n_listeners;
	if (d->n_setups == SETUPS_MAX)
		return;
	d->at = d->n_setups;
	copy = calloc(1, sizeof(*copy));
	setup_copy(copy, w);
	d->setup[d->n_setups++] = copy;
}

static void reload(struct world *w, size_t i)
{
	struct diag diag;

	if (driver_reconfigure(&w->d, &w->disturb->setup[i]->conf, &diag) < 0)
		abort();
	w->disturb->n_listeners = w->disturb->setup[i]->conf.n_listeners;
	w->disturb->at = i;
}

/* --- what happens --- */

static bool refuses(void *ctx, const struct core_ask *a, enum core_fail_why *ret_why)
{
	struct world *w = ctx;

	(void)a;
	if (w->is_over || rng_below(&w->disturb->rng, REFUSED_ONE_IN) != 0)
		return false;
	*ret_why = (enum core_fail_why)rng_below(&w->disturb->rng, CORE_FAIL_TIMEOUT);
	return true;
}

static struct sent *sent_any(struct world *w)
{
	return w->n_sent ? &w->sent[w->n_sent - 1 - rng_below(&w->disturb->rng, w->n_sent < 8 ? (uint32_t)w->n_sent : 8)] : NULL;
}

/* Without records, and with an rcode of any kind. */
static void answer_any(struct world *w)
{
	struct sent *s = sent_any(w);
	uint8_t msg[sizeof(s->query)];

	if (!s)
		return;
	memcpy(msg, s->query, s->ask.len);
	msg[2] |= 0x80;
	msg[3] = (uint8_t)rng_below(&w->disturb->rng, 6);
	if (driver_answer(&w->d, s->ask.id, msg, s->ask.len))
		s->is_done = true;
}

static void fail_any(struct world *w)
{
	struct sent *s = sent_any(w);

	if (!s || s->is_done)
		return;
	s->is_done = true;
	driver_fail(&w->d, s->ask.id, (enum core_fail_why)rng_below(&w->disturb->rng, CORE_FAIL_TIMEOUT));
}

/* From another address, over the other transport, or both. */
static void query_again(struct world *w)
{
	struct core_client c = {.port = 1024};

	if (!w->n_asked)
		return;
	c.addr.s6_addr[10] = c.addr.s6_addr[11] = 0xff;
	c.addr.s6_addr[12] = 10;
	c.addr.s6_addr[15] = (uint8_t)rng_below(&w->disturb->rng, 4);
	c.proto = (uint8_t)rng_below(&w->disturb->rng, 2);
	query_give(w, &w->asked[rng_below(&w->disturb->rng, (uint32_t)w->n_asked)], &c);
}

static void something(struct world *w)
{
	struct rng *r = &w->disturb->rng;

	switch (rng_below(r, 8)) {
	case 0:
	case 1:
		reload(w, rng_below(r, (uint32_t)w->disturb->n_setups));
		break;
	case 2:
		fail_any(w);
		break;
	case 3:
		answer_any(w);
		break;
	case 4:
	case 5:
		query_again(w);
		break;
	case 6:
		world_pass(w, w->d.now_ns + rng_below(r, 400) * NS_PER_MS);
		break;
	default:
		world_settle(w);
	}
}

static bool is_quiet(const struct world *w)
{
	for (size_t i = 0; i < w->n_sent; i++)
		if (!w->sent[i].is_done)
			return false;
	return w->stats->inflight == 0 && w->stats->waiters == 0;
}

void disturb_line(struct world *w)
{
	if (w->disturb->is_gentle) {
		if (w->d.core && !w->disturb->n_setups)
			disturb_learn(w);
		if (w->d.core && is_quiet(w)) {
			reload(w, w->disturb->at);
			world_settle(w);
		}
		return;
	}
	if (w->is_breach)
		return;
	w->s.failed = false;
	if (!w->d.core)
		return;
	if (!w->disturb->n_setups)
		disturb_learn(w);
	for (uint32_t n = rng_below(&w->disturb->rng, 6); n > 0 && !w->is_breach; n--) {
		w->s.failed = false;
		something(w);
	}
	if (!w->is_breach)
		w->s.failed = false;
}

/* --- life --- */

void disturb_start(struct world *w, uint64_t seed)
{
	w->disturb = calloc(1, sizeof(*w->disturb));
	rng_seed(&w->disturb->rng, seed);
	w->disturb->n_listeners = 1;
	w->disturb->is_gentle = seed == DISTURB_GENTLY;
	if (!w->disturb->is_gentle)
		w->d.refuses = refuses;
}

void disturb_end(struct world *w)
{
	for (size_t i = 0; w->disturb && i < w->disturb->n_setups; i++)
		free(w->disturb->setup[i]);
	free(w->disturb);
}
