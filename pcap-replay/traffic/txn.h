/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction: one question, its sendings, its answer, and the places both were
 * seen at. A capture of a node shows one packet up to four times (veth, bridge,
 * uplink, before and after NAT); those are views of one transaction, in order of
 * time: the first is the client's, and where a later one has other addresses, the
 * two tuples are the NAT mapping.
 */
#ifndef NODENS_TXN_H
#define NODENS_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/qstream.h"

#define TXN_VIEWS_MAX 64 /* no packet passes as many places */

struct place { /* where a packet was seen */
	uint32_t iface;
	uint16_t lane;
	uint8_t dir, tunnels;
};

/* A hash chain's link; pprev so that removal never walks. */
struct txn_link {
	struct txn_link *next, **pprev;
	uint64_t hash;
};

struct lookup_open;
struct txn;
struct txn_list {
	struct txn *oldest, *newest;
};

struct txn_view {
	struct txn_link by_client, by_port, by_proof; /* indexes of transact.c */
	struct txn *owner;
	struct txn_view *next;
	struct qs_addr client, server;
	struct place place;
	uint32_t proof;       /* of the last sending: IPv4 identification or TCP sequence number; 0: none */
	uint64_t first_ns, last_ns; /* sendings seen here */
	uint64_t answer_ns;   /* 0: no answer seen here */
	uint32_t n_sent;
};

struct txn {
	struct txn_link asked;
	struct txn *older, *newer;
	struct txn_list *list;
	uint64_t t_ns;              /* first sending */
	uint64_t start_ns;          /* last sending */
	uint64_t gap_ns;            /* from the sending before it, or from what it repeats; 0: the first */
	uint64_t answered_ns;       /* at the client's view; 0: never */
	uint64_t passed_ns;         /* an answer seen on its way, at any view; 0: never */
	uint64_t payload, answer;   /* keyed hashes of the octets; 0: none */
	uint64_t name_hash;         /* keyed, of `name`; 0: not readable */
	uint64_t elsewhere_answer;  /* of the answer that came from another address */
	struct txn_view view;       /* the client's; others follow through `next` */
	struct in6_addr elsewhere;  /* who answered instead of the one asked */
	struct lookup_open *lookup_open;
	uint32_t lookup;            /* number of the lookup it belongs to */
	uint32_t start_proof;
	int32_t ttl_s;              /* smallest of the answer; -1 unknown */
	uint16_t id, qtype, qclass, rcode, reply_flags, edns_size;
	uint16_t n_views;           /* 1 to TXN_VIEWS_MAX */
	uint32_t n_sent;            /* sendings, the same message each time */
	uint32_t n_dups;            /* copies at one place (SPAN, cooked captures without interfaces), or at too many */
	uint32_t n_again;           /* further answers */
	uint32_t n_elsewhere;       /* answers from another address than the one asked */
	uint8_t opcode;
	char proto;
	bool readable;              /* has a question */
	bool asked_ad, cookie;      /* the question had AD set; an EDNS cookie */
	bool retry;                 /* repeats an earlier one from another port or id */
	bool late;                  /* answered when a stub has given up: 5 s after its sending */
	bool truncated;             /* the answer had TC */
	bool after_tc;              /* asked by TCP because the answer by UDP had TC */
	bool has_answer;            /* rcode and so on are valid */
	size_t bytes;               /* of the budget */
	uint32_t own_bytes;         /* of them, what this struct and its name have */
	uint8_t *wire, *reply;      /* octets, when they are kept; NULL otherwise */
	uint32_t wire_len, reply_len;
	uint8_t name_len;           /* 0: not readable */
	uint8_t name[];             /* lower case */
};

static inline bool place_eq(const struct place *a, const struct place *b)
{
	return a->iface == b->iface && a->lane == b->lane && a->dir == b->dir && a->tunnels == b->tunnels;
}

static inline bool addr_eq(const struct qs_addr *a, const struct qs_addr *b)
{
	return a->port == b->port && IN6_ARE_ADDR_EQUAL(&a->ip, &b->ip);
}

/* The last view whose addresses differ from the client's: after translation; NULL
 * when there is none. */
static inline const struct txn_view *txn_translated(const struct txn *t)
{
	const struct txn_view *last = NULL;
	for (const struct txn_view *v = t->view.next; v; v = v->next)
		if (!addr_eq(&v->client, &t->view.client) || !addr_eq(&v->server, &t->view.server))
			last = v;
	return last;
}

#endif
