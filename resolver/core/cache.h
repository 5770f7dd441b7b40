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
 * The index is keyed with SipHash-1-3 over the lower-case name. All types of a
 * name have one home slot and differ in the tag, so a name's NXDOMAIN (qtype 0)
 * and the type asked for are found in one walk over neighbouring slots.
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
	uint64_t evicted, reclaimed, too_big;
	uint64_t evicted_by[CACHE_REGIONS];
};

struct cache {
	uint8_t *block;
	size_t block_len;
	struct cache_slot *slot;
	uint32_t n_slots, n_used;
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

/* `bytes` for everything, index and ghosts included; 0 or ERR_NOMEM, ERR_RANGE. */
int cache_init(struct cache *c, uint64_t bytes, unsigned neg_share_percent);
void cache_release(struct cache *c);

struct cache_hit {
	struct entry *exact;    /* this type's own */
	struct entry *nxdomain; /* the whole name's */
};
/* What is stored, expired or not: the caller judges by time. */
void cache_find(const struct cache *c, const struct cache_key *k, struct cache_hit *ret);
/* Has any type of the name an entry that says the name exists? Expired counts. */
bool cache_name_known(const struct cache *c, const struct cache_key *k);
/* A usable hit: for the eviction policy. Not by the second query of the pair that
 * brought the entry: A and AAAA together say no more than one query. */
#define CACHE_PAIR_NS 5000000u
static inline void cache_touch(struct entry *e, uint64_t now_ns)
{
	if (e->freq < 3 && now_ns - e->stored_ns >= CACHE_PAIR_NS)
		e->freq++;
}

/* Stores an answer (ttl_s > 0), in place of what the key had. A denial of the
 * whole name is stored under qtype 0; anything else removes such a denial.
 * NULL when it is too big. Entries found before are void after this. */
struct entry *cache_put(struct cache *c, const struct cache_key *k, const struct answer *a,
			uint64_t now_ns);
void cache_remove(struct cache *c, struct entry *e);
/* Whatever the key has: its own entry and the denial of the name. */
void cache_forget(struct cache *c, const struct cache_key *k);
/* A stored entry as an answer; pointers are valid until the next cache_put. */
void cache_answer(const struct entry *e, struct answer *ret);
/* All live entries; false at the end. Start with *cursor == 0. */
bool cache_next(const struct cache *c, size_t *cursor, const struct entry **ret);
uint64_t cache_bytes_used(const struct cache *c);

#endif
