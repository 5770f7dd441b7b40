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
 * is another: corefile_env.private_port.) While they hold it is asked besides, over UDP,
 * for somebody's firewall may drop what it never saw come in before; an answer of anybody
 * is one that pods have.
 *
 * Rewriting (-intercept rewrite) comes between a question and its reply. A target of
 * it is asked over UDP by a socket that takes the reply from either address,
 * because the rules change the reply's whether they hold or have lapsed, ours or a
 * predecessor's. And while they hold the cluster's address is asked too, as pods do;
 * what becomes of that is told apart (led_here), since it is about the way and not
 * about who answers. A node that cannot route to that address does not ask it.
 */
#include "resolver/supervisor/selftest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

#define RETRIES 3 /* datagrams per probe: one may meet a full buffer */

struct probe {
	struct selftest *test;
	struct loop_fd watch;
	struct in6_addr addr;
	uint16_t port, id;
	bool open, tcp, sent;
	uint64_t through;    /* asks a Service's address as pods do: its bit */
	bool is_target;      /* of rewriting: the socket is not connected */
	struct in6_addr vip; /* of a target: where its reply may come from */
};

struct selftest {
	struct loop *loop;
	selftest_done_f *done;
	void *ctx;
	bool busy, held_back;
	unsigned n, n_open, n_sends;
	uint64_t start_ns, deadline_ns, step_ns;
	uint64_t own_ns; /* when the last of our own addresses had answered */
	struct loop_timer timer;
	struct selftest_ways ways;
	uint64_t asked, lost; /* Services' addresses, by bits */
	char astray[160];
	struct probe probe[CORE_LISTENERS_MAX + 1 + 4 + SELFTEST_SERVICES_MAX];
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

static void words_of(const struct probe *p, const char *why, char *ret, size_t size)
{
	char text[SOCKADDR_TEXT];
	snprintf(ret, size, "%s %s: %s", p->tcp ? "tcp" : "udp", sockaddr_text(text, &p->addr, p->port), why);
}

static void finish(struct selftest *t, const struct probe *failed, const char *why)
{
	struct selftest_result r = { .ok = !failed, .held_back = failed && t->held_back, .asked = t->asked, .astray = t->lost,
				     .took_ns = t->loop->now_ns - t->start_ns };
	if (failed)
		words_of(failed, why, r.words, sizeof(r.words));
	else
		memcpy(r.words, t->astray, sizeof(r.words));
	for (unsigned i = 0; i < t->n; i++)
		probe_close(&t->probe[i]);
	loop_timer_set(t->loop, &t->timer, T_NEVER);
	t->busy = false;
	t->done(t->ctx, &r);
}

static void lost(struct probe *p, const char *why)
{
	struct selftest *t = p->test;
	if (!t->lost)
		words_of(p, why, t->astray, sizeof(t->astray));
	t->lost |= p->through;
}

/* What was asked by the cluster's address failed: the others go on. */
static void astray(struct probe *p, const char *why)
{
	struct selftest *t = p->test;
	lost(p, why);
	probe_close(p);
	if (t->n_open == 0)
		finish(t, NULL, NULL);
}

static void probe_failed(struct probe *p, const char *why)
{
	if (p->through)
		astray(p, why);
	else
		finish(p->test, p, why);
}

static int probe_send(struct probe *p)
{
	uint8_t b[64];
	size_t len = question_build(b + 2, p->id);
	set_be16(b, (uint16_t)len);
	const uint8_t *from = p->tcp ? b : b + 2;
	len += p->tcp ? 2 : 0;
	if (p->is_target) {
		union sockaddr_any to;
		socklen_t to_len = sockaddr_from(&to, &p->addr, p->port, 0);
		p->sent = sendto(p->watch.fd, from, len, MSG_NOSIGNAL, &to.sa, to_len) == (ssize_t)len;
	} else {
		p->sent = send(p->watch.fd, from, len, MSG_NOSIGNAL) == (ssize_t)len;
	}
	/* What the connection table has no room for, or a rule drops, is told to who sends it. */
	p->test->held_back |= !p->sent && errno == EPERM && !p->through;
	return p->sent ? 0 : -1;
}

/* Connected sockets take nothing else. */
static bool from_whom_we_asked(const struct probe *p, const union sockaddr_any *from)
{
	struct in6_addr addr;
	uint16_t port;
	uint32_t scope;
	if (!p->is_target)
		return true;
	sockaddr_split(from, &addr, &port, &scope);
	return port == p->port &&
	       (IN6_ARE_ADDR_EQUAL(&addr, &p->addr) || IN6_ARE_ADDR_EQUAL(&addr, &p->vip));
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
		probe_failed(p, strerror(errno));
		return;
	}
	union sockaddr_any from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(w->fd, b, sizeof(b), 0, &from.sa, &from_len);
	size_t skip = p->tcp ? 2 : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && p->tcp)) {
		probe_failed(p, n < 0 ? strerror(errno) : "closed");
		return;
	}
	if ((size_t)n < skip + DNS_HEADER_LEN || get_be16(b + skip) != p->id || !(b[skip + 2] & 0x80) ||
	    !from_whom_we_asked(p, &from))
		return;
	probe_close(p);
	if (!p->through)
		t->own_ns = t->loop->now_ns;
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

