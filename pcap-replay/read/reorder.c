/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in order is appended to a queue of blocks, so that it costs neither an
 * allocation nor a search and is read as it was written, one octet after another; only
 * what does not goes into a binary heap by (time, order of arrival). The next is the
 * earlier of the two fronts. A message is kept as its octets, and taken apart when its
 * turn comes, or shortly before for whoever wants to prepare for it.
 */
#include "pcap-replay/read/reorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define BLOCK_BYTES (256 * 1024)

struct held {
	uint64_t seq;   /* in order of arrival */
	uint32_t bytes; /* of the budget, and from here to the next in a block */
	uint32_t len;
	struct packet pk;
	char kind, proto;
	bool cut, has_octets;
	uint8_t octets[];
};

struct block {
	struct block *next;
	size_t from, to, cap; /* held messages lie in [from..to) */
	_Alignas(struct held) uint8_t room[];
};

struct place_of { /* sorted without a look at what it stands for */
	uint64_t t_ns, seq;
	struct held *held;
};

struct ahead { /* one of the queue, taken apart before its turn */
	struct held *held;
	struct dmessage message;
};

struct reorder {
	struct budget *budget;
	uint64_t window_ns, seq, floor_ns;
	uint64_t late, early;
	struct block *first, *last, *spare;
	uint64_t last_ns; /* of the queue's newest, when it has any */
	struct place_of *heap;
	size_t n, cap;    /* of the heap */
	size_t bytes;
	struct held *out;
	bool out_queued;  /* it lies at the queue's front, not in a place of its own */
	struct dmessage message;
	/* those behind the queue's front, and the one handed out last */
	struct ahead ahead[REORDER_AHEAD + 1];
	unsigned ahead_from, ahead_n;
	struct block *ahead_block; /* where the one behind the last of them lies, or will: while there are any */
	size_t ahead_at;
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

/* --- the queue --- */

static struct block *block_new(struct reorder *r, size_t need)
{
	size_t cap = need > BLOCK_BYTES ? need : BLOCK_BYTES;
	struct block *b = r->spare && r->spare->cap >= cap ? r->spare : NULL;
	if (b)
		r->spare = NULL;
	else if (!(b = malloc(sizeof(*b) + cap)))
		return NULL;
	b->next = NULL;
	b->from = b->to = 0;
	b->cap = cap;
	*(r->last ? &r->last->next : &r->first) = b;
	r->last = b;
	return b;
}

static void block_done(struct reorder *r)
{
	struct block *b = r->first;
	r->first = b->next;
	if (!r->first)
		r->last = NULL;
	free(r->spare);
	r->spare = b;
}

static struct held *queue_room(struct reorder *r, size_t need)
{
	struct block *b = r->last;
	if ((!b || b->cap - b->to < need) && !(b = block_new(r, need)))
		return NULL;
	struct held *h = (struct held *)(b->room + b->to);
	b->to += need;
	return h;
}

static struct held *queue_front(const struct reorder *r)
{
	return r->first ? (struct held *)(r->first->room + r->first->from) : NULL;
}

static void queue_pop(struct reorder *r)
{
	struct block *b = r->first;
	b->from += queue_front(r)->bytes;
	if (b->from == b->to)
		block_done(r);
}

/* --- the heap --- */

static bool before(const struct place_of *a, const struct place_of *b)
{
	return a->t_ns != b->t_ns ? a->t_ns < b->t_ns : a->seq < b->seq;
}

static int heap_put(struct reorder *r, struct held *h)
{
	const struct place_of p = {h->pk.t_ns, h->seq, h};
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
	for (; i > 0 && before(&p, &r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = p;
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

/* --- both --- */

static void give_back(struct reorder *r, const struct held *h)
{
	r->bytes -= h->bytes;
	budget_give(r->budget, h->bytes);
}

static void out_drop(struct reorder *r)
{
	if (!r->out)
		return;
	give_back(r, r->out);
	if (r->out_queued)
		queue_pop(r);
	else
		free(r->out);
	r->out = NULL;
}

void reorder_free(struct reorder *r)
{
	if (!r)
		return;
	out_drop(r);
	for (; r->first; queue_pop(r))
		give_back(r, queue_front(r));
	for (size_t i = 0; i < r->n; i++) {
		give_back(r, r->heap[i].held);
		free(r->heap[i].held);
	}
	free(r->spare);
	free(r->heap);
	free(r);
}

int reorder_put(struct reorder *r, const struct dmessage *m)
{
	const size_t align = _Alignof(struct held);
	size_t bytes = (sizeof(struct held) + m->len + align - 1) / align * align;
	uint64_t t_ns = m->pk.t_ns;
	if (t_ns < r->floor_ns) {
		r->late++;
		t_ns = r->floor_ns;
	}
	bool in_order = !r->first || r->last_ns <= t_ns;
	struct held *h = in_order ? queue_room(r, bytes) : malloc(bytes);
	if (!h)
		return ERR_NOMEM;
	*h = (struct held){.seq = r->seq++, .bytes = (uint32_t)bytes, .len = (uint32_t)m->len, .pk = m->pk, .kind = m->kind, .proto = m->proto,
			   .cut = m->cut, .has_octets = m->bytes};
	h->pk.t_ns = t_ns;
	if (m->bytes)
		memcpy(h->octets, m->bytes, m->len);
	if (in_order)
		r->last_ns = t_ns;
	else if (heap_put(r, h)) {
		free(h);
		return ERR_NOMEM;
	}
	/* never refused: what is over the share leaves at the next take */
	if (!budget_take(r->budget, bytes))
		r->budget->used += bytes;
	r->bytes += bytes;
	return 0;
}

static const struct dmessage *taken_apart(struct dmessage *m, const struct held *h)
{
	m->pk = h->pk;
	m->kind = h->kind;
	m->proto = h->proto;
	m->cut = h->cut;
	m->bytes = h->has_octets ? h->octets : NULL;
	m->len = h->len;
	m->err = 0;
	if (h->has_octets)
		m->err = dns_msg_parse(&m->m, h->octets, h->len);
	else
		m->m = (struct dns_msg){0};
	return m;
}

/* --- before their turn --- */

static struct ahead *ahead_place(struct reorder *r, unsigned i)
{
	return &r->ahead[(r->ahead_from + i) % (REORDER_AHEAD + 1)];
}

const struct dmessage *reorder_ahead(struct reorder *r)
{
	if (r->ahead_n == REORDER_AHEAD || !r->first)
		return NULL;
	if (!r->ahead_n) { /* behind the front, which is being looked at or will be next */
		r->ahead_block = r->first;
		r->ahead_at = r->first->from + (r->out_queued && r->out ? r->out->bytes : 0);
	}
	if (r->ahead_at == r->ahead_block->to && r->ahead_block->next) {
		r->ahead_block = r->ahead_block->next;
		r->ahead_at = 0;
	}
	if (r->ahead_at == r->ahead_block->to)
		return NULL;
	struct ahead *a = ahead_place(r, r->ahead_n++);
	a->held = (struct held *)(r->ahead_block->room + r->ahead_at);
	r->ahead_at += a->held->bytes;
	return taken_apart(&a->message, a->held);
}

/* The queue's front, which the first of them is if there are any. */
static const struct dmessage *front_apart(struct reorder *r, const struct held *front)
{
	struct ahead *a = ahead_place(r, 0);
	if (!r->ahead_n)
		return taken_apart(&r->message, front);
	assert(a->held == front);
	r->ahead_from++;
	r->ahead_n--;
	return &a->message;
}

const struct dmessage *reorder_take(struct reorder *r, uint64_t now_ns)
{
	out_drop(r);
	struct held *front = queue_front(r);
	if (!r->n && !front)
		return NULL;
	struct place_of p = {front ? front->pk.t_ns : 0, front ? front->seq : 0, front};
	bool queued = front && (!r->n || before(&p, &r->heap[0]));
	uint64_t t_ns = queued ? p.t_ns : r->heap[0].t_ns;
	bool due = now_ns == T_NEVER || t_ns + r->window_ns <= now_ns;
	if (!due && r->bytes <= r->budget->max / 4 && r->budget->used <= r->budget->max)
		return NULL;
	r->early += !due;
	r->out = queued ? front : heap_take(r);
	r->out_queued = queued;
	r->floor_ns = t_ns;
	return queued ? front_apart(r, front) : taken_apart(&r->message, r->out);
}

uint64_t reorder_late(const struct reorder *r)
{
	return r->late;
}

uint64_t reorder_early(const struct reorder *r)
{
	return r->early;
}
