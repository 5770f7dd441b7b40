/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters by key (a name, an address), as many keys as the budget has room for;
 * what comes after that is counted together under no key.
 */
#ifndef NODENS_TALLY_H
#define NODENS_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/read/budget.h"

#define TALLY_COUNTERS 6

struct tally_row {
	uint64_t n[TALLY_COUNTERS];
	uint64_t hash;
	uint16_t key_len;
	uint8_t key[];
};

struct tally;
/* Takes `share` octets of the budget at once, so that what comes and goes (transactions, streams) leaves it that; NULL
 * for somebody who has taken them. */
struct tally *tally_new(struct budget *b, size_t share);
void tally_free(struct tally *t);
/* The key's counters, for the caller to add to; those of "all others" when there is
 * no room for a new key. Never NULL. */
uint64_t *tally_at(struct tally *t, const void *key, size_t len);
/* The same for whoever has a keyed hash of the key already; a tally takes keys in one of the two ways only. */
uint64_t *tally_at_hash(struct tally *t, const void *key, size_t len, uint64_t hash);
/* NULL: not there. Of keys that came without a hash. */
const struct tally_row *tally_find(const struct tally *t, const void *key, size_t len);
/* All rows, in no order; NULL at the end. Begin with a cursor of 0. */
const struct tally_row *tally_next(const struct tally *t, size_t *cursor);
size_t tally_count(const struct tally *t); /* distinct keys */
uint64_t tally_untold(const struct tally *t); /* times there was no room for a new key */
/* The `n` rows with the highest counter `by`, highest first; fewer when there are not
 * as many. Returns how many. */
size_t tally_top(const struct tally *t, unsigned by, const struct tally_row **ret, size_t n);

#endif
