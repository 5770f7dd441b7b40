/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interface, rules and HTTP addresses as they should be: now, every sync interval, and the
 * interface as soon as the kernel says that somebody touched it.
 */
#ifndef NODENS_SUPERVISOR_UPKEEP_H
#define NODENS_SUPERVISOR_UPKEEP_H

#include "resolver/crew/sockets.h"
#include "resolver/supervisor/endpoints.h"
#include "resolver/supervisor/process.h"
#include "resolver/supervisor/rules.h"

struct upkeep {
	struct process *p;
	struct rules *rules;
	struct endpoints *endpoints;
	const struct sockets *sockets;
	struct loop_fd iface;       /* of resolver/node/iface_watch.h */
	struct loop_timer settle, timer;
	uint64_t sweep_until_ns;    /* an instance that handed over finishes within that */
	bool swept;                 /* no address of an instance before is left */
	bool lent; /* the interface is another instance's, and was given what it lacks of ours */
};

void upkeep_start(struct upkeep *u, struct process *p, struct rules *rules, struct endpoints *endpoints,
		  const struct sockets *sockets);
/* Rules come when the first self-test has passed. */
void upkeep_now(struct upkeep *u);
/* The next time in `ns`, if that is sooner than the sync interval. */
void upkeep_within(struct upkeep *u, uint64_t ns);
/* While all is another instance's still: the interface gets the addresses that it lacks. */
void upkeep_lend(struct upkeep *u);
void upkeep_keep(struct upkeep *u); /* it is ours now */
/* It never came to be: what was lent goes, and what a start that failed has added; not what was there before. */
void upkeep_undo(struct upkeep *u);
void upkeep_leave(struct upkeep *u); /* the end: the interface goes, where it is ours */
void upkeep_stop(struct upkeep *u);
void upkeep_release(struct upkeep *u);

#endif
