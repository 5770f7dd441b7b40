/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator against what can be said with a formula, and against itself. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "sim/world/evq.h"
#include "sim/world/sim.h"
#include "tests/unit/sim/lab.h"

/* --- the event queue --- */

Test(evq, pops_by_time_then_by_order_of_insertion)
{
	struct evq q = {0};
	struct event e;
	uint64_t last_ns = 0, last_seq = 0;
	struct rng r;

	rng_seed(&r, 3);
	for (uint32_t i = 0; i < 5000; i++)
		evq_push(&q, rng_below(&r, 300), i, 0, NULL);
	for (unsigned i = 0; i < 5000; i++) {
		cr_assert(evq_pop(&q, &e));
		cr_assert_geq(e.t_ns, last_ns);
		if (i > 0 && e.t_ns == last_ns)
			cr_assert_gt(e.seq, last_seq);
		last_ns = e.t_ns;
		last_seq = e.seq;
	}
	cr_assert_not(evq_pop(&q, &e));
	evq_release(&q);
}

/* The order is that of a list that is searched whole, however many wait, however far ahead, at whatever times. */
struct told {
	uint64_t t_ns, seq;
};

static size_t first_of(const struct told *t, size_t n)
{
	size_t first = 0;

	for (size_t i = 1; i < n; i++)
		if (t[i].t_ns < t[first].t_ns || (t[i].t_ns == t[first].t_ns && t[i].seq < t[first].seq))
			first = i;
	return first;
}

static uint64_t ahead_ns(struct rng *r, uint64_t now_ns)
{
	switch (rng_below(r, 16)) {
	case 0:
		return now_ns; /* at once */
	case 1:
		return UINT64_MAX; /* never */
	case 2:
		return now_ns / 2; /* what has passed comes next */
	default:
		return now_ns + (rng_u64(r) >> (16 + rng_below(r, 48)));
	}
}

Test(evq, any_order_of_any_length_is_that_of_a_list)
{
	static const size_t most[] = {3, 300, 3000};
	static struct told list[3000];

	for (size_t k = 0; k < 3; k++) {
		struct evq q = {0};
		struct event e;
		struct rng r;
		size_t n = 0;
		uint64_t now_ns = 0, seq = 0;
		rng_seed(&r, k + 7);
		for (unsigned i = 0; i < 20000; i++) {
			bool filling = i / 4000 % 2 == 0; /* and emptied to nothing between */
			if (n < most[k] && rng_below(&r, 10) < (filling ? 9 : 1)) {
				bool timeout = rng_below(&r, 3) == 0; /* and seldom one that is not the last of them */
				uint64_t t_ns = timeout && rng_below(&r, 8) ? now_ns + 5 * NS_PER_S : ahead_ns(&r, now_ns);
				list[n] = (struct told){t_ns, seq++};
				(timeout ? evq_push_timeout : evq_push)(&q, list[n++].t_ns, i, 0, NULL);
			} else if (n) {
				size_t first = first_of(list, n);
				cr_assert(evq_pop(&q, &e));
				cr_assert_eq(e.t_ns, list[first].t_ns);
				cr_assert_eq(e.seq, list[first].seq);
				now_ns = e.t_ns == UINT64_MAX ? now_ns : e.t_ns;
				list[first] = list[--n];
			} else {
				cr_assert_not(evq_pop(&q, &e));
			}
		}
		evq_release(&q);
	}
}

/* Nothing is dealt out of many at one time, and nothing is tried again and again. */
Test(evq, many_at_one_time_keep_their_order, .timeout = 20)
{
	struct evq q = {0};
	struct event e;
	const unsigned many = 100000;

	for (unsigned i = 0; i < many; i++)
		evq_push(&q, 7, i, 0, NULL);
	for (unsigned i = 0; i < 4 * many; i++) {
		cr_assert(evq_pop(&q, &e));
		cr_assert_eq(e.seq, i);
		evq_push(&q, 7, 0, 0, NULL);
	}
	evq_release(&q);
}

/* --- costs --- */

static int load_costs(struct sim_costs *c, const char *text, struct diag *d)
{
	char path[] = "/tmp/test_sim_costs_XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	fputs(text, f);
	fclose(f);
	int rc = sim_costs_load(c, NULL, path, d);
	remove(path);
	return rc;
}

