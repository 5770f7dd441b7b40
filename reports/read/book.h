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

#define BOOK_RECORDS_MAX 1024
#define BOOK_RUNS_MAX    64
#define BOOK_DEPTH_MAX   5 /* folders below the one that is given */
#define BOOK_CELLS_MAX   64
#define BOOK_LOADS_MAX   20
#define BOOK_NOTES_MAX   64

#define ENG_ENUM(name, label, title) ENG_##name,
enum engine { ENGINES(ENG_ENUM) ENG_N };
extern const char *const engine_label[ENG_N]; /* as records have it */

/* Records of one cell by one engine, in the order of their dates. The last `n_alike`
 * are repeats of one thing: made by the same version from the same input. */
struct runs {
	size_t n, n_alike;
	const struct record *run[BOOK_RUNS_MAX];
};

struct cell {
	const char *scenario, *name; /* labels; of a record without them "", its folder */
	const char *point;           /* of a sweep; "" when it is none */
	const char *proxy;           /* or NULL */
	int cache;                   /* 1 ours, 0 none, -1 another one or unknown */
	char title[128];             /* what readers see: letters, digits, blank and ._/+=-; a number where two are alike */
	const struct record *run[ENG_N]; /* the one that figures speak of, or NULL */
	struct runs all[ENG_N];
};

struct book {
	size_t n_records, n_cells, n_loads, n_notes, n_silent;
	struct record *record[BOOK_RECORDS_MAX];
	struct cell cell[BOOK_CELLS_MAX];
	char load[BOOK_LOADS_MAX][64]; /* names of histograms: "latency.all" first */
	char note[BOOK_NOTES_MAX][512]; /* what a reader must know about the input */
	char silent[BOOK_NOTES_MAX][512]; /* runs that began and left no record */
};

/* Sorts the records into cells. Of repeats the middle one by its 99th percentile is the
 * cell's. */
void book_arrange(struct book *b);
void book_free(struct book *b);

/* "measured", "dns-sim", "conntrack-model" */
const char *engine_title(enum engine e);
/* Did it happen, rather than being predicted? */
bool engine_measured(enum engine e);
/* The record that counts most: what was measured before what was predicted, in the
 * order of ENGINES; never NULL for a cell of a book. */
const struct record *cell_best(const struct cell *c);
/* The engine whose record that is, or that of what was measured; ENG_N: none. */
enum engine cell_best_engine(const struct cell *c);
enum engine cell_measured_engine(const struct cell *c);
/* A measured value of the cell, from the first engine that has it. */
bool cell_measured(const struct cell *c, const char *metric, double *ret, enum engine *ret_engine);
/* A histogram of a run. What was lost and is not in it is put at its ceiling. */
bool run_hist(const struct record *r, const char *name, struct hist *ret);
/* A metric in the cell's record of that engine. */
bool cell_num(const struct cell *c, enum engine e, const char *metric, double *ret);
/* The cell that differs from this one only in not having the cache; NULL: none. */
const struct cell *book_without_cache(const struct book *b, const struct cell *with);
/* Any record of that engine in the book? Any that was measured, predicted? */
bool book_has(const struct book *b, enum engine e);
bool book_has_measured(const struct book *b);
bool book_has_predicted(const struct book *b);
/* The same cell (scenario and name) in another book, or NULL. */
const struct cell *book_same(const struct book *b, const struct cell *c);

#endif
