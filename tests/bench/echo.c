/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench echo: the limit of ordinary sockets. Receives a batch, flips QR, sends
 * the batch back; does no DNS at all. What a server costs above this is its own.
 * On TCP: as much as a read brings, in one write. LENGTH pads what is sent to an
 * answer's size.
 *
 *   echo ADDRESS PORT [BATCH [LENGTH]]      default batch 64; ends at SIGTERM
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
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

static void udp_serve(int fd, unsigned batch, size_t pad)
{
	static uint8_t buf[BATCH_MAX][DATAGRAM];
	static struct mmsghdr msg[BATCH_MAX];
	static struct iovec iov[BATCH_MAX];
	static struct sockaddr_storage peer[BATCH_MAX];
	for (unsigned i = 0; i < batch; i++) {
		iov[i] = (struct iovec){buf[i], DATAGRAM};
		msg[i].msg_hdr = (struct msghdr){.msg_name = &peer[i], .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (;;) {
		for (unsigned i = 0; i < batch; i++) {
			iov[i].iov_len = DATAGRAM;
			msg[i].msg_hdr.msg_namelen = sizeof(peer[i]);
		}
		int n = recvmmsg(fd, msg, batch, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			iov[i].iov_len = msg[i].msg_len > pad ? msg[i].msg_len : pad;
			buf[i][2] |= 0x80;
		}
		for (int sent = 0; sent < n;) {
			int k = sendmmsg(fd, msg + sent, (unsigned)(n - sent), 0);
			if (k <= 0)
				break;
			sent += k;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned batch = argc > 3 ? (unsigned)atoi(argv[3]) : 64;
	size_t pad = argc > 4 ? (size_t)atoi(argv[4]) : 0;
	if (argc < 3 || batch < 1 || batch > BATCH_MAX || pad > DATAGRAM || address_read(argv[1], argv[2])) {
		fprintf(stderr, "usage: echo ADDRESS PORT [BATCH 1..%d [LENGTH]]\n", BATCH_MAX);
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
	udp_serve(udp, batch, pad);
	return 0;
}
