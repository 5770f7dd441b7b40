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
 *   READY                        ->              workers stop reading
 *                                <-  GO
 *   READING                      ->
 *   self-test passes, rules, pidfile
 *   DONE                         ->
 *                                <-  BYE         answers what it has, and exits 0
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
 * Rules, interface and pidfile belong to whoever is not marked `not_ours`.
 */
#ifndef NODENS_HANDOVER_H
#define NODENS_HANDOVER_H

#include <stdbool.h>

#include "lib/base/err.h"

struct supervisor;
struct handover;

/* Looks for an older instance and takes its sockets: 1; 0: there is none. A
 * negative code: there is one, and it does not hand over; or, with s->phase at
 * PHASE_DONE, a signal came. Waits for one that is busy, for a while. */
int handover_take(struct supervisor *s, struct diag *d);
/* How many workers the sockets taken are for; 0: none were taken. */
unsigned handover_workers(const struct supervisor *s);
/* Sockets were taken, and the older instance still serves them. */
bool handover_waiting(const struct supervisor *s);
/* The configuration is what the workers would serve. */
void handover_configured(struct supervisor *s);
/* The self-test passed and rules stand: tell the old one, or begin to listen. */
void handover_serving(struct supervisor *s);

/* What workers_hold and the like call when all have answered; ctx: supervisor. */
void handover_answered(void *ctx);

/* It is being settled which instance serves: nothing may be changed now. */
bool handover_busy(const struct supervisor *s);
/* Nobody of ours reads: a self-test would test somebody else. */
bool handover_paused(const struct supervisor *s);
/* Told to stop while busy: do it when it is known who serves. */
void handover_stop_later(struct supervisor *s, bool with_lameduck);
/* This process, or the keeper in front of it, is number 1 of its container. */
bool handover_first_process(const struct supervisor *s);
/* Some instance listens at the path. */
bool handover_followed(const struct supervisor *s);
void handover_release(struct supervisor *s);

#endif
