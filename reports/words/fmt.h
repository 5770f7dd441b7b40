/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them, and text that cannot become markup. */
#ifndef NODENS_REPORTS_FMT_H
#define NODENS_REPORTS_FMT_H

#include <stdio.h>

#define FMT_MAX 48

/* Three significant digits with the unit that fits: "184 us", "1.24 ms", "5.00 s". */
const char *fmt_ns(double ns, char buf[FMT_MAX]);
/* Whole numbers and those above 100 with groups of three, others with three significant digits. */
const char *fmt_count(double v, char buf[FMT_MAX]);
/* By the metric's unit; also "share" (as percent), "p" (of a test), "queries/s". */
const char *fmt_unit(double v, const char *unit, char buf[FMT_MAX]);
/* "-93 %", "+4.2 %"; "no change" at 0; "x 25" above tenfold. `from` > 0. */
const char *fmt_change(double from, double to, char buf[FMT_MAX]);

/* What a histogram "latency.NAME" is of: a load's name, or the words of a path that answers took. */
const char *fmt_load(const char *metric);

/* Text for HTML content and attribute values. */
void html_text(FILE *out, const char *text);
/* printf whose %s arguments are NOT escaped: for our own words and numbers. */
#define html_raw fprintf

#endif
