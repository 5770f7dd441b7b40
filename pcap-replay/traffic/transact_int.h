/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three files of transact.h share: keeping transactions (transact_keep.c), finding
 * the one that a message belongs to (transact_find.c), and what the message then was
 * (transact.c).
 */
#ifndef NODENS_TRANSACT_INT_H
#define NODENS_TRANSACT_INT_H

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "pcap-replay/traffic/lookups.h"
#include "pcap-replay/traffic/transact.h"
#include "pcap-replay/traffic/txnindex.h"

#define LATE_NS   (5 * NS_PER_S)
#define EARLY_MAX 64
#define TXN_SIZES 16  /* of 64 octets each above what all have: names, at most */
#define EXPECTED_MAX 16 /* a power of two; one of them is being looked at */
#define TXN_INDEX_BYTES (4 * 2 * sizeof(struct txn_slot)) /* four indexes, half empty when they have grown */
#define CONNS_MAX 256 /* begins and ends of connections of the last moment */

struct conn { /* a SYN or FIN that may be seen elsewhere too */
	uint64_t t_ns;
	uint32_t seq;
	uint16_t sport, dport;
	char kind;
};

struct early { /* an answer whose question is not there: it may come a moment later */
	uint64_t t_ns, payload;
	struct qs_addr client, server;
	int32_t ttl_s;
	uint16_t id, rcode, flags;
	bool negative;
};

/* A message as the matching sees it. */
struct seen {
	const struct dmessage *m;
	uint64_t t_ns, payload;
	uint64_t name_hash; /* of a question; 0: no name */
	uint64_t key_client, key_port, key_proof, key_asked; /* in the indexes; of an answer the first only */
	struct qs_addr client, server;
	struct place place;
	uint32_t proof;
	uint16_t id, qtype, qclass;
	uint8_t name_len;
	uint8_t name[NAME_MAX_WIRE];
};

struct transact {
	struct transact_conf c;
	struct hash_key key;
	struct lookups *lookups;
	struct txnindex by_client, by_port, by_proof, asked;
	struct txn_list open, done;
	struct txn *spare[TXN_SIZES]; /* closed ones by size, through `newer`: what has just been looked at is used again */
	struct conn conn[CONNS_MAX];
	unsigned conn_head, early_head;
	uint64_t early_ns; /* the newest time of all in `early` */
	struct early early[EARLY_MAX];
	struct transact_counts counts;
	struct seen expected[EXPECTED_MAX]; /* the next ones, in order */
	unsigned expected_from, expected_n;
};

/* --- transact_keep.c --- */

/* The two views' indexes by number: octets with a port, octets with a proof. */
uint64_t transact_key_number(uint64_t payload, uint32_t number);
/* Fills the keys that a question needs, or an answer, and fetches the tables' places. */
void transact_keys(const struct transact *t, struct seen *s, bool asks);
/* Once these are here: what stands in front in them, which a new one is put before. And then: the transaction
 * that is probably meant. */
void transact_fetch_first(const struct transact *t, const struct seen *s);
void transact_fetch_found(const struct transact *t, const struct seen *s);
/* One that is all zero, with room for `*bytes`, which becomes what it takes; NULL: no memory, even after
 * closing whatever is older than `keep`. */
struct txn *transact_alloc(struct transact *t, const struct txn *keep, size_t *bytes);
void txn_list_drop(struct txn *x);
void txn_list_add(struct txn_list *l, struct txn *x);
/* Closes what has lived long enough. */
void transact_expire(struct transact *t, uint64_t now_ns);
/* Takes from the budget, closing the oldest but `keep` until there is enough. */
bool transact_make_room(struct transact *t, const struct txn *keep, size_t n);
void txn_view_fill(struct txn_view *v, struct txn *x, const struct seen *s);
void txn_view_index(struct transact *t, struct txn_view *v, const struct seen *s); /* which has just been seen there */
/* The view of x at this place with these addresses; NULL: none yet. */
struct txn_view *txn_view_at(struct txn *x, const struct seen *s);
/* Without memory nothing is added. */
void txn_view_add(struct transact *t, struct txn *x, const struct seen *s);
/* The view has seen this sending too. */
void txn_view_touch(struct transact *t, struct txn_view *v, const struct seen *s);

/* --- transact_find.c --- */

/* The message can be a copy of x's last sending, by time and octets. */
bool txn_is_copy_in_time(const struct txn *x, const struct seen *s);
/* The newest of this client, port and id that asks this of this server. */
struct txn *transact_find_tuple(struct transact *t, const struct seen *s);
/* Whose sending this is, seen behind a translation. */
struct txn *transact_find_translated(struct transact *t, const struct seen *s);
/* The newest of this client that asks this, from whatever port. */
struct txn *transact_find_asked(struct transact *t, const struct seen *s);
/* Who asked this with this port and id, whomever it asked. */
struct txn *transact_find_elsewhere(struct transact *t, const struct seen *s);

#endif
