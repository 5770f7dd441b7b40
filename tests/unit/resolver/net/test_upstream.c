/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream transports against sockets of the test's own: ids, answers out
 * of order, broken connections, cancelled questions. Over UDP: test_upstream_udp.c.
 */
#include "tests/fixtures/upstream_world.h"

TestSuite(upstream, .init = setup, .fini = teardown, .timeout = 20);

Test(upstream, many_questions_share_a_connection_and_answers_come_in_any_order)
{
	uint8_t q[10][20];
	for (uint32_t id = 1; id <= 10; id++)
		ask(id, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 10);
	for (int i = 0; i < 10; i++)
		for (int j = 0; j < i; j++)
			cr_assert_neq(get_be16(q[i] + 2), get_be16(q[j] + 2), "an id twice");
	for (int i = 9; i >= 0; i--)
		answer_write(fd, q[i]);
	until(&n_answers, 10);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(answer_id[i], 10u - (unsigned)i);
		cr_assert_eq(answer_tag[i], 10 - i);
	}
	cr_assert_eq(accept(listen_fd, NULL, NULL), -1, "one connection was enough");
	cr_assert_eq(up_stats.conn_misses[CORE_TCP], 1);
	cr_assert_eq(up_stats.conn_hits[CORE_TCP], 9);
}

