/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the lab's own beside the scenario's, one for each thing a check asks for: all types
 * of records that Kubernetes' DNS specification has, an answer that fits into no datagram, names
 * that do not exist. Below "e2e-lab.svc.DOMAIN" and, outside the cluster, "e2e-lab.example".
 */
#ifndef NODENS_KIND_E2E_FIXTURE_H
#define NODENS_KIND_E2E_FIXTURE_H

#include "lib/dns/name.h"
#include "lib/world/scenario.h"

#define FIXTURE_NAMESPACE "e2e-lab.svc"
#define FIXTURE_A "10.96.77.1" /* of "single" */

/* Adds them to the scenario's zone data; once a process. */
int fixture_add(struct scenario *s, struct diag *d);
/* "single" becomes "single.e2e-lab.svc.cluster.local."; a name that ends in a dot is whole. */
const char *fixture_name(const struct scenario *s, const char *leaf, char buf[NAME_MAX_TEXT]);

#endif
