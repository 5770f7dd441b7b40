/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: idle or asking, waiting until when, read, answered,
 * closed. Output is only queued by handlers and leaves in tcp_flush, once a
 * round; connections are also closed only there or to make room for another,
 * never while being read.
 */
#include "resolver/net/listen_tcp_int.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"

#define PROGRESS_BYTES 4096        /* who takes so much within the time is not slow */
#define COUNT_BYTES    (16 * 1024) /* answers gathered in a round are looked at from here on */

/* --- life and death --- */

void tcp_conn_close(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	struct linger at_once = { .l_onoff = true };
	assert(!c->dirty);
	tcp_list_remove(c, TCP_IDLE);
	tcp_share_drop(c);
	loop_timer_set(s->loop, &c->timer, T_NEVER);
	loop_forget(&s->conns, &c->watch);
	if (c->reset)
		setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->watch.fd);
	stream_release(&c->stream);
	tcp_clients_remove(&s->clients, &c->client.addr);
	s->conn[c->slot] = NULL;
	if (++s->generation[c->slot] == 0)
		s->generation[c->slot] = 1;
	s->free_slot[s->n_free++] = c->slot;
	s->stats->tcp_open = s->n_slots - s->n_free;
	free(c);
}

static void conn_kill(struct tcp_conn *c)
{
	c->dying = true;
	tcp_conn_touch(c);
}

/* Deadlines only move the timer when they come nearer: a busy connection costs
 * the heap nothing. */
static void conn_set_deadline(struct tcp_conn *c, uint64_t at_ns)
{
	c->deadline_ns = at_ns;
	if (!c->timer.armed || c->timer.at_ns > at_ns)
		loop_timer_set(c->server->loop, &c->timer, at_ns);
}

static void conn_timer(struct loop_timer *t)
{
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);
	uint64_t now = c->server->loop->now_ns;
	if (c->dying)
		return;
	if (c->deadline_ns > now) {
		loop_timer_set(c->server->loop, &c->timer, c->deadline_ns);
		return;
	}
	if (c->stream.out_len)
		c->server->stats->tcp_slow_readers++;
	else
		c->server->stats->tcp_timeouts++;
	c->reset = tcp_share_unread(c) || c->ending;
	conn_kill(c);
}

/* All is said. What the kernel has not sent yet stays ours to count, for a while:
 * closed, it would be nobody's. Of one that is shut both ways epoll tells all the time,
 * and nothing new: it is only looked at (listen_tcp_share.c). */
static void conn_end(struct tcp_conn *c)
{
	if (c->ending)
		return;
	if (!tcp_share_lingers(c)) {
		c->dying = true;
		return;
	}
	c->ending = true;
	shutdown(c->watch.fd, SHUT_WR);
	if (c->stream.eof)
		loop_del(&c->server->conns, &c->watch);
	else
		loop_mod(&c->server->conns, &c->watch, 0);
	conn_set_deadline(c, c->server->loop->now_ns + c->server->timers[c->listener].write_ns);
}

