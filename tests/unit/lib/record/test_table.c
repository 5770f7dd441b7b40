/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of a record come back as they went in, and a broken one is refused by file and line. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/heat_table.h"
#include "lib/record/metrics_common.h"
#include "lib/record/table.h"

static const struct metric_def defs[] = { METRICS_COMMON, { 0 } };
static char dir[64], arg0[] = "test", *argv[] = { arg0, NULL };

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/table-test-XXXXXX");
	cr_assert(mkdtemp(dir));
}

static void teardown(void)
{
	char cmd[100];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(table, .init = setup, .fini = teardown);

static struct result *begin(void)
{
	struct result *r;
	struct diag d = { "" };
	cr_assert_eq(result_open(&r, dir, "test", defs, 1, argv, &d), 0, "%s", d.text);
	return r;
}

static struct record *end(struct result *r)
{
	struct record *rec;
	struct diag d = { "" };
	cr_assert_eq(result_close(r, &d), 0, "%s", d.text);
	cr_assert_eq(record_load(&rec, dir, &d), 0, "%s", d.text);
	return rec;
}

Test(table, words_and_unknowns_come_back)
{
	static const char *const columns[] = { TABLE_WHAT, "entries", "hit_share", NULL };
	struct table t, got;
	struct diag d = { "" };
	struct result *r = begin();
	table_init(&t, columns);
	cr_assert_eq(table_add(&t, "a \"quoted\", thing\nof `two` lines", (double[]){ 1, 0.25 }), 0);
	cr_assert_eq(table_add(&t, "", (double[]){ NAN, 1e300 }), 0);
	result_table(r, "cache_size", &t);
	struct record *rec = end(r);
	cr_assert_eq(record_table(rec, "cache_size", &got, &d), 0, "%s", d.text);
	cr_assert_eq(got.n_rows, 2);
	cr_assert_eq(got.n_columns, 2);
	cr_assert_str_eq(got.what[0], "a \"quoted\", thing of `two` lines");
	cr_assert_str_eq(got.what[1], "");
	cr_assert_eq(table_at(&got, 0, table_column(&got, "hit_share")), 0.25);
	cr_assert(isnan(table_at(&got, 1, 0)));
	cr_assert_eq(table_at(&got, 1, 1), 1e300);
	cr_assert_eq(table_column(&got, "what"), -1);
	cr_assert_eq(record_table(rec, "absent", &got, &d), ERR_MISSING);
	table_release(&t);
	table_release(&got);
	record_free(rec);
}

static int read_text(const struct record *rec, const char *text, struct diag *d)
{
	char path[100];
	struct table t;
	snprintf(path, sizeof(path), "%s/table-bad.csv", dir);
	FILE *f = fopen(path, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
	int rc = record_table(rec, "bad", &t, d);
	if (!rc)
		table_release(&t);
	return rc;
}

Test(table, broken_ones_name_their_line)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", ":0: no line" },
		{ "a,b\n1\n", ":2: fields and columns" },
		{ "a,b\n1,2,3\n", ":2: fields and columns" },
		{ "a,b\n1,x\n", ":2: not a number" },
		{ "a,b\n1,inf\n", ":2: not a number" },
		{ "what,b\n\"open,1\n", ":2: quotes" },
		{ "what,b\n\"shut\"x,1\n", ":2: quotes" },
		{ "a,,c\n", ":1: a column" },
		{ "a\n1", ":2: line cut off" },
		{ "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n", ":1: more than 16" },
	};
	struct record *rec = end(begin());
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag d = { "" };
		cr_assert_neq(read_text(rec, bad[i].text, &d), 0, "%s", bad[i].text);
		cr_assert(strstr(d.text, bad[i].says), "%s: %s", bad[i].text, d.text);
	}
	record_free(rec);
}

Test(table, heat_has_every_count_once)
{
	static struct heat h, other;
	struct table t;
	struct diag d = { "" };
	double sum = 0, slow = 0;
	heat_init(&h, HEAT_STEP_NS);
	heat_init(&other, HEAT_STEP_NS);
	for (uint64_t i = 0; i < 1000; i++)
		heat_record(&h, i * 60000000, 1000 + i); /* a minute: the step doubles */
	heat_record(&other, 100, UINT64_C(5000000000));
	heat_record(&other, UINT64_C(3600000000000), 7);
	heat_merge(&h, &other);
	cr_assert_leq(h.n_steps, HEAT_STEPS);
	cr_assert_gt(h.n_steps, HEAT_STEPS / 4);
	struct result *r = begin();
	result_heat(r, &h);
	struct record *rec = end(r);
	cr_assert_eq(record_table(rec, HEAT_TABLE, &t, &d), 0, "%s", d.text);
	for (size_t i = 0; i < t.n_rows; i++) {
		double low = table_at(&t, i, table_column(&t, "low_ns")), high = table_at(&t, i, table_column(&t, "high_ns"));
		double n = table_at(&t, i, table_column(&t, "count"));
		sum += n;
		slow += low <= 5e9 && 5e9 <= high ? n : 0;
	}
	cr_assert_eq(sum, 1002);
	cr_assert_eq(slow, 1);
	table_release(&t);
	record_free(rec);
}

Test(table, bands_cover_every_duration_once)
{
	uint64_t low, high, next = 0;
	for (unsigned i = 0; i < HEAT_BANDS; i++) {
		heat_bounds(i, &low, &high);
		cr_assert_eq(low, next);
		cr_assert_eq(heat_band(low), i);
		cr_assert_eq(heat_band(high), i);
		next = high + 1;
	}
	cr_assert_eq(high, UINT64_MAX);
}
