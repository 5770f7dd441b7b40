/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report: what was read, drawn and judged, and the forms it leaves in. The page
 * is one self-contained HTML file; each of its sections is a function that writes
 * itself and leaves itself out when there is nothing to say.
 */
#ifndef NODENS_REPORTS_REPORT_H
#define NODENS_REPORTS_REPORT_H

#include <stdio.h>

#include "reports/read/book.h"
#include "reports/draw/figure.h"
#include "reports/judge/judge.h"

struct report {
	const struct book *book;
	const struct figures *figures;
	const struct judged *judged;
	size_t n_judged;
	double tolerance; /* a prediction further off than this share is called so */
	const char *title;
};

/* What was found, counted once for the page, the PDF and the exit status. */
struct tally {
	size_t checks, checks_failed, thresholds_failed, thresholds_unknown, skips;
};
void report_tally(const struct report *r, struct tally *ret);

/* Written aside and renamed. */
int page_write(const struct report *r, const char *path, struct diag *d);
/* The same numbers as plain lines, for the PDF and for `cells.csv`. */
int csv_write(const struct report *r, const char *path, struct diag *d);
int pdf_write(const struct report *r, const char *gnuplot, const char *path, struct diag *d);

/* The page's sections, in their order. A new one is a row here and a section_NAME. */
#define REPORT_SECTIONS(X) \
	X(verdict)         \
	X(cells)           \
	X(latency)         \
	X(conntrack)       \
	X(bars)            \
	X(predictions)     \
	X(checks)          \
	X(provenance)
#define SECTION_DECLARE(name) void section_##name(const struct report *r, FILE *out);
REPORT_SECTIONS(SECTION_DECLARE)

/* One measured or predicted number of a cell that the tables show. */
struct row_def { /* a table ends with a NULL metric */
	const char *metric, *words;
};
extern const struct row_def cell_rows[], prediction_rows[];

/* How far a prediction is off: "+4.2 %" and whether that is within tolerance. */
bool prediction_error(double measured, double predicted, const char *unit, double tolerance,
		      char buf[64]);
void figure_put(const struct report *r, const struct figure *f, FILE *out);

#endif
