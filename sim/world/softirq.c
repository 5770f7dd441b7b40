/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way across a veth: whoever sends puts the packet into the backlog of the processor he runs on
 * (netif_rx, net.core.netdev_max_backlog) and its softirq takes one after the other; a veth with GRO or
 * an XDP program has a ring of its own instead (256), which that softirq empties. A packet costs always
 * the same, so who waits is known from when the processor will be free. A pod keeps to one processor.
 */
#include <stdlib.h>

#include "sim/world/world.h"

int softirq_init(struct world *w, struct node *n)
{
	const struct scenario *s = w->s;

	if (!s->packet_ns)
		return 0;
	n->softirq_free_ns = calloc(s->veth_ring ? 2u * s->n_pods : s->node_cpus, sizeof(*n->softirq_free_ns));
	return n->softirq_free_ns ? 0 : ERR_NOMEM;
}

uint64_t softirq_pass(struct world *w, struct node *n, const struct pkt *p, enum softirq_way way, uint64_t t_ns)
{
	const struct scenario *s = w->s;

	if (!s->packet_ns)
		return t_ns;
	uint64_t *free_ns = &n->softirq_free_ns[s->veth_ring ? 2u * p->pod + way : p->pod % s->node_cpus];
	uint64_t begins_ns = *free_ns > t_ns ? *free_ns : t_ns;
	/* whole packets before it, the one in work among them */
	uint64_t before = (begins_ns - t_ns + s->packet_ns - 1) / s->packet_ns;
	if (before > (s->veth_ring ? s->veth_ring : s->backlog) && !p->tcp)
		return T_NEVER;
	*free_ns = begins_ns + s->packet_ns;
	return *free_ns;
}
