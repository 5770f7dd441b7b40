/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the connection table: shared by its packet path, its gc and its
 * protocol rules; nobody else includes it.
 *
 * A busy node has hundreds of thousands of entries, each in two of as many chains, and what takes time there is
 * memory that is not in the processor's caches. So most of what is looked at lies in one place: a bucket's slot holds its
 * only link, and only where there are more a block of links side by side. A link says what a walk or the gc asks of an
 * entry: whether it is dead, and enough of its hash to know that it is another's. The entry itself is one cache line,
 * touched when it is the one that was looked for, or dies.
 *
 * Entries and blocks are named by index, so that growth moves nothing that is remembered. A node is one direction of an
 * entry. Times are jiffies since the table's own zero.
 */
#ifndef NODENS_CTABLE_INT_H
#define NODENS_CTABLE_INT_H

#include <string.h>

#include "conntrack-model/ctable.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"

enum ct_status {
	CTS_USED = 1,
	CTS_SEEN_REPLY = 2,
	CTS_ASSURED = 4,
	CTS_NAT_CLASH = 8,
	CTS_REPLY_ONLY = 16,
	CTS_OLD = 32 /* a packet came after stream_j */
};

/* A tuple of IPv4 addresses, as nearly all are; of others the addresses are in ct_wides. */
struct ct_key {
	uint32_t src, dst; /* octets as in an address; wide: src is an index */
	uint16_t sport, dport, zone;
	uint8_t netns, proto : 7, wide : 1;
};

struct ct_wides { /* pairs of addresses that are no IPv4 */
	struct ct_wide {
		struct in6_addr src, dst; /* of a free one, src is the next */
	} *pair;
	uint32_t n, cap, free; /* free: 0 is none */
};

struct ct_entry {
	_Alignas(64) uint64_t expires_j;
	uint32_t bucket[2];
	uint32_t stream_j; /* of 2^32; a free one: the next free */
	uint8_t status, tcp_state, mark;
	struct ct_key key[2];
};

struct ct_spot { /* of a tuple: where it is, and the rest of its hash */
	uint32_t bucket, tag;
};

/* An entry in a chain. Whether it is dead is seen as the kernel sees it, by the difference of 32 bits. */
struct ct_link {
	uint32_t expires_j, tag, node;
};
#define CT_FREE 0 /* in place of a node: there is no link, */
#define CT_MANY 1 /* or several, in the block that the tag names */

/* Several links, oldest first. A block of class k has 16 << k octets. */
struct ct_block {
	uint32_t class : 5, n : 27;
	struct ct_link link[];
};
#define CT_UNIT 16 /* of blocks, octets */
#define CT_CLASSES 27

struct ct_blocks {
	uint8_t *unit;
	uint32_t n_units, cap;
	uint32_t free[CT_CLASSES]; /* by class, chained through their first link; 0: none */
};

/* A chain as it is looked at: oldest first. Void when a link is added or taken away. */
struct ct_chain {
	struct ct_link *link;
	uint32_t n;
};

struct ct_gc { /* struct conntrack_gc_work */
	uint64_t due_j, start_j, last_start_j, period_j;
	int64_t avg_j, n;
	uint32_t next_bucket;
	bool early_drop;
};

struct ct_heads {
	struct ct_head {
		uint32_t bucket;
		struct ct_link link; /* of node CT_FREE: the slot is free */
	} *slot;
	uint64_t *used; /* a bit a bucket */
	uint32_t buckets, n_slots, n_used;
	unsigned shift;
};

#define CT_AHEAD 32 /* more than anybody tells before the first of them comes */
struct ct_ahead { /* packets that will come, in this order */
	struct ct_told {
		struct ct_tuple tuple[2];
		struct ct_spot at[2];
		bool has_reply, leads[2]; /* leads: there is more to fetch by at[] */
	} packet[CT_AHEAD];
	uint32_t print[CT_AHEAD]; /* of its tuple: most that come are not among those told */
	uint32_t told, taken;	  /* how many so far */
};

#define CT_KEPT 64 /* replies of new flows, whose spot is known when they come */

