/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first links of the hash's chains. Of a quarter of a million buckets a node's DNS uses some
 * thousands, so only those that have a chain are kept, in a table of slots that is filled by
 * half at most: a bucket's place is its number's leading bits, and the next free slot when that
 * is taken. With a slot for every bucket each is at its own place, and nothing is searched.
 * A bit a bucket says whether to look at all, and gives the gc their order.
 */
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

#define SLOTS_MIN 1024
#define SLOTS_LARGE (1u << 20) /* octets */

static uint32_t home(const struct ct_heads *h, uint32_t bucket)
{
	return bucket >> h->shift;
}

/* The slot of a bucket, or the free one where it would be. */
static uint32_t slot_of(const struct ct_heads *h, uint32_t bucket)
{
	uint32_t i = home(h, bucket);

	while (h->slot[i].link.node != CT_FREE && h->slot[i].bucket != bucket)
		i = (i + 1) & (h->n_slots - 1);
	return i;
}

/* All free. NULL: no memory. */
static struct ct_head *slots_new(uint32_t n)
{
	size_t bytes = n * sizeof(struct ct_head);

	if (bytes < SLOTS_LARGE)
		return calloc(n, sizeof(struct ct_head));
	struct ct_head *p = ct_memory(NULL, 0, bytes); /* large pages */
	if (p)
		memset(p, 0, bytes);
	return p;
}

/* False: no memory; the old slots stay. */
static bool grow(struct ct_heads *h)
{
	struct ct_heads to = *h;

	to.n_slots *= 2;
	to.shift--;
	to.slot = slots_new(to.n_slots);
	if (!to.slot)
		return false;
	for (uint32_t i = 0; i < h->n_slots; i++)
		if (h->slot[i].link.node != CT_FREE)
			to.slot[slot_of(&to, h->slot[i].bucket)] = h->slot[i];
	free(h->slot);
	*h = to;
	return true;
}

bool ct_heads_init(struct ct_heads *h, uint32_t buckets)
{
	*h = (struct ct_heads){.buckets = buckets, .n_slots = 1};
	while (h->n_slots < buckets && h->n_slots < SLOTS_MIN)
		h->n_slots *= 2;
	while ((uint64_t)h->n_slots << h->shift < buckets)
		h->shift++;
	h->slot = slots_new(h->n_slots);
	h->used = calloc(buckets / 64 + 1, sizeof(*h->used));
	return h->slot && h->used;
}

void ct_heads_release(struct ct_heads *h)
{
	free(h->slot);
	free(h->used);
}

struct ct_head *ct_heads_find(const struct ct_heads *h, uint32_t bucket)
{
	return &h->slot[slot_of(h, bucket)];
}

bool ct_heads_room(struct ct_heads *h, uint32_t more)
{
	return ct_heads_whole(h) || h->n_used + more <= h->n_slots / 2 || grow(h);
}

/* Whoever comes after the freed slot and would rather be there moves up. */
static void take_away(struct ct_heads *h, uint32_t at)
{
	uint32_t mask = h->n_slots - 1;

	for (uint32_t i = (at + 1) & mask; h->slot[i].link.node != CT_FREE; i = (i + 1) & mask) {
		uint32_t distance = (i - home(h, h->slot[i].bucket)) & mask;
		if (distance < ((i - at) & mask))
			continue;
		h->slot[at] = h->slot[i];
		at = i;
	}
	h->slot[at] = (struct ct_head){0};
}

void ct_heads_add(struct ct_heads *h, uint32_t bucket, struct ct_link first)
{
	h->n_used++;
	h->used[bucket / 64] |= UINT64_C(1) << bucket % 64;
	h->slot[slot_of(h, bucket)] = (struct ct_head){bucket, first};
}

void ct_heads_remove(struct ct_heads *h, uint32_t bucket)
{
	uint32_t i = slot_of(h, bucket);

	h->n_used--;
	h->used[bucket / 64] &= ~(UINT64_C(1) << bucket % 64);
	if (ct_heads_whole(h))
		h->slot[i].link.node = CT_FREE;
	else
		take_away(h, i);
}

uint32_t ct_heads_next(const struct ct_heads *h, uint32_t bucket)
{
	uint32_t n_words = (h->buckets + 63) / 64, i = bucket / 64;

	if (bucket >= h->buckets || !h->n_used) /* sweeps over an empty table are half a million a year */
		return h->buckets;
	uint64_t word = h->used[i] >> bucket % 64 << bucket % 64;
	while (!word && ++i < n_words)
		word = h->used[i];
	return word ? i * 64 + (uint32_t)__builtin_ctzll(word) : h->buckets;
}
