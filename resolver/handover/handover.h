/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instance takes over from another without a question lost.
 *
 *   new                              old
 *   HELLO                        ->              same user, same network namespace?
 *                                <-  OFFER, LISTENER..., HTTP..., END   (sockets)
 *   compiles its configuration, starts workers on the sockets; they do not read
 *   WARM                         ->              workers write their caches out
 *                                <-  CACHE..., END
 *   workers put the entries in
 *   READY                        ->              workers stop reading what the new one will read
 *                                <-  GO
 *   READING                      ->
 *   self-test passes, rules, pidfile
 *   DONE                         ->
 *                                <-  BYE         answers what it has, and exits 0
 *
 * Listeners that only the old one has it reads on, to the end: its rules lead there until
 * those of the new one stand, and what came until then is answered.
 *
 * What arrives between the last read of the old and the first of the new waits
 * in the sockets' queues, which are the same sockets all along. Until BYE the
 * old one is the owner: when the new one is gone, slow, or says nothing, the old
 * one reads on, and the new one leaves without a trace. Until BYE, too, SIGTERM
 * to the old one waits for the outcome.
 *
 * A container's first process does not exit, or kubelet would start it again,
 * and it would take over from its successor: it stays, without workers and
 * sockets, until SIGTERM, or until nobody listens at the path any more.
 *
 * Rules, interface and pidfile are not the new one's before BYE.
 */
#ifndef NODENS_HANDOVER_H
#define NODENS_HANDOVER_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "resolver/handover/handover_host.h"

struct handover;

/* NULL: no memory. `host` is the caller's and stays. */
struct handover *handover_new(const struct handover_host *host);
void handover_free(struct handover *h);

/* Looks for an older instance and takes its sockets: 1, rules, interface and pidfile are its
 * own for now; 0: there is none. A negative code: there is one, and it does not hand over;
 * or a signal came (handover_told). Waits for one that is busy, for a while. */
int handover_take(struct handover *h, struct diag *d);
bool handover_told(const struct handover *h);
/* How many workers the sockets taken are for; 0: none were taken. */
unsigned handover_workers(const struct handover *h);
/* Sockets were taken, and the older instance still serves them. */
bool handover_waiting(const struct handover *h);
/* The configuration is what the workers would serve. */
void handover_configured(struct handover *h);
/* The self-test passed and rules stand: tell the old one, or begin to listen. */
void handover_serving(struct handover *h);

/* All workers have answered what workers_hold and the like told them. */
void handover_answered(struct handover *h);

/* It is being settled which instance serves: nothing may be changed now. */
bool handover_busy(const struct handover *h);
/* Nobody of ours reads: a self-test would test somebody else. */
bool handover_paused(const struct handover *h);
/* Some instance listens at the path. */
bool handover_followed(const struct handover *h);

#endif
