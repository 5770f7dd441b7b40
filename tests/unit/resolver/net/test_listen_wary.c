/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies to somebody who is not there any more: they fill the socket they leave by, and the
 * others' still leave (listen_stuck.h). In a network namespace that dies with the test, where
 * nobody answers for the addresses of a link.
 */
#include "tests/fixtures/listen_world.h"
#include "tests/fixtures/own_net.h"

#include <stdio.h>
#include <stdlib.h>

#include "resolver/net/listen_stuck.h"

enum { QUEUES = UDP_QUEUES_MAX };

static struct core_client gone, healthy;
static int client; /* the healthy one's */
static uint8_t reply[900];

static struct in6_addr addr_of(const char *text)
{
	struct in6_addr a;
	uint16_t p;

	cr_assert_eq(sockaddr_parse(text, 0, &a, &p), 0);
	return a;
}

static void world(unsigned n_queues)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	struct tcp_limits l;
	int small = 1;

	own_net("ip link add w0 type veth peer name w1 && ip addr add 10.9.0.1/16 dev w0 && "
		"ip link set w0 up && ip link set w1 up");
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	udp_listener_stop(&udp_l);
	for (unsigned i = 1; i < n_queues; i++)
		udp_listener_add(&udp_l, udp_socket_open(&udp_l.local, port, 0, n_queues, NULL));
	cr_assert_eq(udp_listener_start(&udp_l, &loop, NULL), 0);
	cr_assert_eq(setsockopt(udp_l.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	client = client_from(SOCK_DGRAM, "127.0.0.2");
	cr_assert_eq(getsockname(client, &sa.sa, &len), 0);
	gone = (struct core_client){.addr = addr_of("10.9.7.7"), .port = 5353, .local = addr_of("10.9.0.1")};
	healthy = (struct core_client){.addr = addr_of("127.0.0.2"), .port = ntohs(sa.v4.sin_port), .local = addr_of("127.0.0.1")};
}

static void replied(const struct core_client *c)
{
	udp_reply(&udp_l, c, reply, sizeof(reply));
	udp_flush(&udp_l);
}

static unsigned came(void)
{
	uint8_t b[1000];
	unsigned n = 0;

	while (recv(client, b, sizeof(b), 0) == (ssize_t)sizeof(reply))
		n++;
	return n;
}

TestSuite(listen_wary, .timeout = 30);

Test(listen_wary, who_is_gone_keeps_nobodys_reply)
{
	unsigned n_held = 0, sent = 0;

	world(QUEUES);
	for (int i = 0; i < 40; i++) {
		replied(&gone);
		replied(&healthy);
	}
	cr_expect_eq(came(), 40);
	cr_expect(udp_l.wary_until_ns);
	for (unsigned i = 1; i < QUEUES; i++)
		n_held += stuck_held(udp_l.queue[i].watch.fd) != 0;
	cr_expect_eq(n_held, 1, "one reply of it in another socket, then no more");
	cr_expect_gt(stats.udp_stuck, 20);
	cr_expect_gt(stats.udp_send_errors, 20);
	cr_expect_eq(stats.udp_sent + stats.udp_send_errors, 80);
	/* as many others as there may be go on, each by a socket of its own */
	for (int i = 3; i < 60; i++) {
		char text[20];

		snprintf(text, sizeof(text), "127.0.0.%d", i);
		client = client_from(SOCK_DGRAM, text);
		struct core_client c = healthy;
		union sockaddr_any sa;
		socklen_t len = sizeof(sa);

		cr_assert_eq(getsockname(client, &sa.sa, &len), 0);
		c.addr = addr_of(text);
		c.port = ntohs(sa.v4.sin_port);
		replied(&c);
		sent += came();
		close(client);
	}
	cr_expect_eq(sent, 57);
}

/* When its sign has not been seen for its time, all leave by the first socket again. */
Test(listen_wary, it_ends)
{
	world(QUEUES);
	while (!udp_l.wary_until_ns)
		replied(&gone);
	replied(&gone);
	replied(&gone);
	cr_expect_geq(udp_l.wary_until_ns, loop.now_ns + STUCK_WARY_NS);
	loop.now_ns += STUCK_WARY_NS - 1;
	replied(&healthy);
	cr_expect(udp_l.wary_until_ns);
	loop.now_ns += 1;
	replied(&healthy);
	cr_expect_eq(udp_l.wary_until_ns, 0);
	cr_expect_eq(came(), 2);
	replied(&gone); /* the first is still full */
	cr_expect(udp_l.wary_until_ns);
}

/* With one socket there is no other way: what does not leave is counted, and all is tried. */
Test(listen_wary, one_socket)
{
	world(1);
	for (int i = 0; i < 20; i++)
		replied(&gone);
	cr_expect_eq(udp_l.wary_until_ns, 0);
	cr_expect_gt(stats.udp_send_errors, 5);
	cr_expect_eq(stats.udp_sent + stats.udp_send_errors, 20);
	cr_expect_eq(stats.udp_stuck, 0);
}

/* Two are enough: what does not leave by the first leaves by the other. */
Test(listen_wary, two_sockets)
{
	world(2);
	for (int i = 0; i < 20; i++) {
		replied(&gone);
		replied(&healthy);
	}
	cr_expect_eq(came(), 20);
	cr_expect(udp_l.wary_until_ns);
	cr_expect_eq(stats.udp_sent + stats.udp_send_errors, 40);
	cr_expect_gt(stats.udp_stuck, 0);
}
