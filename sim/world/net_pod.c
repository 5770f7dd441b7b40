/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a pod and whoever answers it: the cache on its node, untracked, or a
 * backend, through the rules and the table.
 */
#include "sim/world/answers.h"
#include "sim/world/flow.h"
#include "sim/world/net.h"

#define ALONG_NS 2 /* both halves of a way's work for what travels in the segment of the message before */

static struct ct_tuple pod_tuple(const struct world *w, unsigned pod, uint16_t port, bool tcp)
{
	return net_tuple(pod_addr(pod), port, addr_of(w->s->cluster_dns), tcp);
}

static void count_flow(struct world *w, enum ct_verdict v)
{
	w->r->ct_created += v == CT_NEW;
}

/* A, then AAAA from one socket at once: can the second overtake the entry? */
static bool races(struct world *w, struct node *n, const struct slot *s)
{
	return w->c->costs->race_share > 0 && s->new_ns == w->now_ns &&
	       rng_unit(&n->rng) < w->c->costs->race_share;
}

static enum ct_verdict race(struct world *w, struct node *n, const struct ct_tuple *orig,
			    struct pkt *p)
{
	uint16_t backend = net_endpoint_draw(w, n);
	struct ct_tuple want = net_reply_tuple(orig, backend);
	struct ct_packet loser = {.tuple = *orig, .mark = net_mark(orig), .reply = &want};

	p->backend = backend;
	return ctable_race(n->ct, w->now_ns, &loser);
}

/* When a datagram has left the pod; T_NEVER: it has not. */
static uint64_t leaves_ns(struct world *w, struct node *n, const struct slot *s, const struct pkt *p)
{
	return softirq_pass(w, n, p, SOFTIRQ_OUT, s->ready_ns > w->now_ns ? s->ready_ns : w->now_ns);
}

/* One piece of work with the first message's, for the thread goes on. */
static uint64_t opening(struct slot *s)
{
	uint64_t ns = s->opens_ns;

	s->opens_ns = 0;
	return ns;
}

static void send_datagram(struct world *w, struct node *n, struct slot *s, struct pkt *p)
{
	struct ct_tuple orig = pod_tuple(w, p->pod, p->port, false);
	uint64_t left_ns = leaves_ns(w, n, s, p);
	enum ct_verdict v;

	if (left_ns == T_NEVER || net_no_endpoint(w)) {
		net_drop(w, p, left_ns == T_NEVER ? CAUSE_BACKLOG : CAUSE_NO_ENDPOINT);
		return;
	}
	v = races(w, n, s) ? race(w, n, &orig, p) : net_to_service(w, n, &orig, 0, &p->backend);
	uint64_t way_ns = leg_draw(&w->c->costs->pod_backend, &n->rng) + net_idle(w, n, WAY_BACKEND) + opening(s);
	way_ns += 2 * net_octets_ns(w, p->data, p->len); /* the backend has its own of it */
	count_flow(w, v);
	if (ct_verdict_dropped(v)) {
		net_drop(w, p, net_cause(v));
		return;
	}
	if (net_lost(w, n)) {
		net_drop(w, p, CAUSE_LINK);
		return;
	}
	if (v == CT_NEW) {
		s->new_ns = w->now_ns;
		way_ns += w->c->costs->new_flow_ns;
	}
	net_travel(w, p, left_ns, way_ns, EV_AT_BACKEND, NULL);
}

void net_pod_send(struct world *w, struct lookup_run *l, struct pkt *p)
{
	struct node *n = &w->node[p->node];
	struct slot *s = &l->slot[p->slot];
	bool cached = node_has_cache(n);
	const struct leg *way = cached ? &w->c->costs->pod_cache : &w->c->costs->pod_backend;

	if (cached)
		w->r->notrack_in++;
	else
		p->spot = answers_ahead(w->answers, p->data, p->len, p->tcp, false);
	if (p->tcp) {
		struct flow *f = w->flow[s->flow];
		uint64_t from_ns = softirq_pass(w, n, p, SOFTIRQ_OUT, f->ready_ns > w->now_ns ? f->ready_ns : w->now_ns);
		if (!node_has_cache(n)) {
			struct ct_tuple orig = pod_tuple(w, p->pod, p->port, true);
			net_to_service(w, n, &orig, CT_ACK, &p->backend);
			p->backend = s->backend;
		}
		p->conn = s->flow;
		p->conn_gen = f->gen;
		uint64_t way_ns = leg_draw(way, &n->rng) + net_idle(w, n, cached ? WAY_CACHE : WAY_BACKEND) + opening(s);
		if (n->processors && s->sent_ns == w->now_ns)
			way_ns = ALONG_NS;
		way_ns += (cached ? 1 : 2) * net_octets_ns(w, p->data, p->len);
		s->sent_ns = w->now_ns;
		flow_send(w, f, FLOW_OUT, p, from_ns, way_ns, cached ? EV_AT_CACHE : EV_AT_BACKEND);
		return;
	}
	if (!node_has_cache(n)) {
		send_datagram(w, n, s, p);
		return;
	}
	uint64_t left_ns = leaves_ns(w, n, s, p);
	if (left_ns == T_NEVER)
		net_drop(w, p, CAUSE_BACKLOG);
	else
		net_travel(w, p, left_ns, leg_draw(way, &n->rng) + net_idle(w, n, WAY_CACHE) + opening(s) + net_octets_ns(w, p->data, p->len),
			   EV_AT_CACHE, NULL);
}

