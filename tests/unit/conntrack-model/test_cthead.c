/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of chains in a table of slots, beside an array with a place for every bucket. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

static void agree(uint32_t buckets, uint32_t most, unsigned steps)
{
	struct ct_heads h;
	uint32_t *plain = calloc(buckets, sizeof(*plain)), n = 0;
	struct rng r;

	rng_seed(&r, buckets);
	cr_assert(ct_heads_init(&h, buckets));
	for (unsigned i = 0; i < steps; i++) {
		/* often near one another and near the end, where slots are taken and searches wrap */
		uint32_t b = (uint32_t)(rng_below(&r, 3) ? rng_below(&r, buckets) : buckets - 1 - rng_below(&r, buckets < 40 ? buckets : 40));
		uint32_t node = rng_below(&r, 100) < 45 || n >= most ? 0 : 1 + (uint32_t)i;
		if (!node && !plain[b])
			continue;
		cr_assert(ct_heads_room(&h, 1));
		n += (node != 0) - (plain[b] != 0);
		plain[b] = node;
		ct_heads_set(&h, b, node);
	}
	uint32_t next = ct_heads_next(&h, 0);
	for (uint32_t b = 0; b < buckets; b++) {
		cr_assert_eq(ct_heads_get(&h, b), plain[b], "bucket %u of %u", b, buckets);
		if (!plain[b])
			continue;
		cr_assert_eq(next, b);
		next = ct_heads_next(&h, b + 1);
	}
	cr_assert_eq(next, buckets);
	cr_assert_eq(h.n_used, n);
	ct_heads_release(&h);
	free(plain);
}

Test(cthead, what_is_kept_is_what_an_array_would_keep)
{
	agree(1, 1, 100);
	agree(7, 7, 1000);
	agree(64, 64, 5000);
	agree(1000, 1000, 20000);    /* a place for each */
	agree(5000, 400, 50000);     /* searched, never grown */
	agree(262144, 3000, 100000); /* grown */
	agree(3001, 3001, 100000);   /* grown until each has its place */
}
