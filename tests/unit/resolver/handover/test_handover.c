/* SPDX-License-Identifier: Apache-2.0 */
/* One instance after another: two whole daemons. */
#include "tests/fixtures/handover_world.h"

#include <sched.h>
#include <sys/mman.h>

TestSuite(handover, .init = handover_setup, .fini = world_teardown, .timeout = 120);

Test(handover, from_one_to_the_next)
{
	struct stat st;

	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t one = daemon_start(flag), two;

	cr_expect_eq(asked("a.x"), 7);
	cr_expect_eq(asked("b.x"), 7);
	cr_expect_eq(stat(world_path("sock"), &st), 0);
	cr_expect(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600, "nobody else's");
	cr_expect_eq(metric("nodens_handovers_total "), 0);
	cr_expect_eq(kill(world_upstream, SIGKILL), 0);
	two = daemon_launch("log2", flag);
	UNTIL(daemon_serves(two));
	cr_expect_eq(daemon_end(one), 0);
	cr_expect(world_says("log", "handing over to pid ") && world_says("log", "handed over to pid "));
	cr_expect(world_says("log2", "1 listeners, 1 workers") && world_says("log2", ": 2 entries, nobody read for "));
	cr_expect_not(world_says("log2", "nobody read for 0.00 ms"), "it was told since when");
	cr_expect_eq(caches_open(two), 0, "the workers have what was in it");
	cr_expect_eq(asked("a.x"), 7, "of the cache that was handed over");
	cr_expect_eq(asked("b.x"), 7);
	cr_expect_eq(metric("nodens_handovers_total "), 1);
	UNTIL(http_says(HEALTH_PORT, "/ready", 200, "OK"));
	cr_expect_eq(access(world_path("sock"), F_OK), 0);
	one = daemon_launch("log3", flag);
	UNTIL(daemon_serves(one));
	cr_expect_eq(daemon_end(two), 0, "and so on");
	cr_expect_eq(daemon_signal_end(one, SIGTERM), 0);
	cr_expect_eq(access(world_path("sock"), F_OK), -1, "it takes its socket along");
}

/* Listeners that only the first has are read to its end; queues and workers are as many as it has. */
Test(handover, other_listeners_and_workers)
{
	static const char *three[] = {"-handover", NULL, "-workers", "3", NULL};

	three[1] = flag[1];
	world_write("Corefile", ".:5300 .:5301 {\n " CONF_HEAD "}\n");
	pid_t one = daemon_start(three), two, w[4];

	world_write("Corefile", ".:5300 .:5302 {\n " CONF_HEAD "}\n");
	UNTIL(ask_at(world_addr, 5302, "a.test", NULL) == 0);
	two = daemon_launch("log2", flag);
	UNTIL(daemon_serves(two));
	cr_expect(world_says("log2", "3 workers, as the instance before had; 1 after a start without hand-over"));
	cr_expect_eq(daemon_workers(two, w, 4), 3);
	cr_expect_eq(daemon_end(one), 0);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(ask_at(world_addr, 5302, "a.test", NULL), 0);
	cr_expect_eq(ask_at(world_addr, 5301, "a.test", NULL), -1);
	cr_expect_eq(daemon_signal_end(two, SIGTERM), 0);
}

/* A connection of the old one's, whose worker hangs: it ends long before those that finish have to, and
 * nothing of that worker's is left where others listen. */
Test(handover, a_worker_that_hangs_while_it_finishes)
{
	uint8_t b[512], got[512];
	struct name n;

	world_write("Corefile", CONF);
	pid_t one = daemon_start(flag), w = daemon_worker(one), two;
	int fd = client_to(world_addr, SERVE_PORT, SOCK_STREAM);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	cr_assert_eq(name_from_text(&n, "a.test"), 0);
	size_t len = dns_query_build(b + 2, sizeof(b) - 2, 4711, n.b, DNS_A, DNS_RD, 0, false, false);

	set_be16(b, (uint16_t)len);
	cr_assert_eq(send(fd, b, len + 2, 0), (ssize_t)len + 2);
	cr_assert_gt(recv(fd, got, sizeof(got), 0), 12);
	two = daemon_launch("log2", flag);
	UNTIL_SAID("handed over to pid ");
	kill(w, SIGSTOP);
	uint64_t begin = clock_mono_ns();

	cr_assert_eq(send(fd, b, len + 2, 0), (ssize_t)len + 2);
	cr_expect_eq(poll(&p, 1, (int)(PATIENCE_NS / NS_PER_MS)), 1, "neither an answer nor an end");
	cr_expect_leq(recv(fd, got, sizeof(got), MSG_DONTWAIT), 0);
	cr_expect_geq(clock_mono_ns() - begin, 2900 * NS_PER_MS, "a busy one is given time");
	UNTIL(daemon_serves(two));
	cr_expect_eq(daemon_end(one), 0);
	cr_expect(world_says("log", "has not moved for ") && !world_says("log", "workers did not finish in time"));
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(two, SIGTERM), 0);
	close(fd);
}

