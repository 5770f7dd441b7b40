/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap has four children a node: fewer levels, and the children share a cache line or two.
 *
 * The wheel is a radix heap (Ahuja, Mehlhorn, Orlin and Tarjan 1990) with digits of six bits: a time is kept at
 * the highest digit in which it differs from `base_ns`, in the bucket of what it has there. All times on a level are
 * before all on the next, so what comes first is the lowest bucket of the lowest level. A bucket of few becomes
 * the heap; one of many is dealt out over the level below.
 *
 * The line is a ring, a power of two long. Whatever would not be its last goes where all else does.
 */
#include "sim/world/evq.h"

#include <stdlib.h>

#define KIDS 4
#define HEAP_MOST 256  /* 8 KiB: more than this, and all go into the wheel */
#define HEAP_FEW 32    /* a bucket of so many is sorted as it is */
#define DIGIT_BITS 6
#define DIGITS (1 << DIGIT_BITS)
#define LEVELS (64 / DIGIT_BITS + 1)
#define CHUNK 15

struct chunk {
	struct chunk *next;
	size_t n;
	struct event e[CHUNK];
};

struct evq_wheel {
	uint64_t base_ns;
	size_t n;
	struct chunk *spare;
	uint64_t used[LEVELS]; /* a bit a bucket */
	struct bucket {
		struct chunk *first; /* the only one that may have room */
		size_t n;
	} bucket[LEVELS][DIGITS];
};

/* --- the heap --- */

/* One comparison of both, without a branch: which of two comes first cannot be foretold. */
static inline bool before(const struct event *a, const struct event *b)
{
	unsigned __int128 x = (unsigned __int128)a->t_ns << 64 | a->seq, y = (unsigned __int128)b->t_ns << 64 | b->seq;

	return x < y;
}

static bool grow(struct evq *q)
{
	size_t cap = q->cap ? q->cap * 2 : 1024;
	struct event *p = realloc(q->heap, cap * sizeof(*p));

	if (!p)
		return false;
	q->heap = p;
	q->cap = cap;
	return true;
}

static inline void heap_push(struct evq *q, const struct event *e)
{
	size_t i = q->n;

	if (q->n == q->cap && !grow(q)) {
		q->failed = true;
		return;
	}
	q->n++;
	while (i > 0 && before(e, &q->heap[(i - 1) / KIDS])) {
		q->heap[i] = q->heap[(i - 1) / KIDS];
		i = (i - 1) / KIDS;
	}
	q->heap[i] = *e;
}

/* Of a node with all its children, or with some. */
static inline size_t least_of_all(const struct event *heap, size_t first)
{
	size_t a = first + before(&heap[first + 1], &heap[first]);
	size_t b = first + 2 + before(&heap[first + 3], &heap[first + 2]);

	return before(&heap[b], &heap[a]) ? b : a;
}

static inline size_t least_of_some(const struct event *heap, size_t first, size_t end)
{
	size_t least = first;

	for (size_t k = first + 1; k < end; k++)
		least = before(&heap[k], &heap[least]) ? k : least;
	return least;
}

/* The hole goes down to the last level, then what was last goes up from there: it belongs near it. */
static inline void heap_pop(struct evq *q, struct event *ret)
{
	struct event *heap = q->heap;
	size_t n = --q->n, i = 0;

	*ret = heap[0];
	if (!n)
		return;
	while (KIDS * i + KIDS < n) {
		size_t kid = least_of_all(heap, KIDS * i + 1);
		heap[i] = heap[kid];
		i = kid;
	}
	if (KIDS * i + 1 < n) {
		size_t kid = least_of_some(heap, KIDS * i + 1, n);
		heap[i] = heap[kid];
		i = kid;
	}
	while (i > 0 && before(&heap[n], &heap[(i - 1) / KIDS])) {
		heap[i] = heap[(i - 1) / KIDS];
		i = (i - 1) / KIDS;
	}
	heap[i] = heap[n];
}

/* --- the wheel --- */

static struct chunk *chunk_take(struct evq_wheel *w)
{
	struct chunk *c = w->spare;

	if (c)
		w->spare = c->next;
	else
		c = malloc(sizeof(*c));
	return c;
}

static void chunk_spare(struct evq_wheel *w, struct chunk *c)
{
	c->next = w->spare;
	w->spare = c;
}

static unsigned level_of(const struct evq_wheel *w, uint64_t t_ns)
{
	uint64_t differs = t_ns ^ w->base_ns;

	return differs ? (63 - (unsigned)__builtin_clzll(differs)) / DIGIT_BITS : 0;
}

static void wheel_push(struct evq *q, const struct event *e)
{
	struct evq_wheel *w = q->wheel;
	unsigned level = level_of(w, e->t_ns), digit = e->t_ns >> level * DIGIT_BITS & (DIGITS - 1);
	struct bucket *b = &w->bucket[level][digit];
	struct chunk *c = b->first;

	if (!c || c->n == CHUNK) {
		c = chunk_take(w);
		if (!c) {
			q->failed = true;
			return;
		}
		c->n = 0;
		c->next = b->first;
		b->first = c;
	}
	c->e[c->n++] = *e;
	b->n++;
	w->n++;
	w->used[level] |= UINT64_C(1) << digit;
}

