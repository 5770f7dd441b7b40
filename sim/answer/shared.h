/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs of a lab whose pods, cache and backends share processors that nothing else uses: a guest with a counted
 * clock. There a piece of work costs the same each time, and what a lookup takes longer it has waited: so all costs are
 * constants, found from lookups that waited for nobody, and waiting is the simulator's to predict.
 */
#ifndef NODENS_SIM_SHARED_H
#define NODENS_SIM_SHARED_H

#include "lib/base/hist.h"
#include "sim/world/costs.h"

struct took { /* lookups of a cell of calibrate.yaml, by load */
	struct hist fresh, same, tcp, miss;
	struct hist longer, cut; /* empty in records from before they were measured */
};

#define HANDLED 6 /* a pair's messages, each: made, answered, read */

struct spent { /* processor time, ns a lookup; questions a lookup, and those of the cache */
	double pods, cache, servers;
	double asked, missed;
	double pods_slept, cache_slept; /* times a lookup; negative: nobody said */
};

struct seen { /* of both cells under one kind of rules, in the lab or simulated: lookups from when they were meant to begin */
	struct took off, on;
	struct hist late; /* how long after that they began */
	struct spent off_spent, on_spent;
	struct spent tcp_off_spent, tcp_on_spent; /* where all lookups are over TCP; asked 0: nobody measured that */
	double busy;	  /* share of the processors' time that was used, by whatever it was; negative: nobody said */
};

/* `octets`: how much longer the name of the load `long` is than the others'. */
void shared_guess(struct sim_costs *k, uint64_t processors);
void shared_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim, double octets);

#endif
