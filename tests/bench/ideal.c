/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench ideal: how many questions a cache without a size limit has to ask
 * upstream for the Kubernetes-like stream, rule by rule. The yardstick for what
 * the daemon needs on the same stream.
 *
 *   ideal [QUERIES [RATE [SEED]]]      default 300000 10000 1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/wire.h"
#include "tests/bench/kube/kube.h"

#define SLOTS (1u << 20)

enum rule { BY_TYPE, BY_NAME, BY_CUT, N_RULES };
static const char *const rule_text[N_RULES] = {
	"negative by name and type", "NXDOMAIN by name, for all types", "and nothing below a name that is not there",
};

struct known { /* what this rule's cache holds */
	uint64_t hash[SLOTS];
	uint64_t expires_ns[SLOTS];
};

struct tally {
	struct known *known;
	uint64_t asked, asked_cluster, asked_cluster_nx;
};

static const struct hash_key key = {0x6e6f64656e73, 0x62656e6368};

static uint64_t *expiry_of(struct known *k, const uint8_t *name, uint16_t qtype)
{
	uint8_t b[NAME_MAX_WIRE + 2];
	size_t n = name_lower(b, name);
	set_be16(b + n, qtype);
	uint64_t h = hash_sip13(&key, b, n + 2) | 1;
	size_t at = h & (SLOTS - 1);
	while (k->hash[at] && k->hash[at] != h)
		at = (at + 1) & (SLOTS - 1);
	k->hash[at] = h;
	return &k->expires_ns[at];
}

/* One question to the upstream, and what its answer teaches. */
static enum kube_verdict ask(struct tally *t, enum rule rule, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	enum kube_verdict v = kube_lookup(name, qtype);
	uint64_t until = now_ns + (v == KUBE_ANSWER ? KUBE_TTL_S : KUBE_NEGATIVE_S) * NS_PER_S;
	t->asked++;
	t->asked_cluster += kube_is_cluster(name);
	t->asked_cluster_nx += kube_is_cluster(name) && v == KUBE_NXDOMAIN;
	*expiry_of(t->known, name, v == KUBE_NXDOMAIN && rule != BY_TYPE ? 0 : qtype) = until;
	return v;
}

static bool is_known(struct tally *t, enum rule rule, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	return *expiry_of(t->known, name, qtype) > now_ns || (rule != BY_TYPE && *expiry_of(t->known, name, 0) > now_ns);
}

static void one_query(struct tally *t, enum rule rule, const struct kube_query *q)
{
	if (is_known(t, rule, q->t_ns, q->name.b, q->qtype))
		return;
	const uint8_t *cut = rule == BY_CUT ? kube_cut(q->name.b) : NULL;
	if (cut) {
		if (*expiry_of(t->known, cut, 0) > q->t_ns)
			return;
		/* that the cut exists is remembered as its NODATA */
		if (*expiry_of(t->known, cut, DNS_A) <= q->t_ns && ask(t, rule, q->t_ns, cut, DNS_A) == KUBE_NXDOMAIN)
			return;
	}
	ask(t, rule, q->t_ns, q->name.b, q->qtype);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
	double rate = argc > 2 ? strtod(argv[2], NULL) : 10000;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1, nx = 0, nodata = 0, done = 0;
	struct tally tally[N_RULES] = {0};
	struct kube_stream *s = kube_stream_new(seed, rate, n);
	struct kube_query q = {0};
	if (!s || n == 0)
		return 1;
	for (int r = 0; r < N_RULES; r++)
		if (!(tally[r].known = calloc(1, sizeof(struct known))))
			return 1;
	while (kube_stream_next(s, &q)) {
		enum kube_verdict v = kube_lookup(q.name.b, q.qtype);
		nx += v == KUBE_NXDOMAIN;
		nodata += v == KUBE_NODATA;
		done++;
		for (int r = 0; r < N_RULES; r++)
			one_query(&tally[r], (enum rule)r, &q);
	}
	printf("queries=%llu span_s=%.1f nxdomain=%.1f%% nodata=%.1f%%\n", (unsigned long long)done, (double)q.t_ns / 1e9,
	       100.0 * (double)nx / (double)done, 100.0 * (double)nodata / (double)done);
	printf("%-46s %9s %8s %14s %12s\n", "a cache that keeps", "upstream", "of sent", "to cluster DNS", "of it NX");
	for (int r = 0; r < N_RULES; r++) {
		struct tally *t = &tally[r];
		printf("%-46s %9llu %7.2f%% %14llu %12llu\n", rule_text[r], (unsigned long long)t->asked,
		       100.0 * (double)t->asked / (double)done, (unsigned long long)t->asked_cluster,
		       (unsigned long long)t->asked_cluster_nx);
		free(t->known);
	}
	kube_stream_free(s);
	return 0;
}
