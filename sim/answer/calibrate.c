/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim calibrate: from the lab's records of kind-e2e/scenarios/calibrate.yaml to a list of costs.
 *
 * What a cost is cannot be read off a latency: a hit's holds two ways, the cache's processor once or twice, a
 * wake-up. So the costs are those under which the simulator, run on the same scenario, takes as long as the
 * lab did: from a first guess each is corrected by what is still missing, quantile by quantile, some rounds.
 * A lookup there is a pair of questions answered in one step, so its latency is the slower of two ways: a way's
 * share p takes what the pair's share p x p takes. What the load program was late by is measured by itself. A name's octets,
 * and a denial that the cache makes of one above, cost what their loads take longer than one of a short name that is there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "sim/answer/ask.h"
#include "sim/answer/seldom.h"
#include "sim/answer/shared.h"
#include "sim/answer/spent.h"

#define LEAST_NS 1000.0
#define ROUNDS 6
#define REPS 8
#define SHARED_ROUNDS 30 /* by smaller steps, to what is no tail */
#define SHARED_REPS 4

static const double shares[] = {0,    0.01, 0.05, 0.1,  0.2,   0.3,  0.4,   0.5,   0.6,   0.7,   0.8,   0.85, 0.9,
				0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999, 0.9995, 1};
#define SHARES (sizeof(shares) / sizeof(shares[0]))

struct cell { /* of the lab */
	struct record *r;
	struct took took; /* from their beginning; where processors are shared, from when they were meant to begin */
	struct hist late;
};

struct fit { /* under one kind of rules */
	enum scen_proxy proxy;
	struct sim_costs *k;
	struct cell off, on;
	struct took sim_off, sim_on;
	double octets; /* which the name of the load `long` has more than the others' */
	struct cell_outcome out[4];
	struct hist late; /* of the first: of all cells */
	struct seen *lab, *sim; /* where processors are shared; else NULL */
};

#define TOOK_HISTS(t) &(t)->fresh, &(t)->same, &(t)->tcp, &(t)->miss, &(t)->longer, &(t)->cut
static const char *const loads[] = {"new", "same", "tcp", "miss", "long", "cut"};
#define TOOK_N (sizeof(loads) / sizeof(loads[0]))
#define TOOK_OLD 4 /* which have always been measured */

static bool took_load(struct took *t, const struct record *r, const char *kind)
{
	char name[32];
	struct hist *const to[] = {TOOK_HISTS(t)};

	for (size_t i = 0; i < TOOK_N; i++) {
		snprintf(name, sizeof(name), "%s.%s", kind, loads[i]);
		if (record_hist(r, name, to[i]))
			continue;
		if (i < TOOK_OLD)
			return false;
		hist_init(to[i]);
	}
	return true;
}

/* A simulated record has no took.*, and nobody who is late in it but by its costs. */
static int cell_load(struct cell *c, const char *lab, const char *name, bool shared, struct diag *d)
{
	char dir[4200];

	snprintf(dir, sizeof(dir), "%s/%s", lab, name);
	int rc = record_load(&c->r, dir, d);
	if (rc < 0)
		return rc;
	hist_init(&c->late);
	bool measured = took_load(&c->took, c->r, shared ? "latency" : "took") && record_hist(c->r, "late.all", &c->late);
	if ((!measured && !took_load(&c->took, c->r, "latency")) || c->took.same.n < 100 || c->took.tcp.n < 20 || c->took.miss.n < 20)
		return diag_set(d, ERR_MISSING, "%s: no record of kind-e2e/scenarios/calibrate.yaml, or too few lookups", dir);
	return 0;
}

static int by_mean(const void *a, const void *b)
{
	double x = hist_mean(&((const struct cell *)a)->took.same), y = hist_mean(&((const struct cell *)b)->took.same);

	return (x > y) - (x < y);
}

static void took_add(struct took *to, const struct took *t)
{
	struct hist *const into[] = {TOOK_HISTS(to)};
	const struct hist *const from[] = {TOOK_HISTS(t)};

	for (size_t i = 0; i < TOOK_N; i++)
		hist_merge(into[i], from[i]);
}

