/* SPDX-License-Identifier: Apache-2.0 */
/* What summary.c gathers and summary_print.c, summary_json.c show. */
#ifndef NODENS_SUMMARY_INT_H
#define NODENS_SUMMARY_INT_H

#include "lib/base/heat.h"
#include "lib/base/hist.h"
#include "pcap-replay/read/decode.h"
#include "pcap-replay/traffic/lookups.h"
#include "pcap-replay/traffic/paths.h"
#include "pcap-replay/traffic/retry.h"
#include "pcap-replay/traffic/stubs.h"
#include "pcap-replay/traffic/summary.h"
#include "pcap-replay/traffic/tally.h"

#define RCODES       4096
#define TOP          10
#define ADVICE       3  /* workloads that are told what to change */
#define RETRY_RULES  16

/* counters of a tally's row */
enum { BY_ASKED, BY_ANSWERED, BY_UNANSWERED, BY_DENIED, BY_RESENT, BY_ELSEWHERE };

struct rate { /* the fullest bucket of one width */
	uint64_t width_ns, bucket, n, peak;
};

struct summary {
	uint64_t queries, retransmits, answered, unanswered, truncated, after_tc, late, again, elsewhere, views, dups, udp, tcp;
	uint64_t passed_only;    /* an answer was seen on its way, none at the client */
	uint64_t translated;     /* transactions seen before and after NAT */
	uint64_t unreadable;     /* transactions without a question */
	uint64_t opcode[16];     /* others than QUERY, transactions */
	uint64_t to_local;       /* queries to link-local addresses: a node-local cache */
	uint64_t type[65536], rcode[RCODES];
	uint64_t retry[RETRY_RULES], retry_other; /* by the gap before them */
	struct tally *names, *clients, *servers;
	struct paths *paths;
	struct stubs *stubs;
	const struct addrmap *map; /* NULL: no names are known */
	struct heat heat; /* latency over time */
	struct hist latency, beyond, inside; /* client's; behind the last translated view; the rest of it */
	struct rate second, tenth;
	uint64_t first_ns, last_ns; /* of questions */
};

#define STUB_ROWS 24
struct stub_row { /* clients of one kind */
	char who[96];
	uint64_t clients, questions;
};
/* By questions, most first; returns how many rows. Who answers somebody is no stub. */
size_t summary_stubs(const struct summary *s, struct stub_row ret[STUB_ROWS]);
uint64_t summary_stubs_named(const struct summary *s); /* clients that only one kind fits */
/* Of one client; false: nothing is known of it. */
bool summary_stub_of(const struct summary *s, const struct in6_addr *ip, struct stub_verdict *ret);
/* Histograms by place, latency over time, who and what was asked most. */
void summary_tables(const struct summary *s, struct result *r);
double summary_span_s(const struct summary_ends *e);
double summary_rate(const struct summary *s); /* queries a second, 0 when there is no span */

#endif
