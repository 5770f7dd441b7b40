/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong in a cluster, in virtual time: loss in spells, TCP's repairs, CPU limits, servers
 * that fail or are replaced, rules that follow late, surges, and the original cache. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "sim/world/life.h"
#include "tests/unit/sim/lab.h"

static double quantile_ms(const struct sim_result *r, double q)
{
	return (double)hist_quantile(&r->latency[0], q) / 1e6;
}

/* Share of lookups that took longer. */
static double above(const struct sim_result *r, uint64_t ns)
{
	uint64_t n = 0, low, high;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		n += low > ns ? r->latency[0].count[i] : 0;
	}
	return (double)n / (double)r->latency[0].n;
}

/* --- loss --- */

#define LOSSY                                                                                      \
	HEAD "duration: 300s\npods: {per_node: 10}\n"                                              \
	     "loads:\n  - {name: a, transport: new-port, rate: 20/s}\n"                             \
	     "names:\n  zipf: 0.8\n  services: 300\ncluster:\n  backends: 2\n  ttl: 5s\n  loss: 2%\n"

/* SACK and RACK repair within a round trip or two where questions follow each other on one
 * connection; where each has its own, as the original has it, a loss costs the timer's 200 ms. */
Test(flow, a_shared_connection_repairs_what_a_connection_a_question_waits_for)
{
	struct lab *ours = lab_new(LOSSY, true), *theirs = lab_new(LOSSY, true);

	theirs->c.cache = SIM_ORIGINAL;
	const struct sim_result *o = lab_run(ours), *t = lab_run(theirs);
	cr_assert_gt(o->lost_packets, 50);
	cr_assert_lt(quantile_ms(o, 0.99), 15, "%g ms", quantile_ms(o, 0.99));
	cr_assert_gt(quantile_ms(t, 0.99), 150, "%g ms", quantile_ms(t, 0.99));
	cr_assert_eq(o->lost + t->lost, 0);
	lab_free(ours);
	lab_free(theirs);
}

/* Gilbert and Elliott: the same share of the time, in fewer and longer spells. What is sent
 * together is then lost together, so fewer lookups are slow. (musl: glibc asks one after the other
 * once it has lost one.) */
Test(link, spells_lose_the_same_share_from_fewer_lookups)
{
	static const char lossy[] = HEAD "duration: 600s\npods: {per_node: 10, stub: musl, search: []}\n"
					 "loads:\n  - {name: a, transport: new-port, rate: 20/s}\n"
					 "names:\n  ask: [web.default.svc.cluster.local]\ncluster:\n  loss: 2%\n";
	char yaml[1024];

	snprintf(yaml, sizeof(yaml), "%s" WEB, lossy);
	struct lab *each = lab_new(yaml, false);
	snprintf(yaml, sizeof(yaml), "%s  burst: {length: 5ms}\n" WEB, lossy);
	struct lab *spells = lab_new(yaml, false);
	const struct sim_result *e = lab_run(each), *s = lab_run(spells);
	/* of questions: of answers fewer, for who was heard a moment ago is heard now */
	double lost_e = 1 - (double)e->upstream_total / (double)e->queries;
	double lost_s = 1 - (double)s->upstream_total / (double)s->queries;

	cr_expect_float_eq(lost_e, 0.02, 0.001, "%g", lost_e);
	cr_expect_float_eq(lost_s, 0.02, 0.002, "%g", lost_s); /* some 2,400 spells */
	double slow_e = above(e, NS_PER_S), slow_s = above(s, NS_PER_S);
	cr_expect_float_eq(slow_e, 1 - pow(0.98, 4), 0.004, "%g", slow_e);
	cr_expect_float_eq(slow_s, 0.02, 0.003, "%g", slow_s);
	lab_free(each);
	lab_free(spells);
}

/* --- servers as queues --- */

#define QUEUE                                                                                      \
	HEAD "duration: 60s\npods: {per_node: 10}\n"                                                \
	     "loads:\n  - {name: a, transport: new-port, rate: 100/s, family: a}\n"                 \
	     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n"           \
	     "  records:\n    - web.default.svc.cluster.local. 30 A 10.96.10.1\n"

