/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's life: opened, kept, read, flushed, timed out, closed. While
 * frames are being read no connection is closed; a dying one leaves its pool
 * before its questions are failed, because each failure may bring a new ask.
 */
#include "resolver/net/upool_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/net/sockaddr.h"

#define CONNECT_NS      (1500 * NS_PER_MS)
#define QUIET_NS        (2500 * NS_PER_MS)
#define EXPIRE_NS       (10 * NS_PER_S)
#define MAX_AGE_NS      (120 * NS_PER_S)
#define USER_TIMEOUT_MS 2000
#define STRAYS_MAX      64 /* in a row: this peer answers something else */

int upool_conn_fd(const struct upool_conn *c, bool *ret_connected)
{
	*ret_connected = c->state != CONN_CONNECTING;
	return c->watch.fd;
}

struct upstreams *upool_conn_all(const struct upool_conn *c)
{
	return c->pool->up->all;
}

static struct loop *conn_loop(const struct upool_conn *c)
{
	return upool_conn_all(c)->loop;
}

void upool_touch(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	if (c->dirty)
		return;
	c->dirty = true;
	c->dirty_next = u->dirty;
	u->dirty = c;
}

static void conn_die(struct upool_conn *c, enum core_fail_why why)
{
	if (!c->dead) {
		c->dead = true;
		c->why = why;
	}
	upool_touch(c);
}

/* The peer, or what lies between, has ended it. HTTP/2 has words for an end that is
 * no fault (GOAWAY); what ends it otherwise is one. */
static void conn_lost(struct upool_conn *c)
{
	conn_die(c, c->n_answered && !c->doh ? CORE_FAIL_ENDED : CORE_FAIL_CLOSED);
}

/* --- timers --- */

static uint64_t or_default(uint64_t v, uint64_t otherwise)
{
	return v ? v : otherwise;
}

uint64_t upool_conn_deadline(const struct upool_conn *c)
{
	const struct upstream_conf *conf = &c->pool->up->conf;
	uint64_t at;
	if (c->state != CONN_OPEN)
		return c->born_ns + CONNECT_NS;
	if (c->ids.n)
		at = c->heard_ns + or_default(conf->quiet_ns, QUIET_NS);
	else
		at = c->idle_ns + or_default(conf->expire_ns, EXPIRE_NS);
	return !c->draining && c->retire_ns < at ? c->retire_ns : at;
}

/* Moving the timer at every question would cost more than the question: it is
 * moved only when the deadline comes nearer. */
void upool_conn_timer_update(struct upool_conn *c)
{
	uint64_t at = upool_conn_deadline(c);
	if (!c->timer.armed || at < c->timer.at_ns)
		loop_timer_set(conn_loop(c), &c->timer, at);
}

void upool_conn_reconfigured(struct upool_conn *c)
{
	uint64_t oldest_ns = c->born_ns + or_default(c->pool->up->conf.max_age_ns, MAX_AGE_NS);

	if (c->retire_ns > oldest_ns)
		c->retire_ns = oldest_ns;
	upool_conn_timer_update(c);
}

static void conn_timer_due(struct loop_timer *t)
{
	struct upool_conn *c = container_of(t, struct upool_conn, timer);
	struct upstreams *u = upool_conn_all(c);
	uint64_t now = u->loop->now_ns;
	if (upool_conn_deadline(c) > now) {
		upool_conn_timer_update(c);
		return;
	}
	if (c->state == CONN_OPEN && !c->draining && c->retire_ns <= now) {
		c->draining = true;
		u->stats->up_tcp_aged++;
		upool_touch(c);
		upool_conn_timer_update(c);
	} else if (c->state == CONN_OPEN && c->ids.n == 0) {
		u->stats->up_tcp_idle++;
		conn_die(c, CORE_FAIL_CLOSED);
	} else {
		u->stats->up_tcp_lost++;
		conn_die(c, c->state == CONN_OPEN ? CORE_FAIL_CLOSED : CORE_FAIL_UNREACHABLE);
	}
}

/* --- closing --- */

static void pool_unlink(struct upool_conn *c)
{
	struct upool_conn **l = &c->pool->conns;
	while (*l != c)
		l = &(*l)->next;
	*l = c->next;
	c->pool->n_conns--;
}

