/* SPDX-License-Identifier: Apache-2.0 */
/* When iptables' rules are asked for, renewed, withdrawn and given up: of a process in front, which is the test. */
#include "tests/fixtures/rules_world.h"

TestSuite(rules_kept, .fini = teardown, .timeout = 60);

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

Test(rules_kept, kept)
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

static bool gate_open(void)
{
	return system("ipset -q test nodelocaldns4 10.96.0.10 2>/dev/null") == 0;
}

/* Another instance's rules lead to us; ours are late. */
Test(rules_kept, inherited)
{
	begin(RULES_IPTABLES, true);
	if (system("ipset create nodelocaldns4 hash:ip timeout 0 2>/dev/null"))
		cr_skip_test("no ipset here");
	p.good = false;
	rules_inherit(&r);
	rules_ensure(&r);
	cr_expect_eq(asked(), -1);
	cr_expect_not(gate_open(), "not before the self-test has passed");
	p.good = true;
	uint64_t before = clock_mono_ns();

	rules_ensure(&r);
	cr_expect_lt(clock_mono_ns() - before, 1500 * NS_PER_MS, "those that stand do meanwhile");
	cr_expect_eq(asked(), KEEPER_ENSURE);
	cr_expect(gate_open() && !rules_stand(&r));
	cr_expect(rules_renewed(&r) && !rules_expire(&r), "as often as our own");
	cr_assert_eq(system("ipset flush nodelocaldns4"), 0);
	rules_refresh(&r);
	cr_expect(gate_open() && !rules_stand(&r), "each time that the self-test passes");
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .err = ERR_SYS, .text = "no"});
	r.keeper.ready(&r.keeper, EPOLLIN);
	cr_assert_eq(system("ipset flush nodelocaldns4"), 0);
	rules_refresh(&r);
	cr_expect(gate_open(), "though ours could not be had");
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .changed = true, .gate = NODE_GATE_NONE});
	r.keeper.ready(&r.keeper, EPOLLIN);
	cr_expect(rules_stand(&r));
	cr_assert_eq(system("ipset flush nodelocaldns4"), 0);
	rules_refresh(&r);
	cr_expect_not(gate_open(), "ours ask no gate");
	reply((struct keeper_reply){.ask = KEEPER_WITHDRAW});
	rules_off(&r);
	rules_refresh(&r);
	cr_expect_not(gate_open(), "what has gone stays so");
	cr_expect_not(rules_renewed(&r));
}

Test(rules_kept, inherited_and_not_wanted)
{
	begin(RULES_IPTABLES, true);
	if (system("ipset create nodelocaldns4 hash:ip timeout 0 2>/dev/null"))
		cr_skip_test("no ipset here");
	flags.setup_iptables = false;
	rules_inherit(&r);
	rules_refresh(&r);
	cr_expect_not(gate_open(), "rules are somebody else's business");
}

Test(rules_kept, nobody_before)
{
	begin(RULES_IPTABLES, true);
	if (system("ipset create nodelocaldns4 hash:ip timeout 0 2>/dev/null"))
		cr_skip_test("no ipset here");
	rules_ensure(&r);
	cr_expect_eq(asked(), KEEPER_ENSURE);
	rules_refresh(&r);
	cr_expect_not(gate_open(), "what a dead one left stays lapsed until it is looked at");
}

Test(rules_kept, kept_and_renewed)
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
Test(rules_kept, kept_and_lapsed_meanwhile)
{
	for (int astray = 0; astray < 2; astray++) {
		kept_begin();
		while (asked() >= 0)
			;
		rules_ensure(&r);
		cr_expect_eq(asked(), KEEPER_ENSURE);
		if (astray) {
			p.loop.now_ns += NS_PER_S;
			rules_led(&r, 2, 2, "why");
			rules_led(&r, 2, 2, "why");
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
Test(rules_kept, kept_and_touched)
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
	looked_after(200 * NS_PER_S); /* a step sets the clock back */
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), KEEPER_ENSURE);
	cr_assert_eq(system("nft add table ip meanwhile"), 0);
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .swept = true});
	r.keeper.ready(&r.keeper, EPOLLIN); /* and the clock stays */
	while (asked() >= 0)
		;
	looked_after(20 * NS_PER_S);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), KEEPER_ENSURE, "somebody came while they were looked at");
	reply((struct keeper_reply){.ask = KEEPER_ENSURE, .swept = true});
	step();
	while (asked() >= 0)
		;
	cr_assert_eq(system("nft add table ip third"), 0);
	p.good = false;
	looked_after(20 * NS_PER_S);
	cr_expect_eq(asked(), KEEPER_ALIVE);
	cr_expect_eq(asked(), -1, "not while the self-test fails");
}

/* Counting takes its time: who waits for it is told, at the latest after 0.3 s. */
Test(rules_kept, kept_and_counted)
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

Test(rules_kept, kept_and_taken_away)
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
Test(rules_kept, kept_by_one_that_hangs)
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

Test(rules_kept, the_one_in_front_is_gone)
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

Test(rules_kept, gone_at_the_end)
{
	kept_begin();
	p.phase = PHASE_DRAINING;
	close(front);
	while (rules_kept(&r))
		step();
	cr_expect_eq(n_lost, 0, "as it should");
}
