/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection seen from within: what it waits for and until when, who is read on, how
 * it ends. What clients see of it is test_listen.c.
 */
#include "tests/fixtures/listen_conns.h"

#include <netinet/tcp.h>

TestSuite(listen_conn, .timeout = 20);

static uint8_t large[60000];

static void until_closed(void)
{
	while (tcp_server_open(tcp))
		step();
}

Test(listen_conn, what_is_known_of_one_and_counted)
{
	int client, on = 0;
	socklen_t len = sizeof(on);

	start_default();
	tcp_server_place(tcp, 3, 5);
	struct tcp_conn *c = served_one(&client);

	cr_expect_eq(getsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	cr_expect(on, "small answers do not wait for each other");
	cr_expect_eq(c->listener, 3);
	cr_expect_eq(stats.tcp_open, 1);
	cr_expect_eq(stats.tcp_accepted, 1);
	query_tcp(client, 9, LATER);
	while (!n_parked)
		step();
	cr_expect_eq(parked[0].listener, 5);
	cr_expect_eq(parked[0].cookie >> 32, 1, "the first one's generation");
	cr_expect_eq(parked[0].scope_id, 0);
	cr_expect_eq(c->in_flight, 1);
	close(client);
	tcp_reply(tcp, &parked[0], large, 12);
	until_closed();
	cr_expect_eq(stats.tcp_open, 0);
	cr_expect_eq(tcp->n_free, tcp->n_slots);
	cr_expect_null(tcp_clients_find(&tcp->clients, &lo));
	cr_expect_null(tcp->list[TCP_IDLE].first);
	tcp_reply(tcp, &parked[0], large, 12); /* nobody is there */
}

/* Nobody is woken for what a connection has no use for. */
Test(listen_conn, what_it_waits_for)
{
	struct tcp_limits l;
	int client;

	tcp_limits_default(&l);
	l.pipeline_max = 2;
	start(&l, "127.0.0.1");
	struct tcp_conn *c = served_one(&client);

	cr_expect_eq(c->watch.events, EPOLLIN, "idle");
	query_tcp(client, 1, LATER);
	while (n_parked < 1)
		step();
	step();
	cr_expect_eq(c->watch.events, EPOLLIN, "asking, and it may ask more");
	query_tcp(client, 2, LATER);
	query_tcp(client, 3, NOW);
	while (n_parked < 2)
		step();
	step();
	cr_expect(c->paused);
	cr_expect_eq(stats.tcp_paused, 1);
	cr_expect_eq(c->watch.events, 0, "paused");
	tcp_reply(tcp, &parked[0], large, 12);
	tcp_flush(tcp);
	cr_expect_not(c->paused, "half of what it may");
	cr_expect_eq(c->in_flight, 1);
	cr_expect_eq(n_queries, 4, "it goes on with what it had said");
	cr_expect_null(tcp->dirty, "and its answer has left");
	cr_expect_eq(c->watch.events, EPOLLIN);
	shutdown(client, SHUT_WR);
	while (!c->stream.eof)
		step();
	step();
	cr_expect_eq(c->watch.events, 0, "it will say nothing more");
	tcp_reply(tcp, &parked[1], large, 12);
	until_closed();

	c = asking_slowly(1, &client);
	tcp_reply(tcp, &parked[2], large, sizeof(large));
	step();
	cr_assert(c->stream.out_len);
	cr_expect_eq(c->watch.events, EPOLLIN | EPOLLOUT, "it may take more");
	tcp_server_place(tcp, 3, -1);
	step();
	cr_expect_eq(c->watch.events, EPOLLOUT, "its listener is gone");
}

/* The first query's time runs from the accept, the next one's from the answer; half of one is none. */
Test(listen_conn, until_when_it_waits)
{
	struct tcp_limits l;
	int client = -1;
	uint8_t b[14];

	tcp_limits_default(&l);
	start(&l, "127.0.0.1");
	client = client_from(SOCK_STREAM, NULL);
	struct tcp_conn *c = conn_of(client);
	uint64_t first = c->deadline_ns;

	cr_expect_leq(first, loop.now_ns + l.timers.read_ns);
	cr_expect_gt(first, loop.now_ns);
	cr_assert_eq(send(client, "\0\24a", 3, 0), 3);
	while (!c->stream.in_len)
		step();
	step();
	cr_expect_eq(c->deadline_ns, first);
	cr_assert_eq(send(client, "aaaaaaaaaaaaaaaaaa\1", 19, 0), 19);
	cr_assert_eq(read_some(client, b, sizeof(b)), sizeof(b));
	step();
	cr_expect(c->listed[TCP_IDLE]);
	uint64_t idle = c->deadline_ns;

	cr_expect_gt(idle, first + 5 * NS_PER_S, "another time now");
	cr_expect_leq(idle, loop.now_ns + l.timers.idle_ns);
	cr_assert_eq(send(client, "\0\24a", 3, 0), 3);
	while (!c->stream.in_len)
		step();
	step();
	cr_expect_eq(c->deadline_ns, idle, "half a query is no proof of life");
	cr_assert_eq(send(client, "aaaaaaaaaaaaaaaaaa\1", 19, 0), 19);
	cr_assert_eq(read_some(client, b, sizeof(b)), sizeof(b));
	step();
	cr_expect_gt(c->deadline_ns, idle, "who asks is not idle");
	query_tcp(client, 1, LATER);
	while (!n_parked)
		step();
	step();
	cr_expect_eq(c->deadline_ns, T_NEVER, "it waits for us");
	cr_expect_not(c->listed[TCP_IDLE]);
	tcp_reply(tcp, &parked[0], large, 12);
	step();
	cr_expect_neq(c->deadline_ns, T_NEVER);
	query_tcp(client, 1, NEVER);
	while (n_queries < 4)
		step();
	step();
	cr_expect(c->listed[TCP_IDLE], "a query that is dropped is over");
	/* longer than the tenths of a second that can be said */
	struct tcp_timers t = {.read_ns = 1, .idle_ns = 7200 * NS_PER_S, .write_ns = 1};

	tcp_server_set_timers(tcp, 3, &t);
	query_tcp(client, 1, LATER);
	while (n_parked < 2)
		step();
	cr_expect_eq(parked[1].keepalive_ds, 65535);
}

/* When its time is over: an end for who has read all, a reset for who has not, and counted once. */
Test(listen_conn, when_its_time_is_over)
{
	for (int unread = 0; unread < 3; unread++) {
		int client;

		memset(&stats, 0, sizeof(stats));
		n_parked = 0;
		start_default();
		struct tcp_conn *c = asking_slowly(1, &client);

		tcp_reply(tcp, &parked[0], large, unread ? 10000 : 12);
		step();
		cr_assert_eq(c->stream.out_len, 0, "the kernel has it");
		cr_expect_eq(c->unsent_bytes, c->kernel_out_bytes);
		if (!unread)
			cr_assert_eq(read_some(client, large, 14), 14);
		c->sent_ns -= unread == 1 ? 0 : 2 * NS_PER_S; /* as if it had had so long to read */
		c->deadline_ns = 0;
		c->timer.due(&c->timer);
		c->timer.due(&c->timer);
		cr_expect_eq(stats.tcp_timeouts, 1, "counted once");
		cr_expect_eq(stats.tcp_slow_readers, 0);
		tcp_flush(tcp);
		cr_expect_eq(tcp_server_open(tcp), 0);
		cr_expect_eq(ended(client), unread == 2 ? ECONNRESET : 0, "case %d", unread);
		close(client);
		tcp_listener_stop(&tcp_l);
		tcp_server_free(tcp);
	}
}

Test(listen_conn, whose_answer_is_not_taken_is_a_slow_reader)
{
	int client;

	start_default();
	struct tcp_conn *c = asking_slowly(1, &client);

	tcp_reply(tcp, &parked[0], large, sizeof(large));
	step();
	cr_assert(c->stream.out_len);
	uint64_t until = c->deadline_ns;

	cr_expect_leq(until, loop.now_ns + 5 * NS_PER_S);
	cr_expect_gt(until, loop.now_ns + 3 * NS_PER_S);
	loop.now_ns += NS_PER_S;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_eq(c->deadline_ns, until, "trying is no progress");
	c->timer.due(&c->timer);
	cr_expect_not(c->dying, "its time is not over");
	cr_expect(c->timer.armed);
	c->deadline_ns = 0;
	c->timer.due(&c->timer);
	cr_expect_eq(stats.tcp_slow_readers, 1);
	cr_expect_eq(stats.tcp_timeouts, 0);
	tcp_flush(tcp);
	cr_expect_eq(ended(client), ECONNRESET);
}

/* Who takes less than a step in its time is slow, however often. */
Test(listen_conn, a_little_is_no_progress)
{
	int client, pair[2], small = 1;
	uint8_t b[16384];

	start_default();
	struct tcp_conn *c = asking_slowly(1, &client);

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	cr_assert_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	c->stream.fd = pair[0]; /* which takes some 2,000 octets at a time */
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	tcp_flush(tcp);
	cr_assert(c->blocked_ns && c->stream.out_len);
	uint64_t begun = c->blocked_ns;
	size_t left = c->stream.out_len, part = (sizeof(large) + 2 - left) / 2; /* of two pieces one is taken at a time */

	c->n_taken = 0;
	loop.now_ns += NS_PER_MS;
	cr_assert_eq(recv(pair[1], b, part, 0), (ssize_t)part);
	tcp_conn_touch(c);
	tcp_flush(tcp);
	size_t taken = left - c->stream.out_len;

	if (!taken || taken >= 4096)
		cr_skip_test("this kernel takes %zu octets at a time", taken);
	cr_expect_eq(c->n_taken, taken);
	cr_expect_eq(c->blocked_ns, begun);
	while (c->blocked_ns == begun && c->stream.out_len) {
		loop.now_ns += NS_PER_MS;
		cr_assert_gt(recv(pair[1], b, part, 0), 0);
		tcp_conn_touch(c);
		tcp_flush(tcp);
	}
	cr_expect_eq(c->blocked_ns, loop.now_ns, "4,096 are");
	cr_expect_eq(c->n_taken, 0);
	while (c->stream.out_len) {
		cr_assert_gt(recv(pair[1], b, sizeof(b), 0), 0);
		tcp_conn_touch(c);
		tcp_flush(tcp);
	}
	cr_expect_eq(c->blocked_ns, 0);
	c->stream.fd = c->watch.fd;
}

/* Much is sent at once; who is about to go gets nothing more. */
Test(listen_conn, large_replies_do_not_wait_for_the_round)
{
	struct tcp_limits l;
	static uint8_t in[4000];
	int client;

	tcp_limits_default(&l);
	l.out_max_bytes = 1000;
	start(&l, "127.0.0.1");
	struct tcp_conn *c = asking_slowly(4, &client);

	tcp_reply(tcp, &parked[0], large, 998);
	cr_expect_eq(c->stream.out_len, 1000);
	cr_expect_lt(recv(client, in, sizeof(in), 0), 0);
	tcp_reply(tcp, &parked[1], large, 10);
	cr_expect_eq(c->stream.out_len, 0);
	cr_expect_eq(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 1000), 1);
	cr_expect_eq(recv(client, in, sizeof(in), 0), 1012);
	c->dying = true;
	tcp_reply(tcp, &parked[2], large, 2000);
	cr_expect_eq(c->in_flight, 1);
	cr_expect_eq(c->stream.out_len, 0);
	tcp_flush(tcp);
	cr_expect_eq(end_of(client), 0);
	cr_expect_eq(tcp_server_open(tcp), 0);
}

