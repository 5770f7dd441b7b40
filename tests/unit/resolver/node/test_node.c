/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node does in each dialect, with the kernel and the programs there are, in a
 * network namespace that dies with the test.
 */
#include "resolver/node/node.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/node/iptables.h"
#include "resolver/node/iptables_backend.h"
#include "resolver/node/netlink.h"
#include "tests/fixtures/fake_iptables.h"

static struct node_flags flags;
static struct node *node;
static struct diag words;

static void teardown(void)
{
	node_close(node);
}

TestSuite(node, .fini = teardown, .timeout = 60);

static void flags_fill(enum flags_rules rules)
{
	flags = (struct node_flags){.n_localips = 3,
				    .setup_interface = true,
				    .setup_iptables = true,
				    .interface_name = "nodelocaldns",
				    .dns_port = 53,
				    .health_port = 8080,
				    .rules = rules,
				    .intercept = INTERCEPT_NOTRACK,
				    .failopen_ns = 120 * NS_PER_S};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	cr_assert_eq(flags_ip_parse("fd00::a", &flags.localip[1]), 0);
	cr_assert_eq(flags_ip_parse("10.96.0.10", &flags.localip[2]), 0);
}

static void namespace_enter(void)
{
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		cr_skip_test("no network namespace here");
}

static void open_as(enum flags_rules rules)
{
	flags_fill(rules);
	namespace_enter();
	if (node_open(&node, &flags, &words))
		cr_skip_test("no netlink here");
}

static bool ensure(void)
{
	bool changed = false;

	if (node_rules_ensure(node, &changed, &words))
		cr_skip_test("no such rules here");
	return changed;
}

static bool stand(void)
{
	struct node_counters c = {0};

	cr_expect_eq(node_counters_read(node, &c, &words), 0, "%s", words.text);
	return c.stand;
}

static unsigned errors(void)
{
	unsigned n = 0;

	for (int i = 0; i < NODE_ERRORS; i++)
		n += (unsigned)node_errors(node)[i];
	return n;
}

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
	namespace_enter();
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
	namespace_enter();
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

	namespace_enter();
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

Test(node, iptables)
{
	if (!iptables_present(true) || !iptables_present(false))
		cr_skip_test("no iptables here");
	open_as(RULES_IPTABLES);
	cr_expect_eq(node_rules_kind(node), RULES_IPTABLES);
	cr_expect(ensure());
	cr_expect(stand());
	cr_expect_not(ensure());
	unsigned before = errors();

	if (node_gated(node) == NODE_GATE_NONE) {
		cr_expect_not(node_failopen(node));
		cr_expect_eq(node_hold_ns(node), 120 * NS_PER_S);
		cr_expect_eq(node_rules_lapse(node, &words), 0);
		cr_expect_not(stand(), "without gates lapsing is removing");
		cr_expect(ensure());
	} else {
		cr_expect(node_failopen(node));
		cr_expect_eq(node_hold_ns(node), 120 * NS_PER_S);
		cr_expect_eq(node_rules_refresh(node, &words), 0);
		cr_expect_eq(node_rules_lapse(node, &words), 0);
		cr_expect(stand());
	}
	cr_expect_eq(node_rules_remove(node, &words), 0, "%s", words.text);
	cr_expect_not(stand());
	cr_expect_eq(errors(), before);
	cr_expect_eq(node_gated(node) == NODE_GATE_NONE, !node_failopen(node));
}

/* Of a family that no address is of no program is needed. */
Test(node, programs_of_the_families_there_are)
{
	static const char *const program[][2] = {{"iptables-restore", "iptables-save"}, {"ip6tables-restore", "ip6tables-save"}};
	char dir[] = "/tmp/node-path-XXXXXX", path[64];

	cr_assert(mkdtemp(dir));
	namespace_enter();
	cr_assert_eq(setenv("PATH", dir, 1), 0);
	for (int v6 = 0; v6 < 2; v6++) {
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, program[v6][i]);
			cr_assert_eq(symlink("/bin/true", path), 0);
		}
		for (int only_v6 = 0; only_v6 < 2; only_v6++) {
			flags_fill(RULES_AUTO);
			flags.localip[0] = flags.localip[only_v6];
			flags.n_localips = 1;
			if (node_open(&node, &flags, &words))
				cr_skip_test("no netlink here");
			cr_expect_eq(node_rules_kind(node), only_v6 == v6 ? RULES_IPTABLES : RULES_NFTABLES);
			node_close(node);
		}
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, program[v6][i]);
			unlink(path);
		}
	}
	node = NULL;
	rmdir(dir);
}

