/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are the core's own, so a plain multiplicative hash does. */
#include "resolver/net/asks.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/checked.h"
#include "lib/base/err.h"

int asks_init(struct asks *t, size_t n)
{
	*t = (struct asks){ .n = n, .n_buckets = 64 };
	while (t->n_buckets < n)
		t->n_buckets *= 2;
	t->row = calloc(n, sizeof(t->row[0]));
	t->bucket = calloc(t->n_buckets, sizeof(t->bucket[0]));
	if (!t->row || !t->bucket) {
		asks_release(t);
		return ERR_NOMEM;
	}
	return 0;
}

void asks_release(struct asks *t)
{
	free(t->row);
	free(t->bucket);
	*t = (struct asks){ 0 };
}

static struct ask **link_of(const struct asks *t, uint32_t id)
{
	struct ask **l = &t->bucket[(id * 2654435761u >> 7) & (t->n_buckets - 1)];
	while (*l && (*l)->id != id)
		l = &(*l)->hash_next;
	return l;
}

/* Rows are first taken in order, so that memory is touched only as far as the
 * busiest moment needed. */
static struct ask *row_take(struct asks *t)
{
	struct ask *a = t->free;
	if (a)
		t->free = a->list_next;
	else if (t->n_used < t->n)
		a = &t->row[t->n_used++];
	return a;
}

struct ask *asks_new(struct asks *t, uint32_t id)
{
	struct ask **l = link_of(t, id), *a;
	assert(id != 0 && !*l);
	a = row_take(t);
	if (!a)
		return NULL;
	*a = (struct ask){ .id = id };
	*l = a;
	return a;
}

struct ask *asks_find(const struct asks *t, uint32_t id)
{
	return *link_of(t, id);
}

void asks_free(struct asks *t, struct ask *a)
{
	struct ask **l = link_of(t, a->id);
	assert(*l == a);
	*l = a->hash_next;
	SPOIL(a, sizeof(*a));
	a->id = 0;
	a->place = ASK_FREE;
	a->list_next = t->free;
	t->free = a;
}
