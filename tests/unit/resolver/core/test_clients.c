/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds how much, held against a slow and simple count. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/rng.h"
#include "resolver/core/clients.h"

enum { THINGS = 60, ADDRS = 17 };

static struct clients t;
static const struct hash_key key = {1, 2};

static void setup(void)
{
	cr_assert_eq(clients_init(&t, &key, THINGS, THINGS), 0);
}

static void teardown(void)
{
	clients_release(&t);
}

TestSuite(clients, .init = setup, .fini = teardown);

static struct in6_addr addr_of(unsigned i)
{
	struct in6_addr a = {.s6_addr = {0xfd}};

	a.s6_addr[15] = (uint8_t)i;
	return a;
}

Test(clients, the_oldest_of_whoever_holds_the_most)
{
	struct in6_addr a = addr_of(1), b = addr_of(2);

	cr_assert_eq(clients_oldest_of_most(&t, HOLDS_WAITERS), UINT32_MAX);
	clients_take(&t, HOLDS_WAITERS, 7, &a);
	clients_take(&t, HOLDS_WAITERS, 3, &b);
	clients_take(&t, HOLDS_WAITERS, 5, &b);
	clients_take(&t, HOLDS_QUESTIONS, 9, &a);
	cr_assert_eq(clients_most(&t, HOLDS_WAITERS), 2);
	cr_assert_eq(clients_oldest_of_most(&t, HOLDS_WAITERS), 3);
	cr_assert_eq(clients_oldest_of_most(&t, HOLDS_QUESTIONS), 9);
	clients_give(&t, HOLDS_WAITERS, 3);
	/* Level again: who came to this level first. */
	cr_assert_eq(clients_oldest_of_most(&t, HOLDS_WAITERS), 7);
	clients_give(&t, HOLDS_WAITERS, 7);
	cr_assert_eq(clients_oldest_of_most(&t, HOLDS_WAITERS), 5);
	cr_assert_eq(t.in_use, 2, "a still has a question");
	clients_give(&t, HOLDS_QUESTIONS, 9);
	clients_give(&t, HOLDS_QUESTIONS, 9); /* nobody's: nothing happens */
	cr_assert_eq(t.in_use, 1);
}

Test(clients, shares_are_equal_and_never_less_than_a_handful)
{
	struct in6_addr a;

	cr_assert_eq(clients_share(&t, HOLDS_WAITERS, 0), THINGS, "the only one");
	for (unsigned i = 0; i < 5; i++) {
		a = addr_of(i);
		clients_take(&t, HOLDS_WAITERS, i, &a);
	}
	cr_assert_eq(clients_share(&t, HOLDS_WAITERS, 1), THINGS / 5);
	cr_assert_eq(clients_share(&t, HOLDS_WAITERS, 0), THINGS / 6);
	for (unsigned i = 5; i < THINGS; i++) {
		a = addr_of(i);
		clients_take(&t, HOLDS_WAITERS, i, &a);
	}
	cr_assert_eq(clients_share(&t, HOLDS_WAITERS, 1), 4);
}

/* The whole table against a plain list of who took what, when. */
struct plain {
	unsigned turn[THINGS], of[THINGS]; /* turn 0: nobody's */
};

static void check(const struct plain *p, enum holds what)
{
	unsigned n[ADDRS] = {0}, oldest[ADDRS], most = 0, active = 0;

	for (unsigned i = 0; i < THINGS; i++) {
		unsigned a = p->of[i];

		if (!p->turn[i])
			continue;
		if (!n[a]++ || p->turn[i] < p->turn[oldest[a]])
			oldest[a] = i;
		most = n[a] > most ? n[a] : most;
	}
	cr_assert_eq(clients_most(&t, what), most);
	for (unsigned a = 0; a < ADDRS; a++) {
		struct in6_addr addr = addr_of(a);

		active += n[a] > 0;
		cr_assert_eq(clients_held(&t, what, &addr), n[a]);
		cr_assert_eq(clients_oldest(&t, what, &addr), n[a] ? oldest[a] : UINT32_MAX);
	}
	cr_assert_eq(t.of[what].active, active);
	if (most) {
		uint32_t i = clients_oldest_of_most(&t, what);

		cr_assert(p->turn[i]);
		cr_assert_eq(n[p->of[i]], most);
		cr_assert_eq(i, oldest[p->of[i]]);
	}
}

Test(clients, agree_with_a_plain_count)
{
	struct plain plain[HOLDS_N] = {0};
	struct rng rng;
	unsigned turn = 0;

	rng_seed(&rng, 3);
	for (unsigned step = 0; step < 20000; step++) {
		enum holds what = (enum holds)rng_below(&rng, HOLDS_N);
		struct plain *p = &plain[what];
		unsigned i = (unsigned)rng_below(&rng, THINGS);

		if (p->turn[i]) {
			clients_give(&t, what, i);
			p->turn[i] = 0;
		} else {
			struct in6_addr a;

			p->of[i] = (unsigned)(rng_below(&rng, ADDRS) * rng_below(&rng, 2));
			p->turn[i] = ++turn;
			a = addr_of(p->of[i]);
			clients_take(&t, what, i, &a);
		}
		check(p, what);
	}
	for (unsigned what = 0; what < HOLDS_N; what++)
		for (unsigned i = 0; i < THINGS; i++)
			clients_give(&t, (enum holds)what, i);
	cr_assert_eq(t.in_use, 0);
}
