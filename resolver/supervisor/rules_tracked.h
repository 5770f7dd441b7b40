/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connection tracking has of TCP connections when rules come and go (resolver/node/established.h says why). While
 * rules stand none of ours is tracked, so what there is was made without them.
 */
#ifndef NODENS_SUPERVISOR_RULES_TRACKED_H
#define NODENS_SUPERVISOR_RULES_TRACKED_H

#include "lib/base/clock.h"
#include "resolver/node/established.h"
#include "resolver/node/node.h"

struct rules_tracked {
	struct established_walk ending, clearing; /* where they have come to; a part at a time, rules are renewed between */
	struct established_sweep sweeping;
	uint64_t sweep_ns; /* when it is to go; 0: it has */
	uint64_t rest_ns;  /* not before */
	uint64_t clear_ns; /* until it goes: when entries by the clients' ports of ours go the next time */
	bool ends, clears; /* not all has been looked at */
	bool said; /* that it could not be had */
};
#define RULES_TRACKED_PAUSE_NS (10 * NS_PER_MS)

/* `which`: local addresses, a bit each, in -localip's order. */

/* Rules have come, or come back: ours end whose clients have gone on elsewhere; the rest goes a while later. */
void rules_tracked_came(struct rules_tracked *t);
/* They may be about to lapse: what would clash with our replies goes. */
void rules_tracked_doubted(struct rules_tracked *t);
/* While they hold: the next part of what is to be done. `sweep`: nobody else uses what is tracked. True: there is more
 * of it, after a pause. */
bool rules_tracked_go_on(struct rules_tracked *t, struct node *n, uint64_t which, bool sweep);
/* They hold no more. */
void rules_tracked_stop(struct rules_tracked *t);
/* They lapse now: what would clash goes at once. */
void rules_tracked_clear(struct rules_tracked *t, struct node *n, uint64_t which);

#endif
