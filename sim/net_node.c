/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache's questions: one connection to each upstream, kept while it is
 * used, or a datagram from a fresh port; to the upstream Service through
 * kube-proxy's rules, to anybody else directly.
 */
#include <string.h>

#include "sim/net.h"

#define NODE_IP 0xac120002u /* 172.18.0.2 */
#define SYN_TRIES 6

static struct ct_tuple node_tuple(const struct core_upstream *up, uint16_t port, bool tcp)
{
	return net_tuple(net_v4(NODE_IP), port, up->addr, tcp);
}

/* To the Service kube-dns-upstream by kube-proxy, to anybody else directly. */
static enum ct_verdict leave_node(struct world *w, struct node *n, const struct core_upstream *up,
				  uint16_t port, uint8_t flags, bool tcp, uint16_t *ret_backend)
{
	struct ct_tuple orig = node_tuple(up, port, tcp);
	struct in6_addr service = addr_of(w->s->upstream_dns);

	if (memcmp(&service, &up->addr, sizeof(service)) == 0)
		return net_to_service(w, n, &orig, flags, ret_backend);
	struct ct_packet p = {.tuple = orig, .tcp_flags = flags};
	*ret_backend = BACKEND_WORLD;
	return ctable_packet(n->ct, w->now_ns, &p, NULL);
}

static void enter_node(struct world *w, struct node *n, const struct core_upstream *up,
		       uint16_t port, uint16_t backend, uint8_t flags, bool tcp)
{
	struct ct_tuple orig = node_tuple(up, port, tcp);
	struct ct_packet p = {.tcp_flags = flags};

	if (backend != BACKEND_WORLD) {
		net_from_backend(w, n, &orig, backend, flags);
		return;
	}
	ct_tuple_invert(&p.tuple, &orig);
	ctable_packet(n->ct, w->now_ns, &p, NULL);
}

uint64_t net_way_out(struct world *w, struct node *n, uint16_t backend)
{
	const struct sim_costs *k = &w->c->costs;

	return delay_draw(backend == BACKEND_WORLD ? &k->node_world : &k->node_backend, &n->rng);
}

uint64_t net_way_back(struct world *w, struct node *n, uint16_t backend)
{
	const struct sim_costs *k = &w->c->costs;

	return delay_draw(backend == BACKEND_WORLD ? &k->world_node : &k->backend_node, &n->rng);
}

static void conn_close(struct world *w, struct node *n, struct up_conn *c,
		       const struct core_upstream *up)
{
	uint16_t ignored;

	leave_node(w, n, up, c->port, CT_FIN | CT_ACK, true, &ignored);
	enter_node(w, n, up, c->port, c->backend, CT_FIN | CT_ACK, true);
	leave_node(w, n, up, c->port, CT_ACK, true, &ignored);
	c->open = false;
}

static bool conn_open(struct world *w, struct node *n, struct up_conn *c,
		      const struct core_upstream *up)
{
	uint16_t ignored;
	uint64_t wait_ns = 0;

	*c = (struct up_conn){.number = c->number + 1,
			      .port = port_draw(&n->rng),
			      .opened_ns = w->now_ns,
			      .used_ns = w->now_ns};
	if (ct_verdict_dropped(leave_node(w, n, up, c->port, CT_SYN, true, &c->backend)))
		return false;
	for (unsigned k = 0; c->backend != BACKEND_WORLD && k < SYN_TRIES; k++) {
		if (!net_lost(w, &n->rng) && !net_lost(w, &n->rng))
			break;
		wait_ns += w->c->costs.syn_rto_ns << k;
	}
	enter_node(w, n, up, c->port, c->backend, CT_SYN | CT_ACK, true);
	leave_node(w, n, up, c->port, CT_ACK, true, &ignored);
	/* ages are spread, so that connections do not all end at once */
	c->max_age_ns =
		(uint64_t)((double)w->c->costs.conn_age_ns * (0.75 + 0.5 * rng_unit(&n->rng)));
	c->ready_ns = n->out_ns + wait_ns + w->c->costs.new_flow_ns +
		      net_way_out(w, n, c->backend) + net_way_back(w, n, c->backend);
	c->open = true;
	return true;
}

static bool conn_for(struct world *w, struct node *n, unsigned upstream)
{
	struct up_conn *c = &n->up[upstream];
	const struct core_upstream *up = &w->core_conf->upstream[upstream];

	if (c->open && (w->now_ns - c->used_ns > w->c->costs.conn_idle_ns ||
			w->now_ns - c->opened_ns > c->max_age_ns))
		conn_close(w, n, c, up);
	if (!c->open && !conn_open(w, n, c, up))
		return false;
	c->used_ns = w->now_ns;
	return true;
}

static void ask_tcp(struct world *w, struct node *n, unsigned upstream, struct pkt *p)
{
	struct up_conn *c = &n->up[upstream];

	if (!conn_for(w, n, upstream)) {
		pkt_free(w, p); /* the core gives up waiting by itself */
		return;
	}
	leave_node(w, n, &w->core_conf->upstream[upstream], c->port, CT_ACK, true, &p->backend);
	p->backend = c->backend;
	p->port = c->port;
	p->conn = c->number;
	uint64_t t_ns = c->ready_ns > n->out_ns ? c->ready_ns : n->out_ns;
	t_ns += net_way_out(w, n, c->backend);
	if (c->backend != BACKEND_WORLD)
		t_ns += net_tcp_delay(w, &n->rng);
	evq_push(&w->q, net_in_order(&c->out_ns, t_ns), EV_AT_BACKEND, 0, p);
}

static void ask_udp(struct world *w, struct node *n, unsigned upstream, struct pkt *p)
{
	p->port = port_draw(&n->rng);
	enum ct_verdict v =
		leave_node(w, n, &w->core_conf->upstream[upstream], p->port, 0, false, &p->backend);
	if (ct_verdict_dropped(v) || (p->backend != BACKEND_WORLD && net_lost(w, &n->rng))) {
		pkt_free(w, p);
		return;
	}
	uint64_t t_ns = n->out_ns + net_way_out(w, n, p->backend) +
			(v == CT_NEW ? w->c->costs.new_flow_ns : 0);
	evq_push(&w->q, t_ns, EV_AT_BACKEND, 0, p);
}

void net_ask(struct world *w, struct node *n, const struct core_ask *a)
{
	struct pkt *p = pkt_refill(w, NULL, a->query, a->len);

	if (!p)
		return;
	p->from_node = true;
	p->node = n->index;
	p->ask_id = a->id;
	p->id = (uint16_t)rng_u64(&n->rng);
	p->pod = a->upstream;
	p->tcp = a->proto != CORE_UDP;
	set_be16(p->data, p->id);
	if (p->tcp)
		ask_tcp(w, n, a->upstream, p);
	else
		ask_udp(w, n, a->upstream, p);
}

bool net_node_reply(struct world *w, struct pkt *p)
{
	struct node *n = &w->node[p->node];

	enter_node(w, n, &w->core_conf->upstream[p->pod], p->port, p->backend, CT_ACK, p->tcp);
	return get_be16(p->data) == p->id;
}
