/* SPDX-License-Identifier: Apache-2.0 */
/* From records to a verdict and to settings: what decides, what does not, and what is never lowered. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "lib/record/table.h"
#include "reports/judge/advice.h"
#include "reports/judge/expect.h"
#include "reports/judge/settings.h"
#include "reports/read/load.h"

static const struct metric_def defs[] = {
	METRICS_COMMON,
	{ "conntrack.max", "entries", MERGE_SAME, "" },
	{ "conntrack.other", "entries", MERGE_MAX, "" },
	{ "model.max_advised", "entries", MERGE_MAX, "" },
	{ 0 },
};
static char dir[64], arg0[] = "test", *argv[] = { arg0, NULL };

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/advice-test-XXXXXX");
	cr_assert(mkdtemp(dir));
}

static void teardown(void)
{
	char cmd[100];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(advice, .init = setup, .fini = teardown);

struct run {
	const char *at, *engine;
	bool cache;
	uint64_t usual_us, slow_us; /* 97 of 100, and the others */
	double lost, upstream, peak;
};

/* 2000 lookups in 10 s. */
static struct result *begin(const struct run *x)
{
	static struct hist h;
	struct result *r;
	struct diag d = { "" };
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", dir, x->at);
	cr_assert_eq(result_open(&r, path, "test", defs, 1, argv, &d), 0, "%s", d.text);
	hist_init(&h);
	hist_record_n(&h, x->usual_us * 1000, 1940);
	hist_record_n(&h, x->slow_us * 1000, 60);
	result_label(r, LABEL_ENGINE, x->engine);
	result_label(r, LABEL_SCENARIO, "s");
	result_label(r, LABEL_CELL, x->cache ? "iptables-cache" : "iptables-nocache");
	result_label(r, LABEL_PROXY, "iptables");
	result_label(r, LABEL_CACHE, x->cache ? "on" : "off");
	result_hist(r, "latency.all", &h);
	result_num(r, "lookups.total", 2000);
	result_num(r, "lookups.lost", x->lost);
	result_num(r, "upstream.queries", x->upstream);
	result_num(r, "conntrack.peak", x->peak);
	result_num(r, "world.load_s", 10);
	result_num(r, "world.nodes", 1);
	return r;
}

static void put(const struct run *x)
{
	struct diag d = { "" };
	cr_assert_eq(result_close(begin(x), &d), 0, "%s", d.text);
}

static struct book *load(const char *below)
{
	char path[160], *dirs[] = { path };
	struct book *b;
	struct diag d = { "" };
	snprintf(path, sizeof(path), "%s/%s", dir, below);
	cr_assert_eq(book_load(&b, dirs, 1, &d), 0, "%s", d.text);
	return b;
}

static struct advice advice_of(const struct book *b)
{
	static struct advice a;
	struct tally t;
	tally_findings(&t, b, NULL, 0);
	advise(&a, b, &t, NULL, 0.2);
	return a;
}

static const struct run off = { "off", "lab", false, 1000, 8000, 0, 8000, 3000 };

Test(advice, better_and_nothing_worse_is_yes)
{
	put(&off);
	put(&(struct run){ "on", "lab", true, 200, 2000, 0, 100, 0 });
	struct book *b = load("");
	struct advice a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_YES, "%s", a.sentence);
	cr_expect_eq(a.better, 3); /* p99, questions, entries */
	cr_expect_eq(a.worse, 0);
	cr_expect_eq(a.sure, SURE_FAIRLY); /* once, nothing predicted */
	book_free(b);
}

Test(advice, a_bare_difference_decides_nothing)
{
	put(&off);
	/* one lookup lost, a percentile within its interval, two in a hundred more questions */
	put(&(struct run){ "on", "lab", true, 1000, 8100, 1, 8160, 3060 });
	struct book *b = load("");
	struct advice a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_OPEN, "%s", a.sentence);
	cr_expect_eq(a.better + a.worse, 0);
	book_free(b);
}

Test(advice, worse_only_is_no_and_mixed_is_open)
{
	put(&off);
	put(&(struct run){ "on", "lab", true, 1000, 30000, 40, 8000, 3000 });
	struct book *b = load("");
	struct advice a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_NO, "%s", a.sentence);
	cr_expect_eq(a.worse, 2);
	cr_expect(strstr(a.reasons.text[0], "rose from"), "%s", a.reasons.text[0]);
	book_free(b);
	put(&(struct run){ "on", "lab", true, 1000, 30000, 40, 100, 0 });
	b = load("");
	a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_OPEN, "%s", a.sentence);
	book_free(b);
}

Test(advice, a_failed_check_is_no_and_half_a_pair_is_open)
{
	struct diag d = { "" };
	put(&off);
	struct book *b = load("");
	struct advice a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_OPEN, "%s", a.sentence);
	book_free(b);
	struct result *r = begin(&(struct run){ "on", "lab", true, 200, 2000, 0, 100, 0 });
	result_check(r, "path", false, "entries were made");
	cr_assert_eq(result_close(r, &d), 0);
	b = load("");
	a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_NO, "%s", a.sentence);
	book_free(b);
}

