/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core's counters must sum up to, whatever happens: a tally of what was
 * given to a core and of what it gave back, held against its statistics after
 * each call. `done` tells of each query that some zone was looked for, once.
 */
#ifndef NODENS_SCENARIO_LAWS_H
#define NODENS_SCENARIO_LAWS_H

#include "resolver/core/core.h"

struct tally {
	uint64_t queries, drops;        /* of the driver's own counting */
	uint64_t parked;                /* now */
	uint64_t lost;                  /* were parked when another core took over */
	uint64_t hits_parked;           /* found in the cache, and waited for more (autopath) */
	uint64_t asks[CORE_PROTOS], probes, fails, answers;
	/* by what `done` says */
	uint64_t done, done_drops, from[CORE_FROM_SERVER + 1];
	uint64_t requests[2][2], do_requests, rcode[STATS_RCODES];
	uint64_t query_octets[2], reply_octets[2], took_ns;
};

void tally_ask(struct tally *t, const struct core_ask *a);
/* NULL, or what is wrong with what it says. */
const char *tally_done(struct tally *t, const struct core_client *c, const struct core_done *d);
uint64_t laws_hits(const struct core_stats *s);
/* NULL, or the law that is broken. */
const char *laws_check(const struct tally *t, const struct core_stats *s);

#endif
