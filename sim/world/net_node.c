/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache's questions: few connections to each upstream, kept while they are used, or a
 * datagram from a fresh port; to the upstream Service through kube-proxy's rules,
 * to anybody else directly. Which connection takes a question is as in the daemon
 * (resolver/net/upool_tcp.c): one that is suspected, because a question was given up on it
 * in silence, gets no more while another can be had.
 */
#include <string.h>

#include "sim/world/answers.h"
#include "sim/world/flow.h"
#include "sim/world/net.h"

#define NODE_IP 0xac120002u /* 172.18.0.2 */
#define SYN_TRIES 6
#define SUSPECT_NS (300 * NS_PER_MS) /* as the daemon has it */

/* --- the node's own packets --- */

static bool is_service(const struct world *w, const struct in6_addr *to)
{
	struct in6_addr service = addr_of(w->s->upstream_dns);

	return memcmp(&service, to, sizeof(service)) == 0;
}

/* To the Service kube-dns-upstream by kube-proxy, to anybody else directly. */
enum ct_verdict net_leave_node(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
			       uint8_t flags, bool tcp, uint16_t *ret_backend)
{
	struct ct_tuple orig = net_tuple(net_v4(NODE_IP), port, *to, tcp);

	if (is_service(w, to))
		return net_to_service(w, n, &orig, flags, ret_backend);
	struct ct_packet p = {.tuple = orig, .tcp_flags = flags, .mark = net_mark(&orig)};
	*ret_backend = BACKEND_WORLD;
	return ctable_packet(n->ct, w->now_ns, &p, NULL);
}

void net_enter_node(struct world *w, struct node *n, const struct in6_addr *from, uint16_t port,
		    uint16_t backend, uint8_t flags, bool tcp)
{
	struct ct_tuple orig = net_tuple(net_v4(NODE_IP), port, *from, tcp);
	struct ct_packet p = {.tcp_flags = flags};

	if (backend != BACKEND_WORLD) {
		net_from_backend(w, n, &orig, backend, flags);
		return;
	}
	ct_tuple_invert(&p.tuple, &orig);
	p.mark = net_mark(&p.tuple);
	ctable_packet(n->ct, w->now_ns, &p, NULL);
}

uint64_t net_idle(struct world *w, struct node *n, enum sim_way way)
{
	const struct sim_costs *k = w->c->costs;
	uint64_t paused_ns = w->now_ns - n->used_ns[way];

	n->used_ns[way] = w->now_ns;
	return idle_ns(way == WAY_CACHE ? &k->idle_cache : &k->idle_backend, paused_ns);
}

uint64_t net_way_out(struct world *w, struct node *n, uint16_t backend)
{
	const struct sim_costs *k = w->c->costs;

	return leg_draw(backend == BACKEND_WORLD ? &k->node_world : &k->node_backend, &n->rng) + net_idle(w, n, WAY_BACKEND);
}

uint64_t net_way_back(struct world *w, struct node *n, uint16_t backend)
{
	const struct sim_costs *k = w->c->costs;

	return leg_draw(backend == BACKEND_WORLD ? &k->world_node : &k->backend_node, &n->rng);
}

/* --- connections --- */

uint32_t net_node_connect(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
			  uint16_t *ret_backend)
{
	uint64_t wait_ns = 0, rtt_ns;
	uint16_t ignored;

	if (is_service(w, to) && net_no_endpoint(w)) {
		n->cause = CAUSE_NO_ENDPOINT;
		return FLOW_NONE;
	}
	enum ct_verdict v = net_leave_node(w, n, to, port, CT_SYN, true, ret_backend);
	if (ct_verdict_dropped(v)) {
		n->cause = (uint8_t)net_cause(v);
		return FLOW_NONE;
	}
	bool inside = *ret_backend != BACKEND_WORLD;
	for (unsigned k = 0; inside && k < SYN_TRIES; k++) {
		if (w->replica[*ret_backend].serves && !net_lost(w, n) && !net_lost(w, n))
			break;
		wait_ns += w->c->costs->syn_rto_ns << k;
	}
	net_enter_node(w, n, to, port, *ret_backend, CT_SYN | CT_ACK, true);
	net_leave_node(w, n, to, port, CT_ACK, true, &ignored);
	rtt_ns = net_way_out(w, n, *ret_backend) + net_way_back(w, n, *ret_backend);
	w->r->upstream_conns++;
	return flow_open(w, n->index, *ret_backend, n->out_ns + wait_ns + w->c->costs->new_flow_ns + rtt_ns,
			 rtt_ns);
}

void net_node_close(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
		    uint16_t backend, uint32_t flow)
{
	uint16_t ignored;

	net_leave_node(w, n, to, port, CT_FIN | CT_ACK, true, &ignored);
	net_enter_node(w, n, to, port, backend, CT_FIN | CT_ACK, true);
	net_leave_node(w, n, to, port, CT_ACK, true, &ignored);
	flow_close(w, flow);
}

static void conn_close(struct world *w, struct node *n, struct up_conn *c, unsigned upstream)
{
	net_node_close(w, n, &w->core_conf->upstream[upstream].addr, c->port, c->backend, c->flow);
	c->open = false;
}

