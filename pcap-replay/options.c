/* SPDX-License-Identifier: Apache-2.0 */
/* The options as rows of one table, and what they demand of each other. */
#include "pcap-replay/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct options opts;
static struct opt_list port_texts;

static const struct opt_def defs[] = {
	{"summary", 's', OPT_BOOL, &opts.summary, NULL, "print what was in the capture (default when nothing else is asked)", 0, 0, NULL},
	{"qs", 'q', OPT_TEXT, &opts.qs, "FILE", "write the messages as a query stream; - for standard output", 0, 0, NULL},
	{"csv", 0, OPT_TEXT, &opts.csv, "FILE", "write one row a transaction", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &opts.out, "DIR", "write a result record", 0, 0, NULL},
	{"point", 0, OPT_TEXT, &opts.point, "WHERE", "where the capture was taken: pod, node or upstream", 0, 0, NULL},
	{"port", 'p', OPT_LIST, &port_texts, "N", "port that carries DNS, instead of 53; may be repeated", 0, 0, NULL},
	{"capture", 0, OPT_TEXT, &opts.capture, "IFACE", "capture live from an interface, or any", 0, 0, NULL},
	{"write", 'w', OPT_TEXT, &opts.write, "FILE", "where --capture writes", 0, 0, NULL},
	{"filter", 0, OPT_TEXT, &opts.filter, "EXPR", "pcap filter for --capture (default: port 53)", 0, 0, NULL},
	{"duration", 0, OPT_DURATION, &opts.duration_ns, "TIME", "end --capture after this time (default: at a signal)", 0, 0, NULL},
	{"max-bytes", 0, OPT_U64, &opts.max_bytes, "N", "end --capture when the file has N octets (default 1 GiB)", 4096, UINT64_MAX, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};

const struct opt_prog options_prog = {
	.name = "pcap-replay",
	.usage = "[--summary] [--qs FILE] [--csv FILE] [--out DIR] CAPTURE\n"
		 "       pcap-replay --capture IFACE --write FILE [--duration TIME]",
	.about = "Say what the DNS traffic of a capture was.",
	.defs = defs,
	.dialect = OPT_GNU,
};

static int ports_from_texts(struct extract_ports *ret, const struct opt_list *l, struct diag *d)
{
	*ret = (struct extract_ports){.n = 1, .port = {DNS_PORT}};
	if (l->n > EXTRACT_PORTS_MAX)
		return diag_set(d, ERR_LIMIT, "--port: at most %d", EXTRACT_PORTS_MAX);
	for (size_t i = 0; i < l->n; i++) {
		char *end;
		unsigned long v = strtoul(l->item[i], &end, 10);
		if (*end || v < 1 || v > 65535)
			return diag_set(d, ERR_RANGE, "--port %s: expected 1 to 65535", l->item[i]);
		ret->port[i] = (uint16_t)v;
		ret->n = (unsigned)i + 1;
	}
	return 0;
}

static int check(struct options *o, int n_operands, char **argv, struct diag *d)
{
	if (o->point && strcmp(o->point, "pod") && strcmp(o->point, "node") && strcmp(o->point, "upstream"))
		return diag_set(d, ERR_UNKNOWN, "--point %s: expected pod, node or upstream", o->point);
	if (o->capture) {
		if (!o->write || n_operands)
			return diag_set(d, ERR_MISSING, "--capture IFACE takes --write FILE and no operand");
		return 0;
	}
	if (n_operands != 1)
		return diag_set(d, ERR_MISSING, "expected one capture file, got %d; see --help", n_operands);
	o->file = argv[1];
	if (!o->qs && !o->csv && !o->out)
		o->summary = true;
	return 0;
}

enum options_verdict options_parse(struct options *ret, int argc, char **argv, struct diag *d)
{
	char special = 0;
	opts = (struct options){.max_bytes = 1ull << 30};
	int n = opt_parse(&options_prog, argc, argv, &special, d);
	if (special == 'h') {
		opt_help(&options_prog, stdout);
		return OPTIONS_HELP;
	}
	if (special == 'v') {
		printf("pcap-replay %s\n", opt_version());
		return OPTIONS_HELP;
	}
	if (n < 0 || ports_from_texts(&opts.ports, &port_texts, d) || check(&opts, n, argv, d))
		return OPTIONS_BAD;
	*ret = opts;
	return opts.capture ? OPTIONS_CAPTURE : OPTIONS_READ;
}

char **options_keep_args(int argc, char **argv)
{
	char **copy = malloc(((size_t)argc + 1) * sizeof(*copy));
	if (!copy)
		abort();
	memcpy(copy, argv, ((size_t)argc + 1) * sizeof(*copy));
	return copy;
}
