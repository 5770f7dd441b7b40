/* SPDX-License-Identifier: Apache-2.0 */
/* Each setting from the records that know of it; nothing is said where none does. */
#include "reports/judge/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/record/table.h"
#include "reports/judge/world.h"
#include "reports/words/fmt.h"

#define KNEE_POINTS 0.005
#define CACHE_STOCK 9984 /* the manifest's */

const char *const setting_place_words[PLACE_N] = {
	"sysctl, on every node",
	"Corefile of the cache, in each cache block",
	"flags of node-cache",
	"kubectl, for the cluster DNS",
};

struct making {
	struct settings *ret;
	const struct book *b;
	const struct settings_conf *c;
};

/* The largest value of a metric in the records that a roll-out will look like: cells
 * with the cache, and where there is none, all. */
static bool largest(const struct book *b, const char *metric, double *ret, const struct cell **ret_cell, enum engine *ret_engine)
{
	bool found = false;
	double v;
	for (int with = 1; with >= 0 && !found; with--)
		for (size_t i = 0; i < b->n_cells; i++)
			for (int e = 0; e < ENG_N; e++) {
				if ((with && b->cell[i].cache != 1) || !cell_num(&b->cell[i], (enum engine)e, metric, &v) ||
				    (found && v <= *ret))
					continue;
				found = true;
				*ret = v;
				*ret_cell = &b->cell[i];
				*ret_engine = (enum engine)e;
			}
	return found;
}

