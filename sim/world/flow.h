/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection as far as time goes: each segment arrives in order, and a lost one holds
 * up those behind it until it is repaired. As Linux does it (tcp_input.c, tcp_recovery.c,
 * tcp_output.c tcp_schedule_loss_probe):
 *
 *  - a later segment that arrives is reported by SACK at once; RACK takes the earlier one for
 *    lost a quarter of a round trip later, so it is on its way again 1.25 round trips after
 *    that later segment left;
 *  - when two or more are under way and the last is lost, a probe repeats it after two round
 *    trips and two ticks, and its SACK repairs the others;
 *  - a segment lost alone waits for the retransmission timer: 200 ms and a round trip, twice
 *    that when it is lost again.
 */
#ifndef NODENS_SIM_FLOW_H
#define NODENS_SIM_FLOW_H

#include "sim/world/world.h"

#define FLOW_NONE UINT32_MAX
enum flow_dir { FLOW_OUT, FLOW_BACK };

struct flow_way {
	struct pkt *held, **held_end; /* lost segments, and what waits behind them */
	uint64_t last_ns;	      /* arrival of the last in order */
	uint64_t repair_ns;	      /* T_NEVER: nothing is held */
	uint8_t backoff;
};

struct flow {
	uint32_t gen, next_free, node;
	uint16_t backend;
	bool open;
	uint32_t life;	   /* of the replica at the other end, when it was opened */
	uint64_t ready_ns; /* established */
	uint64_t rtt_ns;
	struct flow_way way[2];
};

uint32_t flow_open(struct world *w, uint32_t node, uint16_t backend, uint64_t ready_ns, uint64_t rtt_ns);
void flow_close(struct world *w, uint32_t id);
/* NULL: closed meanwhile. */
struct flow *flow_of(struct world *w, uint32_t id, uint32_t gen);
/* Takes the packet; it arrives as `event`, or never. */
void flow_send(struct world *w, struct flow *f, enum flow_dir dir, struct pkt *p, uint64_t leaves_ns,
	       uint64_t way_ns, enum sim_event event);
void flow_repair(struct world *w, uint32_t a, uint64_t gen); /* EV_REPAIR */
void flows_release(struct world *w);

#endif
