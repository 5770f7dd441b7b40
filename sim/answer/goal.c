/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See goal.h.
 */
#include "sim/answer/goal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/opt.h"

static const struct {
	const char *word, *metric;
} words[] = {{"lost", "lookups.lost_share"},
	     {"hits", "cache.hit_ratio"},
	     {"retried", "queries.retried_share"},
	     {"entries", "conntrack.node_peak"}};

static size_t number_of(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return numbers_find(words[i].metric);
	return numbers_find(word);
}

static bool is_time(size_t number)
{
	return strncmp(numbers_metric(number), "latency.", 8) == 0;
}

static int bound_of(struct goal *g, const char *text)
{
	uint64_t ns;
	char *end;

	if (is_time(g->number)) {
		if (opt_duration(text, 0, &ns) < 0)
			return ERR_SYNTAX;
		g->bound = (double)ns;
		return 0;
	}
	g->bound = strtod(text, &end);
	if (*end == '%') {
		g->bound /= 100;
		end++;
	}
	return end == text || *end || !(g->bound >= 0) || isinf(g->bound) ? ERR_SYNTAX : 0;
}

static int parse_one(struct goal *g, char *text, struct diag *d)
{
	char *op = strpbrk(text, "<>");

	snprintf(g->text, sizeof(g->text), "%s", text);
	if (!op || op[1] != '=')
		return diag_set(d, ERR_SYNTAX, "--slo: '%s': expected NAME<=VALUE or NAME>=VALUE", text);
	g->at_most = *op == '<';
	*op = '\0';
	g->number = number_of(text);
	if (g->number == SIZE_MAX)
		return diag_set(d, ERR_UNKNOWN, "--slo: '%s' is none of mean, p50, p90, p99, p999, p9999, lost, retried, hits, entries",
				text);
	if (bound_of(g, op + 2) < 0)
		return diag_set(d, ERR_SYNTAX, "--slo: %s takes %s, not '%s'", text,
				is_time(g->number) ? "a duration (10ms)" : "a number or a share (0.01%)", op + 2);
	return 0;
}

int goals_parse(struct goals *ret, const char *text, struct diag *d)
{
	char copy[512], *save, *word;
	int rc = 0;

	*ret = (struct goals){0};
	if (!text || strlen(text) >= sizeof(copy))
		return diag_set(d, ERR_MISSING, "size: give --slo, such as 'p99<=10ms,lost<=0.01%%'");
	memcpy(copy, text, strlen(text) + 1);
	for (word = strtok_r(copy, ", ", &save); word && rc == 0; word = strtok_r(NULL, ", ", &save)) {
		if (ret->n == GOALS_MAX)
			return diag_set(d, ERR_LIMIT, "--slo: at most %d goals", GOALS_MAX);
		rc = parse_one(&ret->goal[ret->n++], word, d);
	}
	if (rc == 0 && !ret->n)
		rc = diag_set(d, ERR_MISSING, "--slo: no goal in '%s'", text);
	return rc;
}

const struct goal *goals_broken(const struct goals *g, const struct cell_outcome *o)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct interval v = numbers_interval(o->rep, o->n_reps, g->goal[i].number);
		if (g->goal[i].at_most ? v.high > g->goal[i].bound : v.low < g->goal[i].bound)
			return &g->goal[i];
	}
	return NULL;
}
