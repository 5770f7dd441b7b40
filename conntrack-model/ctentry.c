/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries in their chains, and the table's own clock: what the packet path, the
 * gc and those who only look all stand on.
 */
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"
#include "lib/base/clock.h"
#include "lib/base/sip.h"

_Static_assert(CT_KEPT == 1 << 6, "kept_at gives six bits");

uint64_t ct_jiffies(const struct ctable *t, uint64_t now_ns)
{
	return now_ns / NS_PER_S * t->conf.hz + now_ns % NS_PER_S * t->conf.hz / NS_PER_S;
}

struct ct_spot ct_spot_of(const struct ctable *t, const struct ct_tuple *tuple)
{
	uint64_t hash = sip13(&t->key, tuple, sizeof(*tuple));

	/* reciprocal_scale() of its upper half */
	return (struct ct_spot){(uint32_t)((hash >> 32) * t->conf.buckets >> 32), (uint8_t)hash};
}

static unsigned kept_at(const struct ct_tuple *tuple)
{
	return ct_tuple_print(tuple) * 0x9e3779b1u >> 26;
}

void ct_spot_keep(struct ctable *t, const struct ct_tuple *reply, struct ct_spot at)
{
	t->kept[kept_at(reply)] = (struct ct_kept){*reply, at};
}

bool ct_spot_kept(const struct ctable *t, const struct ct_tuple *tuple, struct ct_spot *ret)
{
	const struct ct_kept *k = &t->kept[kept_at(tuple)];

	*ret = k->at;
	return ct_tuple_eq(&k->tuple, tuple);
}

/* --- the pool --- */

bool ct_pool_room(struct ctable *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 1024;

	if (!ct_wides_room(&t->wides))
		return false;
	if (t->free_list != UINT32_MAX || t->n_entries < t->cap)
		return true;
	if (cap > UINT32_MAX / 4)
		return false;
	struct ct_entry *e = ct_memory(t->entry, t->n_entries * sizeof(*e), cap * sizeof(*e));
	if (!e)
		return false;
	free(t->entry);
	t->entry = e;
	t->cap = cap;
	return true;
}

uint32_t ct_pool_take(struct ctable *t)
{
	uint32_t id = t->free_list;

	if (id == UINT32_MAX)
		return t->n_entries++;
	t->free_list = t->entry[id].stream_j;
	if (t->free_list != UINT32_MAX)
		__builtin_prefetch(&t->entry[t->free_list], 1);
	return id;
}

void ct_pool_give(struct ctable *t, uint32_t id)
{
	t->entry[id].status = 0;
	t->entry[id].stream_j = t->free_list;
	t->free_list = id;
}

/* --- in their chains --- */

static unsigned first_dir(const struct ct_entry *e)
{
	return e->status & CTS_REPLY_ONLY ? 1 : 0;
}

void ct_kill(struct ctable *t, uint32_t id)
{
	struct ct_entry *e = &t->entry[id];

	for (unsigned dir = first_dir(e); dir < 2; dir++)
		ct_chain_remove(&t->chains, e->bucket[dir], ct_node(id, dir));
	t->count[e->key[0].netns]--;
	ct_key_give(&t->wides, &e->key[0]);
	ct_key_give(&t->wides, &e->key[1]);
	ct_pool_give(t, id);
}

void ct_refreshed(struct ctable *t, uint32_t id)
{
	const struct ct_entry *e = &t->entry[id];

	for (unsigned dir = first_dir(e); dir < 2; dir++)
		ct_chain_refresh(&t->chains, e->bucket[dir], (struct ct_link){(uint32_t)e->expires_j, ct_node(id, dir)});
}

struct dead { /* entries that a walk has met */
	uint32_t n, entry[32];
};

/* Looks on until it is found, or too many are dead. */
static uint32_t look(const struct ctable *t, const struct ct_tuple *tuple, struct ct_spot at, struct dead *ret)
{
	struct ct_turn w = ct_chain_wanted(&t->chains, at, t->now_j);
	const struct ct_link *l;

	while (ret->n < sizeof(ret->entry) / sizeof(ret->entry[0]) && (l = ct_chain_next(&t->chains, &w))) {
		if (ct_link_expired(l, t->now_j))
			ret->entry[ret->n++] = ct_node_entry(l->node);
		else if (tuple && ct_key_is(&t->wides, &t->entry[ct_node_entry(l->node)].key[ct_node_dir(l->node)], tuple))
			return l->node;
	}
	return CT_NO_NODE;
}

uint32_t ct_walk(struct ctable *t, const struct ct_tuple *tuple, struct ct_spot at)
{
	uint32_t node;
	struct dead dead;

	do {
		dead.n = 0;
		node = look(t, tuple, at, &dead);
		for (uint32_t i = 0; i < dead.n; i++) {
			if (!t->entry[dead.entry[i]].status)
				continue; /* its other direction was in the same bucket */
			ct_kill(t, dead.entry[i]);
			t->stats.expired_lookup++;
		}
	} while (dead.n == sizeof(dead.entry) / sizeof(dead.entry[0]));
	return node;
}

bool ctable_empty(const struct ctable *t)
{
	for (unsigned i = 0; i < CT_NETNS_MAX; i++)
		if (t->count[i])
			return false;
	return true;
}
