/* SPDX-License-Identifier: Apache-2.0 */
/* What a node does, with the kernel there is: its rules in the native dialect, its interface. What it
 * does by iptables is test_node_iptables.c. */
#include "tests/fixtures/node_world.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "resolver/node/iptables.h"
#include "resolver/node/netlink.h"
#include "resolver/node/node_int.h"

TestSuite(node, .fini = teardown, .timeout = 60);

Test(node, nftables)
{
	struct in6_addr vip, target;

	open_as(RULES_NFTABLES);
	cr_expect_eq(node_rules_kind(node), RULES_NFTABLES);
	cr_expect_str_eq(node_rules_words(node), "nftables, table inet nodelocaldns");
	cr_expect(ensure());
	cr_expect_str_eq(words.text, "");
	cr_expect_not(ensure());
	cr_expect(stand());
	cr_expect(node_failopen(node));
	cr_expect_eq(node_hold_ns(node), 120 * NS_PER_S);
	cr_expect_eq(node_rules_refresh(node, &words), 0);
	cr_expect_eq(node_rules_lapse(node, &words), 0);
	cr_expect(stand(), "lapsing takes addresses, not rules");
	cr_expect_not(node_rewrites(node, true, &vip, &target));
	cr_expect_not(node_rewrites(node, false, &vip, &target));
	cr_expect_eq(errors(), 0);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	cr_expect_not(stand());
	cr_expect_neq(node_rules_refresh(node, &words), 0);
	cr_expect(ensure());
}

Test(node, without_an_end_nothing_is_renewed)
{
	flags_fill(RULES_NFTABLES);
	own_net(NULL);
	flags.failopen_ns = 0;
	if (node_open(&node, &flags, &words))
		cr_skip_test("no netlink here");
	cr_expect(ensure());
	cr_expect_not(node_failopen(node));
	cr_expect_eq(node_hold_ns(node), 0);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	cr_expect_eq(node_rules_refresh(node, &words), 0, "there is nothing to renew, so nothing is missed");
}

/* Rewriting is nftables' whatever was asked; the last address of a family is the target. */
Test(node, rewriting)
{
	struct in6_addr vip, target;

	flags_fill(RULES_IPTABLES);
	own_net(NULL);
	flags.intercept = INTERCEPT_REWRITE;
	flags.n_intercept_vips = 1;
	cr_assert_eq(flags_ip_parse("10.96.0.99", &flags.intercept_vip[0]), 0);
	if (node_open(&node, &flags, &words))
		cr_skip_test("no netlink here");
	cr_expect_eq(node_rules_kind(node), RULES_NFTABLES);
	cr_assert(node_rewrites(node, true, &vip, &target));
	cr_expect_eq(memcmp(&vip, &flags.intercept_vip[0].addr, sizeof(vip)), 0);
	cr_expect_eq(memcmp(&target, &flags.localip[2].addr, sizeof(target)), 0);
	cr_expect_not(node_rewrites(node, false, &vip, &target));
	cr_expect(ensure());
	cr_expect(stand());
}

Test(node, no_rules)
{
	static const struct {
		bool setup;
		enum flags_intercept intercept;
		enum flags_rules rules;
	} cases[] = {{false, INTERCEPT_NOTRACK, RULES_NFTABLES},
		     {true, INTERCEPT_NONE, RULES_IPTABLES},
		     {true, INTERCEPT_NOTRACK, RULES_NONE}};

	own_net(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool changed = true;

		flags_fill(cases[i].rules);
		flags.setup_iptables = cases[i].setup;
		flags.intercept = cases[i].intercept;
		flags.setup_interface = i == 0;
		cr_assert_eq(node_open(&node, &flags, &words), 0);
		cr_expect_eq(node_rules_kind(node), RULES_NONE, "case %zu", i);
		cr_expect_str_eq(node_rules_words(node), "no rules");
		cr_expect_eq(node_rules_ensure(node, &changed, &words), 0);
		cr_expect_not(changed);
		cr_expect(stand());
		cr_expect_eq(node_rules_refresh(node, &words), 0);
		cr_expect_eq(node_rules_lapse(node, &words), 0);
		cr_expect_eq(node_rules_remove(node, &words), 0);
		cr_expect_not(node_failopen(node));
		cr_expect_not(node_sweep_wants_raw(node));
		node_close(node);
		node = NULL;
	}
}

