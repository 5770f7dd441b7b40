/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream transports over UDP: a port a question, floods, strangers' and forged datagrams. */
#include "tests/fixtures/upstream_world.h"

#include "resolver/net/udp_sock.h"

TestSuite(upstream_udp, .init = setup, .fini = teardown, .timeout = 20);

Test(upstream_udp, each_question_over_udp_has_its_own_port_and_wrong_ids_are_passed_over)
{
	struct sockaddr_in from[3];
	uint8_t q[3][18];
	socklen_t len = sizeof(from[0]);
	for (uint32_t id = 1; id <= 3; id++)
		ask(id, CORE_UDP);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(recvfrom(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], &len), 18);
	cr_assert_neq(from[0].sin_port, from[1].sin_port);
	cr_assert_neq(from[1].sin_port, from[2].sin_port);
	for (int i = 2; i >= 0; i--) {
		q[i][2] |= 0x80;
		q[i][0] ^= 1;
		sendto(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], len);
		q[i][0] ^= 1;
		sendto(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], len);
	}
	until(&n_answers, 3);
	cr_assert_eq(stats.up_udp_strays, 3);
	upstreams_flush(&ups);
	cr_assert_eq(stats.up_udp_open, 0, "a port is used once");
}

static void udp_answer(uint32_t id, struct sockaddr_in *ret_from)
{
	uint8_t q[18];
	socklen_t len = sizeof(*ret_from);
	int before = n_answers;
	ask(id, CORE_UDP);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)ret_from, &len), 18);
	q[2] |= 0x80;
	sendto(udp_fd, q, 18, 0, (struct sockaddr *)ret_from, len);
	until(&n_answers, before + 1);
	n_answers = 0;
}

Test(upstream_udp, udp_ports_are_used_once_until_a_flood_and_then_not_for_long)
{
	static unsigned uses[65536];
	struct sockaddr_in from;
	unsigned again = 0, n_ports = 0, repeats = 0, last = 0, most = 0;
	for (uint32_t id = 1; id <= 500; id++) { /* one after the other, in no time */
		udp_answer(id, &from);
		again += uses[from.sin_port]++ > 0;
	}
	cr_assert_leq(again, 25u, "random ports seldom meet");
	memset(uses, 0, sizeof(uses));
	for (uint32_t id = 501; id <= 6000; id++) {
		udp_answer(id, &from);
		repeats += from.sin_port == last;
		last = from.sin_port;
		n_ports += uses[from.sin_port] == 0;
		if (++uses[from.sin_port] > most)
			most = uses[from.sin_port];
	}
	cr_assert_gt(n_ports, 8u, "sockets are replaced");
	cr_assert_lt(repeats, 600u, "the next port is not the last one");
	cr_assert_leq(most, 300u);
	while (stats.up_udp_open) /* and none stays when nobody asks */
		cr_assert_eq(loop_step(&loop, loop.now_ns + 50 * NS_PER_MS), 0);
}

Test(upstream_udp, a_flood_of_questions_over_udp_shares_sockets)
{
	enum { FLOOD = 700, OWN = 502 };
	static uint8_t q[FLOOD][18];
	static struct sockaddr_in from[FLOOD];
	socklen_t len = sizeof(from[0]);
	for (uint32_t id = 1; id <= FLOOD; id++) {
		ask(id, CORE_UDP);
		upstreams_flush(&ups);
		cr_assert_eq(recvfrom(udp_fd, q[id - 1], 18, 0, (struct sockaddr *)&from[id - 1], &len), 18);
	}
	cr_assert_leq(stats.up_udp_open, OWN + 16);
	cr_assert_geq(stats.up_udp_open, 500);
	for (int i = 0; i < FLOOD; i++) {
		q[i][2] |= 0x80;
		sendto(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], len);
	}
	until(&n_answers, FLOOD);
	cr_assert_eq(stats.up_udp_strays, 0);
	upstreams_flush(&ups);
	cr_assert_leq(stats.up_udp_open, 16, "ports of one question are closed with its answer");
}

/* What is asked in one round of a flood leaves through one socket, those of one
 * length as one message; each is still a datagram of its own. */
