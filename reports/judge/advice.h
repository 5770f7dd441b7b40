/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Should the cache be deployed, why, and how sure is that? The rule is short enough
 * to be printed on the page (ADVICE_RULE): it decides, not the reader's eye.
 */
#ifndef NODENS_REPORTS_ADVICE_H
#define NODENS_REPORTS_ADVICE_H

#include "reports/judge/baseline.h"
#include "reports/judge/remarks.h"
#include "reports/judge/tally.h"

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_OPEN };
enum sureness { SURE_WELL, SURE_FAIRLY, SURE_LITTLE };

struct advice {
	enum answer answer;
	enum sureness sure;
	char sentence[160];
	struct remarks reasons, evidence;
	size_t n_pairs, better, worse, same, untested; /* of the figures that decide */
};

#define ADVICE_RULE                                                                                                                 \
	"The answer is yes when no check failed, no threshold was crossed, at least one of the figures that decide is better with " \
	"the cache, and none is worse; no when a check failed, a threshold was crossed, or figures are worse and none is better; "  \
	"otherwise it is left open. The figures that decide are the 99th percentile, lookups lost, questions at the cluster DNS, "  \
	"entries and lost packets of the connection table, and wrong answers; each differs only when its test says so and by at "   \
	"least 5 %."
#define SURENESS_RULE                                                                                                               \
	"Well supported: four or more alike measured runs of each cell, or a real cluster, the load programs on time, predictions " \
	"within tolerance. Little supported: nothing measured, fewer than 1000 lookups, or the load programs late by half of the "  \
	"99th percentile that they measured. Fairly supported: all between."

void advise(struct advice *ret, const struct book *b, const struct tally *t, const struct baseline *baseline, double tolerance);

/* The largest error of an engine's predictions of the figures that decide or give the median; false: none. */
bool advice_model_error(const struct book *b, enum engine e, double *ret_share, const char **ret_words,
			const struct cell **ret_cell);

#endif