/* Of several runs the lookups of all: how seldom a tail is can only be told from many, and a run that met a
 * disturbance is as much this machine as one that did not. The record is that of the middle one. */
static int cell_choose(struct cell *ret, const struct sim_ask *a, const char *name, struct diag *d)
{
	struct cell *c = calloc((size_t)a->n_operands, sizeof(*c)); /* they hold histograms */
	int middle = (a->n_operands - 1) / 2, rc = c ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	for (int i = 0; i < a->n_operands && rc == 0; i++)
		rc = cell_load(&c[i], a->operand[i], name, a->processors, d);
	if (rc == 0) {
		qsort(c, (size_t)a->n_operands, sizeof(*c), by_mean);
		*ret = c[middle];
		c[middle].r = NULL;
		for (int i = 0; i < a->n_operands; i++)
			if (i != middle) {
				took_add(&ret->took, &c[i].took);
				hist_merge(&ret->late, &c[i].late);
			}
	}
	for (int i = 0; c && i < a->n_operands; i++)
		record_free(c[i].r);
	free(c);
	return rc;
}

static double median(const struct hist *h)
{
	return numbers_quantile(h, 0.5);
}

/* --- the first guess --- */

static void way_first(struct leg *l, const struct hist *pair)
{
	struct leg_point p[SHARES];
	double last = LEAST_NS;

	for (size_t i = 0; i < SHARES; i++) {
		double ns = numbers_quantile(pair, shares[i] * shares[i]);
		last = ns > last ? ns : last;
		p[i] = (struct leg_point){shares[i], (uint64_t)last};
	}
	leg_set_points(l, p, SHARES);
}

static void processor(struct sim_costs *k, const struct cell *on)
{
	const struct took *t = &on->took;
	double cpu_s, queries, misses;

	if (!record_num(on->r, "cache.cpu_s", &cpu_s) || !record_num(on->r, "cache.queries", &queries) ||
	    !record_num(on->r, "cache.misses", &misses) || queries < 100)
		return;
	/* together they are known: the stock list's proportions */
	double by_tcp = (double)t->tcp.n / (double)(t->fresh.n + t->same.n + t->tcp.n + t->miss.n) * queries;
	double stock_ns = (queries - misses) * (double)k->hit_cpu_ns + misses * (double)(k->miss_cpu_ns + k->answer_cpu_ns) +
			  by_tcp * (double)k->tcp_cpu_ns;
	double scale = cpu_s * 1e9 / stock_ns;
	k->hit_cpu_ns = (uint64_t)((double)k->hit_cpu_ns * scale);
	k->miss_cpu_ns = (uint64_t)((double)k->miss_cpu_ns * scale);
	k->answer_cpu_ns = (uint64_t)((double)k->answer_cpu_ns * scale);
	k->tcp_cpu_ns = (uint64_t)((double)k->tcp_cpu_ns * scale);
}

static void scale(uint64_t *ns, double by)
{
	*ns = (uint64_t)((double)*ns * by + 0.5);
}

/* What names cost is in the daemon's time, too, and stands beside it: so what is left of the time is known when that is. */
static void processor_mend(struct sim_costs *k, const struct cell *on, const struct sim_result *sim)
{
	double cpu_s, queries;

	if (!record_num(on->r, "cache.cpu_s", &cpu_s) || !record_num(on->r, "cache.queries", &queries) || queries < 100 ||
	    !sim->cache_cpu_ns || !sim->cache_queries)
		return;
	double by = cpu_s * 1e9 / queries / ((double)sim->cache_cpu_ns / (double)sim->cache_queries);
	scale(&k->hit_cpu_ns, by);
	scale(&k->miss_cpu_ns, by);
	scale(&k->answer_cpu_ns, by);
	scale(&k->tcp_cpu_ns, by);
}

