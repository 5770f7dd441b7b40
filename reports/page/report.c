/* SPDX-License-Identifier: Apache-2.0 */
/* What the page, the PDF and every section take from the report as a whole. */
#include "reports/page/report.h"

#include <string.h>

#include "reports/words/fmt.h"

void report_tally(const struct report *r, struct tally *ret)
{
	const char *kind, *text;
	struct tally t = { 0 };
	for (size_t i = 0; i < r->book->n_records; i++) {
		size_t checks;
		t.checks_failed += checks_failed(r->book->record[i], &checks);
		t.checks += checks;
		for (size_t k = 0; record_remark(r->book->record[i], k, &kind, &text); k++)
			t.skips += !strcmp(kind, "skip");
	}
	for (size_t i = 0; i < r->n_judged; i++) {
		t.thresholds_failed += r->judged[i].verdict == VERDICT_FAIL;
		t.thresholds_unknown += r->judged[i].verdict == VERDICT_UNKNOWN;
	}
	*ret = t;
}

void figure_put(const struct report *r, const struct figure *f, FILE *out)
{
	if (!f->drawn)
		return;
	fputs("<figure>\n", out);
	if (figure_inline(r->figures, f, out))
		fputs("<p class=\"note\">The picture could not be read back.</p>\n", out);
	fputs("<figcaption>", out);
	html_text(out, f->finding);
	fputs("</figcaption>\n</figure>\n", out);
}
