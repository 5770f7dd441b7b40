/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster-DNS server as a queue: first come, first served, by so many workers, each query
 * costing processor time from a distribution, under a CPU limit as the kernel enforces it
 * (CFS bandwidth, kernel/sched/fair.c): in each period the workers together may use
 * limit x period, and then all stand still until the next begins.
 */
#ifndef NODENS_SIM_REPLICA_H
#define NODENS_SIM_REPLICA_H

#include "sim/world/world.h"

int replicas_init(struct world *w); /* ERR_NOMEM */
void replicas_release(struct world *w);
/* A query has come. When its answer leaves, 0: the queue was full; TCP waits
 * in the sender's socket instead. */
uint64_t replica_take(struct world *w, struct replica *r, uint64_t t_ns, bool may_drop);
/* The same now, after the queries of nodes that are not simulated. */
uint64_t replica_serve(struct world *w, struct replica *r, bool may_drop);
/* Processors that one server can use, under its limit; the least the kubelet sets is 1 ms a period. */
double replica_cores(const struct scenario *s);
size_t replica_waiting(const struct replica *r, uint64_t t_ns);

#endif
