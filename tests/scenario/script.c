/* SPDX-License-Identifier: Apache-2.0 */
/* A line's tokens and the numbers in them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "lib/base/opt.h"
#include "tests/scenario/script.h"

void script_fail(struct script *s, const char *fmt, ...)
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

void script_split(struct script *s)
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

bool word_left(const struct script *s)
{
	return s->at < s->n;
}

const char *word_next(struct script *s, const char *what)
{
	if (word_left(s))
		return s->word[s->at++];
	script_fail(s, "the line ends where %s is expected", what);
	return "";
}

bool word_is(struct script *s, const char *w)
{
	if (!word_left(s) || strcmp(s->word[s->at], w) != 0)
		return false;
	s->at++;
	return true;
}

uint64_t number_next(struct script *s, const char *what)
{
	const char *w = word_next(s, what);
	char *end;
	uint64_t v = strtoull(w, &end, 0);

	if (!*w || *end)
		script_fail(s, "'%s' is not a number (%s)", w, what);
	return v;
}

uint64_t duration_next(struct script *s, const char *what)
{
	const char *w = word_next(s, what);
	uint64_t ns = 0;

	if (opt_duration(w, 0, &ns) < 0)
		script_fail(s, "'%s' is not a time (%s): 20ms, 3s, 1m30s", w, what);
	return ns;
}

struct name name_word(struct script *s, const char *what)
{
	struct name n = {.len = 1};
	const char *w = word_next(s, what);

	if (name_from_text(&n, w) < 0)
		script_fail(s, "'%s' is not a name (%s)", w, what);
	return n;
}

uint16_t type_word(struct script *s)
{
	const char *t = word_next(s, "a type");
	uint16_t type = 0;

	if (dns_type_from_str(t, &type) < 0)
		script_fail(s, "'%s' is not a type", t);
	return type;
}

size_t hex_read(struct script *s, const char *w, uint8_t *buf, size_t cap)
{
	size_t n = 0;

	for (; w[0] && w[1] && n < cap; w += 2) {
		char pair[3] = {w[0], w[1], 0}, *end;

		buf[n++] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			break;
	}
	if (*w)
		script_fail(s, "'%s' is not hex", w);
	return n;
}
