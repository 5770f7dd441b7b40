/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-sim calibrate: from the lab's records of kind-e2e/scenarios/calibrate.yaml to a list of costs.
 * A lookup there is a pair of questions answered in one step, so its latency is the slower of two equal
 * ways: a way's share p takes what the pair's share p x p takes. What the load program was late by
 * is taken off quantile by quantile, for who is late is late because the machine is busy.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "sim/answer/ask.h"

#define LEAST_NS 1000.0

static const double shares[] = {0,    0.01, 0.05, 0.1,  0.2,   0.3,  0.4,   0.5,   0.6,   0.7,   0.8,   0.85, 0.9,
				0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999, 0.9995, 1};
#define SHARES (sizeof(shares) / sizeof(shares[0]))

struct cell { /* of the lab */
	struct record *r;
	struct hist fresh, same, tcp, late;
};

static int cell_load(struct cell *c, const char *lab, const char *name, struct diag *d)
{
	char dir[4200];

	snprintf(dir, sizeof(dir), "%s/%s", lab, name);
	int rc = record_load(&c->r, dir, d);
	if (rc < 0)
		return rc;
	if (!record_hist(c->r, "latency.new", &c->fresh) || !record_hist(c->r, "latency.same", &c->same) ||
	    !record_hist(c->r, "latency.tcp", &c->tcp) || c->same.n < 100 || c->tcp.n < 20)
		return diag_set(d, ERR_MISSING, "%s: no record of kind-e2e/scenarios/calibrate.yaml, or too few lookups", dir);
	if (!record_hist(c->r, "late.all", &c->late))
		hist_init(&c->late); /* a simulated one */
	return 0;
}

static double late_ns(const struct cell *c, double share)
{
	return c->late.n ? numbers_quantile(&c->late, share) : 0;
}

/* One message's way there and back, less what else the lookup waited for. */
static void way(struct leg *l, const struct cell *c, const struct hist *pair, double less_ns)
{
	struct leg_point p[SHARES];
	double last = LEAST_NS;

	for (size_t i = 0; i < SHARES; i++) {
		double ns = numbers_quantile(pair, shares[i] * shares[i]) - late_ns(c, shares[i]) - less_ns;
		last = ns > last ? ns : last;
		p[i] = (struct leg_point){shares[i], (uint64_t)last};
	}
	leg_set_points(l, p, SHARES);
}

static void lateness(struct leg *l, const struct cell *c)
{
	struct leg_point p[SHARES];

	for (size_t i = 0; i < SHARES; i++)
		p[i] = (struct leg_point){shares[i], (uint64_t)late_ns(c, shares[i])};
	leg_set_points(l, p, SHARES);
}

static double median(const struct hist *h)
{
	return numbers_quantile(h, 0.5);
}

static uint64_t above_zero(double ns)
{
	return ns > 0 ? (uint64_t)ns : 0;
}

static void processor(struct sim_costs *k, const struct cell *on)
{
	double cpu_s, queries;

	if (!record_num(on->r, "cache.cpu_s", &cpu_s) || !record_num(on->r, "cache.queries", &queries) || queries < 100)
		return;
	/* the stock list's proportions: misses were too few to be measured */
	double scale = cpu_s * 1e9 / queries / (double)k->hit_cpu_ns;
	k->hit_cpu_ns = (uint64_t)((double)k->hit_cpu_ns * scale);
	k->miss_cpu_ns = (uint64_t)((double)k->miss_cpu_ns * scale);
	k->answer_cpu_ns = (uint64_t)((double)k->answer_cpu_ns * scale);
	k->tcp_cpu_ns = (uint64_t)((double)k->tcp_cpu_ns * scale);
}

static void fit(struct sim_costs *k, const struct cell *off, const struct cell *on)
{
	const struct scen_delay none = {0, 0};

	processor(k, on);
	lateness(&k->start, on);
	way(&k->pod_cache, on, &on->same, 2.0 * (double)k->hit_cpu_ns);
	way(&k->pod_backend, off, &off->same, 0);
	/* whole ways: nothing is left for the way back and the thread that wakes up */
	leg_set(&k->cache_pod, none);
	leg_set(&k->backend_pod, none);
	leg_set(&k->client, none);
	k->node_backend = k->node_world = k->pod_backend;
	leg_set(&k->backend_node, none);
	leg_set(&k->world_node, none);
	k->new_flow_ns = above_zero(median(&off->fresh) - median(&off->same));
	double setup = median(&on->tcp) - median(&on->same) - (double)k->pod_cache.d.median_ns - 2.0 * (double)k->tcp_cpu_ns;
	uint64_t setup_ns = above_zero(setup);
	leg_set(&k->tcp_setup, (struct scen_delay){setup_ns, setup_ns});
}

static int costs_write(const struct sim_costs *k, const struct cell *on, const char *path, struct diag *d)
{
	FILE *f = fopen(path, "we");
	char value[COST_TEXT];

	if (!f)
		return diag_errno(d, "%s", path);
	fprintf(f, "# Made by dns-sim calibrate.\n#! measured=%s on %s, %s\n", record_fact(on->r, "start"),
		record_fact(on->r, "host"), record_fact(on->r, "kernel"));
	for (const struct cost_def *c = cost_defs; c->name; c++) {
		sim_cost_text(k, c, value);
		fprintf(f, "%s = %s # %s\n", c->name, value, c->help);
	}
	return fclose(f) == 0 ? 0 : diag_errno(d, "%s", path);
}

int calibrate(struct sim_ask *a, struct diag *d)
{
	struct cell *cell = calloc(2, sizeof(*cell)); /* they hold histograms */
	struct cell *off = cell, *on = cell + 1;
	int rc = cell ? 0 : diag_set(d, ERR_NOMEM, "out of memory");

	if (rc == 0 && (!a->out || a->n_operands != 1))
		rc = diag_set(d, ERR_MISSING, "calibrate: give --out FILE and the folder of the lab's records");
	if (rc == 0)
		rc = cell_load(off, a->operand[0], "iptables-nocache", d);
	if (rc == 0)
		rc = cell_load(on, a->operand[0], "iptables-cache", d);
	if (rc == 0) {
		fit(&a->costs, off, on);
		rc = costs_write(&a->costs, on, a->out, d);
	}
	if (rc == 0)
		printf("a hit's way %.0f us, a backend's %.0f us at the median; %.0f and %.0f us at the 99th percentile\n",
		       (double)a->costs.pod_cache.d.median_ns / 1e3, (double)a->costs.pod_backend.d.median_ns / 1e3,
		       (double)a->costs.pod_cache.d.p99_ns / 1e3, (double)a->costs.pod_backend.d.p99_ns / 1e3);
	for (unsigned i = 0; cell && i < 2; i++)
		record_free(cell[i].r);
	free(cell);
	return rc;
}
