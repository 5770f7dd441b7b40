/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache's index: open addressing with linear probing, no tombstones. A few entries among all the slots that a full
 * cache needs would each touch a page of their own, so a cache begins with a sixteenth of them and takes the rest at
 * once when half of those are used: some thousands are placed anew then, once in a cache's life.
 */
#include "resolver/core/cache_int.h"

#include <assert.h>
#include <string.h>

#include "lib/base/hot.h"

#define FIRST_SHARE 16
#define FIRST_LEAST 512	 /* slots of a page */
#define FIRST_MOST  (1u << 17) /* 12 MiB: placing anew takes a millisecond or two there, with 1 GiB 700 */
#define SETTLED     (1u << 31) /* of a slot's `at` while the index grows: a cache that does has no place so high */

static bool same_name(const struct entry *e, const struct cache_key *k)
{
	return e->hash == k->hash && e->name_len == k->name_len &&
	       memcmp(entry_name(e), k->name, k->name_len) == 0;
}

HOT struct entry *cache_find(const struct cache *c, const struct cache_key *k)
{
	uint64_t place = key_mix(k->hash, key_place(k->qtype, k->qclass, k->key_flags));

	for (uint32_t i = home_of(c, place); c->slot[i].at; i = slot_after(c, i)) {
		struct entry *e;

		if (c->slot[i].tag != (uint32_t)place)
			continue;
		e = slot_entry(c, &c->slot[i]);
		if (e->qtype == k->qtype && e->qclass == k->qclass && e->key_flags == k->key_flags &&
		    same_name(e, k))
			return e;
	}
	return NULL;
}

struct entry *slot_occupant(const struct cache *c, const struct cache_key *k)
{
	uint64_t rest = key_place(k->qtype, k->qclass, k->key_flags);
	uint64_t place = key_mix(k->hash, rest);

	for (uint32_t i = home_of(c, place); c->slot[i].at; i = slot_after(c, i)) {
		struct entry *e;

		if (c->slot[i].tag != (uint32_t)place)
			continue;
		e = slot_entry(c, &c->slot[i]);
		if (key_place(e->qtype, e->qclass, e->key_flags) == rest && same_name(e, k))
			return e;
	}
	return NULL;
}

struct cache_slot *slot_of(const struct cache *c, const struct entry *e)
{
	uint32_t at = entry_at(c, e);
	uint32_t i = home_of(c, place_of(e));

	while (c->slot[i].at != at) {
		assert(c->slot[i].at);
		i = slot_after(c, i);
	}
	return &c->slot[i];
}

/* A cache so small that it gains no page has all at once, and so has one that could not make up for them in one piece. */
uint32_t slots_first(uint32_t most)
{
	return most / FIRST_SHARE < FIRST_LEAST || most > FIRST_MOST ? most : most / FIRST_SHARE;
}

/* Each entry goes to the first slot from its new home on where none has settled, and who is found there goes on in its
 * turn: the slots before a settled one have settled, so a walk finds it, and nothing but the index itself is needed. */
static void settle(struct cache *c, struct cache_slot x)
{
	while (x.at) {
		uint32_t i = home_of(c, place_of(slot_entry(c, &x)));

		while (c->slot[i].at & SETTLED)
			i = i + 1 == c->n_slots ? 0 : i + 1;
		struct cache_slot there = c->slot[i];
		x.at |= SETTLED;
		c->slot[i] = x;
		x = there;
	}
}

static void slots_grow(struct cache *c)
{
	uint32_t before = c->n_slots;

	c->n_slots = c->most_slots;
	for (uint32_t i = 0; i < before; i++) {
		struct cache_slot x = c->slot[i];

		if (x.at & SETTLED)
			continue;
		c->slot[i].at = 0;
		settle(c, x);
	}
	for (uint32_t i = 0; i < c->n_slots; i++)
		c->slot[i].at &= ~SETTLED;
}

void slot_add(struct cache *c, const struct entry *e)
{
	if (c->n_slots < c->most_slots && c->n_used + 1 > c->n_slots / 2)
		slots_grow(c);
	uint64_t place = place_of(e);
	uint32_t i = home_of(c, place);

	while (c->slot[i].at)
		i = slot_after(c, i);
	c->slot[i].tag = (uint32_t)place;
	c->slot[i].at = entry_at(c, e);
	c->n_used++;
}

/* Deletion closes the gap (Knuth 6.4, algorithm R), so a walk may stop at the
 * first empty slot. */
void slot_drop(struct cache *c, struct cache_slot *s)
{
	uint32_t gap = (uint32_t)(s - c->slot), i = gap;

	for (;;) {
		uint32_t home;

		i = slot_after(c, i);
		if (!c->slot[i].at)
			break;
		home = home_of(c, place_of(slot_entry(c, &c->slot[i])));
		/* It may move into the gap unless its home lies behind it. */
		if (gap <= i ? home > gap && home <= i : home > gap || home <= i)
			continue;
		c->slot[gap] = c->slot[i];
		gap = i;
	}
	c->slot[gap].at = 0;
	c->n_used--;
}

bool cache_next(const struct cache *c, size_t *cursor, const struct entry **ret)
{
	/* Slots do not move while nobody inserts: the index is the list. */
	while (*cursor < c->n_slots) {
		const struct cache_slot *s = &c->slot[(*cursor)++];

		if (s->at) {
			*ret = slot_entry(c, s);
			return true;
		}
	}
	return false;
}
