/* SPDX-License-Identifier: Apache-2.0 */
/* Client connections, one thing at a time; UDP is test_listen_udp.c, shares of many clients test_listen_share.c. */
#include "tests/fixtures/no_memory.h"

#include "tests/fixtures/listen_world.h"

#include <sys/resource.h>

TestSuite(listen, .timeout = 20);

Test(listen, tcp_replies_leave_in_the_order_they_are_ready)
{
	uint8_t b[42], r[12] = { 0 };
	start_default();
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, LATER);
	query_tcp(fd, 2, LATER);
	query_tcp(fd, 3, NOW);
	while (n_parked < 2)
		step();
	cr_assert_eq(parked[0].proto, CORE_TCP);
	cr_assert_eq(parked[0].listener, 0);
	r[0] = 2;
	tcp_reply(tcp, &parked[1], r, 12);
	r[0] = 1;
	tcp_reply(tcp, &parked[0], r, 12);
	cr_assert_eq(read_some(fd, b, 42), 42);
	cr_assert_eq(b[2], 3);
	cr_assert_eq(b[16], 2);
	cr_assert_eq(b[30], 1);
	cr_assert_eq(tcp_server_open(tcp), 1);
}

Test(listen, a_reply_to_a_connection_that_is_gone_reaches_nobody)
{
	uint8_t r[12] = { 0 };
	start_default();
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, LATER);
	while (n_parked < 1)
		step();
	struct linger l = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	while (tcp_server_open(tcp))
		step();
	cr_assert_eq(stats.tcp_errors, 1);
	fd = client_from(SOCK_STREAM, NULL);
	while (!tcp_server_open(tcp))
		step(); /* takes the same slot */
	tcp_reply(tcp, &parked[0], r, 12);
	step();
	cr_assert_eq(recv(fd, r, 12, 0), -1);
}

/* It is noticed with the reply, before the loop has heard of it. */
Test(listen, a_reply_to_a_connection_that_was_reset_is_counted)
{
	uint8_t r[12] = { 0 };
	struct linger l = { 1, 0 };
	start_default();
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, LATER);
	while (n_parked < 1)
		step();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	cr_assert_eq(stats.tcp_errors, 0);
	tcp_reply(tcp, &parked[0], r, 12);
	tcp_flush(tcp);
	cr_assert_eq(stats.tcp_errors, 1);
	cr_assert_eq(tcp_server_open(tcp), 0);
}

Test(listen, a_half_closed_client_still_gets_its_reply)
{
	uint8_t b[14], r[12] = { 0 };
	start_default();
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, LATER);
	shutdown(fd, SHUT_WR);
	while (n_parked < 1)
		step();
	for (int i = 0; i < 5; i++)
		step();
	tcp_reply(tcp, &parked[0], r, 12);
	cr_assert_eq(read_some(fd, b, 14), 14);
	while (tcp_server_open(tcp))
		step();
}

static void cut_behind_a_whole_one(uint8_t what)
{
	uint8_t b[14], r[12] = { 0 };
	start_default();
	int fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, what);
	cr_assert_eq(write(fd, "\0\40abc", 5), 5);
	shutdown(fd, SHUT_WR);
	while (stats.tcp_errors < 1)
		step();
	if (what == LATER)
		tcp_reply(tcp, &parked[0], r, 12);
	cr_assert_eq(read_some(fd, b, 14), 14);
	while (tcp_server_open(tcp))
		step();
	cr_assert_eq(stats.tcp_errors, 1, "and what was cut is counted");
}

Test(listen, a_whole_query_before_one_that_is_cut_is_answered)
{
	cut_behind_a_whole_one(LATER);
}

Test(listen, a_whole_query_before_one_that_is_cut_is_answered_from_the_cache)
{
	cut_behind_a_whole_one(NOW);
}

