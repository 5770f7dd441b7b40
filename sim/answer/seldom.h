/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pauses cost, from cells of one load at several rates.
 */
#ifndef NODENS_SIM_SELDOM_H
#define NODENS_SIM_SELDOM_H

#include "lib/record/result.h"
#include "sim/world/idle.h"

#define SELDOM_MAX 32 /* records */

/* The records are the same cell: the calibration's own first, then others with fewer lookups. Half of all
 * pauses are shorter than the median one, and a pause that is longer costs no less: so what the median
 * lookup takes longer in a cell is what its median pause costs. Shorter pauses than the first cell's cost less in
 * proportion, which is not measured. Several of about one rate are taken together. False: too few records, or a rate or a median is missing. */
bool seldom_costs(struct idle *ret, struct record *const *cell, unsigned n);

#endif
