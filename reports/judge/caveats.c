/* SPDX-License-Identifier: Apache-2.0 */
/* Each caveat is a function that looks for its cause and says nothing when there is none. */
#include "reports/judge/caveats.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

typedef void (*caveat)(struct remarks *ret, const struct cell *c, const struct record *r);

static void late_load(struct remarks *ret, const struct cell *c, const struct record *r)
{
	char a[FMT_MAX], b[FMT_MAX];
	double late, p99;
	if (record_num(r, "late.all.p99", &late) &&
	    (record_num(r, "latency.all.p99", &p99) || record_num(r, "latency.intended.p99", &p99)) && late > 0.1 * p99)
		remarks_add(
			ret,
			"%s: the load program was up to %s late for 99 of 100 lookups, beside a 99th percentile of %s: part of that tail is the load\u2019s own.",
			c->title, fmt_ns(late, a), fmt_ns(p99, b));
}

static void few_lookups(struct remarks *ret, const struct cell *c, const struct record *r)
{
	char a[FMT_MAX];
	double n;
	if (record_num(r, "latency.all.n", &n) && n > 0 && n < 10000)
		remarks_add(ret, "%s: %s lookups: fewer than ten are slower than the 99.9th percentile, so it is an anecdote.",
			    c->title, fmt_count(n, a));
}

static void sampled_nodes(struct remarks *ret, const struct cell *c, const struct record *r)
{
	char a[FMT_MAX], b[FMT_MAX];
	double all, some;
	if (record_num(r, "sim.nodes", &all) && record_num(r, "sim.nodes_simulated", &some) && some < all)
		remarks_add(ret,
			    "%s: %s of %s nodes were simulated; totals are scaled up, tails are those of the ones simulated.",
			    c->title, fmt_count(some, a), fmt_count(all, b));
}

static void capture_holes(struct remarks *ret, const struct cell *c, const struct record *r)
{
	static const struct {
		const char *metric, *words;
	} holes[] = {
		{ "capture.malformed", "DNS messages could not be parsed (a short snap length cuts them)" },
		{ "answers.alone", "answers have no question in the capture (it began late, or shows one side only)" },
		{ "queries.unanswered", "questions have no answer in the capture" },
		{ "tcp.holes", "TCP segments are missing (the capture dropped packets)" },
		{ "answers.elsewhere",
		  "questions were answered from another address than asked (address translation between the two views)" },
	};
	char a[FMT_MAX];
	double v;
	for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
		if (record_num(r, holes[i].metric, &v) && v > 0)
			remarks_add(ret, "%s: %s %s.", c->title, fmt_count(v, a), holes[i].words);
}

static void invalid_replay(struct remarks *ret, const struct cell *c, const struct record *r)
{
	double valid, missed;
	char a[FMT_MAX];
	if (record_num(r, "replay.valid", &valid) && valid == 0)
		remarks_add(ret, "%s: the replay called itself invalid: it sent too late, or too few questions.", c->title);
	if (record_num(r, "replay.missed", &missed) && missed > 0)
		remarks_add(ret, "%s: %s questions were due and not sent.", c->title, fmt_count(missed, a));
}

/* Another input under the same name is another experiment. */
static void other_input(struct remarks *ret, const struct book *b)
{
	for (size_t i = 0; i < b->n_cells; i++) {
		const char *lab = b->cell[i].run[ENG_LAB] ? record_fact(b->cell[i].run[ENG_LAB], "input_sha256") : NULL;
		const char *sim = b->cell[i].run[ENG_SIM] ? record_fact(b->cell[i].run[ENG_SIM], "input_sha256") : NULL;
		if (lab && sim && strcmp(lab, sim))
			remarks_add(
				ret,
				"%s: measured and simulated from different versions of the scenario file: the errors of the prediction mean nothing.",
				b->cell[i].title);
	}
}

static void mixed(struct remarks *ret, const struct book *b, const char *fact, const char *words)
{
	const char *first = NULL;
	for (size_t i = 0; i < b->n_records; i++) {
		const char *v = record_fact(b->record[i], fact);
		if (v && first && strcmp(v, first)) {
			remarks_add(ret, "The records come from different %s, %.80s and %.80s among them.", words, first, v);
			return;
		}
		first = first ? first : v;
	}
}

/* What a comparison over time takes for granted. */
static void other_baseline(struct remarks *ret, const struct book *b, const struct book *was)
{
	static const struct {
		const char *fact, *words;
	} facts[] = {
		{ "host", "on another machine" },
		{ "kernel", "under another kernel" },
		{ "cpus", "with another number of processors" },
		{ "input_sha256", "from another version of the scenario file" },
	};
	for (size_t k = 0; k < sizeof(facts) / sizeof(facts[0]); k++) {
		size_t differ = 0;
		const char *now = NULL, *then = NULL, *title = NULL;
		for (size_t i = 0; i < b->n_cells; i++) {
			const struct cell *before = book_same(was, &b->cell[i]);
			for (int e = 0; before && e < ENG_N; e++) {
				const char *x = b->cell[i].run[e] ? record_fact(b->cell[i].run[e], facts[k].fact) : NULL;
				const char *y = before->run[e] ? record_fact(before->run[e], facts[k].fact) : NULL;
				/* what is computed is the same anywhere */
				if (!x || !y || !strcmp(x, y) || (!engine_measured((enum engine)e) && strcmp(facts[k].fact, "input_sha256")))
					continue;
				if (!differ++)
					now = x, then = y, title = b->cell[i].title;
			}
		}
		if (differ)
			remarks_add(ret, "Compared with a baseline that was made %s (%s: now %.60s, then %.60s): what differs may be that.", facts[k].words,
				    title, now, then);
	}
}

static void single_runs(struct remarks *ret, const struct book *b)
{
	size_t once = 0, measured = 0;
	for (size_t i = 0; i < b->n_cells; i++) {
		enum engine e = cell_measured_engine(&b->cell[i]);
		measured += e < ENG_N;
		once += e < ENG_N && b->cell[i].all[e].n_alike < 2;
	}
	if (once)
		remarks_add(
			ret,
			"%zu of %zu measured cells were run once: intervals cover the chance within a run, not what differs from run to run.",
			once, measured);
}

static void lab_world(struct remarks *ret, const struct book *b)
{
	if (book_has(b, ENG_LAB) && !book_has(b, ENG_CLUSTER))
		remarks_add(
			ret,
			"A lab has one node, links of memory and backends that are never busy: shapes and counts carry over to a cluster, microseconds do not.");
}

void caveats_find(struct remarks *ret, const struct book *b, const struct book *baseline)
{
	static const caveat each[] = { late_load, few_lookups, sampled_nodes, capture_holes, invalid_replay };
	for (size_t k = 0; k < sizeof(each) / sizeof(each[0]); k++)
		for (size_t i = 0; i < b->n_cells; i++)
			for (int e = 0; e < ENG_N; e++)
				if (b->cell[i].run[e])
					each[k](ret, &b->cell[i], b->cell[i].run[e]);
	if (baseline)
		other_baseline(ret, b, baseline);
	other_input(ret, b);
	single_runs(ret, b);
	lab_world(ret, b);
	mixed(ret, b, "version", "versions");
	mixed(ret, b, "host", "machines");
	mixed(ret, b, "kernel", "kernels");
	for (size_t i = 0; i < b->n_notes; i++)
		remarks_add(ret, "%.390s", b->note[i]);
}
