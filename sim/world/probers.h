/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods as probers of Kubernetes' DNS SLI (lib/record/sli.h): where the scenario has a load of that
 * name, each pod's lookups of it are kept as five minutes' windows, and each window is one value.
 */
#ifndef NODENS_SIM_PROBERS_H
#define NODENS_SIM_PROBERS_H

#include "sim/world/world.h"

/* 0, also when there is no such load; ERR_NOMEM. */
int probers_init(struct world *w);
/* A counted lookup ended. */
void probers_took(struct world *w, const struct lookup *what, uint64_t took_ns, bool lost);
/* What is in windows that are not full counts where no full one came before. Releases. */
void probers_finish(struct world *w);

#endif
