/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of a record: grown in memory, one file each, read back with the checks
 * that a stranger's file needs. */
#include "lib/record/table.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"

#define LINE_OCTETS 2048

void table_init(struct table *t, const char *const *columns)
{
	*t = (struct table){ .has_what = columns[0] && !strcmp(columns[0], TABLE_WHAT) };
	for (size_t i = t->has_what; columns[i]; i++) {
		assert(t->n_columns < TABLE_COLUMNS_MAX && strlen(columns[i]) < sizeof(t->column[0]));
		strcpy(t->column[t->n_columns++], columns[i]);
	}
}

void table_release(struct table *t)
{
	free(t->value);
	free(t->what);
	t->value = NULL;
	t->what = NULL;
	t->n_rows = t->cap_rows = 0;
}

static int grow(struct table *t)
{
	size_t cap = t->cap_rows ? t->cap_rows * 2 : 64;
	double *value = reallocarray(t->value, cap * (t->n_columns ? t->n_columns : 1), sizeof(*value));
	if (!value)
		return ERR_NOMEM;
	t->value = value;
	if (t->has_what) {
		char(*what)[TABLE_WHAT_MAX] = reallocarray(t->what, cap, sizeof(*what));
		if (!what)
			return ERR_NOMEM;
		t->what = what;
	}
	t->cap_rows = cap;
	return 0;
}

/* Words stay on their line, and whole characters stay whole. */
static void put_what(char out[TABLE_WHAT_MAX], const char *what)
{
	size_t n = strlen(what);
	if (n >= TABLE_WHAT_MAX)
		for (n = TABLE_WHAT_MAX - 1; n && ((unsigned char)what[n] & 0xc0) == 0x80;)
			n--;
	memcpy(out, what, n);
	out[n] = '\0';
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

int table_add(struct table *t, const char *what, const double *values)
{
	if (t->n_rows == TABLE_ROWS_MAX)
		return ERR_LIMIT;
	if (t->n_rows == t->cap_rows && grow(t))
		return ERR_NOMEM;
	memcpy(t->value + t->n_rows * t->n_columns, values, t->n_columns * sizeof(*values));
	if (t->has_what)
		put_what(t->what[t->n_rows], what ? what : "");
	t->n_rows++;
	return 0;
}

int table_column(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n_columns; i++)
		if (!strcmp(t->column[i], name))
			return (int)i;
	return -1;
}

double table_at(const struct table *t, size_t row, int column)
{
	return column < 0 || row >= t->n_rows ? NAN : t->value[row * t->n_columns + (size_t)column];
}

/* --- writing --- */

static void put_words(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', f);
		fputc(*text, f);
	}
	fputc('"', f);
}

static void put_row(FILE *f, const struct table *t, size_t row)
{
	if (t->has_what)
		put_words(f, t->what[row]);
	for (size_t i = 0; i < t->n_columns; i++) {
		double v = table_at(t, row, (int)i);
		if (i || t->has_what)
			fputc(',', f);
		if (isfinite(v))
			fprintf(f, "%.12g", v);
	}
	fputc('\n', f);
}

void result_table(struct result *r, const char *name, const struct table *t)
{
	char file[128];
	snprintf(file, sizeof(file), "table-%.100s.csv", name);
	FILE *f = result_file(r, file);
	if (!f)
		return;
	if (t->has_what)
		fputs(TABLE_WHAT, f);
	for (size_t i = 0; i < t->n_columns; i++)
		fprintf(f, "%s%s", i || t->has_what ? "," : "", t->column[i]);
	fputc('\n', f);
	for (size_t i = 0; i < t->n_rows; i++)
		put_row(f, t, i);
	result_file_end(r, f, file);
}

/* --- reading --- */

struct reading {
	const char *path;
	unsigned line;
	struct diag *d;
};

static int fault(const struct reading *s, int code, const char *words)
{
	return diag_set(s->d, code, "%s:%u: %s", s->path, s->line, words);
}

/* At a field: its text, without quotes, in place; past the comma. NULL: quotes do not pair. */
static char *take_field(char **at, char **ret_next)
{
	char *p = *at, *out = p, *begin = p;
	bool quoted = *p == '"';
	if (quoted) {
		for (p++; *p && (*p != '"' || p[1] == '"'); *out++ = *p++)
			p += *p == '"';
		if (*p++ != '"' || (*p && *p != ','))
			return NULL;
	} else {
		out = p += strcspn(p, ",");
	}
	*ret_next = *p ? p + 1 : NULL;
	*out = '\0';
	return begin;
}

static int read_head(const struct reading *s, struct table *t, char *line)
{
	char *next = line, *field;
	*t = (struct table){ 0 };
	for (bool first = true; next; first = false) {
		field = strsep(&next, ",");
		if (first && !strcmp(field, TABLE_WHAT)) {
			t->has_what = true;
			continue;
		}
		if (t->n_columns == TABLE_COLUMNS_MAX)
			return fault(s, ERR_LIMIT, "more than 16 columns");
		if (!*field || strlen(field) >= sizeof(t->column[0]))
			return fault(s, ERR_SYNTAX, "a column's name is 1 to 47 characters");
		strcpy(t->column[t->n_columns++], field);
	}
	return 0;
}

static int read_row(const struct reading *s, struct table *t, char *line)
{
	double values[TABLE_COLUMNS_MAX];
	char *next = line, *what = NULL, *end;
	size_t i = 0;
	if (t->has_what && !(what = take_field(&next, &next)))
		return fault(s, ERR_SYNTAX, "quotes do not pair");
	for (; next && i < t->n_columns; i++) {
		char *field = strsep(&next, ",");
		values[i] = *field ? strtod(field, &end) : NAN;
		if (*field && (*end || !isfinite(values[i])))
			return fault(s, ERR_SYNTAX, "not a number");
	}
	if (next || i < t->n_columns)
		return fault(s, ERR_SYNTAX, "fields and columns differ in number");
	int rc = table_add(t, what, values);
	return rc == ERR_LIMIT ? fault(s, rc, "more than 100,000 rows") : rc ? fault(s, rc, "no memory") : 0;
}

int record_table(const struct record *r, const char *name, struct table *ret, struct diag *d)
{
	char path[4200], line[LINE_OCTETS];
	struct table t = { 0 };
	struct reading s = { path, 0, d };
	int rc = 0;
	snprintf(path, sizeof(path), "%.4000s/table-%.100s.csv", record_dir(r), name);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return ERR_MISSING;
	FILE *f = file_open_regular(path, d);
	if (!f)
		return ERR_SYS;
	while (!rc && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);
		s.line++;
		if (!len || line[len - 1] != '\n') {
			rc = fault(&s, ERR_SYNTAX, "line cut off, or too long");
			break;
		}
		line[len - 1] = '\0';
		rc = s.line == 1 ? read_head(&s, &t, line) : read_row(&s, &t, line);
	}
	if (!rc && ferror(f))
		rc = diag_errno(d, "%s", path);
	if (!rc && !s.line)
		rc = fault(&s, ERR_SYNTAX, "no line that names the columns");
	fclose(f);
	if (rc)
		table_release(&t);
	else
		*ret = t;
	return rc;
}
