/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces by name, as ip-netns(8) keeps them in /run/netns, which is
 * private to the sandbox. The process must have one thread. All names of a lab
 * start with "e2e-".
 */
#ifndef NODENS_KIND_E2E_NETNS_H
#define NODENS_KIND_E2E_NETNS_H

#include "lib/base/err.h"

#define NETNS_PREFIX "e2e-"
#define NETNS_NODE "e2e-node"

int netns_make(const char *name, struct diag *d);
/* Into it, and back to where the process began; enter does not nest. */
int netns_enter(const char *name, struct diag *d);
void netns_leave(void);
void netns_drop(const char *name); /* the last process and socket in it end it */
/* Writes a sysctl ("net.ipv4.ip_forward") of the namespace one is in. */
int netns_sysctl(const char *key, const char *value, struct diag *d);

#endif
