/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens: sockets opened, adopted, handed on and closed. */
#include "resolver/observe/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "resolver/port_owner.h"
#include "resolver/net/sockaddr.h"
#include "resolver/observe/http_int.h"

static void listener_ready(struct loop_fd *w, uint32_t events)
{
	struct http_listener *l = container_of(w, struct http_listener, watch);
	(void)events;
	for (int i = 0; i < 16; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			break;
		http_conn_new(l, fd);
	}
}

static int listener_socket(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, struct diag *d)
{
	union sockaddr_any sa;
	char text[SOCKADDR_TEXT];
	socklen_t len = sockaddr_from(&sa, addr, port, scope_id);
	int one = 1, v6only = !addr_is_any(addr);
	int fd = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_errno(d, "http: socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa.sa.sa_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	}
	if (bind(fd, &sa.sa, len) == 0 && listen(fd, 64) == 0)
		return fd;
	int taken = errno == EADDRINUSE, rc = diag_errno(d, "listen tcp %s", sockaddr_text(text, addr, port));
	size_t len_said = strlen(d->text);
	if (taken)
		port_owner(d->text + len_said, sizeof(d->text) - len_said, addr, port);
	close(fd);
	return rc;
}

static int listener_start(struct http_server *h, struct http_listener *l, int fd,
			  const struct in6_addr *addr, uint16_t port, uint32_t mask)
{
	*l = (struct http_listener){ .server = h, .watch.ready = listener_ready, .open = true,
				     .wanted = true, .addr = *addr, .port = port, .mask = mask };
	if (loop_add(h->loop, &l->watch, fd, EPOLLIN) < 0) {
		l->open = false;
		return ERR_SYS;
	}
	return 0;
}

int http_listen(struct http_server *h, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
		uint32_t mask, struct diag *d)
{
	struct http_listener *l = NULL;
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++) {
		struct http_listener *o = &h->listener[i];
		if (o->open && o->port == port && memcmp(&o->addr, addr, sizeof(*addr)) == 0) {
			o->mask = o->wanted ? o->mask | mask : mask;
			o->wanted = true;
			return 0;
		}
		if (!o->open && !l)
			l = o;
	}
	if (!l)
		return diag_set(d, ERR_LIMIT, "http: more than %d listeners", HTTP_LISTENERS_MAX);
	int fd = listener_socket(addr, port, scope_id, d);
	if (fd < 0)
		return fd;
	if (listener_start(h, l, fd, addr, port, mask) < 0) {
		close(fd);
		return diag_errno(d, "http: epoll");
	}
	return 0;
}

int http_adopt(struct http_server *h, int fd, const struct in6_addr *addr, uint16_t port)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++)
		if (!h->listener[i].open)
			return listener_start(h, &h->listener[i], fd, addr, port, 0);
	return ERR_LIMIT;
}

void http_accept(struct http_server *h, bool on)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++)
		if (h->listener[i].open)
			loop_mod(h->loop, &h->listener[i].watch, on ? EPOLLIN : 0);
}

bool http_listener_next(const struct http_server *h, unsigned *cursor, int *ret_fd,
			struct in6_addr *ret_addr, uint16_t *ret_port)
{
	while (*cursor < HTTP_LISTENERS_MAX) {
		const struct http_listener *l = &h->listener[(*cursor)++];
		if (!l->open)
			continue;
		*ret_fd = l->watch.fd;
		*ret_addr = l->addr;
		*ret_port = l->port;
		return true;
	}
	return false;
}

void http_mark(struct http_server *h)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++)
		h->listener[i].wanted = false;
}

void http_sweep(struct http_server *h)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++) {
		struct http_listener *l = &h->listener[i];
		if (!l->open || l->wanted)
			continue;
		loop_del(h->loop, &l->watch);
		close(l->watch.fd);
		l->open = false;
	}
}

struct http_server *http_new(struct loop *loop, const struct http_limits *limits,
			     http_handler_f *handler, void *ctx)
{
	static const struct http_limits usual = { 64, 30 * NS_PER_S, 10 * NS_PER_S };
	struct http_server *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->loop = loop;
	h->limits = limits ? *limits : usual;
	h->handler = handler;
	h->ctx = ctx;
	return h;
}

void http_free(struct http_server *h)
{
	if (!h)
		return;
	while (h->conns)
		http_conn_close(h->conns);
	http_mark(h);
	http_sweep(h);
	free(h);
}

void http_counts(const struct http_server *h, uint64_t *ret_requests, uint64_t *ret_refused)
{
	*ret_requests = h->n_requests;
	*ret_refused = h->n_refused;
}