/* When it is up; where processors are shared, it is work, as opening() is, and half of what a connection takes is for its end. */
static uint64_t connecting(const struct node *n, struct slot *s, uint64_t setup_ns, uint64_t rtt_ns)
{
	if (!n->processors)
		return setup_ns + rtt_ns;
	s->closes_ns = setup_ns / 2;
	s->opens_ns += setup_ns - s->closes_ns + rtt_ns;
	s->accepts_ns = node_has_cache(n) ? net_tcp_ns(n->w, 0, TCP_BEGINNING) : 0;
	n->w->r->cache_cpu_ns += s->accepts_ns;
	return 0;
}

static bool connect_cache(struct world *w, struct node *n, struct slot *s, uint64_t setup_ns)
{
	const struct sim_costs *k = w->c->costs;
	uint64_t rtt_ns = leg_draw(&k->pod_cache, &n->rng) + leg_draw(&k->cache_pod, &n->rng) + net_idle(w, n, WAY_CACHE);

	w->r->notrack_in += 2;
	w->r->notrack_out++;
	s->flow = flow_open(w, n->index, BACKEND_WORLD, w->now_ns + connecting(n, s, setup_ns, rtt_ns), rtt_ns);
	return s->flow != FLOW_NONE;
}

static void failed(struct world *w, struct lookup_run *l, enum sim_cause why)
{
	w->r->dropped[why]++;
	l->cause = (uint8_t)why;
}

bool net_pod_connect(struct world *w, struct lookup_run *l, unsigned slot)
{
	struct node *n = &w->node[l->what.node];
	struct slot *s = &l->slot[slot];
	const struct sim_costs *k = w->c->costs;
	uint64_t setup_ns = leg_draw(&k->tcp_setup, &n->rng);

	if (node_has_cache(n))
		return connect_cache(w, n, s, setup_ns);
	setup_ns += leg_draw(&k->tcp_backend, &n->rng);
	struct ct_tuple orig = pod_tuple(w, l->what.pod, s->port, true);
	if (net_no_endpoint(w)) {
		failed(w, l, CAUSE_NO_ENDPOINT);
		return false;
	}
	enum ct_verdict v = net_to_service(w, n, &orig, CT_SYN, &s->backend);
	count_flow(w, v);
	if (ct_verdict_dropped(v)) {
		failed(w, l, net_cause(v));
		return false;
	}
	if (net_lost(w, n)) {
		failed(w, l, CAUSE_LINK);
		return false;
	}
	if (!w->replica[s->backend].serves) {
		failed(w, l, CAUSE_DEAD);
		return false;
	}
	net_from_backend(w, n, &orig, s->backend, CT_SYN | CT_ACK);
	if (net_lost(w, n)) {
		failed(w, l, CAUSE_LINK);
		return false;
	}
	uint16_t ignored;
	net_to_service(w, n, &orig, CT_ACK, &ignored);
	uint64_t rtt_ns = leg_draw(&k->pod_backend, &n->rng) + leg_draw(&k->backend_pod, &n->rng) + net_idle(w, n, WAY_BACKEND);
	s->flow = flow_open(w, n->index, s->backend, w->now_ns + connecting(n, s, setup_ns, k->new_flow_ns + rtt_ns),
			    rtt_ns);
	return s->flow != FLOW_NONE;
}

void net_pod_close(struct world *w, struct lookup_run *l, unsigned slot)
{
	struct node *n = &w->node[l->what.node];
	struct slot *s = &l->slot[slot];

	if (!s->up)
		return;
	flow_close(w, s->flow);
	if (node_has_cache(n)) {
		w->r->notrack_in += 2;
		w->r->notrack_out++;
		return;
	}
	struct ct_tuple orig = pod_tuple(w, l->what.pod, s->port, true);
	net_close_flow(w, n, &orig, s->backend);
}

bool net_pod_reply(struct world *w, struct pkt *p)
{
	struct node *n = &w->node[p->node];
	struct ct_tuple orig = pod_tuple(w, p->pod, p->port, p->tcp);
	enum ct_verdict v = net_from_backend(w, n, &orig, p->backend, CT_ACK);

	return v == CT_REPLY || (p->tcp && v == CT_INVALID);
}

void net_cache_reply(struct world *w, struct node *n, const struct core_client *cl,
		     const uint8_t *bytes, size_t len, bool at_once)
{
	uint32_t run = (uint32_t)(cl->cookie >> 32), gen = (uint32_t)(cl->cookie >> 8) & 0xffffff;
	struct pkt *p = pkt_refill(w, NULL, bytes, len);

	if (!p)
		return;
	p->lookup = run;
	p->gen = gen;
	p->slot = (uint8_t)cl->cookie;
	p->at_once = at_once;
	p->pod = (uint16_t)w->run[run]->what.pod;
	p->node = n->index;
	p->port = cl->port;
	p->tcp = cl->proto == CORE_TCP;
	uint64_t way_ns = leg_draw(&w->c->costs->cache_pod, &n->rng) +
			  leg_draw(&w->c->costs->client, &n->rng) + net_octets_ns(w, bytes, len);
	struct lookup_run *l = w->run[run];
	w->r->notrack_out++;
	if (p->tcp && l->active && l->gen == gen && l->slot[p->slot].up) {
		p->conn = l->slot[p->slot].flow;
		p->conn_gen = w->flow[p->conn]->gen;
		flow_send(w, w->flow[p->conn], FLOW_BACK, p, n->out_ns, way_ns, EV_AT_POD);
		return;
	}
	net_travel(w, p, n->out_ns, way_ns, EV_AT_POD, NULL);
}
