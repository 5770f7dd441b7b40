/* SPDX-License-Identifier: Apache-2.0 */
/* First links of chains in a table of slots, beside an array with a place for every bucket. */
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
		bool remove = rng_below(&r, 100) < 45 || n >= most;
		if (remove != (plain[b] != 0))
			continue;
		cr_assert(ct_heads_room(&h, 1));
		plain[b] = remove ? 0 : 1 + i;
		if (remove)
			ct_heads_remove(&h, b);
		else
			ct_heads_add(&h, b, (struct ct_link){.node = 1 + i});
		n += remove ? UINT32_MAX : 1;
	}
	uint32_t next = ct_heads_next(&h, 0);
	for (uint32_t b = 0; b < buckets; b++) {
		const struct ct_head *at = ct_heads_at(&h, b);
		cr_assert_eq(at ? at->link.node : 0, plain[b], "bucket %u of %u", b, buckets);
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
