/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by hand: what is written is flat and short. */
#include "pcap-replay/traffic/jout.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

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
	if (isfinite(v))
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
