/* SPDX-License-Identifier: Apache-2.0 */
/* Octets from sockets to messages: by epoll, or what the ring has taken. */
#include "pcap-replay/send/socks_int.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "pcap-replay/send/room.h"
#include "pcap-replay/send/secure.h"

#define EVENTS 256

static void tcp_messages(struct socks *k, struct sock *s)
{
	uint64_t now_ns = clock_mono_ns();
	size_t at = 0;
	while (s->n_in - at >= 2 && s->n_in - at >= 2u + get_be16(s->in + at)) {
		size_t n = get_be16(s->in + at);
		k->c.got(k->c.ctx, s, s->in + at + 2, n, now_ns);
		at += 2 + n;
	}
	memmove(s->in, s->in + at, s->n_in - at);
	s->n_in -= at;
}

static void tcp_receive(struct socks *k, struct sock *s, uint8_t *buf, size_t cap)
{
	ssize_t n = recv(s->fd, buf, cap, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !room_grow(&s->in, &s->cap_in, s->n_in + (size_t)n)) {
		sock_break(k, s); /* a question that comes later opens another connection */
		return;
	}
	memcpy(s->in + s->n_in, buf, (size_t)n);
	s->n_in += (size_t)n;
	tcp_messages(k, s);
}

/* The kernel stamps by the wall clock, which may step: only the datagram's age is taken
 * from it. Whether it can be so old, who knows when its question was sent says. */
static uint64_t came_ns(uint64_t stamp_ns)
{
	uint64_t now_ns = clock_mono_ns(), wall_ns = clock_real_ns();
	return stamp_ns && stamp_ns <= wall_ns && wall_ns - stamp_ns < now_ns ? now_ns - (wall_ns - stamp_ns) : now_ns;
}

static void udp_receive(struct socks *k, struct sock *s, uint8_t *buf, size_t cap)
{
	do {
		union {
			char room[CMSG_SPACE(sizeof(struct timespec))];
			struct cmsghdr align;
		} ctl;
		struct iovec io = {buf, cap};
		struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl.room, .msg_controllen = sizeof(ctl.room)};
		ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);
		if (n < 0)
			return;
		k->c.got(k->c.ctx, s, buf, (size_t)n, came_ns(uring_stamp_ns(&m)));
	} while (s->n_waiting); /* nothing more is expected; if it is there nevertheless, epoll says so again */
}

static void receive(struct socks *k, struct sock *s, uint32_t events)
{
	if (s->fd < 0)
		return;
	if (s->tls) {
		if (!secure_event(s->tls))
			sock_break(k, s); /* a question that comes later opens another connection */
		return;
	}
	if (!s->tcp) {
		udp_receive(k, s, k->buf, sizeof(k->buf));
		return;
	}
	if (events & EPOLLOUT)
		socks_flush(k, s);
	if (s->fd >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		tcp_receive(k, s, k->buf, sizeof(k->buf));
}

/* epoll_pwait2 is of Linux 5.11, and filters of before it refuse it: ppoll(2) waits as exactly. */
static void epoll_hear(struct socks *k, uint64_t wait_ns)
{
	struct epoll_event ev[EVENTS];
	struct timespec ts = {(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)};
	int n = k->old_epoll ? -1 : epoll_pwait2(k->ep, ev, EVENTS, &ts, NULL);
	if (n < 0 && (k->old_epoll || errno == ENOSYS || errno == EPERM)) {
		struct pollfd p = {.fd = k->ep, .events = POLLIN};
		k->old_epoll = true;
		n = wait_ns && ppoll(&p, 1, &ts, NULL) <= 0 ? 0 : epoll_wait(k->ep, ev, EVENTS, 0);
	}
	for (int i = 0; i < n; i++)
		receive(k, ev[i].data.ptr, ev[i].events);
}

/* --- what the ring calls back --- */

void socks_came(void *ctx, void *who, const uint8_t *msg, size_t len, uint64_t stamp_ns)
{
	struct socks *k = ctx;
	struct sock *s = who;
	if (s->fd >= 0)
		k->c.got(k->c.ctx, s, msg, len, came_ns(stamp_ns));
}

void socks_ended(void *ctx, void *who)
{
	struct socks *k = ctx;
	struct sock *s = who;
	s->in_ring = s->fd >= 0;
	if (s->in_ring) /* an error was taken, as that nobody listens there; or buffers were out */
		uring_receive(k->ring, s->fd, s);
}

void socks_failed(void *ctx, void *what)
{
	struct socks *k = ctx;
	k->c.failed(k->c.ctx, what);
}

void socks_ready(void *ctx)
{
	epoll_hear(ctx, 0);
}

void socks_hear(struct socks *k, uint64_t wait_ns)
{
	if (k->ring)
		uring_turn(k->ring, wait_ns);
	else
		epoll_hear(k, wait_ns);
	socks_reap(k);
}
