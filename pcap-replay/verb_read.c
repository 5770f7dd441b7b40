/* SPDX-License-Identifier: Apache-2.0 */
/* summary, extract, and the spelling of before there were verbs. */
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/dns/name.h"
#include "pcap-replay/pass.h"

static struct {
	struct reading reading;
	bool json, summary, wire, what_if;
	const char *out, *domain, *map, *qs, *csv, *pcap, *point, *view;
	const char *capture, *write, *filter; /* of the old spelling */
	uint64_t duration_ns, max_bytes;
} o = {.reading = READING_DEFAULT, .view = "client", .domain = "cluster.local", .max_bytes = 1ull << 30};

static bool one_of(const char *word, const char *const *list, unsigned *ret)
{
	for (unsigned i = 0; list[i]; i++)
		if (!strcmp(word, list[i])) {
			*ret = i;
			return true;
		}
	return false;
}

static int pass(struct pass_conf *c, int n, char **argv, int n_given, char **given)
{
	static const char *const points[] = {"pod", "node", "upstream", NULL}, *const views[] = {"client", "upstream", "all", NULL};
	unsigned at;
	if (n < 1)
		return verb_usage("expected a capture file or folder; see --help");
	if (o.point && !one_of(o.point, points, &at))
		return verb_usage("--point %s: expected pod, node or upstream", o.point);
	if (!one_of(o.view, views, &at))
		return verb_usage("--view %s: expected client, upstream or all", o.view);
	c->view = (enum qsout_view)at;
	c->paths = (const char *const *)(argv + 1);
	c->n_paths = (size_t)n;
	c->reading = &o.reading;
	c->point = o.point;
	c->n_given = n_given;
	c->given = given;
	return pass_run(c);
}

/* --- summary --- */

static const struct opt_def summary_defs[] = {
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print JSON instead of text", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record too", 0, 0, NULL},
	{"map", 0, OPT_TEXT, &o.map, "FILE", "names of addresses: what `kubectl get pods,svc,nodes -A -o wide` printed, or a kubelet's socket", 0, 0, NULL},
	{"what-if", 0, OPT_BOOL, &o.what_if, NULL, "say what a node cache would have made of the questions", 0, 0, NULL},
	{"domain", 0, OPT_TEXT, &o.domain, "NAME", "the cluster's, for --what-if", 0, 0, NULL},
	READING_OPTIONS(o.reading),
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog summary_prog = {"pcap-replay summary", "[--json] [--out DIR] [--what-if] CAPTURE...",
					     "Say what the DNS traffic of captures was.", summary_defs, OPT_GNU};

static int summary(int n, char **argv, int n_given, char **given)
{
	struct name domain;
	struct pass_conf c = {.summary = !o.json, .json = o.json, .out = o.out, .map = o.map, .domain = o.what_if ? o.domain : NULL};
	if (name_from_text(&domain, o.domain))
		return verb_usage("--domain %s: expected a domain name", o.domain);
	return pass(&c, n, argv, n_given, given);
}

const struct verb verb_summary = {"summary", &summary_prog, summary};

/* --- extract --- */