/* 100 us a query at 1,000 a second use a tenth of a core. Without a limit almost nobody waits; at
 * a limit of 0.11 cores nobody is short on average, but bursts use the period's 11 ms up, and who
 * comes then waits for the next: CFS' tail. */
Test(replica, a_cpu_limit_makes_a_tail_of_its_period)
{
	struct lab *free = lab_new(QUEUE "  replica: {service: 100us}\n", false);
	struct lab *tight = lab_new(QUEUE "  replica: {service: 100us, cpu_limit: 0.11}\n", false);
	struct lab *lavish = lab_new(QUEUE "  replica: {service: 100us, cpu_limit: 1}\n", false);

	lab_run(free);
	lab_run(tight);
	lab_run(lavish);
	cr_expect_lt(quantile_ms(&free->r, 0.999), 2);
	cr_expect_gt(quantile_ms(&tight->r, 0.999), 10, "%g", quantile_ms(&tight->r, 0.999));
	cr_expect_lt(quantile_ms(&tight->r, 0.5), 2);
	cr_expect_gt(tight->r.replica_throttled_ns, 0);
	cr_expect_eq(memcmp(&free->r.latency[0], &lavish->r.latency[0], sizeof(struct hist)), 0,
		     "a limit of a whole core is none for one worker");
	lab_free(free);
	lab_free(tight);
	lab_free(lavish);
}

/* A core's worth of work in a limit of a fifth: five periods for each second of it. */
Test(replica, throttled_work_takes_as_long_as_the_quota_says)
{
	struct lab *l = lab_new(QUEUE "  replica: {service: 400us, cpu_limit: 0.2, queue: 100000}\n", false);
	const struct sim_result *r = lab_run(l);
	double served = (double)r->upstream_backend[0], span_s = 60;

	/* offered 0.4 cores, given 0.2: half waits at the end of the load */
	double cores = served * 400e-6 / span_s;
	cr_assert_gt(cores, 0.39, "all were taken, %g cores", cores);
	cr_assert_gt(r->replica_queue_peak, 20000);
	lab_free(l);
}

Test(replica, two_workers_wait_less_than_one)
{
	struct lab *one = lab_new(QUEUE "  replica: {service: 800us, workers: 1}\n", false);
	struct lab *two = lab_new(QUEUE "  replica: {service: 800us, workers: 2}\n", false);

	lab_run(one);
	lab_run(two);
	/* Allen and Cunneen: M/D/2 at 0.4 waits an order less than M/D/1 at 0.8 */
	cr_assert_lt(hist_mean(&two->r.latency[0]), hist_mean(&one->r.latency[0]) - 1e6);
	lab_free(one);
	lab_free(two);
}

/* --- servers that come and go --- */

#define LIVES(stub, events)                                                                        \
	HEAD "duration: 60s\npods: {per_node: 10, stub: " stub ", timeout: 1s, search: []}\n"       \
	     "loads:\n  - {name: a, transport: new-port, rate: 20/s}\n"                             \
	     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n"           \
	     "  endpoints_delay: 3s\n  events:\n" events WEB                                         \
	"    - web.default.svc.cluster.local. 30 AAAA 2001:db8::1\n"

static double lost_between(const struct sim_result *r, double from_s, double to_s)
{
	const struct sim_sample *a = NULL, *b = NULL;

	for (size_t i = 0; i < r->n_samples; i++) {
		if (!a && (double)r->sample[i].t_ns >= from_s * 1e9)
			a = &r->sample[i];
		if ((double)r->sample[i].t_ns <= to_s * 1e9)
			b = &r->sample[i];
	}
	return (double)(b->lost - a->lost) / (double)(b->done - a->done);
}

/* Measured with one of two backends dead and still listed: glibc loses half, for its retry leaves
 * from the same port and is led to the same backend; Go 4 %, for it takes new ports. */
