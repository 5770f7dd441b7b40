/* SPDX-License-Identifier: Apache-2.0 */
/* Checks, skips and thresholds, added up. */
#include "reports/judge/tally.h"

#include <string.h>

void tally_findings(struct tally *ret, const struct book *b, const struct judged *judged, size_t n_judged)
{
	const char *kind, *text;
	struct tally t = { 0 };
	for (size_t i = 0; i < b->n_records; i++) {
		size_t checks;
		t.checks_failed += checks_failed(b->record[i], &checks);
		t.checks += checks;
		for (size_t k = 0; record_remark(b->record[i], k, &kind, &text); k++)
			t.skips += !strcmp(kind, "skip");
	}
	for (size_t i = 0; i < n_judged; i++) {
		t.thresholds_failed += judged[i].verdict == VERDICT_FAIL;
		t.thresholds_unknown += judged[i].verdict == VERDICT_UNKNOWN;
	}
	*ret = t;
}
