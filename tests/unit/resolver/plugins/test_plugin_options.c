/* SPDX-License-Identifier: Apache-2.0 */
/* What each line of cache and forward changes, and that it changes nothing else. */
#include <stdio.h>

#include "tests/fixtures/corefile_util.h"

struct field {
	const char *name;
	size_t at, size;
};
#define OF(type, f) {#f, offsetof(struct type, f), sizeof(((struct type *)0)->f)}

static const struct field cache_fields[] = {
	OF(core_cache_conf, enabled), OF(core_cache_conf, pos_max_s), OF(core_cache_conf, pos_min_s), OF(core_cache_conf, pos_min_set),
	OF(core_cache_conf, neg_max_s), OF(core_cache_conf, neg_min_s), OF(core_cache_conf, neg_min_set), OF(core_cache_conf, pos_capacity),
	OF(core_cache_conf, neg_capacity), OF(core_cache_conf, prefetch_hits), OF(core_cache_conf, prefetch_window_ns),
	OF(core_cache_conf, prefetch_percent), OF(core_cache_conf, stale_enabled), OF(core_cache_conf, stale_verify), OF(core_cache_conf, stale_ns),
	OF(core_cache_conf, stale_verify_timeout_ns), OF(core_cache_conf, stale_ttl_s), OF(core_cache_conf, stale_recheck_ns),
	OF(core_cache_conf, servfail_ns), OF(core_cache_conf, keepttl), OF(core_cache_conf, pos_disabled), OF(core_cache_conf, neg_disabled),
	OF(core_cache_conf, n_only), OF(core_cache_conf, n_no_pos), OF(core_cache_conf, n_no_neg), {0},
};
static const struct field forward_fields[] = {
	OF(core_forward, n_except), OF(core_forward, force_tcp), OF(core_forward, prefer_udp), OF(core_forward, policy), OF(core_forward, max_fails),
	OF(core_forward, health_ns), OF(core_forward, health_no_rec), OF(core_forward, max_concurrent), OF(core_forward, max_connect_attempts),
	OF(core_forward, read_timeout_ns), OF(core_forward, budget_ns), OF(core_forward, failover_rcodes), OF(core_forward, next_rcodes),
	OF(core_forward, next_on_nodata), OF(core_forward, failfast_all_unhealthy), OF(core_forward, max_age_ns), OF(core_forward, expire_ns),
	OF(core_forward, hedge_percent), {0},
};

static uint64_t value_of(const struct field *f, const void *of)
{
	const uint8_t *p = (const uint8_t *)of + f->at;
	uint64_t v64 = 0;
	uint32_t v32 = 0;

	if (f->size == 1)
		return *p;
	if (f->size == 4) {
		memcpy(&v32, p, 4);
		return v32;
	}
	cr_assert_eq(f->size, 8);
	memcpy(&v64, p, 8);
	return v64;
}

/* "field value" of all that differs. */
static const char *changed(const struct field *f, const void *now, const void *usual)
{
	static char text[1000];

	text[0] = 0;
	for (; f->name; f++)
		if (value_of(f, now) != value_of(f, usual))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %llu", text[0] ? ", " : "", f->name,
				 (unsigned long long)value_of(f, now));
	return text;
}

static const char *names_text(const struct name *list, size_t n)
{
	static char text[4 * NAME_MAX_TEXT];
	char *end = text;

	text[0] = 0;
	for (size_t i = 0; i < n && i < 3; i++) {
		if (i)
			*end++ = ' ';
		end += name_to_text(list[i].b, end, NAME_MAX_TEXT);
	}
	return text;
}

static struct corefile_plan *plan_with(const char *words, const char *block)
{
	char text[600];

	snprintf(text, sizeof(text), "x.org {\n %s {\n %s\n }\n}\n", words, block);
	return plan_of(text);
}

