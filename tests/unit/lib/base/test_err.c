/* SPDX-License-Identifier: Apache-2.0 */
/* Words for faults: form, limits, and suggestions that are neither far-fetched nor missed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/first.h"

Test(err, every_code_has_words)
{
	for (int code = 0; code >= ERR_TIMEOUT; code--)
		cr_assert_str_neq(err_str(code), "unknown error", "code %d", code);
	cr_assert_str_eq(err_str(7), "unknown error");
	cr_assert_str_eq(err_str(-999), "unknown error");
	cr_assert_str_eq(err_str(-2147483647 - 1), "unknown error");
}

Test(err, diag_returns_its_code_and_may_quote_itself)
{
	struct diag d = {"inner"};

	cr_assert_eq(diag_set(&d, ERR_RANGE, "outer: %s", d.text), ERR_RANGE);
	cr_assert_str_eq(d.text, "outer: inner");
	cr_assert_eq(diag_set(NULL, ERR_LIMIT, "unheard"), ERR_LIMIT);
}

Test(err, diag_at_leaves_out_what_is_unknown)
{
	struct diag d;

	diag_at(&d, ERR_SYNTAX, "a.yaml", 7, 9, "bad %s", "key");
	cr_assert_str_eq(d.text, "a.yaml:7:9: bad key");
	diag_at(&d, ERR_SYNTAX, "a.yaml", 7, 0, "x");
	cr_assert_str_eq(d.text, "a.yaml:7: x");
	diag_at(&d, ERR_SYNTAX, "a.yaml", 0, 0, "x");
	cr_assert_str_eq(d.text, "a.yaml: x");
}

Test(err, diag_errno_keeps_errno)
{
	struct diag d;

	errno = ENOENT;
	cr_assert_eq(diag_errno(&d, "open %s", "f"), ERR_SYS);
	cr_assert_str_eq(d.text, "open f: No such file or directory");
	cr_assert_eq(errno, ENOENT);
}

Test(err, long_text_is_cut_not_overrun)
{
	char word[2000];
	struct diag d;

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	diag_at(&d, ERR_SYNTAX, word, 1, 1, "%s", word);
	cr_assert_eq(strlen(d.text), sizeof(d.text) - 1);
	errno = EIO;
	diag_errno(&d, "%s", word);
	cr_assert_eq(strlen(d.text), sizeof(d.text) - 1);
}

Test(err, suggestions)
{
	static const char *const keys[] = {"pods", "duration", "cache_ttl", "Search", NULL};
	static const struct {
		const char *word, *want;
	} row[] = {
		{"pod", "pods"},
		{"duratoin", "duration"},
		{"cache-ttl", "cache_ttl"},
		{"search", "Search"},
		{"x", NULL},
		{"", NULL},
		{"upstream", NULL},
		{"dur", NULL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *got = err_suggest(row[i].word, keys);

		if (row[i].want)
			cr_expect_str_eq(got, row[i].want, "%s", row[i].word);
		else
			cr_expect_null(got, "%s -> %s", row[i].word, got);
	}
}

/* Of two faults the first, and its words alone. */
Test(err, the_first_counts)
{
	struct diag d = {""};

	cr_assert_eq(err_first(0, 0), 0);
	cr_assert_eq(err_first(0, ERR_SYS), ERR_SYS);
	cr_assert_eq(err_first(ERR_RANGE, 0), ERR_RANGE);
	cr_assert_eq(err_first(ERR_RANGE, ERR_SYS), ERR_RANGE);
	cr_assert_eq(diag_first(0, &d), &d);
	cr_assert_null(diag_first(ERR_SYS, &d));
}
