/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll-out: what the cluster DNS will be asked by so many nodes, how many
 * replicas that takes, and what each failure costs. All of it follows from the
 * rates of one pair of cells, the one whose cache asks most.
 */
#include "reports/page/report.h"

#include <math.h>
#include <string.h>

#include "reports/judge/world.h"
#include "reports/words/fmt.h"

#define REPLICA_QPS_MOST 33000 /* published for two processors; the default is for one that is also busy otherwise */
#define VPC_PACKETS 1024       /* a second and interface: the resolver of a well-known cloud drops the rest */
#define FAILOPEN "1.5 s"

struct rates { /* a second, from one node */
	const struct cell *off, *on;
	enum engine engine;
	double without, with;
};

static bool find_rates(const struct book *b, struct rates *ret)
{
	ret->on = NULL;
	for (int e = 0; e < ENG_N && !ret->on; e++)
		for (size_t i = 0; i < b->n_cells; i++) {
			const struct cell *on = &b->cell[i], *off = book_without_cache(b, on);
			double was, now;
			if (!off || !on->run[e] || !off->run[e] || !world_rate(off->run[e], "upstream.queries", &was) ||
			    !world_rate(on->run[e], "upstream.queries", &now) || (ret->on && now <= ret->with))
				continue;
			*ret = (struct rates){ off, on, (enum engine)e, was, now };
		}
	return ret->on != NULL;
}

static void put_upstream(struct report *r, FILE *out)
{
	struct sheet *s = sheet_new(&r->sheets, "upstream", "Questions at the cluster DNS in these runs.");
	char metric[48];
	size_t backends = 0;
	double v;
	for (size_t k = 1; k <= 8; k++) {
		snprintf(metric, sizeof(metric), "upstream.backend%zu", k);
		backends = metric_used(r->book, metric) ? k : backends;
	}
	sheet_column_text(s, "cell", "cell");
	sheet_column_text(s, "from", "from");
	sheet_column_num(s, "all", "upstream.queries");
	for (size_t k = 1; k <= backends; k++) {
		char words[32];
		snprintf(metric, sizeof(metric), "upstream.backend%zu", k);
		snprintf(words, sizeof(words), "backend %zu", k);
		sheet_column_num(s, words, metric);
	}
	for (size_t i = 0; i < r->book->n_cells; i++)
		for (int e = 0; e < ENG_N; e++) {
			if (!cell_num(&r->book->cell[i], (enum engine)e, "upstream.queries", &v))
				continue;
			sheet_row(s, e == 0);
			sheet_cell_head(s, r, &r->book->cell[i]);
			sheet_text(s, engine_title((enum engine)e));
			sheet_metric(s, r->book->cell[i].run[e], "upstream.queries");
			for (size_t k = 1; k <= backends; k++) {
				snprintf(metric, sizeof(metric), "upstream.backend%zu", k);
				sheet_metric(s, r->book->cell[i].run[e], metric);
			}
		}
	sheet_html(s, out);
}

static void put_nodes_row(struct sheet *s, const struct report *r, const struct rates *x, double nodes)
{
	double qps = r->conf.replica_qps;
	sheet_row(s, false);
	sheet_num(s, nodes, "nodes");
	sheet_num(s, x->without * nodes, "queries/s");
	sheet_num(s, x->with * nodes, "queries/s");
	sheet_num(s, settings_replicas(x->without * nodes, qps), "replicas");
	sheet_num(s, settings_replicas(x->with * nodes, qps), "replicas");
	sheet_num(s, settings_replicas(x->without * nodes, REPLICA_QPS_MOST), "replicas");
	sheet_num(s, settings_replicas(x->with * nodes, REPLICA_QPS_MOST), "replicas");
}

static void put_sizes(struct report *r, const struct rates *x, FILE *out)
{
	static const double sizes[] = { 1, 10, 100, 1000, 5000 };
	double asked = settings_nodes(r->book, &r->conf);
	char caption[320], qps[FMT_MAX], most[FMT_MAX], words[96];
	snprintf(
		caption, sizeof(caption),
		"Load on the cluster DNS and replicas needed by the number of nodes like this one, from %.80s (%s); a replica is asked at most %.0f %% of what it can.",
		x->on->title, engine_title(x->engine), REPLICA_LOAD * 100);
	struct sheet *s = sheet_new(&r->sheets, "rollout", caption);
	fmt_count(r->conf.replica_qps, qps);
	fmt_count(REPLICA_QPS_MOST, most);
	sheet_column_num(s, "nodes", "nodes");
	sheet_column_num(s, "a second, without", "qps_without");
	sheet_column_num(s, "a second, with", "qps_with");
	snprintf(words, sizeof(words), "replicas at %s/s, without", qps);
	sheet_column_num(s, words, "replicas_without");
	snprintf(words, sizeof(words), "replicas at %s/s, with", qps);
	sheet_column_num(s, words, "replicas_with");
	snprintf(words, sizeof(words), "at %s/s, without", most);
	sheet_column_num(s, words, "replicas_fast_without");
	snprintf(words, sizeof(words), "at %s/s, with", most);
	sheet_column_num(s, words, "replicas_fast_with");
	bool told = false;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!told && asked < sizes[i])
			put_nodes_row(s, r, x, asked);
		told = told || asked <= sizes[i];
		put_nodes_row(s, r, x, sizes[i]);
	}
	if (!told)
		put_nodes_row(s, r, x, asked);
	sheet_html(s, out);
}

