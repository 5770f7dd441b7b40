/* SPDX-License-Identifier: Apache-2.0 */
/* What lines of /proc/net/udp, tcp and their IPv6 kin (proc(5)) are made of. */
#ifndef NODENS_NODE_PROC_NET_H
#define NODENS_NODE_PROC_NET_H

#include <netinet/in.h>
#include <stdbool.h>

/* An address: 32-bit words in the host's order, in hexadecimal; IPv4 becomes a mapped one. */
bool proc_net_addr(const char *hex, struct in6_addr *ret);

#endif
