/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many questions a cache without a size limit has to ask upstream for a
 * Kubernetes-like stream, rule by rule: the yardstick for what the daemon needs
 * on the same stream. Answers come at once here, and a denial or an answer is
 * known from that moment until its TTL is over.
 */
#ifndef NODENS_BENCH_IDEAL_H
#define NODENS_BENCH_IDEAL_H

#include <stdint.h>

#include "tests/bench/kube/kube.h"

enum ideal_rule {
	IDEAL_BY_TYPE, /* every denial belongs to the name and type asked */
	IDEAL_RENEWED, /* and holds on while its cut is denied, by the rules of the search-path
			* shield (resolver/core/shield.h, absent.h) */
	/* What could be had if a denial were true of all below. It is not always. */
	IDEAL_BY_CUT,
	/* What could be had if one type's NXDOMAIN were true of all types. It is not. */
	IDEAL_BY_NAME,
	IDEAL_BY_CUT_AND_NAME,
	IDEAL_RULES,
};
extern const char *const ideal_text[IDEAL_RULES];

struct ideal_count { /* questions */
	uint64_t asked, cluster, cluster_nx;
};

struct ideal;
/* `soa_s`: a denial of A or AAAA is as good as new for so long, whenever the other type
 * has just been denied (resolver/core/denials.h). NULL: out of memory. */
struct ideal *ideal_new(enum ideal_rule rule, uint32_t soa_s);
void ideal_query(struct ideal *c, const struct kube_query *q);
const struct ideal_count *ideal_counts(const struct ideal *c);
void ideal_free(struct ideal *c);

#endif
