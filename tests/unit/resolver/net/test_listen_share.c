/* SPDX-License-Identifier: Apache-2.0 */
/* What one client's TCP connections may have of each round and of memory, and
 * what others do not notice. */
#include <stdio.h>

#include "resolver/net/listen_tcp_int.h"
#include "tests/fixtures/listen_world.h"

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

static size_t pipelined(uint8_t *b, size_t cap, uint8_t what)
{
	size_t n = 0;
	for (; n + 22 <= cap; n += 22)
		memcpy(b + n, (uint8_t[22]){ 0, 20, 1, [21] = what }, 22);
	return n;
}

/* Behind what it had sent: 0, or ECONNRESET, or EAGAIN: not ended. */
static int end_of(int fd)
{
	static uint8_t b[65536];
	ssize_t n;
	while ((n = recv(fd, b, sizeof(b), 0)) > 0)
		;
	return n ? errno : 0;
}

/* What is counted for all, and for the first one's client, is what their connections hold. */
static void sums_hold(void)
{
	size_t all = 0, in = 0, own = 0, own_in = 0;
	const struct tcp_client *first = NULL;
	for (unsigned i = 0; i < tcp->n_slots; i++) {
		const struct tcp_conn *c = tcp->conn[i];
		if (!c)
			continue;
		first = first ? first : c->who;
		all += c->held_bytes;
		in += c->held_in_bytes;
		own += c->who == first ? c->held_bytes : 0;
		own_in += c->who == first ? c->held_in_bytes : 0;
	}
	cr_assert_eq(tcp->held_bytes, all);
	cr_assert_eq(tcp->held_in_bytes, in);
	cr_assert_eq(stats.tcp_held_bytes, all);
	if (first) {
		cr_assert_eq(first->held_bytes, own);
		cr_assert_eq(first->held_in_bytes, own_in);
	}
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

/* The only connection there is; its query was answered, and the answer read. */
static struct tcp_conn *served_one(int *ret_client)
{
	uint8_t b[14];
	*ret_client = client_from(SOCK_STREAM, NULL);
	query_tcp(*ret_client, 1, NOW);
	cr_assert_eq(read_some(*ret_client, b, sizeof(b)), sizeof(b));
	step();
	for (unsigned i = 0; i < tcp->n_slots; i++)
		if (tcp->conn[i])
			return tcp->conn[i];
	return NULL;
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

/* Its client holds too much already: what one more of its connections says is not read until some of it is taken. */
Test(listen_share, a_further_connection_of_who_holds_too_much_waits)
{
	static uint8_t big[60000], in[60002];
	struct tcp_conn *second = NULL;
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.held_client_bytes = 200 * 1024;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL), other = client_from(SOCK_STREAM, NULL), small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (uint8_t i = 0; i < 2; i++)
		query_tcp(fd, i, LATER);
	while (n_parked < 2 || tcp_server_open(tcp) < 2)
		step();
	for (unsigned i = 0; i < tcp->n_slots; i++)
		if (tcp->conn[i] && !tcp->conn[i]->in_flight)
			second = tcp->conn[i];
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], big, sizeof(big));
	step();
	uint64_t held_up = stats.tcp_held_up;
	query_tcp(other, 7, NOW);
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(n_queries, 2);
	cr_assert_eq(stats.tcp_held_up, held_up + 1, "told once");
	cr_assert(second->paused && second->listed[TCP_HELD_UP]);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(read_some(fd, in, sizeof(in)), sizeof(in));
	cr_assert_eq(read_some(other, in, 14), 14);
	cr_assert_eq(in[2], 7);
	cr_assert_eq(stats.tcp_resets, 0);
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

/* Not read because it has enough under way, then because it holds too much; then it goes on. */
Test(listen_share, a_paused_connection_that_holds_too_much_goes_on_when_it_has_read)
{
	static uint8_t big[60000], in[60002];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.pipeline_max = 2;
	l.held_client_bytes = 200 * 1024;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL), small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (uint8_t i = 0; i < 6; i++)
		query_tcp(fd, i, LATER);
	while (n_parked < 2)
		step();
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], big, sizeof(big));
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(n_parked, 2, "its answers are not taken");
	cr_assert_eq(stats.tcp_held_up, 1);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(read_some(fd, in, sizeof(in)), sizeof(in));
	while (n_parked < 4)
		step();
	sums_hold();
	cr_assert_eq(stats.tcp_resets, 0);
}

