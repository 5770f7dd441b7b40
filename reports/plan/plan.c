/* SPDX-License-Identifier: Apache-2.0 */
/* The command: whence the answers come, what is run in which order, what is left behind. */
#include "reports/plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/record/result.h"
#include "lib/record/result_dir.h"
#include "reports/plan/child.h"
#include "reports/plan/findings.h"

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };
#define WARM_TIMES 10 /* lookups that only warm the caches, at most, to each that counts */

static struct {
	const char *out, *record, *capture;
	struct plan_input in;
	bool yes, quick, answers_only;
	uint64_t seed, limit_ns;
	double lookups;
} o = { .out = "plan", .seed = 1, .limit_ns = 120 * NS_PER_S, .lookups = 20000 };

#define NUMBER_OPT(id, name, words, ...) { name, 0, OPT_F64, &o.in.number[PN_##id], "N", words, 0, 0, NULL },
#define WORD_OPT(id, name, words, ...)   { name, 0, OPT_TEXT, &o.in.word[PW_##id], "WORD", words, 0, 0, NULL },
/* clang-format off */
static const struct opt_def defs[] = {
	PLAN_NUMBERS(NUMBER_OPT)
	PLAN_WORDS(WORD_OPT)
	{ "record", 0, OPT_TEXT, &o.record, "DIR", "answers from a record of collect, or of pcap-replay summary" },
	{ "capture", 0, OPT_TEXT, &o.capture, "FILE", "answers from a capture taken at a node; its stream is walked as the node's" },
	{ "out", 'o', OPT_TEXT, &o.out, "DIR", "where report.html, plan.txt and the records go" },
	{ "yes", 'y', OPT_BOOL, &o.yes, NULL, "ask nothing, on a terminal either: what is not said has its default" },
	{ "quick", 0, OPT_BOOL, &o.quick, NULL, "do not try other answers" },
	{ "answers", 0, OPT_BOOL, &o.answers_only, NULL, "only plan.txt and the records, no page" },
	{ "lookups", 0, OPT_F64, &o.lookups, "N", "nodes for about so many a cell: more is finer and slower" },
	{ "seed", 0, OPT_U64, &o.seed, "N", "of everything drawn", 1, (uint64_t)1 << 53 },
	{ "limit", 0, OPT_DURATION, &o.limit_ns, "TIME", "give up when a program takes longer" },
	{ 0 },
};
/* clang-format on */
const struct opt_prog plan_prog = { "capacity-report plan", "[options]",
				    "Answers what a cluster's DNS needs, from a few questions, a capture or a record.", defs, OPT_GNU };

/* A capture becomes a record and a stream. */
static int take_capture(const struct plan_work *w, struct plan_input *in, struct diag *d)
{
	FILE *twice = file_open_regular(o.capture, d); /* the summary's, and the stream's */
	if (!twice)
		return ERR_SYS;
	fclose(twice);
	char dir[4200], *capture = realpath(o.capture, NULL);
	if (!capture)
		return diag_errno(d, "%s", o.capture);
	char *summary[] = { (char *)"pcap-replay", (char *)"summary", (char *)"--out", (char *)"capture", capture, NULL };
	char *extract[] = { (char *)"pcap-replay", (char *)"extract", (char *)"--qs", (char *)"capture.qs", capture, NULL };
	int rc = program_run(w->bin, summary, w->dir, w->limit_ns, d);
	rc = rc ? rc : program_run(w->bin, extract, w->dir, w->limit_ns, d);
	free(capture);
	snprintf(dir, sizeof(dir), "%s/capture", w->dir);
	return rc ? rc : plan_input_record(in, dir, d);
}

static int take_answers(const struct plan_work *w, struct plan_input *in, struct diag *d)
{
	int rc = o.record ? plan_input_record(in, o.record, d) : 0;
	if (!rc && o.capture)
		rc = take_capture(w, in, d);
	if (!rc && !o.yes && isatty(0) && isatty(1))
		rc = plan_input_ask(in, d);
	if (!rc)
		plan_input_complete(in);
	return rc;
}

