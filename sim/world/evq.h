/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event queue of virtual time: the least of (time, order of insertion), so that equal times keep
 * their order and two runs of one seed do the same.
 *
 * A heap as long as it is small. When it has outgrown the processor's near caches, what lies further ahead
 * waits unsorted in a wheel of buckets, each of a digit of its time, and is sorted when its turn comes:
 * an event is then moved two or three times, always in order of addresses, whatever the queue's length.
 *
 * Time-outs come in order of their time, nearly all, and lie far ahead: they stand in a line of their own, and
 * the heap stays as short as what is on its way.
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

struct evq_wheel;

struct evq { /* zeroed: empty */
	struct event *heap; /* all that comes before horizon_ns */
	size_t n, cap, most; /* most: not before it holds so many is another wheel begun */
	uint64_t horizon_ns;	 /* what is not before it is in the wheel; 0 without one */
	struct evq_wheel *wheel; /* NULL: all are in the heap */
	struct event *line;
	size_t line_first, line_n, line_cap;
	uint64_t next_seq;
	bool failed; /* an event could not be kept: no memory */
};

void evq_push(struct evq *q, uint64_t t_ns, uint32_t kind, uint32_t a, void *p);
/* The same, for what is mostly pushed in order of its time. It comes when it would come, all the same. */
void evq_push_timeout(struct evq *q, uint64_t t_ns, uint32_t kind, uint32_t a, void *p);
bool evq_pop(struct evq *q, struct event *ret);
void evq_release(struct evq *q);

#endif
