/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions over UDP leave through connected sockets with random ports, so the
 * kernel drops what does not come from the upstream's address, and random ids.
 *
 * Each question has a port of its own, used once: a port that stays could be
 * found and aimed at (RFC 5452 section 9.2), and the connection tracking of a
 * node may hold a dead backend for it. Opening one costs twice what the exchange
 * costs, so only a flood is treated otherwise: what exceeds FRESH_PER_S, and what a
 * single client asks beyond its part of that, shares SOCKETS_MAX sockets, for each
 * round of the loop a random one of those with nothing under way or the least busy,
 * so that a round leaves together (udp_out.h). A shared socket is given up after
 * UDP_USES_MAX questions or UDP_AGE_NS, and at once when it stays silent.
 *
 * Names that are slow to be answered hold their ports, but keep nobody from one: when
 * there are too many, the first that is found slow gives its port to the newest, and
 * is asked again through one that is shared (the core does that: CORE_FAIL_GAVE_WAY).
 * The first, not the oldest: that one has waited for longest and may be answered next.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/net/udp_sock.h"
#include "resolver/net/upstream_udp.h"

#define FRESH_PER_S 2000 /* questions an upstream is asked from ports of their own */
#define FRESH_BURST 500
#define FRESH_CLIENT_PERCENT 75 /* of both for one client, towards all upstreams */
#define FRESH_SHARE 8    /* of all ports a client may hold so much and still take slow ones' */
#define GIVE_WAY_NS (400 * NS_PER_MS) /* nearly all answers are there by then */
#define SOCKETS_MAX 16   /* shared, taking questions; others may wait for their last answers */

int upstream_udp_fd(const struct udp_sock *s)
{
	return s->watch.fd;
}

static struct upstreams *sock_all(const struct udp_sock *s)
{
	return s->up->all;
}

/* --- asking --- */

static bool sock_usable(struct udp_sock *s, uint64_t now)
{
	if (!s->retired && !s->dead &&
	    (s->n_uses >= (s->single ? 1 : UDP_USES_MAX) || now - s->born_ns >= UDP_AGE_NS ||
	     (s->silent_ns && now - s->silent_ns >= UDP_SILENT_NS)))
		udp_sock_retire(s);
	return !s->retired && !s->dead;
}

/* A rate with bursts, as one number: when the next port would be due if they were
 * opened evenly. */
static bool rate_left(uint64_t due_ns, unsigned per_s, unsigned burst, uint64_t now)
{
	return due_ns <= now || due_ns - now <= burst * (NS_PER_S / per_s);
}

static uint64_t rate_take(uint64_t due_ns, unsigned per_s, uint64_t now)
{
	return (due_ns > now ? due_ns : now) + NS_PER_S / per_s;
}

/* What is known of a client; strangers may share it. NULL: nobody's. */
static struct udp_client *client_of(struct upstreams *u, const struct in6_addr *addr)
{
	if (!addr)
		return NULL;
	return &u->client[hash_sip13(&u->key, addr, sizeof(*addr)) % UPSTREAM_CLIENTS];
}

/* The youngest of those that are slow; NULL: none is. */
static struct udp_sock *single_slow(struct upstreams *u, uint64_t now)
{
	struct udp_sock *s = u->udp_slow ? u->udp_slow : u->udp_oldest;
	if (!s || now - s->born_ns < GIVE_WAY_NS)
		return NULL;
	while (s->newer && now - s->newer->born_ns >= GIVE_WAY_NS)
		s = s->newer;
	u->udp_slow = s;
	return s;
}

/* Room for one more, if need be by taking the port of a slow question. Not for the
 * second try of one that is slow itself, nor for a client that has many already. */
static bool single_room(struct upstreams *u, const struct udp_client *client, bool is_again,
			uint64_t now)
{
	struct udp_sock *s;
	if (u->n_udp_single < u->udp_single_max)
		return true;
	if (is_again || (client && client->n_single >= u->udp_single_max / FRESH_SHARE))
		return false;
	/* Those that gave way are closed with the round only. */
	if ( u->n_udp_leaving >= u->udp_single_max / 2 || !(s = single_slow(u, now)))
		return false;
	s->leaving = true;
	u->n_udp_leaving++;
	u->stats->up_udp_gave_way++;
	udp_sock_die(s, CORE_FAIL_GAVE_WAY);
	return true;
}

static bool may_open(struct upstream *up, struct udp_client *client, bool is_again, uint64_t now)
{
	struct upstreams *u = up->all;
	enum { PER_S = FRESH_PER_S * FRESH_CLIENT_PERCENT / 100,
	       BURST = FRESH_BURST * FRESH_CLIENT_PERCENT / 100 };
	if (!rate_left(up->udp_fresh_due_ns, FRESH_PER_S, FRESH_BURST, now) ||
	    (client && !rate_left(client->due_ns, PER_S, BURST, now)) ||
	    !single_room(u, client, is_again, now))
		return false;
	up->udp_fresh_due_ns = rate_take(up->udp_fresh_due_ns, FRESH_PER_S, now);
	if (client)
		client->due_ns = rate_take(client->due_ns, PER_S, now);
	return true;
}

