/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For whoever was not there: what a node looked like when a check failed, and the whole run as
 * one archive to send on.
 */
#ifndef NODENS_KIND_E2E_COLLECT_H
#define NODENS_KIND_E2E_COLLECT_H

#include "kind-e2e/cell/cell.h"

/* Rules, sets, addresses, routes, the connection table, metrics and processes of a standing
 * cell, into its folder's "state/", each file named by what it is and `when`. What cannot be
 * had is left out. */
void collect_state(struct cell *c, const char *when);
/* The folder `out` as a tar.gz; a path within it is refused. */
int collect_archive(const char *path, const char *out, struct diag *d);

#endif
