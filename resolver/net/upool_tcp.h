/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to one upstream: few, kept open, many questions in flight on
 * each, answers in any order (RFC 7766 section 6.2.1.1), whether each has a
 * length before it or is a stream of HTTP/2 (see upool_conn.h).
 *
 *   connecting -> [TLS handshake] -> open -> draining -> closed
 *
 * A connection drains (takes no new question) when it reaches its jittered age.
 * It is suspected when a question was given up while nothing came in, or when
 * a sister connection broke; one octet received clears it. While it is suspected,
 * new questions go over a new connection: a dead peer costs one timeout, not
 * one for each socket.
 *
 * A question that connections break under (a name that a filter on the way resets TCP
 * for, an answer that the server dies of) would take its neighbours with it each time it is asked
 * again. So whatever was on a connection that broke is asked again apart: on one of a few
 * connections kept for such questions, alone while there is one to be had, else beside any of
 * them, so that those who were only beside it part from it.
 */
#ifndef NODENS_UPOOL_TCP_H
#define NODENS_UPOOL_TCP_H

#include "resolver/net/asks.h"
#include "resolver/net/upool.h"

struct core_ask;

void upool_init(struct upool *p, struct upstream *up, enum core_proto proto);
/* All connections go, when all of all upstreams do: nothing is flushed afterwards, and nobody is
 * told of the questions on them. */
void upool_release(struct upool *p);
void upool_ask(struct upool *p, struct ask *a, const struct core_ask *what);
/* The ask's row is given back; its id stays taken on the connection. */
void upool_cancel(struct ask *a);
/* No new connection will be opened; idle ones close now, others when done. */
void upool_retire(struct upool *p);

/* The upstream's configuration has changed: it holds for the connections there are, too. */
void upool_reconfigured(struct upool *p);

void upool_flush(struct upstreams *u);

#endif