Test(plugin_options, of_cache)
{
	static const struct {
		const char *words, *block, *changed;
	} cases[] = {
		{"cache", "", ""},
		{"cache 1", "", "pos_max_s 1, neg_max_s 1"},
		{"cache 604800", "", "pos_max_s 604800, neg_max_s 604800"},
		{"cache 9s", "", "pos_max_s 9, neg_max_s 9"},
		{"cache 7 a.x.org b.x.org", "", "pos_max_s 7, neg_max_s 7, n_only 2"},
		{"cache a.x.org", "", "n_only 1"},
		{"cache", "success 7", "pos_capacity 7"},
		{"cache", "success 0", "pos_capacity 0"},
		{"cache", "success 7 8", "pos_max_s 8, pos_capacity 7"},
		{"cache", "success 7 9 9", "pos_max_s 9, pos_min_s 9, pos_min_set 1, pos_capacity 7"},
		{"cache", "success 7 9 0", "pos_max_s 9, pos_min_s 0, pos_min_set 1, pos_capacity 7"},
		{"cache", "denial 7", "neg_capacity 7"},
		{"cache", "denial 7 8", "neg_max_s 8, neg_capacity 7"},
		{"cache", "denial 7 9 8", "neg_max_s 9, neg_min_s 8, neg_min_set 1, neg_capacity 7"},
		{"cache 3", "success 7 9\n denial 8", "pos_max_s 9, neg_max_s 3, pos_capacity 7, neg_capacity 8"},
		{"cache", "success 7 9 1\n success 8 9", "pos_max_s 9, pos_min_s 1, pos_min_set 1, pos_capacity 8"},
		{"cache", "prefetch 7", "prefetch_hits 7"},
		{"cache", "prefetch 7 90s", "prefetch_hits 7, prefetch_window_ns 90000000000"},
		{"cache", "prefetch 7 0 90%", "prefetch_hits 7, prefetch_window_ns 0, prefetch_percent 90"},
		{"cache", "prefetch 7 1h 11%\n prefetch 0", ""},
		{"cache", "serve_stale", "stale_enabled 1"},
		{"cache", "serve_stale 0", "stale_enabled 1, stale_ns 0"},
		{"cache", "serve_stale 9h", "stale_enabled 1, stale_ns 32400000000000"},
		{"cache", "serve_stale 1h\n serve_stale off", ""},
		{"cache", "serve_stale immediate", "stale_enabled 1"},
		{"cache", "serve_stale immediate 0", "stale_enabled 1, stale_ttl_s 0"},
		{"cache", "serve_stale immediate 7", "stale_enabled 1, stale_ttl_s 7"},
		{"cache", "serve_stale 9s immediate 7s 8s", "stale_enabled 1, stale_ns 9000000000, stale_ttl_s 7, stale_recheck_ns 8000000000"},
		{"cache", "serve_stale immediate 24h 0", "stale_enabled 1, stale_ttl_s 86400, stale_recheck_ns 0"},
		{"cache", "serve_stale verify", "stale_enabled 1, stale_verify 1"},
		{"cache", "serve_stale verify 1ms", "stale_enabled 1, stale_verify 1, stale_verify_timeout_ns 1000000"},
		{"cache", "serve_stale verify 0", "stale_enabled 1, stale_verify 1, stale_verify_timeout_ns 0"},
		{"cache", "serve_stale 2h verify 1s 7", "stale_enabled 1, stale_verify 1, stale_ns 7200000000000, stale_verify_timeout_ns 1000000000, stale_ttl_s 7"},
		{"cache", "serve_stale 2h verify 1s 7 300s", "stale_enabled 1, stale_verify 1, stale_ns 7200000000000, stale_verify_timeout_ns 1000000000, "
		 "stale_ttl_s 7, stale_recheck_ns 300000000000"},
		{"cache", "serve_stale 2h verify\n serve_stale", "stale_enabled 1"},
		{"cache", "serve_stale_policy prefer_positive", ""},
		{"cache", "servfail 0", "servfail_ns 0"},
		{"cache", "servfail 300s", "servfail_ns 300000000000"},
		{"cache", "keepttl", "keepttl 1"},
		{"cache", "disable success", "pos_disabled 1"},
		{"cache", "disable denial", "neg_disabled 1"},
		{"cache", "disable success a.x.org b.x.org", "n_no_pos 2"},
		{"cache", "disable denial a.x.org", "n_no_neg 1"},
	};
	struct corefile_plan *usual = plan_with("cache", ""), *none = plan_of("x.org {\n}\n");
	const struct core_cache_conf *c = &usual->conf.zone[0].cache;

	cr_expect_str_eq(changed(cache_fields, &none->conf.zone[0].cache, c), "enabled 0");
	cr_expect(c->pos_max_s == 3600 && c->pos_min_s == 5 && c->neg_max_s == 1800 && c->neg_min_s == 5 && !c->stale_enabled);
	cr_expect(c->stale_ns == 3600000000000 && !c->prefetch_hits && c->prefetch_window_ns == 60000000000 && c->prefetch_percent == 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct corefile_plan *p = plan_with(cases[i].words, cases[i].block);

		cr_expect_str_eq(changed(cache_fields, &p->conf.zone[0].cache, c), cases[i].changed, "%s { %s }: %s", cases[i].words, cases[i].block,
				 changed(cache_fields, &p->conf.zone[0].cache, c));
		corefile_plan_free(p);
	}
	struct corefile_plan *p = plan_with("cache o.x.org", "disable success p.x.org q.x.org\n disable denial r.x.org");

	cr_expect_str_eq(names_text(p->conf.zone[0].cache.only, 1), "o.x.org.");
	cr_expect_str_eq(names_text(p->conf.zone[0].cache.no_pos, 2), "p.x.org. q.x.org.");
	cr_expect_str_eq(names_text(p->conf.zone[0].cache.no_neg, 1), "r.x.org.");
	corefile_plan_free(p);
	corefile_plan_free(none);
	corefile_plan_free(usual);
}

