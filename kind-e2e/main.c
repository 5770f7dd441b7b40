/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind-e2e: runs a scenario for real in a lab of network namespaces and writes
 * down what each cell measured and proved. Only the command line is here:
 * run.c has the run, cell.c one cell, sandbox.c the private world, probe.c what
 * this machine can do.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/doctor/doctor.h"
#include "kind-e2e/lab/cluster/commands.h"
#include "kind-e2e/lab/vm/vm.h"
#include "kind-e2e/prober/prober.h"
#include "kind-e2e/run/outdir.h"
#include "kind-e2e/run/probe.h"
#include "kind-e2e/run/report.h"
#include "kind-e2e/run/rules.h"
#include "kind-e2e/run/run.h"
#include "lib/base/log.h"

static struct run_options run_opts = {
	.lab = "netns", .limit_ns = 1800ull * 1000000000, .tries = 3};
static bool list_checks;
static struct rules_options rules_opts = {.family = "ipv4", .version = "1.37", .endpoints = 2};
static const char *clean_out;

/* clang-format off */
static const struct opt_def run_defs[] = {
	{"scenario", 's', OPT_TEXT, &run_opts.scenario, "FILE", "what to run (required)", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &run_opts.out, "DIR", "where the records go, one folder a cell (required)", 0, 0, NULL},
	{"cell", 'c', OPT_LIST, &run_opts.cells, "NAME", "only this cell, such as nftables-cache; may be repeated", 0, 0, NULL},
	{"include", 'i', OPT_LIST, &run_opts.include, "PATTERN", "only cells, and only checks, whose name matches; may be repeated", 0, 0, NULL},
	{"exclude", 'x', OPT_LIST, &run_opts.exclude, "PATTERN", "not these cells or checks; may be repeated", 0, 0, NULL},
	{"duration", 'd', OPT_DURATION, &run_opts.duration_ns, "TIME", "load of this length instead of the scenario's", 0, 0, NULL},
	{"tries", 't', OPT_U64, &run_opts.tries, "N", "how often a check that fails is tried, 1 to 20", 1, 20, NULL},
	{"strict", 0, OPT_BOOL, &run_opts.strict, NULL, "a flaky check counts as failed", 0, 0, NULL},
	{"junit", 0, OPT_TEXT, &run_opts.junit, "FILE", "write what was found as JUnit XML", 0, 0, NULL},
	{"tap", 0, OPT_TEXT, &run_opts.tap, "FILE", "write what was found as TAP; - is standard output", 0, 0, NULL},
	{"collect", 0, OPT_TEXT, &run_opts.collect, "FILE", "pack logs, rules, tables and last questions into a tar.gz", 0, 0, NULL},
	{"list-checks", 0, OPT_BOOL, &list_checks, NULL, "say what checks there are, and run nothing", 0, 0, NULL},
	{"original", 0, OPT_TEXT, &run_opts.original, "PATH", "NodeLocal DNSCache's node-cache: cells of its own beside ours", 0, 0, NULL},
	{"image", 0, OPT_TEXT, &run_opts.image, "FILE", "the archive of make image runs, not the node-cache beside this program", 0, 0, NULL},
	{"sabotage", 0, OPT_TEXT, &run_opts.sabotage, "CHECK: WHAT", "break something right before a check, which must then fail", 0, 0, NULL},
	{"keep", 'k', OPT_BOOL, &run_opts.keep, NULL, "leave each cell standing until Enter is pressed", 0, 0, NULL},
	{"lab", 'l', OPT_TEXT, &run_opts.lab, "LAB", "netns: this machine's kernel; vm: one of its own", 0, 0, NULL},
	{"kernel", 0, OPT_TEXT, &run_opts.kernel, "DIR", "vm: the kernel to boot, as lab/vm/kernel fetches one", 0, 0, NULL},
	{"clock", 0, OPT_TEXT, &run_opts.clock, "CLOCK", "vm: real, or counted (instructions; as it is without /dev/kvm)", 0, 0, NULL},
	{"limit", 0, OPT_DURATION, &run_opts.limit_ns, "TIME", "vm: end the guest after this time", 0, 0, NULL},
	{0},
};
static const struct opt_def clean_defs[] = {
	{"out", 'o', OPT_TEXT, &clean_out, "DIR", "where a killed run wrote (required)", 0, 0, NULL},
	{0},
};
static const struct opt_def rules_defs[] = {
	{"mode", 'm', OPT_TEXT, &rules_opts.mode, "MODE", "iptables, nftables or ipvs (required)", 0, 0, NULL},
	{"family", 'f', OPT_TEXT, &rules_opts.family, "FAMILY", "ipv4 or ipv6", 0, 0, NULL},
	{"kube-proxy", 'p', OPT_TEXT, &rules_opts.version, "VERSION", "which kube-proxy writes them: 1.34, 1.35, 1.36 or 1.37", 0, 0, NULL},
	{"endpoints", 'n', OPT_U64, &rules_opts.endpoints, "N", "pods behind the Services, 0 to 100", 0, 100, NULL},
	{0},
};
static const struct opt_def no_defs[] = {{0}};
/* clang-format on */