/* The first time after those that begin with base_ns down to this level's digit. */
static uint64_t end_of(const struct evq_wheel *w, unsigned level)
{
	uint64_t width = UINT64_C(1) << level * DIGIT_BITS;

	return w->base_ns > UINT64_MAX - width ? UINT64_MAX : w->base_ns + width;
}

/* Takes the wheel's first bucket away: into the heap, or a level down. */
static void bucket_deal(struct evq *q)
{
	struct evq_wheel *w = q->wheel;
	unsigned level = 0;

	while (!w->used[level])
		level++;
	unsigned digit = (unsigned)__builtin_ctzll(w->used[level]), shift = level * DIGIT_BITS;
	struct bucket b = w->bucket[level][digit];
	w->bucket[level][digit] = (struct bucket){0};
	w->used[level] &= w->used[level] - 1;
	w->n -= b.n;
	w->base_ns = (w->base_ns >> shift & ~(uint64_t)(DIGITS - 1)) << shift | (uint64_t)digit << shift;
	bool sort = level == 0 || b.n <= HEAP_FEW;
	q->horizon_ns = sort ? end_of(w, level) : w->base_ns;
	for (struct chunk *c = b.first, *next; c; c = next) {
		next = c->next;
		for (size_t i = 0; i < c->n; i++)
			if (sort)
				heap_push(q, &c->e[i]);
			else
				wheel_push(q, &c->e[i]);
		chunk_spare(w, c);
	}
	q->most = q->n * 2; /* many of one time: there is nothing to deal out */
}

/* All goes into the wheel, which gives back what comes first. */
static void wheel_begin(struct evq *q)
{
	if (!q->wheel)
		q->wheel = calloc(1, sizeof(*q->wheel));
	if (!q->wheel)
		return; /* slower, and right */
	q->wheel->base_ns = q->horizon_ns = q->heap[0].t_ns;
	for (size_t i = 0; i < q->n; i++)
		wheel_push(q, &q->heap[i]);
	q->n = 0;
}

/* --- the line --- */

static bool line_grow(struct evq *q)
{
	size_t cap = q->line_cap ? q->line_cap * 2 : 256;
	struct event *p = malloc(cap * sizeof(*p));

	if (!p)
		return false;
	for (size_t i = 0; i < q->line_n; i++)
		p[i] = q->line[(q->line_first + i) & (q->line_cap - 1)];
	free(q->line);
	q->line = p;
	q->line_first = 0;
	q->line_cap = cap;
	return true;
}

static bool line_push(struct evq *q, const struct event *e)
{
	if (q->line_n && e->t_ns < q->line[(q->line_first + q->line_n - 1) & (q->line_cap - 1)].t_ns)
		return false;
	if (q->line_n == q->line_cap && !line_grow(q))
		return false;
	q->line[(q->line_first + q->line_n++) & (q->line_cap - 1)] = *e;
	return true;
}

/* --- all --- */

static bool waiting(const struct evq *q)
{
	return q->wheel && q->wheel->n;
}

static inline void push(struct evq *q, const struct event *e)
{
	if (!waiting(q) && q->n >= HEAP_MOST && q->n >= q->most)
		wheel_begin(q);
	if (waiting(q) && e->t_ns >= q->horizon_ns)
		wheel_push(q, e);
	else
		heap_push(q, e);
}

void evq_push(struct evq *q, uint64_t t_ns, uint32_t kind, uint32_t a, void *p)
{
	struct event e = {.t_ns = t_ns, .seq = q->next_seq++, .kind = kind, .a = a, .p = p};

	push(q, &e);
}

void evq_push_timeout(struct evq *q, uint64_t t_ns, uint32_t kind, uint32_t a, void *p)
{
	struct event e = {.t_ns = t_ns, .seq = q->next_seq++, .kind = kind, .a = a, .p = p};

	if (!line_push(q, &e))
		push(q, &e);
}

bool evq_pop(struct evq *q, struct event *ret)
{
	while (!q->n && waiting(q))
		bucket_deal(q);
	if (q->line_n && (!q->n || before(&q->line[q->line_first], &q->heap[0]))) {
		*ret = q->line[q->line_first];
		q->line_first = (q->line_first + 1) & (q->line_cap - 1);
		q->line_n--;
		return true;
	}
	if (!q->n)
		return false;
	heap_pop(q, ret);
	return true;
}

static void chunks_free(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;
		free(c);
		c = next;
	}
}

void evq_release(struct evq *q)
{
	for (unsigned i = 0; q->wheel && i < LEVELS * DIGITS; i++)
		chunks_free(q->wheel->bucket[i / DIGITS][i % DIGITS].first);
	if (q->wheel)
		chunks_free(q->wheel->spare);
	free(q->wheel);
	free(q->heap);
	free(q->line);
	*q = (struct evq){0};
}
