/* SPDX-License-Identifier: Apache-2.0 */
/* What holds where a Corefile says nothing: the original's values. */
#include <criterion/criterion.h>

#include "lib/base/clock.h"
#include "resolver/core/conf.h"

Test(conf, of_a_cache)
{
	struct core_cache_conf c;

	core_conf_cache_defaults(&c);
	cr_assert_not(c.enabled || c.pos_disabled || c.neg_disabled || c.keepttl);
	cr_assert_eq(c.pos_max_s, 3600);
	cr_assert_eq(c.pos_min_s, 5);
	cr_assert_eq(c.neg_max_s, 1800);
	cr_assert_eq(c.neg_min_s, 5);
	cr_assert_eq(c.pos_capacity, 9984);
	cr_assert_eq(c.neg_capacity, 9984);
	cr_assert_eq(c.prefetch_hits, 0);
	cr_assert_eq(c.prefetch_window_ns, 60 * NS_PER_S);
	cr_assert_eq(c.prefetch_percent, 10);
	cr_assert_eq(c.servfail_ns, 5 * NS_PER_S);
	/* RFC 8767 section 5 */
	cr_assert_eq(c.stale_ttl_s, 30);
	cr_assert_eq(c.stale_recheck_ns, 30 * NS_PER_S);
	cr_assert_eq(c.stale_verify_timeout_ns, 1800 * NS_PER_MS);
	cr_assert_eq(c.stale_ns, 3600 * NS_PER_S);
}

Test(conf, of_a_zone)
{
	struct core_zone z;

	core_conf_zone_defaults(&z);
	cr_assert_eq(z.origin.len, 1);
	cr_assert_eq(z.bufsize, 1232);
	cr_assert_eq(z.n_forward, 0);
	cr_assert_eq(z.cache.pos_max_s, 3600);
}

Test(conf, of_a_forward)
{
	struct core_forward f;

	core_conf_forward_defaults(&f);
	cr_assert_eq(f.policy, CORE_RANDOM);
	cr_assert_eq(f.max_fails, 2);
	cr_assert_eq(f.health_ns, 500 * NS_PER_MS);
	cr_assert_eq(f.read_timeout_ns, 2 * NS_PER_S);
	cr_assert_eq(f.max_concurrent, 0);
	cr_assert_not(f.force_tcp || f.prefer_udp || f.failfast_all_unhealthy || f.next_on_nodata);
	cr_assert_gt(f.budget_ns, f.read_timeout_ns);
	cr_assert_lt(f.budget_ns, 5 * NS_PER_S, "stub resolvers give up after five seconds");
}

/* The least cache is a cache; more entries, more octets. */
Test(conf, octets_of_a_cache)
{
	uint64_t least = core_conf_cache_bytes(0, 0);

	cr_assert_gt(least, 0);
	cr_assert_eq(core_conf_cache_bytes(1, 1), least);
	cr_assert_gt(core_conf_cache_bytes(9984, 9984), least);
	cr_assert_eq(core_conf_cache_bytes(20000, 0) + core_conf_cache_bytes(0, 20000),
		     core_conf_cache_bytes(20000, 20000));
	cr_assert_eq(core_conf_cache_bytes(40000, 0), 2 * core_conf_cache_bytes(20000, 0));
}
