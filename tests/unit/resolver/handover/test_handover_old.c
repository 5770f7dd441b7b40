/* SPDX-License-Identifier: Apache-2.0 */
/* The side that hands over, against a test that plays the new one and does at every step what it should not. */
#include "tests/fixtures/handover_world.h"

#include <sys/mman.h>
#include <sys/resource.h>

TestSuite(handover_old, .init = handover_setup, .fini = world_teardown, .timeout = 120);

/* Connects and says that; *ret_type is what comes back. Not while the one before is being forgotten. */
static int knock(const void *msg, size_t len, int *ret_type)
{
	for (;; nap()) {
		int fd = peer_connect();

		cr_assert_eq(send(fd, msg, len, 0), (ssize_t)len);
		*ret_type = heard(fd, NULL);
		if (*ret_type != HANDOVER_REFUSE || strcmp(m.text, "it is handing over to another one") != 0)
			return fd;
		close(fd);
	}
}

/* Greets, and takes what is offered: how many listeners. */
static unsigned greeted(int *ret_fd, uint32_t queues)
{
	struct handover_msg h = {.magic = 0x4e44484f, .version = 1, .type = HANDOVER_HELLO, .netns = handover_netns(), .n = queues};
	unsigned n = 0, http = 0;
	int type, fd = *ret_fd = knock(&h, sizeof(h), &type);

	cr_assert_eq(type, HANDOVER_OFFER);
	cr_expect_eq(m.n, 1, "workers");
	while (heard(fd, NULL) == HANDOVER_LISTENER) {
		cr_expect_eq(m.n, 1);
		cr_expect_eq(m.port, SERVE_PORT);
		cr_expect_eq(n_fds, 2 + m.n_more);
		cr_expect_eq(m.n_more > 0, queues == SOCKETS_MORE_MAX, "queues for who knows of them");
		n++;
	}
	for (; m.type == HANDOVER_HTTP; heard(fd, NULL), http++)
		cr_expect(n_fds == 1 && (m.port == HEALTH_PORT || m.port == PAGE_PORT));
	cr_expect_eq(http, 2);
	cr_assert_eq(m.type, HANDOVER_END);
	return n;
}

/* As far as the word that the new one may read. */
static void led_to_go(int *ret_fd)
{
	greeted(ret_fd, SOCKETS_MORE_MAX);
	said(*ret_fd, HANDOVER_WARM, 0);
	while (heard(*ret_fd, NULL) != HANDOVER_END)
		;
	said(*ret_fd, HANDOVER_READY, 0);
	cr_expect_eq(heard(*ret_fd, NULL), HANDOVER_GO);
}