Test(upstream, a_broken_connection_fails_all_its_questions_and_a_new_one_takes_the_next)
{
	uint8_t q[3][20];
	for (uint32_t id = 1; id <= 3; id++)
		ask(id, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 3);
	ask_again = 3;
	close(fd);
	until(&n_fails, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(fail_why[i], CORE_FAIL_CLOSED);
	fd = accept_one();
	questions_read(fd, q, 3);
	for (int i = 0; i < 3; i++)
		answer_write(fd, q[i]);
	until(&n_answers, 3);
	cr_assert_eq(stats.up_tcp_connects, 2);
}

Test(upstream, a_cancelled_question_is_forgotten_and_its_late_answer_harms_nobody)
{
	uint8_t q[2][20];
	ask(1, CORE_TCP);
	ask(2, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 2);
	upstreams_cancel(&ups, 1);
	upstreams_cancel(&ups, 77); /* never heard of it */
	answer_write(fd, q[0]);
	answer_write(fd, q[1]);
	until(&n_answers, 1);
	cr_assert_eq(answer_id[0], 2);
	cr_assert_eq(n_fails, 0);
	while (stats.up_tcp_open)
		cr_assert_eq(loop_step(&loop, loop.now_ns + 10 * NS_PER_MS), 0);
	cr_assert_eq(stats.up_tcp_idle, 1, "nothing is under way on it any more");
	cr_assert_eq(stats.up_tcp_lost, 0);
}

Test(upstream, a_silent_connection_is_avoided_once_a_question_was_given_up)
{
	uint8_t q[1][20];
	ask(1, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 1);
	uint64_t later = loop.now_ns + 350 * NS_PER_MS;
	while (loop.now_ns < later)
		cr_assert_eq(loop_step(&loop, later), 0);
	upstreams_cancel(&ups, 1);
	ask(2, CORE_TCP);
	int second = accept_one();
	questions_read(second, q, 1);
	answer_write(second, q[0]);
	until(&n_answers, 1);
}

Test(upstream, refused_is_told_before_the_loop_sleeps_and_never_from_within)
{
	close(listen_fd);
	ask(1, CORE_TCP);
	cr_assert_eq(n_fails, 0);
	until(&n_fails, 1);
	cr_assert_eq(fail_why[0], CORE_FAIL_REFUSED);
}

Test(upstream, an_idle_connection_is_closed_after_its_time)
{
	uint8_t q[1][20];
	char b;
	ask(1, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	while (recv(fd, &b, 1, 0) < 0)
		cr_assert_eq(loop_step(&loop, loop.now_ns + 10 * NS_PER_MS), 0);
	cr_assert_eq(stats.up_tcp_idle, 1);
	cr_assert_eq(stats.up_tcp_open, 0);
}

Test(upstream, idle_connections_beyond_their_number_close_at_once)
{
	static uint8_t q[500][20];
	struct upstream_conf conf = ups.up[0]->conf;
	uint8_t last[1][20];
	uint32_t n = 0;
	int fd, more = -1;
	conf.max_idle_conns = 1;
	conf.expire_ns = 60 * NS_PER_S;
	configure(&conf, 1);
	upstreams_set_stats(&ups, 0, &up_stats);
	ask(++n, CORE_TCP);
	fd = accept_one();
	while (more < 0 && n < 500) { /* until one connection is not enough */
		ask(++n, CORE_TCP);
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
		more = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
	}
	cr_assert_geq(more, 0);
	questions_read(fd, q, (int)n);
	ask(n + 1, CORE_TCP);
	questions_read(more, last, 1);
	for (uint32_t i = 0; i < n; i++)
		answer_write(fd, q[i]);
	until(&n_answers, (int)n);
	cr_assert_eq(stats.up_tcp_open, 2);
	answer_write(more, last[0]);
	while (stats.up_tcp_open > 1)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_assert_eq(n_fails, 0);
}

/* Over a stream nobody can forge, but servers can be odd: a second message to one question
 * (as a zone transfer has), ids nobody asked with, questions, frames of nothing. */
Test(upstream, bound_20_odd_messages_leave_the_stream_usable)
{
	static const uint8_t empty[2], tiny[4] = { 0, 2, 0x12, 0x34 };
	uint8_t q[3][20], odd[20];
	for (uint32_t id = 1; id <= 3; id++)
		ask(id, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 3);
	answer_write(fd, q[0]);
	answer_write(fd, q[0]);
	memcpy(odd, q[1], 20);
	set_be16(odd + 2, (uint16_t)(get_be16(q[1] + 2) ^ 0x5555));
	if (get_be16(odd + 2) != get_be16(q[2] + 2))
		answer_write(fd, odd);
	cr_assert_eq(send(fd, q[1], 20, 0), 20); /* the question itself: no answer */
	cr_assert_eq(send(fd, empty, 2, 0), 2);
	cr_assert_eq(send(fd, tiny, 4, 0), 4);
	answer_write(fd, q[2]);
	answer_write(fd, q[1]);
	until(&n_answers, 3);
	cr_assert_eq(answer_id[0], 1);
	cr_assert_eq(answer_id[1], 3);
	cr_assert_eq(answer_id[2], 2);
	cr_assert_geq(stats.up_tcp_strays, 4);
	ask(4, CORE_TCP);
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 4);
	cr_assert_eq(stats.up_tcp_connects, 1);
	cr_assert_eq(n_fails, 0);
}

/* The same id, and another question: over a stream, too, the true one behind it counts. */
Test(upstream, bound_13_a_reply_to_something_else_over_tcp_is_ignored)
{
	uint8_t q[2][20];
	ask(1, CORE_TCP);
	ask(2, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 2);
	for (int i = 0; i < 70; i++) { /* not in a row */
		q[0][8] = 0xee;
		answer_write(fd, q[0]);
		q[0][8] = 0;
		if (i == 40) {
			answer_write(fd, q[1]);
			until(&n_answers, 1);
		}
	}
	answer_write(fd, q[0]);
	until(&n_answers, 2);
	cr_assert_eq(answer_id[0], 2);
	cr_assert_eq(answer_id[1], 1);
	cr_assert_eq(n_fails, 0);
	cr_assert_eq(stats.up_tcp_strays, 70);
	ask(3, CORE_TCP);
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 3);
	cr_assert_eq(stats.up_tcp_connects, 1);
}

