/* SPDX-License-Identifier: Apache-2.0 */
/* The shield from inside: shield.c answers, shield_learn.c learns. */
#ifndef NODENS_CORE_SHIELD_INT_H
#define NODENS_CORE_SHIELD_INT_H

#include "resolver/core/core_int.h"

/* What is known of a cut. */
enum cut_state {
	CUT_UNKNOWN,
	CUT_EXISTS,
	CUT_DOUBTED, /* denied, but for the first time */
	CUT_ABSENT,
	CUT_FAILED,  /* cannot be asked about now */
};

/* Is the shield there for this zone? */
bool shield_in_use(const struct core *c, unsigned zone);
/* The question about the ancestor `at` octets into the key's name. */
void shield_cut_key(const struct core *c, const struct cache_key *k, uint64_t view, unsigned at,
		    struct cache_key *ret);
struct shield_exists *shield_exists_slot(const struct core *c, const struct cache_key *cut);
/* *ret: the denial, when DOUBTED or ABSENT. */
enum cut_state shield_cut_state(const struct core *c, const struct cache_key *cut, uint64_t now_ns,
				struct entry **ret);
/* Asks for `svc.<domain>` beside the question that needs it; the shield acts as soon
 * as the answer is there. */
void shield_gate_open(struct core *c, const struct question *q, uint64_t now_ns);

#endif
