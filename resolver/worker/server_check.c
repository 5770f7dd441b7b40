/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core and drivers of a worker must agree on when the loop is about to sleep: upstreams carry
 * out the core's exchanges and no others, each client that the core will answer is there to hear
 * it, listeners are those of the configuration. Builds for tests look each time; nothing else links it.
 */
#include <assert.h>
#include <string.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "resolver/net/listen_tcp_int.h"
#include "resolver/net/upool_conn.h"
#include "resolver/worker/server_int.h"

struct seen {
	const struct server *s;
	size_t n_asks;
	uint64_t n_waiting; /* on connections that are there */
};

static void ask_check(void *ctx, uint32_t id, unsigned upstream, enum core_proto proto)
{
	struct seen *t = ctx;
	const struct upstreams *u = &t->s->upstreams;
	const struct ask *a = asks_find(&u->asks, id);

	assert(a && upstream < u->n && a->up == u->up[upstream]);
	assert(a->place == (proto == CORE_UDP ? ASK_UDP : ASK_TCP));
	assert(a->place == ASK_UDP || a->conn->pool->proto == proto);
	t->n_asks++;
}

static void asks_check(const struct server *s)
{
	struct seen t = {.s = s};
	size_t n = 0;

	core_asks_check(s->core, ask_check, &t);
	for (size_t i = 0; i < s->upstreams.asks.n_used; i++)
		n += s->upstreams.asks.row[i].id != 0;
	assert(n == t.n_asks);
}

/* A client that has left, or whose listener is another's now, is answered into nothing. */
static void waiter_check(void *ctx, const struct core_client *client)
{
	struct seen *t = ctx;
	const struct server *s = t->s;
	uint32_t slot = (uint32_t)client->cookie;

	if (client->proto == CORE_UDP) {
		const struct listener *l = &s->listener[slot];

		assert(slot < s->n_slots);
		if (l->used && l->generation == client->cookie >> 32)
			assert(l->udp_on && l->udp.index == client->listener);
		return;
	}
	assert(slot < s->tcp->n_slots);
	const struct tcp_conn *c = s->tcp->generation[slot] == client->cookie >> 32 ? s->tcp->conn[slot] : NULL;

	if (!c)
		return;
	assert(c->in_flight && s->tcp->place[c->listener] == client->listener);
	t->n_waiting++;
}

static void waiters_check(const struct server *s)
{
	unsigned left = tcp_server_open(s->tcp);
	struct seen t = {.s = s};
	uint64_t n = 0;

	core_waiters_check(s->core, waiter_check, &t);
	for (unsigned i = 0; left; i++) {
		const struct tcp_conn *c = s->tcp->conn[i];

		left -= c != NULL;
		n += c ? c->in_flight : 0;
	}
	assert(n == t.n_waiting);
}

/* Each of the configuration has a slot of its own, and nobody else has one. */
static void listeners_check(const struct server *s)
{
	const struct core_conf *conf = &s->plan->conf;
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_slots; i++) {
		const struct listener *l = &s->listener[i];

		if (!l->used)
			continue;
		n++;
		assert(!l->goes && l->udp.index < conf->n_listeners && s->tcp->place[i] == l->udp.index);
		assert(l->port == conf->listener[l->udp.index].port);
		assert(memcmp(&l->addr, &conf->listener[l->udp.index].addr, sizeof(l->addr)) == 0);
		assert(!l->udp_on || (l->udp.core == s->core && l->udp_fd >= 0 && l->udp.cookie == ((uint64_t)l->generation << 32 | i)));
		assert(!l->tcp_on || (l->tcp_fd >= 0 && l->tcp.slot == i));
	}
	assert(n == conf->n_listeners);
}

void server_check(const struct server *s)
{
	const struct upstreams *u = &s->upstreams;
	uint64_t at_ns;

	if (!s->core)
		return;
	at_ns = core_deadline(s->core);
	assert(s->core_timer.armed ? s->core_timer.at_ns == at_ns : at_ns == T_NEVER);
	if (!CHECKED) { /* else they have looked themselves */
		loop_check(s->loop);
		upstreams_check(u);
		tcp_server_check(s->tcp);
	}
	listeners_check(s);
	if (at_ns <= s->loop->now_ns || u->failed || u->dirty || u->udp_dirty)
		return; /* there is more to do than one turn allows */
	asks_check(s);
	waiters_check(s);
}