Test(costs, a_line_of_nftables_is_of_its_cells_alone)
{
	static const char text[] = "#! measured=today\nhit_cpu = 3us\nnftables.pod_backend = 10us 40us\nnftables.hit_cpu = 4us\n";
	char path[] = "/tmp/test_sim_costs_XXXXXX";
	int fd = mkstemp(path);
	struct sim_costs c, nft, stock;
	struct diag d;

	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	sim_costs_init(&stock);
	sim_costs_init(&c);
	sim_costs_init(&nft);
	cr_assert_eq(sim_costs_load(&c, &nft, path, &d), 0, "%s", d.text);
	remove(path);
	cr_expect_eq(c.hit_cpu_ns, 3000);
	cr_expect_eq(nft.hit_cpu_ns, 4000);
	cr_expect_eq(c.pod_backend.d.median_ns, stock.pod_backend.d.median_ns);
	cr_expect_eq(nft.pod_backend.d.median_ns, 10000);
	cr_expect_str_eq(nft.measured, "today");
	cr_expect(nft.by_dialect);
	cr_expect_not(c.by_dialect);
	cr_expect_eq(load_costs(&c, "nftables.hit_cpi = 3us\n", &d), ERR_UNKNOWN);
	cr_expect_eq(load_costs(&c, "nftables.hit_cpu = many\n", &d), ERR_SYNTAX);
}

Test(costs, file_replaces_and_complains)
{
	struct sim_costs c;
	struct diag d;

	sim_costs_init(&c);
	cr_assert_eq(
		load_costs(&c,
			   "# none\n\nhit_cpu = 3us\npod_cache=10us 40us # x\nrace_share = 0.5\n",
			   &d),
		0, "%s", d.text);
	cr_assert_eq(c.hit_cpu_ns, 3000);
	cr_assert_eq(c.pod_cache.d.median_ns, 10000);
	cr_assert_eq(c.pod_cache.d.p99_ns, 40000);
	cr_assert_float_eq(c.race_share, 0.5, 1e-12);
	cr_assert_eq(load_costs(&c, "\nhit_cpi = 3us\n", &d), ERR_UNKNOWN);
	cr_assert_neq(strstr(d.text, ":2: unknown cost 'hit_cpi' (did you mean 'hit_cpu'?)"), NULL,
		      "%s", d.text);
	cr_assert_eq(load_costs(&c, "pod_cache = 40us 10us\n", &d), ERR_SYNTAX,
		     "p99 below the median");
	cr_assert_eq(load_costs(&c, "hit_cpu 3us\n", &d), ERR_SYNTAX);
	cr_assert_eq(load_costs(&c, "race_share = 1.5\n", &d), ERR_SYNTAX);
	cr_assert_eq(load_costs(&c, "idle_cache = 0s:0us 5ms:100us 1s:200us\nidle_backend = 0\n", &d), 0, "%s", d.text);
	cr_assert_eq(c.idle_cache.n, 3);
	cr_assert_eq(c.idle_backend.n, 0);
	static const char *const wrong[] = {"1ms:0us 5ms:1us", "0s:5us", "0s:5us 1ms:4us", "0s:0us 5ms:1us 5ms:2us", "5us", "0s:0us 5ms",
					    "0s:0us 1s:1s 2s:2s 3s:3s 4s:4s 5s:5s 6s:6s 7s:7s 8s:8s", ""};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[128];
		snprintf(line, sizeof(line), "idle_cache = %s\n", wrong[i]);
		cr_assert_eq(load_costs(&c, line, &d), ERR_SYNTAX, "%s", line);
	}
}

Test(costs, a_pause_costs_by_its_length)
{
	struct idle i = {.n = 0};

	cr_assert_eq(idle_ns(&i, 1000), 0);
	cr_assert(idle_set(&i, (struct idle_point[]){{0, 10}, {100, 20}, {1000, 1000}}, 3));
	cr_assert_eq(idle_ns(&i, 0), 10);
	cr_assert_eq(idle_ns(&i, 50), 15);
	cr_assert_eq(idle_ns(&i, 100), 20);
	cr_assert_eq(idle_ns(&i, 550), 510);
	cr_assert_eq(idle_ns(&i, 1000), 1000);
	cr_assert_eq(idle_ns(&i, UINT64_MAX), 1000);
}

Test(costs, text_is_what_the_file_would_say)
{
	struct sim_costs a, b;
	char text[16384] = "", value[COST_TEXT];
	struct diag d;

	sim_costs_init(&a);
	a.rto_ns = 1234567;
	idle_set(&a.idle_cache, (struct idle_point[]){{0, 0}, {1234567, 50000}, {2000000000, 123456}}, 3);
	leg_set_points(&a.client, (struct leg_point[]){{0, 900}, {0.5, 12345}, {0.999, 70000}, {1, 4000000}}, 4);
	for (const struct cost_def *k = cost_defs; k->name; k++) {
		sim_cost_text(&a, k, value);
		size_t n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "%s = %s\n", k->name, value);
	}
	memset(&b, 0, sizeof(b));
	cr_assert_eq(load_costs(&b, text, &d), 0, "%s", d.text);
	cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
}

