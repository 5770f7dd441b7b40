/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries in their chains, and the table's own clock: what the packet path, the
 * gc and those who only look all stand on.
 */
#include <assert.h>

#include "conntrack-model/ctable_int.h"
#include "lib/base/clock.h"

uint64_t ct_jiffies(const struct ctable *t, uint64_t now_ns)
{
	return now_ns / NS_PER_S * t->conf.hz + now_ns % NS_PER_S * t->conf.hz / NS_PER_S;
}

/* reciprocal_scale() of the hash's upper half */
uint32_t ct_bucket(const struct ctable *t, const struct ct_tuple *tuple)
{
	return (uint32_t)((hash_sip13(&t->key, tuple, sizeof(*tuple)) >> 32) * t->conf.buckets >>
			  32);
}

void ct_chain_add(struct ctable *t, uint32_t id, unsigned dir)
{
	struct ct_entry *e = &t->entry[id];

	e->next[dir] = ct_heads_get(&t->heads, e->bucket[dir]);
	ct_heads_set(&t->heads, e->bucket[dir], ct_node(id, dir));
}

static void chain_remove(struct ctable *t, uint32_t id, unsigned dir)
{
	uint32_t want = ct_node(id, dir), bucket = t->entry[id].bucket[dir];
	uint32_t node = ct_heads_get(&t->heads, bucket), *link = NULL;

	while (node != want) {
		assert(node);
		link = &t->entry[ct_node_entry(node)].next[ct_node_dir(node)];
		node = *link;
	}
	if (link)
		*link = t->entry[id].next[dir];
	else
		ct_heads_set(&t->heads, bucket, t->entry[id].next[dir]);
}

void ct_kill(struct ctable *t, uint32_t id)
{
	struct ct_entry *e = &t->entry[id];

	if (!(e->status & CTS_REPLY_ONLY))
		chain_remove(t, id, 0);
	chain_remove(t, id, 1);
	t->count[e->tuple[0].netns]--;
	e->status = 0;
	e->next[0] = t->free_list;
	t->free_list = id;
}

bool ctable_empty(const struct ctable *t)
{
	for (unsigned i = 0; i < CT_NETNS_MAX; i++)
		if (t->count[i])
			return false;
	return true;
}
