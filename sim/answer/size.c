/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim size: the least that meets the goals (replicas, then entries of the cache, then the table's
 * limit), what autoscalers would make of it, and what breaks first when the load grows.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "sim/answer/goal.h"
#include "sim/answer/trial.h"

#define CACHE_LEAST 256
#define CACHE_MOST 65536
#define HITS_NEAR 0.005	   /* so close to the hit ratio of a cache that holds all is enough */
#define TABLE_MARGIN 1.25  /* over the highest peak seen: alerts stand at 80 % */
#define TABLE_FREE 1e9	   /* as good as no limit */
#define BISECTIONS 4

static const double growths[] = {1, 2, 4, 10};

struct sizing {
	struct sim_ask *a;
	size_t cell;
	struct goals goals;
	double growth; /* of the scenario */
	bool has_cache;
	unsigned replicas, entries;
	uint64_t table;
	char name[32];
	FILE *csv;
};

static void say(struct sizing *z, const char *what, double value, const char *unit, const char *note)
{
	printf("%-34s %14.6g %-10s %s\n", what, value, unit, note);
	if (z->csv)
		fprintf(z->csv, "%s,\"%s\",%.9g,%s,\"%s\"\n", z->name, what, value, unit, note);
}

/* The scenario as sized so far, at `growth` times its load. */
static void as_sized(const struct sizing *z, struct trial *t, double growth)
{
	memset(t, 0, sizeof(*t));
	trial_set(t, "cluster.autoscaler.kind=fixed");
	trial_set(t, "growth=%.9g", z->growth * growth);
	if (z->replicas)
		trial_set(t, "cluster.backends=%u", z->replicas);
	if (z->entries) {
		trial_set(t, "cache.success=%u", z->entries);
		trial_set(t, "cache.denial=%u", z->entries);
	}
	if (z->table)
		trial_set(t, "conntrack.max=%llu", (unsigned long long)z->table);
}

/* --- replicas --- */

static int meets(struct sizing *z, unsigned replicas, bool *ret, struct diag *d)
{
	struct trial t;

	as_sized(z, &t, 1);
	trial_set(&t, "cluster.backends=%u", replicas);
	trial_set(&t, "conntrack.max=%.0f", TABLE_FREE);
	int rc = trial_run(&t, z->a, z->cell, d);
	if (rc == 0) {
		const struct goal *broken = goals_broken(&z->goals, &t.out);
		*ret = !broken;
		log_info("%s: %u replicas: p99 %.2f ms, lost %.4f %%%s%s", z->name, replicas, trial_number(&t, "p99").mean / 1e6,
			 100 * trial_number(&t, "lost_share").mean, broken ? ": not " : "", broken ? broken->text : "");
	}
	trial_release(&t);
	return rc;
}

static int size_replicas(struct sizing *z, struct diag *d)
{
	unsigned low = 0, high = 1; /* too few; enough, once found */
	bool ok = false;
	int rc = 0;

	for (; rc == 0; high *= 2) {
		rc = meets(z, high, &ok, d);
		if (ok || high >= SIM_BACKENDS_MAX)
			break;
		low = high;
	}
	while (rc == 0 && ok && high - low > 1) {
		unsigned mid = (low + high) / 2;
		bool enough;
		rc = meets(z, mid, &enough, d);
		if (enough)
			high = mid;
		else
			low = mid;
	}
	z->replicas = ok ? high : 0;
	return rc;
}

/* --- the cache, the table --- */

static int hits_at(struct sizing *z, unsigned entries, double *ret_hits, bool *ret_ok, struct diag *d)
{
	struct trial t;
	unsigned before = z->entries;

	z->entries = entries;
	as_sized(z, &t, 1);
	z->entries = before;
	trial_set(&t, "conntrack.max=%.0f", TABLE_FREE);
	int rc = trial_run(&t, z->a, z->cell, d);
	if (rc == 0) {
		*ret_hits = trial_number(&t, "hit_ratio").mean;
		*ret_ok = !goals_broken(&z->goals, &t.out);
	}
	trial_release(&t);
	return rc;
}

