/* SPDX-License-Identifier: Apache-2.0 */
/* Names known not to be: kept as long as their denial, dropped when something is found. */
#include <criterion/criterion.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/absent.h"

#define DAY (86400 * NS_PER_S)

static struct cache_key key(uint64_t hash, uint16_t qtype)
{
	return (struct cache_key){.qtype = qtype, .qclass = DNS_IN,
				  .hash = hash * 0x9e3779b97f4a7c15u};
}

static bool holds(const struct absent *t, uint64_t hash, uint16_t qtype, uint64_t at_s)
{
	struct cache_key k = key(hash, qtype);

	return absent_holds(t, &k, at_s * NS_PER_S);
}

static void note(struct absent *t, uint64_t hash, uint16_t qtype, uint64_t at_s)
{
	struct cache_key k = key(hash, qtype);

	absent_note(t, &k, at_s * NS_PER_S);
}

Test(absent, holds_as_long_again)
{
	struct absent t;

	cr_assert_eq(absent_init(&t, 4096), 0);
	cr_assert_not(holds(&t, 1, DNS_A, 1000));
	note(&t, 1, DNS_A, 1000);
	cr_assert(holds(&t, 1, DNS_A, 1000 + ABSENT_HOLD_MIN_S));
	cr_assert_not(holds(&t, 1, DNS_A, 1001 + ABSENT_HOLD_MIN_S));
	note(&t, 1, DNS_A, 1100);
	cr_assert(holds(&t, 1, DNS_A, 1200));
	cr_assert_not(holds(&t, 1, DNS_A, 1201));
	for (uint64_t s = 1200; s <= 9000; s += 100) {
		note(&t, 1, DNS_A, s);
		if (s >= 1100 + ABSENT_HOLD_MAX_S) { /* however long it has been known */
			cr_assert(holds(&t, 1, DNS_A, s + ABSENT_HOLD_MAX_S), "%u", (unsigned)s);
			cr_assert_not(holds(&t, 1, DNS_A, s + 1 + ABSENT_HOLD_MAX_S), "%u", (unsigned)s);
		}
	}
	cr_assert(holds(&t, 1, DNS_A, 9000 + ABSENT_HOLD_MAX_S));
	cr_assert_not(holds(&t, 1, DNS_A, 9001 + ABSENT_HOLD_MAX_S));
	absent_release(&t);
}

Test(absent, each_type_for_itself)
{
	struct absent t;
	struct cache_key k = key(1, DNS_SRV);

	cr_assert_eq(absent_init(&t, 4096), 0);
	note(&t, 1, DNS_A, 10);
	cr_assert_not(holds(&t, 1, DNS_AAAA, 10));
	cr_assert_not(holds(&t, 1, DNS_SRV, 10));
	note(&t, 1, DNS_AAAA, 40);
	cr_assert(holds(&t, 1, DNS_A, 70));
	cr_assert(holds(&t, 1, DNS_AAAA, 70));
	cr_assert_not(holds(&t, 1, DNS_AAAA, 71), "no longer than the older of the two");
	note(&t, 1, DNS_A, 72);
	cr_assert(holds(&t, 1, DNS_A, 72));
	cr_assert_not(holds(&t, 1, DNS_AAAA, 72), "the other is to be asked, too");
	note(&t, 1, DNS_AAAA, 72);
	note(&t, 1, DNS_SRV, 72);
	absent_drop(&t, &k); /* there are SRV records */
	cr_assert_not(holds(&t, 1, DNS_A, 72));
	cr_assert_not(holds(&t, 1, DNS_AAAA, 72));
	cr_assert_not(holds(&t, 1, DNS_SRV, 72));
	absent_release(&t);
}

Test(absent, is_bounded_and_keeps_what_comes_back)
{
	struct absent t;
	unsigned kept = 0;

	cr_assert_eq(absent_init(&t, 4096), 0); /* 512 marks */
	for (uint64_t i = 0; i < 128; i++)
		note(&t, i, DNS_A, 100);
	for (uint64_t i = 0; i < 128; i++)
		note(&t, i, DNS_A, 110); /* twice */
	for (uint64_t i = 0; i < 100000; i++)
		note(&t, 1000 + i, DNS_A, 111); /* a flood of names that are denied once */
	for (uint64_t i = 0; i < 128; i++)
		kept += holds(&t, i, DNS_A, 111);
	cr_assert_gt(kept, 120);
	absent_release(&t);
}

Test(absent, nothing_survives_a_reload_or_the_clock_s_range)
{
	struct absent t;

	cr_assert_eq(absent_init(&t, 4096), 0);
	note(&t, 1, DNS_A, 1000);
	absent_forget(&t);
	cr_assert_not(holds(&t, 1, DNS_A, 1000));
	note(&t, 1, DNS_A, 1000);
	for (unsigned days = 1; days < 30; days++)
		for (unsigned s = 0; s < 86400; s += 600) {
			struct cache_key k = key(1, DNS_A), other = key(2 + s, DNS_A);

			cr_assert_not(absent_holds(&t, &k, 1000 * NS_PER_S + days * DAY + s * NS_PER_S));
			absent_note(&t, &other, 1000 * NS_PER_S + days * DAY + s * NS_PER_S);
		}
	absent_release(&t);
}

/* A table of few names touches little of its memory: their lines lie side by side. */
Test(absent, lines_lie_in_the_order_of_their_need)
{
	struct absent t;

	cr_assert_eq(absent_init(&t, 1 << 20), 0);
	cr_assert_eq(t.n_lines, 1u << 14);
	for (uint64_t i = 1; i <= 500; i++) {
		cr_assert_not(holds(&t, i, DNS_A, 1000)); /* nor does looking need one */
		note(&t, i, DNS_A, 1000);
	}
	cr_assert_leq(t.n_used, 500u);
	for (uint64_t i = 1; i <= 500; i++)
		cr_assert(holds(&t, i, DNS_A, 1000));
	for (uint32_t i = 0; i < t.n_lines; i++)
		cr_assert_leq(t.line[i], t.n_used);
	absent_release(&t);
}
