/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each upstream: does it answer, how fast, does it speak EDNS
 * and cookies. Health is judged as CoreDNS does: a failed exchange starts
 * probes, an answer of any kind ends them, and more than max_fails failed probes
 * in a row mean "down". Beyond that, an upstream with an open failure is only
 * used when there is none without.
 */
#ifndef NODENS_CORE_UPSTREAM_H
#define NODENS_CORE_UPSTREAM_H

#include <stdbool.h>

#include "lib/base/rng.h"
#include "resolver/core/conf.h"
#include "resolver/core/cookie.h"
#include "resolver/core/quirk.h"

#define RTT_BUCKETS 80 /* up to 2 s, the read time-out */

struct rtt { /* latencies, quarter-octave buckets of microseconds, slowly forgotten */
	uint32_t count[RTT_BUCKETS];
	uint32_t n;
	uint32_t fresh; /* samples since p95_ns was computed */
	uint64_t p95_ns;
};
void rtt_add(struct rtt *r, uint64_t ns);
/* Observed 95th percentile; 0 while too little is known. */
uint64_t rtt_p95(struct rtt *r);

struct upstream {
	struct in6_addr addr; /* identity across reconfigurations, with port, transport */
	uint16_t port;
	uint8_t transport;
	bool is_suspect;      /* a failure not yet outlived */
	bool is_probing;      /* a probe is under way */
	uint8_t probe_proto;
	uint8_t probe_failed; /* 1 + enum core_fail_why: it is over, which is not acted upon yet */
	bool probe_rd;
	unsigned fails;       /* failed probes in a row */
	unsigned max_fails;   /* of the forward that started the probing */
	uint32_t probe_id;
	uint64_t probe_sent_ns, health_ns;
	uint64_t answered_ns;    /* when it last did, whatever it was asked */
	uint64_t say_dropped_ns; /* until then nothing is said of records that were left out */
	struct quirk spelling, edns; /* what it may lack */
	struct name probe_name;
	struct rtt rtt;
	struct cookie_jar jar;
};

static inline bool upstream_is_down(const struct upstream *u)
{
	return u->max_fails > 0 && u->fails > u->max_fails;
}

struct forward_state { /* what a forward remembers between questions */
	uint32_t turn;       /* round robin */
	uint64_t concurrent; /* questions under way */
};

/* Next target of a forward: an index into f->to, or -1 when each was tried.
 * `tried` has a bit per target. `*ret_all_down` says that none is healthy, and
 * then any may be chosen. */
int upstream_choose(const struct upstream *all, const struct core_forward *f,
		    struct forward_state *s, uint32_t tried, struct rng *rng, bool *ret_all_down);

#endif
