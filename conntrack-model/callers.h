/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that open a TCP connection for each query, one at a time: who has none waits, so a
 * full table slows them down, and what they offer depends on what the table lets through. A
 * SYN that was dropped is sent again from the same port each second at first, then after 2, 4, ...
 * (TCP_TIMEOUT_INIT; net.ipv4.tcp_syn_linear_timeouts, which is 4 since 6.5; tcp_syn_retries).
 */
#ifndef NODENS_CT_CALLERS_H
#define NODENS_CT_CALLERS_H

#include "conntrack-model/endpoints.h"

struct callers_conf {
	unsigned n;	   /* clients; 0: none */
	double rate_per_s; /* that each wants, evenly; what it could not keep to it makes up for when it can */
	uint64_t from_ns, until_ns;
	uint8_t netns;
};
struct callers_told {
	uint64_t n_made, n_dropped; /* connections; SYNs */
};

/* "N@RATE"; the rest is left alone. */
int callers_parse(struct callers_conf *ret, const char *text, struct diag *d);

struct callers;
struct callers *callers_new(const struct callers_conf *c, uint64_t seed); /* NULL: no memory */
void callers_free(struct callers *c);
uint64_t callers_next_ns(const struct callers *c); /* T_NEVER: nothing is to come */
void callers_step(struct callers *c, struct ctable *t, struct endpoints *e); /* what is due then */
const struct callers_told *callers_told(const struct callers *c);

#endif
