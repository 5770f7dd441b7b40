/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface that makes the local addresses local. Created as a dummy that
 * is never brought up, like the original's; one that exists already serves too,
 * of whatever type, for kernels without dummy. Added addresses carry a protocol
 * mark (IFA_PROTO), so that a later instance knows which ones are ours.
 */
#ifndef NODENS_NODE_IFACE_H
#define NODENS_NODE_IFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/node/netlink.h"
#include "resolver/node/strays.h"

struct iface {
	const char *name;
	uint64_t added; /* bit per address that this process added */
	bool created;   /* this process created the interface */
	bool all;       /* iface_remove: whatever any instance of ours added */
};

/* *ret_changed: something was missing. */
int iface_ensure(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n,
		 bool *ret_changed, struct diag *d);
/* What this process added goes, and nothing else. */
int iface_undo(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n, struct diag *d);
/* What earlier instances added and nobody has a socket at goes: addresses that are not ours from
 * this interface, marked ones from any other, and with the last of them a dummy. A kernel that
 * keeps no mark shows what is whose only on a dummy of this name. */
int iface_sweep(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n, struct strays *s, struct diag *d);
/* Deletes the interface when it is a dummy, and of another type only the
 * addresses we added. Success when there is none. */
int iface_remove(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n,
		 struct diag *d);

#endif
