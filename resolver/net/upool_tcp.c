/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection takes a question, and when another is wanted beside those
 * there are. What becomes of one then is upool_conn.c.
 */
#include "resolver/net/upool_tcp.h"

#include <errno.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/net/upool_conn.h"

#define CONNS_MAX    8   /* a pool, all states */
#define CONN_BUSY    128 /* in flight on the best: open another beside it */
#define CONNS_WANTED 4   /* at most, for load's sake */
#define CONNS_APART  3   /* of them, for questions that connections broke under */
#define SUSPECT_NS   (300 * NS_PER_MS)

void upool_init(struct upool *p, struct upstream *up, enum core_proto proto)
{
	*p = (struct upool){ .up = up, .proto = proto,
			     .framing = proto == CORE_HTTPS ? &upool_framing_h2 : &upool_framing_dns };
}

static bool conn_usable(const struct upool_conn *c)
{
	return !c->draining && !c->dead && c->ids.n < c->pool->framing->room(c);
}

/* Open before connecting, trusted before suspected, then the fewest in flight. */
static bool conn_better(const struct upool_conn *c, const struct upool_conn *than)
{
	if (!than)
		return true;
	if (c->suspect != than->suspect)
		return !c->suspect;
	if ((c->state == CONN_OPEN) != (than->state == CONN_OPEN))
		return c->state == CONN_OPEN;
	return c->ids.n < than->ids.n;
}

/* A server that allows few streams is busy before they are used up. */
static unsigned conn_busy(const struct upool_conn *c)
{
	unsigned room = c->pool->framing->room(c);
	return room - room / 4 < CONN_BUSY ? room - room / 4 : CONN_BUSY;
}

/* One that nobody waits on, a new one, or any. NULL: there is none. */
static struct upool_conn *conn_choose_apart(struct upool *p)
{
	struct upool_conn *any = NULL, *fresh;
	unsigned n = 0, n_usable = 0;

	for (struct upool_conn *c = p->conns; c; c = c->next) {
		n += c->is_apart;
		if (!c->is_apart || !conn_usable(c))
			continue;
		if (c->n_asks == 0 && !c->suspect)
			return c;
		if (rng_os_u64() % ++n_usable == 0)
			any = c;
	}
	if (n >= CONNS_APART || p->n_conns >= CONNS_MAX)
		return any;
	fresh = upool_conn_open(p);
	if (!fresh)
		return any;
	fresh->is_apart = true;
	return fresh;
}

static struct upool_conn *conn_choose(struct upool *p)
{
	struct upool_conn *best = NULL;
	bool opening = false;
	unsigned n = 0;
	for (struct upool_conn *c = p->conns; c; c = c->next) {
		if (!conn_usable(c) || c->is_apart)
			continue;
		n++;
		opening |= c->state != CONN_OPEN;
		if (conn_better(c, best))
			best = c;
	}
	bool need = !best || best->suspect;
	bool want = best && best->ids.n >= conn_busy(best) && !opening && n < CONNS_WANTED;
	if ((need || want) && p->n_conns < CONNS_MAX) {
		struct upool_conn *fresh = upool_conn_open(p);
		if (need && fresh)
			return fresh;
	}
	return best;
}

void upool_ask(struct upool *p, struct ask *a, const struct core_ask *what)
{
	struct upstreams *u = p->up->all;
	unsigned conns_before = p->n_conns;
	struct upool_conn *c = what->n_broken ? conn_choose_apart(p) : NULL;

	c = c ? c : conn_choose(p);
	if (!c && p->n_conns >= CONNS_MAX)
		c = conn_choose_apart(p);
	if (!c || idmap_add(&c->ids, a, &a->dns_id) < 0) {
		upstream_fail_later(u, a, c || p->n_conns ? CORE_FAIL_NOSOCKET : upstream_why(errno));
		return;
	}
	if (p->framing->put(c, a->dns_id, what->query, what->len) < 0) {
		void *owner;
		idmap_take(&c->ids, a->dns_id, &owner);
		upstream_fail_later(u, a, CORE_FAIL_NOSOCKET);
		return;
	}
	if (c->ids.n == 1)
		c->heard_ns = u->loop->now_ns; /* silence counts from the question */
	c->n_asks++;
	a->place = ASK_TCP;
	a->conn = c;
	if (p->up->stats) {
		if (p->n_conns > conns_before)
			p->up->stats->conn_misses[p->proto]++;
		else
			p->up->stats->conn_hits[p->proto]++;
	}
	if (c->state == CONN_OPEN) {
		upool_conn_timer_update(c);
		upool_touch(c);
	}
}

void upool_cancel(struct ask *a)
{
	struct upool_conn *c = a->conn;
	uint64_t now = upool_conn_all(c)->loop->now_ns;
	idmap_orphan(&c->ids, a->dns_id);
	c->n_asks--;
	if (c->last_rx_ns <= a->sent_ns && now - a->sent_ns >= SUSPECT_NS)
		c->suspect = true;
	if (c->pool->framing->given_up)
		c->pool->framing->given_up(c, a->dns_id);
	asks_free(&upool_conn_all(c)->asks, a);
}

void upool_flush(struct upstreams *u)
{
	while (u->dirty) {
		struct upool_conn *c = u->dirty;
		u->dirty = c->dirty_next;
		c->dirty = false;
		if (!c->dead)
			upool_conn_flush(c);
		if (c->dead && !c->dirty)
			upool_conn_close(c);
	}
}

void upool_retire(struct upool *p)
{
	for (struct upool_conn *c = p->conns; c; c = c->next) {
		c->draining = true;
		upool_touch(c);
	}
}

void upool_reconfigured(struct upool *p)
{
	for (struct upool_conn *c = p->conns; c; c = c->next)
		upool_conn_reconfigured(c);
}

void upool_release(struct upool *p)
{
	while (p->conns)
		upool_conn_close(p->conns);
}
