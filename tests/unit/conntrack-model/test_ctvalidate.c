/* SPDX-License-Identifier: Apache-2.0 */
/* The model beside what Linux 6.18 did: occupancy and loss within stated
 * tolerances. The measured values are an extract kept with the model; where
 * NODENS_CONNTRACK_TRUTH names the folder of the runs themselves, those count. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/validate.h"
#include "conntrack-model/walk.h"
#include "lib/base/clock.h"

static struct truth_row rows[VALIDATE_ROWS_MAX];

Test(ctvalidate, occupancy_and_loss_match_the_kernel, .timeout = 100)
{
	struct diag d = {{0}};
	size_t n;

	cr_assert_eq(validate_run(rows, &n, getenv("NODENS_CONNTRACK_TRUTH"), &d), 0, "%s", d.text);
	validate_print(rows, n, stderr);
	cr_assert_geq(n, 15);
	for (size_t i = 0; i < n; i++) {
		const struct truth_row *r = &rows[i];
		cr_expect(validate_holds(r), "%s", r->name);
		struct truth_row off = *r; /* and it could fail */
		off.model.mean *= 1.2;
		off.model.lost += 0.12;
		cr_expect_not(validate_holds(&off), "%s", r->name);
	}
}

Test(ctvalidate, worst_sees_an_error)
{
	struct truth_row r[2] = {
		{.name = "a",
		 .kind = TRUTH_OCCUPANCY,
		 .measured = {.mean = 100},
		 .model = {.mean = 110}},
		{.name = "b",
		 .kind = TRUTH_LOSS,
		 .measured = {.lost = 0.10},
		 .model = {.lost = 0.13}},
	};
	double mean_rel, points;

	validate_worst(r, 2, &mean_rel, &points);
	cr_assert_float_eq(mean_rel, 0.1, 1e-9);
	cr_assert_float_eq(points, 3, 1e-9);
}

static struct walk walk_of(const char *synth, struct walk_conf *c)
{
	struct ct_events e = {0};
	struct ct_synth s = {.until_ns = 60 * NS_PER_S};
	struct walk w;

	cr_assert_eq(ct_synth_parse(&s, synth, NULL), 0);
	ct_events_synth(&e, &s, 1);
	ct_events_sort(&e);
	cr_assert_eq(walk_run(&w, c, &e), 0);
	ct_events_release(&e);
	return w;
}

Test(ctvalidate, untracked_addresses_leave_no_entry)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.notrack[0] =
		(struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, 96, 0, 10}};
	c.n_notrack = 1;
	struct walk w = walk_of("udp-new:100", &c);
	cr_assert_eq(w.n_untracked, 12000);
	cr_assert_eq(w.stats.new_flows, 0);
	walk_release(&w);
}

Test(ctvalidate, growth_multiplies_the_flows)
{
	struct walk_conf c;

	walk_conf_init(&c);
	c.growth = 4;
	struct walk w = walk_of("udp-new:50", &c);
	cr_assert_eq(w.stats.new_flows, 4 * 3000);
	walk_release(&w);
}

Test(ctvalidate, one_connection_is_one_entry_and_one_a_query_is_many)
{
	struct walk_conf c;

	walk_conf_init(&c);
	struct walk one = walk_of("tcp-one:50", &c), many = walk_of("tcp:50", &c),
		    rst = walk_of("tcp-rst:50", &c);
	cr_assert_eq(one.row[one.n_rows - 1].live, 1);
	cr_assert_gt(many.row[many.n_rows - 1].live, 2800);
	cr_assert_leq(rst.row[rst.n_rows - 1].live, 505, "10 s after a reset");
	walk_release(&one);
	walk_release(&many);
	walk_release(&rst);
}

Test(ctvalidate, synth_says_what_it_takes)
{
	struct ct_synth s;
	struct diag d;

	cr_assert_eq(ct_synth_parse(&s, "udp-new", &d), ERR_UNKNOWN);
	cr_assert_eq(ct_synth_parse(&s, "udp-nwe:5", &d), ERR_UNKNOWN);
	cr_assert_neq(strstr(d.text, "udp-one-pod"), NULL);
	cr_assert_eq(ct_synth_parse(&s, "tcp:0", &d), ERR_RANGE);
	cr_assert_eq(ct_synth_parse(&s, "tcp:x", &d), ERR_RANGE);
	cr_assert_eq(ct_synth_parse(&s, "tcp:2.5", &d), 0);
	cr_assert_float_eq(s.rate_per_s, 2.5, 1e-9);
}