/* What fails in one family is told, whatever becomes of the other. */
Test(node, a_cleanup_that_fails_in_part)
{
	static const char *const program[] = {"ip6tables-restore", "ip6tables-save", "iptables-restore", "iptables-save"};
	char dir[] = "/tmp/node-path-XXXXXX", path[64];

	cr_assert(mkdtemp(dir));
	namespace_enter();
	cr_assert_eq(setenv("PATH", dir, 1), 0);
	flags_fill(RULES_AUTO);
	flags.setup_interface = false;
	for (unsigned bad = 0; bad < 4; bad++) { /* a bit a family */
		int err;

		for (unsigned i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, program[i]);
			cr_assert_eq(symlink(bad >> i / 2 & 1 ? "/bin/false" : "/bin/true", path), 0);
		}
		words.text[0] = 0;
		err = node_cleanup(&flags, &words);
		cr_expect_eq(err != 0, bad != 0, "%u: %d %s", bad, err, words.text);
		if (bad)
			cr_expect(strstr(words.text, bad & 1 ? "ip6tables" : "iptables"), "%u: %s", bad, words.text);
		for (unsigned i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, program[i]);
			unlink(path);
		}
	}
	rmdir(dir);
}

/* Another instance's dialect is gone once ours stands. */
Test(node, a_change_of_dialect_leaves_nothing)
{
	struct node_flags old;
	struct node *before;

	if (!iptables_present(true) || !iptables_present(false))
		cr_skip_test("no iptables here");
	open_as(RULES_NFTABLES);
	old = flags;
	old.rules = RULES_IPTABLES;
	cr_assert_eq(node_open(&before, &old, &words), 0);
	if (node_rules_ensure(before, NULL, &words))
		cr_skip_test("no such rules here");
	struct node_counters c = {0};

	cr_expect(ensure());
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect_not(c.stand, "iptables' went");
	cr_expect(stand());
	node_close(before);
	cr_assert_eq(node_open(&before, &old, &words), 0);
	cr_expect_eq(node_rules_ensure(before, NULL, &words), 0);
	cr_expect_not(stand(), "and nftables' go");
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect(c.stand);
	cr_expect_eq(node_cleanup(&old, &words), 0, "%s", words.text);
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect_not(c.stand);
	node_close(before);
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
	namespace_enter();
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
	namespace_enter();
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

/* --- an iptables, or a kernel, that cannot do all --- */

static void fake_open(void)
{
	if (!iptables_present(true) || !iptables_present(false))
		cr_skip_test("no iptables here");
	fake_iptables_make();
	open_as(RULES_IPTABLES);
	ensure(); /* whether there are such rules here at all */
	cr_assert_eq(node_rules_remove(node, &words), 0, "%s", words.text);
	node_close(node);
	cr_assert_eq(node_open(&node, &flags, &words), 0);
}

/* Lines that the kernel's list of a gate holds; -1: there is none. */
static int recent_lines(const char *list)
{
	char path[100], line[300];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/net/xt_recent/%s", list);
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "src=169.254.20.10 ") || strstr(line, "src=10.96.0.10 ") || strstr(line, ":000a ");
	fclose(f);
	return n;
}

/* Without sets, when an address was last seen is asked; the rules hold as long. */
Test(node, without_sets, .fini = fake_iptables_remove)
{
	bool changed = false;

	fake_open();
	fake_refuse("match-set");
	cr_expect_eq(node_rules_ensure(node, &changed, &words), 0, "%s", words.text);
	cr_expect(changed);
	cr_expect_str_eq(words.text, "");
	if (node_gated(node) == NODE_GATE_NONE)
		cr_skip_test("no xt_recent here");
	cr_expect_eq(node_gated(node), NODE_GATE_RECENT);
	cr_expect_eq(errors(), 0, "asking what there is is no error");
	cr_expect(node_failopen(node));
	cr_expect_eq(node_hold_ns(node), 120 * NS_PER_S);
	cr_expect(stand());
	cr_expect_eq(recent_lines("nodelocaldns4"), 2);
	cr_expect_eq(recent_lines("nodelocaldns6"), 1);
	cr_expect_eq(node_rules_lapse(node, &words), 0);
	cr_expect_eq(recent_lines("nodelocaldns4"), 0);
	cr_expect_eq(recent_lines("nodelocaldns6"), 0);
	cr_expect_not(ensure(), "the rules were there all the time");
	cr_expect_eq(recent_lines("nodelocaldns4"), 0, "only a proof of life renews");
	node_idle_set(node, 4); /* nobody listens at 10.96.0.10 */
	cr_expect_eq(node_rules_refresh(node, &words), 0);
	cr_expect_eq(recent_lines("nodelocaldns4"), 1);
	node_idle_set(node, 0);
	cr_expect_eq(node_rules_refresh(node, &words), 0);
	cr_expect_eq(recent_lines("nodelocaldns4"), 2);
	fake_set("lock", true);
	cr_expect_neq(node_rules_remove(node, &words), 0);
	cr_expect_eq(recent_lines("nodelocaldns4"), 0, "questions need not wait for a lock");
	fake_set("lock", false);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	cr_expect_not(stand());
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES], 0);
}

