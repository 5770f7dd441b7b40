/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds, errors of predictions, and numbers as the report prints them. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "reports/read/load.h"
#include "reports/words/fmt.h"
#include "reports/judge/judge.h"
#include "reports/page/report.h"

static struct book *load(void)
{
	static char dir[] = "tests/golden/report", *dirs[] = { dir };
	struct book *b = NULL;
	struct diag d = { "" };
	cr_assert_eq(book_load(&b, dirs, 1, &d), 0, "%s", d.text);
	return b;
}

Test(judge, a_book_pairs_what_was_measured_with_what_was_predicted)
{
	struct book *b = load();
	cr_assert_eq(b->n_cells, 2);
	cr_expect_str_eq(b->cell[0].name, "iptables-nocache");
	cr_expect_str_eq(b->cell[1].name, "iptables-cache");
	cr_expect(b->cell[0].run[ENG_LAB] && b->cell[0].run[ENG_SIM] && b->cell[0].run[ENG_MODEL]);
	cr_expect_eq(book_without_cache(b, &b->cell[1]), &b->cell[0]);
	cr_expect_null(book_without_cache(b, &b->cell[0]));
	cr_expect_str_eq(b->load[0], "latency.all");
	cr_expect_eq(b->n_loads, 4);
	book_free(b);
}

Test(judge, thresholds_parse)
{
	struct threshold t;
	cr_assert_eq(threshold_parse(&t, "iptables-cache:latency.all.p99>=1.5ms", NULL), 0);
	cr_expect_str_eq(t.cell, "iptables-cache");
	cr_expect_str_eq(t.metric, "latency.all.p99");
	cr_expect_eq(t.op, JUDGE_GE);
	cr_expect_eq(t.value, 1.5e6);
	cr_expect_eq(t.engine, -1);
	cr_assert_eq(threshold_parse(&t, " model/conntrack.peak != 3 ", NULL), 0);
	cr_expect_eq(t.engine, ENG_MODEL);
	cr_expect_str_eq(t.metric, "conntrack.peak");
	cr_expect_str_eq(t.cell, "");
	cr_expect_eq(t.op, JUDGE_NE);
	static const char *const bad[] = { "", "x", "x>", ">1", "x>1q", "x=1", ":x>1", "a/x>1", "x>nan", "x y>1", NULL };
	for (int i = 0; bad[i]; i++)
		cr_expect_lt(threshold_parse(&t, bad[i], NULL), 0, "accepted '%s'", bad[i]);
}

static enum verdict judge(const struct book *b, const char *text)
{
	struct threshold t;
	struct judged j;
	cr_assert_eq(threshold_parse(&t, text, NULL), 0);
	threshold_judge(&j, &t, b, NULL);
	return j.verdict;
}

Test(judge, thresholds_look_where_they_say)
{
	struct book *b = load();
	cr_expect_eq(judge(b, "conntrack.peak>0"), VERDICT_FAIL, "one cell is enough");
	cr_expect_eq(judge(b, "iptables-cache:conntrack.peak>0"), VERDICT_PASS);
	cr_expect_eq(judge(b, "iptables-nocache:conntrack.peak>0"), VERDICT_FAIL);
	cr_expect_eq(judge(b, "model.max_advised>0"), VERDICT_UNKNOWN, "measured records do not have it");
	cr_expect_eq(judge(b, "model/model.max_advised>0"), VERDICT_FAIL);
	cr_expect_eq(judge(b, "other-cell:conntrack.peak>0"), VERDICT_UNKNOWN);
	cr_expect_eq(judge(b, "checks.failed>0"), VERDICT_PASS);
	cr_expect_eq(judge(b, "checks.failed==0"), VERDICT_FAIL);
	book_free(b);
}

Test(judge, errors_of_predictions)
{
	char text[64];
	cr_expect(prediction_error(100, 110, "1", 0.2, text));
	cr_expect_str_eq(text, "+10\u202f%");
	cr_expect_not(prediction_error(100, 50, "1", 0.2, text));
	cr_expect_str_eq(text, "\u221250\u202f%");
	cr_expect(prediction_error(0, 0, "1", 0.2, text));
	cr_expect_str_eq(text, "exact");
	cr_expect_not(prediction_error(0, 12, "entries", 0.2, text));
	cr_expect_str_eq(text, "+12 on 0");
}

Test(judge, numbers)
{
	char b[FMT_MAX];
	cr_expect_str_eq(fmt_ns(184300, b), "184\u202f\u00b5s");
	cr_expect_str_eq(fmt_ns(1.2351e6, b), "1.24\u202fms");
	cr_expect_str_eq(fmt_ns(999999, b), "1.00\u202fms");
	cr_expect_str_eq(fmt_ns(5.0e9, b), "5.00\u202fs");
	cr_expect_str_eq(fmt_count(1234567, b), "1\u202f234\u202f567");
	cr_expect_str_eq(fmt_count(-12, b), "\u221212");
	cr_expect_str_eq(fmt_count(0.934, b), "0.934");
	cr_expect_str_eq(fmt_change(10, 250, b), "\u00d7\u202f25");
	cr_expect_str_eq(fmt_change(10, 10, b), "no change");
	cr_expect_str_eq(fmt_unit(3 << 20, "bytes", b), "3.00\u202fMiB");
}

Test(judge, text_cannot_become_markup)
{
	char out[128] = "";
	FILE *f = fmemopen(out, sizeof(out), "w");
	html_text(f, "<a href='x'>\"&\n");
	fclose(f);
	cr_expect_str_eq(out, "&lt;a href=&#39;x&#39;&gt;&quot;&amp; ");
}
