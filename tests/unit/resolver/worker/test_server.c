/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's data plane on real sockets: served, reconfigured, held, drained, ended. */
#include "tests/fixtures/server_world.h"

#include <sys/resource.h>

TestSuite(server, .init = world_setup, .fini = world_teardown, .timeout = 30);

Test(server, both_transports_are_served_and_all_is_closed)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	cr_expect_eq(asked(port, false), 1);
	cr_expect_eq(asked(port, true), 1);
	cr_expect_eq(shm->driver.udp_received, 1);
	cr_expect_eq(shm->driver.udp_sent, 1);
	while (!server_idle(server))
		step();
	int fd = client_open(port, SOCK_STREAM);

	ask(fd, true);
	cr_expect_eq(answer(fd, true), 1);
	cr_expect_not(server_idle(server), "a connection is open");
	close(fd);
	server_free(server);
	server = NULL;
	loop_release(&loop);
	cr_expect_eq(lowest_fd(), first_free, "nothing stays open");
	cr_expect_eq(loop_init(&loop, &d), 0);
}

/* Lines of a round are written before the loop sleeps. */
Test(server, what_is_logged_leaves_with_its_round)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	char path[] = "/tmp/server-log-XXXXXX", line[200] = "";
	int fd = mkstemp(path), out = dup(STDOUT_FILENO);

	unlink(path);
	cr_assert_geq(dup2(fd, STDOUT_FILENO), 0);
	configure(plan_at(&port, 1, "192.0.2.1", " log\n"), &sk);
	int client = client_open(port, SOCK_DGRAM);

	ask(client, false);
	while (!shm->driver.udp_sent)
		step();
	step();
	cr_expect_gt(pread(fd, line, sizeof(line) - 1, 0), 0);
	dup2(out, STDOUT_FILENO);
	cr_expect(strstr(line, "A IN ab. udp"), "%s", line);
	cr_expect_eq(answer(client, false), 1);
	close(out);
	close(fd);
	close(client);
}

/* The same address: its sockets stay, those brought along are closed. */
Test(server, a_listener_that_stays)
{
	struct server_sockets sk = {0}, twin;
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int fd, before;

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	fd = client_open(port, SOCK_STREAM);
	ask(fd, true);
	cr_expect_eq(answer(fd, true), 1);
	before = lowest_fd();
	twin = sk;
	twin.udp[0] = dup(sk.udp[0]);
	twin.tcp[0] = dup(sk.tcp[0]);
	twin.n_more[0] = 1;
	twin.more[0][0] = dup(sk.udp[0]);
	configure(plan_at(&port, 1, "192.0.2.2", ""), &twin);
	cr_expect_eq(lowest_fd(), before);
	ask(fd, true);
	cr_expect_eq(answer(fd, true), 2, "the connection lives on, with the new answers");
	cr_expect_eq(asked(port, false), 2);
	close(fd);
}

/* One goes, one comes; who was connected to the one that goes is not served any more. */
Test(server, a_listener_that_goes)
{
	struct server_sockets sk = {0}, next = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1])}, other;
	/* as a successor that took it over has it: closing is not the end of it */
	int fd, kept = dup(sk.udp[0]);
	uint64_t before;

	configure(plan_at(port, 2, "192.0.2.1", ""), &sk);
	cr_expect_eq(asked(port[0], false), 1);
	cr_expect_eq(asked(port[1], false), 1);
	cr_expect_eq(asked(port[1], true), 1);
	fd = client_open(port[0], SOCK_STREAM);
	ask(fd, true);
	cr_expect_eq(answer(fd, true), 1);
	other = pair_open(&next.udp[1], &next.tcp[1]);
	next.udp[0] = dup(sk.udp[1]);
	next.tcp[0] = dup(sk.tcp[1]);
	uint16_t now[2] = {port[1], other};

	configure(plan_at(now, 2, "192.0.2.3", ""), &next);
	cr_expect_eq(asked(port[1], false), 3);
	cr_expect_eq(asked(port[1], true), 3);
	cr_expect_eq(asked(other, false), 3);
	cr_expect_eq(asked(other, true), 3);
	before = shm->driver.udp_received;
	int client = client_open(port[0], SOCK_DGRAM);

	ask(client, false);
	for (int i = 0; i < 5; i++)
		step();
	cr_expect_eq(shm->driver.udp_received, before);
	close(kept);
	close(client);
	cr_expect_eq(asked(port[0], false), -1, "nobody there");
	cr_expect_eq(asked(port[0], true), -1);
	uint64_t start = loop.now_ns;

	cr_expect_eq(answer(fd, true), -1, "its connections have ended");
	cr_expect_lt(loop.now_ns, start + 5 * NS_PER_S, "for that, and not for idling");
	close(fd);
}

