/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection and the requests on it. One request at a time: what a client
 * pipelines waits in the buffer until the response before it has left.
 */
#include "resolver/observe/http_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "resolver/net/sockaddr.h"

#define REQUEST_MAX 8192

struct http_conn {
	struct http_server *server;
	struct http_conn *next, **prev;
	struct loop_fd watch;
	struct loop_timer timer;
	uint32_t mask;
	bool close_after, from_node;
	size_t in_len, out_off, out_len;
	char *out;
	char in[REQUEST_MAX + 1];
};

static const char *status_words(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

/* --- a connection --- */

void http_conn_close(struct http_conn *c)
{
	struct http_server *h = c->server;
	loop_timer_set(h->loop, &c->timer, T_NEVER);
	loop_del(h->loop, &c->watch);
	close(c->watch.fd);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->n_conns--;
	free(c->out);
	free(c);
}

static void conn_timeout(struct loop_timer *t)
{
	http_conn_close(container_of(t, struct http_conn, timer));
}

static void conn_wait(struct http_conn *c, uint64_t ns)
{
	loop_timer_set(c->server->loop, &c->timer, c->server->loop->now_ns + ns);
}

/* False: the connection is gone. */
static bool conn_flush(struct http_conn *c)
{
	while (c->out_off < c->out_len) {
		ssize_t n = send(c->watch.fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_mod(c->server->loop, &c->watch, EPOLLOUT);
			conn_wait(c, c->server->limits.write_ns);
			return true;
		}
		if (n < 0) {
			http_conn_close(c);
			return false;
		}
		c->out_off += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_off = c->out_len = 0;
	if (c->close_after) {
		shutdown(c->watch.fd, SHUT_WR);
		http_conn_close(c);
		return false;
	}
	loop_mod(c->server->loop, &c->watch, EPOLLIN);
	conn_wait(c, c->server->limits.idle_ns);
	return true;
}

static void respond(struct http_conn *c, struct http_response *rs, bool head)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int status = rs->status ? rs->status : 404;
	if (!rs->body && !rs->len && status != 200 && (rs->body = strdup(status_words(status))))
		rs->len = strlen(rs->body);
	c->close_after |= rs->close;
	if (f) {
		fprintf(f, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status,
			status_words(status), rs->type ? rs->type : "text/plain; charset=utf-8", rs->len,
			c->close_after ? "Connection: close\r\n" : "");
		if (!head && rs->len)
			fwrite(rs->body, 1, rs->len, f);
		if (fclose(f) == 0) {
			c->out = text;
			c->out_len = len;
		}
	}
	if (!c->out)
		c->close_after = true; /* no memory: the connection just ends */
	free(rs->body);
}

static void refuse(struct http_conn *c, int status)
{
	struct http_response rs = { .status = status, .close = true };
	respond(c, &rs, false);
}

/* --- requests --- */

/* Does the header `name` (with colon) hold the word, in any case? */
static bool header_has(const char *headers, const char *name, const char *word)
{
	size_t n = strlen(name);
	for (const char *line = headers; line; line = strstr(line, "\r\n")) {
		line += line[0] == '\r' ? 2 : 0;
		if (strncasecmp(line, name, n) != 0)
			continue;
		const char *end = strstr(line, "\r\n"), *hit = strcasestr(line + n, word);
		return hit && (!end || hit < end);
	}
	return false;
}

static void request_handle(struct http_conn *c, char *text)
{
	struct http_server *h = c->server;
	struct http_response rs = { 0 };
	char *save, *headers = strstr(text, "\r\n");
	*headers = 0;
	headers += 2;
	char *method = strtok_r(text, " ", &save), *target = strtok_r(NULL, " ", &save);
	char *version = strtok_r(NULL, " ", &save);
	if (!method || !target || !version || strncmp(version, "HTTP/1.", 7) || target[0] != '/') {
		refuse(c, 400);
		return;
	}
	bool head = strcmp(method, "HEAD") == 0;
	if (strcmp(version, "HTTP/1.0") == 0)
		c->close_after = !header_has(headers, "connection:", "keep-alive");
	else
		c->close_after = header_has(headers, "connection:", "close");
	if (!head && strcmp(method, "GET") != 0) {
		refuse(c, 405);
		return;
	}
	if (header_has(headers, "transfer-encoding:", "chunked"))
		c->close_after = true; /* its body would be taken for a request */
	char *query = strchr(target, '?');
	if (query)
		*query++ = 0;
	struct http_request rq = { .path = target, .query = query ? query : "", .head = head,
				   .mask = c->mask, .from_node = c->from_node };
	h->n_requests++;
	h->handler(h->ctx, &rq, &rs);
	respond(c, &rs, head);
}

/* Answers one whole request of the buffer. False: there is none, or no more. */
static bool request_take(struct http_conn *c)
{
	char *end;
	c->in[c->in_len] = 0;
	end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end) {
		if (c->in_len < REQUEST_MAX)
			return false;
		refuse(c, 431);
		c->in_len = 0;
		return true;
	}
	size_t used = (size_t)(end + 4 - c->in);
	end[2] = 0; /* the last header keeps its line end */
	if (memchr(c->in, 0, used - 4))
		refuse(c, 400);
	else
		request_handle(c, c->in);
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
	return true;
}

static void conn_ready(struct loop_fd *w, uint32_t events)
{
	struct http_conn *c = container_of(w, struct http_conn, watch);
	if (events & (EPOLLERR | EPOLLHUP)) {
		http_conn_close(c);
		return;
	}
	if (events & EPOLLIN) {
		ssize_t n = recv(w->fd, c->in + c->in_len, REQUEST_MAX - c->in_len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			http_conn_close(c);
			return;
		}
		c->in_len += n > 0 ? (size_t)n : 0;
	} else if (!conn_flush(c)) {
		return;
	}
	while (!c->out && request_take(c))
		if (!conn_flush(c))
			return;
}

/* --- the beginning --- */

/* A process of this node that asks one of its addresses asks from that address. */
static bool peer_is_here(int fd)
{
	union sockaddr_any sa[2];
	struct in6_addr a[2];
	uint16_t port;
	uint32_t scope;
	socklen_t len = sizeof(sa[0]);
	if (getsockname(fd, &sa[0].sa, &len) < 0)
		return false;
	len = sizeof(sa[1]);
	if (getpeername(fd, &sa[1].sa, &len) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		sockaddr_split(&sa[i], &a[i], &port, &scope);
	return memcmp(&a[0], &a[1], sizeof(a[0])) == 0 || addr_is_loopback(&a[1]);
}

void http_conn_new(struct http_listener *l, int fd)
{
	struct http_server *h = l->server;
	struct http_conn *c = h->n_conns < h->limits.conns_max ? calloc(1, sizeof(*c)) : NULL;
	int one = 1;
	if (c) {
		c->server = h;
		c->mask = l->mask;
		c->from_node = peer_is_here(fd);
		c->watch.ready = conn_ready;
		c->timer.due = conn_timeout;
	}
	if (!c || loop_add(h->loop, &c->watch, fd, EPOLLIN) < 0) {
		h->n_refused++;
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->next = h->conns;
	c->prev = &h->conns;
	if (c->next)
		c->next->prev = &c->next;
	h->conns = c;
	h->n_conns++;
	conn_wait(c, h->limits.idle_ns);
}
