/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's connection table as arithmetic: packets and `now` in, verdicts
 * and counts out. A replay of nf_conntrack's rules, not a formula: entries sit
 * in hash chains, expire lazily, are collected by a gc worker with the kernel's
 * integer averages and timer wheel, and are evicted bucket by bucket when the
 * table is full. Sources and measured error: docs/conntrack.md.
 *
 * Time must not run backwards between calls. One table belongs to one thread.
 */
#ifndef NODENS_CTABLE_H
#define NODENS_CTABLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CT_BYTES_ENTRY 256 /* slab object, Linux 6.18; no extension under plain DNAT */
#define CT_BYTES_BUCKET 8
#define CT_KERNEL(major, minor) ((unsigned)((major) << 8 | (minor)))
#define CT_NETNS_MAX 16

enum ct_proto { CT_UDP = 17, CT_TCP = 6 };
enum ct_tcp_flag { CT_FIN = 1, CT_SYN = 2, CT_RST = 4, CT_ACK = 16 };
enum ct_tcp_state {
	CT_NONE,
	CT_SYN_SENT,
	CT_SYN_RECV,
	CT_ESTABLISHED,
	CT_FIN_WAIT,
	CT_CLOSE_WAIT,
	CT_LAST_ACK,
	CT_TIME_WAIT,
	CT_CLOSE,
	CT_SYN_SENT2,
	CT_TCP_STATES,
};

struct ct_tuple {		  /* hashed as bytes: no padding */
	struct in6_addr src, dst; /* v4-mapped */
	uint16_t sport, dport;	  /* host order */
	uint8_t proto;		  /* enum ct_proto */
	uint8_t netns;		  /* counts and eviction are per namespace, hash and gc are not */
	uint16_t zone;
};

/* Zero-filled numbers that were never set mean what ctable_conf_init puts there. */
struct ct_conf {
	uint64_t max;	  /* nf_conntrack_max; 0: unlimited, as up to 6.12 */
	uint32_t buckets; /* nf_conntrack_buckets */
	unsigned hz;	  /* CONFIG_HZ: 100, 250, 300, 1000 */
	unsigned kernel;  /* CT_KERNEL(6, 18) */
	uint32_t udp_s, udp_stream_s;
	uint32_t tcp_s[CT_TCP_STATES];
	/* Other traffic's look-ups a second: each frees the dead entries of the
	 * bucket it walks, so a busy node keeps fewer of them than an idle one. */
	double other_walks_per_s;
	uint64_t gc_first_ns; /* when the first gc sweep starts; T_NEVER: drawn from the seed */
	uint64_t seed;	      /* hash randomisation and gc phase */
	/* what a sweep costs in time; only long sweeps notice (10 ms slices) */
	uint32_t gc_bucket_ns, gc_entry_ns, gc_evict_ns;
};
/* Linux 6.18 on a node above 4 GB: 262144 buckets and max, HZ 250. */
void ctable_conf_init(struct ct_conf *c);
/* What changed between kernels, as their last stable releases have it. */
struct ct_rules {
	unsigned since;		/* CT_KERNEL */
	bool stream_after_2s;	/* a UDP flow needs 2 s to become a stream; before: a reply */
	bool clash_kept;	/* the loser of a race is kept by its reply direction */
	bool gc_averages;	/* sweeps follow the remaining lifetimes; before: 120 s apart */
	unsigned chain_min;	/* confirm refuses above this and what is drawn; 0: never */
	unsigned max_factor;	/* default nf_conntrack_max over default buckets */
	uint32_t buckets_4g, buckets_1g, buckets_min; /* defaults: above 4 GiB, above 1 GiB, least */
};
const struct ct_rules *ct_rules_of(unsigned kernel);

/* Kernel defaults by memory (nf_conntrack_init_start). */
void ctable_conf_kernel(struct ct_conf *c, unsigned kernel, uint64_t ram_bytes);
/* And what kube-proxy makes of them: max by cores (32,768 each, at least 131,072, at most
 * 1,048,576), buckets raised to a quarter of it but never lowered, TCP ESTABLISHED a day,
 * CLOSE_WAIT an hour; pkg/proxy/apis/config/v1alpha1/defaults.go, cmd/kube-proxy/app/conntrack.go. */
void ctable_conf_kube_proxy(struct ct_conf *c, unsigned n_cores);

struct ct_counters {	    /* names as in /proc/net/stat/nf_conntrack where it has them */
	uint64_t new_flows; /* entries made */
	uint64_t drop, early_drop, insert_failed, clash_resolve, chaintoolong, invalid;
	uint64_t table_full; /* the part of drop that is "table full" */
	uint64_t expired_gc, expired_lookup, expired_dump, gc_killed, gc_sweeps;
	uint64_t peak; /* highest count of a namespace */
};
struct ct_ns_counters { /* the part of one namespace */
	uint64_t new_flows, table_full, early_drop, peak;
};

struct ctable;
struct ctable *ctable_new(const struct ct_conf *c); /* NULL: no memory */
void ctable_free(struct ctable *t);

