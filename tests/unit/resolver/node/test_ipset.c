/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sets that hold the rules of the iptables dialect, against the kernel, in a network
 * namespace that dies with the test; what stands there is read back.
 */
#include "resolver/node/ipset.h"

#include <criterion/criterion.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/node/gates.h"
#include "tests/fixtures/netfilter_world.h"

enum { ATTRS = 32 };

static char told[4096];

static void tell_entry(struct nl_attr entry)
{
	struct nl_attr data[ATTRS], addr[ATTRS], a;
	size_t at = strlen(told);

	nl_parse_nest(entry, data, ATTRS);
	nl_parse_nest(data[IPSET_ATTR_IP], addr, ATTRS);
	a = addr[IPSET_ATTR_IPADDR_IPV4].data ? addr[IPSET_ATTR_IPADDR_IPV4] : addr[IPSET_ATTR_IPADDR_IPV6];
	for (size_t i = 0; i < a.len; i++, at += 2)
		snprintf(told + at, sizeof(told) - at, "%02x", ((const uint8_t *)a.data)[i]);
	/* a second may have passed */
	snprintf(told + at, sizeof(told) - at, " about %u s\n", (nl_be32(data[IPSET_ATTR_TIMEOUT]) + 9) / 10 * 10);
}

static void set_told(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[ATTRS], data[ATTRS], entry = {0};
	size_t at = strlen(told);

	(void)ctx;
	nl_parse(h, sizeof(struct nfgenmsg), a, ATTRS);
	if (a[IPSET_ATTR_TYPENAME].data) {
		nl_parse_nest(a[IPSET_ATTR_DATA], data, ATTRS);
		snprintf(told + at, sizeof(told) - at, "%s %s family %u timeout %u max %u\n", nl_text(a[IPSET_ATTR_SETNAME]),
			 nl_text(a[IPSET_ATTR_TYPENAME]), *(const uint8_t *)a[IPSET_ATTR_FAMILY].data,
			 nl_be32(data[IPSET_ATTR_TIMEOUT]), nl_be32(data[IPSET_ATTR_MAXELEM]));
	}
	for (const void *e = NULL; (e = nl_each(a[IPSET_ATTR_ADT], e, &entry));)
		tell_entry(entry);
}

/* The set as the kernel holds it, "" when there is none. */
static const char *held(struct netlink *nl, const char *set)
{
	struct nl_buf b;
	struct nfgenmsg *g;

	told[0] = 0;
	nl_init(&b);
	g = nl_begin(&b, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST), NLM_F_DUMP, sizeof(*g));
	g->version = NFNETLINK_V0;
	nl_put_u8(&b, IPSET_ATTR_PROTOCOL, 6);
	nl_put_text(&b, IPSET_ATTR_SETNAME, set);
	netlink_send(nl, &b, set_told, NULL, "dump", NULL);
	return told;
}

static struct netlink *kernel_open(void)
{
	struct netlink *nl = netfilter_open();
	/* not asked through what is tested: that could not fail then */
	struct nl_buf b;
	struct nfgenmsg *g;

	nl_init(&b);
	g = nl_begin(&b, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_PROTOCOL), 0, sizeof(*g));
	g->version = NFNETLINK_V0;
	nl_put_u8(&b, IPSET_ATTR_PROTOCOL, 6);
	if (netlink_send(nl, &b, NULL, NULL, "protocol", NULL))
		cr_skip_test("no ipset here");
	return nl;
}

static struct node_flags flags_of(uint64_t failopen_ns)
{
	struct node_flags f = {.n_localips = 3, .failopen_ns = failopen_ns};

	cr_assert_eq(flags_ip_parse("169.254.20.10", &f.localip[0]), 0);
	cr_assert_eq(flags_ip_parse("fd00::a", &f.localip[1]), 0);
	cr_assert_eq(flags_ip_parse("10.96.0.10", &f.localip[2]), 0);
	return f;
}

#define OURS4 "nodelocaldns4 hash:ip family 2 timeout 0 max 64\n"
#define OURS6 "nodelocaldns6 hash:ip family 10 timeout 0 max 64\n"

