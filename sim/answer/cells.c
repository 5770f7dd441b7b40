/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task is one part of one replication of one job. Threads take tasks in order; a part that
 * is done waits until those before it have been added.
 */
#include "sim/answer/cells.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"
#include "sim/answer/progress.h"
#include "sim/world/answers.h"

#define NODES_AUTO 16 /* more nodes than this are sampled, unless told otherwise */
#define PART_APART 1  /* nodes that do not meet: one fits best into the caches of a core */
#define PART_MEET 64  /* nodes that meet at busy servers */

struct task {
	uint32_t job, rep, part;
};

struct pending { /* a replication of a job */
	struct sim_result sum, **part; /* done, not yet added */
	unsigned n_parts, n_added;
};

struct crew {
	pthread_mutex_t lock;
	const struct cell_job *job;
	struct cell_outcome *out;
	const struct cells_each *each;
	struct task *task;
	size_t n_tasks, next;
	struct pending **pending; /* [job][rep] */
	unsigned *n_folded;	  /* [job]: replications in its outcome */
	struct sim_progress progress;
	unsigned n_threads;
	struct sim_result **spare; /* that have been added, for the next tasks */
	size_t n_spare;
	int rc;
	struct diag d;
};

unsigned cells_nodes_default(const struct scenario *s)
{
	return s->n_nodes < NODES_AUTO ? s->n_nodes : NODES_AUTO;
}

unsigned cells_part_nodes(const struct scenario *s, const struct sim_costs *costs, unsigned n_nodes)
{
	bool meet = s->replica.service.median_ns || costs->backend_cpu.d.median_ns;
	unsigned part = meet ? PART_MEET : PART_APART;

	return n_nodes < part ? n_nodes : part;
}

uint64_t cells_seed(uint64_t seed, unsigned rep)
{
	struct rng r;

	if (rep == 0)
		return seed;
	rng_seed_stream(&r, seed, 0x7265706c00000000ull | rep);
	return rng_u64(&r) | 1;
}

static unsigned part_nodes(const struct cell_job *j)
{
	return j->part_nodes ? j->part_nodes : cells_part_nodes(j->s, j->costs, j->n_nodes);
}

static bool all_apart(const struct cell_job *job, size_t n)
{
	bool apart = true;

	for (size_t i = 0; i < n; i++)
		apart &= part_nodes(&job[i]) == PART_APART;
	return apart;
}

static unsigned parts_of(const struct cell_job *j)
{
	return (j->n_nodes + part_nodes(j) - 1) / part_nodes(j);
}

static unsigned reps_of(const struct cell_job *j)
{
	unsigned step = j->rep_step ? j->rep_step : 1;

	return j->first_rep >= j->n_reps ? 0 : (j->n_reps - j->first_rep + step - 1) / step;
}

static unsigned rep_of(const struct cell_job *j, unsigned i)
{
	return j->first_rep + i * (j->rep_step ? j->rep_step : 1);
}

/* --- adding up, under the lock --- */

int cell_outcome_add(struct cell_outcome *o, unsigned i, const struct sim_result *r, const struct scenario *s)
{
	numbers_of(&o->rep[i], r, s);
	return sim_result_add(&o->sum, r);
}

static void fold(struct crew *c, uint32_t job)
{
	struct cell_outcome *o = &c->out[job];

	while (c->n_folded[job] < o->n_reps) {
		struct pending *p = &c->pending[job][c->n_folded[job]];
		if (!p->n_parts || p->n_added < p->n_parts)
			return;
		unsigned i = c->n_folded[job]++;
		int rc = cell_outcome_add(o, i, &p->sum, c->job[job].s);
		if (rc == 0 && c->each)
			rc = c->each->whole(c->each->ctx, job, rep_of(&c->job[job], i), &p->sum);
		if (rc < 0)
			c->rc = rc;
		sim_result_release(&p->sum);
	}
}

static void add(struct crew *c, const struct task *t, struct sim_result *r)
{
	struct pending *p = &c->pending[t->job][t->rep];

	p->part[t->part] = r;
	while (p->n_added < p->n_parts && p->part[p->n_added]) {
		struct sim_result *next = p->part[p->n_added];
		p->part[p->n_added++] = NULL;
		if (sim_result_add(&p->sum, next) < 0)
			c->rc = ERR_NOMEM;
		sim_result_release(next);
		if (c->n_spare < c->n_threads)
			c->spare[c->n_spare++] = next;
		else
			free(next);
	}
	fold(c, t->job);
}

/* --- threads --- */

static int run_task(struct crew *c, const struct task *t, struct answers *answers, struct sim_result *r,
		    struct diag *d)
{
	const struct cell_job *j = &c->job[t->job];
	unsigned rep = rep_of(j, t->rep), part = part_nodes(j);
	struct sim_conf conf = {
		.s = j->s,
		.zone = j->zone,
		.proxy = j->proxy,
		.cache = j->cache,
		.verify = j->verify,
		.same_lookups = j->same_lookups,
		.seed = cells_seed(j->s->seed, rep),
		.first_node = t->part * part,
		.n_nodes = j->n_nodes - t->part * part < part ? j->n_nodes - t->part * part : part,
		.costs = j->costs,
		.qs_path = rep == 0 && t->part == 0 ? j->qs_path : NULL,
		.progress = &c->progress,
		.answers = answers,
	};

