/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is looked at from outside at fixed times: the tables, and the totals so far.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/world/net.h"
#include "sim/world/replica.h"

static void peak(uint64_t *most, uint64_t n)
{
	if (n > *most)
		*most = n;
}

static void look(struct world *w, struct sim_sample *s, bool final)
{
	struct sim_result *r = w->r;

	for (unsigned i = 0; i < w->n_nodes; i++) {
		uint64_t count = ctable_count(w->node[i].ct, w->now_ns, 0);
		struct ct_kind n[MARKS];
		ctable_marks(w->node[i].ct, w->now_ns, 0, n, MARKS);
		peak(&r->ct_client_peak, n[MARK_POD].counted);
		peak(&r->ct_client_live_peak, n[MARK_POD].live);
		peak(&r->ct_upstream_peak, n[MARK_NODE].counted);
		peak(&r->ct_upstream_live_peak, n[MARK_NODE].live);
		peak(&r->ct_count_peak, count);
		s->client += n[MARK_POD].counted;
		s->client_live += n[MARK_POD].live;
		s->upstream += n[MARK_NODE].counted;
		s->count += count;
		if (final)
			r->ct_client_final += n[MARK_POD].live;
	}
	for (unsigned i = 0; i < w->n_slots; i++) {
		s->waiting += w->replica[i].n_wait ? replica_waiting(&w->replica[i], w->now_ns) : 0;
		s->replicas += w->replica[i].serves;
	}
}

void sample_take(struct world *w)
{
	struct sim_result *r = w->r;
	bool final = w->now_ns >= w->end_ns;

	if (r->n_samples == r->cap_samples) {
		size_t cap = r->cap_samples ? r->cap_samples * 2 : 256;
		struct sim_sample *p = realloc(r->sample, cap * sizeof(*p));
		if (!p) {
			w->err = ERR_NOMEM;
			return;
		}
		r->sample = p;
		r->cap_samples = cap;
	}
	struct sim_sample *s = &r->sample[r->n_samples++];
	*s = (struct sim_sample){.t_ns = w->now_ns,
				 .lookups = w->begun,
				 .lost = r->lost,
				 .done = w->n_done,
				 .late_ns = w->late_ns,
				 .queries = r->queries,
				 .retried = r->retried,
				 .upstream_queries = r->upstream_total};
	look(w, s, final);
	if (w->c->progress) {
		w->c->progress->virtual_ns += w->now_ns - w->told_ns;
		w->c->progress->events += r->events - w->told_events;
		w->told_ns = w->now_ns;
		w->told_events = r->events;
	}
	if (!final) {
		uint64_t next_ns = w->now_ns + w->sample_ns;
		evq_push(&w->q, next_ns < w->end_ns ? next_ns : w->end_ns, EV_SAMPLE, 0, NULL);
	}
}

void sample_finish(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		const struct ct_counters *c = ctable_counters(w->node[i].ct);
		w->r->ct_insert_failed += c->insert_failed;
		w->r->ct_full += c->table_full;
		w->r->ct_early_drop += c->early_drop;
		peak(&w->r->ct_count_peak, c->peak);
		hist_record(&w->r->node_peak, c->peak);
	}
}