enum ct_verdict {
	CT_NEW,	       /* made an entry */
	CT_ORIG,       /* belongs to an entry, its first direction */
	CT_REPLY,      /* belongs to an entry, the other direction */
	CT_INVALID,    /* TCP packet that fits no state; passes untracked */
	CT_DROP_FULL,  /* "table full, dropping packet" */
	CT_DROP_CLASH, /* insert_failed */
	CT_DROP_CHAIN, /* chaintoolong */
	CT_NO_MEMORY,  /* ours, not the kernel's */
};
static inline bool ct_verdict_dropped(enum ct_verdict v)
{
	return v >= CT_DROP_FULL;
}

struct ct_packet {
	struct ct_tuple tuple; /* as the packet carries it */
	uint8_t tcp_flags;     /* enum ct_tcp_flag */
	uint8_t mark;	       /* of the entry it makes, for ctable_marks */
	bool may_remap;	       /* SNAT picks another port when the reply tuple is taken */
	const struct ct_tuple
		*reply; /* should it open a flow: replies will look like this; NULL: no NAT */
};
/* `ret_reply` (or NULL) receives the other direction's tuple of the packet's
 * entry: where DNAT sends an original packet, what un-DNAT makes of a reply. */
enum ct_verdict ctable_packet(struct ctable *t, uint64_t now_ns, const struct ct_packet *p,
			      struct ct_tuple *ret_reply);
/* A packet that is to come, after those told before: at best some sixteen before its turn, and its look-ups find what they
 * need in the processor's caches. Changes nothing but the time, also if it never comes. */
void ctable_ahead(struct ctable *t, const struct ct_packet *p);
/* Two packets of one new UDP flow that both missed the lookup: `p` won and has
 * its entry; this is the loser, with the NAT result it drew. CT_ORIG: moved to
 * the winner's entry. CT_NEW: kept through a reply-only entry. */
enum ct_verdict ctable_race(struct ctable *t, uint64_t now_ns, const struct ct_packet *p);
/* A new flow whose translation another one took before it could be confirmed: all that its
 * packet does to the table until it is dropped. */
enum ct_verdict ctable_unconfirmed(struct ctable *t, uint64_t now_ns, const struct ct_packet *p);
/* The other direction's tuple, without the side effects of a lookup. */
bool ctable_peek(const struct ctable *t, uint64_t now_ns, const struct ct_tuple *tuple,
		 struct ct_tuple *ret_reply);

/* Runs the gc up to now. Every other call does it too. */
void ctable_advance(struct ctable *t, uint64_t now_ns);
/* nf_conntrack_count: dead entries that nobody collected yet are in it. */
uint64_t ctable_count(struct ctable *t, uint64_t now_ns, unsigned netns);
/* Entries whose timeout has not passed, and how many of them are ASSURED. Walks. */
uint64_t ctable_live(struct ctable *t, uint64_t now_ns, unsigned netns, uint64_t *ret_assured);
/* The same of all namespaces in one walk. */
struct ct_live {
	uint64_t live, assured;
};
void ctable_live_all(struct ctable *t, uint64_t now_ns, struct ct_live ret[CT_NETNS_MAX]);
/* No entry in any namespace, dead ones included: nothing will change by itself. */
bool ctable_empty(const struct ctable *t);
/* Entries by kind: `kind_of` sorts each by its two tuples, original and reply, into one of `n` counters, or
 * returns n to leave it out. The dead that nobody collected yet are in what is counted. One walk. */
struct ct_kind {
	uint64_t live, counted;
};
void ctable_kinds(struct ctable *t, uint64_t now_ns, unsigned netns,
		  unsigned (*kind_of)(const struct ct_tuple tuple[2], const void *ctx), const void *ctx,
		  struct ct_kind *ret, unsigned n);
/* The same by the mark of the packet that made the entry. */
void ctable_marks(struct ctable *t, uint64_t now_ns, unsigned netns, struct ct_kind *ret, unsigned n);
/* What a ctnetlink dump does, in any namespace: frees all expired entries. */
void ctable_dump(struct ctable *t, uint64_t now_ns);
/* What kube-proxy does when an endpoint has gone (pkg/proxy/conntrack): deletes the UDP entries
 * that lead there. How many. */
uint64_t ctable_flush_udp(struct ctable *t, uint64_t now_ns, const struct in6_addr *replier);
const struct ct_counters *ctable_counters(const struct ctable *t);
const struct ct_ns_counters *ctable_ns_counters(const struct ctable *t, unsigned netns);
const struct ct_conf *ctable_conf(const struct ctable *t);
/* Seconds between the starts of the last two gc sweeps; 0 before. */
double ctable_gc_period_s(const struct ctable *t);
/* Kernel memory: entries at their peak and the hash. */
uint64_t ctable_bytes(uint64_t n_entries, uint64_t n_buckets);

void ct_tuple_invert(struct ct_tuple *ret, const struct ct_tuple *t);

#endif
