/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture: data files, a gnuplot script that names only those files, and the
 * SVG it drew. Text that came with a record reaches gnuplot in data files
 * alone, never in a script, because gnuplot executes what it reads.
 *
 * A large picture is drawn twice, for wide and for narrow places, and the page
 * shows the one that fits; a small one stands beside others and is drawn once.
 */
#ifndef NODENS_REPORTS_FIGURE_H
#define NODENS_REPORTS_FIGURE_H

#include <stdbool.h>
#include <stdio.h>

#include "reports/judge/baseline.h"
#include "reports/read/book.h"

#define FIGURES_MAX 96

/* Kinds, and whether they are large. */
#define FIGURE_KINDS(X)     \
	X(TRAFFIC, true)    \
	X(LATENCY, true)    \
	X(LATENCY_LOAD, false) \
	X(HEAT, false)      \
	X(COMPARE, true)    \
	X(BASELINE, true)   \
	X(CONNTRACK, false) \
	X(GROWTH, false)    \
	X(CACHE_SIZE, false) \
	X(CACHE_TTL, false) \
	X(UPSTREAM, true)   \
	X(CPU, false)       \
	X(TREND, true)      \
	X(TORNADO, true)
#define FIGURE_ENUM(name, large) FIG_##name,
enum figure_kind { FIGURE_KINDS(FIGURE_ENUM) FIG_KINDS };

struct figure {
	char id[16];         /* file names and element ids: "f1" */
	enum figure_kind kind;
	char title[192];     /* plain text; stands alone */
	char heading[192];   /* the same inside its section */
	char finding[640];   /* what it shows, in words: the alternative text */
	bool drawn, drawn_narrow; /* id.svg, idn.svg exist */
};

struct figures {
	char dir[3072]; /* where data, scripts and pictures go */
	size_t n;
	struct figure fig[FIGURES_MAX];
	char problem[256]; /* why pictures are missing; "" when none are */
};

/* What pictures are made of. */
struct drawing {
	struct figures *fs;
	const struct book *b;
	const struct baseline *baseline; /* or NULL */
	double tolerance;
	struct diag *d;
};

/* Writes data and scripts of every picture the records allow into `dir`. */
int figures_write(struct drawing *w, const char *dir);
/* Runs gnuplot on them. Never fails: pictures that could not be drawn are not
 * `drawn`, and `problem` says why. */
void figures_draw(struct figures *fs, const char *gnuplot);
/* The drawn SVG into a page, both forms of a large one: no prologue, ids made unique,
 * colours as CSS variables, title and description for screen readers. */
int figure_inline(const struct figures *fs, const struct figure *f, FILE *out);
bool figure_is_large(enum figure_kind kind);

/* --- shared by those who write scripts --- */

/* Colours by meaning; svg.c turns them into CSS variables of the same names. */
#define COLOUR_INK   "#1f2933"
#define COLOUR_AXIS  "#6b7785"
#define COLOUR_GRID  "#d9dee5"
#define COLOUR_PAPER "#fffffe"
#define COLOUR_LIMIT "#b3261d"
#define CELL_COLOURS 4
const char *cell_colour(size_t cell_index); /* "#0072b2" */
/* Lines differ by dash and point, besides colour. */
int engine_dash(enum engine e);
int cell_point(size_t cell_index);

/* The next figure with its number, or NULL when there are too many. */
struct figure *figure_add(struct figures *fs, enum figure_kind kind);
/* A new data file of it, "f1-PART.dat"; NULL: an error is in w->d. Ended by figure_close. */
FILE *figure_data(const struct drawing *w, const struct figure *f, const char *part);
/* Head of its script: terminals, output, axes' look. `series`: entries of its key. */
FILE *figure_script(const struct drawing *w, const struct figure *f, unsigned series);
int figure_close(const struct drawing *w, const struct figure *f, FILE *out);
/* Adds to its finding, as far as there is room. */
void figure_find(struct figure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A row of a picture of ratios. */
struct ratio {
	const char *words;  /* ours */
	double ratio;       /* > 0 */
	size_t cell;        /* colour and point */
	enum engine engine; /* its second key */
};
/* Ratios around 1 on a logarithmic axis, a line for each of `words`; within `near` of 1 is shaded. */
int ratios_write(const struct drawing *w, struct figure *f, const struct ratio *r, size_t n, double near, const char *x_label);

/* The pictures of one subject each. */
int traffic_write(struct drawing *w);
int latency_write(struct drawing *w);
int heat_write(struct drawing *w);
int compare_write(struct drawing *w);
int conntrack_write(struct drawing *w);
int cache_write(struct drawing *w);
int bars_write(struct drawing *w);
int trend_write(struct drawing *w);
int tornado_write(struct drawing *w);

#endif
