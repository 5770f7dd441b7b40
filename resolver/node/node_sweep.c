/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance before left: rules of another dialect, in either of iptables' backends, or
 * for other addresses (resolver/node/strays.h), and the sets that they asked.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/first.h"
#include "resolver/node/iptables_backend.h"
#include "resolver/node/iptables_kernel.h"
#include "resolver/node/node_int.h"
#include "resolver/node/privileges.h"

#define SWEEP_LIMIT_NS NS_PER_S

static struct ipt_conf sweep_conf(struct node *n, bool v4, bool keep, uint64_t deadline_ns)
{
	struct ipt_conf c = node_ipt_conf(n->f, v4, NODE_GATE_NONE, deadline_ns, n->netfilter);

	c.strays = &n->strays;
	c.keep = keep;
	return c;
}

/* Rules of ours that iptables has on nf_tables. No program: it would have to
 * print them (iptables_kernel.h). */
static int sweep_kernel(struct node *n, bool keep, struct diag *d)
{
	int first = 0;

	for (int v4 = 1; v4 >= 0; v4--) {
		struct ipt_conf c = sweep_conf(n, v4, keep, 0);
		bool any = false;
		int err = iptables_kernel_drop(n->netfilter, &c, IPT_SWEEP, &any, diag_first(first, d));

		first = err_first(first, err);
	}
	return first;
}

/* By its name; or by the plain one, which may be it, unless that is what ours stand by. */
static bool legacy_use(const struct node *n, bool v4)
{
	return iptables_backend_use(IPT_BACKEND_LEGACY, v4) ||
	       (n->kind == RULES_NFTABLES && iptables_legacy_there(v4) && iptables_backend_use(IPT_BACKEND_PLAIN, v4));
}

/* The old tables are read and changed through a raw socket only. In the nftables
 * dialect nobody but the caller runs the programs, and it has other things to do. */
static int sweep_legacy(struct node *n, bool keep, struct diag *d)
{
	enum ipt_backend was = iptables_backend();
	uint64_t deadline_ns = n->kind == RULES_NFTABLES ? clock_mono_ns() + SWEEP_LIMIT_NS : n->deadline_ns;
	int first = 0;

	for (int v4 = 1; v4 >= 0; v4--) {
		struct ipt_conf c = sweep_conf(n, v4, keep, deadline_ns);
		enum ipt_fault fault;
		bool changed;
		int err = 0;

		if (!iptables_present(v4) || !legacy_use(n, v4))
			continue;
		err = iptables_apply(&c, IPT_SWEEP, &changed, &fault, diag_first(first, d));
		first = err_first(first, err);
	}
	iptables_backend_set(was);
	return first;
}

/* Success when there is nothing to be done about it, with words. */
static int sweep_old_tables(struct node *n, bool keep, struct diag *d)
{
	if (!iptables_legacy_there(true) && !iptables_legacy_there(false))
		return 0;
	if (privileges_net_raw())
		return sweep_legacy(n, keep, d);
	diag_set(d, 0, "there are tables of the old iptables here, which cannot be looked into without CAP_NET_RAW: "
		 "if an instance that used them was killed on this node, -cleanup removes what it left");
	return 0;
}

bool node_sweep_wants_raw(const struct node *n)
{
	return !n->swept && n->kind != RULES_NONE && (iptables_legacy_there(true) || iptables_legacy_there(false));
}

/* Rules that ask them would keep them. */
static void sweep_sets(struct node *n)
{
	for (int v4 = 0; v4 < 2; v4++) {
		if (n->kind != RULES_IPTABLES || n->gates.kind != NODE_GATE_SET || !flags_has_family(n->f, v4))
			gates_destroy(n->netfilter, v4);
	}
}

int node_sweep(struct node *n, struct diag *d)
{
	bool ours_iptables = n->kind == RULES_IPTABLES, ours_old = ours_iptables && strstr(n->words, "legacy");
	int err = 0, in_kernel, in_old;

	if (n->kind == RULES_NONE || !n->netfilter)
		return 0;
	strays_begin(&n->strays);
	if (ours_iptables)
		err = nft_sweep(n->netfilter, &n->nft, &n->strays, n->owed_until_ns, d);
	in_kernel = sweep_kernel(n, ours_iptables && !ours_old, err ? NULL : d);
	err = err_first(err, in_kernel);
	in_old = sweep_old_tables(n, ours_old, err ? NULL : d);
	sweep_sets(n);
	return err_first(err, in_old);
}
