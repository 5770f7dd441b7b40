/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc (2.36 and 2.43 behave alike; resolv/res_send.c, res_query.c): A and AAAA
 * back to back on one connected socket per server, servers in turn, the whole
 * list `attempts` times. When only one of the two is answered it suspects the
 * server of not bearing pairs and turns to single-request, then to
 * single-request-reopen mode, for the rest of the thread's life; the round that
 * follows uses up no attempt.
 *
 * After a time-out the search list is left at once for the bare name; after
 * NXDOMAIN, no data or SERVFAIL it goes on. If all fails, the bare name's result
 * is the lookup's.
 */
#include <limits.h>

#include "lib/world/stub_int.h"

#define STICKY_SINGLE 1u
#define STICKY_REOPEN 2u

/* A TCP exchange has no time-out of its own in glibc: the kernel gives up on a
 * connection it cannot make after 6 SYN retries. */
#define VC_GIVE_UP_NS (127 * NS_PER_S)

static void attempt(struct stub *s, uint64_t now_ns);
static void name_next(struct stub *s, uint64_t now_ns, bool go_on);

static bool mode_reopen(const struct stub *s)
{
	return s->c->single_request_reopen || s->t->sticky & STICKY_REOPEN;
}

static bool mode_single(const struct stub *s)
{
	return s->c->single_request || s->t->sticky & STICKY_SINGLE || mode_reopen(s);
}

/* (T << i) / N seconds for server i, T for the first; at least one second. */
static uint64_t wait_ns(const struct stub *s)
{
	const struct stub_conf *c = s->c;
	uint64_t t = c->timeout_ns << s->u.glibc.server;

	if (s->u.glibc.server > 0)
		t /= c->n_servers;
	if (c->timeout_ns < NS_PER_S) /* only a laboratory asks for this */
		return t;
	return t < NS_PER_S ? NS_PER_S : t / NS_PER_S * NS_PER_S;
}

static void sockets_close(struct stub *s)
{
	for (unsigned i = 0; i < STUB_SERVERS_MAX; i++)
		stub_slot_close(s, &s->u.glibc.slot[i]);
}

static void socket_ensure(struct stub *s)
{
	struct stub_glibc *g = &s->u.glibc;

	if (g->slot[g->server] == STUB_NO_SLOT)
		g->slot[g->server] = stub_slot_open(s, g->server, g->vc, false);
}

static void question_send(struct stub *s, unsigned q)
{
	struct stub_glibc *g = &s->u.glibc;

	stub_q_send(s, g->slot[g->server], g->server, q, s->q[q].sent);
}

/* One round on the current server: both questions, or the first alone. */
static void round_start(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	socket_ensure(s);
	g->got[0] = g->got[1] = g->good[0] = g->good[1] = false;
	for (unsigned i = 0; i < s->n_q; i++)
		s->q[i].state = Q_PENDING;
	g->deadline_ns = now_ns + (g->vc ? VC_GIVE_UP_NS : wait_ns(s));
	question_send(s, 0);
	if (s->n_q == 2 && (g->vc || !mode_single(s)))
		question_send(s, 1);
}

/* --- one name --- */

/* All servers, `attempts` times: `ok` when at least one reply was usable. */
static void name_end(struct stub *s, uint64_t now_ns, bool ok)
{
	struct stub_glibc *g = &s->u.glibc;
	enum stub_q_state result = Q_FAILED;

	sockets_close(s);
	if (ok && stub_any(s, Q_RECORDS)) {
		stub_finish(s, STUB_OK);
		return;
	}
	if (ok && !stub_any(s, Q_FAILED))
		result = stub_any(s, Q_NXDOMAIN) ? Q_NXDOMAIN : Q_NODATA;
	if (s->name_at == STUB_BARE) {
		g->tried_bare = true;
		g->bare_result = result;
	}
	if (!ok && !g->got_somewhere) {
		stub_finish(s, STUB_FAIL); /* ECONNREFUSED everywhere ends the search */
		return;
	}
	name_next(s, now_ns, result != Q_FAILED || g->servfail);
}

static void server_next(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	if (++g->shift == s->c->n_servers) {
		g->shift = 0;
		g->try++;
	}
	if (g->try >= s->c->attempts)
		name_end(s, now_ns, false);
	else
		attempt(s, now_ns);
}

static void attempt(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	g->server = (g->first + g->shift) % s->c->n_servers;
	if (g->vc) /* TCP: each server once */
		g->try = s->c->attempts - 1;
	round_start(s, now_ns);
}

