/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leg of a packet's way: how long it takes, as a distribution that is cheap to draw from.
 * Log-normal by median and p99, or what a calibration measured: both end as quantiles, 256
 * steps of the whole and 256 more of the slowest step, so that a tail of one in 10,000 is
 * drawn from its own place and costs no more than the median.
 */
#ifndef NODENS_SIM_LEG_H
#define NODENS_SIM_LEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/rng.h"
#include "lib/world/scenario.h"

#define LEG_STEPS 256
#define LEG_POINTS_MAX 32

struct leg_point { /* this share of draws takes at most so long */
	double share;
	uint64_t ns;
};

struct leg { /* zeroed: takes no time */
	struct scen_delay d; /* median and p99 */
	unsigned n_points;   /* measured: 0 is log-normal */
	struct leg_point point[LEG_POINTS_MAX];
	float body[LEG_STEPS + 1], tail[LEG_STEPS + 1];
};

void leg_set(struct leg *l, struct scen_delay d);
/* Points by rising share, the first at 0, the last at 1; times never falling. False: they are not. */
bool leg_set_points(struct leg *l, const struct leg_point *p, unsigned n);
uint64_t leg_draw(const struct leg *l, struct rng *r); /* ns; a constant draws nothing */
double leg_mean(const struct leg *l);		       /* ns */

#endif
