/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a scenario file: lines to tokens ("..." is one token), times,
 * numbers, and complaints that name file and line.
 */
#ifndef NODENS_SCENARIO_SCRIPT_H
#define NODENS_SCENARIO_SCRIPT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"

#define WORDS_MAX 64

struct script {
	const char *path;
	unsigned line;
	char text[8192];
	char *word[WORDS_MAX];
	unsigned n, at; /* words, and the next to be read */
	bool failed;
	char why[1024];
};

/* Keeps the first complaint of a file. */
static void __attribute__((format(printf, 2, 3))) script_fail(struct script *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->failed)
		return;
	s->failed = true;
	n = snprintf(s->why, sizeof(s->why), "%s:%u: ", s->path, s->line);
	va_start(ap, fmt);
	vsnprintf(s->why + n, sizeof(s->why) - (size_t)n, fmt, ap);
	va_end(ap);
}

static void script_split(struct script *s)
{
	char *p = s->text;

	s->n = s->at = 0;
	for (;;) {
		p += strspn(p, " \t\n");
		if (!*p || *p == '#')
			return;
		if (s->n == WORDS_MAX) {
			script_fail(s, "more than %d words", WORDS_MAX);
			return;
		}
		if (*p == '"') {
			s->word[s->n++] = ++p;
			p += strcspn(p, "\"");
			if (!*p) {
				script_fail(s, "a quote is not closed");
				return;
			}
		} else {
			s->word[s->n++] = p;
			p += strcspn(p, " \t\n");
		}
		if (*p)
			*p++ = 0;
	}
}

static bool word_left(const struct script *s)
{
	return s->at < s->n;
}

static const char *word_next(struct script *s, const char *what)
{
	if (word_left(s))
		return s->word[s->at++];
	script_fail(s, "the line ends where %s is expected", what);
	return "";
}

static bool word_is(struct script *s, const char *w)
{
	if (!word_left(s) || strcmp(s->word[s->at], w) != 0)
		return false;
	s->at++;
	return true;
}

static uint64_t number_next(struct script *s, const char *what)
{
	const char *w = word_next(s, what);
	char *end;
	uint64_t v = strtoull(w, &end, 0);

	if (!*w || *end)
		script_fail(s, "'%s' is not a number (%s)", w, what);
	return v;
}

static uint64_t duration_next(struct script *s, const char *what)
{
	const char *w = word_next(s, what);
	uint64_t ns = 0;

	if (opt_duration(w, 0, &ns) < 0)
		script_fail(s, "'%s' is not a time (%s): 20ms, 3s, 1m30s", w, what);
	return ns;
}

#endif
