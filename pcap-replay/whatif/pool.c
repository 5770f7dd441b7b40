/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists run through the entries: by arrival and by use. `item` 0 is the
 * sentinel of both; items in use are 1..n without gaps, so a random one is a
 * random number.
 */
#include "pcap-replay/whatif/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/rng.h"

const char *const pool_text[POOL_POLICIES] = {"random", "FIFO", "LRU", "LRU, dead first",
					      "no limit"};

enum list { BY_ARRIVAL, BY_USE, LISTS };

struct item {
	uint64_t key, expires_ns;
	uint32_t size, chain;
	uint32_t prev[LISTS], next[LISTS]; /* prev: older */
};

struct pool {
	enum pool_policy policy;
	struct rng rng;
	size_t budget, used, peak;
	uint32_t n, max, mask; /* items; buckets less one */
	uint32_t *bucket;
	struct item *item;     /* item[0..max] */
};

struct pool *pool_new(enum pool_policy policy, size_t budget, uint32_t max_items, uint64_t seed)
{
	struct pool *p = calloc(1, sizeof(*p));
	uint32_t buckets = 4;

	if (!p)
		return NULL;
	while (buckets < max_items / 2)
		buckets *= 2;
	*p = (struct pool){.policy = policy, .budget = budget, .max = max_items, .mask = buckets - 1};
	rng_seed(&p->rng, seed);
	p->item = calloc((size_t)max_items + 1, sizeof(*p->item));
	p->bucket = calloc(buckets, sizeof(*p->bucket));
	if (p->item && p->bucket)
		return p;
	pool_free(p);
	return NULL;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	free(p->item);
	free(p->bucket);
	free(p);
}

size_t pool_peak(const struct pool *p)
{
	return p->peak;
}

/* --- lists and buckets --- */

static void list_drop(struct pool *p, enum list l, uint32_t i)
{
	struct item *x = &p->item[i];

	p->item[x->prev[l]].next[l] = x->next[l];
	p->item[x->next[l]].prev[l] = x->prev[l];
}

static void list_append(struct pool *p, enum list l, uint32_t i)
{
	uint32_t last = p->item[0].prev[l];

	p->item[i].prev[l] = last;
	p->item[i].next[l] = 0;
	p->item[last].next[l] = i;
	p->item[0].prev[l] = i;
}

static uint32_t *link_of(struct pool *p, uint64_t key)
{
	uint32_t *at = &p->bucket[key & p->mask];

	while (*at && p->item[*at].key != key)
		at = &p->item[*at].chain;
	return at;
}

/* Places stay dense: the last item moves into the gap. */
static void item_drop(struct pool *p, uint32_t i)
{
	struct item *x = &p->item[i];

	*link_of(p, x->key) = x->chain;
	p->used -= x->size;
	for (enum list l = 0; l < LISTS; l++)
		list_drop(p, l, i);
	if (i != p->n) {
		uint32_t *from = link_of(p, p->item[p->n].key);

		*x = p->item[p->n];
		*from = i;
		for (enum list l = 0; l < LISTS; l++) {
			p->item[x->prev[l]].next[l] = i;
			p->item[x->next[l]].prev[l] = i;
		}
	}
	p->n--;
}

/* --- who goes --- */

static uint32_t victim(struct pool *p, uint64_t now_ns)
{
	uint32_t oldest = p->item[0].next[BY_ARRIVAL];

	switch (p->policy) {
	case POOL_RANDOM:
		return 1 + (uint32_t)rng_below(&p->rng, p->n);
	case POOL_LRU_DEAD:
		if (p->item[oldest].expires_ns <= now_ns)
			return oldest;
		return p->item[0].next[BY_USE];
	case POOL_LRU:
		return p->item[0].next[BY_USE];
	default:
		return oldest;
	}
}

/* Without a limit nothing leaves but by age, so `used` is what is alive. */
static void age(struct pool *p, uint64_t now_ns)
{
	uint32_t oldest;

	while ((oldest = p->item[0].next[BY_ARRIVAL]) && p->item[oldest].expires_ns <= now_ns)
		item_drop(p, oldest);
}

bool pool_find(struct pool *p, uint64_t key, uint64_t now_ns)
{
	uint32_t i = *link_of(p, key);

	if (!i || p->item[i].expires_ns <= now_ns)
		return false;
	list_drop(p, BY_USE, i);
	list_append(p, BY_USE, i);
	return true;
}

void pool_put(struct pool *p, uint64_t key, size_t size, uint64_t expires_ns, uint64_t now_ns)
{
	uint32_t i = *link_of(p, key);

	if (i)
		item_drop(p, i);
	if (p->policy == POOL_INFINITE)
		age(p, now_ns);
	else if (size > p->budget)
		return;
	while (p->policy != POOL_INFINITE && p->used + size > p->budget)
		item_drop(p, victim(p, now_ns));
	assert(p->n < p->max);
	i = ++p->n;
	p->item[i] = (struct item){.key = key, .expires_ns = expires_ns, .size = (uint32_t)size};
	*link_of(p, key) = i;
	for (enum list l = 0; l < LISTS; l++)
		list_append(p, l, i);
	p->used += size;
	if (p->used > p->peak)
		p->peak = p->used;
}