/* --- what fails --- */

static void put_p99(struct sheet *s, const struct cell *c, enum engine e)
{
	sheet_metric(s, c->run[e], "latency.all.p99");
}

static void put_failure(struct sheet *s, const char *what, const char *then, double qps, const struct rates *x,
			const struct cell *like, const char *costs)
{
	sheet_row(s, false);
	sheet_text(s, what);
	sheet_text(s, then);
	if (isnan(qps))
		sheet_absent(s);
	else
		sheet_num(s, qps, "queries/s");
	if (like)
		put_p99(s, like, x->engine);
	else
		sheet_absent(s);
	sheet_text(s, costs);
}

static void put_cold(struct sheet *s, const struct rates *x)
{
	double peak;
	if (world_peak_rate(x->on->run[x->engine], SERIES_UPSTREAM, 1, &peak))
		put_failure(s, "A cache starts empty", "the cache, after one miss a question",
			    peak / world_nodes(x->on->run[x->engine]), x, x->on,
			    "the fullest second of the run, which began with an empty cache");
}

static void put_down(struct sheet *s, const struct rates *x)
{
	double hits, all;
	char costs[160];
	if (!record_num(x->on->run[x->engine], "cache.hits", &hits) ||
	    !record_num(x->on->run[x->engine], "cache.queries", &all) || all <= 0)
		return;
	snprintf(costs, sizeof(costs),
		 "%.1f %% of questions were in memory and are answered until they expire; without the cache all fail at once",
		 100 * hits / all);
	put_failure(s, "The cluster DNS is gone", "the cache, what it holds", 0, x, NULL, costs);
}

static void put_failures(struct report *r, const struct rates *x, FILE *out)
{
	double nodes = settings_nodes(r->book, &r->conf), loss;
	char costs[256], n[FMT_MAX], a[FMT_MAX], b[FMT_MAX];
	struct sheet *s =
		sheet_new(&r->sheets, "failures",
			  "What each failure costs. Questions a second are those that one node sends to the cluster DNS.");
	sheet_column_text(s, "what fails", "what");
	sheet_column_text(s, "who answers then", "then");
	sheet_column_num(s, "questions a second", "qps_node");
	sheet_column_num(s, "p99", "p99");
	sheet_column_text(s, "what it costs", "costs");
	put_failure(s, "Nothing", "the cache", x->with, x, x->on, "as measured or predicted with the cache");
	put_failure(s, "The cache of one node", "the cluster DNS, as without a cache: the rules lapse after " FAILOPEN,
		    x->without, x, x->off,
		    "lookups under way wait for their stub\u2019s time-out; later ones are as without the cache");
	snprintf(costs, sizeof(costs), "%s node%s ask %s a second together, as without the cache: %.0f replicas instead of %.0f",
		 fmt_count(nodes, n), nodes == 1 ? "" : "s", fmt_count(round(x->without * nodes), a),
		 settings_replicas(x->without * nodes, r->conf.replica_qps),
		 settings_replicas(x->with * nodes, r->conf.replica_qps));
	put_failure(s, "The caches of all nodes", "the cluster DNS, as without a cache", x->without, x, x->off, costs);
	put_cold(s, x);
	put_down(s, x);
	if (world_rate(x->off->run[x->engine], "conntrack.insert_failed", &loss) && loss > 0) {
		snprintf(costs, sizeof(costs),
			 "%s packets a second are lost to races; each is a lookup that waits for its stub\u2019s time-out",
			 fmt_count(loss, b));
		put_failure(s, "No cache, races in the table", "the cluster DNS", x->without, x, x->off, costs);
	}
	sheet_html(s, out);
}

static void put_quota(const struct report *r, const struct rates *x, FILE *out)
{
	double rate;
	(void)r;
	if (!world_rate(x->on->run[x->engine], "upstream.external", &rate))
		return;
	fprintf(out,
		"<p>To resolvers outside the cluster go %.3g questions a second from each node. Some clouds drop what is over %d packets a second "
		"from one interface: that is %.2g %% of it.</p>\n",
		rate, VPC_PACKETS, 100 * rate / VPC_PACKETS);
}

void section_rollout(struct report *r, FILE *out)
{
	struct rates x;
	if (!metric_used(r->book, "upstream.queries"))
		return;
	section_begin(r, out, "rollout", "Roll-out: load on the cluster DNS",
		      "Full bars were measured, pale ones beside them predicted; each bar is stacked by backend.");
	put_figures(r, FIG_UPSTREAM, out);
	put_upstream(r, out);
	if (find_rates(r->book, &x)) {
		fputs("<h3>How many replicas, and what if something fails?</h3>\n", out);
		put_sizes(r, &x, out);
		put_failures(r, &x, out);
		put_quota(r, &x, out);
	}
	section_end(out);
}