Test(life, a_dead_server_that_is_still_listed)
{
	struct lab *glibc = lab_new(LIVES("glibc", "    - {what: fail, at: 10s, for: 60s, unready: 25s}\n"), false);
	struct lab *go = lab_new(LIVES("go", "    - {what: fail, at: 10s, for: 60s, unready: 25s}\n"), false);
	const struct sim_result *r = lab_run(glibc);

	cr_expect_eq(lost_between(r, 0, 9.5), 0);
	cr_expect_float_eq(lost_between(r, 14, 33), 0.5, 0.04, "%g", lost_between(r, 14, 33));
	cr_expect_eq(lost_between(r, 42, 60), 0, "kube-proxy has taken it out");
	cr_expect_eq(r->lost, r->lost_by[CAUSE_DEAD]);
	r = lab_run(go);
	/* two tries for A and AAAA each from new ports: a family is missing with (1/2)^2 */
	cr_expect_lt(lost_between(r, 14, 33), 0.09, "%g", lost_between(r, 14, 33));
	cr_expect_gt(lost_between(r, 14, 33), 0.03);
	lab_free(glibc);
	lab_free(go);
}

Test(life, a_roll_out_is_not_seen_through_the_cache)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: rollout, at: 10s, for: 8s}\n"), true);
	const struct sim_result *r = lab_run(l);

	cr_assert_eq(r->lost, 0);
	lab_free(l);
	l = lab_new(LIVES("glibc", "    - {what: rollout, at: 10s, for: 8s, grace: 0s}\n"), false);
	r = lab_run(l);
	cr_assert_gt(r->lost, 0, "no lameduck, and rules that follow three seconds later");
	lab_free(l);
}

Test(life, rules_without_endpoints_lead_nowhere)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: fail, at: 10s, for: 60s, unready: 1s, backend: 1}\n"
					       "    - {what: fail, at: 10s, for: 60s, unready: 1s, backend: 2}\n"),
				false);
	const struct sim_result *r = lab_run(l);

	cr_assert_eq(lost_between(r, 20, 60), 1);
	cr_assert_gt(r->lost_by[CAUSE_NO_ENDPOINT], 5000);
	lab_free(l);
}

static unsigned replicas_at(const struct sim_result *r, double t_s)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->n_samples && (double)r->sample[i].t_ns <= t_s * 1e9; i++)
		n = (unsigned)r->sample[i].replicas;
	return n;
}

/* What was planned for a pod is void when the pod is gone: neither the end of its silence nor its turn in a
 * roll-out brings it back. */
Test(life, a_server_that_was_taken_away_stays_away)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: scale, at: 1s, to: 4}\n"
					       "    - {what: fail, at: 12s, for: 20s, unready: 2s, backend: 2}\n"
					       "    - {what: scale, at: 15s, to: 1}\n"
					       "    - {what: rollout, at: 40s}\n"),
				false);
	const struct sim_result *r = lab_run(l);

	cr_expect_eq(replicas_at(r, 11), 4);
	cr_expect_eq(replicas_at(r, 21), 1);
	cr_expect_eq(replicas_at(r, 39), 1, "%u: one has come back from its silence", replicas_at(r, 39));
	cr_expect_eq(replicas_at(r, 60), 1, "%u: the roll-out replaced who is not there", replicas_at(r, 60));
	lab_free(l);
}

/* A pod that comes while another still ends is not that one, and does not end with it. */
Test(life, servers_taken_away_and_wanted_again)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: scale, at: 1s, to: 4}\n"
					       "    - {what: scale, at: 20s, to: 2}\n"
					       "    - {what: scale, at: 21s, to: 4, for: 0s}\n"),
				false);
	const struct sim_result *r = lab_run(l);

	cr_expect_eq(r->lost, 0, "%lu lost", (unsigned long)r->lost);
	cr_expect_eq(replicas_at(r, 60), 4);
	lab_free(l);
}

Test(life, two_silences_end_when_the_later_one_does)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: fail, at: 10s, for: 30s, unready: 1h}\n"
					       "    - {what: fail, at: 11s, for: 1s, unready: 1h}\n"),
				false);
	const struct sim_result *r = lab_run(l);

	cr_expect_eq(replicas_at(r, 39), 1);
	cr_expect_float_eq(lost_between(r, 15, 38), 0.5, 0.04, "%g", lost_between(r, 15, 38));
	cr_expect_eq(replicas_at(r, 41), 2);
	lab_free(l);
}

