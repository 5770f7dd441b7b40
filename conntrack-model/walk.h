/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks events through a table: opens TCP with a handshake, sends each new
 * flow to a random backend, leaves out untracked addresses, and samples the
 * occupancy of each namespace on the way.
 */
#ifndef NODENS_CT_WALK_H
#define NODENS_CT_WALK_H

#include "conntrack-model/callers.h"
#include "conntrack-model/ctable.h"
#include "conntrack-model/endpoints.h"
#include "conntrack-model/events.h"
#include "conntrack-model/snat.h"

#define WALK_NOTRACK_MAX 64
#define WALK_ROWS_MAX 20000 /* then every other row goes, and rows come half as often */

struct walk_conf {
	struct ct_conf table;
	unsigned n_backends; /* behind each server address; 0: no DNAT */
	struct endpoints_conf endpoints; /* what becomes of them, and of who leads there */
	struct callers_conf callers; /* clients whose load depends on the table */
	struct snat_conf snat; /* of all flows, as a node masquerades them */
	unsigned growth;     /* each client this many times over; 1 */
	uint64_t sample_ns;  /* one row each; 1 s */
	uint64_t tail_ns;    /* go on looking after the last event */
	size_t n_notrack;
	struct in6_addr notrack[WALK_NOTRACK_MAX];
	uint8_t netns; /* the namespace a prediction speaks of */
};
void walk_conf_init(struct walk_conf *c);

struct walk_row {
	double t_s;
	uint64_t live, assured, count;		/* count is what nf_conntrack_count shows */
	uint64_t drop, early_drop, flows, lost; /* totals since the beginning; drop: table full */
};
struct walk_track { /* one namespace */
	struct walk_row *row;
	size_t n_rows;
	uint64_t n_queries, n_lost; /* lost: their packet was dropped */
	uint64_t n_clashed;         /* of these, because another flow had their translated tuple */
	uint64_t peak;              /* of the count */
	double full_at_s;           /* when the first packet found the table full; below 0: never */
};
struct walk {
	struct walk_track track[CT_NETNS_MAX]; /* no rows where no event was */
	struct ct_counters stats;              /* of the machine */
	uint64_t n_untracked, n_untracked_replies; /* packets */
	double gc_period_s;
	struct endpoints_told endpoints;
	struct callers_told callers;
	uint64_t n_raced; /* packets dropped because another flow chose their translation a moment before */
};
/* 0 or ERR_NOMEM. Rows stop while the table is empty and nothing happens. */
int walk_run(struct walk *ret, const struct walk_conf *c, const struct ct_events *e);
void walk_release(struct walk *w);

/* Over rows with from_s <= t < until_s. */
struct walk_range {
	double min, mean, max, live_mean, live_max;
	size_t n;
};
struct walk_range walk_range(const struct walk_track *k, double from_s, double until_s);

#endif
