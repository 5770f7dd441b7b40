/* SPDX-License-Identifier: Apache-2.0 */
/* The interface with the local addresses: made, mended, lent and left, in a network namespace that dies with the test. */
#include "resolver/supervisor/upkeep.h"

#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/node/node.h"
#include "tests/fixtures/own_net.h"

static struct node_flags flags;
static struct process p;
static struct rules rules;
static struct endpoints endpoints;
static struct sockets sockets;
static struct workers workers;
static struct upkeep u;
static struct handover_host host;
static struct diag d;
static const struct rules_hooks hooks;

static void setup(void)
{
	flags = (struct node_flags){.n_localips = 2,
				    .setup_interface = true,
				    .interface_name = "nodelocaldns",
				    .metrics_listen = "",
				    .sync_interval_ns = 3600 * NS_PER_S};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	cr_assert_eq(flags_ip_parse("10.96.0.10", &flags.localip[1]), 0);
	own_net(NULL);
	p = (struct process){.flags = &flags, .phase = PHASE_STARTING};
	p.handover = handover_new(&host);
	cr_assert_eq(loop_init(&p.loop, &d), 0);
	if (node_open(&p.node, &flags, &d))
		cr_skip_test("no netlink here");
	/* A bridge stands in where there is no module of the dummy interface. */
	if (node_iface_ensure(p.node, &d) &&
	    (system("ip link add nodelocaldns type bridge 2>/dev/null") || node_iface_ensure(p.node, &d)))
		cr_skip_test("no interface of this kind here");
	cr_assert_eq(system("ip addr flush dev nodelocaldns"), 0);
	cr_assert_eq(rules_start(&rules, &p, -1, &hooks, &rules, &d), 0);
	cr_assert_eq(endpoints_start(&endpoints, &p, &rules, &sockets, &workers, &d), 0);
	upkeep_start(&u, &p, &rules, &endpoints, &sockets);
	cr_assert(u.iface.registered, "it is watched");
}

static void teardown(void)
{
	if (u.p) {
		upkeep_release(&u);
		endpoints_release(&endpoints);
		rules_release(&rules);
	}
	node_close(p.node);
	handover_free(p.handover);
	loop_release(&p.loop);
}

TestSuite(upkeep, .init = setup, .fini = teardown, .timeout = 60);

/* How many of the local addresses are there. */
static unsigned there(void)
{
	struct ifaddrs *list = NULL;
	unsigned n = 0;
	char text[INET_ADDRSTRLEN];

	cr_assert_eq(getifaddrs(&list), 0);
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || strcmp(i->ifa_name, "nodelocaldns") != 0)
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, text, sizeof(text));
		n += strcmp(text, "169.254.20.10") == 0 || strcmp(text, "10.96.0.10") == 0;
	}
	freeifaddrs(list);
	return n;
}

static void taken_away(void)
{
	cr_assert_eq(system("ip addr flush dev nodelocaldns"), 0);
	cr_assert_eq(there(), 0);
}

static void run(uint64_t ns)
{
	for (uint64_t end = clock_mono_ns() + ns; clock_mono_ns() < end;)
		cr_assert_eq(loop_step(&p.loop, p.loop.now_ns + 5 * NS_PER_MS), 0);
}

Test(upkeep, made_and_left)
{
	upkeep_now(&u);
	cr_expect_eq(there(), 2, "before the first self-test: sockets need them");
	p.phase = PHASE_SERVING;
	upkeep_now(&u);
	cr_expect_eq(there(), 2);
	p.phase = PHASE_LAMEDUCK;
	upkeep_leave(&u);
	cr_expect_eq(there(), 2, "not yet");
	p.phase = PHASE_DONE;
	flags.skip_teardown = true;
	upkeep_leave(&u);
	cr_expect_eq(there(), 2);
	flags.skip_teardown = false;
	p.not_ours = true;
	upkeep_leave(&u);
	cr_expect_eq(there(), 2);
	p.not_ours = false;
	upkeep_leave(&u);
	cr_expect_eq(there(), 0);
}

