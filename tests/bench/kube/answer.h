/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the upstream of the benchmarks says: authoritative for the world of
 * kube.h and for everything below bench.test (which always exists: unique names
 * for the miss path; "r20." as first label brings an answer of 20 records).
 */
#ifndef NODENS_BENCH_ANSWER_H
#define NODENS_BENCH_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/kube/kube.h"

/* What the SOA of a denial says: KUBE_NEGATIVE_S, or more, which the Corefile cuts. */
extern uint32_t kube_soa_s;

struct kube_asked { /* what the query was about */
	enum kube_verdict verdict;
	bool is_cluster;
};

/* The reply to one query into `out`: its length, or 0 when it deserves none. */
size_t kube_answer(const uint8_t *q, size_t len, uint8_t *out, size_t cap, struct kube_asked *ret);

#endif
