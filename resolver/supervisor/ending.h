/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end, in order: /ready 503 -> lameduck -> connections -> pidfile, rules -> workers finish. Another
 * way out is a successor: then everything stays as it is, and only our workers finish.
 */
#ifndef NODENS_SUPERVISOR_ENDING_H
#define NODENS_SUPERVISOR_ENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/net/loop.h"

struct supervisor;
struct ending {
	int exit_code;
	uint64_t part_until_ns; /* connections are told to end, and the rules stand so long; 0: not told */
	struct loop_timer timer;
	struct loop_timer look; /* while workers finish: do they move? */
	bool killed;          /* they are to finish no more, but to be gone */
	bool told;            /* to stop */
	bool later, lameduck; /* told while it is being settled who serves */
	bool stays;           /* handed over and finished, but not told to stop */
};

void ending_init(struct supervisor *s);
void ending_stop(struct supervisor *s, bool with_lameduck);
/* What ending_stop put off. */
void ending_resume(struct supervisor *s);
/* Rules and pidfile go, everything else just stops. */
void ending_quit(struct supervisor *s, int code);
/* Another instance serves. */
void ending_handed_over(struct supervisor *s, uint32_t allowed_ms);
/* At once, and nothing of the host's is touched. */
void ending_done(struct supervisor *s, int code);
/* A worker is gone. */
void ending_worker_gone(struct supervisor *s);

#endif
