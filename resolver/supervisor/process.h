/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the supervisor stand on: the loop, the host, and how far the process
 * has come. All may look; each field has one who writes it.
 */
#ifndef NODENS_SUPERVISOR_PROCESS_H
#define NODENS_SUPERVISOR_PROCESS_H

#include <stdbool.h>

#include "resolver/config/flags.h"
#include "resolver/corefile/corefile.h"
#include "resolver/handover/handover.h"
#include "resolver/net/loop.h"
#include "resolver/node/node.h"
#include "resolver/observe/metrics.h"
#include "resolver/observe/shm.h"

enum process_phase {
	PHASE_STARTING, /* until the first self-test has passed */
	PHASE_SERVING,
	PHASE_LAMEDUCK, /* told to stop; still serving */
	PHASE_DRAINING, /* rules are gone; workers finish */
	PHASE_DONE,
};

struct process {
	const struct node_flags *flags;
	struct loop loop;
	struct shm *shm;
	struct node *node;
	struct handover *handover;        /* from one instance to the next */
	uint64_t start_real_s;            /* when it began, since the epoch */
	struct metrics_driver metrics;    /* each part counts what it does */
	enum process_phase phase;         /* supervisor.c, ending.c */
	bool not_ours;                    /* succession.c: rules, interface and pidfile are another instance's: they stay */
	struct node_released released;    /* supervisor.c: what the instance had that we took over from, and we have not */
	bool good;                        /* health.c: we answer */
	const struct corefile_plan *plan; /* configuration.c: what the workers serve; NULL: nothing yet */
};

#endif
