/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process in front of the supervisor, with the iptables there is, in a network
 * namespace that dies with the test. Each `supervise_...` is a supervisor's whole life;
 * it returns which step went wrong, or what the test waits for.
 */
#include "resolver/node/keeper.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/node/iptables.h"
#include "tests/fixtures/fake_iptables.h"
#include "tests/fixtures/own_net.h"

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
	own_net(NULL);
	if (!iptables_present(true))
		cr_skip_test("no iptables here");
	struct node *n;
	struct diag d;

	if (node_open(&n, &flags, &d) || node_rules_ensure(n, NULL, &d) || node_rules_remove(n, &d))
		cr_skip_test("no iptables rules here");
	node_close(n);
}

static void setup_fake(void)
{
	setup();
	fake_iptables_make();
}

TestSuite(keeper, .timeout = 60);

static struct keeper_reply r;

static bool told(int fd, uint32_t ask)
{
	struct keeper_asked q = {.ask = ask};

	return send(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q);
}

/* Asks, and takes the reply; false: none, or not this one's. */
static bool asked(int fd, uint32_t ask)
{
	memset(&r, 0xff, sizeof(r));
	return told(fd, ask) &&
	       recv(fd, &r, sizeof(r), 0) == (ssize_t)sizeof(r) && r.ask == ask;
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

/* Whose rules an instance before has left are not kept for a socket of its own; that is heard once. */
static const char *released[2];
enum { SWEPT = 100 };

static int supervise_takes_over(const struct node_flags *f, int fd)
{
	(void)f;
	for (int i = 0; i < 2; i++) {
		struct keeper_asked q = {.ask = KEEPER_ENSURE};

		q.released.handed_over = released[i] != NULL;
		q.released.n = 1;
		if (inet_pton(AF_INET6, released[i] ? released[i] : "::ffff:127.0.0.2", &q.released.addr[0]) != 1)
			return 1;
		if (send(fd, &q, sizeof(q), 0) != (ssize_t)sizeof(q) || recv(fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r) || r.err)
			return 2;
	}
	unsigned n = rules_count() + (r.swept ? SWEPT : 0);

	return asked(fd, KEEPER_REMOVE) && !r.err ? (int)n : 3;
}

Test(keeper, what_was_left_before, .init = setup)
{
	static const struct {
		const char *first, *then;
		int rules; /* eight are ours */
	} cases[] = {{NULL, NULL, 9}, {"::ffff:127.0.0.3", "::ffff:127.0.0.2", 9}, {NULL, "::ffff:127.0.0.2", SWEPT + 8}};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f000002)};
	int held = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert_eq(bind(held, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(system("iptables -t raw -A PREROUTING -d 127.0.0.2/32 -p udp -m udp --dport 53 -m comment --comment "
			    "'NodeLocal DNS Cache: skip conntrack' -j NOTRACK"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		released[0] = cases[i].first;
		released[1] = cases[i].then;
		cr_expect_eq(front_end(front_start(supervise_takes_over)), cases[i].rules, "case %zu", i);
	}
	close(held);
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

/* Without gates they are gone meanwhile: only life brings them back, not a question about them. */
static int supervise_lapses_ungated(const struct node_flags *f, int fd)
{
	if (!asked(fd, KEEPER_ENSURE) || r.err || r.gate != NODE_GATE_NONE)
		return 5;
	return supervise_lapses(f, fd);
}

Test(keeper, lapse_and_life_without_gates, .init = setup_fake, .fini = fake_iptables_remove)
{
	fake_refuse(FAKE_GATES);
	cr_expect_eq(front_end(front_start(supervise_lapses_ungated)), FINE);
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

/* --- with an iptables that refuses --- */

static void pass_ms(uint64_t ms)
{
	clock_sleep_until(clock_mono_ns() + ms * NS_PER_MS);
}

/* Where the kernel does not end them, rules hold as long as somebody proves to be alive. */
static int supervise_falls_silent(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err || r.gate != NODE_GATE_NONE)
		return 1;
	for (int i = 0; i < 8; i++) {
		pass_ms(300);
		if (!told(fd, KEEPER_ALIVE))
			return 2;
	}
	if (rules_count() != 8)
		return 3;
	for (int i = 0; rules_count() != 1; i++) { /* replies over UDP stay */
		if (i == 100)
			return 4;
		pass_ms(100);
	}
	if (!told(fd, KEEPER_ALIVE) || !asked(fd, KEEPER_COUNT) || !r.counters.stand)
		return 5;
	return asked(fd, KEEPER_REMOVE) && !r.err ? FINE : 6;
}

Test(keeper, silence_ends_rules_and_life_brings_them_back, .init = setup_fake, .fini = fake_iptables_remove)
{
	flags.failopen_ns = 2 * NS_PER_S;
	fake_refuse(FAKE_GATES);
	cr_expect_eq(front_end(front_start(supervise_falls_silent)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* After they were removed, or without a time, nobody waits for proofs. */
static int supervise_has_no_end(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	pass_ms(500);
	return rules_count() == 8 ? FINE : 2;
}

Test(keeper, without_a_time_rules_stay, .init = setup_fake, .fini = fake_iptables_remove)
{
	flags.failopen_ns = 0;
	fake_refuse(FAKE_GATES);
	cr_expect_eq(front_end(front_start(supervise_has_no_end)), FINE);
}

/* What failed is told once, and counted by who asked. */
static int supervise_counts(const struct node_flags *f, int fd)
{
	(void)f;
	fake_set("lock", true);
	if (!asked(fd, KEEPER_ENSURE) || !r.err || r.changed || !strstr(r.text, "xtables lock"))
		return 1;
	if (r.errors[NODE_ERR_IPTABLES_LOCK] != 1 || r.errors[NODE_ERR_IPTABLES])
		return 2;
	if (!asked(fd, KEEPER_COUNT) || r.errors[NODE_ERR_IPTABLES_LOCK])
		return 3;
	if (!asked(fd, KEEPER_ENSURE) || r.errors[NODE_ERR_IPTABLES_LOCK] != 1)
		return 4;
	fake_set("lock", false);
	return asked(fd, KEEPER_ENSURE) && !r.err && !r.errors[NODE_ERR_IPTABLES_LOCK] ? FINE : 5;
}

Test(keeper, errors_are_told_once, .init = setup_fake, .fini = fake_iptables_remove)
{
	cr_expect_eq(front_end(front_start(supervise_counts)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* What was to go and did not is still the front's to remove. */
static int supervise_fails_to_remove(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	fake_set("lock", true);
	if (!asked(fd, KEEPER_REMOVE) || !r.err)
		return 2;
	fake_set("lock", false);
	return rules_count() ? FINE : 3;
}

Test(keeper, what_was_not_removed_is_at_the_end, .init = setup_fake, .fini = fake_iptables_remove)
{
	cr_expect_eq(front_end(front_start(supervise_fails_to_remove)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* Somebody has the lock when the supervisor dies, and lets go of it a moment later. */
static int supervise_dies_in_want(const struct node_flags *f, int fd)
{
	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	fake_set("lock", true);
	if (fork() == 0) {
		close(fd);
		pass_ms(700);
		fake_set("lock", false);
		_exit(0);
	}
	return FINE;
}

Test(keeper, what_cannot_be_removed_is_tried_again, .init = setup_fake, .fini = fake_iptables_remove)
{
	cr_expect_eq(front_end(front_start(supervise_dies_in_want)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* Told to end while a program runs for it, it does not wait for that; afterwards it is as before. */
static int supervise_is_stopped(const struct node_flags *f, int fd)
{
	uint64_t start = clock_mono_ns();
	sigset_t set;
	int sig = 0;

	(void)f;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	fake_set("hang", true);
	if (!told(fd, KEEPER_ENSURE))
		return 1;
	while (!fake_is("hangs") && clock_mono_ns() < start + 10 * NS_PER_S)
		pass_ms(10);
	start = clock_mono_ns();
	kill(getppid(), SIGTERM);
	if (recv(fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r) || !r.err)
		return 2;
	if (clock_mono_ns() > start + 4 * NS_PER_S)
		return 3;
	sigwait(&set, &sig);
	if (sig != SIGTERM)
		return 4;
	fake_set("hang", false);
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 5;
	return asked(fd, KEEPER_REMOVE) && !r.err ? FINE : 6;
}

Test(keeper, an_end_does_not_wait_for_programs, .init = setup_fake, .fini = fake_iptables_remove)
{
	cr_expect_eq(front_end(front_start(supervise_is_stopped)), FINE);
}

/* The next request has all its time, whatever it is. */
static int supervise_is_stopped_and_removes(const struct node_flags *f, int fd)
{
	uint64_t start = clock_mono_ns();
	sigset_t set;
	int sig = 0;

	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err)
		return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	kill(getppid(), SIGTERM); /* nothing runs: nothing is stopped by it */
	sigwait(&set, &sig);
	if (!asked(fd, KEEPER_REMOVE) || r.err)
		return 2;
	fake_set("hang", true);
	if (!told(fd, KEEPER_ENSURE))
		return 3;
	while (!fake_is("hangs") && clock_mono_ns() < start + 10 * NS_PER_S)
		pass_ms(10);
	kill(getppid(), SIGTERM);
	if (recv(fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r) || !r.err)
		return 4;
	sigwait(&set, &sig);
	fake_set("hang", false);
	return asked(fd, KEEPER_REMOVE) && !r.err ? FINE : 5;
}

Test(keeper, an_end_stops_what_runs_and_nothing_else, .init = setup_fake, .fini = fake_iptables_remove)
{
	cr_expect_eq(front_end(front_start(supervise_is_stopped_and_removes)), FINE);
	cr_expect_eq(rules_count(), 0);
}

/* --- without work --- */

/* Clock ticks that a process has used, and what it calls itself. */
static unsigned long ticks_of(pid_t pid, char *ret_name)
{
	unsigned long user = 0, system = 0;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");

	if (f && fscanf(f, "%*d (%31[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", ret_name, &user, &system) != 3)
		user = 0;
	if (f)
		fclose(f);
	return user + system;
}

static int supervise_does_nothing(const struct node_flags *f, int fd)
{
	char name[32] = "";
	unsigned long before;

	(void)f;
	if (!asked(fd, KEEPER_ENSURE) || r.err || !asked(fd, KEEPER_COUNT) || r.err)
		return 1;
	before = ticks_of(getppid(), name);
	pass_ms(6100); /* what one request may take is nothing to the next */
	if (strcmp(name, "node-cache-keep"))
		return 2;
	if (ticks_of(getppid(), name) > before + 2)
		return 3;
	return asked(fd, KEEPER_ENSURE) && !r.err && asked(fd, KEEPER_REMOVE) && !r.err ? FINE : 4;
}

Test(keeper, it_sleeps_when_nothing_is_asked, .init = setup)
{
	cr_expect_eq(front_end(front_start(supervise_does_nothing)), FINE);
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
	int free_fd = dup(0);

	close(free_fd);
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
	flags.setup_iptables = true;
	flags.rules = RULES_NONE;
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
	flags.rules = RULES_NFTABLES;
	cr_expect_eq(keeper_run(&flags, supervise_alone), FINE);
	cr_expect_eq(dup(0), free_fd, "what it looked with is closed");
}

/* Nor where there can be none: the rules are the supervisor's own business then. */
Test(keeper, none_where_no_process_can_be)
{
	flags = (struct node_flags){.n_localips = 1, .interface_name = "x", .dns_port = 53, .setup_iptables = true,
				    .rules = RULES_IPTABLES, .intercept = INTERCEPT_NOTRACK};
	cr_assert_eq(flags_ip_parse("169.254.20.10", &flags.localip[0]), 0);
	if (getuid() != 0)
		cr_skip_test("root is asked to be somebody else");
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit none = {0, 0};

		whose = getpid();
		if (setrlimit(RLIMIT_NPROC, &none) || setgid(65534) || setuid(65534))
			_exit(1);
		_exit(keeper_run(&flags, supervise_alone));
	}
	cr_expect_eq(front_end(pid), FINE);
}
