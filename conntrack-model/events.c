/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The array events live in.
 */
#include "conntrack-model/events.h"

#include <stdlib.h>
#include <string.h>

void ct_events_add(struct ct_events *e, const struct ct_event *ev)
{
	if (e->err)
		return;
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 4096;
		struct ct_event *p = realloc(e->ev, cap * sizeof(*p));
		if (!p) {
			e->err = ERR_NOMEM;
			return;
		}
		e->ev = p;
		e->cap = cap;
	}
	e->ev[e->n] = *ev;
	e->ev[e->n].seq = (uint32_t)e->n;
	e->n++;
	if (ev->t_ns > e->end_ns)
		e->end_ns = ev->t_ns;
}

static int by_time(const void *pa, const void *pb)
{
	const struct ct_event *a = pa, *b = pb;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void ct_events_sort(struct ct_events *e)
{
	if (e->n)
		qsort(e->ev, e->n, sizeof(*e->ev), by_time);
}

void ct_events_release(struct ct_events *e)
{
	free(e->ev);
	memset(e, 0, sizeof(*e));
}
