/* SPDX-License-Identifier: Apache-2.0 */
/* The side that takes over, against a test that plays the old one and does at every step what it should not. */
#include "tests/fixtures/handover_world.h"

#include <sys/mman.h>

TestSuite(handover_new, .init = handover_setup, .fini = world_teardown, .timeout = 120);

static int listen_fd, udp_fd, tcp_fd;

static void old_begin(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", flag[1]);
	listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(listen(listen_fd, 4), 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(SERVE_PORT)};
	int on = 1;

	inet_pton(AF_INET, world_addr, &in.sin_addr);
	udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(udp_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(tcp_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(tcp_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert_eq(bind(udp_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(bind(tcp_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(listen(tcp_fd, 16), 0);
}

/* Who comes, and greets. */
static int guest(void)
{
	struct pollfd p = {.fd = listen_fd, .events = POLLIN};

	cr_assert_eq(poll(&p, 1, (int)(PATIENCE_NS / NS_PER_MS)), 1, "nobody comes\n%s", world_read("log"));
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	cr_assert_eq(heard(fd, NULL), HANDOVER_HELLO);
	cr_expect_eq(m.n, SOCKETS_MORE_MAX);
	cr_expect_eq(m.netns.ino, handover_netns().ino);
	return fd;
}

static void offer(int fd)
{
	int pair[2] = {udp_fd, tcp_fd};

	said(fd, HANDOVER_OFFER, 1);
	m = (struct handover_msg){.n = 1, .port = SERVE_PORT};
	m.addr.s6_addr[10] = m.addr.s6_addr[11] = 0xff;
	inet_pton(AF_INET, world_addr, m.addr.s6_addr + 12);
	cr_assert_eq(handover_send(fd, HANDOVER_LISTENER, &m, pair, 2), 0);
	said(fd, HANDOVER_END, 0);
}

/* Up to the step before DONE: this process reads nothing. */
static void led_to_done(int fd)
{
	offer(fd);
	cr_assert_eq(heard(fd, NULL), HANDOVER_WARM);
	said(fd, HANDOVER_END, 0);
	cr_assert_eq(heard(fd, NULL), HANDOVER_READY);
	cr_expect_eq(m.left, 0, "it will read all");
	m = (struct handover_msg){.t_ns = clock_mono_ns(), .path_id = handover_path_id(flag[1])};
	cr_assert_eq(handover_send(fd, HANDOVER_GO, &m, &listen_fd, 1), 0);
	cr_assert_eq(heard(fd, NULL), HANDOVER_READING);
	cr_assert_eq(heard(fd, NULL), HANDOVER_DONE);
}

Test(handover_new, an_old_one_that_goes_through)
{
	struct stat before, now;

	old_begin();
	world_write("Corefile", CONF);
	pid_t pid = daemon_launch("log", flag);
	int fd = guest();

	led_to_done(fd);
	UNTIL(daemon_serves(pid));
	world_write("Corefile", ".:5300 {\n bind @\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.2\"\n }\n}\n");
	kill(pid, SIGUSR1);
	UNTIL_SAID("SIGUSR1: Reloading");
	cr_expect_eq(asked("a.test"), 1, "not before it is settled");
	said(fd, HANDOVER_BYE, 0);
	UNTIL(asked("a.test") == 2);
	cr_expect_eq(stat(flag[1], &before), 0);
	close(fd);
	close(listen_fd);
	fd = peer_connect(); /* the socket that came along is listened at */
	cr_expect_eq(stat(flag[1], &now), 0);
	cr_expect_eq(now.st_ino, before.st_ino);
	close(fd);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	cr_expect_eq(access(world_path("pid"), F_OK), -1);
}

/* Gone at each step: what it had is the new one's. */
Test(handover_new, an_old_one_that_dies_at_each_step)
{
	world_write("Corefile", CONF);
	for (int step = 0; step < 4; step++) {
		old_begin();
		pid_t pid = daemon_launch("log", flag);
		int fd = guest();

		if (step == 3) {
			led_to_done(fd);
		} else {
			offer(fd);
			if (step >= 1)
				cr_assert_eq(heard(fd, NULL), HANDOVER_WARM);
			if (step == 2) {
				said(fd, HANDOVER_END, 0);
				cr_assert_eq(heard(fd, NULL), HANDOVER_READY);
			}
		}
		close(fd);
		close(listen_fd);
		close(udp_fd);
		close(tcp_fd);
		UNTIL(daemon_serves(pid));
		UNTIL_SAID("the other instance is gone: serving without it");
		cr_expect_eq(asked("a.test"), 1);
		UNTIL(access(flag[1], F_OK) == 0);
		cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
		unlink(flag[1]);
	}
}

/* It says that it serves on, or what makes no sense: the new one ends without a trace. */
Test(handover_new, an_old_one_that_serves_on)
{
	static const char *const words[] = {"it is so", "it speaks out of turn", "it speaks out of turn"};

	world_write("Corefile", CONF);
	old_begin();
	for (int i = 0; i < 3; i++) {
		pid_t pid = daemon_launch("log", flag);
		int fd = guest();

		offer(fd);
		cr_assert_eq(heard(fd, NULL), HANDOVER_WARM);
		m = (struct handover_msg){.text = "it is so"};
		cr_assert_eq(handover_send(fd, i == 0 ? HANDOVER_ABORT : i == 1 ? HANDOVER_BYE : HANDOVER_GO, &m, &udp_fd, i == 2), 0);
		cr_expect_eq(daemon_end(pid), 1);
		cr_expect(world_says("log", words[i]), "%d: %s", i, world_read("log"));
		cr_expect_eq(access(world_path("pid"), F_OK), -1);
		cr_expect_eq(access(flag[1], F_OK), 0);
		close(fd);
	}
}

/* Told to stop before it reads anything: it never began. */
Test(handover_new, told_to_stop_before_it_reads)
{
	world_write("Corefile", CONF);
	old_begin();
	for (int step = 0; step < 2; step++) {
		pid_t pid = daemon_launch("log", flag);
		int fd = guest();

		offer(fd);
		cr_assert_eq(heard(fd, NULL), HANDOVER_WARM);
		if (step) {
			said(fd, HANDOVER_END, 0);
			cr_assert_eq(heard(fd, NULL), HANDOVER_READY);
		}
		cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
		cr_expect_eq(heard(fd, NULL), 0);
		cr_expect_eq(access(world_path("pid"), F_OK), -1);
		cr_expect_eq(access(flag[1], F_OK), 0, "the other one's");
		close(fd);
	}
}

/* Queues are extended, caches are imported: what it says of them. Files that could be cut short are not read. */
Test(handover_new, caches_that_it_takes)
{
	world_write("Corefile", CONF);
	old_begin();
	pid_t pid = daemon_launch("log", flag);
	int fd = guest(), cache = memfd_create("cache", MFD_CLOEXEC | MFD_ALLOW_SEALING), sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK);
	offer(fd);
	cr_assert_eq(heard(fd, NULL), HANDOVER_WARM);
	m = (struct handover_msg){0};
	cr_assert_eq(handover_send(fd, HANDOVER_CACHE, &m, &cache, 1), 0);
	m = (struct handover_msg){0};
	cr_assert_eq(handover_send(fd, HANDOVER_CACHE, &m, &sealed, 1), 0);
	said(fd, HANDOVER_END, 0);
	cr_assert_eq(heard(fd, NULL), HANDOVER_READY);
	cr_expect_eq(caches_open(pid), 0);
	m = (struct handover_msg){.t_ns = clock_mono_ns(), .path_id = handover_path_id(flag[1])};
	cr_assert_eq(handover_send(fd, HANDOVER_GO, &m, &listen_fd, 1), 0);
	cr_assert_eq(heard(fd, NULL), HANDOVER_READING);
	cr_assert_eq(heard(fd, NULL), HANDOVER_DONE);
	said(fd, HANDOVER_BYE, 0);
	UNTIL(daemon_serves(pid));
	cr_expect(world_says("log", ": 0 entries, nobody read for "));
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	close(fd);
}

/* "Not now" is asked again, until a signal comes; "never" is served beside. */
Test(handover_new, an_old_one_that_refuses)
{
	world_write("Corefile", CONF);
	old_begin();
	pid_t pid = daemon_launch("log", flag);
	int fd = guest();

	m = (struct handover_msg){.text = "it has no time"};
	handover_send(fd, HANDOVER_REFUSE, &m, NULL, 0);
	close(fd);
	fd = guest();
	UNTIL_SAID("does not hand over yet: it has no time");
	close(fd);
	fd = guest();
	int gift = memfd_create("cache", MFD_CLOEXEC);

	m = (struct handover_msg){.text = "never", .n = 1};
	handover_send(fd, HANDOVER_REFUSE, &m, &gift, 1);
	close(fd);
	close(gift);
	close(udp_fd);
	close(tcp_fd);
	UNTIL(daemon_serves(pid));
	cr_expect(world_says("log", "no hand-over: never"));
	cr_expect_eq(caches_open(pid), 0, "what comes with a refusal is nobody's");
	cr_expect_eq(asked("a.test"), 1);
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
	cr_expect_eq(access(flag[1], F_OK), 0, "the socket is not its own");
	unlink(world_path("pid"));
	pid = daemon_launch("log", flag);
	fd = guest();
	kill(pid, SIGTERM);
	cr_expect_eq(daemon_end(pid), 0, "told to stop while it waits");
	cr_expect_eq(access(world_path("pid"), F_OK), -1);
}

/* Offers that are not what they should be are asked for again. */
Test(handover_new, offers_that_make_no_sense)
{
	world_write("Corefile", CONF);
	old_begin();
	pid_t pid = daemon_launch("log", flag);

	for (int i = 0; i < 7; i++) {
		int fd = guest(), three[3] = {udp_fd, tcp_fd, udp_fd};

		if (i > 1)
			said(fd, HANDOVER_OFFER, i == 2 ? SHM_WORKERS_MAX + 1 : i == 6 ? 2 : 1);
		m = (struct handover_msg){.n = 1, .port = SERVE_PORT, .n_more = i == 5};
		if (i == 0)
			said(fd, HANDOVER_END, 0);
		else if (i == 1)
			said(fd, HANDOVER_OFFER, 0);
		else if (i == 3)
			said(fd, HANDOVER_END, 0); /* no listener */
		else if (i > 3)
			cr_assert_eq(handover_send(fd, HANDOVER_LISTENER, &m, three, i == 4 ? 3 : 2), 0);
		cr_expect_eq(heard(fd, NULL), 0, "%d", i);
		close(fd);
	}
	close(listen_fd);
	close(udp_fd);
	close(tcp_fd);
	UNTIL(daemon_serves(pid));
	cr_expect(world_says("log", "does not hand over yet: it does not answer"));
	cr_expect_eq(daemon_signal_end(pid, SIGTERM), 0);
}

/* Left over of one that was killed: in its place. */
Test(handover_new, a_socket_that_nobody_listens_at)
{
	world_write("Corefile", CONF);
	old_begin();
	close(listen_fd);
	close(udp_fd);
	close(tcp_fd);
	pid_t pid = daemon_start(flag);

	UNTIL(client_to(world_addr, HEALTH_PORT, SOCK_STREAM) >= 0);
	said(peer_connect(), HANDOVER_HELLO, SOCKETS_MORE_MAX);
	UNTIL_SAID("handing over to pid ");
	/* Somebody else's by now: it stays. */
	unlink(flag[1]);
	world_write("sock", "");
	cr_expect_eq(daemon_signal_end(pid, SIGKILL), -SIGKILL);
}
