/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packets that are known beforehand will touch is fetched while earlier ones are dealt with. One thing leads to the
 * next (the bucket's slot to its links, those to the entries that have died in it, those to the other bucket they are in),
 * so each step is taken some packets after the one before it, when that has come.
 */
#include "conntrack-model/ctable_int.h"

#define STEPS 5
#define STEP 3	     /* packets between a step and the next */
#define STEP_SCOUT 8 /* buckets, which take less time */
#define NOWHERE UINT32_MAX

static void fetch_head(const struct ctable *t, struct ct_spot at)
{
	__builtin_prefetch(&t->heads.slot[at.bucket >> t->heads.shift], 1);
}

static bool is_wanted(const struct ctable *t, const struct ct_link *l, struct ct_spot at)
{
	return l->tag == at.tag || ct_link_expired(l, t->now_j);
}

static bool fetch_entries(const struct ctable *t, struct ct_spot at, struct ct_chain c)
{
	bool any = false;

	for (uint32_t i = 0; i < c.n; i++)
		if (is_wanted(t, &c.link[i], at)) {
			__builtin_prefetch(&t->entry[ct_node_entry(c.link[i].node)], 1);
			any = true;
		}
	return any;
}

static void fetch_block(const struct ctable *t, const struct ct_head *h)
{
	const uint8_t *b = (const uint8_t *)ct_block_at(t, h->link.tag);

	__builtin_prefetch(b, 1);
	__builtin_prefetch(b + 64, 1);
}

/* What leads on from a slot: its only link's entry, or the block with all links. */
static bool fetch_chain(const struct ctable *t, struct ct_spot at)
{
	struct ct_head *h = ct_heads_at(&t->heads, at.bucket);

	if (!h)
		return false;
	if (h->link.node != CT_MANY)
		return fetch_entries(t, at, (struct ct_chain){&h->link, 1});
	fetch_block(t, h);
	return true;
}

/* Where the dead are besides: the slot of their other direction, then its block. */
static void fetch_others(const struct ctable *t, struct ct_spot at, bool block)
{
	struct ct_chain c = ct_chain_of(t, at.bucket);

	for (uint32_t i = 0; i < c.n; i++) {
		uint32_t node = c.link[i].node;
		if (!is_wanted(t, &c.link[i], at))
			continue;
		uint32_t other = t->entry[ct_node_entry(node)].bucket[!ct_node_dir(node)];
		const struct ct_head *h = block ? ct_heads_at(&t->heads, other) : NULL;
		if (!block)
			fetch_head(t, (struct ct_spot){.bucket = other});
		else if (h && h->link.node == CT_MANY)
			fetch_block(t, h);
	}
}

/* False: nothing follows from it, as in nearly all buckets that the gc goes over. */
static bool fetch(const struct ctable *t, struct ct_spot at, unsigned step)
{
	if (step == 0)
		fetch_head(t, at);
	else if (step == 1)
		return fetch_chain(t, at);
	else if (step == 2)
		return fetch_entries(t, at, ct_chain_of(t, at.bucket));
	else
		fetch_others(t, at, step == 4);
	return true;
}

/* The packet told `step` steps ago. */
static void fetch_packet(struct ctable *t, unsigned step)
{
	struct ct_ahead *a = &t->ahead;

	if (a->told - a->taken <= step * STEP)
		return;
	struct ct_told *p = &a->packet[(a->told - 1 - step * STEP) % CT_AHEAD];
	for (unsigned dir = 0; dir < 2; dir++)
		p->leads[dir] = p->leads[dir] && fetch(t, p->at[dir], step);
}

void ctable_ahead(struct ctable *t, const struct ct_packet *p)
{
	struct ct_ahead *a = &t->ahead;
	struct ct_told *to = &a->packet[a->told % CT_AHEAD];

	if (!ct_is_large(t))
		return;
	if (a->told - a->taken == CT_AHEAD)
		a->taken++; /* it never came */
	a->print[a->told % CT_AHEAD] = ct_tuple_print(&p->tuple);
	to->tuple[0] = p->tuple;
	to->at[0] = ct_spot(t, &p->tuple);
	to->leads[0] = true;
	to->leads[1] = to->has_reply = p->reply != NULL;
	if (p->reply) {
		to->tuple[1] = *p->reply;
		to->at[1] = ct_spot(t, p->reply);
	}
	a->told++;
	for (unsigned step = 0; step < STEPS; step++)
		fetch_packet(t, step);
}

static const struct ct_told *find(struct ct_ahead *a, uint32_t i, uint32_t end, uint32_t print, const struct ct_tuple *tuple)
{
	for (; i != end; i++) {
		const struct ct_told *p = &a->packet[i % CT_AHEAD];
		if (a->print[i % CT_AHEAD] != print || !ct_tuple_eq(&p->tuple[0], tuple))
			continue;
		a->taken = i + 1;
		return p;
	}
	return NULL;
}

/* It is the next one as a rule; or the reply of a flow that has just begun, of which nobody tells. */
const struct ct_told *ct_ahead_take(struct ctable *t, const struct ct_tuple *tuple, struct ct_spot *ret)
{
	struct ct_ahead *a = &t->ahead;
	uint32_t print = ct_tuple_print(tuple), first = a->taken, next = first + (first != a->told);
	const struct ct_told *p = find(a, first, next, print, tuple);

	if (!p && ct_spot_kept(t, tuple, ret))
		return NULL;
	if (!p)
		p = find(a, next, a->told, print, tuple);
	*ret = p ? p->at[0] : ct_spot(t, tuple);
	return p;
}

/* One bucket more, and each of those before one step further. Slots lie in the order of their buckets, so that
 * nobody need fetch them: it begins with what they lead to. */
static void scout_on(struct ct_scout *s, const struct ctable *t)
{
	uint32_t bucket = ct_heads_next(&t->heads, s->next);

	s->next = bucket + 1;
	s->bucket[s->told++ % CT_SCOUT] = bucket;
	for (unsigned i = 0; i < STEPS - 1 && s->told > i * STEP_SCOUT; i++) {
		uint32_t *b = &s->bucket[(s->told - 1 - i * STEP_SCOUT) % CT_SCOUT];
		if (*b < t->conf.buckets && !fetch(t, (struct ct_spot){.bucket = *b}, i + 1))
			*b = NOWHERE;
	}
}

void ct_scout(struct ct_scout *s, const struct ctable *t, uint32_t bucket)
{
	if (s->next <= bucket) { /* it begins, or was overtaken */
		s->next = bucket + 1;
		s->told = 0;
		while (s->told < (STEPS - 1) * STEP_SCOUT && s->next < t->conf.buckets)
			scout_on(s, t);
	}
	if (s->next < t->conf.buckets + CT_SCOUT)
		scout_on(s, t);
}
