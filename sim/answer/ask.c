/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See ask.h.
 */
#include "sim/answer/ask.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/record/result_dir.h"
#include "sim/world/life.h"

unsigned ask_threads(const struct sim_ask *a)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return a->threads ? (unsigned)a->threads : n > 0 ? (unsigned)n : 1;
}

static bool wanted(const struct sim_ask *a, const char *cell)
{
	for (size_t i = 0; i < a->cells.n; i++)
		if (strcmp(a->cells.item[i], cell) == 0)
			return true;
	return a->cells.n == 0;
}

/* In the order in which they are shown. */
static void choose_cells(struct loaded *l, const struct sim_ask *a)
{
	static const enum scen_proxy modes[] = {SCEN_PROXIES(SCEN_PROXY_NAME)};
	const bool exists[SIM_CACHES] = {l->s->cache_off, l->s->cache_on, l->s->cache_original};
	unsigned n_nodes = a->nodes ? (unsigned)a->nodes : cells_nodes_default(l->s);
	char name[32];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (unsigned cache = 0; cache < SIM_CACHES; cache++) {
			if (!(l->s->proxy_modes & modes[i]) || !exists[cache] ||
			    !wanted(a, sim_cell_str(modes[i], cache, name)))
				continue;
			l->cell[l->n_cells++] =
				(struct cell_job){.s = l->s,
						  .zone = l->zone,
						  .costs = modes[i] == SCEN_NFTABLES ? &a->nft_costs : &a->costs,
						  .proxy = modes[i],
						  .cache = cache,
						  .verify = !a->no_verify,
						  .same_lookups = a->same_lookups,
						  .n_nodes = n_nodes < l->s->n_nodes ? n_nodes : l->s->n_nodes,
						  .part_nodes = (unsigned)a->part,
						  .n_reps = (unsigned)a->replications};
		}
}

/* Once: a sweep's points are loaded one by one. */
static void warn_bounds(const struct scenario *s)
{
	static bool said;
	unsigned wish = life_proportional_wish(s);

	if (said || s->scaler.kind != SCEN_PROPORTIONAL || wish <= s->scaler.max)
		return;
	said = true;
	log_warn("cluster-proportional-autoscaler's formula says %u replicas; cluster.autoscaler.max holds them at %u", wish,
		 s->scaler.max);
}

int ask_load(struct loaded *ret, const struct sim_ask *a, const char *const *sets, size_t n_sets,
	     struct diag *d)
{
	const char *all[ASK_SETS_MAX];
	size_t n = 0;

	*ret = (struct loaded){0};
	for (size_t i = 0; i < a->sets.n; i++)
		all[n++] = a->sets.item[i];
	for (size_t i = 0; i < n_sets && n < ASK_SETS_MAX; i++)
		all[n++] = sets[i];
	int rc = scenario_load_set(&ret->s, a->scenario, all, n, d);
	if (rc == 0) {
		if (a->seed)
			ret->s->seed = a->seed;
		warn_bounds(ret->s);
		rc = zone_new(&ret->zone, ret->s, d);
	}
	if (rc == 0) {
		choose_cells(ret, a);
		if (ret->n_cells == 0)
			rc = diag_set(d, ERR_MISSING, "%s has no such cell", a->scenario);
	}
	if (rc < 0)
		ask_release(ret);
	return rc;
}

void ask_release(struct loaded *l)
{
	zone_free(l->zone);
	scenario_free(l->s);
	*l = (struct loaded){0};
}

int ask_out_ready(const struct sim_ask *a, struct diag *d)
{
	char path[4200];
	int rc = dirs_make(a->out, d);

	snprintf(path, sizeof(path), "%s/.", a->out);
	return rc < 0 ? rc : access(path, W_OK) < 0 ? diag_errno(d, "%s", a->out) : 0;
}

int ask_out_open(const struct sim_ask *a, const char *hidden, FILE **ret, struct diag *d)
{
	char path[4200];

	if (ask_out_ready(a, d) < 0)
		return ERR_SYS;
	snprintf(path, sizeof(path), "%s/%s", a->out, hidden + 1);
	unlink(path); /* of another run */
	snprintf(path, sizeof(path), "%s/%s", a->out, hidden);
	int rc = interrupt_file(path, d);
	if (rc < 0)
		return rc;
	*ret = fopen(path, "we");
	return *ret ? 0 : diag_errno(d, "%s", path);
}

int ask_out_close(const struct sim_ask *a, const char *hidden, FILE *f, int rc, struct diag *d)
{
	char from[4200], to[4200];
	bool bad = ferror(f);

	if ((fclose(f) != 0 || bad) && rc == 0)
		rc = diag_set(d, ERR_SYS, "%s/%s could not be written whole", a->out, hidden);
	snprintf(from, sizeof(from), "%s/%s", a->out, hidden);
	snprintf(to, sizeof(to), "%s/%s", a->out, hidden + 1);
	interrupt_hold();
	if (rc < 0)
		unlink(from);
	else if (rename(from, to) < 0)
		rc = diag_errno(d, "%s", to);
	interrupt_files_forget();
	interrupt_release();
	return rc;
}

int ask_record(struct sim_ask *a, const struct cell_outcome *o, const struct cell_job *j, const char *point, const char *dir,
	       struct diag *d)
{
	struct sim_source src = a->src;

	src.point = point;
	interrupt_hold();
	int rc = sim_record_write(o, j, &src, dir, d);
	a->n_records += rc == 0;
	if (rc == 0)
		interrupt_left("%" PRIu64 " record%s below %s, each whole, and no more", a->n_records, a->n_records == 1 ? " is" : "s are", a->out);
	interrupt_release();
	return rc;
}
