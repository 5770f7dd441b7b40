/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one life: zeroed, within its limit, in pieces that do not touch. */
#include "resolver/corefile/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/checked.h"

Test(arena, the_limit_is_the_sum)
{
	struct arena *a = arena_new(100000 + 100 * ASAN_GAP(16));
	size_t n = 0;

	cr_expect_null(arena_alloc(a, 100001 + 100 * ASAN_GAP(16)));
	cr_expect_null(arena_alloc(a, SIZE_MAX), "rounded up it would be none");
	cr_expect_null(arena_alloc(a, SIZE_MAX - 14));
	while (arena_alloc(a, 1000))
		n++;
	cr_expect(n >= 99 - 1 && n <= 100, "%zu", n);
	cr_expect_null(arena_strn(a, "x", 5000));
	cr_expect_null(arena_printf(a, "%5000d", 7));
	arena_free(a);
	arena_free(NULL);
	a = arena_new(64 + 2 * ASAN_GAP(16));
	cr_expect_not_null(arena_alloc(a, 64), "to the octet");
	cr_expect_not_null(arena_alloc(a, 0));
	cr_expect_null(arena_alloc(a, 1));
	arena_free(a);
}

/* Larger than a block, smaller than what is left of one, and none at all. */
Test(arena, pieces_are_zeroed_and_apart)
{
	static const size_t sizes[] = {1, 16, 17, 100, 16000, 16384, 16385, 40000, 0, 300};
	struct arena *a = arena_new(1 << 20);
	unsigned char *piece[40];

	for (unsigned i = 0; i < 40; i++) {
		size_t n = sizes[i % 10];

		piece[i] = arena_alloc(a, n);
		cr_assert(piece[i]);
		cr_expect_eq((uintptr_t)piece[i] % 16, 0);
		for (size_t k = 0; k < n; k++)
			cr_assert_eq(piece[i][k], 0);
		memset(piece[i], (int)i + 1, n);
	}
	for (unsigned i = 0; i < 40; i++)
		for (size_t k = 0; k < sizes[i % 10]; k++)
			cr_assert_eq(piece[i][k], i + 1, "%u", i);
	arena_free(a);
}

Test(arena, text_and_arrays)
{
	struct arena *a = arena_new(1 << 20);
	uint32_t *list = NULL;
	size_t n = 0;

	cr_expect_str_eq(arena_str(a, "abc"), "abc");
	cr_expect_str_eq(arena_strn(a, "abc", 2), "ab");
	cr_expect_str_eq(arena_strn(a, "abc", 0), "");
	cr_expect_str_eq(arena_printf(a, "%s-%d", "x", 12), "x-12");
	cr_expect_eq(memcmp(arena_copy(a, "abc", 4), "abc", 4), 0);
	cr_expect_not_null(arena_copy(a, NULL, 0));
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t *slot = arena_push(a, &list, &n, sizeof(*list));

		cr_assert_eq(n, i + 1);
		cr_assert_eq(slot, &list[i]);
		cr_assert_eq(*slot, 0);
		*slot = i + 7;
	}
	for (uint32_t i = 0; i < 5000; i++)
		cr_assert_eq(list[i], i + 7);
	arena_free(a);
}

/* What does not fit leaves the array as it was. */
Test(arena, an_array_that_cannot_grow)
{
	struct arena *a = arena_new(4 * sizeof(uint64_t) + ASAN_GAP(16));
	uint64_t *list = NULL, *before;
	size_t n = 0;

	for (unsigned i = 0; i < 4; i++)
		*(uint64_t *)arena_push(a, &list, &n, sizeof(*list)) = i;
	before = list;
	cr_expect_null(arena_push(a, &list, &n, sizeof(*list)));
	cr_expect_eq(n, 4);
	cr_expect_eq(list, before);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(list[i], i);
	arena_free(a);
}
