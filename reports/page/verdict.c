/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The box on top, for a reader who reads nothing else: should the cache be
 * deployed, what is there to set, what to expect, how sure is that; and what was
 * expected and did not report.
 */
#include "reports/page/report.h"

#include <string.h>

#include "reports/judge/world.h"
#include "reports/words/fmt.h"

#define TILE_PAIRS_MAX 4

static const char *const answer_look[] = { "good", "bad", "warn" };
static const char *const sure_words[] = { "well supported", "fairly supported", "little supported" };

static const struct row_def tiles[] = {
	{ "latency.all.p99", "99 of 100 lookups within" },
	{ "upstream.queries", "questions reaching cluster DNS" },
	{ "conntrack.peak", "connection-table entries of pods\u2019 DNS" },
	{ "lookups.lost", "lookups lost" },
	{ 0 },
};

static const struct measure *measure_named(const char *metric)
{
	const struct measure *m = measures;
	while (m->metric && strcmp(m->metric, metric))
		m++;
	return m;
}

/* A pair of cells by what they have in common: "iptables" of iptables-nocache and iptables-cache. */
static const char *pair_words(const struct cell *on, char buf[128])
{
	static const char end[] = "-cache";
	size_t len = strlen(on->title);
	snprintf(buf, 128, "%s", on->title);
	if (len > strlen(end) && !strcmp(buf + len - strlen(end), end))
		buf[len - strlen(end)] = '\0';
	return buf;
}

/* --- at a glance --- */

static void put_tile(const struct cell *off, const struct cell *on, const struct row_def *t, FILE *out)
{
	char was[FMT_MAX], is[FMT_MAX], change[FMT_MAX];
	struct comparison c;
	measure_compare(&c, measure_named(t->metric), off, on);
	if (c.is == CHANGE_UNKNOWN)
		return;
	fprintf(out, "<div class=\"tile\"><div class=\"what\">%s</div><div class=\"big\">%s \u2192 %s</div><div class=\"from\">",
		t->words, fmt_unit(c.was, c.unit, was), fmt_unit(c.now, c.unit, is));
	if (c.was > 0)
		fprintf(out, "%s, ", fmt_change(c.was, c.now, change));
	fprintf(out, "%s</div></div>\n", engine_title(c.engine));
}

static void put_pairs(const struct report *r, FILE *out)
{
	size_t shown = 0;
	char words[128];
	for (size_t i = 0; i < r->book->n_cells && shown < TILE_PAIRS_MAX; i++) {
		const struct cell *on = &r->book->cell[i], *off = book_without_cache(r->book, on);
		double v;
		bool any = false;
		for (int e = 0; off && e < ENG_N; e++)
			for (const struct row_def *t = tiles; t->metric; t++)
				any = any || (cell_num(off, (enum engine)e, t->metric, &v) &&
					      cell_num(on, (enum engine)e, t->metric, &v));
		if (!any)
			continue;
		shown++;
		fputs("<h3>", out);
		html_text(out, pair_words(on, words));
		fputs(": without \u2192 with the cache</h3>\n<div class=\"tiles\">\n", out);
		for (const struct row_def *t = tiles; t->metric; t++)
			put_tile(off, on, t, out);
		fputs("</div>\n", out);
	}
}

/* --- what to set --- */

static void put_lines(const struct settings *s, FILE *out)
{
	fputs("<pre class=\"paste\" tabindex=\"0\" aria-label=\"Lines to paste\"><code>", out);
	for (int p = 0; p < PLACE_N; p++) {
		bool begun = false;
		for (size_t i = 0; i < s->n; i++) {
			if ((int)s->s[i].place != p || !*s->s[i].line)
				continue;
			if (!begun)
				fprintf(out, "# %s\n", setting_place_words[p]);
			begun = true;
			fprintf(out, "%s\n", s->s[i].line);
		}
	}
	fputs("</code></pre>\n", out);
}

static void put_settings(struct report *r, FILE *out)
{
	const struct settings *set = &r->settings;
	fputs("<h3>What to set</h3>\n", out);
	if (!set->n) {
		fputs("<p>No record says enough to advise a setting.</p>\n", out);
		return;
	}
	put_lines(set, out);
	struct sheet *s = sheet_new(&r->sheets, "settings", "Settings, the rule behind each, and what it rests on.");
	sheet_column_text(s, "setting", "setting");
	sheet_column_num(s, "value", "value");
	sheet_column_text(s, "rule", "rule");
	sheet_column_text(s, "from", "from");
	for (size_t i = 0; i < set->n; i++) {
		sheet_row(s, false);
		sheet_text(s, set->s[i].name);
		sheet_num(s, set->s[i].value, set->s[i].unit);
		sheet_text(s, set->s[i].rule);
		sheet_text(s, set->s[i].from);
	}
	sheet_html(s, out);
}

/* --- what to expect --- */

static void put_side(struct sheet *s, double v, const char *unit, bool has_interval, double low, double high)
{
	char text[128], a[FMT_MAX], b[FMT_MAX];
	sheet_num(s, v, unit);
	if (!has_interval)
		return;
	snprintf(text, sizeof(text), "%s to %s", fmt_unit(low, unit, a), fmt_unit(high, unit, b));
	sheet_aside(s, text);
}

