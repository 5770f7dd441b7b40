/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between pod, cache and backend: kube-proxy's choice of a backend
 * and the node's connection table. What is lost there: link.c; what TCP makes of
 * it: flow.c.
 */
#include <arpa/inet.h>
#include <string.h>

#include "sim/world/net.h"

#define BACKEND_IP 0x0af50001u /* 10.245.0.1 and up */

struct in6_addr net_v4(uint32_t ip)
{
	struct in_addr a = {.s_addr = htonl(ip)};

	return addr_of(a);
}

struct in6_addr net_backend_addr(unsigned backend)
{
	return net_v4(BACKEND_IP + backend);
}

struct ct_tuple net_tuple(struct in6_addr src, uint16_t port, struct in6_addr dst, bool tcp)
{
	return (struct ct_tuple){.src = src,
				 .dst = dst,
				 .sport = port,
				 .dport = DNS_PORT,
				 .proto = tcp ? CT_TCP : CT_UDP};
}

struct ct_tuple net_reply_tuple(const struct ct_tuple *orig, unsigned backend)
{
	struct ct_tuple r;

	ct_tuple_invert(&r, orig);
	r.src = net_backend_addr(backend);
	return r;
}

static uint16_t backend_of(const struct ct_tuple *reply)
{
	uint32_t be;

	memcpy(&be, &reply->src.s6_addr[12], 4);
	return (uint16_t)(ntohl(be) - BACKEND_IP);
}

enum ct_verdict net_to_service(struct world *w, struct node *n, const struct ct_tuple *orig,
			       uint8_t flags, uint16_t *ret_backend)
{
	struct ct_tuple want = net_reply_tuple(orig, net_endpoint_draw(w, n)), got;
	struct ct_packet p = {.tuple = *orig, .tcp_flags = flags, .mark = net_mark(orig), .reply = &want};
	enum ct_verdict v = ctable_packet(n->ct, w->now_ns, &p, &got);

	if (!ct_verdict_dropped(v))
		*ret_backend = v == CT_INVALID ? backend_of(&want) : backend_of(&got);
	return v;
}

enum ct_verdict net_from_backend(struct world *w, struct node *n, const struct ct_tuple *orig,
				 unsigned backend, uint8_t flags)
{
	struct ct_packet p = {.tuple = net_reply_tuple(orig, backend), .tcp_flags = flags};

	p.mark = net_mark(&p.tuple);
	return ctable_packet(n->ct, w->now_ns, &p, NULL);
}

void net_close_flow(struct world *w, struct node *n, const struct ct_tuple *orig, unsigned backend)
{
	uint16_t ignored;

	net_to_service(w, n, orig, CT_FIN | CT_ACK, &ignored);
	net_from_backend(w, n, orig, backend, CT_FIN | CT_ACK);
	net_to_service(w, n, orig, CT_ACK, &ignored);
}

uint64_t net_octets_ns(const struct world *w, const uint8_t *msg, size_t len)
{
	uint64_t octet_ns = w->c->costs->octet_ns;

	if (!octet_ns || len <= DNS_HEADER_LEN)
		return 0;
	return octet_ns * name_check(msg + DNS_HEADER_LEN, len - DNS_HEADER_LEN); /* the question's, as it was asked */
}

#define ACCEPT_SHARE 0.5 /* of what one message costs more; a pair's connection: a quarter, a fifth, and the rest at its end */
#define READ_SHARE 0.2

uint64_t net_tcp_ns(const struct world *w, unsigned n, enum net_tcp part)
{
	double ns = (double)w->c->costs->tcp_cpu_ns, shares = n * (1 - READ_SHARE) - ACCEPT_SHARE;

	if (part == TCP_END)
		return (uint64_t)(shares > 0 ? ns * shares : 0);
	return (uint64_t)(part == TCP_BEGINNING ? ns * ACCEPT_SHARE : ns * n * READ_SHARE);
}

uint64_t net_in_order(uint64_t *last_ns, uint64_t t_ns)
{
	if (t_ns < *last_ns)
		t_ns = *last_ns;
	*last_ns = t_ns;
	return t_ns;
}

void net_travel(struct world *w, struct pkt *p, uint64_t leaves_ns, uint64_t way_ns, enum sim_event event, uint64_t *last_ns)
{
	uint64_t t_ns = leaves_ns + way_ns;

	if (!w->node[p->node].processors) {
		evq_push(&w->q, last_ns ? net_in_order(last_ns, t_ns) : t_ns, event, 0, p);
		return;
	}
	p->event = (uint8_t)event;
	p->way_ns = way_ns;
	struct node *n = &w->node[p->node];
	if (leaves_ns > w->now_ns && leaves_ns <= n->out_ns && processor_says(n, p))
		return;
	if (leaves_ns > w->now_ns)
		evq_push(&w->q, leaves_ns, EV_WORK, 0, p);
	else
		processor_work(w, p);
}
