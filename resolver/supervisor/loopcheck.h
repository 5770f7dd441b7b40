/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `loop` plugin: does an upstream lead back to us? Each upstream of a block
 * with `loop` gets one question nobody else would ask, HINFO <random>.<random>.
 * <zone>; a worker that receives it as a query has seen the loop. CoreDNS ends
 * the process then, and with it the node's DNS; here that upstream alone is
 * left out, until a later question to it no longer comes back.
 */
#ifndef NODENS_LOOPCHECK_H
#define NODENS_LOOPCHECK_H

#include <stdbool.h>

#include "resolver/corefile/corefile.h"
#include "resolver/corefile/loops.h"
#include "resolver/net/loop.h"

struct loopcheck;

/* `changed`: shared->found did, the configuration has to be compiled anew. */
struct loopcheck *loopcheck_new(struct loop *loop, struct loopcheck_shared *shared,
				void (*changed)(void *ctx), void *ctx);
void loopcheck_free(struct loopcheck *c);
/* Asks all upstreams of `plan` that are to be checked; what ran before is forgotten. */
void loopcheck_run(struct loopcheck *c, const struct corefile_plan *plan);

#endif
