/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of the load program, and its line in the query stream for each
 * message and connection.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind-e2e/load/load_int.h"
#include "lib/base/clock.h"

void load_log(struct sock *s, char kind, const uint8_t *msg, size_t len)
{
	const struct load_conf *c = s->l->c;
	struct dns_msg m;
	struct qrec r;

	qrec_clear(&r);
	r.t_ns = clock_mono_ns() - c->t0_ns;
	r.kind = kind;
	r.proto = s->tcp ? QS_TCP : QS_UDP;
	r.client.ip = addr_mapped(&c->pod_ip);
	r.server.ip = addr_mapped(&c->server_ip);
	r.client.port = s->port;
	r.server.port = DNS_PORT;
	if (msg && dns_msg_parse(&m, msg, len) == 0 && m.h.n_qd) {
		r.id = m.h.id;
		name_copy(&r.qname, m.q.name);
		r.qtype = m.q.qtype;
		r.flags = m.h.flags & 0x87f0; /* opcode and rcode have no place here */
		r.len = (int32_t)len;
		if (kind == QS_REPLY) {
			r.rcode = m.rcode;
			r.ttl_s = m.min_ttl_s == UINT32_MAX ? -1 : (int64_t)m.min_ttl_s;
		}
	}
	qs_writer_put(s->l->qs, &r);
}

static void count_tuple(struct sock *s)
{
	uint64_t *word = &s->l->ports_seen[s->tcp][s->port / 64];
	uint64_t bit = (uint64_t)1 << (s->port % 64);

	if (!(*word & bit))
		s->l->out->tuples++;
	*word |= bit;
}

static void broken(struct sock *s)
{
	struct load *l = s->l;
	struct active *a, *next;
	uint64_t now = clock_mono_ns();

	if (s->owner) {
		a = s->owner;
		stub_broken(a->stub, now, s->slot);
		active_pull(a, l);
		return;
	}
	for (a = l->actives; a; a = next) { /* a refusal cannot say whose query it was */
		next = a->next;
		if (a->what.load == s->stream) {
			stub_broken(a->stub, now, 0);
			active_pull(a, l);
		}
	}
}

static void on_udp(struct ev *e, uint32_t events)
{
	struct sock *s = (struct sock *)e; /* ev is its first member */
	ssize_t n = recv(e->fd, s->in, sizeof s->in, MSG_DONTWAIT);

	(void)events;
	if (n < 0) {
		if (errno == ECONNREFUSED || errno == EHOSTUNREACH)
			broken(s);
		return;
	}
	s->l->out->udp_received++;
	load_message(s, s->in, (size_t)n);
}

static bool flush_out(struct sock *s)
{
	ssize_t n;

	if (!s->n_out)
		return true;
	n = send(s->ev.fd, s->out, s->n_out, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	memmove(s->out, s->out + n, s->n_out - (size_t)n);
	s->n_out -= (size_t)n;
	return true;
}

/* Whole messages in the buffer; the lookup is asked once, after all of them,
 * because its answer may be to close this very socket. */
static void deliver_tcp(struct sock *s)
{
	struct active *a = s->owner;
	size_t at = 0;

	while (s->n_in - at >= 2 && s->n_in - at >= 2u + get_be16(s->in + at)) {
		size_t len = get_be16(s->in + at);

		s->l->out->tcp_received++;
		load_message(s, s->in + at + 2, len);
		at += 2 + len;
	}
	memmove(s->in, s->in + at, s->n_in - at);
	s->n_in -= at;
	if (at)
		active_pull(a, s->l);
}

static void on_tcp(struct ev *e, uint32_t events)
{
	struct sock *s = (struct sock *)e;
	int error = 0;
	socklen_t len = sizeof error;
	ssize_t n;

	if (!s->connected) {
		getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			broken(s);
			return;
		}
		s->connected = true;
	}
	if (!flush_out(s)) {
		broken(s);
		return;
	}
	evloop_mod(&s->l->loop, e, s->n_out ? EPOLLIN | EPOLLOUT : EPOLLIN);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(e->fd, s->in + s->n_in, sizeof s->in - s->n_in, MSG_DONTWAIT);
	if (n > 0) {
		s->n_in += (size_t)n;
		deliver_tcp(s);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		broken(s);
	}
}

