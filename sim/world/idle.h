/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message costs more when the one before is long ago. Threads that slept for long are woken from deeper, and
 * what they need is no longer in the processor's caches: in the lab a hit that takes 164 us at 600 lookups a second took
 * 291 at 200, 340 at 60 and 373 at 20, and the daemon's own processor time a question 52, 81, 109 and 144.
 */
#ifndef NODENS_SIM_IDLE_H
#define NODENS_SIM_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#define IDLE_POINTS_MAX 8
struct idle_point { /* after a pause of this length a way takes so much longer */
	uint64_t pause_ns, more_ns;
};

struct idle { /* zeroed: nothing */
	unsigned n;
	struct idle_point at[IDLE_POINTS_MAX];
};

/* Pauses rising from 0, what they add never falling. False: they are not. */
bool idle_set(struct idle *i, const struct idle_point *p, unsigned n);
/* Linear between points, constant beyond the last. */
uint64_t idle_ns(const struct idle *i, uint64_t pause_ns);

#endif
