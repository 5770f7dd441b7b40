/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search-path shield. With ndots:5 a pod asks `www.example.com.<ns>.svc.D`,
 * `www.example.com.svc.D` and `www.example.com.D` before it asks what it means, and
 * again as soon as those denials have run out. None of `com.<ns>.svc.D`, `com.svc.D`,
 * `com.D` exists, hence nothing below them does (RFC 8020): one question about such a
 * cut renews the denials of all names below it.
 *
 * It renews; it never infers. DNS servers do deny names that have names below them
 * (CoreDNS with `hosts`, `template`, `rewrite`, `file`), and one that has not synced
 * yet denies a namespace. So a name is denied without being asked for when all of
 * this holds, and asked for otherwise:
 *
 *  - its DNS has denied it itself, for this type, and that holds yet (absent.h);
 *  - its cut is denied now, for the second time in a row at least;
 *  - the client finds the name further along its search list: nobody waits for it
 *    to come into being here;
 *  - at its level (how many labels below D the cut lies) the DNS has not been caught
 *    denying a name and answering for one below it.
 *
 * An operator who knows the DNS may say that it is to be trusted (`shield trust`): then
 * names need not have been denied themselves, nor be found elsewhere; some are asked
 * for all the same, and one contradiction is enough.
 *
 * A cut is an ancestor of the name asked, one label below a suffix that pods search.
 * It is asked once while what it said is known; its NXDOMAIN is an ordinary cache
 * entry, and synthesized replies are made from that entry each time, never stored. So
 * the cut's denial bounds each of them, and dropping the entry drops the cut.
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
#define SHIELD_LEVELS      3
#define SHIELD_EXISTS_SIZE 1024 /* power of two */

struct shield_cut {
	uint8_t at;    /* where in the name it begins */
	uint8_t level; /* labels between it and the domain: 0 com.D, 1 com.svc.D, 2 com.<ns>.svc.D */
};

struct shield_exists { /* a cut that exists, so need not be asked about */
	uint64_t mark, until_ns;
	uint64_t denied_ns; /* when first a name was found below it while it was denied; 0: never */
};

struct core;
struct visit;
struct question;
struct cache_key;

/* The cuts of `name` for cluster domain `origin`, the highest first. Returns how many. */
unsigned shield_cuts(const uint8_t *name, const uint8_t *origin,
		     struct shield_cut ret[SHIELD_CUTS_MAX]);

/* A reply from a known cut into v->out; *ret_len 0: the client was parked for
 * something else. False: the name is to be asked for. */
bool shield_serve(struct core *c, struct visit *v, const struct cache_key *k, size_t *ret_len);
/* The denial of a cut whose time is over but not its zone's stale window, for a name
 * that was denied itself within that window, where nothing newer is known, or NULL.
 * *ret_failed: the cut could not be asked about a moment ago. */
struct entry *shield_stale(const struct core *c, unsigned zone, const struct cache_key *k,
			   uint64_t now_ns, bool *ret_failed);
/* May this name, asked for at `listener`, be denied? */
bool shield_denies(const struct core *c, unsigned zone, unsigned listener,
		   const struct cache_key *k, uint64_t now_ns);
/* Lets a new question wait for what its cut says, or ends it by what one said;
 * false: ask it now. */
bool shield_follow(struct core *c, uint32_t qi, uint64_t now_ns);
/* What a final answer teaches, by name asked and purpose of the question. Its denial,
 * if it is to be kept, is in the cache. */
void shield_learn(struct core *c, const struct question *q, const struct answer *a,
		  uint64_t now_ns);
/* Another configuration: everything is to be learnt again. */
void shield_reset(struct core *c);

#endif