/* One that is asked in this round already takes all of the round's, so that they
 * leave together; then a random one with nothing under way, or the least busy. */
static struct udp_sock *sock_share(struct upstream *up, uint64_t now)
{
	struct udp_sock *idle[SOCKETS_MAX], *best = NULL, *fresh;
	unsigned n = 0, n_idle = 0;
	for (struct udp_sock **l = &up->udp_shared, *s; (s = *l);) {
		if (!sock_usable(s, now)) {
			*l = s->shared_next;
			continue;
		}
		if (s->out.first)
			return s;
		n++;
		if (s->n_asks == 0)
			idle[n_idle++] = s;
		if (!best || s->n_asks < best->n_asks)
			best = s;
		l = &s->shared_next;
	}
	if (n < SOCKETS_MAX && (fresh = udp_sock_open(up, false))) {
		fresh->shared_next = up->udp_shared;
		up->udp_shared = fresh;
		return fresh;
	}
	return n_idle ? idle[rng_os_u16() % n_idle] : best;
}

static struct udp_sock *sock_choose(struct upstream *up, const struct core_ask *what)
{
	uint64_t now = up->all->loop->now_ns;
	struct udp_client *client = client_of(up->all, what->client);
	struct udp_sock *s = NULL;
	if (may_open(up, client, what->is_again, now))
		s = udp_sock_open(up, true);
	if (s) {
		s->client = client;
		if (client)
			client->n_single++;
		return s;
	}
	up->all->stats->up_udp_shared++;
	return sock_share(up, now);
}

static void sock_send(struct udp_sock *s)
{
	int err = udp_outs_send(sock_all(s)->udp_queue, &s->out, s->watch.fd);
	if (err)
		udp_sock_die(s, upstream_why(err));
}

static void queue_send(struct upstreams *u)
{
	for (struct udp_sock *s = u->udp_dirty; s; s = s->dirty_next)
		if (s->out.first)
			sock_send(s);
	u->udp_queue->n = 0;
}

static void query_queue(struct udp_sock *s, uint16_t id, const struct core_ask *what)
{
	struct upstreams *u = sock_all(s);
	if (u->udp_queue->n == UDP_OUT_MAX)
		queue_send(u);
	assert(what->len <= sizeof(u->udp_queue->out[0].b));
	struct udp_out *o = udp_outs_add(u->udp_queue, &s->out);
	memcpy(o->b, what->query, what->len);
	set_be16(o->b, id);
	o->len = what->len;
	udp_sock_touch(s);
}

void upstream_udp_ask(struct upstream *up, struct ask *a, const struct core_ask *what)
{
	struct upstreams *u = up->all;
	if (!u->udp_queue && !(u->udp_queue = calloc(1, sizeof(*u->udp_queue)))) {
		upstream_fail_later(u, a, CORE_FAIL_NOSOCKET);
		return;
	}
	u->udp_queue->n = u->udp_dirty ? u->udp_queue->n : 0;
	struct udp_sock *s = sock_choose(up, what);
	if (!s || idmap_add(&s->ids, a, &a->dns_id) < 0) {
		if (s && s->single)
			udp_sock_retire(s); /* nobody else asks by it */
		upstream_fail_later(u, a, s ? CORE_FAIL_NOSOCKET : upstream_why(errno));
		return;
	}
	a->place = ASK_UDP;
	a->sock = s;
	if (up->stats) {
		up->stats->conn_misses[CORE_UDP] += s->n_uses == 0;
		up->stats->conn_hits[CORE_UDP] += s->n_uses > 0;
	}
	if (s->n_asks++ == 0)
		s->silent_ns = u->loop->now_ns;
	s->n_uses++;
	s->retired |= s->single;
	query_queue(s, a->dns_id, what);
}

void upstream_udp_cancel(struct ask *a)
{
	struct udp_sock *s = a->sock;
	idmap_orphan(&s->ids, a->dns_id);
	s->n_asks--;
	if (s->retired && s->n_asks == 0)
		udp_sock_touch(s);
	asks_free(&sock_all(s)->asks, a);
}

void upstream_udp_flush(struct upstreams *u)
{
	while (u->udp_dirty) {
		struct udp_sock *s = u->udp_dirty;
		u->udp_dirty = s->dirty_next;
		s->dirty = false;
		if (s->out.first && !s->dead)
			sock_send(s);
		if ((s->dead || (s->retired && s->n_asks == 0)) && !s->dirty)
			udp_sock_close(s);
	}
}

void upstream_udp_retire(struct upstream *up)
{
	for (struct udp_sock *s = up->udp; s; s = s->next)
		udp_sock_retire(s);
}

void upstream_udp_release(struct upstream *up)
{
	while (up->udp)
		udp_sock_close(up->udp);
}