Test(plugin_options, of_forward)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"except a.x.org b.x.org\n except c.x.org", "n_except 3"},
		{"force_tcp", "force_tcp 1"},
		{"prefer_udp", "prefer_udp 1"},
		{"policy random", ""},
		{"policy round_robin", "policy 1"},
		{"policy sequential", "policy 2"},
		{"max_fails 0", "max_fails 0"},
		{"max_fails 7", "max_fails 7"},
		{"max_connect_attempts 7", "max_connect_attempts 7"},
		{"max_concurrent 0", ""},
		{"max_connect_attempts 0", ""},
		{"max_idle_conns 0", ""},
		{"max_concurrent 7", "max_concurrent 7"},
		{"max_idle_conns 7", ""},
		{"read_timeout 60s", "read_timeout_ns 60000000000"},
		{"budget 10ms", "budget_ns 10000000"},
		{"health_check 0", "health_ns 0"},
		{"health_check 3s", "health_ns 3000000000"},
		{"health_check 3s no_rec", "health_ns 3000000000, health_no_rec 1"},
		{"health_check 3s domain a.b", "health_ns 3000000000"},
		{"next NOERROR", "next_rcodes 1"},
		{"next NXDOMAIN\n next SERVFAIL REFUSED", "next_rcodes 44"},
		{"failover SERVFAIL", "failover_rcodes 4"},
		{"failover REFUSED NXDOMAIN", "failover_rcodes 40"},
		{"failover BADCOOKIE", "failover_rcodes 8388608"},
		{"next_on_nodata", "next_on_nodata 1"},
		{"failfast_all_unhealthy_upstreams", "failfast_all_unhealthy 1"},
		{"max_age 77s", "max_age_ns 77000000000"},
		{"expire 77s", "expire_ns 77000000000"},
		{"max_age 77s\n expire 77s", "max_age_ns 77000000000, expire_ns 77000000000"},
		{"hedge 7%", "hedge_percent 7"},
		{"hedge 100%", "hedge_percent 100"},
		{"hedge off", "hedge_percent 0"},
		{"hedge 0%", "hedge_percent 0"},
		{"tls_servername a.b", ""},
		{"source_address 192.0.2.7", ""},
		{"doh_method GET", ""},
	};
	struct corefile_plan *usual = plan_with("forward . 192.0.2.1", "");
	const struct core_forward *f = &usual->conf.zone[0].forward[0];

	cr_expect(f->max_fails == 2 && f->health_ns == 500000000 && f->read_timeout_ns == 2000000000 && f->hedge_percent == 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct corefile_plan *p = plan_with("forward . 192.0.2.1", cases[i][0]);
		const struct core_forward *now = &p->conf.zone[0].forward[0];

		cr_expect_str_eq(changed(forward_fields, now, f), cases[i][1], "%s: %s", cases[i][0], changed(forward_fields, now, f));
		cr_expect_eq(p->upstream[0].max_idle_conns != usual->upstream[0].max_idle_conns, strstr(cases[i][0], "idle_conns 7") != NULL);
		cr_expect_eq(p->upstream[0].has_source, strstr(cases[i][0], "source") != NULL);
		cr_expect_str_eq(names_text(&now->health_domain, 1), strstr(cases[i][0], "domain") ? "a.b." : ".");
		if (now->n_except)
			cr_expect_str_eq(names_text(now->except, now->n_except), "a.x.org. b.x.org. c.x.org.");
		corefile_plan_free(p);
	}
	corefile_plan_free(usual);
}
