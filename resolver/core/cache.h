/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache: one block of memory, two regions (positive answers, denials) whose
 * shares cannot squeeze each other out, and one index over both.
 *
 * Eviction is S3-FIFO (Yang et al., SOSP 2023): new entries enter a small
 * probationary ring; those asked for again by the time they reach its end go on
 * to the main ring, the rest leave only a fingerprint (ghost), which takes them
 * straight to the main ring if they return soon. Dead space goes first: as long
 * as a ring holds expired octets, live entries are moved round, not dropped; and
 * those that were in use when they expired leave a fingerprint too.
 *
 * The index is keyed: SipHash-1-3 over the lower-case name, then mixed with all
 * the rest of the key (key_mix), so nobody can choose questions whose entries
 * stand in one another's way, not even by asking one name for many types. A
 * denial, NXDOMAIN or no data, is found by the question it answered and by no
 * other. Types that nobody needs (key_place) share a few places a name, where
 * the latest stays: a name cannot fill the cache.
 *
 * Time is the caller's; nothing here allocates after cache_init.
 */
#ifndef NODENS_CORE_CACHE_H
#define NODENS_CORE_CACHE_H

#include "resolver/core/ring.h"

enum cache_region { CACHE_POSITIVE, CACHE_DENIAL, CACHE_REGIONS };

struct cache_slot {
	uint32_t tag;
	uint32_t at; /* entry's offset / 8 + 1; 0: empty */
};

struct cache_part { /* one region */
	struct ring small, main;
	uint32_t *ghost;
	uint32_t ghost_mask;
};

struct cache_counts {
	uint64_t entries[CACHE_REGIONS];
	uint64_t evicted, reclaimed;
	uint64_t displaced; /* by another rare type of the same name */
	uint64_t evicted_by[CACHE_REGIONS];
};

struct cache {
	size_t len; /* octets in all: index, ghosts and entries */
	uint8_t *entries;
	struct cache_slot *slot; /* behind the last one are the ghosts */
	uint32_t n_slots, most_slots, n_used; /* n_slots: that are used now (cache_index.c) */
	struct cache_part part[CACHE_REGIONS];
	struct cache_counts counts;
	uint64_t (*block_entries)[CACHE_REGIONS]; /* the caller's, 256 rows; NULL: not counted */
};

struct cache_key {
	const uint8_t *name; /* lower case */
	uint8_t name_len;
	uint8_t key_flags;
	uint16_t qtype, qclass;
	uint8_t block;       /* only for cache_put: whose the entry counts as */
	uint64_t hash;       /* of the name, mixed with the view */
};

/* All of a key in 64 bits. `hash` is keyed and known to nobody outside, and each
 * bit of the rest reaches all bits of the result, so the rest needs no key. */
static inline uint64_t key_mix(uint64_t hash, uint64_t rest)
{
	uint64_t x = hash ^ rest * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static inline uint64_t key_rest(unsigned qtype, unsigned qclass, unsigned key_flags)
{
	return (uint64_t)qtype << 32 | qclass << 8 | key_flags;
}

/* `bytes`, below 32 GiB, for everything, index and ghosts included; 0 or ERR_NOMEM, ERR_RANGE. */
int cache_init(struct cache *c, uint64_t bytes, unsigned neg_share_percent);
void cache_release(struct cache *c);

/* What is stored, expired or not (the caller judges by time), or NULL. */
struct entry *cache_find(const struct cache *c, const struct cache_key *k);
/* The most slots that finding something stored takes: for tests and benches. */
unsigned cache_walk_longest(const struct cache *c);
/* A usable hit: for the eviction policy. Not by the second query of the pair that
 * brought the entry: A and AAAA together say no more than one query. */
#define CACHE_PAIR_NS 5000000u
static inline void cache_touch(struct entry *e, uint64_t now_ns)
{
	if (e->freq < 3 && now_ns - e->stored_ns >= CACHE_PAIR_NS)
		e->freq++;
}

/* Stores an answer (ttl_s > 0), in place of what the key had, or of what had its
 * place. NULL when it is too big. Entries found before are void after this. */
struct entry *cache_put(struct cache *c, const struct cache_key *k, const struct answer *a,
			uint64_t now_ns);
void cache_remove(struct cache *c, struct entry *e);
/* The denial `e` is as good as the denial `by`, for as long. */
void cache_renew(struct cache *c, struct entry *e, const struct entry *by);
/* Whatever the key has. */
void cache_forget(struct cache *c, const struct cache_key *k);
/* A stored entry as an answer; pointers are valid until the next cache_put. */
void cache_answer(const struct entry *e, struct answer *ret);
/* All live entries; false at the end. Start with *cursor == 0. */
bool cache_next(const struct cache *c, size_t *cursor, const struct entry **ret);
uint64_t cache_bytes_used(const struct cache *c);
/* Asserts what must hold between two calls; walks over all of it. */
void cache_check(const struct cache *c);

#endif