static void asks_fail(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	struct ask *a;
	for (unsigned at = 0; (a = idmap_next(&c->ids, &at));) {
		a->conn = NULL;
		upstream_ask_failed(u, a, c->why);
	}
}

void upool_conn_close(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	pool_unlink(c);
	/* What broke under this connection's questions may have broken the others. */
	if (c->n_asks && c->why != CORE_FAIL_ENDED && !c->is_apart)
		for (struct upool_conn *o = c->pool->conns; o; o = o->next)
			o->suspect = true;
	loop_timer_set(u->loop, &c->timer, T_NEVER);
	loop_forget(u->loop, &c->watch);
	c->pool->framing->close(c);
	tls_session_free(c->stream.tls);
	close(c->watch.fd);
	u->stats->up_tcp_open--;
	asks_fail(c);
	idmap_release(&c->ids);
	stream_release(&c->stream);
	free(c);
}

/* --- reading --- */

static bool idle_too_many(const struct upool *p)
{
	uint32_t n = 0, max = p->up->conf.max_idle_conns;
	for (const struct upool_conn *c = p->conns; c && max; c = c->next)
		n += c->state == CONN_OPEN && !c->draining && !c->dead && c->ids.n == 0;
	return max && n > max;
}

void upool_heard(struct upool_conn *c)
{
	c->heard_ns = c->last_rx_ns = conn_loop(c)->now_ns;
	c->suspect = false;
}

/* The id is free again; *ret_ask NULL: its owner left. */
static bool id_done(struct upool_conn *c, uint16_t id, struct ask **ret_ask)
{
	void *owner;
	if (!idmap_take(&c->ids, id, &owner))
		return false;
	if (c->ids.n == 0) {
		c->idle_ns = conn_loop(c)->now_ns;
		c->draining |= idle_too_many(c->pool);
	}
	*ret_ask = owner;
	c->n_asks -= owner != NULL;
	return true;
}

bool upool_answered(struct upool_conn *c, uint16_t id, const uint8_t *msg, size_t len)
{
	struct upstreams *u = upool_conn_all(c);
	void *owner;
	struct ask *a;
	if (!idmap_find(&c->ids, id, &owner))
		return false;
	a = owner;
	if (a) {
		uint32_t ask_id = a->id;
		bool taken = u->events.answer(u->events.ctx, ask_id, msg, len);
		/* The core may have cancelled it by itself: then the id is orphaned. */
		bool is_ours = a->id == ask_id && a->place == ASK_TCP && a->conn == c;
		if (!taken && is_ours)
			return false;
		id_done(c, id, &a);
		if (is_ours)
			asks_free(&u->asks, a);
	} else {
		id_done(c, id, &a);
	}
	c->n_refused = 0;
	c->n_answered++;
	return true;
}

void upool_stray(struct upool_conn *c)
{
	upool_conn_all(c)->stats->up_tcp_strays++;
	if (++c->n_refused < STRAYS_MAX || c->dead)
		return;
	upool_conn_all(c)->stats->up_tcp_lost++;
	conn_die(c, CORE_FAIL_BADREPLY);
}

void upool_failed(struct upool_conn *c, uint16_t id, enum core_fail_why why)
{
	struct ask *a;
	if (!id_done(c, id, &a) || !a)
		return;
	a->conn = NULL;
	upstream_ask_failed(upool_conn_all(c), a, why);
}

static void conn_read(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	enum stream_status st;
	do { /* TLS may hold what the socket no longer announces */
		st = c->pool->framing->read(c);
	} while (st == STREAM_OK && c->stream.more && c->stream.tls);
	switch (st) {
	case STREAM_OK:
	case STREAM_PAUSED:
		break;
	case STREAM_CLOSED:
	case STREAM_ERROR:
		u->stats->up_tcp_lost += c->n_asks > 0;
		conn_lost(c);
		break;
	}
	if (c->draining && c->ids.n == 0)
		conn_die(c, CORE_FAIL_CLOSED);
	if (!c->dead)
		upool_conn_timer_update(c);
}

/* --- opening --- */

static void conn_opened(struct upool_conn *c)
{
	uint64_t age = or_default(c->pool->up->conf.max_age_ns, MAX_AGE_NS);
	c->state = CONN_OPEN;
	c->heard_ns = c->idle_ns = conn_loop(c)->now_ns;
	c->retire_ns = c->heard_ns + age - rng_os_u64() % (age / 4 + 1);
	loop_timer_set(conn_loop(c), &c->timer, upool_conn_deadline(c));
	upool_touch(c);
}

