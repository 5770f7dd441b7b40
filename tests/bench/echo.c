/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench echo: the limit of ordinary sockets. Receives a batch, flips QR, sends
 * the batch back; does no DNS at all. What a server costs above this is its own.
 * On TCP: as much as a read brings, in one write. Ends at SIGTERM.
 *
 *   echo [OPTION...] ADDRESS PORT
 *
 *   --batch N        datagrams a system call, 1..256 (64)
 *   --length N       pads what is sent to an answer's size
 *   --one            no batches: a plain receive and a plain send for each
 *   --epoll          sleeps in epoll_wait, as whoever has more than one socket must
 *   --busy-poll US   SO_BUSY_POLL: looks at the device for so long before sleeping
 *   --spin           never sleeps at all: receives again and again
 *   --gro            takes datagrams of one flow in one buffer (UDP_GRO) and sends
 *                    such a buffer back as one (UDP_SEGMENT)
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH_MAX 256
#define DATAGRAM  1232
#define STREAM    65536
#define GRO_LEN   65535

static struct {
	unsigned batch, length, busy_poll_us;
	int one, epoll, spin, gro;
} opt = {.batch = 64};

static struct sockaddr_storage address;
static socklen_t address_len;

static int address_read(const char *text, const char *port)
{
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&address;
	struct sockaddr_in *a4 = (struct sockaddr_in *)&address;
	if (inet_pton(AF_INET6, text, &a6->sin6_addr) == 1) {
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons((uint16_t)atoi(port));
		address_len = sizeof(*a6);
		return 0;
	}
	a4->sin_family = AF_INET;
	a4->sin_port = htons((uint16_t)atoi(port));
	address_len = sizeof(*a4);
	return inet_pton(AF_INET, text, &a4->sin_addr) == 1 ? 0 : -1;
}

static int socket_bound(int type)
{
	int on = 1, rcvbuf = 4 << 20, fd = socket(address.ss_family, type, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	return fd < 0 || bind(fd, (struct sockaddr *)&address, address_len) ? -1 : fd;
}

/* --- TCP, in a process of its own --- */

/* Frames may come in parts: where the next one's flags are is kept a connection. */
struct stream {
	int fd;
	size_t have; /* of the frame being read, length octets included */
	uint16_t len;
};

static void flags_flip(struct stream *s, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->have == 0)
			s->len = (uint16_t)(b[i] << 8);
		else if (s->have == 1)
			s->len |= b[i];
		else if (s->have == 4)
			b[i] |= 0x80;
		if (++s->have >= 2 && s->have == 2u + s->len)
			s->have = 0;
		else if (s->have > 4 && i + (2u + s->len - s->have) < n) { /* to its last octet at once */
			i += 2u + s->len - s->have;
			s->have = 0;
		}
	}
}

static void tcp_serve(int listener)
{
	static uint8_t buf[STREAM];
	int ep = epoll_create1(0), on = 1;
	struct epoll_event e[64] = {{.events = EPOLLIN, .data.ptr = NULL}};
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, e);
	for (;;) {
		int n = epoll_wait(ep, e, 64, -1);
		for (int i = 0; i < n; i++) {
			struct stream *s = e[i].data.ptr;
			if (!s) {
				s = calloc(1, sizeof(*s));
				s->fd = accept(listener, NULL, NULL);
				setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				struct epoll_event add = {.events = EPOLLIN, .data.ptr = s};
				epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &add);
				continue;
			}
			ssize_t got = recv(s->fd, buf, sizeof(buf), 0);
			if (got > 0) {
				flags_flip(s, buf, (size_t)got);
				if (send(s->fd, buf, (size_t)got, MSG_NOSIGNAL) == got)
					continue;
			}
			close(s->fd);
			free(s);
		}
	}
}

/* --- UDP --- */

union segment { /* room for one size of the segments in a buffer */
	struct cmsghdr align;
	char b[CMSG_SPACE(sizeof(int))];
};

static struct mmsghdr msg[BATCH_MAX];
static struct iovec iov[BATCH_MAX];
static union segment segment[BATCH_MAX];

