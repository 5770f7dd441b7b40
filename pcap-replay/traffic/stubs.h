/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stub resolver a client has, by what it does on the wire. Gathered as questions go
 * by; judged at the end: each library is a row of what it does, and one whose row is
 * contradicted cannot be it. What was not seen contradicts nothing, so a client that was
 * seen little can be one of several, and is said to be.
 */
#ifndef NODENS_STUBS_H
#define NODENS_STUBS_H

#include "pcap-replay/traffic/retry.h"
#include "pcap-replay/traffic/transact.h"

#define STUB_RECENT 16 /* questions in which the other half of a pair is looked for */
#define STUB_ENOUGH 4096 /* questions of a client that are looked at: more of them say nothing new */
#define STUB_SIZES  4  /* EDNS sizes told apart */
#define STUB_GAPS   8  /* rows of retry_rules */

enum stub_fact { /* of each: how often it was so, and otherwise */
	SF_ONE_PORT,   /* A and AAAA of one name from one port */
	SF_A_FIRST,
	SF_PARALLEL,   /* the second is asked before the first is answered */
	SF_IDS_NEAR,   /* the second's id is a little more than the first's */
	SF_IDS_KIN,    /* their low octets are nearly equal */
	SF_KEEPS_PORT, /* the next name comes from a port used before */
	SF_SAME_AGAIN, /* a question that comes back has the same port and id */
	SF_EDNS,
	SF_COOKIE,
	SF_AD,
	SF_PAIRED,     /* of A and AAAA: the other half was asked too */
	SF_ANY,        /* asks for ANY */
	SF_ALL_AT_ONCE, /* the same message to several servers in a moment */
	N_STUB_FACTS,
};

struct stub_recent {
	uint64_t t_ns;
	uint32_t server; /* what is left of a hash of its address */
	uint32_t lookup;
	uint16_t id, port, qtype;
	uint8_t name_len; /* 0: free */
	bool paired, answered;
};

struct stub_client {
	struct in6_addr ip;
	uint64_t questions;
	uint64_t yes[N_STUB_FACTS], no[N_STUB_FACTS];
	uint64_t gap[STUB_GAPS];           /* sent again, by rows of retry_rules */
	uint64_t size_n[STUB_SIZES];
	uint16_t size[STUB_SIZES];
	struct stub_recent recent[STUB_RECENT];
	unsigned head;
};

/* An A or AAAA whose other half has not been asked yet. */
bool stub_recent_alone(const struct stub_recent *r);

struct stubs;
/* At most `share` octets of the budget. */
struct stubs *stubs_new(struct budget *b, size_t share);
void stubs_free(struct stubs *s);
/* A question that was new (TXE_NEW) or sent again (TXE_RESEND), in order of time. */
void stubs_question(struct stubs *s, enum txn_event e, const struct txn *t);
void stubs_answer(struct stubs *s, const struct txn *t); /* it was answered just now */
/* All clients, in no order; NULL at the end. Begin with a cursor of 0. */
const struct stub_client *stubs_next(const struct stubs *s, size_t *cursor);
/* NULL: not gathered, or no memory was left. */
const struct stub_client *stubs_find(const struct stubs *s, const struct in6_addr *ip);

struct stub_verdict {
	char who[96];  /* "glibc", "one of glibc, c-ares", "unknown" */
	bool one;      /* exactly one fits */
	char why[256]; /* what it did, as far as it was seen */
};
void stub_judge(const struct stub_client *c, struct stub_verdict *ret);

#endif
