/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench-sim: events a second of the bare queue by the hold model (take the next, put one back an
 * exponential time later) and of the simulator whole, operations a second of a connection table, the memory of
 * an entry and of a node, and how time and memory grow with the cluster.
 *
 *   simspeed [SCENARIO [PART]]    one part of it: memory, queue, table, lines, whole, verified, growth
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "conntrack-model/ctable.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "sim/answer/cells.h"
#include "sim/world/evq.h"

#define GOAL_QUEUE 10e6
#define GOAL_WHOLE 3e6

/* Processor time: what others do on the machine is not what is measured. */
static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss;
}

static void hold(size_t n)
{
	enum { HOLDS = 4000000, DRAWS = 1 << 16 };
	static uint64_t draw[DRAWS]; /* drawn beforehand: the queue is what is measured */
	struct evq q = {0};
	struct event e;
	struct rng r;

	rng_seed(&r, 1);
	for (size_t i = 0; i < DRAWS; i++)
		draw[i] = (uint64_t)rng_exp(&r, 1e6);
	for (size_t i = 0; i < n; i++)
		evq_push(&q, draw[i % DRAWS], 0, 0, NULL);
	double start_s = cpu_s();
	for (size_t i = 0; i < HOLDS && evq_pop(&q, &e); i++)
		evq_push(&q, e.t_ns + draw[i % DRAWS], 0, 0, NULL);
	double rate = HOLDS / (cpu_s() - start_s);
	printf("queue, hold model, %7zu events     %8.2f M/s   goal %g\n", n, rate / 1e6, GOAL_QUEUE / 1e6);
	evq_release(&q);
}

/* What this machine's memory gives: cache lines anywhere in so much of it, in large pages, as the table has them. One after the
 * other, where each says where the next is; or known sixteen before their turn and fetched, and then written to, as a table's are. */
static void lines(size_t mib)
{
	enum { LINE = 64, TURNS = 4000000, AHEAD = 16, PAGE = 2 << 20 };
	size_t n = (mib << 20) / LINE;
	struct line {
		uint64_t next, more[7];
	} *at = aligned_alloc(PAGE, n * LINE);
	uint64_t *order = malloc(n * sizeof(*order)), seen = 0;
	struct rng r;

	if (!at || !order)
		exit(2);
	(void)madvise(at, n * LINE, MADV_HUGEPAGE);
	rng_seed(&r, 1);
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = rng_below(&r, i + 1);
		uint64_t o = order[i];
		order[i] = order[k];
		order[k] = o;
	}
	for (size_t i = 0; i < n; i++)
		at[order[i]] = (struct line){.next = order[(i + 1) % n]};
	double start_s = cpu_s();
	for (size_t i = 0; i < TURNS; i++)
		seen = at[seen].next;
	double led = TURNS / (cpu_s() - start_s);
	__asm__ volatile("" : : "r"(seen)); /* or nobody would have to go there */
	start_s = cpu_s();
	for (size_t i = 0; i < TURNS; i++) {
		__builtin_prefetch(&at[order[(i + AHEAD) % n]], 1);
		at[order[i % n]].more[0]++;
	}
	double known = TURNS / (cpu_s() - start_s);
	printf("memory, %4zu MiB, lines anywhere        %8.2f M/s each from the one before, %.2f M/s known ahead\n", mib, led / 1e6, known / 1e6);
	free(order);
	free(at);
}

struct flow {
	struct ct_tuple q, r;
};

static struct in6_addr v4(uint32_t ip)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	ip = htonl(ip);
	memcpy(&a.s6_addr[12], &ip, sizeof(ip));
	return a;
}

/* The i-th: to a Service, as DNS is; one of two backends answers. */
static struct flow flow_of(uint64_t i)
{
	struct flow f = {.q = {.sport = (uint16_t)(1024 + i / 4096 % 60000), .dport = 53, .proto = CT_UDP}};

	f.q.src = v4(0x0af40000u + (uint32_t)(i % 4096)); /* 10.244/16 to 10.96.0.10 */
	f.q.dst = v4(0x0a60000au);
	ct_tuple_invert(&f.r, &f.q);
	f.r.src = v4(0x0af50001u + (i & 1));
	return f;
}

/* A packet is one operation: a look-up, and what follows from it. New flows and their replies at a steady rate, past
 * the first time-out, so that entries come and go; the gc and the look-ups that free the dead are in it. The table is
 * told of packets to come, as a replay can. */