static size_t batch_prepare(void)
{
	static struct sockaddr_storage peer[BATCH_MAX];
	size_t room = opt.gro ? GRO_LEN : DATAGRAM;
	uint8_t *buf = calloc(opt.batch, room);
	for (unsigned i = 0; buf && i < opt.batch; i++) {
		iov[i] = (struct iovec){buf + i * room, room};
		msg[i].msg_hdr = (struct msghdr){.msg_name = &peer[i], .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	return buf ? room : 0;
}

static unsigned batch_receive(int fd, int ep, size_t room)
{
	struct epoll_event e;
	for (unsigned i = 0; i < opt.batch; i++) {
		iov[i].iov_len = room;
		msg[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
		if (opt.gro) {
			msg[i].msg_hdr.msg_control = &segment[i];
			msg[i].msg_hdr.msg_controllen = sizeof(segment[i]);
		}
	}
	if (ep >= 0)
		epoll_wait(ep, &e, 1, -1);
	int n = recvmmsg(fd, msg, opt.batch, ep >= 0 || opt.spin ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
	return n > 0 ? (unsigned)n : 0;
}

static void one_echo(int fd, int ep)
{
	static struct sockaddr_storage peer;
	static uint8_t b[DATAGRAM];
	struct epoll_event e;
	socklen_t peer_len = sizeof(peer);
	if (ep >= 0)
		epoll_wait(ep, &e, 1, -1);
	ssize_t n = recvfrom(fd, b, sizeof(b), ep >= 0 || opt.spin ? MSG_DONTWAIT : 0, (struct sockaddr *)&peer, &peer_len);
	if (n < 3)
		return;
	b[2] |= 0x80;
	sendto(fd, b, (size_t)n > opt.length ? (size_t)n : opt.length, 0, (struct sockaddr *)&peer, peer_len);
}

/* What came as segments of one size leaves as such: the control message the
 * kernel wrote (UDP_GRO) becomes one it reads (UDP_SEGMENT). */
static size_t segment_turn(struct msghdr *h, size_t len)
{
	struct cmsghdr *c = h->msg_controllen ? CMSG_FIRSTHDR(h) : NULL;
	int size = 0;
	if (c && c->cmsg_type == UDP_GRO)
		memcpy(&size, CMSG_DATA(c), sizeof(size));
	h->msg_control = NULL;
	h->msg_controllen = 0;
	if (size <= 0 || (size_t)size >= len)
		return len;
	uint16_t gso = (uint16_t)size;
	h->msg_control = c;
	h->msg_controllen = CMSG_SPACE(sizeof(gso));
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(gso));
	memcpy(CMSG_DATA(c), &gso, sizeof(gso));
	return gso;
}

static void batch_flip(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = msg[i].msg_len, step = len;
		uint8_t *b = iov[i].iov_base;
		if (opt.gro)
			step = segment_turn(&msg[i].msg_hdr, len);
		for (size_t at = 0; at + 2 < len; at += step)
			b[at + 2] |= 0x80;
		iov[i].iov_len = len > opt.length ? len : opt.length;
	}
}

static void udp_serve(int fd)
{
	size_t room = batch_prepare();
	int ep = -1, on = 1;
	struct epoll_event e = {.events = EPOLLIN};
	if (opt.epoll && ((ep = epoll_create1(0)) < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)))
		return;
	if (opt.gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)))
		return;
	if (opt.busy_poll_us && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &opt.busy_poll_us, sizeof(opt.busy_poll_us)))
		return;
	while (opt.one)
		one_echo(fd, ep);
	while (room) {
		unsigned n = batch_receive(fd, ep, room);
		batch_flip(n);
		for (unsigned sent = 0; sent < n;) {
			int k = sendmmsg(fd, msg + sent, n - sent, 0);
			if (k <= 0)
				break;
			sent += (unsigned)k;
		}
	}
}

static int options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{"batch", 1, NULL, 'b'}, {"length", 1, NULL, 'l'}, {"busy-poll", 1, NULL, 'p'}, {"one", 0, &opt.one, 1}, {"epoll", 0, &opt.epoll, 1},
		{"spin", 0, &opt.spin, 1}, {"gro", 0, &opt.gro, 1}, {0},
	};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		unsigned n = c ? (unsigned)strtoul(optarg ? optarg : "", NULL, 10) : 0;
		switch (c) {
		case 0: break;
		case 'b': opt.batch = n; break;
		case 'l': opt.length = n; break;
		case 'p': opt.busy_poll_us = n; break;
		default: return -1;
		}
	}
	return argc - optind != 2 || opt.batch < 1 || opt.batch > BATCH_MAX || opt.length > DATAGRAM ? -1 : optind;
}

int main(int argc, char **argv)
{
	int at = options_read(argc, argv);
	if (at < 0 || address_read(argv[at], argv[at + 1])) {
		fprintf(stderr, "usage: echo [--batch 1..%d] [--length N] [--one] [--epoll] [--busy-poll US] [--spin] [--gro] ADDRESS PORT\n", BATCH_MAX);
		return 3;
	}
	int udp = socket_bound(SOCK_DGRAM), tcp = socket_bound(SOCK_STREAM);
	if (udp < 0 || tcp < 0 || listen(tcp, 4096)) {
		perror("echo");
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tcp_serve(tcp);
	}
	udp_serve(udp);
	perror("echo");
	return 1;
}
