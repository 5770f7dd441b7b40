/* SPDX-License-Identifier: Apache-2.0 */
/* Filling tables. */
#include "reports/words/sheet.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/words/fmt.h"

const char *const sheet_mark_name[] = { "", "good", "bad", "warn" };

static void sheet_free(struct sheet *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_cells; i++) {
		free(s->cell[i].text);
		free(s->cell[i].aside);
	}
	free(s->cell);
	free(s->group);
	free(s->caption);
	free(s);
}

struct sheet *sheet_new(struct sheets *all, const char *id, const char *caption)
{
	static struct sheet spare;
	struct sheet *s = all->n < SHEETS_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s || !(s->caption = strdup(caption))) {
		free(s);
		all->failed = true;
		spare = (struct sheet){ .all = all };
		return &spare;
	}
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->all = all;
	return all->sheet[all->n++] = s;
}

void sheets_release(struct sheets *all)
{
	for (size_t i = 0; i < all->n; i++)
		sheet_free(all->sheet[i]);
	all->n = 0;
}

static void column(struct sheet *s, const char *words, const char *key, bool is_text)
{
	if (s->n_columns == SHEET_COLUMNS_MAX) {
		s->all->failed = true;
		return;
	}
	struct sheet_column *c = &s->column[s->n_columns++];
	snprintf(c->words, sizeof(c->words), "%s", words);
	snprintf(c->key, sizeof(c->key), "%s", key ? key : words);
	c->is_text = is_text;
}

void sheet_column_text(struct sheet *s, const char *words, const char *key)
{
	column(s, words, key, true);
}

void sheet_column_num(struct sheet *s, const char *words, const char *key)
{
	column(s, words, key, false);
}

void sheet_row(struct sheet *s, bool begins_group)
{
	if (!s->caption)
		return;
	if (s->n_rows == s->cap_rows) {
		size_t cap = s->cap_rows ? s->cap_rows * 2 : 32;
		bool *group = reallocarray(s->group, cap, sizeof(*group));
		if (!group) {
			s->all->failed = true;
			return;
		}
		s->group = group;
		s->cap_rows = cap;
	}
	s->group[s->n_rows++] = begins_group;
}

static struct sheet_cell *cell(struct sheet *s, const char *text)
{
	static struct sheet_cell spare;
	if (!s->caption || s->n_cells == s->n_rows * s->n_columns) /* more cells than columns are lost */
		return &spare;
	if (s->n_cells == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		struct sheet_cell *more = reallocarray(s->cell, cap, sizeof(*more));
		if (!more) {
			s->all->failed = true;
			return &spare;
		}
		s->cell = more;
		s->cap = cap;
	}
	struct sheet_cell *c = &s->cell[s->n_cells];
	*c = (struct sheet_cell){ .text = strdup(text), .value = NAN, .swatch = -1 };
	if (!c->text) {
		s->all->failed = true;
		return &spare;
	}
	s->n_cells++;
	return c;
}

void sheet_text(struct sheet *s, const char *text)
{
	cell(s, text);
}

void sheet_textf(struct sheet *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cell(s, text);
}

void sheet_num_as(struct sheet *s, double value, const char *unit, const char *text)
{
	struct sheet_cell *c = cell(s, text);
	c->value = value;
	c->unit = unit;
}

void sheet_num(struct sheet *s, double value, const char *unit)
{
	char text[FMT_MAX];
	sheet_num_as(s, value, unit, fmt_unit(value, unit, text));
}

void sheet_absent(struct sheet *s)
{
	cell(s, "");
}

static struct sheet_cell *last(struct sheet *s)
{
	static struct sheet_cell spare;
	if (s->n_cells)
		return &s->cell[s->n_cells - 1];
	free(spare.aside);
	spare.aside = NULL;
	return &spare;
}

void sheet_mark(struct sheet *s, enum sheet_mark m)
{
	last(s)->mark = m;
}

void sheet_swatch(struct sheet *s, size_t index)
{
	last(s)->swatch = (int)index;
}

void sheet_code(struct sheet *s)
{
	last(s)->code = true;
}

void sheet_aside(struct sheet *s, const char *text)
{
	struct sheet_cell *c = last(s);
	free(c->aside);
	c->aside = strdup(text);
	if (!c->aside)
		s->all->failed = true;
}
