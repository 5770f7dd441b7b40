/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When rules are asked for, renewed, withdrawn and given up: nftables' in a network namespace
 * that dies with the test, and iptables' of a process in front, which is the test.
 */
#include "resolver/supervisor/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/handover/handover_session.h"
#include "resolver/node/keeper.h"
#include "tests/fixtures/corefile_util.h"

static struct node_flags flags;
static struct process p;
static struct rules r;
static struct corefile_plan *plan;
static struct handover_host host;
static struct diag d;
static unsigned n_retry, n_counted, n_lost, n_leaving;
static uint64_t retry_ns;
static int front; /* the process in front's end; -1: there is none */

static void retry(void *ctx, uint64_t in_ns)
{
	cr_assert_eq(ctx, &r);
	n_retry++;
	retry_ns = in_ns;
}

static void counted(void *ctx)
{
	cr_assert_eq(ctx, &r);
	n_counted++;
}

static void lost(void *ctx)
{
	cr_assert_eq(ctx, &r);
	n_lost++;
}

static void leaving(void *ctx)
{
	cr_assert_eq(ctx, &r);
	n_leaving++;
}

static const struct rules_hooks hooks = {.retry = retry, .counted = counted, .lost = lost, .leaving = leaving};

/* The host's own, on an interface that every one has. */
static void address(const char *verb, const char *addr)
{
	char command[100];

	snprintf(command, sizeof(command), "ip addr %s %s/32 dev lo", verb, addr);
	cr_assert_eq(system(command), 0);
}

static void begin(enum flags_rules kind, bool kept)
{
	int pair[2] = {-1, -1};

	flags = (struct node_flags){.n_localips = 2,
				    .setup_iptables = true,
				    .interface_name = "nodelocaldns",
				    .dns_port = 53,
				    .health_port = 8080,
				    .rules = kind,
				    .intercept = INTERCEPT_NOTRACK,
				    .failopen_ns = 60 * NS_PER_S};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	cr_assert_eq(flags_ip_parse("10.96.0.10", &flags.localip[1]), 0);
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		cr_skip_test("no network namespace here");
	cr_assert_eq(system("ip link set lo up"), 0);
	address("add", "169.254.20.10");
	address("add", "10.96.0.10");
	p = (struct process){.flags = &flags, .phase = PHASE_SERVING, .good = true};
	p.handover = handover_new(&host);
	cr_assert_eq(loop_init(&p.loop, &d), 0);
	if (node_open(&p.node, &flags, &d))
		cr_skip_test("no netlink here");
	plan = plan_of(".:53 {\n bind 169.254.20.10 10.96.0.10\n forward . 192.0.2.1\n}\n");
	p.plan = plan;
	if (kept)
		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	front = pair[1];
	cr_assert_eq(rules_start(&r, &p, pair[0], &hooks, &r, &d), 0);
}

static void teardown(void)
{
	rules_release(&r);
	node_close(p.node);
	handover_free(p.handover);
	loop_release(&p.loop);
	corefile_plan_free(plan);
}

TestSuite(rules, .fini = teardown, .timeout = 60);

static void step(void)
{
	cr_assert_eq(loop_step(&p.loop, p.loop.now_ns + 2 * NS_PER_MS), 0);
}

/* --- nftables --- */

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

/* Twice in a row, then they stay away for longer and longer. */
Test(rules, astray)
{
	static const unsigned pause_s[] = {10, 20, 40, 60, 60};

	nft_begin();
	p.loop.now_ns = clock_mono_ns();
	rules_led_astray(&r, "why");
	cr_expect_not(r.lapsed);
	rules_led_here(&r);
	rules_led_astray(&r, "why");
	cr_expect_not(r.lapsed, "not in a row");
	for (unsigned i = 0; i < 5; i++) {
		if (i)
			rules_led_astray(&r, "why");
		cr_expect_not(r.lapsed);
		rules_led_astray(&r, "why");
		cr_assert(r.lapsed);
		rules_led_astray(&r, "why");
		rules_led_here(&r);
		p.loop.now_ns += pause_s[i] * NS_PER_S - 1;
		rules_refresh(&r);
		cr_expect(r.lapsed, "%u: not yet", i);
		p.loop.now_ns++;
		rules_refresh(&r);
		cr_expect_not(r.lapsed, "%u", i);
	}
	p.loop.now_ns += 60 * NS_PER_S;
	rules_led_here(&r);
	cr_expect_gt(r.astray.pause_ns, 0);
	p.loop.now_ns++;
	rules_led_here(&r);
	cr_expect_eq(r.astray.pause_ns, 0, "forgotten");
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

static void looked_after(uint64_t ns)
{
	p.loop.now_ns += ns;
	rules_refresh(&r);
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

/* --- a process in front --- */

static struct keeper_asked ask;

/* What it is asked next; -1: nothing. */
static int asked(void)
{
	ssize_t n = recv(front, &ask, sizeof(ask), MSG_DONTWAIT);

	if (n < 0)
		return -1;
	cr_assert_eq(n, (ssize_t)sizeof(ask));
	return (int)ask.ask;
}

static void reply(struct keeper_reply k)
{
	cr_assert_eq(send(front, &k, sizeof(k), 0), (ssize_t)sizeof(k));
}

/* Rules stand, as it says. */
static void kept_begin(void)
{
	begin(RULES_IPTABLES, true);
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = true});
	rules_ensure(&r); /* waits for the first */
	cr_assert_eq(asked(), KEEPER_ENSURE);
	cr_assert(rules_stand(&r));
}

