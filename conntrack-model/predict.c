/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prediction: one walk through the table as it is, one through a table
 * without a limit, and the advice that follows from the second.
 */
#include "conntrack-model/predict.h"

#include "conntrack-model/ipvs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const unsigned sensitivity_timeout_s[SENSITIVITY_TIMEOUTS] = {30, 10, 5};
const unsigned sensitivity_growth[SENSITIVITY_GROWTHS] = {1, 2, 4};

static int peak_without_limit(const struct walk_conf *c, const struct ct_events *e, uint64_t *ret)
{
	struct walk_conf free_conf = *c;
	struct walk w;

	free_conf.table.max = 0;
	int rc = walk_run(&w, &free_conf, e);
	if (rc < 0)
		return rc;
	*ret = w.track[c->netns].peak;
	walk_release(&w);
	return 0;
}

static int walk_sensitivity(struct prediction *p, const struct predict_conf *c,
			    const struct ct_events *e)
{
	int rc = 0;

	for (size_t i = 0; i < SENSITIVITY_TIMEOUTS; i++) {
		for (size_t k = 0; k < SENSITIVITY_GROWTHS && rc == 0; k++) {
			struct walk_conf w = c->walk;
			w.table.udp_s = sensitivity_timeout_s[i];
			w.growth = c->walk.growth * sensitivity_growth[k];
			rc = peak_without_limit(&w, e, &p->sensitivity[i][k]);
		}
	}
	return rc;
}

static double peak_time(const struct walk_track *w)
{
	uint64_t most = 0;
	double t_s = 0;

	for (size_t i = 0; i < w->n_rows; i++) {
		if (w->row[i].count <= most)
			continue;
		most = w->row[i].count;
		t_s = w->row[i].t_s;
	}
	return t_s;
}

/* The closed form beside the walk, over whole periods of the walk's end. */
static void compare_closed(struct prediction *p, const struct predict_conf *c)
{
	const struct walk_track *k = p->track;
	double end_s = k->n_rows ? k->row[k->n_rows - 1].t_s : 0, from_s;

	if (!c->n_loads)
		return;
	if (c->walk.growth != 1 || c->walk.n_notrack || c->walk.callers.n || c->walk.endpoints.n_changes || c->walk.endpoints.churn_ns) {
		diag_set(&p->closed_why, ERR_UNKNOWN, "not with --growth, --notrack, --callers, endpoints that change or dumps");
		return;
	}
	for (size_t i = 0; i < c->n_loads; i++)
		end_s = fmin(end_s, (double)c->loads[i].until_ns / 1e9);
	if (closed_form(&p->closed, &c->walk.table, c->loads, c->n_loads, c->other, c->walk.netns, &p->closed_why) < 0) {
		p->closed.period_s = 0;
		return;
	}
	from_s = p->closed.steady_s;
	for (size_t i = 0; i < c->n_loads; i++)
		from_s = fmax(from_s, p->closed.steady_s + (double)c->loads[i].from_ns / 1e9);
	double periods = floor((end_s - from_s) / p->closed.period_s);
	if (periods >= 1)
		p->steady = walk_range(k, end_s - periods * p->closed.period_s, end_s);
}

static int predict_more(struct prediction *p, const struct predict_conf *c, const struct ct_events *e)
{
	struct ipvs_walk ipvs = {0};
	int rc = 0;

	if (c->sensitivity)
		rc = walk_sensitivity(p, c, e);
	if (rc == 0 && c->what_if)
		rc = variants_run(p->variant, &p->n_variants, &c->walk, &c->variant, e);
	if (rc == 0 && c->ipvs)
		rc = ipvs_walk(&ipvs, e, c->walk.tail_ns);
	p->ipvs_peak = ipvs.peak;
	ipvs_walk_release(&ipvs);
	return rc;
}

int predict(struct prediction *ret, const struct predict_conf *c, const struct ct_events *e)
{
	memset(ret, 0, sizeof(*ret));
	int rc = walk_run(&ret->walk, &c->walk, e);
	if (rc < 0)
		return rc;
	rc = peak_without_limit(&c->walk, e, &ret->peak_free);
	if (rc == 0)
		rc = predict_more(ret, c, e);
	if (rc < 0) {
		predict_release(ret);
		return rc;
	}
	ret->track = &ret->walk.track[c->walk.netns];
	ret->range = walk_range(ret->track, 0, INFINITY);
	ret->peak_at_s = peak_time(ret->track);
	ret->bytes_peak = ctable_bytes(ret->track->peak, c->walk.table.buckets);
	settings_make(&ret->settings, &c->walk.table, ret->peak_free, c->headroom);
	compare_closed(ret, c);
	return 0;
}

