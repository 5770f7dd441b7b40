/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a scenario to the exact list of lookups: which pod asks for which name
 * at which nanosecond. A pure function of the scenario and its seed, so that
 * simulator and lab run the same load to the query. Open loop: times do not
 * depend on answers.
 */
#ifndef NODENS_WORKLOAD_H
#define NODENS_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/world/scenario.h"

struct lookup {
	uint64_t t_ns;    /* intended start, from the load's beginning (warm-up included) */
	unsigned node, pod, load; /* indexes; pod within its node */
	unsigned ask;     /* index into scenario->ask */
	bool counted;     /* false during warm-up */
};

struct workload;
/* All pods' lookups in time order; `only_pod` >= 0 restricts it to that pod of
 * node 0 (what one load process runs) without changing its times. NULL: no memory. */
struct workload *workload_new(const struct scenario *s, int only_pod);
/* The lookups of these nodes' pods, drawn from another seed than the scenario's; those of a node
 * are the same whichever others there are. */
struct workload *workload_new_nodes(const struct scenario *s, uint64_t seed, unsigned first_node,
				    unsigned n_nodes);
bool workload_next(struct workload *w, struct lookup *ret); /* false at the end */
void workload_free(struct workload *w);

#endif
