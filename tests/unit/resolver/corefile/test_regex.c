/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern may cost: one that would run away does not match. */
#include "resolver/corefile/regex.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool matches(const char *pattern, const char *text, size_t len)
{
	struct cf_regex *r;
	struct diag d;

	cr_assert_eq(cf_regex_new(&r, pattern, &d), 0, "%s", d.text);
	bool yes = cf_regex_exec(r, text, len, NULL);

	cf_regex_free(r);
	return yes;
}

Test(regex, steps_are_bounded)
{
	char text[64];

	memset(text, 'a', sizeof(text));
	cr_expect(matches("^(a+)+$", text, sizeof(text)));
	text[sizeof(text) - 1] = 'b';
	cr_expect_not(matches("^(a+)+(?:c|b)$", text, sizeof(text) - 1), "two to the power of sixty steps");
	cr_expect(matches("b$", text, sizeof(text)));
}

/* What is remembered for each step grows with the groups: a name of 250 octets takes megabytes. */
Test(regex, memory_is_bounded)
{
	enum { GROUPS = 500 };
	char pattern[2 * GROUPS + 40] = "^(?:a|ab|x", text[250];

	for (int i = 0; i < GROUPS; i++)
		strcat(pattern, "()");
	strcat(pattern, ")*$");
	memset(text, 'a', sizeof(text));
	cr_expect(matches("^(?:a|ab)*$", text, sizeof(text)));
	cr_expect(matches(pattern, text, 4));
	cr_expect_not(matches(pattern, text, sizeof(text)));
}

/* A group that took no part is none of the text, and of more groups than there is room the first are told; nobody
 * writes behind them. */
Test(regex, groups_are_told_as_far_as_there_is_room)
{
	enum { MORE = CF_GROUPS_MAX + 4 };
	char many[4 * MORE + 1] = "", text[MORE + 1];
	struct cf_regex *r;
	struct {
		struct cf_match m;
		size_t behind[2];
	} got = {.behind = {7, 7}};
	struct diag d;

	cr_assert_eq(cf_regex_new(&r, "^(x)?(?P<name>b+)(c)", &d), 0, "%s", d.text);
	got.m.g[4].start = got.m.g[4].end = 9;
	cr_assert(cf_regex_exec(r, "bbc.", 4, &got.m));
	cr_expect_eq(got.m.n, 4);
	cr_expect_eq(got.m.g[0].start, 0);
	cr_expect_eq(got.m.g[0].end, 3);
	cr_expect_eq(got.m.g[1].start, SIZE_MAX);
	cr_expect_eq(got.m.g[1].end, SIZE_MAX);
	cr_expect_eq(got.m.g[2].start, 0);
	cr_expect_eq(got.m.g[2].end, 2);
	cr_expect_eq(got.m.g[3].end, 3);
	cr_expect_eq(got.m.g[4].start, 9, "it is no group of this pattern");
	cr_expect_eq(cf_regex_group(r, "name"), 2);
	cr_expect_eq(cf_regex_group(r, "nome"), -1);
	cr_expect_eq(cf_regex_groups(r), 3);
	cf_regex_free(r);

	for (int i = 0; i < MORE; i++)
		strcat(many, "(a)");
	memset(text, 'a', MORE);
	cr_assert_eq(cf_regex_new(&r, many, &d), 0, "%s", d.text);
	cr_assert(cf_regex_exec(r, text, MORE, &got.m));
	cr_expect_eq(got.m.n, CF_GROUPS_MAX);
	cr_expect_eq(got.m.g[CF_GROUPS_MAX - 1].end, CF_GROUPS_MAX - 1);
	cr_expect_eq(got.behind[0], 7);
	cr_expect_eq(cf_regex_groups(r), MORE);
	cf_regex_free(r);
}
