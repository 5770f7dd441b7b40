/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trial.h.
 */
#include "sim/answer/trial.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void trial_set(struct trial *t, const char *fmt, ...)
{
	va_list args;

	if (t->n_sets == TRIAL_SETS)
		return;
	va_start(args, fmt);
	vsnprintf(t->set[t->n_sets++], TRIAL_TEXT, fmt, args);
	va_end(args);
}

int trials_run(struct trial *t, size_t n, const struct sim_ask *a, size_t cell, const char *name, struct diag *d)
{
	struct cell_job *job = calloc(n, sizeof(*job));
	struct cell_outcome *out = calloc(n, sizeof(*out));
	const char *sets[TRIAL_SETS];
	int rc = job && out ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	for (size_t i = 0; rc == 0 && i < n; i++) {
		for (unsigned k = 0; k < t[i].n_sets; k++)
			sets[k] = t[i].set[k];
		rc = ask_load(&t[i].l, a, sets, t[i].n_sets, d);
		t[i].cell = cell;
		if (rc == 0)
			job[i] = t[i].l.cell[cell];
	}
	if (rc == 0)
		rc = cells_run(job, n, ask_threads(a), name, out, NULL, d);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			t[i].out = out[i];
		else
			trial_release(&t[i]);
	}
	free(job);
	free(out);
	return rc;
}

int trial_run(struct trial *t, const struct sim_ask *a, size_t cell, struct diag *d)
{
	return trials_run(t, 1, a, cell, NULL, d);
}

void trial_release(struct trial *t)
{
	cell_outcome_release(&t->out);
	ask_release(&t->l);
	memset(t, 0, sizeof(*t));
}

struct interval trial_number(const struct trial *t, const char *name)
{
	return numbers_interval(t->out.rep, t->out.n_reps, numbers_find(name));
}

struct pressure trial_pressure(const struct trial *t)
{
	const struct sim_result *r = &t->out.sum;
	const struct scenario *s = t->l.s;
	double span_s = (double)(s->warmup_ns + s->duration_ns) / 1e9, nodes = (double)r->n_nodes;
	double max = s->conntrack_max ? (double)s->conntrack_max : 262144;

	return (struct pressure){
		.replicas = trial_number(t, "utilisation").mean,
		.table = (double)r->ct_count_peak / max,
		.cache = (double)r->cache_cpu_ns / 1e9 / span_s / nodes,
		.outside = s->outside_limit_per_s > 0
				   ? (double)r->upstream_world / span_s / nodes / s->outside_limit_per_s
				   : 0,
	};
}

const char *trial_bottleneck(const struct trial *t)
{
	static const struct {
		enum sim_cause cause;
		const char *word;
	} drops[] = {{CAUSE_TABLE, "connection table"},
		     {CAUSE_REPLICA_QUEUE, "cluster DNS (its queue is full)"},
		     {CAUSE_CACHE_QUEUE, "node cache (its socket buffer is full)"},
		     {CAUSE_OUTSIDE, "packets to resolvers outside"},
		     {CAUSE_BACKLOG, "a node's softirq backlog"}};
	const struct sim_result *r = &t->out.sum;
	const char *word = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		if (r->dropped[drops[i].cause] > most) {
			most = r->dropped[drops[i].cause];
			word = drops[i].word;
		}
	if (word)
		return word;
	struct pressure p = trial_pressure(t);
	if (p.replicas >= 0.5 || r->replica_throttled_ns)
		return r->replica_throttled_ns ? "cluster DNS (CPU limit)" : "cluster DNS (busy)";
	if (p.cache >= 0.5)
		return "node cache (busy)";
	return "nothing is full: delays and loss on the way";
}
