/* SPDX-License-Identifier: Apache-2.0 */
/* When rules of nftables are asked for, renewed, withdrawn and given up, and whose addresses go meanwhile. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "resolver/handover/handover_session.h"
#include "tests/fixtures/rules_world.h"

TestSuite(rules, .fini = teardown, .timeout = 60);

static void nft_begin(void)
{
	begin(RULES_NFTABLES, false);
	rules_ensure(&r);
	if (!rules_stand(&r))
		cr_skip_test("no nftables here");
}

static bool standing(void)
{
	struct node_counters c = {0};

	return node_counters_read(p.node, &c, &d) == 0 && c.stand;
}

Test(rules, come_and_go)
{
	struct node_counters c;

	nft_begin();
	cr_expect(standing());
	cr_expect(rules_hold_now(&r, NULL) && rules_expire(&r) && !rules_kept(&r));
	cr_expect(rules_count(&r), "told at once");
	cr_expect(rules_counters(&r, &c) && c.stand);
	cr_expect(rules_hold_now(&r, &c));
	c.stand = false;
	cr_expect_not(rules_hold_now(&r, &c), "somebody took them away");
	cr_expect_eq(p.metrics.rules_repaired, 0);
	rules_ensure(&r);
	cr_expect_eq(p.metrics.rules_repaired, 0, "nothing was");
	cr_expect_eq(n_leaving, 0);
	rules_off(&r);
	cr_expect_eq(n_leaving, 1);
	cr_expect_eq(n_left, 0, "nobody comes after the end");
	cr_expect_not(rules_stand(&r));
	cr_expect_not(rules_hold_now(&r, NULL));
	cr_expect_not(rules_expire(&r));
	cr_expect_not(rules_counters(&r, &c));
	rules_remove(&r);
	cr_expect_not(standing());
	cr_expect(!r.withdrawn && n_retry == 0 && n_lost == 0);
}

Test(rules, taken_away_by_somebody)
{
	nft_begin();
	uint64_t before = r.renewed_ns;

	rules_refresh(&r);
	cr_expect_gt(r.renewed_ns, before);
	cr_expect_eq(p.metrics.rules_repaired, 0);
	cr_assert_eq(node_rules_remove(p.node, &d), 0);
	rules_refresh(&r);
	cr_expect(standing(), "at once, not at the next sync");
	cr_expect_eq(p.metrics.rules_repaired, 1);
	cr_assert_eq(node_rules_remove(p.node, &d), 0);
	rules_ensure(&r);
	cr_expect(standing());
	cr_expect_eq(p.metrics.rules_repaired, 2);
}

Test(rules, not_while_they_may_not)
{
	begin(RULES_NFTABLES, false);
	p.phase = PHASE_STARTING;
	rules_ensure(&r);
	cr_expect_not(rules_stand(&r), "not before the first self-test");
	p.phase = PHASE_SERVING;
	p.good = false;
	rules_ensure(&r);
	cr_expect_not(rules_stand(&r), "not while it fails");
	rules_refresh(&r);
	rules_lapse(&r);
	cr_expect_not(r.lapsed, "what is not there does not lapse");
	p.good = true;
	for (enum handover_state s = OLD_HOLDING; s <= OLD_WATCHING; s++) {
		p.handover->state = s;
		rules_ensure(&r);
		cr_expect_not(rules_stand(&r), "not while another instance proves that it answers");
	}
	p.handover->state = HANDOVER_IDLE;
	flags.setup_iptables = false;
	rules_ensure(&r);
	cr_expect_not(rules_stand(&r));
	cr_expect(rules_swept(&r), "nothing to look for");
}

Test(rules, lapse_and_come_back)
{
	nft_begin();
	rules_lapse(&r);
	cr_expect_not(rules_hold_now(&r, NULL));
	cr_expect(rules_stand(&r), "they are there, for nothing");
	p.good = false;
	rules_ensure(&r);
	cr_expect(r.lapsed);
	p.good = true;
	rules_refresh(&r);
	cr_expect_not(r.lapsed, "the test passes again");
	cr_expect(rules_hold_now(&r, NULL));
	cr_expect_eq(p.metrics.rules_repaired, 0, "that is no repair");
	flags.failopen_ns = 0;
	rules_lapse(&r);
	cr_expect_not(r.lapsed, "they never do");
}

/* Twice in a row, then they stay away from that address for longer and longer; the other has its. */
Test(rules, astray)
{
	static const unsigned pause_s[] = {10, 20, 40, 60, 60};
	enum { LINK = 1, VIP = 2 };
	struct node_counters c = {.stand = true};

	nft_begin();
	p.loop.now_ns = clock_mono_ns();
	rules_led(&r, VIP, VIP, "why");
	rules_led(&r, LINK | VIP, LINK, "why");
	cr_expect_eq(rules_idle(&r.idle), 0);
	rules_led(&r, VIP, VIP, "why");
	cr_expect_eq(rules_idle(&r.idle), 0, "not in a row");
	for (unsigned i = 0; i < 5; i++) {
		if (i)
			rules_led(&r, VIP, VIP, "why");
		cr_expect_eq(rules_idle(&r.idle), 0);
		cr_expect(rules_active(&r, &c));
		rules_led(&r, VIP, VIP, "why");
		cr_assert_eq(rules_idle(&r.idle), VIP);
		cr_expect_not(rules_active(&r, &c), "not as they should be");
		cr_expect(!r.lapsed && rules_hold_now(&r, &c), "for the other");
		rules_led(&r, VIP, VIP, "why");
		rules_led(&r, LINK, 0, "");
		p.loop.now_ns += pause_s[i] * NS_PER_S - 1;
		rules_refresh(&r);
		cr_expect_eq(rules_idle(&r.idle), VIP, "%u: not yet", i);
		p.loop.now_ns++;
		rules_refresh(&r);
		cr_expect_eq(rules_idle(&r.idle), 0, "%u", i);
	}
	p.loop.now_ns += 60 * NS_PER_S;
	rules_led(&r, VIP, 0, "");
	cr_expect_gt(r.astray.of[1].pause_ns, 0);
	p.loop.now_ns++;
	rules_led(&r, VIP, 0, "");
	cr_expect_eq(r.astray.of[1].pause_ns, 0, "forgotten");
	rules_led(&r, LINK | VIP, LINK | VIP, "why");
	rules_led(&r, LINK | VIP, LINK | VIP, "why");
	cr_expect_not(rules_hold_now(&r, &c), "for no address");
	flags.failopen_ns = 0;
	p.loop.now_ns += 60 * NS_PER_S;
	rules_refresh(&r);
	cr_expect_eq(rules_idle(&r.idle), LINK | VIP, "they never go: nor do they come");
}