Test(upstream, a_stream_of_replies_to_something_else_ends_the_connection)
{
	uint8_t q[2][20];
	ask(1, CORE_TCP);
	ask(2, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 2);
	q[0][8] = 0xee;
	for (int i = 0; i < 64; i++)
		answer_write(fd, q[0]);
	answer_write(fd, q[1]); /* too late */
	until(&n_fails, 2);
	cr_assert_eq(n_answers, 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(fail_why[i], CORE_FAIL_BADREPLY);
	cr_assert_eq(stats.up_tcp_strays, 64);
	cr_assert_eq(stats.up_tcp_lost, 1);
	ask(3, CORE_TCP);
	fd = accept_one();
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
}

/* Some servers close each connection after so many answers. */
Test(upstream, a_connection_that_ended_after_answers_says_so)
{
	uint8_t q[5][20];
	for (uint32_t id = 1; id <= 5; id++)
		ask(id, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 5);
	for (int i = 0; i < 3; i++)
		answer_write(fd, q[i]);
	ask_again = 2;
	close(fd);
	until(&n_fails, 2);
	cr_assert_eq(n_answers, 3);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(fail_why[i], CORE_FAIL_ENDED);
	fd = accept_one();
	questions_read(fd, q, 2);
	answer_write(fd, q[0]);
	answer_write(fd, q[1]);
	until(&n_answers, 5);
	cr_assert_eq(stats.up_tcp_connects, 2);
}

/* Whoever has many ports of slow names gets no more at the cost of others, nor of its own. */
Test(upstream, a_client_with_many_slow_questions_takes_no_ports)
{
	struct in6_addr one = { .s6_addr = { [15] = 1 } }, other = { .s6_addr = { [15] = 2 } };
	uint8_t m[18] = { [2] = 1, [5] = 1 };
	struct core_ask a = { .proto = CORE_UDP, .query = m, .len = sizeof(m), .client = &one };
	memset(&ups.key, 0, sizeof(ups.key)); /* known not to meet in one row */
	ups.udp_single_max = 16;
	for (a.id = 1; a.id <= 16; a.id++)
		upstreams_ask(&ups, &a);
	upstreams_flush(&ups);
	loop.now_ns += 500 * NS_PER_MS;
	for (; a.id <= 20; a.id++)
		upstreams_ask(&ups, &a);
	cr_assert_eq(stats.up_udp_gave_way, 0);
	cr_assert_eq(stats.up_udp_shared, 4);
	a.client = &other;
	for (; a.id <= 22; a.id++)
		upstreams_ask(&ups, &a);
	cr_assert_eq(stats.up_udp_gave_way, 2);
	cr_assert_eq(stats.up_udp_shared, 4);
	a.client = &one; /* it holds 14 */
	upstreams_ask(&ups, &a);
	cr_assert_eq(stats.up_udp_shared, 5);
	until(&n_fails, 2);
	for (uint32_t id = 1; id <= a.id; id++)
		upstreams_cancel(&ups, id);
	upstreams_flush(&ups);
	for (unsigned i = 0; i < UPSTREAM_CLIENTS; i++)
		cr_assert_eq(ups.client[i].n_single, 0);
	cr_assert_eq(ups.n_udp_leaving, 0);
}

/* Failures that bring new ones get so many rounds at once; then the loop has its turn, and comes
 * back by itself. */
Test(upstream, failures_that_never_end_do_not_keep_the_loop)
{
	struct upstream_conf conf = ups.up[0]->conf;
	uint64_t before = loop.now_ns;
	conf.addr.s6_addr32[3] = 0xffffffff; /* nobody may connect to it: each fails at once */
	configure(&conf, 1);
	ask_again = 1000;
	ask(1, CORE_TCP);
	upstreams_flush(&ups);
	cr_assert_geq(n_fails, 2);
	cr_assert_lt(n_fails, 41, "not all within one call");
	while (n_fails < 41)
		cr_assert_eq(loop_step(&loop, before + 15 * NS_PER_S), 0);
	cr_assert_lt(loop.now_ns, before + 14 * NS_PER_S, "nobody had to wake it");
}

/* Which clients share a row is known to none of them. */
Test(upstream, keys_are_drawn)
{
	static struct upstreams other;
	struct upstream_events ev = { .answer = on_answer, .fail = on_fail };
	cr_assert_eq(upstreams_init(&other, &loop, &ev, &scratch, &stats), 0);
	cr_expect_neq(memcmp(&ups.key, &other.key, sizeof(ups.key)), 0);
	upstreams_release(&other);
}

static int spare_fd = -1, n_made;

static bool on_descriptor_make(void *ctx)
{
	(void)ctx;
	if (spare_fd < 0)
		return false;
	n_made++;
	close(spare_fd);
	spare_fd = -1;
	return true;
}

Test(upstream, without_descriptors_somebody_idle_gives_one)
{
	uint8_t q[1][20];
	int fd, last = -1;
	ups.events.descriptor_make = on_descriptor_make;
	struct rlimit few = { 64, 64 };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fd = dup(udp_fd)) >= 0)
		last = fd;
	spare_fd = last;
	ask(1, CORE_UDP);
	cr_assert_eq(n_made, 1);
	cr_assert_eq(stats.up_udp_open, 1);
	spare_fd = last - 1;
	ask(2, CORE_TCP);
	cr_assert_eq(n_made, 2);
	close(last - 2); /* for this test's end of the connection */
	fd = accept_one();
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	ask(3, CORE_UDP); /* nobody has one to give: shared, so none is needed... */
	ask(4, CORE_UDP);
	until(&n_fails, 2); /* ...but there is none that is shared either */
	cr_assert_eq(fail_why[0], CORE_FAIL_NOSOCKET);
}

