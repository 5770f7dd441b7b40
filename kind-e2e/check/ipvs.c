/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy in IPVS mode: the kernel's own table of connections says who was balanced, and
 * who never came to it. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"

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

static bool volley_grows(struct checker *k, const struct way *w, unsigned *ret)
{
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];
	struct volley_conf conf = check_volley_conf(k, w, N, "single", name);
	unsigned before, after;

	topo_pod_ns(ns, 0);
	if (!count(k, w, &before) || !check_volley(k, way_str(w), ns, &conf, check_server(k), &v) ||
	    !count(k, w, &after))
		return false;
	*ret = after > before ? after - before : 0;
	return true;
}

static void balanced(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), grown;

	for (unsigned w = 0; w < n; w++) {
		if (!volley_grows(k, &way[w], &grown))
			return;
		/* a port of before may come up again */
		check_that(k, grown && grown <= N,
			   "%s: %u connections in IPVS's table for %d ports", way_str(&way[w]),
			   grown, N);
	}
	check_found(k, "pods' questions are IPVS's connections");
}

static bool untouched(struct checker *k)
{
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), grown = 0;

	for (unsigned w = 0; w < n; w++)
		if (!volley_grows(k, &way[w], &grown) ||
		    !check_that(k, !grown, "%s: %u connections in IPVS's table", way_str(&way[w]),
				grown))
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
	{"ipvs.passed-by", "with the cache no question comes to IPVS", NEED_CACHE | NEED_IPVS,
	 passed_by, NULL},
	{"ipvs.rewrite-stays", "and that is so after ten fail-open times, too",
	 NEED_CACHE | NEED_IPVS | NEED_VIP | NEED_FAULTS, stays, NULL},
	{0},
};

const struct family family_ipvs = {"ipvs", "kube-proxy in IPVS mode", checks};