struct ctable {
	struct ct_conf conf;
	const struct ct_rules *rules; /* of conf.kernel */
	struct hash_key key;
	struct rng rng;
	struct ct_heads heads;
	struct ct_blocks blocks;
	struct ct_wides wides;
	struct ct_entry *entry;
	uint32_t n_entries, cap, free_list; /* free entries chain through stream_j */
	uint64_t count[CT_NETNS_MAX];
	uint64_t now_ns, now_j;
	double walks_due; /* of other traffic, fraction carried over */
	struct ct_gc gc;
	struct ct_ahead ahead;
	struct ct_kept {
		struct ct_tuple tuple;
		struct ct_spot at;
	} kept[CT_KEPT];
	struct ct_counters stats;
	struct ct_ns_counters ns[CT_NETNS_MAX];
};

static inline uint32_t ct_node(uint32_t entry, unsigned dir)
{
	return (entry + 1) << 1 | dir;
}
static inline uint32_t ct_node_entry(uint32_t node)
{
	return (node >> 1) - 1;
}
static inline unsigned ct_node_dir(uint32_t node)
{
	return node & 1;
}
static inline bool ct_expired(const struct ct_entry *e, uint64_t now_j)
{
	return e->expires_j <= now_j;
}

static inline bool ct_link_expired(const struct ct_link *l, uint64_t now_j)
{
	return (int32_t)(l->expires_j - (uint32_t)now_j) <= 0;
}

/* Ports and the end of an address: tells most tuples apart. */
static inline uint32_t ct_tuple_print(const struct ct_tuple *t)
{
	uint32_t src, dst;

	memcpy(&src, &t->src.s6_addr[12], sizeof(src));
	memcpy(&dst, &t->dst.s6_addr[12], sizeof(dst));
	return (src ^ dst) * 0x9e3779b1u + ((uint32_t)t->sport << 16 ^ t->dport);
}

