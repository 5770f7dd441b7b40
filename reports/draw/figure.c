/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: its number, its files, and the look that all of them share. */
#include "reports/draw/figure.h"

#include <stdarg.h>
#include <string.h>

#define KEY_ROW_PX 20

const char *cell_colour(size_t i)
{
	/* each at least 3:1 on white, told apart by all common kinds of colour
	 * vision; the first four also in lightness */
	static const char *const colours[CELL_COLOURS] = { "#d55e00", "#0072b2", "#aa3377", "#009e73" };
	return colours[i % CELL_COLOURS];
}

int engine_dash(enum engine e)
{
	static const int dash[ENG_N] = {
		[ENG_LAB] = 1, [ENG_CLUSTER] = 1, [ENG_REPLAY] = 4, [ENG_CAPTURE] = 5,
		[ENG_SIM] = 2, [ENG_MODEL] = 3,	  [ENG_PLAN] = 2,
	};
	return dash[e];
}

int cell_point(size_t i)
{
	static const int point[CELL_COLOURS] = { 7, 5, 9, 13 };
	return point[i % CELL_COLOURS];
}

bool figure_is_large(enum figure_kind kind)
{
#define FIGURE_LARGE(name, large) large,
	static const bool is_large[FIG_KINDS] = { FIGURE_KINDS(FIGURE_LARGE) };
	return is_large[kind];
}

static FILE *create(const struct drawing *w, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", w->fs->dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		diag_errno(w->d, "%s", path);
	return f;
}

FILE *figure_data(const struct drawing *w, const struct figure *f, const char *part)
{
	char name[96];
	snprintf(name, sizeof(name), "%s-%s.dat", f->id, part);
	return create(w, name);
}

int figure_close(const struct drawing *w, const struct figure *f, FILE *out)
{
	bool bad = ferror(out);
	return fclose(out) || bad ? diag_errno(w->d, "%s/%s", w->fs->dir, f->id) : 0;
}

struct figure *figure_add(struct figures *fs, enum figure_kind kind)
{
	if (fs->n == FIGURES_MAX)
		return NULL;
	struct figure *f = &fs->fig[fs->n++];
	*f = (struct figure){ .kind = kind };
	snprintf(f->id, sizeof(f->id), "f%zu", fs->n);
	return f;
}

void figure_find(struct figure *f, const char *fmt, ...)
{
	size_t used = strlen(f->finding);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->finding + used, sizeof(f->finding) - used, fmt, ap);
	va_end(ap);
	if (strlen(f->finding) == sizeof(f->finding) - 1) /* no half words */
		f->finding[used] = '\0';
}

FILE *figure_script(const struct drawing *w, const struct figure *f, unsigned series)
{
	bool large = figure_is_large(f->kind);
	char name[32];
	snprintf(name, sizeof(name), "%s.gp", f->id);
	FILE *out = create(w, name);
	if (!out)
		return NULL;
	fputs("# Drawn by capacity-report; run gnuplot on it in this folder to draw it again, with -e narrow=1 for a phone.\n"
	      "set encoding utf8\nif (!exists(\"narrow\")) narrow = 0\n",
	      out);
	fprintf(out,
		"if (narrow) {\n  set terminal svg size 400,%u dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name '%sn'\n  set output '%sn.svg'\n",
		300 + KEY_ROW_PX * series, f->id, f->id);
	fprintf(out,
		"} else {\n  set terminal svg size %s dynamic noenhanced font 'sans-serif,%d' linewidth 1.5 rounded name '%s'\n  set output '%s.svg'\n}\n",
		large ? "860,430" : "460,300", large ? 12 : 13, f->id, f->id);
	fputs("set border 3 lc rgb '" COLOUR_AXIS "' lw 0.7\n"
	      "set tics nomirror out scale 0.4 textcolor rgb '" COLOUR_INK "'\n"
	      "set grid lc rgb '" COLOUR_GRID "' lw 0.6 dt 1\n",
	      out);
	fprintf(out,
		"if (narrow) { set key tmargin left vertical maxcols 1 Left reverse noenhanced samplen 2.5 textcolor rgb '" COLOUR_INK
		"'\n"
		"} else { set key outside top left horizontal Left reverse noenhanced samplen 3 width %d textcolor rgb '" COLOUR_INK
		"' }\n"
		"set lmargin 9\nset rmargin 3\n",
		large ? 0 : -2);
	return out;
}