static void guess(struct sim_costs *k, const struct fit *f)
{
	const struct scen_delay none = {0, 0};

	processor(k, &f->on);
	way_first(&k->pod_cache, &f->on.took.same);
	way_first(&k->pod_backend, &f->off.took.same);
	way_first(&k->tcp_setup, &f->on.took.same);
	/* whole ways: nothing is left for the way back and the thread that wakes up */
	leg_set(&k->cache_pod, none);
	leg_set(&k->backend_pod, none);
	leg_set(&k->client, none);
	leg_set(&k->backend_node, none);
	leg_set(&k->world_node, none);
	leg_set(&k->start, none); /* until the end */
	way_first(&k->node_backend, &f->on.took.miss);
	k->socket_ns = k->new_flow_ns = k->octet_ns = k->cut_cpu_ns = 0;
}

/* --- pauses --- */

static int pauses(struct idle *ret, const struct cell *often, const struct sim_ask *a, const char *name, struct diag *d)
{
	struct record *r[SELDOM_MAX] = {often->r};
	unsigned n = 1;
	int rc = 0;
	char dir[4200];

	for (size_t i = 0; i < a->seldom.n && rc == 0; i++, n += rc == 0) {
		snprintf(dir, sizeof(dir), "%s/%s", a->seldom.item[i], name);
		rc = n == SELDOM_MAX ? diag_set(d, ERR_LIMIT, "--seldom: at most %d", SELDOM_MAX - 1) : record_load(&r[n], dir, d);
	}
	if (rc == 0 && n > 1 && !seldom_costs(ret, r, n))
		rc = diag_set(d, ERR_MISSING, "--seldom: records of a load named same, at rates of their own");
	for (unsigned i = 1; i < n; i++)
		record_free(r[i]);
	return rc;
}

/* --- corrections --- */

/* `power`: which share of the lookups the share p of a leg is seen in, p^power. */
static void leg_mend(struct leg *l, const struct hist *want, const struct hist *got, unsigned power)
{
	struct leg_point p[SHARES];
	double last = LEAST_NS;

	for (size_t i = 0; i < SHARES; i++) {
		double share = power == 2 ? shares[i] * shares[i] : shares[i];
		double ns = (double)l->point[i].ns + numbers_quantile(want, share) - numbers_quantile(got, share);
		last = ns > last ? ns : last;
		p[i] = (struct leg_point){shares[i], (uint64_t)last};
	}
	leg_set_points(l, p, SHARES);
}

static void cost_mend(uint64_t *ns, double by)
{
	double now = (double)*ns + by;

	*ns = now > 0 ? (uint64_t)now : 0;
}

/* How much longer a lookup from a new port takes. */
static double fresh_more(const struct took *t)
{
	return median(&t->fresh) - median(&t->same);
}

static double longer_more(const struct took *t)
{
	return median(&t->longer) - median(&t->same);
}

static double cut_more(const struct took *t)
{
	return median(&t->cut) - median(&t->same);
}

static void mend_names(struct sim_costs *k, const struct fit *f)
{
	const struct took *lab = &f->on.took, *sim = &f->sim_on;

	if (lab->longer.n && f->octets > 0)
		cost_mend(&k->octet_ns, (longer_more(lab) - longer_more(sim)) / HANDLED / f->octets);
	if (lab->cut.n)
		cost_mend(&k->cut_cpu_ns, (cut_more(lab) - cut_more(sim)) / 2);
}

static void mend(struct sim_costs *k, const struct fit *f)
{
	double socket = fresh_more(&f->on.took) - fresh_more(&f->sim_on);

	mend_names(k, f);

	leg_mend(&k->pod_cache, &f->on.took.same, &f->sim_on.same, 2);
	leg_mend(&k->pod_backend, &f->off.took.same, &f->sim_off.same, 2);
	leg_mend(&k->tcp_setup, &f->on.took.tcp, &f->sim_on.tcp, 1);
	cost_mend(&k->socket_ns, socket);
	cost_mend(&k->new_flow_ns, fresh_more(&f->off.took) - fresh_more(&f->sim_off) - socket);
	leg_mend(&k->node_backend, &f->on.took.miss, &f->sim_on.miss, 2);
	k->node_world = k->node_backend;
}

