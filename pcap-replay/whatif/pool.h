/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Textbook caches to hold ours against: a budget, entries with a size
 * and an expiry, and one rule for who goes when it is full. They pay for no
 * index and no list, which is in their favour.
 */
#ifndef NODENS_WHATIF_POOL_H
#define NODENS_WHATIF_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pool_policy {
	POOL_RANDOM,    /* anyone: CoreDNS */
	POOL_FIFO,      /* the first that came */
	POOL_LRU,       /* whose last use is longest ago: unbound */
	POOL_LRU_DEAD,  /* the same, but the expired first */
	POOL_INFINITE,  /* nobody: what no policy can exceed */
	POOL_POLICIES,
};
extern const char *const pool_text[POOL_POLICIES];

struct pool;
/* Room for `max_items` entries, 1 to 1 << 24, and `budget` of their sizes together, in
 * whatever unit sizes have. NULL: out of memory. All entries are expected to live equally
 * long, so that the order of arrival is the order of expiry. */
struct pool *pool_new(enum pool_policy policy, size_t budget, uint32_t max_items, uint64_t seed);
/* Is the key there, and not expired? Counts as a use. */
bool pool_find(struct pool *p, uint64_t key, uint64_t now_ns);
void pool_put(struct pool *p, uint64_t key, size_t size, uint64_t expires_ns, uint64_t now_ns);
/* The most that was alive at any time; exact for POOL_INFINITE. */
size_t pool_peak(const struct pool *p);
void pool_free(struct pool *p);

#endif