static int size_cache(struct sizing *z, struct diag *d)
{
	double most, hits;
	bool ok;
	int rc = hits_at(z, CACHE_MOST, &most, &ok, d);

	for (unsigned n = CACHE_LEAST; rc == 0 && n <= CACHE_MOST; n *= 2) {
		rc = hits_at(z, n, &hits, &ok, d);
		if (rc == 0 && (n == CACHE_MOST || (ok && hits >= most - HITS_NEAR))) {
			z->entries = n;
			say(z, "cache entries", n, "entries", "of each kind: within half a point of a cache that holds all");
			say(z, "hit ratio there", hits, "1", "");
			break;
		}
	}
	return rc;
}

static int size_table(struct sizing *z, struct diag *d)
{
	struct trial t;

	as_sized(z, &t, 1);
	trial_set(&t, "conntrack.max=%.0f", TABLE_FREE);
	int rc = trial_run(&t, z->a, z->cell, d);
	if (rc == 0) {
		double peak = (double)t.out.sum.ct_count_peak;
		uint64_t want = (uint64_t)(peak * TABLE_MARGIN / 1024 + 1) * 1024;
		z->table = want;
		say(z, "table peak", peak, "entries", "DNS alone; add what else the node tracks");
		say(z, "nf_conntrack_max", (double)want, "entries", "at least; a quarter above the peak");
	}
	trial_release(&t);
	return rc;
}

/* --- what if --- */

static int what_if(struct sizing *z, const char *what, const char *const *sets, size_t n_sets, struct diag *d)
{
	struct trial t;
	char note[160];

	as_sized(z, &t, 1);
	for (size_t i = 0; i < n_sets; i++)
		trial_set(&t, "%s", sets[i]);
	int rc = trial_run(&t, z->a, z->cell, d);
	if (rc == 0) {
		const struct goal *broken = goals_broken(&z->goals, &t.out);
		snprintf(note, sizeof(note), "up to %.0f replicas, lost %.4f %%: %s%s", (double)t.out.sum.replicas_peak,
			 100 * trial_number(&t, "lost_share").mean, broken ? "not " : "meets all", broken ? broken->text : "");
		say(z, what, trial_number(&t, "p99").mean / 1e6, "ms p99", note);
	}
	trial_release(&t);
	return rc;
}

static int what_ifs(struct sizing *z, struct diag *d)
{
	char fewer[48], fail[160], rollout[160];
	const struct scenario *s;
	struct loaded l;
	int rc = ask_load(&l, z->a, NULL, 0, d);

	if (rc < 0)
		return rc;
	s = l.s;
	double at_s = (double)s->warmup_ns / 1e9 + (double)s->duration_ns / 4e9;
	snprintf(fewer, sizeof(fewer), "cluster.backends=%u", z->replicas > 1 ? z->replicas - 1 : 1);
	snprintf(fail, sizeof(fail), "cluster.events=[{what: fail, at: %.0fms, for: 1h}]", 1000 * at_s);
	snprintf(rollout, sizeof(rollout), "cluster.events=[{what: rollout, at: %.0fms}]", 1000 * at_s);
	ask_release(&l);
	const char *const few[] = {fewer}, *const one[] = {fail}, *const roll[] = {rollout};
	const char *const prop[] = {"cluster.autoscaler.kind=proportional"}, *const hpa[] = {"cluster.autoscaler.kind=hpa"};
	if (z->replicas > 1)
		rc = what_if(z, "one replica fewer", few, 1, d);
	if (rc == 0)
		rc = what_if(z, "one falls silent", one, 1, d);
	if (rc == 0)
		rc = what_if(z, "a roll-out", roll, 1, d);
	if (rc == 0)
		rc = what_if(z, "cluster-proportional-autoscaler", prop, 1, d);
	return rc == 0 ? what_if(z, "HPA", hpa, 1, d) : rc;
}

/* --- growth --- */

