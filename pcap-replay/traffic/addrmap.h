/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for a capture's addresses, as the user has them: what `kubectl get pods,svc,nodes
 * -A -o wide` prints, as it is, or lines of "ADDRESS NAME"; or what
 * a kubelet says (addrmap_pods.h).
 */
#ifndef NODENS_ADDRMAP_H
#define NODENS_ADDRMAP_H

#include <netinet/in.h>

#include "lib/base/err.h"

#define ADDRMAP_FILE_MAX (64u << 20) /* octets */

enum addrmap_kind { ADDRMAP_OTHER, ADDRMAP_POD, ADDRMAP_SERVICE, ADDRMAP_NODE };

struct addrmap;
/* Errors name `what` and line. A line without an address yet (a pod that is pending, a
 * headless Service) is passed over; one that is of neither form is an error. */
int addrmap_parse(struct addrmap **ret, const char *what, const char *text, size_t len, struct diag *d);
void addrmap_free(struct addrmap *m);
/* "namespace/name" of what has this address, NULL when nothing does or there is no map. Where
 * several have it (pods in the host's network), the node, or the first. */
const char *addrmap_name(const struct addrmap *m, const struct in6_addr *ip, enum addrmap_kind *ret_kind);
size_t addrmap_count(const struct addrmap *m);

#endif
