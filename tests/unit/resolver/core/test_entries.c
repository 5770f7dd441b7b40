/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of another process, put beside what this one knows. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"

static struct core *core;
static struct core_stats *stats;

static void setup(void)
{
	static const struct hash_key key = {1, 2};
	static struct core_listener listener = {.port = 53, .label = "dns://:53"};
	static struct core_zone zone;
	struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 1, .zone = &zone};
	struct diag d;

	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	zone.cache.enabled = true;
	stats = calloc(1, sizeof(*stats));
	cr_assert_eq(core_new(&core, &conf, &(struct core_ops){0}, stats, &key, 1, &d), 0, "%s", d.text);
}

static void teardown(void)
{
	core_free(core);
	free(stats);
}

TestSuite(entries, .init = setup, .fini = teardown);

/* a.example. A `value`, learnt at `stored_s`, for an hour. */
static int put(uint64_t now_s, uint64_t stored_s, uint32_t value)
{
	static uint8_t msg[256];
	struct dns_header h = {.flags = DNS_QR, .n_qd = 1, .n_an = 1};
	struct core_entry e = {.stored_ns = stored_s * NS_PER_S,
			       .expires_ns = (stored_s + 3600) * NS_PER_S,
			       .msg = msg};
	struct wire_out o;
	struct name n;
	size_t mark;

	cr_assert_eq(name_from_text(&n, "a.example."), 0);
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, n.b, DNS_A, DNS_IN);
	mark = wire_rr_begin(&o, n.b, DNS_A, DNS_IN, 3600);
	wire_put_u32(&o, value);
	wire_rr_end(&o, mark);
	e.len = o.len;
	return core_entry_put(core, now_s * NS_PER_S, &e);
}

static uint32_t value(void)
{
	struct core_entry e;
	size_t cursor = 0;

	cr_assert(core_entry_next(core, &cursor, &e));
	return get_be32(e.msg + e.len - 4);
}

Test(entries, bound_10_older_data_does_not_replace_newer)
{
	cr_assert_eq(put(100, 90, 1), 0);
	cr_assert_eq(put(200, 195, 2), 0); /* newer */
	cr_assert_eq(value(), 2u);
	cr_assert_lt(put(210, 150, 3), 0); /* what the other process learnt before that */
	cr_assert_eq(value(), 2u);
}
