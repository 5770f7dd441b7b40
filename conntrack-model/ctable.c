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
#define CHAIN_SPREAD 30 /* MAX_CHAINLEN - MIN_CHAINLEN, of nf_conntrack_core.c */

struct ctable *ctable_new(const struct ct_conf *c)
{
	struct ctable *t = calloc(1, sizeof(*t));

	assert(c->buckets > 0 && c->hz > 0);
	if (!t)
		return NULL;
	t->conf = *c;
	t->rules = ct_rules_of(c->kernel);
	if (!ct_chains_init(&t->chains, c->buckets)) {
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
	ct_chains_release(&t->chains);
	free(t->wides.pair);
	free(t->entry);
	free(t);
}

/* --- lookups --- */

/* Walks of buckets that have nothing to do with ours: nothing matches. */
static void other_walks(struct ctable *t, double n)
{
	if (ctable_empty(t))
		return;
	for (t->walks_due += n; t->walks_due >= 1; t->walks_due -= 1)
		ct_walk(t, NULL, (struct ct_spot){.bucket = (uint32_t)rng_below(&t->rng, t->conf.buckets)});
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
	unsigned n_evicted = 0;
	struct ct_turn w = ct_chain_all(&t->chains, bucket);
	const struct ct_link *l;

	while ((l = ct_chain_next(&t->chains, &w))) {
		uint32_t id = ct_node_entry(l->node);
		const struct ct_entry *e = &t->entry[id];
		bool expired = ct_link_expired(l, t->now_j);
		if (!expired && ((e->status & CTS_ASSURED) || e->key[0].netns != netns))
			continue;
		ct_kill(t, id);
		if (expired)
			t->stats.expired_lookup++;
		else
			n_evicted++;
		w = ct_chain_all(&t->chains, bucket); /* those before are looked at again, in vain */
	}
	return n_evicted;
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
	if (!ct_pool_room(t))
		return CT_NO_MEMORY;
	*ret_id = ct_pool_take(t);
	t->entry[*ret_id] = (struct ct_entry){.status = CTS_USED, .key[0].netns = netns};
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
	ct_pool_give(t, id);
}

static bool chain_too_long(struct ctable *t, uint32_t bucket)
{
	if (!t->rules->chain_min)
		return false;
	unsigned limit = t->rules->chain_min + (unsigned)rng_below(&t->rng, CHAIN_SPREAD);
	return ct_chain_longer(&t->chains, bucket, limit);
}

/* The reply tuple of a new flow, made unique when its NAT may do that. False:
 * it is taken and the confirm will fail. Walks the chain, evicting. */
static bool pick_reply(struct ctable *t, const struct ct_packet *p, const struct ct_told *told, struct ct_tuple *ret,
		       struct ct_spot *ret_at)
{
	if (p->reply)
		*ret = *p->reply;
	else
		ct_tuple_invert(ret, &p->tuple);
	*ret_at = told && told->has_reply && ct_tuple_eq(&told->tuple[1], ret) ? told->at[1] : ct_spot_of(t, ret);
	ct_spot_keep(t, ret, *ret_at);
	if (ct_walk(t, ret, *ret_at) == CT_NO_NODE)
		return true;
	for (unsigned i = 0; p->may_remap && i < REMAP_TRIES; i++) {
		ret->dport = (uint16_t)(1024 + rng_below(&t->rng, 65536 - 1024));
		*ret_at = ct_spot_of(t, ret);
		if (ct_walk(t, ret, *ret_at) == CT_NO_NODE)
			return true;
	}
	return false;
}

/* Into the chains of the directions from `dir` on. False: no memory. */
static bool confirm(struct ctable *t, uint32_t id, unsigned dir, const struct ct_spot at[2], const struct ct_tuple *orig,
		    const struct ct_tuple *reply)
{
	struct ct_entry *e = &t->entry[id];

	e->bucket[0] = at[0].bucket;
	e->bucket[1] = at[1].bucket;
	if (!ct_chains_room(&t->chains, 2))
		return false;
	e->key[0] = ct_key_take(&t->wides, orig);
	e->key[1] = ct_key_take(&t->wides, reply);
	for (; dir < 2; dir++)
		ct_chain_add(&t->chains, at[dir], (struct ct_link){(uint32_t)e->expires_j, ct_node(id, dir)});
	t->stats.new_flows++;
	t->ns[e->key[0].netns].new_flows++;
	return true;
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

static enum ct_verdict flow_new(struct ctable *t, const struct ct_packet *p, struct ct_spot here, const struct ct_told *told,
				struct ct_tuple *ret_reply)
{
	uint8_t netns = p->tuple.netns;
	uint32_t id;
	struct ct_tuple reply;
	struct ct_spot at[2] = {here};
	enum ct_verdict v = entry_alloc(t, here.bucket, netns, &id);

	if (v != CT_NEW)
		return v;
	if (!ct_proto_new(t, &t->entry[id], p)) {
		entry_undo(t, id, netns);
		t->stats.invalid++;
		return CT_INVALID;
	}
	if (!pick_reply(t, p, told, &reply, &at[1]))
		return refuse(t, id, netns, CT_DROP_CLASH);
	t->entry[id].mark = p->mark;
	if (chain_too_long(t, at[0].bucket) || chain_too_long(t, at[1].bucket))
		return refuse(t, id, netns, CT_DROP_CHAIN);
	if (!confirm(t, id, 0, at, &p->tuple, &reply)) {
		entry_undo(t, id, netns);
		return CT_NO_MEMORY;
	}
	if (ret_reply)
		*ret_reply = reply;
	return CT_NEW;
}

enum ct_verdict ctable_packet(struct ctable *t, uint64_t now_ns, const struct ct_packet *p,
			      struct ct_tuple *ret_reply)
{
	assert(p->tuple.netns < CT_NETNS_MAX);
	ctable_advance(t, now_ns);
	struct ct_spot at;
	const struct ct_told *told = ct_ahead_take(t, &p->tuple, &at);
	uint32_t node = ct_walk(t, &p->tuple, at);
	if (node == CT_NO_NODE)
		return flow_new(t, p, at, told, ret_reply);

	uint32_t id = ct_node_entry(node);
	unsigned dir = ct_node_dir(node);
	if (ret_reply)
		*ret_reply = ct_key_tuple(&t->wides, &t->entry[id].key[!dir]);
	uint64_t expires_j = t->entry[id].expires_j;
	enum ct_verdict v = dir ? CT_REPLY : CT_ORIG;
	switch (ct_proto_packet(t, &t->entry[id], dir, p)) {
	case CT_STEP_KEEP:
		if (t->entry[id].expires_j != expires_j)
			ct_refreshed(t, id);
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
		return flow_new(t, p, at, told, ret_reply);
	}
	return v;
}

enum ct_verdict ctable_unconfirmed(struct ctable *t, uint64_t now_ns, const struct ct_packet *p)
{
	uint8_t netns = p->tuple.netns;
	uint32_t id;

	ctable_advance(t, now_ns);
	struct ct_spot at = ct_spot_of(t, &p->tuple);
	ct_walk(t, &p->tuple, at);
	enum ct_verdict v = entry_alloc(t, at.bucket, netns, &id);
	return v == CT_NEW ? refuse(t, id, netns, CT_DROP_CLASH) : v;
}

/* nf_ct_resolve_clash: same NAT result, the loser joins the winner; another
 * one, it is kept by its reply direction for a second (5.7 and later). */
enum ct_verdict ctable_race(struct ctable *t, uint64_t now_ns, const struct ct_packet *p)
{
	struct ct_tuple reply;
	uint32_t id;

	ctable_advance(t, now_ns);
	struct ct_spot at[2] = {ct_spot_of(t, &p->tuple)};
	uint32_t node = ct_walk(t, &p->tuple, at[0]);
	if (node == CT_NO_NODE)
		return ctable_packet(t, now_ns, p, NULL);
	if (p->reply)
		reply = *p->reply;
	else
		ct_tuple_invert(&reply, &p->tuple);
	if (ct_key_is(&t->wides, &t->entry[ct_node_entry(node)].key[1], &reply)) {
		t->stats.clash_resolve++;
		return CT_ORIG;
	}
	enum ct_verdict v = entry_alloc(t, at[0].bucket, p->tuple.netns, &id);
	if (v != CT_NEW)
		return v;
	at[1] = ct_spot_of(t, &reply);
	if (!t->rules->clash_kept || ct_walk(t, &reply, at[1]) != CT_NO_NODE)
		return refuse(t, id, p->tuple.netns, CT_DROP_CLASH);
	t->entry[id] = (struct ct_entry){
		.status = CTS_USED | CTS_NAT_CLASH | CTS_REPLY_ONLY,
		.mark = p->mark,
		.expires_j = t->now_j + CLASH_LIFE_S * t->conf.hz,
	};
	if (!confirm(t, id, 1, at, &p->tuple, &reply)) {
		entry_undo(t, id, p->tuple.netns);
		return CT_NO_MEMORY;
	}
	t->stats.clash_resolve++;
	return CT_NEW;
}
