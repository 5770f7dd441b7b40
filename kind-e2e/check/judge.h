/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the checks of a cell, in the order of their table, and keeps what each found. One that
 * fails is run again, as often as it says and in the open: it ends as failed, or as flaky with
 * how often it passed. What is known to fail, and why, is called known; never passed.
 */
#ifndef NODENS_KIND_E2E_JUDGE_H
#define NODENS_KIND_E2E_JUDGE_H

#include "kind-e2e/check/check.h"

#define FINDINGS_MAX 96

enum verdict { VERDICT_PROVED, VERDICT_FLAKY, VERDICT_FAILED, VERDICT_KNOWN, VERDICT_SKIPPED };
const char *verdict_str(enum verdict v); /* "proved", "flaky", ... */

struct finding {
	const struct check *check;
	enum verdict verdict;
	unsigned passed, tries;
	double took_s; /* all tries */
	char words[400];
};

struct findings { /* of one cell */
	char cell[CELL_NAME_MAX];
	bool done;	  /* it was judged, or skipped */
	char skipped[300]; /* "": it was not */
	char broke[512];   /* "": it ran to its end; else why not */
	double took_s;
	unsigned n;
	struct finding f[FINDINGS_MAX];
};
unsigned findings_count(const struct findings *f, enum verdict v);
/* Of the whole cell: failed if any is, or it broke; then flaky; proved when something is. */
enum verdict findings_verdict(const struct findings *f);

struct judge_conf {
	bool (*wanted)(const struct check *x, void *arg);
	void *arg;
	unsigned tries; /* of one that fails, at least 1 */
	/* A mutant of the lab: right before this check, this is done to it (see sabotage.h). */
	const char *sabotage_id, *sabotage;
	/* Called once the load of the first try is measured. */
	void (*measured)(struct cell *c, const struct totals *t, void *arg);
	/* Called with each finding as it comes. */
	void (*found)(const struct finding *f, void *arg);
};

/* On a standing cell. An error that kept it from its end is in ret->broke. */
void judge(struct cell *c, const struct judge_conf *conf, struct findings *ret);

#endif
