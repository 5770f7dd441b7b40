/* SPDX-License-Identifier: Apache-2.0 */
/* Do the cache's counters say what was done? */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/measure/prom.h"
#include "lib/base/clock.h"

#define N_UDP 40
#define N_TCP 10
/* A page may be served again while it is younger than a second. */
#define PAGE_AGE_NS (1100 * NS_PER_MS)

struct count { /* how far one counter must have moved */
	const char *name, *label;
	double want;
};

static char *page(struct checker *k)
{
	struct diag d = {""};
	char *text = NULL;

	return check_did(k, cell_metrics(&text, &d), &d) ? text : NULL;
}

/* One miss went upstream over TCP, on a new connection or one that stood; more only as hedges or
 * after an error, which are counted themselves. */
static void by_protocol(struct checker *k, const char *before, const char *after)
{
	static const char *const names[] = {"coredns_proxy_conn_cache_hits_total",
					    "coredns_proxy_conn_cache_misses_total"};
	static const char *const again[] = {"nodens_hedges_total", "nodens_retries_total"};
	static const char *const proto[] = {"proto=\"udp\"", "proto=\"tcp\""};
	double asked[2] = {0, 0}, more = 0;

	for (int i = 0; i < 2; i++) {
		more += prom_sum(after, again[i], NULL) - prom_sum(before, again[i], NULL);
		for (int p = 0; p < 2; p++)
			asked[p] += prom_sum(after, names[i], proto[p]) - prom_sum(before, names[i], proto[p]);
	}
	check_that(k, asked[0] == 0 && asked[1] >= 1 && asked[1] <= 1 + more,
		   "one miss: %.0f questions upstream over UDP, %.0f over TCP, %.0f of them again", asked[0],
		   asked[1], more);
}

/* Until all counters have moved as they must, or long enough. */
static void compare(struct checker *k, const char *before, const struct count *c, size_t n)
{
	uint64_t until = clock_mono_ns() + 2 * PAGE_AGE_NS;
	char *after = NULL;
	size_t i = 0;

	do {
		free(after);
		poll(NULL, 0, 50);
		after = page(k);
		for (i = 0; after && i < n; i++)
			if (prom_sum(after, c[i].name, c[i].label) -
				    prom_sum(before, c[i].name, c[i].label) !=
			    c[i].want)
				break;
	} while (after && i < n && clock_mono_ns() < until);
	if (after && i < n)
		check_that(k, false, "%s{%s} grew by %.0f, not by %.0f", c[i].name,
			   c[i].label ? c[i].label : "",
			   prom_sum(after, c[i].name, c[i].label) -
				   prom_sum(before, c[i].name, c[i].label),
			   c[i].want);
	if (after && i == n)
		by_protocol(k, before, after);
	free(after);
}

static bool send_known(struct checker *k, enum topo_family f, const char *leaf)
{
	struct way way[] = {{f, false}, {f, true}};
	static struct volley v;
	char name[NAME_MAX_TEXT], ns[32];

	topo_pod_ns(ns, 0);
	for (int tcp = 0; tcp < 2; tcp++) {
		struct volley_conf conf =
			check_volley_conf(k, &way[tcp], tcp ? N_TCP : N_UDP, leaf, name);

		conf.window = 1; /* the first is the miss, all others are hits */
		if (!check_volley(k, way_str(&way[tcp]), ns, &conf, check_server(k), &v))
			return false;
	}
	return true;
}

static void exact(struct checker *k)
{
	static const char *const udp[] = {"family=\"1\",proto=\"udp\"",
					  "family=\"2\",proto=\"udp\""};
	static const char *const tcp[] = {"family=\"1\",proto=\"tcp\"",
					  "family=\"2\",proto=\"tcp\""};
	char leaf[64], *before;

	for (int f = 0; f < TOPO_FAMILIES; f++) {
		const struct count counts[] = {
			{"coredns_dns_requests_total", udp[f], N_UDP},
			{"coredns_dns_requests_total", tcp[f], N_TCP},
			{"coredns_dns_responses_total", "rcode=\"NXDOMAIN\"", N_UDP + N_TCP},
			{"coredns_cache_requests_total", NULL, N_UDP + N_TCP},
			{"coredns_cache_misses_total", NULL, 1},
			{"coredns_cache_hits_total", "type=\"denial\"", N_UDP + N_TCP - 1},
			{"coredns_nodecache_setup_errors_total", NULL, 0},
			{"coredns_panics_total", NULL, 0},
			{"nodens_worker_restarts_total", NULL, 0},
		};

		if (!k->c->topo.has[f])
			continue;
		poll(NULL, 0, PAGE_AGE_NS / NS_PER_MS); /* nothing moves meanwhile: a known page */
		before = page(k);
		if (before && send_known(k, (enum topo_family)f, check_fresh(leaf)))
			compare(k, before, counts, sizeof counts / sizeof counts[0]);
		free(before);
	}
	check_found(k, "%d questions over UDP, %d over TCP, one miss", N_UDP, N_TCP);
}

/* The text format: "# HELP|TYPE name ..." or "name{labels} number". */
static bool line_valid(const char *line, size_t len)
{
	const char *value = memrchr(line, ' ', len);
	char *end = NULL;

	if (line[0] == '#')
		return !strncmp(line, "# HELP ", 7) || !strncmp(line, "# TYPE ", 7);
	if (!value || !(isalpha((unsigned char)line[0]) || line[0] == '_'))
		return false;
	strtod(value + 1, &end);
	return end == line + len &&
	       (!memchr(line, '{', len) || (value > line && value[-1] == '}'));
}

static void valid(struct checker *k)
{
	char *text = page(k);
	unsigned n = 0;

	for (const char *at = text; at && *at && !k->failed; n++) {
		size_t len = strcspn(at, "\n");

		check_that(k, line_valid(at, len), "line %u: %.*s", n + 1,
			   (int)(len < 120 ? len : 120), at);
		at += len + (at[len] == '\n');
	}
	check_that(k, !text || n > 100, "only %u lines", n);
	if (text)
		check_that(k, prom_sum(text, "nodens_rules_active", NULL) == 1,
			   "nodens_rules_active is %.0f while pods' questions come here",
			   prom_sum(text, "nodens_rules_active", NULL));
	free(text);
	check_found(k, "%u lines", n);
}

static const struct check checks[] = {
	{"metrics.exact", "requests, hits, misses and answers are counted as they were sent",
	 NEED_CACHE | NEED_OURS, exact, NULL},
	{"metrics.valid", "the page is valid text, and says that the rules hold", NEED_CACHE | NEED_OURS, valid,
	 NULL},
	{0},
};

const struct family family_metrics = {"metrics", "what the cache says of itself", checks};
