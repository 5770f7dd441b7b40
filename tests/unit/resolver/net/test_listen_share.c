/* SPDX-License-Identifier: Apache-2.0 */
/* What one client's TCP connections may have of each round, and what others do not notice; of
 * memory: test_listen_held.c. */
#include <stdio.h>

#include "tests/fixtures/listen_conns.h"

#define MANY 64

static int conn_fd[600];

/* All of one client's connections, accepted, and their queries waiting. */
static void flood_begin(int n, const char *from, const uint8_t *b, size_t len)
{
	unsigned before = tcp_server_open(tcp);
	for (int i = 0; i < n; i++)
		conn_fd[i] = client_from(SOCK_STREAM, from);
	while (tcp_server_open(tcp) < before + (unsigned)n)
		step();
	for (int i = 0; i < n; i++)
		while (send(conn_fd[i], b, len, MSG_NOSIGNAL) > 0)
			;
}

TestSuite(listen_share, .timeout = 30);

/* One that does not take its answers is told, once a minute, and how often it was anybody. */
Test(listen_share, who_does_not_read_is_told)
{
	char path[] = "/tmp/listen-told-XXXXXX", text[1000] = "";
	int fd = mkstemp(path), err = dup(STDERR_FILENO), client, n = 0;
	struct tcp_conn *c = NULL;
	unlink(path);
	start_default();
	client = client_from(SOCK_STREAM, NULL);
	while (!tcp_server_open(tcp))
		step();
	for (unsigned i = 0; i < tcp->n_slots && !c; i++)
		c = tcp->conn[i];
	cr_assert(c && dup2(fd, STDERR_FILENO) >= 0);
	for (int i = 0; i < 4; i++) {
		tcp_share_hold_up(c);
		tcp_share_hold_up(c); /* it is already */
		tcp_list_remove(c, TCP_HELD_UP);
		if (i == 2)
			tcp->told_ns -= 61 * NS_PER_S;
	}
	dup2(err, STDERR_FILENO);
	cr_expect_eq(stats.tcp_held_up, 4);
	cr_expect_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	for (const char *l = text; (l = strstr(l, "TCP client 127.0.0.1 does not take its answers: ")); l++)
		n++;
	cr_expect_eq(n, 2, "%s", text);
	cr_expect(strstr(text, "reset: 1\n") && strstr(text, "reset: 3\n"), "%s", text);
	close(client);
}

Test(listen_share, who_is_told_by_its_ipv6_address)
{
	char path[] = "/tmp/listen-told-XXXXXX", text[1000] = "";
	int fd = mkstemp(path), err = dup(STDERR_FILENO);
	struct tcp_client who = { .addr = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 } } };
	struct tcp_conn c = { .who = &who };
	unlink(path);
	start_default();
	c.server = tcp;
	cr_assert(dup2(fd, STDERR_FILENO) >= 0);
	tcp_share_hold_up(&c);
	tcp_list_remove(&c, TCP_HELD_UP);
	dup2(err, STDERR_FILENO);
	cr_expect_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	cr_expect(strstr(text, "TCP client 2001:db8::7 does not take its answers: "), "%s", text);
}

/* Who has read all and makes room sees an end, no reset. */
Test(listen_share, making_room_is_an_end_for_who_has_read_all)
{
	int client;
	start_default();
	struct tcp_conn *c = served_one(&client);
	cr_assert(c);
	int size = 0;
	cr_assert_eq(getsockopt(c->watch.fd, SOL_SOCKET, SO_SNDBUF, &size, &(socklen_t){sizeof(size)}), 0);
	cr_expect_eq(size, 2 * 16 * 1024, "what the kernel may hold for one, which it doubles: %d", size);
	cr_assert_eq(getsockopt(c->watch.fd, SOL_SOCKET, SO_RCVBUF, &size, &(socklen_t){sizeof(size)}), 0);
	cr_expect_eq(size, 2 * 8 * 1024, "%d", size);
	c->sent_ns -= 2 * NS_PER_S; /* long ago */
	cr_assert(tcp_server_give_way(tcp));
	cr_assert_eq(tcp_server_open(tcp), 0);
	cr_expect_eq(end_of(client), 0);
	cr_expect_not(tcp_server_give_way(tcp), "nobody is left");
	close(client);
}

/* One whose turn in this round is still to come is not closed under it. */
Test(listen_share, making_room_passes_over_who_has_something_to_say)
{
	int client[2];
	uint8_t b[14];
	start_default();
	struct tcp_conn *first = served_one(&client[0]);
	client[1] = client_from(SOCK_STREAM, NULL);
	query_tcp(client[1], 1, NOW);
	cr_assert_eq(read_some(client[1], b, sizeof(b)), sizeof(b));
	step();
	tcp_conn_touch(first);
	cr_assert(tcp_server_give_way(tcp));
	cr_expect_not(tcp_server_give_way(tcp));
	cr_expect_eq(tcp_server_open(tcp), 1);
	step();
	cr_expect_eq(end_of(client[1]), 0);
	query_tcp(client[0], 1, NOW);
	cr_assert_eq(read_some(client[0], b, sizeof(b)), sizeof(b));
}

