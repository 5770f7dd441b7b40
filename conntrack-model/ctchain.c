/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains: one link is in the bucket's slot, several in a block of 32, 64, ... octets, with room for 2, 5, 10 ... of
 * them. Blocks come from one array, those of a cache line or more begin one; what is given back is kept by size. A chain
 * that has outgrown its block moves to the next size, and back when it would fill a quarter.
 */
#include <assert.h>
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

#define LINE_UNITS 4
#define CLASS_LEAST 1

static uint32_t units_of(unsigned class)
{
	return UINT32_C(1) << class;
}

static uint32_t links_of(unsigned class)
{
	return (units_of(class) * CT_UNIT - (uint32_t)sizeof(struct ct_block)) / (uint32_t)sizeof(struct ct_link);
}

/* --- blocks --- */

static void block_give(struct ctable *t, uint32_t at, unsigned class)
{
	ct_block_at(t, at)->link[0].node = t->blocks.free[class];
	t->blocks.free[class] = at;
}

static uint32_t block_take(struct ctable *t, unsigned class)
{
	struct ct_blocks *c = &t->blocks;
	uint32_t at = c->free[class];

	if (at) {
		c->free[class] = ct_block_at(t, at)->link[0].node;
		return at;
	}
	at = c->n_units;
	c->n_units += units_of(class) < LINE_UNITS ? LINE_UNITS : units_of(class);
	assert(c->n_units <= c->cap);
	for (uint32_t rest = at + units_of(class); rest < at + LINE_UNITS; rest += units_of(class))
		block_give(t, rest, class);
	return at;
}

static bool units_room(struct ct_blocks *c, uint32_t more)
{
	if (c->n_units + more <= c->cap)
		return true;
	uint64_t cap = c->cap ? c->cap : 1024;
	while (cap < (uint64_t)c->n_units + more)
		cap *= 2;
	if (cap > UINT32_MAX / 2)
		return false;
	uint8_t *p = ct_memory(c->unit, (size_t)c->n_units * CT_UNIT, cap * CT_UNIT);
	if (!p)
		return false;
	free(c->unit);
	c->unit = p;
	c->cap = (uint32_t)cap;
	if (!c->n_units)
		c->n_units = LINE_UNITS; /* index 0 is none */
	return true;
}

bool ct_chains_room(struct ctable *t, const uint32_t *bucket, unsigned n)
{
	uint32_t units = LINE_UNITS; /* that of index 0 */

	for (unsigned i = 0; i < n; i++) { /* twice a size more: both may be of one bucket */
		const struct ct_head *h = ct_heads_at(&t->heads, bucket[i]);
		units += units_of(h && h->link.node == CT_MANY ? ct_block_at(t, h->link.tag)->class + 3 : CLASS_LEAST + 3);
	}
	return units_room(&t->blocks, units) && ct_heads_room(&t->heads, n);
}

/* --- links --- */

static void block_fill(struct ct_block *b, unsigned class, const struct ct_link *link, uint32_t n)
{
	b->class = class & 31;
	b->n = n & ((1u << 27) - 1);
	memcpy(b->link, link, n * sizeof(*link));
}

/* To a block of another size, which has room. */
static struct ct_block *block_move(struct ctable *t, struct ct_head *h, unsigned class)
{
	uint32_t from = h->link.tag, to = block_take(t, class);
	struct ct_block *b = ct_block_at(t, from), *moved = ct_block_at(t, to);

	block_fill(moved, class, b->link, b->n);
	block_give(t, from, b->class);
	h->link.tag = to;
	return moved;
}

void ct_chain_add(struct ctable *t, uint32_t bucket, struct ct_link l)
{
	struct ct_head *h = ct_heads_at(&t->heads, bucket);

	if (!h) {
		ct_heads_add(&t->heads, bucket, l);
		return;
	}
	if (h->link.node != CT_MANY) {
		uint32_t at = block_take(t, CLASS_LEAST);
		block_fill(ct_block_at(t, at), CLASS_LEAST, &h->link, 1);
		h->link = (struct ct_link){.tag = at, .node = CT_MANY};
	}
	struct ct_block *b = ct_block_at(t, h->link.tag);
	if (b->n == links_of(b->class))
		b = block_move(t, h, b->class + 1u);
	b->link[b->n++] = l;
}

/* One of two is left: it is the slot's again. */
static void block_end(struct ctable *t, struct ct_head *h)
{
	uint32_t at = h->link.tag;
	struct ct_block *b = ct_block_at(t, at);

	h->link = b->link[0];
	block_give(t, at, b->class);
}

void ct_chain_remove(struct ctable *t, uint32_t bucket, uint32_t node)
{
	struct ct_head *h = ct_heads_at(&t->heads, bucket);
	uint32_t i = 0;

	assert(h);
	if (h->link.node != CT_MANY) {
		assert(h->link.node == node);
		ct_heads_remove(&t->heads, bucket);
		return;
	}
	struct ct_block *b = ct_block_at(t, h->link.tag);
	while (b->link[i].node != node) {
		i++;
		assert(i < b->n);
	}
	b->n--;
	memmove(&b->link[i], &b->link[i + 1], (b->n - i) * sizeof(b->link[0]));
	if (b->n == 1)
		block_end(t, h);
	else if (b->class > CLASS_LEAST + 1 && b->n <= links_of(b->class - 2u))
		block_move(t, h, b->class - 1u);
}

uint32_t ct_chain_left(const struct ctable *t, uint32_t bucket, uint32_t n_before, uint32_t i)
{
	uint32_t gone = n_before - ct_chain_of(t, bucket).n;

	/* the other direction is older than the newest, and so is gone from before it */
	return i + 1 - gone;
}