Test(upstream_udp, a_round_of_a_flood_leaves_together_and_arrives_apart)
{
	enum { OWN = 502, ROUND = 100 };
	static uint8_t q[ROUND][64];
	static struct sockaddr_in from[ROUND];
	struct sockaddr_in own;
	size_t lens[ROUND], n_long = 0;
	for (uint32_t id = 1; id <= OWN; id++) {
		ask(id, CORE_UDP);
		upstreams_flush(&ups);
		cr_assert_eq(recv(udp_fd, q[0], sizeof(q[0]), 0), 18);
	}
	for (uint32_t id = 1; id <= ROUND; id++)
		ask_long(1000 + id, CORE_UDP, id % 3 ? 18 : 40);
	upstreams_flush(&ups);
	for (unsigned i = 0; i < ROUND; i++) {
		socklen_t len = sizeof(from[i]);
		ssize_t n = recvfrom(udp_fd, q[i], sizeof(q[i]), 0, (struct sockaddr *)&from[i], &len);
		cr_assert(n == 18 || n == 40);
		cr_assert_eq(from[i].sin_port, from[0].sin_port);
		lens[i] = (size_t)n;
		n_long += n == 40;
	}
	cr_assert_eq(n_long, ROUND / 3);
	for (unsigned i = 0; i < ROUND; i++) {
		q[i][2] |= 0x80;
		sendto(udp_fd, q[i], lens[i], 0, (struct sockaddr *)&from[i], sizeof(from[i]));
	}
	until(&n_answers, ROUND);
	cr_assert_eq(n_fails, 0);
	cr_assert_eq(stats.up_udp_strays, 0);
	ask(3000, CORE_UDP);
	upstreams_flush(&ups);
	cr_assert_eq(recvfrom(udp_fd, q[0], 18, 0, (struct sockaddr *)&own, &(socklen_t){ sizeof(own) }), 18);
	cr_assert_neq(own.sin_port, from[0].sin_port, "the next round has another port");
}

/* More than the queue of a round has places for. */
Test(upstream_udp, a_round_larger_than_its_queue_leaves_whole)
{
	enum { OWN = 502, ROUND = 200 };
	static bool seen[256 * 256];
	uint8_t q[18];
	unsigned n = 0;

	for (uint32_t id = 1; id <= OWN; id++) {
		ask(id, CORE_UDP);
		upstreams_flush(&ups);
		cr_assert_eq(recv(udp_fd, q, sizeof(q), 0), 18);
	}
	for (uint32_t id = 1; id <= ROUND; id++)
		ask(1000 + id, CORE_UDP);
	upstreams_flush(&ups);
	while (recv(udp_fd, q, sizeof(q), 0) == 18) {
		n += !seen[get_be16(q)];
		seen[get_be16(q)] = true;
	}
	cr_expect_geq(n, ROUND - 10, "ids of different sockets may meet");
	cr_expect_eq(n_fails, 0);
}

/* With all that plugins can put into them. */
Test(upstream_udp, the_longest_questions_leave_whole)
{
	static uint8_t b[2 * CORE_ASK_MAX];

	for (uint32_t i = 1; i <= 3; i++)
		ask_long(i, CORE_UDP, CORE_ASK_MAX);
	for (unsigned n = 0; n < 3;) {
		ssize_t got = recv(udp_fd, b, sizeof(b), 0);

		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
		if (got < 0)
			continue;
		cr_expect_eq(got, CORE_ASK_MAX);
		n++;
	}
}

Test(upstream_udp, a_silent_udp_socket_gets_no_more_questions)
{
	uint8_t q[18];
	struct sockaddr_in silent, from;
	socklen_t len = sizeof(silent);
	ask(1, CORE_UDP);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&silent, &len), 18);
	loop.now_ns += NS_PER_S;
	upstreams_cancel(&ups, 1);
	ask(2, CORE_UDP);
	upstreams_flush(&ups);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&from, &len), 18);
	cr_assert_neq(silent.sin_port, from.sin_port);
	cr_assert_eq(stats.up_udp_open, 1); /* the silent one is gone */
}

