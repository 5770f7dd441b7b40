/* SPDX-License-Identifier: Apache-2.0 */
/* A page of metrics without memory for it: none, rather than one that says less than it seems to. */
#include "resolver/observe/metrics.h"

#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/fixtures/no_memory.h"

static size_t families(const char *page)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, "# TYPE ")); at++)
		n++;
	return n;
}

/* How many families there are on it; 0: there is no page. */
static size_t page_families(void)
{
	const struct metrics_driver driver = {0};
	const struct metrics_input in = {.driver = &driver, .version = "v0", .start_s = 1};
	char *text = NULL;
	size_t len = 0, n = 0;
	FILE *f = text_open(&text, &len);

	if (!f)
		return 0;
	int rc = metrics_write(&in, f);

	if (fclose(f) == 0 && rc == 0)
		n = families(text);
	free(text);
	return n;
}

Test(metrics_memory, a_page_is_whole_or_none)
{
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	const size_t all = page_families();
	bool is_short = true;
	long n;

	cr_assert_gt(all, 50);
	for (n = 0; is_short; n++) {
		long kept = memory_kept;

		memory_fail(n, 0);
		size_t seen = page_families();

		is_short = memory_back();
		cr_expect(seen == 0 || seen == all, "allocation %ld: %zu of %zu families", n, seen, all);
		cr_assert_eq(memory_kept, kept, "allocation %ld", n);
	}
	cr_expect_gt(n, 100);
}
