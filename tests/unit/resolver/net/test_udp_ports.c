/* SPDX-License-Identifier: Apache-2.0 */
/* Ports for one question and ports that are shared, counted one by one; seen from within. */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/upstream_world.h"

#include "resolver/net/udp_sock.h"

TestSuite(udp_ports, .init = setup, .fini = teardown, .timeout = 30);

enum { OWN_PORTS = 501 }; /* what one moment allows */

static uint8_t b[64];

/* All that is allowed in this moment, so that what follows is shared. */
static void flood(void)
{
	for (uint32_t id = 1; id <= OWN_PORTS; id++)
		ask(id, CORE_UDP);
	upstreams_flush(&ups);
	while (recv(udp_fd, b, sizeof(b), 0) > 0)
		;
	cr_assert_eq(stats.up_udp_shared, 0);
}

static struct sockaddr_in asked_from(uint32_t id, uint8_t *q)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	ask(id, CORE_UDP);
	upstreams_flush(&ups);
	cr_assert_eq(recvfrom(udp_fd, q, 18, 0, (struct sockaddr *)&from, &len), 18);
	q[2] |= 0x80;
	return from;
}

/* Sixteen, each as busy as the others while none is answered; and counted as used again. */
Test(udp_ports, a_flood_is_spread)
{
	unsigned n = 0;

	flood();
	for (uint32_t id = 1001; id <= 1160; id++)
		asked_from(id, b);
	for (const struct udp_sock *s = ups.up[0]->udp_shared; s; s = s->shared_next, n++) {
		cr_expect_eq(s->n_asks, 10);
		cr_expect_eq(s->n_uses, 10);
	}
	cr_expect_eq(n, 16);
	cr_expect_eq(stats.up_udp_shared, 160);
	cr_expect_eq(up_stats.conn_misses[CORE_UDP], OWN_PORTS + 16);
	cr_expect_eq(up_stats.conn_hits[CORE_UDP], 160 - 16);
	for (uint32_t id = 1; id <= 1160; id++)
		upstreams_cancel(&ups, id);
	upstreams_flush(&ups);
	cr_expect_eq(ups.n_udp_single, 0);
	cr_expect_eq(stats.up_udp_open, 16);
}

/* A shared one that is asked and says nothing gets no more; one that has answered all may. */
Test(udp_ports, a_shared_one_that_is_silent)
{
	struct sockaddr_in from[2];
	uint8_t q[2][18];
	struct udp_sock *s[2];

	flood();
	for (uint32_t i = 0; i < 2; i++) {
		from[i] = asked_from(1001 + i, q[i]);
		s[i] = ups.up[0]->udp_shared;
	}
	cr_assert_neq(s[0], s[1]);
	cr_assert_eq(sendto(udp_fd, q[0], 18, 0, (struct sockaddr *)&from[0], sizeof(from[0])), 18);
	until(&n_answers, 1);
	cr_expect_eq(s[0]->silent_ns, 0, "nothing is under way");
	cr_expect_neq(s[1]->silent_ns, 0);
	loop.now_ns = s[1]->silent_ns + UDP_SILENT_NS - 1;
	ups.up[0]->udp_fresh_due_ns = loop.now_ns + 10 * NS_PER_S; /* the flood goes on */
	asked_from(1003, b);
	cr_expect(!s[0]->retired && !s[1]->retired);
	loop.now_ns++;
	asked_from(1004, b);
	cr_expect_not(s[0]->retired);
	cr_expect(s[1]->retired);
	for (const struct udp_sock *o = ups.up[0]->udp_shared; o; o = o->shared_next)
		cr_expect_neq(o, s[1], "it is asked nothing more");
	cr_expect(asks_find(&ups.asks, 1002), "but heard");
	cr_assert_eq(sendto(udp_fd, q[1], 18, 0, (struct sockaddr *)&from[1], sizeof(from[1])), 18);
	until(&n_answers, 2);
	cr_expect_eq(answer_id[1], 1002);
}