void predict_release(struct prediction *p)
{
	walk_release(&p->walk);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_sensitivity(const struct prediction *p, FILE *out)
{
	fprintf(out, "\npeak of nf_conntrack_count without a limit, by load and "
		     "nf_conntrack_udp_timeout\n");
	fprintf(out, "%-16s", "");
	for (size_t k = 0; k < SENSITIVITY_GROWTHS; k++)
		fprintf(out, " %8s%ux", "", sensitivity_growth[k]);
	fprintf(out, "\n");
	for (size_t i = 0; i < SENSITIVITY_TIMEOUTS; i++) {
		fprintf(out, "%11u s   ", sensitivity_timeout_s[i]);
		for (size_t k = 0; k < SENSITIVITY_GROWTHS; k++)
			fprintf(out, " %10" PRIu64, p->sensitivity[i][k]);
		fprintf(out, "\n");
	}
}

static double off(double a, double b)
{
	return b > 0 ? 100 * (a / b - 1) : 0;
}

static void print_closed(const struct prediction *p, FILE *out)
{
	const struct closed_form *f = &p->closed;

	if (f->period_s <= 0 && !p->closed_why.text[0]) /* not a made-up load */
		return;
	if (f->period_s <= 0) {
		fprintf(out, "closed form    none: %s\n", p->closed_why.text);
		return;
	}
	fprintf(out, "closed form    mean %.0f, peak %.0f, a sweep every %.1f s", f->mean, f->max, f->period_s);
	if (f->lost > 0)
		fprintf(out, "; full: %.2f %% of new flows lost\n", 100 * f->lost);
	else if (!p->steady.n)
		fprintf(out, "; the walk is too short to compare (%.0f s until it is steady)\n", f->steady_s);
	else
		fprintf(out, "; the walk %+.1f %%, %+.1f %%\n", off(p->steady.mean, f->mean), off(p->steady.max, f->max));
}

static void print_endpoints(const struct walk *w, const struct endpoints_conf *c, uint32_t n_buckets, FILE *out)
{
	const struct endpoints_told *t = &w->endpoints;

	if (c->n_changes) {
		fprintf(out, "endpoints      %" PRIu64 " queries went to who was dead: %" PRIu64 " answered at a further try, %" PRIu64
			" never", t->n_dead, t->n_answered, t->n_failed);
		if (t->n_waiting)
			fprintf(out, ", %" PRIu64 " still wait", t->n_waiting);
		fprintf(out, "; %" PRIu64 " refused\n", t->n_refused);
		fprintf(out, "               clients waited %.1f s in all; %" PRIu64 " live entries lead to the dead at the end\n", t->waited_s,
			t->n_stale_end);
	}
	if (c->version)
		fprintf(out, "kube-proxy     %u.%u: %" PRIu64 " dumps of %" PRIu64 " entries in all freed %" PRIu64 " dead ones; %" PRIu64
			" stale taken out, %.1f MiB of its memory for most at once\n"
			"               the dumps cost at least %.1f ms of a processor\n",
			c->version >> 8, c->version & 255, t->n_dumps, t->n_dumped, w->stats.expired_dump, t->n_flushed,
			mib(t->n_stale_most * ENDPOINT_BYTES_STALE),
			((double)t->n_dumps * n_buckets * ENDPOINT_DUMP_NS_BUCKET + (double)t->n_dumped * ENDPOINT_DUMP_NS_ENTRY) / 1e6);
}

void predict_print(const struct prediction *p, const struct predict_conf *c, FILE *out)
{
	const struct walk *w = &p->walk;
	const struct walk_track *k = p->track;
	const struct ct_conf *t = &c->walk.table;

	fprintf(out,
		"table          nf_conntrack_max %" PRIu64 ", buckets %u, HZ %u, Linux %u.%u\n",
		t->max, t->buckets, t->hz, t->kernel >> 8, t->kernel & 255);
	fprintf(out,
		"load           %" PRIu64 " queries tracked, %" PRIu64
		" packets untracked, %" PRIu64 " flows made\n",
		k->n_queries, w->n_untracked, w->stats.new_flows);
	fprintf(out, "entries        %12s %12s\n", "live", "counted");
	fprintf(out, "  mean         %12.0f %12.0f\n", p->range.live_mean, p->range.mean);
	fprintf(out, "  peak         %12.0f %12" PRIu64 "   at %.0f s\n", p->range.live_max,
		k->peak, p->peak_at_s);
	fprintf(out, "gc             %" PRIu64 " sweeps, the last two %.1f s apart\n",
		w->stats.gc_sweeps, w->gc_period_s);
	print_closed(p, out);
	fprintf(out,
		"table full     %" PRIu64 " queries lost (%.3f %%), %" PRIu64
		" entries dropped early",
		k->n_lost - k->n_clashed, percent(k->n_lost - k->n_clashed, k->n_queries),
		w->stats.early_drop);
	if (k->full_at_s >= 0)
		fprintf(out, ", the first loss at %.1f s", k->full_at_s);
	fprintf(out, "\n");
	if (k->n_clashed)
		fprintf(out, "NAT clash      %" PRIu64 " queries lost (%.3f %%): two flows translated to one tuple, %" PRIu64
			" of them by a race\n", k->n_clashed, percent(k->n_clashed, k->n_queries), w->n_raced);
	if (c->walk.callers.n)
		fprintf(out, "callers        %" PRIu64 " connections made, %" PRIu64 " SYNs dropped\n", w->callers.n_made, w->callers.n_dropped);
	print_endpoints(w, &c->walk.endpoints, t->buckets, out);
	if (c->ipvs)
		fprintf(out, "ip_vs_conn     %" PRIu64 " connections at the peak, %.1f MiB\n", p->ipvs_peak,
			mib(p->ipvs_peak * IPVS_BYTES_CONN));
	fprintf(out, "memory         %.1f MiB at the peak, %.1f MiB of it the hash\n",
		mib(p->bytes_peak), mib(ctable_bytes(0, t->buckets)));
	if (c->sensitivity)
		print_sensitivity(p, out);
	if (c->what_if)
		variants_print(p->variant, p->n_variants, out);
	if (c->settings_form >= 0)
		settings_print(&p->settings, t, p->peak_free, c->headroom, (enum settings_form)c->settings_form, out);
	else
		fprintf(out, "to set         nf_conntrack_max >= %" PRIu64 " (peak without a limit %" PRIu64 " times %.3g)\n",
			p->settings.max, p->peak_free, c->headroom);
}