/* Those that came by scaling are rolled too: each of four loses its connections in turn. */
Test(life, a_roll_out_is_of_those_that_are_there)
{
	struct lab *l = lab_new(LIVES("glibc", "    - {what: scale, at: 1s, to: 4}\n"
					       "    - {what: rollout, at: 15s, for: 6s}\n"),
				false);
	const struct sim_result *r = lab_run(l);

	for (double t_s = 15; t_s < 51; t_s += 9) { /* six until the next is there, three until it is listed */
		cr_expect_eq(replicas_at(r, t_s + 5.5), 3, "%u at %g s", replicas_at(r, t_s + 5.5), t_s + 5.5);
		cr_expect_eq(replicas_at(r, t_s + 8), 4, "%u at %g s", replicas_at(r, t_s + 8), t_s + 8);
	}
	lab_free(l);
}

/* However often it looks: twice as many or four more in 15 s, fewer when 300 s have passed. */
Test(life, an_hpa_that_looks_each_second_keeps_its_times)
{
	struct lab *l = lab_new(HEAD "duration: 450s\npods: {per_node: 10}\nsurges: [{at: 20s, for: 60s, times: 8}]\n"
				     "loads:\n  - {name: a, transport: new-port, rate: 20/s, family: a, arrivals: even}\n"
				     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n"
				     "  replica: {service: 1ms}\n"
				     "  autoscaler: {kind: hpa, sync: 1s, start: 0s, target: 80%, request: 0.1}\n" WEB,
				false);
	const struct sim_result *r = lab_run(l);

	cr_expect_leq(replicas_at(r, 30), 7, "%u", replicas_at(r, 30));
	cr_expect_geq(replicas_at(r, 78), 20, "%u", replicas_at(r, 78));
	cr_expect_geq(replicas_at(r, 370), 20, "%u: before its calm time was over", replicas_at(r, 370));
	cr_expect_leq(replicas_at(r, 400), 4, "%u", replicas_at(r, 400));
	lab_free(l);
}

Test(life, the_proportional_autoscaler_is_its_formula)
{
	struct scenario s = {.n_nodes = 333,
			     .scaler = {.min = 2, .max = 64, .nodes_per_replica = 16, .cores_per_replica = 256,
					.cores_per_node = 4}};

	cr_assert_eq(life_proportional(&s), 21, "ceil(333 / 16)");
	s.scaler.cores_per_node = 32;
	cr_assert_eq(life_proportional(&s), 42, "ceil(10656 / 256)");
	s.n_nodes = 1;
	cr_assert_eq(life_proportional(&s), 2);
	s.n_nodes = 100000;
	cr_assert_eq(life_proportional(&s), 64);
}

/* 3,000 q/s of 200 us each want 0.6 cores; replicas that ask for 0.1 are to use 80 % of it: 8. */
Test(life, the_hpa_finds_what_its_target_says)
{
	struct lab *l = lab_new(HEAD "duration: 240s\npods: {per_node: 30}\n"
				     "loads:\n  - {name: a, transport: new-port, rate: 100/s, family: a}\n"
				     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n"
				     "  replica: {service: 200us}\n"
				     "  autoscaler: {kind: hpa, target: 80%, request: 0.1, min: 2, max: 20}\n" WEB,
				false);
	const struct sim_result *r = lab_run(l);

	cr_assert_eq(r->sample[0].replicas, 2);
	cr_assert_eq(r->sample[r->n_samples - 1].replicas, 8);
	cr_assert_eq(r->replicas_peak, 8);
	lab_free(l);
}

/* --- load --- */

static double rate_between(const struct sim_result *r, double from_s, double to_s)
{
	const struct sim_sample *a = NULL, *b = NULL;

	for (size_t i = 0; i < r->n_samples; i++) {
		if (!a && (double)r->sample[i].t_ns >= from_s * 1e9)
			a = &r->sample[i];
		if ((double)r->sample[i].t_ns <= to_s * 1e9)
			b = &r->sample[i];
	}
	return (double)(b->lookups - a->lookups) / ((double)(b->t_ns - a->t_ns) / 1e9);
}

