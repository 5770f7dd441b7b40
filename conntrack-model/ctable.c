/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet path of the connection table: look up, make an entry, confirm it,
 * evict when full. Follows nf_conntrack_in, __nf_conntrack_alloc, early_drop
 * and __nf_conntrack_confirm of nf_conntrack_core.c; each lookup frees the
 * expired entries it walks over, as the kernel's does, because on a small hash
 * that is where most dead entries go.
 */
#include <assert.h>
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"
#include "lib/base/clock.h"

#define EARLY_DROP_BUCKETS 8
#define CLASH_LIFE_S 1
#define REMAP_TRIES 128

struct ctable *ctable_new(const struct ct_conf *c)
{
	struct ctable *t = calloc(1, sizeof(*t));

	assert(c->buckets > 0 && c->hz > 0);
	if (!t)
		return NULL;
	t->conf = *c;
	t->rules = ct_rules_of(c->kernel);
	if (!ct_heads_init(&t->heads, c->buckets)) {
		ctable_free(t);
		return NULL;
	}
	rng_seed_stream(&t->rng, c->seed, 0x6374);
	t->key = (struct hash_key){rng_u64(&t->rng), rng_u64(&t->rng)};
	t->free_list = UINT32_MAX;
	/* an idle worker sweeps about once a minute: somewhere in that */
	uint64_t phase_j = rng_below(&t->rng, 60ull * c->hz);
	t->gc.due_j = c->gc_first_ns == T_NEVER ? phase_j : ct_jiffies(t, c->gc_first_ns);
	return t;
}

void ctable_free(struct ctable *t)
{
	if (!t)
		return;
	ct_heads_release(&t->heads);
	free(t->entry);
	free(t);
}

/* --- lookups --- */

/* The walk of ____nf_conntrack_find and nf_conntrack_tuple_taken: frees expired
 * entries until it meets the tuple. Returns the node, or 0. */
static uint32_t find_evicting(struct ctable *t, const struct ct_tuple *tuple, uint32_t bucket)
{
	uint32_t node = ct_heads_get(&t->heads, bucket);

	while (node) {
		uint32_t id = ct_node_entry(node);
		struct ct_entry *e = &t->entry[id];
		if (ct_expired(e, t->now_j)) {
			ct_kill(t, id); /* may have changed what led here */
			t->stats.expired_lookup++;
			node = ct_heads_get(&t->heads, bucket);
			continue;
		}
		if (ct_tuple_eq(&e->tuple[ct_node_dir(node)], tuple))
			return node;
		node = e->next[ct_node_dir(node)];
	}
	return 0;
}

/* Walks of buckets that have nothing to do with ours: nothing matches. */
static void other_walks(struct ctable *t, double n)
{
	if (ctable_empty(t))
		return;
	for (t->walks_due += n; t->walks_due >= 1; t->walks_due -= 1) {
		uint32_t bucket = (uint32_t)rng_below(&t->rng, t->conf.buckets);
		uint32_t node = ct_heads_get(&t->heads, bucket);
		while (node) {
			uint32_t id = ct_node_entry(node);
			if (!ct_expired(&t->entry[id], t->now_j)) {
				node = t->entry[id].next[ct_node_dir(node)];
				continue;
			}
			ct_kill(t, id);
			t->stats.expired_lookup++;
			node = ct_heads_get(&t->heads, bucket);
		}
	}
}

void ctable_advance(struct ctable *t, uint64_t now_ns)
{
	assert(now_ns >= t->now_ns);
	uint64_t now_j = ct_jiffies(t, now_ns);
	while (t->gc.due_j <= now_j) {
		t->now_j = t->gc.due_j;
		ct_gc_slice(t);
		ct_gc_idle(t, now_j);
	}
	t->now_j = now_j;
	if (t->conf.other_walks_per_s > 0)
		other_walks(t, (double)(now_ns - t->now_ns) / 1e9 * t->conf.other_walks_per_s);
	t->now_ns = now_ns;
}

/* --- making room --- */

static unsigned evict_bucket(struct ctable *t, uint32_t bucket, uint8_t netns)
{
	unsigned n = 0;
	uint32_t node = ct_heads_get(&t->heads, bucket);

	while (node) {
		uint32_t id = ct_node_entry(node);
		struct ct_entry *e = &t->entry[id];
		bool expired = ct_expired(e, t->now_j);
		if (!expired && ((e->status & CTS_ASSURED) || e->tuple[0].netns != netns)) {
			node = e->next[ct_node_dir(node)];
			continue;
		}
		ct_kill(t, id);
		if (expired)
			t->stats.expired_lookup++;
		else
			n++;
		node = ct_heads_get(&t->heads, bucket);
	}
	return n;
}

