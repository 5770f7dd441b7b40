/* SPDX-License-Identifier: Apache-2.0 */
/* What several sections are made of. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

void section_begin(struct report *r, FILE *out, const char *id, const char *title, const char *note)
{
	if (r->n_sections < SECTIONS_MAX) {
		snprintf(r->section[r->n_sections].id, sizeof(r->section[0].id), "%s", id);
		snprintf(r->section[r->n_sections++].title, sizeof(r->section[0].title), "%s", title);
	}
	fprintf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", id, id);
	html_text(out, title);
	fputs("</h2>\n", out);
	if (!note)
		return;
	fputs("<p class=\"note\">", out);
	html_text(out, note);
	fputs("</p>\n", out);
}

void section_end(FILE *out)
{
	fputs("</section>\n", out);
}

static void put_figure(const struct report *r, const struct figure *f, FILE *out)
{
	fputs("<figure>\n<h3>", out);
	html_text(out, f->heading);
	fputs("</h3>\n", out);
	if (figure_inline(r->figures, f, out))
		fputs("<p class=\"note\">The picture could not be read back.</p>\n", out);
	fputs("<figcaption>", out);
	html_text(out, f->finding);
	fputs("</figcaption>\n</figure>\n", out);
}

void put_figures(const struct report *r, enum figure_kind kind, FILE *out)
{
	bool any = false, grid = !figure_is_large(kind);
	for (size_t i = 0; i < r->figures->n; i++) {
		if (r->figures->fig[i].kind != kind || !r->figures->fig[i].drawn)
			continue;
		if (!any && grid)
			fputs("<div class=\"grid\">\n", out);
		any = true;
		put_figure(r, &r->figures->fig[i], out);
	}
	if (any && grid)
		fputs("</div>\n", out);
}

void put_list(const struct remarks *list, FILE *out)
{
	if (!list->n)
		return;
	fputs("<ul>\n", out);
	for (size_t i = 0; i < list->n; i++) {
		fputs("<li>", out);
		html_text(out, list->text[i]);
		fputs("</li>\n", out);
	}
	if (list->untold)
		fprintf(out, "<li>and %zu more.</li>\n", list->untold);
	fputs("</ul>\n", out);
}

void sheet_cell_head(struct sheet *s, const struct report *r, const struct cell *c)
{
	sheet_text(s, c->title);
	sheet_swatch(s, (size_t)(c - r->book->cell));
}

void sheet_metric(struct sheet *s, const struct record *r, const char *metric)
{
	double v;
	if (r && record_num(r, metric, &v))
		sheet_num(s, v, record_unit(r, metric));
	else
		sheet_absent(s);
}

bool metric_used(const struct book *b, const char *metric)
{
	double v;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (cell_num(&b->cell[i], (enum engine)e, metric, &v))
				return true;
	return false;
}

bool prediction_error(double measured, double predicted, const char *unit, double tolerance, char buf[64])
{
	char text[FMT_MAX];
	if (measured == predicted) {
		snprintf(buf, 64, "exact");
		return true;
	}
	if (measured == 0) {
		snprintf(buf, 64, "+%s on 0", fmt_unit(predicted, unit, text));
		return false;
	}
	snprintf(buf, 64, "%s", fmt_change(measured, predicted, text));
	return fabs(predicted / measured - 1) <= tolerance;
}

struct sheet *rows_sheet(struct report *r, const char *id, const char *caption, const struct row_def *rows)
{
	struct sheet *s = sheet_new(&r->sheets, id, caption);
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "from", "from");
	for (; rows->metric; rows++)
		if (metric_used(r->book, rows->metric))
			sheet_column_num(s, rows->words, rows->metric);
	return s;
}

bool rows_any(const struct record *rec, const struct row_def *rows)
{
	double v;
	for (; rec && rows->metric; rows++)
		if (record_num(rec, rows->metric, &v))
			return true;
	return false;
}

void rows_metrics(struct sheet *s, const struct report *r, const struct record *rec, const struct row_def *rows)
{
	for (; rows->metric; rows++)
		if (metric_used(r->book, rows->metric))
			sheet_metric(s, rec, rows->metric);
}
