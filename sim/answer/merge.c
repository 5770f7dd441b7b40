/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim merge: what the shards of a sweep left is found, checked to be all there once, and goes
 * the way that results of its own would have gone, one cell at a time.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/answer/part.h"
#include "sim/answer/sweep_plan.h"

struct where { /* a task, found */
	unsigned file;
	bool there;
	long at;
	unsigned line;
};

struct merge {
	struct sweep_plan p;
	struct part_reader *part;
	unsigned n_files;
	struct where *task; /* [job * replications + rep] */
	uint64_t n_tasks;
};

static int find_tasks(struct merge *m, unsigned file, struct diag *d)
{
	struct part_reader *p = &m->part[file];
	struct sim_result *r = malloc(sizeof(*r));
	uint64_t job, rep;
	bool more = true;
	int rc = r ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	while (rc == 0 && more) {
		long at = ftell(p->f);
		unsigned line = p->line;
		rc = part_next(p, &job, &rep, r, &more, d);
		if (rc < 0 || !more)
			break;
		sim_result_release(r);
		uint64_t t = job * m->p.a->replications + rep;
		if (rep >= m->p.a->replications || t >= m->n_tasks)
			rc = diag_at(d, ERR_RANGE, p->path, line + 1, 0, "the sweep has no such task");
		else if (m->task[t].there)
			rc = diag_at(d, ERR_EXISTS, p->path, line + 1, 0, "this task is in %s as well",
				     m->part[m->task[t].file].path);
		else
			m->task[t] = (struct where){.file = file, .there = true, .at = at, .line = line};
	}
	free(r);
	return rc;
}

static int merge_job(struct merge *m, uint64_t job, struct sweep_pt *pt, struct diag *d)
{
	struct sim_ask *a = m->p.a;
	struct cell_outcome o = {.rep = calloc(a->replications + 1, sizeof(*o.rep))};
	struct sim_result *r = malloc(sizeof(*r));
	uint64_t ignored;
	bool more;
	int rc = o.rep && r ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	for (unsigned i = 0; rc == 0 && i < a->replications; i++) {
		const struct where *w = &m->task[job * a->replications + i];
		struct part_reader *p = &m->part[w->file];
		fseek(p->f, w->at, SEEK_SET);
		p->line = w->line;
		rc = part_next(p, &ignored, &ignored, r, &more, d);
		if (rc < 0)
			break;
		o.n_reps = i + 1;
		rc = cell_outcome_add(&o, i, r, pt->l.s);
		sim_result_release(r);
	}
	if (rc == 0)
		rc = sweep_point_write(&m->p, (unsigned)(job / m->p.n_cells), pt, job % m->p.n_cells, &o, d);
	free(r);
	cell_outcome_release(&o);
	return rc;
}

static int merge_points(struct merge *m, struct diag *d)
{
	struct sweep_pt *pt = calloc(1, sizeof(*pt));
	int rc = pt ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	for (unsigned i = 0; rc == 0 && i < m->p.file.n_points; i++) {
		rc = sweep_point_load(&m->p, i, pt, d);
		for (size_t c = 0; rc == 0 && c < m->p.n_cells; c++)
			rc = merge_job(m, (uint64_t)i * m->p.n_cells + c, pt, d);
		ask_release(&pt->l);
	}
	free(pt);
	return rc;
}

static int merge_all(struct merge *m, struct diag *d)
{
	struct sim_ask *a = m->p.a;
	int rc = 0;

	m->n_tasks = (uint64_t)m->p.file.n_points * m->p.n_cells * a->replications;
	m->task = calloc(m->n_tasks + 1, sizeof(*m->task));
	m->part = calloc((size_t)a->n_operands + 1, sizeof(*m->part));
	if (!m->task || !m->part)
		return diag_set(d, ERR_NOMEM, "out of memory");
	for (int i = 0; rc == 0 && i < a->n_operands; i++) {
		m->n_files++;
		rc = part_open(&m->part[i], a->operand[i], m->p.digest, d);
		rc = rc == 0 ? find_tasks(m, (unsigned)i, d) : rc;
	}
	for (uint64_t t = 0; rc == 0 && t < m->n_tasks; t++)
		if (!m->task[t].there)
			rc = diag_set(d, ERR_MISSING, "replication %" PRIu64 " of job %" PRIu64 " is in no part",
				      t % a->replications, t / a->replications);
	if (rc == 0)
		rc = ask_out_open(a, SWEEP_TABLE, &m->p.table, d);
	if (rc < 0)
		return rc;
	sweep_table_head(&m->p);
	sim_print_head(stdout);
	return ask_out_close(a, SWEEP_TABLE, m->p.table, merge_points(m, d), d);
}

int sweep_merge(struct sim_ask *a, struct diag *d)
{
	struct merge m = {0};
	int rc = a->out && a->n_operands ? sweep_plan_load(&m.p, a, d)
					 : diag_set(d, ERR_MISSING, "merge: give --out DIR and the parts");

	if (rc == 0)
		rc = merge_all(&m, d);
	for (unsigned i = 0; i < m.n_files; i++)
		part_close(&m.part[i]);
	free(m.part);
	free(m.task);
	return rc;
}
