/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for error codes and for the place that found a fault. Text is formatted
 * aside before it is stored, so that a diag may quote its own earlier content.
 */
#include "lib/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const err_text[] = {
	[-ERR_NOMEM] = "out of memory",
	[-ERR_SYS] = "system call failed",
	[-ERR_SYNTAX] = "malformed input",
	[-ERR_RANGE] = "value out of range",
	[-ERR_SHORT] = "ends early, or buffer too small",
	[-ERR_UNKNOWN] = "unknown name",
	[-ERR_EXISTS] = "given twice",
	[-ERR_MISSING] = "required, but absent",
	[-ERR_LIMIT] = "limit exceeded",
	[-ERR_UNSUPPORTED] = "not supported here",
	[-ERR_PEER] = "the other side misbehaved",
	[-ERR_TIMEOUT] = "timed out",
};

const char *err_str(int code)
{
	size_t i = (size_t) - (long)code;

	if (code == 0)
		return "no error";
	if (code > 0 || i >= sizeof(err_text) / sizeof(err_text[0]))
		return "unknown error";
	return err_text[i];
}

int diag_set(struct diag *d, int code, const char *fmt, ...)
{
	struct diag t;
	va_list ap;

	if (!d)
		return code;
	va_start(ap, fmt);
	vsnprintf(t.text, sizeof(t.text), fmt, ap);
	va_end(ap);
	*d = t;
	return code;
}

/* "file:line:col: " as far as known; returns its length. */
static size_t place_print(struct diag *t, const char *file, unsigned line, unsigned col)
{
	int n;

	if (!file)
		n = 0;
	else if (!line)
		n = snprintf(t->text, sizeof(t->text), "%s: ", file);
	else if (!col)
		n = snprintf(t->text, sizeof(t->text), "%s:%u: ", file, line);
	else
		n = snprintf(t->text, sizeof(t->text), "%s:%u:%u: ", file, line, col);
	return (size_t)n < sizeof(t->text) ? (size_t)n : sizeof(t->text) - 1;
}

int diag_at(struct diag *d, int code, const char *file, unsigned line, unsigned col,
	    const char *fmt, ...)
{
	struct diag t;
	va_list ap;
	size_t n;

	if (!d)
		return code;
	n = place_print(&t, file, line, col);
	va_start(ap, fmt);
	vsnprintf(t.text + n, sizeof(t.text) - n, fmt, ap);
	va_end(ap);
	*d = t;
	return code;
}

int diag_errno(struct diag *d, const char *what_fmt, ...)
{
	int saved = errno;
	struct diag t;
	va_list ap;
	size_t n;

	if (!d)
		return ERR_SYS;
	va_start(ap, what_fmt);
	vsnprintf(t.text, sizeof(t.text), what_fmt, ap);
	va_end(ap);
	n = strlen(t.text);
	snprintf(t.text + n, sizeof(t.text) - n, ": %s", strerror(saved));
	*d = t;
	errno = saved;
	return ERR_SYS;
}

#define SUGGEST_MAX_LEN 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance without regard to case; a swap of neighbours counts as one. */
static unsigned edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned row[3][SUGGEST_MAX_LEN + 1];
	unsigned *before = row[0], *prev = row[1], *cur = row[2];

	for (size_t j = 0; j <= lb; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *t;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);

			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[lb];
}

const char *err_suggest(const char *word, const char *const *list)
{
	const char *best = NULL;
	unsigned best_distance = 4;
	size_t len = strlen(word);

	if (len > SUGGEST_MAX_LEN)
		return NULL;
	for (; *list; list++) {
		size_t n = strlen(*list);
		unsigned dist;

		if (n > SUGGEST_MAX_LEN)
			continue;
		dist = edit_distance(word, len, *list, n);
		if (dist < best_distance && 2 * dist < len) {
			best = *list;
			best_distance = dist;
		}
	}
	return best;
}