/* Reading goes on at half of each limit, and not for who has asked all it may, or is about to go. */
Test(listen_conn, who_goes_on)
{
	struct tcp_limits l;
	int client;

	tcp_limits_default(&l);
	l.pipeline_max = 8;
	start(&l, "127.0.0.1");
	struct tcp_conn *c = asking_slowly(8, &client);

	query_tcp(client, 9, NEVER);
	for (int i = 0; i < 3; i++)
		step();
	cr_assert(c->paused);
	for (int i = 0; i < 3; i++)
		tcp_reply(tcp, &parked[i], large, 12);
	tcp_flush(tcp);
	cr_expect(c->paused, "five of eight");
	tcp_reply(tcp, &parked[3], large, 12);
	tcp_flush(tcp);
	cr_expect_not(c->paused, "four");
	tcp_reply(tcp, &parked[4], large, sizeof(large));
	step();
	size_t left = c->stream.out_len;

	cr_assert_gt(left, 10);
	c->paused = true;
	tcp->limits.out_max_bytes = 2 * left - 2;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect(c->paused);
	tcp->limits.out_max_bytes = 2 * left;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_not(c->paused);
	int before = n_queries;

	c->paused = c->dying = true;
	c->stream.in = calloc(1, 256);
	c->stream.in[1] = 12;
	c->stream.in_cap = 256;
	c->stream.in_len = 14;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_eq(n_queries, before);
	cr_expect_eq(tcp_server_open(tcp), 0);
}

