/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One deadline for each of a fixed number of items: a binary heap that knows
 * where each item sits, so setting, moving and cancelling cost log n and
 * nothing is allocated.
 */
#ifndef NODENS_CORE_TIMERS_H
#define NODENS_CORE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer_slot {
	uint64_t at_ns;
	uint32_t item;
};
struct timers {
	struct timer_slot *heap;
	uint32_t *where; /* item -> heap index + 1; 0: not set */
	uint32_t n, n_items;
};

int timers_init(struct timers *t, uint32_t n_items); /* 0 or ERR_NOMEM; released in either case */
void timers_release(struct timers *t);
/* T_NEVER cancels. */
void timers_set(struct timers *t, uint32_t item, uint64_t at_ns);
/* Earliest time, or T_NEVER. */
uint64_t timers_next(const struct timers *t);
/* The earliest item if it is due, taken out; UINT32_MAX when none is. */
uint32_t timers_pop(struct timers *t, uint64_t now_ns);

#endif
