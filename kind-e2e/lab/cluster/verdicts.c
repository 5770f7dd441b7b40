/* SPDX-License-Identifier: Apache-2.0 */
/* A script's lines, checked one by one, made into a table, a record and JUnit XML. */
#include "kind-e2e/lab/cluster/verdicts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/record/metrics_common.h"

#define CHECKS_MAX 512

/* clang-format off */
static const struct metric_def metrics[] = {
	{"checks.passed", "1", MERGE_SUM, "checks that passed"},
	{"checks.failed", "1", MERGE_SUM, "checks that failed"},
	{"checks.flaky", "1", MERGE_SUM, "checks that failed and, repeated, passed"},
	{"checks.skipped", "1", MERGE_SUM, "checks that this machine cannot make"},
	{"run.wall_s", "s", MERGE_MAX, "the whole run"},
	{"answers.asked", "questions", MERGE_SUM, "questions put to CoreDNS and to the cache"},
	{"answers.differ", "questions", MERGE_SUM, "of them answered differently"},
	{"load.sent", "questions", MERGE_SUM, "questions of all loads"},
	{"load.lost", "questions", MERGE_SUM, "of them without an answer"},
	{"coredns.share_nocache_pct", "%", MERGE_MAX, "CoreDNS' questions per question of the pods, without the cache"},
	{"coredns.share_cache_pct", "%", MERGE_MAX, "the same with the cache"},
	{"coredns.share_original_pct", "%", MERGE_MAX, "the same with the original that a user named"},
	{"latency.nocache_p50_us", "us", MERGE_MAX, "a question from a new port of a pod, without the cache: the middle one of three loads"},
	{"latency.nocache_p99_us", "us", MERGE_MAX, "the same, one in a hundred is slower"},
	{"latency.cache_p50_us", "us", MERGE_MAX, "with the cache"},
	{"latency.cache_p99_us", "us", MERGE_MAX, "with the cache, one in a hundred is slower"},
	{"latency.original_p50_us", "us", MERGE_MAX, "with the original"},
	{"latency.original_p99_us", "us", MERGE_MAX, "with the original, one in a hundred is slower"},
	{"coredns.share_stock_pct", "%", MERGE_MAX, "with the cache under Kubernetes' own manifest, as the original is measured"},
	{"latency.stock_p50_us", "us", MERGE_MAX, "the same"},
	{"latency.stock_p99_us", "us", MERGE_MAX, "the same, one in a hundred is slower"},
	{"memory.stock_mb", "MB", MERGE_MAX, "of the cache, all its processes, a node: what they have alone and their share of the rest"},
	{"memory.original_mb", "MB", MERGE_MAX, "of the original"},
	{"rollout.stock_sent", "questions", MERGE_SUM, "under Kubernetes' own manifest, while the DaemonSet rolls"},
	{"rollout.stock_lost", "questions", MERGE_SUM, "of them without an answer"},
	{"rollout.original_sent", "questions", MERGE_SUM, "the same with the original"},
	{"rollout.original_lost", "questions", MERGE_SUM, "of them without an answer"},
	{"e2e.passed", "1", MERGE_SUM, "of Kubernetes' own DNS tests"},
	{"e2e.failed", "1", MERGE_SUM, "of Kubernetes' own DNS tests"},
	{0},
};
/* clang-format on */

enum verdict { PASSED, FAILED, FLAKY, SKIPPED, N_VERDICTS };
static const char *const verdict_name[N_VERDICTS] = {"passed", "failed", "flaky", "skipped"};

struct check {
	enum verdict verdict;
	double seconds;
	char *name, *detail, *cell; /* cell: "" when it is about the lab */
};

struct book {
	struct check check[CHECKS_MAX];
	size_t n;
	unsigned of[N_VERDICTS];
	struct {
		char *key;
		char *value;
		char sort; /* '=' or '@' */
	} fact[128];
	size_t n_facts;
};

