/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap by (time, order of arrival). */
#include "pcap-replay/read/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

struct held {
	uint64_t seq;
	size_t bytes; /* of the budget */
	struct dmessage m;
	uint8_t octets[];
};

struct reorder {
	struct budget *budget;
	uint64_t window_ns, seq, floor_ns;
	uint64_t late, early;
	struct held **heap, *out;
	size_t n, cap, bytes;
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
		held_drop(r, r->heap[i]);
	held_drop(r, r->out);
	free(r->heap);
	free(r);
}

static bool before(const struct held *a, const struct held *b)
{
	return a->m.pk.t_ns != b->m.pk.t_ns ? a->m.pk.t_ns < b->m.pk.t_ns : a->seq < b->seq;
}

static void sift_up(struct reorder *r, size_t i)
{
	struct held *h = r->heap[i];
	for (; i > 0 && before(h, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = h;
}

static void sift_down(struct reorder *r, size_t i)
{
	struct held *h = r->heap[i];
	for (;;) {
		size_t k = 2 * i + 1;
		if (k + 1 < r->n && before(r->heap[k + 1], r->heap[k]))
			k++;
		if (k >= r->n || !before(r->heap[k], h))
			break;
		r->heap[i] = r->heap[k];
		i = k;
	}
	r->heap[i] = h;
}

int reorder_put(struct reorder *r, const struct dmessage *m)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 1024;
		struct held **p = realloc(r->heap, cap * sizeof(struct held *));
		if (!p)
			return ERR_NOMEM;
		r->heap = p;
		r->cap = cap;
	}
	struct held *h = malloc(sizeof(*h) + m->len);
	if (!h)
		return ERR_NOMEM;
	*h = (struct held){.seq = r->seq++, .bytes = sizeof(*h) + m->len + sizeof(struct held *), .m = *m};
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
	r->heap[r->n] = h;
	sift_up(r, r->n++);
	return 0;
}

const struct dmessage *reorder_take(struct reorder *r, uint64_t now_ns)
{
	held_drop(r, r->out);
	r->out = NULL;
	if (r->n == 0)
		return NULL;
	bool due = now_ns == T_NEVER || r->heap[0]->m.pk.t_ns + r->window_ns <= now_ns;
	if (!due && r->bytes <= r->budget->max / 4 && r->budget->used <= r->budget->max)
		return NULL;
	r->early += !due;
	r->out = r->heap[0];
	r->heap[0] = r->heap[--r->n];
	if (r->n)
		sift_down(r, 0);
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
