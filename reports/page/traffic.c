/* SPDX-License-Identifier: Apache-2.0 */
/* What the traffic was: the load over time; of a capture who asked what, and how it went. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "lib/record/table.h"
#include "reports/words/fmt.h"

static const struct row_def capture_rows[] = {
	{ "capture.span", "span of the capture" },
	{ "queries.sent", "questions by clients" },
	{ "queries.rate", "of them a second, on average" },
	{ "queries.peak_1s", "most in a second" },
	{ "queries.peak_100ms", "most in a tenth of a second" },
	{ "queries.udp", "over UDP" },
	{ "queries.tcp", "over TCP" },
	{ "queries.retried", "asked again" },
	{ "queries.unanswered", "without an answer" },
	{ "queries.local", "to a link-local address, as node caches have" },
	{ "lookups.total", "lookups" },
	{ "lookups.wasted", "questions of the search list that were denied" },
	{ "names.distinct", "distinct names" },
	{ "stubs.named", "clients whose stub resolver is known" },
	{ "answers.noerror", "answers NOERROR" },
	{ "answers.nxdomain", "answers NXDOMAIN" },
	{ "answers.servfail", "answers SERVFAIL" },
	{ "answers.truncated", "answers truncated" },
	{ "answers.late", "answered after more than 5 s" },
	{ "replay.due", "questions due in the replay" },
	{ "replay.sent", "questions sent" },
	{ "replay.answered", "questions answered in time" },
	{ "replay.lost", "questions lost" },
	{ "replay.missed", "questions not sent: over a bound" },
	{ "compare.defects", "answers that differ by a defect" },
	{ "compare.benign", "answers that differ, benign" },
	{ "compare.unstable", "answers that differed once only" },
	{ 0 },
};

static bool is_traffic(const struct cell *c, const struct record **ret)
{
	*ret = c->run[ENG_CAPTURE] ? c->run[ENG_CAPTURE] : c->run[ENG_REPLAY];
	return *ret != NULL;
}

static void put_summary(struct report *r, FILE *out)
{
	const struct record *rec;
	double v;
	struct sheet *s = sheet_new(&r->sheets, "traffic", "Captures and replays in figures.");
	sheet_column_text(s, "figure", "figure");
	sheet_column_text(s, "cell", "cell");
	sheet_column_num(s, "value", "value");
	for (size_t i = 0; i < r->book->n_cells; i++) {
		bool first = true;
		for (const struct row_def *m = capture_rows; m->metric && is_traffic(&r->book->cell[i], &rec); m++) {
			if (!record_num(rec, m->metric, &v))
				continue;
			sheet_row(s, first);
			first = false;
			sheet_text(s, m->words);
			sheet_text(s, r->book->cell[i].title);
			sheet_metric(s, rec, m->metric);
		}
	}
	sheet_html(s, out);
}

/* A table of the record as it is: its words, then its counts. */
static void put_top(struct report *r, const char *name, const char *id, const char *caption, const char *head, FILE *out)
{
	for (size_t i = 0; i < r->book->n_cells; i++) {
		const struct record *rec;
		struct table t;
		struct diag d;
		char unique[32], words[160];
		if (!is_traffic(&r->book->cell[i], &rec) || record_table(rec, name, &t, &d))
			continue;
		snprintf(unique, sizeof(unique), i ? "%s_%zu" : "%s", id, i);
		snprintf(words, sizeof(words), "%s: %.80s.", caption, r->book->cell[i].title);
		struct sheet *s = sheet_new(&r->sheets, unique, words);
		sheet_column_text(s, head, "what");
		for (size_t k = 0; k < t.n_columns; k++)
			sheet_column_num(s, t.column[k], NULL);
		for (size_t row = 0; t.has_what && row < t.n_rows; row++) {
			sheet_row(s, false);
			sheet_text(s, t.what[row]);
			for (size_t k = 0; k < t.n_columns; k++) {
				double v = table_at(&t, row, (int)k);
				if (isnan(v))
					sheet_absent(s);
				else
					sheet_num(s, v, "queries");
			}
		}
		sheet_html(s, out);
		table_release(&t);
	}
}

void section_traffic(struct report *r, FILE *out)
{
	const struct record *rec;
	bool any = false;
	for (size_t i = 0; i < r->figures->n; i++)
		any = any || (r->figures->fig[i].kind == FIG_TRAFFIC && r->figures->fig[i].drawn);
	for (size_t i = 0; i < r->book->n_cells; i++)
		any = any || is_traffic(&r->book->cell[i], &rec);
	if (!any)
		return;
	section_begin(r, out, "traffic", "Traffic", NULL);
	put_figures(r, FIG_TRAFFIC, out);
	put_summary(r, out);
	put_top(r, "traffic_names", "top_names", "Names asked for most", "name", out);
	put_top(r, "traffic_clients", "top_clients", "Clients that asked most", "client", out);
	put_top(r, "traffic_stubs", "top_stubs", "Stub resolvers, by what they do on the wire", "stub", out);
	put_top(r, "traffic_types", "top_types", "Types asked for", "type", out);
	section_end(out);
}
