/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds how much of the two fixed tables of questions.h: one row a source
 * address that has a client parked or a question under way, found by a keyed
 * hash (addresses are chosen by whoever sends). Each row keeps its things oldest
 * first, and rows sit in lists by how many things they hold, so that whoever
 * holds the most, and the oldest it has, are known without a search. Every call
 * takes constant time; nothing is allocated after clients_init.
 */
#ifndef NODENS_CORE_CLIENTS_H
#define NODENS_CORE_CLIENTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/hash.h"

enum holds {
	HOLDS_WAITERS,   /* things are indexes of waiters */
	HOLDS_QUESTIONS, /* of questions */
	HOLDS_N,
};

/* Things beyond a table's limit that have been given up and belong to nobody any
 * more, but keep their place until their clients have been told (questions.h). */
#define HOLDS_LEAVING_MAX 1024

/* A client's things of one kind; all indexes, UINT32_MAX: none. */
struct client_hold {
	uint32_t n, first, last;         /* oldest first */
	uint32_t level_next, level_prev; /* rows that hold as many */
};
struct client_row {
	struct in6_addr addr;
	uint32_t next; /* in its bucket, and 1, or 0; or in the free list */
	uint32_t credit; /* for second tries, in quarters of one */
	struct client_hold of[HOLDS_N];
};
struct client_thing {
	uint32_t whose, next, prev; /* whose: row + 1; 0: nobody's */
};
struct client_table { /* one kind */
	struct client_thing *thing;
	uint32_t *level; /* rows that hold 1, 2, ... most: who has held so many longest, first */
	uint32_t n, most, active; /* n: how many things may be held */
};
struct clients {
	const struct hash_key *key;
	struct client_row *row;
	uint32_t *bucket; /* the first row, and 1; 0: none */
	uint32_t n_rows, n_buckets, in_use, free, used; /* used: rows ever handed out */
	struct client_table of[HOLDS_N];
};

/* `key` must outlive the table. 0 or ERR_NOMEM; it is released in either case. */
int clients_init(struct clients *t, const struct hash_key *key, uint32_t n_waiters,
		 uint32_t n_questions);
void clients_release(struct clients *t);

/* `thing` is this client's newest from now on; it must be nobody's. */
void clients_take(struct clients *t, enum holds what, uint32_t thing, const struct in6_addr *addr);
/* It is nobody's any more; nothing happens when it was not anybody's. */
void clients_give(struct clients *t, enum holds what, uint32_t thing);

/* How much a client holds. */
uint32_t clients_held(const struct clients *t, enum holds what, const struct in6_addr *addr);
/* The most that any client holds. */
uint32_t clients_most(const struct clients *t, enum holds what);
/* The oldest thing of the client; UINT32_MAX: it has none. */
uint32_t clients_oldest(const struct clients *t, enum holds what, const struct in6_addr *addr);
/* The oldest thing of the client that holds the most; UINT32_MAX: nobody has one. */
uint32_t clients_oldest_of_most(const struct clients *t, enum holds what);
/* Whose the thing is; NULL: nobody's. */
const struct in6_addr *clients_owner(const struct clients *t, enum holds what, uint32_t thing);
/* Second tries for a client's questions are paid from a credit: some to begin with,
 * and one for four of its first tries. False: it has none left. What is nobody's
 * costs nothing. */
void clients_earn(struct clients *t, uint32_t question);
bool clients_spend(struct clients *t, uint32_t question);
/* What each may hold at least when there is not enough for all: an equal part,
 * the client that holds `held` counted in. */
uint32_t clients_share(const struct clients *t, enum holds what, uint32_t held);

#endif
