/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core, and a new configuration for one, at each place where memory is taken and there
 * is none: words, nothing kept, nothing given back twice, and all as it was before.
 */
#include "tests/fixtures/no_memory.h"

#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "resolver/plugins/plugin.h"

static const struct hash_key key = {1, 2};
static const struct plugin_ops alias = {.name = "template"};
static const struct plugin_step step = {.ops = &alias, .follows = true};
static const struct plugin_step *const steps[] = {&step};
static struct core_listener listener = {.port = 53, .label = "dns://:53"};
static struct core_upstream upstream = {.port = 1, .label = "a:1"};
static struct core_stats stats;
static struct core_forward f;
static struct core_zone zone, rich;
static struct core_conf plain, all; /* without and with what only some configurations need */

static void setup(void)
{
	core_conf_forward_defaults(&f);
	f.n_to = 1;
	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	zone.forward = &f;
	zone.n_forward = 1;
	rich = zone;
	rich.autopath = true;
	rich.step = steps;
	rich.n_steps = 1;
	plain = (struct core_conf){.n_listeners = 1, .listener = &listener, .n_zones = 1, .zone = &zone,
				   .n_upstreams = 1, .upstream = &upstream};
	all = plain;
	all.zone = &rich;
}

TestSuite(core_memory, .init = setup);

static void ask_none(void *ctx, const struct core_ask *a)
{
	(void)ctx;
	(void)a;
}
static void cancel_none(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}
static void reply_none(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	(void)c;
	(void)b;
	(void)len;
}
static const struct core_ops ops = {.ask = ask_none, .cancel = cancel_none, .reply = reply_none};

/* It takes a query in, and asks for the answer. */
static void works(struct core *c)
{
	static const uint8_t query[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client client = {.port = 1024};
	size_t len = 0;

	cr_assert_eq(core_query(c, NS_PER_S, &client, query, sizeof(query), out, &len), CORE_WAIT);
	core_tick(c, NS_PER_S);
	core_check(c);
}

Test(core_memory, a_core)
{
	unsigned n_failed = 0;

	if (!NO_MEMORY_HERE)
		cr_skip_test("a sanitizer's heap");
	for (int gone = 0; gone < 2; gone++) {
		for (long k = 0;; k++) {
			long before = memory_kept;
			struct core *c = NULL;
			struct diag d = {""};
			int err;

			memory_fail(k, gone);
			err = core_new(&c, &all, &ops, &stats, &key, 1, &d);
			if (!memory_back()) {
				cr_assert_eq(err, 0, "%s", d.text);
				works(c);
				core_free(c);
				cr_expect_eq(memory_kept, before);
				break;
			}
			n_failed++;
			cr_assert_eq(err, ERR_NOMEM, "at %ld", k);
			cr_expect(strstr(d.text, "no memory for the "), "'%s'", d.text);
			cr_assert_null(c);
			cr_assert_eq(memory_kept, before, "at %ld", k);
		}
	}
	cr_expect_gt(n_failed, 40);
}

Test(core_memory, a_new_configuration)
{
	struct core *c = NULL;
	struct diag d = {""};
	long first = memory_kept, before;

	if (!NO_MEMORY_HERE)
		cr_skip_test("a sanitizer's heap");
	cr_assert_eq(core_new(&c, &plain, &ops, &stats, &key, 1, &d), 0, "%s", d.text);
	works(c);
	before = memory_kept;
	for (long k = 0;; k++) {
		int err;

		memory_fail(k, false);
		err = core_reconfigure(c, &all, 2 * NS_PER_S, &d);
		if (!memory_back()) {
			cr_assert_eq(err, 0, "%s", d.text);
			cr_expect_gt(k, 4);
			break;
		}
		cr_assert_eq(err, ERR_NOMEM, "at %ld", k);
		cr_expect_str_eq(d.text, k < 2 ? "no memory for the configuration" : "no memory for the new configuration");
		cr_assert_eq(memory_kept, before, "at %ld", k);
		works(c);
	}
	works(c);
	cr_expect_gt(memory_kept, before, "the tables that it needs besides");
	cr_assert_eq(core_reconfigure(c, &all, 3 * NS_PER_S, &d), 0);
	works(c);
	core_free(c);
	cr_expect_eq(memory_kept, first);
}
