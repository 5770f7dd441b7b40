/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache from inside: cache.c sets it up and writes entries, cache_index.c
 * finds them, cache_evict.c makes room.
 *
 * Invariant: each live entry (kind neither dead nor padding) of the four rings
 * has exactly one slot, and each used slot points at one live entry.
 */
#ifndef NODENS_CORE_CACHE_INT_H
#define NODENS_CORE_CACHE_INT_H

#include "resolver/core/cache.h"

static inline uint32_t tag_of(uint64_t hash, unsigned qtype, unsigned qclass, unsigned key_flags)
{
	uint64_t x = hash ^ ((uint64_t)qtype << 32 | qclass << 8 | key_flags);

	x *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(x >> 32);
}

static inline uint32_t entry_at(const struct cache *c, const struct entry *e)
{
	return (uint32_t)((size_t)((const uint8_t *)e - c->block) / 8) + 1;
}

static inline enum cache_region region_of(unsigned kind)
{
	return kind == ANSWER_POSITIVE ? CACHE_POSITIVE : CACHE_DENIAL;
}

static inline struct ring *ring_of(struct cache *c, const struct entry *e)
{
	struct cache_part *p = &c->part[e->ring / 2];

	return e->ring & 1 ? &p->main : &p->small;
}

/* Where the fingerprint `mark` (odd) is, if it is known. */
static inline uint32_t *ghost_of(const struct cache_part *p, uint64_t hash, uint32_t mark)
{
	return &p->ghost[(hash ^ mark) & p->ghost_mask];
}

static inline void block_count(struct cache *c, const struct entry *e, int by)
{
	if (c->block_entries)
		c->block_entries[e->block][region_of(e->kind)] += (uint64_t)(int64_t)by;
}

/* --- cache_index.c --- */
struct cache_slot *slot_of(const struct cache *c, const struct entry *e); /* of a live entry */
void slot_add(struct cache *c, const struct entry *e); /* there must be a free slot */
void slot_drop(struct cache *c, struct cache_slot *s);

/* --- cache_evict.c --- */
/* Unlinks a live entry from index and counts; its octets stay. */
void entry_forget(struct cache *c, struct entry *e);
/* Room for `size` octets, not more than a quarter of the main ring, and a slot. */
struct entry *region_push(struct cache *c, struct cache_part *p, size_t size, bool to_main,
			  uint64_t now_ns);

#endif
