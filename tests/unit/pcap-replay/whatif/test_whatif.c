/* SPDX-License-Identifier: Apache-2.0 */
/* Captured questions played at caches: against what can be counted by hand. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "pcap-replay/whatif/play.h"
#include "tests/fixtures/at_end.h"

static struct budget budget;
static struct asked asked;

static void setup(void)
{
	budget_init(&budget, 64u << 20);
	asked_init(&asked, &budget);
}

static void teardown(void)
{
	asked_release(&asked);
	AT_END(budget.used == 0); /* what was taken is given back */
}

TestSuite(whatif, .init = setup, .fini = teardown);

/* One question for `text` at t_ns from 10.244.1.CLIENT, answered after 1 ms: TTL 30, or denied with
 * an SOA that says 30. */
static void put(uint64_t t_ns, const char *text, uint16_t qtype, unsigned rcode, uint8_t client, uint8_t server)
{
	struct name n;
	uint8_t query[512], reply[512];
	struct wire_out o;
	cr_assert_eq(name_from_text(&n, text), 0);
	struct txn *t = calloc(1, sizeof(*t) + n.len);
	t->wire_len = (uint32_t)dns_query_build(query, sizeof(query), 7, n.b, qtype, DNS_RD, 0, false, false);
	wire_out_init(&o, reply, sizeof(reply));
	wire_put_header(&o, &(struct dns_header){.id = 7, .flags = (uint16_t)(DNS_QR | DNS_RD | DNS_RA | rcode), .n_qd = 1,
						 .n_an = rcode == 0, .n_ns = rcode != 0});
	wire_put_question(&o, n.b, qtype, DNS_IN);
	if (rcode == 0) {
		size_t mark = wire_rr_begin(&o, n.b, qtype, DNS_IN, 30);
		wire_put_bytes(&o, "0123456789abcdef", qtype == DNS_A ? 4 : 16);
		wire_rr_end(&o, mark);
	} else {
		size_t mark = wire_rr_begin(&o, (const uint8_t *)"", DNS_SOA, DNS_IN, 30);
		wire_put_bytes(&o, "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\36", 22);
		wire_rr_end(&o, mark);
	}
	t->wire = query;
	t->reply = reply;
	t->reply_len = (uint32_t)o.len;
	t->t_ns = t->start_ns = NS_PER_S + t_ns;
	t->answered_ns = t->t_ns + NS_PER_MS;
	t->readable = true;
	t->proto = QS_UDP;
	t->qtype = qtype;
	t->qclass = DNS_IN;
	t->name_len = (uint8_t)name_lower(t->name, n.b);
	t->view.client.ip = (struct in6_addr){.s6_addr = {[10] = 255, [11] = 255, [12] = 10, [13] = 244, [14] = 1, [15] = client}};
	t->view.server.ip = (struct in6_addr){.s6_addr = {[10] = 255, [11] = 255, [12] = 10, [13] = 96, [14] = 0, [15] = server}};
	asked_txn(&asked, t);
	free(t);
}

static struct play_counts ours(uint32_t entries, const char *shield)
{
	struct play_conf c = {.asked = &asked, .domain = "cluster.local", .shield = shield, .entries = entries, .ttl_s = 30, .negative_ttl_s = 5};
	struct play_counts n;
	struct diag d = {0};
	cr_assert_eq(play_ours(&c, &n, &d), 0, "%s", d.text);
	return n;
}

static struct play_counts theirs(uint32_t entries, enum play_rival who)
{
	struct play_conf c = {.asked = &asked, .domain = "cluster.local", .entries = entries, .ttl_s = 30, .negative_ttl_s = 5};
	struct play_counts n;
	struct diag d = {0};
	cr_assert_eq(play_rival(&c, who, &n, &d), 0, "%s", d.text);
	return n;
}

Test(whatif, a_name_is_asked_for_once_in_its_ttl)
{
	for (uint64_t i = 0; i < 100; i++) /* half a second off: none at the very end of a TTL */
		put(i * NS_PER_S + NS_PER_S / 2, "a.ns.svc.cluster.local", DNS_A, 0, 2, 10);
	cr_assert(asked_ready(&asked));
	struct play_counts n = ours(9984, NULL);
	cr_assert_eq(n.questions, 100);
	cr_assert_eq(n.at_once, 96, "%lu", (unsigned long)n.at_once);
	cr_assert_eq(n.asked - n.made_up, 4, "%lu", (unsigned long)n.asked);
	cr_assert_eq(n.asked_cluster, n.asked);
	cr_assert_leq(n.made_up, 1, "what the shield asks of its own");
	cr_assert_eq(n.waited_ns, 4 * NS_PER_MS);
	for (enum play_rival k = 0; k < PLAY_RIVALS; k++)
		cr_assert_eq(theirs(9984, k).asked, 4, "%s: %lu", play_rival_text[k], (unsigned long)theirs(9984, k).asked);
}

