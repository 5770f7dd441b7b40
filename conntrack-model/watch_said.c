/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "conntrack-model/watch_said.h"

#include <inttypes.h>
#include <string.h>

#include "lib/record/table.h"

static const char changed[] = "sysctls of the table were changed while it was watched; these are those of the end";

static const struct watch_sample *last(const struct watch *w)
{
	return &w->sample[w->n_samples - 1];
}

static double off_percent(double a, double b)
{
	return b > 0 ? 100 * (a / b - 1) : 0;
}

static double share_percent(uint64_t part, double whole)
{
	return whole > 0 ? 100 * (double)part / whole : 0;
}

static void print_node(const struct watch *w, FILE *out)
{
	const struct ct_conf *t = &w->node.table;

	fprintf(out, "node           Linux %s, HZ %u%s, nf_conntrack_max %" PRIu64 ", buckets %u, UDP %u s, stream %u s\n",
		w->node.release, t->hz, w->node.hz_known ? "" : " (assumed)", t->max, t->buckets, t->udp_s, t->udp_stream_s);
	if (w->changed)
		fprintf(out, "               %s\n", changed);
}

static void print_load(const struct watch_said *s, FILE *out)
{
	const struct watch *w = s->w;
	const struct watch_load *l = s->load;

	fprintf(out, "watched        %.1f s%s", w->span_s, w->interrupted ? ", interrupted" : "");
	if (!w->heard) {
		fprintf(out, ", counters alone\n");
		return;
	}
	fprintf(out, "; %" PRIu64 " flows made (%.1f a second, %.0f %% to port 53), %" PRIu64 " of them gone, %" PRIu64 " unanswered\n",
		l->n_flows, (double)l->n_flows / w->span_s, share_percent(l->n_dns, (double)l->n_flows), l->n_gone, l->n_unanswered);
	if (w->n_other_protocols)
		fprintf(out, "               %" PRIu64 " more are neither UDP nor TCP: counted, in no prediction\n", w->n_other_protocols);
}

/* What a full table did, a sentence a line; "" when it was none. */
static void full_text(const struct watch *w, char ret[2][160])
{
	uint64_t away = watch_turned_away(w), evicted = last(w)->c.early_drop;

	ret[0][0] = ret[1][0] = '\0';
	if (!watch_was_full(w))
		return;
	if (away)
		snprintf(ret[0], sizeof(ret[0]), "the table was full: %" PRIu64 " packets of new flows were dropped, which no event tells of: "
			 "flows made are too few, so is what is predicted", away);
	if (evicted)
		snprintf(ret[1], sizeof(ret[1]), "the table was full: %" PRIu64 " entries were evicted for new flows", evicted);
}

static void print_full(const struct watch *w, FILE *out)
{
	char text[2][160];

	full_text(w, text);
	for (unsigned i = 0; i < 2; i++)
		if (*text[i])
			fprintf(out, "               %s\n", text[i]);
	if (last(w)->c.insert_failed)
		fprintf(out, "               %" PRIu64 " packets were dropped, for another entry had their addresses and ports by then\n",
			last(w)->c.insert_failed);
}

static void print_entries(const struct watch_said *s, FILE *out)
{
	const struct watch *w = s->w;
	const struct watch_counters *c = &last(w)->c;
	uint64_t peak = watch_count_peak(w), max = w->node.table.max;

	fprintf(out, "entries        %" PRIu64 " at first, %" PRIu64 " at the end, %" PRIu64 " at most", w->sample[0].count, last(w)->count,
		peak);
	if (max)
		fprintf(out, " (%.1f %% of max)", share_percent(peak, (double)max));
	if (w->heard)
		fprintf(out, "; %" PRIu64 " are older than the watch", s->load->n_older);
	if (s->load->n_untold)
		fprintf(out, "; of %" PRIu64 " the kernel did not tell", s->load->n_untold);
	fprintf(out, "\n");
	if (w->live.cpu_s >= 0)
		fprintf(out, "               a dump, after: %" PRIu64 " live, %" PRIu64 " of them ASSURED, %" PRIu64 " to port 53; it took %.1f ms of a processor\n",
			w->live.n, w->live.assured, w->live.dns, 1e3 * w->live.cpu_s);
	fprintf(out,
		"counters       drop %" PRIu64 ", early_drop %" PRIu64 ", insert_failed %" PRIu64 ", clash_resolve %" PRIu64
		", chaintoolong %" PRIu64 ", invalid %" PRIu64 "\n",
		c->drop, c->early_drop, c->insert_failed, c->clash_resolve, c->chain_too_long, c->invalid);
	print_full(w, out);
}