static bool early_drop(struct ctable *t, uint32_t bucket, uint8_t netns)
{
	for (unsigned i = 0; i < EARLY_DROP_BUCKETS; i++) {
		unsigned n = evict_bucket(t, bucket, netns);
		if (n) {
			t->stats.early_drop += n;
			t->ns[netns].early_drop += n;
			return true;
		}
		bucket = (bucket + 1) % t->conf.buckets;
	}
	return false;
}

static bool pool_grow(struct ctable *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 1024;

	if (cap > UINT32_MAX / 4)
		return false;
	struct ct_entry *e = realloc(t->entry, cap * sizeof(*e));
	if (!e)
		return false;
	t->entry = e;
	t->cap = cap;
	return true;
}

/* Room for one entry by the rules of a full table. 0 and an index, or a verdict. */
static enum ct_verdict entry_alloc(struct ctable *t, uint32_t bucket, uint8_t netns,
				   uint32_t *ret_id)
{
	if (t->conf.max && t->count[netns] + 1 > t->conf.max && !early_drop(t, bucket, netns)) {
		t->gc.early_drop = true;
		t->stats.drop++;
		t->stats.table_full++;
		t->ns[netns].table_full++;
		return CT_DROP_FULL;
	}
	/* two buckets for its two directions */
	if (!ct_heads_room(&t->heads, 2))
		return CT_NO_MEMORY;
	if (t->free_list != UINT32_MAX) {
		*ret_id = t->free_list;
		t->free_list = t->entry[*ret_id].next[0];
	} else {
		if (t->n_entries == t->cap && !pool_grow(t))
			return CT_NO_MEMORY;
		*ret_id = t->n_entries++;
	}
	t->entry[*ret_id] = (struct ct_entry){.status = CTS_USED};
	if (++t->count[netns] > t->ns[netns].peak)
		t->ns[netns].peak = t->count[netns];
	if (t->count[netns] > t->stats.peak)
		t->stats.peak = t->count[netns];
	return CT_NEW;
}

/* An entry that never got into the hash. */
static void entry_undo(struct ctable *t, uint32_t id, uint8_t netns)
{
	t->count[netns]--;
	t->entry[id].status = 0;
	t->entry[id].next[0] = t->free_list;
	t->free_list = id;
}

static bool chain_too_long(struct ctable *t, uint32_t bucket)
{
	unsigned n = 0;

	if (!t->rules->chain_min)
		return false;
	unsigned limit = t->rules->chain_min + (unsigned)rng_below(&t->rng, t->rules->chain_spread);
	for (uint32_t node = ct_heads_get(&t->heads, bucket); node; n++)
		node = t->entry[ct_node_entry(node)].next[ct_node_dir(node)];
	return n > limit;
}

/* The reply tuple of a new flow, made unique when its NAT may do that. False:
 * it is taken and the confirm will fail. Walks the chain, evicting. */
static bool pick_reply(struct ctable *t, const struct ct_packet *p, struct ct_tuple *ret)
{
	if (p->reply)
		*ret = *p->reply;
	else
		ct_tuple_invert(ret, &p->tuple);
	if (!find_evicting(t, ret, ct_bucket(t, ret)))
		return true;
	for (unsigned i = 0; p->may_remap && i < REMAP_TRIES; i++) {
		ret->dport = (uint16_t)(1024 + rng_below(&t->rng, 65536 - 1024));
		if (!find_evicting(t, ret, ct_bucket(t, ret)))
			return true;
	}
	return false;
}

static enum ct_verdict refuse(struct ctable *t, uint32_t id, uint8_t netns, enum ct_verdict why)
{
	entry_undo(t, id, netns);
	t->stats.insert_failed++;
	if (why == CT_DROP_CHAIN)
		t->stats.chaintoolong++;
	else
		t->stats.drop++;
	return why;
}

static enum ct_verdict flow_new(struct ctable *t, const struct ct_packet *p, uint32_t bucket,
				struct ct_tuple *ret_reply)
{
	uint8_t netns = p->tuple.netns;
	uint32_t id;
	struct ct_tuple reply;
	enum ct_verdict v = entry_alloc(t, bucket, netns, &id);

