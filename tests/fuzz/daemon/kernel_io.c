/* SPDX-License-Identifier: Apache-2.0 */
/* What goes in and out of sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "resolver/net/sockaddr.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/kernel_int.h"

bool kcall_fails(enum kcall c)
{
	int err;

	if (!kfault(c, &err))
		return false;
	errno = err;
	return true;
}

void kname_read(const void *sa, struct in6_addr *addr, uint16_t *port)
{
	uint32_t scope;

	sockaddr_split(sa, addr, port, &scope);
}

/* --- datagrams --- */

static void local_put(struct msghdr *h, const struct in6_addr *local)
{
	struct cmsghdr *c = h->msg_control;

	if (h->msg_controllen < CMSG_SPACE(sizeof(struct in6_pktinfo)))
		fault_found("no room for the address that was asked");
	if (addr_is_v4(local)) {
		struct in_pktinfo pi = {.ipi_addr = addr_to_v4(local),
					.ipi_spec_dst = addr_to_v4(local)};

		*c = (struct cmsghdr){.cmsg_level = IPPROTO_IP,
				      .cmsg_type = IP_PKTINFO,
				      .cmsg_len = CMSG_LEN(sizeof(pi))};
		memcpy(CMSG_DATA(c), &pi, sizeof(pi));
		h->msg_controllen = CMSG_SPACE(sizeof(pi));
	} else {
		struct in6_pktinfo pi = {.ipi6_addr = *local};

		*c = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6,
				      .cmsg_type = IPV6_PKTINFO,
				      .cmsg_len = CMSG_LEN(sizeof(pi))};
		memcpy(CMSG_DATA(c), &pi, sizeof(pi));
		h->msg_controllen = CMSG_SPACE(sizeof(pi));
	}
}

/* Which of a wildcard's addresses a datagram was for follows from its port. */
static struct in6_addr local_of(const struct ksock *s, const struct kpacket *p)
{
	struct in6_addr a = s->local;

	if (s->reads_local && addr_is_v4(&p->from))
		inet_pton(AF_INET6, "::ffff:10.0.0.53", &a);
	else if (s->reads_local)
		inet_pton(AF_INET6, "fd00::53", &a);
	return a;
}

static ssize_t datagram_recv(struct ksock *s, struct msghdr *h)
{
	struct kpacket *p = s->rx;
	size_t at = 0;

	if (kcall_fails(KC_RECV))
		return -1;
	if (s->error) {
		errno = s->error;
		s->error = 0;
		return -1;
	}
	errno = EAGAIN;
	if (!p)
		return -1;
	for (size_t i = 0; i < h->msg_iovlen; i++) {
		size_t n =
			p->len - at < h->msg_iov[i].iov_len ? p->len - at : h->msg_iov[i].iov_len;

		memcpy(h->msg_iov[i].iov_base, p->b + at, n);
		at += n;
	}
	h->msg_flags = at < p->len ? MSG_TRUNC : 0;
	if (h->msg_name) {
		union sockaddr_any from = {0};

		/* what a dual-stack socket sees of IPv4 */
		if (s->v6 && addr_is_v4(&p->from))
			from.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
							.sin6_port = htons(p->from_port),
							.sin6_addr = p->from};
		else
			sockaddr_from(&from, &p->from, p->from_port, 0);
		h->msg_namelen = s->v6 ? sizeof(from.v6) : sizeof(from.v4);
		memcpy(h->msg_name, &from, h->msg_namelen);
	}
	if (s->reads_local && h->msg_control) {
		struct in6_addr local = local_of(s, p);

		local_put(h, &local);
	} else {
		h->msg_controllen = 0;
	}
	s->rx = p->next;
	if (!s->rx)
		s->rx_end = &s->rx;
	free(p);
	return (ssize_t)at;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	unsigned got = 0;

	(void)t;
	diary(DIARY_INWARD, "receive many", (uint64_t)fd << 32 | n, (uint64_t)flags, NULL, 0);
	while (got < n) {
		ssize_t len = datagram_recv(ksock_of(fd), &m[got].msg_hdr);

		if (len < 0)
			return got ? (int)got : -1;
		m[got++].msg_len = (unsigned)len;
	}
	return (int)got;
}

ssize_t __wrap_recvfrom(int fd, void *b, size_t cap, int flags, struct sockaddr *sa,
			socklen_t *len);
ssize_t __wrap_recvfrom(int fd, void *b, size_t cap, int flags, struct sockaddr *sa, socklen_t *len)
{
	struct iovec iov = {b, cap};
	struct msghdr h = {.msg_name = sa, .msg_namelen = *len, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = datagram_recv(ksock_of(fd), &h);

	diary(DIARY_INWARD, "receive", (uint64_t)fd, (uint64_t)flags, NULL, 0);
	*len = h.msg_namelen;
	return n;
}

/* The source the sender chose, and the length of segments (0: one datagram). */
static void control_read(const struct msghdr *h, struct in6_addr *from, size_t *segment)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR((struct msghdr *)h, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT) {
			uint16_t len;

			memcpy(&len, CMSG_DATA(c), sizeof(len));
			*segment = len;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			*from = addr_from_v4(pi.ipi_spec_dst);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			*from = pi.ipi6_addr;
		}
	}
}

