/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a threshold's three words, and every figure it speaks of held against it. */
#include "reports/judge/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "reports/judge/measure.h"
#include "reports/words/fmt.h"

static const struct {
	const char *text;
	enum judge_op op;
} ops[] = {
	/* longer ones first */
	{ ">=", JUDGE_GE }, { "<=", JUDGE_LE }, { "==", JUDGE_EQ }, { "!=", JUDGE_NE }, { ">", JUDGE_GT }, { "<", JUDGE_LT },
};

static const struct {
	const char *text;
	enum judge_kind kind;
	double scale; /* durations become nanoseconds */
} units[] = {
	{ "", JUDGE_PLAIN, 1 },	 { "ns", JUDGE_TIME, 1 },  { "us", JUDGE_TIME, 1e3 },
	{ "ms", JUDGE_TIME, 1e6 }, { "s", JUDGE_TIME, 1e9 }, { "%", JUDGE_SHARE, 0.01 },
};

static void trim(char *s)
{
	size_t lead = strspn(s, " \t"), len = strlen(s);
	memmove(s, s + lead, len - lead + 1);
	len -= lead;
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		s[--len] = '\0';
}

static int parse_value(struct threshold *ret, const char *text)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || !isfinite(v))
		return ERR_SYNTAX;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].text)) {
			ret->value = v * units[i].scale;
			ret->kind = units[i].kind;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

/* "[CELL:][ENGINE/]METRIC" */
static int parse_subject(struct threshold *t, char *text)
{
	char *colon = strrchr(text, ':'), *metric = text;
	t->engine = -1;
	if (colon) {
		*colon = '\0';
		trim(text);
		if (!*text || strlen(text) >= sizeof(t->cell))
			return ERR_SYNTAX;
		strcpy(t->cell, text);
		metric = colon + 1;
	}
	char *slash = strchr(metric, '/');
	if (slash) {
		*slash = '\0';
		trim(metric);
		for (int e = 0; e < ENG_N; e++)
			if (!strcmp(engine_label[e], metric))
				t->engine = e;
		if (t->engine < 0)
			return ERR_UNKNOWN;
		metric = slash + 1;
	}
	trim(metric);
	if (!*metric || strlen(metric) >= sizeof(t->metric) || strpbrk(metric, " \t"))
		return ERR_SYNTAX;
	strcpy(t->metric, metric);
	return 0;
}

int threshold_parse(struct threshold *ret, const char *text, struct diag *d)
{
	struct threshold t = { .text = text };
	char subject[256];
	size_t at = strcspn(text, "<>=!"), op = 0;
	int rc = ERR_SYNTAX;
	while (op < sizeof(ops) / sizeof(ops[0]) && strncmp(text + at, ops[op].text, strlen(ops[op].text)))
		op++;
	if (op < sizeof(ops) / sizeof(ops[0]) && at < sizeof(subject)) {
		snprintf(subject, sizeof(subject), "%.*s", (int)at, text);
		t.op = ops[op].op;
		rc = parse_subject(&t, subject);
		if (!rc)
			rc = parse_value(&t, text + at + strlen(ops[op].text));
	}
	if (rc)
		return diag_set(
			d, rc,
			"'%s': expected [CELL:][ENGINE/]METRIC OP VALUE, ENGINE one of lab cluster replay capture sim model, OP one of > >= < <= == !=, "
			"VALUE a number, with ns, us, ms or s for times: 'iptables-cache:latency.all.p99>1ms'",
			text);
	*ret = t;
	return 0;
}

size_t checks_failed(const struct record *r, size_t *ret_total)
{
	const char *name, *detail;
	bool passed;
	size_t n = 0, failed = 0;
	for (; record_check(r, n, &name, &passed, &detail); n++)
		failed += !passed;
	if (ret_total)
		*ret_total = n;
	return failed;
}

static bool holds(enum judge_op op, double a, double b)
{
	switch (op) {
	case JUDGE_GT:
		return a > b;
	case JUDGE_GE:
		return a >= b;
	case JUDGE_LT:
		return a < b;
	case JUDGE_LE:
		return a <= b;
	case JUDGE_EQ:
		return a == b;
	default:
		return a != b;
	}
}

/* What the threshold says in the metric's own unit; false: that is another sort of thing, as a
 * time is where lookups are counted. A plain number is always in the metric's unit. */
static bool limit_of(const struct threshold *t, const char *unit, double *ret)
{
	*ret = t->value;
	if (t->kind == JUDGE_TIME) {
		if (unit && !strcmp(unit, "s"))
			*ret /= 1e9;
		else if (!unit || strcmp(unit, "ns"))
			return false;
	}
	return t->kind != JUDGE_SHARE || (unit && !strcmp(unit, "1"));
}

static void say_mismatch(struct judged *ret, const char *unit)
{
	ret->verdict = VERDICT_UNKNOWN;
	snprintf(ret->detail, sizeof(ret->detail), "%s is not a %s, it is in %.40s", ret->t.metric, ret->t.kind == JUDGE_TIME ? "time" : "share",
		 !unit ? "whole numbers" : !strcmp(unit, "1") ? "plain numbers" : unit);
}

static bool value_of(const struct record *r, const char *metric, double *ret)
{
	if (strcmp(metric, "checks.failed"))
		return record_num(r, metric, ret);
	*ret = (double)checks_failed(r, NULL);
	return true;
}

/* Of the whole report, not of a cell. True: it was one of these. */
static bool judge_baseline(struct judged *ret, const struct threshold *t, const size_t *count)
{
	static const struct {
		const char *metric;
		enum change change;
	} counts[] = {
		{ "baseline.better", CHANGE_BETTER },
		{ "baseline.worse", CHANGE_WORSE },
		{ "baseline.same", CHANGE_SAME },
		{ "baseline.undecided", CHANGE_UNTESTED },
	};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (strcmp(t->metric, counts[i].metric))
			continue;
		snprintf(ret->detail, sizeof(ret->detail), "there is no baseline");
		if (t->kind != JUDGE_PLAIN) {
			say_mismatch(ret, "figures");
		} else if (count) {
			ret->verdict = holds(t->op, (double)count[counts[i].change], t->value) ? VERDICT_FAIL : VERDICT_PASS;
			snprintf(ret->detail, sizeof(ret->detail), "%zu figures", count[counts[i].change]);
		}
		return true;
	}
	return false;
}

