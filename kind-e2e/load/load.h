/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load program of one pod: the scenario's lookups, each through lib/world/stub
 * over real sockets, started at its intended time whatever happened to those
 * before it (open loop). Latency counts from the intended time; how late the
 * program itself was is recorded beside it.
 */
#ifndef NODENS_KIND_E2E_LOAD_H
#define NODENS_KIND_E2E_LOAD_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/heat.h"
#include "lib/base/hist.h"
#include "lib/record/sli.h"
#include "lib/world/scenario.h"
#include "lib/world/zone.h"

#define LOAD_SERVERS_MAX 12 /* distinct NSIDs told apart */

struct load_shared {		  /* written by the load program, read by the lab */
	uint64_t begun, finished; /* all lookups, warm-up included */
	uint64_t total, ok, notfound, lost, warmup, partial;
	uint64_t queries, retried;	 /* DNS questions */
	uint64_t udp_sent, udp_received; /* datagrams, one a message */
	uint64_t tcp_sent, tcp_received; /* messages over TCP */
	uint64_t connections;		 /* TCP */
	uint64_t tuples;		 /* distinct (protocol, port) used */
	uint64_t send_errors, unmatched, open_failed;
	uint64_t verified, wrong;
	uint64_t cpu_ns; /* of the program, from its first lookup to the last */
	uint64_t sleeps; /* and how often it went to sleep */
	char why_wrong[160]; /* of the first wrong answer */
	struct {
		char id[24]; /* from the NSID; "" : none given */
		uint64_t n;
	} server[LOAD_SERVERS_MAX];
	uint64_t n_servers;
	struct sli sli; /* of the load that probes for it, and its counts */
	uint64_t sli_lookups, sli_lost;
	struct hist late, latency[SCEN_LOADS_MAX];
	struct hist took[SCEN_LOADS_MAX]; /* the same lookups from when they did begin */
	struct heat heat; /* of the counted lookups, by intended start */
};

struct load_conf {
	const struct scenario *s;
	const struct zone *zone;
	unsigned pod;
	struct addr pod_ip, server_ip;
	uint64_t t0_ns;	     /* CLOCK_MONOTONIC: the load's beginning */
	const char *qs_path; /* its part of the query stream */
	struct load_shared *shared;
};

/* Runs to the end of the last lookup; 0, or 125 with words on stderr. */
int load_main(const struct load_conf *c);

#endif