/* Before a listener goes no more come to it; it stays after all, and they do again. */
Test(rules, a_listener_that_is_about_to_go)
{
	struct corefile_plan *next = plan_of(".:53 {\n bind 169.254.20.10 192.0.2.1\n forward . 192.0.2.1\n}\n");

	nft_begin();
	rules_listeners(&r);
	cr_expect_not(rules_leave(&r, p.plan), "all stay");
	cr_expect(rules_leave(&r, next));
	cr_expect_eq(rules_idle(&r.idle), 2);
	cr_expect_eq(n_leaving, 1);
	cr_expect_eq(n_left, 1, "and all are heard again");
	cr_expect_not(rules_leave(&r, next), "nobody has come since");
	cr_expect_eq(n_leaving, 1);
	cr_expect_eq(n_left, 1);
	rules_listeners(&r);
	cr_expect_eq(rules_idle(&r.idle), 0);
	rules_lapse(&r);
	cr_expect_not(rules_leave(&r, next), "nobody comes");
	corefile_plan_free(next);
}

static int entries(const char *addr)
{
	char command[120];

	snprintf(command, sizeof(command), "exit $(conntrack -L -p tcp -d %s --dport 53 2>/dev/null | wc -l)", addr);
	return WEXITSTATUS(system(command));
}

