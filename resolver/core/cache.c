/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: each live entry (kind neither dead nor padding) of the four rings
 * has exactly one slot, and each used slot points at one live entry.
 */
#include "resolver/core/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"

#define SMALL_PERCENT     10
#define BYTES_PER_SLOT    96  /* a slot for each so many octets of block: smaller entries are rare */
#define BYTES_PER_GHOST   128 /* a fingerprint each: about two for every typical entry */
#define BYTES_MIN         65536
#define MOVES_MAX         32  /* live entries moved for one insertion, then evict */

/* --- set up --- */

static uint32_t pow2_below(uint64_t n)
{
	uint32_t p = 1;

	while ((uint64_t)p * 2 <= n && p < 1u << 30)
		p *= 2;
	return p;
}

static uint8_t *part_init(struct cache_part *p, uint8_t *at, size_t len)
{
	size_t ghosts = pow2_below(len / BYTES_PER_GHOST) * sizeof(uint32_t);
	size_t small;

	p->ghost = (uint32_t *)(void *)at;
	p->ghost_mask = (uint32_t)(ghosts / sizeof(uint32_t)) - 1;
	at += (ghosts + 7) & ~(size_t)7;
	len -= (ghosts + 7) & ~(size_t)7;
	small = len / 100 * SMALL_PERCENT & ~(size_t)7;
	ring_init(&p->small, at, small);
	ring_init(&p->main, at + small, len - small);
	return at + len;
}

int cache_init(struct cache *c, uint64_t bytes, unsigned neg_share_percent)
{
	size_t slots_len, denial;

	memset(c, 0, sizeof(*c));
	if (bytes < BYTES_MIN || bytes / 8 >= UINT32_MAX || neg_share_percent < 5 ||
	    neg_share_percent > 90)
		return ERR_RANGE;
	c->block_len = bytes & ~(uint64_t)7;
	c->block = calloc(1, c->block_len); /* pages stay untouched until used */
	if (!c->block)
		return ERR_NOMEM;
	c->n_slots = (uint32_t)(c->block_len / BYTES_PER_SLOT);
	slots_len = c->n_slots * sizeof(*c->slot);
	c->slot = (struct cache_slot *)(void *)c->block;
	denial = (c->block_len - slots_len) / 100 * neg_share_percent & ~(size_t)7;
	part_init(&c->part[CACHE_POSITIVE], c->block + slots_len, c->block_len - slots_len - denial);
	part_init(&c->part[CACHE_DENIAL], c->block + c->block_len - denial, denial);
	return 0;
}

void cache_release(struct cache *c)
{
	free(c->block);
	c->block = NULL;
}

/* --- index --- */

static uint32_t home_of(const struct cache *c, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * c->n_slots >> 32);
}

static uint32_t tag_of(uint64_t hash, unsigned qtype, unsigned qclass, unsigned key_flags)
{
	uint64_t x = hash ^ ((uint64_t)qtype << 32 | qclass << 8 | key_flags);

	x *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(x >> 32);
}

static struct entry *slot_entry(const struct cache *c, const struct cache_slot *s)
{
	return (struct entry *)(void *)(c->block + ((size_t)s->at - 1) * 8);
}

static uint32_t entry_at(const struct cache *c, const struct entry *e)
{
	return (uint32_t)((size_t)((const uint8_t *)e - c->block) / 8) + 1;
}

static bool same_name(const struct entry *e, const struct cache_key *k)
{
	return e->hash == k->hash && e->name_len == k->name_len &&
	       memcmp(entry_name(e), k->name, k->name_len) == 0;
}

static bool same_key(const struct entry *e, const struct cache_key *k, uint16_t qtype)
{
	return e->qtype == qtype && e->qclass == k->qclass && e->key_flags == k->key_flags &&
	       same_name(e, k);
}

void cache_find(const struct cache *c, const struct cache_key *k, struct cache_hit *ret)
{
	uint32_t exact = tag_of(k->hash, k->qtype, k->qclass, k->key_flags);
	uint32_t whole = tag_of(k->hash, 0, k->qclass, k->key_flags);

	ret->exact = NULL;
	ret->nxdomain = NULL;
	for (uint32_t i = home_of(c, k->hash); c->slot[i].at; i = i + 1 == c->n_slots ? 0 : i + 1) {
		const struct cache_slot *s = &c->slot[i];

		if (s->tag == exact && same_key(slot_entry(c, s), k, k->qtype))
			ret->exact = slot_entry(c, s);
		else if (s->tag == whole && same_key(slot_entry(c, s), k, 0))
			ret->nxdomain = slot_entry(c, s);
	}
}

