/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the cells' records back, so that the table says what the report will. */
#include "kind-e2e/run/table.h"

#include <stdio.h>

#include "lib/record/result.h"

static void put(const struct record *r, const char *metric, double unit, int width, int digits)
{
	double v;

	if (record_num(r, metric, &v))
		printf(" %*.*f", width, digits, v / unit);
	else
		printf(" %*s", width, "-");
}

static void put_failures(const struct record *r)
{
	const char *a, *b;
	bool passed;

	for (size_t i = 0; record_remark(r, i, &a, &b); i++)
		printf("    %s: %s\n", a, b);
	for (size_t i = 0; record_check(r, i, &a, &passed, &b); i++)
		if (!passed)
			printf("    FAILED: %s: %s\n", a, b);
}

static void put_checks(const struct record *r)
{
	const char *name, *detail;
	unsigned good = 0, n = 0;
	bool passed;

	for (; record_check(r, n, &name, &passed, &detail); n++)
		good += passed;
	if (n)
		printf("  %u/%u\n", good, n);
	else
		printf("  -\n");
}

void table_row(const char *out, const char *cell, bool with_head)
{
	struct record *r = NULL;
	struct diag d = {""};
	char dir[4200];

	if (with_head)
		printf("%-18s %8s %5s %9s %9s %9s %9s %8s %9s %9s  %s\n", "cell", "lookups",
		       "lost", "p50 us", "p99 us", "p99.9 us", "late us", "entries", "upstream",
		       "cpu ms", "checks");
	snprintf(dir, sizeof dir, "%s/%s", out, cell);
	if (record_load(&r, dir, &d)) {
		printf("%-18s %s\n", cell, d.text);
		return;
	}
	printf("%-18s", cell);
	put(r, "lookups.total", 1, 8, 0);
	put(r, "lookups.lost", 1, 5, 0);
	put(r, "latency.all.p50", 1e3, 9, 0);
	put(r, "latency.all.p99", 1e3, 9, 0);
	put(r, "latency.all.p999", 1e3, 9, 0);
	put(r, "late.all.p99", 1e3, 9, 0); /* how far to believe the three before */
	put(r, "conntrack.peak", 1, 8, 0);
	put(r, "upstream.queries", 1, 9, 0);
	put(r, "cache.cpu_s", 1e-3, 9, 0);
	put_checks(r);
	put_failures(r);
	record_free(r);
}