/* A connection from that port to whoever answers when there are no rules, long ago. */
static void left_behind(const char *addr, int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char command[200];

	cr_assert_eq(getsockname(fd, (struct sockaddr *)&from, &len), 0);
	snprintf(command, sizeof(command), "conntrack -I -p tcp -s %s -d %s --sport %u --dport 53 --dst-nat 192.0.2.9 -t 99 --state TIME_WAIT "
		 ">/dev/null 2>&1", inet_ntoa(from.sin_addr), addr, ntohs(from.sin_port));
	if (system(command))
		cr_skip_test("no conntrack, or no translation");
}

static int connected_more(const char *addr)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = inet_addr(addr)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static int connected(const char *addr)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = inet_addr(addr)};
	int server = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(server, 500), 0);
	return connected_more(addr);
}

/* When rules lapse no connection's answer clashes with what was left; one at an address that rules have left
 * before is in the table as what it is, and stays there. */
Test(rules, connections_when_they_lapse)
{
	struct corefile_plan *next = plan_of(".:53 {\n bind 169.254.20.10\n forward . 192.0.2.1\n}\n");

	nft_begin();
	int link = connected("169.254.20.10");

	connected("10.96.0.10");
	cr_expect_eq(entries("169.254.20.10") + entries("10.96.0.10"), 0, "they are not tracked");
	left_behind("169.254.20.10", link);
	cr_expect(rules_leave(&r, next));
	cr_expect_eq(entries("10.96.0.10"), 1);
	cr_expect_eq(entries("169.254.20.10"), 1);
	rules_doubt(&r);
	cr_expect_eq(entries("169.254.20.10"), 0);
	cr_expect_eq(entries("10.96.0.10"), 1);
	left_behind("169.254.20.10", link);
	rules_lapse(&r);
	cr_expect_eq(entries("169.254.20.10"), 0);
	cr_expect_eq(entries("10.96.0.10"), 1);
	left_behind("169.254.20.10", link);
	rules_doubt(&r);
	cr_expect_eq(entries("169.254.20.10"), 1, "they have lapsed: it may be a living one by now");
	corefile_plan_free(next);
}

/* What is to be done a part at a time. */
static void go_on(void)
{
	do
		rules_refresh(&r);
	while (r.tracked_timer.armed && (r.tracked_timer.due(&r.tracked_timer), 1) && r.tracked_timer.armed);
}

/* Each time that they have come, and not at once; but for addresses that they are not for. */
Test(rules, what_was_left_is_swept)
{
	struct corefile_plan *next = plan_of(".:53 {\n bind 169.254.20.10\n forward . 192.0.2.1\n}\n");

	nft_begin();
	int link = connected("169.254.20.10");

	left_behind("169.254.20.10", link);
	connected("10.96.0.10");
	cr_expect(rules_leave(&r, next));
	r.tracked.clear_ns = UINT64_MAX;
	go_on();
	cr_expect_eq(entries("169.254.20.10"), 1, "not yet");
	r.tracked.clear_ns = clock_mono_ns() - 1;
	go_on();
	cr_expect_eq(entries("169.254.20.10"), 0, "that client is with us");
	cr_expect_geq(r.tracked.clear_ns, clock_mono_ns() - 60 * NS_PER_S, "and others will be");
	left_behind("169.254.20.10", link);
	r.tracked.clear_ns = UINT64_MAX;
	cr_expect_geq(r.tracked.sweep_ns, clock_mono_ns() - 60 * NS_PER_S);
	r.tracked.sweep_ns = clock_mono_ns() - 1;
	rules_refresh(&r);
	cr_expect(r.tracked_timer.armed, "a part of it");
	go_on();
	cr_expect_eq(entries("169.254.20.10"), 0);
	cr_expect_eq(entries("10.96.0.10"), 1);
	cr_expect_eq(r.tracked.sweep_ns, 0, "done");
	rules_refresh(&r);
	cr_expect_eq(r.tracked.sweep_ns, 0, "they stood");
	r.renewed_ns -= 60 * NS_PER_S;
	rules_refresh(&r);
	cr_expect_gt(r.tracked.sweep_ns, clock_mono_ns(), "they had lapsed by themselves");
	r.tracked.sweep_ns = 0;
	rules_lapse(&r);
	rules_refresh(&r);
	cr_expect_gt(r.tracked.sweep_ns, clock_mono_ns());
	r.tracked.sweep_ns = clock_mono_ns() - 1;
	r.tracked.rest_ns = clock_mono_ns() + NS_PER_S;
	left_behind("169.254.20.10", link);
	go_on();
	cr_expect_eq(entries("169.254.20.10"), 1, "it took long the last time");
	corefile_plan_free(next);
	r.tracked.sweep_ns = 0;
	cr_assert_eq(node_rules_remove(p.node, &d), 0);
	rules_refresh(&r);
	cr_expect_gt(r.tracked.sweep_ns, clock_mono_ns(), "somebody had taken them away");
	r.tracked.sweep_ns = 0;
	flags.failopen_ns = 0;
	rules_ensure(&r);
	cr_expect_eq(r.tracked.sweep_ns, 0, "they never lapse, and stood");
}

