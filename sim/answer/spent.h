/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the processors' time was, a lookup. What calibrate compares where processors are shared. */
#ifndef NODENS_SIM_SPENT_H
#define NODENS_SIM_SPENT_H

#include "lib/base/err.h"
#include "sim/answer/ask.h"
#include "sim/answer/shared.h"

/* Of the lab's record. */
int spent_in(struct spent *ret, const struct record *r, struct diag *d);
/* The mean of all records of connections alone (--tcp); asked is 0 where there are none. */
int spent_over_tcp(struct spent *ret, const struct sim_ask *a, enum scen_proxy proxy, enum sim_cache cache, struct diag *d);
void spent_by(struct spent *ret, const struct sim_result *r);

#endif
