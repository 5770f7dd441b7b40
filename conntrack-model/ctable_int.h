/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the connection table: shared by its packet path, its gc and its
 * protocol rules; nobody else includes it.
 *
 * Entries live in one growing array and are named by index, so that growth
 * moves nothing that is remembered. A node is (entry << 1 | direction) + 1 and
 * 0 ends a chain. Times are jiffies since the table's own zero.
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
	CTS_REPLY_ONLY = 16
};

struct ct_entry { /* what every walk reads first comes first */
	uint64_t expires_j, stream_j;
	uint32_t next[2], bucket[2];
	uint8_t status, tcp_state;
	struct ct_tuple tuple[2];
};

struct ct_gc { /* struct conntrack_gc_work */
	uint64_t due_j, start_j, last_start_j, period_j;
	int64_t avg_j, n;
	uint32_t next_bucket;
	bool early_drop;
};

struct ct_heads {
	struct ct_head {
		uint32_t bucket, node; /* node 0: free */
	} *slot;
	uint64_t *used; /* a bit a bucket */
	uint32_t buckets, n_slots, n_used;
	unsigned shift;
};

struct ctable {
	struct ct_conf conf;
	const struct ct_rules *rules; /* of conf.kernel */
	struct hash_key key;
	struct rng rng;
	struct ct_heads heads;
	struct ct_entry *entry;
	uint32_t n_entries, cap, free_list; /* free entries chain through next[0] */
	uint64_t count[CT_NETNS_MAX];
	uint64_t now_ns, now_j;
	double walks_due; /* of other traffic, fraction carried over */
	struct ct_gc gc;
	struct ct_counters stats;
	struct ct_ns_counters ns[CT_NETNS_MAX];
};

static inline uint32_t ct_node(uint32_t entry, unsigned dir)
{
	return (entry << 1 | dir) + 1;
}
static inline uint32_t ct_node_entry(uint32_t node)
{
	return (node - 1) >> 1;
}
static inline unsigned ct_node_dir(uint32_t node)
{
	return (node - 1) & 1;
}
static inline bool ct_expired(const struct ct_entry *e, uint64_t now_j)
{
	return e->expires_j <= now_j;
}

static inline bool ct_tuple_eq(const struct ct_tuple *a, const struct ct_tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* cthead.c: the first node of each bucket's chain; 0: it has none. */
static inline bool ct_heads_has(const struct ct_heads *h, uint32_t bucket)
{
	return h->used[bucket / 64] >> bucket % 64 & 1;
}
bool ct_heads_init(struct ct_heads *h, uint32_t buckets); /* false: no memory; release it */
void ct_heads_release(struct ct_heads *h);
uint32_t ct_heads_get(const struct ct_heads *h, uint32_t bucket);
/* For so many buckets more; false: no memory. */
bool ct_heads_room(struct ct_heads *h, uint32_t more);
/* Of a bucket that has one, or for which there is room. */
void ct_heads_set(struct ct_heads *h, uint32_t bucket, uint32_t node);
/* The first from `bucket` on that has a chain; conf.buckets: none. */
uint32_t ct_heads_next(const struct ct_heads *h, uint32_t bucket);

/* ctentry.c */
uint32_t ct_bucket(const struct ctable *t, const struct ct_tuple *tuple);
uint64_t ct_jiffies(const struct ctable *t, uint64_t now_ns);
void ct_chain_add(struct ctable *t, uint32_t entry, unsigned dir); /* to its bucket[dir] */
void ct_kill(struct ctable *t, uint32_t entry);

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
