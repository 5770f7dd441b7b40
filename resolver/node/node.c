/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the dialect, and carries each call of node.h out in it. */
#include "resolver/node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/first.h"
#include "resolver/node/established.h"
#include "resolver/node/iptables_backend.h"
#include "resolver/node/local.h"
#include "resolver/node/nft_look.h"
#include "resolver/node/nft_msg.h"
#include "resolver/node/node_int.h"

#define OWED_NS        (25 * NS_PER_S) /* an instance that handed over finishes within that */

const char *const node_error_label[NODE_ERRORS] = {
	[NODE_ERR_IPTABLES] = "iptables",
	[NODE_ERR_IPTABLES_LOCK] = "iptables_lock",
	[NODE_ERR_INTERFACE_ADD] = "interface_add",
	[NODE_ERR_INTERFACE_CHECK] = "interface_check",
	[NODE_ERR_CONFIGMAP] = "configmap",
};

const char *const node_path_label[NODE_PATHS] = {
	[NODE_PATH_IN] = "in",
	[NODE_PATH_HOST] = "host",
	[NODE_PATH_REPLY] = "reply",
	[NODE_PATH_HEALTH] = "health",
};

static bool iptables_usable(const struct node_flags *f)
{
	return (!flags_has_family(f, true) || iptables_present(true)) && (!flags_has_family(f, false) || iptables_present(false));
}

static enum flags_rules decide(const struct node *n)
{
	const struct node_flags *f = n->f;

	if (!f->setup_iptables || f->intercept == INTERCEPT_NONE)
		return RULES_NONE;
	if (f->intercept == INTERCEPT_REWRITE)
		return RULES_NFTABLES; /* iptables cannot rewrite without conntrack */
	if (f->rules != RULES_AUTO)
		return f->rules;
	if (n->netfilter && (nft_kube_proxy(n->netfilter) || !iptables_usable(f)))
		return RULES_NFTABLES;
	return RULES_IPTABLES;
}

/* The addresses packets are rewritten from and to: the last of a family is
 * nobody's to ask directly (flags_parse checked that there are two). */
static void nft_conf_fill(struct nft_conf *c, const struct node_flags *f)
{
	*c = (struct nft_conf){
		.ip = f->localip,
		.n_ips = f->n_localips,
		.port = f->dns_port,
		.health_port = f->health_port,
		.hold_ms = f->failopen_ns / NS_PER_MS,
	};
	for (size_t i = 0; f->intercept == INTERCEPT_REWRITE && i < f->n_intercept_vips; i++)
		c->vip[!f->intercept_vip[i].is_v4] = &f->intercept_vip[i];
	for (size_t i = 0; i < f->n_localips; i++) {
		if (c->vip[!f->localip[i].is_v4])
			c->target[!f->localip[i].is_v4] = &f->localip[i];
	}
}

static void describe(struct node *n)
{
	if (n->kind == RULES_IPTABLES)
		iptables_version(n->words, sizeof n->words);
	else
		snprintf(n->words, sizeof n->words, "%s", n->kind == RULES_NFTABLES
				? "nftables, table inet " NFT_TABLE : "no rules");
}

int node_open(struct node **ret, const struct node_flags *f, struct diag *d)
{
	struct node *n = calloc(1, sizeof *n);
	int err = 0;

	if (!n)
		return diag_set(d, ERR_NOMEM, "out of memory");
	n->f = f;
	n->iface.name = f->interface_name;
	n->strays.port = f->dns_port;
	nft_conf_fill(&n->nft, f);
	if (f->setup_interface)
		err = netlink_open(&n->route, NETLINK_ROUTE, d);
	/* A kernel without netfilter netlink may still have iptables. */
	if (!err && f->setup_iptables && netlink_open(&n->netfilter, NETLINK_NETFILTER, d) &&
	    (f->rules == RULES_NFTABLES || f->intercept == INTERCEPT_REWRITE))
		err = ERR_SYS;
	if (!err && f->setup_iptables) {
		netlink_open(&n->ways, NETLINK_ROUTE, NULL); /* without, all addresses count as here */
		netlink_open(&n->diag, NETLINK_SOCK_DIAG, NULL);
	}
	if (err) {
		node_close(n);
		return err;
	}
	gates_init(&n->gates, f, n->netfilter);
	n->kind = decide(n);
	describe(n);
	*ret = n;
	return 0;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	netlink_close(n->route);
	netlink_close(n->netfilter);
	netlink_close(n->ways);
	netlink_close(n->diag);
	free(n);
}

int node_iface_ensure(struct node *n, struct diag *d)
{
	bool changed;
	int err;

	if (!n->route)
		return 0;
	err = iface_ensure(&n->iface, n->route, n->f->localip, n->f->n_localips, &changed, d);
	if (err) {
		node_error_count(n, NODE_ERR_INTERFACE_ADD);
		node_error_count(n, NODE_ERR_INTERFACE_CHECK);
	}
	return err;
}

