/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim: a scenario in virtual time, cell by cell. See dns-sim(1) and
 * docs/simulator.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "sim/answer/record.h"

#define CELLS_MAX 9 /* proxy modes and caches */

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };

struct options {
	const char *scenario, *out, *costs, *qs;
	struct opt_list cells;
	struct opt_list sets;
	uint64_t nodes, part, seed, replications, jobs;
	bool no_verify, print_costs;
};
static struct options o = {.replications = 1};

/* clang-format off */
static const struct opt_def defs[] = {
	{"scenario", 's', OPT_TEXT, &o.scenario, "FILE", "what to simulate", 0, 0, NULL},
	{"cell", 'c', OPT_LIST, &o.cells, "NAME", "only this cell (iptables-cache); may be repeated", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record for each cell below it", 0, 0, NULL},
	{"nodes", 'n', OPT_U64, &o.nodes, "N", "simulate so many of the scenario's nodes, scale up the rest (all, at most 16)", 1, 100000, NULL},
	{"part", 0, OPT_U64, &o.part, "N", "simulate so many nodes together (16; 64 where the cluster DNS is ever busy)", 1, 100000, NULL},
	{"replications", 'r', OPT_U64, &o.replications, "N", "run each cell so often, from seeds of its own, for intervals", 1, 10000, NULL},
	{"jobs", 'j', OPT_U64, &o.jobs, "N", "threads (one a processor); changes nothing but the time", 1, 1024, NULL},
	{"set", 0, OPT_LIST, &o.sets, "KEY=VALUE", "a key of the scenario otherwise than the file has it; may be repeated", 0, 0, NULL},
	{"costs", 0, OPT_TEXT, &o.costs, "FILE", "what things cost in time, in place of the defaults", 0, 0, NULL},
	{"print-costs", 0, OPT_BOOL, &o.print_costs, NULL, "print the costs in the form --costs reads, and exit", 0, 0, NULL},
	{"qs", 0, OPT_TEXT, &o.qs, "DIR", "write the query stream of node 0's pods to DIR/CELL.qs", 0, 0, NULL},
	{"no-verify", 0, OPT_BOOL, &o.no_verify, NULL, "do not check every answer against the zone", 0, 0, NULL},
	{"seed", 0, OPT_U64, &o.seed, "N", "in place of the scenario's", 1, UINT64_MAX, NULL},
	{0},
};
/* clang-format on */
static const struct opt_prog program = {"dns-sim", "[options] --scenario FILE",
					"Predicts what a scenario's cells would measure.", defs,
					OPT_GNU};

struct job {
	struct scenario *s;
	struct zone *zone;
	struct sim_costs costs;
	struct sim_source src;
	char (*qs)[4200]; /* a path a cell */
};

static void print_costs(const struct sim_costs *c)
{
	char value[COST_TEXT];

	for (const struct cost_def *k = cost_defs; k->name; k++) {
		sim_cost_text(c, k, value);
		printf("%-14s = %-14s # %s\n", k->name, value, k->help);
	}
}

static bool wanted(const char *cell)
{
	for (size_t i = 0; i < o.cells.n; i++)
		if (strcmp(o.cells.item[i], cell) == 0)
			return true;
	return o.cells.n == 0;
}

/* The cells asked for, in the order in which they are shown; their number. */
static size_t choose_cells(struct job *j, struct cell_job *cell)
{
	static const enum scen_proxy modes[] = {SCEN_PROXIES(SCEN_PROXY_NAME)};
	const bool exists[SIM_CACHES] = {j->s->cache_off, j->s->cache_on, j->s->cache_original};
	char name[32];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (unsigned cache = 0; cache < SIM_CACHES; cache++) {
			if (!(j->s->proxy_modes & modes[i]) || !exists[cache] ||
			    !wanted(sim_cell_str(modes[i], cache, name)))
				continue;
			cell[n] = (struct cell_job){.s = j->s,
						    .zone = j->zone,
						    .costs = &j->costs,
						    .proxy = modes[i],
						    .cache = cache,
						    .verify = !o.no_verify,
						    .n_nodes = o.nodes ? (unsigned)o.nodes : cells_nodes_default(j->s),
						    .part_nodes = (unsigned)o.part,
						    .n_reps = (unsigned)o.replications};
			if (cell[n].n_nodes > j->s->n_nodes)
				cell[n].n_nodes = j->s->n_nodes;
			if (o.qs) {
				snprintf(j->qs[n], sizeof(j->qs[n]), "%s/%s.qs", o.qs, name);
				cell[n].qs_path = j->qs[n];
			}
			n++;
		}
	return n;
}

static unsigned threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return o.jobs ? (unsigned)o.jobs : n > 0 ? (unsigned)n : 1;
}

