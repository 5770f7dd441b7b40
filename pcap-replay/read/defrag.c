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
#define LIFE_NS      (30 * NS_PER_S)

struct piece {
	uint32_t off, n;
};

struct slot {
	bool used;
	struct frag_key key;
	uint64_t born_ns;
	uint32_t total; /* known once the last fragment came; 0 before */
	unsigned n_pieces;
	struct piece piece[PIECES_MAX];
	uint8_t *data;
};

struct defrag {
	struct slot slot[SLOTS];
	uint8_t *done; /* the datagram last handed out */
};

struct defrag *defrag_new(void)
{
	return calloc(1, sizeof(struct defrag));
}

static void slot_drop(struct slot *s)
{
	free(s->data);
	memset(s, 0, sizeof(*s));
}

void defrag_free(struct defrag *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		slot_drop(&d->slot[i]);
	free(d->done);
	free(d);
}

static bool same_key(const struct frag_key *a, const struct frag_key *b)
{
	return a->id == b->id && a->iface == b->iface && a->proto == b->proto && a->dir == b->dir &&
	       !memcmp(&a->src, &b->src, 16) && !memcmp(&a->dst, &b->dst, 16);
}

/* The slot of this datagram: existing, free, or the oldest one's. */
static struct slot *slot_of(struct defrag *d, uint64_t t_ns, const struct frag_key *key)
{
	struct slot *best = &d->slot[0];
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &d->slot[i];
		if (s->used && t_ns > s->born_ns + LIFE_NS)
			slot_drop(s);
		if (s->used && same_key(&s->key, key))
			return s;
		if (best->used && (!s->used || s->born_ns < best->born_ns))
			best = s;
	}
	slot_drop(best);
	best->data = malloc(DATAGRAM_MAX);
	if (!best->data)
		return NULL;
	best->used = true;
	best->key = *key;
	best->born_ns = t_ns;
	return best;
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
	return sum == s->total;
}

int defrag_add(struct defrag *d, uint64_t t_ns, const struct frag_key *key, uint32_t off, bool more,
	       const uint8_t *p, uint32_t n, const uint8_t **ret, size_t *ret_len)
{
	if (n == 0 || off + n > DATAGRAM_MAX || (more && n % 8))
		return ERR_SYNTAX;
	struct slot *s = slot_of(d, t_ns, key);
	if (!s)
		return ERR_NOMEM;
	int rc = piece_add(s, off, n);
	if (rc) {
		slot_drop(s);
		return rc;
	}
	memcpy(s->data + off, p, n);
	if (!more)
		s->total = off + n;
	if (!is_whole(s))
		return 0;
	free(d->done);
	d->done = s->data;
	s->data = NULL;
	*ret = d->done;
	*ret_len = s->total;
	slot_drop(s);
	return 1;
}