static void put_change(struct sheet *s, const struct comparison *c)
{
	static const enum sheet_mark mark[] = { MARK_NONE, MARK_NONE, MARK_GOOD, MARK_BAD, MARK_WARN };
	char change[FMT_MAX];
	if (c->was > 0)
		sheet_num_as(s, c->now / c->was - 1, "1", fmt_change(c->was, c->now, change));
	else if (c->now == c->was)
		sheet_text(s, "no change");
	else
		sheet_absent(s);
	sheet_text(s, change_words[c->is]);
	sheet_mark(s, mark[c->is]);
	sheet_textf(s, "%s; %s", c->why, engine_title(c->engine));
}

static void put_rate_row(struct sheet *s, const struct cell *off, const struct cell *on)
{
	double was, now;
	char change[FMT_MAX], words[128];
	for (int e = 0; e < ENG_N; e++) {
		if (!off->run[e] || !on->run[e] || !world_rate(off->run[e], "upstream.queries", &was) ||
		    !world_rate(on->run[e], "upstream.queries", &now))
			continue;
		sheet_row(s, false);
		sheet_textf(s, "%s: questions a second at cluster DNS, from each node", pair_words(on, words));
		sheet_num(s, was, "queries/s");
		sheet_num(s, now, "queries/s");
		if (was > 0)
			sheet_num_as(s, now / was - 1, "1", fmt_change(was, now, change));
		else
			sheet_absent(s);
		sheet_text(s, "");
		sheet_textf(s, "the total by the seconds of load; %s", engine_title((enum engine)e));
		return;
	}
}

static void put_expected(struct report *r, FILE *out)
{
	struct sheet *s =
		sheet_new(&r->sheets, "expected",
			  "Without and with the cache; below a percentile its 95 % interval, for the chance within a run.");
	char words[128];
	sheet_column_text(s, "mode and figure", "figure");
	sheet_column_num(s, "without", "without");
	sheet_column_num(s, "with", "with");
	sheet_column_num(s, "change", "change");
	sheet_column_text(s, "is", "is");
	sheet_column_text(s, "decided by", "decided_by");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		const struct cell *on = &r->book->cell[i], *off = book_without_cache(r->book, on);
		bool first = true;
		for (const struct measure *m = measures; off && m->metric; m++) {
			struct comparison c;
			measure_compare(&c, m, off, on);
			if (c.is == CHANGE_UNKNOWN)
				continue;
			sheet_row(s, first);
			first = false;
			sheet_textf(s, "%s: %s", pair_words(on, words), m->words);
			put_side(s, c.was, c.unit, c.has_interval, c.was_low, c.was_high);
			put_side(s, c.now, c.unit, c.has_interval, c.now_low, c.now_high);
			put_change(s, &c);
		}
		if (!first)
			put_rate_row(s, off, on);
	}
	if (s->n_rows)
		fputs("<h3>What to expect</h3>\n", out);
	sheet_html(s, out);
}

/* --- how sure --- */

static void put_sureness(const struct report *r, FILE *out)
{
	const struct tally *t = &r->tally;
	fprintf(out, "<h3>How sure is that?</h3>\n<p><strong>The answer is %s.</strong></p>\n", sure_words[r->advice.sure]);
	put_list(&r->advice.evidence, out);
	fprintf(out, "<p class=\"note\">%zu of %zu checks passed; %zu item%s skipped. %s</p>\n", t->checks - t->checks_failed,
		t->checks, t->skips, t->skips == 1 ? "" : "s", SURENESS_RULE);
}

static void put_thresholds(struct report *r, FILE *out)
{
	static const enum sheet_mark look[] = { MARK_GOOD, MARK_BAD, MARK_WARN };
	static const char *const words[] = { "not crossed", "crossed", "not judged" };
	if (!r->n_judged)
		return;
	fputs("<h3>Thresholds</h3>\n", out);
	struct sheet *s = sheet_new(&r->sheets, "thresholds", "What was to fail the report when it holds.");
	sheet_column_text(s, "threshold", "threshold");
	sheet_column_text(s, "result", "result");
	sheet_column_text(s, "found", "found");
	for (size_t i = 0; i < r->n_judged; i++) {
		const struct judged *j = &r->judged[i];
		sheet_row(s, false);
		sheet_text(s, j->t.text);
		sheet_code(s);
		sheet_text(s, words[j->verdict]);
		sheet_mark(s, look[j->verdict]);
		sheet_text(s, j->detail);
	}
	sheet_html(s, out);
}

void section_verdict(struct report *r, FILE *out)
{
	const struct advice *a = &r->advice;
	fprintf(out, "<section class=\"verdict %s\" aria-labelledby=\"verdict\">\n<h2 id=\"verdict\">", answer_look[a->answer]);
	html_text(out, a->sentence);
	fprintf(out,
		"</h2>\n<p class=\"lead\">Of the figures that decide, with the cache %zu %s better, %zu worse, %zu the same and %zu not decided. "
		"The answer is %s.</p>\n",
		a->better, a->better == 1 ? "is" : "are", a->worse, a->same, a->untested, sure_words[a->sure]);
	put_list(&a->reasons, out);
	put_pairs(r, out);
	put_settings(r, out);
	put_expected(r, out);
	put_sureness(r, out);
	if (r->missing.n) {
		fputs("<h3>Expected, and not reported</h3>\n", out);
		put_list(&r->missing, out);
	}
	put_thresholds(r, out);
	fputs("<p class=\"note\">The rule: " ADVICE_RULE "</p>\n", out);
	section_end(out);
}
