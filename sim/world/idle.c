/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "sim/world/idle.h"

#include <string.h>

bool idle_set(struct idle *i, const struct idle_point *p, unsigned n)
{
	if (n < 2 || n > IDLE_POINTS_MAX || p[0].pause_ns != 0)
		return false;
	for (unsigned k = 1; k < n; k++)
		if (p[k].pause_ns <= p[k - 1].pause_ns || p[k].more_ns < p[k - 1].more_ns)
			return false;
	i->n = n;
	memcpy(i->at, p, n * sizeof(*p));
	return true;
}

uint64_t idle_ns(const struct idle *i, uint64_t pause_ns)
{
	for (unsigned k = 1; k < i->n; k++) {
		const struct idle_point *a = &i->at[k - 1], *b = &i->at[k];
		if (pause_ns >= b->pause_ns)
			continue;
		double share = (double)(pause_ns - a->pause_ns) / (double)(b->pause_ns - a->pause_ns);
		return a->more_ns + (uint64_t)(share * (double)(b->more_ns - a->more_ns));
	}
	return i->n ? i->at[i->n - 1].more_ns : 0;
}
