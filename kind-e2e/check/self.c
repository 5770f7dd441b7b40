/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab looks at itself, in a cell without rules and without a cache, where every figure is
 * known beforehand: what these checks do not see right, no other can be trusted with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"

#define N 60

static struct volley_conf to_backend(const struct checker *k, bool tcp, unsigned n,
				     char name[NAME_MAX_TEXT])
{
	struct way w = {TOPO_V4, tcp};

	return check_volley_conf(k, &w, n, "single", name);
}

static bool run(struct checker *k, const struct volley_conf *conf, struct volley *v)
{
	struct diag d = {""};
	char ns[32];

	topo_pod_ns(ns, 0);
	return check_did(k, volley_run(ns, conf, v, &d), &d);
}

/* All of it arrives at the one backend that was asked, once, and its answers are right. */
static void counts(struct checker *k)
{
	uint64_t begin[2] = {k->c->served[0].udp, k->c->served[0].tcp}, other = check_served(k->c);
	static struct volley v;
	char name[NAME_MAX_TEXT];

	for (int tcp = 0; tcp < 2; tcp++) {
		struct volley_conf conf = to_backend(k, tcp, N, name);

		if (run(k, &conf, &v))
			check_volley_good(k, tcp ? "TCP" : "UDP", &v, "backend-1");
	}
	check_that(k, k->c->served[0].udp - begin[0] == N && k->c->served[0].tcp - begin[1] == N,
		   "%" PRIu64 " over UDP and %" PRIu64 " over TCP arrived, %d were sent, each",
		   k->c->served[0].udp - begin[0], k->c->served[0].tcp - begin[1], N);
	check_that(k, check_served(k->c) - other == 2 * N, "others were asked too");
	check_found(k, "%d over UDP, %d over TCP, all at backend-1", N, N);
}

/* Backends wait a known time here; no clock of the lab may say less, nor (of the fastest of
 * many, which nothing held up) much more. */
static void delay(struct checker *k)
{
	const double known = (double)CELL_EMPTY_DELAY_NS / 1e6;
	struct way way[] = {{TOPO_V4, false}, {TOPO_V4, true}};
	static struct answer a;
	char ns[32], name[NAME_MAX_TEXT];
	double best[2] = {1e9, 1e9};

	topo_pod_ns(ns, 0);
	fixture_name(k->c->lab->s, "single", name);
	for (int i = 0; i < 40; i++) {
		struct question q = check_question(k, &way[i % 2], ns, name, DNS_A);
		struct diag d = {""};

		if (!check_did(k, ask(&q, &a, &d), &d))
			return;
		if (!a.error && (double)a.took_ns / 1e6 < best[i % 2])
			best[i % 2] = (double)a.took_ns / 1e6;
	}
	for (int tcp = 0; tcp < 2; tcp++)
		check_that(k, best[tcp] >= known && best[tcp] < known + 5,
			   "%s: the fastest answer took %.2f ms, a backend waits %.0f",
			   tcp ? "TCP" : "UDP", best[tcp], known);
	check_found(k, "%.2f ms over UDP, %.2f over TCP, of %.0f that are known", best[0], best[1],
		    known);
}

/* A rule that drops every fourth question: a fourth is lost, not about a fourth. */
static void loss(struct checker *k)
{
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	struct volley_conf conf = to_backend(k, false, N, name);
	struct diag d = {""};

	conf.timeout_ns = 300 * NS_PER_MS;
	conf.window = N;
	topo_backend_ns(ns, 0);
	if (!check_did(k,
		       topo_nft(ns,
				"table inet e2e-known {\n chain in { type filter hook prerouting "
				"priority -300; udp dport 53 numgen inc mod 4 == 0 drop; }\n}\n",
				&d),
		       &d))
		return;
	if (run(k, &conf, &v))
		check_that(k, v.lost == N / 4 && v.answered == N - N / 4,
			   "%" PRIu64 " of %d lost, every fourth was dropped", v.lost, N);
	check_did(k, topo_nft(ns, "delete table inet e2e-known\n", &d), &d);
	check_found(k, "%d of %d, as it was dropped", N / 4, N);
}

/* The table and the counters of untracked packets: everything in one, then in the other. */
static void table(struct checker *k)
{
	static const char all[] =
		"table inet e2e-known {\n"
		" chain pre { type filter hook prerouting priority -300; "
		"udp dport 53 notrack; udp sport 53 notrack; }\n}\n";
	static struct volley v;
	char name[NAME_MAX_TEXT];
	struct volley_conf conf = to_backend(k, false, N, name);
	struct ct_split b = {0}, c = {0};
	struct notrack x = {0}, y = {0}, z = {0};
	struct diag d = {""};

	if (!check_did(k, cell_forget(k->c, &d), &d) || !check_did(k, cell_notrack(&x, &d), &d) || !run(k, &conf, &v) ||
	    !check_did(k, cell_split(k->c, &b, &d), &d) ||
	    !check_did(k, cell_notrack(&y, &d), &d) ||
	    !check_did(k, topo_nft(NETNS_NODE, all, &d), &d))
		return;
	if (run(k, &conf, &v) && check_did(k, cell_split(k->c, &c, &d), &d) &&
	    check_did(k, cell_notrack(&z, &d), &d)) {
		/* a port that comes up twice has one entry */
		check_that(k, b.client <= N && b.client + 3 >= N,
			   "%" PRIu64 " entries for %d ports", b.client, N);
		check_that(k, y.packets_in == x.packets_in, "%" PRIu64 " packets untracked, of none",
			   y.packets_in - x.packets_in);
		check_that(k, c.client <= b.client, "%" PRIu64 " entries of untracked packets",
			   c.client - b.client);
		check_that(k, z.packets_in - y.packets_in == N,
			   "%" PRIu64 " of %d untracked packets were counted",
			   z.packets_in - y.packets_in, N);
	}
	check_did(k, topo_nft(NETNS_NODE, "delete table inet e2e-known\n", &d), &d);
	check_found(k, "%d ports: an entry each; untracked: %d packets, no entry", N, N);
}

/* A backend that lies is found out. */
static void wrong(struct checker *k)
{
	static struct volley v;
	char name[NAME_MAX_TEXT];
	struct volley_conf conf = to_backend(k, false, N, name);

	k->c->served[0].lie = 1;
	if (run(k, &conf, &v))
		check_that(k, v.answered == N && v.wrong == N,
			   "%" PRIu64 " of %d wrong answers were noticed", v.wrong, N);
	k->c->served[0].lie = 0;
	check_found(k, "%d of %d", N, N);
}

static const struct check checks[] = {
	{"self.counts", "what the lab sends arrives, once, where it was sent", NEED_EMPTY, counts,
	 NULL},
	{"self.delay", "a known delay is measured as it is", NEED_EMPTY, delay, NULL},
	{"self.loss", "a known loss is counted as it is", NEED_EMPTY, loss, NULL},
	{"self.table", "entries and untracked packets are counted as they are", NEED_EMPTY, table,
	 NULL},
	{"self.wrong", "wrong answers are noticed", NEED_EMPTY, wrong, NULL},
	{0},
};

const struct family family_self = {"self", "the lab by itself: figures that are known", checks};
