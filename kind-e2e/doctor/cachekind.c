/* SPDX-License-Identifier: Apache-2.0 */
/* One function a kind of evidence; each may name the kind, and adds what it saw. */
#include "kind-e2e/doctor/cachekind.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kind_row {
	const char *word, *name;
} kinds[N_CACHE_KINDS] = {
	[CACHE_NONE] = {"none", "no cache"},
	[CACHE_NODENS] = {"nodens", "node-cache of Nodens"},
	[CACHE_NODELOCAL] = {"nodelocaldns", "NodeLocal DNSCache"},
	[CACHE_AKS] = {"aks-localdns", "LocalDNS of AKS"},
	[CACHE_GKE] = {"gke-nodelocaldns", "NodeLocal DNSCache of GKE"},
	[CACHE_COREDNS] = {"coredns-on-node", "a CoreDNS on the node"},
	[CACHE_OTHER] = {"other", "a resolver on the node"},
};

const char *cache_kind_word(enum cache_kind k)
{
	return kinds[k].word;
}

const char *cache_kind_name(enum cache_kind k)
{
	return kinds[k].name;
}

bool cache_notrack(const struct rules_facts *r, const struct addr *a, bool output, bool from,
		   bool tcp)
{
	for (unsigned i = 0; i < r->n_notrack; i++) {
		const struct notrack_rule *n = &r->notrack[i];

		if (n->output == output && n->from == from && n->tcp == tcp &&
		    (!n->addr.family || addr_eq(&n->addr, a)))
			return true;
	}
	return false;
}

/* Link-local addresses of a node are not all a cache's: EKS' pod identity agent has one, for one.
 */
bool cache_address(const struct facts *f, const struct addr *a)
{
	static const char *const known[] = {"169.254.20.10", "169.254.10.10", "169.254.10.11"};
	const char *link;

	for (unsigned i = 0; i < 3; i++) {
		struct addr k = addr_text(known[i]);

		if (addr_eq(a, &k))
			return true;
	}
	return (facts_is_local(&f->host, a, &link) && !strcmp(link, "nodelocaldns")) ||
	       cache_notrack(&f->rules, a, false, false, false);
}

const struct asked *cache_dead_address(const struct facts *f)
{
	for (unsigned i = 0; i < f->dns.n; i++) {
		const struct asked *a = &f->dns.q[i];

		if (!strncmp(a->key, "id.", 3) && strstr(a->key, ".nsid") && !a->answered &&
		    facts_is_local(&f->host, &a->server, NULL) && cache_address(f, &a->server))
			return a;
	}
	return NULL;
}

__attribute__((format(printf, 2, 3))) static void saw(struct cache_found *c, const char *fmt, ...)
{
	va_list ap;

	if (c->n_evidence == EVIDENCE_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(c->evidence[c->n_evidence++], sizeof c->evidence[0], fmt, ap);
	va_end(ap);
}

/* The better name wins: what a cache says of itself over where it was found. */
static void name_it(struct cache_found *c, enum cache_kind k)
{
	static const unsigned weight[N_CACHE_KINDS] = {
		[CACHE_OTHER] = 1, [CACHE_COREDNS] = 2, [CACHE_NODELOCAL] = 3,
		[CACHE_AKS] = 4,   [CACHE_GKE] = 5,	[CACHE_NODENS] = 6};

	if (weight[k] > weight[c->kind])
		c->kind = k;
}

static bool is(const struct addr *a, const char *text)
{
	struct addr b = addr_text(text);

	return addr_eq(a, &b);
}

static bool link_local(const struct addr *a)
{
	return a->family == AF_INET && a->b[0] == 169 && a->b[1] == 254;
}

/* --- evidence ---------------------------------------------------------------------------- */

static void by_interfaces(struct cache_found *c, const struct facts *f)
{
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < f->host.n_addrs; i++) {
		const struct addr_fact *a = &f->host.addr[i];
		bool aks = is(&a->addr, "169.254.10.10") || is(&a->addr, "169.254.10.11");
		bool ours = !strcmp(a->link, "nodelocaldns") || is(&a->addr, "169.254.20.10");

		if (aks || ours) {
			name_it(c, aks ? CACHE_AKS : CACHE_NODELOCAL);
			saw(c, "interface %s has %s", a->link, addr_str(&a->addr, text));
			if (!c->addr.family || link_local(&a->addr))
				c->addr = a->addr;
		}
	}
}

static void by_server(struct cache_found *c, const struct facts *f)
{
	const struct addr *s = &f->server;
	const struct asked *first = NULL;
	char text[ADDR_TEXT];
	const char *link;

	for (unsigned i = 0; i < f->dns.n && !first; i++)
		if (!strcmp(f->dns.q[i].key, "name.fqdn") && f->dns.q[i].answered)
			first = &f->dns.q[i];
	if (!first || !s->family)
		return;
	addr_str(s, text);
	if (is(s, "169.254.10.10") || is(s, "169.254.10.11") || is(s, "169.254.20.10")) {
		name_it(c, is(s, "169.254.20.10") ? CACHE_NODELOCAL : CACHE_AKS);
		saw(c, "pods ask %s, which is on the node itself and answers", text);
		c->addr = *s;
		c->in_path = true;
	} else if (s->family == AF_INET && s->b[0] == 127) {
		name_it(c, CACHE_OTHER);
		saw(c, "the server is %s, this machine", text);
		c->in_path = true;
	} else if (cache_notrack(&f->rules, s, false, false, false) && !cache_dead_address(f)) {
		saw(c,
		    "questions for %s are taken out of connection tracking, so kube-proxy passes "
		    "them by, and are answered",
		    text);
		c->in_path = true;
		if (!c->addr.family)
			c->addr = *s;
	} else if (f->at == AT_NODE && facts_is_local(&f->host, s, &link) &&
		   strcmp(link, "kube-ipvs0") != 0 && f->rules.n_targets == 0 &&
		   !f->rules.kube_ipvs) {
		name_it(c, CACHE_OTHER);
		saw(c,
		    "%s is an address of interface %s, and no rule of kube-proxy leads it "
		    "elsewhere",
		    text, link);
		c->in_path = true;
		c->addr = *s;
	}
}