/* Nor that: the rules stand without an end, and only we can take them away. */
Test(node, without_any_gate, .fini = fake_iptables_remove)
{
	fake_open();
	fake_refuse(FAKE_GATES);
	cr_expect(ensure());
	cr_expect_eq(node_gated(node), NODE_GATE_NONE);
	cr_expect_eq(errors(), 0);
	cr_expect_not(node_failopen(node));
	cr_expect_eq(node_rules_refresh(node, &words), 0);
	cr_expect(stand());
	cr_expect_eq(node_rules_withdraw(node, &words), 0);
	cr_expect_not(stand());
	fake_set("lock", true);
	cr_expect_neq(node_rules_withdraw(node, &words), 0, "there is nothing to close");
	fake_set("lock", false);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	fake_refuse(NULL);
	cr_expect(ensure());
	cr_expect_eq(node_gated(node), NODE_GATE_NONE, "what the kernel lacks is not asked for again");
}

/* It was not for the gates: the best is asked for again. */
Test(node, without_what_no_rule_does_without, .fini = fake_iptables_remove)
{
	bool changed = false;

	fake_open();
	fake_refuse("NOTRACK");
	cr_expect_neq(node_rules_ensure(node, &changed, &words), 0);
	cr_expect_not(changed);
	cr_expect(strstr(words.text, "no such thing"), "%s", words.text);
	cr_expect_gt(node_errors(node)[NODE_ERR_IPTABLES], 0);
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES_LOCK], 0);
	cr_expect_not(stand());
	fake_refuse(NULL);
	cr_expect(ensure());
	cr_expect_str_eq(words.text, "");
	cr_expect_eq(node_gated(node), NODE_GATE_SET);
	cr_expect(stand());
}

/* Whoever holds the lock keeps the rules as they are, but not the gates open. */
Test(node, somebody_holds_the_lock, .fini = fake_iptables_remove)
{
	fake_open();
	fake_set("lock", true);
	cr_expect_neq(node_rules_ensure(node, NULL, &words), 0);
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES_LOCK], 2, "once a family");
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES], 0);
	fake_set("lock", false);
	cr_expect(ensure());
	if (node_gated(node) != NODE_GATE_SET)
		cr_skip_test("no ipset here");
	fake_set("lock", true);
	cr_expect_eq(node_rules_withdraw(node, &words), 0, "closed gates are enough: %s", words.text);
	cr_expect(stand());
	cr_expect_neq(node_rules_remove(node, &words), 0);
	cr_expect(stand());
	fake_set("lock", false);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	cr_expect_not(stand());
	cr_expect(ensure());
	cr_expect_eq(node_rules_withdraw(node, &words), 0);
	cr_expect_not(stand(), "what turns questions over is gone");
	cr_expect_eq(node_rules_withdraw(node, &words), 0, "and it is no fault to say so twice");
}

/* What an instance left in the old iptables' tables goes when ours stand. */
Test(node, the_old_tables_are_swept)
{
	struct node_flags old;
	struct node *before;
	struct node_counters c = {0};
	enum ipt_backend usual = iptables_backend();

	open_as(RULES_NFTABLES);
	if (!iptables_present(true) || access("/usr/sbin/iptables-legacy-restore", X_OK))
		cr_skip_test("no old iptables here");
	old = flags;
	old.rules = RULES_IPTABLES;
	old.failopen_ns = 0;
	iptables_backend_set(IPT_BACKEND_LEGACY);
	cr_assert_eq(node_open(&before, &old, &words), 0);
	cr_expect(strstr(node_rules_words(before), "legacy"), "%s", node_rules_words(before));
	if (node_rules_ensure(before, NULL, &words))
		cr_skip_test("no old tables here");
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect(c.stand);
	iptables_backend_set(usual);
	cr_expect(node_sweep_wants_raw(node));
	cr_expect(ensure());
	cr_expect_eq(iptables_backend(), usual);
	cr_expect_not(node_sweep_wants_raw(node), "once");
	cr_expect_eq(errors(), 0);
	iptables_backend_set(IPT_BACKEND_LEGACY);
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect_not(c.stand);
	node_close(before);
	cr_assert_eq(node_open(&before, &old, &words), 0);
	cr_expect_eq(node_rules_ensure(before, NULL, &words), 0);
	cr_expect_not(stand(), "and nftables' go the same way");
	iptables_backend_set(usual);
	cr_expect_eq(node_cleanup(&old, &words), 0, "%s", words.text);
	iptables_backend_set(IPT_BACKEND_LEGACY);
	cr_expect_eq(node_counters_read(before, &c, &words), 0);
	cr_expect_not(c.stand, "-cleanup finds them as well");
	node_close(before);
}