Test(listen, connections_per_client_are_bounded_and_its_longest_idle_makes_room)
{
	struct tcp_limits l;
	uint8_t b[14];
	tcp_limits_default(&l);
	l.conns_per_client = 2;
	start(&l, "0.0.0.0");
	int other = client_from(SOCK_STREAM, "127.0.0.3"), fd[4];
	query_tcp(other, 1, NOW);
	cr_assert_eq(read_some(other, b, 14), 14);
	for (int i = 0; i < 2; i++) {
		fd[i] = client_from(SOCK_STREAM, "127.0.0.2");
		query_tcp(fd[i], 1, i == 0 ? LATER : NOW);
	}
	cr_assert_eq(read_some(fd[1], b, 14), 14);
	fd[2] = client_from(SOCK_STREAM, "127.0.0.2");
	query_tcp(fd[2], 1, LATER);
	while (n_parked < 2)
		step();
	cr_assert_eq(stats.tcp_evicted, 1);
	cr_assert(!is_closed(fd[0]), "it waits for a reply");
	cr_assert(is_closed(fd[1]), "it was idle");
	cr_assert(!is_closed(other), "somebody else's, and idle longer");
	/* Now all of its connections are busy. */
	fd[3] = client_from(SOCK_STREAM, "127.0.0.2");
	while (stats.tcp_refused_client < 1)
		step();
	cr_assert(is_closed(fd[3]));
	cr_assert_eq(tcp_server_open(tcp), 3);
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], b, 12);
	close(fd[0]);
	close(fd[2]);
	while (tcp_server_open(tcp) > 1)
		step();
	cr_assert_eq(stats.tcp_evicted, 1);
}

Test(listen, when_all_places_are_taken_the_longest_idle_makes_room_but_no_busy_one)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.conns_max = 3;
	start(&l, "127.0.0.1");
	int fd[5];
	uint8_t b[14];
	for (int i = 0; i < 3; i++) {
		fd[i] = client_from(SOCK_STREAM, NULL);
		query_tcp(fd[i], 1, i == 0 ? LATER : NOW);
		if (i)
			cr_assert_eq(read_some(fd[i], b, 14), 14);
	}
	while (n_queries < 3)
		step();
	fd[3] = client_from(SOCK_STREAM, NULL);
	query_tcp(fd[3], 1, LATER);
	while (n_parked < 2)
		step();
	cr_assert_eq(stats.tcp_evicted, 1);
	cr_assert(!is_closed(fd[0]), "it waits for a reply");
	cr_assert(is_closed(fd[1]), "it was idle the longest");
	cr_assert(!is_closed(fd[2]));
	query_tcp(fd[2], 1, LATER);
	while (n_parked < 3)
		step();
	fd[4] = client_from(SOCK_STREAM, NULL);
	while (stats.tcp_refused_total < 1)
		step();
	cr_assert(is_closed(fd[4]), "it is told at once");
}

Test(listen, who_has_said_nothing_yet_makes_room_too)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.conns_max = 2;
	start(&l, "127.0.0.1");
	int mute[3];
	for (int i = 0; i < 2; i++) {
		mute[i] = client_from(SOCK_STREAM, NULL);
		while (tcp_server_open(tcp) < 1u + (unsigned)i)
			step();
	}
	mute[2] = client_from(SOCK_STREAM, NULL);
	while (stats.tcp_accepted < 3)
		step();
	cr_assert_eq(stats.tcp_evicted, 1);
	cr_assert(is_closed(mute[0]));
	cr_assert(!is_closed(mute[1]));
}

/* Many that come at once do not keep the others waiting. */
Test(listen, a_round_accepts_eight)
{
	start_default();
	for (int i = 0; i < 20; i++)
		client_from(SOCK_STREAM, NULL);
	for (unsigned want = 8; want <= 24; want += 8) {
		step();
		cr_assert_eq(tcp_server_open(tcp), want < 20 ? want : 20);
	}
}

/* A connection that is not read any more is closed with its client's reset all the same. */
Test(listen, a_paused_connection_that_is_reset_is_closed)
{
	struct tcp_limits l;
	struct linger at_once = { 1, 0 };
	tcp_limits_default(&l);
	l.pipeline_max = 2;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL);
	for (uint8_t i = 0; i < 4; i++)
		query_tcp(fd, i, LATER);
	while (n_parked < 2)
		step();
	step();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	for (int i = 0; i < 20 && tcp_server_open(tcp); i++)
		step();
	cr_assert_eq(tcp_server_open(tcp), 0, "nobody waits for its replies");
	cr_assert_eq(stats.tcp_errors, 1);
}

