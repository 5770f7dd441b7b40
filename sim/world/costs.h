/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What things cost in time. The simulator knows what happens, not how fast a
 * machine is: these numbers were measured in the lab (docs/simulator.md says
 * how), can be replaced by a file, and go into every record, because a
 * prediction is only as good as they are.
 */
#ifndef NODENS_SIM_COSTS_H
#define NODENS_SIM_COSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/world/scenario.h"
#include "sim/world/idle.h"
#include "sim/world/leg.h"

struct sim_costs {
	/* one way, one message */
	struct leg pod_cache, cache_pod;	      /* pod and cache on one node */
	struct leg pod_backend, backend_pod;   /* through kube-proxy's rules */
	struct leg node_backend, backend_node; /* cache to backend and back */
	struct leg node_world, world_node;     /* cache to a resolver outside */
	struct leg tcp_setup;		      /* more for a pod's TCP connection */
	struct leg tcp_backend;		      /* more than that where it is to a backend */
	struct leg client;		      /* pod's thread: wake up, go on */
	struct leg start;		      /* intended start to first packet */
	double pod_share;		      /* where processors are shared: so much of a way between pod and backend is the pod's work */
	struct idle idle_cache, idle_backend; /* more for a way that was not used for long */
	/* processor time, constant */
	uint64_t hit_cpu_ns, miss_cpu_ns, answer_cpu_ns; /* the cache, a message */
	/* the original's, a message: measured side by side with ours */
	uint64_t original_hit_cpu_ns, original_miss_cpu_ns, original_answer_cpu_ns;
	uint64_t tcp_cpu_ns;				 /* more for a message over TCP */
	uint64_t cut_cpu_ns;				 /* more for a denial that the cache makes of one above */
	uint64_t sleep_ns;				 /* where processors are shared: a thread goes to sleep and is woken */
	uint64_t octet_ns;				 /* each octet of the name, of whoever handles a message */
	struct leg backend_cpu;				 /* a backend, a query; 0: never busy */
	uint64_t socket_ns;				 /* a pod opens a socket, before its first packet */
	uint64_t new_flow_ns;				 /* rules walked by a flow's first packet */
	uint64_t rto_ns, syn_rto_ns;			 /* TCP's first retransmission */
	uint64_t conn_idle_ns, conn_age_ns;		 /* the cache's connections */
	uint64_t cache_queue, backend_queue;		 /* datagrams a socket buffer holds */
	uint64_t processors;				 /* shared by all that is on a node; 0: nobody waits for one */
	uint64_t eevdf;					 /* their turns are those of kernels since 6.6 */
	double aside;					 /* share of one's time that goes to what else there is */
	bool by_dialect; /* of nftables' list: the file had lines of its own for it */
	char measured[160]; /* when and where, as the file says: "#! measured=..."; empty: the stock list */
	double race_share; /* pairs of packets that race for one entry; 0 for glibc on one CPU */
};

struct cost_def {
	const char *name;
	enum { COST_DELAY, COST_NS, COST_COUNT, COST_SHARE, COST_IDLE } kind;
	size_t off;
	const char *help;
};
extern const struct cost_def cost_defs[]; /* ends with a NULL name */

void sim_costs_init(struct sim_costs *c);
/* "name = 12us", "name = 12us 80us" (median, p99), "name = 0:8us 0.5:12us 1:2ms" (share of
 * messages that take no longer), "name = 0s:0us 5ms:100us" (pauses, and what they add), "name = 0.01"; # remarks. */
/* A line "nftables.name = ..." is of cells with nftables' rules alone, and goes into `nft` (or NULL); any other into both. */
#define COST_NFT "nftables."
int sim_costs_load(struct sim_costs *c, struct sim_costs *nft, const char *path, struct diag *d);
/* "12us 80us": as the file would say it. */
#define COST_TEXT 1024
void sim_cost_text(const struct sim_costs *c, const struct cost_def *def, char buf[COST_TEXT]);

#endif
