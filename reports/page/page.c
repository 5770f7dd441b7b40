/* SPDX-License-Identifier: Apache-2.0 */
/* Frame of the page. No script, no outside resource: it can be mailed around and
 * opened in ten years. The sections are written first, for the list of contents and
 * the widths of the tables are known after them. */
#include "reports/page/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/opt.h"
#include "reports/page/style.h"
#include "reports/words/fmt.h"

/* The scenario of all cells, or what they have in common. */
static void put_header(const struct report *r, FILE *out)
{
	const struct book *b = r->book;
	fputs("<header>\n<h1>", out);
	html_text(out, r->title);
	fputs("</h1>\n<p class=\"lead\">", out);
	if (b->n_cells) {
		fputs("Scenario ", out);
		html_text(out, *b->cell[0].scenario ? b->cell[0].scenario : "without a name");
		bool more = b->n_cells > 1 && strcmp(b->cell[b->n_cells - 1].scenario, b->cell[0].scenario);
		fprintf(out, "%s: %zu cell%s, %s. %zu record%s.", more ? " and others" : "", b->n_cells,
			b->n_cells == 1 ? "" : "s",
			!book_has_measured(b)	? "predicted; nothing was measured"
			: book_has_predicted(b) ? "measured, with what the models predicted beside it"
						: "measured",
			b->n_records, b->n_records == 1 ? "" : "s");
	}
	fputs("</p>\n</header>\n", out);
}

static void put_contents(const struct report *r, FILE *out)
{
	fputs("<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#verdict\">Verdict</a></li>\n", out);
	for (size_t i = 0; i < r->n_sections; i++) {
		fprintf(out, "<li><a href=\"#%s\">", r->section[i].id);
		html_text(out, r->section[i].title);
		fputs("</a></li>\n", out);
	}
	fputs("</ul></nav>\n", out);
}

static void put_page(const struct report *r, const char *sections, FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>",
	      out);
	html_text(out, r->title);
	fprintf(out, "</title>\n<style>\n%s", page_style);
	sheets_style(&r->sheets, out);
	fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#verdict\">To the verdict</a>\n", out);
	put_header(r, out);
	put_contents(r, out);
	fprintf(out,
		"<main>\n%s</main>\n<footer><p>capacity-report %s. Times are counted from the moment a lookup was meant to start. "
		"k is 1000, MiB is 1,048,576 bytes. All numbers of this page are in report.json and report.csv beside it, those of the records in "
		"cells.csv, points and scripts of the pictures in data/.</p></footer>\n</body>\n</html>\n",
		sections, opt_version());
}

static int write_aside(struct report *r, const char *sections, const char *path, struct diag *d)
{
	char temp[4096];
	if (snprintf(temp, sizeof(temp), "%s.partial", path) >= (int)sizeof(temp))
		return diag_set(d, ERR_LIMIT, "%.60s...: the path is too long", path);
	FILE *out = fopen(temp, "we");
	if (!out)
		return diag_errno(d, "%s", temp);
	put_page(r, sections, out);
	bool bad = ferror(out);
	if (fclose(out) || bad)
		return diag_errno(d, "%s", temp);
	return rename(temp, path) ? diag_errno(d, "%s", path) : 0;
}

int page_write(struct report *r, const char *path, struct diag *d)
{
	char *sections = NULL;
	size_t size;
	FILE *out = open_memstream(&sections, &size);
	if (!out)
		return diag_set(d, ERR_NOMEM, "no memory");
#define SECTION_WRITE(name) section_##name(r, out);
	REPORT_SECTIONS(SECTION_WRITE)
	bool bad = ferror(out);
	if (fclose(out) || bad || r->sheets.failed) {
		free(sections);
		return diag_set(d, ERR_NOMEM, "%s: no memory, or more than %d tables", path, SHEETS_MAX);
	}
	int rc = write_aside(r, sections, path, d);
	free(sections);
	return rc;
}
