/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on a terminal while worlds run: virtual time done of all, events a second, time left.
 * On anything but a terminal nothing is drawn.
 */
#ifndef NODENS_SIM_PROGRESS_H
#define NODENS_SIM_PROGRESS_H

#include "sim/world/sim.h"

struct progress;
/* NULL where there is no terminal. */
struct progress *progress_begin(const char *name, uint64_t total_ns, struct sim_progress *p);
void progress_end(struct progress *p); /* clears the line; NULL allowed */

#endif