static int cmd_run(int argc, char **argv)
{
	if (list_checks) {
		report_list(stdout);
		return 0;
	}
	if (!run_opts.scenario || !run_opts.out) {
		log_error("run needs --scenario FILE and --out DIR");
		return 3;
	}
	return run_main(&run_opts, argc, argv);
}

static int cmd_clean(int argc, char **argv)
{
	struct outdir out;
	struct diag d = {""};

	(void)argc;
	(void)argv;
	if (!clean_out || outdir_open(&out, clean_out, &d)) {
		log_error("%s", clean_out ? d.text : "clean needs --out DIR");
		return 3;
	}
	vm_sweep(out.path);
	printf("%u temporary files removed; namespaces, rules and processes of a killed run went "
	       "with it\n",
	       outdir_sweep(&out));
	outdir_close(&out);
	return 0;
}

static int cmd_rules(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return rules_main(&rules_opts);
}

static int cmd_probe(int argc, char **argv)
{
	struct probe_report r;
	char bin[4096];

	(void)argc;
	(void)argv;
	run_bin_dir(bin, sizeof bin);
	probe_all(&r, bin);
	for (unsigned i = 0; i < N_PROBES; i++)
		printf("%-18s %-3s  %s%s%s\n", probe_name[i], r.p[i].ok ? "yes" : "no",
		       probe_use[i], r.p[i].ok ? "" : ": ", r.p[i].why);
	return r.p[PROBE_SANDBOX].ok ? 0 : 1;
}

struct command {
	const char *name;
	struct opt_prog prog;
	int (*run)(int argc, char **argv);
	const struct opt_prog *elsewhere; /* instead of prog: a lab's own verb */
};
static const struct opt_prog *prog_of(const struct command *c)
{
	return c->elsewhere ? c->elsewhere : &c->prog;
}
static const struct command commands[] = {
	{"run",
	 {"kind-e2e run", "--scenario FILE --out DIR [--cell NAME]...",
	  "Run a scenario's cells in a lab and record what each measured and proved.", run_defs,
	  OPT_GNU},
	 cmd_run},
	{"clean",
	 {"kind-e2e clean", "--out DIR", "Remove what a killed run left half written.", clean_defs,
	  OPT_GNU},
	 cmd_clean},
	{"probe",
	 {"kind-e2e probe", "", "Say what this machine's kernel and tools can do for a lab.",
	  no_defs, OPT_GNU},
	 cmd_probe},
	{"rules",
	 {"kind-e2e rules", "--mode MODE [--family FAMILY] [--kube-proxy VERSION]",
	  "Print what kube-proxy writes for the cluster DNS, with the commands that load it.",
	  rules_defs, OPT_GNU},
	 cmd_rules},
	{"doctor", {0}, doctor_cmd, &doctor_prog},
	{"agree", {0}, agree_cmd, &agree_prog},
	{"steady", {0}, steady_cmd, &steady_prog},
	{"same-rules", {0}, same_rules_cmd, &same_rules_prog},
	{"verdicts", {0}, verdicts_cmd, &verdicts_prog},
	{"prober", {0}, prober_cmd, &prober_prog},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static int help(void)
{
	printf("Usage: kind-e2e COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		opt_help(prog_of(&commands[i]), stdout);
		putchar('\n');
	}
	return 0;
}

static int usage(void)
{
	fputs("usage: kind-e2e run|clean|probe|rules|doctor|agree|steady|same-rules|verdicts|prober [OPTIONS]; "
	      "kind-e2e --help says more\n",
	      stderr);
	return 3;
}

static int dispatch(const struct command *c, int argc, char **argv)
{
	struct diag d = {""};
	char special = 0;
	int n, n_args = argc;
	char *args[256];

	if (argc > 255) {
		log_error("too many arguments");
		return 3;
	}
	memcpy(args, argv, (size_t)argc * sizeof argv[0]);
	args[argc] = NULL;
	n = opt_parse(prog_of(c), n_args - 1, args + 1, &special, &d);
	if (special == 'h') {
		opt_help(prog_of(c), stdout);
		return 0;
	}
	if (special == 'v') {
		printf("kind-e2e %s\n", opt_version());
		return 0;
	}
	if (n > 0)
		n = diag_set(&d, ERR_UNKNOWN, "unexpected argument '%s'", args[2]);
	if (n < 0) {
		log_error("%s", d.text);
		return 3;
	}
	return c->run(argc, argv);
}

int main(int argc, char **argv)
{
	log_setup("kind-e2e", LOG_STYLE_TOOL, LOG_LVL_INFO);
	if (argc < 2)
		return usage();
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	if (!strcmp(argv[1], "--version")) {
		printf("kind-e2e %s\n", opt_version());
		return 0;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return dispatch(&commands[i], argc, argv);
	log_error("unknown command '%s'", argv[1]);
	return usage();
}
