/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that cannot be is refused, and the core goes on with what it has. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"

static struct core *core;
static struct core_stats *stats;
static struct core_listener listener = {.port = 53, .label = "dns://:53"};
static struct core_zone zone;
static struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 1, .zone = &zone};

static void setup(void)
{
	static const struct hash_key key = {1, 2};
	struct diag d;

	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	stats = calloc(1, sizeof(*stats));
	cr_assert_eq(core_new(&core, &conf, &(struct core_ops){0}, stats, &key, 1, &d), 0, "%s", d.text);
}

static void teardown(void)
{
	core_free(core);
	free(stats);
}

TestSuite(reconfigure, .init = setup, .fini = teardown);

/* Nothing is forwarded: the answer is SERVFAIL, by the zone. */
static void zone_answers(void)
{
	static const uint8_t query[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = 1024};
	uint64_t before = stats->server[0].request_size[0].n;
	size_t len = 0;

	cr_assert_eq(core_query(core, NS_PER_S, &c, query, sizeof(query), out, &len), CORE_WAIT);
	core_check(core);
	cr_assert_eq(stats->server[0].request_size[0].n, before + 1);
}

Test(reconfigure, without_a_zone_or_a_listener_is_refused)
{
	struct core_conf none = conf;
	struct diag d = {""};

	none.n_zones = 0;
	cr_assert_eq(core_reconfigure(core, &none, NS_PER_S, &d), ERR_RANGE);
	zone_answers();
	none = conf;
	none.n_listeners = 0;
	cr_assert_eq(core_reconfigure(core, &none, NS_PER_S, &d), ERR_RANGE);
	zone_answers();
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	zone_answers();
}
