/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See life.h. Events become steps of single replicas at known times, before anything runs;
 * what the autoscaler wants becomes steps as it wants it.
 */
#include "sim/world/life.h"

#include "sim/world/net.h"
#include "sim/world/original.h"

#define GRACE_NS (5 * NS_PER_S) /* CoreDNS: lameduck */

static void step(struct world *w, uint64_t t_ns, unsigned replica, enum life_step what)
{
	evq_push(&w->q, t_ns, EV_LIFE, replica, (void *)(uintptr_t)what);
}

static void plan_fail(struct world *w, const struct scen_event *e)
{
	unsigned i = e->backend - 1;
	uint64_t seen_ns = w->s->endpoints_ns, back_ns = e->at_ns + e->for_ns;

	step(w, e->at_ns, i, LIFE_SILENT);
	if (e->unready_ns < e->for_ns)
		step(w, e->at_ns + e->unready_ns + seen_ns, i, LIFE_UNLIST);
	step(w, back_ns, i, LIFE_UP);
	step(w, back_ns + seen_ns, i, LIFE_LIST);
}

/* One at a time, the next when this one's successor is in the rules (maxUnavailable 1). */
static void plan_rollout(struct world *w, const struct scen_event *e)
{
	uint64_t t_ns = e->at_ns, seen_ns = w->s->endpoints_ns;

	for (unsigned i = 0; i < w->n_replicas; i++) {
		uint64_t ends_ns = t_ns + e->grace_ns;
		uint64_t up_ns = t_ns + e->for_ns > ends_ns ? t_ns + e->for_ns : ends_ns;
		step(w, t_ns + seen_ns, i, LIFE_UNLIST);
		step(w, ends_ns, i, LIFE_END);
		step(w, up_ns, i, LIFE_UP);
		step(w, up_ns + seen_ns, i, LIFE_LIST);
		t_ns = up_ns + seen_ns;
	}
}

unsigned life_proportional(const struct scenario *s)
{
	const struct scen_scaler *a = &s->scaler;
	uint64_t cores = (uint64_t)s->n_nodes * a->cores_per_node;
	uint64_t by_cores = (cores + a->cores_per_replica - 1) / a->cores_per_replica;
	uint64_t by_nodes = ((uint64_t)s->n_nodes + a->nodes_per_replica - 1) / a->nodes_per_replica;
	uint64_t n = by_cores > by_nodes ? by_cores : by_nodes;

	return n < a->min ? a->min : n > a->max ? a->max : (unsigned)n;
}

static void endpoints_write(struct world *w)
{
	w->n_listed = 0;
	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++)
		if (w->replica[i].listed)
			w->listed[w->n_listed++] = (uint16_t)i;
}

void life_init(struct world *w)
{
	const struct scenario *s = w->s;

	w->n_replicas = s->scaler.kind == SCEN_PROPORTIONAL ? life_proportional(s) : s->n_backends;
	for (unsigned i = 0; i < w->n_replicas; i++)
		w->replica[i].serves = w->replica[i].listed = true;
	w->r->replicas_peak = w->n_replicas;
	endpoints_write(w);
	for (size_t i = 0; i < s->n_events; i++) {
		const struct scen_event *e = &s->event[i];
		if (e->what == SCEN_FAIL)
			plan_fail(w, e);
		else if (e->what == SCEN_ROLLOUT)
			plan_rollout(w, e);
		else
			evq_push(&w->q, e->at_ns, EV_SCALE, e->to, (void *)(uintptr_t)i);
	}
	if (s->scaler.kind == SCEN_HPA)
		evq_push(&w->q, s->scaler.sync_ns, EV_SCALER, 0, NULL);
}

/* --- steps --- */

static void account(struct world *w, struct replica *r)
{
	if (r->serves)
		w->r->replica_ns += w->now_ns - r->up_since_ns;
	r->up_since_ns = w->now_ns;
}

static void begin_anew(struct replica *r, uint64_t now_ns)
{
	r->serves = true;
	r->life++;
	r->up_since_ns = now_ns;
	r->n_wait = r->first_wait = 0;
	for (unsigned i = 0; i < r->n_workers; i++)
		r->free_ns[i] = now_ns;
}

static void unlist(struct world *w, unsigned replica)
{
	struct in6_addr addr = net_backend_addr(replica);

	w->replica[replica].listed = false;
	endpoints_write(w);
	for (unsigned i = 0; i < w->n_nodes; i++)
		ctable_flush_udp(w->node[i].ct, w->now_ns, &addr);
}

