/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of the matrix: a fresh node with kube-proxy's rules in one mode,
 * with or without the cache, under the scenario's load, measured from start to
 * end and then taken down. Nothing of one cell is left for the next.
 */
#ifndef NODENS_KIND_E2E_CELL_H
#define NODENS_KIND_E2E_CELL_H

#include <stdbool.h>
#include <sys/types.h>

#include "kind-e2e/load/backend.h"
#include "kind-e2e/load/gai.h"
#include "kind-e2e/load/load.h"
#include "kind-e2e/measure/netlink_ct.h"
#include "kind-e2e/measure/notrack.h"
#include "kind-e2e/lab/topo.h"

struct lab { /* what all cells share */
	const struct scenario *s;
	const struct zone *zone;
	const char *scenario_path, *out; /* absolute folder */
	const char *bin;		 /* where the other programs are */
	int argc;
	char **argv;
	int keep_fd; /* where Enter comes from that ends a standing cell; -1: none stands */
	void (*progress)(void *arg, double share, const char *phase);
	void *progress_arg;
};

#define CELL_SERVERS_MAX (TOPO_BACKENDS_MAX + 1) /* and the resolver beyond the uplink */

struct ct_split {	   /* who the entries of the node's table belong to */
	uint64_t client;   /* pods to port 53 of the cluster DNS */
	uint64_t upstream; /* the node itself to any port 53 */
	uint64_t other;
};

struct snap { /* counters at one moment; what is reported is a difference */
	struct ctnl_stats ct;
	struct ct_split split;
	struct notrack notrack;
	uint64_t pod_tcp_out, pod_tcp_in; /* segments, all pods */
	uint64_t served[CELL_SERVERS_MAX];
	double cache_queries, cache_hits, cache_misses;
	double cache_again; /* hedges, retries and refreshes: questions upstream that are no miss */
	uint64_t cpu_ns, rss_bytes;
};

struct sample {
	double t_s;
	uint64_t entries, begun, lost, upstream;
};

struct cell {
	const struct lab *lab;
	enum scen_proxy proxy;
	bool with_cache;
	char name[32], dir[4096 - 64];
	struct topo topo;
	char server_id[CELL_SERVERS_MAX][24];
	pid_t server[CELL_SERVERS_MAX], load[TOPO_PODS_MAX], cache, capture[TOPO_PODS_MAX];
	struct backend_shared *served; /* [CELL_SERVERS_MAX], shared memory */
	struct load_shared *loads;     /* [TOPO_PODS_MAX], likewise */
	struct gai_shared *gai;
	struct ctnl *ct;
	uint64_t t0_ns, load_ns; /* when the load began, and how long it took */
	struct snap before, after;
	struct sample *samples;
	size_t n_samples;
	bool captured, cache_stopped, cache_rules_gone;
	int cache_status;
	uint64_t captured_queries, captured_answers;
	char capture_why[200]; /* why there is no capture */
	uint64_t setup_ns, wall_ns;
};

/* Up, measured, down. 0, or the error that ended it early; what was measured
 * until then stays in the cell. */
int cell_run(struct cell *c, struct diag *d);
int cell_init(struct cell *c, const struct lab *lab, enum scen_proxy proxy, bool with_cache,
	      struct diag *d);
void cell_release(struct cell *c);

/* cell_snap.c */
int snap_take(struct cell *c, struct snap *ret, struct diag *d);
/* Counters that follow the last packet: waits until two looks agree. */
int snap_settle(struct cell *c, struct snap *ret, struct diag *d);
int cell_sample(struct cell *c, struct diag *d);

/* cell_cache.c */
int cache_start(struct cell *c, struct diag *d);
void cache_stop(struct cell *c);

/* cell_capture.c: none of it is fatal; the reason of a missing capture is kept */
void capture_start(struct cell *c);
void capture_stop(struct cell *c);

/* cell_stream.c: the pods' parts of the query stream into one */
int stream_merge(const struct cell *c, struct diag *d);

/* cell_record.c. `failed` NULL: the cell ran to its end. *ret_good: every check
 * passed. */
int cell_record(const struct cell *c, const char *failed, bool *ret_good, struct diag *d);
/* A cell that this machine cannot run. */
int cell_record_skip(const struct lab *lab, enum scen_proxy proxy, bool with_cache, const char *why,
		     struct diag *d);

#endif