static struct setting *add(struct making *m, enum setting_place place, const char *name, double value, const char *unit)
{
	static struct setting spare;
	struct setting *s = m->ret->n < SETTINGS_MAX ? &m->ret->s[m->ret->n++] : &spare;
	*s = (struct setting){ .place = place, .value = value, .unit = unit };
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static void set_from(struct setting *s, const struct cell *c, enum engine e)
{
	snprintf(s->from, sizeof(s->from), "%.80s, %s", c->title, engine_title(e));
}

static double steps_up(double n, double step)
{
	return fmax(ceil(n / step), 1) * step;
}

/* What DNS needs: the model's advice, or else twice the highest count seen. */
static bool dns_entries(const struct book *b, double *ret, const struct cell **ret_cell, enum engine *ret_engine, bool *ret_model)
{
	double upstream = 0;
	const struct cell *c;
	enum engine e;
	*ret_model = largest(b, "model.max_advised", ret, ret_cell, ret_engine);
	if (*ret_model)
		return true;
	if (!largest(b, "conntrack.peak", ret, ret_cell, ret_engine))
		return false;
	largest(b, "conntrack.upstream_peak", &upstream, &c, &e);
	*ret = steps_up(2 * (*ret + upstream), CONNTRACK_STEP);
	return true;
}

static void conntrack(struct making *m)
{
	double need, other = 0, now = 0;
	const struct cell *c, *ignored;
	enum engine e, ignored_e;
	bool model;
	char a[FMT_MAX], b[FMT_MAX], n[FMT_MAX];
	if (!dns_entries(m->b, &need, &c, &e, &model))
		return;
	largest(m->b, "conntrack.other", &other, &ignored, &ignored_e);
	bool known = largest(m->b, "conntrack.max", &now, &ignored, &ignored_e) && now > 0;
	double value = fmax(steps_up(need + 2 * other, CONNTRACK_STEP), now);
	struct setting *s = add(m, PLACE_SYSCTL, "nf_conntrack_max", value, "entries");
	set_from(s, c, e);
	if (known)
		snprintf(s->line, sizeof(s->line), "net.netfilter.nf_conntrack_max = %.0f", value);
	else /* the limit that stands may well be higher */
		snprintf(s->line, sizeof(s->line), "# nf_conntrack_max: %.0f on top of what other traffic needs; do not lower it",
			 value);
	snprintf(s->rule, sizeof(s->rule),
		 "with the cache DNS needs %s (%s), twice the %s entries of other traffic that were seen come on top; %s",
		 fmt_count(need, a),
		 model ? "conntrack-model: twice the peak without a limit" : "twice the highest count, in steps of 4096",
		 fmt_count(other, b),
		 !known		? "no record knows the limit that your nodes have"
		 : value == now ? "the limit that was found is enough and stays"
				: "more than the limit that was found");
	if (known && value > now)
		snprintf(s->rule + strlen(s->rule), sizeof(s->rule) - strlen(s->rule), ", %s", fmt_count(now, n));
	if (!known)
		return;
	double buckets = 1024;
	while (buckets < value && buckets < 1 << 30)
		buckets *= 2;
	s = add(m, PLACE_SYSCTL, "nf_conntrack_buckets", buckets, "buckets");
	set_from(s, c, e);
	snprintf(s->line, sizeof(s->line), "net.netfilter.nf_conntrack_buckets = %.0f", buckets);
	snprintf(s->rule, sizeof(s->rule),
		 "the power of two that is no less than nf_conntrack_max, as the kernel itself starts with");
}

int settings_knee(const struct table *t, int column, double points)
{
	double most = -INFINITY;
	for (size_t i = 0; i < t->n_rows; i++)
		if (!isnan(table_at(t, i, column)))
			most = fmax(most, table_at(t, i, column));
	for (size_t i = 0; i < t->n_rows; i++)
		if (table_at(t, i, column) >= most - points)
			return (int)i;
	return -1;
}

static bool knee_of(const struct record *r, double *ret_entries, double *ret_share)
{
	struct table t;
	struct diag d;
	if (record_table(r, "cache_size", &t, &d))
		return false;
	int share = table_column(&t, "hit_share"), row = settings_knee(&t, share, KNEE_POINTS);
	*ret_entries = table_at(&t, row < 0 ? 0 : (size_t)row, table_column(&t, "entries"));
	*ret_share = table_at(&t, row < 0 ? 0 : (size_t)row, share);
	table_release(&t);
	return row >= 0 && *ret_entries > 0;
}

static void cache_from_curve(struct making *m, const struct cell *c, enum engine e, double knee, double share)
{
	char text[FMT_MAX];
	double now = CACHE_STOCK;
	const struct cell *ignored;
	enum engine ignored_e;
	largest(m->b, "world.cache_success", &now, &ignored, &ignored_e);
	double entries = fmax(knee, now);
	struct setting *s = add(m, PLACE_COREFILE, "cache budget", entries, "entries");
	set_from(s, c, e);
	snprintf(s->line, sizeof(s->line), "success %.0f\ndenial %.0f", entries, entries);
	snprintf(s->rule, sizeof(s->rule),
		 "the smallest size tried whose hit share, %.1f %%, is within half a point of the best is %s entries%s",
		 share * 100, fmt_count(knee, text), knee < now ? ": what there is, is enough and stays" : "");
}

static void cache_size(struct making *m)
{
	double entries, share, success, denial;
	const struct cell *c;
	enum engine e;
	for (size_t i = 0; i < m->b->n_cells; i++)
		for (int k = 0; k < ENG_N; k++)
			if (m->b->cell[i].run[k] && knee_of(m->b->cell[i].run[k], &entries, &share)) {
				cache_from_curve(m, &m->b->cell[i], (enum engine)k, entries, share);
				return;
			}
	if (!largest(m->b, "world.cache_success", &success, &c, &e) || !record_num(c->run[e], "world.cache_denial", &denial))
		return;
	struct setting *s = add(m, PLACE_COREFILE, "cache budget", success, "entries");
	set_from(s, c, e);
	snprintf(s->line, sizeof(s->line), "success %.0f\ndenial %.0f", success, denial);
	snprintf(
		s->rule, sizeof(s->rule),
		"as it was tried here; no record walks the questions through caches of other sizes (pcap-replay summary --what-if does)");
}

static void workers(struct making *m)
{
	double cpu, seconds;
	const struct cell *c;
	enum engine e;
	if (!largest(m->b, "cache.cpu_s", &cpu, &c, &e) || !((seconds = world_seconds(c->run[e])) > 0))
		return;
	double busy = cpu / seconds / world_nodes(c->run[e]);
	double n = fmax(ceil(2 * busy / WORKER_LOAD), 1);
	struct setting *s = add(m, PLACE_FLAGS, "workers", n, "processes");
	set_from(s, c, e);
	snprintf(s->line, sizeof(s->line), "-workers %.0f", n);
	snprintf(s->rule, sizeof(s->rule),
		 "the cache kept %.1f %% of one processor busy; twice that load, at no more than %.0f %% of a processor a worker",
		 busy * 100, WORKER_LOAD * 100);
}

double settings_nodes(const struct book *b, const struct settings_conf *conf)
{
	double most = 1;
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			if (b->cell[i].run[e])
				most = fmax(most, world_nodes(b->cell[i].run[e]));
	return conf->nodes > 0 ? conf->nodes : most;
}

double settings_replicas(double qps, double replica_qps)
{
	return fmax(ceil(qps / (replica_qps * REPLICA_LOAD)), 2);
}

static void replicas(struct making *m)
{
	double worst = -1, rate, nodes = settings_nodes(m->b, m->c);
	const struct cell *c = NULL;
	enum engine e = ENG_N;
	char a[FMT_MAX], b[FMT_MAX];
	for (size_t i = 0; i < m->b->n_cells; i++)
		for (int k = 0; k < ENG_N; k++)
			if (m->b->cell[i].cache == 1 && m->b->cell[i].run[k] &&
			    world_rate(m->b->cell[i].run[k], "upstream.queries", &rate) && rate > worst) {
				worst = rate;
				c = &m->b->cell[i];
				e = (enum engine)k;
			}
	if (!c)
		return;
	double n = settings_replicas(worst * nodes, m->c->replica_qps);
	struct setting *s = add(m, PLACE_KUBECTL, "replicas of the cluster DNS", n, "replicas");
	set_from(s, c, e);
	snprintf(s->line, sizeof(s->line), "kubectl -n kube-system scale deployment/coredns --replicas=%.0f", n);
	snprintf(
		s->rule, sizeof(s->rule),
		"%.3g questions a second and node, times %s node%s, at %.0f %% of %s a replica; never below 2, and not before the cache is on all nodes",
		worst, fmt_count(nodes, a), nodes == 1 ? "" : "s", REPLICA_LOAD * 100, fmt_count(m->c->replica_qps, b));
}

void settings_advise(struct settings *ret, const struct book *b, const struct settings_conf *c)
{
	static void (*const table[])(struct making * m) = { conntrack, cache_size, workers, replicas };
	struct making m = { ret, b, c };
	ret->n = 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		table[i](&m);
}
