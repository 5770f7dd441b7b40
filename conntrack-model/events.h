/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walk feeds the table: packets of DNS flows in order of time, from a
 * query stream or made up. Kept whole in memory (64 octets an event), because
 * a prediction walks them several times.
 */
#ifndef NODENS_CT_EVENTS_H
#define NODENS_CT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/record/qstream.h"

enum ct_event_kind {
	CTE_QUERY = 'q',
	CTE_REPLY = 'r',
	CTE_OPEN = 'o',
	CTE_CLOSE = 'c',
	CTE_RESET = 'x', /* the client closes with RST */
	CTE_SYN = 's',	 /* an open that nobody answers */
};

struct ct_event {
	uint64_t t_ns;
	struct qs_addr client, server;
	uint8_t kind, proto; /* enum ct_event_kind, enum ct_proto */
	uint8_t netns;
	uint16_t zone;
	uint32_t seq; /* keeps equal times in order of making */
};

struct ct_events {
	struct ct_event *ev;
	size_t n, cap;
	uint64_t end_ns;
	int err;
};
void ct_events_add(struct ct_events *e, const struct ct_event *ev);
void ct_events_sort(struct ct_events *e);
void ct_events_release(struct ct_events *e);

struct ct_stream { /* what a query stream says of itself */
	uint64_t n_skipped; /* records without an address: counted, not taken */
	uint64_t n_back;    /* records earlier than the one before: they are sorted */
	bool upstream;      /* taken between node and backends */
	bool captured;      /* from a capture: its servers are real addresses */
};
/* Appends a whole query stream. */
int ct_events_from_qs(struct ct_events *e, const char *path, struct ct_stream *ret, struct diag *d);

enum ct_synth_kind {
	SYNTH_UDP_NEW,	   /* a new port for each query, many pods: never reused */
	SYNTH_UDP_ONE_POD, /* a new socket for each query, one pod's 28,232 ephemeral ports */
	SYNTH_UDP_PODS,	   /* a new socket for each query, the ephemeral ports of 64 pods */
	SYNTH_UDP_FIXED,   /* sixteen sockets for all */
	SYNTH_UDP_STREAM,  /* flows of three queries, 1.5 s apart */
	SYNTH_TCP,	   /* a connection for each query, closed by FIN */
	SYNTH_TCP_RST,	   /* the same, closed by RST */
	SYNTH_TCP_ONE,	   /* one connection for all */
};
struct ct_synth {
	enum ct_synth_kind kind;
	double rate_per_s; /* queries, flows or connections a second */
	uint64_t from_ns, until_ns;
	bool poisson; /* arrivals independent of each other; else at even distances */
	uint8_t netns;
	uint16_t zone; /* connection-tracking zone: tuples of different ones never meet */
	uint8_t subnet; /* of the pods: 10.244.<subnet>.0/24; equal ones share connect()'s port counter */
};
/* "KIND:RATE[@NETNS][%ZONE][+START]", as in "udp-new:200@2%7+3.5s": subnet becomes NETNS, until_ns
 * is left alone. */
int ct_synth_parse(struct ct_synth *ret, const char *text, struct diag *d);
const char *ct_synth_kinds(void); /* "udp-new, udp-one-pod, ..." */
/* Appends all loads, sort when all is in. */
void ct_events_synth(struct ct_events *e, const struct ct_synth *loads, size_t n, uint64_t seed);

/* Long-lived flows beside the DNS load. rate_per_s 0: TCP connections, established and
 * silent. Above 0: UDP flows (ASSURED from their third second on) that each ask so many
 * times a second, their phases spread evenly; each packet of theirs walks a chain. Of n that are silent, so many
 * may be no more than begun: not ASSURED, so that a full table evicts them, and gone by their own time-out. */
struct ct_other {
	uint64_t n, evictable;
	double rate_per_s;
	uint64_t from_ns, until_ns;
	uint8_t netns;
};
/* "N[@RATE]"; from, until and netns are left alone. */
int ct_other_parse(struct ct_other *ret, const char *text, struct diag *d);
void ct_events_other(struct ct_events *e, const struct ct_other *o);
/* `n` UDP flows from t_ns on that have become ASSURED 3 s later and say nothing more. */
void ct_events_assured(struct ct_events *e, size_t n, uint64_t t_ns, uint8_t netns);

#endif
