/* SPDX-License-Identifier: Apache-2.0 */
/* Durations over time in a result record: table "heat", columns t_s, step_s, low_ns, high_ns, count. */
#ifndef NODENS_HEAT_TABLE_H
#define NODENS_HEAT_TABLE_H

#include "lib/base/heat.h"
#include "lib/record/result.h"

#define HEAT_TABLE "heat"

/* The grid's cells that are not 0; at most HEAT_STEPS * HEAT_BANDS rows. */
void result_heat(struct result *r, const struct heat *h);

#endif
