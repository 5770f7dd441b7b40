/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream is a heap of lookups in progress: each yields its A and AAAA query
 * and, while the world says NXDOMAIN, comes back a step later with the next name
 * of its search list. Shares of lookups: 45 % external names, 18 % services of
 * the pod's own namespace, 27 % of another one, 10 % fully spelt without the
 * final dot; names by Zipf(1.0).
 */
#include "tests/bench/kube/kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"

#define PODS        50u
#define STEP_NS     (400 * NS_PER_US) /* denial to the next search step */
#define N_STEPS     5u                /* four suffixes, then the name itself */
#define HEAP_MAX    65536u
#define OWN_NAMES   40u
#define OTHER_NAMES 2000u
#define FULL_NAMES  240u

/* --- what exists --- */

static bool label_number(const uint8_t *l, const char *prefix, uint32_t *ret)
{
	size_t n = strlen(prefix);
	uint32_t v = 0;
	if (*l <= n || *l > n + 6 || strncasecmp((const char *)l + 1, prefix, n))
		return false;
	for (size_t i = n + 1; i <= *l; i++) {
		if (l[i] < '0' || l[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(l[i] - '0');
	}
	*ret = v;
	return true;
}

static const uint8_t cluster[] = "\7cluster\5local";
static const uint8_t svc[] = "\3svc\7cluster\5local";
static const uint8_t com[] = "\3com";

static enum kube_verdict by_type(uint32_t i, uint16_t qtype)
{
	return qtype == DNS_A || (qtype == DNS_AAAA && i % 2 == 0) ? KUBE_ANSWER : KUBE_NODATA;
}

static enum kube_verdict cluster_lookup(const uint8_t *name, unsigned above, uint16_t qtype)
{
	uint32_t i, j;
	if (above == 0) /* svc.cluster.local, or cluster.local itself */
		return KUBE_NODATA;
	const uint8_t *ns = above == 1 ? name : name_parent(name);
	if (above > 2 || !label_number(ns, "ns", &j) || j >= KUBE_NAMESPACES)
		return KUBE_NXDOMAIN;
	if (above == 1)
		return KUBE_NODATA;
	if (!label_number(name, "svc", &i) || i >= KUBE_SERVICES || i % KUBE_NAMESPACES != j)
		return KUBE_NXDOMAIN;
	return by_type(i, qtype);
}

enum kube_verdict kube_lookup(const uint8_t *name, uint16_t qtype)
{
	uint32_t i, j;
	if (name_within(name, svc))
		return cluster_lookup(name, name_labels(name) - 3, qtype);
	if (name_eq(name, cluster))
		return KUBE_NODATA;
	if (!name_within(name, com))
		return KUBE_NXDOMAIN;
	unsigned above = name_labels(name) - 1;
	if (above < 2)
		return above == 0 || (label_number(name, "site", &j) && j < KUBE_EXTERNALS) ? KUBE_NODATA : KUBE_NXDOMAIN;
	if (above > 2 || !label_number(name, "www", &i) || !label_number(name_parent(name), "site", &j) || i != j ||
	    i >= KUBE_EXTERNALS)
		return KUBE_NXDOMAIN;
	return by_type(i, qtype);
}

bool kube_is_cluster(const uint8_t *name)
{
	return name_within(name, cluster);
}

const uint8_t *kube_cut(const uint8_t *name)
{
	unsigned labels = name_labels(name), suffix;
	uint32_t j;
	if (!kube_is_cluster(name))
		return NULL;
	suffix = 2;
	if (name_within(name, svc))
		suffix = labels > 3 && label_number(name_tail(name, 4), "ns", &j) ? 4 : 3;
	return labels > suffix + 1 ? name_tail(name, suffix + 1) : NULL;
}

/* --- who asks --- */

struct step { /* one lookup, about to ask its next name */
	uint64_t t_ns;
	char base[96];
	uint32_t pod;
	uint8_t at; /* search step 0..4 */
	uint8_t family; /* 0: A is next, 1: AAAA */
};

struct kube_stream {
	struct rng rng;
	struct zipf *own, *other, *external, *full;
	double lookup_gap_ns;
	uint64_t left, next_lookup_ns;
	size_t n_heap;
	struct step heap[HEAP_MAX];
};

struct kube_stream *kube_stream_new(uint64_t seed, double rate, uint64_t n)
{
	struct kube_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	rng_seed(&s->rng, seed);
	s->own = zipf_new(OWN_NAMES, 1.0);
	s->other = zipf_new(OTHER_NAMES, 1.0);
	s->external = zipf_new(KUBE_EXTERNALS, 1.0);
	s->full = zipf_new(FULL_NAMES, 1.0);
	s->left = n;
	/* queries a lookup: 45 % x 10 + 18 % x 2 + 27 % x 4 + 10 % x 10 = 6.94 */
	s->lookup_gap_ns = 6.94 / rate * 1e9;
	if (!s->own || !s->other || !s->external || !s->full) {
		kube_stream_free(s);
		return NULL;
	}
	return s;
}

void kube_stream_free(struct kube_stream *s)
{
	if (!s)
		return;
	zipf_free(s->own);
	zipf_free(s->other);
	zipf_free(s->external);
	zipf_free(s->full);
	free(s);
}

static bool earlier(const struct step *a, const struct step *b)
{
	return a->t_ns < b->t_ns;
}

static void heap_push(struct kube_stream *s, const struct step *x)
{
	size_t i = s->n_heap++;
	for (; i && earlier(x, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = *x;
}

static struct step heap_pop(struct kube_stream *s)
{
	struct step top = s->heap[0], last = s->heap[--s->n_heap];
	size_t i = 0;
	for (;;) {
		size_t c = 2 * i + 1;
		if (c >= s->n_heap)
			break;
		if (c + 1 < s->n_heap && earlier(&s->heap[c + 1], &s->heap[c]))
			c++;
		if (!earlier(&s->heap[c], &last))
			break;
		s->heap[i] = s->heap[c];
		i = c;
	}
	s->heap[i] = last;
	return top;
}

/* Popularity ranks are spread over the services so that each namespace has its
 * share of popular ones. */
static void new_lookup(struct kube_stream *s)
{
	struct step x = {.t_ns = s->next_lookup_ns, .pod = (uint32_t)rng_below(&s->rng, PODS)};
	unsigned ns = x.pod % KUBE_NAMESPACES, kind = (unsigned)rng_below(&s->rng, 100);
	if (kind < 45) {
		unsigned i = (unsigned)zipf_draw(s->external, &s->rng);
		snprintf(x.base, sizeof(x.base), "www%u.site%u.com", i, i);
	} else if (kind < 63) {
		unsigned i = (unsigned)zipf_draw(s->own, &s->rng) * KUBE_NAMESPACES + ns;
		snprintf(x.base, sizeof(x.base), "svc%u", i);
	} else {
		bool full = kind >= 90;
		unsigned i = (unsigned)zipf_draw(full ? s->full : s->other, &s->rng) * 7919u % KUBE_SERVICES;
		snprintf(x.base, sizeof(x.base), full ? "svc%u.ns%u.svc.cluster.local" : "svc%u.ns%u", i, i % KUBE_NAMESPACES);
	}
	if (s->n_heap < HEAP_MAX)
		heap_push(s, &x);
	s->next_lookup_ns += (uint64_t)rng_exp(&s->rng, s->lookup_gap_ns);
}

static void step_name(const struct step *x, struct name *ret)
{
	char text[256];
	static const char *const suffix[N_STEPS] = {NULL, ".svc.cluster.local", ".cluster.local", ".eu-central-1.compute.internal", ""};
	if (x->at == 0)
		snprintf(text, sizeof(text), "%s.ns%u.svc.cluster.local", x->base, x->pod % KUBE_NAMESPACES);
	else
		snprintf(text, sizeof(text), "%s%s", x->base, suffix[x->at]);
	if (name_from_text(ret, text))
		abort();
}

bool kube_stream_next(struct kube_stream *s, struct kube_query *ret)
{
	if (s->left == 0)
		return false;
	while (s->n_heap == 0 || s->next_lookup_ns <= s->heap[0].t_ns)
		new_lookup(s);
	struct step x = heap_pop(s);
	s->left--;
	ret->t_ns = x.t_ns;
	ret->client = x.pod;
	ret->qtype = x.family ? DNS_AAAA : DNS_A;
	step_name(&x, &ret->name);
	if (x.family == 0) {
		x.family = 1;
		x.t_ns += 5 * NS_PER_US;
		heap_push(s, &x);
	} else if (kube_lookup(ret->name.b, DNS_A) == KUBE_NXDOMAIN && x.at + 1u < N_STEPS) {
		x.family = 0;
		x.at++;
		x.t_ns += STEP_NS;
		heap_push(s, &x);
	}
	return true;
}
