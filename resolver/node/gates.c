/* SPDX-License-Identifier: Apache-2.0 */
/* The lists behind the gates, by ipset where the kernel has it, else by xt_recent. */
#include "resolver/node/gates.h"

#include "lib/base/clock.h"
#include "lib/base/first.h"
#include "resolver/node/ipset.h"
#include "resolver/node/recent.h"

void gates_init(struct gates *g, const struct node_flags *f, struct netlink *netfilter)
{
	*g = (struct gates){
		.f = f,
		.netfilter = netfilter,
		.best = !f->failopen_ns ? NODE_GATE_NONE : netfilter ? NODE_GATE_SET : NODE_GATE_RECENT,
	};
}

const char *gates_name(bool v4)
{
	return v4 ? "nodelocaldns4" : "nodelocaldns6";
}

uint32_t gates_hold_s(const struct node_flags *f)
{
	return f->failopen_ns < 2 * NS_PER_S ? 1 : (uint32_t)(f->failopen_ns / NS_PER_S);
}

/* Of a family, those that rules are for, or those that they leave alone. */
static size_t some_ips(const struct gates *g, bool v4, bool idle, struct flags_ip ret[FLAGS_LOCALIPS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < g->f->n_localips; i++) {
		if (g->f->localip[i].is_v4 == v4 && (g->idle >> i & 1) == idle)
			ret[n++] = g->f->localip[i];
	}
	return n;
}

/* At once: until it lapsed, what is sent there would find nobody. */
static int idle_take(struct gates *g, bool v4, struct diag *d)
{
	struct flags_ip ip[FLAGS_LOCALIPS_MAX];
	size_t n = some_ips(g, v4, true, ip);

	if (!n)
		return 0;
	return g->kind == NODE_GATE_SET ? ipset_take(g->netfilter, gates_name(v4), ip, n, v4, d)
					: recent_take(gates_name(v4), ip, n, v4, d);
}

int gates_renew(struct gates *g, struct diag *d)
{
	struct flags_ip ip[FLAGS_LOCALIPS_MAX];
	int first = 0;

	for (int v4 = 0; v4 < 2 && g->kind; v4++) {
		size_t n = some_ips(g, v4, false, ip);
		int err = idle_take(g, v4, diag_first(first, d));

		first = err_first(first, err);
		struct diag *words = diag_first(first, d);

		if (!n)
			continue;
		if (g->kind == NODE_GATE_SET)
			err = ipset_put(g->netfilter, gates_name(v4), ip, n, v4, gates_hold_s(g->f), words);
		else
			err = recent_put(gates_name(v4), ip, n, v4, words);
		first = err_first(first, err);
	}
	return first;
}

int gates_adopt(struct gates *g)
{
	static const enum node_gate kinds[] = {NODE_GATE_RECENT, NODE_GATE_SET};
	enum node_gate found = NODE_GATE_NONE;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		g->kind = kinds[i];
		if ((g->kind != NODE_GATE_SET || g->netfilter) && !gates_renew(g, NULL))
			found = g->kind;
	}
	g->kind = found;
	return found ? 0 : ERR_MISSING;
}

int gates_flush(struct gates *g, struct diag *d)
{
	int first = 0;

	for (int v4 = 0; v4 < 2 && g->kind; v4++) {
		struct diag *words = diag_first(first, d);
		int err;

		if (!flags_has_family(g->f, v4))
			continue;
		err = g->kind == NODE_GATE_SET ? ipset_flush(g->netfilter, gates_name(v4), words)
					       : recent_flush(gates_name(v4), words);
		first = err_first(first, err);
	}
	return first;
}

static bool sets_create(struct gates *g)
{
	for (int v4 = 0; v4 < 2; v4++) {
		if (flags_has_family(g->f, v4) && ipset_create(g->netfilter, gates_name(v4), v4, NULL))
			return false;
	}
	return true;
}

void gates_prepare(struct gates *g)
{
	enum node_gate was = g->kind;

	g->kind = g->best;
	if (g->kind != was)
		g->filled = false;
	if (g->kind != NODE_GATE_SET)
		return;
	if (sets_create(g) && (g->filled || !gates_renew(g, NULL))) {
		g->filled = true;
		return;
	}
	g->kind = NODE_GATE_RECENT;
	g->filled = was == NODE_GATE_RECENT && g->filled;
}

int gates_installed(struct gates *g, struct diag *d)
{
	int err = 0;

	if (g->kind == NODE_GATE_RECENT && !g->filled) {
		err = gates_renew(g, d);
		g->filled = !err;
	}
	return err;
}

void gates_destroy(struct netlink *netfilter, bool v4)
{
	if (netfilter)
		ipset_destroy(netfilter, gates_name(v4), NULL);
}
