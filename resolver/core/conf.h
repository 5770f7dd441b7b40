/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core must know, already checked and compiled: the Corefile reader
 * writes it, scenario tests and the simulator write it by hand. Plain data; all
 * pointers belong to the caller and need to live only during core_new and
 * core_reconfigure, except the compiled plugin steps: the core calls them until
 * the next core_reconfigure has returned, or core_free.
 */
#ifndef NODENS_CORE_CONF_H
#define NODENS_CORE_CONF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "resolver/core/limits.h"

struct plugin_step; /* resolver/plugins/plugin.h: a compiled plugin of the chain */

enum core_transport { CORE_TO_AUTO, CORE_TO_UDP, CORE_TO_TCP, CORE_TO_TLS, CORE_TO_HTTPS };
static inline bool core_transport_is_tls(unsigned t) { return t == CORE_TO_TLS || t == CORE_TO_HTTPS; }
enum core_policy { CORE_RANDOM, CORE_ROUND_ROBIN, CORE_SEQUENTIAL };

struct core_upstream {
	struct in6_addr addr;  /* v4-mapped */
	uint16_t port;         /* host order */
	uint8_t transport;     /* enum core_transport; AUTO: as forward says */
	const char *label;     /* "10.96.0.11:53": metrics and log; [v6]:port */
	const char *tls_name;  /* server name or NULL */
};

struct core_forward {
	struct name from;
	size_t n_to;                 /* 0: its resolv.conf names nobody (yet); SERVFAIL */
	uint16_t to[CORE_FORWARD_TO_MAX]; /* indexes into core_conf.upstream */
	size_t n_except;
	const struct name *except;
	bool force_tcp, prefer_udp;
	enum core_policy policy;
	unsigned max_fails;          /* 2; 0: never down */
	uint64_t health_ns;          /* 500 ms */
	bool health_no_rec;
	struct name health_domain;   /* "." */
	uint64_t max_concurrent;     /* 0: unlimited (the core's own limit remains) */
	unsigned max_connect_attempts; /* asks per question; 0: no limit but the budget */
	uint64_t read_timeout_ns;    /* one attempt; 2 s */
	uint64_t budget_ns;          /* whole question; below the stub's 5 s: 4.5 s */
	uint32_t failover_rcodes, next_rcodes; /* bit per rcode 0..31 */
	bool next_on_nodata, failfast_all_unhealthy;
	uint64_t max_age_ns, expire_ns; /* connections: driver's business */
	unsigned hedge_percent;      /* second tries after p95, at most this share of asks; 5; 0: never */
};

struct core_cache_conf {
	bool enabled;
	uint32_t pos_max_s, pos_min_s;   /* CoreDNS: 3600, 5; TTL 0 stays 0 unless min says otherwise explicitly */
	uint32_t neg_max_s, neg_min_s;   /* 1800, 5 */
	bool pos_min_set, neg_min_set;   /* MINTTL given in the Corefile */
	uint32_t pos_capacity, neg_capacity; /* entries; map onto the byte budget */
	uint32_t prefetch_hits;          /* 0: off */
	uint64_t prefetch_window_ns;
	unsigned prefetch_percent;
	bool stale_enabled, stale_verify;
	uint64_t stale_ns, stale_verify_timeout_ns; /* window; client timer */
	uint32_t stale_ttl_s;            /* 30 */
	uint64_t stale_recheck_ns;       /* after a failed refresh, stale at once for so long; 30 s */
	uint64_t servfail_ns;            /* 5 s; 0 disables */
	bool keepttl;
	bool pos_disabled, neg_disabled; /* `disable success|denial` */
	/* Parts of the zone: stored at all (none: every name), and whose positive or
	 * negative answers are not; a name belongs to one as name_within says. Whole
	 * zones are said with enabled, pos_disabled, neg_disabled. */
	size_t n_only, n_no_pos, n_no_neg;
	const struct name *only, *no_pos, *no_neg;
};

struct core_zone { /* one key of one server block */
	struct name origin;
	uint64_t listeners;          /* bit per listener this zone is served on */
	uint16_t block;              /* server block it came from: shares cache view and metrics label */
	const char *label_zones;     /* metrics: block origins joined by comma */
	bool has_metrics, has_errors, has_log;
	bool is_cluster;             /* search-path shield may act here */
	bool shield_off;
	bool shield_trusts;          /* the DNS is taken at its word: nothing lies below what it denies */
	bool autopath;
	bool cookies;                /* clients get server cookies (RFC 7873); resolver/plugins/cookies.c */
	struct core_cache_conf cache;
	size_t n_forward;
	const struct core_forward *forward; /* in order */
	const char *nsid;            /* NULL: none */
	uint16_t bufsize;            /* limit for both sides; 1232 */
	uint64_t answers_digest;     /* of whatever else shapes answers (plugins' directives): entries
	                              * stored under another value are not found; 0 when nothing does */
	size_t n_steps;
	const struct plugin_step *const *step; /* other plugins, in execution order */
};

struct core_listener {
	struct in6_addr addr;
	uint16_t port;
	const char *label;           /* "dns://169.254.20.10:53": metrics */
};

struct core_conf {
	size_t n_listeners, n_zones, n_upstreams;
	const struct core_listener *listener;
	const struct core_zone *zone;
	const struct core_upstream *upstream;
	/* limits; fixed at core_new */
	uint64_t cache_bytes;        /* whole cache, index included; 0: derive from capacities */
	uint32_t neg_share_percent;  /* of the cache, for negative answers; 0: as the capacities
	                              * say, or 30 of given cache_bytes */
	uint32_t max_inflight;       /* distinct questions upstream; 4096 */
	uint32_t max_waiters;        /* parked clients; 16384 */
};

/* Every field a sane default: what CoreDNS documents, ours where it says nothing. */
void core_conf_forward_defaults(struct core_forward *f);
void core_conf_cache_defaults(struct core_cache_conf *c);
void core_conf_zone_defaults(struct core_zone *z);
/* Bytes that a pair of capacities stands for; documented in docs/operations.md. */
uint64_t core_conf_cache_bytes(uint32_t pos_capacity, uint32_t neg_capacity);
/* The share of them that is for denials, 5 to 90 percent. */
unsigned core_conf_neg_percent(uint32_t pos_capacity, uint32_t neg_capacity);

#endif
