/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conntrack-model: the kernel's connection table under a DNS load, without a
 * kernel. See conntrack-model(1) and docs/conntrack.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/predict.h"
#include "conntrack-model/validate.h"
#include "conntrack-model/watch.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };
#define UNSET UINT64_MAX /* what the kernel, the node and kube-proxy make of it */

#define WALKS_MAX 1e8 /* look-ups a second */
#define ARRIVALS_MAX 4e7

#define BACKENDS_UNSAID  UINT64_MAX
#define BACKENDS_DEFAULT 2 /* of a made-up Service; a capture's servers are what they are */

struct options {
	const char *qs, *out, *validate;
	struct opt_list synth, notrack, labels, dies, comes;
	uint64_t duration_ns, max, buckets, hz, backends, growth, udp_s, stream_s, seed, netns, gc_first_ns;
	struct ct_other other;
	struct callers_conf callers;
	double other_walks, ram_gib;
	uint64_t cores;
	unsigned kernel, kube_proxy;
	uint64_t churn_ns, retry_ns, tries, race_ns;
	bool poisson;
	struct predict_conf predict;
	struct ct_synth load[OPT_LIST_MAX];
};

static int parse_kernel(void *value, const char *text, struct diag *d)
{
	unsigned major, minor;
	char rest;

	if (sscanf(text, "%u.%u%c", &major, &minor, &rest) != 2 || major < 3 || major > 99 ||
	    minor > 255)
		return diag_set(d, ERR_RANGE, "'%s': expected a kernel version like 6.18", text);
	*(unsigned *)value = CT_KERNEL(major, minor);
	return 0;
}

static int parse_callers(void *value, const char *text, struct diag *d)
{
	return callers_parse(value, text, d);
}

static int parse_other(void *value, const char *text, struct diag *d)
{
	return ct_other_parse(value, text, d);
}

static struct options o = {.duration_ns = 120 * NS_PER_S,
			   .max = UNSET,
			   .buckets = UNSET,
			   .hz = 250,
			   .backends = BACKENDS_UNSAID,
			   .growth = 1,
			   .udp_s = UNSET,
			   .stream_s = UNSET,
			   .seed = 1,
			   .kernel = CT_KERNEL(6, 18),
			   .gc_first_ns = T_NEVER,
			   .ram_gib = 8,
			   .retry_ns = 5 * NS_PER_S,
			   .tries = 2,
			   .race_ns = SNAT_WITHIN_NS,
			   .predict = {.headroom = 2, .settings_form = -1, .variant = {.miss_share = 0.1}}};