/* The table of a node: of its simulated stream, or of the captured one. */
static int walk_table(const struct plan_work *w, struct plan_found *p, bool cache, struct diag *d)
{
	char qs[100], cell[40], dir[4200];
	struct record *r;
	p->captured = o.capture != NULL;
	if (o.capture)
		snprintf(qs, sizeof(qs), "capture.qs");
	else
		snprintf(qs, sizeof(qs), "qs/%s.qs", plan_cell(&p->in, cache, cell));
	int rc = plan_table(w, &p->in, cache, qs, d);
	if (rc)
		return rc;
	snprintf(dir, sizeof(dir), "%s/model/%s", w->dir, plan_cell(&p->in, cache, cell));
	rc = record_load(&r, dir, d);
	if (rc)
		return rc;
	record_num(r, "model.max_advised", &p->max_advised[cache]);
	record_num(r, "model.count_peak_unlimited", &p->count_peak[cache]);
	record_free(r);
	return 0;
}

static int write_text(const struct plan_work *w, const struct plan_found *p, struct diag *d)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/plan.txt", w->dir);
	FILE *f = fopen(path, "we");
	if (!f)
		return diag_errno(d, "%s", path);
	plan_text(p, f);
	bool bad = ferror(f);
	if (fclose(f) || bad)
		return diag_set(d, ERR_SYS, "cannot write %s", path);
	plan_text(p, stdout);
	return 0;
}

static int write_page(const struct plan_work *w, struct diag *d)
{
	char *argv[] = { (char *)"capacity-report", (char *)"--out", (char *)".", (char *)"--title", (char *)"DNS capacity plan", (char *)"plan", (char *)"sim",
			 (char *)"model", NULL };
	return program_run(w->bin, argv, w->dir, w->limit_ns, d);
}

static int plan(struct plan_work *w, struct plan_found *p, int argc, char **argv, struct diag *d)
{
	int rc = dirs_make(w->dir, d);
	rc = rc ? rc : child_beside(w->bin, d);
	plan_remove(w, "plan.log");
	rc = rc ? rc : take_answers(w, &p->in, d);
	if (rc)
		return rc;
	p->max_advised[0] = p->max_advised[1] = p->count_peak[0] = p->count_peak[1] = NAN;
	plan_share(&p->in, o.lookups, WARM_TIMES * o.lookups, &p->share);
	rc = plan_scenario(w, &p->in, &p->share, "plan", d);
	rc = rc ? rc : plan_simulate(w, &p->in, &p->share, "plan", "sim", true, p->f, d);
	for (int cache = 0; cache < 2 && !rc; cache++)
		rc = walk_table(w, p, cache, d);
	plan_remove(w, "qs");
	plan_remove(w, "capture.qs");
	if (!rc && !o.quick)
		rc = plan_vary(w, p, o.lookups / 6, d);
	rc = rc ? rc : plan_record(w, p, argc, argv, d);
	rc = rc ? rc : write_text(w, p, d);
	if (!rc && !o.answers_only)
		rc = write_page(w, d);
	return rc;
}

int plan_main(int argc, char **argv)
{
	static struct plan_found found;
	struct plan_work w = { 0 };
	struct diag d = { "" };
	char special, **given = calloc((size_t)argc + 1, sizeof(*given)); /* the parser moves argv about */
	if (!given)
		return EXIT_INVALID;
	memcpy(given, argv, (size_t)argc * sizeof(*argv));
	plan_input_init(&o.in);
	int n = opt_parse(&plan_prog, argc, argv, &special, &d), status = 0;
	if (special == 'h') {
		opt_help(&plan_prog, stdout);
	} else if (special) {
		printf("capacity-report %s\n", opt_version());
	} else if (n || plan_input_check(&o.in, &d) || (o.record && o.capture)) {
		log_error("%s", *d.text ? d.text : n > 0 ? "plan takes no operands" : "a record, or a capture, but not both");
		status = EXIT_USAGE;
	} else if (!(o.lookups >= 100 && o.lookups <= 1e8)) {
		log_error("--lookups: expected 100 to 1e8");
		status = EXIT_USAGE;
	} else {
		found.in = o.in;
		w.dir = o.out, w.seed = o.seed, w.limit_ns = o.limit_ns;
		if (plan(&w, &found, argc, given, &d)) {
			log_error("%s", d.text);
			status = EXIT_INVALID;
		} else if (!o.answers_only) {
			printf("\n%s/report.html\n", o.out);
		}
	}
	free(given);
	return status;
}
