/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that are lent for one call: piece by piece, so that each can be spoilt on its own. */
#include "tests/scenario/lend.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	struct piece *next;
	size_t len;
	max_align_t data[];
};
struct lent {
	struct core_conf conf;
	struct piece *pieces;
};

static void *lend(struct lent *l, const void *from, size_t len)
{
	struct piece *p = from ? malloc(sizeof(*p) + len) : NULL;

	if (!p)
		return NULL;
	*p = (struct piece){.next = l->pieces, .len = len};
	l->pieces = p;
	return memcpy(p->data, from, len);
}

static char *lend_text(struct lent *l, const char *text)
{
	return lend(l, text, text ? strlen(text) + 1 : 0);
}

static void lend_zone(struct lent *l, struct core_zone *z)
{
	struct core_forward *f = lend(l, z->forward, z->n_forward * sizeof(*f));

	for (size_t i = 0; i < z->n_forward; i++)
		f[i].except = lend(l, f[i].except, f[i].n_except * sizeof(*f[i].except));
	z->forward = f;
	z->label_zones = lend_text(l, z->label_zones);
	z->nsid = lend_text(l, z->nsid);
	z->step = lend(l, z->step, z->n_steps * sizeof(*z->step));
	z->cache.only = lend(l, z->cache.only, z->cache.n_only * sizeof(*z->cache.only));
	z->cache.no_pos = lend(l, z->cache.no_pos, z->cache.n_no_pos * sizeof(*z->cache.no_pos));
	z->cache.no_neg = lend(l, z->cache.no_neg, z->cache.n_no_neg * sizeof(*z->cache.no_neg));
}

struct lent *conf_lend(const struct core_conf *conf, const struct core_conf **ret)
{
	struct lent *l = calloc(1, sizeof(*l));
	struct core_listener *listener;
	struct core_upstream *upstream;
	struct core_zone *zone;

	if (!l)
		abort();
	l->conf = *conf;
	l->conf.listener = listener = lend(l, conf->listener, conf->n_listeners * sizeof(*listener));
	for (size_t i = 0; i < conf->n_listeners; i++)
		listener[i].label = lend_text(l, listener[i].label);
	l->conf.upstream = upstream = lend(l, conf->upstream, conf->n_upstreams * sizeof(*upstream));
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		upstream[i].label = lend_text(l, upstream[i].label);
		upstream[i].tls_name = lend_text(l, upstream[i].tls_name);
	}
	l->conf.zone = zone = lend(l, conf->zone, conf->n_zones * sizeof(*zone));
	for (size_t i = 0; i < conf->n_zones; i++)
		lend_zone(l, &zone[i]);
	*ret = &l->conf;
	return l;
}

void conf_take_back(struct lent *l)
{
	for (struct piece *p = l->pieces, *next; p; p = next) {
		next = p->next;
		memset(p, 0xa5, sizeof(*p) + p->len);
		free(p);
	}
	memset(l, 0xa5, sizeof(*l));
	free(l);
}
