/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the connection table: shared by its packet path, its gc and its
 * protocol rules; nobody else includes it.
 *
 * A busy node has hundreds of thousands of entries, each in two of as many chains, and what takes time there is
 * memory that is not in the processor's caches, and branches that it cannot foretell. So what is looked at lies in one cache line:
 * the chains of some buckets that follow one another, side by side, with an octet of the bucket and one of the hash of each link in
 * words that are compared at once. A link says what a walk or the gc asks of an entry: whether it is dead. The entry itself is
 * one cache line, touched when it is the one that was looked for, or dies.
 *
 * Entries and lines are named by index, so that growth moves nothing that is remembered. A node is one direction of an
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

struct ct_spot { /* of a tuple: where it is, and an octet of the rest of its hash */
	uint32_t bucket;
	uint8_t tag;
};

/* An entry in a chain. Whether it is dead is seen as the kernel sees it, by the difference of 32 bits. */
struct ct_link {
	uint32_t expires_j, node;
};

/* The links of some buckets that follow one another, in the reverse of the order in which the gc visits them: by bucket, the last
 * first, and those of one oldest first. The i-th octet of `low` is the end of the i-th link's bucket, that of `tag` its tag. */
#define CT_LINKS 6
struct ct_line {
	uint64_t low : 48, n : 8, more : 8; /* more: the last link's node is the line with those before these; 0: the line beside it */
	uint64_t tag : 48, : 16;
	struct ct_link link[CT_LINKS];
};
#define CT_LOW_BITS 8

struct ct_chains {
	struct ct_line *slot; /* of each 1 << shift buckets the last line, and where buckets are full one more beside it, */
	struct ct_line *line; /* and the lines before those */
	uint32_t buckets, n_slots, n_links, n_lines, cap, free; /* free: 0 is none */
	unsigned shift, beside; /* beside: 1 line more */
};

/* A chain as it is looked at, from the newest: all links, or those that are dead by then or have a tag. Void when a link is
 * added or taken away. */
struct ct_turn {
	const struct ct_line *line;
	uint64_t rest; /* of the line, as ct_octets_eq gives them */
	uint32_t bucket, now_j;
	uint8_t tag;
	bool all;
};

struct ct_gc { /* struct conntrack_gc_work */
	uint64_t due_j, start_j, last_start_j, period_j;
	int64_t avg_j, n;
	uint32_t next_bucket;
	bool early_drop;
};

#define CT_MET 4
#define CT_AHEAD 32 /* more than anybody tells before the first of them comes */
struct ct_ahead { /* packets that will come, in this order */
	struct ct_told {
		struct ct_tuple tuple[2];
		struct ct_spot at[2];
		bool has_reply;
		uint8_t n_met; /* links that its look-ups will meet: their nodes, as far as there is room */
		uint32_t met[CT_MET];
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
	struct ct_chains chains;
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

/* ctmemory.c. */
/* Memory of so many octets, those of `old` first and the rest as it comes; whoever grows frees `old`. NULL: there is none. */
void *ct_memory(const void *old, size_t old_bytes, size_t bytes);

/* ctchain.c */
/* Which octets of a word are such: their upper bits. Of a word's first six: whether the i-th, which has bit 8 i + 7. */
static inline uint64_t ct_octets_eq(uint64_t word, uint8_t octet)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), upper = ones << 7;
	uint64_t differ = word ^ ones * octet;

	return ~(((differ & ~upper) + ~upper) | differ) & upper;
}
static inline uint64_t ct_octets_first(unsigned n) /* all their bits; n < 8 */
{
	return (UINT64_C(1) << 8 * n) - 1;
}
static inline struct ct_line *ct_slot(const struct ct_chains *c, uint32_t i)
{
	return &c->slot[(size_t)i << c->beside];
}
static inline struct ct_line *ct_line_of(const struct ct_chains *c, uint32_t bucket)
{
	return ct_slot(c, bucket >> c->shift);
}
static inline const struct ct_line *ct_line_before(const struct ct_chains *c, const struct ct_line *l) /* which has more */
{
	uint32_t at = l->link[CT_LINKS - 1].node;

	return at ? &c->line[at] : l + 1;
}
/* Of a link in the i-th slot. */
static inline uint32_t ct_line_bucket(const struct ct_chains *c, uint32_t i, const struct ct_line *l, unsigned place)
{
	return i << c->shift | ((uint32_t)(l->low >> 8 * place) & ((UINT32_C(1) << c->shift) - 1));
}
/* Links of it and those before. */
static inline uint32_t ct_line_links(const struct ct_chains *c, const struct ct_line *l)
{
	uint32_t n = l->n;

	while (l->more) {
		l = ct_line_before(c, l);
		n += l->n;
	}
	return n;
}
static inline uint64_t ct_turn_line(const struct ct_turn *w) /* what is to be met in its line */
{
	const struct ct_line *l = w->line;
	uint64_t here = ct_octets_eq(l->low, (uint8_t)w->bucket) & ct_octets_first(l->n), wanted = ct_octets_eq(l->tag, w->tag);

	if (!here || w->all)
		return here;
	for (unsigned k = 0; k < CT_LINKS; k++)
		wanted |= (uint64_t)ct_link_expired(&l->link[k], w->now_j) << (8 * k + 7);
	return here & wanted;
}
static inline struct ct_turn ct_chain_all(const struct ct_chains *c, uint32_t bucket)
{
	struct ct_turn w = {.line = ct_line_of(c, bucket), .bucket = bucket, .all = true};

	w.rest = ct_turn_line(&w);
	return w;
}
static inline struct ct_turn ct_chain_wanted(const struct ct_chains *c, struct ct_spot at, uint64_t now_j)
{
	struct ct_turn w = {.line = ct_line_of(c, at.bucket), .bucket = at.bucket, .tag = at.tag, .now_j = (uint32_t)now_j};

	w.rest = ct_turn_line(&w);
	return w;
}
/* The newest link of them, then the one before that, and so on; NULL: there is none. */
static inline const struct ct_link *ct_chain_next(const struct ct_chains *c, struct ct_turn *w)
{
	while (!w->rest) {
		if (!w->line->more)
			return NULL;
		w->line = ct_line_before(c, w->line);
		w->rest = ct_turn_line(w);
	}
	unsigned bit = 63 - (unsigned)__builtin_clzll(w->rest);
	w->rest ^= UINT64_C(1) << bit;
	return &w->line->link[bit / 8];
}
bool ct_chains_init(struct ct_chains *c, uint32_t buckets); /* false: no memory */
void ct_chains_release(struct ct_chains *c);
bool ct_chains_room(struct ct_chains *c, unsigned n); /* for so many links more; false: no memory. May move all */
/* As the newest; there is room. */
void ct_chain_add(struct ct_chains *c, struct ct_spot at, struct ct_link l);
/* A link that is there: it has another expiry; and it is there no more. */
void ct_chain_refresh(struct ct_chains *c, uint32_t bucket, struct ct_link l);
void ct_chain_remove(struct ct_chains *c, uint32_t bucket, uint32_t node);
bool ct_chain_longer(const struct ct_chains *c, uint32_t bucket, uint32_t n);

/* ctentry.c */
struct ct_spot ct_spot_of(const struct ctable *t, const struct ct_tuple *tuple);
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

/* Goes over the slots some way before the gc, which is at the i-th. Zeroed for each slice. */
#define CT_SCOUT_DEAD 8 /* entries that are fetched before they are asked */
struct ct_scout {
	uint32_t next, n_dead, dead[CT_SCOUT_DEAD];
};
void ct_scout(struct ct_scout *s, const struct ctable *t, uint32_t i);
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
