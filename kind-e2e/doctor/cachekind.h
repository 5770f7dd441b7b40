/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a cache on this node in the path of the pods' questions, and whose? By evidence, and all of
 * it is kept: addresses, interfaces, NOTRACK rules, what the server says of itself, its metrics,
 * the DaemonSets, and how its answers look.
 */
#ifndef NODENS_KIND_E2E_CACHEKIND_H
#define NODENS_KIND_E2E_CACHEKIND_H

#include "kind-e2e/doctor/facts.h"

enum cache_kind {
	CACHE_NONE,
	CACHE_NODENS,
	CACHE_NODELOCAL,
	CACHE_AKS,
	CACHE_GKE,
	CACHE_COREDNS,
	CACHE_OTHER,
	N_CACHE_KINDS
};
#define EVIDENCE_MAX 16

struct cache_found {
	enum cache_kind kind; /* of the one that is installed, in the path or not */
	bool in_path;	      /* pods' questions to facts.server reach it */
	bool unsure;	      /* there is one, but from here the path cannot be seen */
	struct addr addr;     /* where it was found; family 0: only by its DaemonSet */
	char evidence[EVIDENCE_MAX][200];
	unsigned n_evidence;
};

void cache_recognise(struct cache_found *ret, const struct facts *f);
const char *cache_kind_word(enum cache_kind k); /* "nodelocaldns" */
const char *cache_kind_name(enum cache_kind k); /* "NodeLocal DNSCache" */

/* Is this an address that a cache on a node has, by what it is or by what stands around it? */
bool cache_address(const struct facts *f, const struct addr *a);
/* An address that an interface here holds and nobody answers at, or NULL. A cache that holds its
 * rules back while it is dead leaves questions to kube-proxy, whatever rules stand there. */
const struct asked *cache_dead_address(const struct facts *f);

/* Is there a NOTRACK rule, of either dialect, for what goes to (or comes from) this address? */
bool cache_notrack(const struct rules_facts *r, const struct addr *a, bool output, bool from,
		   bool tcp);

#endif
