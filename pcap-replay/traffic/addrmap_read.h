/* SPDX-License-Identifier: Apache-2.0 */
/* A map of addresses from wherever the user says it is. */
#ifndef NODENS_ADDRMAP_READ_H
#define NODENS_ADDRMAP_READ_H

#include "pcap-replay/traffic/addrmap.h"

/* `path`: of a file, or of a socket at which a kubelet serves its Pods API (pods_ask.h). Errors name
 * it, and in a file the line. */
int addrmap_read(struct addrmap **ret, const char *path, struct diag *d);

#endif
