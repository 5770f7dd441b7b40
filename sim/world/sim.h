/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of a scenario in virtual time: pods with lib/world/stub, the node's cache
 * with the daemon's own core (or the original's, as measured), kube-proxy with the
 * connection table, backends with the scenario's zone. A pure function of scenario, costs,
 * seed and the nodes asked for.
 *
 * Results are whole numbers, so that those of parts add up to the same bits in any order.
 */
#ifndef NODENS_SIM_SIM_H
#define NODENS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/heat.h"
#include "lib/base/hist.h"
#include "lib/world/scenario.h"
#include "lib/world/zone.h"
#include "sim/world/costs.h"

#define SIM_BACKENDS_MAX SCEN_BACKENDS_MAX

enum sim_cache { SIM_NOCACHE, SIM_CACHE, SIM_ORIGINAL, SIM_CACHES };
/* "iptables-nocache", "iptables-cache", "iptables-original". */
const char *sim_cell_str(enum scen_proxy p, enum sim_cache cache, char buf[32]);
const char *sim_cache_str(enum sim_cache cache); /* "off", "on", "original" */

/* Why a packet went no further, and by that why a lookup was lost. */
#define SIM_CAUSES(X)                                                                             \
	X(CAUSE_LATE, "late", "nothing was dropped: the answer came too late, or was a failure")  \
	X(CAUSE_LINK, "link", "lost between node and backends")                                   \
	X(CAUSE_TABLE, "table", "the connection table was full")                                  \
	X(CAUSE_RACE, "race", "its entry lost a race")                                            \
	X(CAUSE_CACHE_QUEUE, "cache_queue", "the cache's socket buffer was full")                 \
	X(CAUSE_REPLICA_QUEUE, "replica_queue", "a cluster-DNS server's queue was full")          \
	X(CAUSE_DEAD, "dead", "sent to a cluster-DNS server that was gone")                       \
	X(CAUSE_NO_ENDPOINT, "no_endpoint", "the Service had no endpoint")                        \
	X(CAUSE_OUTSIDE, "outside_limit", "more than a node may send to resolvers outside")       \
	X(CAUSE_BACKLOG, "backlog", "a processor's softirq backlog, or a pod's veth, was full")
#define SIM_CAUSE_ENUM(name, word, help) name,
enum sim_cause { SIM_CAUSES(SIM_CAUSE_ENUM) SIM_CAUSES_N };

struct sim_progress { /* of all worlds that run */
	_Atomic uint64_t virtual_ns, events;
};

struct sim_conf {
	const struct scenario *s;
	const struct zone *zone;
	enum scen_proxy proxy;
	enum sim_cache cache;
	bool verify;	     /* check every answer against the zone */
	uint64_t seed;	     /* 0: the scenario's */
	bool same_lookups;   /* the lookups are those of the scenario's seed all the same */
	unsigned first_node; /* nodes to simulate: these; the others only ask the replicas */
	unsigned n_nodes;
	const struct sim_costs *costs;
	const char *qs_path; /* write the pods' messages of node 0 there, or NULL */
	struct sim_progress *progress; /* or NULL */
	struct answers *answers;       /* this thread's (answers.h), or NULL: the world has its own */
};

struct sim_sample { /* sums over the simulated nodes */
	uint64_t t_ns, client, upstream, count; /* entries, the dead that nobody collected included */
	uint64_t client_live;
	uint64_t lookups, lost, upstream_queries;
	uint64_t done, late_ns; /* lookups that ended so far, and their times added up */
	uint64_t queries, retried, replicas, waiting; /* waiting: at the replicas */
};

