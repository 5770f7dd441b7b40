/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of one worker: which are read while it is held, what leaving closes, whose times hold; from within. */
#include "tests/fixtures/server_world.h"

#include "resolver/net/listen_tcp_int.h"
#include "resolver/worker/server_int.h"

TestSuite(server_listen, .init = world_setup, .fini = world_teardown, .timeout = 30);

static struct ctl_listener named(uint16_t port)
{
	struct ctl_listener l = {.port = port};

	l.addr.s6_addr[10] = l.addr.s6_addr[11] = 0xff;
	l.addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	return l;
}

/* Asks, and tells whether there is an answer within some rounds. */
static bool is_answered(uint16_t port, bool tcp)
{
	int fd = client_open(port, tcp ? SOCK_STREAM : SOCK_DGRAM);
	uint8_t b[512];
	ssize_t n = -1;

	if (fd < 0)
		return false;
	send(fd, query + (tcp ? 0 : 2), sizeof(query) - (tcp ? 0 : 2), MSG_NOSIGNAL);
	for (int i = 0; i < 8 && n <= 0; i++) {
		step();
		n = recv(fd, b, sizeof(b), 0);
		if (n < 0 && errno == ENOTCONN)
			send(fd, query, sizeof(query), MSG_NOSIGNAL);
	}
	close(fd);
	return n > 0;
}

static void two_open(uint16_t port[2], struct server_sockets *sk)
{
	for (int i = 0; i < 2; i++)
		port[i] = pair_open(&sk->udp[i], &sk->tcp[i]);
	configure(plan_at(port, 2, "192.0.2.1", ""), sk);
}

/* Held but for one, which is told by its address and its port. */
Test(server_listen, one_is_read_while_the_rest_is_held)
{
	struct server_sockets sk = {0};
	struct ctl_listener but[2];
	uint16_t port[2];

	step(); /* with nothing to serve by yet */
	two_open(port, &sk);
	but[0] = named(port[0]);
	but[0].addr.s6_addr[15] = 2; /* another address's */
	but[1] = named(port[1]);
	server_hold(server, but, 2);
	for (int tcp = 0; tcp < 2; tcp++) {
		cr_expect_not(is_answered(port[0], tcp));
		cr_expect(is_answered(port[1], tcp));
	}
	cr_expect_not(server_leave(server, false, false), "one is still read");
	cr_expect_lt(fcntl(sk.udp[0], F_GETFD), 0);
	cr_expect_lt(fcntl(sk.tcp[0], F_GETFD), 0);
	cr_expect(is_answered(port[1], false) && is_answered(port[1], true));
	cr_expect_eq(server_serve(server, &d), 0);
	cr_expect_eq(server->n_read_on, 0);
	cr_expect(is_answered(port[1], false) && is_answered(port[1], true), "as ever");
	server_hold(server, &but[1], 1);
	cr_expect(server_leave(server, true, false));
	cr_expect_lt(fcntl(sk.udp[1], F_GETFD), 0);
	cr_expect_lt(fcntl(sk.tcp[1], F_GETFD), 0);
}

/* Whichever place it has: those behind it are held, left and read again. */
Test(server_listen, the_first_is_read_while_the_rest_is_held)
{
	struct server_sockets sk = {0};
	struct ctl_listener but;
	uint16_t port[2];

	two_open(port, &sk);
	but = named(port[0]);
	server_hold(server, &but, 1);
	for (int tcp = 0; tcp < 2; tcp++) {
		cr_expect(is_answered(port[0], tcp));
		cr_expect_not(is_answered(port[1], tcp));
	}
	cr_expect_eq(server_serve(server, &d), 0);
	cr_expect(is_answered(port[1], false) && is_answered(port[1], true));
	server_hold(server, &but, 1);
	cr_expect_not(server_leave(server, false, false));
	cr_expect_lt(fcntl(sk.udp[1], F_GETFD), 0);
	cr_expect_lt(fcntl(sk.tcp[1], F_GETFD), 0);
	cr_expect(is_answered(port[0], false) && is_answered(port[0], true));
}

Test(server_listen, at_once_leaves_all)
{
	struct server_sockets sk = {0};
	struct ctl_listener but;
	uint16_t port[2];

	two_open(port, &sk);
	but = named(port[1]);
	server_hold(server, &but, 1);
	cr_expect(server_leave(server, false, true));
	for (int i = 0; i < 2; i++)
		cr_expect(fcntl(sk.udp[i], F_GETFD) < 0 && fcntl(sk.tcp[i], F_GETFD) < 0);
}

