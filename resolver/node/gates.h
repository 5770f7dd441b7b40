/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the iptables dialect's gates ask: lists of addresses in the kernel, one a
 * family, in which an address counts for the fail-open time after it was last
 * put there. While it does not, its packets pass the NOTRACK rules by, with
 * nobody left to see to it. ipset where there is one, else xt_recent.
 */
#ifndef NODENS_NODE_GATES_H
#define NODENS_NODE_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/node/netlink.h"
#include "resolver/node/node_types.h"

struct gates {
	const struct node_flags *f;
	struct netlink *netfilter; /* NULL: no ipset */
	enum node_gate kind;       /* of the rules that stand, or are about to */
	enum node_gate best;       /* better ones were tried in vain */
	bool filled; /* by us: whoever renews goes on from there */
	uint64_t idle; /* a bit each: of f->localip, those that are left out */
};

void gates_init(struct gates *g, const struct node_flags *f, struct netlink *netfilter);
/* The name rules ask for. */
const char *gates_name(bool v4);
/* Both kinds count whole seconds; rounded down, because what was promised is the
 * most. At least one. */
uint32_t gates_hold_s(const struct node_flags *f);
/* Before the rules: decides `kind`, and makes what must exist before they do. */
void gates_prepare(struct gates *g);
/* When they stand: fills what exists only now, once. After that only a proof of
 * life renews. */
int gates_installed(struct gates *g, struct diag *d);
/* And those that are left out are out at once. */
int gates_renew(struct gates *g, struct diag *d);
/* Where another process's rules stand: renews what there is of either kind, and goes on from there. */
int gates_adopt(struct gates *g);
/* Every address is out, at once. Tries all, returns the first failure. */
int gates_flush(struct gates *g, struct diag *d);
/* After the rules: removes what would stay. */
void gates_destroy(struct netlink *netfilter, bool v4);

#endif
