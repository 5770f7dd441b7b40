/* SPDX-License-Identifier: Apache-2.0 */
/* A load's sums over pods and differences over time. */
#ifndef NODENS_KIND_E2E_TOTALS_H
#define NODENS_KIND_E2E_TOTALS_H

#include "kind-e2e/cell/cell.h"

struct totals {
	uint64_t total, ok, notfound, lost, warmup, partial;
	uint64_t queries, retried, udp_sent, udp_received, connections, tuples;
	uint64_t send_errors, unmatched, verified, wrong, by_cache, by_backend, by_other;
	uint64_t cpu_ns, sleeps;	  /* of the pods' load programs */
	uint64_t answered;		  /* messages that reached the load */
	const char *why_wrong;		  /* "" when nothing was wrong */
	uint64_t tcp_out, tcp_in;	  /* segments */
	uint64_t notrack_in, notrack_out; /* packets of pods that skipped the table */
	uint64_t rule_in;		  /* by the NOTRACK rules' own counters */
	uint64_t served, external;	  /* queries at the servers */
	uint64_t late_p99_ns, late_pod_p99_ns; /* of all pods; of the latest one */
	unsigned late_pod;
};

void totals_make(const struct cell *c, struct totals *ret);
/* Was the load so short that no entry it made can have expired before the last
 * look? (UDP: 30 s after the last packet.) */
bool totals_nothing_expired(const struct cell *c);
#endif
