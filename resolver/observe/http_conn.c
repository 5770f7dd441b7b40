/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection and the requests on it. One request at a time: what a client
 * pipelines waits in the buffer, and what does not fit there in the kernel,
 * until the response before it has left and all others have had their turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/observe/http_int.h"

/* --- pages --- */

struct http_page *http_page_new(char *text, size_t len)
{
	struct http_page *p = text ? malloc(sizeof(*p)) : NULL;
	if (p)
		*p = (struct http_page){ .refs = 1, .text = text, .len = len };
	else
		free(text);
	return p;
}

struct http_page *http_page_ref(struct http_page *p)
{
	p->refs++;
	return p;
}

void http_page_unref(struct http_page *p)
{
	if (!p || --p->refs > 0)
		return;
	free(p->text);
	free(p);
}

/* --- a connection --- */

static void conn_unqueue(struct http_conn *c)
{
	if (c->state == HTTP_QUEUED)
		TAILQ_REMOVE(&c->server->queue, c, waiting);
	else if (c->state == HTTP_PARKED)
		TAILQ_REMOVE(&c->server->parked, c, waiting);
}

static struct http_pool *pool_of(const struct http_conn *c)
{
	return c->from_node ? &c->server->node : &c->server->other;
}

void http_conn_touch(struct http_conn *c)
{
	struct http_list *l = &pool_of(c)->by_age;
	TAILQ_REMOVE(l, c, by_age);
	TAILQ_INSERT_TAIL(l, c, by_age);
}

void http_conn_close(struct http_conn *c)
{
	struct http_server *h = c->server;
	struct http_pool *p = pool_of(c);
	loop_timer_set(h->loop, &c->timer, T_NEVER);
	loop_del(h->loop, &c->watch);
	close(c->watch.fd);
	conn_unqueue(c);
	TAILQ_REMOVE(&p->by_age, c, by_age);
	p->n--;
	h->counts.open--;
	http_page_unref(c->page);
	free(c);
}

/* What the client has not taken would stay with the kernel for minutes. */
static void conn_reset(struct http_conn *c)
{
	struct linger now = { .l_onoff = 1 };
	setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	http_conn_close(c);
}

static void conn_timeout(struct loop_timer *t)
{
	struct http_conn *c = container_of(t, struct http_conn, timer);
	if (c->state == HTTP_WRITING || c->in_len)
		c->server->counts.slow++;
	if (c->state == HTTP_WRITING)
		conn_reset(c);
	else
		http_conn_close(c);
}

static void conn_wait(struct http_conn *c, uint64_t ns)
{
	loop_timer_set(c->server->loop, &c->timer, c->server->loop->now_ns + ns);
}

void http_queue_soon(struct http_server *h)
{
	bool spent = h->slice_used_ns >= h->limits.work_ns;
	if (!h->turn.armed && !TAILQ_EMPTY(&h->queue))
		loop_timer_set(h->loop, &h->turn, spent ? h->slice_at_ns + h->limits.slice_ns : h->loop->now_ns);
}

/* Something to answer, or to refuse: c's turn comes. Meanwhile nothing is read. */
static void conn_queue(struct http_conn *c)
{
	c->state = HTTP_QUEUED;
	loop_mod(c->server->loop, &c->watch, 0);
	loop_timer_set(c->server->loop, &c->timer, T_NEVER);
	TAILQ_INSERT_TAIL(&c->server->queue, c, waiting);
	http_conn_touch(c);
	http_queue_soon(c->server);
}

static void conn_look(struct http_conn *c)
{
	int rc = http_request_parse(c);
	if (rc == 0)
		return;
	c->status = rc == 1 ? 0 : rc;
	c->close_after |= c->status != 0;
	conn_queue(c);
}

static void conn_next(struct http_conn *c)
{
	c->state = HTTP_READING;
	loop_mod(c->server->loop, &c->watch, EPOLLIN);
	http_conn_touch(c);
	conn_wait(c, c->in_len ? c->server->limits.header_ns : c->server->limits.idle_ns);
	if (c->in_len)
		conn_look(c);
}

