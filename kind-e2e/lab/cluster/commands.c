/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs' command lines, kept here so that main need not know what a cluster is. */
#include "kind-e2e/lab/cluster/commands.h"

#include "kind-e2e/lab/cluster/agree.h"
#include "kind-e2e/lab/cluster/same_rules.h"
#include "kind-e2e/lab/cluster/steady.h"
#include "kind-e2e/lab/cluster/verdicts.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

static struct agree_options agree_opts = {.timeout_ns = 3 * NS_PER_S, .ttl_max_s = 30};
static struct steady_options steady_opts = {
	.rate = 100, .duration_ns = 10 * NS_PER_S, .timeout_ns = 2 * NS_PER_S};
static struct same_rules_options same_rules_opts;
static struct verdicts_options verdicts_opts;

/* clang-format off */
static const struct opt_def agree_defs[] = {
	{"names", 0, OPT_TEXT, &agree_opts.names, "FILE", "questions, NAME TYPE a line; - is standard input (required)", 0, 0, NULL},
	{"reference", 0, OPT_TEXT, &agree_opts.reference, "ADDRESS", "the server whose word counts (required)", 0, 0, NULL},
	{"server", 0, OPT_LIST, &agree_opts.servers, "ADDRESS", "who must say the same (required); may be repeated", 0, 0, NULL},
	{"ttl-max", 0, OPT_U64, &agree_opts.ttl_max_s, "S", "no record may have a longer TTL", 0, 0, NULL},
	{"timeout", 0, OPT_DURATION, &agree_opts.timeout_ns, "TIME", "how long to wait for an answer", 0, 0, NULL},
	{0},
};
static const struct opt_def steady_defs[] = {
	{"names", 0, OPT_TEXT, &steady_opts.names, "FILE", "questions, NAME TYPE a line, asked in turn (required)", 0, 0, NULL},
	{"server", 0, OPT_TEXT, &steady_opts.server, "ADDRESS", "whom to ask (required)", 0, 0, NULL},
	{"rate", 0, OPT_U64, &steady_opts.rate, "N", "questions a second", 1, 100000, NULL},
	{"sockets", 0, OPT_U64, &steady_opts.sockets, "N", "sockets that stay; 0: a new port for each question", 0, STEADY_SOCKETS_MAX, NULL},
	{"tcp", 0, OPT_BOOL, &steady_opts.tcp, NULL, "those that stay are TCP connections", 0, 0, NULL},
	{"duration", 'd', OPT_DURATION, &steady_opts.duration_ns, "TIME", "how long", 0, 0, NULL},
	{"timeout", 0, OPT_DURATION, &steady_opts.timeout_ns, "TIME", "how long to wait for an answer", 0, 0, NULL},
	{0},
};
static const struct opt_def same_rules_defs[] = {
	{"want", 0, OPT_TEXT, &same_rules_opts.want, "FILE", "a dump: iptables-save, or nft -s list ruleset (required)", 0, 0, NULL},
	{"got", 0, OPT_TEXT, &same_rules_opts.got, "FILE", "another of the same sort (required)", 0, 0, NULL},
	{"ignore", 0, OPT_LIST, &same_rules_opts.ignore, "WORD", "leave out rules and chains with this word; may be repeated", 0, 0, NULL},
	{0},
};
static const struct opt_def verdicts_defs[] = {
	{"checks", 0, OPT_TEXT, &verdicts_opts.checks, "FILE", "what a lab's script wrote, a check a line (required)", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &verdicts_opts.out, "DIR", "folder of the result record", 0, 0, NULL},
	{"junit", 0, OPT_TEXT, &verdicts_opts.junit, "FILE", "JUnit XML", 0, 0, NULL},
	{"lab", 0, OPT_TEXT, &verdicts_opts.lab, "NAME", "whose checks they are (cluster)", 0, 0, NULL},
	{0},
};
/* clang-format on */

const struct opt_prog agree_prog = {
	"kind-e2e agree", "--names FILE --reference ADDRESS --server ADDRESS...",
	"Ask a cache and the server behind it the same questions, and compare the answers.",
	agree_defs, OPT_GNU};
const struct opt_prog steady_prog = {
	"kind-e2e steady", "--names FILE --server ADDRESS [--rate N] [--duration TIME]",
	"Ask at a steady rate and count what found no answer, or a late one.", steady_defs,
	OPT_GNU};
const struct opt_prog same_rules_prog = {
	"kind-e2e same-rules", "--want FILE --got FILE [--ignore WORD]...",
	"Compare two dumps of a node's rules, chain by chain.", same_rules_defs, OPT_GNU};
const struct opt_prog verdicts_prog = {
	"kind-e2e verdicts", "--checks FILE [--lab NAME] [--out DIR] [--junit FILE]",
	"Make a table, a result record and JUnit XML out of a lab script's checks.", verdicts_defs,
	OPT_GNU};

int agree_cmd(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!agree_opts.names || !agree_opts.reference || !agree_opts.servers.n) {
		log_error("agree needs --names FILE, --reference ADDRESS and --server ADDRESS");
		return 3;
	}
	return agree_main(&agree_opts);
}

int steady_cmd(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return steady_main(&steady_opts);
}

int same_rules_cmd(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!same_rules_opts.want || !same_rules_opts.got) {
		log_error("same-rules needs --want FILE and --got FILE");
		return 3;
	}
	return same_rules_main(&same_rules_opts);
}

int verdicts_cmd(int argc, char **argv)
{
	if (!verdicts_opts.checks) {
		log_error("verdicts needs --checks FILE");
		return 3;
	}
	verdicts_opts.argc = argc;
	verdicts_opts.argv = argv;
	return verdicts_main(&verdicts_opts);
}
