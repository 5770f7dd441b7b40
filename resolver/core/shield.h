/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search-path shield. With ndots:5 a pod asks `www.example.com.<ns>.svc.D`,
 * `www.example.com.svc.D` and `www.example.com.D` before it asks what it means.
 * None of `com.<ns>.svc.D`, `com.svc.D`, `com.D` exists, hence nothing below
 * them does (RFC 8020): one question about such a cut answers for the whole
 * subtree as long as its denial lives.
 *
 * A cut is an ancestor of the name asked, one label below a suffix that pods
 * search. It is asked before the name, at most once while what it said is
 * known; its NXDOMAIN is an ordinary cache entry, and synthesized replies are
 * made from that entry each time, never stored. So the denial's TTL bounds
 * everything, and dropping the entry drops the cut.
 *
 * Only zones marked as the cluster's; a name below a cut that turns out to
 * exist removes the cut at once; a sample of the synthesized answers is asked
 * all the same, and when the cluster's DNS insists on both (the name exists,
 * its ancestor does not) the shield is switched off for that zone.
 */
#ifndef NODENS_CORE_SHIELD_H
#define NODENS_CORE_SHIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/answer.h"

/* Of each zone. Before it acts, the cluster's DNS must show that it does not deny
 * an empty non-terminal: `svc.<domain>`, which has names below it, must not be
 * NXDOMAIN. */
enum shield_state { SHIELD_UNPROVEN, SHIELD_ACTIVE, SHIELD_TRIPPED };

#define SHIELD_CUTS_MAX    2
#define SHIELD_EXISTS_SIZE 1024 /* power of two */

struct shield_exists { /* a cut that exists, so need not be asked about */
	uint64_t mark, until_ns;
};

struct core;
struct visit;
struct question;
struct cache_key;

/* Offsets in `name` of its cuts for cluster domain `origin`, the highest first.
 * Returns how many. */
unsigned shield_cuts(const uint8_t *name, const uint8_t *origin, uint8_t ret_at[SHIELD_CUTS_MAX]);

/* A reply from a known cut into v->out; *ret_len 0: the client was parked for
 * something else. False: no cut is known. */
bool shield_serve(struct core *c, struct visit *v, const struct cache_key *k, size_t *ret_len);
/* The denial of a cut whose time is over but not its zone's stale window, where
 * nothing newer is known, or NULL. *ret_failed: the cut could not be asked about
 * a moment ago. */
struct entry *shield_stale(const struct core *c, unsigned zone, const struct cache_key *k,
			   uint64_t now_ns, bool *ret_failed);
/* Is a cut known that denies this name? */
bool shield_denies(const struct core *c, unsigned zone, const struct cache_key *k, uint64_t now_ns);
/* Lets a new question wait for what one of its cuts says, or ends it by what one
 * said; false: ask it now. */
bool shield_follow(struct core *c, uint32_t qi, uint64_t now_ns);
/* What a final answer teaches, by name asked and purpose of the question. */
void shield_learn(struct core *c, const struct question *q, const struct answer *a,
		  uint64_t now_ns);

#endif
