/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers are computed on arrival and wait in a heap for their time, so a slow
 * one holds nothing up. A TCP connection that closes leaves its waiting answers
 * behind without an owner (`conn` NULL); they are dropped when their time comes.
 */
#include "kind-e2e/load/backend.h"

#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind-e2e/load/evloop.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"

#define WAITING_MAX 65536
#define CONNS_MAX 1024

struct listening { /* the sockets of one address */
	struct ev udp, tcp;
	struct backend *b;
};

struct conn {
	struct ev ev;
	struct addr peer;
	struct backend *b;
	struct conn *next;
	size_t len;
	uint8_t in[2 + DNS_MSG_MAX];
};

struct waiting {
	uint64_t t_ns;
	struct conn *conn; /* NULL: UDP, to `to` by `udp` */
	struct listening *udp;
	struct sockaddr_storage to;
	size_t len;
	uint8_t *msg; /* with length prefix for TCP; NULL: its connection is gone */
};

struct backend {
	const struct backend_conf *c;
	struct evloop loop;
	struct listening at[2];
	struct conn *conns;
	unsigned n_conns;
	struct waiting *heap; /* by t_ns */
	size_t n_heap;
	struct rng rng;
	uint8_t buf[2 + DNS_MSG_MAX];
};

/* --- delay ----------------------------------------------------------------------- */

/* Log-normal with the given median and 99th percentile (z = 2.3263). */
static uint64_t draw_delay(struct backend *b)
{
	const struct scen_delay *d = &b->c->delay;
	double u, v, sigma;

	if (d->p99_ns <= d->median_ns || !d->median_ns)
		return d->median_ns;
	u = 1.0 - rng_unit(&b->rng);
	v = rng_unit(&b->rng);
	sigma = log((double)d->p99_ns / (double)d->median_ns) / 2.3263478740408408;
	return (uint64_t)((double)d->median_ns *
			  exp(sigma * sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v)));
}

static void heap_push(struct backend *b, const struct waiting *w)
{
	size_t i = b->n_heap++;

	for (; i && b->heap[(i - 1) / 2].t_ns > w->t_ns; i = (i - 1) / 2)
		b->heap[i] = b->heap[(i - 1) / 2];
	b->heap[i] = *w;
}

static struct waiting heap_pop(struct backend *b)
{
	struct waiting top = b->heap[0], last = b->heap[--b->n_heap];
	size_t i = 0;

	for (;;) {
		size_t k = 2 * i + 1;

		if (k >= b->n_heap)
			break;
		if (k + 1 < b->n_heap && b->heap[k + 1].t_ns < b->heap[k].t_ns)
			k++;
		if (b->heap[k].t_ns >= last.t_ns)
			break;
		b->heap[i] = b->heap[k];
		i = k;
	}
	b->heap[i] = last;
	return top;
}

/* --- answers --------------------------------------------------------------------- */

static void send_answer(struct waiting *w)
{
	ssize_t n = 0;

	if (!w->msg)
		return;
	if (w->conn) /* answers are far below the socket's buffer: all or nothing */
		n = send(w->conn->ev.fd, w->msg, w->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		n = sendto(w->udp->udp.fd, w->msg, w->len, MSG_DONTWAIT, (struct sockaddr *)&w->to,
			   w->to.ss_family == AF_INET ? sizeof(struct sockaddr_in)
						      : sizeof(struct sockaddr_in6));
	(void)n; /* a client that went away is the client's affair */
}

static void note_peer(struct backend_shared *s, const struct addr *from)
{
	uint64_t n = s->n_peers, i = 0;

	while (i < n && !addr_eq(&s->peer[i].ip, from))
		i++;
	if (i == BACKEND_PEERS_MAX)
		return;
	if (i == n) {
		s->peer[i] = (struct backend_peer){*from, 0};
		s->n_peers = n + 1;
	}
	s->peer[i].n++;
}

/* A mutant's doing: the last octet of the last address in it is another one. */
static void spoil(uint8_t *msg, size_t len)
{
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;

	if (dns_msg_parse(&m, msg, len))
		return;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an && !w.err; i++) {
		wire_rr(&w, &rr);
		if (!w.err && (rr.type == DNS_A || rr.type == DNS_AAAA))
			msg[rr.rdata_off + rr.rdlen - 1] ^= 1;
	}
}

/* Counts it, and makes its answer in b->buf; the length with TCP's prefix, 0 for none. */
static size_t make_answer(struct backend *b, const uint8_t *query, size_t len, bool tcp,
			  const struct addr *from)
{
	struct backend_shared *s = b->c->shared;
	size_t pre = tcp ? 2 : 0, n;

	(*(tcp ? &s->tcp : &s->udp))++;
	note_peer(s, from);
	n = zone_reply(b->c->zone, b->c->id, query, len, tcp, b->buf + pre, DNS_MSG_MAX);
	if (!n)
		return 0;
	if (s->lie)
		spoil(b->buf + pre, n);
	if (tcp)
		set_be16(b->buf, (uint16_t)n);
	return n + pre;
}

static void answer(struct backend *b, struct waiting *w)
{
	uint64_t delay = draw_delay(b);

	w->t_ns = clock_mono_ns() + delay;
	if (!delay) {
		w->msg = b->buf;
		send_answer(w);
	} else if (b->n_heap < WAITING_MAX && (w->msg = malloc(w->len))) {
		memcpy(w->msg, b->buf, w->len);
		heap_push(b, w);
	}
}