	return sim_run(r, &conf, d);
}

static void *work(void *arg)
{
	struct crew *c = arg;
	struct answers *answers = answers_new(); /* NULL: each world has its own */

	pthread_mutex_lock(&c->lock);
	while (c->next < c->n_tasks && c->rc == 0) {
		struct task t = c->task[c->next++];
		struct diag d = {{0}};
		struct sim_result *r = c->n_spare ? c->spare[--c->n_spare] : NULL;
		pthread_mutex_unlock(&c->lock);
		if (!r)
			r = calloc(1, sizeof(*r));
		int rc = r ? run_task(c, &t, answers, r, &d) : diag_set(&d, ERR_NOMEM, "out of memory");
		pthread_mutex_lock(&c->lock);
		if (rc == 0) {
			add(c, &t, r);
			continue;
		}
		free(r);
		if (c->rc == 0) {
			c->rc = rc;
			c->d = d;
		}
	}
	pthread_mutex_unlock(&c->lock);
	answers_free(answers);
	return NULL;
}

/* What all tasks together will take, for the progress line. */
static uint64_t virtual_ns(const struct crew *c)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < c->n_tasks; i++)
		ns += c->job[c->task[i].job].s->warmup_ns + c->job[c->task[i].job].s->duration_ns;
	return ns;
}

static void run_threads(struct crew *c, const char *name)
{
	pthread_t *thread = calloc(c->n_threads, sizeof(*thread));
	struct progress *line = name ? progress_begin(name, virtual_ns(c), &c->progress) : NULL;
	unsigned n = 0;

	while (thread && n + 1 < c->n_threads && pthread_create(&thread[n], NULL, work, c) == 0)
		n++;
	work(c);
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	progress_end(line);
	free(thread);
}

/* --- the crew --- */

static int prepare(struct crew *c, size_t n_jobs)
{
	for (size_t j = 0; j < n_jobs; j++)
		c->n_tasks += (size_t)reps_of(&c->job[j]) * parts_of(&c->job[j]);
	c->task = calloc(c->n_tasks + 1, sizeof(*c->task));
	c->pending = calloc(n_jobs + 1, sizeof(*c->pending));
	c->n_folded = calloc(n_jobs + 1, sizeof(*c->n_folded));
	c->spare = calloc(c->n_threads, sizeof(*c->spare));
	if (!c->task || !c->pending || !c->n_folded || !c->spare)
		return ERR_NOMEM;
	size_t n = 0;
	for (uint32_t j = 0; j < n_jobs; j++) {
		unsigned reps = reps_of(&c->job[j]), parts = parts_of(&c->job[j]);
		c->out[j].n_reps = reps;
		c->out[j].rep = calloc(reps + 1, sizeof(*c->out[j].rep));
		c->pending[j] = calloc(reps + 1, sizeof(**c->pending));
		if (!c->out[j].rep || !c->pending[j])
			return ERR_NOMEM;
		for (uint32_t r = 0; r < reps; r++) {
			c->pending[j][r].n_parts = parts;
			c->pending[j][r].part = calloc(parts + 1, sizeof(struct sim_result *));
			if (!c->pending[j][r].part)
				return ERR_NOMEM;
			for (uint32_t p = 0; p < parts; p++)
				c->task[n++] = (struct task){j, r, p};
		}
	}
	return 0;
}

static void take_apart(struct crew *c, size_t n_jobs)
{
	for (size_t j = 0; c->pending && j < n_jobs && c->pending[j]; j++) {
		for (unsigned r = 0; r < c->out[j].n_reps; r++) {
			struct pending *p = &c->pending[j][r];
			for (unsigned i = 0; p->part && i < p->n_parts; i++)
				if (p->part[i]) {
					sim_result_release(p->part[i]);
					free(p->part[i]);
				}
			sim_result_release(&p->sum);
			free(p->part);
		}
		free(c->pending[j]);
	}
	while (c->n_spare)
		free(c->spare[--c->n_spare]);
	free(c->spare);
	free(c->pending);
	free(c->n_folded);
	free(c->task);
	pthread_mutex_destroy(&c->lock);
}

int cells_run(const struct cell_job *job, size_t n_jobs, unsigned n_threads, const char *name,
	      struct cell_outcome *ret, const struct cells_each *each, struct diag *d)
{
	struct crew c = {.job = job, .out = ret, .each = each, .n_threads = n_threads ? n_threads : 1};

	pthread_mutex_init(&c.lock, NULL);
	memset(ret, 0, n_jobs * sizeof(*ret));
	c.rc = prepare(&c, n_jobs);
	sim_memory_keep(all_apart(job, n_jobs));
	if (c.rc == 0)
		run_threads(&c, name);
	take_apart(&c, n_jobs);
	if (c.rc == 0)
		return 0;
	for (size_t j = 0; j < n_jobs; j++)
		cell_outcome_release(&ret[j]);
	return diag_set(d, c.rc, "%s", c.d.text[0] ? c.d.text : "out of memory");
}

void cell_outcome_release(struct cell_outcome *o)
{
	sim_result_release(&o->sum);
	free(o->rep);
	*o = (struct cell_outcome){0};
}