static inline bool ct_tuple_eq(const struct ct_tuple *a, const struct ct_tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ctkey.c */
/* Room for the tuples of an entry more; false: no memory. */
bool ct_wides_room(struct ct_wides *w);
struct ct_key ct_key_take(struct ct_wides *w, const struct ct_tuple *tuple);
void ct_key_give(struct ct_wides *w, const struct ct_key *k);
struct ct_tuple ct_key_tuple(const struct ct_wides *w, const struct ct_key *k);
bool ct_key_is(const struct ct_wides *w, const struct ct_key *k, const struct ct_tuple *tuple);

/* cthead.c: each bucket's first link, or where all are. */
static inline bool ct_heads_has(const struct ct_heads *h, uint32_t bucket)
{
	return h->used[bucket / 64] >> bucket % 64 & 1;
}
static inline bool ct_heads_whole(const struct ct_heads *h)
{
	return h->shift == 0;
}
struct ct_head *ct_heads_find(const struct ct_heads *h, uint32_t bucket); /* of one that is used */
static inline struct ct_head *ct_heads_at(const struct ct_heads *h, uint32_t bucket) /* NULL: it is empty */
{
	if (ct_heads_whole(h))
		return h->slot[bucket].link.node == CT_FREE ? NULL : &h->slot[bucket];
	return ct_heads_has(h, bucket) ? ct_heads_find(h, bucket) : NULL;
}
bool ct_heads_init(struct ct_heads *h, uint32_t buckets); /* false: no memory; release it */
void ct_heads_release(struct ct_heads *h);
/* For so many buckets more; false: no memory. */
bool ct_heads_room(struct ct_heads *h, uint32_t more);
/* The first link of an empty bucket for which there is room; and no link any more. Either may move all slots. */
void ct_heads_add(struct ct_heads *h, uint32_t bucket, struct ct_link first);
void ct_heads_remove(struct ct_heads *h, uint32_t bucket);
/* The first from `bucket` on that has a chain; conf.buckets: none. */
uint32_t ct_heads_next(const struct ct_heads *h, uint32_t bucket);

/* ctmemory.c. */
/* Memory of so many octets, those of `old` first and the rest as it comes; whoever grows frees `old`. NULL: there is none. */
void *ct_memory(const void *old, size_t old_bytes, size_t bytes);

/* ctchain.c. */
static inline struct ct_block *ct_block_at(const struct ctable *t, uint32_t at)
{
	return (struct ct_block *)(void *)(t->blocks.unit + (size_t)at * CT_UNIT);
}
static inline struct ct_chain ct_chain_of(const struct ctable *t, uint32_t bucket)
{
	struct ct_head *h = ct_heads_at(&t->heads, bucket);

	if (!h)
		return (struct ct_chain){NULL, 0};
	if (h->link.node != CT_MANY)
		return (struct ct_chain){&h->link, 1};
	struct ct_block *b = ct_block_at(t, h->link.tag);
	return (struct ct_chain){b->link, b->n};
}
/* Room for a link more in each of so many chains, and for so many chains more; false: no memory. */
bool ct_chains_room(struct ctable *t, const uint32_t *bucket, unsigned n);
/* As the newest; there is room. */
void ct_chain_add(struct ctable *t, uint32_t bucket, struct ct_link l);
void ct_chain_remove(struct ctable *t, uint32_t bucket, uint32_t node);
/* Where a walk goes on after the entry of link i, the i-th from the oldest, was killed in it, which may
 * have taken its other direction, too: back towards the oldest, 0 is the end. */
uint32_t ct_chain_left(const struct ctable *t, uint32_t bucket, uint32_t n_before, uint32_t i);

/* ctentry.c */
struct ct_spot ct_spot(const struct ctable *t, const struct ct_tuple *tuple);
/* Of the reply of a new flow, for when it comes. */
void ct_spot_keep(struct ctable *t, const struct ct_tuple *reply, struct ct_spot at);
bool ct_spot_kept(const struct ctable *t, const struct ct_tuple *tuple, struct ct_spot *ret);
uint64_t ct_jiffies(const struct ctable *t, uint64_t now_ns);
bool ct_pool_room(struct ctable *t); /* for an entry more */
uint32_t ct_pool_take(struct ctable *t);
void ct_pool_give(struct ctable *t, uint32_t entry);
/* To the links: when it expires has changed. */
void ct_refreshed(struct ctable *t, uint32_t entry);
void ct_kill(struct ctable *t, uint32_t entry);
/* Frees what is dead in a bucket, from the newest until `tuple` is met (or NULL). Its node; CT_NO_NODE: it is not there. */
#define CT_NO_NODE UINT32_MAX
uint32_t ct_walk(struct ctable *t, const struct ct_tuple *tuple, struct ct_spot at);

/* ctahead.c: what was told of the packet that has come now, and those before it are forgotten; NULL: nothing.
 * Its spot is hashed only where nobody knows it. */
const struct ct_told *ct_ahead_take(struct ctable *t, const struct ct_tuple *tuple, struct ct_spot *ret);

/* Goes over the buckets some way before the gc, which is at `bucket`. Zeroed for each slice. */
#define CT_SCOUT 64
struct ct_scout {
	uint32_t bucket[CT_SCOUT], told, next;
};
void ct_scout(struct ct_scout *s, const struct ctable *t, uint32_t bucket);
/* Larger than a processor's near caches, about a MiB: before that fetching is only work. */
static inline bool ct_is_large(const struct ctable *t)
{
	return t->n_entries > 8192;
}

/* ctgc.c: one slice of the worker at its due time. */
void ct_gc_slice(struct ctable *t);
/* Sweeps of an empty table come at equal distances: those before now_j are taken as done. */
void ct_gc_idle(struct ctable *t, uint64_t now_j);
/* When a timer armed at `now_j` for `delay_j` really fires. */
uint64_t ct_timer_expiry(uint64_t now_j, uint64_t delay_j);

/* ctproto.c: what a packet does to its entry. */
enum ct_step { CT_STEP_KEEP, CT_STEP_KILL, CT_STEP_REOPEN, CT_STEP_INVALID };
bool ct_proto_new(const struct ctable *t, struct ct_entry *e, const struct ct_packet *p);
enum ct_step ct_proto_packet(const struct ctable *t, struct ct_entry *e, unsigned dir,
			     const struct ct_packet *p);

#endif