Test(listen_share, many_connections_have_one_turn_a_round_together)
{
	static uint8_t b[16 * 1024];
	struct tcp_limits l;
	tcp_limits_default(&l);
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

/* One connection may hold more than all of its client's share, and is the longest then. */
Test(listen_share, the_only_one_that_holds_too_much_is_reset)
{
	static uint8_t big[60000];
	start_default();
	int fd = client_from(SOCK_STREAM, NULL), small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (uint8_t i = 0; i < 2; i++)
		query_tcp(fd, i, LATER);
	while (n_parked < 2)
		step();
	tcp_reply(tcp, &parked[0], big, 36000); /* the client's socket has that */
	step();
	tcp->limits.held_client_bytes = tcp->held_bytes + 64 * 1024 + 5000;
	tcp_reply(tcp, &parked[1], big, sizeof(big));
	cr_assert_eq(stats.tcp_resets, 0, "within the share until the kernel has a part of this as well");
	step();
	cr_assert_eq(stats.tcp_resets, 1, "%zu", tcp->held_bytes);
	cr_assert_eq(tcp_server_open(tcp), 0);
	cr_assert_eq(end_of(fd), ECONNRESET);
	cr_assert_eq(stats.tcp_held_bytes, 0);
}

/* All that a client's connections are answered within one round counts at once: those beyond its
 * part are not read on, and none has to be reset for it. */
Test(listen_share, what_a_round_answers_counts_within_it)
{
	uint8_t b[3 * 22];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.held_client_bytes = 2 << 20;
	l.turn_bytes = 1 << 20;
	start(&l, "127.0.0.1");
	pipelined(b, sizeof(b), BIG);
	for (int i = 0; i < 30; i++) {
		int small = 2048;
		conn_fd[i] = client_from(SOCK_STREAM, NULL);
		setsockopt(conn_fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	}
	while (tcp_server_open(tcp) < 30)
		step();
	for (int i = 0; i < 30; i++)
		cr_assert_eq(send(conn_fd[i], b, sizeof(b), 0), (ssize_t)sizeof(b));
	while (!stats.tcp_held_up)
		step();
	sums_hold();
	cr_assert_eq(stats.tcp_resets, 0);
	cr_assert_lt(tcp->peak_bytes, l.held_client_bytes / 2, "%zu", tcp->peak_bytes);
}

/* Who has closed its half and does not read has answers in the kernel, which are its own until it
 * has taken them or its time is over, whatever else happens meanwhile. */
Test(listen_share, who_has_closed_its_half_and_reads_nothing_is_counted)
{
	static uint8_t large[48000];
	struct tcp_conn *c = NULL;
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.write_ns = 400 * NS_PER_MS;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL), small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	query_tcp(fd, 1, LATER);
	shutdown(fd, SHUT_WR);
	while (n_parked < 1)
		step();
	for (unsigned i = 0; i < tcp->n_slots && !c; i++)
		c = tcp->conn[i];
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	for (int i = 0; i < 3; i++)
		step();
	cr_assert(c->ending, "all is said, and a part of it not taken: %zu %u", c->stream.out_len, c->kernel_out_bytes);
	uint64_t until = c->deadline_ns;
	step();
	cr_assert_geq(stats.tcp_held_bytes, 4096);
	tcp_server_drain(tcp, -1);
	step();
	cr_assert_eq(tcp_server_open(tcp), 1);
	cr_assert_eq(c->deadline_ns, until);
	while (tcp_server_open(tcp))
		step();
	cr_assert_geq(loop.now_ns, until - NS_PER_MS);
	cr_assert_eq(end_of(fd), ECONNRESET, "and nothing of it stays in the kernel");
}

/* Who takes its last answer at once is not waited for. */
Test(listen_share, who_has_read_all_is_done)
{
	static uint8_t large[10000];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.queries_max = 1;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, LATER);
	while (n_parked < 1)
		step();
	uint64_t before = stats.tcp_open;
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	tcp_flush(tcp);
	cr_expect_eq(before, 1);
	cr_expect_eq(tcp_server_open(tcp), 0);
	cr_expect_eq(end_of(fd), 0);
}

/* As soon as it has taken all, it is gone. */
Test(listen_share, who_has_closed_its_half_and_reads_late_gets_all)
{
	static uint8_t large[48000];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.write_ns = 10 * NS_PER_S;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL), small = 2048;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	query_tcp(fd, 1, LATER);
	shutdown(fd, SHUT_WR);
	while (n_parked < 1)
		step();
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	for (int i = 0; i < 10; i++)
		step();
	cr_assert_eq(tcp_server_open(tcp), 1);
	uint64_t before = loop.now_ns;
	cr_assert_eq(read_some(fd, (uint8_t[50000]){ 0 }, 50000), 48002);
	while (tcp_server_open(tcp))
		step();
	cr_assert_lt(loop.now_ns, before + 5 * NS_PER_S);
	cr_assert_eq(stats.tcp_slow_readers, 0);
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

