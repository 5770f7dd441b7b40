/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario from text, and one cell of it run: what the simulator's tests begin with. */
#ifndef NODENS_TESTS_SIM_LAB_H
#define NODENS_TESTS_SIM_LAB_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/world/zone.h"
#include "sim/world/sim.h"

struct lab { /* a scenario, its zone, a configuration */
	struct scenario *s;
	struct zone *zone;
	struct sim_costs costs;
	struct sim_conf c;
	struct sim_result r;
};

static inline struct lab *lab_new(const char *yaml, bool cache)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct diag d = {{0}};

	cr_assert_eq(scenario_parse(&l->s, "test.yaml", yaml, strlen(yaml), &d), 0, "%s", d.text);
	cr_assert_eq(zone_new(&l->zone, l->s, &d), 0, "%s", d.text);
	l->c = (struct sim_conf){.s = l->s,
				 .zone = l->zone,
				 .proxy = SCEN_IPTABLES,
				 .cache = cache ? SIM_CACHE : SIM_NOCACHE,
				 .n_nodes = l->s->n_nodes,
				 .costs = &l->costs,
				 .verify = true};
	sim_costs_init(&l->costs);
	return l;
}

static inline const struct sim_result *lab_run(struct lab *l)
{
	struct diag d = {{0}};

	cr_assert_eq(sim_run(&l->r, &l->c, &d), 0, "%s", d.text);
	cr_assert_eq(l->r.wrong, 0, "%s", l->r.why_wrong);
	return &l->r;
}

static inline void lab_free(struct lab *l)
{
	sim_result_release(&l->r);
	zone_free(l->zone);
	scenario_free(l->s);
	free(l);
}

#define HEAD "scenario: 1\nname: t\nseed: 11\n"
#define WEB "  records:\n    - web.default.svc.cluster.local. 30 A 10.96.10.1\n"

#endif
