/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thresholds: "[CELL:][ENGINE/]METRIC OP VALUE" says when a report has failed.
 *	lookups.lost>0
 *	iptables-cache:latency.all.p99>=1ms
 *	model/conntrack.peak > 5000
 * Without CELL every cell is looked at, without ENGINE what was measured (or,
 * when nothing was measured, what was predicted). "checks.failed" counts a
 * record's failed checks; "baseline.worse" and its like (better, same, undecided) count
 * the figures that came out so against the baseline.
 */
#ifndef NODENS_REPORTS_JUDGE_H
#define NODENS_REPORTS_JUDGE_H

#include "reports/read/book.h"

enum judge_op { JUDGE_GT, JUDGE_GE, JUDGE_LT, JUDGE_LE, JUDGE_EQ, JUDGE_NE };

enum judge_kind { JUDGE_PLAIN, JUDGE_TIME, JUDGE_SHARE };

struct threshold {
	const char *text;
	char cell[64], metric[128]; /* cell "" : every cell */
	int engine;                 /* enum engine, or -1 */
	enum judge_op op;
	double value; /* in the metric's unit; of a time nanoseconds, of a share 1 is all */
	enum judge_kind kind;
};

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_UNKNOWN }; /* unknown: no record has the metric, or it is another sort of thing */

struct judged {
	struct threshold t;
	enum verdict verdict;
	char detail[256]; /* which cell said what */
};

int threshold_parse(struct threshold *ret, const char *text, struct diag *d);
/* `baseline`: how many figures of each enum change (measure.h), or NULL. */
void threshold_judge(struct judged *ret, const struct threshold *t, const struct book *b, const size_t *baseline);
/* Failed checks of a record; `ret_total` may be NULL. */
size_t checks_failed(const struct record *r, size_t *ret_total);

#endif