int node_iface_sweep(struct node *n, bool last, bool *ret_left, struct diag *d)
{
	int err = 0;

	*ret_left = false;
	if (!n->route)
		return 0;
	strays_begin(&n->strays);
	n->strays.last = last;
	err = iface_sweep(&n->iface, n->route, n->f->localip, n->f->n_localips, &n->strays, d);
	*ret_left = n->strays.left;
	if (err)
		node_error_count(n, NODE_ERR_INTERFACE_CHECK);
	return err;
}

int node_iface_undo(struct node *n, struct diag *d)
{
	return n->route ? iface_undo(&n->iface, n->route, n->f->localip, n->f->n_localips, d) : 0;
}

int node_iface_remove(struct node *n, struct diag *d)
{
	return n->route ? iface_remove(&n->iface, n->route, n->f->localip, n->f->n_localips, d) : 0;
}

/* One family after the other; the second is tried whatever the first did. */
static int iptables_both(struct node *n, enum ipt_intent intent, bool *ret_changed, struct diag *d)
{
	enum ipt_fault fault;
	bool changed;
	int first = 0;

	for (int v4 = 1; v4 >= 0; v4--) {
		struct ipt_conf c = node_ipt_conf(n->f, v4, n->gates.kind, n->deadline_ns, n->netfilter);
		int err;

		if (!flags_has_family(n->f, v4))
			continue;
		err = iptables_apply(&c, intent, &changed, &fault, diag_first(first, d));
		if (ret_changed)
			*ret_changed |= changed;
		if (err) {
			node_error_count(n, fault == IPT_FAULT_LOCK ? NODE_ERR_IPTABLES_LOCK : NODE_ERR_IPTABLES);
			first = err_first(first, err);
		}
	}
	return first;
}

/* A kernel or an iptables that knows one kind of gate too little may know the
 * next; without any, only a living process can take the rules away, and
 * node_failopen tells. */
static int iptables_ensure(struct node *n, bool *ret_changed, struct diag *d)
{
	enum node_gate asked = n->gates.best;
	uint64_t counted = n->errors[NODE_ERR_IPTABLES];
	struct diag first, later, *words = &first;
	int err;

	for (;;) {
		uint64_t held = n->errors[NODE_ERR_IPTABLES_LOCK];

		gates_prepare(&n->gates);
		err = iptables_both(n, IPT_ENSURE, ret_changed, words);
		if (!err)
			err = gates_installed(&n->gates, words);
		if (!err || n->gates.kind == NODE_GATE_NONE || n->errors[NODE_ERR_IPTABLES_LOCK] != held)
			break;
		n->gates.best = n->gates.kind - 1;
		words = &later;
	}
	n->stands = !err;
	if (!err) {
		if (n->gates.best != asked)
			n->errors[NODE_ERR_IPTABLES] = counted; /* asking what there is is no error */
		return 0;
	}
	n->gates.best = asked; /* it was not for the gates */
	return diag_set(d, err, "%s", first.text);
}

/* What stood when we last looked, without looking. */
static int iptables_drop_both(struct node *n, enum ipt_part part, struct diag *d)
{
	int first = 0;

	for (int v4 = 1; v4 >= 0; v4--) {
		struct ipt_conf c = node_ipt_conf(n->f, v4, n->gates.kind, n->deadline_ns, n->netfilter);
		int err = flags_has_family(n->f, v4) ? iptables_drop(&c, part, diag_first(first, d)) : 0;

		first = err_first(first, err);
	}
	n->stands = false;
	return first;
}

static int iptables_remove(struct node *n, struct diag *d)
{
	int err;

	gates_flush(&n->gates, NULL); /* what may have to wait for a lock has no hurry then */
	if (n->stands)
		iptables_drop_both(n, IPT_ALL, NULL); /* looking for more comes after that */
	err = iptables_both(n, IPT_REMOVE, NULL, d);
	n->gates.filled = false;
	gates_destroy(n->netfilter, true);
	gates_destroy(n->netfilter, false);
	return err;
}

/* --- what an instance before left --- */

/* After our rules stand: rules of the other dialect, or for other addresses, that a
 * predecessor left would outlive us, and with them the way to a dead cache. Tried until
 * nothing is left. */
static void sweep_once(struct node *n, struct diag *d)
{
	struct diag words = {""};

	if (n->swept)
		return;
	if (!node_sweep(n, &words)) {
		n->swept = !n->strays.left;
		diag_set(d, 0, "%s", words.text);
		return;
	}
	node_error_count(n, NODE_ERR_IPTABLES);
	diag_set(d, 0, "what an instance before left of its rules stays: %s", words.text);
}

