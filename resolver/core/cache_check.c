/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of the cache between two calls (check.c): rings, index and counts agree; and what only tests ask. */
#include "resolver/core/cache_int.h"

#include <assert.h>

struct ring_sums {
	size_t used, dead;
	uint64_t expiring, live; /* expiring: weighed by its second */
};

static void entry_check(const struct cache *c, const struct ring *r, const struct entry *e,
			unsigned part, struct ring_sums *s)
{
	bool is_due = e->kind == ENTRY_DEAD || e->expiry_s < r->now_s;

	s->used += e->size;
	if (is_due)
		s->dead += e->size;
	else if (e->is_counted)
		s->expiring += (uint64_t)e->size * (e->expiry_s % EXPIRY_SLOTS + 1);
	assert(!is_due || e->is_counted);
	if (e->kind == ENTRY_DEAD)
		return;
	s->live++;
	assert(region_of(e->kind) == part && e->ring / 2u == part);
	assert((r == &c->part[part].main) == (e->ring & 1));
	assert(e->size >= sizeof(*e) + e->len + 2u * e->n_ttl + e->ede_len && e->size % 8 == 0);
	assert(slot_of(c, e)->tag == (uint32_t)place_of(e));
}

static uint64_t ring_check(const struct cache *c, const struct ring *r, unsigned part)
{
	struct ring_sums s = {0};
	uint64_t expiring = 0;

	for (const struct entry *e = ring_next(r, NULL); e; e = ring_next(r, e))
		entry_check(c, r, e, part, &s);
	assert(s.used <= r->used && r->used <= r->cap);
	assert(s.dead == r->dead);
	for (unsigned i = 0; i < EXPIRY_SLOTS; i++)
		expiring += (uint64_t)r->expiring[i] * (i + 1);
	assert(s.expiring == expiring);
	return s.live;
}

void cache_check(const struct cache *c)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < CACHE_REGIONS; k++) {
		uint64_t live = ring_check(c, &c->part[k].small, k) + ring_check(c, &c->part[k].main, k);

		assert(live == c->counts.entries[k]);
		n += live;
	}
	assert(n == c->n_used);
}

unsigned cache_walk_longest(const struct cache *c)
{
	unsigned longest = 0;

	for (uint32_t i = 0; i < c->n_slots; i++) {
		uint32_t home, n;

		if (!c->slot[i].at)
			continue;
		home = home_of(c, place_of(slot_entry(c, &c->slot[i])));
		n = 1 + (i >= home ? i - home : i + c->n_slots - home);
		longest = n > longest ? n : longest;
	}
	return longest;
}
