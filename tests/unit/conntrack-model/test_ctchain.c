/* SPDX-License-Identifier: Apache-2.0 */
/* Chains in cache lines, beside lists in an array with a place for every bucket. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

struct plain {
	uint32_t n, cap, *node; /* oldest first */
	uint8_t *tag;
};

static void plain_add(struct plain *p, uint32_t node, uint8_t tag)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 4;
		p->node = realloc(p->node, p->cap * sizeof(*p->node));
		p->tag = realloc(p->tag, p->cap);
	}
	p->node[p->n] = node;
	p->tag[p->n++] = tag;
}

static void plain_remove(struct plain *p, uint32_t i)
{
	p->n--;
	memmove(&p->node[i], &p->node[i + 1], (p->n - i) * sizeof(p->node[0]));
	memmove(&p->tag[i], &p->tag[i + 1], p->n - i);
}

/* Nodes are even, and expire at their own number. */
static void agree_bucket(const struct ct_chains *c, const struct plain *p, uint32_t bucket, uint8_t tag, uint32_t now_j)
{
	struct ct_turn all = ct_chain_all(c, bucket), some = ct_chain_wanted(c, (struct ct_spot){bucket, tag}, now_j);

	for (uint32_t i = p->n; i-- > 0;) {
		const struct ct_link *l = ct_chain_next(c, &all);
		cr_assert(l && l->node == p->node[i] && l->expires_j == p->node[i], "bucket %u, the %u-th", bucket, i);
		if (p->tag[i] != tag && p->node[i] > now_j)
			continue;
		l = ct_chain_next(c, &some);
		cr_assert(l && l->node == p->node[i], "bucket %u, the %u-th, as wanted", bucket, i);
	}
	cr_assert(!ct_chain_next(c, &all) && !ct_chain_next(c, &some));
	cr_assert(!ct_chain_longer(c, bucket, p->n));
	cr_assert(p->n == 0 || ct_chain_longer(c, bucket, p->n - 1));
}

/* The gc goes over the slots, and over each from the end: bucket after bucket. */
static void agree_order(const struct ct_chains *c, uint32_t n)
{
	uint32_t met = 0, last = 0;

	for (uint32_t i = 0; i < c->n_slots; i++)
		for (const struct ct_line *l = ct_slot(c, i); l; l = l->more ? ct_line_before(c, l) : NULL) {
			cr_assert(l->n + l->more <= CT_LINKS);
			for (unsigned k = l->n; k-- > 0; met++) {
				cr_assert_geq(ct_line_bucket(c, i, l, k), last);
				last = ct_line_bucket(c, i, l, k);
			}
		}
	cr_assert_eq(met, n);
	cr_assert_eq(c->n_links, n);
}

static void agree(uint32_t buckets, uint32_t most, unsigned steps)
{
	struct ct_chains c;
	struct plain *plain = calloc(buckets, sizeof(*plain));
	uint32_t n = 0;
	struct rng r;

	rng_seed(&r, buckets);
	cr_assert(ct_chains_init(&c, buckets));
	for (unsigned i = 1; i <= steps; i++) {
		/* often near one another and near the end, so that lines are full */
		uint32_t b = (uint32_t)(rng_below(&r, 3) ? rng_below(&r, buckets)
							 : buckets - 1 - rng_below(&r, buckets < 40 ? buckets : 40));
		struct plain *p = &plain[b];
		if (rng_below(&r, 100) < (n >= most ? 55 : 45)) {
			uint32_t k = p->n ? (uint32_t)rng_below(&r, p->n) : 0;
			if (!p->n)
				continue;
			ct_chain_remove(&c, b, p->node[k]);
			plain_remove(p, k);
			n--;
		} else {
			uint8_t tag = (uint8_t)rng_below(&r, 4);
			cr_assert(ct_chains_room(&c, 1));
			ct_chain_add(&c, (struct ct_spot){b, tag}, (struct ct_link){0, 2 * i});
			ct_chain_refresh(&c, b, (struct ct_link){2 * i, 2 * i});
			plain_add(p, 2 * i, tag);
			n++;
		}
		if (rng_below(&r, 8) == 0)
			agree_bucket(&c, p, b, (uint8_t)rng_below(&r, 4), (uint32_t)rng_below(&r, 2 * i));
	}
	for (uint32_t b = 0; b < buckets; b++) {
		agree_bucket(&c, &plain[b], b, 1, steps);
		free(plain[b].node);
		free(plain[b].tag);
	}
	agree_order(&c, n);
	ct_chains_release(&c);
	free(plain);
}

Test(ctchain, what_is_kept_is_what_an_array_would_keep)
{
	agree(1, 100, 5000);
	agree(7, 200, 10000);
	agree(64, 64, 5000);
	agree(1000, 4000, 40000);     /* a slot for each, and more than a line */
	agree(5000, 400, 50000);      /* never grown */
	agree(262144, 30000, 100000); /* grown */
	agree(3001, 9001, 100000);    /* grown until each has its own */
}