/* Of one that is to end: a query that is here already, or a part of it, has come in time. */
static bool owes_more(const struct tcp_conn *c)
{
	char first;
	return c->stream.in_len || recv(c->watch.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* An idle one that is to end. Who has not asked yet has connected for nothing else, and has the time
 * for it that anybody has: where clients get no processor for long, they lose no question. */
static bool has_ended(const struct tcp_conn *c)
{
	return c->stream.eof || c->full || (c->drain && c->served && !owes_more(c));
}

/* A last answer and the end are one segment: whoever asks one question after the other could ask
 * the next between them, and would get a reset for it. */
static void end_with_answer(struct tcp_conn *c)
{
	c->stream.goes_with_end = c->drain && c->in_flight == 0 && !c->paused && !owes_more(c);
}

/* It asked once more after all. */
static void answer_release(struct tcp_conn *c)
{
	int one = true;
	c->stream.goes_with_end = false;
	setsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* pushes */
}

/* What the connection waits for next, and until when. */
static void conn_settle(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	const struct tcp_timers *t = &s->timers[c->listener];
	uint64_t now = s->loop->now_ns;
	bool idle = c->in_flight == 0 && c->stream.out_len == 0;
	uint32_t ev = c->stream.eof || c->paused || c->full ? 0 : EPOLLIN;
	if (c->stream.out_len)
		ev |= EPOLLOUT;
	tcp_share_count(c);
	if (idle && has_ended(c)) {
		conn_end(c);
		return;
	}
	if (c->stream.goes_with_end)
		answer_release(c);
	loop_mod(&s->conns, &c->watch, ev);
	if (c->stream.out_len)
		conn_set_deadline(c, c->blocked_ns + t->write_ns);
	else if (!idle)
		conn_set_deadline(c, T_NEVER);
	else if (!c->served) /* the first query's time runs from the accept */
		return;
	else if (!c->listed[TCP_IDLE]) /* it has asked: half a query is no proof of life */
		conn_set_deadline(c, now + t->idle_ns);
	if (idle && !c->listed[TCP_IDLE])
		tcp_list_append(c, TCP_IDLE);
	else if (!idle)
		tcp_list_remove(c, TCP_IDLE);
}

/* --- queries and replies --- */

/* RFC 7828 in tenths of a second; 0: please close. */
static uint16_t keepalive_of(const struct tcp_conn *c, const struct tcp_timers *t)
{
	uint64_t ds = t->idle_ns / (NS_PER_S / 10);
	if (c->drain || (t->queries_max && c->n_queries + 1 >= t->queries_max))
		return 0;
	return (uint16_t)(ds < UINT16_MAX ? ds : UINT16_MAX);
}

static void conn_hold_up(struct tcp_conn *c)
{
	tcp_share_hold_up(c);
	c->paused = true;
}

static bool conn_query(void *ctx, const uint8_t *msg, size_t len)
{
	struct tcp_conn *c = ctx;
	struct tcp_server *s = c->server;
	const struct tcp_timers *t = &s->timers[c->listener];
	size_t reply_len = 0;
	c->served = true;
	c->drain |= s->parting || s->parting_at[c->listener];
	c->client.listener = s->place[c->listener];
	c->client.keepalive_ds = keepalive_of(c, t);
	tcp_list_remove(c, TCP_IDLE);
	switch (core_query(s->core, s->loop->now_ns, &c->client, msg, len, s->reply, &reply_len)) {
	case CORE_REPLY:
		if (stream_put(&c->stream, s->reply, reply_len) < 0)
			c->dying = true;
		break;
	case CORE_WAIT:
		c->in_flight++;
		break;
	case CORE_DROP:
		break;
	}
	tcp_conn_touch(c);
	if (c->stream.out_cap > COUNT_BYTES)
		tcp_share_count(c);
	if (c->in_flight >= s->limits.pipeline_max || c->stream.out_len > s->limits.out_max_bytes) {
		c->paused = true;
		s->stats->tcp_paused++;
	}
	if (tcp_share_spent(c))
		conn_hold_up(c);
	c->n_queries++;
	c->full = t->queries_max && c->n_queries >= t->queries_max;
	return !c->paused && !c->dying && !c->full;
}

static void conn_read(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	c->stream.read_max = tcp_turn_take(c);
	if (!c->stream.read_max)
		return; /* it stays ready */
	enum stream_status st = stream_read(&c->stream, s->scratch, conn_query, c);
	tcp_turn_used(c, c->stream.n_read);
	switch (st) {
	case STREAM_OK:
	case STREAM_PAUSED:
	case STREAM_CLOSED: /* half closed: what is in flight is still answered */
		break;
	case STREAM_ERROR:
		s->stats->tcp_errors++;
		if (!c->stream.eof) /* cut in the middle of a message: those before it are whole */
			conn_kill(c);
		break;
	}
}

/* Both limits are back at half: go on with what was left, then with the socket. */
static void conn_unpause(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	if (!c->paused || c->dying || c->full || c->in_flight > s->limits.pipeline_max / 2 ||
	    c->stream.out_len > s->limits.out_max_bytes / 2)
		return;
	if (tcp_share_spent(c)) {
		if (!c->listed[TCP_HELD_UP])
			conn_hold_up(c);
		return;
	}
	tcp_list_remove(c, TCP_HELD_UP);
	c->paused = false;
	stream_resume(&c->stream, conn_query, c);
}

static void conn_ready(struct loop_fd *w, uint32_t events)
{
	struct tcp_conn *c = container_of(w, struct tcp_conn, watch);
	if (events & EPOLLERR) {
		c->server->stats->tcp_errors++;
		conn_kill(c);
		return;
	}
	bool reads = !c->paused && !c->full && !c->stream.eof && !c->ending;
	if (!reads)
		c->dying |= (events & EPOLLHUP) != 0; /* nobody is there to be answered */
	else if (tcp_share_spent(c))
		conn_hold_up(c);
	else if (events & (EPOLLIN | EPOLLHUP))
		conn_read(c);
	tcp_conn_touch(c);
}

static void conn_send(struct tcp_conn *c)
{
	struct tcp_server *s = c->server;
	size_t had = c->stream.out_len;
	if (!had)
		return;
	end_with_answer(c);
	long left = stream_flush(&c->stream);
	if (left < 0) {
		s->stats->tcp_errors++;
		c->dying = true;
		return;
	}
	c->n_taken += had - (size_t)left;
	tcp_share_sent(c, had - (size_t)left);
	if (left == 0) {
		c->blocked_ns = 0;
	} else if (!c->blocked_ns || c->n_taken >= PROGRESS_BYTES) {
		c->blocked_ns = s->loop->now_ns;
		c->n_taken = 0;
	}
}

void tcp_flush(struct tcp_server *s)
{
	while (s->dirty) {
		struct tcp_conn *c = s->dirty;
		s->dirty = c->dirty_next;
		c->dirty = false;
		if (!c->dying)
			conn_send(c);
		conn_unpause(c);
		if (c->dirty) /* unpausing made more output: once more */
			continue;
		if (!c->dying)
			conn_settle(c);
		if (c->dirty) /* it was found to hold too much */
			continue;
		if (c->dying)
			tcp_conn_close(c);
	}
	IF_CHECKED(tcp_server_check(s));
}

static struct tcp_conn *conn_of(struct tcp_server *s, uint64_t cookie)
{
	uint32_t slot = (uint32_t)cookie;
	assert(slot < s->n_slots);
	return s->generation[slot] == cookie >> 32 ? s->conn[slot] : NULL;
}

void tcp_reply(struct tcp_server *s, const struct core_client *cl, const uint8_t *bytes, size_t len)
{
	struct tcp_conn *c = conn_of(s, cl->cookie);
	if (!c)
		return;
	assert(c->in_flight > 0);
	c->in_flight--;
	tcp_conn_touch(c);
	if (c->dying)
		return;
	if (stream_put(&c->stream, bytes, len) < 0)
		c->dying = true;
	else if (c->stream.out_len > s->limits.out_max_bytes)
		conn_send(c);
	tcp_share_count(c);
}

/* --- the beginning --- */

void tcp_conn_start(struct tcp_listener *l, int fd, const union sockaddr_any *from)
{
	struct tcp_server *s = l->server;
	struct tcp_conn *c = calloc(1, sizeof(*c));
	union sockaddr_any local;
	socklen_t len = sizeof(local);
	uint16_t port;
	uint32_t scope, slot = s->free_slot[s->n_free - 1];
	int one = true;
	if (!c || getsockname(fd, &local.sa, &len) < 0) {
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->server = s;
	c->slot = slot;
	stream_init(&c->stream, fd);
	sockaddr_split(from, &c->client.addr, &c->client.port, &c->client.scope_id);
	sockaddr_split(&local, &c->client.local, &port, &scope);
	c->client.cookie = (uint64_t)s->generation[slot] << 32 | slot;
	c->client.proto = CORE_TCP;
	c->listener = l->slot;
	c->watch.ready = conn_ready;
	c->timer.due = conn_timer;
	c->who = tcp_clients_add(&s->clients, &c->client.addr);
	if (!c->who || loop_add(&s->conns, &c->watch, fd, EPOLLIN) < 0) {
		if (c->who)
			tcp_clients_remove(&s->clients, &c->client.addr);
		free(c);
		close(fd);
		return;
	}
	s->n_free--;
	s->conn[slot] = c;
	s->stats->tcp_accepted++;
	s->stats->tcp_open = s->n_slots - s->n_free;
	tcp_list_append(c, TCP_IDLE);
	conn_set_deadline(c, s->loop->now_ns + s->timers[c->listener].read_ns);
}