static void name_start(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	g->try = g->shift = 0;
	g->got_somewhere = g->servfail = false;
	g->vc = s->c->transport == SCEN_TCP;
	g->first = s->c->rotate ? ++s->t->next_server % s->c->n_servers : 0;
	attempt(s, now_ns);
}

/* --- the list of names --- */

/* The next search domain if the search goes on, then the bare name if it was
 * not tried yet, then the end. */
static void name_next(struct stub *s, uint64_t now_ns, bool go_on)
{
	struct stub_glibc *g = &s->u.glibc;
	bool searching = !s->absolute && (s->name_at != STUB_BARE || s->dots >= s->c->ndots);
	int at = s->name_at + 1; /* STUB_BARE + 1 is the first domain */

	/* The bare name's own failure, tried first, does not stop the search. */
	if (s->name_at == STUB_BARE)
		go_on = true;
	for (; searching && go_on && at < (int)s->c->n_search; at++) {
		if (stub_name_set(s, at)) {
			name_start(s, now_ns);
			return;
		}
	}
	if (!g->tried_bare) {
		stub_name_set(s, STUB_BARE);
		name_start(s, now_ns);
		return;
	}
	stub_finish(s, g->bare_result == Q_FAILED ? STUB_FAIL : STUB_NOTFOUND);
}

static void glibc_begin(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	for (unsigned i = 0; i < STUB_SERVERS_MAX; i++)
		g->slot[i] = STUB_NO_SLOT;
	for (int at = 0; !s->absolute && s->dots < s->c->ndots && at < (int)s->c->n_search; at++) {
		if (stub_name_set(s, at)) {
			name_start(s, now_ns);
			return;
		}
	}
	stub_name_set(s, STUB_BARE);
	name_start(s, now_ns);
}

/* --- events --- */

static void tcp_start(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	sockets_close(s);
	g->vc = true;
	for (unsigned i = 0; i < s->n_q; i++)
		s->q[i].sent = false; /* asked again because of TC, not of loss */
	attempt(s, now_ns);
}

/* In single-request mode the second question goes out when the first is
 * answered; after a SERVFAIL glibc waits for a reply it never asked for. */
static void second_send(struct stub *s)
{
	if (mode_reopen(s)) {
		sockets_close(s);
		socket_ensure(s);
	}
	question_send(s, 1);
}

static void glibc_receive(struct stub *s, uint64_t now_ns, const struct stub_reply *r)
{
	struct stub_glibc *g = &s->u.glibc;
	bool refusal = !g->vc && (r->rcode == DNS_SERVFAIL || r->rcode == DNS_NOTIMP ||
				  r->rcode == DNS_REFUSED);

	g->got_somewhere = true;
	if (r->rcode == DNS_SERVFAIL)
		g->servfail = true;
	if (r->tc && !g->vc && !refusal) {
		tcp_start(s, now_ns);
		return;
	}
	g->got[r->q] = true;
	g->good[r->q] = !refusal;
	s->q[r->q].state = r->state;
	if (s->n_q == 1 || (g->got[0] && g->got[1])) {
		if (g->good[0] || g->good[1])
			name_end(s, now_ns, true);
		else
			server_next(s, now_ns);
	} else if (!g->vc && mode_single(s) && !refusal) {
		second_send(s);
	}
}

/* One of two came: blame the pairing before the network. */
static void half_answered(struct stub *s, uint64_t now_ns)
{
	if (!mode_single(s)) {
		s->t->sticky |= STICKY_SINGLE;
	} else if (!mode_reopen(s)) {
		s->t->sticky |= STICKY_REOPEN;
		sockets_close(s);
	} else {
		name_end(s, now_ns, true); /* with what there is */
		return;
	}
	round_start(s, now_ns);
}

static void glibc_expire(struct stub *s, uint64_t now_ns)
{
	struct stub_glibc *g = &s->u.glibc;

	if (!g->vc && (g->good[0] || g->good[1])) {
		half_answered(s, now_ns);
		return;
	}
	g->got_somewhere = true;
	if (g->vc)
		sockets_close(s);
	server_next(s, now_ns);
}

static void glibc_broken(struct stub *s, uint64_t now_ns, unsigned slot)
{
	(void)slot;
	sockets_close(s);
	server_next(s, now_ns);
}

static uint64_t glibc_deadline(const struct stub *s)
{
	return s->u.glibc.deadline_ns;
}

const struct stub_lib stub_lib_glibc = {
	.begin = glibc_begin,
	.receive = glibc_receive,
	.broken = glibc_broken,
	.expire = glibc_expire,
	.deadline = glibc_deadline,
};
