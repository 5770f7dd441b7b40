/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was expected and did not report. A page of what came in looks whole whatever
 * is missing, so expectations are derived from the records themselves (the other
 * half of a pair, an engine that spoke of the other cells, as many latencies as
 * lookups), from the baseline, and from the command line.
 */
#ifndef NODENS_REPORTS_EXPECT_H
#define NODENS_REPORTS_EXPECT_H

#include "reports/judge/remarks.h"
#include "reports/read/book.h"

/* `wanted`: "[ENGINE/]CELL", CELL by its label or * for any; returns how many of these did not report. */
size_t expect_missing(struct remarks *ret, const struct book *b, const struct book *baseline, const char *const *wanted,
		      size_t n_wanted);
/* Is it of that form? */
int expect_parse(const char *text, struct diag *d);

#endif
