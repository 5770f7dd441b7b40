/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What will be sent: the questions of a query stream in order, each with its time, its
 * octets, the captured client and port it belongs to, and the answer that was recorded.
 */
#ifndef NODENS_SEND_PLAN_H
#define NODENS_SEND_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "pcap-replay/send/schedule.h"

struct plan_query {
	uint64_t t_ns;         /* since the first question */
	size_t at, recorded;   /* octets in plan.octets; recorded_len 0: none was seen */
	uint32_t flow;         /* number of the client and port */
	uint32_t client;       /* number of the client, a flow of its own: a stub that speaks TLS has one connection */
	uint16_t len, recorded_len;
	char proto;            /* QS_UDP, QS_TCP */
};

struct plan {
	struct plan_query *query;
	size_t n, cap;
	uint8_t *octets;
	size_t n_octets, cap_octets;
	uint32_t n_flows;      /* clients with ports, and clients */
	size_t max_bytes;      /* of octets and queries together */
	uint64_t n_made_up;    /* questions without octets in the stream: made from name and type */
	uint64_t n_unusable;   /* questions with neither */
	bool has_enough;       /* not read to its end: no more would be sent */
};

/* When a sending ends by the clock, and so how much of a stream, which may have no end, it takes. */
struct plan_until {
	struct schedule schedule;
	uint64_t limit_ns;     /* what is due later is not sent */
	uint64_t answers_ns;   /* of the captured clock: recorded answers of the last questions */
};

/* From a query stream; "-" is standard input. More than `max_bytes` is an error. `until` may be NULL. */
int plan_read(struct plan *ret, const char *path, size_t max_bytes, const struct plan_until *until, struct diag *d);
void plan_release(struct plan *p);
static inline uint64_t plan_span_ns(const struct plan *p)
{
	return p->n ? p->query[p->n - 1].t_ns : 0;
}

#endif
