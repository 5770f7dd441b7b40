/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench load_tcp: the TCP generator, closed loop. Either long-lived connections
 * with many queries under way on each, or (--one-shot) a connection a query,
 * as a stub does after a truncated answer. Same names, same line of key=value.
 *
 *   load_tcp --server ADDR --port N [--sockets CONNECTIONS] [--outstanding N]
 *            [--one-shot] [--names SET] [--seconds S]
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "tests/bench/gen/gen.h"

#define CONNS_MAX 1024
#define DEPTH_MAX 1024 /* queries under way on one connection */
#define IN_MAX    65536
#define CONNECT_S 2    /* a server that leaves connections in its queue must not stop the run */

struct conn {
	int fd;
	unsigned depth;               /* under way */
	uint16_t next_id;
	size_t n_in;
	uint64_t sent_ns[DEPTH_MAX];  /* by id % DEPTH_MAX; 0: not under way */
	uint8_t in[IN_MAX];
};

static struct {
	struct conn *conn[CONNS_MAX];
	struct sockaddr_storage to;
	socklen_t to_len;
	int ep;
	unsigned depth_max;
	uint64_t connections;
	bool one_shot, stream_over;
} st;

static const struct opt_def own[] = {
	{"one-shot", 0, OPT_BOOL, &st.one_shot, NULL, "a connection a query", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};

static int conn_open(struct conn *c)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
	struct timeval patience = {.tv_sec = CONNECT_S};
	int on = 1;
	c->fd = socket(st.to.ss_family, SOCK_STREAM, 0);
	c->depth = 0;
	c->n_in = 0;
	memset(c->sent_ns, 0, sizeof(c->sent_ns));
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(c->fd, (struct sockaddr *)&st.to, st.to_len))
		return -1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	st.connections++;
	return epoll_ctl(st.ep, EPOLL_CTL_ADD, c->fd, &e);
}

static void conn_close(struct conn *c)
{
	gen_tally.lost += c->depth;
	close(c->fd);
	c->fd = -1;
}

/* Tops the connection up with queries, in one write. */
static void conn_fill(struct conn *c)
{
	uint8_t buf[64 * (GEN_QUERY_MAX + 2)];
	uint64_t now = clock_mono_ns(), due;
	size_t n = 0;
	while (c->depth < st.depth_max && !st.stream_over && n + GEN_QUERY_MAX + 2 <= sizeof(buf)) {
		size_t len = gen_question(buf + n + 2, c->next_id, &due);
		st.stream_over = len == 0;
		if (!len)
			break;
		set_be16(buf + n, (uint16_t)len);
		n += 2 + len;
		c->sent_ns[c->next_id++ % DEPTH_MAX] = now;
		c->depth++;
		gen_tally.sent++;
	}
	if (n && send(c->fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
		gen_tally.send_errors++;
}

static void frames_take(struct conn *c, uint64_t now)
{
	size_t at = 0;
	while (c->n_in - at >= 2 + DNS_HEADER_LEN) {
		size_t len = get_be16(c->in + at);
		uint64_t *sent = &c->sent_ns[get_be16(c->in + at + 2) % DEPTH_MAX];
		if (c->n_in - at < 2 + len)
			break;
		if (*sent) {
			gen_answered(c->in + at + 2, len, now - *sent);
			*sent = 0;
			c->depth--;
		}
		at += 2 + len;
	}
	memmove(c->in, c->in + at, c->n_in - at);
	c->n_in -= at;
}

/* False: the connection is over. */
static bool conn_ready(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	c->n_in += n > 0 ? (size_t)n : 0;
	frames_take(c, clock_mono_ns());
	return !(st.one_shot && c->depth == 0);
}

static int conns_open(void)
{
	unsigned n = (unsigned)gen_opt.sockets;
	st.to_len = gen_server(&st.to);
	st.ep = epoll_create1(0);
	st.depth_max = st.one_shot ? 1 : (unsigned)((gen_opt.outstanding + n - 1) / n);
	if (!st.to_len || n > CONNS_MAX || st.depth_max > DEPTH_MAX)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		st.conn[i] = calloc(1, sizeof(struct conn));
		if (!st.conn[i] || conn_open(st.conn[i]))
			return -1;
		conn_fill(st.conn[i]);
	}
	return 0;
}

/* What is ready, once; refills while the run lasts. */
static int turn(bool refill)
{
	struct epoll_event e[64];
	int n = epoll_wait(st.ep, e, 64, 100);
	for (int i = 0; i < n; i++) {
		struct conn *c = e[i].data.ptr;
		if (!conn_ready(c)) {
			conn_close(c);
			if (refill && conn_open(c))
				return -1;
		}
		if (refill)
			conn_fill(c);
	}
	return n;
}

int main(int argc, char **argv)
{
	if (gen_parse("load_tcp", "TCP query generator for benchmarks.", own, argc, argv))
		return 3;
	if (gen_questions_init())
		return 1;
	uint64_t start = clock_mono_ns(), end = start + (uint64_t)(gen_opt.seconds * 1e9);
	if (conns_open()) {
		fprintf(stderr, "load_tcp: %s: %s\n", gen_opt.server, strerror(errno));
		return 1;
	}
	while (clock_mono_ns() < end)
		if (turn(true) < 0) {
			fprintf(stderr, "load_tcp: %s: %s\n", gen_opt.server, strerror(errno));
			return 1;
		}
	uint64_t stop = clock_mono_ns();
	while (gen_tally.answered + gen_tally.lost < gen_tally.sent && clock_mono_ns() < stop + GEN_LOST_NS)
		turn(false);
	gen_tally.lost = gen_tally.sent - gen_tally.answered;
	printf("connections=%llu ", (unsigned long long)st.connections);
	gen_print((double)(stop - start) / 1e9);
	for (unsigned i = 0; i < gen_opt.sockets; i++)
		free(st.conn[i]);
	gen_questions_release();
	return 0;
}
