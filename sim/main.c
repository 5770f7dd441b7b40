/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim: a scenario in virtual time, cell by cell. See dns-sim(1) and
 * docs/simulator.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "sim/answer/ask.h"

enum { EXIT_UNMET = 1, EXIT_INVALID = 2, EXIT_USAGE = 3 };

static struct sim_ask o;
static bool only_costs;
static const char *costs_path;

/* What a surge of a scenario takes. */
static int take_times(void *value, const char *text, struct diag *d)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v > 0 && v <= 10000))
		return diag_set(d, ERR_RANGE, "'%s' is not a number above 0, up to 10000", text);
	*(double *)value = v;
	return 0;
}

static int take_surge(void *value, const char *text, struct diag *d)
{
	uint64_t ns;

	if (opt_duration(text, NS_PER_S, &ns) < 0 || ns < NS_PER_MS || ns > 7 * 86400 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "'%s' is not a duration (10s) of 1ms to 7 days", text);
	*(uint64_t *)value = ns;
	return 0;
}

/* clang-format off */
static const struct opt_def defs[] = {
	{"scenario", 's', OPT_TEXT, &o.scenario, "FILE", "what to simulate", 0, 0, NULL},
	{"cell", 'c', OPT_LIST, &o.cells, "NAME", "only this cell (iptables-cache); may be repeated", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record for each cell below it", 0, 0, NULL},
	{"nodes", 'n', OPT_U64, &o.nodes, "N", "simulate so many of the scenario's nodes, scale up the rest (all, at most 16)", 1, 100000, NULL},
	{"part", 0, OPT_U64, &o.part, "N", "simulate so many nodes together (1; 64 where the cluster DNS is ever busy)", 1, 100000, NULL},
	{"replications", 'r', OPT_U64, &o.replications, "N", "run each cell so often, from seeds of its own, for intervals (1)", 1, 10000, NULL},
	{"same-lookups", 0, OPT_BOOL, &o.same_lookups, NULL, "replications have the first one's lookups, as a lab has, and differ in all else", 0, 0, NULL},
	{"jobs", 'j', OPT_U64, &o.threads, "N", "threads (one a processor); changes nothing but the time", 1, 1024, NULL},
	{"set", 0, OPT_LIST, &o.sets, "KEY=VALUE", "a key of the scenario otherwise than the file has it; may be repeated", 0, 0, NULL},
	{"sweep", 0, OPT_TEXT, &o.sweep, "FILE", "sweep, merge: which keys take which values", 0, 0, NULL},
	{"shard", 0, OPT_TEXT, &o.shard, "I/N", "sweep: only every N-th task from the I-th on (from 0), into a file of parts", 0, 0, NULL},
	{"slo", 0, OPT_TEXT, &o.slo, "TEXT", "size: what must hold, such as 'p99<=10ms,lost<=0.01%'", 0, 0, NULL},
	{"surge-times", 0, OPT_CUSTOM, &o.surge_times, "X", "cliff: the load during the surge, in times (3)", 0, 0, take_times},
	{"surge-for", 0, OPT_CUSTOM, &o.surge_ns, "TIME", "cliff: how long it lasts (10s)", 0, 0, take_surge},
	{"seldom", 0, OPT_LIST, &o.seldom, "DIR", "calibrate: records of the same with fewer lookups, for what pauses cost; may be repeated", 0, 0, NULL},
	{"tcp", 0, OPT_LIST, &o.tcp, "DIR", "calibrate: with --processors, records of TCP alone (calibrate-tcp.yaml), for whose time that is; may be repeated", 0, 0, NULL},
	{"processors", 0, OPT_U64, &o.processors, "N", "calibrate: the lab shares so many, and has them to itself (a guest with a counted clock: 1)", 1, 64, NULL},
	{"costs", 0, OPT_TEXT, &costs_path, "FILE", "what things cost in time, in place of the defaults", 0, 0, NULL},
	{"print-costs", 0, OPT_BOOL, &only_costs, NULL, "print the costs in the form --costs reads, and exit", 0, 0, NULL},
	{"qs", 0, OPT_TEXT, &o.qs, "DIR", "write the query stream of node 0's pods to DIR/CELL.qs", 0, 0, NULL},
	{"no-verify", 0, OPT_BOOL, &o.no_verify, NULL, "do not check every answer against the zone", 0, 0, NULL},
	{"seed", 0, OPT_U64, &o.seed, "N", "in place of the scenario's", 1, UINT64_MAX, NULL},
	{0},
};
/* clang-format on */
static const struct opt_prog program = {"dns-sim", "[size | cliff | sweep | merge | calibrate] [options] --scenario FILE",
					"Predicts what a scenario's cells would measure.", defs,
					OPT_GNU};

static const struct verb {
	const char *name;
	int (*run)(struct sim_ask *a, struct diag *d);
	enum { BY_SCENARIO, BY_SWEEP, BY_RECORDS } by; /* what it needs */
} verbs[] = {
	{"size", size, BY_SCENARIO},
	{"cliff", cliff, BY_SCENARIO},
	{"sweep", sweep, BY_SWEEP},
	{"merge", sweep_merge, BY_SWEEP},
	{"calibrate", calibrate, BY_RECORDS},
};

static void print_costs(const struct sim_costs *c, const struct sim_costs *nft)
{
	char value[COST_TEXT], other[COST_TEXT];

	for (const struct cost_def *k = cost_defs; k->name; k++) {
		sim_cost_text(c, k, value);
		sim_cost_text(nft, k, other);
		printf("%-14s = %-14s # %s\n", k->name, value, k->help);
		if (strcmp(value, other) != 0)
			printf(COST_NFT "%s = %s\n", k->name, other);
	}
}

/* NULL: no verb, or one that is none, as *ret_known says. */
static const struct verb *verb_of(const char *word, bool *ret_known)
{
	*ret_known = true;
	for (size_t i = 0; word && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
	*ret_known = !word;
	return NULL;
}

static int run(const struct verb *v)
{
	struct diag d = {{0}};

	interrupt_begin("dns-sim");
	sim_costs_init(&o.costs);
	sim_costs_init(&o.nft_costs);
	int rc = costs_path ? sim_costs_load(&o.costs, &o.nft_costs, costs_path, &d) : 0;
	if (rc == 0 && only_costs)
		print_costs(&o.costs, &o.nft_costs);
	else if (rc == 0)
		rc = v ? v->run(&o, &d) : ask_predict(&o, &d);
	if (rc < 0)
		log_error("%s", d.text);
	return rc < 0 ? EXIT_INVALID : o.unmet ? EXIT_UNMET : 0;
}

/* An option that does nothing to what was asked for was meant for something else. */
static const char *misplaced(const struct verb *v)
{
	const char *name = v ? v->name : "predict";
	const struct {
		const char *verbs;
		bool given;
		const char *words;
	} of[] = {
		{"predict size cliff calibrate", o.scenario, "no --scenario: --sweep FILE names it"},
		{"sweep merge", o.sweep, "--sweep goes with sweep and merge"},
		{"sweep", o.shard, "--shard goes with sweep"},
		{"size", o.slo, "--slo goes with size"},
		{"cliff", o.surge_times > 0, "--surge-times goes with cliff"},
		{"cliff", o.surge_ns > 0, "--surge-for goes with cliff"},
		{"calibrate", o.seldom.n > 0, "--seldom goes with calibrate"},
		{"calibrate", o.tcp.n > 0, "--tcp goes with calibrate"},
		{"predict", o.qs, "--qs goes with no verb"},
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (of[i].given && !strstr(of[i].verbs, name))
			return of[i].words;
	return NULL;
}

static const char *wrong_usage(const struct verb *v, bool known, int n)
{
	const char *wrong = known ? misplaced(v) : "verbs are size, cliff, sweep, merge and calibrate";

	if (wrong)
		return wrong;
	if (v && v->by == BY_SWEEP)
		return !o.sweep ? "give --sweep FILE" : v->run == sweep && n > 1 ? "sweep: give no operands" : NULL;
	if (v && v->by == BY_RECORDS)
		return NULL;
	if (!o.scenario && !only_costs)
		return "give --scenario FILE, and no operands";
	return n > 1 ? "give no operands" : NULL;
}

/* What was not said. */
static void fill_in(const struct verb *v)
{
	if (!o.replications && !(v && v->by == BY_SWEEP)) /* there the file may say it */
		o.replications = 1;
	if (!(o.surge_times > 0))
		o.surge_times = 3;
	if (!o.surge_ns)
		o.surge_ns = 10 * NS_PER_S;
}

int main(int argc, char **argv)
{
	struct diag d = {{0}};
	char special, **words;
	int status = EXIT_USAGE;
	bool known;

	log_setup("dns-sim", LOG_STYLE_TOOL, LOG_LVL_INFO);
	sim_memory_init();
	words = calloc((size_t)argc + 1, sizeof(*words)); /* the parser moves argv about */
	if (!words)
		return EXIT_INVALID;
	memcpy(words, argv, (size_t)argc * sizeof(*argv));
	o.src = (struct sim_source){.argc = argc, .argv = words};
	int n = opt_parse(&program, argc, argv, &special, &d);
	const struct verb *v = verb_of(n > 0 ? argv[1] : NULL, &known);
	const char *wrong = n < 0 ? d.text : wrong_usage(v, known, n);
	o.src.costs_path = costs_path;
	o.operand = argv + 2;
	o.n_operands = n > 1 ? n - 1 : 0;
	if (special == 'h') {
		opt_help(&program, stdout);
		status = 0;
	} else if (special == 'v') {
		printf("dns-sim %s\n", opt_version());
		status = 0;
	} else if (wrong) {
		log_error("%s", wrong);
	} else {
		fill_in(v);
		status = run(v);
	}
	if (file_stdout_done(&d) < 0) {
		log_error("%s", d.text);
		status = EXIT_INVALID;
	}
	free(words);
	return status;
}
