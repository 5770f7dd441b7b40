/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that watches queries go by and must not slow them: query log,
 * errors, dnstap, top lists. A worker's server hands over what happens; what a
 * configuration wants of it is prepared before the switch and taken after it,
 * and when it wants nothing, finished queries are not even told.
 */
#ifndef NODENS_OBSERVE_H
#define NODENS_OBSERVE_H

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/observe/shm.h"
#include "resolver/net/loop.h"
#include "resolver/net/upstream.h"

struct observe;
struct observe_plan; /* what one configuration wants */

int observe_new(struct observe **ret, struct loop *loop, struct shm_worker *shm,
		const struct upstreams *u, struct diag *d);
void observe_free(struct observe *o);

int observe_prepare(struct observe *o, const struct corefile_plan *p, struct observe_plan **ret,
		    struct diag *d);
void observe_discard(struct observe_plan *n);
/* From now on; the plan before may go afterwards. */
void observe_commit(struct observe *o, struct observe_plan *n);
/* Somebody wants observe_done. */
bool observe_wants_done(const struct observe *o);

void observe_done(struct observe *o, const struct core_client *c, const struct core_done *done);
void observe_failed(struct observe *o, const struct core_failed *f);
/* After it was handed to the upstreams. */
void observe_ask(struct observe *o, const struct core_ask *a);
/* Before the core gets it; `bytes` may still be no answer at all. */
void observe_answer(struct observe *o, uint32_t ask_id, const uint8_t *bytes, size_t len);
void observe_flush(struct observe *o);

#endif
