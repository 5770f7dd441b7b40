/* SPDX-License-Identifier: Apache-2.0 */
/* Those who act by themselves: endpoints that die, kube-proxy after them, clients that wait, SNAT's race. */
#include <criterion/criterion.h>
#include <math.h>

#include "conntrack-model/walk.h"
#include "lib/base/clock.h"

static struct walk walk_of(struct walk_conf *c, enum ct_synth_kind kind, double rate, unsigned run_s, bool poisson)
{
	struct ct_synth s = {.kind = kind, .rate_per_s = rate, .until_ns = run_s * NS_PER_S, .poisson = poisson};
	struct ct_events e = {0};
	struct walk w;

	ct_events_synth(&e, &s, 1, 1);
	ct_events_sort(&e);
	cr_assert_eq(walk_run(&w, c, &e), 0);
	ct_events_release(&e);
	return w;
}

static void changes(struct walk_conf *c, unsigned version, const char *const *dies, size_t n, const char *comes)
{
	struct diag d;

	walk_conf_init(c);
	c->endpoints.version = version;
	for (size_t i = 0; i < n; i++) {
		struct endpoint_change *x = &c->endpoints.change[c->endpoints.n_changes++];
		x->dies = true;
		cr_assert_eq(endpoint_change_parse(x, dies[i], &d), 0, "%s", d.text);
	}
	if (comes) {
		struct endpoint_change *x = &c->endpoints.change[c->endpoints.n_changes++];
		cr_assert_eq(endpoint_change_parse(x, comes, &d), 0, "%s", d.text);
	}
}

/* Measured: one of two backends dead and still listed, 240 lookups: half fail, no retry saves one, for it
 * comes from the same port (dead_backend: glibc 120, musl 133). */
Test(actors, a_dead_backend_that_is_listed_holds_half)
{
	struct walk_conf c;

	changes(&c, 0, (const char *[]){"0s+1h"}, 1, NULL);
	c.endpoints.retry_ns = NS_PER_S;
	struct walk w = walk_of(&c, SYNTH_UDP_NEW, 100, 60, false);
	double share = (double)w.endpoints.n_dead / (double)w.track[0].n_queries;
	cr_expect_float_eq(share, 0.5, 0.02, "%g", share);
	cr_expect_eq(w.endpoints.n_answered, 0);
	cr_expect_eq(w.endpoints.n_failed + w.endpoints.n_waiting, w.endpoints.n_dead);
	cr_expect_float_eq(w.endpoints.waited_s / (double)w.endpoints.n_dead, 2, 0.1, "two tries of a second");
	walk_release(&w);
}

/* One of two dies and the rules have it a second later: what is lost is that second's half, and whoever's
 * entry leads there if nobody takes it out. */
Test(actors, kube_proxy_takes_entries_of_the_dead_out)
{
	static const unsigned versions[] = {0, KUBE_PROXY(1, 31), KUBE_PROXY(1, 32), KUBE_PROXY(1, 37)};
	uint64_t dead[4], stale[4];

	for (size_t i = 0; i < 4; i++) {
		struct walk_conf c;
		changes(&c, versions[i], (const char *[]){"40s+1s"}, 1, NULL);
		struct walk w = walk_of(&c, SYNTH_UDP_FIXED, 100, 70, false);
		dead[i] = w.endpoints.n_dead;
		stale[i] = w.endpoints.n_stale_end;
		cr_expect_eq(w.endpoints.n_refused, 0);
		cr_expect_eq(w.endpoints.n_dumps > 0, versions[i] > 0);
		walk_release(&w);
	}
	cr_expect_gt(dead[0], 1000, "sixteen sockets in use: theirs live on for ever");
	cr_expect_gt(stale[0], 0);
	for (size_t i = 1; i < 4; i++) {
		cr_expect(dead[i] > 20 && dead[i] < 80, "a second of a hundred, by half: %lu", (unsigned long)dead[i]);
		cr_expect_eq(stale[i], 0);
	}
}