static void print_cost(const struct watch *w, FILE *out)
{
	fprintf(out, "cost           %.2f %% of a processor", share_percent(1, w->span_s / (w->cpu_s > 0 ? w->cpu_s : 1e-9)));
	if (w->heard)
		fprintf(out, "; %" PRIu64 " events, %.0f a second, %.1f MiB kept; events were lost at %" PRIu64 " reads", w->n_events,
			(double)w->n_events / w->span_s, (double)(w->n_seen * sizeof(*w->seen)) / (1 << 20), w->n_lost_reads);
	fprintf(out, "\n");
	if (w->overfull)
		fprintf(out, "               more events than --events-max: from then on counters alone\n");
}

static void print_openers(const struct watch_load *l, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < l->n_openers && i < 3; i++) {
		const struct watch_opener *p = &l->opener[i];
		fprintf(out, "%-14s %-15s %8" PRIu64 " flows, %.1f %%; %" PRIu64 " to port 53\n", i ? "" : "opened by",
			qs_ip_to_text(&p->client, text), p->flows, share_percent(p->flows, (double)l->n_flows), p->dns);
	}
}

static void print_evictable(const struct watch_said *s, FILE *out)
{
	enum watch_evidence by;
	uint64_t n = watch_evictable(s->w, s->load, &by);

	if (by == WATCH_NO_EVIDENCE)
		fprintf(out, "as if all were ASSURED (--dump tells)\n");
	else
		fprintf(out, "of which %" PRIu64 " can be evicted, by %s\n", n, by == WATCH_BY_DUMP ? "the dump" : "what the full table did");
}

void watch_said_print(const struct watch_said *s, FILE *out)
{
	const struct watch_check *c = &s->check;

	print_node(s->w, out);
	print_load(s, out);
	print_entries(s, out);
	print_cost(s->w, out);
	print_openers(s->load, out);
	if (!s->times) {
		if (s->w->heard)
			fprintf(out, "prediction     none: the kernel told of no flow in this namespace%s\n",
				watch_was_full(s->w) && watch_turned_away(s->w) ? ": those that came found its table full" : "");
		return;
	}
	fprintf(out,
		"the model      of entries made while watched, kernel / model: mean %.0f / %.0f (%+.1f %%), peak %" PRIu64 " / %" PRIu64
		" (%+.1f %%)\n",
		c->kernel_mean, c->model_mean, off_percent(c->model_mean, c->kernel_mean), c->kernel_peak, c->model_peak,
		off_percent((double)c->model_peak, (double)c->kernel_peak));
	if (s->w->n_lost_reads || s->w->overfull)
		fprintf(out, "               events are missing: flows made are too few, so is what follows\n");
	fprintf(out, "prediction     the watched time %u times over, beside %" PRIu64 " older entries, ", s->times, s->load->n_older);
	print_evictable(s, out);
	if (s->load->n_left_open)
		fprintf(out, "               %" PRIu64 " connections were left open; each is closed one watched time later\n",
			s->load->n_left_open);
}

uint64_t watch_settings(const struct watch *w, double headroom, struct settings *ret)
{
	uint64_t peak = watch_count_peak(w);

	settings_make(ret, &w->node.table, peak, headroom);
	settings_not_lower(ret, &w->node.table, peak);
	return peak;
}

/* --- the record --- */

