/* SPDX-License-Identifier: Apache-2.0 */
/* Seconds and nodes of a record, and rates. */
#include "reports/judge/world.h"

#include <math.h>

double world_seconds(const struct record *r)
{
	double load, warmup = 0;
	if (record_num(r, "world.load_s", &load)) {
		record_num(r, "world.warmup_s", &warmup);
		return load + warmup;
	}
	const double *t = record_column(r, SERIES_T_S);
	return t && record_rows(r) ? t[record_rows(r) - 1] : 0;
}

double world_nodes(const struct record *r)
{
	double n;
	if (record_num(r, "world.nodes", &n) || record_num(r, "sim.nodes", &n))
		return fmax(n, 1);
	return 1;
}

bool world_rate(const struct record *r, const char *metric, double *ret)
{
	double total, seconds = world_seconds(r);
	if (!(seconds > 0) || !record_num(r, metric, &total))
		return false;
	*ret = total / seconds / world_nodes(r);
	return true;
}

bool world_peak_rate(const struct record *r, const char *column, double window_s, double *ret)
{
	const double *t = record_column(r, SERIES_T_S), *v = record_column(r, column);
	size_t n = record_rows(r), first = 0;
	double most = -1;
	for (size_t i = 0; t && v && i < n; i++) {
		while (first < i && t[i] - t[first + 1] >= window_s)
			first++;
		if (t[i] - t[first] >= window_s && v[i] >= v[first])
			most = fmax(most, (v[i] - v[first]) / (t[i] - t[first]));
	}
	if (most < 0)
		return false;
	*ret = most;
	return true;
}
