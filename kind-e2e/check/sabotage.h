/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants of the lab: one thing is broken on purpose right before a check, which must then
 * fail. `make e2e-mutants` does so for every check; nobody else has a use for it.
 */
#ifndef NODENS_KIND_E2E_SABOTAGE_H
#define NODENS_KIND_E2E_SABOTAGE_H

#include "kind-e2e/cell/cell.h"

/* "lie" (backends name wrong addresses), "silence N" (backend N), "kill-backend N",
 * "stop-cache" (SIGSTOP to all of it), "stale-metrics" (the page of now for ever),
 * "garbled-metrics" (that and a line that is none), "no-delay" (the empty cell's first backend
 * does not wait), "keep-stale" (kube-proxy leaves entries to dead backends, as 1.32 to 1.36 do when
 * none is left); anything else is a shell's, in the node's namespace, with E2E_DIR the cell's folder. */
#define SABOTAGE_FAILED "the sabotage failed" /* how its error begins: tests/e2e-mutants/run knows it */
int sabotage(struct cell *c, const char *what, struct diag *d);

#endif