/* clang-format off */
static const struct opt_def defs[] = {
	{"qs", 'i', OPT_TEXT, &o.qs, "FILE", "query stream to walk; - is standard input", 0, 0, NULL},
	{"synth", 0, OPT_LIST, &o.synth, "KIND:RATE[@NETNS][%ZONE][+START]", "made-up load; may be repeated", 0, 0, NULL},
	{"duration", 0, OPT_DURATION, &o.duration_ns, "TIME", "how long a made-up load runs", 0, 0, NULL},
	{"validate", 0, OPT_TEXT, &o.validate, "DIR", "print the error against measured runs; - uses the built-in extract", 0, 0, NULL},
	{"max", 'm', OPT_U64, &o.max, "N", "nf_conntrack_max; 0 means no limit (default: by --kernel, --ram and --cores)", 0, UINT32_MAX, NULL},
	{"buckets", 'b', OPT_U64, &o.buckets, "N", "nf_conntrack_buckets (default: likewise)", 1, 1u << 26, NULL},
	{"ram", 0, OPT_F64, &o.ram_gib, "GIB", "memory of the node, which the kernel's defaults follow", 0, 0, NULL},
	{"cores", 0, OPT_U64, &o.cores, "N", "of the node: nf_conntrack_max and time-outs as kube-proxy sets them", 1, 4096, NULL},
	{"hz", 0, OPT_U64, &o.hz, "N", "the kernel's CONFIG_HZ", 24, 1000, NULL},
	{"kernel", 'k', OPT_CUSTOM, &o.kernel, "VERSION", "kernel whose rules apply (default 6.18)", 0, 0, parse_kernel},
	{"udp-timeout", 0, OPT_U64, &o.udp_s, "SECONDS", "nf_conntrack_udp_timeout (default: the kernel's)", 1, 86400, NULL},
	{"udp-stream-timeout", 0, OPT_U64, &o.stream_s, "SECONDS", "nf_conntrack_udp_timeout_stream (default: the kernel's)", 1, 86400, NULL},
	{"notrack", 'n', OPT_LIST, &o.notrack, "ADDRESS", "traffic with it skips the table; may be repeated", 0, 0, NULL},
	{"backends", 0, OPT_U64, &o.backends, "N", "backends a Service address is translated to; 0 means none (default: 2, of a capture 0)", 0, 65536, NULL},
	{"poisson", 0, OPT_BOOL, &o.poisson, NULL, "arrivals of made-up loads independent of each other, not at even distances", 0, 0, NULL},
	{"masquerade", 0, OPT_BOOL, &o.predict.walk.snat.on, NULL, "all flows leave with the node's address, as MASQUERADE makes them", 0, 0, NULL},
	{"random-fully", 0, OPT_BOOL, &o.predict.walk.snat.random_fully, NULL, "and with any port: MASQUERADE --random-fully", 0, 0, NULL},
	{"race-within", 0, OPT_DURATION, &o.race_ns, "TIME", "two flows that choose one translation within so long race", 0, 0, NULL},
	{"endpoint-dies", 0, OPT_LIST, &o.dies, "TIME[+SYNC]", "a backend falls silent; kube-proxy has it SYNC later (default 1s); may be repeated", 0, 0, NULL},
	{"endpoint-comes", 0, OPT_LIST, &o.comes, "TIME[+SYNC]", "a new backend, likewise; may be repeated", 0, 0, NULL},
	{"kube-proxy", 0, OPT_CUSTOM, &o.kube_proxy, "VERSION", "who looks after entries of the dead (default: nobody)", 0, 0, kube_proxy_parse},
	{"udp-churn", 0, OPT_DURATION, &o.churn_ns, "TIME", "endpoints of other UDP Services change so often: kube-proxy dumps", 0, 0, NULL},
	{"retry", 0, OPT_DURATION, &o.retry_ns, "TIME", "clients without an answer ask again after so long, from the same port", 0, 0, NULL},
	{"tries", 0, OPT_U64, &o.tries, "N", "how often they ask in all", 1, 100, NULL},
	{"growth", 'g', OPT_U64, &o.growth, "N", "every client so many times over", 1, 64, NULL},
	{"other", 0, OPT_CUSTOM, &o.other, "N[@RATE]", "long-lived flows of others: silent TCP, or UDP that asks RATE times a second each", 0, 0, parse_other},
	{"callers", 0, OPT_CUSTOM, &o.callers, "N@RATE", "clients that open RATE TCP connections a second, each waiting for the one before", 0, 0, parse_callers},
	{"netns", 0, OPT_U64, &o.netns, "N", "the namespace whose table is told", 0, CT_NETNS_MAX - 1, NULL},
	{"gc-first", 0, OPT_DURATION, &o.gc_first_ns, "TIME", "when the first gc sweep starts (default: drawn from the seed)", 0, 0, NULL},
	{"other-walks", 0, OPT_F64, &o.other_walks, "RATE", "look-ups a second by other traffic", 0, 0, NULL},
	{"tail", 0, OPT_DURATION, &o.predict.walk.tail_ns, "TIME", "go on looking after the last packet", 0, 0, NULL},
	{"headroom", 0, OPT_F64, &o.predict.headroom, "FACTOR", "advised max over predicted peak", 0, 0, NULL},
	{"sensitivity", 's', OPT_BOOL, &o.predict.sensitivity, NULL, "also try timeouts of 10 and 5 s and a load 2 and 4 times as high", 0, 0, NULL},
	{"what-if", 'w', OPT_BOOL, &o.predict.what_if, NULL, "the load with a node cache, under IPVS, other time-outs and growth, side by side", 0, 0, NULL},
	{"miss-share", 0, OPT_F64, &o.predict.variant.miss_share, "SHARE", "queries that the node cache of --what-if passes on", 0, 0, NULL},
	{"ipvs", 0, OPT_BOOL, &o.predict.ipvs, NULL, "also IPVS's own table", 0, 0, NULL},
	{"settings", 0, OPT_CUSTOM, &o.predict.settings_form, "FORM", "what to set, as lines for sysctl, kube-proxy or kustomize", 0, 0, settings_form_parse},
	{"label", 'l', OPT_LIST, &o.labels, "KEY=VALUE", "goes into the record: scenario, cell; may be repeated", 0, 0, NULL},
	{"seed", 0, OPT_U64, &o.seed, "N", "hash randomisation, backends, phase of the gc", 0, UINT64_MAX, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record there", 0, 0, NULL},
	{0},
};
/* clang-format on */
static const struct opt_prog program = {
	"conntrack-model", "[options] --qs FILE | --synth KIND:RATE... | --validate DIR | VERB ...",
	"Predicts the kernel's connection table under a DNS load.", defs, OPT_GNU};

static int run_validation(int argc, char **argv)
{
	static struct truth_row rows[VALIDATE_ROWS_MAX];
	struct diag d = {{0}};
	size_t n;

	if (validate_run(rows, &n, strcmp(o.validate, "-") == 0 ? NULL : o.validate, &d) < 0) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	validate_print(rows, n, stdout);
	if (o.out && validate_write(rows, n, o.out, argc, argv, &d) < 0) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	return 0;
}

/* The kernel's defaults, then kube-proxy's, then what was said. */
static void build_table(struct ct_conf *t)
{
	ctable_conf_kernel(t, o.kernel, (uint64_t)(o.ram_gib * (double)(1ull << 30)));
	if (o.cores)
		ctable_conf_kube_proxy(t, (unsigned)o.cores);
	t->hz = (unsigned)o.hz;
	if (o.max != UNSET)
		t->max = o.max;
	if (o.buckets != UNSET)
		t->buckets = (uint32_t)o.buckets;
	if (o.udp_s != UNSET)
		t->udp_s = (uint32_t)o.udp_s;
	if (o.stream_s != UNSET)
		t->udp_stream_s = (uint32_t)o.stream_s;
}

static int by_time(const void *pa, const void *pb)
{
	const struct endpoint_change *a = pa, *b = pb;

	return a->t_ns < b->t_ns ? -1 : a->t_ns > b->t_ns;
}

static int add_changes(struct endpoints_conf *c, const struct opt_list *l, bool dies, struct diag *d)
{
	for (size_t i = 0; i < l->n; i++) {
		struct endpoint_change *x = &c->change[c->n_changes];
		if (c->n_changes == ENDPOINT_CHANGES_MAX)
			return diag_set(d, ERR_LIMIT, "at most %d endpoints die or come", ENDPOINT_CHANGES_MAX);
		x->dies = dies;
		if (endpoint_change_parse(x, l->item[i], d) < 0)
			return ERR_SYNTAX;
		c->n_changes++;
	}
	return 0;
}

static int build_endpoints(struct endpoints_conf *c, struct diag *d)
{
	if (add_changes(c, &o.dies, true, d) < 0 || add_changes(c, &o.comes, false, d) < 0)
		return ERR_SYNTAX;
	qsort(c->change, c->n_changes, sizeof(c->change[0]), by_time);
	if (o.churn_ns && (o.churn_ns < 100 * NS_PER_MS || !o.kube_proxy))
		return diag_set(d, ERR_RANGE, "--udp-churn is at least 100ms, and a matter of --kube-proxy");
	if (o.retry_ns < NS_PER_MS || o.retry_ns > 3600 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "--retry is between 1ms and 1h");
	c->version = o.kube_proxy;
	c->churn_ns = o.churn_ns;
	c->retry_ns = o.retry_ns;
	c->tries = (unsigned)o.tries;
	return 0;
}

/* Of all made-up loads; each is two to six events of 64 octets. */
static double arrivals(void)
{
	double s = (double)o.duration_ns / 1e9, n = o.other.rate_per_s > 0 ? (double)o.other.n * o.other.rate_per_s * s : (double)o.other.n;

	for (size_t i = 0; i < o.synth.n; i++)
		n += o.load[i].rate_per_s * s;
	return n;
}

static int build_conf(struct diag *d)
{
	struct walk_conf *w = &o.predict.walk;
	struct walk_conf said = *w; /* what options wrote straight there */

	walk_conf_init(w);
	w->tail_ns = said.tail_ns;
	w->snat = said.snat;
	w->snat.within_ns = o.race_ns;
	if (w->snat.random_fully && !w->snat.on)
		return diag_set(d, ERR_MISSING, "--random-fully is a way to --masquerade");
	if (o.race_ns > NS_PER_S)
		return diag_set(d, ERR_RANGE, "--race-within is up to 1s");
	build_table(&w->table);
	w->table.seed = o.seed;
	w->table.gc_first_ns = o.gc_first_ns;
	w->netns = (uint8_t)o.netns;
	w->table.other_walks_per_s = o.other_walks;
	w->n_backends = o.backends == BACKENDS_UNSAID ? BACKENDS_DEFAULT : (unsigned)o.backends;
	w->growth = (unsigned)o.growth;
	if (build_endpoints(&w->endpoints, d) < 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < o.notrack.n; i++) {
		if (qs_ip_from_text(&w->notrack[i], o.notrack.item[i]) < 0)
			return diag_set(d, ERR_SYNTAX, "--notrack '%s': not an IP address",
					o.notrack.item[i]);
		w->n_notrack++;
	}
	for (size_t i = 0; i < o.synth.n; i++) {
		o.load[i].until_ns = o.duration_ns;
		o.load[i].poisson = o.poisson;
		if (ct_synth_parse(&o.load[i], o.synth.item[i], d) < 0)
			return ERR_SYNTAX;
	}
	if (!(o.predict.headroom >= 1) || o.predict.headroom > 1000 || !(o.other_walks >= 0) || o.other_walks > WALKS_MAX)
		return diag_set(d, ERR_RANGE, "--headroom is between 1 and 1000, --other-walks between 0 and %g", WALKS_MAX);
	if (arrivals() > ARRIVALS_MAX)
		return diag_set(d, ERR_LIMIT, "%.3g arrivals are more than the %.3g that fit in memory: shorten --duration, or lower the rates",
				arrivals(), ARRIVALS_MAX);
	if (!(o.ram_gib > 0) || o.ram_gib > 65536)
		return diag_set(d, ERR_RANGE, "--ram is above 0 and up to 65536 GiB");
	if (!(o.predict.variant.miss_share >= 0) || o.predict.variant.miss_share > 1)
		return diag_set(d, ERR_RANGE, "--miss-share is between 0 and 1");
	w->callers = o.callers;
	w->callers.netns = (uint8_t)o.netns;
	o.predict.loads = o.load;
	o.predict.n_loads = o.synth.n;
	o.predict.other = &o.other;
	return 0;
}

static int load_events(struct ct_events *e, struct diag *d)
{
	struct ct_stream stream = {0};
	int rc = 0;

	if (o.qs)
		rc = ct_events_from_qs(e, o.qs, &stream, d);
	o.predict.upstream = stream.upstream;
	if (o.backends == BACKENDS_UNSAID)
		o.predict.walk.n_backends = stream.captured ? 0 : BACKENDS_DEFAULT;
	if (rc == 0 && o.predict.walk.endpoints.n_changes && !o.predict.walk.n_backends)
		rc = diag_set(d, ERR_MISSING, "endpoints die and come only behind a Service: say how many with --backends");
	if (rc == 0)
		ct_events_synth(e, o.load, o.synth.n, o.seed);
	o.other.netns = (uint8_t)o.netns;
	o.other.until_ns = o.predict.walk.callers.until_ns = e->end_ns;
	ct_events_other(e, &o.other);
	if (rc == 0 && e->err)
		rc = diag_set(d, e->err, "out of memory");
	if (stream.n_skipped)
		log_warn("%s: %llu records without addresses were left out", o.qs,
			 (unsigned long long)stream.n_skipped);
	if (stream.n_back)
		log_warn("%s: %llu records are earlier than the one before: sorted", o.qs, (unsigned long long)stream.n_back);
	ct_events_sort(e);
	return rc;
}

static int run_prediction(int argc, char **argv)
{
	struct diag d = {{0}};
	struct ct_events e = {0};
	struct prediction p = {0};
	struct predict_source src = {.qs_path = o.qs, .labels = &o.labels, .argc = argc, .argv = argv};

	int rc = load_events(&e, &d);
	if (rc == 0 && (rc = predict(&p, &o.predict, &e)) < 0)
		diag_set(&d, rc, "out of memory");
	if (rc == 0 && o.out) {
		interrupt_hold();
		rc = predict_write(&p, &o.predict, &src, o.out, &d);
		if (rc == 0)
			interrupt_left("the record in %s is whole", o.out);
		interrupt_release();
	}
	if (rc == 0)
		predict_print(&p, &o.predict, stdout);
	else
		log_error("%s", d.text);
	predict_release(&p);
	ct_events_release(&e);
	return rc == 0 ? 0 : EXIT_INVALID;
}

static int run(int argc, char **argv, char **given)
{
	struct diag d = {{0}};
	char special;

	if (argc > 1 && strcmp(argv[1], "watch") == 0)
		return watch_main(argc - 1, argv + 1, argc, given);
	int n = opt_parse(&program, argc, argv, &special, &d);
	if (special) {
		if (special == 'h') {
			opt_help(&program, stdout);
			puts("\nverbs:\n  watch      a live node's table: what is in it, what comes of it");
		}
		else
			printf("conntrack-model %s\n", opt_version());
		return 0;
	}
	if (n >= 0 && (n > 0 || !!o.qs + (o.synth.n > 0) + !!o.validate != 1))
		n = diag_set(&d, ERR_MISSING,
			     "give one of --qs, --synth and --validate, and no operands");
	if (n >= 0 && !o.validate)
		n = build_conf(&d);
	if (n < 0) {
		log_error("%s", d.text);
		return EXIT_USAGE;
	}
	interrupt_begin("conntrack-model");
	return o.validate ? run_validation(argc, given) : run_prediction(argc, given);
}

int main(int argc, char **argv)
{
	struct diag d = {{0}};
	char **given = calloc((size_t)argc + 1, sizeof(*given)); /* the parser moves argv about */

	if (!given)
		return EXIT_INVALID;
	memcpy(given, argv, (size_t)argc * sizeof(*given));
	log_setup("conntrack-model", LOG_STYLE_TOOL, LOG_LVL_INFO);
	int status = run(argc, argv, given);
	if (file_stdout_done(&d) < 0) {
		log_error("%s", d.text);
		status = EXIT_INVALID;
	}
	free(given);
	return status;
}
