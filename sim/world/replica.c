/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See replica.h. Because nobody overtakes, when a query will begin and end is known when it
 * comes, and a server takes no events of its own.
 */
#include "sim/world/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTA_MIN_NS NS_PER_MS /* of the kubelet and of the kernel: a smaller limit is this one */
#define RATE_MEMORY 256 /* queries over which the rate of arrivals is averaged */

/* A node holds a world: places for servers that nothing can make cost each of five thousand. */
static unsigned room_of(const struct scenario *s)
{
	bool grows = s->scaler.kind != SCEN_FIXED;

	for (size_t i = 0; i < s->n_events; i++)
		grows |= s->event[i].what == SCEN_SCALE;
	return grows ? SIM_BACKENDS_MAX : s->n_backends;
}

int replicas_init(struct world *w)
{
	const struct scenario *s = w->s;
	bool own = s->replica.service.median_ns > 0;

	if (own)
		leg_set(&w->service, s->replica.service);
	else
		w->service = w->c->costs->backend_cpu;
	w->replica_queue = own ? s->replica.queue : w->c->costs->backend_queue;
	w->room = room_of(s);
	w->replica = calloc(w->room, sizeof(*w->replica));
	if (!w->replica)
		return ERR_NOMEM;
	for (unsigned i = 0; i < w->room; i++) {
		struct replica *r = &w->replica[i];
		snprintf(r->id, sizeof(r->id), "backend-%u", i + 1);
		rng_seed_stream(&r->rng, w->seed, 0x6261636bull << 32 | (uint64_t)(i >> 8) << 28 | (uint64_t)w->c->first_node << 8 | (i & 0xff));
		r->n_workers = s->replica.workers ? s->replica.workers : 1;
		r->phase_ns = rng_below(&r->rng, s->replica.period_ns ? s->replica.period_ns : 1);
	}
	return 0;
}

void replicas_release(struct world *w)
{
	for (unsigned i = 0; w->replica && i < w->room; i++)
		free(w->replica[i].start_ns);
	free(w->replica);
}

/* --- processor time --- */

static uint64_t quota_of(const struct scenario *s)
{
	uint64_t ns = (uint64_t)(s->replica.cpu_limit * (double)s->replica.period_ns);

	return ns > QUOTA_MIN_NS ? ns : QUOTA_MIN_NS;
}

double replica_cores(const struct scenario *s)
{
	double cores = (double)quota_of(s) / (double)s->replica.period_ns;

	return s->replica.cpu_limit > 0 && cores < s->replica.workers ? cores : s->replica.workers;
}

/* When work of `cpu_ns` that begins at `t_ns` is done, under the quota. */
static uint64_t work(struct world *w, struct replica *r, uint64_t t_ns, uint64_t cpu_ns)
{
	uint64_t period_ns = w->s->replica.period_ns;
	uint64_t quota_ns = quota_of(w->s);

	if (w->s->replica.cpu_limit <= 0)
		return t_ns + cpu_ns;
	while (cpu_ns) {
		uint64_t index = (t_ns + r->phase_ns) / period_ns;
		uint64_t end_ns = (index + 1) * period_ns - r->phase_ns;
		typeof(&r->period[0]) p = &r->period[index % PERIODS];
		if (p->index < index) {
			p->index = index;
			p->used_ns = 0;
		}
		uint64_t left_ns = p->index == index && p->used_ns < quota_ns ? quota_ns - p->used_ns : 0;
		uint64_t step_ns = cpu_ns < left_ns ? cpu_ns : left_ns;
		if (step_ns > end_ns - t_ns)
			step_ns = end_ns - t_ns;
		p->used_ns += step_ns;
		cpu_ns -= step_ns;
		t_ns += step_ns;
		if (!cpu_ns)
			break;
		w->r->replica_throttled_ns += end_ns - t_ns;
		t_ns = end_ns;
	}
	return t_ns;
}

/* --- waiting --- */

static void forget_begun(struct replica *r, uint64_t t_ns)
{
	while (r->n_wait && r->start_ns[r->first_wait] <= t_ns) {
		r->first_wait = (r->first_wait + 1) % r->cap_wait;
		r->n_wait--;
	}
}

size_t replica_waiting(const struct replica *r, uint64_t t_ns)
{
	size_t n = r->n_wait;

	for (size_t i = r->first_wait; n && r->start_ns[i] <= t_ns; i = (i + 1) % r->cap_wait)
		n--;
	return n;
}

static bool remember(struct replica *r, uint64_t start_ns)
{
	if (r->n_wait == r->cap_wait) {
		size_t cap = r->cap_wait ? r->cap_wait * 2 : 64;
		uint64_t *p = malloc(cap * sizeof(*p));
		if (!p)
			return false;
		for (size_t i = 0; i < r->n_wait; i++)
			p[i] = r->start_ns[(r->first_wait + i) % r->cap_wait];
		free(r->start_ns);
		r->start_ns = p;
		r->first_wait = 0;
		r->cap_wait = cap;
	}
	r->start_ns[(r->first_wait + r->n_wait++) % r->cap_wait] = start_ns;
	return true;
}

uint64_t replica_take(struct world *w, struct replica *r, uint64_t t_ns, bool may_drop)
{
	unsigned first = 0;

	for (unsigned i = 1; i < r->n_workers; i++)
		if (r->free_ns[i] < r->free_ns[first])
			first = i;
	uint64_t start_ns = r->free_ns[first] > t_ns ? r->free_ns[first] : t_ns;
	forget_begun(r, t_ns);
	if (start_ns > t_ns) {
		if (may_drop && r->n_wait >= w->replica_queue)
			return 0;
		if (!remember(r, start_ns)) {
			w->err = ERR_NOMEM;
			return 0;
		}
		if (r->n_wait > w->r->replica_queue_peak)
			w->r->replica_queue_peak = r->n_wait;
	}
	uint64_t cpu_ns = leg_draw(&w->service, &r->rng);
	r->cpu_ns += cpu_ns;
	r->free_ns[first] = work(w, r, start_ns, cpu_ns);
	return r->free_ns[first] ? r->free_ns[first] : 1;
}

/* Nodes that are not simulated ask as often as those that are: Poisson arrivals at their
 * multiple of the rate seen here lately. */
static void others_arrive(struct world *w, struct replica *r)
{
	double others = (double)w->s->n_nodes / w->n_nodes - 1;
	double gap_ns = (double)(w->now_ns - r->last_ns);

	r->n++;
	r->gap_ns += (gap_ns - r->gap_ns) / (double)(r->n < RATE_MEMORY ? r->n : RATE_MEMORY);
	for (double t = (double)r->last_ns; others > 0 && r->gap_ns > 0;) {
		t += rng_exp(&r->rng, r->gap_ns / others);
		if (t >= (double)w->now_ns)
			break;
		replica_take(w, r, (uint64_t)t, true);
	}
	r->last_ns = w->now_ns;
}

uint64_t replica_serve(struct world *w, struct replica *r, bool may_drop)
{
	if (!w->service.d.median_ns)
		return w->now_ns;
	others_arrive(w, r);
	return replica_take(w, r, w->now_ns, may_drop);
}
