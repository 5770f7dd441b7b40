/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens: sockets opened, adopted, handed on and closed. */
#include "resolver/observe/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/port_owner.h"
#include "resolver/net/sockaddr.h"
#include "resolver/observe/http_int.h"

#define ACCEPTS_A_ROUND 64
#define BACKLOG         512
#define REST_NS         (100 * NS_PER_MS)
/* What the kernel holds for a connection; it doubles these. Connections inherit them. */
#define SEND_BUFFER_BYTES (64 * 1024)
#define RECV_BUFFER_BYTES (2 * HTTP_REQUEST_MAX)

static void listeners_listen(struct http_server *h, bool on)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++)
		if (h->listener[i].open)
			loop_mod(h->loop, &h->listener[i].watch, on ? EPOLLIN : 0);
}

static void rest_due(struct loop_timer *t)
{
	struct http_server *h = container_of(t, struct http_server, rest);
	if (!h->deaf)
		listeners_listen(h, true);
}

/* Without a descriptor nothing can be accepted, and the loop would spin. */
static bool descriptor_make(struct http_server *h)
{
	if (http_evict_any(h))
		return true;
	h->counts.refused++;
	listeners_listen(h, false);
	loop_timer_set(h->loop, &h->rest, h->loop->now_ns + REST_NS);
	return false;
}

static void listener_ready(struct loop_fd *w, uint32_t events)
{
	struct http_listener *l = container_of(w, struct http_listener, watch);
	(void)events;
	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			http_admit(l, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* Of the first it is known that somebody waits: the kernel wants a
			 * descriptor before it looks. Nobody is closed for nobody. */
			if (i > 0 || !descriptor_make(l->server))
				break;
		} else if (errno != EINTR && errno != ECONNABORTED)
			break;
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
	if (bind(fd, &sa.sa, len) == 0 && listen(fd, BACKLOG) == 0)
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
	int out = SEND_BUFFER_BYTES, in = RECV_BUFFER_BYTES;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &out, sizeof(out));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &in, sizeof(in));
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
	h->deaf = !on;
	listeners_listen(h, on);
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

static void listener_close(struct http_listener *l)
{
	struct http_server *h = l->server;
	struct http_list *list[] = { &h->node.by_age, &h->other.by_age };
	struct http_conn *c, *next;
	for (int i = 0; i < 2; i++)
		for (c = TAILQ_FIRST(list[i]); c; c = next) {
			next = TAILQ_NEXT(c, by_age);
			if (c->listener == l)
				http_conn_orphan(c);
		}
	loop_del(h->loop, &l->watch);
	close(l->watch.fd);
	l->open = false;
}

void http_sweep(struct http_server *h)
{
	for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++)
		if (h->listener[i].open && !h->listener[i].wanted)
			listener_close(&h->listener[i]);
}

static unsigned at_most(unsigned n, rlim_t most)
{
	if (most < 1)
		most = 1;
	return n < most ? n : (unsigned)most;
}

/* Descriptors are needed for more than what pods ask for: the self-test, a worker that is replaced, a reload. */
void http_limits_default(struct http_limits *l)
{
	struct rlimit r;
	*l = (struct http_limits){
		.conns_max = 96, .conns_share = 8, .node_max = 32,
		.header_ns = 5 * NS_PER_S, .idle_ns = 30 * NS_PER_S, .write_ns = 10 * NS_PER_S,
		.work_ns = 2 * NS_PER_MS, .slice_ns = 10 * NS_PER_MS,
	};
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		l->conns_max = at_most(l->conns_max, r.rlim_cur / 4);
		l->node_max = at_most(l->node_max, r.rlim_cur / 8);
	}
}

static void turn_due(struct loop_timer *t)
{
	http_queue_run(container_of(t, struct http_server, turn));
}

struct http_server *http_new(struct loop *loop, const struct http_limits *limits,
			     http_handler_f *handler, void *ctx)
{
	struct http_server *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->loop = loop;
	http_limits_default(&h->limits);
	if (limits)
		h->limits = *limits;
	h->handler = handler;
	h->ctx = ctx;
	h->node.max = h->limits.node_max;
	h->other.max = h->limits.conns_max;
	TAILQ_INIT(&h->node.by_age);
	TAILQ_INIT(&h->other.by_age);
	TAILQ_INIT(&h->queue);
	TAILQ_INIT(&h->parked);
	h->turn.due = turn_due;
	h->rest.due = rest_due;
	return h;
}

static void conns_close(struct http_pool *p)
{
	struct http_conn *c, *next;
	for (c = TAILQ_FIRST(&p->by_age); c; c = next) {
		next = TAILQ_NEXT(c, by_age);
		http_conn_close(c);
	}
}

void http_free(struct http_server *h)
{
	if (!h)
		return;
	conns_close(&h->node);
	conns_close(&h->other);
	http_mark(h);
	http_sweep(h);
	loop_timer_set(h->loop, &h->turn, T_NEVER);
	loop_timer_set(h->loop, &h->rest, T_NEVER);
	free(h);
}

const struct http_counts *http_counted(const struct http_server *h)
{
	return &h->counts;
}