static void took_of(struct took *t, const struct scenario *s, const struct sim_result *r)
{
	struct hist *const to[] = {TOOK_HISTS(t)};

	for (size_t i = 0; i < TOOK_N; i++)
		for (size_t k = 0; k < s->n_loads; k++)
			if (strcmp(s->load[k].name, loads[i]) == 0)
				*to[i] = r->latency[k];
}

static double octets_more(const struct scenario *s)
{
	for (size_t i = 0; i < s->n_loads; i++)
		if (strcmp(s->load[i].name, "long") == 0 && s->load[i].ask)
			return (double)strlen(s->load[i].ask) - (double)strlen(s->ask[0].name);
	return 0;
}

/* Of both cells, each from the first lookup to the last. */
static double busy_of(const struct fit *f, const struct scenario *s)
{
	double ns = (double)(s->warmup_ns + s->duration_ns) * (double)f->k->processors, sum = 0;

	for (unsigned i = 0; i < 2; i++)
		sum += (double)f->out[i].sum.busy_ns / (double)f->out[i].sum.n_nodes / ns;
	return sum / 2;
}

static double busy_in_lab(const struct fit *f)
{
	double off, on;

	if (record_num(f->off.r, "processors.busy", &off) && record_num(f->on.r, "processors.busy", &on))
		return (off + on) / 2;
	log_warn("the records do not say how busy the processors were (processors.busy): nothing is taken to run aside");
	return -1;
}

static void mend_shared(struct fit *f)
{
	f->sim->off = f->sim_off;
	f->sim->on = f->sim_on;
	shared_mend(f->k, f->lab, f->sim, f->octets);
}

/* The scenario's connections alone: what one costs is no matter of how many there are. */
static struct scenario *only_tcp(const struct scenario *s)
{
	struct scenario *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	*t = *s;
	t->n_loads = 0;
	for (size_t i = 0; i < s->n_loads; i++)
		if (s->load[i].transport == SCEN_TCP)
			t->load[t->n_loads++] = s->load[i];
	return t;
}

static int fit_rounds(struct fit *f, const struct sim_ask *a, struct diag *d)
{
	struct loaded l;
	int rc = ask_load(&l, a, NULL, 0, d);

	if (rc < 0)
		return rc;
	f->octets = octets_more(l.s);
	struct cell_job job[4] = {l.cell[0], l.cell[0]};
	job[0].cache = SIM_NOCACHE;
	job[1].cache = SIM_CACHE;
	job[0].proxy = job[1].proxy = f->proxy;
	job[0].costs = job[1].costs = f->k;
	job[0].verify = job[1].verify = false;
	job[0].n_reps = job[1].n_reps = f->sim ? SHARED_REPS : REPS;
	job[0].same_lookups = job[1].same_lookups = f->sim; /* the lab had them */
	struct scenario *tcp = NULL;
	if (f->lab && f->lab->tcp_on_spent.asked > 0) {
		tcp = only_tcp(l.s);
		if (!tcp) {
			ask_release(&l);
			return diag_set(d, ERR_NOMEM, "out of memory");
		}
		job[2] = job[0];
		job[3] = job[1];
		job[2].s = job[3].s = tcp;
	}
	for (unsigned i = 0; i < (f->sim ? SHARED_ROUNDS : ROUNDS) && rc == 0; i++) {
		rc = cells_run(job, tcp ? 4 : 2, ask_threads(a), NULL, f->out, NULL, d);
		if (rc < 0)
			break;
		took_of(&f->sim_off, l.s, &f->out[0].sum);
		took_of(&f->sim_on, l.s, &f->out[1].sum);
		if (f->sim) {
			f->sim->late = f->out[0].sum.late;
			hist_merge(&f->sim->late, &f->out[1].sum.late);
			f->sim->busy = busy_of(f, l.s);
			spent_by(&f->sim->off_spent, &f->out[0].sum);
			spent_by(&f->sim->on_spent, &f->out[1].sum);
			if (tcp) {
				spent_by(&f->sim->tcp_off_spent, &f->out[2].sum);
				spent_by(&f->sim->tcp_on_spent, &f->out[3].sum);
			}
		} else {
			processor_mend(f->k, &f->on, &f->out[1].sum);
		}
		for (unsigned k = 0; k < (tcp ? 4 : 2); k++)
			cell_outcome_release(&f->out[k]);
		if (f->sim)
			mend_shared(f);
		else
			mend(f->k, f);
	}
	free(tcp);
	ask_release(&l);
	return rc;
}

