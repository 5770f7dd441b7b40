/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `dnstap` plugins of a configuration send: queries and replies of
 * clients (CLIENT_QUERY, CLIENT_RESPONSE), and each exchange with an upstream
 * (FORWARDER_QUERY, FORWARDER_RESPONSE). A client's query is sent together with
 * its reply, under the time at which it came; what was asked of an upstream on
 * its account therefore stands before it.
 */
#ifndef NODENS_TAP_H
#define NODENS_TAP_H

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"
#include "resolver/net/upstream.h"

struct taps;

/* *ret is NULL when no block has `dnstap`. Addresses are checked; nothing is
 * connected before taps_open. The plan must outlive it. */
int taps_new(struct taps **ret, const struct corefile_plan *p, struct loop *loop,
	     struct driver_stats *stats, struct diag *d);
/* Takes over from `old` the connections that it wants too. NULL is allowed. */
void taps_open(struct taps *t, struct taps *old);
void taps_free(struct taps *t);

void taps_done(struct taps *t, const struct core_client *c, const struct core_done *done);
/* `at` may be NULL: not known. */
void taps_ask(struct taps *t, const struct core_ask *a, const struct upstream_seen *at);
void taps_answer(struct taps *t, uint32_t ask_id, const uint8_t *bytes, size_t len);
void taps_flush(struct taps *t); /* NULL is allowed */

#endif
