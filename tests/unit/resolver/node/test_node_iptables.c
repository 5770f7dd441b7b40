/* SPDX-License-Identifier: Apache-2.0 */
/* What a node does by iptables, with the programs there are, and with some that cannot do all. */
#include "tests/fixtures/node_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver/node/iptables.h"
#include "resolver/node/iptables_backend.h"
#include "tests/fixtures/fake_iptables.h"

TestSuite(node_iptables, .fini = teardown, .timeout = 60);

Test(node_iptables, iptables)
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
Test(node_iptables, programs_of_the_families_there_are)
{
	static const char *const program[][2] = {{"iptables-restore", "iptables-save"}, {"ip6tables-restore", "ip6tables-save"}};
	char dir[] = "/tmp/node-path-XXXXXX", path[64];

	cr_assert(mkdtemp(dir));
	own_net(NULL);
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

/* Nor is any run for it: with the programs of one family all goes as it does with both. */
Test(node_iptables, nothing_is_done_for_a_family_that_no_address_is_of)
{
	static const char *const all[] = {"iptables-restore", "iptables-save", "ip6tables-restore", "ip6tables-save"};
	char dir[] = "/tmp/node-path-XXXXXX", path[64], real[64];
	const char *old = getenv("PATH");

	if (!iptables_present(true) || !iptables_present(false))
		cr_skip_test("no iptables here");
	open_as(RULES_IPTABLES);
	ensure(); /* whether there are such rules here at all */
	cr_assert_eq(node_rules_remove(node, &words), 0);
	node_close(node);
	cr_assert(mkdtemp(dir));
	old = strdup(old ? old : "");
	for (int v6 = 0; v6 < 2; v6++) {
		for (int i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, all[i]);
			snprintf(real, sizeof(real), "/usr/sbin/%s", all[i]);
			unlink(path);
			if (i / 2 == v6)
				cr_assert_eq(symlink(real, path), 0);
		}
		cr_assert_eq(setenv("PATH", dir, 1), 0);
		flags_fill(RULES_IPTABLES);
		flags.localip[0] = flags.localip[v6];
		flags.n_localips = 1;
		cr_assert_eq(node_open(&node, &flags, &words), 0);
		cr_expect_eq(node_rules_ensure(node, NULL, &words), 0, "%s", words.text);
		cr_expect(stand());
		cr_expect_eq(node_rules_refresh(node, &words), 0, "%s", words.text);
		cr_expect_eq(node_rules_lapse(node, &words), 0, "%s", words.text);
		cr_expect_eq(node_rules_withdraw(node, &words), 0, "%s", words.text);
		cr_expect_eq(node_rules_remove(node, &words), 0, "%s", words.text);
		cr_expect_eq(errors(), 0);
		node_close(node);
		cr_assert_eq(setenv("PATH", old, 1), 0);
	}
	node = NULL;
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, all[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* What fails in one family is told, whatever becomes of the other. */
Test(node_iptables, a_cleanup_that_fails_in_part)
{
	static const char *const program[] = {"ip6tables-restore", "ip6tables-save", "iptables-restore", "iptables-save"};
	char dir[] = "/tmp/node-path-XXXXXX", path[64];

	cr_assert(mkdtemp(dir));
	own_net(NULL);
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
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, program[i]);
		cr_assert_eq(symlink("/bin/true", path), 0);
	}
	chmod(dir, 0755);
	if (geteuid() == 0 && setuid(65534) == 0)
		cr_expect_neq(node_cleanup(&flags, &words), 0, "nftables' table may not be taken away");
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, program[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Another instance's dialect is gone once ours stands. */
Test(node_iptables, a_change_of_dialect_leaves_nothing)
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
Test(node_iptables, without_sets, .fini = fake_iptables_remove)
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
	for (int i = 0; i < 2; i++) { /* what is there already goes, too */
		node_idle_set(node, 4); /* nobody listens at 10.96.0.10 */
		cr_expect_eq(node_rules_refresh(node, &words), 0);
		cr_expect_eq(recent_lines("nodelocaldns4"), 1);
		node_idle_set(node, 0);
		cr_expect_eq(node_rules_refresh(node, &words), 0);
		cr_expect_eq(recent_lines("nodelocaldns4"), 2);
	}
	fake_set("lock", true);
	cr_expect_neq(node_rules_remove(node, &words), 0);
	cr_expect_eq(recent_lines("nodelocaldns4"), 0, "questions need not wait for a lock");
	fake_set("lock", false);
	cr_expect_eq(node_rules_remove(node, &words), 0);
	cr_expect_not(stand());
	cr_expect_eq(node_errors(node)[NODE_ERR_IPTABLES], 0);
	cr_expect(ensure());
	cr_expect_eq(recent_lines("nodelocaldns4"), 2, "new lists are filled when their rules stand");
}

/* Nor that: the rules stand without an end, and only we can take them away. */
Test(node_iptables, without_any_gate, .fini = fake_iptables_remove)
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
Test(node_iptables, without_what_no_rule_does_without, .fini = fake_iptables_remove)
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
Test(node_iptables, somebody_holds_the_lock, .fini = fake_iptables_remove)
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

/* What is found in the tables is out of date when it is written: no sign that the kernel lacks
 * what the rules ask. */
Test(node_iptables, somebody_changes_the_tables_meanwhile, .fini = fake_iptables_remove)
{
	static const char copy[] = "iptables -w -t raw -%c OUTPUT -d 10.96.0.10/32 -p udp -m udp --dport 53 "
				   "-m comment --comment 'NodeLocal DNS Cache: skip conntrack' -j NOTRACK\n";
	char again[300], gone[300], both[600];

	fake_open();
	ensure();
	if (node_gated(node) != NODE_GATE_SET)
		cr_skip_test("no sets here");
	snprintf(again, sizeof(again), copy, 'A');
	snprintf(gone, sizeof(gone), copy, 'D');
	snprintf(both, sizeof(both), "%s%s", gone, gone);
	cr_assert_eq(system(again), 0);
	fake_meddle(both);
	cr_expect(ensure());
	cr_expect_not(fake_is("meddle"));
	cr_expect_eq(node_gated(node), NODE_GATE_SET);
	cr_expect_eq(errors(), 0);
	cr_expect(stand());
	cr_expect_not(ensure(), "one of each stands");
}

/* What an instance left in the old iptables' tables goes when ours stand. */
Test(node_iptables, the_old_tables_are_swept)
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
