/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See life.h. What an event or the autoscaler wants becomes steps of single pods, planned when it happens,
 * of those that are there then. A step that comes too late, for its pod is gone, is void.
 */
#include "sim/world/life.h"

#include "sim/world/net.h"
#include "sim/world/original.h"
#include "sim/world/replica.h"

#define GRACE_NS (5 * NS_PER_S) /* CoreDNS: lameduck */

/* Of a pod that is no more, a step is void: what it carries is whose it is. */
static void step(struct world *w, uint64_t t_ns, unsigned replica, uint32_t pod, enum life_step what)
{
	evq_push(&w->q, t_ns, EV_LIFE, replica, (void *)((uintptr_t)pod << 8 | what));
}

static void plan_fail(struct world *w, const struct scen_event *e)
{
	unsigned i = e->backend - 1;
	struct replica *r = &w->replica[i];
	uint64_t seen_ns = w->s->endpoints_ns, back_ns = w->now_ns + e->for_ns;

	if (!r->wanted)
		return;
	if (back_ns > r->back_ns)
		r->back_ns = back_ns;
	step(w, w->now_ns, i, r->pod, LIFE_SILENT);
	if (e->unready_ns < e->for_ns)
		step(w, w->now_ns + e->unready_ns + seen_ns, i, r->pod, LIFE_UNLIST);
	step(w, back_ns, i, r->pod, LIFE_BACK);
	step(w, back_ns + seen_ns, i, r->pod, LIFE_LIST);
}

/* One at a time, the next when this one's successor is in the rules (maxUnavailable 1). Those that are
 * there now: who comes later comes as the new version. */
static void plan_rollout(struct world *w, const struct scen_event *e)
{
	uint64_t t_ns = w->now_ns, seen_ns = w->s->endpoints_ns;

	for (unsigned i = 0; i < w->n_slots; i++) {
		uint32_t pod = w->replica[i].pod;
		uint64_t ends_ns = t_ns + e->grace_ns;
		uint64_t up_ns = t_ns + e->for_ns > ends_ns ? t_ns + e->for_ns : ends_ns;
		if (!w->replica[i].wanted)
			continue;
		step(w, t_ns + seen_ns, i, pod, LIFE_UNLIST);
		step(w, ends_ns, i, pod, LIFE_END);
		step(w, up_ns, i, pod + 1, LIFE_UP);
		step(w, up_ns + seen_ns, i, pod + 1, LIFE_LIST);
		t_ns = up_ns + seen_ns;
	}
}

void life_event(struct world *w, unsigned event)
{
	const struct scen_event *e = &w->s->event[event];

	if (e->what == SCEN_FAIL)
		plan_fail(w, e);
	else if (e->what == SCEN_ROLLOUT)
		plan_rollout(w, e);
	else
		life_scale(w, e->to, e->for_ns, e->grace_ns);
}

unsigned life_proportional_wish(const struct scenario *s)
{
	const struct scen_scaler *a = &s->scaler;
	uint64_t cores = (uint64_t)s->n_nodes * a->cores_per_node;
	uint64_t by_cores = (cores + a->cores_per_replica - 1) / a->cores_per_replica;
	uint64_t by_nodes = ((uint64_t)s->n_nodes + a->nodes_per_replica - 1) / a->nodes_per_replica;
	uint64_t n = by_cores > by_nodes ? by_cores : by_nodes;

	return n < a->min ? a->min : (unsigned)n;
}

unsigned life_proportional(const struct scenario *s)
{
	unsigned n = life_proportional_wish(s);

	return n > s->scaler.max ? s->scaler.max : n;
}

static void endpoints_write(struct world *w)
{
	w->n_listed = 0;
	for (unsigned i = 0; i < w->n_slots; i++)
		if (w->replica[i].listed)
			w->listed[w->n_listed++] = (uint16_t)i;
}

void life_init(struct world *w)
{
	const struct scenario *s = w->s;

	w->n_replicas = s->scaler.kind == SCEN_PROPORTIONAL ? life_proportional(s) : s->n_backends;
	w->n_slots = w->n_replicas;
	for (unsigned i = 0; i < w->n_replicas; i++)
		w->replica[i].wanted = w->replica[i].serves = w->replica[i].listed = true;
	w->r->replicas_peak = w->n_replicas;
	endpoints_write(w);
	for (size_t i = 0; i < s->n_events; i++)
		evq_push(&w->q, s->event[i].at_ns, EV_EVENT, (unsigned)i, NULL);
	if (s->scaler.kind == SCEN_HPA)
		evq_push(&w->q, s->scaler.sync_ns, EV_SCALER, 0, NULL);
}