Test(rules, kept)
{
	begin(RULES_IPTABLES, true);
	p.released = (struct node_released){.handed_over = true, .n = 1};
	cr_expect(rules_kept(&r));
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = false, .gate = NODE_GATE_NONE,
				    .errors = {[NODE_ERR_IPTABLES] = 2, [NODE_ERR_IPTABLES_LOCK] = 1}});
	uint64_t before = clock_mono_ns();

	rules_ensure(&r);
	cr_expect_lt(clock_mono_ns() - before, 1500 * NS_PER_MS, "it was answered");
	cr_expect_eq(asked(), KEEPER_ENSURE);
	cr_expect(ask.released.handed_over && ask.released.n == 1);
	cr_expect_eq(asked(), KEEPER_ALIVE, "what it took is no silence of ours");
	cr_expect_eq(asked(), -1);
	cr_expect(rules_stand(&r) && rules_hold_now(&r, NULL) && !rules_swept(&r));
	cr_expect_eq(node_errors(p.node)[NODE_ERR_IPTABLES], 2);
	cr_expect_eq(node_errors(p.node)[NODE_ERR_IPTABLES_LOCK], 1);
	cr_expect_eq(node_errors(p.node)[NODE_ERR_CONFIGMAP], 0);
	/* the next ones are not waited for, nor asked for twice */
	before = clock_mono_ns();
	rules_ensure(&r);
	rules_ensure(&r);
	cr_expect_lt(clock_mono_ns() - before, 1500 * NS_PER_MS);
	cr_expect_eq(asked(), KEEPER_ENSURE);
	cr_expect_eq(asked(), -1);
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = true});
	step();
	cr_expect_eq(p.metrics.rules_repaired, 1);
	cr_expect(rules_swept(&r));
	cr_expect_eq(asked(), KEEPER_ALIVE);
	rules_ensure(&r);
	cr_expect_eq(asked(), KEEPER_ENSURE);
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .err = ERR_SYS, .text = "no"});
	step();
	cr_expect_eq(n_retry, 1);
	cr_expect_eq(retry_ns, 2 * NS_PER_S);
	cr_expect_eq(p.metrics.rules_repaired, 1);
	cr_expect(rules_stand(&r), "those that were");
	cr_expect_eq(asked(), -1);
	p.phase = PHASE_LAMEDUCK;
	rules_ensure(&r);
	cr_expect_eq(asked(), -1, "it ends");
}

Test(rules, kept_and_renewed)
{
	kept_begin();
	while (asked() >= 0)
		;
	uint64_t before = r.renewed_ns;

	rules_refresh(&r);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_gt(r.renewed_ns, before);
	rules_lapse(&r);
	cr_expect_eq(asked(), KEEPER_LAPSE);
	cr_expect_not(rules_hold_now(&r, NULL));
	rules_refresh(&r);
	cr_expect_eq(asked(), KEEPER_ENSURE, "again, and not only a sign of life");
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true});
	step();
	cr_expect_not(r.lapsed);
	cr_expect_eq(p.metrics.rules_repaired, 0, "that is no repair");
}

/* They lapse while they are on their way: what comes of that does not bring them back. */
Test(rules, kept_and_lapsed_meanwhile)
{
	for (int astray = 0; astray < 2; astray++) {
		kept_begin();
		while (asked() >= 0)
			;
		rules_ensure(&r);
		cr_expect_eq(asked(), KEEPER_ENSURE);
		if (astray) {
			p.loop.now_ns += NS_PER_S;
			rules_led_astray(&r, "why");
			rules_led_astray(&r, "why");
		} else {
			p.good = false;
			rules_lapse(&r);
		}
		cr_expect_eq(asked(), KEEPER_LAPSE);
		reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = true});
		r.keeper.ready(&r.keeper, EPOLLIN); /* and the clock stays */
		cr_expect_eq(asked(), KEEPER_LAPSE, "what was asked for before may have filled the gates anew");
		cr_expect_eq(asked(), -1);
		cr_expect(r.lapsed);
		cr_expect_not(rules_hold_now(&r, NULL));
		p.good = true;
		looked_after(60 * NS_PER_S);
		cr_expect_eq(asked(), KEEPER_ENSURE, "but later they come back");
		reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = true});
		r.keeper.ready(&r.keeper, EPOLLIN); /* and the clock stays */
		cr_expect_not(r.lapsed);
		if (!astray) {
			teardown();
			r = (struct rules){0};
		}
	}
}

