/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's connection table through conntrack netlink (libmnl's door). Two
 * ways of looking, and they differ: the number of entries costs nothing and
 * changes nothing; a dump also frees every expired entry it meets, in all
 * namespaces of the machine, so a measuring program dumps only when nothing it
 * wants to see can have expired.
 */
#ifndef NODENS_KIND_E2E_NETLINK_CT_H
#define NODENS_KIND_E2E_NETLINK_CT_H

#include <netinet/in.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctnl;
/* A socket in the namespace the process is in now; it stays there. */
int ctnl_open(struct ctnl **ret, struct diag *d);
void ctnl_close(struct ctnl *c);

struct ctnl_stats { /* of the socket's namespace; counters since it was made */
	uint64_t entries, max;
	uint64_t insert_failed, drop, early_drop, clash_resolve, invalid, chain_too_long;
};
int ctnl_stats(struct ctnl *c, struct ctnl_stats *ret, struct diag *d);

struct ctnl_entry { /* the original direction */
	struct in_addr src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};
/* A dump: `each` for every IPv4 entry. */
int ctnl_dump(struct ctnl *c, void (*each)(const struct ctnl_entry *e, void *arg), void *arg,
	      struct diag *d);

#endif
