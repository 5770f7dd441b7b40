/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions on their way: one for each distinct key, with the clients that wait
 * for it. Two fixed tables; indexes instead of pointers; NIL ends a list.
 *
 * A question may follow another (its leader) instead of being asked: an ancestor
 * whose NXDOMAIN would answer it too, or the target of the CNAMEs that are its own
 * answer, or the other address type, whose NXDOMAIN would renew the denial that it
 * has got itself (denials.h). When the leader is done, the follower is either
 * answered by it or asked itself.
 *
 * What is to be done with a question or a waiter is noted here, in two lists in
 * order of coming, and done by due.c: whoever notes it may be in the middle of
 * something. A question that ends is hidden first: it leaves its bucket, so that
 * nobody joins or follows it any more. What has been given up to make room keeps
 * its place until its clients have been told: HOLDS_LEAVING_MAX places of each
 * kind lie behind the limits for that.
 */
#ifndef NODENS_CORE_QUESTIONS_H
#define NODENS_CORE_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/dns/name.h"
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
	bool has_edns, had_cookie;
	uint8_t failed; /* 1 + enum core_fail_why: it is over, which is not acted upon yet */
	uint64_t sent_ns;
	uint64_t spelling; /* of the name, for name_spell; 0: lower case */
};

enum question_purpose {
	FOR_CLIENTS,
	FOR_REFRESH, /* prefetch */
	FOR_STALE,   /* renewal of what was served stale: a cut may do it */
	FOR_CUT,     /* the search-path shield wants to know whether a name exists */
};

enum due { /* bits: what is to be done with a question */
	DUE_BEGIN = 1,  /* to follow another, or to be asked */
	DUE_ASK = 2,    /* to be asked */
	DUE_FAILED = 4, /* some of its exchanges have failed */
	DUE_GIVE_UP = 8, /* hidden already: its clients are to be told */
};

struct question {
	bool in_use, is_renamed;  /* renamed: an ask hook changed what upstreams are asked */
	bool is_hidden;           /* ends: in no bucket, and nobody's */
	uint8_t due;              /* enum due */
	uint32_t due_next, due_prev;
	uint8_t purpose;
	uint8_t name_len, key_flags;
	uint8_t listener, proto;  /* where the first client asked, and how */
	uint16_t qtype, qclass, zone;
	uint64_t hash, view;
	uint32_t next;            /* in its bucket, and 1, or 0; or in the free list */
	uint32_t first_waiter, last_waiter;
	uint32_t leader, first_follower, next_follower;
	/* asking */
	bool follows_target;      /* its leader is the end of the CNAMEs it has, whose answer stands behind them */
	uint8_t n_follows;
	uint8_t depth;            /* heads (follow.c) in the longest row that waits for it */
	uint8_t cut_at;           /* where in its name the cut begins that it had asked last; 0: none */
	bool is_shared;           /* others than its first client wait for it */
	bool is_settled;          /* an upstream said no (last_rcode); only a hedge may say better */
	bool is_doubted;          /* an answer lacked its cookie: asked by TCP as well */
	bool is_counted;          /* in its forward's `concurrent` */
	uint8_t forward;          /* index into its zone's list */
	uint8_t n_tries, n_closed; /* exchanges begun; ended by the peer's closing */
	uint8_t n_ended;          /* asked again because its connection had answered enough others */
	uint8_t n_moved;          /* asked again because its socket was given up */
	uint8_t n_broken;         /* connections that were closed or fell silent under it */
	uint16_t tried;           /* bit per target, this round */
	/* What a target of the forward, a bit each, is asked for in another way because of: */
	uint16_t damaged;         /* its UDP replies are of no use: by TCP */
	uint16_t respelled;       /* its answer had another spelling: in lower case */
	uint16_t no_edns;         /* it said that it does not know EDNS: without */
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
	WAITS_FIRST,  /* its own question once more: the first half, which nobody has kept */
	WAITS_PATH,   /* a step of its search list (autopath) */
	WAITS_AGAIN,  /* nothing: to be asked anew under another configuration */
};

struct waiter {
	struct core_client client;
	uint64_t start_ns;
	uint32_t next, prev; /* who waits for the same; or in the list of those due */
	uint32_t question;   /* NIL: due */
	uint16_t query_len, zone;
	uint8_t waits;  /* enum waits_for */
	uint8_t step;   /* WAITS_PATH: of the search list; WAITS_SECOND: see serve.c */
	bool leaves;    /* given up: counts as leaving, no more as waiting */
	uint8_t query[QUERY_COMPACT_MAX];
};

struct questions {
	struct question *question;
	struct waiter *waiter;
	uint32_t *bucket; /* by a mix of the whole key: no name has a chain of its own */
	uint32_t n_buckets, n_questions, n_waiters; /* n: how many there may be */
	uint32_t question_places, waiter_places;    /* ... and with those that leave */
	uint32_t questions_taken;                   /* places of questions that ever were */
	uint32_t free_question, free_waiter;
	uint32_t in_use, waiting;   /* not counting these: */
	uint32_t hidden, leaving;
	uint32_t due_first, due_last;               /* questions */
	uint32_t due_waiter_first, due_waiter_last;
	struct clients clients; /* whose they are */
};

/* `key` must outlive the tables. 0 or ERR_NOMEM; they are released in either case. */
int questions_init(struct questions *t, const struct hash_key *key, uint32_t n_questions,
		   uint32_t n_waiters);
void questions_release(struct questions *t);

/* The question with this key, or NIL. */
uint32_t question_find(const struct questions *t, const struct cache_key *k);
/* A new one in the table, all zero but its key; NIL when full. */
uint32_t question_add(struct questions *t, const struct cache_key *k);
/* Out of table; waiters and followers must be gone. */
void question_remove(struct questions *t, uint32_t qi);
/* A reply over UDP was of no use: its sender is asked by TCP. */
static inline bool question_is_damaged(const struct question *q)
{
	return q->damaged != 0;
}
void question_key(const struct question *q, struct cache_key *ret);

/* Out of its bucket, and nobody's. It ends; a second time changes nothing. */
void question_hide(struct questions *t, uint32_t qi);
/* Its followers, now led by nobody, as a list by next_follower. */
uint32_t followers_take(struct questions *t, uint32_t qi);
/* Would it wait for itself if it followed `leader`? */
bool question_leads(const struct questions *t, uint32_t qi, uint32_t leader);

/* To be done with it: `what` is of enum due. */
void due_note(struct questions *t, uint32_t qi, unsigned what);
void due_forget(struct questions *t, uint32_t qi);
/* The first of those due and what is to be done with it; NIL. */
uint32_t due_take(struct questions *t, unsigned *ret_what);
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
/* The same, and into the list of those due, to be turned away or asked `again`. */
void waiter_put_off(struct questions *t, uint32_t wi, bool again);
uint32_t waiter_due_take(struct questions *t);

void follower_add(struct questions *t, uint32_t leader, uint32_t qi);
void follower_remove(struct questions *t, uint32_t qi);

#endif
