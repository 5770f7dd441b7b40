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
#include "lib/kernel/ct_netlink.h"
#include "kind-e2e/measure/notrack.h"
#include "kind-e2e/lab/topo.h"
#include "lib/base/clock.h"

struct cell_spec { /* which cell of the matrix */
	bool empty; /* neither rules nor cache: what the lab itself does, known beforehand */
	enum scen_proxy proxy;
	bool with_cache;
	bool original; /* with_cache: it is NodeLocal DNSCache, a binary that the user named */
	bool intercept; /* the cache rewrites packets for the ClusterIP: IPVS mode's second way */
	enum scen_ip ip;
};
#define CELL_NAME_MAX 40
/* "nftables-cache", "iptables-original", "iptables-nocache-dual", "empty". */
const char *cell_spec_str(const struct cell_spec *s, char buf[CELL_NAME_MAX]);

struct lab { /* what all cells share */
	const struct scenario *s;
	const struct zone *zone;
	const char *scenario_path, *out; /* absolute folder */
	const char *bin;		 /* where the other programs are */
	const char *original;		 /* NodeLocal DNSCache's node-cache, or NULL */
	const char *image;		 /* archive of `make image` that our cells run; NULL: node-cache of `bin` */
	int argc;
	char **argv;
	int keep_fd; /* where Enter comes from that ends a standing cell; -1: none stands */
	void (*progress)(void *arg, double share, const char *phase);
	void *progress_arg;
};

#define CELL_EMPTY_DELAY_NS (20 * NS_PER_MS) /* every answer's, in the empty cell */
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
	uint64_t cpu_ns, rss_bytes; /* the cache's */
	uint64_t worker_cpu_ns, worker_sleeps; /* of its first worker, who answers; 0: it has none */
	uint64_t servers_cpu_ns;
};

struct sample {
	double t_s;
	uint64_t entries, begun, lost, upstream;
};

struct cell {
	const struct lab *lab;
	struct cell_spec spec;
	char name[CELL_NAME_MAX], dir[4096 - 64];
	struct topo topo;
	unsigned live; /* backends that kube-proxy knows of, a bit each */
	enum topo_family first; /* the family of the load */
	char server_id[CELL_SERVERS_MAX][24];
	pid_t server[CELL_SERVERS_MAX], load[TOPO_PODS_MAX], cache, capture[TOPO_PODS_MAX];
	struct backend_shared *served; /* [CELL_SERVERS_MAX], shared memory */
	struct load_shared *loads;     /* [TOPO_PODS_MAX], likewise */
	struct gai_shared *gai;
	struct ctnl *ct;
	uint64_t t0_ns, load_ns; /* when the load began, and how long it took */
	double busy;		 /* of that: share of the processors' time that was used; negative: not known */
	struct snap before, after;
	struct sample *samples;
	size_t n_samples;
	bool no_delay; /* a mutant: the empty cell's backends do not wait */
	bool keep_stale; /* a mutant: cell_forget_stale takes nothing out */
	bool captured;
	unsigned cache_started; /* how often */
	unsigned cache_now;	/* which of them runs */
	uint64_t cache_failopen_ns;
	int cache_status; /* of the last cache_stop */
	uint64_t captured_queries, captured_answers;
	char capture_why[200]; /* why there is no capture */
	char *world;	       /* the node before any cache, as leftovers.h has it */
	uint64_t setup_ns, wall_ns;
};

int cell_init(struct cell *c, const struct lab *lab, const struct cell_spec *spec, struct diag *d);
void cell_release(struct cell *c);
/* A node that serves. */
int cell_up(struct cell *c, struct diag *d);
/* The scenario's load on it, once; again replaces what was measured before. */
int cell_load(struct cell *c, struct diag *d);
void cell_down(struct cell *c);
/* Keeps it standing until Enter is pressed, where that was asked for. */
void cell_hold(const struct cell *c);
/* Where pods send their questions. */
struct addr cell_server(const struct cell *c, enum topo_family f);
/* kube-proxy writes its rules again, for these backends. */
int cell_proxy_sync(struct cell *c, unsigned live, struct diag *d);
/* A backend again, after it was killed. */
int cell_backend_start(struct cell *c, unsigned i, struct diag *d);

/* cell_gai.c: the machine's libc in a pod; `only` and `search` as in gai.h. */
int cell_gai(struct cell *c, const char *only, const char *const *search, size_t n_search,
	     struct diag *d);

/* cell_snap.c */
int snap_take(struct cell *c, struct snap *ret, struct diag *d);
/* Counters that follow the last packet: waits until two looks agree. */
int snap_settle(struct cell *c, struct snap *ret, struct diag *d);
int cell_sample(struct cell *c, struct diag *d);
int cell_split(struct cell *c, struct ct_split *ret, struct diag *d);
/* cell_table.c: takes the entries of clients' DNS (whose destination is an address pods ask) out of the
 * table, so that what is in it afterwards is new. Connections of the cache stay. */
int cell_forget(struct cell *c, struct diag *d);
/* UDP entries that lead to a backend kube-proxy no longer knows: it takes them out itself. */
int cell_forget_stale(struct cell *c, struct diag *d);
/* cell_snap.c: TCP segments of one pod, out and in, by its own kernel. */
int cell_pod_tcp(unsigned pod, uint64_t *ret_out, uint64_t *ret_in, struct diag *d);
int cell_notrack(struct notrack *ret, struct diag *d);
int cell_metrics(char **ret_text, struct diag *d);
/* From here on cell_metrics says what it would say now, and `more`: a mutant (sabotage.h). */
int cell_metrics_freeze(const char *more, struct diag *d);

/* cell_cache.c */
#define CACHE_ID "node-cache" /* in NSID */
#define CACHE_FAILOPEN_LOAD (15 * NS_PER_S) /* see cell_cache.c */
#define CACHE_FAILOPEN_FAULTS (2 * NS_PER_S)
int cache_start(struct cell *c, uint64_t failopen_ns, struct diag *d);
/* A cache that serves with this fail-open time: the one that runs if it does, else a new one. */
int cache_want(struct cell *c, uint64_t failopen_ns, struct diag *d);
/* SIGTERM, and waits: 0 when it ended by itself; its status is in the cell. */
int cache_stop(struct cell *c, struct diag *d);
/* All its processes at once: stopped first, so that none can react to another's end. */
void cache_signal(struct cell *c, int sig);
/* Killed like that, and buried. */
void cache_kill(struct cell *c);
/* A second instance that takes over from the one that runs. */
int cache_hand_over(struct cell *c, struct diag *d);
/* The process that answers, or 0. */
#define CACHE_WORKER "node-cache-dns"
pid_t cache_worker(const struct cell *c);

/* cell_capture.c: none of it is fatal; the reason of a missing capture is kept */
void capture_start(struct cell *c);
void capture_stop(struct cell *c);

/* cell_stream.c: the pods' parts of the query stream into one */
int stream_merge(const struct cell *c, struct diag *d);

/* cell_leftovers.c: the node's rules, interfaces, routes, sysctls, sockets, and the cache's
 * files, as sorted lines (caller frees). */
int leftovers_look(const struct cell *c, char **ret, struct diag *d);
/* Lines of `after` that `before` has not, and the other way round: their number, the first ones
 * in `words`. */
unsigned leftovers_diff(const char *before, const char *after, char *words, size_t size);

#endif
