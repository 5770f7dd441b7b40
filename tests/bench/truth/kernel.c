/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel's connection table did (Linux 6.18; IPVS: 7.2): the runs that conntrack-model knows, and their neighbours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "conntrack-model/ipvs.h"
#include "conntrack-model/validate.h"
#include "conntrack-model/walk.h"
#include "lib/base/clock.h"
#include "tests/bench/truth/truth.h"

/* --- occupancy, and loss at a full table --- */

static void occupancy(const struct truth_row *r)
{
	char what[96];

	if (r->kind != TRUTH_PEAK) {
		snprintf(what, sizeof(what), "%s: mean", r->name);
		row(what, r->model.mean, r->measured.mean, r->tolerance, "nf_conntrack_count");
		snprintf(what, sizeof(what), "%s: min", r->name);
		row(what, r->model.min, r->measured.min, TRUTH_ENDS, "of one run");
	}
	snprintf(what, sizeof(what), "%s: max", r->name);
	row(what, r->model.max, r->measured.max, r->kind == TRUTH_PEAK ? r->tolerance : TRUTH_ENDS, "of one run");
}

static void loss(const struct truth_row *r)
{
	const struct truth_value *k = &r->measured, *m = &r->model;
	char what[96];

	snprintf(what, sizeof(what), "%s: lost, %%", r->name);
	row(what, 100 * m->lost, 100 * k->lost, k->lost > TRUTH_LOST_LITTLE ? r->tolerance : -50 * TRUTH_LOST_LITTLE, "drop");
	if (r->early_tolerance > 0) {
		snprintf(what, sizeof(what), "%s: evicted a second", r->name);
		row(what, m->early_per_s, k->early_per_s, r->early_tolerance, "early_drop");
	}
}

static void tables(void)
{
	static struct truth_row rows[VALIDATE_ROWS_MAX];
	struct diag d = {{0}};
	size_t n;

	if (validate_run(rows, &n, NULL, &d) < 0) {
		fprintf(stderr, "validate: %s\n", d.text);
		exit(2);
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == TRUTH_LOSS)
			loss(&rows[i]);
		else
			occupancy(&rows[i]);
}

/* --- what is looked at from outside --- */

static void synth(struct ct_events *e, enum ct_synth_kind kind, double rate, unsigned seconds)
{
	struct ct_synth s = {.kind = kind, .rate_per_s = rate, .until_ns = seconds * NS_PER_S};

	ct_events_synth(e, &s, 1, 1);
	ct_events_sort(e);
}

static void walk(struct walk *w, const struct walk_conf *c, struct ct_events *e)
{
	if (walk_run(w, c, e) < 0)
		exit(2);
	ct_events_release(e);
}

static const struct walk_row *at(const struct walk *w, double t_s)
{
	const struct walk_track *k = &w->track[0];

	for (size_t i = 0; i < k->n_rows; i++)
		if (k->row[i].t_s >= t_s)
			return &k->row[i];
	fprintf(stderr, "validate: nothing was looked at after %g s\n", t_s);
	exit(2);
}

/* tcp_fin_20_states.csv: 20 connections a second for 170 s, a dump every 10 s, in which all were TIME_WAIT. Its clock began
 * when there were some ten or sixteen of them; from 131 s on the looks are those after a dump. */
static void closed_connections(void)
{
	static const struct {
		double t_s, live;
	} looks[] = {{20, 416}, {70, 1416}, {110, 2191}, {131, 2397}, {151, 2379}, {201, 1758}, {251, 768}};
	struct ct_events e = {0};
	struct walk_conf c;
	struct walk w;

	walk_conf_init(&c);
	c.sample_ns = NS_PER_S / 5;
	c.endpoints.version = KUBE_PROXY(1, 36);
	c.endpoints.churn_ns = 10 * NS_PER_S;
	c.tail_ns = 150 * NS_PER_S;
	synth(&e, SYNTH_TCP, 20, 170);
	walk(&w, &c, &e);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "20 connections/s, TIME_WAIT after %g s", looks[i].t_s);
		row(what, (double)at(&w, looks[i].t_s + 0.5)->live, looks[i].live, 0.02, "tcp_fin_20_states.csv");
	}
	walk_release(&w);
}

/* tcp_persist_20_states.csv: one for all; ESTABLISHED, TIME_WAIT for 120 s, none. */
static void kept_connection(void)
{
	struct ct_events e = {0};
	struct walk_conf c;
	struct walk w;

	walk_conf_init(&c);
	c.tail_ns = 150 * NS_PER_S;
	synth(&e, SYNTH_TCP_ONE, 20, 60);
	struct ct_event close = e.ev[0];
	close.kind = CTE_CLOSE;
	close.t_ns = 60 * NS_PER_S;
	ct_events_add(&e, &close);
	ct_events_sort(&e);
	walk(&w, &c, &e);
	row("one connection for all, entries after 50 s", (double)at(&w, 50)->live, 1, -1e-9, "tcp_persist_20_states.csv");
	row("the same, 110 s after it closed", (double)at(&w, 170)->live, 1, -1e-9, "TIME_WAIT");
	row("the same, 130 s after it closed", (double)at(&w, 190)->live, 0, -1e-9, "none");
	walk_release(&w);
}

static void untracked(void)
{
	struct ct_events e = {0};
	struct walk_conf c;
	struct walk w;

	walk_conf_init(&c);
	if (qs_ip_from_text(&c.notrack[0], "10.96.0.10") < 0)
		exit(2);
	c.n_notrack = 1;
	synth(&e, SYNTH_UDP_NEW, 3000, 13);
	walk(&w, &c, &e);
	row("3,000 queries/s under NOTRACK: entries", (double)w.track[0].peak, 0, -1e-9, "notrack_3000.csv");
	row("the same: packets let by", (double)w.n_untracked, 78000, 1e-9, "its queries and replies");
	walk_release(&w);
}

