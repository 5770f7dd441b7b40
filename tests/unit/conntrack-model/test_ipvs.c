/* SPDX-License-Identifier: Apache-2.0 */
/* IPVS's table against what a kernel's did (50 queries a second from new ports for 100 s). */
#include <criterion/criterion.h>
#include <math.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/ipvs.h"
#include "lib/base/clock.h"

static uint64_t conns_at(const struct ipvs_walk *w, double t_s)
{
	for (size_t i = 0; i < w->n_rows; i++)
		if (w->row[i].t_s >= t_s)
			return w->row[i].conns;
	return 0;
}

Test(ipvs, as_measured)
{
	static const struct {
		double t_s;
		uint64_t measured; /* /proc/net/ip_vs_conn, its 200 of TCP left out */
	} kernel[] = {{32, 1600}, {66, 3300}, {99, 4950}, {199, 5000}, {297, 5000}, {331, 3447}, {370, 1500}, {403, 0}};
	struct ct_synth s = {.kind = SYNTH_UDP_NEW, .rate_per_s = 50, .until_ns = 100 * NS_PER_S};
	struct ct_events e = {0};
	struct ipvs_walk w;

	ct_events_synth(&e, &s, 1, 1);
	ct_events_sort(&e);
	cr_assert_eq(ipvs_walk(&w, &e, 400 * NS_PER_S), 0);
	for (size_t i = 0; i < sizeof(kernel) / sizeof(kernel[0]); i++) {
		double model = (double)conns_at(&w, kernel[i].t_s), off = fabs(model - (double)kernel[i].measured);
		cr_expect_leq(off, 100, "%g s: %g, measured %llu", kernel[i].t_s, model,
			      (unsigned long long)kernel[i].measured);
	}
	cr_expect_eq(w.peak, 5000);
	ipvs_walk_release(&w);
	ct_events_release(&e);
}

/* A used port meets its old connection, and each packet resets the 300 s; a closed
 * connection over TCP has 120 of them, though 900 had begun. */
Test(ipvs, ports_again_and_closing)
{
	struct ct_events e = {0};
	struct ct_event udp = {.kind = CTE_QUERY, .proto = CT_UDP, .client = {.port = 40000}},
			tcp = {.kind = CTE_OPEN, .proto = CT_TCP, .client = {.port = 40000}, .t_ns = NS_PER_S};
	struct ipvs_walk w;

	ct_events_add(&e, &udp);
	udp.t_ns = 299 * NS_PER_S;
	ct_events_add(&e, &udp);
	ct_events_add(&e, &tcp);
	tcp.kind = CTE_CLOSE;
	tcp.t_ns = 2 * NS_PER_S;
	ct_events_add(&e, &tcp);
	ct_events_sort(&e);
	cr_assert_eq(ipvs_walk(&w, &e, 400 * NS_PER_S), 0);
	cr_expect_eq(w.made, 2);
	cr_expect_eq(conns_at(&w, 121), 2);
	cr_expect_eq(conns_at(&w, 123), 1);
	cr_expect_eq(conns_at(&w, 598), 1);
	cr_expect_eq(conns_at(&w, 600), 0);
	ipvs_walk_release(&w);
	ct_events_release(&e);
}
