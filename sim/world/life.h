/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the cluster-DNS servers while clients run: they fail, are replaced, become
 * more or fewer, by the scenario's events or by an autoscaler; and kube-proxy's rules follow
 * later. What a server that has left the endpoints had in the connection tables over UDP is
 * deleted there, as kube-proxy does; before that, retries from one port go where it was.
 */
#ifndef NODENS_SIM_LIFE_H
#define NODENS_SIM_LIFE_H

#include "sim/world/world.h"

enum life_step { LIFE_UP, LIFE_SILENT, LIFE_BACK, LIFE_END, LIFE_LIST, LIFE_UNLIST };

void life_init(struct world *w);
void life_event(struct world *w, unsigned event);		     /* EV_EVENT */
void life_happen(struct world *w, unsigned replica, uintptr_t carried); /* EV_LIFE */
/* So many replicas are wanted; `start_ns` until a new one answers. */
void life_scale(struct world *w, unsigned n, uint64_t start_ns, uint64_t grace_ns);
void life_scaler(struct world *w); /* EV_SCALER */
void life_load_over(struct world *w); /* before what happens after the load's end */
void life_finish(struct world *w);
/* cluster-proportional-autoscaler in linear mode: max(ceil(cores/per), ceil(nodes/per)), bounded. */
unsigned life_proportional(const struct scenario *s);
unsigned life_proportional_wish(const struct scenario *s); /* but for its upper bound */

#endif
