/* SPDX-License-Identifier: Apache-2.0 */
/* See the header: each kind of figure with the test that suits it. */
#include "reports/judge/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "reports/judge/stats.h"

/* clang-format off */
const struct measure measures[] = {
	{ "latency.all.p50", "half of the lookups within", MEASURE_QUANTILE, 0.5, "latency.all", false, false },
	{ "latency.all.p99", "99 of 100 lookups within", MEASURE_QUANTILE, 0.99, "latency.all", false, true },
	{ "latency.all.p999", "999 of 1000 lookups within", MEASURE_QUANTILE, 0.999, "latency.all", false, false },
	{ "lookups.lost", "lookups lost", MEASURE_SHARE, 0, "lookups.total", false, true },
	{ "upstream.queries", "questions reaching cluster DNS", MEASURE_COUNT, 0, NULL, false, true },
	{ "conntrack.peak", "connection-table entries of pods\u2019 DNS", MEASURE_COUNT, 0, NULL, false, true },
	{ "conntrack.insert_failed", "packets lost to races in the table", MEASURE_COUNT, 0, NULL, false, true },
	{ "answers.wrong", "wrong answers", MEASURE_SHARE, 0, "answers.verified", false, true },
	{ "cache.hits", "answered from the cache\u2019s memory", MEASURE_SHARE, 0, "cache.queries", true, false },
	{ "cache.cpu_s", "processor time of the cache", MEASURE_NUMBER, 0, NULL, false, false },
	{ "cache.rss_bytes", "memory of the cache", MEASURE_NUMBER, 0, NULL, false, false },
	{ "replay.lost", "questions lost in the replay", MEASURE_SHARE, 0, "replay.sent", false, true },
	{ 0 },
};
/* clang-format on */

const char *const change_words[] = { "no data", "same", "better", "worse", "not decided" };

bool measure_interval(const struct record *r, const char *name, double q, double *ret_low, double *ret_high)
{
	struct hist *h = malloc(sizeof(*h));
	bool ok = h && run_hist(r, name, h) && h->n && quantile_interval(h, q, Z_95, ret_low, ret_high);
	free(h);
	return ok;
}

static size_t alike_values(const struct runs *all, const char *metric, double *ret)
{
	size_t n = 0;
	for (size_t i = all->n - all->n_alike; i < all->n; i++)
		n += record_num(all->run[i], metric, &ret[n]);
	return n;
}

/* Which way, when it is one: `differs` is what the test said. */
static enum change direction(const struct measure *m, const struct comparison *c, bool differs)
{
	double size = fabs(c->was);
	if (!differs || fabs(c->now - c->was) < MEASURE_LEAST * size)
		return CHANGE_SAME;
	return (c->now < c->was) != m->more_is_better ? CHANGE_BETTER : CHANGE_WORSE;
}

static bool by_ranks(struct comparison *c, const struct measure *m, const struct runs *was, const struct runs *now)
{
	double x[BOOK_RUNS_MAX], y[BOOK_RUNS_MAX];
	size_t n = alike_values(was, m->metric, x), k = alike_values(now, m->metric, y);
	if (n < MEASURE_ALIKE || k < MEASURE_ALIKE)
		return false;
	double p = rank_p(x, n, y, k);
	c->is = direction(m, c, p < 0.05);
	snprintf(c->why, sizeof(c->why), "rank-sum test on %zu and %zu runs: p %s%.2g", n, k, p < 0.001 ? "< " : "= ",
		 p < 0.001 ? 0.001 : p);
	return true;
}

static void by_quantile(struct comparison *c, const struct measure *m, const struct record *was, const struct record *now)
{
	struct hist *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	double al, ah, bl, bh;
	c->is = CHANGE_UNTESTED;
	snprintf(c->why, sizeof(c->why), "no histograms: not decided");
	if (a && b && run_hist(was, m->of, a) && run_hist(now, m->of, b) && a->n && b->n) {
		bool enough = quantile_interval(a, m->q, Z_99, &al, &ah);
		enough = quantile_interval(b, m->q, Z_99, &bl, &bh) && enough;
		bool apart = ah < bl || bh < al;
		c->is = enough ? direction(m, c, apart) : CHANGE_UNTESTED;
		snprintf(c->why, sizeof(c->why), "%s", !enough ? "too few lookups for an interval of this percentile" :
						       apart   ? "99 % intervals lie apart" :
								 "99 % intervals overlap");
		c->has_interval = quantile_interval(a, m->q, Z_95, &c->was_low, &c->was_high);
		c->has_interval = quantile_interval(b, m->q, Z_95, &c->now_low, &c->now_high) && c->has_interval;
	}
	free(a);
	free(b);
}

static void by_share(struct comparison *c, const struct measure *m, const struct record *was, const struct record *now)
{
	double n = 1, k = 1, p;
	if (m->kind == MEASURE_SHARE && (!record_num(was, m->of, &n) || !record_num(now, m->of, &k))) {
		c->is = CHANGE_UNTESTED;
		snprintf(c->why, sizeof(c->why), "of how many is not known: not decided");
		return;
	}
	/* few successes of many are told by their failures */
	p = m->more_is_better ? share_p(fmax(n - c->was, 0), n, fmax(k - c->now, 0), k) : share_p(c->was, n, c->now, k);
	struct comparison share = *c;
	share.was = n > 0 ? c->was / n : 0;
	share.now = k > 0 ? c->now / k : 0;
	c->is = direction(m, &share, p < 0.01);
	snprintf(c->why, sizeof(c->why), "equal %s: p %s%.2g", m->kind == MEASURE_SHARE ? "shares" : "counts",
		 p < 0.001 ? "< " : "= ", p < 0.001 ? 0.001 : p);
}

void measure_compare_engine(struct comparison *c, const struct measure *m, enum engine e, const struct cell *was,
			    const struct cell *now)
{
	*c = (struct comparison){ .is = CHANGE_UNKNOWN, .engine = e };
	if (!cell_num(was, e, m->metric, &c->was) || !cell_num(now, e, m->metric, &c->now))
		return;
	c->unit = record_unit(now->run[e], m->metric);
	if (m->kind == MEASURE_QUANTILE)
		by_quantile(c, m, was->run[e], now->run[e]);
	if (by_ranks(c, m, &was->all[e], &now->all[e]) || m->kind == MEASURE_QUANTILE)
		return;
	if (m->kind != MEASURE_NUMBER) {
		by_share(c, m, was->run[e], now->run[e]);
	} else if (!engine_measured(e)) {
		c->is = direction(m, c, true);
		snprintf(c->why, sizeof(c->why), "predictions are exact");
	} else {
		c->is = c->was == c->now ? CHANGE_SAME : CHANGE_UNTESTED;
		snprintf(c->why, sizeof(c->why), "needs %d alike runs a side", MEASURE_ALIKE);
	}
}

void measure_compare(struct comparison *ret, const struct measure *m, const struct cell *was, const struct cell *now)
{
	ret->is = CHANGE_UNKNOWN;
	for (int e = 0; e < ENG_N && ret->is == CHANGE_UNKNOWN; e++)
		measure_compare_engine(ret, m, (enum engine)e, was, now);
}