/* Of many connections some are looked at, then rules are renewed, and so on; not when they hold no more. */
Test(rules, many_connections_are_looked_at_a_part_at_a_time)
{
	nft_begin();
	int link = connected("169.254.20.10");

	for (int i = 0; i < 300; i++)
		connected_more("169.254.20.10");
	left_behind("169.254.20.10", link);
	r.renewed_ns -= 60 * NS_PER_S;
	rules_refresh(&r);
	r.tracked.clear_ns = UINT64_MAX;
	cr_expect(r.tracked.ends && r.tracked_timer.armed);
	cr_expect_leq(r.tracked_timer.at_ns, clock_mono_ns() + RULES_TRACKED_PAUSE_NS);
	go_on();
	cr_expect_not(r.tracked.ends);
	cr_expect_eq(entries("169.254.20.10"), 1, "until it is swept");
	link = connected_more("169.254.20.10");
	left_behind("169.254.20.10", link);
	rules_doubt(&r);
	cr_expect(r.tracked.clears && r.tracked_timer.armed);
	go_on();
	cr_expect_not(r.tracked.clears);
	cr_expect_eq(entries("169.254.20.10"), 1);
	left_behind("169.254.20.10", link);
	rules_doubt(&r);
	cr_expect(r.tracked.clears);
	rules_lapse(&r);
	cr_expect(!r.tracked.clears && !r.tracked_timer.armed);
	cr_expect_eq(entries("169.254.20.10"), 1, "all at once");
	rules_refresh(&r);
	cr_expect(r.tracked.ends);
	r.renewed_ns -= 60 * NS_PER_S;
	r.tracked_timer.due(&r.tracked_timer);
	cr_expect(!r.tracked.ends && !r.tracked_timer.armed, "they lapsed by themselves");
	rules_refresh(&r);
	rules_doubt(&r);
	cr_expect(r.tracked.clears);
	rules_off(&r);
	int n = entries("169.254.20.10");

	cr_expect_geq(n, 1);
	r.tracked_timer.due(&r.tracked_timer);
	cr_expect(!r.tracked.clears && !r.tracked_timer.armed);
	cr_expect_eq(entries("169.254.20.10"), n, "kept");
}

static bool is_elsewhere(const char *addr)
{
	char command[120];

	snprintf(command, sizeof(command), "conntrack -L -p tcp -d %s --dport 53 2>/dev/null | grep -q 192.0.2.9", addr);
	return system(command) == 0;
}

