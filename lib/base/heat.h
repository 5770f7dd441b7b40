/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations over time, counted on a grid: four bands to each power of two, and
 * steps of time that double when a run outlasts them, so a run of any length
 * has between 64 and 128 of them. For pictures; figures come from struct hist.
 * Fixed size, no allocation, no lock.
 */
#ifndef NODENS_HEAT_H
#define NODENS_HEAT_H

#include <stdint.h>

#define HEAT_STEPS 128
#define HEAT_STEP_NS UINT64_C(100000000) /* the usual finest step */
#define HEAT_BANDS 180 /* the last begins at 2^45 ns, ten hours, and holds all above */

struct heat {
	uint64_t step_ns;
	unsigned n_steps; /* in use: the last that holds anything, plus one */
	uint32_t count[HEAT_STEPS][HEAT_BANDS];
};

/* step_ns > 0: the finest step. */
void heat_init(struct heat *h, uint64_t step_ns);
void heat_clear(struct heat *h, uint64_t step_ns); /* the same for one that was in use, or is all zeros */
/* t_ns: since the run began. A count that is full stays so. */
void heat_record(struct heat *h, uint64_t t_ns, uint64_t value_ns);
/* Both began with the same step; one of zeros takes the other's. */
void heat_merge(struct heat *into, const struct heat *from);
unsigned heat_band(uint64_t value_ns);
/* Bounds of a band: low inclusive, high inclusive. */
void heat_bounds(unsigned band, uint64_t *ret_low_ns, uint64_t *ret_high_ns);

#endif
