/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packets that are known beforehand will touch is fetched while earlier ones are dealt with. One thing leads to the
 * next (a slot to its second line, and the entries that have died in it, those to the other slot they are in), so each step is
 * taken some packets after the one before it, when that has come.
 */
#include "conntrack-model/ctable_int.h"

#define STEPS 5
#define STEP 3	       /* packets between a step and the next */
#define SCOUT_SLOTS 24 /* before the gc */

static const struct ct_line *slot_of(const struct ctable *t, struct ct_spot at)
{
	return ct_line_of(&t->chains, at.bucket);
}

/* To gcc a function that does nothing but fetch has no effect, and a call of it may go: these are no calls. */
#define NO_CALL static inline __attribute__((always_inline))

NO_CALL void fetch_slot(const struct ctable *t, const struct ct_line *l)
{
	__builtin_prefetch(l, 1);
	__builtin_prefetch(l + t->chains.beside, 1);
}

NO_CALL void fetch_second(const struct ctable *t, const struct ct_line *l)
{
	if (l->more)
		__builtin_prefetch(ct_line_before(&t->chains, l), 1);
}

/* The entries that a walk will look at. */
static void fetch_entries(const struct ctable *t, struct ct_told *p, struct ct_spot at)
{
	struct ct_turn w = ct_chain_wanted(&t->chains, at, t->now_j);
	const struct ct_link *l;

	while (p->n_met < CT_MET && (l = ct_chain_next(&t->chains, &w))) {
		__builtin_prefetch(&t->entry[ct_node_entry(l->node)], 1);
		p->met[p->n_met++] = l->node;
	}
}

/* The other slots that those are in. */
static const struct ct_line *other_slot(const struct ctable *t, uint32_t node)
{
	return ct_line_of(&t->chains, t->entry[ct_node_entry(node)].bucket[!ct_node_dir(node)]);
}

static void fetch(const struct ctable *t, struct ct_told *p, unsigned step)
{
	for (unsigned dir = 0; step <= 2 && dir < 1u + p->has_reply; dir++) {
		if (step == 0)
			fetch_slot(t, slot_of(t, p->at[dir]));
		else if (step == 1)
			fetch_second(t, slot_of(t, p->at[dir]));
		else
			fetch_entries(t, p, p->at[dir]);
	}
	for (unsigned i = 0; step > 2 && i < p->n_met; i++) {
		if (step == 3)
			fetch_slot(t, other_slot(t, p->met[i]));
		else
			fetch_second(t, other_slot(t, p->met[i]));
	}
}

/* The packet told `step` steps ago. */
static void fetch_packet(struct ctable *t, unsigned step)
{
	struct ct_ahead *a = &t->ahead;

	if (a->told - a->taken > step * STEP)
		fetch(t, &a->packet[(a->told - 1 - step * STEP) % CT_AHEAD], step);
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
	to->at[0] = ct_spot_of(t, &p->tuple);
	to->n_met = 0;
	to->has_reply = p->reply != NULL;
	if (p->reply) {
		to->tuple[1] = *p->reply;
		to->at[1] = ct_spot_of(t, p->reply);
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
	*ret = p ? p->at[0] : ct_spot_of(t, tuple);
	return p;
}

/* The dead of one slot more, and where those are besides that were found before. Slots lie in the order of their buckets, so
 * that nobody need fetch them. */
static void scout_on(struct ct_scout *s, const struct ctable *t)
{
	const struct ct_line *at = ct_slot(&t->chains, s->next++);

	for (unsigned i = 0; i < at->n; i++) {
		if (!ct_link_expired(&at->link[i], t->now_j))
			continue;
		__builtin_prefetch(&t->entry[ct_node_entry(at->link[i].node)], 1);
		s->dead[s->n_dead++ % CT_SCOUT_DEAD] = at->link[i].node;
		uint32_t node = s->dead[s->n_dead % CT_SCOUT_DEAD];
		if (s->n_dead >= CT_SCOUT_DEAD)
			__builtin_prefetch(ct_line_of(&t->chains, t->entry[ct_node_entry(node)].bucket[!ct_node_dir(node)]), 1);
	}
}

void ct_scout(struct ct_scout *s, const struct ctable *t, uint32_t i)
{
	if (s->next < i)
		s->next = i;
	while (s->next < t->chains.n_slots && s->next < i + SCOUT_SLOTS)
		scout_on(s, t);
}
