/* SPDX-License-Identifier: Apache-2.0 */
/* What lets a reader trust or doubt the rest: predictions with their errors,
 * checks, skips, and where everything came from. */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

bool prediction_error(double measured, double predicted, const char *unit, double tolerance, char buf[64])
{
	char text[FMT_MAX];
	if (measured == predicted) {
		snprintf(buf, 64, "exact");
		return true;
	}
	if (measured == 0) {
		snprintf(buf, 64, "+%s on 0", fmt_unit(predicted, unit, text));
		return false;
	}
	snprintf(buf, 64, "%s", fmt_change(measured, predicted, text));
	return fabs(predicted / measured - 1) <= tolerance;
}

static void put_prediction(const struct cell *c, int e, const char *metric, double measured, double tolerance, FILE *out)
{
	char text[FMT_MAX], error[64];
	double v;
	if (!cell_num(c, (enum engine)e, metric, &v)) {
		fputs("<td>\u2013</td><td>\u2013</td>", out);
		return;
	}
	const char *unit = record_unit(c->run[e], metric);
	bool near = prediction_error(measured, v, unit, tolerance, error);
	fprintf(out, "<td>%s</td><td>%s%s%s</td>", fmt_unit(v, unit, text), near ? "" : "<strong>off: ", error,
		near ? "" : "</strong>");
}

/* Rows of one cell; their number when `out` is NULL. */
static unsigned cell_predictions(const struct report *r, size_t index, FILE *out)
{
	const struct cell *c = &r->book->cell[index];
	char text[FMT_MAX];
	double measured, v;
	unsigned n = 0, total = out ? cell_predictions(r, index, NULL) : 0;
	for (const struct row_def *p = prediction_rows; p->metric; p++) {
		if (!cell_num(c, ENG_LAB, p->metric, &measured) ||
		    (!cell_num(c, ENG_SIM, p->metric, &v) && !cell_num(c, ENG_MODEL, p->metric, &v)))
			continue;
		if (!n++ && out) {
			fprintf(out, "<tr class=\"first\"><th scope=\"row\" rowspan=\"%u\"><span class=\"dot\" style=\"background:var(--cell%zu)\"></span>",
				total, index % CELL_COLOURS);
			html_text(out, c->title);
			fputs("</th>", out);
		} else if (out) {
			fputs("<tr>", out);
		}
		if (!out)
			continue;
		fprintf(out, "<td class=\"text\">%s</td><td>%s</td>", p->words,
			fmt_unit(measured, record_unit(c->run[ENG_LAB], p->metric), text));
		put_prediction(c, ENG_SIM, p->metric, measured, r->tolerance, out);
		put_prediction(c, ENG_MODEL, p->metric, measured, r->tolerance, out);
		fputs("</tr>\n", out);
	}
	return n;
}

void section_predictions(const struct report *r, FILE *out)
{
	unsigned n = 0;
	for (size_t i = 0; i < r->book->n_cells; i++)
		n += cell_predictions(r, i, NULL);
	if (!n)
		return;
	fprintf(out, "<section>\n<h2>Predicted beside measured</h2>\n<p class=\"note\">The error is what the model said, relative to what was measured. "
		     "<strong>off</strong> marks errors above %.0f %%.</p>\n"
		     "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Predicted beside measured\"><table>\n"
		     "<thead><tr><th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">what</th><th scope=\"col\">measured</th>"
		     "<th scope=\"col\">dns-sim</th><th scope=\"col\">error</th><th scope=\"col\">conntrack-model</th><th scope=\"col\">error</th></tr></thead>\n<tbody>\n",
		r->tolerance * 100);
	for (size_t i = 0; i < r->book->n_cells; i++)
		cell_predictions(r, i, out);
	fputs("</tbody></table></div>\n</section>\n", out);
}

/* --- checks, skips and notes --- */

static const char *owner(const struct record *r)
{
	const char *cell = record_label(r, "cell");
	return cell ? cell : record_tool(r);
}

