/* SPDX-License-Identifier: Apache-2.0 */
/* A request is read to its empty line or 2 KiB, answered, and the connection closed. */
#include "kind-e2e/prober/page.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define CONN_LIMIT_NS (5 * NS_PER_S)

static int listen_at(const struct addrinfo *a)
{
	int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 16)) {
		close(fd);
		return -1;
	}
	return fd;
}

int page_open(struct page_server *s, const char *at, char *(*make)(void *ctx), void *ctx, struct diag *d)
{
	struct addrinfo hint = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list;
	char host[64];
	const char *colon = strrchr(at, ':'), *from = at;
	size_t len = colon ? (size_t)(colon - at) : 0;

	*s = (struct page_server){.fd = -1, .make = make, .ctx = ctx};
	for (int i = 0; i < PAGE_CONNS; i++)
		s->conn[i].fd = -1;
	if (len >= 2 && at[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	}
	if (!colon || !colon[1] || len >= sizeof host)
		return diag_set(d, ERR_SYNTAX, "%s: expected ADDRESS:PORT, [ADDRESS]:PORT or :PORT", at);
	snprintf(host, sizeof host, "%.*s", (int)len, from);
	if (getaddrinfo(len ? host : NULL, colon + 1, &hint, &list))
		return diag_set(d, ERR_SYNTAX, "%s: expected ADDRESS:PORT, [ADDRESS]:PORT or :PORT", at);
	s->fd = listen_at(list);
	freeaddrinfo(list);
	return s->fd < 0 ? diag_errno(d, "%s", at) : 0;
}

static void conn_end(struct page_conn *c)
{
	close(c->fd);
	free(c->out);
	*c = (struct page_conn){.fd = -1};
}

void page_close(struct page_server *s)
{
	for (int i = 0; i < PAGE_CONNS; i++)
		if (s->conn[i].fd >= 0)
			conn_end(&s->conn[i]);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void page_poll(const struct page_server *s, struct pollfd *p)
{
	p[0] = (struct pollfd){s->fd, POLLIN, 0};
	for (int i = 0; i < PAGE_CONNS; i++)
		p[1 + i] = (struct pollfd){s->conn[i].fd, s->conn[i].out ? POLLOUT : POLLIN, 0};
}

static void accept_new(struct page_server *s, uint64_t now_ns)
{
	int fd;
	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct page_conn *free_one = NULL;
		for (int i = 0; i < PAGE_CONNS && !free_one; i++)
			if (s->conn[i].fd < 0)
				free_one = &s->conn[i];
		if (!free_one) {
			s->refused++;
			close(fd);
			continue;
		}
		*free_one = (struct page_conn){.fd = fd, .until_ns = now_ns + CONN_LIMIT_NS};
	}
}

static void answer(struct page_server *s, struct page_conn *c)
{
	char *body = s->make(s->ctx), *text = NULL;
	FILE *out = open_memstream(&text, &c->n_out);
	if (out) {
		fprintf(out, "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			body ? "200 OK" : "500 Internal Server Error", body ? strlen(body) : 0, body ? body : "");
		if (fclose(out) == 0)
			c->out = text;
	}
	free(body);
}

static void serve_one(struct page_server *s, struct page_conn *c, short events)
{
	ssize_t n;
	if (!c->out && (events & (POLLIN | POLLHUP | POLLERR))) {
		n = recv(c->fd, c->in + c->n_in, sizeof c->in - 1 - c->n_in, 0);
		if (n <= 0) {
			conn_end(c);
			return;
		}
		c->n_in += (size_t)n;
		c->in[c->n_in] = 0;
		if (!strstr(c->in, "\r\n\r\n")) {
			if (c->n_in == sizeof c->in - 1)
				conn_end(c);
			return;
		}
		answer(s, c);
		if (!c->out)
			conn_end(c);
	} else if (c->out && events) {
		n = send(c->fd, c->out + c->at, c->n_out - c->at, MSG_NOSIGNAL);
		c->at += n > 0 ? (size_t)n : 0;
		if (n <= 0 || c->at == c->n_out)
			conn_end(c);
	}
}

void page_serve(struct page_server *s, const struct pollfd *p, uint64_t now_ns)
{
	for (int i = 0; i < PAGE_CONNS; i++) {
		struct page_conn *c = &s->conn[i];
		if (c->fd >= 0 && p[1 + i].fd == c->fd && p[1 + i].revents)
			serve_one(s, c, p[1 + i].revents);
		if (c->fd >= 0 && now_ns > c->until_ns) {
			s->refused++;
			conn_end(c);
		}
	}
	if (p[0].revents)
		accept_new(s, now_ns);
}
