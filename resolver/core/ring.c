/* SPDX-License-Identifier: Apache-2.0 */
/* Head, tail and a second's account; nothing here knows what an entry says. */
#include "resolver/core/ring.h"

#include <assert.h>
#include <string.h>

#include "lib/base/checked.h"

void ring_release(struct ring *r)
{
	asan_allow(r->base, r->cap);
}

void ring_init(struct ring *r, void *base, size_t cap)
{
	memset(r, 0, sizeof(*r));
	r->base = base;
	r->cap = cap & ~(size_t)7;
}

static struct entry *at(const struct ring *r, size_t off)
{
	return (struct entry *)(void *)(r->base + off);
}

static struct entry *head_take(struct ring *r, size_t size)
{
	struct entry *e = at(r, r->head);

	asan_allow(e, size);
	e->size = (uint32_t)size;
	r->head += size;
	if (r->head == r->cap)
		r->head = 0;
	r->used += size;
	return e;
}

struct entry *ring_push(struct ring *r, size_t size)
{
	size_t end_room;

	assert(size % 8 == 0 && size >= sizeof(struct entry));
	if (r->used > 0 && r->head <= r->tail)
		return size <= r->tail - r->head ? head_take(r, size) : NULL;
	end_room = r->cap - r->head;
	if (size <= end_room)
		return head_take(r, size);
	if (size > r->tail)
		return NULL;
	head_take(r, end_room)->kind = ENTRY_PAD;
	return head_take(r, size);
}

/* Its octets are still there. */
static void tail_skip(struct ring *r)
{
	size_t size = at(r, r->tail)->size;

	assert(size > 0 && size <= r->used);
	r->tail += size;
	if (r->tail == r->cap)
		r->tail = 0;
	r->used -= size;
	if (r->used == 0)
		r->head = r->tail = 0;
}

static void tail_free(struct ring *r)
{
	struct entry *e = at(r, r->tail);
	size_t size = e->size;

	tail_skip(r);
	asan_allow(e, size); /* of a dead one the most is forbidden already */
	SPOIL(e, size);
	asan_forbid(e, size);
}

struct entry *ring_tail(struct ring *r)
{
	while (r->used > 0 && at(r, r->tail)->kind == ENTRY_PAD)
		tail_free(r);
	return r->used > 0 ? at(r, r->tail) : NULL;
}

void ring_pop(struct ring *r)
{
	tail_free(r);
}

struct entry *ring_rotate(struct ring *r)
{
	struct entry *from = at(r, r->tail), *to;
	size_t size = from->size;
	bool alone = r->used == size;

	if (alone)
		return from;
	/* Freeing it leaves a gap at least as long as it is, in front of the head
	 * or at the circle's start, possibly overlapping where it lies now. */
	tail_skip(r);
	if (r->head > r->tail && r->cap - r->head < size) {
		size_t end_room = r->cap - r->head;

		asan_allow(at(r, 0), size);
		memmove(at(r, 0), from, size);
		asan_forbid(from, size);
		if (end_room)
			head_take(r, end_room)->kind = ENTRY_PAD;
		r->head = 0;
		return head_take(r, size);
	}
	to = at(r, r->head);
	asan_allow(to, size);
	memmove(to, from, size);
	asan_forbid(from, size);
	return head_take(r, size);
}

struct entry *ring_next(const struct ring *r, const struct entry *e)
{
	size_t off = r->tail, seen = 0;

	if (e) {
		off = (size_t)((const uint8_t *)e - r->base) + e->size;
		seen = off > r->tail ? off - r->tail : r->cap - r->tail + off;
	}
	while (seen < r->used) {
		struct entry *next;

		if (off == r->cap)
			off = 0;
		next = at(r, off);
		if (next->kind != ENTRY_PAD)
			return next;
		off += next->size;
		seen += next->size;
	}
	return NULL;
}

void ring_clock(struct ring *r, uint32_t now_s)
{
	uint32_t steps = now_s - r->now_s;

	if (now_s <= r->now_s)
		return;
	if (steps > EXPIRY_SLOTS)
		steps = EXPIRY_SLOTS;
	for (uint32_t s = now_s - steps; s < now_s; s++) {
		r->dead += r->expiring[s % EXPIRY_SLOTS];
		r->expiring[s % EXPIRY_SLOTS] = 0;
	}
	r->now_s = now_s;
}

void ring_count(struct ring *r, struct entry *e)
{
	e->is_counted = e->expiry_s < r->now_s || e->expiry_s - r->now_s < EXPIRY_SLOTS;
	if (!e->is_counted)
		return;
	if (e->expiry_s < r->now_s)
		r->dead += e->size;
	else
		r->expiring[e->expiry_s % EXPIRY_SLOTS] += e->size;
}

void ring_discount(struct ring *r, struct entry *e)
{
	if (!e->is_counted)
		return;
	e->is_counted = false;
	if (e->kind == ENTRY_DEAD || e->expiry_s < r->now_s)
		r->dead -= e->size;
	else
		r->expiring[e->expiry_s % EXPIRY_SLOTS] -= e->size;
}

void ring_kill(struct ring *r, struct entry *e)
{
	ring_discount(r, e);
	e->kind = ENTRY_DEAD;
	e->is_counted = true;
	r->dead += e->size;
	SPOIL(e->msg, e->size - offsetof(struct entry, msg));
	asan_forbid(e->msg, e->size - offsetof(struct entry, msg));
}