/* Each listener has its own zones, over both, also when its place among them changes. */
Test(server, zones_are_the_listeners_own)
{
	static const char text[] = ".:%u {\n bind 127.0.0.1\n template IN A {\n answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n }\n}\n"
				   ".:%u {\n bind 127.0.0.1\n template IN A {\n answer \"{{ .Name }} 60 IN A 192.0.2.2\"\n }\n}\n";
	struct server_sockets sk = {0}, twin = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1])};
	char conf[500];

	snprintf(conf, sizeof(conf), text, port[0], port[1]);
	configure(plan_of(conf), &sk);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(asked(port[i], false), 1 + i);
		cr_expect_eq(asked(port[i], true), 1 + i);
	}
	for (int i = 0; i < 2; i++) {
		twin.udp[i] = dup(sk.udp[1 - i]);
		twin.tcp[i] = dup(sk.tcp[1 - i]);
	}
	snprintf(conf, sizeof(conf), text, port[1], port[0]);
	configure(plan_of(conf), &twin);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(asked(port[i], false), 2 - i);
		cr_expect_eq(asked(port[i], true), 2 - i);
	}
}

/* What cannot be taken changes nothing: plan and sockets are the caller's again. */
Test(server, a_configuration_that_fails)
{
	struct server_sockets sk = {0}, next = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), 0};
	struct corefile_plan *p;
	int before;

	configure(plan_at(port, 1, "192.0.2.1", ""), &sk);
	port[1] = pair_open(&next.udp[1], &next.tcp[1]);
	next.udp[0] = dup(sk.udp[0]);
	next.tcp[0] = dup(sk.tcp[0]);
	before = lowest_fd();
	p = plan_at(port, 2, "192.0.2.2", "");
	close(next.tcp[1]); /* not to be watched */
	int closed = next.tcp[1];

	cr_expect_neq(server_configure(server, &p, &next, &d), 0);
	cr_assert_not_null(p);
	corefile_plan_free(p);
	cr_expect_eq(fcntl(next.udp[1], F_GETFD) >= 0, 1, "still the caller's");
	cr_expect_eq(lowest_fd(), closed < before ? closed : before);
	cr_expect_eq(asked(port[0], false), 1);
	cr_expect_eq(asked(port[0], true), 1);
	close(next.udp[1]);
	close(next.udp[0]);
	close(next.tcp[0]);
	cr_expect_eq(asked(port[0], false), 1);
}

/* What arrives while it is held waits, over both, also at a listener that comes meanwhile. */
Test(server, held_until_it_serves)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int udp, tcp;

	server_hold(server, NULL, 0);
	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	udp = client_open(port, SOCK_DGRAM);
	tcp = client_open(port, SOCK_STREAM);
	ask(udp, false);
	ask(tcp, true);
	for (int i = 0; i < 5; i++)
		step();
	cr_expect_eq(shm->driver.udp_received, 0);
	cr_expect(server_idle(server));
	cr_expect_eq(server_serve(server, &d), 0);
	cr_expect_eq(answer(udp, false), 1);
	cr_expect_eq(answer(tcp, true), 1);
	cr_expect_eq(server_serve(server, &d), 0, "once is enough");
	server_hold(server, NULL, 0);
	ask(udp, false);
	int other = client_open(port, SOCK_STREAM);

	ask(other, true);
	for (int i = 0; i < 5; i++)
		step();
	cr_expect_eq(shm->driver.udp_received, 1, "held again, while it is there");
	cr_expect_eq(shm->driver.tcp_accepted, 1);
	cr_expect_eq(server_serve(server, &d), 0);
	cr_expect_eq(answer(udp, false), 1);
	cr_expect_eq(answer(other, true), 1);
	close(other);
	server_drain(server);
	while (!server_idle(server))
		step();
	cr_expect_eq(answer(tcp, true), -1, "idle connections end");
	ask(udp, false);
	for (int i = 0; i < 5; i++)
		step();
	cr_expect_eq(shm->driver.udp_received, 2);
	close(udp);
	close(tcp);
}