/* At once when the kernel says so, while we serve; and by the sync interval. */
Test(upkeep, mended)
{
	static const enum process_phase phase[] = {PHASE_STARTING, PHASE_SERVING, PHASE_LAMEDUCK};

	upkeep_now(&u);
	for (unsigned i = 0; i < 3; i++) {
		p.phase = phase[i];
		taken_away();
		while (there() < 2)
			run(5 * NS_PER_MS);
	}
	p.phase = PHASE_DRAINING;
	taken_away();
	run(100 * NS_PER_MS);
	cr_expect_eq(there(), 0, "it ends");
	upkeep_now(&u);
	cr_expect_eq(there(), 0);
}

Test(upkeep, by_the_clock)
{
	flags.sync_interval_ns = 100 * NS_PER_MS;
	p.phase = PHASE_SERVING;
	upkeep_now(&u);
	loop_del(&p.loop, &u.iface); /* nobody says anything */
	taken_away();
	while (there() < 2)
		run(5 * NS_PER_MS);
	taken_away();
	while (there() < 2) /* and again */
		run(5 * NS_PER_MS);
	upkeep_stop(&u);
	taken_away();
	run(250 * NS_PER_MS);
	cr_expect_eq(there(), 0);
	upkeep_within(&u, 10 * NS_PER_MS);
	while (there() < 2)
		run(5 * NS_PER_MS);
	flags.sync_interval_ns = 3600 * NS_PER_S;
	upkeep_stop(&u);
	taken_away();
	upkeep_within(&u, 3600 * NS_PER_S); /* no sooner than the interval: that one's business */
	cr_expect_not(u.timer.armed);
	p.phase = PHASE_LAMEDUCK;
	upkeep_within(&u, NS_PER_MS);
	cr_expect_not(u.timer.armed);
}

/* After a hand-over: another instance's until it says that it is ours. */
Test(upkeep, lent)
{
	p.not_ours = true;
	upkeep_now(&u);
	cr_expect_eq(there(), 0);
	upkeep_lend(&u);
	cr_expect_eq(there(), 2);
	upkeep_undo(&u);
	cr_expect_eq(there(), 0, "it never came to be");
	upkeep_undo(&u);
	upkeep_lend(&u);
	p.not_ours = false;
	p.phase = PHASE_SERVING;
	upkeep_keep(&u);
	upkeep_undo(&u);
	cr_expect_eq(there(), 2, "ours");
	cr_expect(u.timer.armed && u.timer.at_ns <= p.loop.now_ns, "looked at soon");
	run(20 * NS_PER_MS);
	cr_expect(u.timer.armed);
}

/* A start that fails (no port, no memory) leaves the interface as it was: a neighbour may live there. */
Test(upkeep, begun_in_vain)
{
	struct node *other;

	upkeep_now(&u);
	cr_expect_eq(there(), 2);
	upkeep_undo(&u);
	cr_expect_eq(there(), 0);
	cr_assert_eq(node_open(&other, &flags, &d), 0);
	cr_assert_eq(node_iface_ensure(other, &d), 0);
	upkeep_now(&u);
	upkeep_undo(&u);
	cr_expect_eq(there(), 2, "another's");
	node_close(other);
	taken_away();
	flags.skip_teardown = true;
	upkeep_now(&u);
	upkeep_undo(&u);
	cr_expect_eq(there(), 2);
	flags.skip_teardown = false;
	p.phase = PHASE_SERVING;
	upkeep_undo(&u);
	cr_expect_eq(there(), 2, "it came to be");
}

/* Addresses that an instance before left, and not what is ours. */
Test(upkeep, swept)
{
	struct node_flags old = flags;
	struct node *other;

	cr_assert_eq(flags_ip_parse("169.254.20.11", &old.localip[1]), 0);
	cr_assert_eq(node_open(&other, &old, &d), 0);
	cr_assert_eq(node_iface_ensure(other, &d), 0);
	node_close(other);
	p.released = (struct node_released){.handed_over = true, .n = 1, .addr = {old.localip[1].addr}};
	node_released_set(p.node, &p.released);
	cr_expect_eq(there(), 1);
	upkeep_now(&u);
	cr_expect_not(u.swept, "not before we serve");
	p.phase = PHASE_SERVING;
	p.not_ours = true;
	upkeep_now(&u);
	cr_expect_not(u.swept, "nor while it is another's");
	p.not_ours = false;
	upkeep_now(&u);
	cr_expect_eq(there(), 2);
}