Test(costs, delays_have_the_median_and_the_99th_percentile_asked_for)
{
	struct scen_delay d = {100000, 700000};
	unsigned below = 0, above = 0, far = 0;
	struct leg l;
	struct rng r;

	leg_set(&l, d);
	rng_seed(&r, 1);
	/* 99.99 %: 3.719 standard deviations */
	double sigma = log(7.0) / 2.3263478740408408, p9999 = 100000 * exp(3.719 * sigma);
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t v = leg_draw(&l, &r);
		below += v < d.median_ns;
		above += v > d.p99_ns;
		far += (double)v > p9999;
	}
	cr_assert_float_eq(below / 1e6, 0.5, 0.003);
	cr_assert_float_eq(above / 1e6, 0.01, 0.0005);
	cr_assert_float_eq(far / 1e6, 0.0001, 0.00004);
	cr_assert_float_eq(leg_mean(&l), 100000 * exp(sigma * sigma / 2), 0.01 * leg_mean(&l));
}

/* --- cells --- */

/* TTL renewal model (Jung, Berger, Balakrishnan 2003): Poisson rate r, TTL T:
 * hit ratio rT / (1 + rT). */
Test(sim, hit_ratio_follows_the_renewal_model, .timeout = 60)
{
	static const struct {
		const char *rate;
		double r;
	} cases[] = {{"1/m", 1.0 / 60}, {"12/m", 0.2}, {"2/s", 2}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[1024];
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: %s\npods: {per_node: 1}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: %s, family: a}\n"
			      "names:\n  ask: [web.default.svc.cluster.local.]\n"
			      "cluster:\n  ttl: 30s\n" WEB,
			 i == 0 ? "120h" : "24h", cases[i].rate);
		struct lab *l = lab_new(yaml, true);
		const struct sim_result *r = lab_run(l);
		double rt = cases[i].r * 30,
		       ratio = (double)r->cache_hits / (double)(r->cache_hits + r->cache_misses);
		cr_expect_float_eq(ratio, rt / (1 + rt), 0.012, "rate %s: %g, formula %g",
				   cases[i].rate, ratio, rt / (1 + rt));
		cr_expect_eq(r->lost, 0);
		lab_free(l);
	}
}

/* M/D/1 (Pollaczek and Khinchine): mean wait rho * s / (2 (1 - rho)). One
 * processor answers hits that cost 1 ms each; nothing else costs anything. */
Test(sim, waiting_for_the_cache_is_an_m_d_1_queue, .timeout = 60)
{
	struct lab *l =
		lab_new(HEAD "duration: 600s\nwarmup: 10s\npods: {per_node: 10}\n"
			     "loads:\n  - {name: a, transport: new-port, rate: 60/s, family: a}\n"
			     "names:\n  ask: [web.default.svc.cluster.local.]\n"
			     "cache: {ttl: 3600s}\ncluster:\n  ttl: 3600s\n"
			     "  records:\n    - web.default.svc.cluster.local. 3600 A 10.96.10.1\n",
			true);
	memset(&l->costs, 0, sizeof(l->costs));
	l->costs.hit_cpu_ns = NS_PER_MS;
	l->costs.cache_queue = 1 << 20;
	const struct sim_result *r = lab_run(l);
	double rho = 0.6, want_ms = 1 + rho / (2 * (1 - rho));
	cr_assert_float_eq(hist_mean(&r->latency[0]) / 1e6, want_ms, 0.02 * want_ms,
			   "%g ms, formula %g", hist_mean(&r->latency[0]) / 1e6, want_ms);
	lab_free(l);
}

/* The socket's buffer is finite: overload loses what does not fit. */
Test(sim, an_overloaded_cache_drops)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 5s\npods: {per_node: 10, timeout: 1s, attempts: 1}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 200/s, family: a}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n" WEB,
		true);
	l->costs.hit_cpu_ns = NS_PER_MS; /* room for 1,000 a second of 2,000 */
	l->costs.cache_queue = 100;
	const struct sim_result *r = lab_run(l);
	cr_assert_float_eq((double)r->lost / (double)r->total, 0.5, 0.06);
	cr_assert_gt(r->dropped[CAUSE_CACHE_QUEUE], 4000);
	lab_free(l);
}

/* Little's law on the table: entries = rate * 30 s, one entry a new port. Few
 * enough per pod that a port hardly comes again within 30 s. */
