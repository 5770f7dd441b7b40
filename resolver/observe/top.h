/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks most, for what, and who makes the NXDOMAIN: kept by each worker in
 * shared memory of fixed size, added up by the supervisor for /debug/top.
 *
 * Counts fade: each window they are halved, and so is the time they stand for,
 * so that count / time stays a rate. Up to TOP_EXACT_PER_S queries a second are
 * all counted; of what goes beyond, one in TOP_STRIDE on average, at random
 * distances, each standing for that many: a busy node's fast path does not pay.
 */
#ifndef NODENS_TOP_H
#define NODENS_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/base/rng.h"
#include "resolver/core/core.h"
#include "resolver/observe/topk.h"

#define TOP_WINDOW_NS (60 * NS_PER_S)
#define TOP_EXACT_PER_S 1000
#define TOP_STRIDE 32
#define TOP_SHOWN 20 /* entries of a list, unless ?n= says otherwise */

enum top_list { TOP_CLIENTS, TOP_NAMES, TOP_NX_CLIENTS, TOP_NX_NAMES, TOP_LISTS };

struct top {
	bool enabled;
	struct hash_key key;
	struct rng rng;
	uint32_t skip, weight; /* queries to pass over; what the next one stands for */
	uint32_t n_exact;
	uint64_t second_ns, roll_ns; /* begin of the second; end of the window, 0: never used */
	uint64_t span_ns;	     /* time the counts stood for when the window began */
	struct topk list[TOP_LISTS];
	uint8_t client[2][TOPK_SLOTS][sizeof(struct in6_addr)];
	uint8_t name[2][TOPK_SLOTS][NAME_MAX_WIRE];
};

/* In zeroed memory. */
void top_init(struct top *t);
/* Another worker left it; this one goes on. */
void top_resume(struct top *t);
/* The slow half of top_note. */
void top_count(struct top *t, const struct core_client *c, const struct core_done *done);
static inline void top_note(struct top *t, const struct core_client *c,
			    const struct core_done *done)
{
	if (t->skip)
		t->skip--;
	else
		top_count(t, c, done);
}

/* JSON over all workers: at most `n` entries a list. `board` may hold NULL. */
void top_write(const struct top *const *board, size_t n_boards, uint64_t now_ns, size_t n,
	       FILE *out);

#endif
