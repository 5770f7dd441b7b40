/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: its number, its files, and the look that all of them share. */
#include "reports/draw/figure.h"

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
		[ENG_LAB] = 1, [ENG_CLUSTER] = 1, [ENG_REPLAY] = 4, [ENG_CAPTURE] = 5, [ENG_SIM] = 2, [ENG_MODEL] = 3,
	};
	return dash[e];
}

FILE *figure_file(const struct figures *fs, const char *name, struct diag *d)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", fs->dir, name);
	FILE *f = fopen(path, "we");
	if (!f)
		diag_errno(d, "%s", path);
	return f;
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

FILE *figure_script(const struct figures *fs, const struct figure *f, struct diag *d)
{
	static const int height[] = { 430, 300, 300, 380, 300 };
	static const int width[] = { 860, 560, 560, 860, 560 };
	char name[32];
	snprintf(name, sizeof(name), "%s.gp", f->id);
	FILE *out = figure_file(fs, name, d);
	if (!out)
		return NULL;
	fprintf(out,
		"# Drawn by capacity-report; run gnuplot on it in this folder to draw it again.\n"
		"set encoding utf8\n"
		"if (!exists(\"pdf\")) {\n"
		"  set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,%d' linewidth 1.5 rounded name '%s'\n"
		"  set output '%s.svg'\n"
		"} else {\n"
		"  set title 'Picture %s'\n"
		"}\n"
		"set border 3 lc rgb '" COLOUR_AXIS "' lw 0.7\n"
		"set tics nomirror out scale 0.4 textcolor rgb '" COLOUR_INK "'\n"
		"set grid lc rgb '" COLOUR_GRID "' lw 0.6 dt 1\n"
		"set key outside top left horizontal Left reverse noenhanced samplen 3 textcolor rgb '" COLOUR_INK "'\n"
		"set lmargin 9\nset rmargin 3\n",
		width[f->kind], height[f->kind], width[f->kind] > 600 ? 12 : 14, f->id, f->id, f->id + 1);
	return out;
}