Test(sim, entries_are_rate_times_timeout)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 120s\npods: {per_node: 50}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 2/s, family: a}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB,
		false);
	const struct sim_result *r = lab_run(l);
	const struct sim_sample *last = &r->sample[r->n_samples - 1], *ago = last;
	while (ago->t_ns > last->t_ns - 30 * NS_PER_S)
		ago--;
	double want = (double)(last->lookups - ago->lookups);
	cr_assert_float_eq((double)r->ct_client_final, want, 0.02 * want, "%g, begun in 30 s: %g",
			   (double)r->ct_client_final, want);
	cr_assert_float_eq(want, 3000, 4 * sqrt(3000), "a Poisson number: %g", want);
	cr_assert_float_eq((double)r->ct_created, (double)r->queries, 0.04 * (double)r->queries);
	/* The kernel's count has the dead as well: rate * P more at the most, P being 18.4 s. */
	cr_assert_float_eq((double)r->ct_client_live_peak, want, 5 * sqrt(3000));
	double dead = (double)r->ct_client_peak / (double)r->ct_client_live_peak;
	cr_assert(dead > 1.3 && dead < 2.1, "%g", dead);
	double half = (double)r->upstream_backend[0] / (double)r->upstream_total;
	cr_assert_float_eq(half, 0.5, 0.02);
	lab_free(l);
}

Test(sim, the_cache_leaves_the_table_empty)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 30s\npods: {per_node: 4}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 25/s}\n  - {name: t, transport: "
		"tcp, rate: 5/s}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB,
		true);
	const struct sim_result *r = lab_run(l);
	cr_assert_eq(r->ct_created, 0);
	cr_assert_eq(r->ct_client_peak, 0);
	cr_assert_gt(r->ct_upstream_peak, 0);
	cr_assert_geq(r->notrack_in, r->queries);
	cr_assert_eq(r->by_cache, r->verified);
	cr_assert_lt(r->upstream_total, 40);
	lab_free(l);
}

/* Every packet is lost with p, both ways; a pair of questions is four packets.
 * Measured on the real glibc: 3.98 % slow at p = 1 %. */
Test(sim, loss_makes_slow_lookups_as_measured)
{
	struct lab *l =
		lab_new(HEAD "duration: 200s\npods: {per_node: 10, timeout: 1s, search: []}\n"
			     "loads:\n  - {name: a, transport: new-port, rate: 10/s}\n"
			     "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  "
			     "backends: 2\n  loss: 1%\n" WEB,
			false);
	const struct sim_result *r = lab_run(l);
	uint64_t slow = 0, low, high;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		slow += low > 900 * NS_PER_MS ? r->latency[0].count[i] : 0;
	}
	cr_assert_float_eq((double)slow / (double)r->total, 1 - pow(0.99, 4), 0.004, "%g",
			   (double)slow / (double)r->total);
	cr_assert_lt((double)r->lost / (double)r->total, 0.002);
	lab_free(l);
}

/* Before 5.7 a race lost a packet; now it costs nothing. */
Test(sim, races_are_resolved)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 20s\npods: {per_node: 4}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 25/s}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB,
		false);
	l->costs.race_share = 1;
	const struct sim_result *r = lab_run(l);
	cr_assert_eq(r->lost, 0);
	cr_assert_eq(r->ct_insert_failed, 0);
	cr_assert_lt(hist_quantile(&r->latency[0], 1), NS_PER_S);
	lab_free(l);
}

/* And then it did: the loser of each race was dropped, and the stub waited for its time-out. */
Test(sim, before_5_7_a_race_costs_a_time_out)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 20s\npods: {per_node: 4, stub: musl, search: []}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 25/s}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB
		"conntrack: {kernel: 5.4}\n",
		false);
	l->costs.race_share = 1;
	const struct sim_result *r = lab_run(l);
	cr_assert_eq(r->lost, 0);
	cr_assert_gt(r->ct_insert_failed, r->total / 4, "half of them drew the other backend");
	cr_assert_gt(hist_quantile(&r->latency[0], 0.9), 2 * NS_PER_S);
	lab_free(l);
}

Test(sim, a_full_table_loses_lookups)
{
	struct lab *l = lab_new(
		HEAD
		"duration: 60s\npods: {per_node: 10, timeout: 1s, attempts: 1}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 40/s, family: a}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB
		"conntrack: {max: 4096, buckets: 262144}\n",
		false);
	const struct sim_result *r = lab_run(l);
	cr_assert_gt(r->ct_full, 1000);
	cr_assert_eq(r->lost, r->ct_full, "one attempt, one packet");
	cr_assert_leq(r->ct_count_peak, 4096);
	lab_free(l);
}