static char *next_field(char **rest)
{
	char *field = *rest;

	if (!field)
		return NULL;
	*rest = strchr(field, '\t');
	if (*rest)
		*(*rest)++ = 0;
	return field;
}

static int take_fact(struct book *b, char *line, const char *path, unsigned n, struct diag *d)
{
	char *rest = line + 1, *key, *value;

	while (*rest == ' ')
		rest++;
	key = next_field(&rest);
	value = next_field(&rest);
	if (!value)
		return diag_at(d, ERR_SYNTAX, path, n, 0, "expected '%c NAME<tab>VALUE'", *line);
	if (b->n_facts == sizeof b->fact / sizeof b->fact[0])
		return diag_at(d, ERR_LIMIT, path, n, 0, "too many numbers and labels");
	b->fact[b->n_facts].sort = *line;
	b->fact[b->n_facts].key = strdup(key);
	b->fact[b->n_facts++].value = strdup(value);
	return 0;
}

static int take_check(struct book *b, char *line, const char *path, unsigned n, struct diag *d)
{
	char *rest = line, *end;
	const char *word = next_field(&rest), *seconds = next_field(&rest);
	const char *name = next_field(&rest), *detail = next_field(&rest);
	const char *cell = next_field(&rest);
	struct check *c = &b->check[b->n];
	unsigned v = 0;

	while (v < N_VERDICTS && strcmp(word, verdict_name[v]))
		v++;
	if (v == N_VERDICTS || !name || !*name)
		return diag_at(d, ERR_SYNTAX, path, n, 0,
			       "expected VERDICT<tab>SECONDS<tab>NAME<tab>DETAIL[<tab>CELL]");
	if (b->n == CHECKS_MAX)
		return diag_at(d, ERR_LIMIT, path, n, 0, "more than %d checks", CHECKS_MAX);
	c->verdict = (enum verdict)v;
	c->seconds = strtod(seconds, &end);
	if (end == seconds || *end)
		return diag_at(d, ERR_SYNTAX, path, n, 0, "'%s' is no number of seconds", seconds);
	c->name = strdup(name);
	c->detail = strdup(detail ? detail : "");
	c->cell = strdup(cell ? cell : "");
	b->of[v]++;
	b->n++;
	return 0;
}

static int book_read(struct book *b, const char *path, struct diag *d)
{
	FILE *f = file_open(path, d);
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	if (!f)
		return ERR_SYS;
	for (unsigned n = 1; !rc && getline(&line, &cap, f) >= 0; n++) {
		line[strcspn(line, "\n")] = 0;
		if (*line == '=' || *line == '@')
			rc = take_fact(b, line, path, n, d);
		else if (*line)
			rc = take_check(b, line, path, n, d);
	}
	free(line);
	fclose(f);
	return rc;
}

static void book_free(struct book *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->check[i].name);
		free(b->check[i].detail);
		free(b->check[i].cell);
	}
	for (size_t i = 0; i < b->n_facts; i++) {
		free(b->fact[i].key);
		free(b->fact[i].value);
	}
	free(b);
}

/* A line a cell, as kind-e2e run has it, in the order in which they came. */
static void print_cell(const struct book *b, const char *cell)
{
	unsigned of[N_VERDICTS] = {0};
	double took_s = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->check[i].cell, cell))
			continue;
		of[b->check[i].verdict]++;
		took_s += b->check[i].seconds;
	}
	printf("%s: %s: %u proved, %u failed, %u flaky", cell,
	       of[FAILED]   ? "FAILED"
	       : of[FLAKY]  ? "flaky"
	       : of[PASSED] ? "proved"
			    : "skipped",
	       of[PASSED], of[FAILED], of[FLAKY]);
	if (of[SKIPPED])
		printf(", %u skipped", of[SKIPPED]);
	printf(" (%.1f s)\n", took_s);
}

static void print_cells(const struct book *b)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t before = 0;

		while (before < i && strcmp(b->check[before].cell, b->check[i].cell))
			before++;
		if (*b->check[i].cell && before == i)
			print_cell(b, b->check[i].cell);
	}
}

