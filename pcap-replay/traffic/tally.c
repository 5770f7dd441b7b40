/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing; rows never move, so counters can be held on to. */
#include "pcap-replay/traffic/tally.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/rng.h"

struct tally {
	struct budget *budget;
	size_t share, used;
	struct hash_key key;
	struct tally_row **slot; /* open addressing, at most half full */
	size_t n_slots, n;
	uint64_t untold;
	struct tally_row **memo; /* rows found lately, MEMO of them: the same few are asked for again and again */
	struct tally_row others;
};

#define MEMO 512

static bool take(struct tally *t, size_t n)
{
	if (n > t->share - t->used)
		return false;
	t->used += n;
	return true;
}

struct tally *tally_new(struct budget *b, size_t share)
{
	struct tally *t = b && !budget_take(b, share) ? NULL : calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->budget = b;
	t->share = share;
	t->n_slots = 256;
	t->slot = take(t, t->n_slots * sizeof(struct tally_row *)) ? calloc(t->n_slots, sizeof(struct tally_row *)) : NULL;
	t->memo = take(t, MEMO * sizeof(struct tally_row *)) ? calloc(MEMO, sizeof(struct tally_row *)) : NULL;
	rng_os_bytes(&t->key, sizeof(t->key));
	if (!t->slot || !t->memo) {
		tally_free(t);
		return NULL;
	}
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	for (size_t i = 0; t->slot && i < t->n_slots; i++)
		free(t->slot[i]);
	free(t->slot);
	free(t->memo);
	if (t->budget)
		budget_give(t->budget, t->share);
	free(t);
}

static size_t slot_of(const struct tally *t, const void *key, size_t len, uint64_t hash)
{
	size_t at = hash & (t->n_slots - 1);
	while (t->slot[at] && (t->slot[at]->hash != hash || t->slot[at]->key_len != len || memcmp(t->slot[at]->key, key, len)))
		at = (at + 1) & (t->n_slots - 1);
	return at;
}

/* Where a key would be remembered: of its octets only, so it can be made to miss, and misses cost
 * what they did before. */
static struct tally_row **memo_of(const struct tally *t, const uint8_t *key, size_t len)
{
	uint64_t a = 0, b = 0;
	memcpy(&a, key + (len >= 16 ? 8 : 0), len < 8 ? len : 8);
	if (len >= 16)
		memcpy(&b, key + len - 8, 8);
	return &t->memo[((a ^ (b << 17 | b >> 47)) * 0x9e3779b97f4a7c15u + len) >> 55];
}

static bool is_row(const struct tally_row *r, const void *key, size_t len)
{
	return r && r->key_len == len && !memcmp(r->key, key, len);
}

static bool grow(struct tally *t)
{
	size_t old = t->n_slots;
	if ((t->n + 1) * 2 <= old)
		return true;
	struct tally_row **before = t->slot;
	if (!take(t, old * sizeof(struct tally_row *)))
		return false;
	struct tally_row **bigger = calloc(old * 2, sizeof(struct tally_row *));
	if (!bigger)
		return false;
	t->slot = bigger;
	t->n_slots = old * 2;
	for (size_t i = 0; i < old; i++)
		if (before[i])
			t->slot[slot_of(t, before[i]->key, before[i]->key_len, before[i]->hash)] = before[i];
	free(before);
	return true;
}

/* NULL: no room for a new key. */
static struct tally_row *row_of(struct tally *t, const void *key, size_t len, uint64_t hash)
{
	size_t at = slot_of(t, key, len, hash);
	if (t->slot[at])
		return t->slot[at];
	struct tally_row *r = grow(t) && take(t, sizeof(*r) + len) ? malloc(sizeof(*r) + len) : NULL;
	if (!r) {
		t->untold++;
		return NULL;
	}
	memset(r, 0, sizeof(*r));
	r->hash = hash;
	r->key_len = (uint16_t)len;
	memcpy(r->key, key, len);
	t->slot[slot_of(t, key, len, hash)] = r;
	t->n++;
	return r;
}

uint64_t *tally_at_hash(struct tally *t, const void *key, size_t len, uint64_t hash)
{
	struct tally_row *r = row_of(t, key, len, hash);
	return r ? r->n : t->others.n;
}

uint64_t *tally_at(struct tally *t, const void *key, size_t len)
{
	struct tally_row **memo = memo_of(t, key, len);
	if (is_row(*memo, key, len))
		return (*memo)->n;
	struct tally_row *r = row_of(t, key, len, hash_sip13(&t->key, key, len));
	if (!r)
		return t->others.n;
	*memo = r;
	return r->n;
}

const struct tally_row *tally_find(const struct tally *t, const void *key, size_t len)
{
	struct tally_row **memo = memo_of(t, key, len);
	if (!is_row(*memo, key, len))
		*memo = t->slot[slot_of(t, key, len, hash_sip13(&t->key, key, len))];
	return *memo;
}

const struct tally_row *tally_next(const struct tally *t, size_t *cursor)
{
	while (*cursor < t->n_slots)
		if (t->slot[(*cursor)++])
			return t->slot[*cursor - 1];
	return NULL;
}

size_t tally_count(const struct tally *t)
{
	return t->n;
}

uint64_t tally_untold(const struct tally *t)
{
	return t->untold;
}

/* Equal counts: by key, so that two runs say the same. */
static bool is_above(const struct tally_row *a, const struct tally_row *b, unsigned by)
{
	if (a->n[by] != b->n[by])
		return a->n[by] > b->n[by];
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int c = memcmp(a->key, b->key, n);
	return c ? c < 0 : a->key_len < b->key_len;
}

size_t tally_top(const struct tally *t, unsigned by, const struct tally_row **ret, size_t n)
{
	size_t have = 0;
	for (size_t i = 0; i < t->n_slots; i++) {
		const struct tally_row *r = t->slot[i];
		if (!r || !r->n[by] || (have == n && !is_above(r, ret[n - 1], by)))
			continue;
		size_t at = have < n ? have++ : n - 1;
		for (; at > 0 && is_above(r, ret[at - 1], by); at--)
			ret[at] = ret[at - 1];
		ret[at] = r;
	}
	return have;
}
