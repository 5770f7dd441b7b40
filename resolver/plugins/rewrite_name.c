/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names made of names, as text. The way up and the way back of a rewrite both
 * make them, with other rules: what a rule says of one name is here, which
 * rules run and when is in rewrite.c.
 */
#include "resolver/plugins/rewrite_name.h"

#include <string.h>

bool rewrite_text_add(char *buf, size_t *at, const char *s, size_t len)
{
	if (*at + len >= NAME_MAX_TEXT)
		return false;
	memcpy(buf + *at, s, len);
	*at += len;
	buf[*at] = 0;
	return true;
}

bool rewrite_text_fill(char *buf, const char *to, const char *src, const struct cf_match *m)
{
	size_t at = 0;

	buf[0] = 0;
	while (*to) {
		unsigned g = 0, n = 1;

		if (*to == '{')
			while (to[n] >= '0' && to[n] <= '9' && n < 4)
				g = g * 10 + (unsigned)(to[n++] - '0');
		if (n == 1 || to[n] != '}' || g >= m->n) {
			if (!rewrite_text_add(buf, &at, to++, 1))
				return false;
			continue;
		}
		if (m->g[g].start != SIZE_MAX &&
		    !rewrite_text_add(buf, &at, src + m->g[g].start, m->g[g].end - m->g[g].start))
			return false;
		to += n + 1;
	}
	return true;
}

bool rewrite_ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && strcmp(s + a - b, end) == 0;
}

bool rewrite_matches(const struct rewrite_rule *r, const char *name, struct cf_match *m)
{
	switch (r->match) {
	case REWRITE_EXACT:
		return strcmp(name, r->from) == 0;
	case REWRITE_PREFIX:
		return strncmp(name, r->from, strlen(r->from)) == 0;
	case REWRITE_SUFFIX:
		return rewrite_ends_with(name, r->from);
	case REWRITE_SUBSTRING:
		return strstr(name, r->from) != NULL;
	case REWRITE_REGEX:
		return cf_regex_exec(r->regex, name, strlen(name), m);
	}
	return false;
}

bool rewrite_name(const struct rewrite_rule *r, const char *name, const struct cf_match *m,
		      char *buf)
{
	size_t at = 0, from_len = strlen(r->from), to_len = strlen(r->to);

	buf[0] = 0;
	switch (r->match) {
	case REWRITE_EXACT:
		return rewrite_text_add(buf, &at, r->to, to_len);
	case REWRITE_PREFIX:
		return rewrite_text_add(buf, &at, r->to, to_len) &&
		       rewrite_text_add(buf, &at, name + from_len, strlen(name + from_len));
	case REWRITE_SUFFIX:
		return rewrite_text_add(buf, &at, name, strlen(name) - from_len) &&
		       rewrite_text_add(buf, &at, r->to, to_len);
	case REWRITE_SUBSTRING:
		for (const char *hit; from_len && (hit = strstr(name, r->from));
		     name = hit + from_len)
			if (!rewrite_text_add(buf, &at, name, (size_t)(hit - name)) ||
			    !rewrite_text_add(buf, &at, r->to, to_len))
				return false;
		return rewrite_text_add(buf, &at, name, strlen(name));
	case REWRITE_REGEX:
		return rewrite_text_fill(buf, r->to, name, m);
	}
	return false;
}
