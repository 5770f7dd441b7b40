/* SPDX-License-Identifier: Apache-2.0 */
/* Which way packets take: the connection table and the counters of untracked packets say. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"
#include "lib/base/clock.h"

#define N 50

/* --- tracked ------------------------------------------------------------------------- */

struct seen { /* the first pod's entries towards the Service */
	const struct topo *t;
	uint64_t n, translated;
	uint8_t proto;
};

static void look(const struct ctnl_entry *e, void *arg)
{
	struct seen *s = arg;
	enum topo_family f = e->src.family == AF_INET6 ? TOPO_V6 : TOPO_V4;
	const struct topo_side *side = &s->t->side[f];

	if (e->dport != DNS_PORT || e->proto != s->proto || !addr_eq(&e->src, &side->pod[0]) ||
	    !addr_eq(&e->dst, &side->vip))
		return;
	s->n++;
	for (unsigned i = 0; i < s->t->n_backends; i++)
		s->translated += addr_eq(&e->reply_src, &side->backend[i]) &&
				 addr_eq(&e->reply_dst, &side->pod[0]);
}

static bool dump(struct checker *k, bool tcp, struct seen *ret)
{
	struct diag d = {""};

	*ret = (struct seen){.t = &k->c->topo, .proto = tcp ? IPPROTO_TCP : IPPROTO_UDP};
	return check_did(k, ctnl_dump(k->c->ct, look, ret, &d), &d);
}

/* Packets of the rule that leads a Service's port to its chain; nat sees the first of a connection.
 * kube-proxy's nftables rules count nothing, and what IPVS counts is ipvs.in-turn's. */
static bool ruled(struct checker *k, const struct way *w, unsigned long long *ret)
{
	const char *const argv[] = {w->f == TOPO_V6 ? "ip6tables-save" : "iptables-save", "-c", "-t", "nat", NULL};
	char to[ADDR_TEXT + 8], vip[ADDR_TEXT], *text = NULL, *save = NULL;
	struct diag d = {""};

	*ret = 0;
	if (k->c->spec.proxy != SCEN_IPTABLES)
		return true;
	snprintf(to, sizeof to, "-d %s/", addr_str(&k->c->topo.side[w->f].vip, vip));
	if (!check_did(k, topo_tool(NETNS_NODE, argv, NULL, &text, &d), &d))
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, "-A KUBE-SERVICES ") && strstr(line, to) && strstr(line, "--dport 53 ") &&
		    strstr(line, w->tcp ? "-p tcp" : "-p udp"))
			sscanf(line, "[%llu:", ret);
	free(text);
	return true;
}

static void tracked(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	unsigned long long before, after;
	struct diag d = {""};
	struct seen seen;

	topo_pod_ns(ns, 0);
	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], N, "single", name);

		if (!check_did(k, cell_forget(k->c, &d), &d) || !ruled(k, &way[w], &before) ||
		    !check_volley(k, way_str(&way[w]), ns, &conf, check_server(k), &v) ||
		    !ruled(k, &way[w], &after) || !dump(k, way[w].tcp, &seen))
			return;
		/* a port may come up twice */
		check_that(k, seen.n <= N && seen.n + 3 >= N, "%s: %llu entries for %d ports",
			   way_str(&way[w]), (unsigned long long)seen.n, N);
		check_that(k, seen.translated == seen.n,
			   "%s: only %llu of %llu entries lead from the ClusterIP to a backend",
			   way_str(&way[w]), (unsigned long long)seen.translated,
			   (unsigned long long)seen.n);
		check_that(k, k->c->spec.proxy != SCEN_IPTABLES || after - before == seen.n,
			   "%s: kube-proxy's rule counted %llu connections, the table has %llu",
			   way_str(&way[w]), after - before, (unsigned long long)seen.n);
	}
	check_found(k, "an entry a port, dst ClusterIP, reply from a backend");
}

/* --- untracked ------------------------------------------------------------------------ */

struct packets { /* of the first pod, and untracked of all */
	uint64_t tcp_out, tcp_in;
	struct notrack notrack;
};

static bool count(struct checker *k, struct packets *ret)
{
	struct diag d = {""};

	return check_did(k, cell_pod_tcp(0, &ret->tcp_out, &ret->tcp_in, &d), &d) &&
	       check_did(k, cell_notrack(&ret->notrack, &d), &d);
}

/* The last segments of connections (their FINs) come after the last answer: until two looks
 * agree. */
static bool count_settled(struct checker *k, struct packets *ret)
{
	uint64_t until = clock_mono_ns() + 3 * NS_PER_S;
	struct packets last;

	if (!count(k, ret))
		return false;
	do {
		last = *ret;
		poll(NULL, 0, 20);
		if (!count(k, ret))
			return false;
	} while (memcmp(&last, ret, sizeof last) != 0 && clock_mono_ns() < until);
	return true;
}

