/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exporter: what the core and its driver counted, as Prometheus text. Names,
 * labels and buckets under coredns_ are CoreDNS 1.13's, because dashboards and
 * alerts in circulation use them; our own are under nodens_. Counters are only
 * read here, so a scrape never waits for a worker.
 */
#ifndef NODENS_METRICS_H
#define NODENS_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "resolver/core/conf.h"
#include "resolver/core/stats.h"
#include "resolver/corefile/corefile.h"
#include "resolver/net/doh.h"
#include "resolver/corefile/loops.h"
#include "resolver/node/node.h"

#define METRICS_HEALTH_EDGES 5 /* 0.25 ms * 10^k, k = 0..4 */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What the supervisor itself counts; zero-initialised, one writer. */
struct metrics_driver {
	struct {
		uint64_t bucket[METRICS_HEALTH_EDGES + 1], sum_ns, n;
		uint64_t failures;
	} health;
	uint64_t reload_failed, reloads_put_off;
	uint64_t reload_last_success;   /* gauge: 1, 0 */
	uint64_t reload_last_success_s; /* seconds since the epoch */
	uint64_t config_refused[3];     /* gauges: Corefile, kube-dns ConfigMap, files */
	char reload_hash[65];           /* hex SHA-256 of the running configuration; "" before the first */
	uint64_t worker_restarts, workers;
	uint64_t selftest_ok, selftest_failed; /* through the real data path */
	uint64_t rules_repaired, rules_active;  /* counter; gauge */
	uint64_t handovers;
	uint64_t ready;                 /* gauge */
	uint64_t tcp_clients, tcp_clients_rejected, tcp_clients_evicted;
	uint64_t tcp_held_bytes, tcp_held_up, tcp_resets, tcp_slow_readers, tcp_put_off; /* the first: gauge */
	uint64_t udp_received, udp_truncated, udp_send_errors, udp_stuck, udp_dropped;
	uint64_t log_lines_dropped;
	uint64_t up_tcp_open, up_tcp_connects, up_tls_resumed; /* gauge; counters */
	struct { uint64_t open, strays, duplicates, guessed, shared, gave_way; } up_udp; /* open: gauge */
	uint64_t up_doh_goaway, up_doh_faults[DOH_FAULTS];
	uint64_t hosts_reload_s;        /* gauge: the newest hosts file in use, seconds since the epoch */
	uint64_t dnstap_sent, dnstap_dropped, dnstap_connected; /* the last: gauge */
	uint64_t scrapes[3];            /* by status 200, 500, 503 */
	uint64_t http_open, http_evicted, http_refused, http_slow, http_deferred; /* the first: gauge */
	uint64_t metrics_reused;        /* scrapes served with a page made for another */
	uint64_t renewal_late_ns;       /* gauge: worst time from when a self-test was due until it had renewed the rules */
};

struct metrics_input {
	const struct core_conf *conf;          /* unused: rows carry their labels */
	const struct corefile_plan *plan;      /* plugins of blocks; NULL before the first */
	size_t n_stats;
	const struct core_stats *const *stats; /* one a worker; summed here */
	const struct metrics_driver *driver;
	const uint64_t *setup_errors;          /* [NODE_ERRORS] or NULL */
	const struct loopcheck_shared *loops;  /* or NULL */
	const struct node_counters *counters;  /* or NULL: no rules */
	const char *version;
	size_t n_pids;                         /* workers: their CPU time and memory count as ours */
	const int *pid;
	uint64_t start_s; /* of this process, seconds since the epoch; 0: ask /proc */
};

/* Everything, ending with a newline. 0; or ERR_NOMEM, and what was written is not all of it. */
int metrics_write(const struct metrics_input *in, FILE *out);
/* Bucket a health poll; `ns` its duration. */
void metrics_health_add(struct metrics_driver *m, uint64_t ns, int ok);

#endif