/* --- steps --- */

/* What comes after the load's end, lookups that wait for their time-outs, is no time to be used. */
static void account(struct world *w, struct replica *r)
{
	uint64_t t_ns = w->now_ns < w->end_ns ? w->now_ns : w->end_ns;

	if (r->serves && t_ns > r->up_since_ns)
		w->r->replica_ns += t_ns - r->up_since_ns;
	r->up_since_ns = t_ns;
}

static void begin_anew(struct replica *r, uint64_t now_ns)
{
	r->serves = true;
	r->life++;
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

/* Its connections are closed, and those who asked on them know. */
static void end(struct world *w, unsigned replica)
{
	struct replica *r = &w->replica[replica];

	account(w, r);
	r->serves = false;
	r->pod++;
	r->back_ns = 0;
	for (unsigned i = 0; i < w->n_nodes; i++) {
		if (w->node[i].original)
			original_reset(w, &w->node[i], replica);
		if (!w->node[i].core)
			continue;
		net_node_reset(w, &w->node[i], replica);
		nodecache_acted(w, &w->node[i]);
	}
}

void life_happen(struct world *w, unsigned replica, uintptr_t carried)
{
	struct replica *r = &w->replica[replica];
	enum life_step what = (enum life_step)(carried & 0xff);

	if ((uint32_t)(carried >> 8) != r->pod)
		return;
	if ((what == LIFE_UP || what == LIFE_BACK || what == LIFE_LIST) && !r->wanted)
		return; /* scaled away meanwhile */
	switch (what) {
	case LIFE_BACK:
		if (w->now_ns < r->back_ns)
			return; /* fell silent again, for longer */
		/* fall through */
	case LIFE_UP:
		account(w, r);
		if (!r->serves)
			begin_anew(r, w->now_ns);
		break;
	case LIFE_SILENT:
		account(w, r);
		r->serves = false;
		break;
	case LIFE_END:
		end(w, replica);
		break;
	case LIFE_LIST:
		if (w->now_ns < r->back_ns)
			return;
		r->listed = true;
		endpoints_write(w);
		break;
	case LIFE_UNLIST:
		unlist(w, replica);
		break;
	}
}

/* A place that nobody has, not even one that ends: another pod, another address. */
static unsigned free_slot(const struct world *w)
{
	unsigned i = 0;

	while (i < w->n_slots && (w->replica[i].wanted || w->replica[i].serves || w->replica[i].listed))
		i++;
	return i;
}

static bool add_one(struct world *w, uint64_t start_ns)
{
	unsigned i = free_slot(w);

	if (i >= w->room)
		return false;
	if (i >= w->n_slots)
		w->n_slots = i + 1;
	struct replica *r = &w->replica[i];
	r->wanted = true;
	r->back_ns = 0;
	r->pod++;
	step(w, w->now_ns + start_ns, i, r->pod, LIFE_UP);
	step(w, w->now_ns + start_ns + w->s->endpoints_ns, i, r->pod, LIFE_LIST);
	return true;
}

/* The last that came. */
static void take_one(struct world *w, uint64_t grace_ns)
{
	unsigned i = w->n_slots;

	while (i-- > 0)
		if (w->replica[i].wanted)
			break;
	w->replica[i].wanted = false;
	step(w, w->now_ns + w->s->endpoints_ns, i, w->replica[i].pod, LIFE_UNLIST);
	step(w, w->now_ns + grace_ns, i, w->replica[i].pod, LIFE_END);
}

void life_scale(struct world *w, unsigned n, uint64_t start_ns, uint64_t grace_ns)
{
	for (; w->n_replicas < n && add_one(w, start_ns); w->n_replicas++)
		;
	for (; w->n_replicas > n; w->n_replicas--)
		take_one(w, grace_ns);
	if (w->n_replicas > w->r->replicas_peak)
		w->r->replicas_peak = w->n_replicas;
}

/* --- the horizontal pod autoscaler --- */

/* pkg/controller/podautoscaler: in 15 seconds at most twice as many or four more. */
#define UP_WINDOW_NS (15 * NS_PER_S)

static unsigned hpa_most(const struct world *w)
{
	unsigned came = 0;

	for (size_t i = 0; i < sizeof(w->grew) / sizeof(w->grew[0]); i++)
		if (w->grew[i].n && w->grew[i].t_ns + UP_WINDOW_NS > w->now_ns)
			came += w->grew[i].n;
	unsigned then = w->n_replicas > came ? w->n_replicas - came : 0;
	return then * 2 > then + 4 ? then * 2 : then + 4;
}

/* ceil(current * utilisation / target), nothing within 10 % of the target. */
static unsigned hpa_wish(struct world *w)
{
	const struct scen_scaler *a = &w->s->scaler;
	double used_ns = 0, window_ns = (double)a->sync_ns, cores = replica_cores(w->s);

	for (unsigned i = 0; i < w->n_slots; i++) {
		double asked_ns = (double)(w->replica[i].cpu_ns - w->replica[i].seen_cpu_ns);
		used_ns += asked_ns < window_ns * cores ? asked_ns : window_ns * cores;
		w->replica[i].seen_cpu_ns = w->replica[i].cpu_ns;
	}
	double ratio = used_ns / (window_ns * a->request * w->n_replicas) / a->target;
	double wish = w->n_replicas * ratio;
	unsigned n = (unsigned)wish + (wish > (unsigned)wish), most = hpa_most(w);

	if (ratio > 0.9 && ratio < 1.1)
		n = w->n_replicas;
	if (n > w->n_replicas && n > most) /* a limit of growing takes nobody away */
		n = most > w->n_replicas ? most : w->n_replicas;
	return n < a->min ? a->min : n > a->max ? a->max : n;
}

/* The most that was wished for in the calm time: no fewer are left. */
static unsigned hpa_kept(struct world *w, unsigned wish)
{
	const struct scen_scaler *a = &w->s->scaler;
	unsigned n = SIM_BACKENDS_MAX;

	w->wished_ns[wish] = w->now_ns; /* the scaler never looks at 0 */
	while (n > wish && (!w->wished_ns[n] || w->wished_ns[n] + a->calm_ns < w->now_ns))
		n--;
	return n;
}

void life_scaler(struct world *w)
{
	const struct scen_scaler *a = &w->s->scaler;
	unsigned wish = hpa_wish(w), before = w->n_replicas, kept = hpa_kept(w, wish), n = wish;

	if (wish < before) /* an old wish holds back, it does not push */
		n = kept < before ? kept : before;
	if (n != before)
		life_scale(w, n, a->start_ns, GRACE_NS);
	if (n > before)
		w->grew[w->n_grew++ % GREW_N] = (struct grew){w->now_ns, n - before};
	if (w->now_ns + a->sync_ns < w->end_ns)
		evq_push(&w->q, w->now_ns + a->sync_ns, EV_SCALER, 0, NULL);
}

/* What still waits at `t_ns` has not been worked on. */
static uint64_t worked_ns(const struct world *w, const struct replica *r, uint64_t t_ns)
{
	double most_ns = replica_cores(w->s) * (double)t_ns;
	uint64_t waits_ns = 0;

	for (unsigned i = 0; i < r->n_workers && w->s->replica.cpu_limit <= 0; i++)
		waits_ns += r->free_ns[i] > t_ns ? r->free_ns[i] - t_ns : 0;
	uint64_t ns = r->cpu_ns > waits_ns ? r->cpu_ns - waits_ns : 0;
	return (double)ns > most_ns ? (uint64_t)most_ns : ns;
}

void life_load_over(struct world *w)
{
	w->load_over = true;
	for (unsigned i = 0; i < w->n_slots; i++)
		w->r->replica_used_ns += worked_ns(w, &w->replica[i], w->end_ns);
}

void life_finish(struct world *w)
{
	if (!w->load_over)
		life_load_over(w);
	for (unsigned i = 0; i < w->n_slots; i++) {
		account(w, &w->replica[i]);
		w->replica[i].cpu_ns = worked_ns(w, &w->replica[i], w->now_ns);
		w->r->replica_cpu_ns += w->replica[i].cpu_ns;
		w->r->backend_cpu_ns[i] = w->replica[i].cpu_ns;
	}
}