Test(whatif, a_shorter_cap_on_ttls_asks_more_often)
{
	for (uint64_t i = 0; i < 100; i++)
		put(i * NS_PER_S + NS_PER_S / 2, "a.ns.svc.cluster.local", DNS_A, 0, 2, 10);
	cr_assert(asked_ready(&asked));
	struct play_conf c = {.asked = &asked, .domain = "cluster.local", .entries = 9984, .ttl_s = 10, .negative_ttl_s = 5};
	struct play_counts n;
	struct diag d = {0};
	cr_assert_eq(play_ours(&c, &n, &d), 0, "%s", d.text);
	cr_assert_eq(n.at_once, 90, "every eleventh second, from the first: %lu", (unsigned long)n.at_once);
}

Test(whatif, a_walk_around_more_names_than_fit_defeats_lru)
{
	char text[64];
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "n%u.example.com", i % 200);
		put(i * NS_PER_MS, text, DNS_A, 0, 2, 10);
	}
	cr_assert(asked_ready(&asked));
	cr_assert_eq(theirs(199, PLAY_LRU).at_once, 0);
	cr_assert_eq(theirs(200, PLAY_LRU).at_once, 1800);
	cr_assert_eq(theirs(1, PLAY_NO_LIMIT).at_once, 1800);
	cr_assert_eq(theirs(1, PLAY_ORIGINAL).at_once, theirs(1024, PLAY_ORIGINAL).at_once, "1,024 is the least that it has");
	cr_assert_gt(theirs(1024, PLAY_ORIGINAL).at_once, 1700, "%lu", (unsigned long)theirs(1024, PLAY_ORIGINAL).at_once);
	cr_assert_gt(ours(9984, NULL).at_once, 1700);
}

Test(whatif, equal_questions_under_way_are_one_upstream)
{
	for (uint8_t i = 0; i < 50; i++)
		put(i * NS_PER_US, "b.example.com", DNS_A, 0, i, 100);
	cr_assert(asked_ready(&asked));
	struct play_counts n = ours(1024, NULL);
	cr_assert_eq(n.at_once, 0);
	cr_assert_eq(n.asked, 1, "%lu", (unsigned long)n.asked);
	cr_assert_eq(n.asked_cluster, 0);
}

Test(whatif, a_servers_own_questions_are_nobodys)
{
	put(0, "c.example.com", DNS_A, 0, 2, 10);
	struct in6_addr server = asked.server[0];
	put(NS_PER_MS, "c.example.com", DNS_A, 0, 3, 8);
	asked.one[1].client = server; /* the cluster DNS asks on */
	cr_assert(asked_ready(&asked));
	cr_assert_eq(asked.n, 1);
	cr_assert_eq(asked.forwarded, 1);
}

Test(whatif, the_shield_that_trusts_asks_for_less)
{
	char text[128];
	for (unsigned i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "h%u.example.com.default.svc.cluster.local", i);
		put(i * 10 * NS_PER_MS, text, DNS_A, DNS_NXDOMAIN, 2, 10);
	}
	put(0, "real.default.svc.cluster.local", DNS_A, 0, 2, 10);
	cr_assert(asked_ready(&asked));
	struct play_counts off = ours(9984, "off"), trust = ours(9984, "trust");
	cr_assert_eq(off.asked_cluster, 301);
	cr_assert_eq(off.asked_cluster_nx, 300);
	cr_assert_lt(trust.asked_cluster, 30, "%lu", (unsigned long)trust.asked_cluster);
	cr_assert_gt(trust.made_up, 0, "the name it asks about instead is not in the capture");
	cr_assert_eq(trust.questions, 301);
}

Test(whatif, no_memory_is_counted_and_not_fatal)
{
	budget.max = budget.used + 4096 * 200;
	for (unsigned i = 0; i < 20000; i++)
		put(i, "d.example.com", DNS_A, 0, 2, 10);
	cr_assert_gt(asked.untold, 0);
	cr_assert_eq(asked.untold + asked.n, 20000);
	if (asked_ready(&asked))
		cr_assert_eq(ours(64, NULL).questions, asked.n);
}

Test(whatif, nothing_asked_is_nothing_played)
{
	cr_assert(asked_ready(&asked));
	cr_assert_eq(ours(64, "on").questions, 0);
	cr_assert_eq(theirs(64, PLAY_NO_LIMIT).asked, 0);
}
