/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connection tracking has of TCP connections when rules come and go (resolver/node/established.h says why). While
 * rules stand none of ours is tracked, so what there is was made without them.
 */
#ifndef NODENS_SUPERVISOR_RULES_TRACKED_H
#define NODENS_SUPERVISOR_RULES_TRACKED_H

#include "resolver/node/node.h"

struct rules_tracked {
	uint64_t sweep_ns; /* when it is to go; 0: it has */
	uint64_t rest_ns;  /* not before */
	unsigned part;
	bool said; /* that it could not be had */
};

/* `which`: local addresses, a bit each, in -localip's order. */

/* Rules have come, or come back: ours end whose clients have gone on elsewhere; the rest goes a while later. */
void rules_tracked_came(struct rules_tracked *t, struct node *n, uint64_t which);
/* With each renewal, while rules hold: a part of it, when it is time. */
void rules_tracked_sweep(struct rules_tracked *t, struct node *n, uint64_t which);
/* They are about to lapse: what would clash with our replies goes. */
void rules_tracked_clear(struct rules_tracked *t, struct node *n, uint64_t which);

#endif
