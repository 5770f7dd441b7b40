/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of another process, put beside what this one knows. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/answer.h"
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

/* An entry like that of put(), for its fields to be spoilt. */
static struct core_entry entry(void)
{
	struct core_entry e;
	size_t cursor = 0;

	cr_assert_eq(put(100, 100, 1), 0);
	cr_assert(core_entry_next(core, &cursor, &e));
	return e;
}

Test(entries, what_cannot_be_put_is_told_apart)
{
	static const uint8_t ede[ANSWER_EDE_MAX + 1];
	static uint8_t msg[DNS_MSG_MAX + 1];
	const struct core_entry good = entry();
	uint64_t now_ns = 110 * NS_PER_S;
	struct core_entry e = good;

	memcpy(msg, good.msg, good.len);
	e.msg = msg;
	e.expires_ns = now_ns;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_RANGE); /* over */
	e.expires_ns = now_ns + NS_PER_S - 1;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_RANGE); /* not a second is left */
	e.expires_ns = now_ns + NS_PER_S;
	cr_assert_eq(core_entry_put(core, now_ns, &e), 0);
	e = good;
	e.msg = msg;
	e.stored_ns = now_ns + 1;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_RANGE); /* not yet learnt */
	e.stored_ns = now_ns;
	cr_assert_eq(core_entry_put(core, now_ns, &e), 0);
	e.ede = ede;
	e.ede_len = ANSWER_EDE_MAX + 1;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_SYNTAX);
	e.ede_len = ANSWER_EDE_MAX;
	cr_assert_eq(core_entry_put(core, now_ns, &e), 0);
	e.len--;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_SYNTAX); /* cut */
	e.len = DNS_MSG_MAX + 1;
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_SYNTAX);
	e.len = good.len;
	set_be16(msg + 2, DNS_QR | DNS_SERVFAIL);
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_SYNTAX); /* a failure */
	set_be16(msg + 2, DNS_QR);
	set_be16(msg + 4, 0);
	cr_assert_eq(core_entry_put(core, now_ns, &e), ERR_SYNTAX); /* to no question */
	set_be16(msg + 4, 1);
	cr_assert_eq(core_entry_put(core, now_ns, &e), 0);
}

/* CD, DO and the view are part of what an entry is found by, and the age is kept. */
Test(entries, an_entry_comes_back_as_it_was)
{
	struct core_entry e = entry(), back;
	static uint8_t msg[512];
	size_t cursor = 0;
	unsigned seen = 0;

	memcpy(msg, e.msg, e.len);
	e.msg = msg;
	for (unsigned i = 1; i < 4; i++) {
		e.flags = i & 1 ? DNS_CD : 0;
		e.is_do = i & 2;
		cr_assert_eq(core_entry_put(core, 110 * NS_PER_S, &e), 0);
	}
	while (core_entry_next(core, &cursor, &back)) {
		seen |= 1u << ((back.flags & DNS_CD ? 1 : 0) + (back.is_do ? 2 : 0));
		cr_assert(back.qtype == DNS_A && back.qclass == DNS_IN && back.len == e.len);
		if (!(back.flags & DNS_CD) && !back.is_do)
			continue;
		cr_assert_eq(back.stored_ns, 110 * NS_PER_S);
		cr_assert_eq(back.expires_ns, e.expires_ns / NS_PER_S * NS_PER_S);
		cr_assert_eq(get_be32(back.msg + back.len - 10), 3590u); /* ten seconds older */
	}
	cr_assert_eq(seen, 15u);
	cr_assert_eq(stats->entries_success, 4u);
	cr_assert_eq(stats->entries_denial, 0u);
}
