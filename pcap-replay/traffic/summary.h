/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was in a capture, gathered as it goes by: rates from messages, the rest from
 * closed transactions. Text for a person, JSON for a program, a record for the report.
 */
#ifndef NODENS_SUMMARY_H
#define NODENS_SUMMARY_H

#include <stdio.h>

#include "lib/record/result.h"
#include "pcap-replay/read/extract.h"
#include "pcap-replay/traffic/transact.h"

struct jout;
struct summary;
struct addrmap;
/* `map`: names of addresses, or NULL; it must live as long. */
struct summary *summary_new(struct budget *b, const struct addrmap *map);
void summary_free(struct summary *s);
void summary_message(struct summary *s, const struct dmessage *m, enum txn_event e, const struct txn *t);
void summary_txn(struct summary *s, const struct txn *t); /* a transaction closed */

struct summary_ends { /* what is known when all was read */
	const struct extract_counts *x;
	const struct transact_counts *t;
	const struct lookups_waste *waste;
	uint64_t lookups;
	/* further members of the JSON object; NULL: none */
	void (*more)(void *ctx, struct jout *j);
	void *ctx;
};
void summary_print(const struct summary *s, const struct summary_ends *e, FILE *out);
void summary_json(const struct summary *s, const struct summary_ends *e, FILE *out);
extern const struct metric_def summary_metrics[];
void summary_record(const struct summary *s, const struct summary_ends *e, struct result *r);

#endif
