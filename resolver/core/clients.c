/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in a keyed hash and in lists by level; every change is a step of one level. */
#include "resolver/core/clients.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/checked.h"
#include "lib/base/err.h"

#define NIL UINT32_MAX
#define HANDFUL 4 /* both address families, twice */
#define TRY_COST    4   /* in quarters */
#define CREDIT_INIT (32 * TRY_COST)
#define CREDIT_MAX  (64 * TRY_COST)

static int table_init(struct client_table *h, uint32_t n)
{
	h->n = n;
	h->thing = calloc(n + HOLDS_LEAVING_MAX, sizeof(*h->thing));
	h->level = malloc((n + 1) * sizeof(*h->level)); /* each is emptied when it is the most */
	return h->thing && h->level ? 0 : ERR_NOMEM;
}

int clients_init(struct clients *t, const struct hash_key *key, uint32_t n_waiters,
		 uint32_t n_questions)
{
	memset(t, 0, sizeof(*t));
	t->key = key;
	t->n_rows = n_waiters + n_questions; /* each holds at least one thing */
	t->n_buckets = t->n_rows;
	t->free = NIL;
	t->row = malloc(t->n_rows * sizeof(*t->row)); /* each is filled when it is first used */
	t->bucket = calloc(t->n_buckets, sizeof(*t->bucket)); /* pages that nobody has used stay untouched */
	if (!t->row || !t->bucket || table_init(&t->of[HOLDS_WAITERS], n_waiters) < 0 ||
	    table_init(&t->of[HOLDS_QUESTIONS], n_questions) < 0)
		return ERR_NOMEM;
	return 0;
}

void clients_release(struct clients *t)
{
	for (unsigned i = 0; i < HOLDS_N; i++) {
		free(t->of[i].thing);
		free(t->of[i].level);
	}
	free(t->row);
	free(t->bucket);
}

/* --- rows --- */

static uint32_t *bucket_of(const struct clients *t, const struct in6_addr *addr)
{
	uint64_t hash = hash_sip13(t->key, addr, sizeof(*addr));

	return &t->bucket[(hash >> 32) * t->n_buckets >> 32];
}

static uint32_t row_find(const struct clients *t, const struct in6_addr *addr)
{
	uint32_t i = *bucket_of(t, addr);

	while (i && memcmp(&t->row[i - 1].addr, addr, sizeof(*addr)) != 0)
		i = t->row[i - 1].next;
	return i ? i - 1 : NIL;
}

static uint32_t row_new(struct clients *t, const struct in6_addr *addr)
{
	uint32_t *bucket = bucket_of(t, addr), i = t->free;
	struct client_row *r;

	if (i != NIL)
		t->free = t->row[i].next;
	else
		i = t->used++;
	assert(i < t->n_rows);
	r = &t->row[i];
	r->addr = *addr;
	r->credit = CREDIT_INIT;
	for (unsigned k = 0; k < HOLDS_N; k++)
		r->of[k] = (struct client_hold){.first = NIL, .last = NIL};
	r->next = *bucket;
	*bucket = i + 1;
	t->in_use++;
	return i;
}

static void row_free(struct clients *t, uint32_t row)
{
	uint32_t *link = bucket_of(t, &t->row[row].addr);

	while (*link != row + 1)
		link = &t->row[*link - 1].next;
	*link = t->row[row].next;
	SPOIL(&t->row[row].addr, sizeof(t->row[row].addr));
	SPOIL(&t->row[row].credit, sizeof(t->row[row].credit));
	t->row[row].next = t->free;
	t->free = row;
	t->in_use--;
}

/* --- levels: rings, so that both ends are near --- */

static void level_leave(struct clients *t, enum holds what, uint32_t row)
{
	struct client_hold *h = &t->row[row].of[what];
	uint32_t *head = &t->of[what].level[h->n];

	t->row[h->level_prev].of[what].level_next = h->level_next;
	t->row[h->level_next].of[what].level_prev = h->level_prev;
	if (*head == row)
		*head = h->level_next == row ? NIL : h->level_next;
}

