/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capacity-report: result records in, one page out. It runs no tool and
 * measures nothing; see capacity-report(1).
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "lib/record/result_dir.h"
#include "reports/collect/collect.h"
#include "reports/page/report.h"
#include "reports/plan/plan.h"

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_INVALID = 2, EXIT_USAGE = 3 };

static struct {
	const char *out, *title, *gnuplot;
	bool pdf;
	double tolerance; /* percent */
	struct opt_list fail_on;
} o = { .out = "report", .title = "DNS on the node: report", .gnuplot = "gnuplot", .tolerance = 20 };

/* clang-format off */
static const struct opt_def defs[] = {
	{ "out", 'o', OPT_TEXT, &o.out, "DIR", "where report.html, cells.csv and data/ go" },
	{ "pdf", 0, OPT_BOOL, &o.pdf, NULL, "also write report.pdf" },
	{ "fail-on", 'f', OPT_LIST, &o.fail_on, "EXPR", "exit 1 when it holds, e.g. 'lookups.lost>0'; may be repeated" },
	{ "tolerance", 0, OPT_F64, &o.tolerance, "PERCENT", "predictions further off are marked so" },
	{ "title", 0, OPT_TEXT, &o.title, "TEXT", "heading of the page" },
	{ "gnuplot", 0, OPT_TEXT, &o.gnuplot, "FILE", "the program that draws" },
	{ 0 },
};
/* clang-format on */
static const struct opt_prog program = {
	"capacity-report", "[options] RECORD_DIR... | VERB [options]",
	"Lays measured and predicted result records beside each other in one HTML page.", defs, OPT_GNU
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

static int judge_all(const struct book *b, const struct threshold *t, struct judged *j)
{
	int status = EXIT_PASSED;
	for (size_t i = 0; i < o.fail_on.n; i++) {
		threshold_judge(&j[i], &t[i], b);
		if (j[i].verdict == VERDICT_PASS)
			continue;
		bool crossed = j[i].verdict == VERDICT_FAIL;
		log_error("threshold '%s' %s: %s", t[i].text, crossed ? "crossed" : "cannot be judged",
			  j[i].detail);
		if (status != EXIT_FAILED)
			status = crossed ? EXIT_FAILED : EXIT_INVALID;
	}
	return status;
}

static int write_all(const struct report *r, struct figures *fs, struct diag *d)
{
	char path[4096];
	int rc;
	snprintf(path, sizeof(path), "%s/data", o.out);
	rc = figures_write(fs, r->book, path, d);
	if (rc)
		return rc;
	figures_draw(fs, o.gnuplot);
	if (*fs->problem)
		log_warn("no pictures: %s", fs->problem);
	snprintf(path, sizeof(path), "%s/cells.csv", o.out);
	rc = csv_write(r, path, d);
	snprintf(path, sizeof(path), "%s/report.html", o.out);
	if (!rc)
		rc = page_write(r, path, d);
	snprintf(path, sizeof(path), "%s/report.pdf", o.out);
	if (!rc && o.pdf)
		rc = pdf_write(r, o.gnuplot, path, d);
	return rc;
}

static int run(char **dirs, size_t n_dirs, const struct threshold *t)
{
	static struct figures figures;
	struct judged judged[OPT_LIST_MAX];
	struct book *b;
	struct diag d = { "" };
	if (book_load(&b, dirs, n_dirs, &d)) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	int status = judge_all(b, t, judged);
	struct report r = { b, &figures, judged, o.fail_on.n, o.tolerance / 100, o.title };
	if (!b->n_cells) {
		log_error("no record says which engine made it (label engine: lab, sim or model)");
		status = EXIT_INVALID;
	} else if (dirs_make(o.out, &d) || write_all(&r, &figures, &d)) {
		log_error("%s", d.text);
		status = EXIT_INVALID;
	} else {
		printf("%s/report.html\n", o.out);
	}
	book_free(b);
	return status;
}

int main(int argc, char **argv)
{
	struct threshold thresholds[OPT_LIST_MAX];
	struct diag d = { "" };
	char special;
	log_setup(program.name, LOG_STYLE_TOOL, LOG_LVL_INFO);
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
	for (size_t i = 0; n >= 0 && i < o.fail_on.n; i++)
		if (threshold_parse(&thresholds[i], o.fail_on.item[i], &d))
			n = -1;
	if (n <= 0) {
		log_error("%s", n < 0 ? d.text : "which records? give their folders; see --help");
		return EXIT_USAGE;
	}
	return run(argv + 1, (size_t)n, thresholds);
}
