/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that move packets share.
 */
#ifndef NODENS_SIM_NET_H
#define NODENS_SIM_NET_H

#include "sim/world/world.h"

struct in6_addr net_v4(uint32_t ip); /* host order */
struct in6_addr net_backend_addr(unsigned backend);
struct ct_tuple net_tuple(struct in6_addr src, uint16_t port, struct in6_addr dst, bool tcp);
/* Entries of pods and of the node's own questions are told apart by who opened the flow. */
enum net_mark { MARK_POD, MARK_NODE, MARKS };
static inline uint8_t net_mark(const struct ct_tuple *tuple)
{
	return tuple->src.s6_addr[12] == 10 ? MARK_POD : MARK_NODE; /* 10.244/16, 172.18/16 */
}
/* A packet towards a Service: through the table, to the backend its entry
 * says, or to a random endpoint when it has none yet. Nobody asks a Service
 * without endpoints (net_no_endpoint). */
enum ct_verdict net_to_service(struct world *w, struct node *n, const struct ct_tuple *orig,
			       uint8_t flags, uint16_t *ret_backend);
enum ct_verdict net_from_backend(struct world *w, struct node *n, const struct ct_tuple *orig,
				 unsigned backend, uint8_t flags);
void net_close_flow(struct world *w, struct node *n, const struct ct_tuple *orig, unsigned backend);
/* How a flow's replies look when this backend serves it. */
struct ct_tuple net_reply_tuple(const struct ct_tuple *orig, unsigned backend);
static inline bool net_no_endpoint(const struct world *w)
{
	return w->n_listed == 0;
}
static inline uint16_t net_endpoint_draw(struct world *w, struct node *n)
{
	return w->n_listed ? w->listed[rng_below(&n->rng, w->n_listed)] : 0;
}

/* link.c */
bool net_lost(struct world *w, struct node *n);
bool net_outside_full(struct world *w, struct node *n);
/* The packet ends here. */
void net_drop(struct world *w, struct pkt *p, enum sim_cause why);
enum sim_cause net_cause(enum ct_verdict v); /* of one that dropped it */

/* What a message costs whoever makes, answers or reads it by the length of its name. */
uint64_t net_octets_ns(const struct world *w, const uint8_t *msg, size_t len);

/* Where processors are shared, of what so many messages over one connection cost the cache more: it is woken to accept it, to
 * read, and to see its end. */
enum net_tcp { TCP_BEGINNING, TCP_MESSAGE, TCP_END };
uint64_t net_tcp_ns(const struct world *w, unsigned n, enum net_tcp part);

/* Not before the one before it. */
uint64_t net_in_order(uint64_t *last_ns, uint64_t t_ns);
/* A packet that leaves then and takes so long comes to its next station, not before one that came at *last_ns (or NULL); later
 * where it waits for a processor, each of whose threads keeps order by itself. */
void net_travel(struct world *w, struct pkt *p, uint64_t leaves_ns, uint64_t way_ns, enum sim_event event, uint64_t *last_ns);
/* From the cache's node to a backend (or outside) and back. */
/* How much longer the way from this node takes for what is sent now, by how long nothing was. */
uint64_t net_idle(struct world *w, struct node *n, enum sim_way way);
uint64_t net_way_out(struct world *w, struct node *n, uint16_t backend);
uint64_t net_way_back(struct world *w, struct node *n, uint16_t backend);
/* net_node.c, for both caches: the node's own packets to an upstream, and what comes back. */
enum ct_verdict net_leave_node(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
			       uint8_t flags, bool tcp, uint16_t *ret_backend);
void net_enter_node(struct world *w, struct node *n, const struct in6_addr *from, uint16_t port,
		    uint16_t backend, uint8_t flags, bool tcp);
/* A connection of the node's: its flow, or FLOW_NONE when the table refused it. Ready when the
 * handshake is over, SYNs repeated. */
uint32_t net_node_connect(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
			  uint16_t *ret_backend);
void net_node_close(struct world *w, struct node *n, const struct in6_addr *to, uint16_t port,
		    uint16_t backend, uint32_t flow);

#endif