/* Each step, and what is out of turn after it: the old one serves on, and takes the next. */
Test(handover_old, a_new_one_that_stops_at_each_step)
{
	static const enum handover_type step[] = {HANDOVER_WARM, HANDOVER_READY, HANDOVER_READING, HANDOVER_DONE};

	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t pid = daemon_start(flag);

	cr_expect_eq(asked("a.x"), 7);
	for (int out_of_turn = 0; out_of_turn < 2; out_of_turn++) {
		for (unsigned n = 0; n < 4; n++) {
			int fd, cache = -1;

			cr_expect_eq(greeted(&fd, n ? SOCKETS_MORE_MAX : 0), 1);
			for (unsigned i = 0; i < n; i++) {
				said(fd, step[i], 0);
				if (i == 0) {
					cr_assert_eq(heard(fd, &cache), HANDOVER_CACHE);
					cr_expect(fcntl(cache, F_GET_SEALS) & F_SEAL_SHRINK);
					close(cache);
					cr_assert_eq(heard(fd, NULL), HANDOVER_END);
				} else if (i == 1) {
					cr_assert_eq(heard(fd, NULL), HANDOVER_GO);
					cr_expect_eq(n_fds, 1);
					cr_expect_leq(m.t_ns, clock_mono_ns());
					cr_expect_gt(m.t_ns, clock_mono_ns() - PATIENCE_NS);
				}
			}
			if (out_of_turn) {
				said(fd, n == 3 ? HANDOVER_WARM : HANDOVER_DONE, 0);
				cr_assert_eq(heard(fd, NULL), HANDOVER_ABORT);
				cr_expect_str_eq(m.text, "it speaks out of turn");
				cr_expect_eq(heard(fd, NULL), 0);
			}
			close(fd);
			cr_expect_eq(asked("a.x"), 7, "it reads on");
			UNTIL(caches_open(pid) == 0);
			UNTIL(http_says(HEALTH_PORT, "/health?self", 200, "OK"));
		}
	}
	cr_expect(world_says("log", "it is gone; serving on"));
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* From GO on nobody reads but what is left to it: what comes waits in the sockets that both have. */
Test(handover_old, what_it_reads_and_what_not)
{
	struct handover_msg h = {.magic = 0x4e44484f, .version = 1, .type = HANDOVER_HELLO, .netns = handover_netns()};
	int type, udp[2] = {-1, -1}, kept = -1, http = -1;
	uint64_t left = 0;
	uint8_t b[512], got[512];
	struct name n;

	world_write("Corefile", "x:5300 x:5301 {\n bind @\n cache 300\n forward . @:5399\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(flag);
	int fd = knock(&h, sizeof(h), &type);

	cr_assert_eq(type, HANDOVER_OFFER);
	for (unsigned i = 0; heard(fd, &kept) == HANDOVER_LISTENER; i++) {
		cr_assert(m.port == 5300 || m.port == 5301);
		udp[m.port - 5300] = kept;
		left |= (uint64_t)(m.port == 5301) << i;
	}
	cr_assert_eq(m.type, HANDOVER_HTTP);
	http = kept;
	while (m.type != HANDOVER_END)
		heard(fd, NULL);
	said(fd, HANDOVER_WARM, 0);
	while (heard(fd, NULL) != HANDOVER_END)
		;
	m = (struct handover_msg){.left = left};
	cr_assert_eq(handover_send(fd, HANDOVER_READY, &m, NULL, 0), 0);
	cr_assert_eq(heard(fd, NULL), HANDOVER_GO);
	cr_assert_eq(name_from_text(&n, "a.x"), 0);
	int client = client_to(world_addr, 5300, SOCK_DGRAM);
	size_t len = dns_query_build(b, sizeof(b), 4711, n.b, DNS_A, DNS_RD, 0, false, false);
	unsigned here = 0, answered = 0;

	for (unsigned i = 0; i < 10; i++) {
		cr_assert_eq(send(client, b, len, 0), (ssize_t)len);
		for (unsigned had = here + answered; here + answered == had;) {
			nap();
			answered += recv(client, got, sizeof(got), MSG_DONTWAIT) > 0;
			here += recv(udp[0], got, sizeof(got), MSG_DONTWAIT) > 0;
		}
	}
	cr_expect_eq(here, 10);
	cr_expect_eq(answered, 0, "it reads what it has handed over");
	int probe = client_to(world_addr, PAGE_PORT, SOCK_STREAM);

	here = 0;
	cr_assert_eq(send(probe, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	while (here + answered == 0) {
		nap();
		answered += recv(probe, got, sizeof(got), MSG_DONTWAIT) > 0;
		int taken = accept4(http, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		here += taken >= 0;
		if (taken >= 0)
			close(taken);
	}
	cr_expect_eq(answered, 0, "nor does it accept");
	close(probe);
	close(http);
	cr_expect_eq(ask_at(world_addr, 5301, "a.x", NULL), 0, "what is left to it");
	close(fd);
	close(udp[0]);
	close(udp[1]);
	close(client);
	cr_expect_eq(asked("a.x"), 7, "all of it again");
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* It waits for who is silent: half a second where nobody reads. */
Test(handover_old, a_new_one_that_says_nothing)
{
	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t pid = daemon_start(flag);
	int fd = peer_connect();

	cr_expect_eq(heard(fd, NULL), 0, "closed: no greeting");
	close(fd);
	greeted(&fd, SOCKETS_MORE_MAX);
	int other = peer_connect();

	cr_expect_eq(heard(other, NULL), HANDOVER_REFUSE);
	cr_expect_eq(m.n, 0, "it may come again");
	cr_expect_str_eq(m.text, "it is handing over to another one");
	close(other);
	said(fd, HANDOVER_WARM, 0);
	while (heard(fd, NULL) != HANDOVER_END)
		;
	said(fd, HANDOVER_READY, 0);
	cr_expect_eq(heard(fd, NULL), HANDOVER_GO);
	uint64_t begin = clock_mono_ns();

	kill(pid, SIGTERM); /* waits for the outcome */
	cr_expect_eq(heard(fd, NULL), HANDOVER_ABORT);
	cr_expect_str_eq(m.text, "it does not answer");
	cr_expect_geq(clock_mono_ns() - begin, 400 * NS_PER_MS);
	close(fd);
	cr_expect_eq(daemon_end(pid), 0);
	cr_expect(world_says("log", "it does not answer; serving on"));
}

/* Processor time that a process has had, in clock ticks. */
static unsigned long ticks_of(pid_t pid)
{
	unsigned long user = 0, kernel = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	cr_assert(f);
	cr_assert_eq(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel), 2);
	fclose(f);
	return user + kernel;
}

/* It can take nobody: it neither spins for that nor forgets who waits. */
Test(handover_old, without_a_descriptor)
{
	struct rlimit all, none = {0};

	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t pid = daemon_start(flag);

	cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &all), 0);
	none.rlim_max = all.rlim_max;
	cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &none, NULL), 0);
	int fd = peer_connect();
	unsigned long before = ticks_of(pid);
	uint64_t end = clock_mono_ns() + NS_PER_S;

	while (clock_mono_ns() < end)
		nap();
	cr_expect_lt(ticks_of(pid) - before, (unsigned long)sysconf(_SC_CLK_TCK) / 4, "a loop that spins has a second of it");
	cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &all, NULL), 0);
	struct handover_msg h = {.magic = 0x4e44484f, .version = 1, .type = HANDOVER_HELLO, .netns = handover_netns()};

	cr_assert_eq(send(fd, &h, sizeof(h), 0), (ssize_t)sizeof(h));
	cr_expect_eq(heard(fd, NULL), HANDOVER_OFFER);
	close(fd);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* All of the steps: it goes, and takes nothing along. */
