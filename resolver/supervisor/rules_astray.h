/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache answers, but what is sent to one of the cluster's addresses does not get here, so that the
 * rules for that address do harm. They go for a while, and for longer each time that they come back in
 * vain; whether they work cannot be told without them.
 */
#ifndef NODENS_SUPERVISOR_RULES_ASTRAY_H
#define NODENS_SUPERVISOR_RULES_ASTRAY_H

#include <stdint.h>

#include "resolver/config/flags.h"

struct rules_astray {
	struct {
		unsigned n;                  /* self-tests in a row */
		uint64_t until_ns, pause_ns; /* rules stay away; for how long the next time */
	} of[FLAGS_LOCALIPS_MAX];            /* in -localip's order, as are bits */
};

/* A self-test asked at some addresses, and had no answer at some of these. Those for which the rules
 * have to go now. */
uint64_t rules_astray_note(struct rules_astray *a, uint64_t asked, uint64_t lost, uint64_t now_ns);
/* Those for which they stay away. */
uint64_t rules_astray_now(const struct rules_astray *a, uint64_t now_ns);

#endif
