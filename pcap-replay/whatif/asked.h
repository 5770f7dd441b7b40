/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients asked in a capture, and what they were told: the input of every question
 * that begins with "what if there were a cache". A question that was sent again counts
 * once, at its first sending.
 *
 * A server that asks other servers (a cluster DNS, a cache) is no client: whoever has
 * answered in the capture is left out as an asker.
 */
#ifndef NODENS_WHATIF_ASKED_H
#define NODENS_WHATIF_ASKED_H

#include "pcap-replay/read/budget.h"
#include "pcap-replay/traffic/txn.h"

#define ASKED_MAX (1u << 24) /* questions */

struct asked_one {
	uint64_t t_ns;       /* since the first question */
	uint64_t wait_ns;    /* until the answer; 0: none came */
	uint64_t took_ns;    /* from the last sending until the answer: without what was lost on the way */
	uint64_t key;        /* of name (lower case), type and class; equal means the same question */
	size_t at;           /* of the question in `octets`; its answer follows */
	struct in6_addr client;
	uint32_t len, reply_len; /* reply_len 0: no answer, or its octets are not known */
	char proto;          /* QS_UDP, QS_TCP */
};

struct asked {
	struct asked_one *one;
	size_t n, cap;
	uint8_t *octets;
	size_t n_octets, cap_octets;
	uint32_t *by_key;    /* of `one`, by key and then time */
	struct in6_addr *server; /* who answered; sorted by asked_ready */
	size_t n_servers, cap_servers;
	uint64_t *branch;    /* keys of names above one that exists; sorted */
	size_t n_branches, cap_branches;
	struct budget *budget;
	uint64_t untold;     /* questions for which there was no memory */
	uint64_t forwarded;  /* left out: asked by a server */
};

void asked_init(struct asked *a, struct budget *b);
/* A transaction closed, with octets (transact_conf.keep_wire). */
void asked_txn(struct asked *a, const struct txn *t);
/* All are in: in order of time, without those of servers. False: no memory. */
bool asked_ready(struct asked *a);
void asked_release(struct asked *a);

/* The answer that a server gave to this question last at `t_ns`, or first after; NULL: never. */
const struct asked_one *asked_answer(const struct asked *a, uint64_t key, uint64_t t_ns);
/* Somebody was told that a name below this one (lower case) exists. */
bool asked_is_branch(const struct asked *a, const uint8_t *name);
uint64_t asked_key(const uint8_t *name, size_t name_len, uint16_t qtype, uint16_t qclass);
static inline const uint8_t *asked_query(const struct asked *a, const struct asked_one *q)
{
	return a->octets + q->at;
}
static inline const uint8_t *asked_reply(const struct asked *a, const struct asked_one *q)
{
	return a->octets + q->at + q->len;
}

#endif
