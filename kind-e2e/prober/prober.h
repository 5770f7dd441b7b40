/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kind-e2e prober`: Kubernetes' DNS SLI (lib/record/sli.h) from inside a pod, for Prometheus to
 * scrape. A DaemonSet of it is in resolver/deploy/prober.
 */
#ifndef NODENS_KIND_E2E_PROBER_H
#define NODENS_KIND_E2E_PROBER_H

#include "lib/base/opt.h"

extern const struct opt_prog prober_prog;
/* Until a signal or --duration ends it; an exit status. */
int prober_cmd(int argc, char **argv);

#endif
