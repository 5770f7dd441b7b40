/* SPDX-License-Identifier: Apache-2.0 */
/* Client sockets over UDP: sizes, addresses, batches, and who is not waited for. */
#include <stdio.h>

#include "tests/fixtures/listen_world.h"

TestSuite(listen_udp, .timeout = 20);

Test(listen_udp, udp_queries_of_every_size_are_answered)
{
	static uint8_t q[65507];
	static const size_t sizes[] = { 12, 511, 512, 513, 4096, 9000, 65507 };
	uint8_t b[64];
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL), large = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(q, 0, sizeof(q));
		q[0] = (uint8_t)i;
		q[sizes[i] - 1] = NOW;
		cr_assert_eq(send(fd, q, sizes[i], 0), (ssize_t)sizes[i]);
		while (recv(fd, b, sizeof(b), 0) < 0)
			step();
		cr_assert_eq(last_len, sizes[i]);
		cr_assert_eq(b[0], sizes[i] == 12 ? 0 : i);
	}
	cr_assert_eq(stats.udp_large, 4);
}

Test(listen_udp, udp_replies_come_from_the_address_asked)
{
	struct tcp_limits l;
	union sockaddr_any sa, from;
	struct in6_addr a;
	uint16_t p;
	uint8_t q[20] = { [19] = NOW }, b[64];
	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(sockaddr_parse("127.0.0.77", 0, &a, &p), 0);
	socklen_t len = sockaddr_from(&sa, &a, port, 0);
	cr_assert_eq(sendto(fd, q, 20, 0, &sa.sa, len), 20);
	len = sizeof(from);
	while (recvfrom(fd, b, sizeof(b), 0, &from.sa, &len) < 0)
		step();
	cr_assert_eq(from.v4.sin_addr.s_addr, sa.v4.sin_addr.s_addr);
	cr_assert_eq(b[11], 77, "and the core knows it");
	q[19] = LATER; /* the same for one that was parked */
	sendto(fd, q, 20, 0, &sa.sa, sizeof(sa.v4));
	while (n_parked < 1)
		step();
	udp_reply(&udp_l, &parked[0], q, 20);
	len = sizeof(from);
	while (recvfrom(fd, b, sizeof(b), 0, &from.sa, &len) < 0)
		step();
	cr_assert_eq(from.v4.sin_addr.s_addr, sa.v4.sin_addr.s_addr);
}

Test(listen_udp, a_burst_beyond_one_batch_is_answered_whole)
{
	uint8_t q[20] = { [19] = NOW }, b[64];
	int n = 0;
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(send(fd, q, 20, 0), 20);
	while (n < 200) {
		step();
		while (recv(fd, b, sizeof(b), 0) == 12)
			n++;
	}
	cr_assert_eq(stats.udp_received, 200);
	cr_assert_leq(stats.udp_batches, 5);
	cr_assert_eq(udp_socket_drops(udp_l.fd), 0);
}

/* A query that comes alone lets the next 16 be taken one by one, no matter how they
 * come; then a batch is asked for again, and what a burst has left is taken in 64s. */
Test(listen_udp, queries_that_come_alone_are_taken_one_by_one_and_a_burst_in_batches)
{
	uint8_t q[20] = { [19] = NOW }, b[64];
	int n = 0;
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL);
	for (int i = 0; i < 1 + 16 + 1; i++) {
		cr_assert_eq(send(fd, q, 20, 0), 20);
		while (recv(fd, b, sizeof(b), 0) < 0)
			step();
	}
	cr_assert_eq(stats.udp_batches, 18);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(send(fd, q, 20, 0), 20);
	while (n < 1000) {
		step();
		while (recv(fd, b, sizeof(b), 0) == 12)
			n++;
	}
	cr_assert_eq(stats.udp_batches, 18 + 16 + (1000 - 16 + 63) / 64);
	cr_assert_eq(stats.udp_sent, 1018);
}

Test(listen_udp, the_receive_buffer_holds_a_burst_of_thousands)
{
	uint8_t q[60] = { [59] = NEVER };
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL);
	for (int i = 0; i < 4000; i++)
		cr_assert_eq(send(fd, q, sizeof(q), 0), (ssize_t)sizeof(q));
	cr_assert_eq(udp_socket_drops(udp_l.fd), 0);
	while (stats.udp_received < 4000)
		step();
}