static int grown(struct sizing *z, double growth, bool tell, bool *ret_ok, char why[160], struct diag *d)
{
	struct trial t;
	char what[48], note[240];

	as_sized(z, &t, growth);
	int rc = trial_run(&t, z->a, z->cell, d);
	if (rc == 0) {
		const struct goal *broken = goals_broken(&z->goals, &t.out);
		struct pressure p = trial_pressure(&t);
		*ret_ok = !broken;
		snprintf(why, 160, "%s%s%s", broken ? broken->text : "meets all", broken ? ": " : "", broken ? trial_bottleneck(&t) : "");
		snprintf(what, sizeof(what), "load x%g", growth);
		snprintf(note, sizeof(note), "lost %.4f %%; replicas %.0f %%, table %.0f %%, cache %.0f %% used; %s%s",
			 100 * trial_number(&t, "lost_share").mean, 100 * p.replicas, 100 * p.table, 100 * p.cache,
			 broken ? "breaks " : "", why);
		if (tell)
			say(z, what, trial_number(&t, "p99").mean / 1e6, "ms p99", note);
	}
	trial_release(&t);
	return rc;
}

static int grow(struct sizing *z, struct diag *d)
{
	double good = 0, bad = 0;
	char why[160] = "", first[160] = "";
	bool ok;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(growths) / sizeof(growths[0]); i++) {
		rc = grown(z, growths[i], true, &ok, why, d);
		if (rc == 0 && ok && !bad)
			good = growths[i];
		if (rc == 0 && !ok && !bad) {
			bad = growths[i];
			memcpy(first, why, sizeof(first));
		}
	}
	if (!bad)
		return rc;
	for (unsigned i = 0; rc == 0 && i < BISECTIONS; i++) {
		double mid = (good + bad) / 2;
		rc = grown(z, mid, false, &ok, why, d);
		if (rc == 0 && ok) {
			good = mid;
		} else if (rc == 0) {
			bad = mid;
			memcpy(first, why, sizeof(first));
		}
	}
	if (rc == 0)
		say(z, "breaks first at load", bad, "times", first);
	return rc;
}

/* --- a cell --- */

static int size_cell(struct sizing *z, struct diag *d)
{
	int rc = size_replicas(z, d);

	if (rc < 0)
		return rc;
	printf("\n%s: %s\n", z->name, z->a->slo);
	if (!z->replicas) {
		say(z, "replicas", SIM_BACKENDS_MAX, "servers", "are not enough: no number of replicas meets the goals");
		z->a->unmet = true;
		return 0;
	}
	say(z, "replicas", z->replicas, "servers", "the fewest that meet the goals");
	if (z->has_cache)
		rc = size_cache(z, d);
	if (rc == 0)
		rc = size_table(z, d);
	if (rc == 0)
		rc = what_ifs(z, d);
	return rc == 0 ? grow(z, d) : rc;
}

static int csv_open(struct sizing *z, struct diag *d)
{
	int rc = z->a->out ? ask_out_open(z->a, ".size.csv", &z->csv, d) : 0;

	if (rc < 0 || !z->csv)
		return rc;
	fprintf(z->csv, "cell,what,value,unit,note\n");
	return 0;
}

int size(struct sim_ask *a, struct diag *d)
{
	struct sizing z = {.a = a};
	struct loaded l;
	int rc = goals_parse(&z.goals, a->slo, d);

	if (rc == 0)
		rc = ask_load(&l, a, NULL, 0, d);
	if (rc < 0)
		return rc;
	z.growth = l.s->growth;
	if (!l.s->replica.service.median_ns && !a->costs.backend_cpu.d.median_ns)
		log_warn("cluster.replica.service is not given: servers are never busy, and one is enough");
	rc = csv_open(&z, d);
	for (size_t i = 0; rc == 0 && i < l.n_cells; i++) {
		z.cell = i;
		z.has_cache = l.cell[i].cache != SIM_NOCACHE;
		z.replicas = z.entries = 0;
		z.table = 0;
		sim_cell_str(l.cell[i].proxy, l.cell[i].cache, z.name);
		rc = size_cell(&z, d);
	}
	ask_release(&l);
	return z.csv ? ask_out_close(a, ".size.csv", z.csv, rc, d) : rc;
}
