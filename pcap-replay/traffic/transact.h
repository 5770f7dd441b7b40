/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to transactions: one question, its retransmissions, its answer, and
 * the other places it was seen at. A capture of a node shows one query up to
 * four times (veth, bridge, uplink, before and after NAT); those are hops of one
 * transaction, not four queries. Transactions are then grouped into lookups:
 * what an application asked for once, search list and address families included.
 */
#ifndef NODENS_TRANSACT_H
#define NODENS_TRANSACT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/hist.h"
#include "lib/record/qstream.h"
#include "pcap-replay/traffic/extract.h"

#define TXN_HOP_NS    (50 * 1000000ull)        /* the same query elsewhere, if within */
#define TXN_LIFE_NS   (30 * 1000000000ull)     /* an id may mean another query after */

struct txn {
	uint64_t t_ns, answered_ns; /* answered_ns 0: never */
	struct qs_addr client, server; /* as first seen */
	uint32_t name;              /* index for transact_name */
	uint32_t iface;
	uint32_t lookup;            /* number of the lookup it belongs to */
	uint16_t id, qtype, rcode;
	uint16_t n_sent;            /* 1 + retransmissions with the same tuple */
	uint16_t n_hops;            /* other views of it */
	char proto;
	bool retry;                 /* repeats an unanswered question from another port or id */
	bool truncated;
};

struct transact;
struct transact *transact_new(void);
void transact_free(struct transact *t);
void transact_message(void *transact, const struct dmessage *m); /* an extract_sink */

size_t transact_count(const struct transact *t);
const struct txn *transact_at(const struct transact *t, size_t i);
const uint8_t *transact_name(const struct transact *t, uint32_t index); /* lower case */
size_t transact_n_names(const struct transact *t);
uint64_t transact_n_lookups(const struct transact *t);

struct transact_counts {
	uint64_t answers_alone;     /* answers whose question is not in the capture */
	uint64_t answers_again;     /* second answers to one question */
	uint64_t answer_hops;
	uint64_t no_question;       /* messages without a question section */
	uint64_t opens, closes;
	uint64_t names_full;        /* over the limit of distinct names */
};
const struct transact_counts *transact_counts(const struct transact *t);

#endif