static void flush_due(struct backend *b)
{
	uint64_t now = clock_mono_ns();

	while (b->n_heap && b->heap[0].t_ns <= now) {
		struct waiting w = heap_pop(b);

		send_answer(&w);
		free(w.msg);
	}
}

/* --- sockets --------------------------------------------------------------------- */

static void on_udp(struct ev *e, uint32_t events)
{
	struct listening *at = (struct listening *)((char *)e - offsetof(struct listening, udp));
	static uint8_t in[DNS_MSG_MAX];
	struct waiting w = {.udp = at};
	socklen_t from_len = sizeof w.to;
	struct addr from;
	ssize_t n;

	(void)events;
	n = recvfrom(e->fd, in, sizeof in, MSG_DONTWAIT, (struct sockaddr *)&w.to, &from_len);
	if (n <= 0)
		return;
	from = addr_of_sock(&w.to, NULL);
	w.len = make_answer(at->b, in, (size_t)n, false, &from);
	if (w.len)
		answer(at->b, &w);
}

static void conn_free(struct conn *c)
{
	struct backend *b = c->b;
	struct conn **at = &b->conns;

	for (size_t i = 0; i < b->n_heap; i++)
		if (b->heap[i].conn == c) {
			free(b->heap[i].msg);
			b->heap[i].msg = NULL;
		}
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	b->n_conns--;
	evloop_del(&b->loop, &c->ev);
	free(c);
}

static void on_conn(struct ev *e, uint32_t events)
{
	struct conn *c = (struct conn *)e; /* ev is its first member */
	ssize_t n = recv(e->fd, c->in + c->len, sizeof c->in - c->len, MSG_DONTWAIT);
	struct waiting w = {.conn = c};
	size_t at = 0;

	(void)events;
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			conn_free(c);
		return;
	}
	c->len += (size_t)n;
	while (c->len - at >= 2 && c->len - at >= 2u + get_be16(c->in + at)) {
		size_t len = get_be16(c->in + at);

		w.len = make_answer(c->b, c->in + at + 2, len, true, &c->peer);
		if (w.len)
			answer(c->b, &w);
		at += 2 + len;
	}
	memmove(c->in, c->in + at, c->len - at);
	c->len -= at;
}

static void on_accept(struct ev *e, uint32_t events)
{
	struct listening *at = (struct listening *)((char *)e - offsetof(struct listening, tcp));
	struct backend *b = at->b;
	struct sockaddr_storage from = {0};
	socklen_t from_len = sizeof from;
	int fd = accept4(e->fd, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int one = 1;
	struct conn *c = NULL;

	(void)events;
	if (fd < 0)
		return;
	/* as CoreDNS (Go) has it: with Nagle a reply waits until the one before is acknowledged,
	 * and that may ride on the next question, or come 40 ms later */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (b->n_conns < CONNS_MAX)
		c = malloc(sizeof *c);
	if (!c) {
		close(fd);
		return;
	}
	c->ev = (struct ev){fd, on_conn};
	c->peer = addr_of_sock(&from, NULL);
	c->b = b;
	c->len = 0;
	c->next = b->conns;
	b->conns = c;
	b->n_conns++;
	b->c->shared->connections++;
	evloop_add(&b->loop, &c->ev, EPOLLIN);
}

static int bind_port(const struct addr *ip, int type, struct diag *d)
{
	struct sockaddr_storage at;
	socklen_t len = addr_sock(ip, DNS_PORT, &at);
	int fd = socket(ip->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, big = 1 << 20;

	if (fd < 0)
		return diag_errno(d, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
	if (bind(fd, (struct sockaddr *)&at, len) || (type == SOCK_STREAM && listen(fd, 512))) {
		diag_errno(d, "port 53");
		close(fd);
		return ERR_SYS;
	}
	return fd;
}

static int listen_at(struct backend *b, struct listening *at, const struct addr *ip, struct diag *d)
{
	at->b = b;
	at->udp = (struct ev){bind_port(ip, SOCK_DGRAM, d), on_udp};
	at->tcp = (struct ev){bind_port(ip, SOCK_STREAM, d), on_accept};
	if (at->udp.fd < 0 || at->tcp.fd < 0)
		return ERR_SYS;
	evloop_add(&b->loop, &at->udp, EPOLLIN);
	evloop_add(&b->loop, &at->tcp, EPOLLIN);
	return 0;
}

static int set_up(struct backend *b, struct diag *d)
{
	b->heap = malloc(WAITING_MAX * sizeof b->heap[0]);
	if (!b->heap)
		return diag_set(d, ERR_NOMEM, "no memory");
	rng_seed(&b->rng, b->c->seed);
	if (evloop_open(&b->loop, d))
		return ERR_SYS;
	for (int i = 0; i < 2; i++)
		if (b->c->ip[i].family && listen_at(b, &b->at[i], &b->c->ip[i], d))
			return ERR_SYS;
	return 0;
}

int backend_main(const struct backend_conf *c)
{
	static struct backend b;
	struct diag d = {""};

	b.c = c;
	if (set_up(&b, &d)) {
		fprintf(stderr, "kind-e2e: %s: %s\n", c->id, d.text);
		return 125;
	}
	__atomic_store_n(&c->shared->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		evloop_turn(&b.loop, b.n_heap ? b.heap[0].t_ns : T_NEVER);
		flush_due(&b);
	}
}
