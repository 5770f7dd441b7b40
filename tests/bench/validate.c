/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make validate: dns-sim beside what is known. Closed forms (within 1 %), what was measured on real resolvers and
 * kernels (within its own sampling error), and, given the records of a lab and of dns-sim, what this
 * machine measures now. One table; the status is that of the rows.
 *
 *   validate [LAB SIM]           folders of records, a cell each: their counts are compared, too
 *   validate LAB SIM counts      only those
 *   validate scenarios DIR       writes what the lab runs besides quickstart, DIR/NAME.yaml for the records LAB/NAME
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/record/result.h"
#include "lib/world/zone.h"
#include "sim/answer/cells.h"

static unsigned n_rows, n_off;

/* `band`: of the truth, or absolute when it is negative. */
static void row(const char *what, double predicted, double truth, double band, const char *source)
{
	double off = predicted - truth;
	bool ok = fabs(off) <= (band < 0 ? -band : band * fabs(truth));
	char error[24] = "";

	if (truth != 0)
		snprintf(error, sizeof(error), "%+.2f %%", 100 * off / truth);
	printf("%-4s %-52s %12.6g %12.6g %9s  %s%.3g%s  %s\n", ok ? "ok" : "OFF", what, predicted, truth, error,
	       band < 0 ? "+-" : "", band < 0 ? -band : 100 * band, band < 0 ? "" : " %", source);
	fflush(stdout);
	n_rows++;
	n_off += !ok;
}

/* --- running --- */

struct bench {
	struct scenario *s;
	struct zone *zone;
	struct sim_costs costs;
	struct cell_outcome out;
};

static void begin(struct bench *b, const char *yaml)
{
	struct diag d = {{0}};

	memset(b, 0, sizeof(*b));
	sim_costs_init(&b->costs);
	if (scenario_parse(&b->s, "validate", yaml, strlen(yaml), &d) < 0 || zone_new(&b->zone, b->s, &d) < 0) {
		fprintf(stderr, "validate: %s\n%s", d.text, yaml);
		exit(2);
	}
}

static const struct sim_result *go_parts(struct bench *b, enum sim_cache cache, unsigned reps, unsigned part)
{
	struct cell_job j = {.s = b->s,
			     .zone = b->zone,
			     .costs = &b->costs,
			     .proxy = SCEN_IPTABLES,
			     .cache = cache,
			     .n_nodes = b->s->n_nodes,
			     .part_nodes = part,
			     .n_reps = reps};
	struct diag d = {{0}};

	if (cells_run(&j, 1, 2, NULL, &b->out, NULL, &d) < 0) {
		fprintf(stderr, "validate: %s\n", d.text);
		exit(2);
	}
	return &b->out.sum;
}

static const struct sim_result *go(struct bench *b, enum sim_cache cache, unsigned reps)
{
	return go_parts(b, cache, reps, 0);
}

static void end(struct bench *b)
{
	cell_outcome_release(&b->out);
	zone_free(b->zone);
	scenario_free(b->s);
}

/* Nothing takes time but what the row is about. */
static void free_of_charge(struct bench *b)
{
	memset(&b->costs, 0, sizeof(b->costs));
	b->costs.cache_queue = b->costs.backend_queue = 1 << 24;
}

#define HEAD "scenario: 1\nname: v\nseed: 5\n"
#define A_LOAD(rate) "loads:\n  - {name: a, transport: new-port, rate: " rate ", family: a}\n"
#define WEB "  records:\n    - web.default.svc.cluster.local. 30 A 10.96.10.1\n" \
	    "    - web.default.svc.cluster.local. 30 AAAA 2001:db8::1\n"

/* --- closed forms --- */

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
	static const double rhos[] = {0.8, 1.2};

	for (size_t i = 0; i < 2; i++) {
		char what[64];
		struct bench b;
		begin(&b, HEAD "duration: 600s\npods: {per_node: 20, attempts: 1, timeout: 1s, search: []}\n" A_LOAD("40/s")
			       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n" WEB);
		free_of_charge(&b);
		exponential(&b.costs.backend_cpu, 1e9 * rhos[i] / 800);
		b.costs.backend_queue = 9;
		const struct sim_result *r = go(&b, SIM_NOCACHE, i ? 2 : 8);
		double k = 10, rho = rhos[i], want = (1 - rho) * pow(rho, k) / (1 - pow(rho, k + 1));
		snprintf(what, sizeof(what), "M/M/1/10 lost at a server, rho %g", rho);
		row(what, (double)r->dropped[CAUSE_REPLICA_QUEUE] / (double)r->queries, want, i ? 0.01 : 0.03, "P_K");
		end(&b);
	}
}