static ssize_t datagram_send(struct ksock *s, const struct msghdr *h)
{
	static uint8_t b[65536];
	struct in6_addr from = s->local, to = s->peer;
	uint16_t port = s->peer_port;
	size_t len = 0, segment = 0;

	if (kcall_fails(KC_SEND))
		return -1;
	for (size_t i = 0; i < h->msg_iovlen; i++) {
		if (len + h->msg_iov[i].iov_len > sizeof(b))
			fault_found("a datagram of more than 65535 octets");
		memcpy(b + len, h->msg_iov[i].iov_base, h->msg_iov[i].iov_len);
		len += h->msg_iov[i].iov_len;
	}
	control_read(h, &from, &segment);
	if (h->msg_name)
		kname_read(h->msg_name, &to, &port);
	if (!port)
		fault_found("a datagram to nobody");
	for (size_t at = 0; at < len; at += segment ? segment : len)
		world_datagram(s, &from, &to, port, b + at,
			       segment && segment < len - at ? segment : len - at);
	return (ssize_t)len;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	unsigned sent = 0;

	diary(DIARY_INWARD, "send many", (uint64_t)fd << 32 | n, (uint64_t)flags, NULL, 0);
	while (sent < n) {
		ssize_t len = datagram_send(ksock_of(fd), &m[sent].msg_hdr);

		if (len < 0)
			return sent ? (int)sent : -1;
		m[sent++].msg_len = (unsigned)len;
	}
	return (int)sent;
}

ssize_t __wrap_sendto(int fd, const void *b, size_t len, int flags, const struct sockaddr *sa,
		      socklen_t sa_len);
ssize_t __wrap_sendto(int fd, const void *b, size_t len, int flags, const struct sockaddr *sa,
		      socklen_t sa_len)
{
	struct iovec iov = {(void *)b, len};
	struct msghdr h = {
		.msg_name = (void *)sa, .msg_namelen = sa_len, .msg_iov = &iov, .msg_iovlen = 1};

	diary(DIARY_INWARD, "send to", (uint64_t)fd, (uint64_t)flags, NULL, 0);
	return datagram_send(ksock_of(fd), &h);
}

/* --- streams --- */

ssize_t __wrap_recv(int fd, void *b, size_t cap, int flags);
ssize_t __wrap_recv(int fd, void *b, size_t cap, int flags)
{
	struct ksock *s = ksock_of(fd);
	size_t n = s->in_len < cap ? s->in_len : cap;

	diary(DIARY_INWARD, "read", (uint64_t)fd << 32 | cap, (uint64_t)flags, NULL, 0);
	if (kcall_fails(KC_STREAM_RECV))
		return -1;
	if (s->reset || s->error) {
		errno = s->error ? s->error : ECONNRESET;
		s->error = 0;
		s->reset = true;
		return -1;
	}
	if (k.piece_max && n > k.piece_max)
		n = k.piece_max;
	errno = EAGAIN;
	if (!n)
		return s->eof ? 0 : -1;
	memcpy(b, s->in + s->in_off, n);
	s->in_off += n;
	k.n_moved += n;
	s->in_len -= n;
	return (ssize_t)n;
}

ssize_t __wrap_send(int fd, const void *b, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *b, size_t len, int flags)
{
	struct ksock *s = ksock_of(fd);
	size_t n = len < s->room ? len : s->room;

	diary(DIARY_INWARD, "write", (uint64_t)fd << 32 | len, (uint64_t)flags, NULL, 0);
	if (!(flags & MSG_NOSIGNAL))
		fault_found("a send that may raise SIGPIPE");
	if (kcall_fails(KC_STREAM_SEND))
		return -1;
	if (s->reset) {
		errno = EPIPE;
		return -1;
	}
	if (k.piece_max && n > k.piece_max)
		n = k.piece_max;
	errno = EAGAIN;
	if (!n || s->connecting)
		return -1;
	if (s->room != SIZE_MAX)
		s->room -= n;
	k.n_moved += n;
	world_stream(s, b, n);
	return (ssize_t)n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags)
{
	ssize_t sent = 0;

	for (size_t i = 0; i < h->msg_iovlen; i++) {
		const struct iovec *v = &h->msg_iov[i];
		ssize_t n = v->iov_len ? __wrap_send(fd, v->iov_base, v->iov_len, flags) : 0;

		if (n < 0)
			return sent ? sent : -1;
		sent += n;
		if ((size_t)n < v->iov_len)
			break;
	}
	return sent;
}

/* What the C library's headers make of the two where they know the buffer's size. */
ssize_t __wrap___recv_chk(int fd, void *b, size_t n, size_t cap, int flags);
ssize_t __wrap___recv_chk(int fd, void *b, size_t n, size_t cap, int flags)
{
	if (n > cap)
		fault_found("a read of %zu octets into %zu", n, cap);
	return __wrap_recv(fd, b, n, flags);
}

ssize_t __wrap___recvfrom_chk(int fd, void *b, size_t n, size_t cap, int flags, struct sockaddr *sa,
			      socklen_t *len);
ssize_t __wrap___recvfrom_chk(int fd, void *b, size_t n, size_t cap, int flags, struct sockaddr *sa,
			      socklen_t *len)
{
	if (n > cap)
		fault_found("a read of %zu octets into %zu", n, cap);
	return __wrap_recvfrom(fd, b, n, flags, sa, len);
}
