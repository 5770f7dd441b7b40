/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstreams of a worker: carries out the core's asks over UDP, TCP, TLS or HTTPS
 * and hands back answers and failures. Most failures that happen while the core is
 * asking are told only before the loop sleeps.
 */
#ifndef NODENS_UPSTREAM_H
#define NODENS_UPSTREAM_H

#include "resolver/net/upstream_base.h"

int upstreams_init(struct upstreams *u, struct loop *loop, const struct upstream_events *ev,
		   struct stream_scratch *scratch, struct driver_stats *stats);
void upstreams_release(struct upstreams *u);
/* A new set, in two steps. All that may fail is done by the first; 0 or an error with
 * nothing changed. The second forgets all asks, which nobody is told: the core has
 * (core_reconfigure). Connections of upstreams that stay the same stay open. `conf`
 * must live until then; nothing of `u` may be called between the two. */
struct upstreams_next;
int upstreams_prepare(struct upstreams *u, const struct upstream_conf *conf, unsigned n,
		      struct upstreams_next **ret, struct diag *d);
void upstreams_commit(struct upstreams *u, struct upstreams_next *next);
void upstreams_discard(struct upstreams_next *next);
/* Where upstream i counts its sockets: set again after each configuration. */
void upstreams_set_stats(struct upstreams *u, unsigned i, struct stats_upstream *stats);

void upstreams_ask(struct upstreams *u, const struct core_ask *a);
void upstreams_cancel(struct upstreams *u, uint32_t ask_id);
/* What an open exchange looks like from outside: for logs and taps. False: it
 * is over, or has no socket yet. */
struct upstream_seen {
	struct in6_addr local;
	uint16_t local_port;
	uint16_t dns_id; /* on the wire */
	bool connected;  /* over streams: the connection is there */
};
bool upstreams_seen(const struct upstreams *u, uint32_t ask_id, struct upstream_seen *ret);
/* Before sleeping: sends what was queued, tells of failures. */
void upstreams_flush(struct upstreams *u);

#endif
