/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process in front, where rules are iptables'. It starts the supervisor and
 * does two things for it that the supervisor cannot do for itself:
 *
 * - It runs the iptables programs, which may wait seconds for a lock, while the
 *   supervisor goes on proving life and renewing gates.
 * - It outlives it. Where the kernel cannot withdraw rules (node_failopen is
 *   false), rules go when the supervisor is gone, or has not proved life for the
 *   fail-open time. It must be the parent: a container ends with its first
 *   process, and everybody else in it with that.
 *
 * It reads nothing from the network and allocates next to nothing. When it is
 * gone itself, the supervisor removes the rules and ends.
 */
#ifndef NODENS_NODE_KEEPER_H
#define NODENS_NODE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/node/node.h"

enum keeper_ask {
	KEEPER_ENSURE,
	KEEPER_ALIVE,  /* the self-test passed; no reply */
	KEEPER_LAPSE,  /* it did not: node_rules_lapse; no reply */
	KEEPER_WITHDRAW, /* node_rules_withdraw */
	KEEPER_REMOVE,
	KEEPER_LEAVE,  /* whatever happens now, the rules stay; no reply */
	KEEPER_COUNT,
};
struct keeper_asked {
	uint32_t ask;
	struct node_released released; /* KEEPER_ENSURE: as of node_released_set */
	uint64_t idle;                 /* likewise: of node_idle_set */
};
struct keeper_reply {
	uint32_t ask;
	int32_t err;
	bool changed, swept;
	uint8_t gate; /* enum node_gate */
	uint64_t errors[NODE_ERRORS]; /* since the last reply */
	struct node_counters counters;
	char text[256];
};

/* Calls `supervise` with a descriptor to ask on (SOCK_SEQPACKET, a struct keeper_asked
 * each), in a child, and returns the child's exit status when it has ended and
 * the rules are as they should be; or, where no keeper is needed, calls it with
 * -1 here. Signals are passed on. */
int keeper_run(const struct node_flags *f, int (*supervise)(const struct node_flags *f, int keeper_fd));

#endif
