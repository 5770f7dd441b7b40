/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell must prove: one good cell of each kind, and for every check a
 * cell in which only that one thing is wrong.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/cell_check.h"
#include "lib/base/clock.h"

static const struct metric_def no_metrics[] = {{0}};

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
	b.lab.s = &b.s;
	b.c.lab = &b.lab;
	b.c.with_cache = with_cache;
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
		b.c.cache_stopped = b.c.cache_rules_gone = true;
	} else {
		b.c.after.split.client = 120;
		b.c.after.served[0] = 150;
		b.c.after.served[1] = 50;
	}
}

/* Judges the cell; the name of the only failed check, "" for none, "several". */
static const char *judge(void)
{
	static char failed[200];
	char dir[] = "/tmp/cell-check-XXXXXX", cmd[100];
	const char *name, *detail;
	struct record *rec = NULL;
	struct result *r = NULL;
	struct diag d = {""};
	struct totals t;
	bool passed, good;

	cr_assert(mkdtemp(dir));
	cr_assert_eq(result_open(&r, dir, "kind-e2e", no_metrics, 0, NULL, &d), 0, "%s", d.text);
	totals_make(&b.c, &t);
	good = cell_check(&b.c, &t, r);
	cr_assert_eq(result_close(r, &d), 0, "%s", d.text);
	cr_assert_eq(record_load(&rec, dir, &d), 0, "%s", d.text);
	failed[0] = '\0';
	for (size_t i = 0; record_check(rec, i, &name, &passed, &detail); i++)
		if (!passed)
			snprintf(failed, sizeof failed, "%s", *failed ? "several" : name);
	record_free(rec);
	cr_expect_eq(good, !*failed);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_assert_eq(system(cmd), 0);
	return failed;
}

Test(cell_check, a_good_cell_passes)
{
	good_cell(false);
	cr_expect_str_eq(judge(), "");
	good_cell(true);
	cr_expect_str_eq(judge(), "");
}

#define BREAKS(cache, change, name)                                                                \
	do {                                                                                       \
		good_cell(cache);                                                                  \
		change;                                                                            \
		cr_expect_str_eq(judge(), name, "after %s", #change);                              \
	} while (0)

Test(cell_check, every_cell_is_judged_by_its_answers)
{
	BREAKS(false, b.load[1].wrong = 1, "answers are the zone's");
	BREAKS(true, b.load[1].wrong = 1, "answers are the zone's");
	BREAKS(false, b.load[0].lost = 1, "no lookup was lost");
	BREAKS(true, b.gai.right = 4, "libc's getaddrinfo agrees");
	BREAKS(false, b.gai.asked = b.gai.right = 0, "libc's getaddrinfo agrees");
	BREAKS(false, b.c.after.ct.drop = 1, "the table lost no packet");
	BREAKS(true, b.c.after.ct.insert_failed = 1, "the table lost no packet");
	BREAKS(true, b.c.captured_queries = 199, "the capture holds what the load sent");
	BREAKS(true, b.c.captured_answers = 199, "the capture holds what the load got");
}

Test(cell_check, without_the_cache_the_table_fills_and_backends_answer)
{
	BREAKS(false, b.c.after.split.client = 100, "one table entry for each port a pod used");
	BREAKS(false, b.c.after.split.client = 121, "one table entry for each port a pod used");
	BREAKS(false, b.c.after.notrack.packets_out = 1, "no packet skipped the table");
	BREAKS(false, strcpy(b.load[0].server[0].id, "node-cache"), "backends answered");
	BREAKS(false, strcpy(b.load[0].server[0].id, ""), "backends answered");
	BREAKS(false, b.c.after.served[1] = 49, "every query reached a backend");
}

Test(cell_check, with_the_cache_the_table_stays_empty_and_the_cache_answers)
{
	BREAKS(true, b.c.after.split.client = 1, "client DNS leaves no table entry");
	BREAKS(true, (b.c.after.notrack.packets_in = 279, b.c.after.notrack.rule_in = 289),
	       "every packet to the cache skipped the table");
	BREAKS(true, b.c.after.notrack.packets_out = 281,
	       "every packet from the cache skipped the table");
	BREAKS(true, b.c.after.notrack.rule_host = 0, "the NOTRACK rules counted the same");
	BREAKS(true, strcpy(b.load[0].server[0].id, "backend-2"), "the cache answered");
	BREAKS(true, b.c.after.cache_queries = 199, "the cache's own count agrees");
	BREAKS(true, b.c.after.served[1] = 1, "backends saw only misses");
	good_cell(true); /* a hedge asks twice for one miss */
	b.c.after.served[1] = b.c.after.cache_again = 1;
	cr_expect_str_eq(judge(), "");
	BREAKS(true, b.c.cache_status = 256, "SIGTERM ended the cache and its rules");
	BREAKS(true, b.c.cache_rules_gone = false, "SIGTERM ended the cache and its rules");
}

Test(cell_check, loss_and_long_loads_take_away_what_they_make_uncertain)
{
	good_cell(false);
	b.s.loss = 0.01;
	b.load[0].lost = 3;
	b.c.after.served[0] = 100;
	b.c.captured_answers = 190;
	cr_expect_str_eq(judge(), "");
	good_cell(false);
	b.c.load_ns = 60 * NS_PER_S;
	b.c.after.split.client = 50;
	cr_expect_str_eq(judge(), "");
}
