/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of upstreams, and who is chosen. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/core/upstream.h"

Test(upstream, p95_needs_twenty_samples)
{
	struct rtt r = {0};

	for (unsigned i = 0; i < 19; i++)
		rtt_add(&r, 10 * NS_PER_MS);
	cr_assert_eq(rtt_p95(&r), 0u);
	rtt_add(&r, 10 * NS_PER_MS);
	cr_assert_geq(rtt_p95(&r), 10 * NS_PER_MS);
	cr_assert_leq(rtt_p95(&r), 13 * NS_PER_MS);
}

Test(upstream, p95_is_within_a_quarter_octave)
{
	struct rtt r = {0};

	for (uint64_t ms = 1; ms <= 100; ms++)
		rtt_add(&r, ms * NS_PER_MS);
	cr_assert_geq(rtt_p95(&r), 95 * NS_PER_MS);
	cr_assert_leq(rtt_p95(&r), 119 * NS_PER_MS);
}

Test(upstream, p95_follows_the_present)
{
	struct rtt r = {0};

	for (unsigned i = 0; i < 900; i++)
		rtt_add(&r, 100 * NS_PER_MS);
	for (unsigned i = 0; i < 20000; i++)
		rtt_add(&r, NS_PER_MS);
	cr_assert_leq(rtt_p95(&r), 2 * NS_PER_MS);
}

/* It is looked at again after some samples and not after a thousand. */
Test(upstream, p95_is_renewed_every_32_samples)
{
	struct rtt r = {0};

	for (unsigned i = 0; i < 40; i++)
		rtt_add(&r, NS_PER_MS);
	cr_assert_leq(rtt_p95(&r), 2 * NS_PER_MS);
	for (unsigned i = 0; i < 31; i++)
		rtt_add(&r, 100 * NS_PER_MS);
	cr_assert_leq(rtt_p95(&r), 2 * NS_PER_MS);
	rtt_add(&r, 100 * NS_PER_MS);
	cr_assert_geq(rtt_p95(&r), 100 * NS_PER_MS);
}

/* The edge of a value's bucket is not below it, and at most a quarter above. */
Test(upstream, p95_of_one_value_is_its_bucket_s_edge)
{
	for (uint64_t us = 1; us < 1900000; us = us * 9 / 8 + 1) {
		struct rtt r = {0};

		for (unsigned i = 0; i < 20; i++)
			rtt_add(&r, us * NS_PER_US);
		cr_assert_gt(rtt_p95(&r), us * NS_PER_US, "%lu us", us);
		cr_assert_leq(rtt_p95(&r), (us * 5 / 4 + 1) * NS_PER_US, "%lu us", us);
	}
}

Test(upstream, counts_are_halved_at_a_thousand)
{
	struct rtt r = {0};

	for (unsigned i = 0; i < 999; i++)
		rtt_add(&r, NS_PER_MS);
	cr_assert_eq(r.n, 999);
	rtt_add(&r, NS_PER_MS);
	cr_assert_eq(r.n, 500);
}

Test(upstream, extremes_have_a_bucket)
{
	struct rtt r = {0};

	for (unsigned i = 0; i < 20; i++)
		rtt_add(&r, i % 2 ? 0 : UINT64_MAX);
	cr_assert_gt(rtt_p95(&r), 0u);
}

static struct upstream all[3];
static struct core_forward f;
static struct forward_state state;
static struct rng rng;

static void setup(void)
{
	memset(all, 0, sizeof(all));
	memset(&state, 0, sizeof(state));
	rng_seed(&rng, 1);
	core_conf_forward_defaults(&f);
	f.n_to = 3;
	for (uint16_t i = 0; i < 3; i++)
		f.to[i] = i;
}

TestSuite(choice, .init = setup);

static void down(unsigned i)
{
	all[i].is_suspect = true;
	all[i].max_fails = 2;
	all[i].fails = 3;
}

Test(choice, sequential_skips_the_suspect_and_comes_back_to_it)
{
	bool all_down;

	f.policy = CORE_SEQUENTIAL;
	cr_assert_eq(upstream_choose(all, &f, &state, 0, &rng, &all_down), 0);
	all[0].is_suspect = true;
	cr_assert_eq(upstream_choose(all, &f, &state, 0, &rng, &all_down), 1);
	cr_assert_eq(upstream_choose(all, &f, &state, 6, &rng, &all_down), 0);
	cr_assert_eq(upstream_choose(all, &f, &state, 7, &rng, &all_down), -1);
}

Test(choice, the_down_are_left_alone_while_one_is_up)
{
	bool all_down;

	f.policy = CORE_SEQUENTIAL;
	down(0);
	down(1);
	cr_assert_eq(upstream_choose(all, &f, &state, 0, &rng, &all_down), 2);
	cr_assert_not(all_down);
	cr_assert_eq(upstream_choose(all, &f, &state, 4, &rng, &all_down), -1);
	down(2);
	cr_assert_geq(upstream_choose(all, &f, &state, 0, &rng, &all_down), 0);
	cr_assert(all_down);
}

Test(choice, random_is_fair)
{
	unsigned n[3] = {0};
	bool all_down;

	for (unsigned i = 0; i < 3000; i++)
		n[upstream_choose(all, &f, &state, 0, &rng, &all_down)]++;
	for (unsigned i = 0; i < 3; i++)
		cr_assert(n[i] > 850 && n[i] < 1150, "%u", n[i]);
}

Test(choice, round_robin_takes_turns)
{
	unsigned n[3] = {0};
	bool all_down;

	f.policy = CORE_ROUND_ROBIN;
	for (unsigned i = 0; i < 300; i++)
		n[upstream_choose(all, &f, &state, 0, &rng, &all_down)]++;
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(n[i], 100u);
}

Test(cookies, a_jar_demands_what_it_knows)
{
	static const struct hash_key key = {1, 2};
	struct in6_addr addr = {.s6_addr = {1}}, other = {.s6_addr = {2}};
	struct cookie_jar j, k;
	uint8_t opt[24] = {0};

	cookie_jar_init(&j, &key, &addr, 53);
	cookie_jar_init(&k, &key, &other, 53);
	cr_assert_neq(memcmp(j.client, k.client, sizeof(j.client)), 0, "one cookie for two upstreams");
	cr_assert(cookie_jar_take(&j, NULL, 0), "it may not do cookies");
	memcpy(opt, j.client, 8);
	cr_assert(cookie_jar_take(&j, opt, 8), "an echo");
	cr_assert(cookie_jar_take(&j, NULL, 0));
	cr_assert(cookie_jar_take(&j, opt, 24));
	cr_assert_eq(j.server_len, 16);
	cr_assert_not(cookie_jar_take(&j, NULL, 0), "it does");
	opt[0] ^= 1;
	cr_assert_not(cookie_jar_take(&j, opt, 24));
}
