/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to transactions (txn.h). What is a copy of a packet and what is another
 * packet is decided by what proves it: the same octets within 50 ms, and then
 *   the same tuple elsewhere, or at one place within a millisecond (a mirror port);
 *   the same IPv4 identification (TCP: sequence number), whatever NAT did;
 *   without one (IPv6, unconnected sockets): one end of the tuple kept, another place,
 *   and the transaction has not been at that place yet.
 * Name and id alone prove nothing: a cache that asks on with its client's id, a stub
 * that asks two servers at once, forty pods that use one id, are as many queries.
 *
 * A transaction leaves into a sink 30 s after its last sending, or 6 s after its
 * answer (a glibc that misses the other half of a pair sends both again after 5 s), so
 * memory does not grow with the capture.
 */
#ifndef NODENS_TRANSACT_H
#define NODENS_TRANSACT_H

#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/message.h"
#include "pcap-replay/traffic/txn.h"

#define TXN_COPY_NS   (50 * 1000000ull)     /* a copy of a packet is seen within */
#define TXN_MIRROR_NS (1 * 1000000ull)      /* nobody sends again that soon */
#define TXN_LIFE_NS   (30 * 1000000000ull)  /* unanswered: an id may mean another query after */
#define TXN_DONE_NS   (6 * 1000000000ull)   /* answered */

enum txn_event { /* what a message was */
	TXE_NEW,          /* a question not seen before */
	TXE_RESEND,       /* the same question sent again */
	TXE_VIEW,         /* a copy of a sending, elsewhere */
	TXE_ANSWER,       /* the answer, at the client's view */
	TXE_ANSWER_VIEW,  /* a copy of it, elsewhere */
	TXE_ANSWER_AGAIN, /* another answer to an answered question */
	TXE_ELSEWHERE,    /* an answer that comes from another address than was asked */
	TXE_ALONE,        /* an answer whose question is not in the capture */
	TXE_UNREADABLE,   /* not even a header */
	TXE_CONN,         /* a TCP connection begins or ends */
	TXE_CONN_VIEW,    /* the same, elsewhere */
	N_TXE,
};

struct transact_counts {
	uint64_t event[N_TXE];
	uint64_t answers_bare;  /* answers without a question section */
	uint64_t opens, closes; /* each connection once */
	uint64_t early;         /* transactions closed before their time for want of memory */
	uint64_t lost;          /* questions that no memory was there for */
};

struct transact_conf {
	struct budget *budget;
	bool keep_wire; /* txn.wire, txn.reply */
	void *ctx;
	void (*closed)(void *ctx, const struct txn *t); /* in order of closing; may be NULL */
};

struct transact;
struct transact *transact_new(const struct transact_conf *c);
/* Does not close what is open: see transact_finish. */
void transact_free(struct transact *t);
/* `ret_txn`: the transaction it belongs to, NULL if none; valid until the next call. */
enum txn_event transact_message(struct transact *t, const struct dmessage *m, const struct txn **ret_txn);
/* m comes soon, in the order in which it is told here (others may come between): what it will be looked up by
 * is made ready, so that the tables' places are here by then. Changes nothing else. */
void transact_expect(struct transact *t, const struct dmessage *m);
void transact_finish(struct transact *t); /* closes all */
struct lookups_waste;
const struct lookups_waste *transact_waste(const struct transact *t);
uint64_t transact_n_lookups(const struct transact *t);
const struct transact_counts *transact_counts(const struct transact *t);

#endif
