/* SPDX-License-Identifier: Apache-2.0 */
/* The whole daemon, and workers of it that die, hang, do not finish, or are several. */
#include "tests/fixtures/daemon_world.h"
#include "tests/fixtures/own_net.h"

TestSuite(supervisor_workers, .init = world_setup, .fini = world_teardown, .timeout = 120);

/* Nobody has one of the addresses, so no self-test passes in the first second: what hangs meanwhile is replaced all
 * the same. On a machine that is too busy to stop it in time it hangs later, and the next sync finds it. */
Test(supervisor_workers, a_worker_that_hangs_before_the_first_self_test)
{
	static const char *const more[] = {"-syncinterval=1s", NULL};

	own_net(NULL);
	world_write("Corefile", ".:5300 {\n " CONF_HEAD " bind 192.0.2.77\n}\n");
	pid_t pid = daemon_launch("log", more), w;

	UNTIL(daemon_worker(pid));
	w = daemon_worker(pid);
	cr_expect_eq(asked("a.test"), 1);
	kill(w, SIGSTOP);
	UNTIL_SAID("has not moved for ");
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Nothing has been tested yet, and nobody is there who could answer: it reads for a while, and is stopped meanwhile. */
Test(supervisor_workers, a_worker_that_hangs_while_it_is_configured)
{
	enum { NAMES = 200000 };
	char *hosts = calloc(NAMES, 24), conf[600];
	size_t at = 0;

	cr_assert(hosts);
	for (unsigned i = 0; i < NAMES; i++)
		at += (size_t)sprintf(hosts + at, "10.0.0.1 h%u.big\n", i);
	world_write("hosts", hosts);
	snprintf(conf, sizeof(conf), ".:5300 {\n " CONF_HEAD " hosts %s {\n fallthrough\n }\n}\n", world_path("hosts"));
	world_write("Corefile", conf);
	pid_t pid = daemon_launch("log", NULL), w;

	UNTIL((w = daemon_worker(pid)));
	kill(w, SIGSTOP);
	UNTIL_SAID("being configured");
	UNTIL(daemon_serves(pid));
	cr_expect_eq(asked("h199999.big"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	free(hosts);
}

/* As long as that lasts it serves, and so does a worker's successor. */
Test(supervisor_workers, a_worker_that_hangs_in_lameduck)
{
	world_write("Corefile", ".:5300 {\n " CONF_HEAD " health @:8080 {\n lameduck 60s\n }\n}\n");
	pid_t pid = daemon_start(NULL), w = daemon_worker(pid);

	kill(pid, SIGTERM);
	UNTIL_SAID("lameduck mode for 60s");
	kill(w, SIGSTOP);
	UNTIL_SAID("has not moved for ");
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(metric("nodens_worker_restarts_total "), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGINT), 2);
}

/* One that does not move is ended, long before those that do have to be done, and the status says so. */
Test(supervisor_workers, workers_that_hang_while_they_finish)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL), w = daemon_worker(pid);

	kill(w, SIGSTOP);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 3);
	cr_expect(world_says("log", "has not moved for ") && !world_says("log", "workers did not finish in time"));
	cr_expect_lt(kill(w, 0), 0);
	cr_expect_eq(access(world_path("pid"), F_OK), -1);
}

/* Nothing is waited for, but that nobody is left. */
Test(supervisor_workers, workers_that_are_told_to_be_gone)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL), w = daemon_worker(pid);

	kill(w, SIGSTOP);
	cr_expect_eq(daemon_signal_end(pid, SIGQUIT), 0);
	cr_expect_lt(kill(w, 0), 0);
}

