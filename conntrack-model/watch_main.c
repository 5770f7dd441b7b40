/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `watch`: what was seen, what it cost to look, whether the model makes of the same
 * packets what the kernel made of them, and then the prediction that every other input gets,
 * from the watched time again and again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conntrack-model/predict.h"
#include "conntrack-model/watch.h"
#include "conntrack-model/watch_said.h"
#include "lib/base/clock.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };
#define EVENTS_MAX 20000000u /* of the repeated time: 64 octets each */
#define DNS_PORT   53

static struct options {
	uint64_t duration_ns, interval_ns, forward_ns, room_kib, flows_max, hz, seed;
	bool counters, dump;
	const char *netns, *out;
	struct opt_list labels;
	struct predict_conf predict;
} o = {.duration_ns = 60 * NS_PER_S,
       .interval_ns = NS_PER_S,
       .forward_ns = 300 * NS_PER_S,
       .room_kib = 8192,
       .flows_max = WATCH_FLOWS_MAX,
       .seed = 1,
       .predict = {.headroom = 2, .settings_form = -1, .variant = {.miss_share = 0.1, .dns_port = DNS_PORT}}};

/* clang-format off */
static const struct opt_def defs[] = {
	{"duration", 0, OPT_DURATION, &o.duration_ns, "TIME", "how long to watch, up to 24h; Ctrl-C ends it earlier", 0, 0, NULL},
	{"interval", 0, OPT_DURATION, &o.interval_ns, "TIME", "between two looks at the counters", 0, 0, NULL},
	{"netns", 0, OPT_TEXT, &o.netns, "NAME", "network namespace to watch, of ip-netns(8) or a path", 0, 0, NULL},
	{"counters", 0, OPT_BOOL, &o.counters, NULL, "counters alone: no events, no capability, no prediction", 0, 0, NULL},
	{"dump", 0, OPT_BOOL, &o.dump, NULL, "one dump when the watch is over: live entries; frees the dead of the whole machine", 0, 0, NULL},
	{"room", 0, OPT_U64, &o.room_kib, "KIB", "what the kernel may keep of events not yet fetched", 64, 1 << 20, NULL},
	{"events-max", 0, OPT_U64, &o.flows_max, "N", "events kept in memory; beyond, none are listened to", 1000, 50000000, NULL},
	{"forward", 0, OPT_DURATION, &o.forward_ns, "TIME", "predict so long ahead, the watched time again and again", 0, 0, NULL},
	{"hz", 0, OPT_U64, &o.hz, "N", "the kernel's CONFIG_HZ (default: as its configuration says, else 250)", 24, 1000, NULL},
	{"headroom", 0, OPT_F64, &o.predict.headroom, "FACTOR", "advised max over predicted peak", 0, 0, NULL},
	{"sensitivity", 's', OPT_BOOL, &o.predict.sensitivity, NULL, "also try timeouts of 10 and 5 s and a load 2 and 4 times as high", 0, 0, NULL},
	{"what-if", 'w', OPT_BOOL, &o.predict.what_if, NULL, "the load with a node cache, under IPVS, other time-outs and growth, side by side", 0, 0, NULL},
	{"miss-share", 0, OPT_F64, &o.predict.variant.miss_share, "SHARE", "queries that the node cache of --what-if passes on", 0, 0, NULL},
	{"settings", 0, OPT_CUSTOM, &o.predict.settings_form, "FORM", "what to set, as lines for sysctl, kube-proxy or kustomize", 0, 0, settings_form_parse},
	{"label", 'l', OPT_LIST, &o.labels, "KEY=VALUE", "goes into the record; may be repeated", 0, 0, NULL},
	{"seed", 0, OPT_U64, &o.seed, "N", "hash randomisation of the prediction", 0, UINT64_MAX, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record there", 0, 0, NULL},
	{0},
};
/* clang-format on */
static const struct opt_prog program = {"conntrack-model watch", "[options]",
					"Looks at a live node's connection table, read-only, and predicts from it.", defs, OPT_GNU};

static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

/* To predict may take longer than to watch: that ends as it does in the other verbs. */
static void catch_stop(bool watches)
{
	struct sigaction sa = {.sa_handler = on_stop}; /* no SA_RESTART: a sleep ends at once */

	if (!watches) {
		interrupt_begin("conntrack-model");
		return;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static int enter(const char *name, struct diag *d)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, "--netns %s", path);
	int rc = setns(fd, CLONE_NEWNET) < 0 ? diag_errno(d, "--netns %s", path) : 0;
	close(fd);
	return rc;
}

static int options_check(struct diag *d)
{
	if (o.duration_ns < NS_PER_S || o.duration_ns > 24 * 3600 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "--duration is between 1s and 24h");
	if (o.interval_ns < 100 * NS_PER_MS || o.interval_ns > o.duration_ns)
		return diag_set(d, ERR_RANGE, "--interval is between 100ms and --duration");
	if (o.forward_ns > 24 * 3600 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "--forward is up to 24h");
	if (!(o.predict.headroom >= 1) || o.predict.headroom > 1000)
		return diag_set(d, ERR_RANGE, "--headroom is between 1 and 1000");
	if (!(o.predict.variant.miss_share >= 0) || o.predict.variant.miss_share > 1)
		return diag_set(d, ERR_RANGE, "--miss-share is between 0 and 1");
	if (o.counters && (o.predict.what_if || o.predict.sensitivity))
		return diag_set(d, ERR_UNKNOWN, "--counters tells no load: --what-if and --sensitivity have nothing to walk");
	return 0;
}

/* --- the model over the same packets --- */

static void walk_conf_make(struct walk_conf *c, const struct watch *w, const struct watch_load *l)
{
	walk_conf_init(c);
	c->table = w->node.table;
	c->table.seed = o.seed;
	c->table.gc_first_ns = l->sweep_ns;
	c->sample_ns = o.interval_ns;
	c->n_backends = 0; /* the addresses are real ones */
}

/* The walk has no rows while its table is empty. */
static uint64_t count_at(const struct walk_track *k, double t_s, size_t *at)
{
	double step_s = (double)o.interval_ns / 1e9;

	while (*at + 1 < k->n_rows && k->row[*at + 1].t_s <= t_s + 0.1 * step_s)
		++*at;
	if (*at >= k->n_rows || k->row[*at].t_s > t_s + 0.1 * step_s || k->row[*at].t_s < t_s - 1.5 * step_s)
		return 0;
	return k->row[*at].count;
}

static int check(struct watch_check *ret, const struct watch *w, const struct watch_load *l)
{
	struct walk_conf c;
	struct walk m;

	*ret = (struct watch_check){0};
	walk_conf_make(&c, w, l);
	int rc = walk_run(&m, &c, &l->once);
	if (rc < 0)
		return rc;
	const struct walk_track *k = &m.track[0];
	for (size_t i = 0, at = 0; i < w->n_samples; i++) {
		uint64_t known = w->sample[i].n_new - w->sample[i].n_gone;
		ret->kernel_peak = known > ret->kernel_peak ? known : ret->kernel_peak;
		ret->kernel_mean += (double)known / (double)w->n_samples;
		ret->model_mean += (double)count_at(k, w->sample[i].t_s, &at) / (double)w->n_samples;
	}
	ret->model_peak = k->peak;
	walk_release(&m);
	return 0;
}

/* --- the prediction --- */

static unsigned times_of(const struct watch_load *l, double span_s)
{
	double n = fmax(1, round((double)o.forward_ns / 1e9 / span_s));

	return (unsigned)fmax(1, fmin(n, (double)EVENTS_MAX / (double)(l->once.n + 1)));
}

static int predict_from(struct prediction *p, const struct watch *w, const struct watch_load *l, unsigned times)
{
	struct ct_events e = {0};
	enum watch_evidence by;
	struct ct_other older = {.n = l->n_older, .evictable = watch_evictable(w, l, &by), .until_ns = times * (uint64_t)(w->span_s * 1e9)};

	walk_conf_make(&o.predict.walk, w, l);
	o.predict.other = &older;
	ct_events_other(&e, &older);
	int rc = watch_load_repeat(&e, l, w->span_s, times);
	rc = rc ? rc : predict(p, &o.predict, &e);
	ct_events_release(&e);
	return rc;
}

static int report(const struct watch *w, struct watch_load *l, int argc, char **argv, struct diag *d)
{
	struct prediction p = {0};
	struct watch_said said = {.w = w, .load = l};
	struct predict_source src = {.labels = &o.labels, .argc = argc, .argv = argv, .more = watch_said_write, .more_arg = &said};
	bool loaded = w->heard && l->n_flows;
	int rc = 0;

	said.times = loaded ? times_of(l, w->span_s) : 0;
	if (loaded)
		rc = check(&said.check, w, l);
	if (rc == 0)
		rc = predict_from(&p, w, l, said.times ? said.times : 1);
	if (rc < 0)
		return diag_set(d, rc, "out of memory");
	if (!loaded)
		p.peak_free = watch_settings(w, o.predict.headroom, &p.settings);
	else if (w->n_lost_reads || w->overfull || watch_was_full(w))
		settings_not_lower(&p.settings, &w->node.table, p.peak_free);
	if (o.out) {
		interrupt_hold();
		rc = predict_write(&p, &o.predict, &src, o.out, d);
		if (rc == 0)
			interrupt_left("the record in %s is whole", o.out);
		interrupt_release();
	}
	if (rc == 0) {
		watch_said_print(&said, stdout);
		if (loaded) {
			printf("\n");
			predict_print(&p, &o.predict, stdout);
		} else if (o.predict.settings_form >= 0) {
			settings_print(&p.settings, &w->node.table, p.peak_free, o.predict.headroom,
				       (enum settings_form)o.predict.settings_form, stdout);
		}
	}
	predict_release(&p);
	return rc;
}

static int run(int argc, char **argv, struct diag *d)
{
	struct watch_conf c = {.duration_ns = o.duration_ns,
			       .interval_ns = o.interval_ns,
			       .counters_only = o.counters,
			       .dump = o.dump,
			       .room_bytes = o.room_kib << 10,
			       .flows_max = o.flows_max,
			       .stop = &stop};
	struct watch w;
	struct watch_load l;
	int rc = o.netns ? enter(o.netns, d) : 0;

	catch_stop(true);
	rc = rc ? rc : watch_span(&w, &c, d);
	catch_stop(false);
	if (rc < 0)
		return rc;
	if (o.hz) {
		w.node.table.hz = (unsigned)o.hz;
		w.node.hz_known = true;
	}
	rc = watch_load_make(&l, &w);
	if (rc < 0) {
		watch_span_release(&w);
		return diag_set(d, rc, "out of memory");
	}
	rc = report(&w, &l, argc, argv, d);
	watch_load_release(&l);
	watch_span_release(&w);
	return rc;
}

int watch_main(int argc, char **argv, int given_n, char **given)
{
	struct diag d = {{0}};
	char special;
	int n = opt_parse(&program, argc, argv, &special, &d);

	if (special) {
		if (special == 'h')
			opt_help(&program, stdout);
		else
			printf("conntrack-model %s\n", opt_version());
		return 0;
	}
	if (n > 0)
		n = diag_set(&d, ERR_MISSING, "watch takes no operands");
	if (n < 0 || (n = options_check(&d)) < 0) {
		log_error("%s", d.text);
		return EXIT_USAGE;
	}
	if (run(given_n, given, &d) < 0) {
		log_error("%s", d.text);
		return EXIT_INVALID;
	}
	return 0;
}