static void conn_handshake(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	struct diag d;
	bool want_write;
	int rc = tls_handshake(c->stream.tls, &want_write, &d);
	if (rc < 0) {
		char where[SOCKADDR_TEXT], text[sizeof(d.text) + SOCKADDR_TEXT + 8];
		snprintf(text, sizeof(text), "%s://%s: %s", c->pool->framing->scheme,
			 sockaddr_text(where, &c->pool->up->conf.addr, c->pool->up->conf.port), d.text);
		if (u->events.event)
			u->events.event(u->events.ctx, 3, text);
		conn_die(c, CORE_FAIL_TLS);
	} else if (rc == 0) {
		loop_mod(u->loop, &c->watch, want_write ? EPOLLOUT : EPOLLIN);
	} else {
		u->stats->up_tls_resumed += tls_resumed(c->stream.tls);
		conn_opened(c);
	}
}

static void conn_connected(struct upool_conn *c)
{
	int err = 0;
	socklen_t len = sizeof(err);
	getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		conn_die(c, upstream_why(err));
		return;
	}
	if (c->pool->proto == CORE_TCP) {
		conn_opened(c);
		return;
	}
	c->stream.tls = tls_session_new(c->pool->up->tls_ctx, c->watch.fd);
	if (!c->stream.tls) {
		conn_die(c, CORE_FAIL_TLS);
		return;
	}
	c->state = CONN_HANDSHAKE;
	conn_handshake(c);
}

static void conn_ready(struct loop_fd *w, uint32_t events)
{
	struct upool_conn *c = container_of(w, struct upool_conn, watch);
	if (c->dead)
		return;
	if (c->state == CONN_CONNECTING)
		conn_connected(c);
	else if (c->state == CONN_HANDSHAKE)
		conn_handshake(c);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) || c->stream.want_write_to_read)
		conn_read(c);
	if (events & EPOLLOUT)
		upool_touch(c);
}

static int conn_socket(const struct upstream_conf *conf)
{
	union sockaddr_any sa, from;
	socklen_t len = sockaddr_from(&sa, &conf->addr, conf->port, conf->scope_id);
	unsigned patience = USER_TIMEOUT_MS;
	int one = true, fd = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
	if ((conf->has_source && bind(fd, &from.sa, sockaddr_from(&from, &conf->source, 0,
								  conf->scope_id)) < 0) ||
	    (connect(fd, &sa.sa, len) < 0 && errno != EINPROGRESS)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct upool_conn *upool_conn_open(struct upool *p)
{
	struct upstreams *u = p->up->all;
	int fd = conn_socket(&p->up->conf);
	if (fd < 0 && upstream_descriptor_make(u, errno))
		fd = conn_socket(&p->up->conf);
	if (fd < 0)
		return NULL;
	struct upool_conn *c = calloc(1, sizeof(*c));
	if (c) {
		c->pool = p;
		c->watch.ready = conn_ready;
		c->timer.due = conn_timer_due;
		stream_init(&c->stream, fd);
	}
	if (!c || p->framing->open(c) < 0 || loop_add(u->loop, &c->watch, fd, EPOLLOUT) < 0) {
		if (c)
			p->framing->close(c);
		free(c);
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	c->born_ns = c->heard_ns = u->loop->now_ns;
	c->next = p->conns;
	p->conns = c;
	p->n_conns++;
	u->stats->up_tcp_connects++;
	u->stats->up_tcp_open++;
	upool_conn_timer_update(c);
	return c;
}

/* --- writing --- */

void upool_conn_flush(struct upool_conn *c)
{
	long left = c->state == CONN_OPEN ? c->pool->framing->flush(c) : 0;
	if (left < 0) {
		upool_conn_all(c)->stats->up_tcp_lost++;
		conn_lost(c);
	} else if (c->state == CONN_OPEN) {
		bool out = left || c->stream.want_write_to_read;
		loop_mod(conn_loop(c), &c->watch, EPOLLIN | (out ? EPOLLOUT : 0));
	}
	if (c->draining && c->ids.n == 0)
		conn_die(c, CORE_FAIL_CLOSED);
}
