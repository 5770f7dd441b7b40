/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash's chains, in cache lines. Of a quarter of a million buckets a node's DNS uses some
 * thousands, so a slot begins as the place of many that follow one another; slots are doubled when
 * they have four links each, until every bucket has its own, and then once more in width. Who comes
 * to a full line moves the links before its own to another line: the one beside it, or one of a
 * pool. Two that fit into one are joined.
 */
#include <stdlib.h>

#include "conntrack-model/ctable_int.h"

_Static_assert(sizeof(struct ct_line) == 64, "a cache line");

#define LINKS_A_SLOT 4

/* --- memory --- */

/* Empty ones, by shift. False: no memory. */
static bool slots_new(struct ct_chains *c)
{
	c->n_slots = ((c->buckets - 1) >> c->shift) + 1;
	c->slot = ct_memory(NULL, 0, (c->n_slots * sizeof(*c->slot)) << c->beside);
	for (uint32_t i = 0; c->slot && i < c->n_slots; i++)
		*ct_slot(c, i) = (struct ct_line){0};
	return c->slot;
}

bool ct_chains_init(struct ct_chains *c, uint32_t buckets)
{
	*c = (struct ct_chains){.buckets = buckets, .shift = CT_LOW_BITS};
	return slots_new(c);
}

void ct_chains_release(struct ct_chains *c)
{
	free(c->slot);
	free(c->line);
}

static bool lines_room(struct ct_chains *c, uint32_t n)
{
	uint32_t cap = c->cap ? c->cap * 2 : 64;

	if (c->n_lines + n <= c->cap)
		return true;
	if (cap > UINT32_MAX / 4)
		return false;
	struct ct_line *p = ct_memory(c->line, c->n_lines * sizeof(*p), cap * sizeof(*p));
	if (!p)
		return false;
	if (!c->n_lines)
		c->n_lines = 1; /* 0 is none */
	free(c->line);
	c->line = p;
	c->cap = cap;
	return true;
}

static uint32_t line_take(struct ct_chains *c)
{
	uint32_t at = c->free;

	if (!at)
		return c->n_lines++;
	c->free = c->line[at].link[0].node;
	__builtin_prefetch(&c->line[c->free], 1);
	return at;
}

static void line_give(struct ct_chains *c, uint32_t at)
{
	c->line[at].link[0].node = c->free;
	c->free = at;
}

/* Those of a line into slots of another number, oldest first. False: no memory. */
static bool line_move(struct ct_chains *to, const struct ct_chains *from, uint32_t slot, const struct ct_line *l)
{
	for (unsigned k = 0; k < l->n; k++) {
		struct ct_spot at = {ct_line_bucket(from, slot, l, k), (uint8_t)(l->tag >> 8 * k)};
		if (!lines_room(to, 2))
			return false;
		ct_chain_add(to, at, l->link[k]);
	}
	return true;
}

/* All of a slot: few have more than a line. */
static bool slot_move(struct ct_chains *to, const struct ct_chains *from, uint32_t slot)
{
	unsigned n = 0;

	for (const struct ct_line *l = ct_slot(from, slot); l->more; l = ct_line_before(from, l))
		n++;
	for (unsigned i = n + 1; i-- > 0;) {
		const struct ct_line *l = ct_slot(from, slot);
		for (unsigned k = 0; k < i; k++)
			l = ct_line_before(from, l);
		if (!line_move(to, from, slot, l))
			return false;
	}
	return true;
}

/* False: no memory; all stays as it is. */
static bool grow(struct ct_chains *c)
{
	struct ct_chains to = {.buckets = c->buckets, .shift = c->shift - (c->shift > 0), .beside = c->shift == 0};
	bool ok = slots_new(&to);

	for (uint32_t i = 0; ok && i < c->n_slots; i++)
		ok = slot_move(&to, c, i);
	ct_chains_release(ok ? c : &to);
	if (ok)
		*c = to;
	return ok;
}

bool ct_chains_room(struct ct_chains *c, unsigned n)
{
	if (!c->beside && c->n_links + n > LINKS_A_SLOT * (uint64_t)c->n_slots && !grow(c))
		return false;
	return lines_room(c, n);
}

/* --- links --- */

static struct ct_line *before_of(struct ct_chains *c, struct ct_line *l)
{
	uint32_t at = l->link[CT_LINKS - 1].node;

	return at ? &c->line[at] : l + 1;
}

static unsigned fit(const struct ct_line *l)
{
	return CT_LINKS - l->more;
}

/* How many of a line's links are of such a bucket, or a later one: as their octets are not below,
 * in as many subtractions at once. */
static unsigned links_before(const struct ct_line *l, uint8_t low)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), upper = ones << 7;
	uint64_t own = ones * low, word = l->low, lower7 = (word | upper) - (own & ~upper);
	uint64_t not_below = ((word & ~own) | (~(word ^ own) & lower7)) & upper & ct_octets_first(l->n);

	return (unsigned)__builtin_ctzll(not_below ^ upper) / 8; /* they are the first */
}

static uint64_t octet_put(uint64_t word, unsigned i, uint8_t octet)
{
	uint64_t first = ct_octets_first(i);

	return (word & first) | (word & ~first) << 8 | (uint64_t)octet << 8 * i;
}

