/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane of one worker: sockets on one side, upstreams on the other,
 * the core in the middle, one loop around all of it. Knows nothing of where its
 * sockets and its configuration come from.
 */
#ifndef NODENS_SERVER_H
#define NODENS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/corefile/corefile.h"
#include "resolver/observe/shm.h"
#include "resolver/worker/ctl.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/loop.h"
#include "resolver/net/upstream.h"

struct server;

/* The bound sockets of each listener of a plan, in its order; -1: not served on
 * that transport. */
struct server_sockets {
	int udp[CORE_LISTENERS_MAX], tcp[CORE_LISTENERS_MAX];
	unsigned n_more[CORE_LISTENERS_MAX]; /* queues of UDP beside the first */
	int more[CORE_LISTENERS_MAX][UDP_QUEUES_MAX - 1];
};

/* `probes`: of the `loop` plugin, shared with who sends them. */
int server_new(struct server **ret, struct loop *loop, struct shm_worker *shm,
	       struct core_probes *probes, struct diag *d);
void server_free(struct server *s);
/* Takes the plan and closes the descriptors in time, on success; on failure
 * nothing changed and both remain the caller's. The cache survives. */
int server_configure(struct server *s, struct corefile_plan **plan, const struct server_sockets *sk,
		     struct diag *d);
/* Listening sockets are not read, those of later configurations neither, until
 * server_serve: what arrives waits in their queues. Those of `but` are read on. */
void server_hold(struct server *s, const struct ctl_listener *but, size_t n);
int server_serve(struct server *s, struct diag *d);
/* A successor reads the sockets: ours are closed, since whoever binds the address
 * anew would share it with them, and nobody reads them. Those of UDP are kept while
 * parked queries need them for their replies, unless `now`. Those that server_hold left
 * out nobody else reads: they are read on, unless `all`. Connections go on. True when all
 * are closed. */
bool server_leave(struct server *s, bool all, bool now);
/* Connections end with their next reply, those to come with their first; idle ones with server_part_idle. */
void server_part(struct server *s);
/* The same of those at listeners that a configuration to come takes away; one that keeps them undoes it. */
void server_part_at(struct server *s, const struct ctl_listener *at, size_t n);
void server_part_idle(struct server *s);
/* No new connection or query; what was accepted is still answered. */
void server_drain(struct server *s);
/* Nothing parked, nothing unsent. */
bool server_idle(const struct server *s);
struct core *server_core(struct server *s);
const struct corefile_plan *server_plan(const struct server *s);

/* For tests, before the loop sleeps: asserts that core, upstreams and listeners agree on what is under way. */
void server_check(const struct server *s);

#endif
