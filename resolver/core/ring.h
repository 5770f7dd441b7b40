/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of cache entries in a circle: allocation only at the head, space gained
 * only at the tail, so memory never fragments and nothing is ever searched.
 * Keeps account, second by second, of the octets whose entries expire, which
 * tells an eviction whether waiting for dead space pays.
 *
 *   [ free | tail: oldest ... newest :head | free ]   or wrapped round the end
 *
 * Invariants: used is the sum of the sizes between tail and head, paddings
 * included; used == 0 implies head == tail == 0; sizes are multiples of 8.
 *
 * In builds with AddressSanitizer what is free, and what a dead entry holds, may not
 * be read: an entry kept across a call that stores shows there.
 */
#ifndef NODENS_CORE_RING_H
#define NODENS_CORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "resolver/core/answer.h"

#define ENTRY_DEAD 0xfe /* replaced or removed, still in the way */
#define ENTRY_PAD  0xff /* fills the end of the circle */

/* One cached answer. Behind the header: the message, the TTL offsets (aligned
 * to 2), the EDE data. A padding uses the first eight octets alone. */
struct entry {
	uint32_t size;        /* in the ring, multiple of 8 */
	uint8_t kind;         /* enum answer_kind, ENTRY_DEAD or ENTRY_PAD */
	uint8_t key_flags;    /* QUERY_DO, QUERY_CD */
	uint8_t freq;         /* 0..3: hits since the hand last passed */
	uint8_t ring;         /* which of the cache's rings */
	uint64_t hash;        /* of name and view */
	uint64_t stored_ns;
	uint32_t ttl_s;
	uint32_t expiry_s;    /* second in which it expires; accounting */
	uint32_t last_hit_s;
	uint16_t hits;        /* without a pause longer than the prefetch window */
	uint16_t qtype, qclass;
	uint16_t len, n_ttl, ede_len;
	uint8_t name_len;
	bool is_counted : 1;    /* in the expiry account */
	bool is_refreshing : 1; /* a question for it is on its way */
	bool is_renewed : 1;    /* by another entry (denials.h) since it was stored */
	uint8_t block;        /* whose it counts as: struct cache's block_entries */
	uint32_t own_s;       /* NXDOMAIN: second until which its upstream said it holds */
	uint8_t msg[];
};

#define EXPIRY_SLOTS 4096 /* seconds ahead that the account can see */

struct ring {
	uint8_t *base;
	size_t cap, head, tail, used;
	uint32_t now_s;       /* expiry account: all seconds before it have been cashed */
	size_t dead;          /* octets of entries dead or expired, and counted */
	uint32_t expiring[EXPIRY_SLOTS]; /* octets, by second modulo */
};

static inline uint64_t entry_expires_ns(const struct entry *e)
{
	return e->stored_ns + (uint64_t)e->ttl_s * 1000000000u;
}
static inline const uint16_t *entry_ttl_at(const struct entry *e)
{
	return (const uint16_t *)(const void *)(e->msg + ((e->len + 1u) & ~1u));
}
static inline const uint8_t *entry_ede(const struct entry *e)
{
	return e->ede_len ? (const uint8_t *)(entry_ttl_at(e) + e->n_ttl) : NULL;
}
static inline const uint8_t *entry_name(const struct entry *e)
{
	return e->msg + DNS_HEADER_LEN;
}

void ring_init(struct ring *r, void *base, size_t cap);
/* Before the memory is given back. */
void ring_release(struct ring *r);
/* Room for `size` octets at the head, or NULL: then the tail must give way. */
struct entry *ring_push(struct ring *r, size_t size);
/* The oldest entry, paddings passed over and freed; NULL when empty. */
struct entry *ring_tail(struct ring *r);
void ring_pop(struct ring *r); /* frees what ring_tail returned */
/* Takes the tail's entry, which lives, to the head; always fits. Returns its new place. */
struct entry *ring_rotate(struct ring *r);
/* Entry after `e` in age, or NULL; e NULL: the oldest. Paddings are skipped. */
struct entry *ring_next(const struct ring *r, const struct entry *e);

/* The account. An entry is counted when it enters (its ring and expiry_s set),
 * and discounted when it leaves; a dead one is waste at once. */
void ring_clock(struct ring *r, uint32_t now_s);
void ring_count(struct ring *r, struct entry *e);
void ring_discount(struct ring *r, struct entry *e);
void ring_kill(struct ring *r, struct entry *e);

#endif