void node_released_set(struct node *n, const struct node_released *r)
{
	n->strays.released = *r;
	n->nft.handed_over = r->handed_over;
	n->owed_until_ns = clock_mono_ns() + OWED_NS;
	n->swept = n->swept && !r->handed_over;
}

bool node_rules_swept(const struct node *n)
{
	return n->swept;
}

int node_rules_ensure(struct node *n, bool *ret_changed, struct diag *d)
{
	bool changed = false;
	int err = 0;

	if (n->kind == RULES_IPTABLES) {
		err = iptables_ensure(n, &changed, d);
	} else if (n->kind == RULES_NFTABLES) {
		err = nft_ensure(n->netfilter, &n->nft, &changed, d);
		if (err)
			node_error_count(n, NODE_ERR_IPTABLES);
	}
	if (!err)
		diag_set(d, 0, "%s", "");
	if (!err)
		sweep_once(n, d);
	if (ret_changed)
		*ret_changed = changed;
	return err;
}

/* A rule that somebody took away, or a lock that somebody holds, fails the whole. Closed gates
 * are enough then; where there are none all rules go, also those of replies. */
static int iptables_withdraw(struct node *n, struct diag *d)
{
	int flushed = gates_flush(&n->gates, d), dropped = n->stands ? iptables_drop_both(n, IPT_TURNING_OVER, NULL) : ERR_MISSING;

	return !dropped || (n->gates.kind && !flushed) ? 0 : iptables_remove(n, d);
}

int node_rules_withdraw(struct node *n, struct diag *d)
{
	if (n->kind == RULES_NFTABLES)
		return nft_lapse(n->netfilter, &n->nft, d);
	return n->kind == RULES_IPTABLES ? iptables_withdraw(n, d) : 0;
}

/* Some of our addresses, and what clients ask instead. */
struct some {
	struct flags_ip ip[FLAGS_LOCALIPS_MAX], asked[FLAGS_LOCALIPS_MAX];
	struct established_with us; /* none: n_ips 0 */
};

static void some_take(const struct node *n, uint64_t which, struct some *ret)
{
	size_t n_ips = 0;

	for (size_t i = 0; n->kind != RULES_NONE && n->netfilter && i < n->f->n_localips; i++) {
		const struct flags_ip *ip = &n->f->localip[i];

		if (!(which >> i & 1))
			continue;
		ret->ip[n_ips] = *ip;
		ret->asked[n_ips++] = ip == n->nft.target[!ip->is_v4] ? *n->nft.vip[!ip->is_v4] : *ip;
	}
	ret->us = (struct established_with){ret->ip, ret->asked, n_ips, n->f->dns_port};
}

int node_connections_keep(struct node *n, uint64_t which, struct diag *d)
{
	struct some s;

	some_take(n, which, &s);
	return s.us.n_ips ? established_enter(n->netfilter, &s.us, d) : 0;
}

int node_connections_clear(struct node *n, uint64_t which, struct established_walk *at, struct diag *d)
{
	struct some s;

	some_take(n, which, &s);
	return s.us.n_ips ? established_clear(n->netfilter, &s.us, at, d) : 0;
}

int node_connections_end(struct node *n, uint64_t which, struct established_walk *at, struct diag *d)
{
	struct some s;

	some_take(n, which, &s);
	return s.us.n_ips && n->diag ? established_end(n->netfilter, n->diag, &s.us, at, d) : 0;
}

int node_connections_sweep(struct node *n, uint64_t which, struct established_sweep *at, struct diag *d)
{
	struct some s;

	some_take(n, which, &s);
	return s.us.n_ips ? established_sweep(n->netfilter, &s.us, at, d) : 0;
}

int node_rules_remove(struct node *n, struct diag *d)
{
	int err = 0, left = 0;

	n->strays.last = true;
	n->owed_until_ns = 0;
	if (n->kind == RULES_IPTABLES)
		err = iptables_remove(n, d);
	if (n->kind == RULES_NFTABLES) {
		err = nft_remove(n->netfilter, d);
		if (err)
			node_error_count(n, NODE_ERR_IPTABLES);
	}
	if (!n->swept)
		left = node_sweep(n, err ? NULL : d);
	return err_first(err, left);
}

int node_rules_refresh(struct node *n, struct diag *d)
{
	if (n->kind == RULES_NFTABLES && n->f->failopen_ns)
		return nft_refresh(n->netfilter, &n->nft, d);
	return n->kind == RULES_IPTABLES ? gates_renew(&n->gates, d) : 0;
}

int node_rules_adopt(struct node *n)
{
	return n->kind == RULES_IPTABLES && n->f->failopen_ns ? gates_adopt(&n->gates) : ERR_MISSING;
}

