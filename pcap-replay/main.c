/* SPDX-License-Identifier: Apache-2.0 */
/* pcap-replay: what the DNS traffic of a capture was. Table of contents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "pcap-replay/read/capture.h"
#include "pcap-replay/options.h"
#include "pcap-replay/traffic/qsout.h"
#include "pcap-replay/traffic/summary.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 3 };

struct sinks { /* one pass over the file feeds them all */
	struct transact *t;
	struct qsout qs;
};

static void both(void *ctx, const struct dmessage *m)
{
	struct sinks *s = ctx;
	transact_message(s->t, m);
	if (s->qs.w)
		qsout_message(&s->qs, m);
}

static int write_record(const struct options *o, const struct summary *s, int argc, char **argv, struct diag *d)
{
	struct result *r;
	int rc = result_open(&r, o->out, "pcap-replay", summary_metrics, argc, argv, d);
	if (rc)
		return rc;
	result_input(r, o->file);
	result_label(r, "engine", "capture");
	summary_record(s, r);
	return result_close(r, d);
}

/* Whatever was read is reported, also when the file turns out to be damaged. */
static int read_capture(const struct options *o, int argc, char **argv)
{
	struct diag d = {0}, later = {0};
	struct sinks s = {.t = transact_new()};
	struct extract_counts counts;
	struct extract_sink sink = {&s, both};
	struct summary *sum = NULL;
	if (!s.t || (o->qs && qs_writer_open(&s.qs.w, o->qs, &d))) {
		log_error("%s", d.text[0] ? d.text : "out of memory");
		transact_free(s.t);
		return EXIT_FAILED;
	}
	if (o->qs && o->point)
		qs_writer_fact(s.qs.w, "point", o->point);
	int rc = extract_file(o->file, &o->ports, &sink, &counts, &d), rc2 = 0;
	if (rc)
		log_error("%s", d.text);
	if (o->qs)
		rc2 = qs_writer_close(s.qs.w, &later);
	if (rc2 == 0 && (counts.frames || rc == 0) && !(sum = summary_new(&counts, s.t)))
		rc2 = diag_set(&later, ERR_NOMEM, "out of memory");
	if (rc2 == 0 && sum && o->summary)
		summary_print(sum, stdout);
	if (rc2 == 0 && sum && o->csv)
		rc2 = summary_csv(s.t, o->csv, &later);
	if (rc2 == 0 && sum && o->out)
		rc2 = write_record(o, sum, argc, argv, &later);
	if (rc2)
		log_error("%s", later.text);
	summary_free(sum);
	transact_free(s.t);
	return rc || rc2 ? EXIT_FAILED : EXIT_DONE;
}

static void say_ready(void *ctx)
{
	printf("capturing on %s\n", (const char *)ctx);
	fflush(stdout);
}

static int live(const struct options *o)
{
	struct diag d = {0};
	struct capture_counts n;
	struct capture_conf c = {.iface = o->capture, .path = o->write, .filter = o->filter,
				 .duration_ns = o->duration_ns, .max_bytes = o->max_bytes};
	if (capture_run(&c, say_ready, (void *)(uintptr_t)o->capture, &n, &d)) {
		log_error("%s", d.text);
		return EXIT_FAILED;
	}
	printf("captured %llu dropped %llu\n", (unsigned long long)n.captured,
	       (unsigned long long)(n.dropped_kernel + n.dropped_iface));
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options o;
	struct diag d = {0};
	log_setup("pcap-replay", LOG_STYLE_TOOL, LOG_LVL_INFO);
	char **args = options_keep_args(argc, argv);
	int rc = EXIT_DONE;
	switch (options_parse(&o, argc, argv, &d)) {
	case OPTIONS_HELP:
		break;
	case OPTIONS_BAD:
		log_error("%s", d.text);
		rc = EXIT_USAGE;
		break;
	case OPTIONS_CAPTURE:
		rc = live(&o);
		break;
	case OPTIONS_READ:
		rc = read_capture(&o, argc, args);
		break;
	}
	free(args);
	return rc;
}
