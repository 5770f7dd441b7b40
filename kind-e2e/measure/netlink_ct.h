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

#include <stdint.h>

#include "kind-e2e/lab/addr.h"
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

struct ctnl_entry {
	struct addr src, dst; /* the original direction */
	uint16_t sport, dport;
	struct addr reply_src, reply_dst; /* the other one: after kube-proxy's translation */
	uint8_t proto;
};
/* Takes one out; one that is gone already is no error. */
int ctnl_delete(struct ctnl *c, const struct ctnl_entry *e, struct diag *d);
/* A dump: `each` for every entry of both families. */
int ctnl_dump(struct ctnl *c, void (*each)(const struct ctnl_entry *e, void *arg), void *arg,
	      struct diag *d);

#endif