static void untracked_way(struct checker *k, const struct way *w)
{
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	struct volley_conf conf = check_volley_conf(k, w, N, "single", name);
	struct packets a = {0}, b = {0};
	uint64_t out, in, got_out, got_in;
	struct diag d = {""};
	struct ct_split split;

	topo_pod_ns(ns, 0);
	if (!check_did(k, cell_forget(k->c, &d), &d) || !count_settled(k, &a) ||
	    !check_volley(k, way_str(w), ns, &conf, check_server(k), &v) || !count_settled(k, &b) ||
	    !check_did(k, cell_split(k->c, &split, &d), &d))
		return;
	out = w->tcp ? b.tcp_out - a.tcp_out : v.sent;
	in = w->tcp ? b.tcp_in - a.tcp_in : v.answered;
	got_out = b.notrack.packets_in - a.notrack.packets_in;
	got_in = b.notrack.packets_out - a.notrack.packets_out;
	check_that(k, got_out == out, "%s: %llu of %llu packets to the cache were untracked",
		   way_str(w), (unsigned long long)got_out, (unsigned long long)out);
	check_that(k, got_in == in, "%s: %llu of %llu packets from the cache were untracked",
		   way_str(w), (unsigned long long)got_in, (unsigned long long)in);
	check_that(k, split.client == 0, "%s: pods have %llu entries in the table", way_str(w),
		   (unsigned long long)split.client);
	check_found(k, "%llu packets there and %llu back, none tracked", (unsigned long long)out,
		    (unsigned long long)in);
}

static void untracked(struct checker *k, bool tcp)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);

	for (unsigned w = 0; w < n; w++)
		if (way[w].tcp == tcp)
			untracked_way(k, &way[w]);
}

static void untracked_udp(struct checker *k)
{
	untracked(k, false);
}

static void untracked_tcp(struct checker *k)
{
	untracked(k, true);
}

struct host_seen {
	const struct cell *c;
	uint64_t n;
};

static void look_host(const struct ctnl_entry *e, void *arg)
{
	struct host_seen *s = arg;

	for (int f = 0; f < TOPO_FAMILIES; f++)
		s->n += s->c->topo.has[f] && e->dport == DNS_PORT &&
			(addr_eq(&e->dst, &s->c->topo.side[f].vip) ||
			 addr_eq(&e->dst, &s->c->topo.side[f].local));
}

static void untracked_host(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	struct host_seen seen = {k->c, 0};
	static struct volley v[WAYS_MAX];
	char name[NAME_MAX_TEXT];
	struct diag d = {""};

	if (!check_did(k, cell_forget(k->c, &d), &d))
		return;
	for (unsigned w = 0; w < n; w++) {
		struct volley_conf conf = check_volley_conf(k, &way[w], N, "single", name);

		check_did(k, volley_run(NETNS_NODE, &conf, &v[w], &d), &d);
	}
	check_did(k, ctnl_dump(k->c->ct, look_host, &seen, &d), &d);
	check_that(k, !seen.n, "%llu entries for the cache's addresses",
		   (unsigned long long)seen.n);
	for (unsigned w = 0; w < n && !k->failed; w++)
		check_volley_good(k, way_str(&way[w]), &v[w], check_server(k));
	check_found(k, "no entry for %d questions each way", N);
}

/* --- beside DNS ------------------------------------------------------------------------ */

/* Port 9153 is the Service's (metrics) and nobody listens at the backends: refused at once,
 * by the same side, cache or not. */
static void other_port(struct checker *k)
{
	static struct answer a;
	struct way w = {k->c->first, true};
	char ns[32], name[NAME_MAX_TEXT];
	struct question q;
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	q = check_question(k, &w, ns, fixture_name(k->c->lab->s, "single", name), DNS_A);
	q.server = k->c->topo.side[w.f].vip;
	q.port = 9153;
	if (!check_did(k, ask(&q, &a, &d), &d))
		return;
	check_that(k, a.error == ECONNREFUSED, "port 9153 of the ClusterIP: %s, not refused",
		   a.error ? strerror(a.error) : "an answer");
	check_found(k, "refused after %.1f ms", (double)a.took_ns / 1e6);
}

static const struct check checks[] = {
	{"path.tracked", "each port a pod uses has an entry that leads to a backend", NEED_PLAIN,
	 tracked, NULL},
	{"path.untracked-udp", "no UDP packet between pods and the cache is tracked, both ways",
	 NEED_CACHE, untracked_udp, NULL},
	{"path.untracked-tcp", "no TCP segment between pods and the cache is tracked, both ways",
	 NEED_CACHE, untracked_tcp, NULL},
	{"path.untracked-host", "the node's own questions to the cache leave no entry", NEED_CACHE,
	 untracked_host, NULL},
	{"path.other-port", "another port of the Service is where it was", NEED_VIP, other_port,
	 NULL},
	{0},
};

const struct family family_path = {"path", "which way packets take", checks};
