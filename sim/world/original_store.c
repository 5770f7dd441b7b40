/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard is an array in no order; a full one gives up any of its entries, whether it has run
 * out or not, as a Go map does whose first entry by iteration is deleted.
 */
#include "sim/world/original_store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define SHARDS 256
#define CAP_MIN 1024

struct item {
	uint64_t key, stored_ns;
	uint32_t ttl_s, len;
	uint8_t *msg;
};
struct original_store {
	unsigned shard_cap;
	unsigned n[SHARDS];
	struct item *item[SHARDS];
};

struct original_store *original_store_new(unsigned cap)
{
	struct original_store *s = calloc(1, sizeof(*s));

	if (s)
		s->shard_cap = (cap < CAP_MIN ? CAP_MIN : cap) / SHARDS;
	return s;
}

void original_store_free(struct original_store *s)
{
	for (unsigned i = 0; s && i < SHARDS; i++) {
		for (unsigned k = 0; k < s->n[i]; k++)
			free(s->item[i][k].msg);
		free(s->item[i]);
	}
	free(s);
}

static struct item *find(const struct original_store *s, uint64_t key)
{
	unsigned shard = key % SHARDS;

	for (unsigned k = 0; k < s->n[shard]; k++)
		if (s->item[shard][k].key == key)
			return &s->item[shard][k];
	return NULL;
}

const uint8_t *original_store_get(const struct original_store *s, uint64_t key, uint64_t now_ns, size_t *ret_len,
				  uint32_t *ret_ttl_s)
{
	const struct item *it = find(s, key);
	uint64_t age_s = it ? (now_ns - it->stored_ns) / NS_PER_S : 0;

	if (!it || age_s >= it->ttl_s)
		return NULL;
	*ret_len = it->len;
	*ret_ttl_s = it->ttl_s - (uint32_t)age_s;
	return it->msg;
}

bool original_store_put(struct original_store *s, struct rng *r, uint64_t key, uint64_t now_ns, uint32_t ttl_s,
			const uint8_t *msg, size_t len, bool *ret_evicted)
{
	unsigned shard = key % SHARDS;
	struct item *it = find(s, key);
	uint8_t *copy = malloc(len);

	*ret_evicted = false;
	if (!s->item[shard])
		s->item[shard] = calloc(s->shard_cap, sizeof(*it));
	if (!copy || !s->item[shard]) {
		free(copy);
		return false;
	}
	if (!it && s->n[shard] == s->shard_cap) {
		it = &s->item[shard][rng_below(r, s->shard_cap)];
		*ret_evicted = true;
	} else if (!it) {
		it = &s->item[shard][s->n[shard]++];
	}
	free(it->msg);
	memcpy(copy, msg, len);
	*it = (struct item){.key = key, .stored_ns = now_ns, .ttl_s = ttl_s, .len = (uint32_t)len, .msg = copy};
	return true;
}