Test(upstream_udp, a_reply_that_the_core_does_not_take_leaves_the_socket_open)
{
	struct sockaddr_in from;
	uint8_t q[18];
	socklen_t len = sizeof(from);
	ask(1, CORE_UDP);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&from, &len), 18);
	q[2] |= 0x80;
	q[6] = 0xee;
	sendto(udp_fd, q, 18, 0, (struct sockaddr *)&from, len);
	q[6] = 0;
	sendto(udp_fd, q, 18, 0, (struct sockaddr *)&from, len);
	until(&n_answers, 1);
	cr_assert_eq(stats.up_udp_strays, 1);
	cr_assert_eq(stats.up_udp_open, 1);
}

/* n questions over UDP, each sent at once; what arrived and where from. */
static void udp_questions(uint32_t first, int n, uint8_t (*q)[18], struct sockaddr_in *from)
{
	for (int i = 0; i < n; i++) {
		socklen_t len = sizeof(from[i]);
		ask(first + (uint32_t)i, CORE_UDP);
		upstreams_flush(&ups);
		cr_assert_eq(recvfrom(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], &len), 18);
		q[i][2] |= 0x80;
	}
}

static void udp_send(const uint8_t *b, const struct sockaddr_in *to)
{
	cr_assert_eq(sendto(udp_fd, b, 18, 0, (const struct sockaddr *)to, sizeof(*to)), 18);
}

static void guess(const uint8_t *q, const struct sockaddr_in *to, int n)
{
	uint8_t b[18];
	memcpy(b, q, 18);
	for (int i = 1; i <= n; i++) {
		set_be16(b, (uint16_t)(get_be16(q) + i));
		udp_send(b, to);
	}
}

static char event_text[300];
static int event_level, n_events;

static void on_event(void *ctx, int level, const char *text)
{
	(void)ctx;
	n_events++;
	event_level = level;
	snprintf(event_text, sizeof(event_text), "%s", text);
}

/* Each is counted; a line is written once a minute. */
Test(upstream_udp, guesses_are_told)
{
	struct sockaddr_in from;
	uint8_t q[1][18];
	char want[200];

	ups.events.event = on_event;
	for (int i = 1; i <= 3; i++) {
		static const int told[] = {0, 1, 1, 2};

		udp_questions((uint32_t)i, 1, q, &from);
		guess(q[0], &from, 8);
		until(&n_fails, i);
		cr_expect_eq(stats.up_udp_guessed, (uint64_t)i);
		cr_expect_eq(n_events, told[i]);
		ups.up[0]->told_ns -= (i == 1 ? 50 : 60) * NS_PER_S; /* as if so long ago */
	}
	snprintf(want, sizeof(want), "127.0.0.1:%u: somebody guesses ids of answers; asking again by other ports", port);
	cr_expect_str_eq(event_text, want);
	cr_expect_eq(event_level, 2);
}

/* What is no answer at all, too short or a query, is a stranger's as well: the eighth ends the port. */
Test(upstream_udp, what_is_no_answer_counts_as_a_guess)
{
	struct sockaddr_in from;
	uint8_t q[1][18];

	udp_questions(1, 1, q, &from);
	for (int i = 0; i < 3; i++)
		sendto(udp_fd, q[0], 11, 0, (struct sockaddr *)&from, sizeof(from));
	q[0][2] &= 0x7f;
	for (int i = 0; i < 4; i++)
		udp_send(q[0], &from);
	while (stats.up_udp_strays < 7)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(stats.up_udp_guessed, 0);
	cr_expect_eq(stats.up_udp_open, 1);
	udp_send(q[0], &from);
	until(&n_fails, 1);
	cr_expect_eq(stats.up_udp_guessed, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_GUESSED);
}

