/* SPDX-License-Identifier: Apache-2.0 */
/* A map of addresses from what a kubelet's Pods API says. */
#ifndef NODENS_ADDRMAP_PODS_H
#define NODENS_ADDRMAP_PODS_H

#include <stddef.h>

#include "pcap-replay/traffic/addrmap.h"

/* The octets of a ListPodsResponse. A pod without an address yet is passed over; what is no such message
 * is ERR_SYNTAX, with the pod's number in the diag. */
int addrmap_parse_pods(struct addrmap **ret, const char *what, const void *octets, size_t len, struct diag *d);

#endif