static void geometric(void)
{
	struct bench b;
	double p = 0.2, q = 1 - (1 - p) * (1 - p);

	begin(&b, HEAD "duration: 400s\npods: {per_node: 20, timeout: 1s, attempts: 3, search: []}\n" A_LOAD("20/s")
		       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: 20%\n" WEB);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	row("three tries, 20 % lost each way: lost", (double)r->lost / (double)r->total, pow(q, 3), 0.02, "q^3");
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

/* --- what was measured --- */

static double between(const struct sim_result *r, double from_s, double to_s)
{
	uint64_t n = 0, low, high;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		if ((double)low >= from_s * 1e9 && (double)high < to_s * 1e9)
			n += r->latency[0].count[i];
	}
	return (double)n / (double)r->latency[0].n;
}

/* Real getaddrinfo (glibc 2.36 in one process, musl 1.2.6, Go 1.27), iid loss on each packet, timeout 1 s, two
 * tries: lookups with exactly one repeat; within three standard deviations of both. */
static void loss_tails(void)
{
	static const struct {
		const char *stub, *loss;
		double measured, sigma, retry_s;
	} rows[] = {{"glibc", "1%", 0.0366, 0.0027, 1}, {"glibc", "5%", 0.1613, 0.0067, 1}, {"musl", "1%", 0.0374, 0.0027, 0.5},
		    {"musl", "5%", 0.1573, 0.0066, 0.5}, {"go", "1%", 0.0398, 0.0028, 1}, {"go", "5%", 0.1643, 0.0068, 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char yaml[1024], what[64];
		struct bench b;
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: 300s\npods: {per_node: 20, stub: %s, timeout: 1s, attempts: 2, search: []}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: 5/s}\n"
			      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: %s\n" WEB,
			 rows[i].stub, rows[i].loss);
		begin(&b, yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
		double got = between(r, 0.9 * rows[i].retry_s, 1.8 * rows[i].retry_s);
		double sigma = hypot(rows[i].sigma, sqrt(got / (double)r->total));
		snprintf(what, sizeof(what), "%s, %s loss: lookups with one repeat", rows[i].stub, rows[i].loss);
		row(what, got, rows[i].measured, -3 * sigma, "getaddrinfo, 5,000 lookups");
		end(&b);
	}
}

/* One of two backends dead and still listed; 240 lookups were measured. */
static void dead_backend(void)
{
	static const struct {
		const char *stub;
		double failed;
	} rows[] = {{"glibc", 0.500}, {"musl", 0.554}, {"go", 0.038}};

	for (size_t i = 0; i < 3; i++) {
		char yaml[1024], what[64];
		struct bench b;
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: 100s\nwarmup: 1s\npods: {per_node: 10, stub: %s, timeout: 1s, attempts: 2, search: []}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: 5/s}\n"
			      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n"
			      "  events:\n    - {what: fail, at: 0s, for: 2h, unready: 1h}\n" WEB,
			 rows[i].stub);
		begin(&b, yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 1);
		double sigma = sqrt(rows[i].failed * (1 - rows[i].failed) / 240);
		snprintf(what, sizeof(what), "%s, one of two backends dead: failed", rows[i].stub);
		row(what, (double)r->lost / (double)r->total, rows[i].failed, -3 * sigma, "getaddrinfo, 240 lookups");
		end(&b);
	}
}

/* 20,000 pairs raced for one entry on Linux 6.18: all answered, nothing dropped. */
static void races(void)
{
	struct bench b;

	begin(&b, HEAD "duration: 100s\npods: {per_node: 4}\nloads:\n  - {name: a, transport: new-port, rate: 25/s}\n"
		       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB);
	b.costs.race_share = 1;
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	row("A/AAAA race on Linux 6: both answered", (double)(r->ok - r->partial) / (double)r->total, 1, -1e-9,
	    "two threads, 20,000 pairs");
	row("the same: packets dropped by it", (double)r->ct_insert_failed, 0, -1e-9, "insert_failed");
	end(&b);
}

/* A lab with TCP_NODELAY at its backends, 2 % loss: p99 4.9 ms; had each loss waited for its timer, 156. */
static void tcp_tail(void)
{
	struct bench b;

	begin(&b, HEAD "duration: 60s\nwarmup: 2s\npods: {per_node: 4, stub: musl}\n"
		       "loads:\n  - {name: a, transport: new-port, rate: 25/s}\nnames: {zipf: 0.8, services: 65}\n"
		       "cluster: {loss: 2%, backend_delay: {median: 400us, p99: 10ms}}\n");
	const struct sim_result *r = go(&b, SIM_CACHE, 8);
	struct hist all;
	numbers_latency(r, &all);
	row("TCP upstream, 2 % loss: p99, ms", numbers_quantile(&all, 0.99) / 1e6, 4.9, 0.5, "lab, musl, another machine's costs");
	row("the same: p99.9, ms", numbers_quantile(&all, 0.999) / 1e6, 31.7, -22.3,
	    "lab: 9.4 with musl, 54 with Go, of 6,000 lookups each");
	end(&b);
}

