/* SPDX-License-Identifier: Apache-2.0 */
/* Upstreams that lead back to us (the `loop` plugin): who finds them tells the
 * compiler here, which leaves them out of the plan. */
#ifndef NODENS_LOOPS_H
#define NODENS_LOOPS_H

#include <stdint.h>

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"

#define LOOPS_MAX 16 /* upstreams left out at a time */

/* In memory that supervisor and workers share. */
struct loopcheck_shared {
	struct core_probes probes;       /* `seen` is written by workers */
	uint32_t n_found;                /* the rest by the supervisor */
	struct corefile_loop found[LOOPS_MAX];
};

#endif
