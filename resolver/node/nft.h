/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native dialect: one table `inet nodelocaldns`, both families, written in
 * one transaction. Its rules hold only for addresses in sets whose elements may
 * expire, so that nothing needs to be alive for the rules to go away.
 *
 * There are no accept rules as in the iptables dialect: a verdict of ours ends
 * only our own chain, and a drop in another table would still count.
 */
#ifndef NODENS_NODE_NFT_H
#define NODENS_NODE_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/node/netlink.h"
#include "resolver/node/nft_conf.h"
#include "resolver/node/node_types.h"
#include "resolver/node/strays.h"

/* kube-proxy's own table, of either family, is there. */
bool nft_kube_proxy(struct netlink *netfilter);
/* Builds the table unless it stands as wanted, and proves life once. Counters
 * survive a rebuild. */
int nft_ensure(struct netlink *netfilter, const struct nft_conf *c, bool *ret_changed, struct diag *d);
/* Renews; fails, and does nothing, when the table is not as nft_ensure left it for this configuration. */
int nft_refresh(struct netlink *netfilter, const struct nft_conf *c, struct diag *d);
/* Questions take the other way from now on; replies go as they did. A table that is not as nft_ensure
 * left it goes instead. */
int nft_lapse(struct netlink *netfilter, const struct nft_conf *c, struct diag *d);
int nft_remove(struct netlink *netfilter, struct diag *d); /* success when there is none */
/* Under another dialect: questions take that one's way at once, and the table goes; unless we take
 * over from its owner (c->handed_over), whose replies must be rewritten or go untracked until
 * `until_ns`, or as long as somebody has a socket at an address that is not ours: then one that
 * does only that comes in its place, which its owner no longer takes for its own. */
int nft_sweep(struct netlink *netfilter, const struct nft_conf *c, struct strays *s, uint64_t until_ns, struct diag *d);
int nft_counters(struct netlink *netfilter, const struct nft_conf *c, struct node_counters *ret, struct diag *d);

#endif