/* Clients of whom each has asked. */
static struct { int udp[100], tcp[30]; } crowd;

static void crowd_ask(uint16_t port)
{
	for (int i = 0; i < 100; i++) {
		crowd.udp[i] = client_open(port, SOCK_DGRAM);
		ask(crowd.udp[i], false);
	}
	for (int i = 0; i < 30; i++) {
		crowd.tcp[i] = client_open(port, SOCK_STREAM);
		ask(crowd.tcp[i], true);
	}
}

static void crowd_answered(void)
{
	for (int i = 0; i < 30; i++) {
		cr_expect_eq(answer(crowd.tcp[i], true), 1, "over TCP, %d", i);
		close(crowd.tcp[i]);
	}
	for (int i = 0; i < 100; i++) {
		cr_expect_eq(answer(crowd.udp[i], false), 1, "over UDP, %d", i);
		close(crowd.udp[i]);
	}
}

/* Who had no processor for long has much before it at the end, and all of it came in time. */
Test(server, what_waits_when_it_ends)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	crowd_ask(port);
	server_drain(server);
	crowd_answered();
	while (!server_idle(server))
		step();
}

/* So it is when a reload takes the listener away: what came before that is answered as it was until then. */
Test(server, what_waits_at_a_listener_that_goes)
{
	struct server_sockets sk = {0}, next = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1])};

	cr_assert_eq(listen(sk.tcp[0], 30), 0);
	configure(plan_at(port, 2, "192.0.2.1", ""), &sk);
	crowd_ask(port[0]);
	next.udp[0] = dup(sk.udp[1]);
	next.tcp[0] = dup(sk.tcp[1]);
	configure(plan_at(port + 1, 1, "192.0.2.2", ""), &next);
	crowd_answered();
	cr_expect_eq(asked(port[1], false), 2);
	cr_expect_eq(asked(port[0], false), -1, "nobody there");
}

/* Who has asked and is idle ends, whoever has not yet may. */
Test(server, draining_ends_who_is_idle)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int idle = client_open(port, SOCK_STREAM), late = client_open(port, SOCK_STREAM);
	char c;

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	ask(idle, true);
	cr_expect_eq(answer(idle, true), 1);
	for (int i = 0; i < 4; i++)
		step();
	cr_expect(recv(idle, &c, 1, 0) < 0 && errno == EAGAIN, "not yet");
	server_drain(server);
	for (int i = 0; i < 4; i++)
		step();
	cr_expect_eq(recv(idle, &c, 1, 0), 0);
	cr_expect(recv(late, &c, 1, 0) < 0 && errno == EAGAIN);
	ask(late, true);
	cr_expect_eq(answer(late, true), 1);
	close(idle);
	close(late);
}

/* More connections of one client than it may have open: each is heard before the next ones come in. */
Test(server, many_of_one_client_wait_when_it_ends)
{
	enum { CONNS = 400 }; /* of 256 */
	struct server_sockets sk = {0};
	struct rlimit r;
	uint16_t port;
	static int tcp[CONNS];

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
	if (setrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur < 4096)
		cr_skip("4096 descriptors may not be had");
	world_teardown(); /* what it may have is decided when it is made */
	world_setup();
	port = pair_open(&sk.udp[0], &sk.tcp[0]);
	cr_assert_eq(listen(sk.tcp[0], CONNS), 0);
	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	for (int i = 0; i < CONNS; i++) {
		tcp[i] = client_open(port, SOCK_STREAM);
		ask(tcp[i], true);
	}
	server_part(server);
	server_drain(server);
	for (int i = 0; i < CONNS; i++) {
		cr_expect_eq(answer(tcp[i], true), 1, "%d", i);
		close(tcp[i]);
	}
}

