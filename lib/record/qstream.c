/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query stream, reading and writing. The reader takes the head (version line,
 * facts, remarks) when it opens, so that facts are known before the first
 * record; the line it stopped at waits in its buffer. An error sticks: a bad
 * line can never pass for the end of the file.
 */
#include "lib/record/qstream_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "#qs 1"

struct fact {
	char *key, *value;
};

struct qs_reader {
	FILE *f;
	char *path;
	uint64_t line_no, last_t_ns, n_back;
	bool any_order;
	size_t n_columns;
	const struct qs_column *column[QS_COLUMNS_MAX]; /* NULL: not ours */
	size_t n_facts;
	struct fact fact[QS_FACTS_MAX];
	bool pending; /* `line` holds a record not yet handed out */
	char *line;    /* cap + 2 octets */
	size_t cap;    /* QS_LINE_MAX, more when there is a column `wire` */
	int err;
	struct diag diag; /* of err */
};

static int fail(struct qs_reader *r, int code, const char *words, const char *detail)
{
	r->err = code;
	return diag_at(&r->diag, code, r->path, (unsigned)r->line_no, 0, "%s%.200s", words, detail);
}

/* The next line into r->line without its end. 1, 0 at the end of the file. */
static int read_line(struct qs_reader *r)
{
	size_t n = 0;
	int c;
	r->line_no++;
	while ((c = getc_unlocked(r->f)) != EOF && c != '\n') {
		if (!c)
			return fail(r, ERR_SYNTAX, "NUL octet", "");
		if (n == r->cap)
			return fail(r, ERR_LIMIT, r->cap == QS_LINE_MAX ? "line longer than 4096 octets" :
				    "line longer than a message and 4096 octets", "");
		r->line[n++] = (char)c;
	}
	if (ferror(r->f))
		return r->err = diag_errno(&r->diag, "%s", r->path);
	if (c == EOF && !n)
		return 0;
	if (n && r->line[n - 1] == '\r')
		n--;
	r->line[n] = '\0';
	return 1;
}

/* Cuts the next field off *at; NULL when there is none. */
static char *next_field(char **at)
{
	return *at ? strsep(at, "\t") : NULL;
}

