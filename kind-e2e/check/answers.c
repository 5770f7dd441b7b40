/* SPDX-License-Identifier: Apache-2.0 */
/* Are answers right, whatever is asked and however? (Kubernetes' own e2e asks the same.) */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/netns.h"
#include "lib/base/clock.h"

#define PAIRS 50

static const struct matrix {
	const char *leaf;
	uint16_t qtype;
} matrix[] = {
	{"single", DNS_A},
	{"single", DNS_AAAA},
	{"v4-only", DNS_AAAA}, /* exists, has none */
	{"headless", DNS_A},
	{"headless", DNS_AAAA},
	{"_dns._udp.headless", DNS_SRV},
	{"alias", DNS_A},    /* CNAME within the cluster */
	{"external", DNS_A}, /* and out of it */
	{"missing", DNS_A},
	{"missing", DNS_AAAA},
	{"1.77.96.10.in-addr.arpa.", DNS_PTR},
	{"1.0.d.4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa.", DNS_PTR},
	{"2.77.96.10.in-addr.arpa.", DNS_PTR}, /* does not exist */
	{"www.e2e-lab.example.", DNS_A},
	{"www.e2e-lab.example.", DNS_AAAA},
	{"missing.e2e-lab.example.", DNS_A},
};
#define N_MATRIX (sizeof matrix / sizeof matrix[0])

static void all_names(struct checker *k, bool tcp)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), asked = 0;
	char ns[32];

	topo_pod_ns(ns, 0);
	for (unsigned w = 0; w < n; w++)
		for (size_t i = 0; i < N_MATRIX && way[w].tcp == tcp; i++, asked++)
			if (!check_ask(k, &way[w], ns, matrix[i].leaf, matrix[i].qtype, &a))
				return;
	check_found(k, "%u questions", asked);
}

static void names_udp(struct checker *k)
{
	all_names(k, false);
}

static void names_tcp(struct checker *k)
{
	all_names(k, true);
}

/* --- A and AAAA at once ------------------------------------------------------------- */

static bool one_pair(struct checker *k, enum topo_family f, const char *name)
{
	static const char *const half[2] = {"A", "AAAA"};
	static struct answer a[2];
	char ns[32];
	struct question q = {.ns = ns, .server = cell_server(k->c, f), .name = name, .timeout_ns = 5 * NS_PER_S};
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	if (!check_did(k, ask_pair(&q, a, &d), &d))
		return false;
	for (int i = 0; i < 2; i++) {
		const char *why = a[i].error ? strerror(a[i].error)
					     : zone_check(k->c->lab->zone, a[i].msg, a[i].len);

		if (!check_that(k, !why, "%s of a pair: %s", half[i], why ? why : ""))
			return false;
	}
	return true;
}

static void pairs(struct checker *k)
{
	char name[NAME_MAX_TEXT];

	fixture_name(k->c->lab->s, "single", name);
	for (int f = 0; f < TOPO_FAMILIES; f++)
		for (unsigned i = 0; i < PAIRS && k->c->topo.has[f]; i++)
			if (!one_pair(k, (enum topo_family)f, name))
				return;
	check_found(k, "%d pairs from a socket each", PAIRS);
}

/* --- search lists ---------------------------------------------------------------------- */

static void libc_finds(struct checker *k, const char *name, const char *const *search, size_t n)
{
	struct diag d = {""};

	if (check_did(k, cell_gai(k->c, name, search, n, &d), &d))
		check_that(k, k->c->gai->asked == 1 && k->c->gai->right == 1, "%s: %s", name,
			   k->c->gai->why_wrong);
}

static void partial(struct checker *k)
{
	static const char *const names[] = {"single", "single.e2e-lab", "single.e2e-lab.svc",
					    "missing.e2e-lab"};
	const char *domain = k->c->lab->s->domain;
	char own[300], svc[300];
	const char *const search[] = {own, svc, domain};

	snprintf(own, sizeof own, FIXTURE_NAMESPACE ".%s", domain);
	snprintf(svc, sizeof svc, "svc.%s", domain);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		libc_finds(k, names[i], search, 3);
	check_found(k, "%zu names through libc and three suffixes", sizeof names / sizeof names[0]);
}

