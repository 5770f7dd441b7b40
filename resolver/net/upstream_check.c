/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of the upstreams of a worker when all that was queued has been sent and told:
 * each ask is where it says, each connection is in the state that its timer and its watcher are
 * for, and all counts are what a recount finds. Builds for tests look each time; nothing else
 * links it.
 */
#include <assert.h>

#include "lib/base/clock.h"
#include "resolver/net/udp_sock.h"
#include "resolver/net/upool_conn.h"

#define CHECK_IDS 64 /* of more only so many are looked for */

/* Who is found by where the rows stand, and how many are somebody's. */
static unsigned idmap_check(const struct idmap *m)
{
	unsigned n = 0, owned = 0, mask = m->cap - 1;

	assert((m->cap & mask) == 0 && (m->cap == 0) == (m->row == NULL));
	for (unsigned i = 0; i < m->cap; i++) {
		if (!m->row[i].used)
			continue;
		n++;
		owned += m->row[i].owner != NULL;
		for (unsigned at = m->row[i].id & mask; n <= CHECK_IDS && at != i; at = (at + 1) & mask)
			assert(m->row[at].used && m->row[at].id != m->row[i].id);
	}
	assert(n == m->n && n <= IDMAP_MAX && (!n || n * 2 <= m->cap));
	return owned;
}

/* --- asks --- */

/* The row is one of the table that is in use. */
static bool ask_lives(const struct upstreams *u, const struct ask *a)
{
	return a >= u->asks.row && a < u->asks.row + u->asks.n_used && a->id && asks_find(&u->asks, a->id) == a;
}

/* Of each kind how many there are, in n. */
static void asks_check(const struct upstreams *u, unsigned n[ASK_TCP + 1])
{
	const struct asks *t = &u->asks;
	size_t n_free = 0;

	for (const struct ask *a = t->free; a; a = a->list_next, n_free++)
		assert(a->place == ASK_FREE && n_free < t->n_used);
	for (size_t i = 0; i < t->n_used; i++) {
		const struct ask *a = &t->row[i];

		assert(a->place <= ASK_TCP && (a->id != 0) == (a->place != ASK_FREE));
		n[a->place]++;
		if (a->id)
			assert(asks_find(t, a->id) == a && a->up && a->sent_ns <= u->loop->now_ns);
	}
	assert(n[ASK_FREE] == n_free && t->n_used <= t->n);
}

static void failed_check(const struct upstreams *u, unsigned n_failed)
{
	struct ask *const *l = &u->failed;
	unsigned n = 0;

	for (; *l; l = &(*l)->list_next)
		assert((*l)->place == ASK_FAILED && n++ < n_failed);
	assert(u->failed_end == l && n == n_failed);
}

/* --- streams --- */

static void stream_check(const struct stream *s)
{
	assert(s->in_len <= s->in_cap && (s->in == NULL) == (s->in_cap == 0));
	assert(s->out_off + s->out_len <= s->out_cap && (s->out == NULL) == (s->out_cap == 0));
}

static void conn_events_check(const struct upool_conn *c)
{
	const struct stream *s = &c->stream;

	assert(c->watch.registered && c->watch.fd == s->fd);
	if (c->state == CONN_CONNECTING)
		assert(c->watch.events == EPOLLOUT);
	else if (c->state == CONN_HANDSHAKE)
		assert(c->watch.events == EPOLLIN || c->watch.events == EPOLLOUT);
	else
		assert(c->watch.events == (EPOLLIN | (s->out_len || s->want_write_to_read ? EPOLLOUT : 0u)));
}

static void conn_check(const struct upstreams *u, const struct upool *p, const struct upool_conn *c)
{
	uint64_t now_ns = u->loop->now_ns;

	assert(c->pool == p && c->n_asks == idmap_check(&c->ids) && c->n_asks <= c->ids.n);
	stream_check(&c->stream);
	assert(c->timer.armed && c->timer.at_ns <= upool_conn_deadline(c));
	assert(c->born_ns <= now_ns && c->heard_ns <= now_ns && c->last_rx_ns <= c->heard_ns);
	assert((c->doh != NULL) == (p->proto == CORE_HTTPS));
	if (c->dead || c->dirty) /* it has its turn yet */
		return;
	conn_events_check(c);
	assert((c->stream.tls != NULL) == (p->proto != CORE_TCP && c->state != CONN_CONNECTING));
	if (c->state != CONN_OPEN)
		return;
	assert(!c->draining || c->ids.n);
	assert(c->retire_ns > c->born_ns && c->idle_ns >= c->born_ns);
	assert(c->stream.out_len || !c->stream.out);
}

static void owners_check(const struct upstreams *u, const struct idmap *ids, const struct upool_conn *conn, const struct udp_sock *sock)
{
	for (unsigned i = 0; i < ids->cap; i++) {
		const struct ask *a = ids->row[i].owner;

		if (!ids->row[i].used || !a)
			continue;
		assert(ask_lives(u, a) && a->dns_id == ids->row[i].id);
		if (conn)
			assert(a->place == ASK_TCP && a->conn == conn && a->up == conn->pool->up);
		else
			assert(a->place == ASK_UDP && a->sock == sock && a->up == sock->up);
	}
}

