/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster-DNS backend of the lab: the scenario's zone on UDP and TCP port 53,
 * each answer held back by the scenario's delay, its own name in the NSID
 * option, and a count of what reached it.
 */
#ifndef NODENS_KIND_E2E_BACKEND_H
#define NODENS_KIND_E2E_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/world/scenario.h"
#include "lib/world/zone.h"

#define BACKEND_PEERS_MAX 16

struct backend_peer { /* where questions came from */
	struct addr ip;
	uint64_t n;
};

struct backend_shared {	      /* in memory that the lab's other processes see */
	uint64_t udp, tcp;    /* queries that arrived */
	uint64_t connections; /* TCP connections accepted */
	uint64_t ready;	      /* 1 once all sockets are bound */
	struct backend_peer peer[BACKEND_PEERS_MAX]; /* the first ones; set n_peers 0 to begin anew */
	uint64_t n_peers;
	uint64_t lie; /* set by a mutant of the lab: answers name the wrong address */
};

struct backend_conf {
	const char *id;	    /* "backend-1" */
	struct addr ip[2];  /* bound where there is one */
	const struct zone *zone;
	struct scen_delay delay;
	uint64_t seed;
	struct backend_shared *shared;
};

/* Serves until killed; returns only when it cannot (125, words on stderr). */
int backend_main(const struct backend_conf *c);

#endif
