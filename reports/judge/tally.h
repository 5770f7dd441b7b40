/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, counted once for the page, the data files and the exit status. */
#ifndef NODENS_REPORTS_TALLY_H
#define NODENS_REPORTS_TALLY_H

#include "reports/judge/judge.h"

struct tally {
	size_t checks, checks_failed, thresholds_failed, thresholds_unknown, skips;
};
void tally_findings(struct tally *ret, const struct book *b, const struct judged *judged, size_t n_judged);

#endif
