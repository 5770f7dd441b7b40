/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, watches and time of the kernel in memory; the calls themselves are in kernel_calls.c. */
#include "tests/fuzz/daemon/kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/daemon/kernel_int.h"

struct kernel k;
static struct ksock *table[KFDS_MAX];

void fault_found(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "daemon: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	abort();
}

/* --- descriptors --- */

struct ksock *ksock_of(int fd)
{
	struct ksock *s =
		fd >= KFD_BASE && fd < KFD_BASE + (int)k.n_fd ? table[fd - KFD_BASE] : NULL;

	if (!s)
		fault_found("descriptor %d is not open", fd);
	return s;
}

int kfd_new(struct ksock *s)
{
	if (k.n_fd == KFDS_MAX)
		return -1;
	table[k.n_fd] = s;
	s->refs++;
	return KFD_BASE + (int)k.n_fd++;
}

struct ksock *ksock_new(enum ksock_kind kind)
{
	struct ksock *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->kind = kind;
	s->rx_end = &s->rx;
	s->room = SIZE_MAX;
	s->alarm_ns = T_NEVER;
	s->next = k.all;
	k.all = s;
	return s;
}

static void ksock_free(struct ksock *s)
{
	struct ksock **l = &k.all;

	while (*l != s)
		l = &(*l)->next;
	*l = s->next;
	while (s->rx) {
		struct kpacket *p = s->rx;

		s->rx = p->next;
		free(p);
	}
	while (s->n_pending > 0) {
		world_closed(s->pending[--s->n_pending]);
		ksock_free(s->pending[s->n_pending]);
	}
	free(s->in);
	free(s->watch);
	free(s);
}

/* A watched socket that has another descriptor would be reported for ever. */
static void watches_drop(struct ksock *s, int fd)
{
	for (struct ksock *e = k.all; e; e = e->next)
		for (unsigned i = 0; e->kind == K_EPOLL && i < e->n_watch;) {
			if (e->watch[i].s != s || (s->refs > 0 && e->watch[i].fd != fd)) {
				i++;
				continue;
			}
			if (s->refs > 0)
				fault_found("descriptor %d is closed and still watched", fd);
			e->watch[i] = e->watch[--e->n_watch];
		}
}

void kfd_close(int fd)
{
	struct ksock *s = ksock_of(fd);

	table[fd - KFD_BASE] = NULL;
	s->refs--;
	watches_drop(s, fd);
	if (s->refs > 0)
		return;
	world_closed(s);
	ksock_free(s);
}

unsigned kernel_fds_open(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k.n_fd; i++)
		n += table[i] != NULL;
	return n;
}

void kernel_reset(void)
{
	while (k.all) {
		struct ksock *s = k.all;

		s->n_pending = 0; /* they are in the list, too */
		ksock_free(s);
	}
	memset(table, 0, k.n_fd * sizeof(table[0]));
	memset(&k, 0, sizeof(k));
	k.now_ns = 1000 * NS_PER_S;
	k.rng = 0x9e3779b97f4a7c15u;
	k.next_port = 20000;
}

/* --- what comes from outside --- */

struct ksock *kernel_listener_find(enum ksock_kind kind, const struct in6_addr *addr, uint16_t port,
				   unsigned queue)
{
	for (struct ksock *s = k.all; s; s = s->next)
		if (s->kind == kind && s->refs && s->local_port == port && !s->peer_port &&
		    s->queue == queue && memcmp(&s->local, addr, sizeof(*addr)) == 0)
			return s;
	return NULL;
}

int kernel_listener(enum ksock_kind kind, const struct in6_addr *addr, uint16_t port,
		    unsigned queue)
{
	struct ksock *s = kernel_listener_find(kind, addr, port, queue);

	if (!s) {
		s = ksock_new(kind);
		s->local = *addr;
		s->local_port = port;
		s->queue = queue;
		s->v6 = !IN6_IS_ADDR_V4MAPPED(addr);
		s->reads_local = IN6_IS_ADDR_UNSPECIFIED(addr);
	}
	return kfd_new(s);
}

void kernel_datagram(struct ksock *s, const struct in6_addr *from, uint16_t port, const void *b,
		     size_t len)
{
	struct kpacket *p = malloc(sizeof(*p) + len);

	if (!p)
		abort();
	*p = (struct kpacket){.from = *from, .from_port = port, .len = len};
	memcpy(p->b, b, len);
	*s->rx_end = p;
	s->rx_end = &p->next;
}

