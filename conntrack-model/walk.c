/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk; see walk.h. One query costs the kernel one look-up a packet, so a
 * TCP open is three packets here and a close is three more.
 */
#include "conntrack-model/walk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define AHEAD 24 /* events: some are replies */

struct walker {
	const struct walk_conf *c;
	struct ctable *t;
	struct walk *out;
	struct endpoints *ep;
	struct callers *callers;
	struct snat snat;
	uint16_t spoken_of; /* namespaces, a bit each */
	uint64_t sample_ns, next_row_ns;
};

void walk_conf_init(struct walk_conf *c)
{
	memset(c, 0, sizeof(*c));
	ctable_conf_init(&c->table);
	c->n_backends = 2;
	c->growth = 1;
	c->endpoints.retry_ns = 5 * NS_PER_S; /* glibc's */
	c->endpoints.tries = 2;
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

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Who acts by himself, each when it is his time. */
static void actors_until(struct walker *w, uint64_t t_ns)
{
	for (;;) {
		uint64_t endpoints_ns = endpoints_next_ns(w->ep), callers_ns = callers_next_ns(w->callers);
		if (endpoints_ns > t_ns && callers_ns > t_ns)
			return;
		if (endpoints_ns <= callers_ns)
			endpoints_step(w->ep, w->t, w->c->netns, lesser(t_ns, callers_ns));
		else
			callers_step(w->callers, w->t, w->ep);
	}
}

static void time_until(struct walker *w, uint64_t t_ns)
{
	while (w->next_row_ns <= t_ns) {
		actors_until(w, w->next_row_ns);
		rows_add(w, w->next_row_ns);
		w->next_row_ns += w->sample_ns;
		if (ctable_empty(w->t) && w->next_row_ns < t_ns) /* nothing to see until then */
			w->next_row_ns += (t_ns - w->next_row_ns) / w->sample_ns * w->sample_ns;
	}
	actors_until(w, t_ns);
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

/* `ret_reply`: the tuple of replies, by the entry that the packet has then. *ret_refused:
 * there is no entry and nobody to send it to. */
static enum ct_verdict send_original(struct walker *w, uint64_t t_ns, const struct ct_tuple *orig,
				     uint8_t flags, struct ct_tuple *ret_reply, bool *ret_refused)
{
	struct ct_tuple reply;
	struct ct_packet p = {.tuple = *orig, .tcp_flags = flags, .reply = &reply};

	*ret_refused = !endpoints_pick(w->ep, orig, &reply) && !ctable_peek(w->t, t_ns, orig, &reply);
	if (*ret_refused)
		return CT_INVALID;
	if (w->snat.conf.on && !ctable_peek(w->t, t_ns, orig, &(struct ct_tuple){.proto = 0})) {
		p.may_remap = true;
		if (snat_choose(&w->snat, t_ns, &reply))
			return ctable_unconfirmed(w->t, t_ns, &p);
	}
	return ctable_packet(w->t, t_ns, &p, ret_reply);
}

/* A query that was dropped, or went to who is dead, has no reply, whatever the stream says. */
static enum ct_verdict send_reply(struct walker *w, uint64_t t_ns, const struct ct_tuple *orig,
				  uint8_t flags)
{
	struct ct_packet p = {.tcp_flags = flags};

	if (!ctable_peek(w->t, t_ns, orig, &p.tuple) || !endpoints_answer(w->ep, &p.tuple))
		return CT_INVALID;
	return ctable_packet(w->t, t_ns, &p, NULL);
}

static uint8_t tcp_flags_of(uint8_t kind)
{
	switch (kind) {
	case CTE_OPEN:
	case CTE_SYN:
		return CT_SYN;
	case CTE_CLOSE:
		return CT_FIN | CT_ACK;
	case CTE_RESET:
		return CT_RST;
	default:
		return CT_ACK;
	}
}

/* Packets of one event; what is told is the fate of the first, and whom it was sent to. */
static enum ct_verdict step_tcp(struct walker *w, uint64_t t_ns, const struct ct_tuple *o,
				uint8_t kind, struct ct_tuple *ret_reply, bool *ret_refused)
{
	struct ct_tuple ignored;
	bool refused;

	if (kind == CTE_REPLY)
		return send_reply(w, t_ns, o, CT_ACK);
	enum ct_verdict v = send_original(w, t_ns, o, tcp_flags_of(kind), ret_reply, ret_refused);
	if ((kind != CTE_OPEN && kind != CTE_CLOSE) || ct_verdict_dropped(v) || *ret_refused ||
	    !endpoints_answer(w->ep, ret_reply))
		return v;
	send_reply(w, t_ns, o, tcp_flags_of(kind) | CT_ACK);
	send_original(w, t_ns, o, CT_ACK, &ignored, &refused);
	return v;
}

static int step_endpoint(struct walker *w, uint64_t t_ns, const struct ct_tuple *o, const struct ct_tuple *reply,
			 bool refused)
{
	if (refused)
		endpoints_refused(w->ep);
	else if (!endpoints_answer(w->ep, reply))
		return endpoints_lost(w->ep, t_ns, o);
	return 0;
}

static struct ct_tuple tuple_of(const struct ct_event *ev, unsigned copy)
{
	return (struct ct_tuple){
		.src = copy ? client_copy(ev->client.ip, copy) : ev->client.ip,
		.dst = ev->server.ip,
		.sport = ev->client.port,
		.dport = ev->server.port,
		.proto = ev->proto,
		.netns = ev->netns,
		.zone = ev->zone,
	};
}

static int step(struct walker *w, const struct ct_event *ev, unsigned copy)
{
	struct ct_tuple o = tuple_of(ev, copy);
	struct ct_tuple reply = {.proto = 0};
	enum ct_verdict v;
	bool refused = false;

	if (ev->proto == CT_TCP)
		v = step_tcp(w, ev->t_ns, &o, ev->kind, &reply, &refused);
	else if (ev->kind == CTE_REPLY)
		v = send_reply(w, ev->t_ns, &o, 0);
	else
		v = send_original(w, ev->t_ns, &o, 0, &reply, &refused);
	if (v == CT_NO_MEMORY)
		return ERR_NOMEM;
	bool asks = ev->proto == CT_TCP ? ev->kind == CTE_OPEN || ev->kind == CTE_SYN : ev->kind == CTE_QUERY;
	struct walk_track *k = &w->out->track[ev->netns];
	k->n_queries += asks;
	k->n_lost += asks && ct_verdict_dropped(v);
	k->n_clashed += asks && v == CT_DROP_CLASH;
	if (v == CT_DROP_FULL && k->full_at_s < 0)
		k->full_at_s = (double)ev->t_ns / 1e9;
	return asks && !ct_verdict_dropped(v) ? step_endpoint(w, ev->t_ns, &o, &reply, refused) : 0;
}

/* What the table will be asked soon, so that it is at hand then. */
static void look_ahead(struct walker *w, const struct ct_events *e, size_t i)
{
	if (i < e->n && e->ev[i].kind != CTE_REPLY)
		ctable_ahead(w->t, &(struct ct_packet){.tuple = tuple_of(&e->ev[i], 0)});
}

static int walk_events(struct walker *w, const struct ct_events *e)
{
	int rc = 0;

	for (size_t i = 0; i < e->n && rc == 0; i++) {
		const struct ct_event *ev = &e->ev[i];
		look_ahead(w, e, i + AHEAD);
		time_until(w, ev->t_ns);
		if (untracked(w->c, &ev->server.ip) || untracked(w->c, &ev->client.ip)) {
			w->out->n_untracked += w->c->growth;
			w->out->n_untracked_replies += ev->kind == CTE_REPLY ? w->c->growth : 0;
			continue;
		}
		for (unsigned k = 0; k < w->c->growth && rc == 0; k++)
			rc = step(w, ev, k);
	}
	time_until(w, e->end_ns + w->c->tail_ns);
	return rc;
}

static void walker_release(struct walker *w)
{
	ctable_free(w->t);
	endpoints_free(w->ep);
	callers_free(w->callers);
}

int walk_run(struct walk *ret, const struct walk_conf *c, const struct ct_events *e)
{
	struct walker w = {.c = c, .out = ret, .sample_ns = c->sample_ns, .next_row_ns = c->sample_ns};
	int rc;

	memset(ret, 0, sizeof(*ret));
	w.t = ctable_new(&c->table);
	w.ep = endpoints_new(&c->endpoints, c->n_backends, c->table.seed);
	snat_init(&w.snat, &c->snat, c->table.seed);
	w.callers = callers_new(&c->callers, c->table.seed);
	if (!w.t || !w.ep || !w.callers) {
		walker_release(&w);
		return ERR_NOMEM;
	}
	rc = tracks_init(&w, e);
	if (rc == 0)
		rc = walk_events(&w, e);
	if (rc == 0)
		endpoints_end(w.ep, w.t, e->end_ns + c->tail_ns, c->netns, &ret->endpoints);
	ret->callers = *callers_told(w.callers);
	ret->n_raced = w.snat.n_raced;
	ret->stats = *ctable_counters(w.t);
	ret->gc_period_s = ctable_gc_period_s(w.t);
	for (unsigned i = 0; i < CT_NETNS_MAX; i++)
		ret->track[i].peak = ctable_ns_counters(w.t, i)->peak;
	walker_release(&w);
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
