/* SPDX-License-Identifier: Apache-2.0 */
/* What lets a reader trust or doubt the rest: checks, skips, caveats, and where
 * everything came from. */
#include "reports/page/report.h"

#include <string.h>

#include "reports/words/fmt.h"

static const char *owner(const struct record *r)
{
	const char *cell = record_label(r, "cell");
	return cell ? cell : record_tool(r);
}

/* Of repeats one run stands for the cell; of the others only what failed is told. */
static bool is_repeat(const struct book *b, const struct record *r)
{
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			for (size_t k = 0; k < b->cell[i].all[e].n; k++)
				if (b->cell[i].all[e].run[k] == r)
					return b->cell[i].run[e] != r;
	return false;
}

static void put_checks(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(
		&r->sheets, "checks",
		"What each cell had to prove. Of repeated runs, the one that stands for the cell, and all that failed.");
	const char *name, *detail;
	bool passed;
	sheet_column_text(s, "check", "check");
	sheet_column_text(s, "result", "result");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "found", "found");
	for (size_t i = 0; i < r->book->n_records; i++) {
		bool repeat = is_repeat(r->book, r->book->record[i]), first = true;
		for (size_t k = 0; record_check(r->book->record[i], k, &name, &passed, &detail); k++) {
			if (repeat && passed)
				continue;
			sheet_row(s, first);
			first = false;
			sheet_text(s, name);
			sheet_text(s, passed ? "passed" : "FAILED");
			sheet_mark(s, passed ? MARK_GOOD : MARK_BAD);
			sheet_text(s, owner(r->book->record[i]));
			sheet_text(s, detail);
		}
	}
	sheet_html(s, out);
}

static void put_remarks(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "remarks", "What was skipped, and what the tools noted.");
	const char *kind, *text;
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "kind", "kind");
	sheet_column_text(s, "words", "words");
	for (int skips = 1; skips >= 0; skips--)
		for (size_t i = 0; i < r->book->n_records; i++)
			for (size_t k = 0; record_remark(r->book->record[i], k, &kind, &text); k++) {
				bool is_skip = !strcmp(kind, "skip");
				if (is_skip != (skips == 1))
					continue;
				sheet_row(s, false);
				sheet_text(s, owner(r->book->record[i]));
				sheet_text(s, skips ? "skipped" : "note");
				sheet_mark(s, MARK_WARN);
				sheet_text(s, text);
			}
	sheet_html(s, out);
}

void section_checks(struct report *r, FILE *out)
{
	section_begin(r, out, "checks", "Checks, skips and notes", r->tally.checks ? NULL : "No record holds a check.");
	put_checks(r, out);
	put_remarks(r, out);
	section_end(out);
}

void section_caveats(struct report *r, FILE *out)
{
	if (!r->caveats.n && !*r->figures->problem)
		return;
	section_begin(r, out, "caveats", "To be held against this page", "Found in the records, not written for this page.");
	put_list(&r->caveats, out);
	if (*r->figures->problem) {
		fputs("<p><span class=\"tag warn\">no pictures</span> ", out);
		html_text(out, r->figures->problem);
		fputs(". The tables hold the same numbers.</p>\n", out);
	}
	section_end(out);
}

/* --- provenance --- */

static const char *fact(const struct record *r, const char *key)
{
	const char *v = record_fact(r, key);
	return v ? v : "";
}

static void put_source(struct sheet *s, const struct record *r)
{
	const char *lab = record_label(r, "lab");
	char input[400];
	sheet_row(s, false);
	sheet_text(s, owner(r));
	sheet_textf(s, "%.60s %.60s", record_tool(r), fact(r, "version"));
	sheet_text(s, fact(r, "start"));
	sheet_textf(s, "%.60s, %.80s%s%.20s", fact(r, "host"), fact(r, "kernel"), lab ? ", " : "", lab ? lab : "");
	sheet_text(s, fact(r, "seed"));
	sheet_text(s, fact(r, "args"));
	sheet_code(s);
	if (!*fact(r, "input_sha256"))
		return;
	snprintf(input, sizeof(input), "input %.200s sha256:%.64s", fact(r, "input"), fact(r, "input_sha256"));
	sheet_aside(s, input);
}

void section_provenance(struct report *r, FILE *out)
{
	section_begin(r, out, "provenance", "Where this came from", NULL);
	struct sheet *s = sheet_new(&r->sheets, "provenance", "Every record that was read.");
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "tool", "tool");
	sheet_column_text(s, "begun", "begun");
	sheet_column_text(s, "machine", "machine");
	sheet_column_text(s, "seed", "seed");
	sheet_column_text(s, "command and input", "command");
	for (size_t i = 0; i < r->book->n_records; i++)
		put_source(s, r->book->record[i]);
	sheet_html(s, out);
	section_end(out);
}

/* --- words --- */

void section_words(struct report *r, FILE *out)
{
	static const char *const words[][2] = {
		{ "Cache",
		  "a DNS server on every node that answers the pods there from memory, and asks the cluster DNS for the rest." },
		{ "Cluster DNS", "the servers behind the Service kube-dns, CoreDNS as a rule; each is a replica, or backend." },
		{ "Lookup",
		  "what an application asked for once: both address families and all names of the search list. Most take several questions." },
		{ "Question", "one DNS message that asks for one name and type." },
		{ "Connection table",
		  "conntrack: the kernel\u2019s list of flows. Without the cache every question from a new port takes an entry; a full table drops packets." },
		{ "p50, p99, p99.9", "percentiles: 50, 99 or 99.9 of 100 lookups took no longer." },
		{ "Interval, 95 %", "where the true value lies in 95 of 100 such runs, as far as chance within a run goes." },
		{ "Measured",
		  "seen in a run with real sockets and a real kernel. Predicted: dns-sim simulates the scenario with the daemon\u2019s own code, "
		  "conntrack-model computes the connection table." },
	};
	section_begin(r, out, "words", "Words", NULL);
	fputs("<dl>\n", out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		fprintf(out, "<dt>%s</dt><dd>%s</dd>\n", words[i][0], words[i][1]);
	fputs("</dl>\n", out);
	section_end(out);
}
