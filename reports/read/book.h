/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All records of a report, sorted into cells: one scenario under one set of
 * rules, with or without the cache. A cell holds what was measured and what
 * each model predicted for it; everything the report says is said about cells.
 */
#ifndef NODENS_REPORTS_BOOK_H
#define NODENS_REPORTS_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"

#define BOOK_RECORDS_MAX 256
#define BOOK_CELLS_MAX   32
#define BOOK_LOADS_MAX   12
#define BOOK_NOTES_MAX   64

#define ENG_ENUM(name, label, title) ENG_##name,
enum engine { ENGINES(ENG_ENUM) ENG_N };
extern const char *const engine_label[ENG_N]; /* as records have it */

struct cell {
	const char *scenario, *name; /* labels; "" when a record has none */
	const char *proxy;           /* or NULL */
	int cache;                   /* 1 on, 0 off, -1 unknown */
	char title[128];             /* what readers see; only [A-Za-z0-9 ._/+-] */
	const struct record *run[ENG_N];
};

struct book {
	size_t n_records, n_cells, n_loads, n_notes;
	struct record *record[BOOK_RECORDS_MAX];
	struct cell cell[BOOK_CELLS_MAX];
	char load[BOOK_LOADS_MAX][64]; /* names of histograms: "latency.all" first */
	char note[BOOK_NOTES_MAX][512]; /* what a reader must know about the input */
};

/* Loads every folder; a record that cannot be read is an error. A folder
 * without run.json whose subfolders are records stands for all of them. */
int book_load(struct book **ret, char **dirs, size_t n_dirs, struct diag *d);
void book_free(struct book *b);

/* "measured", "dns-sim", "conntrack-model" */
const char *engine_title(enum engine e);
/* The measured record, or else a prediction; never NULL for a cell of a book. */
const struct record *cell_best(const struct cell *c);
/* A metric in the cell's record of that engine. */
bool cell_num(const struct cell *c, enum engine e, const char *metric, double *ret);
/* The cell that differs from this one only in having the cache; NULL: none. */
const struct cell *book_with_cache(const struct book *b, const struct cell *without);
/* Any record of that engine in the book? */
bool book_has(const struct book *b, enum engine e);

#endif