Test(handover_old, a_new_one_that_goes_through)
{
	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t pid = daemon_start(flag);
	int fd;

	led_to_go(&fd);
	said(fd, HANDOVER_READING, 0);
	world_write("Corefile", "changed {\n"); /* put off, and then nobody's business */
	said(fd, HANDOVER_DONE, 0);
	cr_expect_eq(heard(fd, NULL), HANDOVER_BYE);
	cr_expect_eq(daemon_end(pid), 0);
	cr_expect_eq(access(world_path("pid"), F_OK), 0, "the pidfile is the other's");
	cr_expect_eq(access(world_path("sock"), F_OK), 0, "and so is the socket");
	cr_expect_not(world_says("log", "reload failed"));
}

Test(handover_old, greetings_that_are_none)
{
	world_write("Corefile", CACHED);
	upstream_start(5399);
	pid_t pid = daemon_start(flag);
	int fd = peer_connect();

	said(fd, HANDOVER_WARM, 0);
	cr_expect_eq(heard(fd, NULL), HANDOVER_REFUSE);
	cr_expect_eq(m.n, 1, "for good");
	cr_expect_str_eq(m.text, "a greeting was expected");
	cr_expect_eq(heard(fd, NULL), 0);
	close(fd);
	for (int i = 0; i < 2; i++) {
		fd = peer_connect();
		m = (struct handover_msg){.netns = handover_netns(), .n = SOCKETS_MORE_MAX};
		if (i)
			m.netns.dev++;
		else
			m.netns.ino++;
		cr_assert_eq(handover_send(fd, HANDOVER_HELLO, &m, NULL, 0), 0);
		cr_expect_eq(heard(fd, NULL), HANDOVER_REFUSE);
		cr_expect_eq(m.n, 1);
		cr_expect_str_eq(m.text, "it is of another network namespace");
		close(fd);
	}
	for (int i = 0; i < 5; i++) { /* no magic, another version, too short, too long */
		static const size_t len[] = {sizeof(m), sizeof(m), 6, 2 * sizeof(m), sizeof(m) - 1};
		struct handover_msg h[2] = {{.magic = 0x4e44484f + (i == 0), .version = 1 + (i == 1), .type = HANDOVER_HELLO,
					     .netns = handover_netns(), .n = SOCKETS_MORE_MAX}};
		int type;

		fd = knock(h, len[i], &type);
		if (i == 1) {
			cr_expect_eq(type, HANDOVER_REFUSE);
			cr_expect_eq(m.n, 0, "an older one may come behind it");
			cr_expect_str_eq(m.text, "it speaks another version");
			type = heard(fd, NULL);
		}
		cr_expect_eq(type, 0, "%d", i);
		close(fd);
	}
	cr_expect_eq(asked("a.x"), 7);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Not now: while its configuration changes. Yes: also when it has been told to stop, before it begins to. */
Test(handover_old, times_that_are_good_and_bad)
{
	struct handover_msg h = {.magic = 0x4e44484f, .version = 1, .type = HANDOVER_HELLO, .netns = handover_netns(), .n = SOCKETS_MORE_MAX};
	int type;

	world_write("Corefile", "x:5300 {\n bind @\n cache 300\n forward . @:5399\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(flag), w = daemon_worker(pid);

	cr_expect_eq(asked("a.x"), 7);
	kill(w, SIGSTOP);
	world_write("Corefile", "x:5300 {\n bind @\n cache 200\n forward . @:5399\n health @:8080 {\n lameduck 60s\n }\n}\n");
	UNTIL_SAID("[INFO] Reloading\n");
	int fd = knock(&h, sizeof(h), &type);

	cr_expect_eq(type, HANDOVER_REFUSE);
	cr_expect_eq(m.n, 0);
	cr_expect_str_eq(m.text, "its configuration is changing");
	close(fd);
	kill(w, SIGCONT);
	UNTIL_SAID("Reloading complete");
	kill(pid, SIGTERM);
	UNTIL_SAID("lameduck mode for 60s");
	led_to_go(&fd);
	said(fd, HANDOVER_READING, 0);
	said(fd, HANDOVER_DONE, 0);
	cr_expect_eq(heard(fd, NULL), HANDOVER_BYE);
	cr_expect_eq(daemon_end(pid), 0, "there is nothing to wait for");
}

/* What the other one has changed before it failed is put right; a lame duck that ends meanwhile waits for the outcome. */
Test(handover_old, what_it_takes_back)
{
	world_write("Corefile", "x:5300 {\n bind @\n cache 300\n forward . @:5399\n health @:8080 {\n lameduck 2s\n }\n}\n");
	upstream_start(5399);
	pid_t pid = daemon_start(flag);
	int fd;

	for (int told = 0; told < 2; told++) {
		if (told) {
			kill(pid, SIGTERM);
			UNTIL_SAID("lameduck mode for 2s");
		}
		uint64_t end = clock_mono_ns() + 2500 * NS_PER_MS;

		greeted(&fd, SOCKETS_MORE_MAX);
		said(fd, HANDOVER_WARM, 0);
		while (heard(fd, NULL) != HANDOVER_END)
			;
		if (told) {
			while (clock_mono_ns() < end)
				nap();
			cr_expect_eq(waitpid(pid, NULL, WNOHANG), 0, "it waits for the outcome");
			close(fd);
			break;
		}
		said(fd, HANDOVER_READY, 0);
		cr_expect_eq(heard(fd, NULL), HANDOVER_GO);
		world_write("pid", "1\n");
		close(fd);
		UNTIL(daemon_serves(pid));
		cr_expect_eq(asked("a.x"), 7);
		UNTIL(http_says(HEALTH_PORT, "/ready", 200, "OK"));
	}
	cr_expect_eq(daemon_end(pid), 0);
	cr_expect_eq(access(world_path("pid"), F_OK), -1);
}