Test(node, the_interface)
{
	open_as(RULES_NFTABLES);
	if (node_iface_ensure(node, &words))
		cr_skip_test("no dummy interface here");
	cr_expect(node_iface_created(node));
	cr_expect_neq(if_nametoindex("nodelocaldns"), 0);
	cr_expect_eq(node_iface_ensure(node, &words), 0, "%s", words.text);
	cr_expect_eq(errors(), 0);
	cr_expect_eq(node_iface_remove(node, &words), 0);
	cr_expect_eq(if_nametoindex("nodelocaldns"), 0);
	node_error_count(node, NODE_ERR_CONFIGMAP);
	cr_expect_eq(node_errors(node)[NODE_ERR_CONFIGMAP], 1);
	node_close(node);
	flags.setup_interface = false;
	cr_assert_eq(node_open(&node, &flags, &words), 0);
	cr_expect_eq(node_iface_ensure(node, &words), 0);
	cr_expect_eq(if_nametoindex("nodelocaldns"), 0);
	cr_expect_eq(node_iface_remove(node, &words), 0);
}

/* Where nothing is set up nothing is rewritten either, nor to no address. */
Test(node, rewriting_without_rules_or_target)
{
	struct in6_addr vip, target;

	flags_fill(RULES_AUTO);
	own_net(NULL);
	flags.intercept = INTERCEPT_REWRITE;
	flags.n_intercept_vips = 1;
	flags.setup_interface = flags.setup_iptables = false;
	cr_assert_eq(flags_ip_parse("10.96.0.99", &flags.intercept_vip[0]), 0);
	cr_assert_eq(node_open(&node, &flags, &words), 0);
	cr_expect_not(node_rewrites(node, true, &vip, &target));
	node_close(node);
	flags.setup_iptables = true;
	flags.localip[0] = flags.localip[1];
	flags.n_localips = 1;
	if (node_open(&node, &flags, &words))
		cr_skip_test("no netlink here");
	cr_expect_not(node_rewrites(node, true, &vip, &target));
}

/* An interface that is no dummy, which somebody made beforehand. */
static void bridge_make(const char *name)
{
	struct netlink *route;
	struct nl_buf b;
	size_t info;

	cr_assert_eq(netlink_open(&route, NETLINK_ROUTE, &words), 0);
	nl_init(&b);
	nl_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(&b, IFLA_IFNAME, name);
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_text(&b, IFLA_INFO_KIND, "bridge");
	nl_end(&b, info);
	if (netlink_send(route, &b, NULL, NULL, name, &words))
		cr_skip_test("no bridges here");
	netlink_close(route);
}

/* How many of the flags' addresses it has. */
static unsigned addresses_on(const char *name)
{
	struct ifaddrs *all, *a;
	unsigned n = 0;

	cr_assert_eq(getifaddrs(&all), 0);
	for (a = all; a; a = a->ifa_next)
		for (size_t i = 0; a->ifa_addr && i < flags.n_localips; i++) {
			const struct sockaddr_in *v4 = (const void *)a->ifa_addr;
			const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;

			if (strcmp(a->ifa_name, name))
				continue;
			if (flags.localip[i].is_v4)
				n += v4->sin_family == AF_INET && v4->sin_addr.s_addr == flags.localip[i].addr.s6_addr32[3];
			else
				n += v6->sin6_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&v6->sin6_addr, &flags.localip[i].addr);
		}
	freeifaddrs(all);
	return n;
}

/* It is used, and left as it was. */
Test(node, an_interface_that_was_there)
{
	open_as(RULES_NFTABLES);
	bridge_make("nodelocaldns");
	cr_expect_eq(node_iface_ensure(node, &words), 0, "%s", words.text);
	cr_expect_not(node_iface_created(node));
	cr_expect_eq(addresses_on("nodelocaldns"), 3);
	cr_expect_eq(node_iface_ensure(node, &words), 0);
	cr_expect_eq(errors(), 0);
	cr_expect_eq(node_iface_undo(node, &words), 0);
	cr_expect_eq(addresses_on("nodelocaldns"), 0);
	cr_expect_neq(if_nametoindex("nodelocaldns"), 0);
	cr_expect_eq(node_iface_ensure(node, &words), 0);
	cr_expect_eq(addresses_on("nodelocaldns"), 3);
	cr_expect_eq(node_iface_remove(node, &words), 0);
	cr_expect_eq(addresses_on("nodelocaldns"), 0);
	cr_expect_neq(if_nametoindex("nodelocaldns"), 0);
	cr_expect_eq(node_iface_ensure(node, &words), 0);
	cr_expect_eq(node_cleanup(&flags, &words), 0, "%s", words.text);
	cr_expect_eq(addresses_on("nodelocaldns"), 0, "what another process of ours added, too");
}