/* Nobody is left for twenty seconds: 1.32 to 1.36 pass such a Service over. */
Test(actors, a_service_without_endpoints_is_passed_over_until_1_36)
{
	static const unsigned versions[] = {KUBE_PROXY(1, 31), KUBE_PROXY(1, 32), KUBE_PROXY(1, 36), KUBE_PROXY(1, 37)};
	struct endpoints_told told[4];

	for (size_t i = 0; i < 4; i++) {
		struct walk_conf c;
		changes(&c, versions[i], (const char *[]){"40s", "40s"}, 2, "60s");
		struct walk w = walk_of(&c, SYNTH_UDP_FIXED, 100, 70, false);
		told[i] = w.endpoints;
		walk_release(&w);
	}
	cr_expect_lt(told[0].n_dead, 250, "a second's worth, all of it");
	cr_expect_eq(told[3].n_dead, told[0].n_dead);
	cr_expect_gt(told[0].n_refused, 1800, "then the rules say no at once");
	cr_expect_gt(told[1].n_dead, 4 * told[0].n_dead, "or entries lead into the void");
	cr_expect_eq(told[1].n_dead, told[2].n_dead);
	cr_expect_gt(told[1].waited_s, 4 * told[0].waited_s);
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(told[i].n_stale_end, 0, "who comes back brings a sync that takes the rest out");
}

Test(actors, its_dump_is_a_gc)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.table.gc_first_ns = 300 * NS_PER_S; /* no other one */
	struct walk none = walk_of(&c, SYNTH_UDP_NEW, 200, 100, false);
	c.endpoints.version = KUBE_PROXY(1, 36);
	c.endpoints.churn_ns = 5 * NS_PER_S;
	struct walk often = walk_of(&c, SYNTH_UDP_NEW, 200, 100, false);
	cr_expect_eq(often.endpoints.n_dumps, 19);
	cr_expect_gt(often.stats.expired_dump, 10000);
	cr_expect_lt(often.track[0].peak, 200 * (30 + 5 + 1), "rate * (time-out + 5 s)");
	cr_expect_gt(none.track[0].peak, 15000);
	cr_expect_lt(often.endpoints.n_dumped, 19 * 200 * 31, "what it goes over is what it leaves");
	walk_release(&none);
	walk_release(&often);
}

/* Pairs that chose within w: rate squared times w over ports and backends. */
Test(actors, races_for_a_translation_follow_from_timing)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.n_backends = 1;
	c.table.max = 0;
	c.table.udp_s = 1; /* ports are free again: what is lost is lost by racing */
	c.snat.on = true;
	c.snat.within_ns = NS_PER_MS;
	struct walk w = walk_of(&c, SYNTH_UDP_PODS, 5000, 60, true);
	double want = 5000.0 * 5000 * 1e-3 / 28232 * 60;
	cr_expect_float_eq((double)w.n_raced, want, 4 * sqrt(want), "%lu, formula %g", (unsigned long)w.n_raced, want);
	cr_expect_eq(w.track[0].n_clashed, w.n_raced);
	cr_expect_eq(w.stats.insert_failed, w.n_raced);
	walk_release(&w);
	c.snat.random_fully = true;
	w = walk_of(&c, SYNTH_UDP_PODS, 5000, 60, true);
	want *= 28232.0 / 64512;
	cr_expect_float_eq((double)w.n_raced, want, 4 * sqrt(want), "any port: %lu, formula %g", (unsigned long)w.n_raced, want);
	walk_release(&w);
}

/* Measured: two pods, one source port, at one time, 5,000 pairs (race_snat): those that met lost one packet
 * each, with --random-fully none of them. */
Test(actors, pairs_of_one_port_meet)
{
	for (int random_fully = 0; random_fully < 2; random_fully++) {
		struct ct_events e = {0};
		struct walk_conf c;
		struct walk w;

		walk_conf_init(&c);
		c.n_backends = 0;
		c.snat = (struct snat_conf){.on = true, .random_fully = random_fully, .within_ns = 5000};
		for (unsigned i = 0; i < 5000; i++)
			for (unsigned pod = 0; pod < 2; pod++) {
				struct ct_event ev = {.t_ns = i * NS_PER_MS + pod * 2000, .kind = CTE_QUERY, .proto = CT_UDP};
				ev.client.port = (uint16_t)(1024 + i);
				ev.server.port = 53;
				cr_assert_eq(qs_ip_from_text(&ev.client.ip, pod ? "10.244.0.3" : "10.244.0.2"), 0);
				cr_assert_eq(qs_ip_from_text(&ev.server.ip, "10.96.0.10"), 0);
				ct_events_add(&e, &ev);
			}
		cr_assert_eq(walk_run(&w, &c, &e), 0);
		if (random_fully)
			cr_expect_lt(w.n_raced, 3);
		else
			cr_expect_eq(w.n_raced, 5000);
		walk_release(&w);
		ct_events_release(&e);
	}
}