static void table(double flows_per_s, uint32_t buckets)
{
	enum { AHEAD = 16 };
	struct ct_conf c;
	struct flow next[AHEAD];
	uint64_t every_ns = (uint64_t)(1e9 / flows_per_s), now_ns = 0;
	uint64_t timed = flows_per_s * 30 < 1e6 ? (uint64_t)1e6 : (uint64_t)(flows_per_s * 30), n = timed + (uint64_t)(flows_per_s * 40);
	double start_s = 0;
	struct mallinfo2 before = mallinfo2(), after;

	ctable_conf_init(&c);
	c.max = 0;
	c.buckets = buckets;
	struct ctable *ct = ctable_new(&c);
	if (!ct)
		exit(2);
	for (uint64_t i = 0; i < AHEAD; i++)
		next[i] = flow_of(i);
	for (uint64_t i = 0; i < n; i++, now_ns += every_ns) {
		if (i == n - timed)
			start_s = cpu_s();
		struct flow f = next[i % AHEAD], *later = &next[i % AHEAD];
		*later = flow_of(i + AHEAD);
		ctable_ahead(ct, &(struct ct_packet){.tuple = later->q, .reply = &later->r});
		struct ct_packet q = {.tuple = f.q, .reply = &f.r}, r = {.tuple = f.r};
		ctable_packet(ct, now_ns, &q, NULL);
		ctable_packet(ct, now_ns, &r, NULL);
	}
	double ops = 2 * (double)timed / (cpu_s() - start_s);
	uint64_t entries = ctable_counters(ct)->peak;
	after = mallinfo2();
	double bytes = (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
	printf("table, %7.0f flows/s, %8llu entries, %7u buckets %6.2f M/s   goal 5; %.0f octets an entry, the hash in it\n", flows_per_s,
	       (unsigned long long)entries, buckets, ops / 1e6, bytes / (double)entries);
	ctable_free(ct);
}

/* All nodes of a cluster of so many, for a short while. */
static void growth(const char *path, unsigned nodes)
{
	struct scenario *s;
	struct zone *z;
	struct sim_costs costs;
	struct cell_outcome out;
	struct diag d = {{0}};

	sim_costs_init(&costs);
	if (scenario_load(&s, path, &d) < 0 || zone_new(&z, s, &d) < 0)
		exit(2);
	s->n_nodes = nodes;
	s->warmup_ns = 0;
	s->duration_ns = 2 * NS_PER_S;
	struct cell_job j = {.s = s, .zone = z, .costs = &costs, .proxy = SCEN_NFTABLES, .cache = SIM_CACHE, .n_nodes = nodes, .n_reps = 1};
	double start_s = cpu_s();
	if (cells_run(&j, 1, 2, NULL, &out, NULL, &d) < 0)
		exit(2);
	double took_s = cpu_s() - start_s;
	printf("%8u pods, 2 virtual seconds        %8.2f M/s a thread, %.2f s of processor time, %.0f MiB\n", nodes * s->n_pods,
	       (double)out.sum.events / took_s / 1e6, took_s, peak_kib() / 1024);
	cell_outcome_release(&out);
	zone_free(z);
	scenario_free(s);
}

static void whole(const char *path, enum sim_cache cache, bool verify, unsigned threads)
{
	struct scenario *s;
	struct zone *z;
	struct sim_costs costs;
	struct cell_outcome out;
	struct diag d = {{0}};
	char cell[32];

	sim_costs_init(&costs);
	if (scenario_load(&s, path, &d) < 0 || zone_new(&z, s, &d) < 0) {
		fprintf(stderr, "simspeed: %s\n", d.text);
		exit(2);
	}
	struct cell_job j = {.s = s, .zone = z, .costs = &costs, .proxy = SCEN_NFTABLES, .cache = cache, .verify = verify,
			     .n_nodes = 64, .n_reps = 1};
	double start_s = cpu_s();
	if (cells_run(&j, 1, threads, NULL, &out, NULL, &d) < 0) {
		fprintf(stderr, "simspeed: %s\n", d.text);
		exit(2);
	}
	printf("%-18s %s, %u threads  %8.2f M/s a thread  goal %g\n", sim_cell_str(j.proxy, cache, cell),
	       verify ? "verified" : "        ", threads, (double)out.sum.events / (cpu_s() - start_s) / 1e6, GOAL_WHOLE / 1e6);
	cell_outcome_release(&out);
	zone_free(z);
	scenario_free(s);
}

/* What a world of so many nodes more takes, at its peak. Before the rest: peaks never fall. */
static void memory(const char *path)
{
	static struct sim_result r; /* it holds histograms */
	struct scenario *s;
	struct zone *z;
	struct sim_costs costs;
	struct diag d = {{0}};
	double at[2];

	sim_costs_init(&costs);
	if (scenario_load(&s, path, &d) < 0 || zone_new(&z, s, &d) < 0) {
		fprintf(stderr, "simspeed: %s\n", d.text);
		exit(2);
	}
	sim_memory_keep(false); /* as cells_run has it where nodes share a world */
	for (unsigned i = 0; i < 2; i++) {
		struct sim_conf c = {.s = s, .zone = z, .proxy = SCEN_NFTABLES, .cache = SIM_CACHE, .n_nodes = i ? 40 : 8, .costs = &costs};
		if (sim_run(&r, &c, &d) < 0)
			exit(2);
		at[i] = peak_kib();
		sim_result_release(&r);
	}
	printf("memory of a node with a cache          %8.0f KiB  goal 860\n", (at[1] - at[0]) / 32);
	zone_free(z);
	scenario_free(s);
}

static bool wanted(int argc, char **argv, const char *part)
{
	return argc < 3 || strcmp(argv[2], part) == 0;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "kind-e2e/scenarios/cluster-5000-nodes.yaml";

	setvbuf(stdout, NULL, _IOLBF, 0); /* it takes a minute or two */
	sim_memory_init();
	if (wanted(argc, argv, "memory"))
		memory(path);
	for (size_t n = 1000; n <= 100000 && wanted(argc, argv, "queue"); n *= 10)
		hold(n);
	if (wanted(argc, argv, "table")) {
		table(100, 65536);
		table(1000, 262144);
		table(3000, 262144);
		table(20000, 262144);
	}
	for (size_t mib = 1; mib <= 128 && wanted(argc, argv, "lines"); mib *= mib == 1 ? 8 : 4)
		lines(mib);
	for (unsigned threads = 1; threads <= 2 && wanted(argc, argv, "whole"); threads++) {
		whole(path, SIM_NOCACHE, false, threads);
		whole(path, SIM_CACHE, false, threads);
	}
	if (wanted(argc, argv, "verified")) {
		whole(path, SIM_NOCACHE, true, 1);
		whole(path, SIM_CACHE, true, 1);
	}
	for (unsigned nodes = 33; nodes < 40000 && wanted(argc, argv, "growth"); nodes *= 10)
		growth(path, nodes);
	return 0;
}