Test(listen_conn, all_it_may_ask_is_no_more_when_it_was_paused)
{
	struct tcp_limits l;
	int client;

	tcp_limits_default(&l);
	l.pipeline_max = 2;
	l.timers.queries_max = 2;
	start(&l, "127.0.0.1");
	asking_slowly(2, &client);
	for (int i = 0; i < 2; i++)
		query_tcp(client, 7, NOW);
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], large, 12);
	until_closed();
	cr_expect_eq(n_queries, 2);
}

/* All is said and not all taken: the end comes behind the last octet, without another turn. */
Test(listen_conn, the_end_comes_behind_the_last_octet)
{
	struct tcp_limits l;
	size_t got = 0;
	int client;

	tcp_limits_default(&l);
	l.timers.queries_max = 1;
	start(&l, "127.0.0.1");
	struct tcp_conn *c = asking_slowly(1, &client);

	tcp_reply(tcp, &parked[0], large, 20000);
	while (!c->ending)
		step();
	cr_expect_eq(c->watch.events, 0, "it is only looked at");
	cr_expect_eq(c->deadline_ns > loop.now_ns, 1);
	for (ssize_t n = 1; n > 0; got += (size_t)(n > 0 ? n : 0)) {
		cr_assert_eq(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 5000), 1);
		n = recv(client, large, sizeof(large), 0);
		cr_assert(n >= 0);
	}
	cr_expect_eq(got, 20002);
	cr_expect_eq(tcp_server_open(tcp), 1);
	until_closed();
}