Test(advice, predictions_alone_are_little_support)
{
	put(&(struct run){ "off", "sim", false, 1000, 8000, 0, 8000, 3000 });
	put(&(struct run){ "on", "sim", true, 200, 2000, 0, 100, 0 });
	struct book *b = load("");
	struct advice a = advice_of(b);
	cr_expect_eq(a.answer, ANSWER_YES, "%s", a.sentence);
	cr_expect_eq(a.sure, SURE_LITTLE);
	book_free(b);
}

Test(advice, four_runs_a_side_are_compared_by_ranks)
{
	char at[32];
	struct comparison c;
	const struct measure *m = measures;
	while (strcmp(m->metric, "latency.all.p99"))
		m++;
	for (uint64_t i = 0; i < 4; i++) {
		snprintf(at, sizeof(at), "was/%d", (int)i);
		put(&(struct run){ at, "lab", true, 200, 2000 + 100 * i, 0, 100, 0 });
		snprintf(at, sizeof(at), "now/%d", (int)i);
		put(&(struct run){ at, "lab", true, 200, 3000 + 100 * i, 0, 100, 0 });
	}
	struct book *was = load("was"), *now = load("now");
	cr_assert_eq(now->n_cells, 1);
	cr_assert_eq(now->cell[0].all[ENG_LAB].n_alike, 4);
	measure_compare(&c, m, &was->cell[0], &now->cell[0]);
	cr_expect_eq(c.is, CHANGE_WORSE);
	cr_expect(strstr(c.why, "rank-sum test on 4 and 4 runs: p = 0.029"), "%s", c.why);
	static struct baseline base;
	baseline_compare(&base, now, was);
	cr_expect_eq(base.count[CHANGE_WORSE], 2); /* p99 and p99.9 */
	cr_expect_eq(base.count[CHANGE_BETTER], 0);
	book_free(was);
	book_free(now);
}

static const struct setting *named(const struct settings *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->s[i].name, name))
			return &set->s[i];
	cr_assert_fail("no setting %s", name);
	return NULL;
}

Test(advice, a_limit_that_stands_is_never_lowered)
{
	static struct settings set;
	struct diag d = { "" };
	for (int high = 0; high < 2; high++) {
		struct result *r = begin(&(struct run){ "on", "lab", true, 200, 2000, 0, 100, 300 });
		result_num(r, "conntrack.max", high ? 262144 : 1000);
		result_num(r, "conntrack.other", 5000);
		cr_assert_eq(result_close(r, &d), 0);
		r = begin(&(struct run){ "model", "model", true, 200, 2000, 0, 100, 300 });
		result_num(r, "model.max_advised", 8192);
		cr_assert_eq(result_close(r, &d), 0);
		struct book *b = load("");
		settings_advise(&set, b, &(struct settings_conf){ 0, REPLICA_QPS_DEFAULT });
		const struct setting *s = named(&set, "nf_conntrack_max");
		cr_expect_eq(s->value, high ? 262144 : 20480, "%g", s->value); /* 8192 + 2 * 5000, up in steps of 4096 */
		cr_expect_str_eq(s->line,
				 high ? "net.netfilter.nf_conntrack_max = 262144" : "net.netfilter.nf_conntrack_max = 20480");
		cr_expect_eq(named(&set, "nf_conntrack_buckets")->value, high ? 262144 : 32768);
		book_free(b);
	}
}

Test(advice, replicas_follow_nodes_and_the_budget_follows_the_knee)
{
	static const char *const columns[] = { "entries", "hit_share", NULL };
	static struct settings set;
	struct table t;
	struct diag d = { "" };
	struct result *r = begin(&(struct run){ "on", "lab", true, 200, 2000, 0, 1000, 0 });
	table_init(&t, columns);
	cr_assert_eq(table_add(&t, NULL, (double[]){ 1000, 0.80 }), 0);
	cr_assert_eq(table_add(&t, NULL, (double[]){ 20000, 0.946 }), 0);
	cr_assert_eq(table_add(&t, NULL, (double[]){ 100000, 0.95 }), 0);
	result_table(r, "cache_size", &t);
	table_release(&t);
	cr_assert_eq(result_close(r, &d), 0);
	struct book *b = load("");
	settings_advise(&set, b, &(struct settings_conf){ 1000, 5000 });
	cr_expect_eq(named(&set, "cache budget")->value, 20000);
	/* 100 a second and node, 1000 nodes, 3500 a replica */
	cr_expect_eq(named(&set, "replicas of the cluster DNS")->value, 29);
	cr_expect_eq(settings_replicas(10, 5000), 2);
	book_free(b);
}

Test(advice, what_is_missing_is_named)
{
	static struct remarks said;
	const char *wanted[] = { "lab/iptables-cache", "sim/*", "nftables-cache" };
	put(&(struct run){ "on", "lab", true, 200, 2000, 0, 100, 0 });
	struct book *b = load("");
	cr_expect_eq(expect_missing(&said, b, NULL, wanted, 3), 2);
	cr_expect(strstr(said.text[0], "sim/*"));
	cr_expect(strstr(said.text[1], "nftables-cache"));
	cr_expect(strstr(said.text[2], "iptables-cache has no counterpart without the cache"), "%s", said.text[2]);
	cr_expect_neq(expect_parse("", NULL), 0);
	cr_expect_neq(expect_parse("lap/x", NULL), 0);
	cr_expect_neq(expect_parse("lab/", NULL), 0);
	book_free(b);
}
