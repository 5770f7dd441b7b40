/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source NAT of new flows, and the race in it (get_unique_tuple, nf_nat_setup_info in nf_nat_core.c): the search for a
 * free tuple looks at confirmed entries alone, so of two that choose one tuple within the time from choice to
 * confirmation, the second finds it taken when it is to be confirmed and its packet is dropped (insert_failed).
 */
#ifndef NODENS_CT_SNAT_H
#define NODENS_CT_SNAT_H

#include "conntrack-model/ctable.h"
#include "lib/base/rng.h"

/* What two threads showed on Linux 6.18, two processors, veth: of pairs for one entry 99 % met when both began at once, 12 and
 * 34 % (two runs) when the second was 2 us later, 0.3 % at 10 us; the area below that is 1.7 and 2.7 us. */
#define SNAT_WITHIN_NS 2000

struct snat_conf {
	bool on, random_fully;
	uint64_t within_ns; /* from choice to confirmation */
};

#define SNAT_RECENT 256 /* choices remembered: more than are made in within_ns at any rate there is */
struct snat {
	struct snat_conf conf;
	struct rng rng;
	struct {
		uint64_t t_ns;
		struct ct_tuple reply;
	} recent[SNAT_RECENT];
	unsigned n;
	uint64_t n_raced;
};
void snat_init(struct snat *s, const struct snat_conf *c, uint64_t seed);
/* The node's address, and the port that is tried first, into the reply tuple of a new flow. True: another flow
 * chose the same a moment ago, and this packet will be dropped. */
bool snat_choose(struct snat *s, uint64_t now_ns, struct ct_tuple *reply);

#endif
