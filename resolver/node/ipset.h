/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of addresses that expire by themselves, for iptables rules to ask: the
 * kernel's ipset through netlink, so that no ipset program is needed. Timeouts
 * have whole seconds.
 */
#ifndef NODENS_NODE_IPSET_H
#define NODENS_NODE_IPSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/node/netlink.h"

/* One set a family; what is there already is kept. */
int ipset_create(struct netlink *netfilter, const char *set, bool v4, struct diag *d);
/* All addresses of the family, or their time starts anew. */
int ipset_put(struct netlink *netfilter, const char *set, const struct flags_ip *ip, size_t n, bool v4,
	      uint32_t timeout_s, struct diag *d);
/* Those of the family, which need not be there. */
int ipset_take(struct netlink *netfilter, const char *set, const struct flags_ip *ip, size_t n, bool v4, struct diag *d);
int ipset_flush(struct netlink *netfilter, const char *set, struct diag *d);
/* Success when there is none. Rules that were just deleted may hold a set for
 * a few milliseconds more: that is waited for, within limits. */
int ipset_destroy(struct netlink *netfilter, const char *set, struct diag *d);

#endif
