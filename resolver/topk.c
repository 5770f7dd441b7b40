/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots are scanned: 128 hashes are two KiB next to each other, and a scan of
 * them costs less than keeping an order would.
 */
#include "resolver/topk.h"

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

static size_t find(const struct topk *t, const uint8_t *keys, size_t key_max, uint64_t hash, const void *key,
		   size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->hash[i] == hash && t->len[i] == len && memcmp(keys + i * key_max, key, len) == 0)
			return i;
	return t->n;
}

static size_t smallest(const struct topk *t)
{
	size_t at = 0;

	for (size_t i = 1; i < t->n; i++)
		if (t->count[i] < t->count[at])
			at = i;
	return at;
}

static void slot_set(struct topk *t, uint8_t *keys, size_t key_max, size_t i, const struct topk_entry *e,
		     uint64_t hash)
{
	turn_begin(t, i);
	poke(&t->hash[i], hash);
	poke(&t->count[i], e->count);
	poke(&t->error[i], e->error);
	t->len[i] = e->len;
	memcpy(keys + i * key_max, e->key, e->len);
	turn_end(t, i);
}

void topk_add(struct topk *t, uint8_t *keys, size_t key_max, uint64_t hash, const void *key, size_t len,
	      uint64_t weight)
{
	struct topk_entry e;
	size_t at;

	if (len > key_max)
		len = key_max;
	if (len > TOPK_KEY_MAX)
		len = TOPK_KEY_MAX;
	if (t->n > TOPK_SLOTS)
		t->n = 0; /* a writer before us left it so */
	poke(&t->total, t->total + weight);
	at = find(t, keys, key_max, hash, key, len);
	if (at < t->n) {
		poke(&t->count[at], t->count[at] + weight);
		return;
	}
	e.error = 0;
	if (t->n == TOPK_SLOTS) {
		at = smallest(t);
		e.error = t->count[at];
	}
	e.count = e.error + weight;
	e.len = (uint8_t)len;
	memcpy(e.key, key, len);
	slot_set(t, keys, key_max, at, &e, hash);
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
}

bool topk_get(const struct topk *t, const uint8_t *keys, size_t key_max, size_t i, struct topk_entry *ret)
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