struct ksock *kernel_connect_in(struct ksock *listener, const struct in6_addr *from, uint16_t port)
{
	struct ksock *s;

	if (listener->n_pending == sizeof(listener->pending) / sizeof(listener->pending[0]))
		return NULL;
	s = ksock_new(K_STREAM);
	s->v6 = listener->v6;
	s->local = listener->local;
	s->local_port = listener->local_port;
	s->peer = *from;
	s->peer_port = port;
	listener->pending[listener->n_pending++] = s;
	return s;
}

void kernel_stream_in(struct ksock *s, const void *b, size_t len)
{
	uint8_t *p = malloc(s->in_len + len + 1);

	if (!p)
		abort();
	if (s->in_len)
		memcpy(p, s->in + s->in_off, s->in_len);
	memcpy(p + s->in_len, b, len);
	free(s->in);
	s->in = p;
	s->in_off = 0;
	s->in_len += len;
}

/* --- readiness --- */

static uint32_t ready_of(struct ksock *s);

static bool watches_ready(const struct ksock *e)
{
	for (unsigned i = 0; i < e->n_watch; i++)
		if (ready_of(e->watch[i].s) & (e->watch[i].ev.events | EPOLLERR | EPOLLHUP))
			return true;
	return false;
}

static uint32_t ready_of(struct ksock *s)
{
	switch (s->kind) {
	case K_UDP:
		return EPOLLOUT | (s->rx ? EPOLLIN : 0) | (s->error ? EPOLLERR | EPOLLIN : 0);
	case K_LISTEN:
		return s->n_pending ? EPOLLIN : 0;
	case K_TIMER:
		return s->alarm_ns <= k.now_ns ? EPOLLIN : 0;
	case K_STREAM:
		if (s->connecting)
			return 0;
		if (s->error || s->reset)
			return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP;
		return (s->room ? EPOLLOUT : 0) | (s->in_len || s->eof ? EPOLLIN : 0) |
		       (s->eof ? EPOLLRDHUP : 0);
	default: /* one epoll in another */
		return watches_ready(s) ? EPOLLIN : 0;
	}
}

static int events_take(struct ksock *e, struct epoll_event *ev, int max)
{
	int n = 0;

	for (unsigned i = 0; i < e->n_watch && n < max; i++) {
		struct kwatch *w = &e->watch[(i + k.turn) % e->n_watch];
		uint32_t r = ready_of(w->s) & (w->ev.events | EPOLLERR | EPOLLHUP);

		if (!r)
			continue;
		if (w->s->kind == K_TIMER)
			w->s->alarm_ns = T_NEVER; /* EPOLLET: told once */
		ev[n] = w->ev;
		ev[n++].events = r;
	}
	return n;
}

static uint64_t alarm_of(const struct ksock *e)
{
	uint64_t at = T_NEVER;

	for (unsigned i = 0; i < e->n_watch; i++)
		if (e->watch[i].s->kind == K_TIMER && e->watch[i].s->alarm_ns < at)
			at = e->watch[i].s->alarm_ns;
	return at;
}

int kepoll_wait(int epfd, struct epoll_event *ev, int max, uint64_t sleep_ns)
{
	struct ksock *e = ksock_of(epfd);
	uint64_t until = sleep_ns == T_NEVER ? T_NEVER : k.now_ns + sleep_ns;
	int n;

	k.wakes++;
	k.now_ns += NS_PER_US;
	n = events_take(e, ev, max);
	if (n == 0) {
		uint64_t alarm = alarm_of(e);

		until = alarm < until ? alarm : until;
		until = k.until_ns < until ? k.until_ns : until;
		if (until > k.now_ns)
			k.now_ns = until;
		n = events_take(e, ev, max);
	}
	k.last_events = (unsigned)n;
	return n;
}

int kepoll_poll(int epfd, struct epoll_event *ev, int max)
{
	return events_take(ksock_of(epfd), ev, max);
}

bool kfault(enum kcall c, int *ret_errno)
{
	if (!k.fault[c].count)
		return false;
	if (k.fault[c].after) {
		k.fault[c].after--;
		return false;
	}
	k.fault[c].count--;
	*ret_errno = k.fault[c].err;
	return true;
}