Test(load, a_surge_is_as_long_and_as_high_as_said)
{
	struct lab *l = lab_new(HEAD "duration: 60s\ngrowth: 2\nsurges:\n  - {at: 20s, for: 10s, times: 4}\n"
				     "pods: {per_node: 10}\nloads:\n  - {name: a, transport: new-port, rate: 20/s}\n"
				     "names:\n  ask: [web]\n" "cluster:\n" WEB,
				false);
	const struct sim_result *r = lab_run(l);

	cr_expect_float_eq(rate_between(r, 1, 19), 400, 20);
	cr_expect_float_eq(rate_between(r, 20.5, 29.5), 1600, 60);
	cr_expect_float_eq(rate_between(r, 31, 59), 400, 16);
	lab_free(l);
}

Test(load, an_application_asks_again)
{
	static const char yaml[] =
		HEAD "duration: 60s\npods: {per_node: 10, timeout: 1s, attempts: 1, retries: %u, search: []}\n"
		     "loads:\n  - {name: a, transport: new-port, rate: 20/s, family: a}\n"
		     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: 10%%\n" WEB;
	double q = 1 - 0.9 * 0.9; /* a try is lost */

	for (unsigned retries = 0; retries < 4; retries += 3) {
		char text[1024];
		snprintf(text, sizeof(text), yaml, retries);
		struct lab *l = lab_new(text, false);
		const struct sim_result *r = lab_run(l);
		double want = pow(q, retries + 1), lost = (double)r->lost / (double)r->total;
		cr_expect_float_eq(lost, want, 4 * sqrt(want / (double)r->total), "%g, want %g", lost, want);
		double tries = (1 - pow(q, retries + 1)) / (1 - q);
		cr_expect_float_eq((double)r->queries / (double)r->total, tries, 0.02 * tries);
		lab_free(l);
	}
}

/* --- the original cache --- */

Test(original, hit_ratio_follows_the_renewal_model, .timeout = 60)
{
	struct lab *l = lab_new(HEAD "duration: 24h\npods: {per_node: 1}\n"
				     "loads:\n  - {name: a, transport: new-port, rate: 12/m, family: a}\n"
				     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  ttl: 30s\n" WEB,
				true);
	l->c.cache = SIM_ORIGINAL;
	const struct sim_result *r = lab_run(l);
	double ratio = (double)r->cache_hits / (double)(r->cache_hits + r->cache_misses);

	cr_expect_float_eq(ratio, 6.0 / 7, 0.01, "%g", ratio);
	cr_expect_eq(r->lost, 0);
	lab_free(l);
}

/* Ten pods ask for the same thing at the same time, again and again: ours asks once. */
Test(original, equal_misses_are_each_asked)
{
	static const char yaml[] = HEAD "duration: 30s\npods: {per_node: 10}\n"
					"loads:\n  - {name: a, transport: new-port, rate: 100/s, family: a}\n"
					"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n"
					"  backend_delay: 100ms\n  ttl: 5s\n"
					"  records:\n    - web.default.svc.cluster.local. 5 A 10.96.10.1\n";
	struct lab *ours = lab_new(yaml, true), *theirs = lab_new(yaml, true);

	theirs->c.cache = SIM_ORIGINAL;
	lab_run(ours);
	lab_run(theirs);
	cr_expect_lt(ours->r.upstream_total, 20);
	cr_expect_gt(theirs->r.upstream_total, 6 * 80, "100 in each tenth of a second that one is away");
	cr_expect_gt(theirs->r.upstream_conns, 80, "one question a connection");
	lab_free(ours);
	lab_free(theirs);
}

/* 4,000 names in 256 shards of 39, asked evenly: shards overflow long before 9,984. */
Test(original, a_full_shard_throws_out_any)
{
	struct lab *l = lab_new(HEAD "duration: 60s\npods: {per_node: 20}\n"
				     "loads:\n  - {name: a, transport: new-port, rate: 50/s, family: a}\n"
				     "names:\n  services: 4000\ncluster:\n  ttl: 3600s\n"
				     "cache: {ttl: 3600s, success: 3000}\n",
				true);
	l->c.cache = SIM_ORIGINAL;
	const struct sim_result *r = lab_run(l);
	cr_assert_gt(r->cache_evicted, 1000);
	cr_assert_eq(r->lost, 0);
	lab_free(l);
}

