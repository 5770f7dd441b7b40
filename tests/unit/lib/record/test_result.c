/* SPDX-License-Identifier: Apache-2.0 */
/* Result records: written whole or not at all, and read back as written. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"

static const struct metric_def defs[] = {
	METRICS_COMMON,
	{ "odd.ratio", "1", MERGE_SAME, "a ratio" },
	{ 0 },
};
static char dir[64], sub[80];
static char arg0[] = "dns-sim", arg1[] = "--bad\xff", *argv[] = { arg0, arg1, NULL };

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/result-test-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/a/b", dir);
}

static void teardown(void)
{
	char cmd[100];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

static bool exists(const char *name)
{
	char p[160];
	snprintf(p, sizeof(p), "%s/%s", sub, name);
	return access(p, F_OK) == 0;
}

static struct result *open_ok(void)
{
	struct result *r;
	struct diag d = { "" };
	cr_assert_eq(result_open(&r, sub, "dns-sim", defs, 2, argv, &d), 0, "%s", d.text);
	return r;
}

static void fill(struct result *r, struct hist *h)
{
	static const char *const columns[] = { "t_s", "conntrack_entries", NULL };
	hist_init(h);
	for (uint64_t i = 1; i <= 1000; i++)
		hist_record(h, i * 1000);
	result_seed(r, 42);
	result_input(r, "/proc/self/exe");
	result_label(r, LABEL_CELL, "iptables-cache");
	result_num(r, "lookups.lost", 0);
	result_num(r, "odd.ratio", 0.93);
	result_num(r, "upstream.backend2", 12345678901.0);
	result_hist(r, "latency.udp_new", h);
	result_remark(r, "skip", "no IPVS here");
	result_check(r, "path", true, "0 entries");
	result_check(r, "answers", false, NULL);
	result_columns(r, columns);
	result_row(r, (double[]){ 0, 1 });
	result_row(r, (double[]){ 0.5, NAN });
	result_row(r, (double[]){ 1.25, 3 });
}

static struct record *load_ok(void)
{
	struct record *rec = NULL;
	struct diag d = { "" };
	cr_assert_eq(record_load(&rec, sub, &d), 0, "%s", d.text);
	return rec;
}

Test(result, numbers_labels_and_facts_read_back, .init = setup, .fini = teardown)
{
	struct hist h;
	struct diag d = { "" };
	struct result *r = open_ok();
	fill(r, &h);
	cr_expect_not(exists("run.json"), "not before close");
	cr_assert_eq(result_close(r, &d), 0, "%s", d.text);
	cr_expect_not(exists(".partial"));
	struct record *rec = load_ok();
	double v = -1;
	cr_expect_str_eq(record_tool(rec), "dns-sim");
	cr_expect_str_eq(record_dir(rec), sub);
	cr_expect_str_eq(record_label(rec, LABEL_CELL), "iptables-cache");
	cr_expect_null(record_label(rec, "none"));
	cr_expect_str_eq(record_fact(rec, "seed"), "42");
	cr_expect_str_eq(record_fact(rec, "args"), "dns-sim --bad?");
	cr_expect_str_eq(record_fact(rec, "input"), "/proc/self/exe");
	char exe[65];
	cr_assert_eq(hash_sha256_file("/proc/self/exe", exe), 0);
	cr_expect_str_eq(record_fact(rec, "input_sha256"), exe);
	cr_expect_not_null(record_fact(rec, "kernel"));
	cr_expect_not_null(record_fact(rec, "start"));
	cr_expect(record_num(rec, "lookups.lost", &v) && v == 0);
	cr_expect(record_num(rec, "odd.ratio", &v) && v == 0.93);
	cr_expect(record_num(rec, "upstream.backend2", &v) && v == 12345678901.0);
	cr_expect_not(record_num(rec, "lookups.ok", &v), "absent is absent, not 0");
	cr_expect_str_eq(record_unit(rec, "upstream.backend2"), "queries");
	cr_expect(record_num(rec, "latency.udp_new.p50", &v));
	cr_expect_float_eq(v, 500000, 10000);
	size_t n = 0;
	while (record_metric_name(rec, n))
		n++;
	cr_expect_eq(n, 3 + 7);
	record_free(rec);
}

Test(result, histogram_series_checks_read_back, .init = setup, .fini = teardown)
{
	struct hist h, back;
	struct result *r = open_ok();
	const char *a, *b;
	bool passed;
	fill(r, &h);
	cr_assert_eq(result_close(r, NULL), 0);
	struct record *rec = load_ok();
	cr_assert(record_hist(rec, "latency.udp_new", &back));
	cr_expect_eq(memcmp(&h, &back, sizeof(h)), 0, "to the bucket");
	cr_expect_not(record_hist(rec, "latency.none", &back));
	cr_expect_not(record_hist(rec, "../x", &back));
	cr_assert_eq(record_rows(rec), 3);
	cr_expect_eq(record_column(rec, "t_s")[1], 0.5);
	cr_expect(isnan(record_column(rec, "conntrack_entries")[1]));
	cr_expect_eq(record_column(rec, "conntrack_entries")[2], 3);
	cr_expect_null(record_column(rec, "none"));
	cr_expect(record_remark(rec, 0, &a, &b) && !strcmp(a, "skip") && !strcmp(b, "no IPVS here"));
	cr_expect_not(record_remark(rec, 1, &a, &b));
	cr_expect(record_check(rec, 0, &a, &passed, &b) && passed && !strcmp(b, "0 entries"));
	cr_expect(record_check(rec, 1, &a, &passed, &b) && !passed && !*b);
	cr_expect_not(record_check(rec, 2, &a, &passed, &b));
	record_free(rec);
}

Test(result, a_failed_run_leaves_the_old_record, .init = setup, .fini = teardown)
{
	struct hist h;
	struct diag d = { "" };
	struct result *r = open_ok();
	fill(r, &h);
	cr_assert_eq(result_close(r, NULL), 0);
	r = open_ok();
	result_num(r, "no.such.metric", 1);
	result_num(r, "lookups.lost", NAN);
	cr_expect_eq(result_close(r, &d), ERR_UNKNOWN);
	cr_expect(strstr(d.text, "no.such.metric"), "the first error: %s", d.text);
	result_abandon(open_ok());
	cr_expect_not(exists(".partial"));
	struct record *rec = load_ok();
	cr_expect_str_eq(record_fact(rec, "seed"), "42");
	record_free(rec);
}

Test(result, a_new_record_leaves_nothing_of_the_old, .init = setup, .fini = teardown)
{
	struct hist h;
	char other[160];
	struct result *r = open_ok();
	fill(r, &h);
	cr_assert_eq(result_close(r, NULL), 0);
	snprintf(other, sizeof(other), "%s/capture.pcap", sub);
	FILE *f = fopen(other, "w");
	cr_assert(f && !fclose(f));
	cr_assert_eq(result_close(open_ok(), NULL), 0);
	cr_expect_not(exists("series.csv"));
	cr_expect_not(exists("hist-latency.udp_new.csv"));
	cr_expect(exists("capture.pcap"), "what is not ours stays");
}

Test(result, what_a_killed_run_left_is_no_record, .init = setup, .fini = teardown)
{
	struct record *rec = NULL;
	struct hist h;
	struct diag d = { "" };
	struct result *killed = open_ok();
	fill(killed, &h); /* and never closed */
	cr_expect_eq(record_load(&rec, sub, &d), ERR_SYS);
	cr_assert_eq(result_close(open_ok(), NULL), 0);
	cr_expect_not(exists("series.csv"), "its files do not join the next record");
	cr_expect_not(exists(".partial"));
	rec = load_ok();
	record_free(rec);
	result_abandon(killed);
}

