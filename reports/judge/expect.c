/* SPDX-License-Identifier: Apache-2.0 */
/* Each source of expectations is one function. */
#include "reports/judge/expect.h"

#include <stdio.h>
#include <string.h>

#include "reports/words/fmt.h"

static void pairs(struct remarks *ret, const struct book *b)
{
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *c = &b->cell[i];
		bool paired = c->cache < 0;
		if (c->cache == 1)
			paired = book_without_cache(b, c);
		for (size_t k = 0; c->cache == 0 && k < b->n_cells; k++)
			paired = paired || book_without_cache(b, &b->cell[k]) == c;
		if (!paired)
			remarks_add(ret, "%s has no counterpart %s the cache: nothing to compare it with", c->title,
				    c->cache ? "without" : "with");
	}
}

/* An engine that looks at cells is expected in all cells of a scenario in which it spoke of one. */
static void engines(struct remarks *ret, const struct book *b)
{
	for (int e = 0; e < ENG_N; e++)
		for (size_t i = 0; i < b->n_cells; i++) {
			const struct cell *c = &b->cell[i];
			size_t others = 0;
			if (c->run[e] || c->cache < 0)
				continue;
			for (size_t k = 0; k < b->n_cells; k++)
				others += b->cell[k].run[e] && b->cell[k].cache >= 0 && !strcmp(b->cell[k].scenario, c->scenario);
			if (others)
				remarks_add(ret, "%s: no record by %s, which reported %zu other cell%s of this scenario",
					    c->title, engine_title((enum engine)e), others, others == 1 ? "" : "s");
		}
}

/* A cell that was there and holds no numbers: skipped, or it ended early. */
static void numbers(struct remarks *ret, const struct book *b)
{
	char total[FMT_MAX], n[FMT_MAX];
	double all, have;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			const struct record *r = b->cell[i].run[e];
			if (!r)
				continue;
			if (!record_metric_name(r, 0))
				remarks_add(ret, "%s, %s: its record holds no numbers", b->cell[i].title,
					    engine_title((enum engine)e));
			if (record_num(r, "lookups.total", &all) && record_num(r, "latency.all.n", &have) && e != ENG_SIM &&
			    have != all)
				remarks_add(ret, "%s, %s: %s lookups began and %s latencies were reported", b->cell[i].title,
					    engine_title((enum engine)e), fmt_count(all, total), fmt_count(have, n));
		}
}

static void against_baseline(struct remarks *ret, const struct book *b, const struct book *baseline)
{
	for (size_t i = 0; baseline && i < baseline->n_cells; i++) {
		const struct cell *now = book_same(b, &baseline->cell[i]);
		for (int e = 0; e < ENG_N; e++)
			if (baseline->cell[i].run[e] && (!now || !now->run[e]))
				remarks_add(ret, "%s, %s: in the baseline, not among these records", baseline->cell[i].title,
					    engine_title((enum engine)e));
	}
}

static enum engine engine_named(const char *text, size_t len)
{
	size_t e = 0;
	while (e < ENG_N && (strlen(engine_label[e]) != len || strncmp(engine_label[e], text, len)))
		e++;
	return (enum engine)e;
}

int expect_parse(const char *text, struct diag *d)
{
	const char *slash = strchr(text, '/');
	if (*text && (!slash || (slash[1] && engine_named(text, (size_t)(slash - text)) < ENG_N)))
		return 0;
	return diag_set(d, ERR_SYNTAX,
			"'%s': expected [lab/|cluster/|replay/|capture/|sim/|model/]CELL, CELL a cell's label or *", text);
}

static bool reported(const struct book *b, const char *wanted)
{
	const char *slash = strchr(wanted, '/'), *name = slash ? slash + 1 : wanted;
	enum engine only = slash ? engine_named(wanted, (size_t)(slash - wanted)) : ENG_N;
	for (size_t i = 0; i < b->n_cells; i++)
		if ((!strcmp(name, "*") || !strcmp(name, b->cell[i].name)) && (only == ENG_N || b->cell[i].run[only]))
			return true;
	return false;
}

size_t expect_missing(struct remarks *ret, const struct book *b, const struct book *baseline, const char *const *wanted,
		      size_t n_wanted)
{
	size_t missing = 0;
	for (size_t i = 0; i < n_wanted; i++) {
		if (reported(b, wanted[i]))
			continue;
		missing++;
		remarks_add(ret, "%.200s: expected on the command line, and no record of it", wanted[i]);
	}
	for (size_t i = 0; i < b->n_silent; i++)
		remarks_add(ret, "%s", b->silent[i]);
	pairs(ret, b);
	engines(ret, b);
	numbers(ret, b);
	against_baseline(ret, b, baseline);
	return missing;
}