Test(ipset, one_family)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(0);
	struct diag d;

	cr_expect_eq(ipset_create(nl, "six", false, &d), 0);
	cr_expect_str_eq(held(nl, "six"), "six hash:ip family 10 timeout 0 max 64\n");
	cr_expect_eq(ipset_put(nl, "six", f.localip, f.n_localips, false, 100, &d), 0);
	cr_expect_str_eq(held(nl, "six"),
			 "six hash:ip family 10 timeout 0 max 64\nfd00000000000000000000000000000a about 100 s\n");
	cr_expect_eq(ipset_create(nl, "six", false, &d), 0, "what is there is kept");
	cr_expect(strstr(held(nl, "six"), "about 100 s"));
	cr_expect_eq(ipset_put(nl, "six", f.localip, f.n_localips, false, 200, &d), 0, "renewed");
	cr_expect(strstr(held(nl, "six"), "about 200 s"));
	cr_expect_eq(ipset_take(nl, "six", f.localip, f.n_localips, false, &d), 0);
	cr_expect_str_eq(held(nl, "six"), "six hash:ip family 10 timeout 0 max 64\n");
	cr_expect_eq(ipset_take(nl, "six", f.localip, f.n_localips, false, &d), 0, "none there is fine");
	cr_expect_eq(ipset_put(nl, "six", f.localip, f.n_localips, false, 200, &d), 0);
	cr_expect_eq(ipset_flush(nl, "six", &d), 0);
	cr_expect_str_eq(held(nl, "six"), "six hash:ip family 10 timeout 0 max 64\n");
	cr_expect_eq(ipset_destroy(nl, "six", &d), 0);
	cr_expect_str_eq(held(nl, "six"), "");
	cr_expect_eq(ipset_destroy(nl, "six", &d), 0, "nothing to remove is fine");
	cr_expect_neq(ipset_put(nl, "six", f.localip, f.n_localips, false, 200, &d), 0);
	cr_expect_neq(ipset_flush(nl, "six", &d), 0);
	netlink_close(nl);
}

/* One that a rule still asks stays, and that is told. */
Test(ipset, in_use)
{
	struct netlink *nl = kernel_open();
	struct diag d = {""};

	cr_assert_eq(ipset_create(nl, "four", true, &d), 0);
	if (system("iptables -A OUTPUT -m set --match-set four dst -j ACCEPT 2>/dev/null"))
		cr_skip_test("no such rules here");
	cr_expect_neq(ipset_destroy(nl, "four", &d), 0);
	cr_expect(strstr(d.text, "ipset: removing a set"), "%s", d.text);
	cr_expect_eq(system("iptables -F OUTPUT"), 0);
	cr_expect_eq(ipset_destroy(nl, "four", &d), 0);
	netlink_close(nl);
}

Test(gates, sets_of_both_families)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(120 * NS_PER_S);
	struct gates g;
	struct diag d;

	gates_init(&g, &f, nl);
	gates_prepare(&g);
	cr_assert_eq(g.kind, NODE_GATE_SET);
	cr_expect(g.filled);
	cr_expect(strstr(held(nl, "nodelocaldns4"), OURS4) && strstr(told, "a9fe140a about 120 s\n") &&
		  strstr(told, "0a60000a about 120 s\n"), "%s", told);
	cr_expect_str_eq(held(nl, "nodelocaldns6"), OURS6 "fd00000000000000000000000000000a about 120 s\n");
	cr_expect_eq(gates_flush(&g, &d), 0);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), OURS4);
	cr_expect_str_eq(held(nl, "nodelocaldns6"), OURS6);
	cr_expect_eq(gates_installed(&g, &d), 0);
	gates_prepare(&g);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), OURS4, "filled once: from then on only a proof of life renews");
	cr_expect_eq(gates_renew(&g, &d), 0);
	cr_expect(strstr(held(nl, "nodelocaldns4"), "0a60000a about 120 s\n"));
	cr_expect_str_eq(held(nl, "nodelocaldns6"), OURS6 "fd00000000000000000000000000000a about 120 s\n");
	gates_destroy(nl, true);
	gates_destroy(nl, false);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), "");
	cr_expect_str_eq(held(nl, "nodelocaldns6"), "");
	cr_expect_neq(gates_renew(&g, &d), 0);
	cr_expect_neq(gates_flush(&g, &d), 0);
	netlink_close(nl);
}

/* The family that is not ours gets no set. */
Test(gates, one_family)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(120 * NS_PER_S);
	struct gates g;
	struct diag d;

	f.n_localips = 1;
	gates_init(&g, &f, nl);
	gates_prepare(&g);
	cr_expect_eq(g.kind, NODE_GATE_SET);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), OURS4 "a9fe140a about 120 s\n");
	cr_expect_str_eq(held(nl, "nodelocaldns6"), "");
	cr_expect_eq(gates_renew(&g, &d), 0);
	cr_expect_eq(gates_flush(&g, &d), 0);
	gates_destroy(nl, true);
	f.localip[0] = f.localip[1];
	gates_init(&g, &f, nl);
	gates_prepare(&g);
	cr_expect_eq(g.kind, NODE_GATE_SET);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), "");
	cr_expect_str_eq(held(nl, "nodelocaldns6"), OURS6 "fd00000000000000000000000000000a about 120 s\n");
	cr_expect_eq(gates_renew(&g, &d), 0);
	cr_expect_eq(gates_flush(&g, &d), 0);
	netlink_close(nl);
}