Test(node, an_interface_that_cannot_be)
{
	flags_fill(RULES_NFTABLES);
	own_net(NULL);
	flags.interface_name = "a-name-that-no-interface-can-have";
	if (node_open(&node, &flags, &words))
		cr_skip_test("no netlink here");
	cr_expect_neq(node_iface_ensure(node, &words), 0);
	cr_expect_eq(node_errors(node)[NODE_ERR_INTERFACE_ADD], 1);
	cr_expect_eq(node_errors(node)[NODE_ERR_INTERFACE_CHECK], 1);
	cr_expect_neq(node_iface_undo(node, &words), 0);
	cr_expect_neq(node_iface_remove(node, &words), 0);
	flags.setup_interface = false;
	node_close(node);
	cr_assert_eq(node_open(&node, &flags, &words), 0);
	cr_expect_eq(node_iface_ensure(node, &words), 0, "nobody asked for it");
	cr_expect_eq(node_iface_undo(node, &words), 0);
	cr_expect_eq(node_iface_remove(node, &words), 0);
}

/* Without the privilege nothing is done, and that is counted. */
Test(node, without_privileges)
{
	open_as(RULES_NFTABLES);
	cr_expect(ensure());
	if (geteuid() != 0)
		cr_skip_test("takes root");
	cr_assert_eq(setuid(65534), 0);
	cr_expect_neq(node_rules_remove(node, &words), 0);
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES], 1);
	cr_expect(words.text[0]);
	flags.dns_port = 54; /* so that what stands is not what is wanted */
	node_close(node);
	cr_assert_eq(node_open(&node, &flags, &words), 0);
	cr_expect_neq(node_rules_ensure(node, NULL, &words), 0);
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES], 1);
	cr_expect_neq(node_rules_lapse(node, &words), 0);
	cr_expect_neq(node_rules_withdraw(node, &words), 0);
}

/* Without a descriptor there is no node of nftables, and one of iptables may still be. */
Test(node, without_descriptors)
{
	struct rlimit all, few;
	struct node *n = NULL;
	int next;

	flags_fill(RULES_NFTABLES);
	flags.setup_interface = false;
	own_net(NULL);
	close(next = dup(0));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	for (int i = 0; i < 4; i++) {
		static const bool opens[] = {false, false, true, false};

		flags.rules = i == 0 ? RULES_NFTABLES : RULES_IPTABLES;
		flags.intercept = i == 1 ? INTERCEPT_REWRITE : INTERCEPT_NOTRACK;
		flags.setup_interface = i == 3;
		few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max};
		words.text[0] = 0;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		int err = node_open(&n, &flags, &words);

		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		cr_expect_eq(err == 0, opens[i], "case %d: %d %s", i, err, words.text);
		if (err)
			cr_expect(words.text[0]);
		if (!err && iptables_present(true) && iptables_present(false)) { /* it has all its programs */
			cr_expect_eq(node_rules_ensure(n, NULL, &words), 0, "%s", words.text);
			cr_expect_str_eq(words.text, "", "nothing is left of another dialect, as far as can be seen");
			cr_expect_eq(node_errors(n)[NODE_ERR_IPTABLES], 0);
			cr_expect_eq(node_rules_remove(n, &words), 0);
		}
		if (!err)
			node_close(n);
		cr_expect_eq(dup(0), next, "case %d: nothing stays open", i);
		close(next);
	}
}

/* Who handed over finishes what it was asked: what it said of itself is kept, and looked at again. */
Test(node, what_an_instance_before_said)
{
	struct node_released r = {.n = 1};
	uint64_t before = clock_mono_ns();

	flags_fill(RULES_NONE);
	flags.setup_interface = false;
	cr_assert_eq(node_open(&node, &flags, &words), 0);
	r.addr[0] = flags.localip[0].addr;
	for (int handed_over = 0; handed_over < 2; handed_over++) {
		node->swept = true;
		r.handed_over = handed_over;
		node_released_set(node, &r);
		cr_expect_eq(node_rules_swept(node), !handed_over);
		cr_expect_eq(node->nft.handed_over, handed_over);
		cr_expect(strays_released(&node->strays, &flags.localip[0].addr));
		cr_expect_not(strays_released(&node->strays, &flags.localip[1].addr));
		cr_expect_geq(node->owed_until_ns, before + 25 * NS_PER_S);
		cr_expect_leq(node->owed_until_ns, clock_mono_ns() + 25 * NS_PER_S);
	}
}