#define SHARED_RCVBUF (4 << 20)

/* What a machine that stood still for a moment lets pile up is for the load to read late, and not
 * for its own socket to drop: of many lookups, that is. Without the right to it, as much as anybody
 * may have. */
static void room_for_many(int fd)
{
	int room = SHARED_RCVBUF;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}

static int connect_sock(struct sock *s)
{
	struct sockaddr_storage to, own;
	socklen_t to_len = addr_sock(&s->l->c->server_ip, DNS_PORT, &to), len = sizeof own;
	int type = s->tcp ? SOCK_STREAM : SOCK_DGRAM;

	s->ev.fd = socket(to.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->ev.fd < 0)
		return ERR_SYS;
	if (!s->owner)
		room_for_many(s->ev.fd);
	if (connect(s->ev.fd, (struct sockaddr *)&to, to_len) && errno != EINPROGRESS)
		return ERR_SYS;
	if (getsockname(s->ev.fd, (struct sockaddr *)&own, &len))
		return ERR_SYS;
	addr_of_sock(&own, &s->port);
	return evloop_add(&s->l->loop, &s->ev, s->tcp ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static struct sock *make_sock(struct load *l, struct active *a, unsigned stream, unsigned slot,
			      bool tcp)
{
	struct sock *s = malloc(sizeof *s);

	if (!s)
		return NULL;
	s->ev = (struct ev){-1, tcp ? on_tcp : on_udp};
	s->l = l;
	s->owner = a;
	s->stream = stream;
	s->slot = slot;
	s->tcp = tcp;
	s->connected = false;
	s->n_out = s->n_in = 0;
	if (connect_sock(s)) {
		if (s->ev.fd >= 0)
			close(s->ev.fd);
		free(s);
		l->out->open_failed++;
		return NULL;
	}
	count_tuple(s);
	if (tcp) {
		l->out->connections++;
		load_log(s, QS_OPEN, NULL, 0);
	}
	return s;
}

int sock_open(struct load *l, struct active *a, unsigned slot, bool tcp)
{
	struct stream *st = &l->stream[a->what.load];

	if (st->same_socket && slot == 0 && !tcp) {
		if (!st->shared_sock)
			st->shared_sock = make_sock(l, NULL, a->what.load, 0, false);
		a->slot[0] = st->shared_sock;
	} else {
		a->slot[slot] = make_sock(l, a, a->what.load, slot, tcp);
	}
	return a->slot[slot] ? 0 : ERR_SYS;
}

int sock_send(struct sock *s, const uint8_t *msg, size_t len)
{
	load_log(s, QS_QUESTION, msg, len);
	s->l->out->queries++;
	if (!s->tcp) {
		if (send(s->ev.fd, msg, len, MSG_DONTWAIT) == (ssize_t)len) {
			s->l->out->udp_sent++;
			return 0;
		}
		s->l->out->send_errors++;
		return errno == ECONNREFUSED ? ERR_SYS : 0;
	}
	if (sizeof s->out - s->n_out < 2 + len)
		return ERR_SYS;
	set_be16(s->out + s->n_out, (uint16_t)len);
	memcpy(s->out + s->n_out + 2, msg, len);
	s->n_out += 2 + len;
	s->l->out->tcp_sent++;
	if (s->connected && !flush_out(s))
		return ERR_SYS;
	evloop_mod(&s->l->loop, &s->ev, s->n_out ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return 0;
}

void sock_close(struct sock *s)
{
	if (s->tcp)
		load_log(s, QS_CLOSE, NULL, 0);
	evloop_del(&s->l->loop, &s->ev);
	free(s);
}