uint32_t node_rules_generation(const struct node *n)
{
	return n->netfilter ? nft_look_generation(n->netfilter) : NFT_ANY_GENERATION;
}

void node_idle_set(struct node *n, uint64_t idle)
{
	n->nft.idle = n->gates.idle = idle;
}

uint64_t node_absent(const struct node *n)
{
	return n->ways ? local_absent(n->ways, n->f->localip, n->f->n_localips) : 0;
}

/* Without gates to close, lapsing is withdrawing. */
int node_rules_lapse(struct node *n, struct diag *d)
{
	if (n->kind == RULES_NFTABLES)
		return nft_lapse(n->netfilter, &n->nft, d);
	if (n->kind != RULES_IPTABLES)
		return 0;
	return n->gates.kind ? gates_flush(&n->gates, d) : iptables_withdraw(n, d);
}

bool node_failopen(const struct node *n)
{
	return n->f->failopen_ns && (n->kind == RULES_NFTABLES || n->gates.kind);
}

uint64_t node_hold_ns(const struct node *n)
{
	return n->kind == RULES_IPTABLES && n->gates.kind ? gates_hold_s(n->f) * NS_PER_S : n->f->failopen_ns;
}

bool node_rewrites(const struct node *n, bool v4, struct in6_addr *ret_vip, struct in6_addr *ret_target)
{
	const struct nft_conf *c = &n->nft;

	if (n->kind != RULES_NFTABLES || !c->vip[!v4] || !c->target[!v4])
		return false;
	*ret_vip = c->vip[!v4]->addr;
	*ret_target = c->target[!v4]->addr;
	return true;
}

enum node_gate node_gated(const struct node *n)
{
	return n->gates.kind;
}

void node_gate_set(struct node *n, enum node_gate gate)
{
	n->gates.kind = gate;
}

void node_deadline_set(struct node *n, uint64_t t_ns)
{
	n->deadline_ns = t_ns;
}

bool node_iface_created(const struct node *n)
{
	return n->iface.created;
}

int node_counters_read(struct node *n, struct node_counters *ret, struct diag *d)
{
	struct node_counters c = {.stand = true};
	int err = 0;

	if (n->kind == RULES_NFTABLES)
		err = nft_counters(n->netfilter, &n->nft, &c, d);
	for (int v4 = 0; n->kind == RULES_IPTABLES && !err && v4 < 2; v4++) {
		struct ipt_conf conf = node_ipt_conf(n->f, v4, n->gates.kind, n->deadline_ns, n->netfilter);

		if (flags_has_family(n->f, v4))
			err = iptables_counters(&conf, &c, d);
	}
	if (!err)
		*ret = c;
	return err;
}

/* Whatever the programs of one name left, in one family; 0 where they are not in use. */
static int backend_cleanup(const struct node_flags *f, enum ipt_backend b, bool v4, struct netlink *netfilter, struct diag *d)
{
	struct ipt_conf c = node_ipt_conf(f, v4, NODE_GATE_NONE, 0, netfilter);
	enum ipt_fault fault;
	bool changed;

	if (!iptables_present(v4) || !iptables_backend_use(b, v4))
		return 0;
	return iptables_apply(&c, IPT_CLEANUP, &changed, &fault, d);
}

int node_cleanup(const struct node_flags *f, struct diag *d)
{
	struct iface iface = {.name = f->interface_name, .added = UINT64_MAX, .all = true};
	struct netlink *route = NULL, *netfilter = NULL;
	int first = netlink_open(&netfilter, NETLINK_NETFILTER, d), err;

	for (int b = 0; b < IPT_BACKENDS; b++) {
		for (int v4 = 0; v4 < 2; v4++) {
			err = backend_cleanup(f, (enum ipt_backend)b, v4, netfilter, diag_first(first, d));
			first = err_first(first, err);
		}
	}
	if (netfilter) {
		err = nft_remove(netfilter, diag_first(first, d));
		gates_destroy(netfilter, true);
		gates_destroy(netfilter, false);
		first = err_first(first, err);
	}
	if (f->setup_interface) {
		err = netlink_open(&route, NETLINK_ROUTE, diag_first(first, d));
		if (!err)
			err = iface_remove(&iface, route, f->localip, f->n_localips, diag_first(first, d));
		first = err_first(first, err);
	}
	netlink_close(route);
	netlink_close(netfilter);
	return first;
}

enum flags_rules node_rules_kind(const struct node *n)
{
	return n->kind;
}

const char *node_rules_words(const struct node *n)
{
	return n->words;
}

void node_error_count(struct node *n, enum node_error e)
{
	n->errors[e]++;
}

const uint64_t *node_errors(const struct node *n)
{
	return n->errors;
}