/* Somebody changes nf_tables, iptables' rules perhaps: they are looked at, every ten seconds at most. */
Test(rules, kept_and_touched)
{
	kept_begin();
	while (asked() >= 0)
		;
	if (!node_rules_generation(p.node) || system("nft add table ip foreign 2>/dev/null"))
		cr_skip_test("no nf_tables here");
	looked_after(10 * NS_PER_S - 1);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), -1, "not so soon after the last");
	looked_after(1);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), KEEPER_ENSURE);
	looked_after(20 * NS_PER_S);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), -1, "it is under way");
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .swept = true});
	step();
	cr_expect_eq(p.metrics.rules_repaired, 1);
	while (asked() >= 0)
		;
	for (int i = 0; i < 3; i++) {
		looked_after(20 * NS_PER_S);
		cr_expect_eq(asked(), KEEPER_ALIVE);
		cr_expect_eq(asked(), -1, "nobody has changed anything since");
	}
	cr_assert_eq(system("nft add table ip other"), 0);
	p.good = false;
	looked_after(20 * NS_PER_S);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), -1, "not while the self-test fails");
}

/* Counting takes its time: who waits for it is told, at the latest after 0.3 s. */
Test(rules, kept_and_counted)
{
	struct node_counters c = {0};

	begin(RULES_IPTABLES, true);
	cr_expect(rules_count(&r), "none are there");
	teardown();
	r = (struct rules){0};
	kept_begin();
	while (asked() >= 0)
		;
	cr_expect_not(rules_counters(&r, &c), "not known yet");
	cr_expect_not(rules_count(&r));
	cr_expect_not(rules_count(&r), "still on its way");
	cr_expect_eq(asked(), KEEPER_COUNT);
	cr_expect_eq(asked(), -1, "once");
	reply((struct keeper_reply){.ask = KEEPER_COUNT, .counters = {.stand = true, .packets = {{7}}}});
	while (n_counted == 0)
		step();
	cr_expect(rules_count(&r), "fresh");
	cr_expect_eq(asked(), -1);
	cr_expect(rules_counters(&r, &c) && c.packets[0][0] == 7);
	uint64_t end = p.loop.now_ns + 260 * NS_PER_MS;

	while (p.loop.now_ns < end)
		step();
	cr_expect_not(rules_count(&r), "that was long ago");
	cr_expect_eq(asked(), KEEPER_COUNT);
	uint64_t begin_ns = p.loop.now_ns;

	while (n_counted == 1)
		step();
	cr_expect_geq(p.loop.now_ns - begin_ns, 300 * NS_PER_MS);
	cr_expect(rules_count(&r), "those of the last time");
	cr_expect(rules_counters(&r, &c) && c.packets[0][0] == 7);
	reply((struct keeper_reply){.ask = KEEPER_COUNT, .err = ERR_SYS});
	while (n_counted == 2)
		step();
	cr_expect_not(rules_counters(&r, &c));
	end = p.loop.now_ns + 260 * NS_PER_MS;
	while (p.loop.now_ns < end)
		step();
	cr_expect_not(rules_count(&r));
	reply((struct keeper_reply){.ask = KEEPER_COUNT});
	while (n_counted == 3)
		step();
	cr_expect(rules_counters(&r, &c) && !c.stand && !rules_hold_now(&r, &c), "somebody took them away");
	rules_ensure(&r);
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true});
	while (p.metrics.rules_repaired == 0)
		step();
	cr_expect(rules_counters(&r, &c) && c.stand && rules_hold_now(&r, &c), "and they are there again");
}

Test(rules, kept_and_taken_away)
{
	kept_begin();
	while (asked() >= 0)
		;
	reply((struct keeper_reply){.ask = KEEPER_WITHDRAW});
	rules_off(&r);
	cr_expect_eq(asked(), KEEPER_WITHDRAW);
	cr_expect_not(rules_stand(&r));
	reply((struct keeper_reply){.ask = KEEPER_REMOVE, .err = ERR_SYS, .text = "no"});
	rules_remove(&r);
	cr_expect_eq(asked(), KEEPER_REMOVE);
	rules_remove(&r);
	cr_expect_eq(asked(), -1, "once");
	flags.skip_teardown = true;
	rules_off(&r);
	cr_expect_eq(asked(), KEEPER_LEAVE);
}

/* It says nothing: three seconds, and no more. */
Test(rules, kept_by_one_that_hangs)
{
	kept_begin();
	while (asked() >= 0)
		;
	uint64_t begin_ns = clock_mono_ns();

	rules_off(&r);
	cr_expect_geq(clock_mono_ns() - begin_ns, 3 * NS_PER_S);
	cr_expect_eq(asked(), KEEPER_WITHDRAW);
	cr_expect_not(rules_stand(&r));
}

Test(rules, the_one_in_front_is_gone)
{
	kept_begin();
	rules_ensure(&r);
	close(front);
	while (n_lost == 0)
		step();
	cr_expect_eq(n_counted, 1, "nobody waits for a count any more");
	cr_expect(!rules_kept(&r) && !r.ensuring);
	step();
	cr_expect_eq(n_lost, 1);
}

Test(rules, gone_at_the_end)
{
	kept_begin();
	p.phase = PHASE_DRAINING;
	close(front);
	while (rules_kept(&r))
		step();
	cr_expect_eq(n_lost, 0, "as it should");
}
