/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream lacks: of one name, of all, tried again, told at times. */
#include "resolver/core/quirk.h"

#include <criterion/criterion.h>

#include "lib/base/clock.h"

#define S NS_PER_S

static struct quirk k;

static void setup(void)
{
	k = (struct quirk){0};
}

TestSuite(quirk, .init = setup);

Test(quirk, one_name_is_asked_without_for_five_minutes)
{
	cr_expect(quirk_try(&k, 1, 1 * S));
	cr_expect_not(quirk_lacked(&k, 1, 1 * S));
	cr_expect_not(quirk_try(&k, 1, 1 * S));
	cr_expect(quirk_try(&k, 2, 1 * S), "another name");
	cr_expect_not(quirk_try(&k, 1, 300 * S));
	cr_expect(quirk_try(&k, 1, 301 * S));
	cr_expect_not(quirk_lacked(&k, 1, 302 * S), "once more");
	cr_expect_not(quirk_try(&k, 1, 600 * S));
}

/* The same name again is one name; so many different ones are the upstream. */
Test(quirk, eight_names_in_a_row_are_all_of_them)
{
	for (unsigned i = 0; i < 100; i++)
		cr_expect_not(quirk_lacked(&k, 1, 10 * S));
	for (uint64_t n = 2; n < QUIRK_ROW; n++)
		cr_expect_not(quirk_lacked(&k, n, 10 * S), "%u", (unsigned)n);
	cr_expect(quirk_try(&k, 99, 10 * S));
	cr_expect(quirk_lacked(&k, QUIRK_ROW, 10 * S));
	cr_expect_not(quirk_try(&k, 99, 10 * S));
	/* one a second may show that it is there */
	cr_expect_not(quirk_try(&k, 99, 11 * S - 1));
	cr_expect(quirk_try(&k, 99, 11 * S));
	cr_expect_not(quirk_try(&k, 98, 11 * S));
	cr_expect_not(quirk_try(&k, 98, 12 * S - 1));
	cr_expect(quirk_try(&k, 98, 12 * S));
	cr_expect_not(quirk_lacked(&k, 98, 12 * S), "that is known");
	quirk_held(&k);
	cr_expect(quirk_try(&k, 97, 12 * S));
	cr_expect(quirk_try(&k, 96, 12 * S));
}

Test(quirk, one_that_goes_well_begins_the_row_anew)
{
	for (uint64_t n = 1; n < QUIRK_ROW; n++)
		quirk_lacked(&k, n, 10 * S);
	quirk_held(&k);
	for (uint64_t n = 21; n < 20 + QUIRK_ROW; n++)
		cr_expect_not(quirk_lacked(&k, n, 11 * S), "%u", (unsigned)n);
	cr_expect(quirk_lacked(&k, 30, 11 * S));
}

static bool row(uint64_t first, uint64_t now_ns)
{
	bool told = false;

	quirk_held(&k);
	for (uint64_t n = 0; n < QUIRK_ROW; n++)
		told |= quirk_lacked(&k, first + n, now_ns);
	cr_expect(k.is_off);
	return told;
}

Test(quirk, it_is_told_once_a_minute)
{
	cr_expect(row(100, 10 * S));
	cr_expect_not(row(200, 69 * S));
	cr_expect(row(300, 70 * S));
	cr_expect_not(row(400, 71 * S));
	cr_expect_not(row(500, 129 * S));
	cr_expect(row(600, 130 * S));
}

/* The newest names are remembered. */
Test(quirk, of_names_the_newest_are_remembered)
{
	for (uint64_t n = 1; n <= QUIRK_NAMES + 1; n++) {
		quirk_held(&k);
		quirk_lacked(&k, n, 10 * S);
	}
	cr_expect(quirk_try(&k, 1, 10 * S), "the oldest is forgotten");
	for (uint64_t n = 2; n <= QUIRK_NAMES + 1; n++)
		cr_expect_not(quirk_try(&k, n, 10 * S), "%u", (unsigned)n);
}
