/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of a result record, `table-<name>.csv`: what a tool found for each of
 * several variants of one thing (cache sizes, time-outs, stretches of time). The
 * first line names the columns, units in the names. A first column called
 * `what` holds text, all others numbers; an empty field is not known.
 * docs/formats.md lists the tables in use.
 */
#ifndef NODENS_RECORD_TABLE_H
#define NODENS_RECORD_TABLE_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/record/result.h"

#define TABLE_COLUMNS_MAX 16 /* of numbers */
#define TABLE_ROWS_MAX    100000
#define TABLE_WHAT_MAX    200 /* octets; longer words are cut */
#define TABLE_WHAT        "what"

struct table {
	size_t n_columns, n_rows;
	char column[TABLE_COLUMNS_MAX][48]; /* of numbers: "what" is not among them */
	bool has_what;
	double *value;                      /* row by row; NAN: not known */
	char (*what)[TABLE_WHAT_MAX];       /* one a row, or NULL */
	size_t cap_rows;
};

/* For the caller's storage; `columns` ends with NULL. */
void table_init(struct table *t, const char *const *columns);
void table_release(struct table *t);
/* `what` is ignored when there is no such column. ERR_NOMEM, ERR_LIMIT. */
int table_add(struct table *t, const char *what, const double *values);
/* -1: no such column. */
int table_column(const struct table *t, const char *name);
double table_at(const struct table *t, size_t row, int column); /* NAN for column -1 */

/* Into the record that is being written; errors stick to it. */
void result_table(struct result *r, const char *name, const struct table *t);
/* From a record: ERR_MISSING when it has no such table, other errors name file and line. */
int record_table(const struct record *r, const char *name, struct table *ret, struct diag *d);

#endif
