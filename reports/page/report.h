/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report: what was read, judged and drawn, and the forms it leaves in. The page
 * is one self-contained HTML file; each of its sections is a function that writes
 * itself and leaves itself out when there is nothing to say. Its tables are kept
 * (reports/words/sheet.h), and the data files hold the same.
 */
#ifndef NODENS_REPORTS_REPORT_H
#define NODENS_REPORTS_REPORT_H

#include <stdio.h>

#include "reports/draw/figure.h"
#include "reports/judge/advice.h"
#include "reports/judge/settings.h"
#include "reports/words/sheet.h"

#define SECTIONS_MAX 24

struct report {
	const struct book *book;
	const struct book *baseline_book;      /* or NULL */
	const struct baseline *baseline;       /* or NULL */
	const struct figures *figures;
	const struct judged *judged;
	size_t n_judged;
	double tolerance; /* a prediction further off than this share is called so */
	const char *title;
	struct settings_conf conf;
	struct tally tally;
	struct settings settings;
	struct advice advice;
	struct remarks missing, caveats; /* expected and not reported; to be held against the page */
	/* filled while the page is written: */
	struct sheets sheets;
	size_t n_sections;
	struct {
		char id[24], title[80];
	} section[SECTIONS_MAX];
};

/* The page, and what is in it as JSON and CSV; written aside and renamed. */
int page_write(struct report *r, const char *path, struct diag *d);
int json_write(const struct report *r, const char *path, struct diag *d);
int csv_write(const struct report *r, const char *path, struct diag *d);   /* tables of the page */
int cells_write(const struct report *r, const char *path, struct diag *d); /* metrics of the records */

/* The page's sections, in their order. A new one is a row here and a section_NAME. */
#define REPORT_SECTIONS(X) \
	X(verdict)         \
	X(plan)            \
	X(modes)           \
	X(baseline)        \
	X(latency)         \
	X(heat)            \
	X(traffic)         \
	X(conntrack)       \
	X(cache)           \
	X(rollout)         \
	X(predictions)     \
	X(trend)           \
	X(checks)          \
	X(caveats)         \
	X(provenance)      \
	X(words)
#define SECTION_DECLARE(name) void section_##name(struct report *r, FILE *out);
REPORT_SECTIONS(SECTION_DECLARE)

/* One measured or predicted number of a cell that the tables show. */
struct row_def { /* a table ends with a NULL metric */
	const char *metric, *words;
};
extern const struct row_def mode_rows[], count_rows[], prediction_rows[];

/* --- shared by sections --- */

/* Heading and note (plain text of ours, or NULL); the section goes into the list of contents. */
void section_begin(struct report *r, FILE *out, const char *id, const char *title, const char *note);
void section_end(FILE *out);
/* The drawn pictures of a kind, large one below the other, small ones side by side. */
/* A table by cell and where its figures are from: a column a row of `rows`, but for those that no
 * cell can fill. */
struct sheet *rows_sheet(struct report *r, const char *id, const char *caption, const struct row_def *rows);
bool rows_any(const struct record *rec, const struct row_def *rows); /* false for NULL */
void rows_metrics(struct sheet *s, const struct report *r, const struct record *rec, const struct row_def *rows);
void put_figures(const struct report *r, enum figure_kind kind, FILE *out);
void put_list(const struct remarks *list, FILE *out);
/* The cell's name with its colour, as the head of a row. */
void sheet_cell_head(struct sheet *s, const struct report *r, const struct cell *c);
/* A metric as a cell of the table, or "not known". */
void sheet_metric(struct sheet *s, const struct record *r, const char *metric);
/* Does any record of the book have it? */
bool metric_used(const struct book *b, const char *metric);
/* How far a prediction is off: "+4.2 %" and whether that is within tolerance. */
bool prediction_error(double measured, double predicted, const char *unit, double tolerance, char buf[64]);

#endif
