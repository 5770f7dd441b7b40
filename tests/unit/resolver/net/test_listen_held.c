/* SPDX-License-Identifier: Apache-2.0 */
/* What one client's TCP connections may have of memory, the process's and the kernel's, and what
 * becomes of those who hold more, or longer, than they may. */
#include "tests/fixtures/listen_conns.h"

static int conn_fd[600];

/* A client that holds too much: of n queries two are answered at length, and nothing is taken. */
static struct tcp_conn *holds_too_much(int n, unsigned pipeline_max, int *ret_client)
{
	static uint8_t big[60000];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.pipeline_max = pipeline_max;
	l.held_client_bytes = 200 * 1024;
	/* Taking it all takes so small a window 4.4 s of probes by the kernel: nobody is slow here. */
	l.timers.read_ns = l.timers.write_ns = 20 * NS_PER_S;
	start(&l, "127.0.0.1");
	*ret_client = client_slow(NULL);
	for (int i = 0; i < n; i++)
		query_tcp(*ret_client, (uint8_t)i, LATER);
	while (n_parked < 2)
		step();
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], big, sizeof(big));
	step();
	return conn_of(*ret_client);
}

static void takes_both(int client)
{
	static uint8_t in[60002];
	for (int i = 0; i < 2; i++)
		cr_assert_eq(read_some(client, in, sizeof(in)), sizeof(in));
}

TestSuite(listen_held, .timeout = 30);

/* Its client holds too much already: what one more of its connections says is not read until some of it is taken. */
Test(listen_held, a_further_connection_of_who_holds_too_much_waits)
{
	uint8_t in[14];
	int fd;
	holds_too_much(2, 256, &fd);
	int other = client_from(SOCK_STREAM, NULL);
	struct tcp_conn *second = conn_of(other);
	uint64_t held_up = stats.tcp_held_up;
	query_tcp(other, 7, NOW);
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(n_queries, 2);
	cr_assert_eq(stats.tcp_held_up, held_up + 1, "told once");
	cr_assert(second->paused && second->listed[TCP_HELD_UP]);
	takes_both(fd);
	cr_assert_eq(read_some(other, in, 14), 14);
	cr_assert_eq(in[2], 7);
	cr_assert_eq(stats.tcp_resets, 0);
}

/* Not read because it has enough under way, then because it holds too much; then it goes on. */
Test(listen_held, a_paused_connection_that_holds_too_much_goes_on_when_it_has_read)
{
	int fd;
	holds_too_much(6, 2, &fd);
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(n_parked, 2, "its answers are not taken");
	cr_assert_eq(stats.tcp_held_up, 1);
	takes_both(fd);
	while (n_parked < 4)
		step();
	sums_hold();
	cr_assert_eq(stats.tcp_resets, 0);
}

/* One connection may hold more than all of its client's share, and is the longest then. */
Test(listen_held, the_only_one_that_holds_too_much_is_reset)
{
	static uint8_t big[60000];
	start_default();
	int fd = client_slow(NULL);
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
Test(listen_held, what_a_round_answers_counts_within_it)
{
	uint8_t b[3 * 22];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.held_client_bytes = 2 << 20;
	l.turn_bytes = 1 << 20;
	start(&l, "127.0.0.1");
	pipelined(b, sizeof(b), BIG);
	for (int i = 0; i < 30; i++) {
		conn_fd[i] = client_slow(NULL);
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

/* What one answer spends is seen before the next query, also of those that came with it. */
Test(listen_held, one_large_answer_may_be_enough)
{
	uint8_t b[3 * 22];
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.held_client_bytes = 200 * 1024;
	start(&l, "127.0.0.1");
	pipelined(b, sizeof(b), BIG);
	int fd = client_slow(NULL);
	conn_of(fd);
	cr_assert_eq(send(fd, b, sizeof(b), 0), (ssize_t)sizeof(b));
	for (int i = 0; i < 6; i++)
		step();
	cr_expect_geq(stats.tcp_held_up, 1);
	cr_expect_eq(stats.tcp_paused, 0, "three of them never wait together");
	sums_hold();
}

/* A client that has asked, closed its half, and reads nothing; its end. 48,000 octets are its answer. */
static int half_closed(uint64_t write_ns)
{
	static uint8_t large[48000];
	struct tcp_limits l;

	tcp_limits_default(&l);
	l.timers.write_ns = write_ns;
	start(&l, "127.0.0.1");
	int fd = client_slow(NULL);
	query_tcp(fd, 1, LATER);
	shutdown(fd, SHUT_WR);
	while (n_parked < 1)
		step();
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	return fd;
}

/* Who has closed its half and does not read has answers in the kernel, which are its own until it
 * has taken them or its time is over, whatever else happens meanwhile. */
Test(listen_held, who_has_closed_its_half_and_reads_nothing_is_counted)
{
	struct tcp_conn *c = NULL;
	int fd = half_closed(400 * NS_PER_MS);
	for (unsigned i = 0; i < tcp->n_slots && !c; i++)
		c = tcp->conn[i];
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
Test(listen_held, who_has_read_all_is_done)
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
Test(listen_held, who_has_closed_its_half_and_reads_late_gets_all)
{
	int fd = half_closed(10 * NS_PER_S);
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

Test(listen_held, answers_nobody_takes_are_bounded_and_memory_comes_back)
{
	static uint8_t b[40 * 22], big[60002];
	struct tcp_limits l;
	uint64_t most = 0;
	tcp_limits_default(&l);
	l.timers.write_ns = 300 * NS_PER_MS;
	start(&l, "0.0.0.0");
	pipelined(b, sizeof(b), BIG);
	for (int i = 0; i < 256; i++) {
		conn_fd[i] = client_slow("127.0.0.2");
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
		conn_fd[i] = client_slow(from);
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

Test(listen_held, beyond_the_share_who_has_held_longest_is_reset)
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

Test(listen_held, all_clients_together_are_bounded_too)
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

Test(listen_held, who_has_closed_its_half_gets_all_of_a_large_answer)
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

Test(listen_held, a_slow_but_steady_reader_is_no_slow_reader)
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
