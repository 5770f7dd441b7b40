/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that say what must have happened:
 *
 *   expect reply CLIENT RCODE [ttl N] [an N] [ns N] [ar N] [aa|ra|ad|tc|cd] [no aa|ra|ad|tc]
 *          [ede N] [noede] [nsid TEXT] [cookie LEN] [nocookie] [len<=N] [size N] [ext] ["rr"...]
 *   expect replies N CLIENT RCODE   all that it got since the last expected one
 *   expect upstream [UPSTREAM] NAME TYPE [udp|tcp|tls] [do] [cd] [rd|nord] [edns SIZE] [noedns]
 *          [spelled|lower]
 *   expect questions N           so many questions went upstream, whichever
 *   expect drop CLIENT
 *   expect nothing               no reply and no question since the last expected one
 *   expect count NAME VALUE      see counters.c
 *   expect event "words"         expect no event "words"
 *
 * Replies and questions are taken in order per client and per question; one
 * that no line expected fails the file at its end.
 */
#ifndef NODENS_SCENARIO_EXPECT_H
#define NODENS_SCENARIO_EXPECT_H

#include "tests/scenario/world.h"

/* What follows `expect`. */
void expect_line(struct world *w);

void expect_nothing(struct world *w);
void expect_count(struct world *w);
/* Tells of each counter that is not zero; `of` is its row, "" for the core's own. */
void counters_each(const struct core_stats *s, void (*each)(void *ctx, const char *of, const char *name, uint64_t n),
		   void *ctx);
void expect_equal(struct world *w, const char *what, uint64_t is, uint64_t want);

#endif
