/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capacity-report: result records in, one page out. It runs no tool of ours and
 * measures nothing; see capacity-report(1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "lib/record/result_dir.h"
#include "reports/collect/collect.h"
#include "reports/judge/caveats.h"
#include "reports/judge/expect.h"
#include "reports/page/pdf.h"
#include "reports/page/report.h"
#include "reports/plan/plan.h"
#include "reports/read/load.h"

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_INVALID = 2, EXIT_USAGE = 3 };

static struct {
	const char *out, *title, *gnuplot, *pdf_with;
	bool pdf;
	double tolerance; /* percent */
	double nodes, replica_qps;
	struct opt_list fail_on, baseline, expect;
} o = { .out = "report",
	.title = "DNS on the node: report",
	.gnuplot = "gnuplot",
	.tolerance = 20,
	.replica_qps = REPLICA_QPS_DEFAULT };

/* clang-format off */
static const struct opt_def defs[] = {
	{ "out", 'o', OPT_TEXT, &o.out, "DIR", "where report.html, report.json, report.csv, cells.csv and data/ go" },
	{ "baseline", 'b', OPT_LIST, &o.baseline, "DIR", "records to compare with; may be repeated" },
	{ "fail-on", 'f', OPT_LIST, &o.fail_on, "EXPR", "exit 1 when it holds, e.g. 'lookups.lost>0', 'baseline.worse>0'; may be repeated" },
	{ "expect", 'e', OPT_LIST, &o.expect, "CELL", "exit 2 when no record is of it, e.g. 'lab/iptables-cache'; may be repeated" },
	{ "nodes", 'n', OPT_F64, &o.nodes, "N", "of the cluster that settings are for (default: as the records have it)" },
	{ "replica-qps", 0, OPT_F64, &o.replica_qps, "N", "questions a second that a replica of the cluster DNS can answer" },
	{ "tolerance", 0, OPT_F64, &o.tolerance, "PERCENT", "predictions further off are marked so" },
	{ "title", 0, OPT_TEXT, &o.title, "TEXT", "heading of the page" },
	{ "pdf", 0, OPT_BOOL, &o.pdf, NULL, "also write report.pdf, printed by chromium or weasyprint" },
	{ "pdf-with", 0, OPT_TEXT, &o.pdf_with, "FILE", "the program that prints" },
	{ "gnuplot", 0, OPT_TEXT, &o.gnuplot, "FILE", "the program that draws" },
	{ 0 },
};
/* clang-format on */
static const struct opt_prog program = {
	"capacity-report", "[options] RECORD_DIR... | VERB [options]",
	"Lays measured and predicted result records beside each other in one HTML page, with a verdict and what to set.", defs,
	OPT_GNU
};

static const struct {
	const char *name;
	const struct opt_prog *prog;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "collect", &collect_prog, collect_main },
	{ "plan", &plan_prog, plan_main },
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void help(void)
{
	opt_help(&program, stdout);
	puts("\nVerbs, each with a --help of its own:");
	for (size_t i = 0; i < N_VERBS; i++)
		printf("  %-8s %s\n", verbs[i].name, verbs[i].prog->about);
}

/* A worse status stays. */
static int worse(int a, int b)
{
	return a == EXIT_FAILED || b == EXIT_FAILED ? EXIT_FAILED : a > b ? a : b;
}

static int judge_all(const struct report *r, const struct threshold *t, struct judged *j)
{
	int status = EXIT_PASSED;
	for (size_t i = 0; i < o.fail_on.n; i++) {
		threshold_judge(&j[i], &t[i], r->book, r->baseline ? r->baseline->count : NULL);
		if (j[i].verdict == VERDICT_PASS)
			continue;
		bool crossed = j[i].verdict == VERDICT_FAIL;
		log_error("threshold '%s' %s: %s", t[i].text, crossed ? "crossed" : "cannot be judged", j[i].detail);
		status = worse(status, crossed ? EXIT_FAILED : EXIT_INVALID);
	}
	return status;
}

static int draw(const struct report *r, struct figures *fs, struct diag *d)
{
	char path[4096];
	struct drawing w = { fs, r->book, r->baseline, r->tolerance, d };
	snprintf(path, sizeof(path), "%s/data", o.out);
	int rc = figures_write(&w, path);
	if (rc)
		return rc;
	figures_draw(fs, o.gnuplot);
	if (*fs->problem)
		log_warn("no pictures: %s", fs->problem);
	return 0;
}

