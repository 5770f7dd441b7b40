/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers: one answer routine for all (lib/world/zone), a delay, and a queue that may
 * be busy (replica.c). The resolver outside the cluster is one of them.
 */
#include "sim/world/answers.h"
#include "sim/world/flow.h"
#include "sim/world/net.h"
#include "sim/world/replica.h"

static void send_back(struct world *w, struct pkt *p, uint64_t leaves_ns)
{
	struct node *n = &w->node[p->node];
	uint64_t way_ns = p->from_node ? net_way_back(w, n, p->backend)
				       : leg_draw(&w->c->costs->backend_pod, &n->rng) +
						 leg_draw(&w->c->costs->client, &n->rng) + net_octets_ns(w, p->data, p->len);
	enum sim_event event = p->from_node ? EV_AT_NODE : EV_AT_POD;

	if (p->tcp) {
		struct flow *f = flow_of(w, p->conn, p->conn_gen);
		if (f)
			flow_send(w, f, FLOW_BACK, p, leaves_ns, way_ns, event);
		else
			pkt_free(w, p); /* closed meanwhile: nobody waits there */
		return;
	}
	if (p->backend != BACKEND_WORLD && net_lost(w, n)) {
		net_drop(w, p, CAUSE_LINK);
		return;
	}
	net_travel(w, p, leaves_ns, way_ns, event, NULL);
}

/* When the answer is ready; 0: there will be none. */
static uint64_t at_replica(struct world *w, struct pkt *p)
{
	struct replica *r = &w->replica[p->backend];

	if (!r->serves) {
		net_drop(w, p, CAUSE_DEAD);
		return 0;
	}
	w->r->upstream_total++;
	w->r->upstream_backend[p->backend]++;
	uint64_t done_ns = replica_serve(w, r, !p->tcp);
	if (!done_ns)
		net_drop(w, p, CAUSE_REPLICA_QUEUE);
	return done_ns;
}

void backend_receive(struct world *w, struct pkt *p)
{
	const char *id = "external";
	uint64_t done_ns = w->now_ns;

	if (p->tcp && !flow_of(w, p->conn, p->conn_gen)) {
		pkt_free(w, p); /* its connection was closed on the way */
		return;
	}
	if (p->backend == BACKEND_WORLD) {
		w->r->upstream_total++;
		w->r->upstream_world++;
	} else {
		id = w->replica[p->backend].id;
		done_ns = at_replica(w, p);
		if (!done_ns)
			return;
	}
	size_t len = answers_reply(w->answers, p->spot, w->c->zone, id, p->data, p->len, p->tcp, p->from_node, w->scratch,
				   sizeof(w->scratch));
	if (!len) {
		pkt_free(w, p);
		return;
	}
	p = pkt_refill(w, p, w->scratch, len);
	if (p)
		send_back(w, p, done_ns + leg_draw(&w->backend_delay, &w->node[p->node].rng));
}