/* Without descriptors, and nobody idle, accepting rests; then it goes on by itself. */
Test(listen, accepting_goes_on_when_there_are_descriptors_again)
{
	struct rlimit all, few;
	uint8_t b[14], r[12] = { 0 };
	start_default();
	int busy = client_from(SOCK_STREAM, NULL), late = client_from(SOCK_STREAM, NULL);
	query_tcp(busy, 1, LATER);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	while (n_parked < 1)
		step();
	query_tcp(late, 2, NOW);
	cr_assert_eq(read_some(late, b, sizeof(b)), sizeof(b));
	close(late);
	while (tcp_server_open(tcp) > 1)
		step();
	late = client_from(SOCK_STREAM, NULL);
	int next = dup(0);
	close(next);
	few = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(tcp_server_open(tcp), 1);
	cr_assert(tcp_l.rest.armed, "it does not turn in vain");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	query_tcp(late, 2, NOW);
	cr_assert_eq(read_some(late, b, sizeof(b)), sizeof(b));
	tcp_reply(tcp, &parked[0], r, 12);
	cr_assert_eq(read_some(busy, b, sizeof(b)), sizeof(b));
}

Test(listen, silence_has_its_timers)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.read_ns = 60 * NS_PER_MS;
	l.timers.idle_ns = 120 * NS_PER_MS;
	start(&l, "127.0.0.1");
	int mute = client_from(SOCK_STREAM, NULL), slow = client_from(SOCK_STREAM, NULL);
	int idle = client_from(SOCK_STREAM, NULL), waiting = client_from(SOCK_STREAM, NULL);
	uint8_t b[14];
	query_tcp(idle, 1, NOW);
	query_tcp(waiting, 1, LATER);
	cr_assert_eq(read_some(idle, b, 14), 14);
	cr_assert_eq(send(slow, "\0\24abc", 5, 0), 5); /* trickles: must not help */
	while (tcp_server_open(tcp) > 2) {
		step();
		send(slow, "", 1, MSG_NOSIGNAL);
	}
	cr_assert(is_closed(mute));
	while (tcp_server_open(tcp) > 1)
		step();
	cr_assert(is_closed(idle));
	uint64_t later = loop.now_ns + 200 * NS_PER_MS;
	while (loop.now_ns < later)
		step();
	cr_assert_eq(tcp_server_open(tcp), 1, "one that waits for us is not idle");
	cr_assert_eq(stats.tcp_timeouts, 3);
}

Test(listen, a_client_that_asks_much_and_reads_nothing_is_stopped_then_dropped)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.write_ns = 150 * NS_PER_MS; /* between two looks */
	l.out_max_bytes = 256 * 1024;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL), small = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	uint8_t b[22] = { 0, 20, [21] = BIG };
	step();
	for (int i = 0; i < 2000; i++)
		send(fd, b, sizeof(b), MSG_NOSIGNAL);
	while (tcp_server_open(tcp))
		step();
	cr_assert_lt(n_queries, 500, "backpressure reached the socket");
	cr_assert_eq(stats.tcp_slow_readers, 1);
}

Test(listen, too_many_in_flight_pause_reading_and_resume)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.pipeline_max = 8;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL);
	uint8_t r[12] = { 0 }, b[14];
	for (int i = 0; i < 30; i++)
		query_tcp(fd, (uint8_t)i, LATER);
	while (n_parked < 8)
		step();
	for (int i = 0; i < 5; i++)
		step();
	cr_assert_eq(n_parked, 8);
	for (int i = 0; i < 30; i++) {
		while (n_parked <= i)
			step();
		r[0] = parked_tag[i];
		tcp_reply(tcp, &parked[i], r, 12);
		cr_assert_eq(read_some(fd, b, 14), 14);
		cr_assert_eq(b[2], i);
	}
}

