/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in order goes into a ring, and only what does not into a binary heap, both
 * by (time, order of arrival); the next is the earlier of the two fronts.
 */
#include "pcap-replay/read/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define AHEAD 4

struct held {
	size_t bytes; /* of the budget */
	struct dmessage m;
	uint8_t octets[];
};

struct place_of { /* sorted without a look at what it stands for */
	uint64_t t_ns, seq;
	struct held *held;
};

struct reorder {
	struct budget *budget;
	uint64_t window_ns, seq, floor_ns;
	uint64_t late, early;
	struct place_of *ring, *heap;
	size_t ring_head, ring_n, ring_cap; /* ring_cap: a power of two */
	size_t n, cap;                      /* of the heap */
	size_t bytes;
	struct held *out;
};

struct reorder *reorder_new(struct budget *b, uint64_t window_ns)
{
	struct reorder *r = calloc(1, sizeof(*r));
	if (r) {
		r->budget = b;
		r->window_ns = window_ns;
	}
	return r;
}

static void held_drop(struct reorder *r, struct held *h)
{
	if (!h)
		return;
	r->bytes -= h->bytes;
	budget_give(r->budget, h->bytes);
	free(h);
}

void reorder_free(struct reorder *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		held_drop(r, r->heap[i].held);
	for (size_t i = 0; i < r->ring_n; i++)
		held_drop(r, r->ring[(r->ring_head + i) & (r->ring_cap - 1)].held);
	held_drop(r, r->out);
	free(r->heap);
	free(r->ring);
	free(r);
}

static bool before(const struct place_of *a, const struct place_of *b)
{
	return a->t_ns != b->t_ns ? a->t_ns < b->t_ns : a->seq < b->seq;
}

static int heap_put(struct reorder *r, const struct place_of *p)
{
	size_t i = r->n;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct place_of *bigger = realloc(r->heap, cap * sizeof(*bigger));
		if (!bigger)
			return ERR_NOMEM;
		r->heap = bigger;
		r->cap = cap;
	}
	r->n++;
	for (; i > 0 && before(p, &r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = *p;
	return 0;
}

static struct held *heap_take(struct reorder *r)
{
	struct held *first = r->heap[0].held;
	struct place_of last = r->heap[--r->n];
	size_t i = 0;
	for (size_t k; (k = 2 * i + 1) < r->n; i = k) {
		if (k + 1 < r->n && before(&r->heap[k + 1], &r->heap[k]))
			k++;
		if (!before(&r->heap[k], &last))
			break;
		r->heap[i] = r->heap[k];
	}
	r->heap[i] = last;
	return first;
}

static struct place_of *ring_at(const struct reorder *r, size_t i)
{
	return &r->ring[(r->ring_head + i) & (r->ring_cap - 1)];
}

static int ring_put(struct reorder *r, const struct place_of *p)
{
	if (r->ring_n == r->ring_cap) {
		size_t cap = r->ring_cap ? r->ring_cap * 2 : 1024;
		struct place_of *bigger = malloc(cap * sizeof(*bigger));
		if (!bigger)
			return ERR_NOMEM;
		for (size_t i = 0; i < r->ring_n; i++)
			bigger[i] = *ring_at(r, i);
		free(r->ring);
		r->ring = bigger;
		r->ring_head = 0;
		r->ring_cap = cap;
	}
	*ring_at(r, r->ring_n++) = *p;
	return 0;
}

/* A message has waited for a second, so it is in no cache: those that come soon are called for. */
static void fetch_ahead(const struct reorder *r)
{
	if (r->ring_n <= AHEAD)
		return;
	const char *h = (const char *)ring_at(r, AHEAD)->held;
	for (size_t i = 0; i < sizeof(struct held) + DNS_HEADER_LEN; i += 64)
		__builtin_prefetch(h + i);
}

static struct held *ring_take(struct reorder *r)
{
	struct held *h = r->ring[r->ring_head].held;
	fetch_ahead(r);
	r->ring_head = (r->ring_head + 1) & (r->ring_cap - 1);
	r->ring_n--;
	return h;
}

int reorder_put(struct reorder *r, const struct dmessage *m)
{
	struct held *h = malloc(sizeof(*h) + m->len);
	if (!h)
		return ERR_NOMEM;
	*h = (struct held){.bytes = sizeof(*h) + m->len + sizeof(struct place_of), .m = *m};
	if (m->bytes) {
		memcpy(h->octets, m->bytes, m->len);
		h->m.bytes = h->octets;
		h->m.err = dns_msg_parse(&h->m.m, h->octets, m->len);
	}
	/* never refused: what is over the share leaves at the next take */
	if (!budget_take(r->budget, h->bytes))
		r->budget->used += h->bytes;
	r->bytes += h->bytes;
	if (h->m.pk.t_ns < r->floor_ns) {
		r->late++;
		h->m.pk.t_ns = r->floor_ns;
	}
	struct place_of p = {h->m.pk.t_ns, r->seq++, h};
	bool in_order = !r->ring_n || ring_at(r, r->ring_n - 1)->t_ns <= p.t_ns;
	int rc = in_order ? ring_put(r, &p) : heap_put(r, &p);
	if (rc)
		held_drop(r, h);
	return rc;
}

const struct dmessage *reorder_take(struct reorder *r, uint64_t now_ns)
{
	held_drop(r, r->out);
	r->out = NULL;
	if (!r->n && !r->ring_n)
		return NULL;
	bool from_ring = r->ring_n && (!r->n || before(&r->ring[r->ring_head], &r->heap[0]));
	uint64_t t_ns = from_ring ? r->ring[r->ring_head].t_ns : r->heap[0].t_ns;
	bool due = now_ns == T_NEVER || t_ns + r->window_ns <= now_ns;
	if (!due && r->bytes <= r->budget->max / 4 && r->budget->used <= r->budget->max)
		return NULL;
	r->early += !due;
	r->out = from_ring ? ring_take(r) : heap_take(r);
	r->floor_ns = r->out->m.pk.t_ns;
	return &r->out->m;
}

uint64_t reorder_late(const struct reorder *r)
{
	return r->late;
}

uint64_t reorder_early(const struct reorder *r)
{
	return r->early;
}