static int run_cells(struct job *j, struct diag *d)
{
	static char qs[CELLS_MAX][4200];
	static struct cell_outcome out[CELLS_MAX]; /* they hold histograms */
	struct cell_job cell[CELLS_MAX];
	uint64_t start_ns = clock_mono_ns(), events = 0;

	j->qs = qs;
	size_t n = choose_cells(j, cell);
	if (n == 0)
		return diag_set(d, ERR_MISSING, "%s has no such cell", o.scenario);
	int rc = cells_run(cell, n, threads(), j->s->name, out, d);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		events += out[i].sum.events;
	double took_s = (double)(clock_mono_ns() - start_ns) / 1e9;
	log_info("%.0f events in %.2f s, %.0f a second", (double)events, took_s,
		 (double)events / (took_s > 0 ? took_s : 1));
	sim_print_head(stdout);
	for (size_t i = 0; i < n; i++) {
		sim_print_row(&out[i], &cell[i], stdout);
		if (o.out && rc == 0)
			rc = sim_record_write(&out[i], &cell[i], &j->src, o.out, d);
		cell_outcome_release(&out[i]);
	}
	return rc;
}

static int run_scenario(struct job *j, struct diag *d)
{
	int rc = scenario_load_set(&j->s, o.scenario, o.sets.item, o.sets.n, d);

	if (rc < 0)
		return rc;
	if (o.seed)
		j->s->seed = o.seed;
	rc = zone_new(&j->zone, j->s, d);
	return rc < 0 ? rc : run_cells(j, d);
}

static int run(struct job *j)
{
	struct diag d = {{0}};

	sim_costs_init(&j->costs);
	int rc = o.costs ? sim_costs_load(&j->costs, o.costs, &d) : 0;
	if (rc == 0 && o.print_costs)
		print_costs(&j->costs);
	else if (rc == 0)
		rc = run_scenario(j, &d);
	if (rc < 0)
		log_error("%s", d.text);
	zone_free(j->zone);
	scenario_free(j->s);
	return rc < 0 ? EXIT_INVALID : 0;
}

int main(int argc, char **argv)
{
	struct diag d = {{0}};
	struct job j = {.src = {.argc = argc}};
	char special;

	log_setup("dns-sim", LOG_STYLE_TOOL, LOG_LVL_INFO);
	j.src.argv = calloc((size_t)argc + 1, sizeof(*argv)); /* the parser moves argv about */
	if (!j.src.argv)
		return EXIT_INVALID;
	memcpy(j.src.argv, argv, (size_t)argc * sizeof(*argv));
	int n = opt_parse(&program, argc, argv, &special, &d), status = 0;
	if (special == 'h') {
		opt_help(&program, stdout);
	} else if (special == 'v') {
		printf("dns-sim %s\n", opt_version());
	} else if (n < 0 || n > 0 || (!o.scenario && !o.print_costs)) {
		log_error("%s", n < 0 ? d.text : "give --scenario FILE, and no operands");
		status = EXIT_USAGE;
	} else {
		j.src.costs_path = o.costs;
		status = run(&j);
	}
	free(j.src.argv);
	return status;
}
