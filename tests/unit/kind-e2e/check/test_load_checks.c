/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell's load must prove: one good cell of each kind, and for every check a cell in which
 * only that one thing is wrong.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/check.h"
#include "lib/base/clock.h"

struct bench {
	struct scenario s;
	struct lab lab;
	struct cell c;
	struct load_shared load[TOPO_PODS_MAX];
	struct gai_shared gai;
};
static struct bench b;

/* Two pods, 100 queries each, of which 90 over UDP. */
static void good_cell(bool with_cache)
{
	memset(&b, 0, sizeof b);
	b.s.n_backends = 2;
	b.lab.s = &b.s;
	b.c.lab = &b.lab;
	b.c.spec = (struct cell_spec){
		.proxy = SCEN_NFTABLES, .with_cache = with_cache, .ip = SCEN_IP4};
	b.c.topo.n_pods = b.c.topo.n_backends = 2;
	b.c.loads = b.load;
	b.c.gai = &b.gai;
	b.c.load_ns = 10 * NS_PER_S;
	b.gai.asked = b.gai.right = 5;
	b.c.captured = true;
	b.c.captured_queries = b.c.captured_answers = 200;
	for (int i = 0; i < 2; i++) {
		struct load_shared *l = &b.load[i];

		hist_init(&l->late);
		l->total = l->ok = 50;
		l->queries = l->verified = 100;
		l->udp_sent = l->udp_received = 90;
		l->tcp_sent = l->tcp_received = 10;
		l->tuples = 60;
		strcpy(l->server[0].id, with_cache ? "node-cache" : "backend-1");
		l->server[0].n = 100;
		l->n_servers = 1;
	}
	b.c.after.pod_tcp_out = b.c.after.pod_tcp_in = 100;
	if (with_cache) {
		b.c.after.notrack.packets_in = b.c.after.notrack.packets_out = 280;
		b.c.after.notrack.rule_in = 290; /* 10 of them the node's own */
		b.c.after.notrack.rule_host = 10;
		b.c.after.cache_queries = 200;
		b.c.after.cache_misses = 20;
		b.c.after.served[0] = 20;
	} else {
		b.c.after.split.client = 120;
		b.c.after.served[0] = 150;
		b.c.after.served[1] = 50;
	}
}

/* Judges the cell; the name of the only failed check, "" for none, "several". */
static const char *judged(void)
{
	static char failed[80];
	const struct check *x;
	struct totals t;

	totals_make(&b.c, &t);
	failed[0] = '\0';
	for (unsigned i = 0; (x = check_at(i)); i++) {
		struct checker k = {.c = &b.c, .t = &t};

		if (!(x->needs & NEED_LOAD) || !check_fits(x, &b.c.spec, &b.s))
			continue;
		x->run(&k);
		cr_expect(k.words[0], "%s says nothing", x->id);
		if (k.failed)
			snprintf(failed, sizeof failed, "%s", *failed ? "several" : x->id);
	}
	return failed;
}

Test(load_checks, a_good_cell_passes)
{
	good_cell(false);
	cr_expect_str_eq(judged(), "");
	good_cell(true);
	cr_expect_str_eq(judged(), "");
}

#define BREAKS(cache, change, name)                                                                \
	do {                                                                                       \
		good_cell(cache);                                                                  \
		change;                                                                            \
		cr_expect_str_eq(judged(), name, "after %s", #change);                             \
	} while (0)

Test(load_checks, every_cell_is_judged_by_its_answers)
{
	BREAKS(false, b.load[1].wrong = 1, "load.answers");
	BREAKS(true, b.load[1].wrong = 1, "load.answers");
	BREAKS(false, b.load[0].lost = 1, "load.lost");
	BREAKS(true, b.gai.right = 4, "load.getaddrinfo");
	BREAKS(false, b.gai.asked = b.gai.right = 0, "load.getaddrinfo");
	BREAKS(false, b.c.after.ct.drop = 1, "load.table");
	BREAKS(true, b.c.after.ct.insert_failed = 1, "load.table");
	BREAKS(true, b.c.captured_queries = 199, "load.captured-sent");
	BREAKS(true, b.c.captured_answers = 199, "load.captured-got");
}

Test(load_checks, without_the_cache_the_table_fills_and_backends_answer)
{
	BREAKS(false, b.c.after.split.client = 100, "load.entries");
	BREAKS(false, b.c.after.split.client = 121, "load.entries");
	BREAKS(false, b.c.after.notrack.packets_out = 1, "load.tracked");
	BREAKS(false, strcpy(b.load[0].server[0].id, "node-cache"), "load.by-backends");
	BREAKS(false, strcpy(b.load[0].server[0].id, ""), "load.by-backends");
	BREAKS(false, b.c.after.served[1] = 49, "load.arrived");
}

Test(load_checks, with_the_cache_the_table_stays_empty_and_the_cache_answers)
{
	BREAKS(true, b.c.after.split.client = 1, "load.no-entries");
	BREAKS(true, (b.c.after.notrack.packets_in = 279, b.c.after.notrack.rule_in = 289),
	       "load.notrack-in");
	BREAKS(true, b.c.after.notrack.packets_out = 281, "load.notrack-out");
	BREAKS(true, b.c.after.notrack.rule_host = 0, "load.notrack-rules");
	BREAKS(true, strcpy(b.load[0].server[0].id, "backend-2"), "load.by-cache");
	BREAKS(true, b.c.after.cache_queries = 199, "load.cache-count");
	BREAKS(true, b.c.after.served[1] = 1, "load.only-misses");
	good_cell(true); /* a hedge asks twice for one miss */
	b.c.after.served[1] = b.c.after.cache_again = 1;
	cr_expect_str_eq(judged(), "");
}

Test(load_checks, loss_and_long_loads_take_away_what_they_make_uncertain)
{
	good_cell(false);
	b.s.loss = 0.01;
	b.load[0].lost = 3;
	b.c.after.served[0] = 100;
	b.c.captured_answers = 190;
	cr_expect_str_eq(judged(), "");
	good_cell(false);
	b.c.load_ns = 60 * NS_PER_S;
	b.c.after.split.client = 50;
	cr_expect_str_eq(judged(), "");
}
