/* SPDX-License-Identifier: Apache-2.0 */
/* The load as a pure function of scenario and seed. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/world/workload.h"

static struct scen_ask asks[] = { { "a", 1 }, { "b", 3 }, { "c", 0 } };

static struct scenario base(void)
{
	struct scenario s = {
		.seed = 7,
		.duration_ns = 50 * NS_PER_S,
		.warmup_ns = 10 * NS_PER_S,
		.n_nodes = 2,
		.n_pods = 3,
		.n_loads = 2,
		.load = { { "p", SCEN_NEW_PORT, SCEN_POISSON, SCEN_A_AAAA, 40 },
			  { "e", SCEN_TCP, SCEN_EVEN, SCEN_A, 10 } },
		.n_asks = 3,
		.ask = asks,
	};
	return s;
}

Test(workload, ordered_bounded_and_near_the_rate)
{
	struct scenario s = base();
	struct workload *w = workload_new(&s, -1);
	struct lookup l;
	uint64_t last = 0, n[2] = { 0, 0 }, warm = 0, ask[3] = { 0, 0, 0 };
	while (workload_next(w, &l)) {
		cr_assert_geq(l.t_ns, last);
		cr_assert_lt(l.t_ns, 60 * NS_PER_S);
		cr_assert_eq(l.counted, l.t_ns >= 10 * NS_PER_S);
		cr_assert(l.node < 2 && l.pod < 3 && l.load < 2 && l.ask < 3);
		last = l.t_ns;
		n[l.load]++;
		ask[l.ask]++;
		warm += !l.counted;
	}
	/* 6 pods, 60 s: 14,400 expected, standard deviation 120 */
	cr_expect_float_eq((double)n[0], 14400, 600);
	cr_expect_eq(n[1], 6 * 600, "even arrivals hit the rate exactly: %lu", (unsigned long)n[1]);
	cr_expect_float_eq((double)warm, 3000, 300);
	cr_expect_eq(ask[2], 0, "weight 0 is never asked");
	cr_expect_float_eq((double)ask[1] / (double)ask[0], 3, 0.3);
	cr_expect_not(workload_next(w, &l), "the end stays the end");
	workload_free(w);
}

Test(workload, one_pod_alone_asks_what_it_asks_among_all)
{
	struct scenario s = base();
	struct workload *all = workload_new(&s, -1), *one = workload_new(&s, 1);
	struct lookup a, o;
	size_t n = 0;
	while (workload_next(all, &a)) {
		if (a.node != 0 || a.pod != 1)
			continue;
		cr_assert(workload_next(one, &o));
		cr_assert_eq(a.t_ns, o.t_ns);
		cr_assert_eq(a.load, o.load);
		cr_assert_eq(a.ask, o.ask);
		n++;
	}
	cr_expect_not(workload_next(one, &o));
	cr_expect_gt(n, 2000);
	workload_free(all);
	workload_free(one);
}

Test(workload, seed_decides)
{
	struct scenario s = base(), t = base();
	struct lookup a, b, c;
	t.seed = 8;
	struct workload *wa = workload_new(&s, -1), *wb = workload_new(&s, -1),
			*wc = workload_new(&t, -1);
	bool same = true;
	for (int i = 0; i < 100; i++) {
		cr_assert(workload_next(wa, &a) && workload_next(wb, &b) && workload_next(wc, &c));
		cr_assert_eq(a.t_ns, b.t_ns);
		cr_assert_eq(a.ask, b.ask);
		same = same && a.t_ns == c.t_ns;
	}
	cr_expect_not(same);
	workload_free(wa);
	workload_free(wb);
	workload_free(wc);
}

Test(workload, zipf_goes_by_rank)
{
	struct scenario s = base();
	struct lookup l;
	uint64_t ask[3] = { 0, 0, 0 };
	s.zipf_s = 1;
	struct workload *w = workload_new(&s, -1);
	while (workload_next(w, &l))
		ask[l.ask]++;
	cr_expect_float_eq((double)ask[0] / (double)ask[1], 2, 0.2);
	cr_expect_float_eq((double)ask[0] / (double)ask[2], 3, 0.3);
	workload_free(w);
}

Test(workload, rates_so_low_that_nothing_happens)
{
	struct scenario s = base();
	struct lookup l;
	s.load[0].rate_per_s = s.load[1].rate_per_s = 1e-9;
	struct workload *w = workload_new(&s, -1);
	size_t n = 0;
	while (workload_next(w, &l))
		n++;
	cr_expect_leq(n, 1);
	workload_free(w);
}