Test(listen, a_connection_that_asked_all_it_may_ends_after_its_replies)
{
	uint8_t b[3 * 14], r[12] = { 0 };
	struct tcp_limits l;
	tcp_limits_default(&l);
	l.timers.queries_max = 3;
	start(&l, "127.0.0.1");
	int fd = client_from(SOCK_STREAM, NULL);
	for (uint8_t i = 1; i <= 5; i++)
		query_tcp(fd, i, LATER);
	while (n_parked < 3)
		step();
	for (int i = 0; i < 10; i++)
		step();
	cr_assert_eq(n_parked, 3);
	cr_assert_eq(parked[0].keepalive_ds, 100, "tenths of a second");
	cr_assert_eq(parked[1].keepalive_ds, 100);
	cr_assert_eq(parked[2].keepalive_ds, 0, "please close");
	for (int i = 0; i < 3; i++)
		tcp_reply(tcp, &parked[i], r, 12);
	cr_assert_eq(read_some(fd, b, sizeof(b)), sizeof(b));
	while (tcp_server_open(tcp))
		step();
}

/* A connection whose octets or answers there is no memory for is closed; the others go on. */
Test(listen, memory_is_short)
{
	static const struct {
		const char *octets;
		size_t len;
		bool later;
	} cases[] = { { "\0\24AAAAAAAAAAAAAAAAAAA\1", 22, false }, { "\0\24AAA", 5, false }, { "\0\24AAAAAAAAAAAAAAAAAAA\2", 22, true } };
	uint8_t b[14], r[12] = { 0 };
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	start_default();
	int other = client_from(SOCK_STREAM, NULL);
	query_tcp(other, 1, NOW);
	cr_assert_eq(read_some(other, b, sizeof(b)), sizeof(b));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = client_from(SOCK_STREAM, NULL);
		while (tcp_server_open(tcp) < 2)
			step();
		cr_assert_eq(send(fd, cases[i].octets, cases[i].len, 0), (ssize_t)cases[i].len);
		while (cases[i].later && !n_parked)
			step();
		memory_fail(0, true);
		if (cases[i].later)
			tcp_reply(tcp, &parked[0], r, sizeof(r));
		for (int k = 0; k < 20 && tcp_server_open(tcp) > 1; k++)
			loop_step(&loop, loop.now_ns + 5 * NS_PER_MS);
		cr_assert(memory_back());
		cr_assert_eq(tcp_server_open(tcp), 1, "case %zu", i);
		cr_assert(is_closed(fd));
		close(fd);
	}
	/* nor is there for a new one */
	int next = dup(0), fd;
	close(next);
	fd = client_from(SOCK_STREAM, NULL);
	memory_fail(0, true);
	for (int k = 0; k < 3; k++)
		loop_step(&loop, loop.now_ns + 5 * NS_PER_MS);
	cr_assert(memory_back());
	cr_assert(is_closed(fd));
	close(fd);
	cr_assert_eq(dup(0), next, "nothing stays open");
	close(next);
	cr_assert_eq(tcp_server_open(tcp), 1);
	fd = client_from(SOCK_STREAM, NULL);
	query_tcp(fd, 1, NOW);
	cr_assert_eq(read_some(fd, b, sizeof(b)), sizeof(b));
	query_tcp(other, 1, NOW);
	cr_assert_eq(read_some(other, b, sizeof(b)), sizeof(b));
}

