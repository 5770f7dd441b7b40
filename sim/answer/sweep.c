/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sweep's points are run some at a time, so that memory does not grow with their number. A task
 * is one replication of one cell of one point; shard I of N takes every N-th.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "sim/answer/part.h"
#include "sim/answer/sweep_plan.h"

#define CHUNK 8 /* points in memory at once */

/* --- points --- */

int sweep_point_load(struct sweep_plan *p, unsigned i, struct sweep_pt *ret, struct diag *d)
{
	const char *sets[SWEEP_KEYS_MAX];
	size_t len = 0;

	memset(ret, 0, sizeof(*ret));
	sweep_point(&p->file, i, ret->set);
	for (unsigned k = 0; k < p->file.n_keys; k++) {
		sets[k] = ret->set[k];
		len += (size_t)snprintf(ret->name + len, sizeof(ret->name) - len, "%s%s", k ? " " : "", ret->set[k]);
	}
	int rc = ask_load(&ret->l, p->a, sets, p->file.n_keys, d);
	if (rc == 0 && p->n_cells && ret->l.n_cells != p->n_cells) {
		ask_release(&ret->l);
		rc = diag_set(d, ERR_RANGE, "%s: every point has the same cells", ret->name);
	}
	return rc;
}

/* --- the table --- */

void sweep_table_head(struct sweep_plan *p)
{
	fprintf(p->table, "point");
	for (unsigned k = 0; k < p->file.n_keys; k++)
		fprintf(p->table, ",%s", p->file.key[k].key);
	fprintf(p->table, ",cell,replications");
	for (size_t i = 0; i < NUMBERS_N; i++)
		fprintf(p->table, ",%s,%s.low,%s.high", numbers_metric(i), numbers_metric(i), numbers_metric(i));
	fputc('\n', p->table);
}

static void table_row(struct sweep_plan *p, unsigned i, const struct sweep_pt *pt, size_t c, const struct cell_outcome *o)
{
	char cell[32];

	fprintf(p->table, "%u", i);
	for (unsigned k = 0; k < p->file.n_keys; k++)
		fprintf(p->table, ",\"%s\"", strchr(pt->set[k], '=') + 1);
	fprintf(p->table, ",%s,%u", sim_cell_str(pt->l.cell[c].proxy, pt->l.cell[c].cache, cell), o->n_reps);
	for (size_t k = 0; k < NUMBERS_N; k++) {
		struct interval v = numbers_interval(o->rep, o->n_reps, k);
		fprintf(p->table, ",%.9g,%.9g,%.9g", v.mean, v.low, v.high);
	}
	fputc('\n', p->table);
}

/* DIR/point-0003/CELL and a row of the table. */
int sweep_point_write(struct sweep_plan *p, unsigned i, const struct sweep_pt *pt, size_t c, const struct cell_outcome *o,
		       struct diag *d)
{
	char dir[4200];

	table_row(p, i, pt, c, o);
	printf("%s\n", pt->name);
	sim_print_row(o, &pt->l.cell[c], stdout);
	if (file_stdout_done(d) < 0)
		return ERR_SYS;
	snprintf(dir, sizeof(dir), "%s/point-%04u", p->a->out, i);
	return ask_record(p->a, o, &pt->l.cell[c], pt->name, dir, d);
}

/* --- running --- */

struct chunk {
	struct sweep_plan *p;
	unsigned first, n;
	struct sweep_pt point[CHUNK];
	struct cell_job job[CHUNK * ASK_CELLS_MAX];
	struct cell_outcome out[CHUNK * ASK_CELLS_MAX];
	size_t n_jobs;
};

/* Which replications of a job are this shard's: those whose number of all tasks leaves it as
 * the rest. */
static void shard_job(const struct sweep_plan *p, uint64_t number, struct cell_job *j)
{
	uint64_t before = number * j->n_reps % p->n_shards;

	j->first_rep = (unsigned)((p->shard + p->n_shards - before) % p->n_shards);
	j->rep_step = (unsigned)p->n_shards;
}

static int on_whole(void *ctx, size_t job, unsigned rep, const struct sim_result *r)
{
	struct chunk *c = ctx;

	c->p->n_parts++;
	int rc = part_task(c->p->part, (uint64_t)c->first * c->p->n_cells + job, rep, r);
	if (rc == ERR_SYS)
		c->p->part_errno = errno;
	return rc;
}

static int chunk_load(struct chunk *c, struct diag *d)
{
	struct sweep_plan *p = c->p;
	int rc = 0;

	c->n_jobs = 0;
	for (unsigned i = 0; rc == 0 && i < c->n; i++) {
		rc = sweep_point_load(p, c->first + i, &c->point[i], d);
		for (size_t k = 0; rc == 0 && k < p->n_cells; k++) {
			struct cell_job *j = &c->job[c->n_jobs];
			*j = c->point[i].l.cell[k];
			if (p->n_shards)
				shard_job(p, (uint64_t)c->first * p->n_cells + c->n_jobs, j);
			c->n_jobs++;
		}
	}
	return rc;
}

