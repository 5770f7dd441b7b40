/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For which of our addresses rules hold: those that somebody of us listens at, and that the
 * host has. What is sent to another would find nobody (a socket may be bound to an address
 * that is not there), while the self-test passes at the rest. Nor for those at which pods
 * would find nobody for another reason (rules_astray.h).
 */
#ifndef NODENS_SUPERVISOR_RULES_IDLE_H
#define NODENS_SUPERVISOR_RULES_IDLE_H

#include "resolver/supervisor/process.h"

struct rules_idle {
	uint64_t unheard, absent, astray; /* local addresses, a bit each, in -localip's order */
	uint64_t said_absent;     /* of the latter, those that were told of */
	uint64_t since_ns;        /* how long others have been absent */
	uint64_t say_absent_ns;   /* until then nothing is said of them */
};

/* Looks at the listeners of what is served, and of what will be (NULL: the same); true: others are left alone
 * than before. */
bool rules_idle_listeners(struct rules_idle *i, const struct process *p, const struct corefile_plan *next);
/* Those that lead astray. */
void rules_idle_astray(struct rules_idle *i, const struct process *p, uint64_t astray);
/* Looks at the host, before rules are renewed. */
void rules_idle_look(struct rules_idle *i, const struct process *p);
/* Those that rules leave alone. */
uint64_t rules_idle(const struct rules_idle *i);

#endif
