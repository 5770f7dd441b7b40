/* SPDX-License-Identifier: Apache-2.0 */
/* The same findings in four forms. */
#include "kind-e2e/run/report.h"

#include <string.h>

void report_line(FILE *out, const struct finding *f)
{
	fprintf(out, "  %-7s %-22s %7.2f s  %s%s%s\n", verdict_str(f->verdict), f->check->id,
		f->took_s, f->verdict == VERDICT_PROVED ? "" : f->check->proves,
		f->verdict == VERDICT_PROVED ? "" : ": ", f->words);
	fflush(out);
}

void report_verdict(FILE *out, const struct findings *f)
{
	unsigned known = findings_count(f, VERDICT_KNOWN), skipped;

	skipped = findings_count(f, VERDICT_SKIPPED);
	fprintf(out, "%s: %s", f->cell, verdict_str(findings_verdict(f)));
	if (f->skipped[0])
		fprintf(out, ": %s", f->skipped);
	else if (f->broke[0])
		fprintf(out, ": %s", f->broke);
	else
		fprintf(out, ": %u proved, %u failed, %u flaky", findings_count(f, VERDICT_PROVED),
			findings_count(f, VERDICT_FAILED), findings_count(f, VERDICT_FLAKY));
	if (known)
		fprintf(out, ", %u known to fail", known);
	if (skipped)
		fprintf(out, ", %u skipped", skipped);
	fprintf(out, " (%.1f s)\n", f->took_s);
	fflush(out);
}

static FILE *open_out(const char *path, struct diag *d)
{
	FILE *out = !strcmp(path, "-") ? stdout : fopen(path, "we");

	if (!out)
		diag_errno(d, "%s", path);
	return out;
}

static int close_out(FILE *out, const char *path, struct diag *d)
{
	int bad = out == stdout ? fflush(out) : fclose(out);

	return bad ? diag_errno(d, "%s", path) : 0;
}

/* --- TAP ------------------------------------------------------------------------------ */

/* One line, in which '#' would begin a directive. */
static void put_tap_words(FILE *out, const char *words)
{
	for (; *words; words++)
		fputc(*words == '\n' ? ' ' : *words == '#' ? '%' : *words, out);
}

static void put_tap(FILE *out, unsigned number, const struct findings *c, const struct finding *f)
{
	bool failed = f->verdict == VERDICT_FAILED || f->verdict == VERDICT_KNOWN;

	fprintf(out, "%sok %u - %s %s", failed ? "not " : "", number, c->cell, f->check->id);
	if (f->verdict == VERDICT_KNOWN || f->verdict == VERDICT_SKIPPED) {
		fputs(f->verdict == VERDICT_KNOWN ? " # TODO " : " # SKIP ", out);
		put_tap_words(out, f->words);
	} else if (f->verdict == VERDICT_FLAKY) {
		fprintf(out, " (flaky %u/%u)", f->passed, f->tries);
	}
	fprintf(out, "\n  ---\n  proves: \"%s\"\n  seconds: %.3f\n", f->check->proves, f->took_s);
	fputs("  found: \"", out);
	for (const char *at = f->words; *at; at++)
		fprintf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at == '\n' ? ' ' : *at);
	fputs("\"\n  ...\n", out);
}

int report_tap(const char *path, const struct findings *cells, unsigned n, struct diag *d)
{
	unsigned total = 0, number = 0;
	FILE *out = open_out(path, d);

	if (!out)
		return ERR_SYS;
	for (unsigned i = 0; i < n; i++)
		total += cells[i].n + (cells[i].skipped[0] || cells[i].broke[0] || !cells[i].done);
	fprintf(out, "TAP version 13\n1..%u\n", total);
	for (unsigned i = 0; i < n; i++) {
		const struct findings *c = &cells[i];

		for (unsigned k = 0; k < c->n; k++)
			put_tap(out, ++number, c, &c->f[k]);
		if (c->skipped[0]) {
			fprintf(out, "ok %u - %s # SKIP ", ++number, c->cell);
			put_tap_words(out, c->skipped);
			fputc('\n', out);
		} else if (c->broke[0] || !c->done) {
			fprintf(out, "not ok %u - %s runs to its end\n# ", ++number, c->cell);
			put_tap_words(out, c->broke[0] ? c->broke : "the run was ended before");
			fputc('\n', out);
		}
	}
	return close_out(out, path, d);
}