Test(outside, a_node_may_send_so_many_packets)
{
	static const char yaml[] = HEAD "duration: 20s\npods: {per_node: 20, search: [], timeout: 1s, attempts: 1}\n"
					"loads:\n  - {name: a, transport: new-port, rate: 100/s, family: a}\n"
					"names:\n  ask: [www.example.com.]\ncluster:\n  outside_limit: 500/s\n"
					"  records:\n    - www.example.com. 0 A 192.0.2.1\ncache: {ttl: 1s}\n";
	struct lab *l = lab_new(yaml, true);
	const struct sim_result *r;

	l->c.cache = SIM_ORIGINAL; /* asks each; 5 s of TTL at least: make that none */
	l->s->cache_ttl_s = 0;
	r = lab_run(l);
	cr_assert_float_eq((double)r->upstream_world, 500 * 21, 600, "and a second try after 2 s: %g",
			   (double)r->upstream_world);
	cr_assert_gt(r->dropped[CAUSE_OUTSIDE], 10000);
	lab_free(l);
}

/* A way that was not used for long takes longer, and only the first of what is sent then: both with the cache and
 * without, over UDP and TCP, and what the pods' ways cost is not what the cache's own costs. */
static double pause_costs_ns(enum sim_cache cache, const char *transport, const char *rate, bool slow)
{
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 60s\nwarmup: 1s\npods: {per_node: 1, search: []}\nloads:\n  - {name: a, transport: %s, rate: %s, family: a}\n"
		      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  records:\n"
		      "    - web.default.svc.cluster.local. 3600 A 10.96.10.1\ncache: {ttl: 3600s}\n",
		 transport, rate);
	struct lab *l = lab_new(yaml, cache == SIM_CACHE);
	leg_set(&l->costs.start, (struct scen_delay){0, 0});
	if (slow) {
		struct idle *i = cache == SIM_CACHE ? &l->costs.idle_cache : &l->costs.idle_backend;
		cr_assert(idle_set(i, (struct idle_point[]){{0, 0}, {1000000, 0}, {1000001, 5000000}}, 3));
	}
	const struct sim_result *r = lab_run(l);
	double mean_ns = hist_mean(&r->latency[0]);
	lab_free(l);
	return mean_ns;
}

Test(path, what_comes_after_a_pause_takes_longer)
{
	static const char *const transports[] = {"new-port", "same-socket", "tcp"};

	for (int cache = SIM_NOCACHE; cache <= SIM_CACHE; cache++)
		for (size_t i = 0; i < 3; i++) {
			double seldom = pause_costs_ns((enum sim_cache)cache, transports[i], "2/s", true) -
					pause_costs_ns((enum sim_cache)cache, transports[i], "2/s", false);
			double often = pause_costs_ns((enum sim_cache)cache, transports[i], "3000/s", true) -
				       pause_costs_ns((enum sim_cache)cache, transports[i], "3000/s", false);
			cr_expect_float_eq(seldom, 5e6, 5e5, "%d %s: %g", cache, transports[i], seldom);
			cr_expect_lt(often, 1e6, "%d %s: %g", cache, transports[i], often);
		}
}

/* Each counted lookup has one path; what is at hand comes sooner than what is asked for. */
static const struct sim_result *paths(struct lab **ret, bool cache)
{
	static const char yaml[] = HEAD "duration: 40s\npods: {per_node: 4, search: []}\n"
					"loads:\n  - {name: a, transport: new-port, rate: 10/s}\n"
					"names:\n  ask: [web.default.svc.cluster.local., www.example.com.]\ncluster:\n"
					"  records:\n    - web.default.svc.cluster.local. 30 A 10.96.10.1\n"
					"    - www.example.com. 30 A 192.0.2.1\n";
	*ret = lab_new(yaml, cache);
	const struct sim_result *r = lab_run(*ret);
	uint64_t all = 0;

	for (unsigned i = 0; i < SIM_PATHS_N; i++)
		all += r->path[i].n;
	cr_assert_eq(all, r->total);
	return r;
}