static int write_all(struct report *r, struct figures *fs, struct diag *d)
{
	static const struct {
		const char *name;
		int (*write)(const struct report *r, const char *path, struct diag *d);
	} data[] = { { "cells.csv", cells_write }, { "report.csv", csv_write }, { "report.json", json_write } };
	char path[4096];
	int rc = draw(r, fs, d);
	snprintf(path, sizeof(path), "%s/report.html", o.out);
	if (!rc)
		rc = page_write(r, path, d);
	for (size_t i = 0; !rc && i < sizeof(data) / sizeof(data[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", o.out, data[i].name);
		rc = data[i].write(r, path, d);
	}
	return rc;
}

/* The page stands already: what is missing is said, and the status tells it. */
static int write_pdf(void)
{
	struct diag d = { "" };
	if ((!o.pdf && !o.pdf_with) || !pdf_print(o.out, "report.html", "report.pdf", o.pdf_with, &d))
		return EXIT_PASSED;
	log_error("no report.pdf: %s; the page is complete", d.text);
	return EXIT_INVALID;
}

static int judge(struct report *r, const struct threshold *t, struct judged *judged)
{
	int status = judge_all(r, t, judged);
	r->judged = judged;
	r->n_judged = o.fail_on.n;
	tally_findings(&r->tally, r->book, judged, o.fail_on.n);
	if (expect_missing(&r->missing, r->book, r->baseline_book, o.expect.item, o.expect.n)) {
		log_error("%s", r->missing.text[0]);
		status = worse(status, EXIT_INVALID);
	}
	settings_advise(&r->settings, r->book, &r->conf);
	advise(&r->advice, r->book, &r->tally, r->baseline, r->tolerance);
	caveats_find(&r->caveats, r->book, r->baseline_book);
	return status;
}

static int report(struct report *r, const struct threshold *t)
{
	static struct figures figures;
	static struct judged judged[OPT_LIST_MAX];
	struct diag d = { "" };
	int status = judge(r, t, judged);
	r->figures = &figures;
	if (!r->book->n_cells) {
		log_error("no record says which engine made it (label engine: lab, cluster, replay, capture, sim or model)");
		return EXIT_INVALID;
	}
	if (dirs_make(o.out, &d) || write_all(r, &figures, &d)) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	status = worse(status, write_pdf());
	printf("%s/report.html\n", o.out);
	return status;
}

static int run(char **dirs, size_t n_dirs, const struct threshold *t)
{
	static struct report r;
	static struct baseline baseline;
	struct book *b = NULL, *was = NULL;
	struct diag d = { "" };
	int status = EXIT_INVALID;
	if (book_load(&b, dirs, n_dirs, &d) || (o.baseline.n && book_load(&was, (char **)o.baseline.item, o.baseline.n, &d))) {
		log_error("%s", d.text);
	} else {
		if (was)
			baseline_compare(&baseline, b, was);
		r = (struct report){ .book = b,
				     .baseline_book = was,
				     .baseline = was ? &baseline : NULL,
				     .tolerance = o.tolerance / 100,
				     .title = o.title,
				     .conf = { o.nodes, o.replica_qps } };
		status = report(&r, t);
	}
	sheets_release(&r.sheets);
	book_free(b);
	book_free(was);
	return status;
}

static bool options_hold(struct threshold *t, struct diag *d)
{
	for (size_t i = 0; i < o.fail_on.n; i++)
		if (threshold_parse(&t[i], o.fail_on.item[i], d))
			return false;
	for (size_t i = 0; i < o.expect.n; i++)
		if (expect_parse(o.expect.item[i], d))
			return false;
	if (!*o.title) {
		diag_set(d, ERR_SYNTAX, "--title: a page needs one");
		return false;
	}
	if (!(o.replica_qps >= 1) || !(o.nodes >= 0 && o.nodes <= 1e6) || !(o.tolerance >= 0)) {
		diag_set(d, ERR_RANGE, "--replica-qps is 1 and more, --nodes 0 to 1,000,000, --tolerance 0 and more");
		return false;
	}
	return true;
}

static int begin(int argc, char **argv)
{
	static struct threshold thresholds[OPT_LIST_MAX];
	struct diag d = { "" };
	char special;

	for (size_t i = 0; argc > 1 && i < N_VERBS; i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	int n = opt_parse(&program, argc, argv, &special, &d);
	if (special == 'h')
		help();
	else if (special == 'v')
		printf("%s %s\n", program.name, opt_version());
	if (special)
		return EXIT_PASSED;
	if (n >= 0 && !options_hold(thresholds, &d))
		n = -1;
	if (n <= 0) {
		log_error("%s", n < 0 ? d.text : "which records? give their folders; see --help");
		return EXIT_USAGE;
	}
	return run(argv + 1, (size_t)n, thresholds);
}

int main(int argc, char **argv)
{
	struct diag d = { "" };

	log_setup(program.name, LOG_STYLE_TOOL, LOG_LVL_INFO);
	int status = begin(argc, argv);
	if (file_stdout_done(&d) < 0) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	return status;
}