/* What is new while one takes over is its own to reload, when it has. */
Test(handover, a_reload_that_is_asked_for_too_early)
{
	world_write("Corefile", CONF);
	pid_t one = daemon_start(flag), w = daemon_worker(one), two;

	kill(w, SIGSTOP); /* it exports nothing until it goes on */
	two = daemon_launch("log2", flag);
	UNTIL(daemon_worker(two) && world_says("log", "handing over to pid "));
	world_write("Corefile", ".:5300 .:5301 {\n " CONF_HEAD "}\n");
	kill(two, SIGUSR1);
	UNTIL(world_says("log2", "SIGUSR1: Reloading"));
	kill(w, SIGCONT);
	UNTIL(daemon_serves(two) && world_says("log2", "Reloading complete"));
	const char *log = world_read("log2"), *took = strstr(log, "took over from pid ");

	cr_assert(took, "%s", log);
	cr_expect_lt((void *)took, (void *)strstr(log, "Reloading complete"), "%s", log);
	cr_expect_eq(ask_at(world_addr, 5301, "a.test", NULL), 0);
	cr_expect_eq(daemon_end(one), 0);
	cr_expect_eq(daemon_signal_end(two, SIGTERM), 0);
}

/* Launches one as the first process of a namespace, as a container's is; *ret_pid is its number here. */
static pid_t first_launch(pid_t *ret_pid)
{
	int pipes[2], status = 0;
	pid_t outer;

	cr_assert_eq(pipe(pipes), 0);
	outer = fork();
	if (outer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pid_t pid = unshare(CLONE_NEWPID) ? 0 : daemon_launch("log", flag);

		if (write(pipes[1], &pid, sizeof(pid)) != sizeof(pid) || !pid)
			_exit(1);
		close(pipes[1]);
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
	close(pipes[1]);
	if (read(pipes[0], ret_pid, sizeof(*ret_pid)) != sizeof(*ret_pid) || !*ret_pid)
		cr_skip_test("no namespace of processes here");
	close(pipes[0]);
	return outer;
}

/* Kubelet would start it again, and it would take everything back: it stays until it is told to
 * end, or nobody serves any more. */
Test(handover, the_first_process_stays)
{
	world_write("Corefile", CONF);
	for (int told = 0; told < 2; told++) {
		pid_t pid, outer = first_launch(&pid), two;

		UNTIL(world_read("pid")[0] == '1');
		two = daemon_launch("log2", flag);
		UNTIL_SAID("another instance serves: waiting to be told to stop");
		UNTIL(daemon_serves(two));
		cr_expect_eq(daemon_worker(pid), 0, "without workers");
		uint64_t end = clock_mono_ns() + 1100 * NS_PER_MS; /* it looks once a second */

		while (clock_mono_ns() < end) {
			cr_expect_eq(asked("a.test"), 1);
			nap();
		}
		cr_expect_eq(waitpid(outer, NULL, WNOHANG), 0, "it is there");
		if (told)
			kill(pid, SIGTERM);
		else
			cr_expect_eq(daemon_signal_end(two, SIGTERM), 0);
		cr_expect_eq(daemon_end(outer), 0);
		if (told)
			cr_expect_eq(daemon_signal_end(two, SIGTERM), 0);
		const char *log = world_read("log");

		cr_expect_null(strstr(strstr(log, "waiting to be told") + 1, "waiting to be told"), "said once");
		unlink(world_path("pid"));
	}
}
