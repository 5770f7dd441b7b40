/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are folded in pairs when time runs past the last; merging folds the finer grid. */
#include "lib/base/heat.h"

#include <assert.h>
#include <string.h>

#define SUB_BITS 2
#define SUB      (1u << SUB_BITS)
static_assert(HEAT_BANDS % 2 == 0, "bands are folded in pairs");

void heat_init(struct heat *h, uint64_t step_ns)
{
	memset(h, 0, sizeof(*h));
	h->step_ns = step_ns;
}

void heat_clear(struct heat *h, uint64_t step_ns)
{
	memset(h->count, 0, h->n_steps * sizeof(h->count[0]));
	h->n_steps = 0;
	h->step_ns = step_ns;
}

unsigned heat_band(uint64_t v)
{
	if (v < SUB)
		return (unsigned)v;
	unsigned shift = 63u - (unsigned)__builtin_clzll(v) - SUB_BITS;
	unsigned band = ((shift + 1) << SUB_BITS) + (unsigned)(v >> shift) - SUB;
	return band < HEAT_BANDS ? band : HEAT_BANDS - 1;
}

void heat_bounds(unsigned band, uint64_t *ret_low, uint64_t *ret_high)
{
	if (band < SUB) {
		*ret_low = *ret_high = band;
		return;
	}
	unsigned shift = (band >> SUB_BITS) - 1;
	*ret_low = (uint64_t)(SUB + (band & (SUB - 1))) << shift;
	*ret_high = band == HEAT_BANDS - 1 ? UINT64_MAX : *ret_low + ((uint64_t)1 << shift) - 1;
}

static void add(uint32_t *count, uint32_t n)
{
	*count = *count > UINT32_MAX - n ? UINT32_MAX : *count + n;
}

/* Most of the grid holds nothing: two bands are looked at at once. */
static void fold(struct heat *h)
{
	for (unsigned i = 0; i < h->n_steps; i++)
		for (unsigned b = 0; b < HEAT_BANDS; b += 2) {
			uint32_t n[2];
			uint64_t both;
			memcpy(&both, &h->count[i][b], sizeof(both));
			if (!both)
				continue;
			memcpy(n, &both, sizeof(n));
			h->count[i][b] = h->count[i][b + 1] = 0;
			add(&h->count[i / 2][b], n[0]);
			add(&h->count[i / 2][b + 1], n[1]);
		}
	h->n_steps = (h->n_steps + 1) / 2;
	h->step_ns *= 2;
}

static void put(struct heat *h, uint64_t t_ns, unsigned band, uint32_t n)
{
	while (t_ns / h->step_ns >= HEAT_STEPS)
		fold(h);
	unsigned step = (unsigned)(t_ns / h->step_ns);
	add(&h->count[step][band], n);
	if (step >= h->n_steps)
		h->n_steps = step + 1;
}

void heat_record(struct heat *h, uint64_t t_ns, uint64_t value_ns)
{
	put(h, t_ns, heat_band(value_ns), 1);
}

void heat_merge(struct heat *into, const struct heat *from)
{
	if (!from->n_steps)
		return;
	if (!into->step_ns)
		into->step_ns = from->step_ns;
	while (into->step_ns < from->step_ns)
		fold(into);
	for (unsigned i = 0; i < from->n_steps; i++)
		for (unsigned b = 0; b < HEAT_BANDS; b++)
			if (from->count[i][b])
				put(into, i * from->step_ns, b, from->count[i][b]);
}
