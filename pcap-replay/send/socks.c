/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets by flow, target and transport; a list by last use; epoll level-triggered, and where datagrams go through
 * a ring that watches the epoll. */
#include "pcap-replay/send/socks_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "pcap-replay/send/room.h"
#include "pcap-replay/send/secure.h"
#include "pcap-replay/send/uring.h"

#define SPARE_FDS   64
#define SOCKS_MAX   60000
#define TCP_OUT_MAX (1 << 20)

int socks_new(struct socks **ret, const struct socks_conf *c, struct diag *d)
{
	struct rlimit lim;
	struct socks *k = calloc(1, sizeof(*k));
	if (!k)
		return diag_set(d, ERR_NOMEM, "out of memory");
	k->c = *c;
	k->at = calloc((size_t)c->n_flows * c->n_targets * 2 + 1, sizeof(struct sock *));
	k->ep = epoll_create1(EPOLL_CLOEXEC);
	k->max = 256;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur > 2 * SPARE_FDS)
			k->max = lim.rlim_cur - SPARE_FDS > SOCKS_MAX ? SOCKS_MAX : lim.rlim_cur - SPARE_FDS;
	}
	const struct uring_conf ring_conf = {k, socks_came, socks_ended, socks_failed, socks_ready};
	if (k->ep >= 0 && !c->no_ring)
		k->ring = uring_new(&ring_conf, k->ep);
	int rc = !k->at ? diag_set(d, ERR_NOMEM, "out of memory") : k->ep < 0 ? diag_errno(d, "epoll") : 0;
	if (rc) {
		socks_free(k);
		return rc;
	}
	*ret = k;
	return 0;
}

static struct sock **place(struct socks *k, uint32_t flow, unsigned target, bool tcp)
{
	return &k->at[((size_t)flow * k->c.n_targets + target) * 2 + tcp];
}

static void unlink_use(struct socks *k, struct sock *s)
{
	*(s->older ? &s->older->newer : &k->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &k->newest) = s->older;
}

static void use(struct socks *k, struct sock *s)
{
	s->newer = NULL;
	s->older = k->newest;
	*(k->newest ? &k->newest->newer : &k->oldest) = s;
	k->newest = s;
}

static void sock_free(struct sock *s)
{
	free(s->in);
	free(s->out);
	free(s);
}

/* Out of the tables; the struct stays until nothing can point to it. */
void sock_break(struct socks *k, struct sock *s)
{
	if (s->fd < 0)
		return;
	if (s->tls) {
		if (secure_fault(s->tls) && !k->fault[0])
			snprintf(k->fault, sizeof(k->fault), "%s", secure_fault(s->tls));
		secure_free(s->tls);
		s->tls = NULL;
	} else {
		close(s->fd);
	}
	if (s->in_ring && !uring_forget(k->ring, s)) /* which the ring's end does too */
		s->forget = true;
	s->fd = -1;
	k->n--;
	*place(k, s->flow, s->target, s->tcp) = NULL;
	unlink_use(k, s);
	s->newer = k->broken;
	k->broken = s;
	if (s->n_waiting && k->c.lost)
		k->c.lost(k->c.ctx, s, NULL, 0);
}

void socks_reap(struct socks *k)
{
	struct sock **at = &k->broken;
	while (*at) {
		struct sock *s = *at;
		if (s->forget)
			s->forget = !uring_forget(k->ring, s);
		if (s->n_waiting || s->in_ring) {
			at = &s->newer;
			continue;
		}
		*at = s->newer;
		sock_free(s);
	}
}

void socks_free(struct socks *k)
{
	if (!k)
		return;
	k->c.lost = NULL;
	uring_free(k->ring); /* which knows the sockets */
	k->ring = NULL;
	for (struct sock *s = k->oldest; s; s = s->newer)
		s->in_ring = false;
	while (k->oldest)
		sock_break(k, k->oldest);
	for (struct sock *s = k->broken, *next; s; s = next) {
		next = s->newer;
		sock_free(s);
	}
	if (k->ep >= 0)
		close(k->ep);
	free(k->at);
	free(k);
}

uint64_t socks_made(const struct socks *k)
{
	return k->made;
}

/* Somebody at whom nothing is waited for makes room; only the oldest few are looked at. */
static bool make_room(struct socks *k)
{
	struct sock *s = k->oldest;
	for (int i = 0; k->n >= k->max && s && i < 64; i++) {
		struct sock *next = s->newer;
		if (!s->n_waiting)
			sock_break(k, s);
		s = next;
	}
	return k->n < k->max;
}

const char *socks_fault(const struct socks *k)
{
	for (const struct sock *s = k->oldest; s && !k->fault[0]; s = s->newer)
		if (s->tls && secure_fault(s->tls))
			return secure_fault(s->tls);
	return k->fault[0] ? k->fault : NULL;
}

