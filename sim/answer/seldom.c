/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "sim/answer/seldom.h"

#include <math.h>
#include <stdlib.h>

#include "sim/answer/numbers.h"

struct seen {
	double pause_ns, took_ns;
	unsigned n; /* cells of this rate */
};

static bool see(struct seen *ret, const struct record *r)
{
	static struct hist h;
	double lookups, load_s;

	hist_init(&h);
	if (!record_num(r, "lookups.total", &lookups) || !record_num(r, "world.load_s", &load_s) || lookups < 20 ||
	    (!record_hist(r, "took.same", &h) && !record_hist(r, "latency.same", &h)))
		return false;
	*ret = (struct seen){load_s / lookups * log(2) * 1e9, numbers_quantile(&h, 0.5), 1};
	return true;
}

static int by_pause(const void *a, const void *b)
{
	double x = ((const struct seen *)a)->pause_ns, y = ((const struct seen *)b)->pause_ns;

	return (x > y) - (x < y);
}

/* Repeats of one rate are one, their mean. Returns how many are left. */
static unsigned together(struct seen *s, unsigned n)
{
	unsigned last = 0;

	for (unsigned i = 1; i < n; i++) {
		if (s[i].pause_ns > 1.2 * s[last].pause_ns) {
			s[++last] = s[i];
			continue;
		}
		struct seen *t = &s[last];
		t->took_ns += (s[i].took_ns - t->took_ns) / ++t->n;
	}
	return last + 1;
}

bool seldom_costs(struct idle *ret, struct record *const *cell, unsigned n)
{
	struct seen s[SELDOM_MAX];
	struct idle_point p[IDLE_POINTS_MAX] = {{0, 0}};

	if (n > SELDOM_MAX)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!see(&s[i], cell[i]))
			return false;
	qsort(s, n, sizeof(*s), by_pause);
	n = together(s, n);
	if (n < 2 || n >= IDLE_POINTS_MAX)
		return false;
	/* the line through the first two, from no pause on */
	double slope = (s[1].took_ns - s[0].took_ns) / (s[1].pause_ns - s[0].pause_ns), first = slope * s[0].pause_ns;
	double most = 0;
	for (unsigned i = 0; i < n; i++) {
		double more = first + s[i].took_ns - s[0].took_ns;
		most = more > most ? more : most;
		p[i + 1] = (struct idle_point){(uint64_t)s[i].pause_ns, (uint64_t)most};
	}
	return idle_set(ret, p, n + 1);
}