/* What others read, whose turn it is, stays there. */
Test(server, what_waits_when_others_read_on)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int udp = client_open(port, SOCK_DGRAM), tcp = client_open(port, SOCK_STREAM);

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	server_hold(server, NULL, 0);
	ask(udp, false);
	ask(tcp, true);
	server_drain(server);
	step();
	cr_expect_eq(shm->driver.udp_received, 0);
	cr_expect_eq(shm->driver.tcp_accepted, 0);
	close(udp);
	close(tcp);
}

/* The last block's word at a listener holds for its connections. */
Test(server, queries_of_a_connection_are_counted)
{
	struct server_sockets sk = {0};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int fd;

	configure(plan_at(&port, 1, "192.0.2.1", " timeouts {\n maxtcpqueries 2\n }"), &sk);
	fd = client_open(port, SOCK_STREAM);
	uint64_t start = loop.now_ns;

	for (int i = 0; i < 2; i++) {
		ask(fd, true);
		cr_expect_eq(answer(fd, true), 1);
	}
	cr_expect_eq(answer(fd, true), -1);
	cr_expect_lt(loop.now_ns, start + 8 * NS_PER_S, "for that, and not for idling");
	close(fd);
}

/* Each listener's connections have its own blocks' times. */
Test(server, what_one_listener_counts_another_does_not)
{
	struct server_sockets sk = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1])};
	char text[600];
	int fd;

	snprintf(text, sizeof(text),
		 ".:%u {\n bind 127.0.0.1\n whoami\n timeouts {\n maxtcpqueries 1\n }\n}\n.:%u {\n bind 127.0.0.1\n whoami\n}\n",
		 port[0], port[1]);
	configure(plan_of(text), &sk);
	for (int i = 0; i < 2; i++) {
		fd = client_open(port[i], SOCK_STREAM);
		for (int k = 0; k < 3; k++) {
			ask(fd, true);
			cr_expect(answer(fd, true) >= 0 || (i == 0 && k), "%d %d", i, k);
			if (i == 0 && k == 0)
				cr_expect_eq(answer(fd, true), -1);
		}
		close(fd);
	}
}

/* Three sockets of one address over UDP. */
static uint16_t queues_open(struct server_sockets *sk)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int *const udp[] = {&sk->udp[0], &sk->more[0][0], &sk->more[0][1]}, one = 1;
	socklen_t len = sizeof(sa);

	for (int i = 0; i < 3; i++) {
		*udp[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		cr_assert_eq(setsockopt(*udp[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
		cr_assert_eq(bind(*udp[i], (struct sockaddr *)&sa, sizeof(sa)), 0);
		cr_assert_eq(getsockname(*udp[i], (struct sockaddr *)&sa, &len), 0);
	}
	return ntohs(sa.sin_port);
}

/* A client's port decides which queue it is in: all of them are read, and closed at the end. */
Test(server, each_queue_is_read)
{
	struct server_sockets sk = {.tcp = {-1}, .n_more = {2}};
	uint16_t port = queues_open(&sk);

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	for (int i = 0; i < 48; i++)
		cr_assert_eq(asked(port, false), 1);
	cr_expect_eq(shm->driver.udp_received, 48);
	server_free(server);
	server = NULL;
	loop_release(&loop);
	cr_expect_eq(lowest_fd(), first_free, "nothing stays open");
	cr_expect_eq(loop_init(&loop, &d), 0);
}

Test(server, leaving_closes_each_queue)
{
	struct server_sockets sk = {.tcp = {-1}, .n_more = {2}};
	uint16_t port = queues_open(&sk);

	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	cr_expect(server_leave(server, true, false));
	cr_expect_lt(fcntl(sk.udp[0], F_GETFD), 0);
	for (int i = 0; i < 2; i++)
		cr_expect_lt(fcntl(sk.more[0][i], F_GETFD), 0);
	cr_expect_eq(server_serve(server, &d), 0, "there is nothing to serve by");
	cr_expect(server_leave(server, true, false), "nor to leave");
	server_free(server);
	server = NULL;
	loop_release(&loop);
	cr_expect_eq(lowest_fd(), first_free);
	cr_expect_eq(loop_init(&loop, &d), 0);
}