Test(listen_share, answers_nobody_takes_are_bounded_and_memory_comes_back)
{
	static uint8_t b[40 * 22], big[60002];
	struct tcp_limits l;
	uint64_t most = 0;
	tcp_limits_default(&l);
	l.timers.write_ns = 300 * NS_PER_MS;
	start(&l, "0.0.0.0");
	pipelined(b, sizeof(b), BIG);
	for (int i = 0; i < 256; i++) {
		conn_fd[i] = client_from(SOCK_STREAM, "127.0.0.2");
		int small = 2048;
		setsockopt(conn_fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		send(conn_fd[i], b, sizeof(b), MSG_NOSIGNAL);
	}
	while (!stats.tcp_held_up)
		step();
	sums_hold();
	/* Another client is answered as ever, beside it. */
	int other = client_from(SOCK_STREAM, "127.0.0.3");
	for (int i = 0; i < 5; i++) {
		query_tcp(other, 1, BIG);
		cr_assert_eq(read_some(other, big, sizeof(big)), sizeof(big));
	}
	close(other);
	while (tcp_server_open(tcp)) {
		step();
		sums_hold();
		most = stats.tcp_held_bytes > most ? stats.tcp_held_bytes : most;
	}
	cr_assert_lt(most, l.held_client_bytes / 2, "%llu", (unsigned long long)most);
	cr_assert_gt(most, l.held_client_bytes / 8, "the limit was reached");
	cr_assert_eq(stats.tcp_held_bytes, 0);
	cr_assert_gt(stats.tcp_slow_readers, 0);
	cr_assert_eq(end_of(conn_fd[0]), ECONNRESET, "reset, not closed");
}

/* Replies to parked queries come whether the client reads or not. */
static void parked_answers(int n, const char *from, int depth)
{
	static uint8_t big[60000];
	int first = n_parked;
	for (int i = 0; i < n; i++) {
		conn_fd[i] = client_from(SOCK_STREAM, from);
		int small = 2048;
		setsockopt(conn_fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		for (int k = 0; k < depth; k++)
			query_tcp(conn_fd[i], 1, LATER);
	}
	while (n_parked < first + n * depth)
		step();
	for (int i = first; i < n_parked; i++) {
		tcp_reply(tcp, &parked[i], big, sizeof(big));
		if (i % 8 == 0)
			step();
	}
	step();
}

Test(listen_share, beyond_the_share_who_has_held_longest_is_reset)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	parked_answers(50, "127.0.0.2", 6); /* 18 MB */
	cr_assert_leq(stats.tcp_held_bytes, l.held_client_bytes);
	cr_assert_gt(stats.tcp_resets, 0);
	cr_assert_eq(end_of(conn_fd[0]), ECONNRESET);
	cr_assert_gt(tcp_server_open(tcp), 0, "others of its are still there");
}

Test(listen_share, all_clients_together_are_bounded_too)
{
	static const char *const from[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5" };
	struct tcp_limits l;
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	for (int i = 0; i < 4; i++)
		parked_answers(25, from[i], 5); /* 7.5 MB each, within a client's share */
	cr_assert_leq(stats.tcp_held_bytes, l.held_max_bytes);
	cr_assert_gt(stats.tcp_resets, 0);
	cr_assert_gt(tcp_server_open(tcp), 0);
}

Test(listen_share, who_has_closed_its_half_gets_all_of_a_large_answer)
{
	static uint8_t big[60002];
	start_default();
	int fd = client_from(SOCK_STREAM, NULL), small = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	query_tcp(fd, 1, BIG);
	shutdown(fd, SHUT_WR);
	while (!n_queries)
		step();
	for (int i = 0; i < 20; i++)
		step();
	cr_assert_eq(read_some(fd, big, sizeof(big)), sizeof(big));
	while (tcp_server_open(tcp))
		step();
	cr_assert_eq(stats.tcp_slow_readers, 0);
}

Test(listen_share, a_slow_but_steady_reader_is_no_slow_reader)
{
	static uint8_t b[20 * 22], in[16 * 1024];
	struct tcp_limits l;
	size_t got = 0;
	tcp_limits_default(&l);
	l.timers.write_ns = 600 * NS_PER_MS;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL);
	pipelined(b, sizeof(b), BIG);
	cr_assert_eq(send(fd, b, sizeof(b), 0), (ssize_t)sizeof(b));
	uint64_t begun = loop.now_ns;
	while (got < 20 * 60002) {
		ssize_t n = recv(fd, in, sizeof(in), 0);
		cr_assert(n > 0 || errno == EAGAIN, "dropped after %zu octets", got);
		got += n > 0 ? (size_t)n : 0;
		uint64_t next = loop.now_ns + 20 * NS_PER_MS;
		while (loop.now_ns < next)
			step();
	}
	cr_assert_gt(loop.now_ns - begun, 2 * l.timers.write_ns);
	cr_assert_eq(stats.tcp_slow_readers, 0);
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
