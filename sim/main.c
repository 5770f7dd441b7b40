/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim: a scenario in virtual time, cell by cell. See dns-sim(1) and
 * docs/simulator.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "sim/record.h"

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };

struct options {
	const char *scenario, *out, *costs, *qs;
	struct opt_list cells;
	uint64_t nodes, seed;
	bool no_verify, print_costs;
};
static struct options o;

/* clang-format off */
static const struct opt_def defs[] = {
	{"scenario", 's', OPT_TEXT, &o.scenario, "FILE", "what to simulate", 0, 0, NULL},
	{"cell", 'c', OPT_LIST, &o.cells, "NAME", "only this cell (iptables-cache); may be repeated", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record for each cell below it", 0, 0, NULL},
	{"nodes", 'n', OPT_U64, &o.nodes, "N", "simulate so many of the scenario's nodes, scale up the rest (all, at most 64)", 1, 100000, NULL},
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
	struct sim_conf conf;
	struct sim_source src;
};

static void print_costs(const struct sim_costs *c)
{
	char value[64];

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

static int run_cell(struct job *j, struct diag *d)
{
	static struct sim_result r; /* holds histograms */
	char cell[32], qs[4200];
	uint64_t start_ns = clock_mono_ns();

	scen_cell_str(j->conf.proxy, j->conf.cache, cell);
	if (o.qs) {
		snprintf(qs, sizeof(qs), "%s/%s.qs", o.qs, cell);
		j->conf.qs_path = qs;
	}
	int rc = sim_run(&r, &j->conf, d);
	if (rc < 0)
		return rc;
	double took_s = (double)(clock_mono_ns() - start_ns) / 1e9;
	log_info("%s: %.0f events in %.2f s, %.0f a second", cell, (double)r.events, took_s,
		 (double)r.events / (took_s > 0 ? took_s : 1));
	sim_print_row(&r, &j->conf, stdout);
	if (o.out)
		rc = sim_record_write(&r, &j->conf, &j->src, o.out, d);
	sim_result_release(&r);
	return rc;
}

static int run_cells(struct job *j, struct diag *d)
{
	static const enum scen_proxy modes[] = {SCEN_PROXIES(SCEN_PROXY_NAME)};
	unsigned n = 0;
	int rc = 0;

	sim_print_head(stdout);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		for (int cache = 0; cache < 2 && rc == 0; cache++) {
			char cell[32];
			if (!(j->s->proxy_modes & modes[i]) ||
			    !(cache ? j->s->cache_on : j->s->cache_off) ||
			    !wanted(scen_cell_str(modes[i], cache, cell)))
				continue;
			j->conf.proxy = modes[i];
			j->conf.cache = cache;
			rc = run_cell(j, d);
			n++;
		}
	}
	if (rc == 0 && n == 0)
		rc = diag_set(d, ERR_MISSING, "%s has no such cell", o.scenario);
	return rc;
}

static int run_scenario(struct job *j, struct diag *d)
{
	int rc = scenario_load(&j->s, o.scenario, d);

	if (rc < 0)
		return rc;
	if (o.seed)
		j->s->seed = o.seed;
	if (j->s->n_backends > SIM_BACKENDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: at most %d backends", o.scenario,
				SIM_BACKENDS_MAX);
	rc = zone_new(&j->zone, j->s, d);
	if (rc < 0)
		return rc;
	j->conf.s = j->s;
	j->conf.zone = j->zone;
	j->conf.verify = !o.no_verify;
	j->conf.n_nodes = o.nodes ? (unsigned)o.nodes : sim_nodes_default(j->s);
	if (j->conf.n_nodes > j->s->n_nodes)
		j->conf.n_nodes = j->s->n_nodes;
	return run_cells(j, d);
}

static int run(struct job *j)
{
	struct diag d = {{0}};

	sim_costs_init(&j->conf.costs);
	int rc = o.costs ? sim_costs_load(&j->conf.costs, o.costs, &d) : 0;
	if (rc == 0 && o.print_costs)
		print_costs(&j->conf.costs);
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
