/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages put in order of time, between decoding and everything else: frames of
 * several queues or interfaces are microseconds out of order, and a TCP message
 * behind a hole comes late with its own, older time. Holds a window of capture
 * time, and less when its share of the budget is used up; what is older still gets
 * the time of what went before it, and is counted.
 */
#ifndef NODENS_REORDER_H
#define NODENS_REORDER_H

#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/message.h"

struct reorder;
struct reorder *reorder_new(struct budget *b, uint64_t window_ns);
void reorder_free(struct reorder *r);
/* Copies the message. 0, or ERR_NOMEM. */
int reorder_put(struct reorder *r, const struct dmessage *m);
/* The oldest, if nothing older can come once `now_ns` was reached (T_NEVER: at
 * all), or if there is no room to wait; NULL otherwise. Valid until the next call. */
const struct dmessage *reorder_take(struct reorder *r, uint64_t now_ns);
/* What is known of the messages behind the one taken last: each is told once, in the order in which they
 * will be taken (others may come between), at most REORDER_AHEAD before its turn, and is what
 * reorder_take will return then. NULL: nothing more is known. */
#define REORDER_AHEAD 15
const struct dmessage *reorder_ahead(struct reorder *r);
uint64_t reorder_late(const struct reorder *r);  /* messages older than the window */
uint64_t reorder_early(const struct reorder *r); /* handed out before their time for want of room */

#endif