static int chunk_run(struct chunk *c, struct diag *d)
{
	struct cells_each each = {c, on_whole};
	struct sweep_plan *p = c->p;
	int rc = chunk_load(c, d);

	if (rc == 0)
		rc = cells_run(c->job, c->n_jobs, ask_threads(p->a), p->a->sweep, c->out, p->part ? &each : NULL, d);
	for (size_t k = 0; rc == 0 && !p->part && k < c->n_jobs; k++)
		rc = sweep_point_write(p, c->first + (unsigned)(k / p->n_cells), &c->point[k / p->n_cells],
				 k % p->n_cells, &c->out[k], d);
	for (size_t k = 0; k < c->n_jobs; k++)
		cell_outcome_release(&c->out[k]);
	for (unsigned i = 0; i < c->n; i++)
		ask_release(&c->point[i].l);
	return rc;
}

/* What the last point says wrong is said before the first is run. */
static int check_all(struct sweep_plan *p, struct sweep_pt *pt, struct diag *d)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < p->file.n_points; i++) {
		rc = sweep_point_load(p, i, pt, d);
		ask_release(&pt->l);
	}
	return rc;
}

static int run_all(struct sweep_plan *p, struct diag *d)
{
	struct chunk *c = calloc(1, sizeof(*c));
	int rc = c ? check_all(p, &c->point[0], d) : diag_set(d, ERR_NOMEM, "out of memory");

	if (rc < 0) {
		free(c);
		return rc;
	}
	c->p = p;
	for (c->first = 0; rc == 0 && c->first < p->file.n_points; c->first += CHUNK) {
		unsigned left = p->file.n_points - c->first;
		c->n = left < CHUNK ? left : CHUNK;
		rc = chunk_run(c, d);
	}
	free(c);
	return rc;
}

/* --- beginning and end --- */

/* What two shards must have in common. */
static void digest(struct sweep_plan *p, const char *scenario)
{
	static char text[131072]; /* each cost may be a distribution */
	char value[COST_TEXT];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d%s %s", p->file.digest,
			      scenario, p->a->nodes, p->a->part, p->a->seed, p->a->replications, p->a->no_verify, p->a->same_lookups ? " same" : "", opt_version());
	for (const struct cost_def *k = cost_defs; k->name && n < sizeof(text); k++) {
		sim_cost_text(&p->a->costs, k, value);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", value);
		if (!p->a->nft_costs.by_dialect || n >= sizeof(text))
			continue;
		sim_cost_text(&p->a->nft_costs, k, value);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", value);
	}
	for (size_t i = 0; i < p->a->sets.n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", p->a->sets.item[i]);
	for (size_t i = 0; i < p->a->cells.n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", p->a->cells.item[i]);
	hash_sha256_hex(text, n < sizeof(text) ? n : sizeof(text), p->digest);
}

int sweep_plan_load(struct sweep_plan *p, struct sim_ask *a, struct diag *d)
{
	struct sweep_pt *first = calloc(1, sizeof(*first));

	*p = (struct sweep_plan){.a = a};
	int rc = first ? sweep_file_load(&p->file, a->sweep, d) : diag_set(d, ERR_NOMEM, "out of memory");
	if (rc == 0) {
		a->scenario = p->file.scenario;
		if (!a->replications)
			a->replications = p->file.replications ? p->file.replications : 1;
		rc = sweep_point_load(p, 0, first, d);
	}
	if (rc == 0) {
		p->n_cells = first->l.n_cells;
		digest(p, first->l.s->digest);
		ask_release(&first->l);
	}
	free(first);
	return rc;
}

static int shard_parse(struct sweep_plan *p, struct diag *d)
{
	char *end;
	const char *text = p->a->shard;

	p->shard = strtoull(text, &end, 10);
	if (end != text && *end == '/' && end[1])
		p->n_shards = strtoull(end + 1, &end, 10);
	if (*end || p->n_shards < 1 || p->n_shards > 100000 || p->shard >= p->n_shards)
		return diag_set(d, ERR_SYNTAX, "--shard is '%s': expected I/N with I from 0 to N - 1", text);
	return 0;
}

static int run_shard(struct sweep_plan *p, struct diag *d)
{
	char name[64];
	int rc = shard_parse(p, d);

	snprintf(name, sizeof(name), ".part-%" PRIu64 "-of-%" PRIu64, p->shard, p->n_shards);
	if (rc == 0)
		rc = ask_out_open(p->a, name, &p->part, d);
	if (rc < 0)
		return rc;
	part_head(p->part, p->digest);
	rc = run_all(p, d);
	if (p->part_errno) {
		errno = p->part_errno;
		diag_errno(d, "%s/%s", p->a->out, name + 1);
	}
	if (rc == 0)
		part_done(p->part, p->n_parts);
	rc = ask_out_close(p->a, name, p->part, rc, d);
	if (rc == 0)
		log_info("%s: %" PRIu64 " tasks", name + 1, p->n_parts);
	return rc;
}

int sweep(struct sim_ask *a, struct diag *d)
{
	struct sweep_plan p;
	int rc = a->out ? sweep_plan_load(&p, a, d) : diag_set(d, ERR_MISSING, "sweep: give --out DIR");

	if (rc < 0)
		return rc;
	if (a->shard)
		return run_shard(&p, d);
	rc = ask_out_open(a, SWEEP_TABLE, &p.table, d);
	if (rc < 0)
		return rc;
	sweep_table_head(&p);
	sim_print_head(stdout);
	return ask_out_close(a, SWEEP_TABLE, p.table, run_all(&p, d), d);
}
