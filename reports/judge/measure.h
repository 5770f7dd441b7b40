/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is compared, and when two values differ: without against with the cache,
 * and this book against a baseline. A bare difference is never a verdict. One
 * figure more is a row of `measures`.
 *
 *	repeats   where both sides have four alike runs: rank-sum test on their values, p < 0.05
 *	quantile  of one run each: their 99 % intervals lie apart
 *	share     events of so many: p < 0.01 that the shares are equal
 *	count     events under the same load: the same test, sides weighted alike
 *	number    of one run each: not decided, unless both are predicted, which are exact
 *
 * and in all cases the change must be MEASURE_LEAST of what was at least.
 */
#ifndef NODENS_REPORTS_MEASURE_H
#define NODENS_REPORTS_MEASURE_H

#include "reports/read/book.h"

#define MEASURE_LEAST  0.05
#define MEASURE_ALIKE  4 /* repeats a side from which ranks decide */

enum measure_kind { MEASURE_QUANTILE, MEASURE_SHARE, MEASURE_COUNT, MEASURE_NUMBER };

struct measure { /* a table of them ends with a NULL metric */
	const char *metric, *words;
	enum measure_kind kind;
	double q;               /* of a quantile: 0.99 */
	const char *of;         /* histogram of a quantile, denominator of a share */
	bool more_is_better;
	bool decides;           /* whether the cache should be deployed */
};
extern const struct measure measures[];

enum change { CHANGE_UNKNOWN, CHANGE_SAME, CHANGE_BETTER, CHANGE_WORSE, CHANGE_UNTESTED };
extern const char *const change_words[]; /* "no data", "same", "better", "worse", "not decided" */

struct comparison {
	enum change is;
	enum engine engine;
	double was, now;
	bool has_interval;           /* 95 % ones: */
	double was_low, was_high, now_low, now_high;
	const char *unit;
	char why[128];               /* the test and what it found */
};

/* Both sides by the same engine, what was measured before what was predicted. */
void measure_compare(struct comparison *ret, const struct measure *m, const struct cell *was, const struct cell *now);
/* The same by one engine only. */
void measure_compare_engine(struct comparison *ret, const struct measure *m, enum engine e, const struct cell *was,
			    const struct cell *now);
/* The 95 % interval of a record's quantile; false: no histogram, or too few values. */
bool measure_interval(const struct record *r, const char *hist, double q, double *ret_low, double *ret_high);

#endif
