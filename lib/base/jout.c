/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by hand: what is written is flat and short. */
#include "lib/base/jout.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

static void quoted(struct jout *j, const char *s)
{
	fputc('"', j->out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			fprintf(j->out, "\\%c", c);
		else if (c < 32 || c > 126) /* what is no ASCII is an octet, not a letter */
			fprintf(j->out, "\\u%04x", c);
		else
			fputc(c, j->out);
	}
	fputc('"', j->out);
}

static void member(struct jout *j, const char *key)
{
	if (j->more[j->depth])
		fputc(',', j->out);
	j->more[j->depth] = true;
	if (!key)
		return;
	quoted(j, key);
	fputc(':', j->out);
}

void jout_open(struct jout *j, const char *key, char bracket)
{
	member(j, key);
	fputc(bracket, j->out);
	assert(j->depth + 1 < JOUT_DEPTH);
	j->more[++j->depth] = false;
}

void jout_close(struct jout *j, char bracket)
{
	fputc(bracket, j->out);
	j->depth--;
}

void jout_begin(struct jout *j, FILE *out, const char *schema)
{
	*j = (struct jout){.out = out};
	fputc('{', out);
	j->depth = 1;
	jout_text(j, "schema", schema);
}

void jout_end(struct jout *j)
{
	fputs("}\n", j->out);
}

void jout_u64(struct jout *j, const char *key, uint64_t v)
{
	member(j, key);
	fprintf(j->out, "%" PRIu64, v);
}

void jout_f64(struct jout *j, const char *key, double v)
{
	member(j, key);
	if (v == floor(v) && fabs(v) < 9007199254740992.0)
		fprintf(j->out, "%.0f", v);
	else if (isfinite(v))
		fprintf(j->out, "%.9g", v);
	else
		fputs("null", j->out);
}

void jout_bool(struct jout *j, const char *key, bool v)
{
	member(j, key);
	fputs(v ? "true" : "false", j->out);
}

void jout_text(struct jout *j, const char *key, const char *v)
{
	member(j, key);
	quoted(j, v);
}

/* How many octets the character at `s` has; 0: it is none. */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char low, high;
		size_t len;
	} forms[] = { { 0x00, 0x7f, 1 }, { 0xc2, 0xdf, 2 }, { 0xe0, 0xef, 3 }, { 0xf0, 0xf4, 4 } };
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].low || s[0] > forms[i].high)
			continue;
		for (size_t k = 1; k < forms[i].len; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
		bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
		return overlong || beyond ? 0 : forms[i].len;
	}
	return 0;
}

void jout_words(struct jout *j, const char *key, const char *v)
{
	member(j, key);
	if (!v) {
		fputs("null", j->out);
		return;
	}
	fputc('"', j->out);
	for (const unsigned char *s = (const unsigned char *)v; *s;) {
		size_t len = utf8_len(s);
		if (*s == '"' || *s == '\\')
			fprintf(j->out, "\\%c", *s);
		else if (!len)
			fputs("\\ufffd", j->out);
		else if (*s < 32 || *s == 127)
			fprintf(j->out, "\\u%04x", *s);
		else
			fwrite(s, 1, len, j->out);
		s += len ? len : 1;
	}
	fputc('"', j->out);
}
