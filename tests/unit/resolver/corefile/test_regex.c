/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern may cost: one that would run away does not match. */
#include "resolver/corefile/regex.h"

#include <criterion/criterion.h>
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
