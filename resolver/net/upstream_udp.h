/* SPDX-License-Identifier: Apache-2.0 */
/* Asks over UDP: sockets with random ports, each for a short time. */
#ifndef NODENS_UPSTREAM_UDP_H
#define NODENS_UPSTREAM_UDP_H

#include "resolver/net/upstream_base.h"

void upstream_udp_ask(struct upstream *up, struct ask *a, const struct core_ask *what);
void upstream_udp_cancel(struct ask *a);
int upstream_udp_fd(const struct udp_sock *s);
void upstream_udp_flush(struct upstreams *u);
void upstream_udp_retire(struct upstream *up);
void upstream_udp_release(struct upstream *up); /* as upool_release */

#endif