/* Larger than we take: its question, as if cut by the sender, so that it is asked over TCP. */
Test(upstream_udp, a_datagram_that_is_too_large_is_cut)
{
	static uint8_t large[20000];
	struct sockaddr_in from;
	uint8_t q[1][18];

	udp_questions(1, 1, q, &from);
	memcpy(large, q[0], 18);
	memset(large + 6, 0xff, 6);
	large[6] = 0x7f; /* not what the tests call a forgery */
	cr_assert_eq(sendto(udp_fd, large, sizeof(large), 0, (struct sockaddr *)&from, sizeof(from)), (ssize_t)sizeof(large));
	until(&n_answers, 1);
	cr_expect_eq(answer_len[0], 17);
	cr_expect(answer_tc[0]);
	udp_questions(2, 1, q, &from);
	udp_send(q[0], &from);
	until(&n_answers, 2);
	cr_expect_eq(answer_len[1], 18);
	cr_expect_not(answer_tc[1]);
}

Test(upstream_udp, somebody_who_guesses_ids_ends_the_socket_and_its_question_is_told_why)
{
	struct sockaddr_in from;
	uint8_t q[1][18];
	udp_questions(1, 1, q, &from);
	guess(q[0], &from, 20);
	until(&n_fails, 1);
	cr_assert_eq(fail_why[0], CORE_FAIL_GUESSED);
	cr_assert_eq(stats.up_udp_guessed, 1);
	cr_assert_eq(up_stats.fails[CORE_FAIL_BADREPLY], 0);
}

