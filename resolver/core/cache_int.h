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

/* Types with a place of their own, in class IN; the rest, 65,000 types and as many
 * classes, share RARE_PLACES for each name and flags: 19 and 8, times four. */
#define RARE_PLACES 8

static inline bool type_is_common(unsigned qtype)
{
	/* A NS CNAME SOA PTR MX TXT AAAA SRV NAPTR DS RRSIG NSEC DNSKEY TLSA SVCB HTTPS ANY CAA */
	const uint64_t low = 1ull << 1 | 1ull << 2 | 1ull << 5 | 1ull << 6 | 1ull << 12 |
			     1ull << 15 | 1ull << 16 | 1ull << 28 | 1ull << 33 | 1ull << 35 |
			     1ull << 43 | 1ull << 46 | 1ull << 47 | 1ull << 48 | 1ull << 52;

	if (qtype < 64)
		return low >> qtype & 1;
	return qtype == DNS_HTTPS || qtype == DNS_SVCB || qtype == DNS_ANY || qtype == DNS_CAA;
}

/* Where a key stands among its name's: two keys with one place displace each other. */
static inline uint64_t key_place(unsigned qtype, unsigned qclass, unsigned key_flags)
{
	if (qclass == DNS_IN && type_is_common(qtype))
		return key_rest(qtype, qclass, key_flags);
	return key_rest(0, 1 + (qtype ^ qclass) % RARE_PLACES, key_flags);
}

static inline uint32_t ghost_mark(uint64_t hash, unsigned qtype, unsigned qclass, unsigned key_flags)
{
	return (uint32_t)key_mix(hash, key_rest(qtype, qclass, key_flags)) | 1;
}

/* Its high half chooses the slot, the low one is the tag. */
static inline uint64_t place_of(const struct entry *e)
{
	return key_mix(e->hash, key_place(e->qtype, e->qclass, e->key_flags));
}

static inline uint32_t entry_at(const struct cache *c, const struct entry *e)
{
	return (uint32_t)((size_t)((const uint8_t *)e - c->entries) / 8) + 1;
}

static inline uint32_t home_of(const struct cache *c, uint64_t place)
{
	return (uint32_t)((place >> 32) * c->n_slots >> 32);
}
static inline uint32_t slot_after(const struct cache *c, uint32_t i)
{
	return i + 1 == c->n_slots ? 0 : i + 1;
}

static inline struct entry *slot_entry(const struct cache *c, const struct cache_slot *s)
{
	return (struct entry *)(void *)(c->entries + ((size_t)s->at - 1) * 8);
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
uint32_t slots_first(uint32_t most); /* of an empty cache that will have so many */
/* What stands in the key's place: its own entry, or a rare type's instead. */
struct entry *slot_occupant(const struct cache *c, const struct cache_key *k);
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
