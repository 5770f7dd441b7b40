/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that their own DNS has denied when it was asked for them, and for how long
 * that has been so: what the search-path shield may deny again. Only a name's own
 * denials count, type by type. Such a denial holds as long again as the name has been
 * known to be absent, a minute at least, half an hour at most (what CoreDNS's cache
 * allows a denial); then the name is asked for again.
 *
 * Fixed, eight octets a name, eight names a cache line. Where a line is full, those
 * go first that were denied once. What is lost is asked again. Lines lie side by side in
 * the order in which they were first needed, so that a table of few names touches few pages.
 */
#ifndef NODENS_CORE_ABSENT_H
#define NODENS_CORE_ABSENT_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/cache.h"

#define ABSENT_HOLD_MIN_S 60
#define ABSENT_HOLD_MAX_S 1800

struct absent {
	uint64_t *mark;
	uint32_t *line;	  /* where the marks of each are, and 1; 0: it has none yet */
	uint32_t n_lines; /* power of two */
	uint32_t n_used;  /* so many have marks, the first ones of mark[] */
	uint64_t from_s;  /* marks count seconds from here */
	uint64_t turn;    /* mixed into every mark: another turn finds none of them */
	bool is_used;
};

struct absent_age {
	uint32_t ago_s;   /* since the denial; of A and AAAA the older one */
	uint32_t known_s; /* from the first denial to that one */
};

/* Marks of at most `bytes`, a line at least. 0 or ERR_NOMEM. */
int absent_init(struct absent *t, uint64_t bytes);
void absent_release(struct absent *t);
/* The key's name was denied for its type. */
void absent_note(struct absent *t, const struct cache_key *k, uint64_t now_ns);
/* It exists: A and AAAA are forgotten, and the key's own type. */
void absent_drop(struct absent *t, const struct cache_key *k);
/* All are forgotten. */
void absent_forget(struct absent *t);
/* Has it been denied for this type? */
bool absent_find(const struct absent *t, const struct cache_key *k, uint64_t now_ns,
		 struct absent_age *ret);
/* Does that hold yet? */
bool absent_holds(const struct absent *t, const struct cache_key *k, uint64_t now_ns);

#endif
