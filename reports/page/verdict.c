/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: what the cache changed, in four numbers and one sentence, with
 * the rule that produced the sentence; and whether the run may be believed.
 */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

static const struct row_def tiles[] = {
	{ "latency.all.p99", "99 of 100 lookups within" },
	{ "conntrack.peak", "connection-table entries of pods\u2019 DNS" },
	{ "upstream.queries", "questions reaching cluster DNS" },
	{ "lookups.lost", "lookups lost" },
	{ 0 },
};

/* Both cells' values from the same engine: measured before predicted. */
static bool pair_num(const struct cell *off, const struct cell *on, const char *metric, double *ret_off,
		     double *ret_on, enum engine *ret_engine)
{
	for (int e = 0; e < ENG_N; e++) {
		if (cell_num(off, (enum engine)e, metric, ret_off) &&
		    cell_num(on, (enum engine)e, metric, ret_on)) {
			*ret_engine = (enum engine)e;
			return true;
		}
	}
	return false;
}

static void put_tile(const struct cell *off, const struct cell *on, const struct row_def *t, FILE *out)
{
	char was[FMT_MAX], is[FMT_MAX], change[FMT_MAX];
	enum engine e;
	double a, b;
	if (!pair_num(off, on, t->metric, &a, &b, &e))
		return;
	const char *unit = record_unit(off->run[e], t->metric);
	fprintf(out, "<div class=\"tile\"><div class=\"what\">%s</div><div class=\"big\">%s \u2192 %s</div><div class=\"from\">",
		t->words, fmt_unit(a, unit, was), fmt_unit(b, unit, is));
	if (a > 0)
		fprintf(out, "%s, %s", fmt_change(a, b, change), engine_title(e));
	else
		fprintf(out, "%s", engine_title(e));
	fputs("</div></div>\n", out);
}

/* Is there any number to compare? A cell that was skipped has none. */
static bool comparable(const struct cell *off, const struct cell *on)
{
	enum engine e;
	double a, b;
	for (const struct row_def *t = tiles; on && t->metric; t++)
		if (pair_num(off, on, t->metric, &a, &b, &e))
			return true;
	return false;
}

static void put_pair(const struct cell *off, const struct cell *on, FILE *out)
{
	fputs("<h3>", out);
	html_text(out, off->proxy ? off->proxy : off->title);
	fputs(": without \u2192 with the cache</h3>\n<div class=\"tiles\">\n", out);
	for (const struct row_def *t = tiles; t->metric; t++)
		put_tile(off, on, t, out);
	fputs("</div>\n", out);
}

/* How the pairs came out on the four numbers: better, worse, or the same. */
static void count_changes(const struct book *b, size_t *ret_better, size_t *ret_worse, size_t *ret_pairs)
{
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *off = &b->cell[i], *on = book_with_cache(b, off);
		enum engine e;
		double was, is;
		*ret_pairs += comparable(off, on);
		for (const struct row_def *t = tiles; on && t->metric; t++) {
			if (!pair_num(off, on, t->metric, &was, &is, &e))
				continue;
			*ret_better += is < was;
			*ret_worse += is > was;
		}
	}
}

struct sentence {
	const char *look, *words;
};

static struct sentence judge(const struct report *r, const struct tally *t)
{
	size_t better = 0, worse = 0, pairs = 0;
	count_changes(r->book, &better, &worse, &pairs);
	if (t->thresholds_failed)
		return (struct sentence){ "bad", "A threshold was crossed." };
	if (t->checks_failed)
		return (struct sentence){ "bad", "A check failed: read the numbers below with that in mind." };
	if (t->thresholds_unknown)
		return (struct sentence){ "warn", "A threshold could not be judged." };
	if (!pairs)
		return (struct sentence){ "warn", "There is no pair of cells, without and with the cache, to compare." };
	if (worse && better)
		return (struct sentence){ "warn", "The cache made some things better and others worse." };
	if (worse)
		return (struct sentence){ "bad", "The cache made things worse here." };
	return (struct sentence){ "good", better ? "The cache helps here." : "The cache changed nothing here." };
}

static void put_thresholds(const struct report *r, FILE *out)
{
	static const char *const look[] = { "good", "bad", "warn" };
	static const char *const words[] = { "not crossed", "crossed", "not judged" };
	if (!r->n_judged)
		return;
	fputs("<h3>Thresholds</h3>\n<ul>\n", out);
	for (size_t i = 0; i < r->n_judged; i++) {
		const struct judged *j = &r->judged[i];
		fprintf(out, "<li><span class=\"tag %s\">%s</span> <code>", look[j->verdict],
			words[j->verdict]);
		html_text(out, j->t.text);
		fputs("</code>: ", out);
		html_text(out, j->detail);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

/* How late the load programs were themselves: above that, latencies are theirs. */
static void put_lateness(const struct report *r, FILE *out)
{
	char text[FMT_MAX];
	double worst = -1, v;
	for (size_t i = 0; i < r->book->n_cells; i++)
		if (cell_num(&r->book->cell[i], ENG_LAB, "late.all.p99", &v))
			worst = fmax(worst, v);
	if (worst >= 0)
		fprintf(out, " Load programs started 99 of 100 lookups within %s of the intended time, or better, in every cell.",
			fmt_ns(worst, text));
}

void section_verdict(const struct report *r, FILE *out)
{
	struct tally t;
	report_tally(r, &t);
	struct sentence s = judge(r, &t);
	fprintf(out, "<section class=\"verdict %s\" aria-labelledby=\"verdict\">\n<h2 id=\"verdict\">%s</h2>\n", s.look,
		s.words);
	for (size_t i = 0; i < r->book->n_cells; i++) {
		const struct cell *on = book_with_cache(r->book, &r->book->cell[i]);
		if (comparable(&r->book->cell[i], on))
			put_pair(&r->book->cell[i], on, out);
	}
	put_thresholds(r, out);
	fprintf(out, "<p class=\"note\">%zu of %zu checks passed; %zu item%s skipped.", t.checks - t.checks_failed,
		t.checks, t.skips, t.skips == 1 ? "" : "s");
	put_lateness(r, out);
	fputs(" The heading says that the cache helps when no check failed, no threshold was crossed, and none of "
	      "these four numbers is higher with it than without.</p>\n</section>\n",
	      out);
}
