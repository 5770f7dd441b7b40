/* SPDX-License-Identifier: Apache-2.0 */
/* Round-trip times and the choice among upstreams, without asking anybody. */
#include "resolver/core/upstream.h"

#include "lib/base/clock.h"

#define SAMPLES_MIN 20   /* before a percentile means anything */
#define SAMPLES_MAX 1000 /* then all counts are halved */
#define REFRESH     32   /* samples between two computations */

/* Quarter octaves: 4 * log2(us), linear inside the octave. */
static unsigned bucket_of(uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;
	unsigned octave, i;

	if (us < 4)
		return (unsigned)us;
	octave = 63 - (unsigned)__builtin_clzll(us);
	i = (octave - 1) * 4 + (unsigned)(us >> (octave - 2) & 3);
	return i < RTT_BUCKETS ? i : RTT_BUCKETS - 1;
}

static uint64_t bucket_edge_ns(unsigned i)
{
	unsigned octave = i / 4 + 1;

	if (i < 4)
		return (i + 1) * NS_PER_US;
	return ((4ull + i % 4 + 1) << (octave - 2)) * NS_PER_US;
}

void rtt_add(struct rtt *r, uint64_t ns)
{
	r->count[bucket_of(ns)]++;
	r->fresh++;
	if (++r->n < SAMPLES_MAX)
		return;
	r->n = 0;
	for (unsigned i = 0; i < RTT_BUCKETS; i++) {
		r->count[i] /= 2;
		r->n += r->count[i];
	}
}

uint64_t rtt_p95(struct rtt *r)
{
	uint32_t seen = 0;

	if (r->n < SAMPLES_MIN)
		return 0;
	if (r->p95_ns && r->fresh < REFRESH)
		return r->p95_ns;
	r->fresh = 0;
	for (unsigned i = 0; i < RTT_BUCKETS; i++) {
		seen += r->count[i];
		if (seen * 20ull >= r->n * 19ull) {
			r->p95_ns = bucket_edge_ns(i);
			break;
		}
	}
	return r->p95_ns;
}

/* 0 best: no open failure; 1: one, but not down; 2: down. */
static unsigned rank_of(const struct upstream *u)
{
	return upstream_is_down(u) ? 2 : u->is_suspect;
}

/* The how-manieth target of the list is looked at in turn `i`. */
static unsigned position(const struct core_forward *f, unsigned first, unsigned i)
{
	return f->policy == CORE_SEQUENTIAL ? i : (first + i) % (unsigned)f->n_to;
}

static int choose_random(const struct upstream *all, const struct core_forward *f, uint32_t tried,
			 unsigned rank, struct rng *rng)
{
	unsigned n = 0;
	int chosen = -1;

	for (unsigned i = 0; i < f->n_to; i++)
		if (!(tried >> i & 1) && rank_of(&all[f->to[i]]) == rank && rng_below(rng, ++n) == 0)
			chosen = (int)i;
	return chosen;
}

static int choose_listed(const struct upstream *all, const struct core_forward *f, uint32_t tried,
			 unsigned rank, unsigned first)
{
	for (unsigned i = 0; i < f->n_to; i++) {
		unsigned at = position(f, first, i);

		if (!(tried >> at & 1) && rank_of(&all[f->to[at]]) == rank)
			return (int)at;
	}
	return -1;
}

int upstream_choose(const struct upstream *all, const struct core_forward *f,
		    struct forward_state *s, uint32_t tried, struct rng *rng, bool *ret_all_down)
{
	unsigned best = 2;

	for (unsigned i = 0; i < f->n_to; i++)
		if (rank_of(&all[f->to[i]]) < best)
			best = rank_of(&all[f->to[i]]);
	*ret_all_down = best == 2;
	if (f->policy == CORE_ROUND_ROBIN && tried == 0)
		s->turn++;
	for (unsigned rank = best; rank <= (best == 2 ? 2u : 1u); rank++) {
		int at = f->policy == CORE_RANDOM || best == 2 ?
				 choose_random(all, f, tried, rank, rng) :
				 choose_listed(all, f, tried, rank, s->turn);

		if (at >= 0)
			return at;
	}
	return -1;
}