static void by_metrics(struct cache_found *c, const struct facts *f)
{
	for (unsigned i = 0; i < f->dns.n_metrics; i++) {
		const char *page = f->dns.metrics[i].page,
			   *build = strstr(page, "coredns_build_info");
		bool nodens = !strncmp(page, "nodens ", 7);

		if (nodens || strstr(page, "nodecache "))
			name_it(c, nodens ? CACHE_NODENS : CACHE_NODELOCAL);
		else if (build && c->kind != CACHE_NONE)
			name_it(c, CACHE_COREDNS);
		saw(c, "%s %s%s%s", f->dns.metrics[i].url,
		    nodens			 ? "has metrics of nodens"
		    : strstr(page, "nodecache ") ? "has metrics of node-cache"
						 : "has metrics",
		    build ? ", " : "", build ? build : "");
	}
}

/* The server and the cache's own address say the same name: they are one. */
static void by_names(struct cache_found *c, const struct facts *f)
{
	const struct asked *mine = NULL;

	for (unsigned i = 0; i < f->dns.n; i++) {
		const struct asked *a = &f->dns.q[i];
		char text[ADDR_TEXT];
		const char *kind = strrchr(a->key, '.');

		if (strncmp(a->key, "id.", 3) != 0 || !a->answered)
			continue;
		if (strstr(a->key, ".nsid")) {
			if (link_local(&a->server) && !addr_eq(&a->server, &f->server)) {
				name_it(c, is(&a->server, "169.254.20.10") ? CACHE_NODELOCAL
					   : is(&a->server, "169.254.10.10") ||
							   is(&a->server, "169.254.10.11")
						   ? CACHE_AKS
						   : CACHE_OTHER);
				saw(c, "%s answers", addr_str(&a->server, text));
			}
			if (!a->by[0])
				continue;
			saw(c, "%s calls itself %s (NSID)", addr_str(&a->server, text), a->by);
			if (addr_eq(&a->server, &f->server))
				mine = a;
			else if (mine && link_local(&a->server) && !strcmp(mine->by, a->by))
				c->in_path = true;
		} else if (a->n_answers && a->data[0]) {
			saw(c, "%s says to %s: %.80s", addr_str(&a->server, text), a->name,
			    a->data);
			if (kind && c->in_path &&
			    (strstr(a->data, "dnsmasq") || strstr(a->data, "unbound")))
				name_it(c, CACHE_OTHER);
		}
	}
}

static void by_sets(struct cache_found *c, const struct facts *f)
{
	for (unsigned i = 0; i < f->api.n_sets; i++) {
		const char *name = f->api.set[i].name, *image = f->api.set[i].image;
		bool gke = strstr(image, "gke.gcr.io") || strstr(image, "gke-release");

		if (!strstr(name, "node-local-dns") && !strstr(name, "nodelocaldns") &&
		    !strstr(image, "node-cache"))
			continue;
		name_it(c, strstr(image, "nodens") ? CACHE_NODENS
			   : gke		   ? CACHE_GKE
						   : CACHE_NODELOCAL);
		saw(c, "DaemonSet %s, image %.120s", name, image);
	}
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Not proof, but what a reader wants to see beside it. */
static void by_answers(struct cache_found *c, const struct facts *f)
{
	unsigned n = 0, ttl_first = 0, ttl_last = 0;
	uint64_t took[8];

	for (unsigned i = 0; i < f->dns.n; i++) {
		const struct asked *a = &f->dns.q[i];

		if (strncmp(a->key, "repeat.", 7) != 0 || !a->answered || n == 8)
			continue;
		took[n] = a->took_us;
		ttl_last = a->ttl_s;
		ttl_first = n++ ? ttl_first : a->ttl_s;
	}
	if (n < 2)
		return;
	qsort(took, n, sizeof took[0], by_time);
	saw(c, "the same question again takes %u us (median of %u), TTL %u to %u",
	    (unsigned)took[n / 2], n, ttl_first, ttl_last);
}

void cache_recognise(struct cache_found *ret, const struct facts *f)
{
	memset(ret, 0, sizeof *ret);
	by_server(ret, f);
	by_interfaces(ret, f);
	by_sets(ret, f);
	by_metrics(ret, f);
	by_names(ret, f);
	if (ret->in_path && ret->kind == CACHE_NONE)
		name_it(ret, CACHE_OTHER);
	by_answers(ret, f);
	ret->unsure = !ret->in_path && ret->kind != CACHE_NONE && f->at != AT_NODE;
}
