/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The original's two stores of a server block: answers and denials, 256 shards each.
 */
#ifndef NODENS_SIM_ORIGINAL_STORE_H
#define NODENS_SIM_ORIGINAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/rng.h"

struct original_store;
/* `cap` entries in all, at least 1,024; NULL: no memory. */
struct original_store *original_store_new(unsigned cap);
void original_store_free(struct original_store *s);
/* The message and how much of its TTL is left; NULL: not there, or not any more. */
const uint8_t *original_store_get(const struct original_store *s, uint64_t key, uint64_t now_ns, size_t *ret_len,
				  uint32_t *ret_ttl_s);
/* False: no memory. *ret_evicted: another went for it. */
bool original_store_put(struct original_store *s, struct rng *r, uint64_t key, uint64_t now_ns, uint32_t ttl_s,
			const uint8_t *msg, size_t len, bool *ret_evicted);

#endif
