/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of client sockets: a core of the test's own, which answers at
 * once, later or never, as the query's last octet says, and clients. Included
 * once a program.
 */
#ifndef NODENS_TESTS_LISTEN_WORLD_H
#define NODENS_TESTS_LISTEN_WORLD_H

#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/wire.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"

static struct loop loop;
static struct stream_scratch scratch;
static struct driver_stats stats;
static struct tcp_server *tcp;
static struct tcp_listener tcp_l;
static struct udp_listener udp_l;
static struct udp_batch *batch;
static uint16_t port;
static struct in6_addr lo;
static int n_queries;
static size_t last_len;
static struct core_client parked[600];
static uint8_t parked_tag[600];
static int n_parked;

enum { NOW = 1, LATER = 2, NEVER = 3, BIG = 4 };

enum core_verdict core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
			     const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len)
{
	(void)c;
	(void)now_ns;
	n_queries++;
	last_len = len;
	switch (in[len - 1]) {
	case LATER:
		parked[n_parked] = *cl;
		parked_tag[n_parked++] = in[0];
		return CORE_WAIT;
	case NEVER:
		return CORE_DROP;
	case BIG:
		memset(out, 7, 60000);
		*ret_len = 60000;
		return CORE_REPLY;
	default:
		memcpy(out, in, 12);
		out[11] = cl->local.s6_addr[15];
		*ret_len = 12;
		return CORE_REPLY;
	}
}

static inline void flush(void *ctx)
{
	(void)ctx;
	tcp_flush(tcp);
	udp_flush(&udp_l);
}

static inline void start(const struct tcp_limits *limits, const char *bind_to)
{
	struct diag d = { "" };
	uint16_t p;
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	uint32_t scope;
	struct in6_addr addr, bound;
	cr_assert_eq(sockaddr_parse(bind_to, 0, &bound, &p), 0);
	lo = addr_from_v4((struct in_addr){ htonl(INADDR_LOOPBACK) });
	cr_assert_eq(loop_init(&loop, NULL), 0);
	loop.before_sleep = flush;
	tcp = tcp_server_new(&loop, limits, &scratch, &stats);
	tcp_server_place(tcp, 3, 0);
	int fd = -1, ufd = -1;
	for (int tries = 0; ufd < 0 && tries < 20; tries++) { /* somebody may have the port for UDP */
		close(fd);
		fd = tcp_socket_open(&bound, 0, 0, &d);
		cr_assert_geq(fd, 0, "%s", d.text);
		getsockname(fd, &sa.sa, &len);
		sockaddr_split(&sa, &addr, &port, &scope);
		ufd = udp_socket_open(&bound, port, 0, 1, &d);
	}
	cr_assert_geq(ufd, 0, "%s", d.text);
	cr_assert_eq(tcp_listener_start(&tcp_l, tcp, fd, 3), 0);
	batch = udp_batch_new();
	cr_assert_eq(udp_listener_init(&udp_l, ufd, batch, &stats, &d), 0);
	cr_assert_eq(udp_listener_start(&udp_l, &loop, NULL), 0);
}

static inline void start_default(void)
{
	struct tcp_limits l;
	tcp_limits_default(&l);
	start(&l, "127.0.0.1");
}

static inline int client_from(int type, const char *source)
{
	union sockaddr_any sa;
	struct in6_addr a;
	uint16_t p;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	if (source) {
		cr_assert_eq(sockaddr_parse(source, 0, &a, &p), 0);
		socklen_t len = sockaddr_from(&sa, &a, 0, 0);
		cr_assert_eq(bind(fd, &sa.sa, len), 0);
	}
	socklen_t len = sockaddr_from(&sa, &lo, port, 0);
	connect(fd, &sa.sa, len);
	return fd;
}

static inline void step(void)
{
	cr_assert_eq(loop_step(&loop, loop.now_ns + 5 * NS_PER_MS), 0);
}

static inline void query_tcp(int fd, uint8_t tag, uint8_t what)
{
	uint8_t b[22] = { 0, 20, tag, [21] = what };
	ssize_t n;
	while ((n = send(fd, b, sizeof(b), MSG_NOSIGNAL)) < 0)
		step();
	cr_assert_eq(n, (ssize_t)sizeof(b));
}

static inline size_t read_some(int fd, uint8_t *b, size_t want)
{
	size_t have = 0;
	while (have < want) {
		ssize_t n = recv(fd, b + have, want - have, 0);
		if (n == 0)
			break;
		if (n > 0)
			have += (size_t)n;
		step();
	}
	return have;
}

static inline bool is_closed(int fd)
{
	uint8_t b[4096];
	ssize_t n = recv(fd, b, sizeof(b), 0);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

#endif
