/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event queue of virtual time: a heap on (time, order of insertion), so
 * that equal times keep their order and two runs of one seed do the same.
 */
#ifndef NODENS_SIM_EVQ_H
#define NODENS_SIM_EVQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
	uint64_t t_ns;
	uint64_t seq;
	uint32_t kind, a; /* the owner's */
	void *p;
};

struct evq {
	struct event *heap;
	size_t n, cap;
	uint64_t next_seq;
	bool failed; /* an event could not be kept: no memory */
};

void evq_push(struct evq *q, uint64_t t_ns, uint32_t kind, uint32_t a, void *p);
bool evq_pop(struct evq *q, struct event *ret);
void evq_release(struct evq *q);

#endif
