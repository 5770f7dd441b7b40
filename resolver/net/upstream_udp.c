/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions over UDP leave through connected sockets with random ports, so the
 * kernel drops what does not come from the upstream's address, and random ids.
 *
 * Each question has a port of its own, used once: a port that stays could be
 * found and aimed at (RFC 5452 section 9.2), and the connection tracking of a
 * node may hold a dead backend for it. Opening one costs twice what the exchange
 * costs, so only a flood is treated otherwise: what exceeds FRESH_PER_S shares
 * SOCKETS_MAX sockets, for each round of the loop a random one of those with
 * nothing under way or the least busy, so that a round leaves together (udp_out.h).
 * A shared socket is given up after USES_MAX questions or AGE_NS, and at once when
 * it stays silent.
 *
 * Sockets are closed only in upstream_udp_flush: whoever fails a question or
 * takes an answer may be asked again from within.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/rng.h"
#include "lib/wire.h"
#include "resolver/net/idmap.h"
#include "resolver/net/sockaddr.h"
#include "resolver/net/udp_out.h"
#include "resolver/net/upstream.h"

#define FRESH_PER_S 2000 /* questions an upstream is asked from ports of their own */
#define FRESH_BURST 500
#define FRESH_OPEN_MAX 1024 /* sockets of all upstreams: beyond, questions share */
#define SOCKETS_MAX 16   /* shared, taking questions; others may wait for their last answers */
#define USES_MAX    256
#define AGE_NS      (2 * NS_PER_S)
#define SILENT_NS   (100 * NS_PER_MS)
#define STRAYS_MAX  8    /* somebody who sends so many wrong ids is guessing */
#define TAKE_MAX    16   /* datagrams in one read */
#define SLOT_LEN    (sizeof(((struct stream_scratch *)0)->b) / TAKE_MAX)

struct udp_sock {
	struct upstream *up;
	struct udp_sock *next, *dirty_next;
	struct udp_sock *shared_next; /* shared and taking questions: in up->udp_shared */
	struct loop_fd watch;
	struct idmap ids;
	struct udp_outs out;
	unsigned n_asks; /* ids.n less orphans */
	unsigned n_uses, n_strays;
	bool single; /* for one question only */
	bool retired, dead, dirty;
	enum core_fail_why why; /* dead: what its questions are told */
	uint64_t born_ns;
	uint64_t silent_ns; /* asked, and nothing heard since */
};

int upstream_udp_fd(const struct udp_sock *s)
{
	return s->watch.fd;
}

static struct upstreams *sock_all(const struct udp_sock *s)
{
	return s->up->all;
}

static void sock_touch(struct udp_sock *s)
{
	struct upstreams *u = sock_all(s);
	if (s->dirty)
		return;
	s->dirty = true;
	s->dirty_next = u->udp_dirty;
	u->udp_dirty = s;
}

static void sock_die(struct udp_sock *s, enum core_fail_why why)
{
	if (!s->dead) {
		s->dead = true;
		s->why = why;
	}
	sock_touch(s);
}

static void sock_retire(struct udp_sock *s)
{
	s->retired = true;
	if (s->n_asks == 0)
		sock_touch(s);
}

/* --- answers --- */

static void sock_heard(struct udp_sock *s)
{
	s->silent_ns = s->n_asks ? sock_all(s)->loop->now_ns : 0;
	if (s->retired && s->n_asks == 0)
		sock_touch(s);
}

static void stray(struct udp_sock *s)
{
	sock_all(s)->stats->up_udp_strays++;
	if (++s->n_strays >= STRAYS_MAX)
		sock_die(s, CORE_FAIL_BADREPLY);
}

static void datagram_take(struct udp_sock *s, const uint8_t *b, size_t len)
{
	struct upstreams *u = sock_all(s);
	struct ask *a;
	void *owner = NULL;
	if (len < DNS_HEADER_LEN || !(b[2] & 0x80) || !idmap_find(&s->ids, get_be16(b), &owner)) {
		stray(s);
		return;
	}
	a = owner;
	if (a) {
		uint32_t id = a->id;
		bool taken = u->events.answer(u->events.ctx, id, b, len);
		/* The core may have cancelled it by itself: then it is no longer ours. */
		if (a->id == id && a->place == ASK_UDP && a->sock == s) {
			if (!taken) {
				stray(s);
				return;
			}
			s->n_asks--;
			asks_free(&u->asks, a);
		}
	}
	idmap_take(&s->ids, get_be16(b), &owner);
	sock_heard(s);
}

/* Larger than a slot, hence than anything we asked for: of its beginning only the
 * question is used, with TC set, and the core fetches the rest over TCP. */
