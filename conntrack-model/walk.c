// SPDX-License-Identifier: Apache-2.0
/*
 * The walk; see walk.h. One query costs the kernel one look-up a packet, so a
 * TCP open is three packets here and a close is three more.
 */
#include "conntrack-model/walk.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"

struct walker {
	const struct walk_conf *c;
	struct ctable *t;
	struct walk *out;
	struct rng rng;
	uint64_t next_row_ns;
};

void walk_conf_init(struct walk_conf *c)
{
	memset(c, 0, sizeof(*c));
	ctable_conf_init(&c->table);
	c->n_backends = 2;
	c->growth = 1;
	c->sample_ns = NS_PER_S;
}

static int add_row(struct walker *w, uint64_t t_ns)
{
	struct walk *o = w->out;

	if (o->n_rows == o->cap_rows) {
		size_t cap = o->cap_rows ? o->cap_rows * 2 : 256;
		struct walk_row *p = realloc(o->row, cap * sizeof(*p));
		if (!p)
			return ERR_NOMEM;
		o->row = p;
		o->cap_rows = cap;
	}
	struct walk_row *r = &o->row[o->n_rows++];
	*r = (struct walk_row){.t_s = (double)t_ns / 1e9};
	r->count = ctable_count(w->t, t_ns, w->c->netns);
	r->live = ctable_live(w->t, t_ns, w->c->netns, &r->assured);
	const struct ct_counters *s = ctable_counters(w->t);
	r->drop = s->drop;
	r->early_drop = s->early_drop;
	r->flows = s->new_flows;
	r->lost = o->n_lost;
	return 0;
}

