/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy in IPVS mode: the kernel's own table of connections says who was balanced, and
 * who never came to it. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"
#include "lib/base/clock.h"

#define N 50
#define STAYS 10 /* fail-open times */

/* An address and port as ipvsadm writes them, up to the port's colon. */
static void put_text(char ret[ADDR_TEXT + 4], const struct addr *a)
{
	char text[ADDR_TEXT];

	snprintf(ret, ADDR_TEXT + 4, a->family == AF_INET6 ? " [%s]:" : " %s:", addr_str(a, text));
}

/* Connections of the first pod to the ClusterIP in IPVS's table. */
static bool count(struct checker *k, const struct way *w, unsigned *ret)
{
	static const char *const argv[] = {"ipvsadm", "-L", "-n", "-c", NULL};
	const struct topo_side *side = &k->c->topo.side[w->f];
	char from[ADDR_TEXT + 4], to[ADDR_TEXT + 4], *text = NULL, *save = NULL;
	struct diag d = {""};

	*ret = 0;
	if (!check_did(k, topo_tool(NETNS_NODE, argv, NULL, &text, &d), &d))
		return false;
	put_text(from, &side->pod[0]);
	put_text(to, &side->vip);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		*ret += !strncmp(line, w->tcp ? "TCP" : "UDP", 3) && strstr(line, from) &&
			strstr(line, to);
	free(text);
	return true;
}

/* Who answered is judged later: what IPVS saw is the first question here. */
static bool volley_grows(struct checker *k, const struct way *w, struct volley *v, unsigned *ret)
{
	char name[NAME_MAX_TEXT], ns[32];
	struct volley_conf conf = check_volley_conf(k, w, N, "single", name);
	unsigned before, after;
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	if (!count(k, w, &before) || !check_did(k, volley_run(ns, &conf, v, &d), &d) ||
	    !count(k, w, &after))
		return false;
	*ret = after > before ? after - before : 0;
	return true;
}

static void balanced(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), grown;
	static struct volley v;

	for (unsigned w = 0; w < n; w++) {
		if (!volley_grows(k, &way[w], &v, &grown))
			return;
		/* a port of before may come up again */
		check_that(k, grown && grown <= N,
			   "%s: %u connections in IPVS's table for %d ports", way_str(&way[w]),
			   grown, N);
		check_volley_good(k, way_str(&way[w]), &v, check_server(k));
	}
	check_found(k, "pods' questions are IPVS's connections");
}

/* --- in turn ----------------------------------------------------------------------------- */

struct counters { /* of one virtual server: IPVS's own statistics */
	unsigned long long service, server[TOPO_BACKENDS_MAX];
};

static bool statistics(struct checker *k, const struct way *w, struct counters *ret)
{
	static const char *const argv[] = {"ipvsadm", "-L", "-n", "--stats", "--exact", NULL};
	const struct topo_side *side = &k->c->topo.side[w->f];
	char to[ADDR_TEXT + 4], *text = NULL, *save = NULL;
	unsigned long long n;
	bool ours = false;
	struct diag d = {""};

	*ret = (struct counters){0};
	if (!check_did(k, topo_tool(NETNS_NODE, argv, NULL, &text, &d), &d))
		return false;
	put_text(to, &side->vip);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool service = strncmp(line, "  ->", 4) != 0;

		if (service)
			ours = !strncmp(line, w->tcp ? "TCP" : "UDP", 3) && strstr(line, to) &&
			       !strncmp(strstr(line, to) + strlen(to), "53 ", 3);
		if (!ours || sscanf(line, service ? "%*s %*s %llu" : "  -> %*s %llu", &n) != 1)
			continue;
		if (service)
			ret->service = n;
		for (unsigned i = 0; !service && i < k->c->topo.n_backends; i++) {
			char at[ADDR_TEXT + 4];

			put_text(at, &side->backend[i]);
			if (strstr(line, at))
				ret->server[i] = n;
		}
	}
	free(text);
	return true;
}

/* The kernel adds its counters up every two seconds: until two looks further apart agree. */
static bool statistics_settled(struct checker *k, const struct way *w, struct counters *ret)
{
	uint64_t until = clock_mono_ns() + 20 * NS_PER_S;
	struct counters last;

	if (!statistics(k, w, ret))
		return false;
	do {
		last = *ret;
		poll(NULL, 0, 2200);
		if (!statistics(k, w, ret))
			return false;
	} while (memcmp(&last, ret, sizeof last) != 0 && clock_mono_ns() < until);
	return true;
}

/* A port that comes up again within IPVS's time-out is no new connection, so connections are
 * counted, not answers. */
static void in_turn_way(struct checker *k, const struct way *w)
{
	unsigned long long least = ~0ull, most = 0, all;
	struct counters a, b;
	static struct volley v;
	unsigned grown;

	if (!statistics_settled(k, w, &a) || !volley_grows(k, w, &v, &grown) ||
	    !statistics_settled(k, w, &b))
		return;
	all = b.service - a.service;
	/* entries of before may have ended meanwhile */
	check_that(k, grown && all >= grown && all <= N,
		   "%s: the virtual server counts %llu connections for %d ports, the table %u more",
		   way_str(w), all, N, grown);
	for (unsigned i = 0; i < k->c->topo.n_backends; i++) {
		unsigned long long n = b.server[i] - a.server[i];

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	check_that(k, most - least <= 1, "%s: one backend got %llu connections, another %llu",
		   way_str(w), most, least);
	check_volley_good(k, way_str(w), &v, check_server(k));
	check_found(k, "%llu connections, %llu to %llu a backend", all, least, most);
}

static void in_turn(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);

	for (unsigned w = 0; w < n && !k->failed; w++)
		in_turn_way(k, &way[w]);
}

static bool untouched(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), grown = 0;
	static struct volley v;

	for (unsigned w = 0; w < n; w++)
		if (!volley_grows(k, &way[w], &v, &grown) ||
		    !check_that(k, !grown, "%s: %u connections in IPVS's table", way_str(&way[w]),
				grown) ||
		    !check_volley_good(k, way_str(&way[w]), &v, check_server(k)))
			return false;
	return true;
}

static void passed_by(struct checker *k)
{
	if (untouched(k))
		check_found(k, "%d questions each way, no connection in IPVS's table", N);
}

static void stays(struct checker *k)
{
	struct notrack rules = {0};
	struct diag d = {""};

	poll(NULL, 0, (int)(STAYS * CACHE_FAILOPEN_FAULTS / NS_PER_MS));
	if (!check_did(k, cell_notrack(&rules, &d), &d) ||
	    !check_that(k, rules.n_rules, "the rules are gone after %d fail-open times", STAYS) ||
	    !untouched(k))
		return;
	check_found(k, "the cache answers, and IPVS sees nothing, %d fail-open times later", STAYS);
}

static const struct check checks[] = {
	{"ipvs.balanced", "pods' questions become IPVS's connections", NEED_PLAIN | NEED_IPVS,
	 balanced, NULL},
	{"ipvs.in-turn", "each backend gets as many connections as the other, by IPVS's own counters",
	 NEED_PLAIN | NEED_IPVS | NEED_BACKENDS, in_turn, NULL},
	{"ipvs.passed-by", "with the cache no question comes to IPVS", NEED_CACHE | NEED_IPVS,
	 passed_by, NULL},
	{"ipvs.rewrite-stays", "and that is so after ten fail-open times, too",
	 NEED_CACHE | NEED_IPVS | NEED_VIP | NEED_FAULTS | NEED_OURS, stays, NULL},
	{0},
};

const struct family family_ipvs = {"ipvs", "kube-proxy in IPVS mode", checks};
