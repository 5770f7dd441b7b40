/* SPDX-License-Identifier: Apache-2.0 */
/* Judging all rows, and the words: what fails first, each with what to do. */
#include "kind-e2e/doctor/print.h"

#include <assert.h>
#include <string.h>

#include "lib/base/log.h"

void diagnose(struct diagnosis *ret, const struct patient *p)
{
	memset(ret, 0, sizeof *ret);
	for (unsigned l = 0; probe_layers[l]; l++)
		for (const struct probe *x = probe_layers[l]; x->id; x++) {
			struct verdict *v = &ret->verdict[ret->n];

			assert(ret->n < DIAGNOSIS_MAX);
			x->judge(p, v);
			if (v->status < STATUS_WARN)
				v->remedy[0] = '\0';
			ret->probe[ret->n++] = x;
			ret->count[v->status]++;
		}
}

/* Words may hold what a server or a file said: nothing of it moves a cursor. */
static void put_escaped(FILE *out, const char *text)
{
	char buf[2048];

	log_escape(buf, sizeof buf, text);
	fputs(buf, out);
}

static void put_status(FILE *out, const struct diagnosis *d, enum status s)
{
	for (unsigned i = 0; i < d->n; i++) {
		if (d->verdict[i].status != s)
			continue;
		fprintf(out, "%-4s  %-20s ", status_word(s), d->probe[i]->id);
		put_escaped(out, d->verdict[i].words);
		fputc('\n', out);
		if (d->verdict[i].remedy[0]) {
			fprintf(out, "      %-20s -> ", "");
			put_escaped(out, d->verdict[i].remedy);
			fputc('\n', out);
		}
	}
}

static const char *where_word(enum where w)
{
	return w == AT_NODE ? "a node" : w == AT_POD ? "a pod" : "neither a node nor a pod";
}

void print_words(FILE *out, const struct diagnosis *d, const struct patient *p, bool all)
{
	char server[ADDR_TEXT];

	fprintf(out, "This is %s (%s). ", where_word(p->f->at), p->f->at_why);
	if (p->f->server.family)
		fprintf(out, "Pods ask %s (%s).\n\n", addr_str(&p->f->server, server),
			p->f->server_why);
	else
		fprintf(out, "Nothing is asked: %s.\n\n", p->f->server_why);
	put_status(out, d, STATUS_FAIL);
	put_status(out, d, STATUS_WARN);
	put_status(out, d, STATUS_NOTE);
	if (all)
		put_status(out, d, STATUS_OK);
	put_status(out, d, STATUS_SKIP);
	if (p->cache.n_evidence && (all || p->cache.kind != CACHE_NONE)) {
		fprintf(out, "\n%s%s:\n", cache_kind_name(p->cache.kind),
			p->cache.in_path ? ", in the path" : "");
		for (unsigned i = 0; i < p->cache.n_evidence; i++) {
			fputs("      ", out);
			put_escaped(out, p->cache.evidence[i]);
			fputc('\n', out);
		}
	}
	fprintf(out, "\n%u failed, %u warnings, %u notes, %u right, %u skipped\n",
		d->count[STATUS_FAIL], d->count[STATUS_WARN], d->count[STATUS_NOTE],
		d->count[STATUS_OK], d->count[STATUS_SKIP]);
}

void print_probes(FILE *out)
{
	fputs("| probe | asks |\n|---|---|\n", out);
	for (unsigned l = 0; probe_layers[l]; l++)
		for (const struct probe *x = probe_layers[l]; x->id; x++)
			fprintf(out, "| `%s` | %s |\n", x->id, x->asks);
}
