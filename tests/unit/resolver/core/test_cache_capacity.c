/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `success` and `denial` capacities of a Corefile stand for octets
 * (docs/cache.md): as many ordinary entries of either kind must fit.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "resolver/core/core.h"
#include "tests/bench/kube/answer.h"

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)c, (void)bytes, (void)len;
}
static void on_ask(void *ctx, const struct core_ask *a)
{
	(void)ctx, (void)a;
}
static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx, (void)id;
}

static struct core *core_of(uint32_t success, uint32_t denial, struct core_stats *stats)
{
	static const struct hash_key key = {1, 2};
	struct core_ops ops = {.reply = on_reply, .ask = on_ask, .cancel = on_cancel};
	struct core_listener listener = {.port = DNS_PORT, .label = "dns://:53"};
	struct core_conf conf = {.n_listeners = 1, .n_zones = 1, .listener = &listener};
	struct core_zone zone;
	struct core *c;
	struct diag d;

	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	zone.cache.enabled = true;
	zone.cache.pos_capacity = success;
	zone.cache.neg_capacity = denial;
	conf.zone = &zone;
	cr_assert_eq(core_new(&c, &conf, &ops, stats, &key, 1, &d), 0);
	return c;
}

static void put(struct core *c, const char *text)
{
	struct core_entry e = {.expires_ns = 1000 * NS_PER_S, .stored_ns = NS_PER_S, .qtype = DNS_A};
	uint8_t query[512], reply[512];
	struct kube_asked what;
	struct name name;

	cr_assert_eq(name_from_text(&name, text), 0);
	e.len = dns_query_build(query, sizeof(query), 0, name.b, DNS_A, DNS_RD, 0, false, false);
	e.len = kube_answer(query, e.len, reply, sizeof(reply), &what);
	e.msg = reply;
	cr_assert_eq(core_entry_put(c, NS_PER_S, &e), 0);
}

static void check(uint32_t success, uint32_t denial)
{
	struct core_stats *stats = calloc(1, sizeof(*stats));
	struct core *c = core_of(success, denial, stats);
	char name[128];

	for (uint32_t i = 0; i < success; i++) {
		snprintf(name, sizeof(name), "a-service-%u.some-namespace.bench.test", i);
		put(c, name);
	}
	for (uint32_t i = 0; i < denial; i++) {
		snprintf(name, sizeof(name), "www%u.example.com.namespace.svc.cluster.local", i);
		put(c, name);
	}
	cr_expect_eq(stats->entries_success, success, "%u/%u: %lu answers are left", success, denial,
		     (unsigned long)stats->entries_success);
	cr_expect_eq(stats->entries_denial, denial, "%u/%u: %lu denials are left", success, denial,
		     (unsigned long)stats->entries_denial);
	cr_expect_leq(stats->bytes_used, stats->bytes_limit);
	core_free(c);
	free(stats);
}

Test(cache_capacity, what_the_corefile_says_fits)
{
	check(9984, 9984);
	check(1000, 1000);
	check(30000, 9984);
	check(1000, 40000);
	check(40000, 1000);
}

/* The denials' share is what their capacity stands for, never nearly nothing nor nearly all. */
Test(capacity, the_denials_share)
{
	cr_assert_eq(core_conf_neg_percent(0, 0), 5);
	cr_assert_eq(core_conf_neg_percent(1000000, 1), 5);
	cr_assert_eq(core_conf_neg_percent(1, 1000000), 90);
	cr_assert_gt(core_conf_neg_percent(9984, 9984), 5);
	cr_assert_lt(core_conf_neg_percent(9984, 9984), 50);
	cr_assert_eq(core_conf_neg_percent(9984, 9984), core_conf_neg_percent(2 * 9984, 2 * 9984));
}
