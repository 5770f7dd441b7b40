/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kubernetes-like world in numbers, shared by everything in tests/bench: which
 * names exist, and the stream of queries that pods with ndots:5 and four search
 * suffixes send. The generator, the authoritative server and the ideal-cache
 * calculation use this one definition, so they agree on every name.
 *
 * Exists: svc<i>.ns<j>.svc.cluster.local for i < KUBE_SERVICES and j = i % 20
 * (A always, AAAA for even i); www<i>.site<i>.com. likewise outside the cluster.
 * Everything else does not.
 */
#ifndef NODENS_BENCH_KUBE_H
#define NODENS_BENCH_KUBE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/base/rng.h"

#define KUBE_SERVICES   10000u
#define KUBE_EXTERNALS  4000u
#define KUBE_NAMESPACES 20u
#define KUBE_TTL_S      30u
#define KUBE_NEGATIVE_S 5u

enum kube_verdict { KUBE_ANSWER, KUBE_NODATA, KUBE_NXDOMAIN };

/* `name` in wire form, any case. Empty non-terminals exist with no data. */
enum kube_verdict kube_lookup(const uint8_t *name, uint16_t qtype);
/* Below cluster.local: what the cluster DNS is asked for. */
bool kube_is_cluster(const uint8_t *name);
/* The name whose non-existence would settle `name` (com.ns1.svc.cluster.local
 * for a.com.ns1.svc.cluster.local), or NULL when there is none above it but
 * below a search suffix of the cluster. Points into `name`. */
const uint8_t *kube_cut(const uint8_t *name);

struct kube_query {
	uint64_t t_ns;
	uint32_t client; /* pod number */
	uint16_t qtype;
	struct name name;
};

struct kube_stream;
/* `rate` queries a second (the mean of the lookups' steps), `n` queries in all. */
struct kube_stream *kube_stream_new(uint64_t seed, double rate, uint64_t n);
bool kube_stream_next(struct kube_stream *s, struct kube_query *ret);
void kube_stream_free(struct kube_stream *s);

#endif