/* Whether what this listener replies is rewritten, and to come from where. */
static bool is_target(const struct selftest *t, const struct core_listener *l, struct in6_addr *ret_vip)
{
	for (int f = 0; f < 2; f++) {
		if (!t->ways.set[f] || l->port != t->ways.port ||
		    !IN6_ARE_ADDR_EQUAL(&l->addr, &t->ways.target[f]))
			continue;
		*ret_vip = t->ways.vip[f];
		return true;
	}
	return false;
}

/* `own`: the address to ask from; NULL: whichever the kernel takes. */
static int probe_start(struct probe *p, const union sockaddr_any *to, const union sockaddr_any *own, socklen_t len)
{
	int type = (p->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(to->sa.sa_family, type, 0);
	if (fd < 0)
		return -1;
	if ((own && bind(fd, &own->sa, len) < 0) ||
	    (!p->is_target && connect(fd, &to->sa, len) < 0 && errno != EINPROGRESS) ||
	    loop_add(p->test->loop, &p->watch, fd, p->tcp ? EPOLLOUT : EPOLLIN) < 0) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	p->open = true;
	p->test->n_open++;
	return p->tcp ? 0 : probe_send(p);
}

static int probe_open(struct selftest *t, const struct core_listener *l, uint32_t scope, bool tcp)
{
	struct probe *p = &t->probe[t->n++];
	union sockaddr_any sa, own;
	socklen_t len = probe_address(l, l->port, scope, &sa);
	*p = (struct probe){ .test = t, .addr = l->addr, .port = l->port, .tcp = tcp,
			     .id = rng_os_u16(), .watch.ready = probe_ready };
	p->is_target = is_target(t, l, &p->vip);
	probe_address(l, 0, scope, &own);
	return probe_start(p, &sa, &own, len);
}

/* As a host-network client; where there is no way to the address from here, pods
 * may still have one: then nothing is said. */
static void probe_through(struct selftest *t, int f, bool tcp)
{
	struct probe *p = &t->probe[t->n++];
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &t->ways.vip[f], t->ways.port, 0);
	*p = (struct probe){ .test = t, .addr = t->ways.vip[f], .port = t->ways.port, .tcp = tcp,
			     .through = t->ways.vip_bit[f], .id = rng_os_u16(), .watch.ready = probe_ready };
	t->asked |= p->through;
	if (probe_start(p, &sa, NULL, len) == 0 || errno == ENETUNREACH || errno == EHOSTUNREACH)
		return;
	lost(p, strerror(errno));
}

/* What does not even leave is a matter of this host's own packets. */
static void probe_service(struct selftest *t, const struct in6_addr *addr, uint64_t bit)
{
	struct probe *p = &t->probe[t->n++];
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, addr, t->ways.port, 0);
	*p = (struct probe){ .test = t, .addr = *addr, .port = t->ways.port, .through = bit, .id = rng_os_u16(),
			     .watch.ready = probe_ready };
	t->asked |= bit;
	if (probe_start(p, &sa, NULL, len) < 0)
		probe_close(p);
}

static void step(struct loop_timer *timer)
{
	struct selftest *t = container_of(timer, struct selftest, timer);
	struct probe *waiting = NULL;
	for (unsigned i = 0; i < t->n; i++) {
		struct probe *p = &t->probe[i];
		if (!p->open)
			continue;
		if (!p->through)
			waiting = p;
		else if (t->loop->now_ns >= t->deadline_ns && t->own_ns < t->start_ns + t->step_ns)
			lost(p, "no answer"); /* else all of us are slow: this one may be, too */
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
		  const struct selftest_ways *ways, uint64_t timeout_ns)
{
	bool tcp_asked = false;
	if (t->busy)
		return;
	t->busy = true;
	t->n = t->n_open = 0;
	t->own_ns = t->loop->now_ns;
	t->ways = ways ? *ways : (struct selftest_ways){ .holds = false };
	t->asked = t->lost = 0;
	t->held_back = false;
	*t->astray = '\0';
	t->start_ns = t->loop->now_ns;
	t->deadline_ns = t->start_ns + timeout_ns;
	t->step_ns = timeout_ns / RETRIES;
	loop_timer_set(t->loop, &t->timer, t->start_ns + t->step_ns);
	uint64_t ask = chosen(conf);
	for (size_t i = 0; i < conf->n_listeners; i++) {
		uint32_t zone = scope ? scope[i] : 0;
		struct in6_addr vip;
		bool tcp = !tcp_asked && !is_target(t, &conf->listener[i], &vip);
		if (!(ask >> i & 1))
			continue;
		if (probe_open(t, &conf->listener[i], zone, false) < 0 ||
		    (tcp && probe_open(t, &conf->listener[i], zone, true) < 0)) {
			finish(t, &t->probe[t->n - 1], strerror(errno));
			return;
		}
		tcp_asked |= tcp;
	}
	for (int f = 0; f < 2 && t->ways.holds; f++) {
		for (int tcp = 0; t->ways.set[f] && t->ways.vip_bit[f] && tcp < 2; tcp++)
			probe_through(t, f, tcp);
	}
	for (unsigned i = 0; t->ways.holds && i < t->ways.n_services; i++)
		probe_service(t, &t->ways.service[i], t->ways.service_bit[i]);
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
