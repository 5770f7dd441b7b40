/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPVS's own table beside nf_conntrack: a connection for each client port and Service
 * address, under exact timers that each packet resets, without a limit and without early
 * eviction (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_proto_udp.c, ip_vs_proto_tcp.c). kube-proxy
 * in mode ipvs pays both tables, for it sets net.ipv4.vs.conntrack.
 */
#ifndef NODENS_CT_IPVS_H
#define NODENS_CT_IPVS_H

#include "conntrack-model/events.h"

#define IPVS_BYTES_CONN 300 /* about: struct ip_vs_conn, not measured */

struct ipvs_row {
	double t_s;
	uint64_t conns;
};
struct ipvs_walk {
	struct ipvs_row *row; /* one a second, thinned like a walk's */
	size_t n_rows;
	uint64_t peak, made;
	double peak_at_s;
};
/* All events are taken to be for Services. Looks on for tail_ns after the last. 0 or ERR_NOMEM. */
int ipvs_walk(struct ipvs_walk *ret, const struct ct_events *e, uint64_t tail_ns);
void ipvs_walk_release(struct ipvs_walk *w);

#endif