/* What is left out is out at once, in its own family; all else is renewed. */
Test(gates, left_out)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(120 * NS_PER_S);
	struct gates g;
	struct diag d;

	gates_init(&g, &f, nl);
	gates_prepare(&g);
	cr_assert_eq(g.kind, NODE_GATE_SET);
	for (unsigned idle = 0; idle < 8; idle++) {
		g.idle = idle;
		cr_expect_eq(gates_renew(&g, &d), 0);
		held(nl, "nodelocaldns4");
		cr_expect_eq(strstr(told, "a9fe140a about 120 s\n") == NULL, idle & 1, "%u: %s", idle, told);
		cr_expect_eq(strstr(told, "0a60000a about 120 s\n") == NULL, idle >> 2, "%u: %s", idle, told);
		held(nl, "nodelocaldns6");
		cr_expect_eq(strstr(told, "fd00000000000000000000000000000a about 120 s\n") == NULL, idle >> 1 & 1, "%u: %s", idle, told);
	}
	netlink_close(nl);
}

/* Another process's rules ask what stands there: that is gone on with, and nothing is made. */
Test(gates, adopted)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(120 * NS_PER_S), shorter = flags_of(60 * NS_PER_S);
	struct gates g, other;

	gates_init(&g, &f, nl);
	cr_expect_eq(gates_adopt(&g), ERR_MISSING);
	cr_expect_eq(g.kind, NODE_GATE_NONE);
	cr_expect_str_eq(held(nl, "nodelocaldns4"), "");
	gates_init(&other, &shorter, nl);
	gates_prepare(&other);
	cr_assert_eq(other.kind, NODE_GATE_SET);
	cr_expect(strstr(held(nl, "nodelocaldns4"), "a9fe140a about 60 s\n"));
	cr_expect_eq(gates_adopt(&g), 0);
	cr_expect_eq(g.kind, NODE_GATE_SET);
	cr_expect(strstr(held(nl, "nodelocaldns4"), "a9fe140a about 120 s\n"), "%s", told);
	gates_init(&g, &f, NULL);
	cr_expect_eq(gates_adopt(&g), ERR_MISSING, "no way to it");
	netlink_close(nl);
}

/* A set of another kind has the name: the older way is left. */
Test(gates, fall_back_when_sets_cannot_be_made)
{
	struct netlink *nl = kernel_open();
	struct node_flags f = flags_of(120 * NS_PER_S);
	struct gates g;
	struct diag d;

	cr_assert_eq(ipset_create(nl, "nodelocaldns4", false, &d), 0);
	gates_init(&g, &f, nl);
	gates_prepare(&g);
	cr_expect_eq(g.kind, NODE_GATE_RECENT);
	cr_expect_not(g.filled);
	cr_expect_neq(gates_installed(&g, &d), 0, "no rule with a list stands here");
	cr_expect_not(g.filled);
	netlink_close(nl);
}

Test(gates, what_is_best_and_for_how_long)
{
	struct node_flags f = flags_of(0);
	struct gates g;
	struct diag d;

	gates_init(&g, &f, NULL);
	cr_expect_eq(g.best, NODE_GATE_NONE);
	gates_prepare(&g);
	cr_expect_eq(g.kind, NODE_GATE_NONE);
	cr_expect_eq(gates_renew(&g, &d), 0);
	cr_expect_eq(gates_flush(&g, &d), 0);
	cr_expect_eq(gates_installed(&g, &d), 0);
	gates_destroy(NULL, true);
	f.failopen_ns = 1;
	gates_init(&g, &f, NULL);
	cr_expect_eq(g.best, NODE_GATE_RECENT);
	static const struct {
		uint64_t failopen_ns;
		uint32_t s;
	} holds[] = {{0, 1}, {1, 1}, {1999999999, 1}, {2000000000, 2}, {2999999999, 2}, {30000000000, 30}};

	for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++) {
		f.failopen_ns = holds[i].failopen_ns;
		cr_expect_eq(gates_hold_s(&f), holds[i].s, "case %zu", i);
	}
}