/* One the kernel refuses is lost; those before and behind it leave. */
Test(listen_udp, a_reply_that_cannot_be_sent_holds_nobody_up)
{
	uint8_t q[20] = { [19] = LATER }, b[64];
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL);
	cr_assert_eq(send(fd, q, 20, 0), 20);
	while (n_parked < 1)
		step();
	struct core_client nobody = parked[0];
	nobody.addr = addr_from_v4((struct in_addr){ INADDR_BROADCAST }); /* not allowed on this socket */
	for (uint8_t i = 0; i < 6; i++) {
		q[0] = i;
		udp_reply(&udp_l, i % 3 == 1 ? &nobody : &parked[0], q, 20);
	}
	udp_flush(&udp_l);
	for (int i = 0; i < 6; i++) {
		if (i % 3 == 1)
			continue;
		cr_assert_eq(recv(fd, b, sizeof(b), 0), 20);
		cr_assert_eq(b[0], i);
	}
	cr_assert_eq(stats.udp_sent, 4);
	cr_assert_eq(stats.udp_send_errors, 2);
	udp_flush(&udp_l);
	cr_assert_eq(stats.udp_sent, 4, "nothing leaves twice");
	udp_reply(&udp_l, &nobody, q, 20); /* nor does one alone */
	udp_flush(&udp_l);
	cr_assert_eq(stats.udp_sent, 4);
	cr_assert_eq(stats.udp_send_errors, 3);
}

/* What the core knows leaves before the next socket has its turn. */
Test(listen_udp, an_answer_over_udp_does_not_wait_for_the_round)
{
	uint8_t q[20] = { [19] = NOW }, b[64];
	start_default();
	loop.before_sleep = NULL;
	int fd = client_from(SOCK_DGRAM, NULL);
	for (int i = 0; i < 3; i++) { /* by a batch, and alone */
		cr_assert_eq(send(fd, q, sizeof(q), 0), (ssize_t)sizeof(q));
		step();
		cr_assert_eq(recv(fd, b, sizeof(b), 0), 12);
	}
}

/* An empty one is one, taken in a batch or alone; a socket that had nothing after all is no batch. */
Test(listen_udp, datagrams_of_nothing)
{
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL);
	for (uint64_t i = 1; i <= 3; i++) {
		cr_assert_eq(send(fd, "", 0, 0), 0);
		while (stats.udp_received < i)
			step();
		cr_expect_eq(last_len, 0);
		cr_expect_eq(n_queries, (int)i);
	}
	udp_l.queue[0].n_alone = 0;
	for (int i = 0; i < 3; i++)
		udp_l.queue[0].watch.ready(&udp_l.queue[0].watch, EPOLLIN);
	udp_l.queue[0].n_alone = 1;
	udp_l.queue[0].watch.ready(&udp_l.queue[0].watch, EPOLLIN);
	cr_expect_eq(stats.udp_batches, 3);
	cr_expect_eq(stats.udp_received, 3);
}

static size_t pages_resident(void)
{
	unsigned long all = 0, n = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	cr_assert(f && fscanf(f, "%lu %lu", &all, &n) == 2);
	fclose(f);
	return n;
}

/* What large ones took goes back to the system. */
Test(listen_udp, large_queries_leave_no_memory_taken)
{
	static uint8_t q[60000] = { [59999] = NEVER };
	start_default();
	int fd = client_from(SOCK_DGRAM, NULL), size = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	size_t before = 0;
	for (int round = 0; round < 3; round++) {
		size_t len = round ? sizeof(q) : 600;
		uint64_t had = stats.udp_received;
		for (int i = 0; i < 16; i++)
			cr_assert_eq(send(fd, q + sizeof(q) - len, len, 0), (ssize_t)len);
		udp_l.queue[0].n_alone = 0;
		while (stats.udp_received < had + 16)
			step();
		before = before ? before : pages_resident();
	}
	cr_expect_eq(stats.udp_large, 48);
	cr_expect_lt(pages_resident(), before + 64, "16 of 15 pages each");
}