/* --- what others published, where it can be known what they did --- */

/* coredns/deployment, Scaling_CoreDNS: one server with 2 CPUs answered 33,669 q/s, so a query takes 59.4 us of one. */
#define COREDNS_US (2e6 / 33669)

/* The same server under the limit of 50m that KEP 1024 measured with: as many questions as it answers, no more. */
static void published_limit(void)
{
	char yaml[1024];
	struct bench b;

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 60s\nwarmup: 5s\npods: {per_node: 20, search: [], timeout: 1s, attempts: 1}\n" A_LOAD("60/s")
		      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n"
		      "  replica: {service: %.1fus, cpu_limit: 0.05, queue: 100}\n" WEB,
		 COREDNS_US);
	begin(&b, yaml);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	double answered = (double)r->by_backend / 2 / 65;
	row("1: CoreDNS at 50m, service names: q/s", answered, 859, 0.05, "KEP 1024: 860 and 859; a query's cost from row 3");
	end(&b);
}

/* A lookup's questions, and the share of denials among them: all but those of the last name. */
static void search_list(const char *stub, const char *family, const char *search, unsigned ndots, double *ret_per_lookup,
			double *ret_denied)
{
	char yaml[1024];
	struct bench b;

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 60s\npods: {per_node: 2, stub: %s, ndots: %u, search: [%s]}\n"
		      "loads:\n  - {name: a, transport: new-port, rate: 20/s, family: %s}\n"
		      "names:\n  ask: [api.example.com]\ncluster:\n  records: [api.example.com. 60 A 192.0.2.1, api.example.com. 60 AAAA 2001:db8::1]\n",
		 stub, ndots, search, family);
	begin(&b, yaml);
	const struct sim_result *r = go(&b, SIM_NOCACHE, 1);
	double types = strcmp(family, "a") == 0 ? 1 : 2;
	*ret_per_lookup = (double)r->queries / (double)(r->total + r->warmup);
	*ret_denied = 1 - types / *ret_per_lookup;
	end(&b);
}

static void published_search(void)
{
	static const char four[] = "a.svc.cluster.local, svc.cluster.local, cluster.local, ec2.internal";
	double per, denied, direct, ignored;

	search_list("go", "a", four, 5, &per, &denied);
	row("3, 5: external lookups/s of 33,667 q/s", 33667 / per, 6733, 0.001, "Scaling_CoreDNS");
	search_list("glibc", "a+aaaa", four, 5, &per, &denied);
	search_list("glibc", "a+aaaa", four, 1, &direct, &ignored);
	row("6: NXDOMAIN of all answers", denied, 0.800, 0.001, "246 pods, terraform-aws-n8n");
	row("6: ndots 1 makes queries fewer, times", per / direct, 12794.0 / 2559, 0.001, "12,794 to 2,559");
	row("7: questions of an external lookup", per, 10, 0.001, "Zalando: 5 names, A and AAAA");
	search_list("musl", "a+aaaa", "svc.cluster.local", 5, &per, &denied);
	row("8: one suffix: names a lookup", per / 2, 2, 0.001, "s + 1");
	search_list("musl", "a+aaaa", "a.svc.cluster.local, svc.cluster.local, cluster.local", 5, &per, &denied);
	row("8: three suffixes: NXDOMAIN", denied, 0.75, 0.001, "s/(s + 1)");
}

/* kubernetes/dns#476: a name that is not, once a second: 12 misses a minute. A loop that sleeps for a second asks a little
 * less often, and so finds a denial of 5 s gone at its fifth question; at a second to the nanosecond it would be the sixth. */
static void published_denial(enum sim_cache cache, const char *what)
{
	struct bench b;

	begin(&b, HEAD "duration: 600s\nwarmup: 5s\npods: {per_node: 1, search: []}\n"
		       "loads:\n  - {name: a, transport: new-port, rate: 59/m, arrivals: even, family: a}\n"
		       "names:\n  ask: [gone.default.svc.cluster.local.]\n");
	const struct sim_result *r = go(&b, cache, 4);
	row(what, (double)r->cache_misses / 4 / (605.0 / 60), 12, 0.05, "kubernetes/dns#476, denials kept 5 s");
	end(&b);
}

/* --- this machine, now --- */

#define LOSSY(stub) HEAD "duration: 12s\npods: {per_node: 10, stub: " stub ", timeout: 1s, attempts: 2, search: []}\n" \
	"loads:\n  - {name: a, transport: new-port, rate: 20/s}\n" \
	"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: 5%\n" WEB \
	"cells: {proxy: iptables, cache: off}\n"
