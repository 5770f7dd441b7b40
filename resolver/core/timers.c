/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: where[heap[i].item] == i + 1 for each i < n, and a parent is never
 * later than its children. */
#include "resolver/core/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

int timers_init(struct timers *t, uint32_t n_items)
{
	t->heap = calloc(n_items, sizeof(*t->heap));
	t->where = calloc(n_items, sizeof(*t->where));
	t->n = 0;
	t->n_items = n_items;
	return t->heap && t->where ? 0 : ERR_NOMEM;
}

void timers_release(struct timers *t)
{
	free(t->heap);
	free(t->where);
}

static void slot_put(struct timers *t, uint32_t i, struct timer_slot s)
{
	t->heap[i] = s;
	t->where[s.item] = i + 1;
}

static void sift_up(struct timers *t, uint32_t i, struct timer_slot s)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 2;

		if (t->heap[parent].at_ns <= s.at_ns)
			break;
		slot_put(t, i, t->heap[parent]);
		i = parent;
	}
	slot_put(t, i, s);
}

static void sift_down(struct timers *t, uint32_t i, struct timer_slot s)
{
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= t->n)
			break;
		if (child + 1 < t->n && t->heap[child + 1].at_ns < t->heap[child].at_ns)
			child++;
		if (t->heap[child].at_ns >= s.at_ns)
			break;
		slot_put(t, i, t->heap[child]);
		i = child;
	}
	slot_put(t, i, s);
}

static void slot_place(struct timers *t, uint32_t i, struct timer_slot s)
{
	if (i > 0 && t->heap[(i - 1) / 2].at_ns > s.at_ns)
		sift_up(t, i, s);
	else
		sift_down(t, i, s);
}

static void slot_remove(struct timers *t, uint32_t i)
{
	struct timer_slot last = t->heap[--t->n];

	t->where[t->heap[i].item] = 0;
	if (i < t->n)
		slot_place(t, i, last);
}

void timers_set(struct timers *t, uint32_t item, uint64_t at_ns)
{
	struct timer_slot s = {at_ns, item};
	uint32_t w;

	assert(item < t->n_items);
	w = t->where[item];
	if (at_ns == T_NEVER) {
		if (w)
			slot_remove(t, w - 1);
	} else if (w) {
		slot_place(t, w - 1, s);
	} else {
		sift_up(t, t->n++, s);
	}
}

uint64_t timers_next(const struct timers *t)
{
	return t->n ? t->heap[0].at_ns : T_NEVER;
}

uint32_t timers_pop(struct timers *t, uint64_t now_ns)
{
	uint32_t item;

	if (!t->n || t->heap[0].at_ns > now_ns)
		return UINT32_MAX;
	item = t->heap[0].item;
	slot_remove(t, 0);
	return item;
}