static const struct opt_def extract_defs[] = {
	{"qs", 'q', OPT_TEXT, &o.qs, "FILE", "write the messages as a query stream; - for standard output", 0, 0, NULL},
	{"csv", 0, OPT_TEXT, &o.csv, "FILE", "write one row a transaction; - for standard output", 0, 0, NULL},
	{"pcap", 0, OPT_TEXT, &o.pcap, "FILE", "write the messages as a capture of nothing else; - for standard output", 0, 0, NULL},
	{"view", 0, OPT_TEXT, &o.view, "WHICH", "of each message in the stream or capture: client, upstream (after translation) or all", 0, 0, NULL},
	{"wire", 0, OPT_BOOL, &o.wire, NULL, "the stream has the messages' octets, for replay", 0, 0, NULL},
	{"point", 0, OPT_TEXT, &o.point, "WHERE", "where the capture was taken: pod, node or upstream", 0, 0, NULL},
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print the summary as JSON too", 0, 0, NULL},
	READING_OPTIONS(o.reading),
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog extract_prog = {"pcap-replay extract", "[--qs FILE] [--csv FILE] [--pcap FILE] CAPTURE...",
					     "Write captures as a query stream, a table of transactions, or a capture of DNS alone.", extract_defs, OPT_GNU};

static int extract(int n, char **argv, int n_given, char **given)
{
	struct pass_conf c = {.qs = o.qs, .csv = o.csv, .pcap = o.pcap, .wire = o.wire, .json = o.json};
	if (!o.qs && !o.csv && !o.pcap)
		return verb_usage("expected --qs FILE, --csv FILE or --pcap FILE");
	return pass(&c, n, argv, n_given, given);
}

const struct verb verb_extract = {"extract", &extract_prog, extract};

/* --- before verbs: to go with the next release --- */

static const struct opt_def before_defs[] = {
	{"summary", 's', OPT_BOOL, &o.summary, NULL, "now: pcap-replay summary", 0, 0, NULL},
	{"qs", 'q', OPT_TEXT, &o.qs, "FILE", "now: pcap-replay extract --qs", 0, 0, NULL},
	{"csv", 0, OPT_TEXT, &o.csv, "FILE", "now: pcap-replay extract --csv", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "now: pcap-replay summary --out", 0, 0, NULL},
	{"point", 0, OPT_TEXT, &o.point, "WHERE", "now: pcap-replay extract --point", 0, 0, NULL},
	{"capture", 0, OPT_TEXT, &o.capture, "IFACE", "now: pcap-replay capture IFACE", 0, 0, NULL},
	{"write", 'w', OPT_TEXT, &o.write, "FILE", "now: pcap-replay capture --write", 0, 0, NULL},
	{"filter", 0, OPT_TEXT, &o.filter, "EXPR", "now: pcap-replay capture --filter", 0, 0, NULL},
	{"duration", 0, OPT_DURATION, &o.duration_ns, "TIME", "now: pcap-replay capture --duration", 0, 0, NULL},
	{"max-bytes", 0, OPT_U64, &o.max_bytes, "N", "now: pcap-replay capture --max-bytes", 4096, UINT64_MAX, NULL},
	READING_OPTIONS(o.reading),
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog before_prog = {"pcap-replay", "VERB ... (the spelling without a verb goes with the next release)",
					    "From a real capture of DNS to an answer.", before_defs, OPT_GNU};

static int before_capture(int n)
{
	char *argv[16], duration[32], bytes[32];
	int argc = 0;
	if (!o.write || n)
		return verb_usage("--capture IFACE takes --write FILE and no operand");
	snprintf(duration, sizeof(duration), "%lluns", (unsigned long long)o.duration_ns);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)o.max_bytes);
	argv[argc++] = (char *)(uintptr_t)"capture";
	argv[argc++] = (char *)(uintptr_t)"--write";
	argv[argc++] = (char *)(uintptr_t)o.write;
	argv[argc++] = (char *)(uintptr_t)"--max-bytes";
	argv[argc++] = bytes;
	argv[argc++] = (char *)(uintptr_t)"--duration";
	argv[argc++] = duration;
	if (o.filter) {
		argv[argc++] = (char *)(uintptr_t)"--filter";
		argv[argc++] = (char *)(uintptr_t)o.filter;
	}
	argv[argc++] = (char *)(uintptr_t)o.capture;
	argv[argc] = NULL;
	log_warn("this spelling goes with the next release: pcap-replay capture --write %s %s", o.write, o.capture);
	return verb_run(&verb_capture, argc, argv, argc, argv);
}

static int before(int n, char **argv, int n_given, char **given)
{
	if (o.capture)
		return before_capture(n);
	struct pass_conf c = {.qs = o.qs, .csv = o.csv, .out = o.out, .summary = o.summary || (!o.qs && !o.csv && !o.out)};
	if (n == 1)
		log_warn("this spelling goes with the next release: pcap-replay %s ... %s", o.qs || o.csv ? "extract" : "summary", argv[1]);
	return pass(&c, n, argv, n_given, given);
}

const struct verb verb_before = {"", &before_prog, before};