/* More than six suffixes and more than 256 characters: what resolv.conf once allowed. */
static void long_search(struct checker *k)
{
	static char text[12][100];
	const char *search[12];
	size_t len = 0;

	for (unsigned i = 0; i < 12; i++) {
		if (i < 11)
			snprintf(text[i], sizeof text[i],
				 "a-rather-long-suffix-%u.of-a-tenant.e2e-lab.example", i);
		else
			snprintf(text[i], sizeof text[i], FIXTURE_NAMESPACE ".%.70s",
				 k->c->lab->s->domain);
		search[i] = text[i];
		len += strlen(text[i]) + 1;
	}
	libc_finds(k, "single", search, 12);
	check_found(k, "found through the last of 12 suffixes, %zu characters", len);
}

/* --- size ------------------------------------------------------------------------------ */

static void truncated(struct checker *k)
{
	static struct answer a;
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way), whole = 0;
	char ns[32];

	topo_pod_ns(ns, 0);
	for (unsigned w = 0; w < n; w++) {
		if (!check_ask(k, &way[w], ns, "big", DNS_TXT, &a))
			return;
		check_that(k, a.truncated == !way[w].tcp, "%s: %zu octets, %s", way_str(&way[w]),
			   a.len, a.truncated ? "truncated" : "not marked as truncated");
		if (way[w].tcp)
			whole = a.n_answers;
	}
	check_found(k, "TC over UDP, %u records over TCP", whole);
}

/* --- both addresses --------------------------------------------------------------------- */

static void both_addresses(struct checker *k)
{
	static struct answer a;
	char ns[32], name[NAME_MAX_TEXT], text[ADDR_TEXT];
	struct way way[WAYS_MAX];
	unsigned n = check_ways(k, way);
	struct diag d = {""};

	topo_pod_ns(ns, 0);
	fixture_name(k->c->lab->s, "single", name);
	for (unsigned w = 0; w < n; w++) {
		const struct topo_side *side = &k->c->topo.side[way[w].f];
		const struct addr *const at[] = {&side->vip, &side->local};

		for (int i = 0; i < 2; i++) {
			struct question q = check_question(k, &way[w], ns, name, DNS_A);

			q.server = *at[i];
			if (!check_did(k, ask(&q, &a, &d), &d))
				return;
			check_that(k,
				   !a.error && !zone_check(k->c->lab->zone, a.msg, a.len) &&
					   !strncmp(a.by, check_server(k), strlen(check_server(k))),
				   "%s at %s: %s", way_str(&way[w]), addr_str(at[i], text),
				   a.error ? strerror(a.error) : "not the cache's answer");
		}
	}
	check_found(k, "the same from the address that was asked");
}

static const struct check checks[] = {
	{"answers.udp", "every kind of name is answered as the zone has it, over UDP", 0, names_udp,
	 NULL},
	{"answers.tcp", "every kind of name is answered as the zone has it, over TCP", 0, names_tcp,
	 NULL},
	{"answers.pairs", "A and AAAA from one socket at once are both answered", 0, pairs, NULL},
	{"answers.partial", "partial names are found through the search list, by libc", 0, partial,
	 NULL},
	{"answers.long-search", "a search list longer than resolv.conf once allowed works", 0,
	 long_search, NULL},
	{"answers.truncated", "what fits into no datagram is truncated, and whole over TCP", 0,
	 truncated, NULL},
	{"answers.both-addresses", "ClusterIP and local address answer, each as itself",
	 NEED_CACHE | NEED_VIP, both_addresses, NULL},
	{0},
};

const struct family family_answers = {"answers", "are they right, whatever is asked", checks};
