/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench auth: the counting upstream. Says what kube/answer.h says; UDP in
 * batches, TCP pipelined; one thread. Prints its counts at SIGTERM.
 *
 *   auth ADDRESS PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dns/wire.h"
#include "tests/bench/kube/answer.h"

#define BATCH     64
#define DATAGRAM  1500
#define CONN_BUF  131072

struct conn {
	int fd;
	size_t n_in, n_out;
	uint8_t in[CONN_BUF], out[2 * CONN_BUF];
};

static struct {
	uint64_t udp, tcp, connections, nxdomain, cluster, cluster_nx;
} count;

static size_t answer(const uint8_t *q, size_t len, uint8_t *out, size_t cap)
{
	struct kube_asked asked;
	size_t n = kube_answer(q, len, out, cap, &asked);
	if (n) {
		count.nxdomain += asked.verdict == KUBE_NXDOMAIN;
		count.cluster += asked.is_cluster;
		count.cluster_nx += asked.is_cluster && asked.verdict == KUBE_NXDOMAIN;
	}
	return n;
}

static void serve_udp(int fd)
{
	static uint8_t in[BATCH][DATAGRAM], out[BATCH][DATAGRAM];
	static struct sockaddr_storage peer[BATCH];
	struct mmsghdr rx[BATCH], tx[BATCH];
	struct iovec riov[BATCH], tiov[BATCH];
	for (int i = 0; i < BATCH; i++) {
		riov[i] = (struct iovec){in[i], DATAGRAM};
		rx[i].msg_hdr = (struct msghdr){.msg_name = &peer[i], .msg_namelen = sizeof(peer[i]), .msg_iov = &riov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(fd, rx, BATCH, MSG_DONTWAIT, NULL);
	unsigned k = 0;
	for (int i = 0; i < n; i++) {
		size_t len = answer(in[i], rx[i].msg_len, out[k], DATAGRAM);
		if (!len)
			continue;
		count.udp++;
		tiov[k] = (struct iovec){out[k], len};
		tx[k].msg_hdr = (struct msghdr){.msg_name = &peer[i], .msg_namelen = rx[i].msg_hdr.msg_namelen, .msg_iov = &tiov[k], .msg_iovlen = 1};
		k++;
	}
	for (unsigned sent = 0; sent < k;) {
		int s = sendmmsg(fd, tx + sent, k - sent, 0);
		if (s <= 0)
			break;
		sent += (unsigned)s;
	}
}

static void conn_close(struct conn *c)
{
	close(c->fd);
	free(c);
}

static bool conn_flush(struct conn *c)
{
	while (c->n_out) {
		ssize_t n = send(c->fd, c->out, c->n_out, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN;
		memmove(c->out, c->out + n, c->n_out - (size_t)n);
		c->n_out -= (size_t)n;
	}
	return true;
}

static bool serve_tcp(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	c->n_in += n > 0 ? (size_t)n : 0;
	size_t at = 0;
	while (c->n_in - at >= 2) {
		size_t len = get_be16(c->in + at);
		if (c->n_in - at < 2 + len || sizeof(c->out) - c->n_out < DATAGRAM + 2)
			break;
		size_t made = answer(c->in + at + 2, len, c->out + c->n_out + 2, DATAGRAM);
		if (made) {
			set_be16(c->out + c->n_out, (uint16_t)made);
			c->n_out += 2 + made;
			count.tcp++;
		}
		at += 2 + len;
	}
	memmove(c->in, c->in + at, c->n_in - at);
	c->n_in -= at;
	return conn_flush(c);
}

static int listen_on(const char *address, const char *port, int type)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	bool v6 = inet_pton(AF_INET6, address, &a6.sin6_addr) == 1;
	int on = 1, rcvbuf = 4 << 20;
	if (!v6 && inet_pton(AF_INET, address, &a4.sin_addr) != 1)
		return -1;
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (bind(fd, v6 ? (void *)&a6 : (void *)&a4, v6 ? sizeof(a6) : sizeof(a4)) || (type == SOCK_STREAM && listen(fd, 512)))
		return -1;
	return fd;
}

static void watch(int ep, int fd, void *ptr)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = ptr};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void accept_one(int ep, int fd)
{
	int on = 1, s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c = s < 0 ? NULL : malloc(sizeof(*c));
	if (!c) {
		if (s >= 0)
			close(s);
		return;
	}
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* as CoreDNS has it */
	c->fd = s;
	c->n_in = c->n_out = 0;
	count.connections++;
	watch(ep, s, c);
}

int main(int argc, char **argv)
{
	sigset_t set;
	char udp_mark, tcp_mark, sig_mark; /* addresses only */
	int udp = argc == 3 ? listen_on(argv[1], argv[2], SOCK_DGRAM) : -1;
	int tcp = argc == 3 ? listen_on(argv[1], argv[2], SOCK_STREAM) : -1;
	if (udp < 0 || tcp < 0) {
		fprintf(stderr, "auth: usage: auth ADDRESS PORT (%s)\n", strerror(errno));
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int ep = epoll_create1(0), sig = signalfd(-1, &set, SFD_NONBLOCK);
	watch(ep, udp, &udp_mark);
	watch(ep, tcp, &tcp_mark);
	watch(ep, sig, &sig_mark);
	puts("ready");
	fflush(stdout);
	for (bool stop = false; !stop;) {
		struct epoll_event e[64];
		int n = epoll_wait(ep, e, 64, -1);
		for (int i = 0; i < n; i++) {
			if (e[i].data.ptr == &udp_mark)
				serve_udp(udp);
			else if (e[i].data.ptr == &tcp_mark)
				accept_one(ep, tcp);
			else if (e[i].data.ptr == &sig_mark)
				stop = true;
			else if (!serve_tcp(e[i].data.ptr))
				conn_close(e[i].data.ptr);
		}
	}
	printf("udp=%llu tcp=%llu connections=%llu nxdomain=%llu cluster=%llu cluster_nx=%llu\n", (unsigned long long)count.udp,
	       (unsigned long long)count.tcp, (unsigned long long)count.connections, (unsigned long long)count.nxdomain,
	       (unsigned long long)count.cluster, (unsigned long long)count.cluster_nx);
	return 0;
}