static uint64_t octet_take(uint64_t word, unsigned i)
{
	uint64_t first = ct_octets_first(i);

	return (word & first) | (word >> 8 & ~first);
}

/* All that follow are moved, and those that need not be onto themselves: cheaper than to foretell
 * where it ends. */
static void line_put(struct ct_line *l, unsigned i, struct ct_spot at, struct ct_link link)
{
	struct ct_link last = l->link[CT_LINKS - 1];

	for (unsigned k = CT_LINKS - 1; k > 0; k--)
		l->link[k] = l->link[k - (k > i)];
	l->link[i] = link;
	if (l->more)
		l->link[CT_LINKS - 1] = last;
	l->low = octet_put(l->low, i, (uint8_t)at.bucket);
	l->tag = octet_put(l->tag, i, at.tag);
	l->n++;
}

static void line_drop(struct ct_line *l, unsigned i)
{
	for (unsigned k = 0; k < CT_LINKS - 1; k++)
		l->link[k] = l->link[k + (k >= i)];
	l->low = octet_take(l->low, i);
	l->tag = octet_take(l->tag, i);
	l->n--;
}

static bool is_slot(const struct ct_chains *c, const struct ct_line *l)
{
	return l >= c->slot && l < ct_slot(c, c->n_slots);
}

static bool uses_beside(const struct ct_line *l)
{
	return l->more && l->link[CT_LINKS - 1].node == 0;
}

/* Its first `n` links to a line before it. */
static struct ct_line *line_split(struct ct_chains *c, struct ct_line *l, unsigned n)
{
	bool beside = c->beside && is_slot(c, l);
	uint32_t at = !beside || uses_beside(l) ? line_take(c) : 0;
	struct ct_line *before = beside ? l + 1 : &c->line[at], first = *l;

	if (beside && at) { /* what is there goes one further */
		c->line[at] = *before;
		first.link[CT_LINKS - 1].node = at;
	}
	*before = first;
	before->n = n & 7;
	l->n -= n;
	l->low = (uint64_t)l->low >> 8 * n;
	l->tag = (uint64_t)l->tag >> 8 * n;
	memmove(l->link, &l->link[n], l->n * sizeof(l->link[0]));
	l->more = 1;
	l->link[CT_LINKS - 1].node = beside ? 0 : at;
	return before;
}

/* With the line before it, if both fit into one. */
static void line_join(struct ct_chains *c, struct ct_line *l)
{
	if (!l->more)
		return;
	uint32_t at = l->link[CT_LINKS - 1].node;
	const struct ct_line *before = ct_line_before(c, l);
	unsigned n = before->n;
	if (n + l->n > fit(before))
		return;
	struct ct_line both = *before;
	both.n = (n + l->n) & 7;
	both.low = (before->low & ct_octets_first(n)) | (uint64_t)l->low << 8 * n;
	both.tag = (before->tag & ct_octets_first(n)) | (uint64_t)l->tag << 8 * n;
	memcpy(&both.link[n], l->link, l->n * sizeof(l->link[0]));
	*l = both;
	if (at)
		line_give(c, at);
}

void ct_chain_add(struct ct_chains *c, struct ct_spot at, struct ct_link link)
{
	struct ct_line *l = ct_line_of(c, at.bucket);
	unsigned i = links_before(l, (uint8_t)at.bucket);

	while (i == 0 && l->more) {
		l = before_of(c, l);
		i = links_before(l, (uint8_t)at.bucket);
	}
	if (l->n == fit(l)) {
		struct ct_line *before = line_split(c, l, i ? i : 1);
		bool fits = before->n < fit(before);
		l = fits ? before : l;
		i = fits ? i : 0;
	}
	line_put(l, i, at, link);
	c->n_links++;
}

/* Its place; CT_LINKS: it is not there. */
static unsigned place_of(const struct ct_line *l, uint32_t node)
{
	unsigned at = CT_LINKS;

	for (unsigned k = CT_LINKS; k-- > 0;)
		at = l->link[k].node == node ? k : at;
	return at < l->n ? at : CT_LINKS;
}

void ct_chain_refresh(struct ct_chains *c, uint32_t bucket, struct ct_link link)
{
	struct ct_line *l = ct_line_of(c, bucket);
	unsigned i = place_of(l, link.node);

	while (i == CT_LINKS) {
		l = before_of(c, l);
		i = place_of(l, link.node);
	}
	l->link[i] = link;
}

void ct_chain_remove(struct ct_chains *c, uint32_t bucket, uint32_t node)
{
	struct ct_line *after = NULL, *l = ct_line_of(c, bucket);
	unsigned i = place_of(l, node);

	while (i == CT_LINKS) {
		after = l;
		l = before_of(c, l);
		i = place_of(l, node);
	}
	line_drop(l, i);
	c->n_links--;
	line_join(c, l);
	if (after)
		line_join(c, after);
}

bool ct_chain_longer(const struct ct_chains *c, uint32_t bucket, uint32_t n)
{
	if (n >= CT_LINKS && !ct_line_of(c, bucket)->more)
		return false;
	struct ct_turn w = ct_chain_all(c, bucket);
	for (uint32_t k = 0; ct_chain_next(c, &w); k++)
		if (k == n)
			return true;
	return false;
}
