/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams that leave together: what arrives, and what happens where they may not. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/udp_out.h"

static struct udp_queue q;
static int from, to;

static void setup(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	memset(&q, 0, sizeof(q));
	to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	from = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(to, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(getsockname(to, (struct sockaddr *)&sa, &len), 0);
	cr_assert_eq(connect(from, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void teardown(void)
{
	close(from);
	close(to);
}

TestSuite(udp_out, .init = setup, .fini = teardown, .timeout = 20);

/* n datagrams of lengths len, len + 1, ... of so many kinds; numbered. */
static void add(struct udp_outs *o, unsigned n, size_t len, unsigned kinds)
{
	for (unsigned i = 0; i < n; i++) {
		struct udp_out *w = udp_outs_add(&q, o);
		w->len = len + i % kinds;
		memset(w->b, 0, w->len);
		w->b[0] = (uint8_t)i;
	}
}

/* Each of n came once, with its length. */
static void came(unsigned n, size_t len, unsigned kinds)
{
	bool seen[256] = { false };
	uint8_t b[1024];
	for (unsigned i = 0; i < n; i++) {
		ssize_t got = recv(to, b, sizeof(b), 0);
		cr_assert_eq(got, (ssize_t)(len + b[0] % kinds), "number %u has %zd octets", b[0], got);
		cr_assert_not(seen[b[0]]);
		seen[b[0]] = true;
	}
	cr_assert_lt(recv(to, b, sizeof(b), 0), 0);
}

Test(udp_out, datagrams_of_few_lengths_arrive_as_they_were)
{
	struct udp_outs o = { 0 };
	add(&o, 100, 30, 3);
	cr_assert_eq(udp_outs_send(&q, &o, from), 0);
	cr_assert_null(o.first);
	cr_assert_not(q.one_by_one);
	came(100, 30, 3);
}

Test(udp_out, more_than_a_message_holds)
{
	struct udp_outs o = { 0 };
	add(&o, UDP_OUT_MAX, 384, 1);
	cr_assert_eq(udp_outs_send(&q, &o, from), 0);
	came(UDP_OUT_MAX, 384, 1);
}

Test(udp_out, a_list_is_used_again_and_two_lists_do_not_mix)
{
	struct udp_outs a = { 0 }, b = { 0 };
	for (int round = 0; round < 3; round++) {
		q.n = 0;
		add(&a, 5, 40, 2);
		add(&b, 3, 40, 2);
		cr_assert_eq(udp_outs_send(&q, &a, from), 0);
		came(5, 40, 2);
		cr_assert_eq(udp_outs_send(&q, &b, from), 0);
		came(3, 40, 2);
	}
}

Test(udp_out, where_it_may_not_be_one_message_they_leave_one_by_one)
{
	struct udp_outs o = { 0 };
	int on = 1; /* no checksums: the kernel refuses segments */
	cr_assert_eq(setsockopt(from, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	add(&o, 50, 30, 3);
	cr_assert_eq(udp_outs_send(&q, &o, from), 0);
	cr_assert(q.one_by_one);
	came(50, 30, 3);
	q.n = 0;
	add(&o, 10, 30, 1);
	cr_assert_eq(udp_outs_send(&q, &o, from), 0);
	came(10, 30, 1);
}

Test(udp_out, nobody_there_is_told)
{
	struct udp_outs o = { 0 };
	close(to);
	add(&o, 1, 30, 1);
	cr_assert_eq(udp_outs_send(&q, &o, from), 0);
	q.n = 0;
	add(&o, 10, 30, 1);
	cr_assert_eq(udp_outs_send(&q, &o, from), ECONNREFUSED);
	cr_assert_null(o.first);
	to = socket(AF_INET, SOCK_DGRAM, 0);
}
