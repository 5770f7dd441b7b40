/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that failed a moment ago, so that they are not asked again at once
 * (RFC 9520). Kept apart from the answers and looked at only when there is no
 * usable answer, so that a failure can never hide one. A fixed table, two
 * places a question, known by its keyed 64-bit hash.
 */
#ifndef NODENS_CORE_FAILURES_H
#define NODENS_CORE_FAILURES_H

#include <stdint.h>

struct failure {
	uint64_t mark;      /* 0: empty */
	uint64_t until_ns;  /* answer with the failure until then */
	uint64_t recheck_ns; /* serve stale without asking until then */
	uint64_t pause_ns;  /* last pause; doubles when it fails again */
	uint16_t rcode, ede;
};
struct failures {
	struct failure *slot;
	uint32_t n_pairs; /* power of two */
};

int failures_init(struct failures *f, uint32_t n_pairs);
void failures_release(struct failures *f);
/* The record of a question whose pause, or recheck pause, is not over; NULL. */
const struct failure *failures_find(const struct failures *f, uint64_t mark, uint64_t now_ns);
/* It failed: pause 1 s, then twice as long each time, at most `max_ns`; 0: only
 * the recheck pause is kept. */
void failures_note(struct failures *f, uint64_t mark, uint64_t now_ns, uint64_t max_ns,
		   uint64_t recheck_ns, uint16_t rcode, uint16_t ede);
void failures_clear(struct failures *f, uint64_t mark);

#endif
