/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kube-proxy does on a node: its rules for the two cluster-DNS Services, written at first
 * and written again whenever their endpoints change or it feels like it.
 */
#ifndef NODENS_KIND_E2E_KUBEPROXY_H
#define NODENS_KIND_E2E_KUBEPROXY_H

#include "kind-e2e/lab/topo.h"

/* `live`: bit i is backend i; 0: the Services have no endpoints and reject. */
int kubeproxy_start(const struct topo *t, enum scen_proxy mode, unsigned live, struct diag *d);
/* Later, with `was` what it knew before: jumps, links and virtual servers are found in place. */
int kubeproxy_sync(const struct topo *t, enum scen_proxy mode, unsigned was, unsigned live,
		   struct diag *d);

#endif