/* How many asks are on the pool's connections; all of these are added to *n_conns. */
static unsigned pool_check(const struct upstreams *u, const struct upool *p, bool retired, unsigned *n_conns)
{
	unsigned n = 0, asks = 0;

	for (const struct upool_conn *c = p->conns; c; c = c->next, n++) {
		assert(n < p->n_conns && (!retired || c->draining || c->dead));
		conn_check(u, p, c);
		owners_check(u, &c->ids, c, NULL);
		asks += c->n_asks;
	}
	assert(n == p->n_conns);
	*n_conns += n;
	return asks;
}

/* --- datagrams --- */

static void sock_check(const struct upstreams *u, const struct upstream *up, const struct udp_sock *s)
{
	assert(s->up == up && s->watch.registered && s->watch.events == EPOLLIN);
	assert(s->n_asks == idmap_check(&s->ids) && s->ids.n + s->n_answered == s->n_uses);
	assert(s->n_uses <= (s->single ? 1 : UDP_USES_MAX) && s->born_ns <= u->loop->now_ns);
	assert(!s->leaving || s->dead);
	assert(!s->n_asks || s->silent_ns);
	if (s->dead || s->dirty)
		return;
	assert(!s->out.first && (!s->single || s->retired) && (!s->retired || s->n_asks));
}

/* Those that take questions: shared, of this upstream, each once. */
static void shared_check(const struct upstream *up)
{
	unsigned n = 0, n_all = 0;

	for (const struct udp_sock *s = up->udp; s; s = s->next)
		n_all += !s->single;
	for (const struct udp_sock *s = up->udp_shared; s; s = s->shared_next)
		assert(s->up == up && !s->single && !s->client && n++ < n_all);
}

static unsigned socks_check(const struct upstreams *u, const struct upstream *up, unsigned *n_open, unsigned *n_leaving)
{
	const struct loop_timer *sweep = &up->udp_sweep;
	unsigned asks = 0;

	for (const struct udp_sock *s = up->udp; s; s = s->next) {
		assert((*n_open)++ < u->n_udp_open);
		sock_check(u, up, s);
		owners_check(u, &s->ids, NULL, s);
		*n_leaving += s->leaving;
		asks += s->n_asks;
	}
	shared_check(up);
	assert(sweep->armed == (up->udp != NULL) && (!sweep->armed || sweep->at_ns <= u->loop->now_ns + UDP_AGE_NS));
	return asks;
}

/* Oldest first; of each client as many as are counted for it. */
static void singles_check(const struct upstreams *u)
{
	unsigned n = 0, held[UPSTREAM_CLIENTS] = {0};
	const struct udp_sock *before = NULL;
	bool has_slow = false;

	for (const struct udp_sock *s = u->udp_oldest; s; before = s, s = s->newer) {
		assert(n++ < u->n_udp_single && s->older == before && s->single && !s->dead);
		assert(!before || before->born_ns <= s->born_ns);
		has_slow |= s == u->udp_slow;
		if (s->client)
			held[s->client - u->client]++;
	}
	assert(n == u->n_udp_single && u->udp_newest == before && has_slow == (u->udp_slow != NULL));
	assert(n <= u->udp_single_max);
	for (unsigned i = 0; i < UPSTREAM_CLIENTS; i++)
		assert(u->client[i].n_single == held[i]);
}

/* --- the whole --- */

/* An upstream's part of each sum. */
struct sums {
	unsigned udp, tcp, n_open, n_leaving, n_conns;
};

static void upstream_check(const struct upstreams *u, const struct upstream *up, bool retired, struct sums *t)
{
	assert(up->all == u && up->tcp.up == up && up->tls.up == up);
	assert(up->tcp.proto == CORE_TCP && up->tls.proto != CORE_TCP);
	t->udp += socks_check(u, up, &t->n_open, &t->n_leaving);
	t->tcp += pool_check(u, &up->tcp, retired, &t->n_conns) + pool_check(u, &up->tls, retired, &t->n_conns);
}

void upstreams_check(const struct upstreams *u)
{
	bool at_rest = !u->dirty && !u->udp_dirty && !u->failed;
	unsigned n[ASK_TCP + 1] = {0};
	struct sums t = {0};

	asks_check(u, n);
	failed_check(u, n[ASK_FAILED]);
	for (unsigned i = 0; i < u->n; i++)
		upstream_check(u, u->up[i], false, &t);
	for (const struct upstream *up = u->retired; up; up = up->next_retired) {
		assert(!up->stats && (up->udp || up->tcp.n_conns || up->tls.n_conns));
		upstream_check(u, up, true, &t);
	}
	assert(t.udp == n[ASK_UDP] && t.tcp == n[ASK_TCP]);
	assert(t.n_open == u->n_udp_open && t.n_open == u->stats->up_udp_open);
	assert(t.n_leaving == u->n_udp_leaving && t.n_conns == u->stats->up_tcp_open);
	singles_check(u);
	assert(at_rest || u->later.armed);
}