Test(upstream, an_upstream_that_stays_keeps_its_connection_across_a_reload)
{
	uint8_t q[1][20];
	struct upstream_conf conf[2] = { ups.up[0]->conf, ups.up[0]->conf };
	conf[0].port = (uint16_t)(port ^ 1);
	ask(1, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 1);
	configure(conf, 2); /* now second */
	answer_write(fd, q[0]); /* of before: void */
	uint8_t m[18] = { [2] = 1, [5] = 1, [17] = 5 };
	struct core_ask a = { .id = 5, .upstream = 1, .proto = CORE_TCP, .query = m, .len = sizeof(m) };
	upstreams_ask(&ups, &a);
	questions_read(fd, q, 1);
	answer_write(fd, q[0]);
	until(&n_answers, 1);
	cr_assert_eq(answer_id[0], 5);
	cr_assert_eq(stats.up_tcp_connects, 1);
}

Test(upstream, one_that_goes_is_not_listened_to_any_more)
{
	uint8_t q[1][20];
	char b;
	ask(1, CORE_TCP);
	int fd = accept_one();
	questions_read(fd, q, 1);
	configure(NULL, 0);
	answer_write(fd, q[0]);
	while (recv(fd, &b, 1, 0) < 0)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_assert_eq(n_answers + n_fails, 0);
	cr_assert_null(ups.retired);
}

Test(idmap, ids_are_unique_and_survive_growth_and_deletion)
{
	struct idmap m = { 0 };
	static uint16_t id[IDMAP_MAX];
	static int owner[IDMAP_MAX];
	static bool used[65536];
	void *o;
	uint16_t extra;
	for (int i = 0; i < IDMAP_MAX; i++) {
		cr_assert_eq(idmap_add(&m, &owner[i], &id[i]), 0);
		cr_assert(!used[id[i]]);
		used[id[i]] = true;
	}
	cr_assert_eq(idmap_add(&m, &owner[0], &extra), ERR_LIMIT);
	for (int i = 0; i < IDMAP_MAX; i += 2) {
		cr_assert(idmap_take(&m, id[i], &o));
		cr_assert_eq(o, &owner[i]);
		cr_assert(!idmap_take(&m, id[i], &o));
	}
	idmap_orphan(&m, id[1]);
	unsigned at = 0, n = 0;
	while (idmap_next(&m, &at))
		n++;
	cr_assert_eq(n, IDMAP_MAX / 2 - 1);
	for (int i = 1; i < IDMAP_MAX; i += 2)
		cr_assert(idmap_take(&m, id[i], &o));
	cr_assert_eq(m.n, 0);
	idmap_release(&m);
}
