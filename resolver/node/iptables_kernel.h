/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables' rules as nf_tables has them, seen without the iptables program.
 *
 * That program prints a whole chain or nothing, and to print a rule that asks an
 * ipset (`-m set`: ours, kube-proxy's in IPVS mode, Calico's) it opens a raw socket.
 * Without CAP_NET_RAW one such rule of anybody's makes it exit before the end. So
 * where it fails, and where another dialect only wants to know whether something was
 * left, rules are read and deleted here: nf_tables wants CAP_NET_ADMIN alone. The old
 * tables cannot be read so; they want the raw socket for everything.
 */
#ifndef NODENS_NODE_IPTABLES_KERNEL_H
#define NODENS_NODE_IPTABLES_KERNEL_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "resolver/node/iptables.h"
#include "resolver/node/netlink.h"

/* What iptables-save -c would print of raw and filter, as far as it may be ours: rules
 * with one of our comments, and those that say no more than a rule of ours. The
 * name of a set is not in the rule: it is the one we would use. One family
 * (c->v4); the caller frees the text. */
int iptables_kernel_save(struct netlink *netfilter, const struct ipt_conf *c, char **ret_text, struct diag *d);
/* Deletes what `intent` (IPT_REMOVE, IPT_CLEANUP, IPT_SWEEP) means; IPT_ENSURE: only gates that
 * ask a set, for the addresses of `c`. In one transaction. */
int iptables_kernel_drop(struct netlink *netfilter, const struct ipt_conf *c, enum ipt_intent intent, bool *ret_any,
			 struct diag *d);

#endif
