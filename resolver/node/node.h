/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the daemon does to the host, behind a handful of calls: the
 * interface that holds the local addresses, and the rules that turn traffic for
 * them over to us. Every call is idempotent and bounded in time, so that it can
 * run at start, every sync interval, and once more on the way out.
 *
 * Order that loses no query: interface, sockets bound and answering, rules; and
 * back: rules that turn questions over, sockets, rules of replies, interface.
 *
 * With a fail-open time the rules hold only while node_rules_refresh is called:
 * the kernel forgets the addresses by itself, and pods reach the cluster DNS
 * although nobody of us is left to clean up.
 */
#ifndef NODENS_NODE_H
#define NODENS_NODE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/node/node_types.h"

struct node;
struct established_walk; /* established.h */
struct established_sweep;

/* Decides what RULES_AUTO means here and opens what is needed; touches nothing
 * yet. `f` must outlive the node. */
int node_open(struct node **ret, const struct node_flags *f, struct diag *d);
void node_close(struct node *n); /* leaves interface and rules as they are */

/* Does nothing and succeeds under -setupinterface=false. */
int node_iface_ensure(struct node *n, struct diag *d);
int node_iface_undo(struct node *n, struct diag *d); /* only what this process added */
int node_iface_remove(struct node *n, struct diag *d);
/* Addresses that earlier instances added, on this interface or one of another name, and that
 * nobody has a socket at, go. *ret_left: somebody has; look again later, unless this is the `last`
 * time, when nobody is waited for who handed over to us. */
int node_iface_sweep(struct node *n, bool last, bool *ret_left, struct diag *d);
/* Likewise under -setupiptables=false and -rules none. One transaction per
 * family; *ret_changed (may be NULL) tells whether anything had to be repaired. When our rules
 * stand, what an instance of another dialect or with other addresses left is removed; if that
 * fails, this succeeds all the same, `d` says why, and the next call tries again. */
int node_rules_ensure(struct node *n, bool *ret_changed, struct diag *d);
/* We take over from another instance. */
void node_released_set(struct node *n, const struct node_released *r);
/* Nothing of an instance before is left; else the next node_rules_ensure looks again. */
bool node_rules_swept(const struct node *n);
/* Questions take the other way from now on, and replies to those that came before
 * still go untracked: what is tracked of them would stand in the way of the client's next
 * questions. To be followed by node_rules_remove when nothing is owed any more. */
int node_rules_withdraw(struct node *n, struct diag *d);
/* TCP connections of ours (of local addresses, a bit each) go on as such when questions take the other way;
 * to be called before that (established.h). */
int node_connections_keep(struct node *n, uint64_t which, struct diag *d);
/* No reply to them is taken for another connection's when it is tracked; to be called before that. The next part of
 * them, at NULL: all at once. */
int node_connections_clear(struct node *n, uint64_t which, struct established_walk *at, struct diag *d);
/* Rules are back: those of them end whose clients have gone on elsewhere, from the same port. The next part. */
int node_connections_end(struct node *n, uint64_t which, struct established_walk *at, struct diag *d);
/* Some time after rules have come: nothing is left of what was tracked before. 0: done, 1: to be called again. */
int node_connections_sweep(struct node *n, uint64_t which, struct established_sweep *at, struct diag *d);
int node_rules_remove(struct node *n, struct diag *d);
/* Proof of life: call at least three times within the fail-open time, and only
 * after a self-test passed. Cheap (one netlink message). */
int node_rules_refresh(struct node *n, struct diag *d);
/* The same for iptables' rules of the instance before, until node_rules_ensure has come back: that takes
 * as long as others hold xtables' lock. ERR_MISSING: there are none that lapse. */
int node_rules_adopt(struct node *n);
/* A number that is another one when somebody has changed nf_tables since, where iptables of the newer kind
 * writes, too; the same for ever where that cannot be told. Cheap (one netlink message). */
uint32_t node_rules_generation(const struct node *n);
/* Local addresses (a bit each, in -localip's order) that rules leave alone: from the next
 * renewal on, what is sent to them takes kube-proxy's way. Where rules hold for ever they
 * hold for these as well. */
void node_idle_set(struct node *n, uint64_t idle);
/* Local addresses (likewise) that this host takes no packets for: no interface has them. Rules
 * for them would do harm. */
uint64_t node_absent(const struct node *n);
/* What an earlier instance may have left in the old iptables' tables takes a raw
 * socket (CAP_NET_RAW) to look for, and has not been looked for yet. */
bool node_sweep_wants_raw(const struct node *n);
/* Known after the first node_rules_ensure: the kernel withdraws the rules by
 * itself. False with iptables where neither ipset nor xt_recent can be asked:
 * then node_rules_remove by a living process is all there is. */
bool node_failopen(const struct node *n);
/* How long rules hold after a renewal; 0: for ever. */
uint64_t node_hold_ns(const struct node *n);
/* Who asked another process to install the rules learns from it how they are
 * gated, and renews them accordingly. */
enum node_gate node_gated(const struct node *n);
void node_gate_set(struct node *n, enum node_gate gate);
/* No program that runs for node_rules_* or node_counters_read goes on after this
 * time; 0: each has its own limit only. */
void node_deadline_set(struct node *n, uint64_t t_ns);
/* -intercept rewrite: which address becomes which, of a family; false: none. */
bool node_rewrites(const struct node *n, bool v4, struct in6_addr *ret_vip, struct in6_addr *ret_target);
/* This process created the interface. */
bool node_iface_created(const struct node *n);
/* Let the rules lapse now without removing them: the self-test failed. */
int node_rules_lapse(struct node *n, struct diag *d);

/* Totals since the rules were installed. */
int node_counters_read(struct node *n, struct node_counters *ret, struct diag *d);
/* Interface, rules of both dialects and both families, ours or left by a killed
 * original, for any address: -cleanup. Carries on after a failure and returns
 * the first. */
int node_cleanup(const struct node_flags *f, struct diag *d);

/* What was decided: RULES_IPTABLES, RULES_NFTABLES or RULES_NONE. */
enum flags_rules node_rules_kind(const struct node *n);
/* "iptables v1.8.9 (nf_tables)" or the like, for the log. */
const char *node_rules_words(const struct node *n);
void node_error_count(struct node *n, enum node_error e); /* the caller's own: configmap */
const uint64_t *node_errors(const struct node *n);        /* [NODE_ERRORS] */

#endif
