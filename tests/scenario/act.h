/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that make something happen, each after `at TIME`:
 *
 *   ask CLIENT NAME TYPE [do] [cd] [ad] [nord] [edns SIZE] [tcp] [nsid] [cookie HEX]
 *       [keepalive TENTHS] [class N] [from ADDR] [listener N] [opcode N] [version N] [pad N] [pair TYPE]
 *   flood COUNT NAME TYPE RCODE   that many names, % replaced by 0, 1, ...; each must be
 *                                 answered at once, with that rcode
 *   fill CLIENT COUNT NAME TYPE [from ADDR [spread]]   that many names likewise, whatever is
 *                                 answered; spread: each from the next address;
 *                                 a name without % is asked for again and again
 *   raw CLIENT HEX... [tcp]
 *   refuse COUNT WHY     so many asks from here on, each from within the core's call
 *   answer [newest|void] [UPSTREAM] NAME TYPE RCODE ["rr"...] [soa TTL MINIMUM] [auth "rr"] [add "rr"]
 *       [tc] [ad] [aa] [noqr] [noedns] [noquestion] [ede CODE [words N]] [cookie HEX] [wrong NAME]
 *       [many N] [twice] [lower]
 *   fail [UPSTREAM] NAME TYPE refused|closed|unreachable|nosocket|tls
 *   probe UPSTREAM ok|refused
 *   times COUNT ...      any of these that often, % replaced by 0, 1, ...
 *   tick
 *   reconfigure
 *   export / import      entries out of the core into a fresh one
 *
 * In records `@` stands for the question's name. `answer` and `fail` take the
 * oldest open exchange that fits, or the newest; or the newest of those that are
 * over, or were before a `reconfigure`. After each line the core does what it has
 * noted, as it does before a driver sleeps.
 */
#ifndef NODENS_SCENARIO_ACT_H
#define NODENS_SCENARIO_ACT_H

#include "lib/dns/wire.h"
#include "tests/scenario/world.h"

/* What follows the time. */
void act_line(struct world *w);

/* The client's query, as it stands in `a`. */
void query_give(struct world *w, struct asked *a, struct core_client *c);
void act_ask(struct world *w);
void act_flood(struct world *w);
void act_fill(struct world *w);
void act_raw(struct world *w);
void act_answer(struct world *w);
void act_fail(struct world *w);
void act_refuse(struct world *w);

/* Oldest exchange with this question: one still open, or one that no line has
 * expected yet. upstream -1: any. */
struct sent *sent_find(struct world *w, int upstream, const struct name *name, uint16_t type,
		       bool is_open);

/* The upstream that the next word names, which is then read; otherwise -1. */
int upstream_word(struct world *w);

/* A record in text, uncompressed; `@` stands for `qname`. */
void rr_put(struct world *w, struct wire_out *o, const char *text, const char *qname);

#endif