/* --- JUnit ----------------------------------------------------------------------------- */

static void put_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<' || c == '>' || c == '&' || c == '"')
			fprintf(out, "&#%u;", c);
		else
			fputc(c < ' ' ? ' ' : c, out);
	}
}

static void put_outcome(FILE *out, const char *element, const char *message)
{
	fprintf(out, "<%s message=\"", element);
	put_xml(out, message);
	fputs("\"/>", out);
}

static void put_case(FILE *out, const struct findings *c, const struct finding *f)
{
	static const char *const element[] = {
		[VERDICT_FLAKY] = "flakyFailure",
		[VERDICT_FAILED] = "failure",
		[VERDICT_KNOWN] = "skipped",
		[VERDICT_SKIPPED] = "skipped",
	};

	fprintf(out, "  <testcase classname=\"kind-e2e.%s\" name=\"%s: ", c->cell, f->check->id);
	put_xml(out, f->check->proves);
	fprintf(out, "\" time=\"%.3f\">", f->took_s);
	if (f->verdict != VERDICT_PROVED)
		put_outcome(out, element[f->verdict], f->words);
	fputs("<system-out>", out);
	put_xml(out, f->words);
	fputs("</system-out></testcase>\n", out);
}

static void put_suite(FILE *out, const struct findings *c)
{
	bool broke = c->broke[0] || (!c->done && !c->skipped[0]), one = broke || c->skipped[0];
	unsigned skipped = findings_count(c, VERDICT_SKIPPED) + findings_count(c, VERDICT_KNOWN);

	fprintf(out,
		" <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"%u\" "
		"skipped=\"%u\" time=\"%.3f\">\n",
		c->cell, c->n + one, findings_count(c, VERDICT_FAILED), broke,
		skipped + (c->skipped[0] != '\0'), c->took_s);
	for (unsigned i = 0; i < c->n; i++)
		put_case(out, c, &c->f[i]);
	if (one) {
		fprintf(out, "  <testcase classname=\"kind-e2e.%s\" name=\"the cell\">", c->cell);
		put_outcome(out, broke ? "error" : "skipped",
			    c->broke[0]	    ? c->broke
			    : c->skipped[0] ? c->skipped
					    : "the run was ended before");
		fputs("</testcase>\n", out);
	}
	fputs(" </testsuite>\n", out);
}

int report_junit(const char *path, const struct findings *cells, unsigned n, struct diag *d)
{
	FILE *out = open_out(path, d);

	if (!out)
		return ERR_SYS;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kind-e2e\">\n", out);
	for (unsigned i = 0; i < n; i++)
		put_suite(out, &cells[i]);
	fputs("</testsuites>\n", out);
	return close_out(out, path, d);
}

/* --- the list ---------------------------------------------------------------------------- */

static const char *cells_of(unsigned needs)
{
	static const char *const caches[2][2] = {
		{"cache, original", "cache, original, not ipvs-cache"},
		{"cache", "cache, not ipvs-cache"}};
	const char *cache = caches[(needs & NEED_OURS) != 0][(needs & NEED_VIP) != 0];

	if (needs & NEED_LOCAL)
		return "ipvs-cache";
	if (needs & NEED_IPVS)
		return needs & NEED_PLAIN ? "ipvs-nocache"
		       : needs & NEED_VIP ? "ipvs-intercept"
					  : "ipvs-cache, ipvs-intercept, original";
	return needs & NEED_EMPTY   ? "empty"
	       : needs & NEED_CACHE ? cache
	       : needs & NEED_PLAIN ? "no cache"
				    : "all";
}

void report_list(FILE *out)
{
	fputs("| check | proves | cells |\n|---|---|---|\n", out);
	for (unsigned f = 0; families[f]; f++) {
		fprintf(out, "| **%s** | *%s* | |\n", families[f]->name, families[f]->about);
		for (const struct check *x = families[f]->check; x->id; x++)
			fprintf(out, "| `%s` | %s | %s |\n", x->id, x->proves, cells_of(x->needs));
	}
}
