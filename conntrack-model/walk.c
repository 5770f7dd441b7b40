/* SPDX-License-Identifier: Apache-2.0 */
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
	uint16_t spoken_of; /* namespaces, a bit each */
	uint64_t sample_ns, next_row_ns;
};

void walk_conf_init(struct walk_conf *c)
{
	memset(c, 0, sizeof(*c));
	ctable_conf_init(&c->table);
	c->n_backends = 2;
	c->growth = 1;
	c->sample_ns = NS_PER_S;
}

/* --- rows --- */

static int tracks_init(struct walker *w, const struct ct_events *e)
{
	w->spoken_of = (uint16_t)(1u << w->c->netns);
	for (size_t i = 0; i < e->n; i++)
		w->spoken_of |= (uint16_t)(1u << e->ev[i].netns);
	for (unsigned i = 0; i < CT_NETNS_MAX; i++) {
		struct walk_track *k = &w->out->track[i];
		k->full_at_s = -1;
		if (!(w->spoken_of >> i & 1))
			continue;
		k->row = calloc(WALK_ROWS_MAX, sizeof(*k->row));
		if (!k->row)
			return ERR_NOMEM;
	}
	return 0;
}

static void rows_thin(struct walker *w)
{
	for (unsigned i = 0; i < CT_NETNS_MAX; i++) {
		struct walk_track *k = &w->out->track[i];
		for (size_t n = 0; n < k->n_rows / 2; n++)
			k->row[n] = k->row[2 * n + 1];
		k->n_rows /= 2;
	}
	w->sample_ns *= 2;
}

static void rows_add(struct walker *w, uint64_t t_ns)
{
	struct ct_live live[CT_NETNS_MAX];

	ctable_live_all(w->t, t_ns, live);
	for (unsigned i = 0; i < CT_NETNS_MAX; i++) {
		struct walk_track *k = &w->out->track[i];
		if (!k->row)
			continue;
		const struct ct_ns_counters *s = ctable_ns_counters(w->t, i);
		k->row[k->n_rows++] = (struct walk_row){
			.t_s = (double)t_ns / 1e9,
			.live = live[i].live,
			.assured = live[i].assured,
			.count = ctable_count(w->t, t_ns, i),
			.drop = s->table_full,
			.early_drop = s->early_drop,
			.flows = s->new_flows,
			.lost = k->n_lost,
		};
	}
	if (w->out->track[w->c->netns].n_rows == WALK_ROWS_MAX)
		rows_thin(w);
}

static void rows_until(struct walker *w, uint64_t t_ns)
{
	while (w->next_row_ns <= t_ns) {
		rows_add(w, w->next_row_ns);
		w->next_row_ns += w->sample_ns;
		if (ctable_empty(w->t) && w->next_row_ns < t_ns) /* nothing to see until then */
			w->next_row_ns += (t_ns - w->next_row_ns) / w->sample_ns * w->sample_ns;
	}
}

/* --- packets --- */

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
	case CTE_SYN:
		return send_original(w, t_ns, o, CT_SYN);
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
		.zone = ev->zone,
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
	bool asks = ev->proto == CT_TCP ? ev->kind == CTE_OPEN || ev->kind == CTE_SYN : ev->kind == CTE_QUERY;
	struct walk_track *k = &w->out->track[ev->netns];
	k->n_queries += asks;
	k->n_lost += asks && ct_verdict_dropped(v);
	k->n_clashed += asks && v == CT_DROP_CLASH;
	if (v == CT_DROP_FULL && k->full_at_s < 0)
		k->full_at_s = (double)ev->t_ns / 1e9;
	return 0;
}

static int walk_events(struct walker *w, const struct ct_events *e)
{
	int rc = 0;

	for (size_t i = 0; i < e->n && rc == 0; i++) {
		const struct ct_event *ev = &e->ev[i];
		rows_until(w, ev->t_ns);
		if (untracked(w->c, &ev->server.ip) || untracked(w->c, &ev->client.ip)) {
			w->out->n_untracked += w->c->growth;
			w->out->n_untracked_replies += ev->kind == CTE_REPLY ? w->c->growth : 0;
			continue;
		}
		for (unsigned k = 0; k < w->c->growth && rc == 0; k++)
			rc = step(w, ev, k);
	}
	rows_until(w, e->end_ns + w->c->tail_ns);
	return rc;
}

int walk_run(struct walk *ret, const struct walk_conf *c, const struct ct_events *e)
{
	struct walker w = {.c = c, .out = ret, .sample_ns = c->sample_ns, .next_row_ns = c->sample_ns};
	int rc;

	memset(ret, 0, sizeof(*ret));
	rng_seed_stream(&w.rng, c->table.seed, 0x77616c6b);
	w.t = ctable_new(&c->table);
	if (!w.t)
		return ERR_NOMEM;
	rc = tracks_init(&w, e);
	if (rc == 0)
		rc = walk_events(&w, e);
	ret->stats = *ctable_counters(w.t);
	ret->gc_period_s = ctable_gc_period_s(w.t);
	for (unsigned i = 0; i < CT_NETNS_MAX; i++)
		ret->track[i].peak = ctable_ns_counters(w.t, i)->peak;
	ctable_free(w.t);
	if (rc < 0)
		walk_release(ret);
	return rc;
}

void walk_release(struct walk *w)
{
	for (unsigned i = 0; i < CT_NETNS_MAX; i++) {
		free(w->track[i].row);
		w->track[i].row = NULL;
		w->track[i].n_rows = 0;
	}
}

struct walk_range walk_range(const struct walk_track *k, double from_s, double until_s)
{
	struct walk_range g = {.min = 0};

	for (size_t i = 0; i < k->n_rows; i++) {
		const struct walk_row *r = &k->row[i];
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
