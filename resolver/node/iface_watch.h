/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's word that an interface or an address went: packets for an address
 * that nobody holds any more go nowhere while our rules keep kube-proxy's away
 * from them, so this cannot wait for the next look.
 */
#ifndef NODENS_NODE_IFACE_WATCH_H
#define NODENS_NODE_IFACE_WATCH_H

#include <stdbool.h>

#include "lib/base/err.h"

/* A descriptor to poll, non-blocking and close-on-exec; the caller closes it. */
int iface_watch_open(int *ret_fd, struct diag *d);
/* Reads all there is; true when something went (or was missed). */
bool iface_watch_read(int fd);

#endif
