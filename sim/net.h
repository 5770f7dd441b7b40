/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that move packets share.
 */
#ifndef NODENS_SIM_NET_H
#define NODENS_SIM_NET_H

#include "sim/world.h"

struct in6_addr net_v4(uint32_t ip); /* host order */
struct ct_tuple net_tuple(struct in6_addr src, uint16_t port, struct in6_addr dst, bool tcp);
/* A packet towards a Service: through the table, to the backend its entry
 * says, or to a random one when it has none yet. */
enum ct_verdict net_to_service(struct world *w, struct node *n, const struct ct_tuple *orig,
			       uint8_t flags, uint16_t *ret_backend);
enum ct_verdict net_from_backend(struct world *w, struct node *n, const struct ct_tuple *orig,
				 unsigned backend, uint8_t flags);
void net_close_flow(struct world *w, struct node *n, const struct ct_tuple *orig, unsigned backend);
/* How a flow's replies look when this backend serves it. */
struct ct_tuple net_reply_tuple(const struct ct_tuple *orig, unsigned backend);

bool net_lost(struct world *w, struct rng *r);
uint64_t net_tcp_delay(struct world *w, struct rng *r); /* what losses add to a segment's way */
/* Not before the one before it. */
uint64_t net_in_order(uint64_t *last_ns, uint64_t t_ns);
/* From the cache's node to a backend (or outside) and back; for the way back
 * of a reply, in its connection's order. */
uint64_t net_way_out(struct world *w, struct node *n, uint16_t backend);
uint64_t net_way_back(struct world *w, struct node *n, uint16_t backend);

#endif