/* Which address of ours a connection came to. */
Test(listen, the_core_knows_the_address_that_a_connection_asked)
{
	union sockaddr_any sa;
	struct in6_addr a;
	struct tcp_limits l;
	uint8_t b[14];
	uint16_t p;
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	cr_assert_eq(sockaddr_parse("127.0.0.77", 0, &a, &p), 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(fd, &sa.sa, sockaddr_from(&sa, &a, port, 0));
	query_tcp(fd, 1, NOW);
	cr_assert_eq(read_some(fd, b, sizeof(b)), sizeof(b));
	cr_assert_eq(b[2 + 11], 77);
	query_tcp(fd, 1, LATER);
	while (n_parked < 1)
		step();
	cr_assert_eq(memcmp(&parked[0].local, &a, sizeof(a)), 0);
	cr_assert_eq(parked[0].addr.s6_addr[15], 1);
}

/* Large ones need more than one flush's room; all leave, in their order. */
Test(listen, replies_that_do_not_fit_together_leave_all_the_same)
{
	static uint8_t big[CORE_UDP_MAX], b[65536];
	uint8_t q[20] = { [19] = LATER };
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL), large = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large));
	cr_assert_eq(send(fd, q, sizeof(q), 0), (ssize_t)sizeof(q));
	while (n_parked < 1)
		step();
	for (uint8_t i = 0; i < 50; i++) {
		big[0] = big[sizeof(big) - 1] = i;
		udp_reply(&udp_l, &parked[0], big, sizeof(big));
	}
	for (uint8_t i = 0; i < 2 * UDP_BATCH; i++)
		udp_reply(&udp_l, &parked[0], &i, 1);
	udp_flush(&udp_l);
	for (uint8_t i = 0; i < 50; i++) {
		cr_assert_eq(recv(fd, b, sizeof(b), 0), (ssize_t)sizeof(big));
		cr_assert(b[0] == i && b[sizeof(big) - 1] == i);
	}
	for (uint8_t i = 0; i < 2 * UDP_BATCH; i++)
		cr_assert(recv(fd, b, sizeof(b), 0) == 1 && b[0] == i);
	cr_assert_eq(stats.udp_sent, 50 + 2 * UDP_BATCH);
}

static void exchange_at(int fd, const char *addr, uint16_t at, int n)
{
	union sockaddr_any sa, from;
	struct in6_addr a;
	uint16_t p;
	uint8_t q[20] = { [19] = NOW }, b[64];
	cr_assert_eq(sockaddr_parse(addr, 0, &a, &p), 0);
	socklen_t len = sockaddr_from(&sa, &a, at, 0);
	for (int i = 0; i < n; i++)
		cr_assert_eq(sendto(fd, q, 20, 0, &sa.sa, len), 20);
	for (int i = 0; i < n; i++) {
		len = sizeof(from);
		while (recvfrom(fd, b, sizeof(b), 0, &from.sa, &len) < 0)
			step();
		cr_assert_eq(from.v4.sin_addr.s_addr, sa.v4.sin_addr.s_addr);
		cr_assert_eq(from.v4.sin_port, sa.v4.sin_port);
		cr_assert_eq(b[11], a.s6_addr[15], "the address asked");
	}
}

static struct udp_listener second;

static void flush_both(void *ctx)
{
	flush(ctx);
	udp_flush(&second);
}

/* They use one batch in turn: what one left in it is nothing to the other. */
Test(listen, a_wildcard_beside_a_bound_address)
{
	struct tcp_limits l;
	struct diag d;
	union sockaddr_any sa;
	struct in6_addr a;
	socklen_t len = sizeof(sa);
	uint32_t scope;
	uint16_t other;
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	int ufd = udp_socket_open(&lo, 0, 0, 1, &d);
	cr_assert_geq(ufd, 0);
	getsockname(ufd, &sa.sa, &len);
	sockaddr_split(&sa, &a, &other, &scope);
	cr_assert_eq(udp_listener_init(&second, ufd, batch, &stats, &d), 0);
	cr_assert_eq(udp_listener_start(&second, &loop, NULL), 0);
	loop.before_sleep = flush_both;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	for (int i = 0; i < 3; i++) {
		exchange_at(fd, "127.0.0.77", port, 1);
		exchange_at(fd, "127.0.0.1", other, 40);
		exchange_at(fd, "127.0.0.78", port, 40);
		exchange_at(fd, "127.0.0.1", other, 1);
		exchange_at(fd, "127.0.0.79", port, 70);
	}
	udp_listener_stop(&second);
	udp_listener_release(&second);
	close(ufd);
}

Test(listen, connections_take_half_of_the_descriptors_at_most)
{
	static const rlim_t have[] = { 100000, 8192, 1000, 5, 4, 3, 1 };
	static const unsigned want[] = { 4096, 4096, 500, 2, 2, 1, 1 };
	struct rlimit before, r;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++) {
		struct tcp_limits l;
		if (have[i] > before.rlim_max)
			continue;
		r = (struct rlimit){ .rlim_cur = have[i], .rlim_max = before.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
		tcp_limits_default(&l);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
		cr_assert_eq(l.conns_max, want[i], "%lu: %u", (unsigned long)have[i], l.conns_max);
	}
}
