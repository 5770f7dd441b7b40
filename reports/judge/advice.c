/* SPDX-License-Identifier: Apache-2.0 */
/* The rule of the header, and the evidence it rests on. */
#include "reports/judge/advice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/words/fmt.h"

#define LOOKUPS_FEW 1000
#define LATE_SHARE 0.5 /* of the p99 that was measured */

/* --- the answer --- */

static void count(struct advice *a, const struct comparison *c)
{
	a->better += c->is == CHANGE_BETTER;
	a->worse += c->is == CHANGE_WORSE;
	a->same += c->is == CHANGE_SAME;
	a->untested += c->is == CHANGE_UNTESTED;
}

static void give_reason(struct advice *a, const struct measure *m, const struct comparison *c, const struct cell *on)
{
	char was[FMT_MAX], now[FMT_MAX];
	if (c->is == CHANGE_WORSE)
		remarks_add(&a->reasons, "%s: %s rose from %s to %s with the cache (%s, %s)", on->title, m->words,
			    fmt_unit(c->was, c->unit, was), fmt_unit(c->now, c->unit, now), engine_title(c->engine), c->why);
}

static void compare_pairs(struct advice *a, const struct book *b)
{
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *on = &b->cell[i], *off = book_without_cache(b, on);
		bool any = false;
		for (const struct measure *m = measures; off && m->metric; m++) {
			struct comparison c;
			if (!m->decides)
				continue;
			measure_compare(&c, m, off, on);
			any = any || c.is != CHANGE_UNKNOWN;
			count(a, &c);
			give_reason(a, m, &c, on);
		}
		a->n_pairs += any;
	}
}

static void say(struct advice *a, enum answer answer, const char *sentence)
{
	a->answer = answer;
	snprintf(a->sentence, sizeof(a->sentence), "%s", sentence);
}

static void decide(struct advice *a, const struct tally *t)
{
	if (t->checks_failed)
		say(a, ANSWER_NO, "Not yet: a check failed.");
	else if (t->thresholds_failed)
		say(a, ANSWER_NO, "Not yet: a threshold was crossed.");
	else if (!a->n_pairs)
		say(a, ANSWER_OPEN, "These records cannot say: no cell was run both without and with the cache.");
	else if (a->worse && !a->better)
		say(a, ANSWER_NO, "Do not deploy the cache: it made things worse here.");
	else if (a->worse)
		say(a, ANSWER_OPEN, "Look closer before deploying the cache: some things got better, others worse.");
	else if (t->thresholds_unknown)
		say(a, ANSWER_OPEN, "Left open: a threshold could not be judged.");
	else if (a->better)
		say(a, ANSWER_YES, "Deploy the cache: it helps here, and nothing got worse.");
	else
		say(a, ANSWER_OPEN, "Nothing is gained here: the cache changed none of the figures that decide.");
}

/* --- how sure --- */

bool advice_model_error(const struct book *b, enum engine e, double *ret, const char **ret_words, const struct cell **ret_cell)
{
	bool found = false;
	for (size_t i = 0; i < b->n_cells; i++)
		for (const struct measure *m = measures; m->metric; m++) {
			double real, said;
			enum engine from;
			if ((!m->decides && m->q != 0.5) || !cell_measured(&b->cell[i], m->metric, &real, &from) ||
			    !cell_num(&b->cell[i], e, m->metric, &said) || (real == 0 && said == 0))
				continue;
			double off = real > 0 ? fabs(said / real - 1) : INFINITY;
			if (found && off <= *ret)
				continue;
			found = true;
			*ret = off;
			*ret_words = m->words;
			*ret_cell = &b->cell[i];
		}
	return found;
}

struct extent { /* of the evidence */
	double least_lookups, late, late_share;
	size_t alike;
	bool measured, cluster, near; /* near: predictions within tolerance */
};

static void look_at_cell(struct extent *x, const struct cell *c)
{
	enum engine e = cell_measured_engine(c);
	double v, p99;
	if (c->cache < 0 || e == ENG_N)
		return;
	x->measured = true;
	x->cluster = x->cluster || c->run[ENG_CLUSTER];
	if (c->all[e].n_alike < x->alike)
		x->alike = c->all[e].n_alike;
	if (record_num(c->run[e], "lookups.total", &v))
		x->least_lookups = fmin(x->least_lookups, v);
	if (record_num(c->run[e], "late.all.p99", &v) && record_num(c->run[e], "latency.all.p99", &p99) && p99 > 0) {
		x->late = fmax(x->late, v);
		x->late_share = fmax(x->late_share, v / p99);
	}
}