static const struct qs_column *column_find(const char *name)
{
	for (const struct qs_column *c = qs_columns; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static int add_column(struct qs_reader *r, const char *name)
{
	const struct qs_column *c = column_find(name);
	if (r->n_columns == QS_COLUMNS_MAX)
		return fail(r, ERR_LIMIT, "more than 64 columns", "");
	for (size_t i = 0; c && i < r->n_columns; i++)
		if (r->column[i] == c)
			return fail(r, ERR_EXISTS, "column given twice: ", name);
	r->column[r->n_columns++] = c;
	return 0;
}

static bool has_column(const struct qs_reader *r, const char *name)
{
	for (size_t i = 0; i < r->n_columns; i++)
		if (r->column[i] && !strcmp(r->column[i]->name, name))
			return true;
	return false;
}

static int read_magic(struct qs_reader *r)
{
	char *at = r->line, *name;
	int rc = read_line(r);
	if (rc < 0)
		return rc;
	if (!rc || strncmp(r->line, "#qs ", 4))
		return fail(r, ERR_SYNTAX, "not a query stream: the first line must begin with " MAGIC, "");
	if (strcmp(next_field(&at), MAGIC))
		return fail(r, ERR_UNKNOWN, "this program reads version 1, the file says ", r->line);
	while ((name = next_field(&at)))
		if (add_column(r, name))
			return r->err;
	if (!has_column(r, "t_ns") || !has_column(r, "kind"))
		return fail(r, ERR_MISSING, "columns t_ns and kind must be there", "");
	if (!has_column(r, "wire"))
		return 0;
	char *longer = realloc(r->line, QS_WIRE_LINE_MAX + 2);
	if (!longer)
		return fail(r, ERR_NOMEM, "no memory", "");
	r->line = longer;
	r->cap = QS_WIRE_LINE_MAX;
	return 0;
}

static int add_fact(struct qs_reader *r, char *text)
{
	char *value = strchr(text, '=');
	if (!value)
		return fail(r, ERR_SYNTAX, "expected '#! key=value'", "");
	if (r->n_facts == QS_FACTS_MAX)
		return fail(r, ERR_LIMIT, "more than 32 facts", "");
	*value++ = '\0';
	struct fact f = { strdup(text), strdup(value) };
	r->fact[r->n_facts++] = f;
	return f.key && f.value ? 0 : fail(r, ERR_NOMEM, "no memory", "");
}

/* Up to the next record. 1, 0 at the end of the file. */
static int skip_remarks(struct qs_reader *r)
{
	int rc;
	while ((rc = read_line(r)) > 0) {
		if (!strncmp(r->line, "#! ", 3)) {
			if (add_fact(r, r->line + 3))
				return r->err;
		} else if (r->line[0] && r->line[0] != '#') {
			return 1;
		}
	}
	return rc;
}

int qs_reader_open(struct qs_reader **ret, const char *path, struct diag *d)
{
	bool is_stdin = !strcmp(path, "-");
	struct qs_reader *r = calloc(1, sizeof(*r));
	if (!r || !(r->path = strdup(is_stdin ? "standard input" : path)) || !(r->line = malloc(QS_LINE_MAX + 2))) {
		if (r)
			free(r->path);
		free(r);
		return diag_set(d, ERR_NOMEM, "no memory");
	}
	r->cap = QS_LINE_MAX;
	r->f = is_stdin ? stdin : fopen(path, "re");
	int rc = r->f ? read_magic(r) : diag_errno(&r->diag, "%s", path);
	if (!rc)
		rc = skip_remarks(r);
	if (rc < 0) {
		if (d)
			*d = r->diag;
		qs_reader_close(r);
		return rc;
	}
	r->pending = rc > 0;
	*ret = r;
	return 0;
}

static int parse_record(struct qs_reader *r, struct qrec *rec)
{
	char *at = r->line, *field, words[160];
	size_t i = 0;
	while ((field = next_field(&at))) {
		if (i == r->n_columns)
			return fail(r, ERR_SYNTAX, "more fields than columns", "");
		const struct qs_column *c = r->column[i++];
		/* the first two, t_ns and kind, cannot be unknown */
		if (!c || (c > &qs_columns[1] && !strcmp(field, "-")))
			continue;
		int rc = c->parse(rec, field);
		if (rc) {
			snprintf(words, sizeof(words), "column %s: expected %s, found ", c->name, c->form);
			return fail(r, rc, words, field);
		}
	}
	if (i < r->n_columns)
		return fail(r, ERR_SYNTAX, "fewer fields than columns", "");
	r->n_back += rec->t_ns < r->last_t_ns;
	if (rec->t_ns < r->last_t_ns && !r->any_order)
		return fail(r, ERR_RANGE, "t_ns is less than in the record before", "");
	r->last_t_ns = rec->t_ns;
	return 1;
}

int qs_reader_next(struct qs_reader *r, struct qrec *ret, struct diag *d)
{
	struct qrec rec;
	int rc = r->err;
	if (!rc)
		rc = r->pending ? 1 : skip_remarks(r);
	r->pending = false;
	if (rc > 0) {
		qrec_clear(&rec);
		rc = parse_record(r, &rec);
	}
	if (rc > 0)
		*ret = rec;
	else if (rc < 0 && d)
		*d = r->diag;
	return rc;
}

void qs_reader_any_order(struct qs_reader *r)
{
	r->any_order = true;
}

uint64_t qs_reader_went_back(const struct qs_reader *r)
{
	return r->n_back;
}

const char *qs_reader_fact(const struct qs_reader *r, const char *key)
{
	for (size_t i = 0; i < r->n_facts; i++)
		if (!strcmp(r->fact[i].key, key))
			return r->fact[i].value;
	return NULL;
}

void qs_reader_close(struct qs_reader *r)
{
	if (!r)
		return;
	if (r->f && r->f != stdin)
		fclose(r->f);
	for (size_t i = 0; i < r->n_facts; i++) {
		free(r->fact[i].key);
		free(r->fact[i].value);
	}
	free(r->path);
	free(r->line);
	free(r);
}

/* --- writing --- */

struct qs_writer {
	FILE *f;
	char *path;
	bool begun; /* a record was written: too late for facts */
	bool wire;
};

static int writer_open(struct qs_writer **ret, const char *path, bool wire, struct diag *d)
{
	bool is_stdout = !strcmp(path, "-");
	struct qs_writer *w = calloc(1, sizeof(*w));
	if (!w || !(w->path = strdup(is_stdout ? "standard output" : path))) {
		free(w);
		return diag_set(d, ERR_NOMEM, "no memory");
	}
	w->f = is_stdout ? stdout : fopen(path, "we");
	if (!w->f) {
		int rc = diag_errno(d, "%s", path);
		free(w->path);
		free(w);
		return rc;
	}
	w->wire = wire;
	fputs(MAGIC, w->f);
	for (const struct qs_column *c = qs_columns; c->name; c++)
		if (c->print || wire)
			fprintf(w->f, "\t%s", c->name);
	fputc('\n', w->f);
	*ret = w;
	return 0;
}

int qs_writer_open(struct qs_writer **ret, const char *path, struct diag *d)
{
	return writer_open(ret, path, false, d);
}

int qs_writer_open_wire(struct qs_writer **ret, const char *path, struct diag *d)
{
	return writer_open(ret, path, true, d);
}

/* Facts are free text from outside, lines are ours. */
static void put_clean(FILE *f, const char *text, char also)
{
	for (size_t n = 0; *text && n < QS_LINE_MAX / 4; text++, n++)
		fputc((unsigned char)*text < ' ' || *text == also ? ' ' : *text, f);
}

void qs_writer_fact(struct qs_writer *w, const char *key, const char *value)
{
	assert(!w->begun);
	fputs("#! ", w->f);
	put_clean(w->f, key, '=');
	fputc('=', w->f);
	put_clean(w->f, value, '\n');
	fputc('\n', w->f);
}

static void put_wire(FILE *f, const struct qrec *r)
{
	static const char digit[] = "0123456789abcdef";
	putc_unlocked('\t', f);
	if (!r->wire || !r->wire_len)
		putc_unlocked('-', f);
	else
		for (size_t i = 0; i < r->wire_len; i++) {
			putc_unlocked(digit[r->wire[i] >> 4], f);
			putc_unlocked(digit[r->wire[i] & 15], f);
		}
}

void qs_writer_put(struct qs_writer *w, const struct qrec *r)
{
	char field[QS_FIELD_MAX];
	w->begun = true;
	for (const struct qs_column *c = qs_columns; c->name; c++) {
		if (!c->print) {
			if (w->wire)
				put_wire(w->f, r);
			continue;
		}
		c->print(r, field);
		if (c != qs_columns)
			putc_unlocked('\t', w->f);
		fputs_unlocked(field, w->f);
	}
	putc_unlocked('\n', w->f);
}

int qs_writer_close(struct qs_writer *w, struct diag *d)
{
	if (!w)
		return 0;
	bool bad = fflush(w->f) || ferror(w->f);
	int rc = bad ? diag_errno(d, "%s", w->path) : 0;
	if (w->f != stdout && fclose(w->f) && !rc)
		rc = diag_errno(d, "%s", w->path);
	free(w->path);
	free(w);
	return rc;
}