bool cache_name_known(const struct cache *c, const struct cache_key *k)
{
	for (uint32_t i = home_of(c, k->hash); c->slot[i].at; i = i + 1 == c->n_slots ? 0 : i + 1) {
		const struct entry *e = slot_entry(c, &c->slot[i]);

		if (same_name(e, k) && e->kind != ANSWER_NXDOMAIN)
			return true;
	}
	return false;
}

static struct cache_slot *slot_of(const struct cache *c, const struct entry *e)
{
	uint32_t at = entry_at(c, e);
	uint32_t i = home_of(c, e->hash);

	while (c->slot[i].at != at) {
		assert(c->slot[i].at);
		i = i + 1 == c->n_slots ? 0 : i + 1;
	}
	return &c->slot[i];
}

static void slot_add(struct cache *c, const struct entry *e)
{
	uint32_t i = home_of(c, e->hash);

	while (c->slot[i].at)
		i = i + 1 == c->n_slots ? 0 : i + 1;
	c->slot[i].tag = tag_of(e->hash, e->qtype, e->qclass, e->key_flags);
	c->slot[i].at = entry_at(c, e);
	c->n_used++;
}

/* Deletion closes the gap (Knuth 6.4, algorithm R), so a walk may stop at the
 * first empty slot. */
static void slot_drop(struct cache *c, struct cache_slot *s)
{
	uint32_t gap = (uint32_t)(s - c->slot), i = gap;

	for (;;) {
		uint32_t home;

		i = i + 1 == c->n_slots ? 0 : i + 1;
		if (!c->slot[i].at)
			break;
		home = home_of(c, slot_entry(c, &c->slot[i])->hash);
		/* It may move into the gap unless its home lies behind it. */
		if (gap <= i ? home > gap && home <= i : home > gap || home <= i)
			continue;
		c->slot[gap] = c->slot[i];
		gap = i;
	}
	c->slot[gap].at = 0;
	c->n_used--;
}

/* --- regions --- */

static enum cache_region region_of(unsigned kind)
{
	return kind == ANSWER_POSITIVE ? CACHE_POSITIVE : CACHE_DENIAL;
}

static struct ring *ring_of(struct cache *c, const struct entry *e)
{
	struct cache_part *p = &c->part[e->ring / 2];

	return e->ring & 1 ? &p->main : &p->small;
}

static bool is_dead(const struct entry *e, uint64_t now_ns)
{
	return e->kind == ENTRY_DEAD || entry_expires_ns(e) <= now_ns;
}