void life_happen(struct world *w, unsigned replica, enum life_step what)
{
	struct replica *r = &w->replica[replica];

	switch (what) {
	case LIFE_UP:
		account(w, r);
		if (!r->serves)
			begin_anew(r, w->now_ns);
		break;
	case LIFE_SILENT:
		account(w, r);
		r->serves = false;
		break;
	case LIFE_END: /* its connections are closed, and those who asked on them know */
		account(w, r);
		r->serves = false;
		for (unsigned i = 0; i < w->n_nodes; i++) {
			if (w->node[i].original)
				original_reset(w, &w->node[i], replica);
			if (!w->node[i].core)
				continue;
			net_node_reset(w, &w->node[i], replica);
			nodecache_acted(w, &w->node[i]);
		}
		break;
	case LIFE_LIST:
		r->listed = true;
		endpoints_write(w);
		break;
	case LIFE_UNLIST:
		unlist(w, replica);
		break;
	}
}

void life_scale(struct world *w, unsigned n, uint64_t start_ns, uint64_t grace_ns)
{
	uint64_t seen_ns = w->s->endpoints_ns;

	for (unsigned i = w->n_replicas; i < n; i++) {
		step(w, w->now_ns + start_ns, i, LIFE_UP);
		step(w, w->now_ns + start_ns + seen_ns, i, LIFE_LIST);
	}
	for (unsigned i = n; i < w->n_replicas; i++) {
		step(w, w->now_ns + seen_ns, i, LIFE_UNLIST);
		step(w, w->now_ns + grace_ns, i, LIFE_END);
	}
	w->n_replicas = n;
	if (n > w->r->replicas_peak)
		w->r->replicas_peak = n;
}

/* --- the horizontal pod autoscaler --- */

/* Of processor time, a server can use so much. */
static double cores(const struct world *w)
{
	const struct scen_replica *r = &w->s->replica;

	return r->cpu_limit > 0 && r->cpu_limit < r->workers ? r->cpu_limit : r->workers;
}

/* pkg/controller/podautoscaler: ceil(current * utilisation / target), nothing within 10 % of
 * the target, at most twice as many or four more at a time, and down only to the most that was
 * wished for in the calm time. */
static unsigned hpa_wish(struct world *w)
{
	const struct scen_scaler *a = &w->s->scaler;
	double used_ns = 0, window_ns = (double)a->sync_ns;

	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++) {
		double asked_ns = (double)(w->replica[i].cpu_ns - w->replica[i].seen_cpu_ns);
		used_ns += asked_ns < window_ns * cores(w) ? asked_ns : window_ns * cores(w);
		w->replica[i].seen_cpu_ns = w->replica[i].cpu_ns;
	}
	double ratio = used_ns / (window_ns * a->request * w->n_replicas) / a->target;
	double wish = w->n_replicas * ratio;
	unsigned n = (unsigned)wish + (wish > (unsigned)wish), most = w->n_replicas * 2;

	if (ratio > 0.9 && ratio < 1.1)
		n = w->n_replicas;
	if (most < w->n_replicas + 4)
		most = w->n_replicas + 4;
	n = n > most ? most : n;
	return n < a->min ? a->min : n > a->max ? a->max : n;
}

void life_scaler(struct world *w)
{
	const struct scen_scaler *a = &w->s->scaler;
	unsigned wish = hpa_wish(w), n = wish;
	unsigned kept = (unsigned)(a->calm_ns / a->sync_ns) + 1, size = sizeof(w->wished) / sizeof(w->wished[0]);

	kept = kept > size ? size : kept;
	w->wished[w->n_wished++ % kept] = wish;
	for (unsigned i = 0; i < kept && i < w->n_wished; i++)
		if (w->wished[i] > n)
			n = w->wished[i];
	if (n > w->n_replicas && wish < n)
		n = w->n_replicas; /* an old wish holds back, it does not push */
	if (n != w->n_replicas)
		life_scale(w, n, a->start_ns, GRACE_NS);
	if (w->now_ns + a->sync_ns < w->end_ns)
		evq_push(&w->q, w->now_ns + a->sync_ns, EV_SCALER, 0, NULL);
}

void life_finish(struct world *w)
{
	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++) {
		account(w, &w->replica[i]);
		/* what still waits has not been worked on */
		if ((double)w->replica[i].cpu_ns > cores(w) * (double)w->now_ns)
			w->replica[i].cpu_ns = (uint64_t)(cores(w) * (double)w->now_ns);
		w->r->replica_cpu_ns += w->replica[i].cpu_ns;
		w->r->backend_cpu_ns[i] = w->replica[i].cpu_ns;
	}
}
