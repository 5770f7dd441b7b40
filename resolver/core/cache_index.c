/* SPDX-License-Identifier: Apache-2.0 */
/* The cache's index: open addressing with linear probing, no tombstones. */
#include "resolver/core/cache_int.h"

#include <assert.h>
#include <string.h>

#include "lib/hot.h"

static uint32_t home_of(const struct cache *c, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * c->n_slots >> 32);
}

static struct entry *slot_entry(const struct cache *c, const struct cache_slot *s)
{
	return (struct entry *)(void *)(c->block + ((size_t)s->at - 1) * 8);
}

static bool same_name(const struct entry *e, const struct cache_key *k)
{
	return e->hash == k->hash && e->name_len == k->name_len &&
	       memcmp(entry_name(e), k->name, k->name_len) == 0;
}

static bool same_key(const struct entry *e, const struct cache_key *k, uint16_t qtype)
{
	return e->qtype == qtype && e->qclass == k->qclass && e->key_flags == k->key_flags &&
	       same_name(e, k);
}

HOT void cache_find(const struct cache *c, const struct cache_key *k, struct cache_hit *ret)
{
	uint32_t exact = tag_of(k->hash, k->qtype, k->qclass, k->key_flags);
	uint32_t whole = tag_of(k->hash, 0, k->qclass, k->key_flags);

	ret->exact = NULL;
	ret->nxdomain = NULL;
	for (uint32_t i = home_of(c, k->hash); c->slot[i].at; i = i + 1 == c->n_slots ? 0 : i + 1) {
		const struct cache_slot *s = &c->slot[i];

		if (s->tag == exact && same_key(slot_entry(c, s), k, k->qtype))
			ret->exact = slot_entry(c, s);
		else if (s->tag == whole && same_key(slot_entry(c, s), k, 0))
			ret->nxdomain = slot_entry(c, s);
	}
}

bool cache_name_known(const struct cache *c, const struct cache_key *k)
{
	for (uint32_t i = home_of(c, k->hash); c->slot[i].at; i = i + 1 == c->n_slots ? 0 : i + 1) {
		const struct entry *e = slot_entry(c, &c->slot[i]);

		if (same_name(e, k) && e->kind != ANSWER_NXDOMAIN)
			return true;
	}
	return false;
}

struct cache_slot *slot_of(const struct cache *c, const struct entry *e)
{
	uint32_t at = entry_at(c, e);
	uint32_t i = home_of(c, e->hash);

	while (c->slot[i].at != at) {
		assert(c->slot[i].at);
		i = i + 1 == c->n_slots ? 0 : i + 1;
	}
	return &c->slot[i];
}

void slot_add(struct cache *c, const struct entry *e)
{
	uint32_t i = home_of(c, e->hash);

	while (c->slot[i].at)
		i = i + 1 == c->n_slots ? 0 : i + 1;
	c->slot[i].tag = tag_of(e->hash, e->qtype, e->qclass, e->key_flags);
	c->slot[i].at = entry_at(c, e);
	c->n_used++;
}

/* Deletion closes the gap (Knuth 6.4, algorithm R), so a walk may stop at the
 * first empty slot. */
void slot_drop(struct cache *c, struct cache_slot *s)
{
	uint32_t gap = (uint32_t)(s - c->slot), i = gap;

	for (;;) {
		uint32_t home;

		i = i + 1 == c->n_slots ? 0 : i + 1;
		if (!c->slot[i].at)
			break;
		home = home_of(c, slot_entry(c, &c->slot[i])->hash);
		/* It may move into the gap unless its home lies behind it. */
		if (gap <= i ? home > gap && home <= i : home > gap || home <= i)
			continue;
		c->slot[gap] = c->slot[i];
		gap = i;
	}
	c->slot[gap].at = 0;
	c->n_used--;
}

bool cache_next(const struct cache *c, size_t *cursor, const struct entry **ret)
{
	/* Slots do not move while nobody inserts: the index is the list. */
	while (*cursor < c->n_slots) {
		const struct cache_slot *s = &c->slot[(*cursor)++];

		if (s->at) {
			*ret = slot_entry(c, s);
			return true;
		}
	}
	return false;
}
