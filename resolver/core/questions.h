/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions on their way: one for each distinct key, with the clients that wait
 * for it. Two fixed tables; indexes instead of pointers; NIL ends a list.
 *
 * A question may follow another (its leader) instead of being asked: an ancestor
 * whose NXDOMAIN would answer it too, or the target of the CNAMEs that are its own
 * answer. When the leader is done, the follower is either answered by it or asked
 * itself. No type of a name waits for another type: a denial speaks for what was
 * asked, and there are servers that deny AAAA of names that have A.
 */
#ifndef NODENS_CORE_QUESTIONS_H
#define NODENS_CORE_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/name.h"
#include "resolver/core/cache.h"
#include "resolver/core/clients.h"
#include "resolver/core/core.h"
#include "resolver/core/query.h"

#define NIL UINT32_MAX
#define ASKS_MAX 4 /* exchanges of one question that may be open together */

struct ask {
	uint32_t id; /* 0: not open */
	uint16_t upstream;
	uint8_t proto;
	bool is_hedge, has_edns, had_cookie;
	uint64_t sent_ns;
	uint64_t spelling; /* of the name, for name_spell; 0: lower case */
};

enum question_purpose {
	FOR_CLIENTS,
	FOR_REFRESH, /* prefetch, or renewal of what was served stale */
	FOR_CUT,     /* the search-path shield wants to know whether a name exists */
	FOR_CHECK,   /* the shield's sampled check of an answer it made */
	FOR_NOBODY,  /* a new configuration has no zone for it */
	FOR_CONFIRM, /* ... was wrong: does its ancestor exist by now? */
};

enum question_follows {
	FOLLOWS_CUT,     /* an ancestor: its NXDOMAIN denies this name too */
	FOLLOWS_TARGET,  /* the end of the CNAMEs it has: its answer stands behind them */
};

struct question {
	bool in_use, is_renamed;  /* renamed: an ask hook changed what upstreams are asked */
	uint8_t purpose;
	uint8_t name_len, key_flags;
	uint8_t listener, proto;  /* where the first client asked, and how */
	uint16_t qtype, qclass, zone;
	uint64_t hash, view;
	uint32_t next;            /* in its bucket; or in the free list */
	uint32_t first_waiter, last_waiter;
	uint32_t leader, first_follower, next_follower;
	/* asking */
	uint8_t follows;          /* enum question_follows: why it has a leader */
	uint8_t n_follows;
	uint8_t depth;            /* heads (follow.c) in the longest row that waits for it */
	bool is_shared;           /* others than its first client wait for it */
	bool is_settled;          /* an upstream said no (last_rcode); only a hedge may say better */
	bool is_plain_spelled;    /* an answer had another spelling: asked in lower case */
	bool is_doubted;          /* an answer lacked its cookie: asked by TCP as well */
	bool is_counted;          /* in its forward's `concurrent` */
	uint8_t forward;          /* index into its zone's list */
	uint8_t n_tries, n_closed; /* exchanges begun; ended by the peer's closing */
	uint8_t n_moved;          /* asked again because its socket was given up */
	uint16_t tried;           /* bit per target, this round */
	uint16_t head;            /* 1 + index of the CNAMEs it has (follow.c); 0: none */
	uint16_t last_rcode, last_ede; /* why it has failed so far */
	uint16_t last_upstream;   /* whose exchange failed last */
	uint8_t last_proto, last_why; /* last_why: enum core_fail_why + 1; 0: none failed */
	uint16_t asked_type, asked_class;
	struct ask ask[ASKS_MAX];
	uint64_t start_ns, end_ns; /* end: the budget */
	uint64_t retry_ns, hedge_ns, stale_ns, follow_ns; /* T_NEVER: not set */
	uint8_t name[NAME_MAX_WIRE + 1]; /* lower case */
	struct name asked;
};

enum waits_for {
	WAITS_ANSWER, /* to its own question */
	WAITS_SECOND, /* the second half of a merged reply (dns64) */
	WAITS_PATH,   /* a step of its search list (autopath) */
};

struct waiter {
	struct core_client client;
	uint64_t start_ns;
	uint32_t next, prev; /* who waits for the same */
	uint32_t question;
	uint16_t query_len, zone;
	uint8_t waits;  /* enum waits_for */
	uint8_t step;   /* WAITS_PATH: of the search list */
	uint8_t query[QUERY_COMPACT_MAX];
};

struct questions {
	struct question *question;
	struct waiter *waiter;
	uint32_t *bucket; /* by a mix of the whole key: no name has a chain of its own */
	uint32_t n_buckets, n_questions, n_waiters;
	uint32_t free_question, free_waiter;
	uint32_t in_use, waiting;
	struct clients clients; /* whose they are */
};

/* `key` must outlive the tables. 0 or ERR_NOMEM. */
int questions_init(struct questions *t, const struct hash_key *key, uint32_t n_questions,
		   uint32_t n_waiters);
void questions_release(struct questions *t);

/* The question with this key, or NIL. */
uint32_t question_find(const struct questions *t, const struct cache_key *k);
/* A new one in the table, all zero but its key; NIL when full. */
uint32_t question_add(struct questions *t, const struct cache_key *k);
/* Out of table; waiters and followers must be gone. */
void question_remove(struct questions *t, uint32_t qi);
void question_key(const struct question *q, struct cache_key *ret);

/* Its hash or view changed: into the right bucket. */
void question_rehash(struct questions *t, uint32_t qi, uint64_t hash);

/* It counts as this client's; until it is removed, or another's. */
void question_charge(struct questions *t, uint32_t qi, const struct in6_addr *addr);

/* Parks a client; NIL when full. */
uint32_t waiter_add(struct questions *t, uint32_t qi, const struct core_client *client,
		    const struct query *q, uint16_t zone, uint64_t now_ns);
/* Takes the first waiter off its list and returns its index; NIL. Give it back
 * with waiter_free when its reply is out. */
uint32_t waiter_take(struct questions *t, struct question *q);
void waiter_free(struct questions *t, uint32_t wi);
/* Takes this one off its question's list, wherever it stands. */
void waiter_pull(struct questions *t, uint32_t wi);

void follower_add(struct questions *t, uint32_t leader, uint32_t qi);
void follower_remove(struct questions *t, uint32_t qi);

#endif
