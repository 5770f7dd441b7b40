/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The original node cache, CoreDNS with its cache and forward plugins, as far as it was measured
 * to differ from ours: an entry for each name and type, in 256 shards of which a full one throws
 * out any of its entries; positive and negative answers apart; at least 5 s; equal misses are
 * each asked; one question at a time on a socket, the socket used last is used next, idle ones
 * go after 10 s; a silent upstream costs 2 s a try, 5 s in all. No shield, no hedge.
 */
#ifndef NODENS_SIM_ORIGINAL_H
#define NODENS_SIM_ORIGINAL_H

#include "sim/world/world.h"

struct original *original_new(struct world *w, struct node *n);
void original_free(struct world *w, struct original *o);
/* A pod's query: processor time used; the reply leaves after it, or a question upstream. */
uint64_t original_query(struct world *w, struct node *n, const struct pkt *p);
uint64_t original_answer(struct world *w, struct node *n, const struct pkt *p);
void original_timeout(struct world *w, struct node *n, uint64_t arg); /* EV_ORIGINAL */
void original_reset(struct world *w, struct node *n, unsigned backend);
void original_count(const struct original *o, struct sim_result *r);

#endif