static int rows_until(struct walker *w, uint64_t t_ns)
{
	for (; w->next_row_ns <= t_ns; w->next_row_ns += w->c->sample_ns) {
		int rc = add_row(w, w->next_row_ns);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool untracked(const struct walk_conf *c, const struct in6_addr *ip)
{
	for (size_t i = 0; i < c->n_notrack; i++)
		if (memcmp(&c->notrack[i], ip, sizeof(*ip)) == 0)
			return true;
	return false;
}

/* The k-th copy of a client lives in another network. */
static struct in6_addr client_copy(struct in6_addr ip, unsigned k)
{
	ip.s6_addr[IN6_IS_ADDR_V4MAPPED(&ip) ? 12 : 2] ^= (uint8_t)k;
	return ip;
}

/* What replies look like when a backend of `server` takes the flow. Backends
 * have addresses nobody else has: 198.18.0.0/15 (RFC 2544). */
static void backend_reply(struct walker *w, const struct ct_tuple *orig, struct ct_tuple *ret)
{
	ct_tuple_invert(ret, orig);
	if (!w->c->n_backends)
		return;
	uint32_t ip = htonl(0xc6120000u + 1 + (uint32_t)rng_below(&w->rng, w->c->n_backends));
	memset(&ret->src, 0, sizeof(ret->src));
	ret->src.s6_addr[10] = ret->src.s6_addr[11] = 0xff;
	memcpy(&ret->src.s6_addr[12], &ip, 4);
}

static enum ct_verdict send_original(struct walker *w, uint64_t t_ns, const struct ct_tuple *orig,
				     uint8_t flags)
{
	struct ct_tuple reply;
	struct ct_packet p = {.tuple = *orig, .tcp_flags = flags, .reply = &reply};

	backend_reply(w, orig, &reply);
	return ctable_packet(w->t, t_ns, &p, NULL);
}

/* A query that was dropped has no reply, whatever the stream says. */
static enum ct_verdict send_reply(struct walker *w, uint64_t t_ns, const struct ct_tuple *orig,
				  uint8_t flags)
{
	struct ct_packet p = {.tcp_flags = flags};

	if (!ctable_peek(w->t, t_ns, orig, &p.tuple))
		return CT_INVALID;
	return ctable_packet(w->t, t_ns, &p, NULL);
}

/* Packets of one event; what is told is the fate of the first. */
static enum ct_verdict step_tcp(struct walker *w, uint64_t t_ns, const struct ct_tuple *o,
				uint8_t kind)
{
	enum ct_verdict v;

	switch (kind) {
	case CTE_OPEN:
		v = send_original(w, t_ns, o, CT_SYN);
		if (ct_verdict_dropped(v))
			return v;
		send_reply(w, t_ns, o, CT_SYN | CT_ACK);
		send_original(w, t_ns, o, CT_ACK);
		return v;
	case CTE_CLOSE:
		v = send_original(w, t_ns, o, CT_FIN | CT_ACK);
		send_reply(w, t_ns, o, CT_FIN | CT_ACK);
		send_original(w, t_ns, o, CT_ACK);
		return v;
	case CTE_RESET:
		return send_original(w, t_ns, o, CT_RST);
	case CTE_REPLY:
		return send_reply(w, t_ns, o, CT_ACK);
	default:
		return send_original(w, t_ns, o, CT_ACK);
	}
}

static int step(struct walker *w, const struct ct_event *ev, unsigned copy)
{
	struct ct_tuple o = {
		.src = copy ? client_copy(ev->client.ip, copy) : ev->client.ip,
		.dst = ev->server.ip,
		.sport = ev->client.port,
		.dport = ev->server.port,
		.proto = ev->proto,
		.netns = ev->netns,
	};
	enum ct_verdict v;

	if (ev->proto == CT_TCP)
		v = step_tcp(w, ev->t_ns, &o, ev->kind);
	else if (ev->kind == CTE_REPLY)
		v = send_reply(w, ev->t_ns, &o, 0);
	else
		v = send_original(w, ev->t_ns, &o, 0);
	if (v == CT_NO_MEMORY)
		return ERR_NOMEM;
	bool asks = ev->proto == CT_TCP ? ev->kind == CTE_OPEN : ev->kind == CTE_QUERY;
	w->out->n_queries += asks;
	w->out->n_lost += asks && ct_verdict_dropped(v);
	return 0;
}

static int walk_events(struct walker *w, const struct ct_events *e)
{
	int rc = 0;

	for (size_t i = 0; i < e->n && rc == 0; i++) {
		const struct ct_event *ev = &e->ev[i];
		rc = rows_until(w, ev->t_ns);
		if (untracked(w->c, &ev->server.ip) || untracked(w->c, &ev->client.ip)) {
			w->out->n_untracked += w->c->growth;
			w->out->n_untracked_replies += ev->kind == CTE_REPLY ? w->c->growth : 0;
			continue;
		}
		for (unsigned k = 0; k < w->c->growth && rc == 0; k++)
			rc = step(w, ev, k);
	}
	return rc == 0 ? rows_until(w, e->end_ns + w->c->tail_ns) : rc;
}

int walk_run(struct walk *ret, const struct walk_conf *c, const struct ct_events *e)
{
	struct walker w = {.c = c, .out = ret, .next_row_ns = c->sample_ns};
	int rc;

	memset(ret, 0, sizeof(*ret));
	rng_seed_stream(&w.rng, c->table.seed, 0x77616c6b);
	w.t = ctable_new(&c->table);
	if (!w.t)
		return ERR_NOMEM;
	rc = walk_events(&w, e);
	ret->stats = *ctable_counters(w.t);
	ret->gc_period_s = ctable_gc_period_s(w.t);
	ctable_free(w.t);
	if (rc < 0)
		walk_release(ret);
	return rc;
}

void walk_release(struct walk *w)
{
	free(w->row);
	w->row = NULL;
	w->n_rows = w->cap_rows = 0;
}

struct walk_range walk_range(const struct walk *w, double from_s, double until_s)
{
	struct walk_range g = {.min = 0};

	for (size_t i = 0; i < w->n_rows; i++) {
		const struct walk_row *r = &w->row[i];
		double count = (double)r->count, live = (double)r->live;
		if (r->t_s < from_s || r->t_s >= until_s)
			continue;
		if (g.n == 0 || count < g.min)
			g.min = count;
		if (count > g.max)
			g.max = count;
		if (live > g.live_max)
			g.live_max = live;
		g.mean += count;
		g.live_mean += live;
		g.n++;
	}
	if (g.n) {
		g.mean /= (double)g.n;
		g.live_mean /= (double)g.n;
	}
	return g;
}
