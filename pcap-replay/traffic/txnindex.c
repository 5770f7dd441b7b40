/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of links, doubled when they grow long. */
#include "pcap-replay/traffic/txnindex.h"

#include <stdlib.h>

#include "lib/base/err.h"

int txnindex_init(struct txnindex *x)
{
	x->n = 0;
	x->n_slots = 1024;
	x->slot = calloc(x->n_slots, sizeof(*x->slot));
	return x->slot ? 0 : ERR_NOMEM;
}

void txnindex_release(struct txnindex *x)
{
	free(x->slot);
	x->slot = NULL;
}

static uint64_t mark_of(uint64_t hash)
{
	return 1ull << (hash >> 58); /* chains are chosen by the low bits */
}

static void link_in(struct txn_slot *s, struct txn_link *l)
{
	if (!s->first)
		s->marks = 0;
	s->marks |= mark_of(l->hash);
	l->next = s->first;
	l->pprev = &s->first;
	if (l->next)
		l->next->pprev = &l->next;
	s->first = l;
}

/* Chains are moved from their ends, so that the newest stay in front. */
static void grow(struct txnindex *x)
{
	size_t n = x->n_slots * 2;
	struct txn_slot *bigger = calloc(n, sizeof(*bigger));
	if (!bigger)
		return; /* longer chains, nothing worse */
	for (size_t i = 0; i < x->n_slots; i++) {
		struct txn_link *back = NULL;
		for (struct txn_link *l = x->slot[i].first, *next; l; l = next) {
			next = l->next;
			l->next = back;
			back = l;
		}
		for (struct txn_link *l = back, *next; l; l = next) {
			next = l->next;
			link_in(&bigger[l->hash & (n - 1)], l);
		}
	}
	free(x->slot);
	x->slot = bigger;
	x->n_slots = n;
}

void txnindex_put(struct txnindex *x, struct txn_link *l, uint64_t hash)
{
	if (x->n >= x->n_slots)
		grow(x);
	l->hash = hash;
	link_in(&x->slot[hash & (x->n_slots - 1)], l);
	x->n++;
}

void txnindex_drop(struct txnindex *x, struct txn_link *l)
{
	if (!l->pprev)
		return;
	*l->pprev = l->next;
	if (l->next)
		l->next->pprev = l->pprev;
	l->pprev = NULL;
	x->n--;
}

static struct txn_link *of_hash(struct txn_link *l, uint64_t hash)
{
	while (l && l->hash != hash)
		l = l->next;
	return l;
}

struct txn_link *txnindex_first(const struct txnindex *x, uint64_t hash)
{
	const struct txn_slot *s = &x->slot[hash & (x->n_slots - 1)];
	return s->marks & mark_of(hash) ? of_hash(s->first, hash) : NULL;
}

struct txn_link *txnindex_next(const struct txn_link *l)
{
	return of_hash(l->next, l->hash);
}
