/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See flow.h. The sender's knowledge is not kept: when it learns of a loss follows from
 * when the segment after it left, and that is one time a direction.
 */
#include "sim/world/flow.h"

#include <stdlib.h>

#include "sim/world/net.h"

#define TICKS_NS (8 * NS_PER_MS) /* two at HZ 250: TCP_TIMEOUT_MIN */
#define BACKOFF_MAX 9

static bool pool_grow(struct world *w)
{
	uint32_t cap = w->cap_flows ? w->cap_flows * 2 : 64;
	struct flow **p = realloc(w->flow, cap * sizeof(struct flow *));

	if (!p)
		return false;
	w->flow = p;
	for (; w->cap_flows < cap; w->cap_flows++) {
		p[w->cap_flows] = calloc(1, sizeof(struct flow));
		if (!p[w->cap_flows])
			return false;
		p[w->cap_flows]->next_free = w->free_flow;
		w->free_flow = w->cap_flows;
	}
	return true;
}

uint32_t flow_open(struct world *w, uint32_t node, uint16_t backend, uint64_t ready_ns, uint64_t rtt_ns)
{
	if (w->free_flow == FLOW_NONE && !pool_grow(w)) {
		w->err = ERR_NOMEM;
		return FLOW_NONE;
	}
	uint32_t id = w->free_flow;
	struct flow *f = w->flow[id];
	w->free_flow = f->next_free;
	*f = (struct flow){.gen = f->gen + 1,
			   .open = true,
			   .node = node,
			   .backend = backend,
			   .ready_ns = ready_ns,
			   .rtt_ns = rtt_ns};
	if (backend < SIM_BACKENDS_MAX)
		f->life = w->replica[backend].life;
	for (unsigned i = 0; i < 2; i++) {
		f->way[i].held_end = &f->way[i].held;
		f->way[i].repair_ns = T_NEVER;
	}
	return id;
}

void flow_close(struct world *w, uint32_t id)
{
	struct flow *f = w->flow[id];

	for (unsigned i = 0; i < 2; i++)
		while (f->way[i].held) {
			struct pkt *p = f->way[i].held;
			f->way[i].held = p->next;
			pkt_free(w, p);
		}
	f->open = false;
	f->gen++;
	f->next_free = w->free_flow;
	w->free_flow = id;
}

struct flow *flow_of(struct world *w, uint32_t id, uint32_t gen)
{
	return id < w->cap_flows && w->flow[id]->open && w->flow[id]->gen == gen ? w->flow[id] : NULL;
}

/* Only between node and backends is anything lost, and all of it once the replica is gone. */
static bool segment_lost(struct world *w, const struct flow *f)
{
	if (f->backend >= SIM_BACKENDS_MAX)
		return false;
	if (!w->replica[f->backend].serves || w->replica[f->backend].life != f->life)
		return true;
	return net_lost(w, &w->node[f->node]);
}

static void schedule(struct world *w, const struct flow *f, uint32_t id, enum flow_dir dir)
{
	evq_push(&w->q, f->way[dir].repair_ns, EV_REPAIR, id << 1 | (uint32_t)dir,
		 (void *)(uintptr_t)f->gen);
}

static void repair_by(struct world *w, struct flow *f, uint32_t id, enum flow_dir dir, uint64_t t_ns)
{
	if (t_ns >= f->way[dir].repair_ns)
		return;
	f->way[dir].repair_ns = t_ns;
	schedule(w, f, id, dir);
}

static uint64_t rto_ns(const struct world *w, const struct flow *f, enum flow_dir dir)
{
	return (w->c->costs->rto_ns + f->rtt_ns) << f->way[dir].backoff;
}

void flow_send(struct world *w, struct flow *f, enum flow_dir dir, struct pkt *p, uint64_t leaves_ns,
	       uint64_t way_ns, enum sim_event event)
{
	struct flow_way *way = &f->way[dir];
	uint32_t id = p->conn;
	bool first = !way->held;

	p->event = (uint8_t)event;
	p->missing = segment_lost(w, f);
	if (!p->missing && first) {
		net_travel(w, p, leaves_ns, way_ns, event, &way->last_ns);
		return;
	}
	p->way_ns = way_ns;
	p->next = NULL;
	*way->held_end = p;
	way->held_end = &p->next;
	if (first)
		repair_by(w, f, id, dir, leaves_ns + rto_ns(w, f, dir));
	else if (p->missing)
		repair_by(w, f, id, dir, leaves_ns + 2 * f->rtt_ns + TICKS_NS);
	else
		repair_by(w, f, id, dir, leaves_ns + f->rtt_ns + f->rtt_ns / 4);
}

/* What was missing goes again; what is whole up to there arrives. */
void flow_repair(struct world *w, uint32_t a, uint64_t gen)
{
	uint32_t id = a >> 1;
	enum flow_dir dir = a & 1;
	struct flow *f = flow_of(w, id, (uint32_t)gen);
	bool some = false;

	if (!f || f->way[dir].repair_ns != w->now_ns)
		return; /* closed, or an earlier one took its place */
	struct flow_way *way = &f->way[dir];
	way->repair_ns = T_NEVER;
	for (struct pkt *p = way->held; p; p = p->next) {
		if (!p->missing)
			continue;
		p->missing = segment_lost(w, f);
		some |= !p->missing;
	}
	while (way->held && !way->held->missing) {
		struct pkt *p = way->held;
		way->held = p->next;
		net_travel(w, p, w->now_ns, p->way_ns, p->event, &way->last_ns);
	}
	if (!way->held) {
		way->held_end = &way->held;
		way->backoff = 0;
		return;
	}
	if (some) { /* RACK learns that the repetition was lost, too */
		way->backoff = 0;
		repair_by(w, f, id, dir, w->now_ns + f->rtt_ns + f->rtt_ns / 4);
		return;
	}
	way->backoff += way->backoff < BACKOFF_MAX;
	repair_by(w, f, id, dir, w->now_ns + rto_ns(w, f, dir));
}

void flows_release(struct world *w)
{
	for (uint32_t i = 0; i < w->cap_flows; i++) {
		if (w->flow[i] && w->flow[i]->open)
			flow_close(w, i);
		free(w->flow[i]);
	}
	free(w->flow);
}
