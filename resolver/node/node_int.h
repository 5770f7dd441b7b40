/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two files of node.h, and by nobody else. */
#ifndef NODENS_NODE_INT_H
#define NODENS_NODE_INT_H

#include "resolver/node/gates.h"
#include "resolver/node/iface.h"
#include "resolver/node/iptables.h"
#include "resolver/node/netlink.h"
#include "resolver/node/nft.h"
#include "resolver/node/node.h"

struct node {
	const struct node_flags *f;
	struct netlink *route, *netfilter; /* NULL when not needed */
	struct netlink *diag; /* of sockets; NULL when not needed or not to be had */
	struct netlink *ways; /* the host's routes; NULL when not needed */
	struct iface iface;
	enum flags_rules kind;
	struct nft_conf nft;
	struct gates gates; /* of the iptables dialect */
	bool stands;        /* its rules, when we last looked */
	uint64_t deadline_ns;
	bool swept; /* what an instance before left was looked for, and nothing stays */
	struct strays strays;
	uint64_t owed_until_ns; /* replies of one that handed over */
	uint64_t errors[NODE_ERRORS];
	char words[128];
};

static inline struct ipt_conf node_ipt_conf(const struct node_flags *f, bool v4, enum node_gate gate, uint64_t deadline_ns,
					     struct netlink *netfilter)
{
	return (struct ipt_conf){
		.ip = f->localip,
		.n_ips = f->n_localips,
		.v4 = v4,
		.port = f->dns_port,
		.health_port = f->health_port,
		.gate = gate,
		.gate_name = gates_name(v4),
		.hold_s = gates_hold_s(f),
		.deadline_ns = deadline_ns,
		.netfilter = netfilter,
	};
}

/* Removes what an instance before left of rules; what stays for the sake of a socket is in
 * n->strays.left. */
int node_sweep(struct node *n, struct diag *d);

#endif
