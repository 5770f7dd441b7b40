/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `capture`. */
#include <stdio.h>

#include "lib/base/log.h"
#include "pcap-replay/read/capture.h"
#include "lib/base/jout.h"
#include "pcap-replay/verbs.h"

static struct {
	const char *write, *filter;
	uint64_t duration_ns, max_bytes;
	bool json;
} o = {.max_bytes = 1ull << 30};

static const struct opt_def defs[] = {
	{"write", 'w', OPT_TEXT, &o.write, "FILE", "where to: a nanosecond pcap file", 0, 0, NULL},
	{"filter", 0, OPT_TEXT, &o.filter, "EXPR", "pcap filter (default: port 53, and fragments of anything)", 0, 0, NULL},
	{"duration", 0, OPT_DURATION, &o.duration_ns, "TIME", "end after this time (default: at a signal)", 0, 0, NULL},
	{"max-bytes", 0, OPT_U64, &o.max_bytes, "N", "end when the file has N octets (default 1 GiB)", 4096, UINT64_MAX, NULL},
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print the counts at the end as JSON", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog prog = {"pcap-replay capture", "--write FILE [--duration TIME] IFACE|any",
				     "Capture DNS live from an interface.", defs, OPT_GNU};

static void say_ready(void *ctx)
{
	fprintf(o.json ? stderr : stdout, "capturing on %s\n", (const char *)ctx);
	fflush(stdout);
}

static int run(int n, char **argv, int n_given, char **given)
{
	struct diag d = {0};
	struct capture_counts got;
	(void)n_given;
	(void)given;
	if (n != 1 || !o.write)
		return verb_usage("expected --write FILE and one interface, or any");
	struct capture_conf c = {.iface = argv[1], .path = o.write, .filter = o.filter, .duration_ns = o.duration_ns, .max_bytes = o.max_bytes};
	if (capture_run(&c, say_ready, argv[1], &got, &d)) {
		log_error("%s", d.text);
		return EXIT_FAILED;
	}
	if (o.json) {
		struct jout j;
		jout_begin(&j, stdout, "nodens-pcap-capture/1");
		jout_u64(&j, "captured", got.captured);
		jout_u64(&j, "dropped_kernel", got.dropped_kernel);
		jout_u64(&j, "dropped_interface", got.dropped_iface);
		jout_u64(&j, "bytes", got.bytes);
		jout_end(&j);
	} else {
		printf("captured %llu dropped %llu\n", (unsigned long long)got.captured,
		       (unsigned long long)(got.dropped_kernel + got.dropped_iface));
	}
	return EXIT_DONE;
}

const struct verb verb_capture = {"capture", &prog, run};