/* Ports run out: 64,512 for each backend. */
Test(actors, masquerade_has_so_many_ports)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.table.max = 0;
	c.n_backends = 1;
	c.snat.on = true;
	struct walk w = walk_of(&c, SYNTH_UDP_PODS, 10000, 7, false);
	cr_expect(w.track[0].peak > 63000 && w.track[0].peak <= 64513, "%lu", (unsigned long)w.track[0].peak);
	cr_expect_eq(w.track[0].n_clashed, w.stats.insert_failed);
	cr_expect_gt(w.track[0].n_clashed, 3000);
	walk_release(&w);
}

Test(actors, callers_wait_for_a_full_table)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.callers = (struct callers_conf){.n = 4, .rate_per_s = 25, .until_ns = 59 * NS_PER_S};
	struct walk roomy = walk_of(&c, SYNTH_UDP_NEW, 1, 60, false);
	cr_expect_float_eq((double)roomy.callers.n_made, 5900, 8);
	cr_expect_eq(roomy.callers.n_dropped, 0);
	c.table.max = c.table.buckets = 1024;
	struct walk full = walk_of(&c, SYNTH_UDP_NEW, 1, 60, false);
	cr_expect_lt(full.callers.n_made, 2500, "TIME_WAIT is ASSURED: room comes with the sweeps alone");
	cr_expect(full.callers.n_dropped > 100 && full.callers.n_dropped < 260, "each drop is a second of waiting: %lu",
		  (unsigned long)full.callers.n_dropped);
	walk_release(&roomy);
	walk_release(&full);
}

Test(actors, words)
{
	struct endpoint_change x = {.dies = true};
	struct callers_conf c = {0};
	struct diag d;
	unsigned v = 0;

	cr_expect_eq(endpoint_change_parse(&x, "90s", &d), 0);
	cr_expect(x.t_ns == 90 * NS_PER_S && x.sync_ns == NS_PER_S && x.dies);
	cr_expect_eq(endpoint_change_parse(&x, "1m+250ms", &d), 0);
	cr_expect(x.t_ns == 60 * NS_PER_S && x.sync_ns == 250 * NS_PER_MS);
	static const char *const bad[] = {"", "+", "1s+", "x", "-1s", "1s+2h", "1s+1s+1s", "99999h", "1e99s"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_lt(endpoint_change_parse(&x, bad[i], &d), 0, "%s", bad[i]);
	cr_expect_eq(kube_proxy_parse(&v, "1.36", &d), 0);
	cr_expect_eq(v, KUBE_PROXY(1, 36));
	static const char *const no_version[] = {"", "1", "1.", "2.1", "1.9", "1.36.1", "v1.36", "1.x", "1.1000"};
	for (size_t i = 0; i < sizeof(no_version) / sizeof(no_version[0]); i++)
		cr_expect_lt(kube_proxy_parse(&v, no_version[i], &d), 0, "%s", no_version[i]);
	cr_expect_eq(callers_parse(&c, "4@25", &d), 0);
	cr_expect(c.n == 4 && c.rate_per_s == 25);
	static const char *const no_callers[] = {"", "4", "4@", "4@0", "0@1", "1.5@1", "4@-1", "4@nan", "nan@1", "4@1e9", "1e9@1", "4@1x"};
	for (size_t i = 0; i < sizeof(no_callers) / sizeof(no_callers[0]); i++)
		cr_expect_lt(callers_parse(&c, no_callers[i], &d), 0, "%s", no_callers[i]);
}