static void lateness(struct leg *l, const struct hist *late)
{
	struct leg_point p[SHARES];

	if (!late->n)
		return;
	for (size_t i = 0; i < SHARES; i++)
		p[i] = (struct leg_point){shares[i], (uint64_t)numbers_quantile(late, shares[i])};
	leg_set_points(l, p, SHARES);
}

/* --- the file --- */

static int costs_write(const struct sim_costs *k, const struct sim_costs *nft, const struct cell *on, const char *path, struct diag *d)
{
	FILE *f = fopen(path, "we");
	char value[COST_TEXT], other[COST_TEXT];

	if (!f)
		return diag_errno(d, "%s", path);
	fprintf(f, "# Made by dns-sim calibrate.\n#! measured=%s on %s, %s\n", record_fact(on->r, "start"),
		record_fact(on->r, "host"), record_fact(on->r, "kernel"));
	for (const struct cost_def *c = cost_defs; c->name; c++) {
		sim_cost_text(k, c, value);
		fprintf(f, "%s = %s # %s\n", c->name, value, c->help);
	}
	if (nft)
		fprintf(f, "# What differs in cells with nftables' rules.\n");
	for (const struct cost_def *c = cost_defs; nft && c->name; c++) {
		sim_cost_text(k, c, value);
		sim_cost_text(nft, c, other);
		if (strcmp(value, other) != 0)
			fprintf(f, COST_NFT "%s = %s\n", c->name, other);
	}
	return fclose(f) == 0 ? 0 : diag_errno(d, "%s", path);
}

static int fit_load(struct fit *f, const struct sim_ask *a, struct diag *d)
{
	char off[32], on[32];

	sim_cell_str(f->proxy, SIM_NOCACHE, off);
	sim_cell_str(f->proxy, SIM_CACHE, on);
	int rc = cell_choose(&f->off, a, off, d);
	return rc ? rc : cell_choose(&f->on, a, on, d);
}

