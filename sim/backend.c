/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers: one answer routine for all (lib/world/zone), a delay, and a processor
 * that may be busy. The resolver outside the cluster is one of them.
 */
#include <stdio.h>

#include "sim/net.h"

/* When the processor is through with a query that came at `t_ns`; 0: the
 * socket's buffer was full. */
static uint64_t take(struct world *w, struct station *st, uint64_t t_ns)
{
	const struct sim_costs *c = &w->c->costs;
	uint64_t from_ns = st->busy_until_ns > t_ns ? st->busy_until_ns : t_ns;

	if ((from_ns - t_ns) / c->backend_cpu_ns > c->backend_queue)
		return 0;
	st->busy_until_ns = from_ns + c->backend_cpu_ns;
	return st->busy_until_ns;
}

/* Nodes that are not simulated ask as often as those that are: Poisson
 * arrivals at their multiple of the rate seen here so far. */
static void others_arrive(struct world *w, struct station *st)
{
	double others = (double)w->s->n_nodes / w->n_nodes - 1;
	double mean_gap_ns = (double)w->now_ns / (double)++st->n;

	for (double t = (double)st->last_ns; others > 0;) {
		t += rng_exp(&st->rng, mean_gap_ns / others);
		if (t >= (double)w->now_ns)
			break;
		take(w, st, (uint64_t)t);
	}
	st->last_ns = w->now_ns;
}

static uint64_t service(struct world *w, struct station *st)
{
	if (!w->c->costs.backend_cpu_ns)
		return w->now_ns;
	others_arrive(w, st);
	return take(w, st, w->now_ns);
}

static void send_back(struct world *w, struct pkt *p, uint64_t leaves_ns)
{
	struct node *n = &w->node[p->node];
	uint64_t wait_ns = 0;

	if (p->backend != BACKEND_WORLD && !p->tcp && net_lost(w, &n->rng)) {
		pkt_free(w, p);
		return;
	}
	if (p->backend != BACKEND_WORLD && p->tcp)
		wait_ns = net_tcp_delay(w, &n->rng);
	if (p->from_node) {
		uint64_t t_ns = leaves_ns + wait_ns + net_way_back(w, n, p->backend);
		struct up_conn *c = &n->up[p->pod];
		if (p->tcp && c->number == p->conn)
			t_ns = net_in_order(&c->in_ns, t_ns);
		evq_push(&w->q, t_ns, EV_AT_NODE, 0, p);
		return;
	}
	struct lookup_run *l = w->run[p->lookup];
	uint64_t t_ns = leaves_ns + wait_ns + delay_draw(&w->c->costs.backend_pod, &n->rng) +
			delay_draw(&w->c->costs.client, &n->rng);
	if (p->tcp && l->active && l->gen == p->gen)
		t_ns = net_in_order(&l->slot[p->slot].in_ns, t_ns);
	evq_push(&w->q, t_ns, EV_AT_POD, 0, p);
}

void backend_receive(struct world *w, struct pkt *p)
{
	char id[24] = "external";
	uint64_t done_ns = w->now_ns;

	w->r->upstream_total++;
	if (p->backend == BACKEND_WORLD) {
		w->r->upstream_world++;
	} else {
		snprintf(id, sizeof(id), "backend-%u", p->backend + 1u);
		w->r->upstream_backend[p->backend]++;
		done_ns = service(w, &w->backend[p->backend]);
	}
	size_t len = done_ns ? zone_reply(w->c->zone, id, p->data, p->len, p->tcp, w->scratch,
					  sizeof(w->scratch))
			     : 0;
	if (!len) {
		pkt_free(w, p);
		return;
	}
	p = pkt_refill(w, p, w->scratch, len);
	if (p)
		send_back(w, p, done_ns + delay_draw(&w->s->backend_delay, &w->node[p->node].rng));
}