/* A place is never named by generation 0, however often it was used. */
Test(listen_share, generations_go_round)
{
	int client;
	start_default();
	for (uint32_t i = 0; i < tcp->n_slots; i++)
		tcp->generation[i] = UINT32_MAX;
	struct tcp_conn *c = served_one(&client);
	uint32_t slot = c->slot;
	close(client);
	while (tcp_server_open(tcp))
		step();
	cr_expect_eq(tcp->generation[slot], 1);
}

Test(listen_share, many_connections_have_one_turn_a_round_together)
{
	static uint8_t b[16 * 1024];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.read_ns = 60 * NS_PER_S; /* the quiet one waits for its flood, however slow the machine */
	start(&l, "0.0.0.0");
	int udp = client_from(SOCK_DGRAM, "127.0.0.3"), quiet = client_from(SOCK_STREAM, "127.0.0.3");
	flood_begin(MANY, "127.0.0.2", b, pipelined(b, sizeof(b), NOW));
	int before = n_queries;
	uint8_t q[20] = { 9, [19] = NOW };
	cr_assert_eq(send(udp, q, sizeof(q), 0), (ssize_t)sizeof(q));
	while (recv(udp, q, sizeof(q), 0) < 0)
		step();
	cr_assert_lt(n_queries - before, 2 * (int)l.turn_bytes / 20, "%d of the others went first", n_queries - before);
	sums_hold();
	cr_assert_gt(tcp->held_in_bytes, 0, "what waits in the kernel to be read is theirs, too");
	/* Over TCP it is one of many that are ready, which come up in turn. */
	before = n_queries;
	query_tcp(quiet, 1, NOW);
	cr_assert_eq(read_some(quiet, q, 14), 14);
	cr_assert_lt(n_queries - before, 6 * (int)l.turn_bytes / 20, "%d of the others went first", n_queries - before);
	cr_assert_gt(stats.tcp_put_off, 0);
}

/* What a large query needs is read; else some hundred queries, for the others have their turn. */
Test(listen_share, how_much_is_read_in_a_turn)
{
	static uint8_t b[400 * 22];
	int client;
	start_default();
	struct tcp_conn *c = served_one(&client);
	cr_assert(c);
	int before = n_queries;
	cr_assert_eq(send(client, b, pipelined(b, sizeof(b), NEVER), 0), (ssize_t)sizeof(b));
	while (n_queries == before)
		step();
	cr_assert_leq(n_queries - before, 4096 / 22 + 1);
	while (n_queries < before + 400)
		step();
	close(client);
}

/* One client fills its queue; of eight others some share it, and most do not. */
Test(listen_share, a_flood_over_udp_fills_only_its_own_queue)
{
	enum { FLOOD = 1000, OTHERS = 8 };
	static const int at_most = 3 * UDP_BATCH;
	int other[OTHERS], served[OTHERS] = { 0 }, n_soon = 0, n_served = 0;
	uint8_t q[20] = { [19] = NOW };
	char from[16];
	start_default();
	udp_listener_stop(&udp_l);
	for (unsigned i = 1; i < UDP_QUEUES_MAX; i++)
		udp_listener_add(&udp_l, udp_socket_open(&lo, port, 0, UDP_QUEUES_MAX, NULL));
	cr_assert_eq(udp_listener_start(&udp_l, &loop, NULL), 0);
	cr_assert_eq(udp_socket_steer(udp_l.fd, 1, UDP_QUEUES_MAX, 7), 0);
	int flood = client_from(SOCK_DGRAM, "127.0.0.2");
	for (int i = 0; i < FLOOD; i++)
		cr_assert_eq(send(flood, q, sizeof(q), 0), (ssize_t)sizeof(q));
	for (int i = 0; i < OTHERS; i++) {
		snprintf(from, sizeof(from), "127.0.0.%d", 3 + i);
		other[i] = client_from(SOCK_DGRAM, from);
		send(other[i], q, sizeof(q), 0);
	}
	while (n_served < OTHERS) {
		step();
		for (int i = 0; i < OTHERS; i++)
			if (!served[i] && recv(other[i], q, sizeof(q), 0) > 0) {
				served[i] = n_queries;
				n_soon += n_queries <= at_most;
				n_served++;
			}
	}
	cr_assert_geq(n_soon, OTHERS / 2, "%d of %d before the flood", n_soon, OTHERS);
}

/* The address an IPv6 socket tells of an IPv4 client is that client's. */
Test(listen_share, bound_21_a_clients_limits_hold_on_an_ipv6_wildcard)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.conns_per_client = 2;
	start(&l, "::");
	int fd[3];
	for (int i = 0; i < 2; i++) {
		fd[i] = client_from(SOCK_STREAM, "127.0.0.2");
		query_tcp(fd[i], 1, LATER);
	}
	while (n_parked < 2)
		step();
	cr_assert(addr_is_v4(&parked[0].addr));
	fd[2] = client_from(SOCK_STREAM, "127.0.0.2");
	while (!stats.tcp_refused_client)
		step();
	cr_assert_eq(end_of(fd[2]), 0);
	int other = client_from(SOCK_STREAM, "127.0.0.3");
	query_tcp(other, 1, LATER);
	while (n_parked < 3)
		step();
	cr_assert_eq(tcp_server_open(tcp), 3);
}