	if (v != CT_NEW)
		return v;
	if (!ct_proto_new(t, &t->entry[id], p)) {
		entry_undo(t, id, netns);
		t->stats.invalid++;
		return CT_INVALID;
	}
	if (!pick_reply(t, p, &reply))
		return refuse(t, id, netns, CT_DROP_CLASH);
	struct ct_entry *e = &t->entry[id];
	e->tuple[0] = p->tuple;
	e->tuple[1] = reply;
	e->bucket[0] = bucket;
	e->bucket[1] = ct_bucket(t, &reply);
	if (chain_too_long(t, e->bucket[0]) || chain_too_long(t, e->bucket[1]))
		return refuse(t, id, netns, CT_DROP_CHAIN);
	ct_chain_add(t, id, 0);
	ct_chain_add(t, id, 1);
	t->stats.new_flows++;
	t->ns[netns].new_flows++;
	if (ret_reply)
		*ret_reply = reply;
	return CT_NEW;
}

enum ct_verdict ctable_packet(struct ctable *t, uint64_t now_ns, const struct ct_packet *p,
			      struct ct_tuple *ret_reply)
{
	assert(p->tuple.netns < CT_NETNS_MAX);
	ctable_advance(t, now_ns);
	uint32_t bucket = ct_bucket(t, &p->tuple);
	uint32_t node = find_evicting(t, &p->tuple, bucket);
	if (!node)
		return flow_new(t, p, bucket, ret_reply);

	uint32_t id = ct_node_entry(node);
	unsigned dir = ct_node_dir(node);
	struct ct_tuple other = t->entry[id].tuple[!dir];
	enum ct_verdict v = dir ? CT_REPLY : CT_ORIG;
	switch (ct_proto_packet(t, &t->entry[id], dir, p)) {
	case CT_STEP_KEEP:
		break;
	case CT_STEP_INVALID:
		t->stats.invalid++;
		v = CT_INVALID;
		break;
	case CT_STEP_KILL:
		ct_kill(t, id);
		break;
	case CT_STEP_REOPEN:
		ct_kill(t, id);
		return flow_new(t, p, bucket, ret_reply);
	}
	if (ret_reply)
		*ret_reply = other;
	return v;
}

enum ct_verdict ctable_unconfirmed(struct ctable *t, uint64_t now_ns, const struct ct_packet *p)
{
	uint8_t netns = p->tuple.netns;
	uint32_t id;

	ctable_advance(t, now_ns);
	uint32_t bucket = ct_bucket(t, &p->tuple);
	find_evicting(t, &p->tuple, bucket);
	enum ct_verdict v = entry_alloc(t, bucket, netns, &id);
	return v == CT_NEW ? refuse(t, id, netns, CT_DROP_CLASH) : v;
}

/* nf_ct_resolve_clash: same NAT result, the loser joins the winner; another
 * one, it is kept by its reply direction for a second (5.7 and later). */
enum ct_verdict ctable_race(struct ctable *t, uint64_t now_ns, const struct ct_packet *p)
{
	struct ct_tuple reply;
	uint32_t id;

	ctable_advance(t, now_ns);
	uint32_t bucket = ct_bucket(t, &p->tuple);
	uint32_t node = find_evicting(t, &p->tuple, bucket);
	if (!node)
		return ctable_packet(t, now_ns, p, NULL);
	if (p->reply)
		reply = *p->reply;
	else
		ct_tuple_invert(&reply, &p->tuple);
	if (ct_tuple_eq(&reply, &t->entry[ct_node_entry(node)].tuple[1])) {
		t->stats.clash_resolve++;
		return CT_ORIG;
	}
	enum ct_verdict v = entry_alloc(t, bucket, p->tuple.netns, &id);
	if (v != CT_NEW)
		return v;
	uint32_t reply_bucket = ct_bucket(t, &reply);
	if (!t->rules->clash_kept || find_evicting(t, &reply, reply_bucket))
		return refuse(t, id, p->tuple.netns, CT_DROP_CLASH);
	t->entry[id] = (struct ct_entry){
		.tuple = {p->tuple, reply},
		.bucket = {bucket, reply_bucket},
		.status = CTS_USED | CTS_NAT_CLASH | CTS_REPLY_ONLY,
		.expires_j = t->now_j + CLASH_LIFE_S * t->conf.hz,
	};
	ct_chain_add(t, id, 1);
	t->stats.clash_resolve++;
	t->stats.new_flows++;
	t->ns[p->tuple.netns].new_flows++;
	return CT_NEW;
}