Test(result, abandoned_leaves_nothing, .init = setup, .fini = teardown)
{
	struct hist h;
	struct result *r = open_ok();
	fill(r, &h);
	result_abandon(r);
	cr_expect_neq(access(sub, F_OK), 0);
	result_abandon(NULL);
}

static int load_text(const char *file, const char *text, struct diag *d)
{
	char p[160];
	struct record *rec = NULL;
	snprintf(p, sizeof(p), "%s/%s", sub, file);
	FILE *f = fopen(p, "w");
	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
	int rc = record_load(&rec, sub, d);
	record_free(rec);
	return rc;
}

Test(result, damaged_records_are_refused, .init = setup, .fini = teardown)
{
	struct diag d = { "" };
	cr_assert_eq(result_close(open_ok(), NULL), 0);
	cr_expect_eq(load_text("series.csv", "t_s,x\n1,2\n", &d), 0, "%s", d.text);
	cr_expect_eq(load_text("series.csv", "t_s,x\n1\n", &d), ERR_SYNTAX);
	cr_expect(strstr(d.text, "series.csv:2:"), "%s", d.text);
	cr_expect_eq(load_text("series.csv", "t_s,x\n1,2,3\n", &d), ERR_SYNTAX);
	cr_expect_eq(load_text("series.csv", "t_s,x\n1,a\n", &d), ERR_SYNTAX);
	cr_expect_eq(load_text("series.csv", "x,t_s\n", &d), ERR_SYNTAX);
	cr_expect_eq(load_text("series.csv", "t_s\n2\n1\n", &d), ERR_RANGE);
	cr_expect_eq(load_text("series.csv", "t_s\n2", &d), ERR_SYNTAX);
	cr_expect_eq(load_text("run.json", "{", &d), ERR_SYNTAX);
	cr_expect_eq(load_text("run.json", "{\"schema\": \"nodens-result/9\"}", &d), ERR_UNKNOWN);
	cr_expect_eq(load_text("run.json", "{\"schema\": \"nodens-result/1\", \"tool\": \"x\", \"labels\": []}", &d),
		     ERR_SYNTAX);
}

/* The table in docs/formats.md is the one that programs use. */
Test(result, documented_metrics_are_the_coded_ones)
{
	char line[1024], row[1024];
	size_t n = 0;
	static const char *const merge[] = { "sum", "min", "max", "same", "last" };
	FILE *f = fopen("docs/formats.md", "r");
	cr_assert(f);
	while (fgets(line, sizeof(line), f) && !strstr(line, "<!-- metrics:"))
		;
	for (int i = 0; i < 2; i++)
		cr_assert(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f) && line[0] == '|') {
		if (!strncmp(line, "|---", 4))
			continue;
		snprintf(row, sizeof(row), "| `%s` | %s | %s | %s |\n", defs[n].name, defs[n].unit,
			 merge[defs[n].merge], defs[n].help);
		cr_assert_str_eq(line, row);
		n++;
	}
	cr_expect_str_eq(defs[n].name, "odd.ratio", "%zu rows documented", n);
	fclose(f);
}
