/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe's own address is the one it asks: binding fails when that is not
 * ours (yet), so nothing goes on the wire. (Binding to the loopback device
 * would not do: the kernel takes the device that holds the address for the one
 * a reply came from.)
 *
 * A Service address is asked only when there is no other: while our rules are
 * not there, kube-proxy's turn our own packets to it over to the cluster DNS,
 * whose answer would say nothing about us. (Where rules are ours to set, there
 * is another: corefile_env.private_port.)
 */
#include "resolver/selftest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/rng.h"
#include "lib/wire.h"
#include "resolver/net/sockaddr.h"

#define RETRIES 3 /* datagrams per probe: one may meet a full buffer */

struct probe {
	struct selftest *test;
	struct loop_fd watch;
	struct in6_addr addr;
	uint16_t port, id;
	bool open, tcp, sent;
};

struct selftest {
	struct loop *loop;
	selftest_done_f *done;
	void *ctx;
	bool busy;
	unsigned n, n_open, n_sends;
	uint64_t start_ns, deadline_ns, step_ns;
	struct loop_timer timer;
	struct probe probe[CORE_LISTENERS_MAX + 1];
};

/* ". NS" under EDNS version 1 (RFC 6891 section 6.1.3). */
static size_t question_build(uint8_t *b, uint16_t id)
{
	static const uint8_t q[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, /* header */
				     0, 0, DNS_NS, 0, DNS_IN,            /* . NS IN */
				     0, 0, DNS_OPT, 4, 208, 0, 1, 0, 0, 0, 0 };
	memcpy(b, q, sizeof(q));
	set_be16(b, id);
	return sizeof(q);
}

static void probe_close(struct probe *p)
{
	if (!p->open)
		return;
	loop_del(p->test->loop, &p->watch);
	close(p->watch.fd);
	p->open = false;
	p->test->n_open--;
}

static void finish(struct selftest *t, const struct probe *failed, const char *why)
{
	struct selftest_result r = { .ok = !failed, .took_ns = t->loop->now_ns - t->start_ns };
	char text[SOCKADDR_TEXT];
	if (failed)
		snprintf(r.words, sizeof(r.words), "%s %s: %s", failed->tcp ? "tcp" : "udp",
			 sockaddr_text(text, &failed->addr, failed->port), why);
	for (unsigned i = 0; i < t->n; i++)
		probe_close(&t->probe[i]);
	loop_timer_set(t->loop, &t->timer, T_NEVER);
	t->busy = false;
	t->done(t->ctx, &r);
}

static int probe_send(struct probe *p)
{
	uint8_t b[64];
	size_t len = question_build(b + 2, p->id);
	set_be16(b, (uint16_t)len);
	const uint8_t *from = p->tcp ? b : b + 2;
	len += p->tcp ? 2 : 0;
	p->sent = send(p->watch.fd, from, len, MSG_NOSIGNAL) == (ssize_t)len;
	return p->sent ? 0 : -1;
}

static void probe_ready(struct loop_fd *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, watch);
	struct selftest *t = p->test;
	uint8_t b[512];
	if (p->tcp && !p->sent && (events & EPOLLOUT)) {
		if (probe_send(p) == 0) {
			loop_mod(t->loop, w, EPOLLIN);
			return;
		}
		finish(t, p, strerror(errno));
		return;
	}
	ssize_t n = recv(w->fd, b, sizeof(b), 0);
	size_t skip = p->tcp ? 2 : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && p->tcp)) {
		finish(t, p, n < 0 ? strerror(errno) : "closed");
		return;
	}
	if ((size_t)n < skip + DNS_HEADER_LEN || get_be16(b + skip) != p->id || !(b[skip + 2] & 0x80))
		return;
	probe_close(p);
	if (t->n_open == 0)
		finish(t, NULL, NULL);
}

/* Under a wildcard any of our addresses will do. */
static socklen_t probe_address(const struct core_listener *l, uint16_t port, uint32_t scope,
			       union sockaddr_any *ret)
{
	struct in6_addr addr = l->addr;
	if (addr_is_any(&addr))
		addr = addr_from_v4((struct in_addr){ htonl(INADDR_LOOPBACK) });
	return sockaddr_from(ret, &addr, port, scope);
}

static int probe_open(struct selftest *t, const struct core_listener *l, uint32_t scope, bool tcp)
{
	struct probe *p = &t->probe[t->n++];
	union sockaddr_any sa, own;
	socklen_t len = probe_address(l, l->port, scope, &sa);
	*p = (struct probe){ .test = t, .addr = l->addr, .port = l->port, .tcp = tcp,
			     .id = rng_os_u16(), .watch.ready = probe_ready };
	probe_address(l, 0, scope, &own);
	int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(sa.sa.sa_family, type, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, &own.sa, len) < 0 ||
	    (connect(fd, &sa.sa, len) < 0 && errno != EINPROGRESS) ||
	    loop_add(t->loop, &p->watch, fd, tcp ? EPOLLOUT : EPOLLIN) < 0) {
		close(fd);
		return -1;
	}
	p->open = true;
	t->n_open++;
	return tcp ? 0 : probe_send(p);
}

static void step(struct loop_timer *timer)
{
	struct selftest *t = container_of(timer, struct selftest, timer);
	struct probe *waiting = NULL;
	for (unsigned i = 0; i < t->n; i++) {
		struct probe *p = &t->probe[i];
		if (!p->open)
			continue;
		waiting = p;
		if (!p->tcp)
			probe_send(p);
	}
	if (t->loop->now_ns >= t->deadline_ns)
		finish(t, waiting, "no answer");
	else
		loop_timer_set(t->loop, &t->timer, t->loop->now_ns + t->step_ns);
}

/* The listeners to ask: one bit each. */
static uint64_t chosen(const struct core_conf *conf)
{
	uint64_t own = 0, all = 0;
	for (size_t i = 0; i < conf->n_listeners; i++) {
		all |= (uint64_t)1 << i;
		own |= (uint64_t)corefile_never_service(&conf->listener[i].addr) << i;
	}
	return own ? own : all;
}

void selftest_run(struct selftest *t, const struct core_conf *conf, const uint32_t *scope,
		  uint64_t timeout_ns)
{
	if (t->busy)
		return;
	t->busy = true;
	t->n = t->n_open = 0;
	t->start_ns = t->loop->now_ns;
	t->deadline_ns = t->start_ns + timeout_ns;
	t->step_ns = timeout_ns / RETRIES;
	loop_timer_set(t->loop, &t->timer, t->start_ns + t->step_ns);
	uint64_t ask = chosen(conf);
	for (size_t i = 0; i < conf->n_listeners; i++) {
		uint32_t zone = scope ? scope[i] : 0;
		bool first = !t->n;
		if (!(ask >> i & 1))
			continue;
		if (probe_open(t, &conf->listener[i], zone, false) < 0 ||
		    (first && probe_open(t, &conf->listener[i], zone, true) < 0)) {
			finish(t, &t->probe[t->n - 1], strerror(errno));
			return;
		}
	}
}

bool selftest_busy(const struct selftest *t)
{
	return t->busy;
}

struct selftest *selftest_new(struct loop *loop, selftest_done_f *done, void *ctx)
{
	struct selftest *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->loop = loop;
	t->done = done;
	t->ctx = ctx;
	t->timer.due = step;
	return t;
}

void selftest_free(struct selftest *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n; i++)
		probe_close(&t->probe[i]);
	loop_timer_set(t->loop, &t->timer, T_NEVER);
	free(t);
}