/* By address and port, whatever their places. */
Test(server_listen, connections_part_where_it_goes)
{
	struct server_sockets sk = {0};
	struct ctl_listener at[2];
	uint16_t port[2];

	two_open(port, &sk);
	int idle = client_open(port[1], SOCK_STREAM);

	ask(idle, true);
	cr_expect_eq(answer(idle, true), 1);
	at[0] = named(port[0]);
	at[0].addr.s6_addr[15] = 2; /* another address's */
	at[1] = named(port[1]);
	server_part_at(server, at, 2);
	cr_expect_not(server->tcp->parting || server->tcp->parting_at[0]);
	cr_expect(server->tcp->parting_at[1]);
	server_part_at(server, NULL, 0);
	cr_expect_not(server->tcp->parting_at[0]);
	step();
	cr_expect_eq(tcp_server_open(server->tcp), 1);
	server_part_idle(server);
	step();
	cr_expect_eq(answer(idle, true), -1);
	cr_expect_eq(tcp_server_open(server->tcp), 0);
	close(idle);
	at[0] = named(port[0]);
	server_part_at(server, at, 1);
	cr_expect(server->tcp->parting_at[0]);
	server_part(server);
	cr_expect(server->tcp->parting);
}

/* Nobody else reads it, so what waits there is taken before it closes. */
Test(server_listen, what_waits_where_nobody_else_reads)
{
	struct server_sockets sk = {0};
	struct ctl_listener but;
	uint16_t port[2];
	int udp, tcp;

	two_open(port, &sk);
	but = named(port[1]);
	server_hold(server, &but, 1);
	udp = client_open(port[1], SOCK_DGRAM);
	tcp = client_open(port[1], SOCK_STREAM);
	ask(udp, false);
	ask(tcp, true);
	cr_expect(server_leave(server, true, false));
	cr_expect_eq(answer(udp, false), 1);
	cr_expect_eq(answer(tcp, true), 1);
	close(udp);
	close(tcp);
}

/* What leaving has closed is not closed again: by then the numbers are others'. */
Test(server_listen, what_was_left_is_forgotten)
{
	struct server_sockets sk = {.n_more = {2}};
	uint16_t port = pair_open(&sk.udp[0], &sk.tcp[0]);
	int fd[8];

	for (int i = 0; i < 2; i++)
		sk.more[0][i] = dup(sk.udp[0]);
	configure(plan_at(&port, 1, "192.0.2.1", ""), &sk);
	uint32_t generation = server->listener[0].generation;

	cr_expect(server_leave(server, true, false));
	cr_expect_not(server->listener[0].udp_on || server->listener[0].tcp_on);
	cr_expect_eq(server->listener[0].generation, generation + 1);
	for (int i = 0; i < 8; i++)
		fd[i] = dup(1);
	server_free(server);
	server = NULL;
	for (int i = 0; i < 8; i++)
		cr_expect_eq(close(fd[i]), 0, "%d", i);
	server_free(NULL);
	cr_assert_eq(server_new(&server, &loop, shm, &probes, &d), 0);
}

/* Places are taken in order and given back; what is beyond them is nobody's. */
Test(server_listen, places)
{
	struct server_sockets sk = {0}, next = {0};
	uint16_t port[2];

	two_open(port, &sk);
	cr_expect_eq(server->n_slots, 2);
	cr_expect(server->listener[0].used && server->listener[1].used && !server->listener[2].used);
	cr_expect_eq(server->listener[1].udp.cookie & UINT32_MAX, 1);
	cr_expect_eq(server->listener[1].udp.index, 1);
	next.udp[0] = dup(sk.udp[1]);
	next.tcp[0] = dup(sk.tcp[1]);
	configure(plan_at(port + 1, 1, "192.0.2.1", ""), &next);
	cr_expect_eq(server->n_slots, 2);
	cr_expect(!server->listener[0].used && server->listener[1].used);
	cr_expect_eq(server->listener[0].n_more, 0);
	cr_expect_eq(server->listener[1].udp.index, 0);
	cr_expect_eq(server->tcp->place[1], 0);
	cr_expect_eq(asked(port[1], false), 1);
}

/* What is no longer served is others': who holds the socket besides gets what comes, whatever has the old
 * number by then. */
