/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/net/udp_sock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

#define TAKE_MAX 16 /* datagrams in one read */
#define SLOT_LEN (sizeof(((struct stream_scratch *)0)->b) / TAKE_MAX)
#define TELL_NS  (60 * NS_PER_S) /* between two lines about guesses */

static struct upstreams *sock_all(const struct udp_sock *s)
{
	return s->up->all;
}

void udp_sock_touch(struct udp_sock *s)
{
	struct upstreams *u = sock_all(s);
	if (s->dirty)
		return;
	s->dirty = true;
	s->dirty_next = u->udp_dirty;
	u->udp_dirty = s;
}

void udp_sock_retire(struct udp_sock *s)
{
	s->retired = true;
	if (s->n_asks == 0)
		udp_sock_touch(s);
}

/* --- those for one question, oldest first --- */

static void single_add(struct udp_sock *s)
{
	struct upstreams *u = sock_all(s);
	s->older = u->udp_newest;
	*(u->udp_newest ? &u->udp_newest->newer : &u->udp_oldest) = s;
	u->udp_newest = s;
	u->n_udp_single++;
}

static void single_remove(struct udp_sock *s)
{
	struct upstreams *u = sock_all(s);
	if (!s->older && u->udp_oldest != s)
		return;
	if (u->udp_slow == s)
		u->udp_slow = s->older;
	*(s->older ? &s->older->newer : &u->udp_oldest) = s->newer;
	*(s->newer ? &s->newer->older : &u->udp_newest) = s->older;
	s->older = s->newer = NULL;
	if (s->client)
		s->client->n_single--;
	u->n_udp_single--;
}

void udp_sock_die(struct udp_sock *s, enum core_fail_why why)
{
	if (!s->dead) {
		s->dead = true;
		s->why = why;
		single_remove(s);
	}
	udp_sock_touch(s);
}

/* --- guesses --- */

static void guessing_tell(struct upstream *up)
{
	struct upstreams *u = up->all;
	char where[SOCKADDR_TEXT], text[SOCKADDR_TEXT + 120];
	u->stats->up_udp_guessed++;
	if (!u->events.event || (up->told_ns && u->loop->now_ns - up->told_ns < TELL_NS))
		return;
	up->told_ns = u->loop->now_ns;
	snprintf(text, sizeof(text), "%s: somebody guesses ids of answers; asking again by other ports",
		 sockaddr_text(where, &up->conf.addr, up->conf.port));
	u->events.event(u->events.ctx, 2, text);
}

static void id_guessed(struct udp_sock *s)
{
	sock_all(s)->stats->up_udp_strays++;
	if (++s->n_guesses < UDP_GUESSES_MAX || s->dead)
		return;
	guessing_tell(s->up);
	udp_sock_die(s, CORE_FAIL_GUESSED);
}

static bool is_answered(const struct udp_sock *s, uint16_t id)
{
	for (unsigned i = 0; i < s->n_answered; i++)
		if (s->answered[i] == id)
			return true;
	return false;
}

/* The core does not take it: what else of the right id comes may be no better. */
static void ask_refused(struct udp_sock *s, struct ask *a)
{
	struct upstreams *u = sock_all(s);
	u->stats->up_udp_strays++;
	if (++a->n_refused < UDP_GUESSES_MAX)
		return;
	guessing_tell(s->up);
	idmap_orphan(&s->ids, a->dns_id);
	s->n_asks--;
	if (s->retired && s->n_asks == 0)
		udp_sock_touch(s);
	upstream_fail_later(u, a, CORE_FAIL_GUESSED);
}

/* --- answers --- */

static void sock_heard(struct udp_sock *s)
{
	s->silent_ns = s->n_asks ? sock_all(s)->loop->now_ns : 0;
	if (s->retired && s->n_asks == 0)
		udp_sock_touch(s);
}

static void id_done(struct udp_sock *s, uint16_t id)
{
	void *owner;
	idmap_take(&s->ids, id, &owner);
	assert(s->n_answered < (s->single ? 1 : UDP_USES_MAX)); /* as many as were asked */
	s->answered[s->n_answered++] = id;
	sock_heard(s);
}

static void datagram_take(struct udp_sock *s, const uint8_t *b, size_t len)
{
	struct upstreams *u = sock_all(s);
	void *owner = NULL;
	uint16_t id;
	if (len < DNS_HEADER_LEN || !(b[2] & 0x80)) {
		id_guessed(s);
		return;
	}
	id = get_be16(b);
	if (!idmap_find(&s->ids, id, &owner)) {
		if (is_answered(s, id))
			u->stats->up_udp_duplicates++;
		else
			id_guessed(s);
		return;
	}
	struct ask *a = owner;
	if (a) {
		uint32_t ask_id = a->id;
		bool taken = u->events.answer(u->events.ctx, ask_id, b, len);
		/* The core may have cancelled it by itself: then it is no longer ours. */
		if (a->id == ask_id && a->place == ASK_UDP && a->sock == s) {
			if (!taken) {
				ask_refused(s, a);
				return;
			}
			s->n_asks--;
			asks_free(&u->asks, a);
		}
	}
	id_done(s, id);
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
		udp_sock_die(s, upstream_why(errno));
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
		if (now - s->born_ns >= UDP_AGE_NS)
			udp_sock_retire(s);
	if (up->udp)
		loop_timer_set(up->all->loop, t, now + UDP_AGE_NS);
}

static int descriptor_open(struct upstream *up)
{
	int fd = socket_connected(&up->conf);
	return fd < 0 && upstream_descriptor_make(up->all, errno) ? socket_connected(&up->conf) : fd;
}

struct udp_sock *udp_sock_open(struct upstream *up, bool single)
{
	struct upstreams *u = up->all;
	int fd = descriptor_open(up);
	if (fd < 0)
		return NULL;
	struct udp_sock *s = calloc(1, sizeof(*s) + (single ? 1 : UDP_USES_MAX) * sizeof(s->answered[0]));
	if (s)
		s->watch.ready = sock_ready;
	if (!s || loop_add(u->loop, &s->watch, fd, EPOLLIN) < 0) {
		free(s);
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->up = up;
	s->single = single;
	s->born_ns = u->loop->now_ns;
	s->next = up->udp;
	up->udp = s;
	if (single)
		single_add(s);
	u->stats->up_udp_open = ++u->n_udp_open;
	up->udp_sweep.due = sweep_due;
	if (!up->udp_sweep.armed)
		loop_timer_set(u->loop, &up->udp_sweep, s->born_ns + UDP_AGE_NS);
	return s;
}

void udp_sock_close(struct udp_sock *s)
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
	single_remove(s);
	u->n_udp_leaving -= s->leaving;
	if (!s->up->udp)
		loop_timer_set(u->loop, &s->up->udp_sweep, T_NEVER);
	loop_forget(u->loop, &s->watch);
	close(s->watch.fd);
	u->stats->up_udp_open = --u->n_udp_open;
	struct ask *a;
	for (unsigned at = 0; (a = idmap_next(&s->ids, &at));)
		upstream_ask_failed(u, a, s->why);
	idmap_release(&s->ids);
	free(s);
}
