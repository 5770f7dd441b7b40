/* SPDX-License-Identifier: Apache-2.0 */
/* Closed forms. Where a share is what is compared, the load is one that loses much: then few minutes tell it within the band. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/bench/truth/truth.h"

/* Jung, Berger, Balakrishnan 2003: rT / (1 + rT); the misses are the harder number. */
static void renewal(enum sim_cache cache, const char *who)
{
	static const struct {
		double rt;
		const char *per_name;
	} rates[] = {{0.5, "20/m"}, {6, "4/s"}, {60, "40/s"}};

	for (size_t i = 0; i < 3; i++) {
		char yaml[1024], what[64];
		/* 20 names share the pod's rate evenly: r of each is a twentieth */
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: %s\npods: {per_node: 1}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: %s, family: a}\n"
			      "names: {services: 20}\ncluster: {ttl: 30s}\n",
			 i == 0 ? "120h" : i == 1 ? "24h" : "6h", rates[i].per_name);
		struct bench b;
		begin(&b, yaml);
		const struct sim_result *r = go(&b, cache, 2);
		double asked = (double)(r->cache_hits + r->cache_misses);
		snprintf(what, sizeof(what), "%s cache: misses, rT = %g", who, rates[i].rt);
		row(what, (double)r->cache_misses / asked, 1 / (1 + rates[i].rt), 0.01, "1/(1+rT)");
		end(&b);
	}
}

static double mean_wait(struct bench *b, double service_ns)
{
	const struct sim_result *r = go(b, SIM_NOCACHE, 4);

	return hist_mean(&r->latency[0]) - service_ns;
}

/* Pollaczek and Khinchine: rate E[S^2] / (2 (1 - rho)). */
static void pollaczek(void)
{
	static const char yaml[] = HEAD "duration: 400s\nwarmup: 5s\npods: {per_node: 20}\n" A_LOAD("30/s")
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n" WEB;
	struct bench b;

	begin(&b, yaml);
	free_of_charge(&b);
	leg_set(&b.costs.backend_cpu, (struct scen_delay){NS_PER_MS, NS_PER_MS});
	double rho = 0.6, constant = 600 * 1e-6 * 1e6 / (2 * (1 - rho)) * 1e-3;
	row("M/D/1 wait at a server, rho 0.6, ms", mean_wait(&b, 1e6) / 1e6, constant, 0.01, "Pollaczek-Khinchine");
	end(&b);

	begin(&b, yaml);
	free_of_charge(&b);
	/* log-normal with sigma 0.5: E[S^2] = median^2 exp(2 sigma^2) */
	double sigma = 0.5, median = 0.0008, mean = median * exp(sigma * sigma / 2);
	uint64_t p99 = (uint64_t)(1e9 * median * exp(2.3263478740408408 * sigma));
	leg_set(&b.costs.backend_cpu, (struct scen_delay){(uint64_t)(median * 1e9), p99});
	rho = 600 * mean;
	double want = 600 * median * median * exp(2 * sigma * sigma) / (2 * (1 - rho)) * 1e3;
	row("M/G/1 wait at a server, log-normal, ms", mean_wait(&b, mean * 1e9) / 1e6, want, 0.01, "Pollaczek-Khinchine");
	end(&b);

	begin(&b, yaml);
	free_of_charge(&b);
	b.costs.hit_cpu_ns = NS_PER_MS;
	b.s->cache_ttl_s = b.s->ttl_s = 30;
	const struct sim_result *r = go(&b, SIM_CACHE, 4);
	row("M/D/1 wait at the cache, rho 0.6, ms", hist_mean(&r->latency[0]) / 1e6 - 1, constant, 0.01, "Pollaczek-Khinchine");
	end(&b);
}

/* Exponential service as 32 points of its quantile, scaled to the mean. */
static void exponential(struct leg *l, double mean_ns)
{
	struct leg_point p[LEG_POINTS_MAX];
	double scale = 1;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < LEG_POINTS_MAX; i++) {
			/* evenly in time up to nine means */
			double x = 9.0 * i / (LEG_POINTS_MAX - 1), share = 1 - exp(-x);
			p[i] = (struct leg_point){i + 1 == LEG_POINTS_MAX ? 1 : share, (uint64_t)(scale * x * mean_ns)};
		}
		leg_set_points(l, p, LEG_POINTS_MAX);
		scale *= mean_ns / leg_mean(l);
	}
}

