/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of resolver/net, and the clock and the kernel's numbers of lib. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "resolver/net/sockaddr.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/kernel_int.h"

/* --- clock and numbers --- */

uint64_t __wrap_clock_mono_ns(void);
uint64_t __wrap_clock_mono_ns(void)
{
	return k.now_ns;
}

uint64_t __wrap_clock_real_ns(void);
uint64_t __wrap_clock_real_ns(void)
{
	return 1700000000ull * NS_PER_S + k.now_ns;
}

uint64_t __wrap_rng_os_u64(void);
uint64_t __wrap_rng_os_u64(void)
{
	k.rng ^= k.rng << 13;
	k.rng ^= k.rng >> 7;
	k.rng ^= k.rng << 17;
	return k.rng * 0x2545f4914f6cdd1du;
}

uint16_t __wrap_rng_os_u16(void);
uint16_t __wrap_rng_os_u16(void)
{
	return (uint16_t)(__wrap_rng_os_u64() >> 40);
}

void __wrap_rng_os_bytes(void *buf, size_t len);
void __wrap_rng_os_bytes(void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)(__wrap_rng_os_u64() >> 32);
}

/* --- descriptors --- */

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	if (fd < KFD_BASE)
		return fd < 0 ? 0 : __real_close(fd);
	diary(DIARY_INWARD, "close", (uint64_t)fd, 0, NULL, 0);
	kfd_close(fd);
	return 0;
}

/* Log lines: the daemon's own, and nobody reads them. */
ssize_t __real_write(int fd, const void *b, size_t len);
ssize_t __wrap_write(int fd, const void *b, size_t len);
ssize_t __wrap_write(int fd, const void *b, size_t len)
{
	return fd == STDOUT_FILENO ? (ssize_t)len : __real_write(fd, b, len);
}

int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
	(void)flags;
	return kfd_new(ksock_new(K_EPOLL));
}

static struct kwatch *watch_find(struct ksock *e, int fd)
{
	for (unsigned i = 0; i < e->n_watch; i++)
		if (e->watch[i].fd == fd)
			return &e->watch[i];
	return NULL;
}

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	struct ksock *e = ksock_of(epfd), *s = ksock_of(fd);
	struct kwatch *w = watch_find(e, fd);

	diary(DIARY_INWARD, "watch", (uint64_t)fd << 8 | (unsigned)op, op == EPOLL_CTL_DEL ? 0 : ev->events, NULL, 0);
	if ((op == EPOLL_CTL_ADD) == (w != NULL))
		fault_found("descriptor %d: watched twice, or never", fd);
	if (op == EPOLL_CTL_ADD) {
		if (kcall_fails(KC_EPOLL_ADD))
			return -1;
		if (e->n_watch % 64 == 0) {
			struct kwatch *p = realloc(e->watch, (e->n_watch + 64) * sizeof(*p));

			if (!p)
				abort();
			e->watch = p;
		}
		w = &e->watch[e->n_watch++];
		*w = (struct kwatch){.fd = fd, .s = s};
	}
	if (op == EPOLL_CTL_DEL)
		*w = e->watch[--e->n_watch];
	else
		w->ev = *ev;
	return 0;
}

int __wrap_epoll_pwait2(int epfd, struct epoll_event *ev, int max, const struct timespec *t,
			const sigset_t *set);
int __wrap_epoll_pwait2(int epfd, struct epoll_event *ev, int max, const struct timespec *t,
			const sigset_t *set)
{
	(void)set;
	return kepoll_wait(epfd, ev, max,
			   t ? (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec : T_NEVER);
}

int __wrap_epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout_ms);
int __wrap_epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout_ms)
{
	if (timeout_ms == 0)
		return kepoll_poll(epfd, ev, max);
	return kepoll_wait(epfd, ev, max,
			   timeout_ms < 0 ? T_NEVER : (uint64_t)timeout_ms * NS_PER_MS);
}

int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags)
{
	(void)clock, (void)flags;
	return kfd_new(ksock_new(K_TIMER));
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	(void)flags, (void)old;
	ksock_of(fd)->alarm_ns =
		(uint64_t)at->it_value.tv_sec * NS_PER_S + (uint64_t)at->it_value.tv_nsec;
	diary(DIARY_INWARD, "alarm", ksock_of(fd)->alarm_ns, 0, NULL, 0);
	return 0;
}

/* --- sockets --- */

int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
	struct ksock *s;
	int fd;

	(void)protocol;
	if (kcall_fails(KC_SOCKET))
		return -1;
	s = ksock_new((type & 15) == SOCK_DGRAM ? K_UDP : K_STREAM);
	s->v6 = family == AF_INET6;
	fd = kfd_new(s);
	diary(DIARY_INWARD, "socket", (uint64_t)family, (uint64_t)type, NULL, 0);
	errno = EMFILE;
	return fd;
}

int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	diary(DIARY_INWARD, "bind", (uint64_t)fd, 0, sa, len);
	return kcall_fails(KC_BIND) ? -1 : 0;
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct ksock *s = ksock_of(fd);

	diary(DIARY_INWARD, "connect", (uint64_t)fd, 0, sa, len);
	if (kcall_fails(KC_CONNECT))
		return -1;
	kname_read(sa, &s->peer, &s->peer_port);
	s->local.s6_addr[10] = s->local.s6_addr[11] = 0xff;
	memcpy(s->local.s6_addr + 12, "\x0a\x09\x00\x01", 4);
	s->local_port = k.next_port++;
	if (s->kind == K_UDP)
		return 0;
	world_connect(s);
	errno = EINPROGRESS;
	return -1;
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct ksock *l = ksock_of(fd), *s;

	diary(DIARY_INWARD, "accept", (uint64_t)fd, (uint64_t)flags, NULL, 0);
	if (kcall_fails(KC_ACCEPT))
		return -1;
	errno = EAGAIN;
	if (!l->n_pending)
		return -1;
	s = l->pending[0];
	memmove(l->pending, l->pending + 1, --l->n_pending * sizeof(l->pending[0]));
	if (sa)
		*len = sockaddr_from((union sockaddr_any *)sa, &s->peer, s->peer_port, 0);
	return kfd_new(s);
}

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct ksock *s = ksock_of(fd);

	if (kcall_fails(KC_GETSOCKNAME))
		return -1;
	*len = sockaddr_from((union sockaddr_any *)sa, &s->local, s->local_port, 0);
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	diary(DIARY_INWARD, "option", (uint64_t)fd, (uint64_t)level << 32 | (unsigned)name, v, len);
	ksock_of(fd);
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *len)
{
	struct ksock *s = ksock_of(fd);

	if (level != SOL_SOCKET || name != SO_ERROR || *len < sizeof(int)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	memcpy(v, &s->error, sizeof(int));
	s->error = 0;
	return 0;
}

int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct ksock *s = ksock_of(fd);

	*len = sockaddr_from((union sockaddr_any *)sa, &s->peer, s->peer_port, 0);
	return 0;
}

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
	diary(DIARY_INWARD, "shutdown", (uint64_t)fd, (uint64_t)how, NULL, 0);
	ksock_of(fd);
	return 0;
}
