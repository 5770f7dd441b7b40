/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture: data files, a gnuplot script that names only those files, and the
 * SVG it drew. Text that came with a record reaches gnuplot in data files
 * alone, never in a script, because gnuplot executes what it reads.
 */
#ifndef NODENS_REPORTS_FIGURE_H
#define NODENS_REPORTS_FIGURE_H

#include <stdbool.h>
#include <stdio.h>

#include "reports/read/book.h"

#define FIGURES_MAX 64

enum figure_kind { FIG_LATENCY, FIG_LATENCY_LOAD, FIG_CONNTRACK, FIG_UPSTREAM, FIG_CPU };

struct figure {
	char id[16];         /* file names and element ids: "f1" */
	enum figure_kind kind;
	char title[192];     /* plain text; stands alone */
	char heading[192];   /* the same inside its section */
	char finding[512];   /* what it shows, in words: the alternative text */
	bool drawn;          /* id.svg exists */
};

struct figures {
	char dir[3072]; /* where data, scripts and pictures go */
	size_t n;
	struct figure fig[FIGURES_MAX];
	char problem[256]; /* why pictures are missing; "" when none are */
};

/* Writes data and scripts of every picture the records allow into `dir`. */
int figures_write(struct figures *fs, const struct book *b, const char *dir, struct diag *d);
/* Runs gnuplot on them. Never fails: pictures that could not be drawn are not
 * `drawn`, and `problem` says why. */
void figures_draw(struct figures *fs, const char *gnuplot);
/* The drawn SVG into a page: no prologue, ids made unique, colours as CSS
 * variables, title and description for screen readers. */
int figure_inline(const struct figures *fs, const struct figure *f, FILE *out);

/* --- shared by those who write scripts --- */

/* Colours by meaning; svg.c turns them into CSS variables of the same names. */
#define COLOUR_INK   "#1f2933"
#define COLOUR_AXIS  "#6b7785"
#define COLOUR_GRID  "#d9dee5"
#define COLOUR_PAPER "#fffffe"
#define CELL_COLOURS 4
const char *cell_colour(size_t cell_index); /* "#0072b2" */
/* Lines differ by dash, besides colour: gnuplot's dashtype of an engine. */
int engine_dash(enum engine e);

/* A new file `name` in the figures' folder. */
FILE *figure_file(const struct figures *fs, const char *name, struct diag *d);
/* The next figure with its number, or NULL when there are too many. */
struct figure *figure_add(struct figures *fs, enum figure_kind kind);
/* Head of its script: terminal, output, axes' look. */
FILE *figure_script(const struct figures *fs, const struct figure *f, struct diag *d);

int latency_write(struct figures *fs, const struct book *b, struct diag *d);
int conntrack_write(struct figures *fs, const struct book *b, struct diag *d);
int bars_write(struct figures *fs, const struct book *b, struct diag *d);

/* Runs gnuplot on a script of `dir` with an empty environment; 0 when it ended
 * well within 60 s. */
int gnuplot_run(const char *gnuplot, const char *dir, const char *script, struct diag *d);

#endif
