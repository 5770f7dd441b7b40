/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the world of one cell, runs its events in order of virtual time, and
 * takes it apart again.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/answers.h"
#include "sim/world/flow.h"
#include "sim/world/life.h"
#include "sim/world/original.h"
#include "sim/world/probers.h"
#include "sim/world/replica.h"

#define NODE_RAM (UINT64_C(16) << 30) /* what an older kernel sizes its table by */
#define SAMPLES_MAX 600
#define SAMPLE_LEAST (250 * NS_PER_MS)

/* --- building --- */

static int node_build(struct world *w, unsigned i)
{
	struct node *n = &w->node[i];
	size_t n_streams = w->s->n_pods * w->s->n_loads;
	struct ct_conf ct;

	n->w = w;
	n->index = i;
	rng_seed_stream(&n->rng, w->seed, 0x6e6f6465ull << 32 | (w->c->first_node + i));
	ctable_conf_init(&ct);
	if (w->s->kernel)
		ctable_conf_kernel(&ct, CT_KERNEL(w->s->kernel / 1000, w->s->kernel % 1000), NODE_RAM);
	if (w->s->conntrack_max)
		ct.max = w->s->conntrack_max;
	if (w->s->conntrack_buckets)
		ct.buckets = (uint32_t)w->s->conntrack_buckets;
	ct.seed = rng_u64(&n->rng);
	n->ct = ctable_new(&ct);
	n->stream = calloc(n_streams, sizeof(*n->stream));
	if (!n->ct || !n->stream || softirq_init(w, n) < 0)
		return ERR_NOMEM;
	for (size_t k = 0; k < n_streams; k++) {
		rng_seed_stream(&n->stream[k].rng, w->seed,
				(uint64_t)(w->c->first_node + i) << 32 | 0x80000000u | k);
		n->stream[k].same_port = port_draw(&n->stream[k].rng);
	}
	return 0;
}

static int build(struct world *w, struct diag *d)
{
	w->n_nodes = w->c->n_nodes;
	w->end_ns = w->s->warmup_ns + w->s->duration_ns;
	/* a look walks every entry of every table: as often as in a lab where there is one */
	uint64_t least_ns = w->s->n_nodes > 1 ? NS_PER_S : SAMPLE_LEAST;
	w->sample_ns = w->end_ns / SAMPLES_MAX > least_ns ? w->end_ns / SAMPLES_MAX : least_ns;
	w->node = calloc(w->n_nodes, sizeof(*w->node));
	if (!w->node)
		return diag_set(d, ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < w->n_nodes; i++)
		if (node_build(w, i) < 0)
			return diag_set(d, ERR_NOMEM, "out of memory");
	w->answers = w->c->answers ? w->c->answers : answers_new();
	if (!w->answers)
		return diag_set(d, ERR_NOMEM, "out of memory");
	w->free_flow = FLOW_NONE;
	leg_set(&w->backend_delay, w->s->backend_delay);
	if (replicas_init(w) < 0)
		return diag_set(d, ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < w->n_nodes; i++)
		if (processors_init(w, &w->node[i]) < 0)
			return diag_set(d, ERR_NOMEM, "out of memory");
	life_init(w);
	name_from_text(&w->domain, w->s->domain); /* the scenario has seen to it that it is one */
	int rc = w->c->cache ? nodecache_init(w, d) : 0;
	if (rc == 0 && w->c->qs_path)
		rc = qs_writer_open(&w->qs, w->c->qs_path, d);
	if (rc == 0 && w->qs)
		qs_writer_fact(w->qs, "point", "pod");
	if (rc == 0 && probers_init(w) < 0)
		rc = diag_set(d, ERR_NOMEM, "out of memory");
	return rc == 0 ? pods_init(w, d) : rc;
}

static void take_apart(struct world *w)
{
	struct event e;

	while (evq_pop(&w->q, &e)) /* what is still travelling */
		if (e.kind == EV_AT_CACHE || e.kind == EV_AT_BACKEND || e.kind == EV_AT_NODE ||
		    e.kind == EV_AT_POD || e.kind == EV_WORK)
			pkt_free(w, e.p);
	free(w->probers); /* of a world that was not run */
	if (w->node) {
		nodecache_release(w);
		for (unsigned i = 0; i < w->n_nodes; i++) {
			ctable_free(w->node[i].ct);
			free(w->node[i].stream);
			free(w->node[i].softirq_free_ns);
			processors_release(w, &w->node[i]);
		}
	}
	free(w->node);
	if (!w->c->answers)
		answers_free(w->answers);
	flows_release(w);
	replicas_release(w);
	pods_release(w);
	while (w->free_pkt) {
		struct pkt *p = w->free_pkt;
		w->free_pkt = p->next;
		free(p);
	}
	evq_release(&w->q);
}

/* --- running --- */

