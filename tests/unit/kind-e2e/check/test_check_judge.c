/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts, the table of checks, and what a diff of leftovers says. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/judge.h"

static struct findings f;

static void found(enum verdict v)
{
	f.done = true;
	f.f[f.n++].verdict = v;
}

Test(judge, one_failure_is_the_cells)
{
	cr_expect_eq(findings_verdict(&f), VERDICT_FAILED, "a cell nobody judged is not good");
	found(VERDICT_PROVED);
	cr_expect_eq(findings_verdict(&f), VERDICT_PROVED);
	found(VERDICT_KNOWN);
	found(VERDICT_SKIPPED);
	cr_expect_eq(findings_verdict(&f), VERDICT_PROVED);
	found(VERDICT_FLAKY);
	cr_expect_eq(findings_verdict(&f), VERDICT_FLAKY);
	found(VERDICT_FAILED);
	cr_expect_eq(findings_verdict(&f), VERDICT_FAILED);
	cr_expect_eq(findings_count(&f, VERDICT_PROVED), 1);
}

Test(judge, a_cell_that_broke_failed_and_one_without_findings_proves_nothing)
{
	f.done = true;
	cr_expect_eq(findings_verdict(&f), VERDICT_SKIPPED);
	strcpy(f.broke, "a veth is missing");
	cr_expect_eq(findings_verdict(&f), VERDICT_FAILED);
	strcpy(f.skipped, "no IPVS");
	cr_expect_eq(findings_verdict(&f), VERDICT_SKIPPED);
}

Test(judge, every_check_has_a_name_of_its_own_and_a_sentence)
{
	const struct check *x, *y;
	unsigned n = 0;

	for (; (x = check_at(n)); n++) {
		cr_expect(strchr(x->id, '.'), "%s: family, dot, what", x->id);
		cr_expect(x->proves[0] && x->proves[strlen(x->proves) - 1] != '.', "%s", x->id);
		cr_expect(!strchr(x->proves, '|'), "%s: would break the table", x->id);
		cr_expect(x->run);
		for (unsigned k = 0; k < n && (y = check_at(k)); k++)
			cr_expect_str_neq(x->id, y->id);
	}
	cr_expect_leq(n, FINDINGS_MAX);
}

static unsigned fitting(struct cell_spec spec, const char *prefix)
{
	const struct scenario s = {.n_backends = 2};
	const struct check *x;
	unsigned n = 0;

	for (unsigned i = 0; (x = check_at(i)); i++)
		n += check_fits(x, &spec, &s) && !strncmp(x->id, prefix, strlen(prefix));
	return n;
}

Test(judge, a_cell_has_the_checks_it_can_have)
{
	const struct cell_spec empty = {.empty = true, .ip = SCEN_IP4},
			       plain = {.proxy = SCEN_NFTABLES, .ip = SCEN_IP4},
			       cache = {.proxy = SCEN_NFTABLES, .with_cache = true, .ip = SCEN_IP4},
			       original = {.proxy = SCEN_NFTABLES,
					   .with_cache = true,
					   .original = true,
					   .ip = SCEN_IP4},
			       ipvs = {.proxy = SCEN_IPVS, .with_cache = true, .ip = SCEN_IP4};

	cr_expect_eq(fitting(empty, ""), fitting(empty, "self."));
	cr_expect_gt(fitting(empty, "self."), 0);
	cr_expect_eq(fitting(plain, "self."), 0);
	cr_expect_eq(fitting(plain, "cache."), 0);
	cr_expect_eq(fitting(plain, "metrics."), 0);
	cr_expect_gt(fitting(plain, "path.tracked"), 0);
	cr_expect_eq(fitting(cache, "path.tracked"), 0);
	cr_expect_gt(fitting(cache, "cache.killed"), 0);
	cr_expect_eq(fitting(original, "cache."), 0, "what only Nodens has is not asked of it");
	cr_expect_eq(fitting(original, "load.by-cache"), 0);
	cr_expect_eq(fitting(original, "path."), fitting(cache, "path."));
	cr_expect_eq(fitting(original, "teardown."), fitting(cache, "teardown."));
	cr_expect_eq(fitting(ipvs, "cache.killed-local"), 1);
	cr_expect_eq(fitting(ipvs, "cache.killed"), 1, "at the cluster DNS's address there is nothing to fall back to");
}

Test(judge, leftovers_are_told_line_by_line)
{
	char words[200];

	cr_expect_eq(leftovers_diff("b\na\n", "a\nb\n", words, sizeof words), 0);
	cr_expect_str_eq(words, "");
	cr_expect_eq(leftovers_diff("a\nb\n", "a\nb\nb\n", words, sizeof words), 1,
		     "a duplicate is one too many");
	cr_expect_str_eq(words, "left: \"b\"");
	cr_expect_eq(leftovers_diff("a\nb\n", "a\nc\n", words, sizeof words), 2);
	cr_expect_str_eq(words, "gone: \"b\", left: \"c\"");
}
