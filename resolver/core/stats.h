/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the core counts, as plain numbers in memory the driver owns: the
 * daemon maps it shared, so that counters survive a worker; the exporter reads
 * it without asking. Only ever added to (gauges excepted), one writer.
 */
#ifndef NODENS_CORE_STATS_H
#define NODENS_CORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/conf.h"

/* Bucket edges as CoreDNS exports them; the last bucket is +Inf. */
#define STATS_DURATION_EDGES 16 /* 0.25 ms * 2^k, k = 0..15 */
#define STATS_SIZE_EDGES     14 /* 0 100 200 300 400 511 1023 2047 4095 8291 16000 32000 48000 64000 */
#define STATS_TYPES          18 /* A AAAA CNAME DNSKEY DS MX NSEC3 NSEC NS PTR RRSIG SOA SRV TXT HTTPS IXFR AXFR ANY -> +other, see stats_type_index */
#define STATS_RCODES         24
#define STATS_SERVERS_MAX    512 /* the last row takes what finds no place */
#define STATS_BLOCKS_MAX  256
#define STATS_EVENTS_MAX     128 /* the same */

struct stats_duration { uint64_t bucket[STATS_DURATION_EDGES + 1]; uint64_t sum_ns, n; };
struct stats_size { uint64_t bucket[STATS_SIZE_EDGES + 1]; uint64_t sum, n; };

/* proto 0 udp 1 tcp; family 0 IPv4 1 IPv6 */
/* Rows carry their labels, so that an exporter needs no configuration, a row
 * outlives the zone it counted, and a new worker finds its predecessor's row. */
struct stats_server { /* per (listener, zone): CoreDNS's (server, zone) */
	uint64_t key;                /* of server and zone; 0: row not in use */
	char server[64];             /* "dns://169.254.20.10:53" */
	char zone[128];              /* "cluster.local.", or "dropped" */
	bool has_metrics;            /* the zone has a prometheus plugin */
	char zones[256];             /* origins of the block: label of the cache metrics */
	uint16_t block;              /* index of block_entries */
	uint64_t requests[2][2][STATS_TYPES + 1];
	uint64_t responses[STATS_RCODES];
	uint64_t do_requests;
	struct stats_duration duration;
	struct stats_size request_size[2], response_size[2];
	uint64_t cache_hits_success, cache_hits_denial, cache_misses, cache_requests;
	uint64_t cache_prefetch, cache_drops, cache_served_stale;
	uint64_t cache_evict_success, cache_evict_denial;
	uint64_t cache_entries[2];   /* gauge, by enum cache_region; only in sums for readers */
};

struct stats_upstream {
	uint64_t key;
	char to[80];                 /* "10.96.0.11:53" */
	struct stats_duration duration[STATS_RCODES];
	uint64_t asks[4];            /* by enum core_proto */
	uint64_t fails[9];           /* by enum core_fail_why */
	uint64_t timeouts, healthcheck_failures, late_answers, mismatches, damaged;
	uint64_t records_dropped;    /* of its answers: resolver/core/scrub.h */
	uint64_t conn_hits[4], conn_misses[4]; /* written by the driver */
};

/* What plugins count for themselves. Rare enough for rows that are searched, and
 * bounded: type and class are those of a short list, or "other". */
enum stats_event_what {
	STATS_EVENT_NONE,
	STATS_TEMPLATE_MATCH,
	STATS_TEMPLATE_FAILURE, /* a Go template could not be filled in */
	STATS_TEMPLATE_RR_FAILURE, /* what it made is no record */
	STATS_DNS64,
};
struct stats_event {
	uint64_t n;
	uint8_t what; /* enum stats_event_what */
	char server[64], zone[128], type[12], rclass[8];
	char section[12], text[128]; /* of the record that failed */
};

