/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables is two programs that do not see each other's rules: one speaks to
 * nf_tables, the old one to tables of its own. Ours belong where the node's
 * kubelet and kube-proxy have theirs, and where a killed NodeLocal DNSCache left
 * some. Where both are installed under their names (as in our image), kubelet's
 * marks decide, nf_tables first: the chains KUBE-IPTABLES-HINT and
 * KUBE-KUBELET-CANARY of mangle (KEP-3178; kubernetes-sigs/iptables-wrappers
 * goes by the same). Without marks, and without both, it is what `iptables`
 * is in PATH.
 *
 * Decided once a process, at the first use.
 */
#ifndef NODENS_NODE_IPTABLES_BACKEND_H
#define NODENS_NODE_IPTABLES_BACKEND_H

#include <stdbool.h>

enum ipt_backend { IPT_BACKEND_PLAIN, IPT_BACKEND_NFT, IPT_BACKEND_LEGACY, IPT_BACKENDS };

/* `program`: iptables, iptables-save, iptables-restore or ip6tables' likewise.
 * Returns the name to run it by; what is none of them returns as it is. */
const char *iptables_backend_name(const char *program);

/* Whether `-cleanup` has to look at this backend for a family, and if so, uses
 * it from now on: both where they are known apart, else the plain one. The old
 * one only if it has tables: asking would make some. */
bool iptables_backend_use(enum ipt_backend b, bool v4);

/* Which is used; decides now if need be. */
enum ipt_backend iptables_backend(void);
void iptables_backend_set(enum ipt_backend b); /* back to what it was */
/* The old backend's tables in which ours would be, of a family. */
bool iptables_legacy_there(bool v4);

#endif