static void same(const struct sim_result *a, const struct sim_result *b)
{
	cr_assert_eq(a->events, b->events);
	cr_assert_eq(a->n_samples, b->n_samples);
	cr_assert_eq(memcmp(a->sample, b->sample, a->n_samples * sizeof(*a->sample)), 0);
	cr_assert_eq(memcmp(a->latency, b->latency, sizeof(a->latency)), 0);
	cr_assert_eq(a->upstream_total, b->upstream_total);
}

Test(sim, same_seed_same_world_and_nodes_do_not_disturb_each_other)
{
	const char *yaml = HEAD "duration: 20s\npods: {nodes: 4, per_node: 3, stub: go}\n"
				"loads:\n  - {name: a, transport: new-port, rate: 20/s}\n  - "
				"{name: t, transport: tcp, rate: 2/s}\n"
				"names:\n  ask: [web, www.example.com]\n  services: 50\n"
				"cluster:\n  backends: 3\n  loss: 1%\n  backend_delay: {median: "
				"1ms, p99: 20ms}\n" WEB "    - www.example.com. 60 A 192.0.2.1\n";
	struct lab *a = lab_new(yaml, true), *b = lab_new(yaml, true), *fewer = lab_new(yaml, true);
	lab_run(a);
	lab_run(b);
	same(&a->r, &b->r);
	fewer->c.n_nodes = 2;
	lab_run(fewer);
	double ratio = (double)fewer->r.queries / (double)a->r.queries;
	cr_assert_float_eq(ratio, 0.5, 0.1, "a sample of nodes asks its share: %g", ratio);
	b->s->seed = 12;
	sim_result_release(&b->r);
	lab_run(b);
	cr_assert_neq(a->r.events, b->r.events);
	lab_free(a);
	lab_free(b);
	lab_free(fewer);
}

/* A backend that works 100 us a query, asked by nodes of which a quarter is
 * simulated: it must be as busy as under all of them. */
Test(sim, sampled_nodes_keep_backends_as_busy, .timeout = 60)
{
	const char *yaml = HEAD
		"duration: 20s\npods: {nodes: 8, per_node: 10}\n"
		"loads:\n  - {name: a, transport: new-port, rate: 50/s, family: a}\n"
		"names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 1\n" WEB;
	struct lab *all = lab_new(yaml, false), *some = lab_new(yaml, false);

	memset(&all->costs, 0, sizeof(all->costs));
	leg_set(&all->costs.backend_cpu, (struct scen_delay){200 * NS_PER_US, 200 * NS_PER_US}); /* rho 0.8 */
	all->costs.backend_queue = 1 << 20;
	some->costs = all->costs;
	some->c.n_nodes = 2;
	double a = hist_mean(&lab_run(all)->latency[0]), s = hist_mean(&lab_run(some)->latency[0]);
	double want = 200e3 * (1 + 0.8 / (2 * 0.2));
	cr_assert_float_eq(a, want, 0.06 * want, "all nodes: %g, M/D/1: %g", a, want);
	cr_assert_float_eq(s, want, 0.10 * want, "a quarter: %g, M/D/1: %g", s, want);
	lab_free(all);
	lab_free(some);
}

Test(sim, every_stub_and_proxy_runs)
{
	static const char *const stubs[] = {"glibc", "musl", "go"};
	static const enum scen_proxy modes[] = {SCEN_IPTABLES, SCEN_NFTABLES, SCEN_IPVS};

	for (unsigned i = 0; i < 18; i++) {
		char yaml[1024];
		snprintf(
			yaml, sizeof(yaml),
			HEAD
			"duration: 5s\npods: {per_node: 2, stub: %s}\n"
			"loads:\n  - {name: a, transport: new-port, rate: 10/s}\n"
			"  - {name: s, transport: same-socket, rate: 10/s}\n  - {name: t, "
			"transport: tcp, rate: 5/s}\n"
			"names:\n  ask: [web, gone, www.example.com]\ncluster:\n  backends: 2\n" WEB
			"    - www.example.com. 60 AAAA 2001:db8::1\n"
			"cells: {proxy: [iptables, nftables, ipvs], cache: [off, on]}\n",
			stubs[i / 6]);
		struct lab *l = lab_new(yaml, i % 2);
		l->c.proxy = modes[i / 2 % 3];
		const struct sim_result *r = lab_run(l);
		cr_expect_eq(r->lost, 0, "%s, mode %u, cache %u", stubs[i / 6], i / 2 % 3, i % 2);
		cr_expect_gt(r->ok, 60);
		cr_expect_gt(r->notfound, 10);
		lab_free(l);
	}
}