/* Half of what may be open gives way in one round, and not for who is asked again. */
Test(udp_ports, who_gives_way_in_a_round)
{
	struct in6_addr client = {.s6_addr = {[15] = 7}};
	uint8_t m[18] = {[2] = 1, [5] = 1};
	struct core_ask a = {.proto = CORE_UDP, .query = m, .len = sizeof(m)};

	ups.udp_single_max = 16;
	for (a.id = 1; a.id <= 16; a.id++)
		upstreams_ask(&ups, &a);
	upstreams_flush(&ups);
	loop.now_ns += 399 * NS_PER_MS;
	upstreams_ask(&ups, &a);
	cr_expect_eq(stats.up_udp_gave_way, 0, "they are not slow yet");
	loop.now_ns += NS_PER_MS;
	a.id++;
	a.is_again = true;
	upstreams_ask(&ups, &a);
	cr_expect_eq(stats.up_udp_gave_way, 0, "it is slow itself");
	cr_expect_eq(stats.up_udp_shared, 2);
	a.is_again = false;
	a.client = &client;
	for (a.id++; a.id <= 22; a.id++)
		upstreams_ask(&ups, &a);
	cr_expect_eq(stats.up_udp_gave_way, 2, "a client with two has its part");
	a.client = NULL;
	for (; a.id <= 40; a.id++)
		upstreams_ask(&ups, &a);
	cr_expect_eq(stats.up_udp_gave_way, 8);
	cr_expect_eq(ups.n_udp_leaving, 8);
	cr_expect_eq(ups.n_udp_single, 16);
	upstreams_flush(&ups);
	cr_expect_eq(n_fails, 8);
	for (int i = 0; i < 8; i++)
		cr_expect(fail_why[i] == CORE_FAIL_GAVE_WAY && fail_id[i] <= 16);
	cr_expect_eq(ups.n_udp_leaving, 0);
}

/* Nobody there is told by the kernel, also to who only waits. */
Test(udp_ports, nobody_there)
{
	close(udp_fd);
	ask(1, CORE_UDP);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_REFUSED);
	cr_expect_eq(stats.up_udp_open, 0);
	cr_expect_not(ups.up[0]->udp_sweep.armed, "nothing is left to sweep");
	udp_fd = -1;
}

/* Datagrams too large whose question cannot be told are as they came. */
Test(udp_ports, large_ones_without_a_question)
{
	static uint8_t large[20000];

	for (uint32_t i = 0; i < 3; i++) {
		uint8_t q[18];
		struct sockaddr_in from = asked_from(1 + i, q);

		memcpy(large, q, 18);
		memset(large + 18, 0x3f, sizeof(large) - 18);
		set_be16(large + 4, i == 0 ? 0 : i == 1 ? 2 : 1);
		if (i == 2)
			memset(large + 12, 0x3f, 300); /* a name without an end */
		cr_assert_eq(sendto(udp_fd, large, sizeof(large), 0, (struct sockaddr *)&from, sizeof(from)), (ssize_t)sizeof(large));
		until(&n_answers, 1 + (int)i);
		cr_expect_not(answer_tc[i], "case %u", i);
		cr_expect_gt(answer_len[i], 1000);
	}
}

/* A question that there is no memory for has failed, and the next one leaves. */
Test(udp_ports, memory_is_short)
{
	static const int first[] = {0, 1, 1, 2}; /* of the queue, which is kept then, of the socket, of its ids, of none */

	if (!NO_MEMORY_HERE)
		cr_skip_test("sanitizers have a heap of their own");
	for (uint32_t i = 0; i < 4; i++) {
		memory_fail(first[i], true);
		ask(1 + i, CORE_UDP);
		cr_assert_eq(memory_back(), i < 3);
		upstreams_flush(&ups);
		cr_assert_eq(n_fails, i < 3 ? (int)i + 1 : 3);
		if (i < 3)
			cr_expect_eq(fail_why[i], CORE_FAIL_NOSOCKET, "%u", i);
		cr_expect_eq(stats.up_udp_open, i == 3, "%u: what nobody asks by is closed", i);
	}
	cr_expect_eq(stats.up_no_socket, 3);
	cr_assert_eq(recv(udp_fd, b, sizeof(b), 0), 18);
	cr_expect_eq(b[17], 4, "and once");
	cr_expect_lt(recv(udp_fd, b, sizeof(b), 0), 0);
}