static void level_enter(struct clients *t, enum holds what, uint32_t row)
{
	struct client_hold *h = &t->row[row].of[what];
	uint32_t *head = &t->of[what].level[h->n];

	if (*head == NIL)
		*head = h->level_prev = h->level_next = row;
	h->level_next = *head;
	h->level_prev = t->row[*head].of[what].level_prev;
	t->row[h->level_prev].of[what].level_next = row;
	t->row[*head].of[what].level_prev = row;
}

/* Holds one more or one less than before. */
static void hold_change(struct clients *t, enum holds what, uint32_t row, int by)
{
	struct client_hold *h = &t->row[row].of[what];
	struct client_table *k = &t->of[what];
	uint32_t before = h->n;

	if (h->n)
		level_leave(t, what, row);
	h->n += (uint32_t)by;
	if (h->n > k->most)
		k->level[h->n] = NIL; /* nobody held so many: whatever is there is nobody's */
	if (h->n)
		level_enter(t, what, row);
	if (h->n > k->most)
		k->most = h->n;
	else if (before == k->most && k->level[before] == NIL)
		k->most = h->n;
	k->active += before == 0;
	k->active -= h->n == 0;
}

/* --- things --- */

void clients_take(struct clients *t, enum holds what, uint32_t thing, const struct in6_addr *addr)
{
	uint32_t row = row_find(t, addr);
	struct client_thing *it = &t->of[what].thing[thing];
	struct client_hold *h;

	assert(!it->whose);
	if (row == NIL)
		row = row_new(t, addr);
	h = &t->row[row].of[what];
	*it = (struct client_thing){.whose = row + 1, .next = NIL, .prev = h->last};
	if (h->last == NIL)
		h->first = thing;
	else
		t->of[what].thing[h->last].next = thing;
	h->last = thing;
	hold_change(t, what, row, 1);
}

void clients_give(struct clients *t, enum holds what, uint32_t thing)
{
	struct client_thing *all = t->of[what].thing, *it = &all[thing];
	struct client_hold *h;
	uint32_t row = it->whose - 1;

	if (!it->whose)
		return;
	h = &t->row[row].of[what];
	*(it->prev == NIL ? &h->first : &all[it->prev].next) = it->next;
	*(it->next == NIL ? &h->last : &all[it->next].prev) = it->prev;
	SPOIL(it, sizeof(*it));
	it->whose = 0;
	hold_change(t, what, row, -1);
	if (!t->row[row].of[HOLDS_WAITERS].n && !t->row[row].of[HOLDS_QUESTIONS].n)
		row_free(t, row);
}

/* --- second tries --- */

void clients_earn(struct clients *t, uint32_t question)
{
	uint32_t whose = t->of[HOLDS_QUESTIONS].thing[question].whose;

	if (whose && t->row[whose - 1].credit < CREDIT_MAX)
		t->row[whose - 1].credit++;
}

bool clients_spend(struct clients *t, uint32_t question)
{
	uint32_t whose = t->of[HOLDS_QUESTIONS].thing[question].whose;

	if (!whose)
		return true;
	if (t->row[whose - 1].credit < TRY_COST)
		return false;
	t->row[whose - 1].credit -= TRY_COST;
	return true;
}

/* --- looking --- */

uint32_t clients_held(const struct clients *t, enum holds what, const struct in6_addr *addr)
{
	uint32_t row = row_find(t, addr);

	return row == NIL ? 0 : t->row[row].of[what].n;
}

uint32_t clients_most(const struct clients *t, enum holds what)
{
	return t->of[what].most;
}

uint32_t clients_oldest(const struct clients *t, enum holds what, const struct in6_addr *addr)
{
	uint32_t row = row_find(t, addr);

	return row == NIL ? NIL : t->row[row].of[what].first;
}

uint32_t clients_oldest_of_most(const struct clients *t, enum holds what)
{
	const struct client_table *k = &t->of[what];

	return k->most ? t->row[k->level[k->most]].of[what].first : NIL;
}

const struct in6_addr *clients_owner(const struct clients *t, enum holds what, uint32_t thing)
{
	uint32_t whose = t->of[what].thing[thing].whose;

	return whose ? &t->row[whose - 1].addr : NULL;
}

uint32_t clients_share(const struct clients *t, enum holds what, uint32_t held)
{
	uint32_t share = t->of[what].n / (t->of[what].active + (held == 0));

	return share > HANDFUL ? share : HANDFUL;
}
