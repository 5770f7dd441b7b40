/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are two dumps of a node's rules (iptables-save, or `nft -s list ruleset`) the same rules?
 * Compared chain by chain, in order. What may differ between two right ones is left out: the
 * order of tables, chains, elements of sets and of Services in KUBE-SERVICES (kube-proxy walks
 * a map), whether kubelet or kube-proxy came last, counters, comments of the dump itself, and the
 * nfacct match that kube-proxy adds where the kernel has it.
 */
#ifndef NODENS_KIND_E2E_SAME_RULES_H
#define NODENS_KIND_E2E_SAME_RULES_H

#include "lib/base/err.h"
#include "lib/base/opt.h"

struct same_rules_options {
	const char *want, *got; /* files */
	struct opt_list ignore; /* rules, elements and chains with this word in them do not count */
};

/* The dump in its comparable form: "TABLE CHAIN: rule" lines; caller frees. NULL: no memory. */
char *same_rules_canonical(const char *dump, const struct opt_list *ignore);
/* Lines of one and not the other on standard output, "-" wanted, "+" there instead.
 * 0: the same, 1: not, 3: a file cannot be read. */
int same_rules_main(const struct same_rules_options *o);

#endif
