/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces in order of their offsets; a datagram is whole when they touch from 0 to the last. */
#include "pcap-replay/read/defrag.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define SLOTS        256
#define PIECES_MAX   64
#define DATAGRAM_MAX 65535
#define LIFE_NS      NS_PER_S

struct piece {
	uint32_t off, n;
};

struct slot {
	bool used, has_cut;
	uint32_t id;
	uint8_t proto;
	struct packet first; /* of the piece that came first: tuple, place, time */
	uint32_t total;      /* known once the last fragment came; 0 before */
	uint32_t head;       /* octets there from offset 0 */
	unsigned n_pieces;
	struct piece piece[PIECES_MAX];
	uint8_t *data;
	size_t cap;
};

struct defrag {
	struct budget *budget;
	unsigned n_used;
	struct slot slot[SLOTS];
	uint8_t *done; /* the datagram last handed out */
	size_t done_cap;
};

struct defrag *defrag_new(struct budget *b)
{
	struct defrag *d = calloc(1, sizeof(*d));
	if (d)
		d->budget = b;
	return d;
}

static void slot_drop(struct defrag *d, struct slot *s)
{
	d->n_used -= s->used;
	budget_give(d->budget, s->cap);
	free(s->data);
	memset(s, 0, sizeof(*s));
}

static void done_drop(struct defrag *d)
{
	budget_give(d->budget, d->done_cap);
	free(d->done);
	d->done = NULL;
	d->done_cap = 0;
}

/* The slot's octets become the ones handed out. */
static void hand_out(struct defrag *d, struct slot *s)
{
	done_drop(d);
	d->done = s->data;
	d->done_cap = s->cap;
	s->data = NULL;
	s->cap = 0;
	slot_drop(d, s);
}

void defrag_free(struct defrag *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		slot_drop(d, &d->slot[i]);
	done_drop(d);
	free(d);
}

/* In IPv6 the id alone tells (what a fragment header names may differ between
 * fragments of one datagram), in IPv4 the protocol belongs to it. */
static bool is_of(const struct slot *s, const struct packet *pk, const struct frag_piece *f)
{
	const struct packet *a = &s->first;
	return s->id == f->id && (s->proto == f->proto || !IN6_IS_ADDR_V4MAPPED(&pk->src)) && a->iface == pk->iface &&
	       a->lane == pk->lane && a->dir == pk->dir && a->tunnels == pk->tunnels && !memcmp(&a->src, &pk->src, 16) &&
	       !memcmp(&a->dst, &pk->dst, 16);
}

/* The slot of this datagram: existing, free, or NULL when all are in use. */
static struct slot *slot_of(struct defrag *d, const struct packet *pk, const struct frag_piece *f)
{
	struct slot *free_one = NULL;
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &d->slot[i];
		if (s->used && is_of(s, pk, f))
			return s;
		if (!s->used && !free_one)
			free_one = s;
	}
	if (!free_one)
		return NULL;
	free_one->used = true;
	free_one->id = f->id;
	free_one->proto = f->proto;
	free_one->first = *pk;
	d->n_used++;
	return free_one;
}

static int room(struct defrag *d, struct slot *s, size_t n)
{
	if (n <= s->cap)
		return 0;
	size_t cap = n < 4096 ? 4096 : DATAGRAM_MAX;
	if (!budget_take(d->budget, cap - s->cap))
		return ERR_LIMIT;
	uint8_t *p = realloc(s->data, cap);
	if (!p) {
		budget_give(d->budget, cap - s->cap);
		return ERR_NOMEM;
	}
	s->data = p;
	s->cap = cap;
	return 0;
}

/* Pieces may repeat (one capture, two views) but not overlap otherwise. */
static int piece_add(struct slot *s, uint32_t off, uint32_t n)
{
	for (unsigned i = 0; i < s->n_pieces; i++) {
		const struct piece *o = &s->piece[i];
		if (o->off == off && o->n == n)
			return 0;
		if (off < o->off + o->n && o->off < off + n)
			return ERR_SYNTAX;
	}
	if (s->n_pieces == PIECES_MAX)
		return ERR_LIMIT;
	s->piece[s->n_pieces++] = (struct piece){off, n};
	return 0;
}

static bool is_whole(const struct slot *s)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < s->n_pieces; i++) {
		if (s->piece[i].off + s->piece[i].n > s->total)
			return false;
		sum += s->piece[i].n;
	}
	return sum == s->total && !s->has_cut;
}

int defrag_add(struct defrag *d, const struct packet *pk, const struct frag_piece *f, const uint8_t **ret, size_t *ret_len)
{
	if (f->n == 0 || f->off + f->n > DATAGRAM_MAX || (f->more && !f->cut && f->n % 8))
		return ERR_SYNTAX;
	struct slot *s = slot_of(d, pk, f);
	if (!s)
		return ERR_LIMIT;
	int rc = room(d, s, f->off + f->n);
	if (rc == 0)
		rc = piece_add(s, f->off, f->n);
	if (rc) {
		slot_drop(d, s);
		return rc;
	}
	memcpy(s->data + f->off, f->data, f->n);
	s->has_cut |= f->cut;
	if (f->off == 0) {
		s->head = f->n;
		s->proto = f->proto;
	}
	if (!f->more)
		s->total = f->off + f->n;
	if (!is_whole(s))
		return 0;
	*ret_len = s->total;
	hand_out(d, s);
	*ret = d->done;
	return 1;
}

bool defrag_given_up(struct defrag *d, uint64_t now_ns, struct packet *ret, uint8_t *ret_proto, const uint8_t **ret_data,
		     size_t *ret_len)
{
	if (d->n_used == 0)
		return false;
	/* nearly full: the oldest go before their second is over */
	uint64_t life_ns = d->n_used > SLOTS - 8 ? 0 : LIFE_NS;
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &d->slot[i];
		if (!s->used || (now_ns != T_NEVER && now_ns < s->first.t_ns + life_ns))
			continue;
		if (s->head == 0) {
			slot_drop(d, s);
			continue;
		}
		*ret = s->first;
		*ret_proto = s->proto;
		*ret_len = s->head;
		hand_out(d, s);
		*ret_data = d->done;
		return true;
	}
	return false;
}
