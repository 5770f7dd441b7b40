/* SPDX-License-Identifier: Apache-2.0 */
/* Whose search lists are kept when there are more clients than places. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core_int.h"

static struct core *core;
static struct core_stats *stats;
static uint64_t now_ns = NS_PER_S;

static void setup(void)
{
	static const struct hash_key key = {1, 2};
	static struct core_listener listener = {.port = 53, .label = "dns://:53"};
	static struct core_zone zone[2];
	struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 2, .zone = zone};
	struct diag d;

	for (unsigned i = 0; i < 2; i++) {
		core_conf_zone_defaults(&zone[i]);
		zone[i].listeners = 1;
	}
	cr_assert_eq(name_from_text(&zone[0].origin, "cluster.local"), 0);
	zone[0].is_cluster = zone[0].autopath = true;
	stats = calloc(1, sizeof(*stats));
	cr_assert_eq(core_new(&core, &conf, &(struct core_ops){0}, stats, &key, 1, &d), 0, "%s", d.text);
}

static void teardown(void)
{
	core_free(core);
	free(stats);
}

TestSuite(autopath, .init = setup, .fini = teardown);

static struct core_client client_of(unsigned i)
{
	struct core_client c = {.port = 1024, .addr = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}}};

	return c;
}

static void asks_for(unsigned i, const char *text, uint16_t type)
{
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = client_of(i);
	struct dns_header h = {.id = 7, .flags = DNS_RD, .n_qd = 1};
	uint8_t query[512];
	struct wire_out o;
	struct name name;
	size_t len;

	cr_assert_eq(name_from_text(&name, text), 0);
	wire_out_init(&o, query, sizeof(query));
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, type, DNS_IN);
	core_query(core, now_ns, &c, query, o.len, out, &len);
}

static void asks(unsigned i, const char *text)
{
	asks_for(i, text, DNS_A);
}

/* The whole list, and a second later the next. */
static void walks(unsigned i)
{
	asks(i, "www.a.com.ns1.svc.cluster.local");
	asks(i, "www.a.com.svc.cluster.local");
	asks(i, "www.a.com.cluster.local");
	asks(i, "www.a.com");
	now_ns += NS_PER_S;
}

static unsigned known(unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to; i++) {
		struct core_client c = client_of(i);

		for (unsigned k = 0; k < PATH_CLIENTS; k++)
			n += core->path[k].in_use && core->path[k].learnt_ns && !memcmp(&core->path[k].addr, &c.addr, sizeof(c.addr));
	}
	return n;
}

/* Most stubs ask for both types of each name of the list, and some for one of them twice. */
Test(autopath, each_step_may_come_more_than_once)
{
	static const char *const list[] = {"www.a.com.ns1.svc.cluster.local", "www.a.com.svc.cluster.local",
					   "www.a.com.cluster.local", "www.a.com"};

	for (unsigned k = 0; k < 4; k++) {
		asks_for(1, list[k], DNS_A);
		asks_for(1, list[k], DNS_AAAA);
		asks_for(1, list[k], DNS_A);
		cr_expect_eq(known(1, 2), k == 3);
	}
}

/* A place is free before somebody gives way, so that few fill it without a loss. */
Test(autopath, few_lose_nothing)
{
	for (unsigned i = 0; i < 40; i++)
		walks(i);
	cr_expect_geq(known(0, 40), 39, "three places and more of four others' would have to be taken");
	for (unsigned i = 0; i < 40; i++)
		walks(i);
	cr_expect_geq(known(0, 40), 39, "each has one place");
}

/* Who is gone gives way to who is there, however much it asked in its time. */
Test(autopath, the_gone_give_way)
{
	for (unsigned i = 0; i < 4 * PATH_CLIENTS; i++) {
		walks(i);
		walks(i);
	}
	cr_expect_geq(known(0, 4 * PATH_CLIENTS), PATH_CLIENTS * 95 / 100, "the table is full");
	for (unsigned i = 10000; i < 10100; i++)
		walks(i);
	cr_expect_geq(known(10000, 10100), 97, "%u of a hundred newcomers", known(10000, 10100));
}

/* And who goes on asking stays, however long ago it was learnt. */
Test(autopath, the_present_stay)
{
	for (unsigned i = 0; i < 40; i++)
		walks(i);
	unsigned n = known(0, 40);

	for (unsigned i = 1000; i < 1000 + 2 * PATH_CLIENTS; i++) {
		walks(i);
		for (unsigned k = 0; k < 40; k++)
			asks(k, "www.b.com.ns1.svc.cluster.local");
	}
	cr_expect_eq(known(0, 40), n);
}