void threshold_judge(struct judged *ret, const struct threshold *t, const struct book *b, const size_t *baseline)
{
	int engine = t->engine;
	char text[FMT_MAX];
	*ret = (struct judged){ .t = *t, .verdict = VERDICT_UNKNOWN };
	snprintf(ret->detail, sizeof(ret->detail), "no record has this metric");
	if (judge_baseline(ret, t, baseline))
		return;
	bool measured = engine < 0 && book_has_measured(b);
	size_t crossed = 0;
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *c = &b->cell[i];
		enum engine e = engine >= 0 ? (enum engine)engine : measured ? cell_measured_engine(c) : cell_best_engine(c);
		const struct record *r = e < ENG_N ? c->run[e] : NULL;
		double v;
		if ((*t->cell && strcmp(t->cell, c->name)) || !r || !value_of(r, t->metric, &v))
			continue;
		const char *unit = record_unit(r, t->metric);
		double limit;
		if (!limit_of(t, unit, &limit))
			return say_mismatch(ret, unit);
		bool fails = holds(t->op, v, limit);
		crossed += fails;
		if (ret->verdict == VERDICT_UNKNOWN || (fails && crossed == 1))
			snprintf(ret->detail, sizeof(ret->detail), "%s: %s", c->title, fmt_unit(v, unit, text));
		if (ret->verdict != VERDICT_FAIL)
			ret->verdict = fails ? VERDICT_FAIL : VERDICT_PASS;
	}
	size_t len = strlen(ret->detail);
	if (crossed > 1)
		snprintf(ret->detail + len, sizeof(ret->detail) - len, ", and %zu more cell%s", crossed - 1, crossed > 2 ? "s" : "");
}
