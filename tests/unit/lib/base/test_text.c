/* SPDX-License-Identifier: Apache-2.0 */
/* A text that is gathered in memory: all of it, or an error. */
#include "tests/fixtures/no_memory.h"

#include "lib/base/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(text, of_every_length)
{
	for (size_t len = 0; len < 20000; len = len * 5 / 4 + 1) {
		char *text = NULL;
		size_t n = 77;
		FILE *f = text_open(&text, &n);

		cr_assert(f);
		for (size_t i = 0; i < len; i++)
			fputc('a' + (int)(i % 23), f);
		cr_assert_eq(fclose(f), 0);
		cr_assert(text);
		cr_expect_eq(n, len);
		cr_expect_eq(strlen(text), len);
		for (size_t i = 0; i < len; i++)
			cr_assert_eq(text[i], 'a' + (char)(i % 23), "octet %zu of %zu", i, len);
		free(text);
	}
}

/* Whichever piece there is no memory for, and whether there is again behind it or not. */
Test(text, is_whole_or_none)
{
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	for (int gone = 0; gone < 2; gone++) {
		bool is_short = true;
		long n;

		for (n = 0; is_short; n++) {
			long kept = memory_kept;
			char *text = NULL;
			size_t len = 0;
			int rc = -1;

			memory_fail(n, gone);
			FILE *f = text_open(&text, &len);

			for (int i = 0; f && i < 1000; i++)
				fprintf(f, "line %d\n", i);
			if (f)
				rc = fclose(f);
			is_short = memory_back();
			cr_assert_eq(rc == 0, text != NULL, "allocation %ld", n);
			if (!is_short)
				cr_assert_eq(rc, 0);
			if (text)
				cr_assert(len == 8890 && strlen(text) == 8890 && !strcmp(text + len - 9, "line 999\n"), "%zu", len);
			free(text);
			cr_assert_eq(memory_kept, kept, "allocation %ld", n);
		}
		cr_expect_gt(n, 3);
	}
}
