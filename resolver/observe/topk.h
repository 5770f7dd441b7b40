/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The most frequent keys of a stream in fixed memory: Space-Saving (Metwally,
 * Agrawal, El Abbadi, 2005). A key that finds no slot takes the one with the
 * smallest count and inherits that count as its possible error. So no count is
 * too low, none is too high by more than total / TOPK_SLOTS, and every key more
 * frequent than that share has a slot.
 *
 * One writer; readers in other processes need no lock, only topk_get: a slot
 * whose key is being replaced is seen either before or after.
 */
#ifndef NODENS_TOPK_H
#define NODENS_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPK_SLOTS 128
#define TOPK_KEY_MAX 255
#define TOPK_INDEX 512

struct topk { /* all zero: empty; may live in shared memory */
	uint32_t n;
	uint64_t total; /* weight of all that was added, decayed like the counts */
	uint64_t hash[TOPK_SLOTS], count[TOPK_SLOTS], error[TOPK_SLOTS];
	uint64_t least;		   /* no count is smaller */
	uint32_t least_at;	   /* where to look for it next */
	uint8_t index[TOPK_INDEX]; /* by hash, linear probing: slot + 1 */
	uint32_t turn[TOPK_SLOTS]; /* odd: the key is being replaced */
	uint8_t len[TOPK_SLOTS];
};

struct topk_entry {
	uint64_t count, error;
	uint8_t len;
	uint8_t key[TOPK_KEY_MAX];
};

/* `keys` is TOPK_SLOTS x key_max octets; the same in every call. `hash` must be
 * keyed where strangers choose the keys. A longer key is cut. */
void topk_add(struct topk *t, uint8_t *keys, size_t key_max, uint64_t hash, const void *key,
	      size_t len, uint64_t weight);
/* Counts, errors and total are halved `times` times; what becomes 0 goes. */
void topk_halve(struct topk *t, uint8_t *keys, size_t key_max, unsigned times);
/* After a writer was stopped anywhere, before the next one begins. */
void topk_repair(struct topk *t);
/* Slot i < TOPK_SLOTS; false: empty. */
bool topk_get(const struct topk *t, const uint8_t *keys, size_t key_max, size_t i,
	      struct topk_entry *ret);
/* What a key without a slot may have been counted at most. */
uint64_t topk_floor(const struct topk *t);

#endif