/* dump_evicts.csv: 500 entries that have expired stand until anybody dumps. */
static void dumped(void)
{
	struct ct_conf c;
	struct ct_packet p = {.tuple = {.sport = 0, .dport = 53, .proto = CT_UDP}};

	ctable_conf_init(&c);
	c.gc_first_ns = 100 * NS_PER_S;
	struct ctable *t = ctable_new(&c);
	if (!t)
		exit(2);
	for (unsigned i = 0; i < 500; i++) {
		p.tuple.sport = (uint16_t)(1024 + i);
		ctable_packet(t, i * NS_PER_MS, &p, NULL);
	}
	row("500 expired entries, untouched", (double)ctable_count(t, 40 * NS_PER_S, 0), 500, 0.02, "dump_evicts.csv");
	ctable_dump(t, 40 * NS_PER_S);
	row("the same, dumped in any namespace", (double)ctable_count(t, 40 * NS_PER_S, 0), 0, -1e-9, "conntrack -L");
	ctable_free(t);
}

/* ipvs_vs1.csv: 50 queries a second for 100 s; its 200 of TCP left out. */
static void ipvs(void)
{
	static const struct {
		double t_s, conns;
	} looks[] = {{32, 1600}, {66, 3300}, {99, 4950}, {199, 5000}, {297, 5000}, {331, 3447}, {370, 1500}, {403, 0}};
	struct ct_events e = {0};
	struct ipvs_walk w;

	synth(&e, SYNTH_UDP_NEW, 50, 100);
	if (ipvs_walk(&w, &e, 400 * NS_PER_S) < 0)
		exit(2);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		char what[64];
		double conns = 0;
		for (size_t k = 0; k < w.n_rows && conns == 0; k++)
			if (w.row[k].t_s >= looks[i].t_s)
				conns = (double)w.row[k].conns;
		snprintf(what, sizeof(what), "IPVS, 50 queries/s, conns after %g s", looks[i].t_s);
		row(what, conns, looks[i].conns, -100, "ipvs_vs1.csv, looked at every 4 s");
	}
	ipvs_walk_release(&w);
	ct_events_release(&e);
}

/* --- races --- */

/* 20,000 pairs raced for one entry on Linux 6.18: all answered, nothing dropped. */
static void races(void)
{
	struct bench b;

	begin(&b, HEAD "duration: 100s\npods: {per_node: 4}\nloads:\n  - {name: a, transport: new-port, rate: 25/s}\n"
		       "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  backends: 2\n" WEB);
	b.costs.race_share = 1;
	const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
	row("A/AAAA race on Linux 6: both answered", (double)(r->ok - r->partial) / (double)r->total, 1, -1e-9,
	    "two threads, 20,000 pairs");
	row("the same: packets dropped by it", (double)r->ct_insert_failed, 0, -1e-9, "insert_failed");
	end(&b);
}

/* race.csv: of 20,000 pairs of threads that wanted one entry, so many met, by how much later the second began. The area below
 * is the time within which two flows that begin independently meet. The other run's is told for 2 us alone. */
static double window_ns(double at_2us)
{
	const double later_ns[] = {0, 2000, 10000, 30000, 100000}, met[] = {19898, at_2us, 53, 5, 0};
	double area = 0;

	for (int i = 1; i < 5; i++)
		area += (met[i] + met[i - 1]) / 2 / 20000 * (later_ns[i] - later_ns[i - 1]);
	return area;
}

/* race_snat.csv: two pods send from one port; of 5,000 pairs 1,929 met, and each of them lost one packet. */
static uint64_t snat_lost(bool random_fully)
{
	enum { PAIRS = 5000, MET = 1929 };
	struct ct_events e = {0};
	struct walk_conf c;
	struct walk w;

	walk_conf_init(&c);
	c.n_backends = 1;
	c.snat = (struct snat_conf){.on = true, .random_fully = random_fully, .within_ns = SNAT_WITHIN_NS};
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		struct ct_event ev = {.t_ns = i / 2 * NS_PER_MS, .kind = CTE_QUERY, .proto = CT_UDP};
		if (i / 2 >= MET)
			ev.t_ns += i % 2 * 100000; /* the second is late: nobody meets */
		ev.client.port = (uint16_t)(1024 + i / 2);
		ev.server.port = 53;
		if (qs_ip_from_text(&ev.client.ip, i % 2 ? "10.244.0.3" : "10.244.0.2") < 0 || qs_ip_from_text(&ev.server.ip, "10.96.0.10") < 0)
			exit(2);
		ct_events_add(&e, &ev);
	}
	walk(&w, &c, &e);
	uint64_t lost = w.stats.insert_failed;
	walk_release(&w);
	return lost;
}

static void snat_races(void)
{
	row("two flows race within, us", SNAT_WITHIN_NS / 1e3, (window_ns(2491) + window_ns(6755)) / 2e3, 0.25, "race.csv, two runs");
	row("MASQUERADE, one port of two pods: packets lost", (double)snat_lost(false), 1929, 1e-9, "race_snat.csv, 5,000 pairs");
	row("the same with --random-fully", (double)snat_lost(true), 0, -3, "race_snat.csv");
}

void truth_kernel(void)
{
	tables();
	closed_connections();
	kept_connection();
	untracked();
	dumped();
	ipvs();
	races();
	snat_races();
}