static bool conn_open(struct world *w, struct node *n, struct up_conn *c, unsigned upstream)
{
	*c = (struct up_conn){
		.port = port_draw(&n->rng), .opened_ns = w->now_ns, .used_ns = w->now_ns, .heard_ns = w->now_ns};
	c->flow = net_node_connect(w, n, &w->core_conf->upstream[upstream].addr, c->port, &c->backend);
	c->open = c->flow != FLOW_NONE;
	/* ages are spread, so that connections do not all end at once */
	c->max_age_ns = (uint64_t)((double)w->c->costs->conn_age_ns * (0.75 + 0.5 * rng_unit(&n->rng)));
	return c->open;
}

/* The best that is open; another when that one is suspected and there is room. */
static struct up_conn *conn_for(struct world *w, struct node *n, unsigned upstream)
{
	struct up_conn *best = NULL, *room = NULL;

	for (unsigned i = 0; i < UP_CONNS; i++) {
		struct up_conn *c = &n->up[upstream][i];
		if (c->open && (w->now_ns - c->used_ns > w->c->costs->conn_idle_ns ||
				w->now_ns - c->opened_ns > c->max_age_ns))
			conn_close(w, n, c, upstream);
		if (!c->open)
			room = room ? room : c;
		else if (!best || (best->suspect && !c->suspect))
			best = c;
	}
	if ((!best || best->suspect) && room && conn_open(w, n, room, upstream))
		best = room;
	if (best)
		best->used_ns = w->now_ns;
	return best;
}

/* --- questions --- */

static void ask_tcp(struct world *w, struct node *n, unsigned upstream, struct pkt *p)
{
	struct up_conn *c = conn_for(w, n, upstream);

	if (!c) {
		net_drop(w, p, n->cause); /* the core gives up waiting by itself */
		return;
	}
	net_leave_node(w, n, &w->core_conf->upstream[upstream].addr, c->port, CT_ACK, true, &p->backend);
	struct flow *f = w->flow[c->flow];
	p->backend = c->backend;
	p->port = c->port;
	p->slot = (uint8_t)(c - n->up[upstream]);
	p->conn = c->flow;
	p->conn_gen = f->gen;
	n->asked[p->ask_id % ASKED_N] = (struct asked){
		.id = p->ask_id, .upstream = (uint8_t)upstream, .conn = p->slot, .sent_ns = w->now_ns};
	flow_send(w, f, FLOW_OUT, p, f->ready_ns > n->out_ns ? f->ready_ns : n->out_ns,
		  net_way_out(w, n, c->backend) + net_octets_ns(w, p->data, p->len), EV_AT_BACKEND);
}

static void ask_udp(struct world *w, struct node *n, unsigned upstream, struct pkt *p)
{
	const struct in6_addr *to = &w->core_conf->upstream[upstream].addr;

	if (is_service(w, to) ? net_no_endpoint(w) : net_outside_full(w, n)) {
		net_drop(w, p, is_service(w, to) ? CAUSE_NO_ENDPOINT : CAUSE_OUTSIDE);
		return;
	}
	p->port = port_draw(&n->rng);
	enum ct_verdict v = net_leave_node(w, n, to, p->port, 0, false, &p->backend);
	if (ct_verdict_dropped(v)) {
		net_drop(w, p, net_cause(v));
		return;
	}
	if (p->backend != BACKEND_WORLD && net_lost(w, n)) {
		net_drop(w, p, CAUSE_LINK);
		return;
	}
	uint64_t way_ns = net_way_out(w, n, p->backend) + (v == CT_NEW ? w->c->costs->new_flow_ns : 0) + net_octets_ns(w, p->data, p->len);
	net_travel(w, p, n->out_ns, way_ns, EV_AT_BACKEND, NULL);
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
	p->spot = answers_ahead(w->answers, p->data, p->len, p->tcp, true);
	if (p->tcp)
		ask_tcp(w, n, a->upstream, p);
	else
		ask_udp(w, n, a->upstream, p);
}

/* Given up in silence: the connection is suspected until something is heard on it. */
void net_cancel(struct world *w, struct node *n, uint32_t ask_id)
{
	struct asked *a = &n->asked[ask_id % ASKED_N];

	if (a->id != ask_id)
		return;
	struct up_conn *c = &n->up[a->upstream][a->conn];
	if (c->open && c->heard_ns <= a->sent_ns && w->now_ns - a->sent_ns >= SUSPECT_NS)
		c->suspect = true;
	a->id = 0;
}

bool net_node_reply(struct world *w, struct pkt *p)
{
	struct node *n = &w->node[p->node];

	net_enter_node(w, n, &w->core_conf->upstream[p->pod].addr, p->port, p->backend, CT_ACK, p->tcp);
	if (p->tcp) {
		struct up_conn *c = &n->up[p->pod][p->slot];
		if (!flow_of(w, p->conn, p->conn_gen))
			return false;
		c->heard_ns = w->now_ns;
		c->suspect = false;
	}
	return get_be16(p->data) == p->id;
}

void net_node_reset(struct world *w, struct node *n, unsigned backend)
{
	for (unsigned u = 0; n->core && u < w->core_conf->n_upstreams; u++)
		for (unsigned k = 0; k < UP_CONNS; k++) {
			struct up_conn *c = &n->up[u][k];
			if (!c->open || c->backend != backend)
				continue;
			conn_close(w, n, c, u);
			for (unsigned i = 0; i < ASKED_N; i++) {
				struct asked *a = &n->asked[i];
				if (!a->id || a->upstream != u || a->conn != k)
					continue;
				core_fail(n->core, w->now_ns, a->id, CORE_FAIL_CLOSED);
				a->id = 0;
			}
		}
}