static void tell_measured(struct advice *a, const struct book *b, const struct extent *x)
{
	char n[FMT_MAX], late[FMT_MAX];
	const struct record *r = NULL;
	for (size_t i = 0; i < b->n_cells && !r; i++)
		if (cell_measured_engine(&b->cell[i]) < ENG_N)
			r = b->cell[i].run[cell_measured_engine(&b->cell[i])];
	if (!x->measured) {
		remarks_add(&a->evidence,
			    "Nothing was measured in cells without and with the cache: what stands here is predicted.");
		return;
	}
	const char *lab = record_label(r, "lab");
	const char *kernel = record_fact(r, "kernel");
	remarks_add(&a->evidence, "Measured %s%s%s, %zu run%s of each cell.",
		    x->cluster			? "in a Kubernetes cluster"
		    : lab && !strcmp(lab, "vm") ? "in a guest with a kernel of its own"
						: "in a lab of network namespaces on one machine",
		    kernel ? ", " : "", kernel ? kernel : "", x->alike, x->alike == 1 ? "" : "s at least");
	if (isfinite(x->least_lookups))
		remarks_add(&a->evidence, "At least %s lookups stand behind each percentile.", fmt_count(x->least_lookups, n));
	if (x->late > 0)
		remarks_add(&a->evidence, "Load programs began 99 of 100 lookups within %s of the intended time%s.",
			    fmt_ns(x->late, late),
			    x->late_share > LATE_SHARE
				    ? ": so late that part of the measured tail is theirs, not the resolver\u2019s"
				    : "");
}

static void tell_models(struct advice *a, const struct book *b, struct extent *x, double tolerance)
{
	x->near = true;
	for (int e = 0; e < ENG_N; e++) {
		const struct cell *where;
		const char *what;
		double off;
		if (engine_measured((enum engine)e) || !advice_model_error(b, (enum engine)e, &off, &what, &where))
			continue;
		x->near = x->near && off <= tolerance;
		if (off < 0.005)
			remarks_add(&a->evidence, "%s agreed with what was measured in all figures that both have.",
				    engine_title((enum engine)e));
		else if (isfinite(off))
			remarks_add(&a->evidence, "%s was at most %.0f %% off what was measured, in \u201c%s\u201d of %s.",
				    engine_title((enum engine)e), off * 100, what, where->title);
		else
			remarks_add(&a->evidence, "%s predicted some where none were measured, in \u201c%s\u201d of %s.",
				    engine_title((enum engine)e), what, where->title);
	}
}

static void weigh(struct advice *a, const struct book *b, double tolerance)
{
	struct extent x = { .least_lookups = INFINITY, .alike = BOOK_RUNS_MAX };
	for (size_t i = 0; i < b->n_cells; i++)
		look_at_cell(&x, &b->cell[i]);
	tell_measured(a, b, &x);
	tell_models(a, b, &x, tolerance);
	bool late = x.late_share > LATE_SHARE, few = x.least_lookups < LOOKUPS_FEW;
	if (!x.measured || few || late)
		a->sure = SURE_LITTLE;
	else
		a->sure = (x.alike >= MEASURE_ALIKE || x.cluster) && x.near ? SURE_WELL : SURE_FAIRLY;
}

void advise(struct advice *ret, const struct book *b, const struct tally *t, const struct baseline *baseline, double tolerance)
{
	*ret = (struct advice){ .answer = ANSWER_OPEN };
	compare_pairs(ret, b);
	decide(ret, t);
	if (ret->untested)
		remarks_add(&ret->reasons, "%zu figure%s could not be decided: too few lookups or runs", ret->untested,
			    ret->untested == 1 ? "" : "s");
	if (baseline && baseline->count[CHANGE_WORSE])
		remarks_add(&ret->reasons, "%zu figure%s worse than in the baseline", baseline->count[CHANGE_WORSE],
			    baseline->count[CHANGE_WORSE] == 1 ? " is" : "s are");
	weigh(ret, b, tolerance);
}
