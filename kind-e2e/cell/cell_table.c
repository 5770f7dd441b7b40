/* SPDX-License-Identifier: Apache-2.0 */
/* Entries taken out of the node's connection table: what kube-proxy cleans after a sync, and
 * what a check wants gone before it counts. */
#include <stdlib.h>

#include "kind-e2e/cell/cell.h"
#include "lib/dns/wire.h"

struct chosen {
	const struct cell *c;
	bool (*take)(const struct cell *c, const struct ctnl_entry *e);
	struct ctnl_entry *e;
	size_t n, cap;
	bool no_memory;
};

static void choose(const struct ctnl_entry *e, void *arg)
{
	struct chosen *x = arg;

	if (!x->take(x->c, e))
		return;
	if (x->n == x->cap) {
		struct ctnl_entry *more = realloc(x->e, (x->cap + 1024) * sizeof x->e[0]);

		if (!more) {
			x->no_memory = true;
			return;
		}
		x->e = more;
		x->cap += 1024;
	}
	x->e[x->n++] = *e;
}

static int take_out(struct cell *c, bool (*take)(const struct cell *, const struct ctnl_entry *),
		    struct diag *d)
{
	struct chosen x = {.c = c, .take = take};
	int code = ctnl_dump(c->ct, choose, &x, d);

	if (!code && x.no_memory)
		code = diag_set(d, ERR_NOMEM, "connection table: no memory");
	for (size_t i = 0; !code && i < x.n; i++)
		code = ctnl_delete(c->ct, &x.e[i], d);
	free(x.e);
	return code;
}

static const struct topo_side *side_of(const struct cell *c, const struct ctnl_entry *e)
{
	return &c->topo.side[e->src.family == AF_INET6 ? TOPO_V6 : TOPO_V4];
}

static bool is_clients(const struct cell *c, const struct ctnl_entry *e)
{
	const struct topo_side *s = side_of(c, e);

	return e->dport == DNS_PORT &&
	       (addr_eq(&e->dst, &s->vip) || addr_eq(&e->dst, &s->local) ||
		(c->spec.empty && addr_eq(&e->dst, &s->backend[0])));
}

int cell_forget(struct cell *c, struct diag *d)
{
	return take_out(c, is_clients, d);
}

/* UDP to a Service, whose answers would come from a backend that is gone. */
static bool is_stale(const struct cell *c, const struct ctnl_entry *e)
{
	const struct topo_side *s = side_of(c, e);

	if (e->proto != IPPROTO_UDP || e->dport != DNS_PORT ||
	    !(addr_eq(&e->dst, &s->vip) || addr_eq(&e->dst, &s->upstream)))
		return false;
	for (unsigned i = 0; i < c->topo.n_backends; i++)
		if (c->live & 1u << i && addr_eq(&e->reply_src, &s->backend[i]))
			return false;
	return true;
}

int cell_forget_stale(struct cell *c, struct diag *d)
{
	return c->keep_stale ? 0 : take_out(c, is_stale, d);
}
