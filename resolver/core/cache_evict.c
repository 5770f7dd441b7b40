/* SPDX-License-Identifier: Apache-2.0 */
/* Who leaves a region of the cache for a new entry (the policy: cache.h). */
#include "resolver/core/cache_int.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"

#define MOVES_MAX 32 /* live entries moved for one insertion, then evict */

static bool is_dead(const struct entry *e, uint64_t now_ns)
{
	return e->kind == ENTRY_DEAD || entry_expires_ns(e) <= now_ns;
}

/* Expired, but not by its upstream's own word (denials.h): worth room that nobody needs. */
static bool may_come_back(const struct entry *e, uint64_t now_ns)
{
	return e->kind == ANSWER_NXDOMAIN && e->own_s > now_ns / NS_PER_S;
}

void entry_forget(struct cache *c, struct entry *e)
{
	slot_drop(c, slot_of(c, e));
	c->counts.entries[region_of(e->kind)]--;
	block_count(c, e, -1);
}

/* Drops the tail of a ring, for good. */
static void tail_drop(struct cache *c, struct ring *r, struct entry *e)
{
	if (e->kind != ENTRY_DEAD)
		entry_forget(c, e);
	ring_discount(r, e);
	ring_pop(r);
}

static void tail_rotate(struct cache *c, struct ring *r, struct entry *e)
{
	struct cache_slot *s = slot_of(c, e);

	s->at = entry_at(c, ring_rotate(r));
}

static uint32_t mark_of(const struct entry *e)
{
	return ghost_mark(e->hash, e->qtype, e->qclass, e->key_flags);
}

static void ghost_leave(struct cache_part *p, const struct entry *e)
{
	*ghost_of(p, e->hash, mark_of(e)) = mark_of(e);
}

static void evict(struct cache *c, struct cache_part *p, struct ring *r, struct entry *e)
{
	enum cache_region region = region_of(e->kind);

	if (r == &p->small)
		ghost_leave(p, e);
	c->counts.evicted++;
	c->counts.evicted_by[region]++;
	tail_drop(c, r, e);
}

/* Dead at the tail. One that was in use comes back, and needs no probation then. */
static void reclaim(struct cache *c, struct cache_part *p, struct ring *r, struct entry *e)
{
	if (e->kind != ENTRY_DEAD) {
		c->counts.reclaimed++;
		if (e->freq > 0)
			ghost_leave(p, e);
	}
	tail_drop(c, r, e);
}

/* Makes the main ring's tail give way once. Spends a move when the entry there
 * deserves to stay; false when nothing was freed and no move is left. */
static void main_yield(struct cache *c, struct cache_part *p, uint64_t now_ns, unsigned *moves)
{
	struct entry *e = ring_tail(&p->main);

	assert(e);
	if (is_dead(e, now_ns)) {
		reclaim(c, p, &p->main, e);
	} else if (*moves > 0 && (e->freq > 0 || p->main.dead >= e->size)) {
		--*moves;
		if (e->freq > 0)
			e->freq--;
		tail_rotate(c, &p->main, e);
	} else {
		evict(c, p, &p->main, e);
	}
}

static struct entry *main_push(struct cache *c, struct cache_part *p, size_t size, uint64_t now_ns,
			       unsigned *moves)
{
	struct entry *e;

	while (!(e = ring_push(&p->main, size)))
		main_yield(c, p, now_ns, moves);
	return e;
}

/* From the small ring's tail to the main ring. */
static void promote(struct cache *c, struct cache_part *p, struct entry *e, uint64_t now_ns,
		    unsigned *moves)
{
	struct entry *to = main_push(c, p, e->size, now_ns, moves);
	struct cache_slot *s = slot_of(c, e);

	ring_discount(&p->small, e);
	memcpy(to, e, e->size);
	to->ring |= 1;
	to->freq = 0;
	ring_count(&p->main, to);
	s->at = entry_at(c, to);
	ring_pop(&p->small);
}

/* The main ring takes `size` octets without dropping a live entry? */
static bool main_has_room(const struct cache_part *p, size_t size)
{
	return p->main.dead >= size || p->main.cap - p->main.used >= 2 * size;
}

static void small_yield(struct cache *c, struct cache_part *p, uint64_t now_ns, unsigned *moves)
{
	struct entry *e = ring_tail(&p->small);

	assert(e);
	if (is_dead(e, now_ns) && !(may_come_back(e, now_ns) && main_has_room(p, e->size))) {
		reclaim(c, p, &p->small, e);
	} else if (*moves > 0 && p->small.dead >= e->size && e->freq == 0) {
		--*moves;
		tail_rotate(c, &p->small, e);
	} else if (e->freq > 0 || main_has_room(p, e->size)) {
		promote(c, p, e, now_ns, moves);
	} else {
		evict(c, p, &p->small, e);
	}
}

/* Too many small entries for the index: somebody must go, of this region if it
 * has any. */
static void index_yield(struct cache *c, struct cache_part *p, uint64_t now_ns)
{
	unsigned moves = 0;

	if (!ring_tail(&p->main) && !ring_tail(&p->small))
		p = p == &c->part[0] ? &c->part[1] : &c->part[0];
	if (ring_tail(&p->main))
		main_yield(c, p, now_ns, &moves);
	else
		small_yield(c, p, now_ns, &moves);
}

struct entry *region_push(struct cache *c, struct cache_part *p, size_t size, bool to_main,
			  uint64_t now_ns)
{
	unsigned moves = MOVES_MAX;
	struct entry *e;

	ring_clock(&p->small, (uint32_t)(now_ns / NS_PER_S));
	ring_clock(&p->main, (uint32_t)(now_ns / NS_PER_S));
	while (c->n_used + 1 > c->most_slots / 4 * 3) /* walks stay short */
		index_yield(c, p, now_ns);
	if (to_main)
		return main_push(c, p, size, now_ns, &moves);
	while (!(e = ring_push(&p->small, size)))
		small_yield(c, p, now_ns, &moves);
	return e;
}