struct core_stats {
	uint64_t entries_success, entries_denial, bytes_used, bytes_limit; /* gauges */
	uint64_t inflight, waiters;  /* gauges */
	uint64_t clients;            /* gauge: addresses with a query parked or a question under way */
	uint64_t inflight_full, waiters_full, cache_full; /* limits reached */
	/* by enum holds of clients.h: 0 parked queries, 1 questions under way */
	uint64_t share_refused[2];   /* turned away: their client held its share of what is short */
	uint64_t share_evicted[2];   /* given up for a client that held less */
	uint64_t overdue_evicted[2]; /* given up because nothing comes any more */
	uint64_t replies_limited;    /* turned away: too many replies owed to one address over UDP */
	uint64_t extras_skipped;     /* refreshes, cuts and the like not asked for want of room */
	uint64_t joined;             /* queries that waited for somebody else's question */
	uint64_t types_displaced;    /* entries of rare types, by another one of the same name */
	uint64_t denials_renewed;    /* by the denial of the name's other address type */
	uint64_t denials_contradicted; /* zones whose DNS denied a type of a name that has the other */
	uint64_t expired_reclaimed, evicted;
	uint64_t stale_served, prefetches, hedges, retries, tries_withheld, failures_cached, failure_hits;
	uint64_t shield_cuts, shield_synth, shield_confirmed, shield_contradictions;
	uint64_t autopath_answers;
	uint64_t follow_full;        /* CNAMEs not followed: too many under way */
	uint64_t dropped, formerr, notimp, refused, badvers, servfail;
	uint64_t healthcheck_broken, max_concurrent_rejects;
	uint64_t panics;
	uint32_t n_servers, n_upstreams, n_events;
	/* Which row counts for an index of the present configuration; written by
	 * core_new and core_reconfigure. Readers go through stats_*_of. */
	uint16_t server_row[CORE_LISTENERS_MAX][CORE_ZONES_MAX + 1]; /* last column: dropped */
	uint16_t upstream_row[CORE_UPSTREAMS_MAX];
	/* Entries of the cache by the server block that brought them: gauges, by enum
	 * cache_region. Blocks are told apart by their zones' label, so that numbers
	 * outlive a reload; row 0 is for whoever finds none free. */
	uint32_t n_blocks;
	uint64_t block_key[STATS_BLOCKS_MAX];
	uint64_t block_entries[STATS_BLOCKS_MAX][2];
	struct stats_server server[STATS_SERVERS_MAX];       /* rows 0..n_servers-1 in use */
	struct stats_upstream upstream[CORE_UPSTREAMS_MAX];  /* rows 0..n_upstreams-1 */
	struct stats_event event[STATS_EVENTS_MAX];          /* rows 0..n_events-1 */
};

/* What one finished query was, for logs and taps. */
struct core_done {
	const uint8_t *query;  size_t query_len;
	const uint8_t *reply;  size_t reply_len; /* reply_len 0: dropped */
	uint64_t start_ns, end_ns;
	uint16_t zone;         /* index into core_conf.zone; UINT16_MAX: none */
	uint16_t upstream;     /* who answered; UINT16_MAX: nobody was asked */
	uint8_t from;          /* enum core_from */
};
enum core_from { CORE_FROM_NONE, CORE_FROM_CACHE, CORE_FROM_STALE, CORE_FROM_UPSTREAM, CORE_FROM_SHIELD, CORE_FROM_PLUGIN, CORE_FROM_SERVER };

unsigned stats_type_index(uint16_t qtype);
const char *stats_type_label(unsigned index);
void stats_duration_add(struct stats_duration *d, uint64_t ns);
void stats_size_add(struct stats_size *s, uint64_t octets);
/* Adds `n` to the row with these labels. */
void stats_event_add(struct core_stats *s, const struct stats_event *like, uint64_t n);
const char *stats_class_label(uint16_t qclass);
/* The (listener, zone) row; zone index UINT16_MAX is CoreDNS's "dropped". */
static inline struct stats_server *stats_server_of(struct core_stats *s, unsigned listener, unsigned zone)
{
	unsigned column = zone < CORE_ZONES_MAX ? zone : CORE_ZONES_MAX;

	return &s->server[s->server_row[listener < CORE_LISTENERS_MAX ? listener : 0][column]];
}
/* The row of core_conf.upstream[upstream]: equal to the index only before the
 * first reconfiguration. */
struct stats_upstream *stats_upstream_of(struct core_stats *s, unsigned upstream);

#endif
