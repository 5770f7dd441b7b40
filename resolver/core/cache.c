/* SPDX-License-Identifier: Apache-2.0 */
/* Set up, and entries: written, replaced, removed, read. */
#include "resolver/core/cache_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/hot.h"

#define SMALL_PERCENT     10
#define BYTES_PER_SLOT    96  /* a slot for each so many octets of block: smaller entries are rare */
#define BYTES_PER_GHOST   128 /* a fingerprint each: about two for every typical entry */
#define BYTES_MIN         65536

/* --- set up --- */

static uint32_t pow2_below(uint64_t n)
{
	uint32_t p = 1;

	while ((uint64_t)p * 2 <= n && p < 1u << 30)
		p *= 2;
	return p;
}

static size_t ghosts_len(size_t part)
{
	return (pow2_below(part / BYTES_PER_GHOST) * sizeof(uint32_t) + 7) & ~(size_t)7;
}

/* Of `len` octets the ghosts' are at `ghost`, those of the entries at `at`. */
static void part_init(struct cache_part *p, uint8_t *ghost, uint8_t *at, size_t len)
{
	size_t small;

	p->ghost = (uint32_t *)(void *)ghost;
	p->ghost_mask = pow2_below(len / BYTES_PER_GHOST) - 1;
	len -= ghosts_len(len);
	small = len / 100 * SMALL_PERCENT & ~(size_t)7;
	ring_init(&p->small, at, small);
	ring_init(&p->main, at + small, len - small);
}

/* Index and ghosts begin empty, and pages that nobody has used stay untouched; entries are written
 * before they are read, so nobody clears their place. */
int cache_init(struct cache *c, uint64_t bytes, unsigned neg_share_percent)
{
	size_t slots_len, len, denial, ghosts[CACHE_REGIONS];

	memset(c, 0, sizeof(*c));
	if (bytes < BYTES_MIN || bytes / 8 >= UINT32_MAX || neg_share_percent < 5 ||
	    neg_share_percent > 90)
		return ERR_RANGE;
	c->len = bytes & ~(uint64_t)7;
	c->most_slots = (uint32_t)(c->len / BYTES_PER_SLOT);
	c->n_slots = slots_first(c->most_slots);
	slots_len = c->most_slots * sizeof(*c->slot);
	len = c->len - slots_len;
	denial = len / 100 * neg_share_percent & ~(size_t)7;
	ghosts[CACHE_POSITIVE] = ghosts_len(len - denial);
	ghosts[CACHE_DENIAL] = ghosts_len(denial);
	c->slot = calloc(1, slots_len + ghosts[CACHE_POSITIVE] + ghosts[CACHE_DENIAL]);
	c->entries = malloc(len - ghosts[CACHE_POSITIVE] - ghosts[CACHE_DENIAL]);
	if (!c->slot || !c->entries) {
		free(c->slot);
		free(c->entries);
		memset(c, 0, sizeof(*c));
		return ERR_NOMEM;
	}
	uint8_t *ghost = (uint8_t *)c->slot + slots_len;
	part_init(&c->part[CACHE_POSITIVE], ghost, c->entries, len - denial);
	part_init(&c->part[CACHE_DENIAL], ghost + ghosts[CACHE_POSITIVE],
		  c->entries + len - denial - ghosts[CACHE_POSITIVE], denial);
	return 0;
}

void cache_release(struct cache *c)
{
	for (unsigned i = 0; c->entries && i < CACHE_REGIONS; i++) {
		ring_release(&c->part[i].small);
		ring_release(&c->part[i].main);
	}
	free(c->slot);
	free(c->entries);
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
	e->qtype = k->qtype;
	e->qclass = k->qclass;
	e->len = (uint16_t)a->len;
	e->n_ttl = a->n_ttl;
	e->ede_len = a->ede_len;
	e->name_len = k->name_len;
	e->is_refreshing = false;
	e->is_renewed = false;
	e->own_s = a->own_s ? (uint32_t)(now_ns / NS_PER_S) + a->own_s : 0;
	e->block = k->block;
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
	uint32_t mark = ghost_mark(k->hash, k->qtype, k->qclass, k->key_flags);
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
	block_count(c, e, 1);
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
	block_count(c, e, -1);
	entry_write(e, k, a, now_ns);
	block_count(c, e, 1);
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
	struct entry *old = slot_occupant(c, k), *e;
	size_t size = entry_size(a);
	bool is_same = old && old->qtype == k->qtype && old->qclass == k->qclass;
	uint8_t freq = 0;
	uint16_t hits = 0;

	assert(a->ttl_s > 0);
	if (is_same && entry_overwrite(c, old, k, a, size, now_ns))
		return old;
	if (is_same) {
		freq = old->freq;
		hits = old->hits;
	}
	if (old) {
		c->counts.displaced += !is_same;
		cache_remove(c, old);
	}
	if (size > c->part[region_of(a->kind)].main.cap / 4)
		return NULL;
	e = entry_new(c, k, a, size, now_ns);
	e->freq = freq;
	e->hits = hits;
	return e;
}

void cache_renew(struct cache *c, struct entry *e, const struct entry *by)
{
	struct ring *r = ring_of(c, e);

	ring_discount(r, e);
	e->stored_ns = by->stored_ns;
	e->ttl_s = by->ttl_s < e->ttl_s ? by->ttl_s : e->ttl_s;
	e->expiry_s = (uint32_t)(entry_expires_ns(e) / NS_PER_S);
	e->is_renewed = true;
	ring_count(r, e);
}

void cache_forget(struct cache *c, const struct cache_key *k)
{
	struct entry *e = cache_find(c, k);

	if (e)
		cache_remove(c, e);
}

HOT void cache_answer(const struct entry *e, struct answer *ret)
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

uint64_t cache_bytes_used(const struct cache *c)
{
	uint64_t n = c->most_slots * sizeof(*c->slot);

	for (unsigned i = 0; i < CACHE_REGIONS; i++)
		n += c->part[i].small.used + c->part[i].main.used;
	return n;
}
