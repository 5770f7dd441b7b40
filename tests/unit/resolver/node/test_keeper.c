/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process in front of the supervisor, with the iptables there is, in a network
 * namespace that dies with the test. Each `supervise_...` is a supervisor's whole life;
 * it returns which step went wrong, or what the test waits for.
 */
#include "resolver/node/keeper.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/node/iptables.h"

enum { FINE = 42 };

static struct node_flags flags;

static void setup(void)
{
	flags = (struct node_flags){.n_localips = 1,
				    .setup_iptables = true,
				    .interface_name = "nodelocaldns",
				    .dns_port = 53,
				    .health_port = 8080,
				    .rules = RULES_IPTABLES,
				    .intercept = INTERCEPT_NOTRACK,
				    .failopen_ns = 60 * NS_PER_S};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		cr_skip_test("no network namespace here");
	if (!iptables_present(true))
		cr_skip_test("no iptables here");
	struct node *n;
	struct diag d;

	if (node_open(&n, &flags, &d) || node_rules_ensure(n, NULL, &d) || node_rules_remove(n, &d))
		cr_skip_test("no iptables rules here");
	node_close(n);
}

TestSuite(keeper, .timeout = 60);

static struct keeper_reply r;

/* Asks, and takes the reply; false: none, or not this one's. */
static bool asked(int fd, uint32_t ask)
{
	memset(&r, 0xff, sizeof(r));
	return send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask) &&
	       recv(fd, &r, sizeof(r), 0) == (ssize_t)sizeof(r) && r.ask == ask;
}

static bool told(int fd, uint32_t ask)
{
	return send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask);
}

/* A process in front of such a supervisor. */
static pid_t front_start(int (*supervise)(const struct node_flags *f, int keeper_fd))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(keeper_run(&flags, supervise));
	return pid;
}

static int front_end(pid_t pid)
{
	int status = 0;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Rules of ours, whatever gates they have. */
static unsigned rules_count(void)
{
	FILE *f = popen("iptables-save 2>/dev/null", "r");
	char line[1024];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "NodeLocal DNS Cache: skip conntrack") != NULL;
	if (f)
		pclose(f);
	return n;
}

static int supervise_asks(const struct node_flags *f, int fd)
{
	(void)f;
	if (fd < 0)
		return 1;
	if (!asked(fd, KEEPER_ENSURE) || r.err || !r.changed || r.text[0])
		return 2;
	if (!asked(fd, KEEPER_ENSURE) || r.err || r.changed)
		return 3;
	if (!asked(fd, KEEPER_COUNT) || r.err || !r.counters.stand || r.gate > NODE_GATE_SET)
		return 4;
	for (int i = 0; i < NODE_ERRORS; i++)
		if (r.errors[i])
			return 5;
	if (!told(fd, KEEPER_ALIVE) || !asked(fd, KEEPER_COUNT) || !r.counters.stand)
		return 6;
	if (!told(fd, 77) || !asked(fd, KEEPER_REMOVE) || r.err)
		return 7;
	if (!asked(fd, KEEPER_COUNT) || r.err || r.counters.stand)
		return 8;
	return FINE;
}

Test(keeper, does_what_it_is_asked, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_asks)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* Without a word about the rules they go with the supervisor, however it ends. */
static int supervise_ends(const struct node_flags *f, int fd)
{
	(void)f;
	return asked(fd, KEEPER_ENSURE) && !r.err && rules_count() ? FINE : 1;
}

static int supervise_dies(const struct node_flags *f, int fd)
{
	(void)f;
	if (asked(fd, KEEPER_ENSURE) && !r.err)
		kill(getpid(), SIGKILL);
	return 1;
}

Test(keeper, rules_go_with_the_supervisor, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_ends)), FINE);
	cr_expect_eq(rules_count(), 0);
	cr_expect_eq(front_end(front_start(supervise_dies)), 128 + SIGKILL);
	cr_expect_eq(rules_count(), 0);
}

static int supervise_leaves(const struct node_flags *f, int fd)
{
	(void)f;
	return asked(fd, KEEPER_ENSURE) && !r.err && told(fd, KEEPER_LEAVE) ? FINE : 1;
}

Test(keeper, rules_stay_when_told, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_leaves)), FINE);
	cr_expect_gt(rules_count(), 0);
}

/* Taken away for silence or a failed test, put back at the next proof of life. */
static int supervise_lapses(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	bool gated = r.gate != NODE_GATE_NONE;

	if (!told(fd, KEEPER_LAPSE) || !asked(fd, KEEPER_COUNT) || r.counters.stand != gated)
		return 2;
	if (!told(fd, KEEPER_ALIVE) || !asked(fd, KEEPER_COUNT) || !r.counters.stand)
		return 3;
	return asked(fd, KEEPER_REMOVE) && !r.err ? FINE : 4;
}

Test(keeper, lapse_and_life, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_lapses)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* Whatever has been withdrawn is still removed, also when nobody is left to ask for it. */
static int supervise_withdraws(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	if (!asked(fd, KEEPER_WITHDRAW) || r.err || !asked(fd, KEEPER_COUNT) || r.counters.stand)
		return 2;
	return rules_count() == 1 ? FINE : 3; /* replies over UDP */
}

Test(keeper, withdrawn_and_left, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_withdraws)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* What the front gets is for the one behind it. */
static int supervise_waits(const struct node_flags *f, int fd)
{
	sigset_t set;
	int sig = 0;

	(void)f;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	/* blocked from the start, so none is lost; a reply tells that the front is ready */
	if (!asked(fd, KEEPER_COUNT))
		return 1;
	kill(getppid(), SIGUSR2);
	sigwait(&set, &sig);
	return 100 + sig;
}

Test(keeper, signals_are_passed_on, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_waits)), 100 + SIGUSR2);
}

/* Where nobody needs it there is none: the same process, and no descriptor. */
static pid_t whose;

static int supervise_alone(const struct node_flags *f, int fd)
{
	(void)f;
	return fd == -1 && getpid() == whose ? FINE : 1;
}

Test(keeper, none_where_none_is_needed)
{
	flags = (struct node_flags){.n_localips = 1, .interface_name = "x", .dns_port = 53, .intercept = INTERCEPT_NOTRACK};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	whose = getpid();
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
	flags.setup_iptables = true;
	flags.rules = RULES_NONE;
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
	flags.rules = RULES_NFTABLES;
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
}