Test(path, lookups_are_told_by_the_way_their_answers_came)
{
	struct lab *l;
	const struct sim_result *r = paths(&l, true);

	cr_assert_gt(r->path[SIM_PATH_HIT].n, r->total * 8 / 10);
	cr_assert_gt(r->path[SIM_PATH_MISS].n, 0);
	cr_assert_gt(r->path[SIM_PATH_OUTSIDE].n, 0);
	cr_assert_eq(r->path[SIM_PATH_CLUSTER_DNS].n, 0);
	cr_assert_lt(hist_quantile(&r->path[SIM_PATH_HIT], 0.5), hist_quantile(&r->path[SIM_PATH_MISS], 0.5));
	lab_free(l);
	r = paths(&l, false);
	cr_assert_eq(r->path[SIM_PATH_HIT].n + r->path[SIM_PATH_MISS].n, 0);
	cr_assert_float_eq((double)r->path[SIM_PATH_OUTSIDE].n, (double)r->total / 2, (double)r->total / 10);
	lab_free(l);
}

/* A processor that is asked for one and a half times what it can do loses a third, by whichever queue; below that
 * none is lost, and what waits waits as Pollaczek and Khinchine say. */
static const struct sim_result *softirq(struct lab **ret, const char *node, bool cache)
{
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
		 HEAD "duration: 20s\npods: {per_node: 10, search: [], timeout: 1s, attempts: 1}\n"
		      "loads:\n  - {name: a, transport: new-port, rate: 100/s, family: a}\n"
		      "names:\n  ask: [web.default.svc.cluster.local.]\n%s\n",
		 node);
	*ret = lab_new(yaml, cache);
	return lab_run(*ret);
}

Test(softirq, a_full_backlog_loses_what_is_too_much)
{
	static const char *const nodes[] = {"node: {packet: 1500us, cpus: 1, backlog: 20}", "node: {packet: 15ms, cpus: 10, backlog: 20}",
					    "node: {packet: 15ms, veth: 20}"};

	for (unsigned i = 0; i < 6; i++) {
		struct lab *l;
		const struct sim_result *r = softirq(&l, nodes[i / 2], i % 2);
		double lost = (double)r->dropped[CAUSE_BACKLOG] / (double)r->queries;
		/* 1,000 questions a second; in the shared queues their answers come on top */
		double room = 1000 / 1.5, want = i / 2 == 2 ? 1 - room / 1000 : 1 - room / 2 / 1000;
		if (i / 2 < 2) /* each answered question takes two of the places, a lost one none or one */
			cr_assert(lost > want - 0.2 && lost < want + 0.1, "%s: %g of %g", nodes[i / 2], lost, want);
		else
			cr_assert_float_eq(lost, want, 0.03, "%s: %g of %g", nodes[i / 2], lost, want);
		cr_assert_gt(r->lost_by[CAUSE_BACKLOG], 0);
		cr_assert_eq(r->lost_by[CAUSE_LATE] + r->lost_by[CAUSE_BACKLOG], r->lost);
		lab_free(l);
	}
}

Test(softirq, below_its_rate_it_only_waits)
{
	struct lab *idle, *busy;
	const struct sim_result *a = softirq(&idle, "", true), *b = softirq(&busy, "node: {packet: 600us, veth: 256}", true);
	/* each pod's 100 a second at 600 us, there and back: rho 0.06, twice the service and its wait */
	double want = 2 * (600e3 + 100e-9 * 600e3 * 600e3 / (2 * (1 - 0.06)));

	cr_assert_eq(b->dropped[CAUSE_BACKLOG], 0);
	cr_assert_float_eq(hist_mean(&b->latency[0]) - hist_mean(&a->latency[0]), want, 0.03 * want, "%g of %g",
			   hist_mean(&b->latency[0]) - hist_mean(&a->latency[0]), want);
	lab_free(idle);
	lab_free(busy);
}