Test(server_listen, what_is_gone_is_read_no_more)
{
	struct server_sockets sk = {0}, next = {0};
	uint16_t port[2];
	uint8_t b[64];

	two_open(port, &sk);
	int keep[] = {dup(sk.udp[0]), dup(sk.tcp[0])};

	next.udp[0] = dup(sk.udp[1]);
	next.tcp[0] = dup(sk.tcp[1]);
	configure(plan_at(port + 1, 1, "192.0.2.1", ""), &next);
	cr_assert_eq(dup2(keep[0], sk.udp[0]), sk.udp[0]);
	cr_assert_eq(dup2(keep[1], sk.tcp[0]), sk.tcp[0]);
	int udp = client_open(port[0], SOCK_DGRAM), tcp = client_open(port[0], SOCK_STREAM);

	ask(udp, false);
	for (int i = 0; i < 4; i++)
		step();
	cr_expect_eq(recv(keep[0], b, sizeof(b), 0), sizeof(query) - 2);
	cr_expect_geq(accept(keep[1], NULL, NULL), 0);
	cr_expect_eq(asked(port[1], false), 1);
	close(udp);
	close(tcp);
}

/* Each of its times is that of the last block at a listener that has one; without a word they are the usual ones. */
Test(server_listen, whose_times_hold)
{
	static const char text[] = "a.:%u {\n bind 127.0.0.1\n whoami\n timeouts {\n read 1s\n write 2s\n idle 3s\n maxtcpqueries 7\n }\n}\n"
				   "b.:%u {\n bind 127.0.0.1\n whoami\n timeouts {\n idle 4s\n }\n}\n"
				   ".:%u {\n bind 127.0.0.1\n whoami\n}\n";
	struct server_sockets sk = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), pair_open(&sk.udp[1], &sk.tcp[1])};
	const struct tcp_timers *t;
	char conf[600];

	snprintf(conf, sizeof(conf), text, port[0], port[0], port[1]);
	configure(plan_of(conf), &sk);
	t = &server->tcp->timers[0];
	cr_expect_eq(t->read_ns, NS_PER_S);
	cr_expect_eq(t->write_ns, 2 * NS_PER_S);
	cr_expect_eq(t->idle_ns, 4 * NS_PER_S);
	cr_expect_eq(t->queries_max, 7);
	t = &server->tcp->timers[1];
	cr_expect_eq(t->read_ns, 3 * NS_PER_S);
	cr_expect_eq(t->write_ns, 5 * NS_PER_S);
	cr_expect_eq(t->idle_ns, 10 * NS_PER_S);
	cr_expect_eq(t->queries_max, 0);
}

/* Whichever of its sockets is no good: nothing has changed, and the caller has what it brought. */
Test(server_listen, a_socket_that_is_no_good)
{
	struct server_sockets sk = {0};
	uint16_t port[2] = {pair_open(&sk.udp[0], &sk.tcp[0]), 0};

	configure(plan_at(port, 1, "192.0.2.1", ""), &sk);
	for (int i = 0; i < 4; i++) {
		int at = i < 2; /* behind the one that is there, or in its place */
		struct server_sockets next = {0};

		port[1] = pair_open(&next.udp[at], &next.tcp[at]);
		next.n_more[at] = 1;
		next.more[at][0] = dup(next.udp[at]);
		if (at) {
			next.udp[0] = dup(sk.udp[0]);
			next.tcp[0] = dup(sk.tcp[0]);
		}
		struct corefile_plan *p = plan_at(port + !at, 1 + (size_t)at, "192.0.2.2", "");
		int bad = i & 1 ? next.tcp[at] : next.udp[at], good = i & 1 ? next.udp[at] : next.tcp[at];

		close(bad);
		d.text[0] = 0;
		cr_expect_lt(server_configure(server, &p, &next, &d), 0, "%d", i);
		cr_expect(d.text[0] && p);
		corefile_plan_free(p);
		cr_expect_eq(server->n_slots <= 2 && !server->listener[1].used, 1, "%d", i);
		cr_expect_eq(close(good) | close(next.more[at][0]), 0, "%d", i);
		if (at)
			cr_expect_eq(close(next.udp[0]) | close(next.tcp[0]), 0, "%d", i);
		cr_expect_eq(asked(port[0], false), 1);
		cr_expect_eq(asked(port[0], true), 1);
	}
}
