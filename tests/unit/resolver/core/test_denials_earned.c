/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream has to show before a denial of one type renews another's: names that are not, and
 * names that have a type. */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "tests/fixtures/corefile_util.h"

enum { NAMES = 300 }; /* enough for sixteen of 64 places */

static struct core *core;
static struct core_stats stats;
static struct core_ask last;
static uint8_t last_query[CORE_ASK_MAX];
static uint64_t now_ns;

static void on_ask(void *ctx, const struct core_ask *a)
{
	(void)ctx;
	last = *a;
	memcpy(last_query, a->query, a->len);
}
static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx, (void)c, (void)b, (void)len;
}
static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx, (void)id;
}

/* One question, and what the upstream says: an rcode, and a record if there is one. False: it was not asked. */
static bool asked(const char *name, uint16_t type, uint16_t rcode, const char *record)
{
	const char *const records[] = {record, NULL};
	struct core_client c = {.addr = addr_of("10.0.1.1"), .local = addr_of("10.0.0.10"), .proto = CORE_UDP};
	static uint8_t out[DNS_MSG_MAX], msg[DNS_MSG_MAX];
	struct wire_out o;
	struct dns_msg m;
	struct name n;
	uint8_t q[512];
	size_t len = 0;

	last.id = 0;
	cr_assert_eq(name_from_text(&n, name), 0);
	len = dns_query_build(q, sizeof(q), 7, n.b, type, DNS_RD, 0, false, false);
	core_query(core, now_ns, &c, q, len, out, &len);
	core_tick(core, now_ns);
	if (!last.id)
		return false;
	len = reply_make(msg, sizeof(msg), name, type, rcode, record ? records : records + 1);
	cr_assert_eq(dns_msg_parse(&m, last_query, last.len), 0);
	memcpy(msg + DNS_HEADER_LEN, m.q.name, m.q.name_len);
	if (!record) { /* who denies says for how long: for more than is kept */
		wire_out_init(&o, msg, sizeof(msg));
		o.len = len;
		size_t mark = wire_rr_begin(&o, (const uint8_t *)"", DNS_SOA, DNS_IN, 3000);

		wire_put_bytes(&o, "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\13\270", 22);
		wire_rr_end(&o, mark);
		set_be16(msg + 8, 1);
		len = o.len;
	}
	cr_assert(core_answer(core, now_ns, last.id, msg, len));
	return true;
}

/* Names of the second kind are `empty`, or have addresses. How many denials were renewed then? */
static uint64_t renewed_after(bool empty)
{
	static const struct hash_key key = {3, 4};
	struct core_ops ops = {.ask = on_ask, .reply = on_reply, .cancel = on_cancel};
	struct corefile_plan *p = plan_of(". {\n cache 60 {\n denial 1000 5 5\n }\n forward . 192.0.2.53\n}\n");
	struct diag d;
	char name[32];

	memset(&stats, 0, sizeof(stats));
	now_ns = 1000 * NS_PER_S;
	cr_assert_eq(core_new(&core, &p->conf, &ops, &stats, &key, 6, &d), 0, "%s", d.text);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%u.test.", i);
		cr_assert(asked(name, DNS_A, DNS_NXDOMAIN, NULL));
		cr_assert(asked(name, DNS_AAAA, DNS_NXDOMAIN, NULL));
		snprintf(name, sizeof(name), "y%u.test.", i);
		cr_assert(asked(name, DNS_A, DNS_NOERROR, empty ? NULL : "@ 60 A 192.0.2.1"));
		cr_assert(asked(name, DNS_AAAA, DNS_NOERROR, NULL));
	}
	for (unsigned i = 0; i < NAMES; i++) {
		now_ns += 6 * NS_PER_S;
		asked("n1.test.", DNS_A, DNS_NXDOMAIN, NULL);
		now_ns += NS_PER_S;
		asked("n1.test.", DNS_AAAA, DNS_NXDOMAIN, NULL);
	}
	core_free(core);
	corefile_plan_free(p);
	return stats.denials_renewed;
}

Test(denials_earned, by_names_that_have_a_type)
{
	cr_expect_gt(renewed_after(false), 0);
}

Test(denials_earned, not_by_names_that_have_none)
{
	cr_expect_eq(renewed_after(true), 0);
}
