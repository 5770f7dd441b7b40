/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One collector of dnstap messages: a unix or TCP socket to which a worker
 * connects and speaks Frame Streams, handshake and all. Messages wait in a
 * buffer of fixed size; what finds no room, because the collector is slow or
 * away, is dropped and counted, and DNS goes on. A lost connection is made anew,
 * with longer and longer pauses, and begins at a whole frame.
 */
#ifndef NODENS_DNSTAP_H
#define NODENS_DNSTAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/observe/dnstap_msg.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"

struct dnstap;

/* Could be opened: 0, or ERR_SYNTAX, ERR_LIMIT. */
int dnstap_check(const char *target, bool is_tcp, struct diag *d);
/* `target`: a path, or "IP:port" when is_tcp. The first connection is tried at
 * once, in the background. */
int dnstap_open(struct dnstap **ret, struct loop *loop, const char *target, bool is_tcp,
		struct driver_stats *stats, struct diag *d);
/* Sends what it can without waiting, says STOP, closes. NULL is allowed. */
void dnstap_close(struct dnstap *t);
bool dnstap_is_for(const struct dnstap *t, const char *target, bool is_tcp);
void dnstap_put(struct dnstap *t, const struct dnstap_msg *m);
/* Before the loop sleeps. */
void dnstap_flush(struct dnstap *t);

#endif