/* Unlinks a live entry from index and counts; its octets stay. */
static void entry_forget(struct cache *c, struct entry *e)
{
	slot_drop(c, slot_of(c, e));
	c->counts.entries[region_of(e->kind)]--;
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

static uint32_t ghost_mark(const struct entry *e)
{
	return tag_of(e->hash, e->qtype, e->qclass, e->key_flags) | 1;
}

static uint32_t *ghost_of(const struct cache_part *p, uint64_t hash, uint32_t mark)
{
	return &p->ghost[(hash ^ mark) & p->ghost_mask];
}

static void ghost_leave(struct cache_part *p, const struct entry *e)
{
	*ghost_of(p, e->hash, ghost_mark(e)) = ghost_mark(e);
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
	if (is_dead(e, now_ns)) {
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

static struct entry *region_push(struct cache *c, struct cache_part *p, size_t size, bool to_main,
				 uint64_t now_ns)
{
	unsigned moves = MOVES_MAX;
	struct entry *e;

	ring_clock(&p->small, (uint32_t)(now_ns / NS_PER_S));
	ring_clock(&p->main, (uint32_t)(now_ns / NS_PER_S));
	while (c->n_used + 1 > c->n_slots / 4 * 3) /* walks stay short */
		index_yield(c, p, now_ns);
	if (to_main)
		return main_push(c, p, size, now_ns, &moves);
	while (!(e = ring_push(&p->small, size)))
		small_yield(c, p, now_ns, &moves);
	return e;
}

/* --- entries --- */

static size_t entry_size(const struct answer *a)
{
	size_t n = sizeof(struct entry) + ((a->len + 1) & ~(size_t)1) + 2u * a->n_ttl + a->ede_len;

	return (n + 7) & ~(size_t)7;
}

static void entry_write(struct entry *e, const struct cache_key *k, const struct answer *a,
			uint64_t now_ns)
{
	e->kind = a->kind;
	e->key_flags = k->key_flags;
	e->hash = k->hash;
	e->stored_ns = now_ns;
	e->ttl_s = a->ttl_s;
	e->expiry_s = (uint32_t)((now_ns + a->ttl_s * NS_PER_S) / NS_PER_S);
	e->qtype = a->kind == ANSWER_NXDOMAIN ? 0 : k->qtype;
	e->qclass = k->qclass;
	e->len = (uint16_t)a->len;
	e->n_ttl = a->n_ttl;
	e->ede_len = a->ede_len;
	e->name_len = k->name_len;
	e->is_refreshing = false;
	memcpy(e->msg, a->msg, a->len);
	memcpy(e->msg + ((a->len + 1) & ~(size_t)1), a->ttl_at, 2u * a->n_ttl);
	if (a->ede_len)
		memcpy(e->msg + ((a->len + 1) & ~(size_t)1) + 2u * a->n_ttl, a->ede, a->ede_len);
}

static struct entry *entry_new(struct cache *c, const struct cache_key *k, const struct answer *a,
			       size_t size, uint64_t now_ns)
{
	enum cache_region region = region_of(a->kind);
	struct cache_part *p = &c->part[region];
	uint32_t mark = tag_of(k->hash, a->kind == ANSWER_NXDOMAIN ? 0 : k->qtype, k->qclass,
			       k->key_flags) | 1;
	uint32_t *ghost = ghost_of(p, k->hash, mark);
	bool returns = *ghost == mark;
	bool to_main = returns || size > p->small.cap / 2;
	struct entry *e = region_push(c, p, size, to_main, now_ns);

	if (returns)
		*ghost = 0;
	memset((uint8_t *)e + sizeof(e->size), 0, sizeof(*e) - sizeof(e->size));
	e->ring = (uint8_t)(region * 2 + to_main);
	entry_write(e, k, a, now_ns);
	ring_count(ring_of(c, e), e);
	slot_add(c, e);
	c->counts.entries[region]++;
	return e;
}

/* Same answer, new TTL is the usual refresh: it keeps its place and its merits. */
static bool entry_overwrite(struct cache *c, struct entry *e, const struct cache_key *k,
			    const struct answer *a, size_t size, uint64_t now_ns)
{
	struct ring *r = ring_of(c, e);

	if (e->size != size || region_of(e->kind) != region_of(a->kind))
		return false;
	ring_clock(r, (uint32_t)(now_ns / NS_PER_S));
	ring_discount(r, e);
	entry_write(e, k, a, now_ns);
	ring_count(r, e);
	return true;
}

void cache_remove(struct cache *c, struct entry *e)
{
	entry_forget(c, e);
	ring_kill(ring_of(c, e), e);
}

struct entry *cache_put(struct cache *c, const struct cache_key *k, const struct answer *a,
			uint64_t now_ns)
{
	size_t size = entry_size(a);
	struct cache_hit old;
	struct entry *same;
	uint8_t freq = 0;
	uint16_t hits = 0;

	assert(a->ttl_s > 0);
	cache_find(c, k, &old);
	if (old.nxdomain && a->kind != ANSWER_NXDOMAIN)
		cache_remove(c, old.nxdomain);
	same = a->kind == ANSWER_NXDOMAIN ? old.nxdomain : old.exact;
	if (same && entry_overwrite(c, same, k, a, size, now_ns))
		return same;
	if (same) {
		freq = same->freq;
		hits = same->hits;
		cache_remove(c, same);
	}
	/* The type's own older answer would hide the name's denial. */
	if (a->kind == ANSWER_NXDOMAIN && old.exact)
		cache_remove(c, old.exact);
	if (size > c->part[region_of(a->kind)].main.cap / 4) {
		c->counts.too_big++;
		return NULL;
	}
	same = entry_new(c, k, a, size, now_ns);
	same->freq = freq;
	same->hits = hits;
	return same;
}

void cache_forget(struct cache *c, const struct cache_key *k)
{
	struct cache_hit old;

	cache_find(c, k, &old);
	if (old.nxdomain)
		cache_remove(c, old.nxdomain);
	cache_find(c, k, &old);
	if (old.exact)
		cache_remove(c, old.exact);
}

void cache_answer(const struct entry *e, struct answer *ret)
{
	ret->msg = e->msg;
	ret->len = e->len;
	ret->ttl_at = entry_ttl_at(e);
	ret->n_ttl = e->n_ttl;
	ret->ede_len = e->ede_len;
	ret->ede = entry_ede(e);
	ret->ttl_s = e->ttl_s;
	ret->kind = e->kind;
}

bool cache_next(const struct cache *c, size_t *cursor, const struct entry **ret)
{
	/* Slots do not move while nobody inserts: the index is the list. */
	while (*cursor < c->n_slots) {
		const struct cache_slot *s = &c->slot[(*cursor)++];

		if (s->at) {
			*ret = slot_entry(c, s);
			return true;
		}
	}
	return false;
}

uint64_t cache_bytes_used(const struct cache *c)
{
	uint64_t n = c->n_slots * sizeof(*c->slot);

	for (unsigned i = 0; i < CACHE_REGIONS; i++)
		n += c->part[i].small.used + c->part[i].main.used;
	return n;
}