/* Of the lab's kernel; what is simulated has none. */
static bool since_6_6(const struct record *r)
{
	const char *kernel = record_fact(r, "kernel"), *tool = record_fact(r, "tool");
	unsigned major, minor;

	return kernel && tool && strcmp(tool, "kind-e2e") == 0 && sscanf(kernel, "Linux %u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 6));
}

static int fit_costs(struct fit *f, const struct sim_ask *a, struct diag *d)
{
	if (f->lab) {
		processor(f->k, &f->on);
		shared_guess(f->k, a->processors);
		f->k->eevdf = since_6_6(f->on.r);
		f->lab->off = f->off.took;
		f->lab->on = f->on.took;
		f->lab->late = f->off.late;
		hist_merge(&f->lab->late, &f->on.late);
		f->lab->busy = busy_in_lab(f);
		int code = spent_in(&f->lab->off_spent, f->off.r, d);
		code = code ? code : spent_in(&f->lab->on_spent, f->on.r, d);
		code = code ? code : spent_over_tcp(&f->lab->tcp_off_spent, a, f->proxy, SIM_NOCACHE, d);
		code = code ? code : spent_over_tcp(&f->lab->tcp_on_spent, a, f->proxy, SIM_CACHE, d);
		if (code)
			return code;
	} else {
		guess(f->k, f);
	}
	int rc = fit_rounds(f, a, d);
	if (rc == 0)
		printf("%s: a hit's way %.0f us, a backend's %.0f us at the median; %.0f and %.0f us at the 99th percentile\n",
		       scen_proxy_str(f->proxy), (double)f->k->pod_cache.d.median_ns / 1e3, (double)f->k->pod_backend.d.median_ns / 1e3,
		       (double)f->k->pod_cache.d.p99_ns / 1e3, (double)f->k->pod_backend.d.p99_ns / 1e3);
	if (rc == 0 && f->lab && f->lab->tcp_on_spent.asked > 0)
		printf("%s: a lookup over TCP with the cache, of which nothing was made: %.0f us at the median, and %.0f in the lab\n",
		       scen_proxy_str(f->proxy), median(&f->sim_on.tcp) / 1e3, median(&f->on.took.tcp) / 1e3);
	else if (rc == 0 && f->lab)
		printf("%s: the pods' processor time with the cache, of which nothing was made: %.0f us a lookup, and %.0f in the lab\n",
		       scen_proxy_str(f->proxy), f->sim->on_spent.pods / 1e3, f->lab->on_spent.pods / 1e3);
	return rc;
}

/* Records from before the calibration had nftables' cells are read as ever. */
static bool has_nftables(const struct sim_ask *a)
{
	char path[4200];

	for (int i = 0; i < a->n_operands; i++) {
		snprintf(path, sizeof(path), "%s/nftables-cache/run.json", a->operand[i]);
		if (access(path, F_OK) < 0)
			return false;
	}
	return true;
}

static int fit_all(struct fit *f, struct sim_ask *a, struct diag *d)
{
	bool both = has_nftables(a);
	int rc = fit_load(&f[0], a, d);

	if (rc == 0 && both)
		rc = fit_load(&f[1], a, d);
	/* how deep what is woken slept is not a matter of the rules */
	if (rc == 0)
		rc = pauses(&a->costs.idle_cache, &f[0].on, a, "iptables-cache", d);
	if (rc == 0)
		rc = pauses(&a->costs.idle_backend, &f[0].off, a, "iptables-nocache", d);
	a->nft_costs.idle_cache = a->costs.idle_cache;
	a->nft_costs.idle_backend = a->costs.idle_backend;
	for (unsigned i = 0; rc == 0 && i < (both ? 2 : 1); i++)
		rc = fit_costs(&f[i], a, d);
	if (rc < 0)
		return rc;
	if (!both)
		log_warn("no record of nftables' cells: the costs are iptables' alone");
	for (unsigned i = 0; i < (both ? 2 : 1); i++) { /* the load program's, whoever is asked */
		hist_merge(&f[0].late, &f[i].on.late);
		hist_merge(&f[0].late, &f[i].off.late);
	}
	if (!a->processors) {
		lateness(&a->costs.start, &f[0].late);
		a->nft_costs.start = a->costs.start;
	}
	return costs_write(&a->costs, both ? &a->nft_costs : NULL, &f[0].on, a->out, d);
}

int calibrate(struct sim_ask *a, struct diag *d)
{
	struct fit *f;

	if (!a->scenario || !a->out || a->n_operands < 1)
		return diag_set(d, ERR_MISSING, "calibrate: give --scenario FILE, --out FILE and folders of the lab's records");
	f = calloc(2, sizeof(*f)); /* they hold histograms */
	if (!f)
		return diag_set(d, ERR_NOMEM, "out of memory");
	f[0].proxy = SCEN_IPTABLES;
	f[0].k = &a->costs;
	f[1].proxy = SCEN_NFTABLES;
	f[1].k = &a->nft_costs;
	hist_init(&f[0].late);
	struct seen *seen = a->processors ? calloc(4, sizeof(*seen)) : NULL;
	for (unsigned i = 0; seen && i < 2; i++) {
		f[i].lab = &seen[2 * i];
		f[i].sim = &seen[2 * i + 1];
	}
	int rc = a->processors && !seen ? diag_set(d, ERR_NOMEM, "out of memory") : fit_all(f, a, d);
	free(seen);
	for (unsigned i = 0; i < 2; i++) {
		record_free(f[i].on.r);
		record_free(f[i].off.r);
	}
	free(f);
	return rc;
}