static void tls_got(void *ctx, const uint8_t *msg, size_t len, uint64_t at_ns)
{
	struct sock *s = ctx;
	s->owner->c.got(s->owner->c.ctx, s, msg, len, at_ns);
}

static void tls_lost(void *ctx, const uint8_t *msg, size_t len)
{
	struct sock *s = ctx;
	if (s->owner->c.lost)
		s->owner->c.lost(s->owner->c.ctx, s, msg, len);
}

static int tls_open(struct socks *k, struct sock *s)
{
	struct secure_conf c = {.target = &k->c.target[s->target], .trust = k->c.trust, .epoll = k->ep, .event = s, .ctx = s, .got = tls_got,
				.lost = tls_lost};
	s->fd = 0;
	return secure_new(&s->tls, &c);
}

static int plain_open(struct socks *k, struct sock *s)
{
	const struct target *t = &k->c.target[s->target];
	int one = 1;
	s->fd = socket(t->sa.ss_family, (s->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
	s->in_ring = k->ring && !s->tcp;
	if (s->fd >= 0 && s->tcp)
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	if (s->fd >= 0 && (!connect(s->fd, (const struct sockaddr *)&t->sa, t->len) || errno == EINPROGRESS) &&
	    (s->in_ring || !epoll_ctl(k->ep, EPOLL_CTL_ADD, s->fd, &ev))) {
		if (!s->in_ring || uring_receive(k->ring, s->fd, s))
			return 0;
	}
	int why = errno;
	if (!k->fault[0] && why != EMFILE && why != ENFILE)
		snprintf(k->fault, sizeof(k->fault), "%.80s: %.60s", t->text, strerror(why));
	if (s->fd >= 0)
		close(s->fd);
	return why == EMFILE || why == ENFILE ? ERR_LIMIT : ERR_SYS;
}

static struct sock *sock_new(struct socks *k, uint32_t flow, unsigned target, bool tcp)
{
	struct sock *s = make_room(k) ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	*s = (struct sock){.flow = flow, .target = target, .tcp = tcp, .owner = k};
	int rc = k->c.target[target].via == TARGET_DNS ? plain_open(k, s) : tls_open(k, s);
	if (rc == ERR_LIMIT && k->n) { /* fewer descriptors than thought: somebody's who has no use for it */
		k->max = k->n;
		rc = make_room(k) ? plain_open(k, s) : rc;
	}
	if (rc) {
		free(s);
		return NULL;
	}
	k->n++;
	k->made++;
	*place(k, flow, target, tcp) = s;
	use(k, s);
	return s;
}

struct sock *socks_get(struct socks *k, uint32_t flow, unsigned target, bool tcp)
{
	struct sock *s = *place(k, flow, target, tcp);
	if (!s)
		return sock_new(k, flow, target, tcp);
	unlink_use(k, s);
	use(k, s);
	return s;
}

bool socks_queue(struct socks *k, struct sock *s, void *what, const uint8_t *msg, size_t len)
{
	return uring_send(k->ring, s->fd, what, msg, len);
}

void socks_submit(struct socks *k)
{
	if (k->ring)
		uring_submit(k->ring);
}

void socks_flush(struct socks *k, struct sock *s)
{
	ssize_t n = s->n_out ? send(s->fd, s->out, s->n_out, MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != ENOTCONN && errno != EINPROGRESS) {
		sock_break(k, s);
		return;
	}
	if (n > 0) {
		memmove(s->out, s->out + n, s->n_out - (size_t)n);
		s->n_out -= (size_t)n;
	}
	struct epoll_event ev = {.events = EPOLLIN | (s->n_out ? EPOLLOUT : 0u), .data.ptr = s};
	epoll_ctl(k->ep, EPOLL_CTL_MOD, s->fd, &ev);
}

int socks_send(struct socks *k, struct sock *s, const uint8_t *msg, size_t len)
{
	if (s->tls) {
		int rc = secure_send(s->tls, msg, len);
		if (rc == ERR_SYS)
			sock_break(k, s);
		return rc;
	}
	if (!s->tcp)
		/* ECONNREFUSED tells of an earlier one: this one goes with the second try */
		return send(s->fd, msg, len, 0) < 0 && send(s->fd, msg, len, 0) < 0 ? ERR_SYS : 0;
	if (s->n_out + len + 2 > TCP_OUT_MAX || !room_grow(&s->out, &s->cap_out, s->n_out + len + 2))
		return ERR_LIMIT;
	set_be16(s->out + s->n_out, (uint16_t)len);
	memcpy(s->out + s->n_out + 2, msg, len);
	s->n_out += len + 2;
	socks_flush(k, s);
	return s->fd < 0 ? ERR_SYS : 0;
}
