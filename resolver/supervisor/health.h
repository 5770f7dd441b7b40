/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of life. Rules send a node's DNS to us only while a self-test passes:
 * each success refreshes them, a second failure in a row lets them lapse, and
 * when all of us are gone the kernel forgets them by itself (node.h).
 *
 * A test that netfilter does not let out proves nothing. Where the connection table is full it needs our rules, and with
 * them the pods, who have no other way then: so they come for a try while workers move, and the next test tells.
 */
#ifndef NODENS_SUPERVISOR_HEALTH_H
#define NODENS_SUPERVISOR_HEALTH_H

#include "resolver/crew/workers.h"
#include "resolver/supervisor/process.h"
#include "resolver/supervisor/rules.h"
#include "resolver/supervisor/selftest.h"

struct health_hooks {
	void (*beat)(void *ctx);  /* a test begins */
	void (*first)(void *ctx); /* the first has passed */
};

struct health {
	struct process *p;
	struct rules *rules;
	struct workers *workers;
	const struct health_hooks *hook;
	void *ctx;
	struct selftest *selftest;
	struct loop_timer timer;
	unsigned failures; /* in a row */
	uint64_t try_ns, try_pause_ns; /* not before, and how long after it */
	uint64_t due_ns;   /* when the one that runs should have begun */
	uint64_t drops;    /* of full queues, before it */
};

int health_start(struct health *h, struct process *p, struct rules *rules, struct workers *workers,
		 const struct health_hooks *hook, void *ctx, struct diag *d);
/* Tests now, and from then on by itself. */
void health_test(struct health *h);
/* No more, until health_test. */
void health_stop(struct health *h);
void health_release(struct health *h);

#endif
