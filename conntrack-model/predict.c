/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prediction: one walk through the table as it is, one through a table
 * without a limit, and the advice that follows from the second.
 */
#include "conntrack-model/predict.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ADVICE_STEP 4096

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

int predict(struct prediction *ret, const struct predict_conf *c, const struct ct_events *e)
{
	memset(ret, 0, sizeof(*ret));
	int rc = walk_run(&ret->walk, &c->walk, e);
	if (rc < 0)
		return rc;
	rc = peak_without_limit(&c->walk, e, &ret->peak_free);
	if (rc == 0 && c->sensitivity)
		rc = walk_sensitivity(ret, c, e);
	if (rc < 0) {
		predict_release(ret);
		return rc;
	}
	ret->track = &ret->walk.track[c->walk.netns];
	ret->range = walk_range(ret->track, 0, INFINITY);
	ret->peak_at_s = peak_time(ret->track);
	ret->bytes_peak = ctable_bytes(ret->track->peak, c->walk.table.buckets);
	uint64_t steps = (uint64_t)ceil((double)ret->peak_free * c->headroom / ADVICE_STEP);
	ret->advised_max = (steps ? steps : 1) * ADVICE_STEP;
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
	fprintf(out,
		"table full     %" PRIu64 " queries lost (%.3f %%), %" PRIu64
		" entries dropped early\n",
		k->n_lost, percent(k->n_lost, k->n_queries), w->stats.early_drop);
	fprintf(out, "memory         %.1f MiB at the peak, %.1f MiB of it the hash\n",
		mib(p->bytes_peak), mib(ctable_bytes(0, t->buckets)));
	if (c->sensitivity)
		print_sensitivity(p, out);
	fprintf(out,
		"to set         nf_conntrack_max >= %" PRIu64 " (peak without a limit %" PRIu64
		" times %.3g)\n",
		p->advised_max, p->peak_free, c->headroom);
}