/* M/M/1/K: (1 - rho) rho^K / (1 - rho^(K + 1)); K: who waits and who is served. */
static void finite_queue(void)
{
	static const struct {
		double rho;
		unsigned places;
	} rows[] = {{0.8, 4}, {1.2, 10}};

	for (size_t i = 0; i < 2; i++) {
		char what[64];
		struct bench b;
		begin(&b, HEAD "duration: 600s\npods: {per_node: 20, attempts: 1, timeout: 1s, search: []}\n" A_LOAD("40/s")
			       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n" WEB);
		free_of_charge(&b);
		exponential(&b.costs.backend_cpu, 1e9 * rows[i].rho / 800);
		b.costs.backend_queue = rows[i].places - 1;
		const struct sim_result *r = go(&b, SIM_NOCACHE, i ? 2 : 12);
		double k = rows[i].places, rho = rows[i].rho, want = (1 - rho) * pow(rho, k) / (1 - pow(rho, k + 1));
		snprintf(what, sizeof(what), "M/M/1/%g lost at a server, rho %g", k, rho);
		row(what, (double)r->dropped[CAUSE_REPLICA_QUEUE] / (double)r->queries, want, 0.01, "P_K");
		end(&b);
	}
}

static void geometric(void)
{
	struct bench b;
	double p = 0.4, q = 1 - (1 - p) * (1 - p);

	begin(&b, HEAD "duration: 400s\npods: {per_node: 20, timeout: 1s, attempts: 3, search: []}\n" A_LOAD("20/s")
		       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: 40%\n" WEB);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	row("three tries, 40 % lost each way: lost", (double)r->lost / (double)r->total, pow(q, 3), 0.01, "q^3");
	row("the same: questions a lookup", (double)r->queries / (double)r->total, (1 - pow(q, 3)) / (1 - q), 0.01,
	    "(1-q^3)/(1-q)");
	end(&b);
}

/* Gelenbe's and Che's approximation for random eviction: a time T such that sum r T / (1 + r T) is
 * the capacity; each name is there for r T / (1 + r T) of its questions. */
static void che(void)
{
	enum { NAMES = 8000, CAP = 5120 };
	double total = 0, low = 0, high = 1e9, hits = 0;
	struct bench b;

	for (unsigned i = 1; i <= NAMES; i++)
		total += pow(i, -0.9);
	for (unsigned k = 0; k < 200; k++) {
		double t = (low + high) / 2, there = 0;
		hits = 0;
		for (unsigned i = 1; i <= NAMES; i++) {
			double share = pow(i, -0.9) / total, rt = share * t;
			there += rt / (1 + rt);
			hits += share * rt / (1 + rt);
		}
		if (there < CAP)
			low = t;
		else
			high = t;
	}
	begin(&b, HEAD "duration: 600s\nwarmup: 100s\npods: {per_node: 20}\n" A_LOAD("50/s")
		       "names: {zipf: 0.9, services: 8000}\ncluster: {ttl: 86400s}\ncache: {success: 5120, ttl: 86400s}\n");
	const struct sim_result *r = go(&b, SIM_ORIGINAL, 2);
	row("original cache, 5,120 entries, 8,000 names: hits", (double)r->cache_hits / (double)(r->cache_hits + r->cache_misses),
	    hits, 0.01, "Che, Gelenbe");
	end(&b);
}

/* Nodes that meet at busy servers, some at a time beside all of them at once. */
static void parts(void)
{
	static const char yaml[] = HEAD "duration: 30s\nwarmup: 2s\npods: {nodes: 50, per_node: 10}\n" A_LOAD("4/s")
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n"
		"  replica: {service: {median: 600us, p99: 3ms}}\n" WEB;
	double p50[2], p99[2], used[2];

	for (unsigned i = 0; i < 2; i++) {
		struct bench b;
		begin(&b, yaml);
		const struct sim_result *r = go_parts(&b, SIM_NOCACHE, 2, i ? 10 : 50);
		struct hist all;
		numbers_latency(r, &all);
		p50[i] = numbers_quantile(&all, 0.5) / 1e6;
		p99[i] = numbers_quantile(&all, 0.99) / 1e6;
		used[i] = numbers_interval(b.out.rep, 2, numbers_find("utilisation")).mean;
		end(&b);
	}
	row("50 nodes, 10 at a time: use of the servers", used[1], used[0], 0.02, "all 50 at once");
	row("the same: p50, ms", p50[1], p50[0], 0.03, "all 50 at once");
	row("the same: p99, ms", p99[1], p99[0], 0.08, "all 50 at once");
}

void truth_closed(void)
{
	renewal(SIM_CACHE, "our");
	renewal(SIM_ORIGINAL, "original");
	pollaczek();
	finite_queue();
	geometric();
	che();
	parts();
}