static ssize_t conn_send(struct http_conn *c, size_t body_len)
{
	struct iovec iov[2] = { { c->head, c->head_len }, { c->page ? c->page->text : NULL, body_len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	if (c->out_off < c->head_len) {
		iov[0].iov_base = c->head + c->out_off;
		iov[0].iov_len -= c->out_off;
	} else {
		iov[0].iov_len = 0;
		iov[1].iov_base = c->page->text + (c->out_off - c->head_len);
		iov[1].iov_len -= c->out_off - c->head_len;
	}
	return sendmsg(c->watch.fd, &m, MSG_NOSIGNAL);
}

static void conn_flush(struct http_conn *c)
{
	size_t body_len = c->page && !c->head_only ? c->page->len : 0;
	while (c->out_off < c->head_len + body_len) {
		ssize_t n = conn_send(c, body_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (c->state != HTTP_WRITING)
				conn_wait(c, c->server->limits.write_ns);
			c->state = HTTP_WRITING;
			loop_mod(c->server->loop, &c->watch, EPOLLOUT);
			return;
		}
		if (n < 0) {
			http_conn_close(c);
			return;
		}
		c->out_off += (size_t)n;
	}
	http_page_unref(c->page);
	c->page = NULL;
	if (c->close_after) {
		shutdown(c->watch.fd, SHUT_WR);
		http_conn_close(c);
		return;
	}
	conn_next(c);
}

/* --- turns --- */

static void respond(struct http_conn *c, int status, const char *type, struct http_page *page)
{
	if (!page && status != 200)
		page = http_page_new(strdup(http_status_words(status)), strlen(http_status_words(status)));
	http_head_write(c, status, type, page ? page->len : 0);
	c->page = page;
	c->out_off = 0;
}

/* False: the handler has nothing yet. */
static bool request_answer(struct http_conn *c)
{
	struct http_server *h = c->server;
	struct http_response rs = { 0 };
	h->handler(h->ctx, &c->rq, &rs);
	if (rs.later)
		return false;
	h->counts.requests++;
	c->close_after |= rs.close;
	if (!rs.page && rs.body)
		rs.page = http_page_new(rs.body, rs.len);
	respond(c, rs.status ? rs.status : 404, rs.type, rs.page);
	return true;
}

static void conn_turn(struct http_conn *c)
{
	struct http_server *h = c->server;
	TAILQ_REMOVE(&h->queue, c, waiting);
	c->state = HTTP_PARKED;
	TAILQ_INSERT_TAIL(&h->parked, c, waiting);
	if (c->status)
		respond(c, c->status, NULL, NULL);
	else if (!request_answer(c))
		return;
	conn_unqueue(c);
	c->state = HTTP_READING;
	memmove(c->in, c->in + c->used, c->in_len - c->used);
	c->in_len -= c->used;
	conn_flush(c);
}

void http_queue_run(struct http_server *h)
{
	uint64_t start_ns = clock_mono_ns(), now_ns = start_ns;
	struct http_conn *c;
	if (start_ns >= h->slice_at_ns + h->limits.slice_ns) {
		h->slice_at_ns = start_ns;
		h->slice_used_ns = 0;
	}
	while (h->slice_used_ns + (now_ns - start_ns) < h->limits.work_ns && (c = TAILQ_FIRST(&h->queue))) {
		conn_turn(c);
		now_ns = clock_mono_ns();
	}
	h->slice_used_ns += now_ns - start_ns;
	h->counts.deferred += !TAILQ_EMPTY(&h->queue);
	loop_timer_set(h->loop, &h->turn, T_NEVER); /* armed by a turn that did not know how much was used */
	http_queue_soon(h);
}

void http_resume(struct http_server *h)
{
	struct http_conn *c;
	while ((c = TAILQ_FIRST(&h->parked))) {
		TAILQ_REMOVE(&h->parked, c, waiting);
		c->state = HTTP_QUEUED;
		TAILQ_INSERT_TAIL(&h->queue, c, waiting);
	}
	http_queue_soon(h);
}

/* --- its beginning and its end --- */

static void conn_read(struct http_conn *c)
{
	uint64_t limit_ns = c->server->loop->now_ns + c->server->limits.header_ns;
	ssize_t n = recv(c->watch.fd, c->in + c->in_len, HTTP_REQUEST_MAX - c->in_len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		http_conn_close(c);
		return;
	}
	if (n < 0)
		return;
	if (c->in_len == 0 && limit_ns < c->timer.at_ns) /* the time for a request runs from its first octet */
		loop_timer_set(c->server->loop, &c->timer, limit_ns);
	c->in_len += (size_t)n;
	conn_look(c);
}

static void conn_ready(struct loop_fd *w, uint32_t events)
{
	struct http_conn *c = container_of(w, struct http_conn, watch);
	if (events & (EPOLLERR | EPOLLHUP))
		http_conn_close(c);
	else if (c->state == HTTP_READING)
		conn_read(c);
	else if (c->state == HTTP_WRITING)
		conn_flush(c);
}

struct http_conn *http_conn_start(struct http_listener *l, int fd)
{
	struct http_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->server = l->server;
	c->listener = l;
	c->watch.ready = conn_ready;
	c->timer.due = conn_timeout;
	if (loop_add(l->server->loop, &c->watch, fd, EPOLLIN) < 0) {
		free(c);
		return NULL;
	}
	conn_wait(c, l->server->limits.header_ns);
	return c;
}

void http_conn_orphan(struct http_conn *c)
{
	c->mask = c->listener->mask;
	c->listener = NULL;
	c->close_after = true;
	if (c->state == HTTP_READING && c->in_len == 0)
		http_conn_close(c);
}