/* All sums but those that say so. X(field, merged by): sum or max. */
#define SIM_NUMBERS(X)                                                                            \
	X(n_nodes, sum) X(n_parts, sum) X(total, sum) X(ok, sum) X(notfound, sum) X(lost, sum) X(warmup, sum)     \
	X(partial, sum) X(again, sum) X(queries, sum) X(retried, sum) X(verified, sum)            \
	X(wrong, sum) X(by_cache, sum) X(by_backend, sum) X(ct_client_peak, max)                  \
	X(ct_client_live_peak, max) X(ct_upstream_live_peak, max)                                 \
	X(ct_upstream_peak, max) X(ct_count_peak, max) X(ct_client_final, sum) X(ct_created, sum) \
	X(ct_insert_failed, sum) X(ct_full, sum) X(ct_early_drop, sum) X(notrack_in, sum)         \
	X(notrack_out, sum) X(upstream_world, sum) X(upstream_total, sum) X(upstream_conns, sum)  \
	X(cache_queries, sum) X(cache_hits, sum) X(cache_misses, sum) X(cache_evicted, sum)       \
	X(cache_cpu_ns, sum) X(cache_queue_peak, max) X(lost_packets, sum) X(events, sum)         \
	X(replica_cpu_ns, sum) X(replica_throttled_ns, sum) X(replica_queue_peak, max)            \
	X(replicas_peak, max) X(replica_ns, sum) X(replica_used_ns, sum)                          \
	X(sli_lookups, sum) X(sli_lost, sum) X(busy_ns, sum)               \
	X(pods_cpu_ns, sum) X(servers_cpu_ns, sum) X(pods_sleeps, sum) X(cache_sleeps, sum)
/* busy_ns and the two after it: where processors are shared */
#define SIM_NUMBER_FIELD(field, how) uint64_t field;

/* Which way a lookup's answers came; of several the slowest. */
enum sim_path {
	SIM_PATH_HIT,	      /* all of them from the node's cache, at once */
	SIM_PATH_MISS,	      /* the cache asked the cluster DNS for one */
	SIM_PATH_CLUSTER_DNS, /* the pod asked the cluster DNS itself */
	SIM_PATH_OUTSIDE,     /* a name outside the cluster was asked for beyond the node */
	SIM_PATHS_N,
};
extern const char *const sim_path_metric[SIM_PATHS_N];

struct sim_result {
	SIM_NUMBERS(SIM_NUMBER_FIELD)
	uint64_t lost_by[SIM_CAUSES_N];	      /* lookups */
	uint64_t dropped[SIM_CAUSES_N];	      /* packets */
	uint64_t upstream_backend[SIM_BACKENDS_MAX];
	uint64_t backend_cpu_ns[SIM_BACKENDS_MAX]; /* ghosts included */
	char why_wrong[96];		      /* of the first wrong answer; what follows is cleared by what of it was used */
	struct hist latency[SCEN_LOADS_MAX];
	struct hist late;		      /* how long after their intended start lookups began */
	struct hist path[SIM_PATHS_N];	      /* the same lookups, by enum sim_path */
	struct heat heat;		      /* of the counted lookups, by intended start */
	struct hist sli;		      /* probers' p99s, one a window (probers.h) */
	struct hist node_peak;		      /* entries at once, one value a node */
	size_t n_samples, cap_samples;
	struct sim_sample *sample;
};

/* Once, before anything else: memory that a world has used goes back, however often. */
void sim_memory_init(void);
/* Worlds are small and come one after another: what one leaves the next one takes, some 25 MiB a thread. */
void sim_memory_keep(bool keep);
/* `ret` is all zeros, or has been filled before: most of its three quarters of a MiB then needs no clearing. */
int sim_run(struct sim_result *ret, const struct sim_conf *c, struct diag *d);
void sim_result_release(struct sim_result *r);
void sim_result_clear(struct sim_result *r); /* all zeros, or filled before: as it is before a run */
/* Adds a part of the same cell: other nodes, or another replication. */
int sim_result_add(struct sim_result *into, const struct sim_result *part);

/* The Corefile of a scenario's node cache: the stock node-local template with
 * the scenario's numbers. Caller frees; NULL: no memory. */
char *sim_corefile(const struct scenario *s, enum scen_proxy proxy);

#endif