static const struct fresh {
	const char *name, *yaml;
	double retry_s;
} fresh[] = {{"glibc", LOSSY("glibc"), 1}, {"musl", LOSSY("musl"), 0.5}, {"go", LOSSY("go"), 1}};
#define FRESH_N (sizeof(fresh) / sizeof(fresh[0]))

/* The scenarios that the lab runs for these rows, one a file. */
static int scenarios_write(const char *dir)
{
	for (size_t i = 0; i < FRESH_N; i++) {
		char path[4200];
		snprintf(path, sizeof(path), "%s/loss-%s.yaml", dir, fresh[i].name);
		FILE *f = fopen(path, "we");
		if (!f || fputs(fresh[i].yaml, f) < 0 || fclose(f) != 0) {
			perror(path);
			return 2;
		}
	}
	return 0;
}

/* The tails of loss again, over this kernel's sockets and its netem, of so many lookups as they took part. */
static void fresh_rows(const char *lab)
{
	for (size_t i = 0; i < FRESH_N; i++) {
		char dir[4200], what[64];
		static struct sim_result m;
		struct record *rec;
		struct diag d = {{0}};
		struct bench b;
		snprintf(dir, sizeof(dir), "%s/loss-%s/iptables-nocache", lab, fresh[i].name);
		if (record_load(&rec, dir, &d) < 0 || !record_hist(rec, "latency.a", &m.latency[0])) {
			printf("skip %s loss tail, lab: %s\n", fresh[i].name, d.text);
			continue;
		}
		double measured = between(&m, 0.9 * fresh[i].retry_s, 1.8 * fresh[i].retry_s), n = (double)m.latency[0].n;
		begin(&b, fresh[i].yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 20);
		double got = between(r, 0.9 * fresh[i].retry_s, 1.8 * fresh[i].retry_s);
		snprintf(what, sizeof(what), "%s, 5%% loss: lookups with one repeat", fresh[i].name);
		row(what, got, measured, -3 * sqrt(got * (1 - got) / n), "lab, now");
		end(&b);
		record_free(rec);
	}
}


static const char *const lab_cells[] = {"iptables-nocache", "iptables-cache", "nftables-nocache", "nftables-cache"};

static void lab_rows(const char *lab, const char *sim)
{
	static const struct {
		const char *metric, *cells;
		double band;
	} rows[] = {{"lookups.total", "", 0.001},     {"lookups.lost", "", -0.5},
		    {"queries.sent", "", 0.01},	      {"upstream.queries", "", 0.05},
		    {"conntrack.created", "", 0.03},  {"conntrack.peak", "-nocache", 0.03},  {"cache.queries", "-cache", 0.01},
		    {"cache.misses", "-cache", 0.10}, {"notrack.packets_in", "-cache", 0.05}};
	for (size_t c = 0; c < 4; c++) {
		char dir[4200], what[96];
		struct record *m, *p;
		struct diag d = {{0}};
		snprintf(dir, sizeof(dir), "%s/%s", lab, lab_cells[c]);
		int rc = record_load(&m, dir, &d);
		snprintf(dir, sizeof(dir), "%s/%s", sim, lab_cells[c]);
		if (rc < 0 || record_load(&p, dir, &d) < 0) {
			printf("skip %s: %s\n", lab_cells[c], d.text);
			continue;
		}
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			double measured, predicted;
			if (!strstr(lab_cells[c], rows[i].cells) || !record_num(m, rows[i].metric, &measured) ||
			    !record_num(p, rows[i].metric, &predicted))
				continue;
			snprintf(what, sizeof(what), "%s: %s", lab_cells[c], rows[i].metric);
			row(what, predicted, measured, rows[i].band, "lab, now");
		}
		record_free(m);
		record_free(p);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "scenarios") == 0)
		return scenarios_write(argv[2]);
	printf("%-4s %-52s %12s %12s %9s  %s\n", "", "", "predicted", "truth", "error", "band, source");
	if (argc == 4) {
		lab_rows(argv[1], argv[2]);
		printf("%u rows, %u off\n", n_rows, n_off);
		return n_off ? 1 : 0;
	}
	renewal(SIM_CACHE, "our");
	renewal(SIM_ORIGINAL, "original");
	pollaczek();
	finite_queue();
	geometric();
	che();
	parts();
	loss_tails();
	dead_backend();
	races();
	tcp_tail();
	published_limit();
	published_search();
	published_denial(SIM_ORIGINAL, "10: a denied name once a second: misses a minute");
	published_denial(SIM_CACHE, "10: the same with our cache");
	if (argc == 3) {
		fresh_rows(argv[1]);
		lab_rows(argv[1], argv[2]);
	}
	printf("%u rows, %u off\n", n_rows, n_off);
	return n_off ? 1 : 0;
}
