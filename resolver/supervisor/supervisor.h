/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that keeps the privileges: interface, rules, listening sockets,
 * configuration, HTTP. It parses nothing that comes from the network but HTTP
 * requests; workers do the rest.
 *
 * The order that loses no query:
 *   read configuration -> interface -> sockets -> workers serve -> self-test
 *   passed -> pidfile, rules, /ready 200
 * and back:
 *   /ready 503 -> lameduck -> pidfile, rules -> workers finish -> interface
 *
 * A part knows those above it, never those below: what it has to tell them goes
 * through hooks, which supervisor.c and succession.c connect.
 */
#ifndef NODENS_SUPERVISOR_H
#define NODENS_SUPERVISOR_H

#include "resolver/crew/sockets.h"
#include "resolver/crew/workers.h"
#include "resolver/supervisor/configuration.h"
#include "resolver/supervisor/ending.h"
#include "resolver/supervisor/endpoints.h"
#include "resolver/supervisor/health.h"
#include "resolver/supervisor/process.h"
#include "resolver/supervisor/rules.h"
#include "resolver/supervisor/upkeep.h"

struct supervisor {
	struct process process;
	struct sockets sockets;
	struct workers workers;
	struct rules rules;
	struct health health;
	struct endpoints endpoints;
	struct upkeep upkeep;
	struct configuration configuration;
	struct handover_host host; /* what a hand-over sees of all this */
	struct ending ending;
	struct loop_fd signals;
	struct loop_timer late;    /* the start is */
	bool pidfile_written;
};

/* Runs until told to stop; returns the exit status. keeper_fd: see resolver/node/keeper.h. */
int supervisor_run(const struct node_flags *f, int keeper_fd);

#endif
