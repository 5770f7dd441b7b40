/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for other programs. report.json: the verdict, the settings and every
 * table, versioned; report.csv: every value of every table, one a line; cells.csv:
 * every metric of every record that stands for a cell.
 */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "lib/base/jout.h"
#include "lib/base/opt.h"

#define REPORT_SCHEMA "nodens-report/1"

static FILE *begin(char temp[4096], const char *path, struct diag *d)
{
	if (snprintf(temp, 4096, "%s.partial", path) >= 4096) {
		diag_set(d, ERR_LIMIT, "%.60s...: the path is too long", path);
		return NULL;
	}
	FILE *out = fopen(temp, "we");
	if (!out)
		diag_errno(d, "%s", temp);
	return out;
}

static int end(FILE *out, const char *temp, const char *path, struct diag *d)
{
	bool bad = ferror(out);
	if (fclose(out) || bad)
		return diag_errno(d, "%s", temp);
	return rename(temp, path) ? diag_errno(d, "%s", path) : 0;
}

/* --- CSV --- */

static void csv_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

static void csv_rows(FILE *out, const struct cell *c, int e)
{
	const struct record *r = c->run[e];
	const char *metric;
	double v;
	for (size_t i = 0; (metric = record_metric_name(r, i)); i++) {
		if (!record_num(r, metric, &v))
			continue;
		const char *unit = record_unit(r, metric);
		csv_text(out, c->scenario);
		fputc(',', out);
		csv_text(out, c->name);
		fprintf(out, ",\"%s\",", engine_title((enum engine)e));
		csv_text(out, metric);
		fprintf(out, ",%.15g,", v);
		csv_text(out, unit ? unit : "");
		fputc('\n', out);
	}
}

int cells_write(const struct report *r, const char *path, struct diag *d)
{
	char temp[4096];
	FILE *out = begin(temp, path, d);
	if (!out)
		return ERR_SYS;
	fputs("scenario,cell,engine,metric,value,unit\n", out);
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (r->book->cell[i].run[e])
				csv_rows(out, &r->book->cell[i], e);
	return end(out, temp, path, d);
}

static void csv_sheet(FILE *out, const struct sheet *s)
{
	for (size_t i = 0; i < s->n_cells; i++) {
		const struct sheet_cell *c = &s->cell[i];
		fprintf(out, "\"%s\",%zu,", s->id, i / s->n_columns + 1);
		csv_text(out, s->column[i % s->n_columns].key);
		if (isnan(c->value))
			fputs(",,", out);
		else
			fprintf(out, ",%.15g,", c->value);
		csv_text(out, c->unit ? c->unit : "");
		fputc(',', out);
		csv_text(out, c->text);
		fputc(',', out);
		csv_text(out, c->aside ? c->aside : "");
		fputc('\n', out);
	}
}

int csv_write(const struct report *r, const char *path, struct diag *d)
{
	char temp[4096];
	FILE *out = begin(temp, path, d);
	if (!out)
		return ERR_SYS;
	fputs("table,row,column,value,unit,text,aside\n", out);
	for (size_t i = 0; i < r->sheets.n; i++)
		csv_sheet(out, r->sheets.sheet[i]);
	return end(out, temp, path, d);
}

/* --- JSON --- */

static void json_list(struct jout *j, const char *key, const struct remarks *list)
{
	jout_open(j, key, '[');
	for (size_t i = 0; i < list->n; i++)
		jout_words(j, NULL, list->text[i]);
	jout_close(j, ']');
}

static void json_verdict(struct jout *j, const struct report *r)
{
	static const char *const answers[] = { "yes", "no", "open" }, *const sure[] = { "well", "fairly", "little" };
	const struct advice *a = &r->advice;
	jout_open(j, "verdict", '{');
	jout_words(j, "deploy", answers[a->answer]);
	jout_words(j, "supported", sure[a->sure]);
	jout_words(j, "sentence", a->sentence);
	jout_u64(j, "better", a->better);
	jout_u64(j, "worse", a->worse);
	jout_u64(j, "same", a->same);
	jout_u64(j, "not_decided", a->untested);
	jout_u64(j, "checks", r->tally.checks);
	jout_u64(j, "checks_failed", r->tally.checks_failed);
	jout_u64(j, "skipped", r->tally.skips);
	json_list(j, "reasons", &a->reasons);
	json_list(j, "evidence", &a->evidence);
	json_list(j, "not_reported", &r->missing);
	json_list(j, "caveats", &r->caveats);
	jout_close(j, '}');
}

static void json_settings(struct jout *j, const struct settings *set)
{
	jout_open(j, "settings", '[');
	for (size_t i = 0; i < set->n; i++) {
		const struct setting *s = &set->s[i];
		jout_open(j, NULL, '{');
		jout_words(j, "name", s->name);
		jout_f64(j, "value", s->value);
		jout_words(j, "unit", s->unit);
		jout_words(j, "where", setting_place_words[s->place]);
		jout_words(j, "line", s->line);
		jout_words(j, "rule", s->rule);
		jout_words(j, "from", s->from);
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

static void json_cell(struct jout *j, const struct sheet_cell *c)
{
	if (isnan(c->value)) {
		jout_words(j, NULL, *c->text ? c->text : NULL);
		return;
	}
	jout_open(j, NULL, '{');
	jout_f64(j, "value", c->value);
	jout_words(j, "unit", c->unit);
	jout_words(j, "text", c->text);
	if (c->aside)
		jout_words(j, "aside", c->aside);
	jout_close(j, '}');
}

static void json_sheet(struct jout *j, const struct sheet *s)
{
	jout_open(j, NULL, '{');
	jout_words(j, "id", s->id);
	jout_words(j, "caption", s->caption);
	jout_open(j, "columns", '[');
	for (size_t k = 0; k < s->n_columns; k++)
		jout_words(j, NULL, s->column[k].key);
	jout_close(j, ']');
	jout_open(j, "rows", '[');
	for (size_t i = 0; i < s->n_rows; i++) {
		jout_open(j, NULL, '[');
		for (size_t k = 0; k < s->n_columns; k++)
			json_cell(j, &s->cell[i * s->n_columns + k]);
		jout_close(j, ']');
	}
	jout_close(j, ']');
	jout_close(j, '}');
}

static void json_figures(struct jout *j, const struct figures *fs)
{
	jout_open(j, "figures", '[');
	for (size_t i = 0; i < fs->n; i++) {
		jout_open(j, NULL, '{');
		jout_words(j, "id", fs->fig[i].id);
		jout_words(j, "title", fs->fig[i].title);
		jout_words(j, "finding", fs->fig[i].finding);
		jout_bool(j, "drawn", fs->fig[i].drawn);
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

int json_write(const struct report *r, const char *path, struct diag *d)
{
	struct jout j;
	char temp[4096];
	FILE *out = begin(temp, path, d);
	if (!out)
		return ERR_SYS;
	jout_begin(&j, out, REPORT_SCHEMA);
	jout_words(&j, "version", opt_version());
	jout_words(&j, "title", r->title);
	json_verdict(&j, r);
	json_settings(&j, &r->settings);
	jout_open(&j, "tables", '[');
	for (size_t i = 0; i < r->sheets.n; i++)
		if (r->sheets.sheet[i]->n_rows &&
		    r->sheets.sheet[i]->n_cells == r->sheets.sheet[i]->n_rows * r->sheets.sheet[i]->n_columns)
			json_sheet(&j, r->sheets.sheet[i]);
	jout_close(&j, ']');
	json_figures(&j, r->figures);
	jout_end(&j);
	return end(out, temp, path, d);
}
