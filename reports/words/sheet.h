/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of the report, filled once and then shown in every form: HTML that
 * nothing is cut off of at any width, CSV and JSON. A cell is a number with its
 * unit, or words; the first cell of a row is its heading. Whatever the page says
 * in a table is therefore in the data files as well, unrounded.
 *
 * Memory that runs out is noted in the collection and reported once, at the end.
 */
#ifndef NODENS_REPORTS_SHEET_H
#define NODENS_REPORTS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SHEETS_MAX        64
#define SHEET_COLUMNS_MAX 16

enum sheet_mark { MARK_NONE, MARK_GOOD, MARK_BAD, MARK_WARN };
extern const char *const sheet_mark_name[]; /* "", "good", "bad", "warn": class names */

struct sheet_cell {
	char *text;       /* as people read it */
	char *aside;      /* a smaller line below it, or NULL */
	double value;     /* NAN: words only */
	const char *unit; /* of value; static or a record's; NULL: none */
	enum sheet_mark mark;
	int swatch;       /* colour of a cell of the book; -1: none */
	bool code;        /* to be typed or pasted */
};

struct sheet_column {
	char words[64], key[32]; /* as people, as programs read it */
	bool is_text;
};

struct sheet {
	char id[32]; /* a-z0-9_ ; of the element and in data files */
	char *caption;
	size_t n_columns, n_cells, cap;
	struct sheet_column column[SHEET_COLUMNS_MAX];
	struct sheet_cell *cell; /* row by row, all rows whole */
	bool *group;             /* does the row begin a group? */
	size_t n_rows, cap_rows;
	struct sheets *all;
};

struct sheets {
	size_t n;
	struct sheet *sheet[SHEETS_MAX];
	bool failed; /* no memory, or too many */
};

/* Never NULL: when there are too many or no memory a spare one is filled and lost. */
struct sheet *sheet_new(struct sheets *all, const char *id, const char *caption);
void sheets_release(struct sheets *all);

/* Columns before rows. `key` NULL: the words. */
void sheet_column_text(struct sheet *s, const char *words, const char *key);
void sheet_column_num(struct sheet *s, const char *words, const char *key);
/* A row; then its cells, as many as there are columns. */
void sheet_row(struct sheet *s, bool begins_group);
void sheet_text(struct sheet *s, const char *text);
void sheet_textf(struct sheet *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sheet_num(struct sheet *s, double value, const char *unit);
void sheet_num_as(struct sheet *s, double value, const char *unit, const char *text);
void sheet_absent(struct sheet *s); /* not known */
/* Of the cell that came last. */
void sheet_mark(struct sheet *s, enum sheet_mark m);
void sheet_swatch(struct sheet *s, size_t index);
void sheet_code(struct sheet *s);
void sheet_aside(struct sheet *s, const char *text);

/* As HTML. Nothing when it has no rows. */
void sheet_html(const struct sheet *s, FILE *out);
/* Rules of style for tables of the widths in use: below its width a table's rows
 * become blocks of named values. */
void sheets_style(const struct sheets *all, FILE *out);

#endif