/* An address that is listened at again is one that rules have come for: who has gone on elsewhere is told. */
Test(rules, connections_when_one_is_listened_at_again)
{
	struct corefile_plan *next = plan_of(".:53 {\n bind 169.254.20.10\n forward . 192.0.2.1\n}\n");
	char c;

	nft_begin();
	int vip = connected("10.96.0.10"), link = connected("169.254.20.10");

	cr_expect(rules_leave(&r, next));
	go_on();
	cr_assert_eq(system("conntrack -D -p tcp --dport 53 >/dev/null 2>&1"), 0);
	left_behind("10.96.0.10", vip);
	r.tracked.sweep_ns = 0;
	rules_refresh(&r);
	cr_expect_eq(r.tracked.sweep_ns, 0, "not yet");
	cr_expect_eq(recv(vip, &c, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, EAGAIN);
	rules_listeners(&r);
	go_on();
	cr_expect_gt(r.tracked.sweep_ns, clock_mono_ns());
	cr_expect_eq(recv(vip, &c, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, ECONNRESET);
	cr_expect_eq(recv(link, &c, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, EAGAIN, "it has not gone");
	corefile_plan_free(next);
}

/* Whose rules have lapsed by themselves has no connections to keep: those in the table are in use elsewhere. */
Test(rules, connections_that_have_gone_on_are_left_alone)
{
	struct corefile_plan *next = plan_of(".:53 {\n bind 169.254.20.10\n forward . 192.0.2.1\n}\n");

	nft_begin();
	left_behind("10.96.0.10", connected("10.96.0.10"));
	r.renewed_ns -= 60 * NS_PER_S;
	cr_expect(rules_leave(&r, next));
	cr_expect(is_elsewhere("10.96.0.10"));
	r.renewed_ns -= 60 * NS_PER_S;
	rules_off(&r);
	cr_expect(is_elsewhere("10.96.0.10"));
	corefile_plan_free(next);
}

/* What takes its time before they go has all of theirs; not while the self-test fails. */
Test(rules, renewed_once_more)
{
	nft_begin();
	uint64_t before = r.renewed_ns -= 50 * NS_PER_S;

	rules_off(&r);
	cr_expect_gt(r.renewed_ns, before + 40 * NS_PER_S);
	rules_remove(&r);
	rules_ensure(&r);
	before = r.renewed_ns -= 50 * NS_PER_S;
	p.good = false;
	rules_off(&r);
	cr_expect_eq(r.renewed_ns, before);
}

/* One address leads astray: those at it, and no others. */
Test(rules, connections_when_one_leads_astray)
{
	enum { LINK = 1, VIP = 2 };

	nft_begin();
	p.loop.now_ns = clock_mono_ns();
	left_behind("169.254.20.10", connected("169.254.20.10"));
	left_behind("10.96.0.10", connected("10.96.0.10"));
	rules_led(&r, LINK | VIP, VIP, "why");
	cr_expect_eq(entries("10.96.0.10"), 1, "once is chance");
	rules_led(&r, LINK | VIP, VIP, "why");
	cr_expect_eq(entries("10.96.0.10"), 0);
	cr_expect_eq(entries("169.254.20.10"), 1);
}

/* Addresses that nobody listens at are nobody's; a wildcard listens at all of its family. */
Test(rules, listeners)
{
	static const struct {
		const char *bind;
		uint64_t idle;
	} c[] = {{"169.254.20.10", 2}, {"10.96.0.10", 1}, {"0.0.0.0", 0}, {"::", 0}, {"192.0.2.1", 3}, {"169.254.20.10 10.96.0.10", 0}};
	char text[200];

	nft_begin();
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		corefile_plan_free(plan);
		snprintf(text, sizeof(text), ".:53 {\n bind %s\n forward . 192.0.2.1\n}\n.:54 {\n bind 169.254.20.10 10.96.0.10\n forward . 192.0.2.1\n}\n",
			 c[i].bind);
		p.plan = plan = plan_of(text);
		rules_listeners(&r);
		cr_expect_eq(rules_idle(&r.idle), c[i].idle, "%s", c[i].bind);
		cr_expect_eq(rules_hold_now(&r, NULL), c[i].idle != 3, "%s: for no address", c[i].bind);
	}
}

/* How often that was said since the last look; the first look begins to listen. */
static unsigned said(const char *words)
{
	static int fd = -1;
	static char b[1 << 14];
	unsigned n = 0;
	int pair[2];

	fflush(NULL);
	if (fd < 0) {
		cr_assert_eq(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
		dup2(pair[1], 1);
		dup2(pair[1], 2);
		fd = pair[0];
	}
	ssize_t len = read(fd, b, sizeof(b) - 1);

	b[len > 0 ? len : 0] = 0;
	for (const char *at = b; (at = strstr(at, words)); at += strlen(words))
		n++;
	return n;
}

/* Each address that goes is named, once a minute at most, and none that is there. */
Test(rules, addresses_that_go_are_named)
{
	nft_begin();
	said("none");
	rules_refresh(&r);
	cr_expect_eq(said("-localip"), 0);
	address("del", "10.96.0.10");
	rules_refresh(&r);
	looked_after(NS_PER_S - 1);
	cr_expect_eq(said("-localip"), 0, "not within its first second");
	looked_after(1);
	cr_expect_eq(said("-localip"), 1);
	looked_after(NS_PER_S);
	address("add", "10.96.0.10");
	looked_after(NS_PER_S);
	address("del", "10.96.0.10");
	looked_after(0);
	looked_after(NS_PER_S);
	cr_expect_eq(said("-localip"), 0, "once a minute");
	looked_after(60 * NS_PER_S);
	cr_expect_eq(said("-localip 10.96.0.10: no interface of this host has it"), 1, "still absent, and not told of");
	looked_after(60 * NS_PER_S);
	cr_expect_eq(said("-localip"), 0, "it is known");
	address("add", "10.96.0.10");
	looked_after(60 * NS_PER_S);
	address("del", "10.96.0.10");
	looked_after(60 * NS_PER_S);
	cr_expect_eq(said("-localip"), 0, "its second begins when it is seen to be absent");
	looked_after(NS_PER_S);
	cr_expect_eq(said("-localip"), 1);
	/* one that is absent has no other told of sooner, nor again */
	address("del", "169.254.20.10");
	looked_after(60 * NS_PER_S);
	cr_expect_eq(said("-localip"), 0);
	looked_after(NS_PER_S);
	cr_expect_eq(said("-localip 169.254.20.10: no interface of this host has it"), 1);
	cr_expect_eq(said("-localip"), 0);
}

/* An address of IPv6 takes the kernel a moment: nothing is said where it comes within a second. */
Test(rules, addresses_that_are_late)
{
	nft_begin();
	said("none");
	address("del", "10.96.0.10");
	for (int i = 0; i < 3; i++)
		looked_after(NS_PER_S / 4);
	cr_expect_eq(rules_idle(&r.idle), 2, "left alone meanwhile");
	address("add", "10.96.0.10");
	looked_after(NS_PER_S);
	looked_after(NS_PER_S);
	cr_expect_eq(rules_idle(&r.idle), 0);
	cr_expect_eq(said("-localip"), 0);
}

/* Nor are those that the host has not, whoever is bound to them. */
Test(rules, addresses_that_go)
{
	nft_begin();
	address("del", "10.96.0.10");
	rules_refresh(&r);
	cr_expect_eq(rules_idle(&r.idle), 2);
	cr_expect(rules_hold_now(&r, NULL), "for the other");
	address("del", "169.254.20.10");
	rules_ensure(&r);
	cr_expect_eq(rules_idle(&r.idle), 3);
	cr_expect_not(rules_hold_now(&r, NULL), "for no address");
	address("add", "10.96.0.10");
	rules_refresh(&r);
	cr_expect_eq(rules_idle(&r.idle), 1);
	cr_expect(rules_hold_now(&r, NULL));
}

Test(rules, they_stay)
{
	nft_begin();
	flags.skip_teardown = true;
	rules_off(&r);
	cr_expect(standing());
	cr_expect(rules_stand(&r));
	flags.skip_teardown = false;
	p.not_ours = true;
	rules_off(&r);
	rules_remove(&r);
	cr_expect(standing(), "another instance's");
	cr_expect_eq(n_leaving, 0, "and so are the sockets");
	p.not_ours = false;
	p.phase = PHASE_DRAINING;
	rules_off(&r);
	rules_remove(&r);
	cr_expect_not(standing());
}