Test(supervisor_workers, workers_die_and_hang)
{
	static const char *const more[] = {"-workers", "2", NULL};
	pid_t w[4], now[4];

	world_write("Corefile", CONF "x:5300 {\n " CONF_HEAD " ready @:8182 {\n monitor continuously\n }\n}\n");
	pid_t pid = daemon_start(more);

	UNTIL(daemon_workers(pid, w, 4) == 2);
	cr_expect_eq(metric("nodens_workers "), 2);
	poll(NULL, 0, 1100); /* whoever lived a second was no failure of the start */
	kill(w[0], SIGKILL);
	UNTIL(daemon_workers(pid, now, 4) == 2 && now[0] != w[0] && now[1] != w[0]);
	cr_expect(world_says("log", "worker 0 died of signal 9") || world_says("log", "worker 1 died of signal 9"));
	UNTIL(metric("nodens_worker_restarts_total ") == 1);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(asked("a.test"), 1, "both answer");
	kill(now[0], SIGSTOP);
	UNTIL(http_says(8182, "/ready", 503, "self-test failed"));
	cr_expect(http_says(8181, "/ready", 200, "OK"), "it was, once");
	UNTIL(http_says(HEALTH_PORT, "/health?self", 503, "self-test failed"));
	cr_expect(http_says(HEALTH_PORT, "/health", 200, "OK"));
	UNTIL_SAID("has not moved for ");
	UNTIL(http_says(HEALTH_PORT, "/health?self", 200, "OK"));
	cr_expect(world_says("log", "self-test passes again"));
	cr_expect_geq(metric("nodens_selftest_failed_total "), 2);
	UNTIL(metric("nodens_worker_restarts_total ") == 2);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Workers switch each for itself. The log tells when all have: not before one that hangs meanwhile has a successor. */
Test(supervisor_workers, a_reload_is_complete_when_all_have_switched)
{
	static const char *const more[] = {"-workers=2", NULL};
	pid_t w[2];

	world_write("Corefile", CONF);
	pid_t pid = daemon_start(more);

	UNTIL(daemon_workers(pid, w, 2) == 2);
	cr_expect_eq(asked("a.test"), 1);
	kill(w[1], SIGSTOP);
	world_write("Corefile", ".:5300 {\n bind @\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.2\"\n }\n health @:8080\n prometheus @:9253\n}\n");
	kill(pid, SIGUSR1);
	UNTIL_SAID("Reloading complete");
	const char *log = world_read("log"), *late = strstr(log, "has not moved for "), *all = strstr(log, "Reloading complete");

	cr_assert(late, "the other one was not enough\n%s", log);
	cr_expect_lt(late, all);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(asked("a.test"), 2, "%d", i);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Where nobody asks how we are workers are looked at rarely; one that does not answer is looked at again at once,
 * though the others answer the self-test. */
Test(supervisor_workers, a_worker_that_hangs_where_nobody_asks)
{
	static const char *const more[] = {"-syncinterval=8s", "-workers=8", NULL};

	world_write("Corefile", ".:5300 {\n " CONF_HEAD "}\n");
	pid_t pid = daemon_start(more);

	kill(daemon_worker(pid), SIGSTOP);
	UNTIL_SAID("has not moved for ");
	cr_expect_lt(atof(strstr(world_read("log"), "has not moved for ") + strlen("has not moved for ")), 8);
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* One that dies as soon as it is there is given more and more time. */
Test(supervisor_workers, a_worker_that_keeps_dying)
{
	world_write("Corefile", CONF);
	pid_t pid = daemon_start(NULL), w = 0;

	for (int i = 0; i < 5; i++) {
		UNTIL(daemon_worker(pid) && daemon_worker(pid) != w);
		w = daemon_worker(pid);
		kill(w, SIGKILL);
	}
	uint64_t begin = clock_mono_ns();

	UNTIL(daemon_worker(pid) && daemon_worker(pid) != w);
	cr_expect_geq(clock_mono_ns() - begin, 60 * NS_PER_MS, "16, 32, 64, 128 ms");
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(metric("nodens_worker_restarts_total "), 5);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* What workers count for themselves is one figure. */
Test(supervisor_workers, workers_are_added_up)
{
	static const char *const more[] = {"-workers", "2", NULL};
	static const uint8_t begun[30000] = {0xea, 0x60}; /* of 60,000 octets */
	int fd[8];

	world_write("Corefile", "x:5300 {\n bind @\n cache\n forward . @:5399\n prometheus @:9253\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(more);

	UNTIL(metric("nodens_tcp_clients ") == 0); /* not even the self-test's */
	for (int i = 0; i < 8; i++) {
		fd[i] = client_to(world_addr, SERVE_PORT, SOCK_STREAM);
		cr_assert_geq(fd[i], 0);
		cr_assert_eq(write(fd[i], begun, sizeof(begun)), (ssize_t)sizeof(begun));
	}
	UNTIL(metric("nodens_tcp_clients ") == 8);
	UNTIL(metric("nodens_tcp_clients_held_bytes ") > 0);
	for (int i = 0; i < 8; i++)
		close(fd[i]);
	UNTIL(metric("nodens_tcp_clients ") == 0);
	for (int i = 0; i < 12; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.x", i);
		cr_expect_eq(asked(name), 7);
	}
	double asked_all = metric("coredns_dns_requests_total{");

	cr_expect_geq(asked_all, 12, "both were asked");
	cr_expect_geq(metric("coredns_dns_responses_total{plugin=\"cache\","), 12);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}