static size_t datagram_cut(uint8_t *b, size_t len)
{
	struct dns_question q;
	struct wire w;
	wire_init(&w, b, len);
	wire_skip(&w, DNS_HEADER_LEN);
	wire_question(&w, &q);
	if (w.err || get_be16(b + 4) != 1)
		return len;
	b[2] |= DNS_TC >> 8;
	memset(b + 6, 0, 6);
	return w.off;
}

static void sock_ready(struct loop_fd *w, uint32_t events)
{
	struct udp_sock *s = container_of(w, struct udp_sock, watch);
	struct stream_scratch *scratch = sock_all(s)->scratch;
	struct mmsghdr msg[TAKE_MAX];
	struct iovec iov[TAKE_MAX];
	int n = TAKE_MAX;
	(void)events;
	while (n == TAKE_MAX && !s->dead) {
		for (unsigned i = 0; i < TAKE_MAX; i++) {
			iov[i] = (struct iovec){ scratch->b + i * SLOT_LEN, SLOT_LEN };
			msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
		}
		n = recvmmsg(w->fd, msg, TAKE_MAX, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n && !s->dead; i++) {
			size_t len = msg[i].msg_len;
			if (msg[i].msg_hdr.msg_flags & MSG_TRUNC)
				len = datagram_cut(iov[i].iov_base, len);
			datagram_take(s, iov[i].iov_base, len);
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		sock_die(s, upstream_why(errno));
}

/* --- opening, closing --- */

static int socket_connected(const struct upstream_conf *c)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &c->addr, c->port, c->scope_id);
	int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (c->has_source) {
		union sockaddr_any from;
		socklen_t from_len = sockaddr_from(&from, &c->source, 0, c->scope_id);
		if (bind(fd, &from.sa, from_len) < 0)
			goto out;
	}
	if (connect(fd, &sa.sa, len) == 0)
		return fd;
out:;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void sweep_due(struct loop_timer *t)
{
	struct upstream *up = container_of(t, struct upstream, udp_sweep);
	uint64_t now = up->all->loop->now_ns;
	for (struct udp_sock *s = up->udp; s; s = s->next)
		if (now - s->born_ns >= AGE_NS)
			sock_retire(s);
	if (up->udp)
		loop_timer_set(up->all->loop, t, now + AGE_NS);
}

/* NULL and errno. */
static struct udp_sock *sock_open(struct upstream *up)
{
	struct upstreams *u = up->all;
	int fd = socket_connected(&up->conf);
	if (fd < 0)
		return NULL;
	struct udp_sock *s = calloc(1, sizeof(*s));
	if (s)
		s->watch.ready = sock_ready;
	if (!s || loop_add(u->loop, &s->watch, fd, EPOLLIN) < 0) {
		free(s);
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->up = up;
	s->born_ns = u->loop->now_ns;
	s->next = up->udp;
	up->udp = s;
	u->stats->up_udp_open++;
	up->udp_sweep.due = sweep_due;
	if (!up->udp_sweep.armed)
		loop_timer_set(u->loop, &up->udp_sweep, s->born_ns + AGE_NS);
	return s;
}

static void sock_close(struct udp_sock *s)
{
	struct upstreams *u = sock_all(s);
	struct udp_sock **l = &s->up->udp;
	s->dirty = true; /* so that nobody lists it again */
	while (*l != s)
		l = &(*l)->next;
	*l = s->next;
	for (l = &s->up->udp_shared; *l && *l != s;)
		l = &(*l)->shared_next;
	if (*l)
		*l = s->shared_next;
	if (!s->up->udp)
		loop_timer_set(u->loop, &s->up->udp_sweep, T_NEVER);
	loop_forget(u->loop, &s->watch);
	close(s->watch.fd);
	u->stats->up_udp_open--;
	struct ask *a;
	for (unsigned at = 0; (a = idmap_next(&s->ids, &at));)
		upstream_ask_failed(u, a, s->why);
	idmap_release(&s->ids);
	free(s);
}

/* --- asking --- */

static bool sock_usable(struct udp_sock *s, uint64_t now)
{
	if (!s->retired && !s->dead &&
	    (s->n_uses >= (s->single ? 1 : USES_MAX) || now - s->born_ns >= AGE_NS ||
	     (s->silent_ns && now - s->silent_ns >= SILENT_NS)))
		sock_retire(s);
	return !s->retired && !s->dead;
}

/* FRESH_PER_S with bursts, as one number: when the next port would be due if they
 * were opened evenly. */
static bool may_open(struct upstream *up, uint64_t now)
{
	uint64_t due = up->udp_fresh_due_ns > now ? up->udp_fresh_due_ns : now;
	if (up->all->stats->up_udp_open >= FRESH_OPEN_MAX || due - now > FRESH_BURST * (NS_PER_S / FRESH_PER_S))
		return false;
	up->udp_fresh_due_ns = due + NS_PER_S / FRESH_PER_S;
	return true;
}

/* One that is asked in this round already takes all of the round's, so that they
 * leave together; then a random one with nothing under way, or the least busy. */
static struct udp_sock *sock_share(struct upstream *up, uint64_t now)
{
	struct udp_sock *idle[SOCKETS_MAX], *best = NULL, *fresh;
	unsigned n = 0, n_idle = 0;
	for (struct udp_sock **l = &up->udp_shared, *s; (s = *l);) {
		if (!sock_usable(s, now)) {
			*l = s->shared_next;
			continue;
		}
		if (s->out.first)
			return s;
		n++;
		if (s->n_asks == 0)
			idle[n_idle++] = s;
		if (!best || s->n_asks < best->n_asks)
			best = s;
		l = &s->shared_next;
	}
	if (n < SOCKETS_MAX && (fresh = sock_open(up))) {
		fresh->shared_next = up->udp_shared;
		up->udp_shared = fresh;
		return fresh;
	}
	return n_idle ? idle[rng_os_u16() % n_idle] : best;
}

static struct udp_sock *sock_choose(struct upstream *up)
{
	uint64_t now = up->all->loop->now_ns;
	struct udp_sock *s = may_open(up, now) ? sock_open(up) : NULL;
	if (s)
		s->single = true;
	return s ? s : sock_share(up, now);
}

static void sock_send(struct udp_sock *s)
{
	int err = udp_outs_send(sock_all(s)->udp_queue, &s->out, s->watch.fd);
	if (err)
		sock_die(s, upstream_why(err));
}

static void queue_send(struct upstreams *u)
{
	for (struct udp_sock *s = u->udp_dirty; s; s = s->dirty_next)
		if (s->out.first)
			sock_send(s);
	u->udp_queue->n = 0;
}

static void query_queue(struct udp_sock *s, uint16_t id, const struct core_ask *what)
{
	struct upstreams *u = sock_all(s);
	if (u->udp_queue->n == UDP_OUT_MAX)
		queue_send(u);
	assert(what->len <= UDP_OUT_OCTETS);
	struct udp_out *o = udp_outs_add(u->udp_queue, &s->out);
	memcpy(o->b, what->query, what->len);
	set_be16(o->b, id);
	o->len = what->len;
	sock_touch(s);
}

void upstream_udp_ask(struct upstream *up, struct ask *a, const struct core_ask *what)
{
	struct upstreams *u = up->all;
	if (!u->udp_queue && !(u->udp_queue = calloc(1, sizeof(*u->udp_queue)))) {
		upstream_fail_later(u, a, CORE_FAIL_NOSOCKET);
		return;
	}
	u->udp_queue->n = u->udp_dirty ? u->udp_queue->n : 0;
	struct udp_sock *s = sock_choose(up);
	if (!s || idmap_add(&s->ids, a, &a->dns_id) < 0) {
		upstream_fail_later(u, a, s ? CORE_FAIL_NOSOCKET : upstream_why(errno));
		return;
	}
	a->place = ASK_UDP;
	a->sock = s;
	if (up->stats) {
		up->stats->conn_misses[CORE_UDP] += s->n_uses == 0;
		up->stats->conn_hits[CORE_UDP] += s->n_uses > 0;
	}
	if (s->n_asks++ == 0)
		s->silent_ns = u->loop->now_ns;
	s->n_uses++;
	s->retired |= s->single;
	query_queue(s, a->dns_id, what);
}

void upstream_udp_cancel(struct ask *a)
{
	struct udp_sock *s = a->sock;
	idmap_orphan(&s->ids, a->dns_id);
	s->n_asks--;
	if (s->retired && s->n_asks == 0)
		sock_touch(s);
	asks_free(&sock_all(s)->asks, a);
}

void upstream_udp_flush(struct upstreams *u)
{
	if (u->udp_dirty)
		queue_send(u);
	while (u->udp_dirty) {
		struct udp_sock *s = u->udp_dirty;
		u->udp_dirty = s->dirty_next;
		s->dirty = false;
		if (s->out.first && !s->dead) /* asked again by one that failed before it */
			sock_send(s);
		if ((s->dead || (s->retired && s->n_asks == 0)) && !s->dirty)
			sock_close(s);
	}
}

void upstream_udp_retire(struct upstream *up)
{
	for (struct udp_sock *s = up->udp; s; s = s->next)
		sock_retire(s);
}

void upstream_udp_release(struct upstream *up)
{
	while (up->udp) {
		struct udp_sock *s = up->udp, **l = &up->all->udp_dirty;
		while (*l && *l != s)
			l = &(*l)->dirty_next;
		if (*l)
			*l = s->dirty_next;
		s->why = CORE_FAIL_CLOSED;
		sock_close(s);
	}
}
