/* SPDX-License-Identifier: Apache-2.0 */
/* UDP clients of IPv6 sockets: at an address, and at all of them, where IPv4's come too. */
#include "tests/fixtures/listen_world.h"
#include "tests/fixtures/own_net.h"

TestSuite(listen_udp6, .timeout = 30);

static int client6(const char *to)
{
	union sockaddr_any sa;
	struct in6_addr a;
	uint16_t p;

	cr_assert_eq(sockaddr_parse(to, 0, &a, &p), 0);
	socklen_t len = sockaddr_from(&sa, &a, port, 0);
	int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert_eq(connect(fd, &sa.sa, len), 0); /* takes replies of that address alone */
	return fd;
}

static uint16_t port_of(int fd)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	struct in6_addr a;
	uint32_t scope;
	uint16_t p;

	cr_assert_eq(getsockname(fd, &sa.sa, &len), 0);
	sockaddr_split(&sa, &a, &p, &scope);
	return p;
}

static void asked_and_answered(int fd, const char *client, size_t len, uint8_t what, uint8_t tag)
{
	static uint8_t q[70000], r[70000];
	uint8_t reply[40] = {[0] = tag, [39] = 5};
	struct in6_addr a, local;
	int before = n_queries;
	uint16_t p;
	ssize_t n;

	memset(q, tag, sizeof(q));
	q[len - 1] = what;
	cr_assert_eq(send(fd, q, len, 0), (ssize_t)len);
	while (n_queries == before)
		step();
	cr_expect_eq(last_len, len);
	if (what == LATER) {
		const struct core_client *c = &parked[n_parked - 1];

		cr_assert_eq(sockaddr_parse(client, 0, &a, &p), 0);
		local = a;
		cr_expect_arr_eq(&c->addr, &a, sizeof(a));
		cr_expect_arr_eq(&c->local, &local, sizeof(a));
		cr_expect_eq(c->port, port_of(fd));
		cr_expect_eq(c->proto, CORE_UDP);
		cr_expect_eq(c->scope_id, 0);
		cr_expect_eq(parked_tag[n_parked - 1], tag);
		udp_reply(&udp_l, c, reply, sizeof(reply));
	}
	while ((n = recv(fd, r, sizeof(r), 0)) < 0)
		step();
	cr_expect_eq(r[0], tag);
	if (what == LATER) {
		cr_expect_eq(n, (ssize_t)sizeof(reply));
		cr_expect_eq(r[39], 5);
	} else {
		cr_expect_eq(n, 12);
		cr_expect_eq(r[11], 1, "which address of ours was asked");
	}
}

static void each_size(const char *bind_to, const char *const *clients)
{
	static const size_t sizes[] = {13, 511, 512, 513, 1232, 4096, 9000, 60000};
	struct tcp_limits limits;
	uint8_t tag = 1;
	unsigned n = 0, n_large = 0;

	tcp_limits_default(&limits);
	start(&limits, bind_to);
	for (; *clients; clients++) {
		int fd = client6(*clients);

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			for (uint8_t what = NOW; what <= LATER; what++, n++) {
				asked_and_answered(fd, *clients, sizes[i], what, tag++);
				n_large += sizes[i] >= 9000;
			}
		close(fd);
	}
	cr_expect_eq(stats.udp_received, n);
	cr_expect_eq(stats.udp_sent, n);
	cr_expect_eq(stats.udp_send_errors, 0);
	cr_expect_geq(stats.udp_large, n_large);
	cr_expect_leq(stats.udp_large, n);
	udp_listener_stop(&udp_l);
	udp_listener_release(&udp_l);
	cr_expect_null(udp_l.out);
}

Test(listen_udp6, at_an_address)
{
	each_size("::1", (const char *const[]){"::1", NULL});
}

Test(listen_udp6, at_all_addresses)
{
	each_size("::", (const char *const[]){"::1", "127.0.0.1", NULL});
}

/* Several at once are one batch, each with its own sender. */
Test(listen_udp6, a_batch_of_both_families)
{
	struct tcp_limits limits;
	int fd[8];
	uint8_t q[20] = {[19] = NOW}, r[20];

	tcp_limits_default(&limits);
	start(&limits, "::");
	for (int i = 0; i < 8; i++) {
		fd[i] = client6(i % 2 ? "127.0.0.1" : "::1");
		q[0] = (uint8_t)(i + 1);
		cr_assert_eq(send(fd[i], q, sizeof(q), 0), (ssize_t)sizeof(q));
	}
	for (int i = 0; i < 8; i++) {
		while (recv(fd[i], r, sizeof(r), 0) < 0)
			step();
		cr_expect_eq(r[0], i + 1);
		cr_expect_eq(r[11], 1);
		close(fd[i]);
	}
	cr_expect_eq(stats.udp_received, 8);
	cr_expect_lt(stats.udp_batches, 8);
}

/* The kernel itself would answer an address of ours from the same. */
Test(listen_udp6, from_the_address_that_was_asked)
{
	struct tcp_limits limits;
	union sockaddr_any from;
	struct in6_addr a;
	uint16_t p;

	own_net("ip addr add fd00::1/64 dev lo nodad && ip addr add fd00::2/64 dev lo nodad");
	tcp_limits_default(&limits);
	start(&limits, "::");
	int to = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert_eq(sockaddr_parse("fd00::2", 0, &a, &p), 0);
	cr_assert_eq(bind(to, &from.sa, sockaddr_from(&from, &a, 0, 0)), 0);
	cr_assert_eq(sockaddr_parse("fd00::1", 0, &a, &p), 0);
	cr_assert_eq(connect(to, &from.sa, sockaddr_from(&from, &a, port, 0)), 0);
	asked_and_answered(to, "fd00::2", 20, NOW, 1);
	close(to);
}