static void cache_turn(struct world *w, uint32_t node, uintptr_t arg)
{
	uint64_t ns = 0;

	for (struct pkt *p = processor_looks(w, node, arg), *next; p; p = next) {
		next = processor_looks_on(w, node, p);
		ns += nodecache_works(w, &w->node[node], p);
	}
	processor_lasts(w, node, arg, ns);
}

static void step(struct world *w, const struct event *e)
{
	uintptr_t arg = (uintptr_t)e->p;

	switch ((enum sim_event)e->kind) {
	case EV_LOOKUP:
		pods_lookup(w);
		break;
	case EV_BEGIN:
		pods_begin(w, e->a, (uint32_t)arg);
		break;
	case EV_EXPIRE:
		pods_expire(w, e->a, (uint32_t)arg);
		break;
	case EV_SYN:
		pods_syn(w, e->a, (uint32_t)(arg >> 8), (unsigned)(arg & 0xff));
		break;
	case EV_AT_CACHE:
	case EV_AT_NODE:
		nodecache_receive(w, e->p);
		break;
	case EV_CACHE_FREE:
		nodecache_free(w, e->a);
		break;
	case EV_AT_BACKEND:
		backend_receive(w, e->p);
		break;
	case EV_AT_POD:
		pods_receive(w, e->p);
		break;
	case EV_TICK:
		nodecache_tick(w, e->a, e->t_ns);
		break;
	case EV_REPAIR:
		flow_repair(w, e->a, arg);
		break;
	case EV_LIFE:
		life_happen(w, e->a, arg);
		break;
	case EV_EVENT:
		life_event(w, e->a);
		break;
	case EV_SCALER:
		life_scaler(w);
		break;
	case EV_ORIGINAL:
		original_timeout(w, &w->node[e->a], arg);
		break;
	case EV_WORK:
		processor_work(w, e->p);
		break;
	case EV_WORKED:
		processor_worked(w, e->a, arg);
		break;
	case EV_NEXT:
		processor_next(w, e->a, arg);
		break;
	case EV_OPENED:
		pods_opened(w, e->a, (uint32_t)(arg >> 8), (unsigned)(arg & 0xff));
		break;
	case EV_CLOSED:
		pods_closed(w, e->a, (uint32_t)arg);
		break;
	case EV_ASIDE:
		processor_aside(w, e->a);
		break;
	case EV_STARTED:
		pods_started(w, e->a, (uint32_t)arg);
		break;
	case EV_CACHE_TURN:
		cache_turn(w, e->a, arg);
		break;
	case EV_SAMPLE:
		sample_take(w);
		break;
	}
}

/* Until the load is over and the last lookup has its end. */
static void run(struct world *w)
{
	struct event e;

	evq_push(&w->q, w->sample_ns, EV_SAMPLE, 0, NULL);
	while (!w->err && !w->q.failed && (w->have_next || w->n_active || w->now_ns < w->end_ns) &&
	       evq_pop(&w->q, &e)) {
		w->now_ns = e.t_ns;
		w->r->events++;
		if (w->now_ns > w->end_ns && !w->load_over)
			life_load_over(w);
		step(w, &e);
	}
	if (w->q.failed)
		w->err = ERR_NOMEM;
}

/* glibc's allocator raises its own threshold with the first big block that is freed; from then on
 * tables come from a heap with holes in it, and are cleared page by page though most are never used. */
void sim_memory_init(void)
{
	sim_memory_keep(true); /* until cells_run knows: a zone's thousands of records each want 64 KiB for a moment */
}

/* Pages that are given back and come anew cost a node more than a third of its time: each of some five hundred is a fault.
 * Where nodes share a world memory counts, and most of a table is never touched: what the allocator has it would clear. */
void sim_memory_keep(bool keep)
{
	mallopt(M_MMAP_THRESHOLD, keep ? 32 << 20 : 16 << 10);
	mallopt(M_TRIM_THRESHOLD, keep ? 1 << 30 : 128 << 10);
	mallopt(M_TOP_PAD, keep ? 4 << 20 : 0);
}

int sim_run(struct sim_result *ret, const struct sim_conf *c, struct diag *d)
{
	struct world *w = calloc(1, sizeof(*w));

	sim_result_clear(ret);
	if (!w)
		return diag_set(d, ERR_NOMEM, "out of memory");
	w->c = c;
	w->s = c->s;
	w->r = ret;
	w->seed = c->seed ? c->seed : c->s->seed;
	ret->n_nodes = c->n_nodes;
	ret->n_parts = 1;
	int rc = build(w, d);
	if (rc == 0) {
		run(w);
		probers_finish(w);
		sample_finish(w);
		nodecache_count(w);
		life_finish(w);
		rc = w->err ? diag_set(d, w->err, "simulation: %s", err_str(w->err)) : 0;
	}
	take_apart(w);
	if (w->qs) {
		int code = qs_writer_close(w->qs, rc == 0 ? d : NULL);
		rc = rc == 0 ? code : rc;
	}
	free(w);
	if (rc < 0)
		sim_result_release(ret);
	return rc;
}