Test(upstream_udp, a_forger_with_the_right_id_ends_that_question_only)
{
	struct sockaddr_in from;
	uint8_t q[1][18];
	udp_questions(1, 1, q, &from);
	q[0][6] = 0xee;
	for (int i = 0; i < UDP_GUESSES_MAX; i++)
		udp_send(q[0], &from);
	until(&n_fails, 1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_assert_eq(n_fails, 1, "told once");
	cr_assert_eq(stats.up_udp_guessed, 1);
	cr_assert_eq(stats.up_udp_strays, UDP_GUESSES_MAX);
	cr_assert_eq(fail_id[0], 1);
	cr_assert_eq(fail_why[0], CORE_FAIL_GUESSED);
	upstreams_flush(&ups);
	cr_assert_eq(stats.up_udp_open, 0);
}

enum { OWN_PORTS = 502 }; /* what FRESH_BURST allows at one moment */

/* Networks duplicate datagrams: a second copy is nobody's guess. */
Test(upstream_udp, every_answer_twice_in_a_flood_costs_no_question)
{
	enum { FLOOD = OWN_PORTS + 400 };
	static uint8_t q[FLOOD][18];
	static struct sockaddr_in from[FLOOD];
	udp_questions(1, FLOOD, q, from);
	for (int i = 0; i < FLOOD; i++) {
		udp_send(q[i], &from[i]);
		/* A port of one question may be closed by now. */
		sendto(udp_fd, q[i], 18, 0, (struct sockaddr *)&from[i], sizeof(from[i]));
		if (i % 20 == 0)
			cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	}
	until(&n_answers, FLOOD);
	cr_assert_eq(n_fails, 0);
	cr_assert_eq(stats.up_udp_strays, 0);
	cr_assert_geq(stats.up_udp_duplicates, 100);
}

Test(upstream_udp, a_shared_socket_that_is_guessed_at_ends_and_the_others_do_not)
{
	enum { FLOOD = OWN_PORTS + 100 };
	static uint8_t q[FLOOD][18];
	static struct sockaddr_in from[FLOOD];
	int same = 0;
	udp_questions(1, FLOOD, q, from);
	for (int i = OWN_PORTS; i < FLOOD; i++)
		same += from[i].sin_port == from[FLOOD - 1].sin_port;
	guess(q[FLOOD - 1], &from[FLOOD - 1], 200); /* some of them may be others' ids: not taken */
	until(&n_fails, same);
	for (int i = 0; i < n_fails; i++)
		cr_assert_eq(fail_why[i], CORE_FAIL_GUESSED);
	cr_assert_eq(n_fails, same);
	cr_assert_eq(stats.up_udp_guessed, 1);
	for (int i = 0; i < FLOOD; i++)
		if (from[i].sin_port != from[FLOOD - 1].sin_port)
			udp_send(q[i], &from[i]);
	until(&n_answers, FLOOD - same);
}

static int n_told;

static void fail_again(void *ctx, uint32_t id, enum core_fail_why why)
{
	(void)ctx;
	cr_expect_eq(why, CORE_FAIL_GUESSED);
	n_told++;
	ask(id + 10000, CORE_UDP);
}

/* What is asked again from within the failures leaves in the same round. */
Test(upstream_udp, questions_of_a_socket_that_is_guessed_at_are_asked_again_at_once)
{
	enum { FLOOD = OWN_PORTS + 100 };
	static uint8_t q[FLOOD][18];
	static struct sockaddr_in from[FLOOD];
	struct sockaddr_in last;
	uint8_t b[18];
	int same = 0, n = 0;

	udp_questions(1, FLOOD, q, from);
	last = from[FLOOD - 1];
	for (int i = OWN_PORTS; i < FLOOD; i++)
		same += from[i].sin_port == last.sin_port;
	cr_assert_gt(same, 1);
	ups.events.fail = fail_again;
	ask(5000, CORE_UDP); /* one that waits to be sent by whatever socket */
	guess(q[FLOOD - 1], &last, 200);
	until(&n_told, same);
	upstreams_flush(&ups);
	while (recv(udp_fd, b, sizeof(b), 0) == 18)
		n++;
	cr_expect_eq(n, same + 1, "%d of %d", n, same + 1);
	cr_expect_eq(n_told, same);
}

static unsigned n_shared(bool retired)
{
	unsigned n = 0;
	for (const struct udp_sock *s = ups.up[0]->udp; s; s = s->next)
		n += !s->single && s->retired == retired;
	return n;
}

/* Shared ports are swept when they are two seconds old, and not before. */
Test(upstream_udp, old_ports_are_swept)
{
	static uint8_t q[OWN_PORTS + 2][18];
	static struct sockaddr_in from[OWN_PORTS + 2];
	struct loop_timer *sweep = &ups.up[0]->udp_sweep;
	unsigned n;
	udp_questions(1, OWN_PORTS + 1, q, from);
	cr_assert_gt(n = n_shared(false), 0u);
	loop.now_ns += NS_PER_S;
	sweep->due(sweep);
	cr_assert_eq(n_shared(false), n);
	cr_assert_eq(n_shared(true), 0);
	cr_assert(sweep->armed);
	cr_assert_eq(sweep->at_ns, loop.now_ns + 2 * NS_PER_S, "it comes again while there are any");
	loop.now_ns += NS_PER_S;
	sweep->due(sweep);
	cr_assert_eq(n_shared(false), 0);
	cr_assert_eq(n_shared(true), n);
}

/* Nobody is there any more: the kernel says so with the next that is sent by a shared socket. */
Test(upstream_udp, a_socket_that_cannot_send_ends_with_its_questions)
{
	static uint8_t q[OWN_PORTS][18];
	static struct sockaddr_in from[OWN_PORTS];
	udp_questions(1, OWN_PORTS, q, from);
	close(udp_fd);
	for (uint32_t id = 1001; id <= 1040 && !n_fails; id++) { /* there are sixteen */
		ask(id, CORE_UDP);
		upstreams_flush(&ups);
	}
	cr_assert_geq(n_fails, 1, "without a turn of the loop");
	cr_expect_eq(fail_why[0], CORE_FAIL_REFUSED);
	udp_fd = -1;
}

Test(upstream_udp, of_too_many_ports_the_first_that_is_slow_gives_way)
{
	static uint8_t q[8][18];
	static struct sockaddr_in from[8];
	ups.udp_single_max = 4;
	udp_questions(1, 2, q, from);
	loop.now_ns += 500 * NS_PER_MS;
	udp_questions(3, 2, q + 2, from + 2);
	udp_questions(5, 1, q + 4, from + 4); /* of 1 and 2 it is the younger that goes */
	udp_questions(6, 1, q + 5, from + 5);
	udp_questions(7, 1, q + 6, from + 6); /* 3 and 4 are not slow yet: it shares */
	cr_assert_eq(stats.up_udp_shared, 1);
	cr_assert_eq(stats.up_udp_gave_way, 2);
	cr_assert_eq(n_fails, 2);
	cr_assert_eq(fail_id[0], 2);
	cr_assert_eq(fail_id[1], 1);
	cr_assert_eq(fail_why[0], CORE_FAIL_GAVE_WAY);
	for (int i = 2; i < 7; i++)
		udp_send(q[i], &from[i]);
	until(&n_answers, 5);
}

Test(upstream_udp, a_second_try_takes_nobodys_port)
{
	static uint8_t q[4][18];
	static struct sockaddr_in from[4];
	uint8_t m[18] = { [2] = 1, [5] = 1 };
	struct core_ask a = { .id = 9, .proto = CORE_UDP, .query = m, .len = sizeof(m), .is_again = true };
	ups.udp_single_max = 4;
	udp_questions(1, 4, q, from);
	loop.now_ns += 500 * NS_PER_MS;
	upstreams_ask(&ups, &a);
	cr_assert_eq(stats.up_udp_gave_way, 0);
	cr_assert_eq(stats.up_udp_shared, 1);
}

/* One client's flood does not take the others' ports. */
Test(upstream_udp, a_client_beyond_its_part_shares_and_others_do_not)
{
	struct in6_addr one = { .s6_addr = { [15] = 1 } }, other = { .s6_addr = { [15] = 2 } };
	uint8_t m[18] = { [2] = 1, [5] = 1 };
	struct core_ask a = { .proto = CORE_UDP, .query = m, .len = sizeof(m), .client = &one };
	memset(&ups.key, 0, sizeof(ups.key)); /* known not to meet in one row */
	for (a.id = 1; a.id <= 450; a.id++)
		upstreams_ask(&ups, &a);
	uint64_t shared = stats.up_udp_shared;
	cr_assert_geq(shared, 50);
	cr_assert_leq(shared, 100);
	a.client = &other;
	for (; a.id <= 480; a.id++)
		upstreams_ask(&ups, &a);
	cr_assert_eq(stats.up_udp_shared, shared);
}

/* Another id, another port of the same host, another host: ignored, and waiting goes on. */
Test(upstream_udp, bound_13_replies_from_elsewhere_or_with_another_id_are_ignored)
{
	struct sockaddr_in from, near = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
				 far = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
	uint8_t q[1][18];
	int other[2];
	udp_questions(1, 1, q, &from);
	for (int i = 0; i < 2; i++) {
		other[i] = socket(AF_INET, SOCK_DGRAM, 0);
		cr_assert_eq(bind(other[i], (struct sockaddr *)(i ? &far : &near), sizeof(near)), 0);
		sendto(other[i], q[0], 18, 0, (struct sockaddr *)&from, sizeof(from));
	}
	guess(q[0], &from, 5);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_assert_eq(n_answers, 0);
	cr_assert_eq(n_fails, 0);
	udp_send(q[0], &from);
	until(&n_answers, 1);
	cr_assert_eq(n_fails, 0);
}

/* Which worker has a question is known to who asks (its port decides); no worker
 * has a part of the port range to itself. */
Test(upstream_udp, bound_12_each_workers_ports_are_of_the_whole_range)
{
	enum { EACH = 400, BINS = 16 };
	unsigned low = 0, high = 0, bin[2][BINS] = { { 0 } };
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
	cr_assert(f && fscanf(f, "%u %u", &low, &high) == 2 && high - low > 1000);
	fclose(f);
	for (unsigned w = 0; w < 2; w++) {
		struct upstream_conf conf = ups.up[0]->conf;
		if (w) { /* another worker */
			struct upstream_events ev = { .answer = on_answer, .fail = on_fail };
			upstreams_release(&ups);
			cr_assert_eq(upstreams_init(&ups, &loop, &ev, &scratch, &stats), 0);
			configure(&conf, 1);
		}
		for (uint32_t id = 1; id <= EACH; id++) {
			struct sockaddr_in from;
			udp_answer(id, &from);
			unsigned at = ntohs(from.sin_port);
			cr_assert(at >= low && at <= high);
			bin[w][(at - low) * BINS / (high - low + 1)]++;
		}
		for (unsigned i = 0; i < BINS; i++) /* 25 expected; 5 and 60 are beyond six sigma */
			cr_assert(bin[w][i] > 3 && bin[w][i] < 60, "worker %u has %u ports in bin %u", w, bin[w][i], i);
	}
}
