/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When each question is due, since the start: a pure function of its number, so that no
 * lateness moves what comes after it.
 */
#ifndef NODENS_SCHEDULE_H
#define NODENS_SCHEDULE_H

#include <stdint.h>

struct schedule {
	double speed;       /* of the captured clock, above 0 */
	double rate;        /* questions a second; 0: as captured */
	double rate_end;    /* with `rate`: what it rises (or falls) to, evenly, over ramp_ns; 0: it stays */
	uint64_t ramp_ns;
};
/* `t_ns`: of the question within the plan, `n` of whose questions span `span_ns`. */
uint64_t schedule_due_ns(const struct schedule *s, uint64_t number, uint64_t n, uint64_t t_ns, uint64_t span_ns);
/* Questions that are due until the ramp's end. */
uint64_t schedule_ramp_questions(const struct schedule *s);

#endif
