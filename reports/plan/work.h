/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From answers to figures: a scenario, dns-sim on a share of its nodes, conntrack-model on a node's
 * stream. How much is simulated follows from a budget of lookups, so any plan ends soon.
 */
#ifndef NODENS_REPORTS_WORK_H
#define NODENS_REPORTS_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "reports/plan/ask.h"

/* X(ID, name in tables): of the whole cluster unless a node is named; off: without, on: with the cache. */
#define PLAN_FIGURES(X)                  \
	X(P50_OFF, "p50_without_ns")     \
	X(P50_ON, "p50_with_ns")         \
	X(P99_OFF, "p99_without_ns")     \
	X(P99_ON, "p99_with_ns")         \
	X(P999_OFF, "p999_without_ns")   \
	X(P999_ON, "p999_with_ns")       \
	X(LOST_OFF, "lost_without_share") \
	X(LOST_ON, "lost_with_share")    \
	X(UP_OFF, "cluster_dns_without_qps") /* once the cache is warm */ \
	X(UP_ON, "cluster_dns_with_qps") \
	X(CT_OFF, "node_entries_without") /* live, of port 53 of a node's pods */ \
	X(CT_ON, "node_entries_with")    \
	X(HITS, "hit_share")             \
	X(CPU, "node_cache_cores")
#define PLAN_FIGURE_ENUM(id, name) PF_##id,
enum plan_figure { PLAN_FIGURES(PLAN_FIGURE_ENUM) PF_COUNT };

struct plan_work {
	const char *dir;  /* where all of it goes */
	char bin[4096];   /* the programs' folder */
	uint64_t seed, limit_ns; /* of a program's run */
};

/* The share of the world that `lookups` pay for. */
struct plan_share {
	unsigned nodes;           /* simulated */
	double warmup_s, load_s;
	double begin_s; /* of a run for its stream alone: a table is as full as it will be long before a cache is warm */
};
/* So many lookups that count, after at most so many that only warm the caches. */
void plan_share(const struct plan_input *in, double lookups, double warm_lookups, struct plan_share *ret);

/* Writes DIR/NAME.yaml. */
int plan_scenario(const struct plan_work *w, const struct plan_input *in, const struct plan_share *s, const char *name, struct diag *d);
/* Simulates both cells of NAME.yaml into the folder OUT of DIR; with `streams` also the streams of node 0 into DIR/qs. */
int plan_simulate(const struct plan_work *w, const struct plan_input *in, const struct plan_share *s, const char *name,
		  const char *out, bool streams, double ret[PF_COUNT], struct diag *d);
/* The connection table of a node, with what-if and sensitivity: DIR/model/CELL from the stream `qs` (relative to DIR). */
int plan_table(const struct plan_work *w, const struct plan_input *in, bool cache, const char *qs, struct diag *d);
const char *plan_cell(const struct plan_input *in, bool cache, char buf[40]);
/* Gone, with all below. */
void plan_remove(const struct plan_work *w, const char *name);

#endif
