/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench relay: the limit of a miss over UDP with ordinary sockets. Hands each
 * query to an upstream under an id of its own and its answer back to who asked;
 * knows no DNS but the id, keeps nothing, checks nothing, times out nothing.
 * What a resolver's miss costs above this is the resolver's.
 *
 *   relay [OPTION...] ADDRESS PORT UPSTREAM PORT       IPv4; ends at SIGTERM
 *
 *   --sockets N      connected sockets towards the upstream, in turns, 1..64 (1)
 *   --gso            queries of one size in one buffer (UDP_SEGMENT), as many
 *                    answers in one as the kernel likes (UDP_GRO)
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH       64
#define DATAGRAM    1232
#define MERGED      65535
#define SOCKETS_MAX 64

static struct {
	unsigned sockets;
	int gso;
} opt = {.sockets = 1};

/* Ids go round: one that is used again has been answered or lost long ago. */
static struct asked {
	struct sockaddr_in from;
	uint8_t id[2];
} asked[65536];
static uint16_t next_id;
static int client, upstream[SOCKETS_MAX];

union segment { /* room for one size of the segments in a buffer */
	struct cmsghdr align;
	char b[CMSG_SPACE(sizeof(int))];
};

static void all_send(int fd, struct mmsghdr *msg, unsigned n)
{
	for (unsigned sent = 0; sent < n;) {
		int k = sendmmsg(fd, msg + sent, n - sent, 0);
		if (k <= 0)
			return;
		sent += (unsigned)k;
	}
}

/* Neighbours of one size become one message of as many segments. */
static unsigned queries_merge(struct mmsghdr *to, const struct iovec *iov, unsigned n, union segment *size)
{
	unsigned k = 0;
	for (unsigned i = 0; i < n;) {
		unsigned run = 1;
		while (i + run < n && iov[i + run].iov_len == iov[i].iov_len)
			run++;
		struct msghdr *h = &to[k].msg_hdr;
		*h = (struct msghdr){.msg_iov = (struct iovec *)&iov[i], .msg_iovlen = run};
		if (run > 1) {
			uint16_t len = (uint16_t)iov[i].iov_len;
			size[k].align = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(len)), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT};
			memcpy(CMSG_DATA(&size[k].align), &len, sizeof(len));
			h->msg_control = &size[k];
			h->msg_controllen = CMSG_SPACE(sizeof(len));
		}
		i += run;
		k++;
	}
	return k;
}

static void queries_relay(void)
{
	static uint8_t buf[BATCH][DATAGRAM];
	static struct sockaddr_in from[BATCH];
	static unsigned turn;
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec iov[BATCH];
	union segment size[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){buf[i], DATAGRAM};
		in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(client, in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct asked *a = &asked[next_id];
		a->from = from[i];
		memcpy(a->id, buf[i], 2);
		buf[i][0] = (uint8_t)(next_id >> 8);
		buf[i][1] = (uint8_t)next_id++;
		iov[i].iov_len = in[i].msg_len;
		in[i].msg_hdr.msg_name = NULL;
		in[i].msg_hdr.msg_namelen = 0;
	}
	if (n <= 0)
		return;
	/* As many in a row to each socket as make them take equal parts. */
	unsigned all = (unsigned)n, part = (all + opt.sockets - 1) / opt.sockets;
	for (unsigned at = 0; at < all; at += part, turn++) {
		unsigned k = all - at < part ? all - at : part;
		int fd = upstream[turn % opt.sockets];
		if (opt.gso)
			all_send(fd, out, queries_merge(out, iov + at, k, size));
		else
			all_send(fd, in + at, k);
	}
}

static unsigned answer_turn(struct mmsghdr *to, struct iovec *iov, uint8_t *b, size_t len)
{
	struct asked *a = &asked[b[0] << 8 | b[1]];
	memcpy(b, a->id, 2);
	*iov = (struct iovec){b, len};
	to->msg_hdr = (struct msghdr){.msg_name = &a->from, .msg_namelen = sizeof(a->from), .msg_iov = iov, .msg_iovlen = 1};
	return 1;
}

static void answers_relay(int fd)
{
	static uint8_t buf[BATCH][MERGED];
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec iov[BATCH], oiov[BATCH];
	union segment size[BATCH];
	unsigned k = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		if (opt.gso) {
			in[i].msg_hdr.msg_control = &size[i];
			in[i].msg_hdr.msg_controllen = sizeof(size[i]);
		}
	}
	int n = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		size_t len = in[i].msg_len, step = len;
		struct cmsghdr *c = in[i].msg_hdr.msg_controllen ? CMSG_FIRSTHDR(&in[i].msg_hdr) : NULL;
		if (c && c->cmsg_type == UDP_GRO) {
			int s;
			memcpy(&s, CMSG_DATA(c), sizeof(s));
			step = s > 0 ? (size_t)s : len;
		}
		for (size_t at = 0; at + 12 <= len; at += step) {
			if (k == BATCH) {
				all_send(client, out, k);
				k = 0;
			}
			k += answer_turn(&out[k], &oiov[k], buf[i] + at, len - at < step ? len - at : step);
		}
	}
	all_send(client, out, k);
}

static int socket_at(const char *text, const char *port, int connected)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rcvbuf = 4 << 20, on = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (connected && opt.gso && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)))
		return -1;
	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		return -1;
	return (connected ? connect : bind)(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

static int sockets_open(char **at, int ep)
{
	struct epoll_event e = {.events = EPOLLIN};
	client = e.data.fd = socket_at(at[0], at[1], 0);
	if (client < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, client, &e))
		return -1;
	for (unsigned i = 0; i < opt.sockets; i++) {
		upstream[i] = e.data.fd = socket_at(at[2], at[3], 1);
		if (upstream[i] < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, upstream[i], &e))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"sockets", 1, NULL, 's'}, {"gso", 0, &opt.gso, 1}, {0}};
	struct epoll_event e[SOCKETS_MAX + 1];
	int ep = epoll_create1(0), bad = 0;
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 's')
			opt.sockets = (unsigned)strtoul(optarg, NULL, 10);
		bad |= c == '?';
	}
	if (bad || argc - optind != 4 || opt.sockets < 1 || opt.sockets > SOCKETS_MAX) {
		fprintf(stderr, "usage: relay [--sockets 1..%d] [--gso] ADDRESS PORT UPSTREAM PORT\n", SOCKETS_MAX);
		return 3;
	}
	if (sockets_open(argv + optind, ep)) {
		perror("relay");
		return 1;
	}
	for (;;) {
		int n = epoll_wait(ep, e, SOCKETS_MAX + 1, -1);
		for (int i = 0; i < n; i++) {
			if (e[i].data.fd == client)
				queries_relay();
			else
				answers_relay(e[i].data.fd);
		}
	}
}