static void put_samples(struct result *r, const struct watch *w)
{
	static const char *const columns[] = {"t_s", "nf_conntrack_count", "made", "gone", "drop", "early_drop", "insert_failed",
					      "clash_resolve", NULL};
	struct table t;
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < w->n_samples && rc == 0; i++) {
		const struct watch_sample *x = &w->sample[i];
		double v[] = {x->t_s,		       (double)x->count,	 (double)x->n_new,	    (double)x->n_gone,
			      (double)x->c.drop,       (double)x->c.early_drop, (double)x->c.insert_failed, (double)x->c.clash_resolve};
		rc = table_add(&t, NULL, v);
	}
	if (rc == 0 || rc == ERR_LIMIT)
		result_table(r, "conntrack_watched", &t);
	table_release(&t);
}

static void put_openers(struct result *r, const struct watch_load *l)
{
	static const char *const columns[] = {TABLE_WHAT, "flows", "to_port_53", NULL};
	struct table t;
	char text[INET6_ADDRSTRLEN];
	int rc = 0;

	table_init(&t, columns);
	for (size_t i = 0; i < l->n_openers && rc == 0; i++) {
		double v[] = {(double)l->opener[i].flows, (double)l->opener[i].dns};
		rc = table_add(&t, qs_ip_to_text(&l->opener[i].client, text), v);
	}
	if (rc == 0)
		result_table(r, "conntrack_openers", &t);
	table_release(&t);
}

static void put_events(struct result *r, const struct watch_said *s)
{
	const struct watch *w = s->w;
	const struct watch_load *l = s->load;

	result_num(r, "watch.events", (double)w->n_events);
	result_num(r, "watch.lost_reads", (double)w->n_lost_reads);
	result_num(r, "watch.flows", (double)l->n_flows);
	result_num(r, "watch.flows_dns", (double)l->n_dns);
	result_num(r, "watch.flows_gone", (double)l->n_gone);
	result_num(r, "watch.older", (double)l->n_older);
	enum watch_evidence by;
	uint64_t evictable = watch_evictable(w, l, &by);
	if (by != WATCH_NO_EVIDENCE)
		result_num(r, "watch.older_evictable", (double)evictable);
	result_num(r, "watch.untold", (double)l->n_untold);
	if (s->times) {
		result_num(r, "watch.known_peak", (double)s->check.kernel_peak);
		result_num(r, "watch.known_mean", s->check.kernel_mean);
		result_num(r, "watch.model_peak", (double)s->check.model_peak);
		result_num(r, "watch.model_mean", s->check.model_mean);
		result_num(r, "watch.repeated", s->times);
	}
	put_openers(r, l);
	if (w->n_lost_reads || w->overfull)
		result_remark(r, "note", "events are missing: flows made are too few, so is what is predicted");
}

void watch_said_write(struct result *r, void *arg)
{
	const struct watch_said *s = arg;
	const struct watch *w = s->w;
	const struct watch_counters *c = &last(w)->c;
	char text[2][160];

	full_text(w, text);
	for (unsigned i = 0; i < 2; i++)
		if (*text[i])
			result_remark(r, "note", text[i]);
	result_num(r, "watch.span_s", w->span_s);
	result_num(r, "watch.cpu_s", w->cpu_s);
	result_num(r, "watch.count_first", (double)w->sample[0].count);
	result_num(r, "watch.count_last", (double)last(w)->count);
	result_num(r, "watch.count_peak", (double)watch_count_peak(w));
	result_num(r, "watch.drop", (double)c->drop);
	result_num(r, "watch.early_drop", (double)c->early_drop);
	result_num(r, "watch.insert_failed", (double)c->insert_failed);
	result_num(r, "watch.clash_resolve", (double)c->clash_resolve);
	put_samples(r, w);
	if (w->heard)
		put_events(r, s);
	if (w->interrupted)
		result_remark(r, "note", "the watch was interrupted");
	if (w->changed)
		result_remark(r, "note", changed);
	if (!w->node.hz_known)
		result_remark(r, "note", "CONFIG_HZ is not known: 250 assumed");
}
