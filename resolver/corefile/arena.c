/* SPDX-License-Identifier: Apache-2.0 */
/* Chained blocks, bump allocation, one free. See arena.h. */
#include "resolver/corefile/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/checked.h"

enum { BLOCK_BYTES = 16384 };

struct chunk {
	struct chunk *next;
	size_t used, cap;
	alignas(max_align_t) unsigned char b[];
};
struct arena {
	struct chunk *head;
	size_t left; /* of the limit */
};

struct arena *arena_new(size_t limit_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a)
		a->left = limit_bytes;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t n_bytes)
{
	size_t n = ((n_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1)) + ASAN_GAP(16);

	if (n < n_bytes || n > a->left)
		return NULL;
	if (!a->head || a->head->cap - a->head->used < n) {
		size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
		struct chunk *c = calloc(1, sizeof(*c) + cap);

		if (!c)
			return NULL;
		c->cap = cap;
		c->next = a->head;
		a->head = c;
	}
	a->left -= n;
	void *p = a->head->b + a->head->used;

	a->head->used += n;
	asan_forbid((unsigned char *)p + n_bytes, n - n_bytes);
	return p;
}

void *arena_copy(struct arena *a, const void *p, size_t n_bytes)
{
	void *q = arena_alloc(a, n_bytes);

	if (q && n_bytes)
		memcpy(q, p, n_bytes);
	return q;
}

char *arena_strn(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p)
		memcpy(p, s, len);
	return p;
}

char *arena_str(struct arena *a, const char *s)
{
	return arena_strn(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);

	va_end(again);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);

	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *p = arena_vprintf(a, fmt, ap);

	va_end(ap);
	return p;
}

/* Capacity is not stored: it is the next power of two from 4 on, so an array is
 * full exactly when its length is one. */
void *arena_push(struct arena *a, void *array_ptr, size_t *n, size_t size)
{
	char *array;

	memcpy(&array, array_ptr, sizeof(array));
	if (*n == 0 || (*n >= 4 && (*n & (*n - 1)) == 0)) {
		size_t cap = *n ? *n * 2 : 4;
		char *grown = cap > SIZE_MAX / size ? NULL : arena_alloc(a, cap * size);

		if (!grown)
			return NULL;
		if (*n)
			memcpy(grown, array, *n * size);
		array = grown;
		memcpy(array_ptr, &array, sizeof(array));
	}
	return array + (*n)++ * size;
}