static void put_checks(const struct record *r, FILE *out)
{
	const char *name, *detail;
	bool passed;
	for (size_t i = 0; record_check(r, i, &name, &passed, &detail); i++) {
		fprintf(out, "<tr><td class=\"text\"><span class=\"tag %s\">%s</span></td><td class=\"text\">",
			passed ? "good" : "bad", passed ? "passed" : "FAILED");
		html_text(out, owner(r));
		fputs("</td><th scope=\"row\">", out);
		html_text(out, name);
		fputs("</th><td class=\"text\">", out);
		html_text(out, detail);
		fputs("</td></tr>\n", out);
	}
}

static void put_remarks(const struct book *b, const char *wanted, FILE *out)
{
	const char *kind, *text;
	for (size_t i = 0; i < b->n_records; i++)
		for (size_t k = 0; record_remark(b->record[i], k, &kind, &text); k++) {
			if (strcmp(kind, wanted))
				continue;
			fprintf(out, "<li><span class=\"tag warn\">%s</span> ", !strcmp(kind, "skip") ? "skipped" : "note");
			html_text(out, owner(b->record[i]));
			fputs(": ", out);
			html_text(out, text);
			fputs("</li>\n", out);
		}
}

void section_checks(const struct report *r, FILE *out)
{
	struct tally t;
	report_tally(r, &t);
	fputs("<section>\n<h2>Checks, skips and notes</h2>\n", out);
	if (t.checks) {
		fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Checks\"><table>\n<caption>What each cell had to prove.</caption>\n"
		      "<thead><tr><th scope=\"col\" class=\"text\">result</th><th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">check</th>"
		      "<th scope=\"col\" class=\"text\">found</th></tr></thead>\n<tbody>\n",
		      out);
		for (size_t i = 0; i < r->book->n_records; i++)
			put_checks(r->book->record[i], out);
		fputs("</tbody></table></div>\n", out);
	} else {
		fputs("<p>No record holds a check.</p>\n", out);
	}
	fputs("<ul>\n", out);
	put_remarks(r->book, "skip", out);
	put_remarks(r->book, "note", out);
	for (size_t i = 0; i < r->book->n_notes; i++) {
		fputs("<li><span class=\"tag warn\">note</span> ", out);
		html_text(out, r->book->note[i]);
		fputs("</li>\n", out);
	}
	if (*r->figures->problem) {
		fputs("<li><span class=\"tag warn\">no pictures</span> ", out);
		html_text(out, r->figures->problem);
		fputs(". The tables hold the same numbers.</li>\n", out);
	}
	fputs("</ul>\n</section>\n", out);
}

/* --- provenance --- */

static void put_fact(const struct record *r, const char *key, FILE *out)
{
	const char *v = record_fact(r, key);
	fputs("<td class=\"text\">", out);
	html_text(out, v ? v : "\u2013");
	fputs("</td>", out);
}

static void put_source(const struct record *r, FILE *out)
{
	const char *digest = record_fact(r, "input_sha256");
	fputs("<tr><th scope=\"row\">", out);
	html_text(out, owner(r));
	fputs("</th><td class=\"text\">", out);
	html_text(out, record_tool(r));
	fputs("</td>", out);
	put_fact(r, "version", out);
	put_fact(r, "start", out);
	put_fact(r, "kernel", out);
	put_fact(r, "seed", out);
	fputs("<td class=\"text\"><code>", out);
	html_text(out, record_fact(r, "args") ? record_fact(r, "args") : "");
	fputs("</code>", out);
	if (digest) {
		fputs("<br>input ", out);
		html_text(out, record_fact(r, "input"));
		char head[17];
		snprintf(head, sizeof(head), "%.16s", digest);
		fputs(" <code>sha256:", out);
		html_text(out, head);
		fputs("\u2026</code>", out);
	}
	fputs("</td></tr>\n", out);
}

void section_provenance(const struct report *r, FILE *out)
{
	fputs("<section>\n<h2>Where this came from</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Provenance\"><table>\n<thead><tr>"
	      "<th scope=\"col\" class=\"text\">cell</th><th scope=\"col\" class=\"text\">tool</th><th scope=\"col\" class=\"text\">version</th>"
	      "<th scope=\"col\" class=\"text\">begun</th><th scope=\"col\" class=\"text\">kernel</th><th scope=\"col\" class=\"text\">seed</th>"
	      "<th scope=\"col\" class=\"text\">command and input</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < r->book->n_records; i++)
		put_source(r->book->record[i], out);
	fputs("</tbody></table></div>\n</section>\n", out);
}
