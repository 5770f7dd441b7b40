/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to an upstream: which takes a question, how many there are, how each ends. */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/upstream_world.h"

#include "resolver/net/upool_conn.h"

TestSuite(upool, .init = setup, .fini = teardown, .timeout = 30);

static uint8_t questions[1000][20];

/* Connections the upstream sees now, the newest last. */
static int accept_all(int *fd, int max)
{
	int n = 0;

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
		for (int f; n < max && (f = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
			fd[n++] = f;
	}
	return n;
}

static void pass_ms(uint64_t ms)
{
	uint64_t later = loop.now_ns + ms * NS_PER_MS;

	while (loop.now_ns < later)
		cr_assert_eq(loop_step(&loop, later), 0);
}

/* The connection is closed by the other side. */
static void until_closed(int fd)
{
	char b[64];

	for (ssize_t r; (r = recv(fd, b, sizeof(b), 0)) != 0;)
		if (r < 0)
			cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
}

/* Two connections: the first with 130 questions, the second with one. */
static void two_open(int *fd)
{
	for (uint32_t id = 1; id <= 129; id++)
		ask(id, CORE_TCP);
	cr_assert_eq(accept_all(fd, 8), 1);
	ask(200, CORE_TCP);
	while (accept_all(fd + 1, 1) == 0)
		;
	ask(201, CORE_TCP);
	cr_assert_eq(accept_all(fd + 2, 8), 0);
	questions_read(fd[0], questions, 130);
	questions_read(fd[1], questions + 130, 1);
}

/* Beside the others once enough are in flight, four at most; each question arrives once. */
Test(upool, load_is_spread_over_four)
{
	int fd[16], n = 0;

	for (uint32_t id = 1; id <= 900; id++) {
		ask(id, CORE_TCP);
		if (id % 64 == 0)
			n += accept_all(fd + n, 16 - n);
		if (id == 100)
			cr_expect_eq(n, 1);
	}
	n += accept_all(fd + n, 16 - n);
	cr_expect_eq(n, 4);
	cr_expect_eq(stats.up_tcp_connects, 4);
	cr_expect_eq(stats.up_tcp_open, 4);
	cr_expect_eq(up_stats.conn_misses[CORE_TCP], 4);
	cr_expect_eq(up_stats.conn_hits[CORE_TCP], 896);
}

/* A question that there is no memory for is told as failed, and harms none beside it. */
Test(upool, memory_is_short)
{
	int fd, n = 0;

	if (!NO_MEMORY_HERE)
		cr_skip_test("sanitizers have a heap of their own");
	ask(1, CORE_TCP);
	fd = accept_one();
	questions_read(fd, questions, 1);
	for (bool failed = true; failed; n++) {
		int before = n_fails;

		memory_fail(n, true);
		ask(2 + (uint32_t)n, CORE_TCP);
		failed = memory_back();
		upstreams_flush(&ups);
		cr_assert_eq(n_fails, before + failed);
		if (failed)
			cr_expect_eq(fail_why[before], CORE_FAIL_NOSOCKET);
	}
	cr_assert_gt(n, 1, "it takes some");
	answer_write(fd, questions[0]);
	until(&n_answers, 1);
	questions_read(fd, questions, 1);
	cr_expect_eq(questions[0][19], n + 1, "the last one was sent");
	cr_expect_eq(stats.up_tcp_connects, 1);
}

/* What broke under its questions makes the others suspect: the next goes to a new one. */
Test(upool, a_break_under_questions_makes_the_others_suspect)
{
	int fd[8];

	two_open(fd);
	close(fd[0]);
	until(&n_fails, 1);
	cr_expect_eq(stats.up_tcp_lost, 1);
	ask(300, CORE_TCP);
	cr_expect_eq(accept_all(fd + 3, 4), 1);
}

/* What connections broke under is asked again apart, one on each of three while there are so many; and
 * what it breaks there concerns nobody else. */
Test(upool, questions_that_break_connections_are_asked_apart)
{
	uint8_t q[8][20];
	int fd[8], n;

	ask(1, CORE_TCP);
	cr_assert_eq(accept_all(fd, 8), 1);
	questions_read(fd[0], q, 1);
	for (uint32_t id = 2; id <= 5; id++)
		ask_of(id, CORE_TCP, 18, 1);
	for (n = 1; n < 4;)
		n += accept_all(fd + n, 8 - n);
	for (int i = 1; i < 4; i++) {
		questions_read(fd[i], q + i, 1);
		cr_expect_eq(q[i][19], i + 1, "one question on each");
	}
	ask(6, CORE_TCP);
	questions_read(fd[0], q, 1);
	cr_expect_eq(q[0][19], 6, "others go where they went");
	for (int i = 1; i < 4; i++)
		close(fd[i]);
	until(&n_fails, 4);
	ask(7, CORE_TCP);
	questions_read(fd[0], q, 1);
	cr_expect_eq(q[0][19], 7, "a connection that broke apart makes nobody suspect");
	cr_expect_eq(stats.up_tcp_connects, 4);
	cr_expect_eq(n_fails, 4);
}

/* One that breaks when nothing is asked, or only what was given up, tells nothing. */
Test(upool, a_break_without_questions_makes_nobody_suspect)
{
	int fd[8], before = n_answers;

	two_open(fd);
	for (int i = 0; i < 128; i++)
		answer_write(fd[0], questions[i]);
	until(&n_answers, before + 128);
	upstreams_cancel(&ups, 129);
	upstreams_cancel(&ups, 200);
	upstreams_cancel(&ups, 201);
	close(fd[0]);
	while (stats.up_tcp_open > 1)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(stats.up_tcp_lost, 0);
	ask(300, CORE_TCP);
	cr_expect_eq(accept_all(fd + 3, 4), 0);
	questions_read(fd[1], questions, 1);
	cr_expect_eq(questions[0][19], 300 & 0xff);
	pass_ms(200); /* what was set for the one that broke is not due any more */
	cr_expect_eq(stats.up_tcp_open, 1);
}

Test(upool, a_silent_one_ends_after_its_time_and_its_questions_fail)
{
	struct upstream_conf conf = ups.up[0]->conf;
	int fd[2];

	conf.quiet_ns = 150 * NS_PER_MS;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	fd[0] = accept_one();
	questions_read(fd[0], questions, 1);
	pass_ms(100);
	ask(2, CORE_TCP); /* does not renew the first one's patience */
	until(&n_fails, 2);
	cr_expect_eq(fail_why[0], CORE_FAIL_CLOSED);
	cr_expect_eq(stats.up_tcp_lost, 1);
	cr_expect_eq(stats.up_tcp_open, 0);
	until_closed(fd[0]);
}

/* An old one takes no more questions, and ends when those it has are answered. */
Test(upool, an_old_one_is_replaced)
{
	struct upstream_conf conf = ups.up[0]->conf;
	int fd[2];

	conf.max_age_ns = 100 * NS_PER_MS;
	conf.expire_ns = 10 * NS_PER_S;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	fd[0] = accept_one();
	questions_read(fd[0], questions, 1);
	while (!stats.up_tcp_aged)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	ask(2, CORE_TCP);
	fd[1] = accept_one();
	questions_read(fd[1], questions + 1, 1);
	answer_write(fd[0], questions[0]);
	until(&n_answers, 1);
	cr_expect_eq(answer_id[0], 1);
	until_closed(fd[0]);
	answer_write(fd[1], questions[1]);
	until(&n_answers, 2);
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(stats.up_tcp_lost, 0);
}

/* Questions leave from the address they are told to, over both. */
Test(upool, the_source_address_is_kept)
{
	struct upstream_conf conf = ups.up[0]->conf;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char b[64];

	conf.has_source = true;
	conf.source = conf.addr;
	conf.source.s6_addr[15] = 9;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	int fd = accept_one();

	cr_assert_eq(getpeername(fd, (struct sockaddr *)&from, &len), 0);
	cr_expect_eq(ntohl(from.sin_addr.s_addr), 0x7f000009);
	cr_expect_geq(ntohs(from.sin_port), 1024, "the port is the kernel's choice");
	ask(2, CORE_UDP);
	len = sizeof(from);
	while (recvfrom(udp_fd, b, sizeof(b), 0, (struct sockaddr *)&from, &len) < 0)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(ntohl(from.sin_addr.s_addr), 0x7f000009);
	cr_expect_geq(ntohs(from.sin_port), 1024);
}

/* Whoever ends all of them ends those that have something to send, too. */
Test(upool, release_with_questions_not_sent_yet)
{
	int fd[8];

	two_open(fd);
	ask(300, CORE_TCP);
	upstreams_cancel(&ups, 200);
	for (uint32_t id = 301; id < 310; id++)
		ask(id, CORE_TCP);
	upstreams_cancel(&ups, 1);
	for (struct upool_conn *c = ups.up[0]->tcp.conns; c; c = c->next)
		upool_touch(c);
	upstreams_release(&ups);
	cr_expect_eq(n_fails, 0, "nobody is told");
	cr_expect_eq(stats.up_tcp_open, 0);
	until_closed(fd[0]);
	until_closed(fd[1]);
}

/* Found out by sending, before the loop has heard of it. */
Test(upool, a_connection_that_cannot_send_is_lost)
{
	struct linger at_once = {1, 0};

	ask(1, CORE_TCP);
	int fd = accept_one();

	questions_read(fd, questions, 1);
	answer_write(fd, questions[0]);
	until(&n_answers, 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	ask(2, CORE_TCP);
	upstreams_flush(&ups);
	cr_expect_eq(n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_ENDED);
	cr_expect_eq(stats.up_tcp_lost, 1);
	cr_expect_eq(stats.up_tcp_open, 0);
}

/* What the other side does not take yet is sent later, and each question arrives as it was. */
Test(upool, questions_behind_a_full_socket)
{
	enum { N = 127, LEN = 64 };
	static uint8_t in[N * (2 + LEN)];
	int small = 1;
	size_t have = 0;

	cr_assert_eq(setsockopt(listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	ask_long(1, CORE_TCP, LEN);
	int fd = accept_one();
	struct upool_conn *c = ups.up[0]->tcp.conns;

	while (c->state != CONN_OPEN)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_assert_eq(setsockopt(c->watch.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (uint32_t id = 2; id < N; id++) {
		ask_long(id, CORE_TCP, LEN);
		upstreams_flush(&ups);
	}
	for (size_t before = c->stream.out_len; c->stream.out_len == before;) { /* until a part has left */
		ssize_t n = recv(fd, in + have, sizeof(in) - have, 0);

		have += n > 0 ? (size_t)n : 0;
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	cr_assert(c->stream.out_off && c->stream.out_len);
	ask_long(N, CORE_TCP, LEN);
	while (have < sizeof(in)) {
		ssize_t n = recv(fd, in + have, sizeof(in) - have, 0);

		if (n > 0)
			have += (size_t)n;
		else
			cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	for (unsigned i = 0; i < N; i++) {
		uint8_t *q = in + i * (2 + LEN);

		cr_assert_eq(get_be16(q), LEN);
		cr_assert_eq(q[2 + LEN - 1], i + 1);
		q[4] |= 0x80;
		cr_assert_eq(send(fd, q, 2 + LEN, 0), 2 + LEN);
	}
	until(&n_answers, N);
	cr_expect_eq(stats.up_tcp_strays, 0);
	cr_expect_eq(stats.up_tcp_connects, 1);
}

/* Its time counts from when it was opened, and is not that for opening. */
Test(upool, a_silent_one_is_found_in_its_time)
{
	struct upstream_conf conf = ups.up[0]->conf;
	uint64_t start = loop.now_ns;

	conf.quiet_ns = 100 * NS_PER_MS;
	configure(&conf, 1);
	ask(1, CORE_TCP);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_CLOSED);
	cr_expect_geq(loop.now_ns, start + 100 * NS_PER_MS);
	cr_expect_lt(loop.now_ns, start + 1400 * NS_PER_MS);
}

static struct upstream_conf conf_at(uint16_t at)
{
	struct upstream_conf conf = ups.up[0]->conf;

	conf.port = at;
	conf.expire_ns = 10 * NS_PER_S;
	return conf;
}

/* An upstream that is not configured any more keeps nothing that nobody waits for, and nothing at all in the end. */
Test(upool, an_upstream_that_goes)
{
	struct upstream_conf here = conf_at(port), there = conf_at(9);
	long kept = 0;

	for (int i = 0; i < 6; i++) {
		int before = n_answers;

		configure(&here, 1);
		ask(1, CORE_TCP);
		ask(2, CORE_UDP);
		int fd = accept_one();

		questions_read(fd, questions, 1);
		answer_write(fd, questions[0]);
		until(&n_answers, before + 1);
		configure(&there, 1);
		for (int k = 0; k < 3; k++)
			cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
		cr_expect_eq(stats.up_tcp_open, 0);
		cr_expect_eq(stats.up_udp_open, 0);
		cr_expect_null(ups.retired);
		until_closed(fd);
		close(fd);
		if (i == 2)
			kept = memory_kept;
	}
	cr_expect_leq(memory_kept, kept, "some of each stays: %ld", memory_kept - kept);
}

/* Of several that go, one that still waits for an answer keeps none of the others. */
Test(upool, upstreams_that_go_one_by_one)
{
	struct upstream_conf both[2] = {conf_at(port), conf_at(port)}, there = conf_at(9);
	uint8_t m[18] = {[2] = 1, [5] = 1, [17] = 2};
	struct core_ask a = {.id = 2, .proto = CORE_TCP, .upstream = 1, .query = m, .len = sizeof(m)};

	both[1].has_source = true;
	both[1].source = both[1].addr;
	configure(both, 2);
	ask(1, CORE_TCP);
	int fd = accept_one();

	questions_read(fd, questions, 1);
	answer_write(fd, questions[0]);
	until(&n_answers, 1);
	upstreams_ask(&ups, &a);
	fd = accept_one();
	questions_read(fd, questions, 1);
	struct upstream *busy = ups.up[1];

	configure(&there, 1);
	for (int k = 0; k < 3; k++)
		cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_expect_eq(ups.retired, busy);
	cr_assert(ups.retired && !ups.retired->next_retired);
	answer_write(fd, questions[0]);
	until_closed(fd);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_expect_null(ups.retired);
}
