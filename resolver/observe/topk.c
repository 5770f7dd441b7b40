/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots in no order; a small index finds a key's slot, and the smallest count is
 * found by going round. The index holds at most half as many names as places.
 */
#include "resolver/observe/topk.h"

#include <string.h>

#define GET_TRIES 16 /* then the writer died in between, or is very busy */

static uint64_t peek(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void poke(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static void turn_begin(struct topk *t, size_t i)
{
	__atomic_store_n(&t->turn[i], t->turn[i] | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void turn_end(struct topk *t, size_t i)
{
	__atomic_store_n(&t->turn[i], (t->turn[i] | 1) + 1, __ATOMIC_RELEASE);
}

/* --- the index --- */

static size_t home(uint64_t hash)
{
	return hash & (TOPK_INDEX - 1);
}

/* Where the index names the slot of this key, or the free place where it would. */
static size_t index_find(const struct topk *t, const uint8_t *keys, size_t key_max, uint64_t hash,
			 const void *key, size_t len)
{
	size_t at = home(hash);

	for (;; at = (at + 1) & (TOPK_INDEX - 1)) {
		size_t i = t->index[at];

		if (i == 0 || (t->hash[i - 1] == hash && t->len[i - 1] == len &&
			       memcmp(keys + (i - 1) * key_max, key, len) == 0))
			return at;
	}
}

static void index_add(struct topk *t, size_t slot)
{
	size_t at = home(t->hash[slot]);

	while (t->index[at])
		at = (at + 1) & (TOPK_INDEX - 1);
	t->index[at] = (uint8_t)(slot + 1);
}

/* Those behind the gap move up, if that does not put them before their home. */
static void index_remove(struct topk *t, size_t slot)
{
	size_t at = home(t->hash[slot]);

	while (t->index[at] != slot + 1)
		at = (at + 1) & (TOPK_INDEX - 1);
	for (size_t next = at;;) {
		t->index[at] = 0;
		do {
			next = (next + 1) & (TOPK_INDEX - 1);
			if (t->index[next] == 0)
				return;
		} while (((next - home(t->hash[t->index[next] - 1])) & (TOPK_INDEX - 1)) <
			 ((next - at) & (TOPK_INDEX - 1)));
		t->index[at] = t->index[next];
		at = next;
	}
}

static void index_build(struct topk *t)
{
	memset(t->index, 0, sizeof(t->index));
	for (size_t i = 0; i < t->n; i++)
		index_add(t, i);
}

/* A slot with the smallest count. Counts only grow, so the search goes on where
 * it ended, and begins anew when a whole turn found none. */
static size_t smallest(struct topk *t)
{
	for (size_t n = 0; n < TOPK_SLOTS; n++) {
		size_t at = (t->least_at + n) % TOPK_SLOTS;

		if (t->count[at] == t->least) {
			t->least_at = (uint32_t)at;
			return at;
		}
	}
	t->least = t->count[0];
	t->least_at = 0;
	for (uint32_t i = 1; i < TOPK_SLOTS; i++) {
		if (t->count[i] < t->least) {
			t->least = t->count[i];
			t->least_at = i;
		}
	}
	return t->least_at;
}

static void slot_set(struct topk *t, uint8_t *keys, size_t key_max, size_t i,
		     const struct topk_entry *e, uint64_t hash)
{
	turn_begin(t, i);
	poke(&t->hash[i], hash);
	poke(&t->count[i], e->count);
	poke(&t->error[i], e->error);
	t->len[i] = e->len;
	memcpy(keys + i * key_max, e->key, e->len);
	turn_end(t, i);
}

void topk_add(struct topk *t, uint8_t *keys, size_t key_max, uint64_t hash, const void *key,
	      size_t len, uint64_t weight)
{
	struct topk_entry e;
	size_t at;

	if (len > key_max)
		len = key_max;
	if (len > TOPK_KEY_MAX)
		len = TOPK_KEY_MAX;
	poke(&t->total, t->total + weight);
	at = t->index[index_find(t, keys, key_max, hash, key, len)];
	if (at > 0) {
		poke(&t->count[at - 1], t->count[at - 1] + weight);
		return;
	}
	e.error = 0;
	at = t->n;
	if (at == TOPK_SLOTS) {
		at = smallest(t);
		e.error = t->count[at];
		index_remove(t, at);
	}
	e.count = e.error + weight;
	e.len = (uint8_t)len;
	memcpy(e.key, key, len);
	slot_set(t, keys, key_max, at, &e, hash);
	index_add(t, at);
	if (at == t->n)
		__atomic_store_n(&t->n, t->n + 1, __ATOMIC_RELEASE);
}

void topk_halve(struct topk *t, uint8_t *keys, size_t key_max, unsigned times)
{
	struct topk_entry last;

	if (times > 63)
		times = 63;
	poke(&t->total, t->total >> times);
	for (size_t i = t->n; i-- > 0;) {
		poke(&t->count[i], t->count[i] >> times);
		poke(&t->error[i], t->error[i] >> times);
		if (t->count[i])
			continue;
		size_t end = t->n - 1;

		if (i < end && topk_get(t, keys, key_max, end, &last))
			slot_set(t, keys, key_max, i, &last, t->hash[end]);
		__atomic_store_n(&t->n, (uint32_t)end, __ATOMIC_RELEASE);
	}
	t->least = 0;
	index_build(t);
}

void topk_repair(struct topk *t)
{
	if (t->n > TOPK_SLOTS)
		t->n = 0;
	for (size_t i = 0; i < TOPK_SLOTS; i++)
		turn_end(t, i);
	t->least = 0;
	index_build(t);
}

bool topk_get(const struct topk *t, const uint8_t *keys, size_t key_max, size_t i,
	      struct topk_entry *ret)
{
	if (i >= TOPK_SLOTS || i >= __atomic_load_n(&t->n, __ATOMIC_ACQUIRE))
		return false;
	for (int tries = 0; tries < GET_TRIES; tries++) {
		uint32_t turn = __atomic_load_n(&t->turn[i], __ATOMIC_ACQUIRE);

		ret->count = peek(&t->count[i]);
		ret->error = peek(&t->error[i]);
		ret->len = t->len[i];
		if (ret->len > key_max)
			ret->len = (uint8_t)key_max;
		memcpy(ret->key, keys + i * key_max, ret->len);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(turn & 1) && turn == __atomic_load_n(&t->turn[i], __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

uint64_t topk_floor(const struct topk *t)
{
	uint64_t least = UINT64_MAX;

	if (t->n < TOPK_SLOTS)
		return 0;
	for (size_t i = 0; i < TOPK_SLOTS; i++)
		if (peek(&t->count[i]) < least)
			least = peek(&t->count[i]);
	return least;
}
