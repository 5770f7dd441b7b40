/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a pod and whoever answers it: the cache on its node, untracked, or a
 * backend, through the rules and the table.
 */
#include "sim/net.h"

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
	return w->c->costs.race_share > 0 && s->new_ns == w->now_ns &&
	       rng_unit(&n->rng) < w->c->costs.race_share;
}

static enum ct_verdict race(struct world *w, struct node *n, const struct ct_tuple *orig,
			    struct pkt *p)
{
	uint16_t backend = (uint16_t)rng_below(&n->rng, w->s->n_backends);
	struct ct_tuple want = net_reply_tuple(orig, backend);
	struct ct_packet loser = {.tuple = *orig, .reply = &want};

	p->backend = backend;
	return ctable_race(n->ct, w->now_ns, &loser);
}

static void send_datagram(struct world *w, struct node *n, struct slot *s, struct pkt *p)
{
	struct ct_tuple orig = pod_tuple(w, p->pod, p->port, false);
	enum ct_verdict v =
		races(w, n, s) ? race(w, n, &orig, p) : net_to_service(w, n, &orig, 0, &p->backend);
	uint64_t way_ns = delay_draw(&w->c->costs.pod_backend, &n->rng);

	count_flow(w, v);
	if (ct_verdict_dropped(v) || net_lost(w, &n->rng)) {
		pkt_free(w, p);
		return;
	}
	if (v == CT_NEW) {
		s->new_ns = w->now_ns;
		way_ns += w->c->costs.new_flow_ns;
	}
	evq_push(&w->q, w->now_ns + way_ns, EV_AT_BACKEND, 0, p);
}

static void send_segment(struct world *w, struct node *n, struct slot *s, struct pkt *p)
{
	struct ct_tuple orig = pod_tuple(w, p->pod, p->port, true);
	uint64_t from_ns = s->ready_ns > w->now_ns ? s->ready_ns : w->now_ns;

	net_to_service(w, n, &orig, CT_ACK, &p->backend);
	p->backend = s->backend;
	uint64_t t_ns =
		from_ns + delay_draw(&w->c->costs.pod_backend, &n->rng) + net_tcp_delay(w, &n->rng);
	evq_push(&w->q, net_in_order(&s->out_ns, t_ns), EV_AT_BACKEND, 0, p);
}

void net_pod_send(struct world *w, struct lookup_run *l, struct pkt *p)
{
	struct node *n = &w->node[p->node];
	struct slot *s = &l->slot[p->slot];

	if (!n->core) {
		if (p->tcp)
			send_segment(w, n, s, p);
		else
			send_datagram(w, n, s, p);
		return;
	}
	uint64_t t_ns = p->tcp && s->ready_ns > w->now_ns ? s->ready_ns : w->now_ns;
	t_ns += delay_draw(&w->c->costs.pod_cache, &n->rng);
	w->r->notrack_in++;
	evq_push(&w->q, p->tcp ? net_in_order(&s->out_ns, t_ns) : t_ns, EV_AT_CACHE, 0, p);
}

bool net_pod_connect(struct world *w, struct lookup_run *l, unsigned slot)
{
	struct node *n = &w->node[l->what.node];
	struct slot *s = &l->slot[slot];
	const struct sim_costs *k = &w->c->costs;
	uint64_t setup_ns = delay_draw(&k->tcp_setup, &n->rng);

	if (n->core) {
		w->r->notrack_in += 2;
		w->r->notrack_out++;
		s->ready_ns = w->now_ns + setup_ns + delay_draw(&k->pod_cache, &n->rng) +
			      delay_draw(&k->cache_pod, &n->rng);
		return true;
	}
	struct ct_tuple orig = pod_tuple(w, l->what.pod, s->port, true);
	enum ct_verdict v = net_to_service(w, n, &orig, CT_SYN, &s->backend);
	count_flow(w, v);
	if (ct_verdict_dropped(v) || net_lost(w, &n->rng))
		return false;
	net_from_backend(w, n, &orig, s->backend, CT_SYN | CT_ACK);
	if (net_lost(w, &n->rng))
		return false;
	uint16_t ignored;
	net_to_service(w, n, &orig, CT_ACK, &ignored);
	s->ready_ns = w->now_ns + setup_ns + k->new_flow_ns + delay_draw(&k->pod_backend, &n->rng) +
		      delay_draw(&k->backend_pod, &n->rng);
	return true;
}

void net_pod_close(struct world *w, struct lookup_run *l, unsigned slot)
{
	struct node *n = &w->node[l->what.node];
	struct slot *s = &l->slot[slot];

	if (!s->up)
		return;
	if (n->core) {
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
		     const uint8_t *bytes, size_t len)
{
	uint32_t run = (uint32_t)(cl->cookie >> 32), gen = (uint32_t)(cl->cookie >> 8) & 0xffffff;
	struct pkt *p = pkt_refill(w, NULL, bytes, len);

	if (!p)
		return;
	p->lookup = run;
	p->gen = gen;
	p->slot = (uint8_t)cl->cookie;
	p->node = n->index;
	p->tcp = cl->proto == CORE_TCP;
	uint64_t t_ns = n->out_ns + delay_draw(&w->c->costs.cache_pod, &n->rng);
	t_ns += delay_draw(&w->c->costs.client, &n->rng);
	struct lookup_run *l = w->run[run];
	if (p->tcp && l->active && l->gen == gen)
		t_ns = net_in_order(&l->slot[p->slot].in_ns, t_ns);
	w->r->notrack_out++;
	evq_push(&w->q, t_ns, EV_AT_POD, 0, p);
}
