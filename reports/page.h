/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: one self-contained HTML file. Each section is a function that
 * writes itself and leaves itself out when there is nothing to say.
 */
#ifndef NODENS_REPORTS_PAGE_H
#define NODENS_REPORTS_PAGE_H

#include <stdio.h>

#include "reports/book.h"
#include "reports/figure.h"
#include "reports/judge.h"

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

void section_verdict(const struct report *r, FILE *out);
void section_cells(const struct report *r, FILE *out);
void section_latency(const struct report *r, FILE *out);
void section_conntrack(const struct report *r, FILE *out);
void section_bars(const struct report *r, FILE *out);
void section_predictions(const struct report *r, FILE *out);
void section_checks(const struct report *r, FILE *out);
void section_provenance(const struct report *r, FILE *out);

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
