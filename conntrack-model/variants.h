/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What if: the same load under each change that people consider, side by side. One row a
 * variant; a new one is a row of the table in variants.c.
 */
#ifndef NODENS_CT_VARIANTS_H
#define NODENS_CT_VARIANTS_H

#include <stdio.h>

#include "conntrack-model/walk.h"

#define VARIANTS_MAX 16

struct variant_conf {
	double miss_share; /* queries that a node cache passes on, 0..1 */
	uint16_t dns_port; /* what goes elsewhere is no DNS and stays as it is; 0: all is DNS */
};
struct variant_result {
	const char *name, *means; /* "notrack-tcp-kept"; one line of words */
	uint64_t peak;		  /* of the count, with the limit as it is */
	uint64_t peak_free;	  /* and without one */
	double live_mean, lost_share;
	uint64_t early_drop;
	uint64_t ipvs_peak;	  /* connections of IPVS's own table; 0: it has none */
	uint64_t bytes_peak;	  /* of kernel memory, both tables and the hash */
	double full_at_s;	  /* below 0: never */
};

/* Walks every variant; *ret_n of them. 0 or ERR_NOMEM. */
int variants_run(struct variant_result ret[VARIANTS_MAX], size_t *ret_n, const struct walk_conf *c,
		 const struct variant_conf *v, const struct ct_events *e);
void variants_print(const struct variant_result *r, size_t n, FILE *out);

#endif
