/* SPDX-License-Identifier: Apache-2.0 */
/* A growing hash table of links within transactions; newest first in each chain. */
#ifndef NODENS_TXNINDEX_H
#define NODENS_TXNINDEX_H

#include "pcap-replay/traffic/txn.h"

#define TXNINDEX_WALK_MAX 64 /* links looked at in one chain: who makes more of one key is not followed */

struct txnindex {
	/* `marks` has a bit for each hash that came into the chain since it was empty last:
	 * most of what is asked for is not there, and that is known without a walk */
	struct txn_slot {
		struct txn_link *first;
		uint64_t marks;
	} *slot;
	size_t n_slots, n;
};
int txnindex_init(struct txnindex *x);
void txnindex_release(struct txnindex *x);
void txnindex_put(struct txnindex *x, struct txn_link *l, uint64_t hash);
void txnindex_drop(struct txnindex *x, struct txn_link *l); /* nothing when it is in none */
/* It will be asked for soon: tables are larger than caches. */
static inline void txnindex_prefetch(const struct txnindex *x, uint64_t hash)
{
	__builtin_prefetch(&x->slot[hash & (x->n_slots - 1)]);
}
static inline void txnindex_prefetch_first(const struct txnindex *x, uint64_t hash)
{
	__builtin_prefetch(x->slot[hash & (x->n_slots - 1)].first, 1);
}
/* What stands first in its chain, whatever it is. */
static inline const struct txn_link *txnindex_front(const struct txnindex *x, uint64_t hash)
{
	return x->slot[hash & (x->n_slots - 1)].first;
}
/* The newest link of this hash, and the next one behind a link. */
struct txn_link *txnindex_first(const struct txnindex *x, uint64_t hash);
struct txn_link *txnindex_next(const struct txn_link *l);

#endif