static void print_table(const struct book *b)
{
	printf("%-64s %-8s %7s  %s\n", "check", "verdict", "seconds", "what was seen");
	for (size_t i = 0; i < b->n; i++) {
		const struct check *c = &b->check[i];

		printf("%-64s %-8s %7.1f  %s\n", c->name,
		       c->verdict == FAILED ? "FAILED" : verdict_name[c->verdict], c->seconds,
		       c->detail);
	}
	print_cells(b);
	printf("%u passed, %u failed, %u flaky, %u skipped\n", b->of[PASSED], b->of[FAILED],
	       b->of[FLAKY], b->of[SKIPPED]);
}

static void record_checks(struct result *r, const struct book *b)
{
	char text[1024];

	for (size_t i = 0; i < b->n; i++) {
		const struct check *c = &b->check[i];

		if (c->verdict == PASSED || c->verdict == FAILED) {
			result_check(r, c->name, c->verdict == PASSED, c->detail);
			continue;
		}
		result_check(r, c->name, true, c->detail);
		snprintf(text, sizeof text, "%s: %s", c->name, c->detail);
		result_remark(r, c->verdict == SKIPPED ? "skip" : "note", text);
	}
}

static int record(const struct book *b, const struct verdicts_options *o, struct diag *d)
{
	struct result *r;
	int rc = result_open(&r, o->out, "kind-e2e", metrics, o->argc, o->argv, d);

	if (rc)
		return rc;
	result_label(r, LABEL_ENGINE, ENGINE_CLUSTER);
	result_label(r, "lab", o->lab ? o->lab : "cluster");
	for (size_t i = 0; i < b->n_facts; i++) {
		if (b->fact[i].sort == '@')
			result_label(r, b->fact[i].key, b->fact[i].value);
		else
			result_num(r, b->fact[i].key, strtod(b->fact[i].value, NULL));
	}
	for (unsigned v = 0; v < N_VERDICTS; v++)
		result_num(r, metrics[v].name, b->of[v]);
	record_checks(r, b);
	return result_close(r, d);
}

static void put_xml(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
		}
	}
}

static int junit(const struct book *b, const char *path, const char *lab, struct diag *d)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return diag_errno(d, "%s", path);
	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"kind-e2e %s\" tests=\"%zu\" failures=\"%u\" "
		"skipped=\"%u\">\n",
		lab, b->n, b->of[FAILED], b->of[SKIPPED]);
	for (size_t i = 0; i < b->n; i++) {
		const struct check *c = &b->check[i];

		fprintf(f, "<testcase classname=\"%s%s%s\" name=\"", lab, *c->cell ? "." : "", c->cell);
		put_xml(f, c->name);
		fprintf(f, "\" time=\"%.1f\">", c->seconds);
		if (c->verdict == FAILED || c->verdict == SKIPPED) {
			fprintf(f, "<%s message=\"", c->verdict == FAILED ? "failure" : "skipped");
			put_xml(f, c->detail);
			fputs("\"/>", f);
		} else {
			fputs("<system-out>", f);
			put_xml(f, c->detail);
			fputs("</system-out>", f);
		}
		fputs("</testcase>\n", f);
	}
	fputs("</testsuite>\n", f);
	if (ferror(f) | fclose(f))
		return diag_errno(d, "%s", path);
	return 0;
}

int verdicts_main(const struct verdicts_options *o)
{
	struct book *b = calloc(1, sizeof *b);
	struct diag d = {""};
	int rc = b ? book_read(b, o->checks, &d) : diag_set(&d, ERR_NOMEM, "no memory");

	if (!rc)
		print_table(b);
	if (!rc && o->out)
		rc = record(b, o, &d);
	if (!rc && o->junit)
		rc = junit(b, o->junit, o->lab ? o->lab : "cluster", &d);
	if (rc)
		log_error("%s", d.text);
	rc = rc ? 3 : b->of[FAILED] || !b->of[PASSED];
	if (b)
		book_free(b);
	return rc;
}
