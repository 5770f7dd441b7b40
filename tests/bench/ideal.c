/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench ideal: how many questions a cache without a size limit has to ask
 * upstream for the Kubernetes-like stream, rule by rule (kube/ideal.h).
 *
 *   ideal [QUERIES [RATE [SEED]]]      default 300000 10000 1
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/kube/ideal.h"

static void print_rule(enum ideal_rule rule, const struct ideal *c, uint64_t n)
{
	const struct ideal_count *k = ideal_counts(c);

	printf("%-46s %9llu %7.2f%% %14llu %12llu\n", ideal_text[rule],
	       (unsigned long long)k->asked, 100.0 * (double)k->asked / (double)n,
	       (unsigned long long)k->cluster, (unsigned long long)k->cluster_nx);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
	double rate = argc > 2 ? strtod(argv[2], NULL) : 10000;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1, nx = 0, nodata = 0, done = 0;
	struct ideal *cache[IDEAL_RULES];
	struct kube_stream *s = kube_stream_new(seed, rate, n);
	struct kube_query q = {0};

	if (!s || n == 0)
		return 1;
	for (unsigned r = 0; r < IDEAL_RULES; r++)
		if (!(cache[r] = ideal_new((enum ideal_rule)r, KUBE_NEGATIVE_S)))
			return 1;
	while (kube_stream_next(s, &q)) {
		enum kube_verdict v = kube_lookup(q.name.b, q.qtype);

		nx += v == KUBE_NXDOMAIN;
		nodata += v == KUBE_NODATA;
		done++;
		for (unsigned r = 0; r < IDEAL_RULES; r++)
			ideal_query(cache[r], &q);
	}
	printf("queries=%llu span_s=%.1f nxdomain=%.1f%% nodata=%.1f%%\n", (unsigned long long)done,
	       (double)q.t_ns / 1e9, 100.0 * (double)nx / (double)done,
	       100.0 * (double)nodata / (double)done);
	printf("%-46s %9s %8s %14s %12s\n", "a cache that keeps", "upstream", "of sent",
	       "to cluster DNS", "of it NX");
	for (unsigned r = 0; r < IDEAL_RULES; r++) {
		print_rule((enum ideal_rule)r, cache[r], done);
		ideal_free(cache[r]);
	}
	kube_stream_free(s);
	return 0;
}
