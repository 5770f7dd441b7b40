/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions at a steady rate, to count what a change in the cluster costs: how many found
 * no answer, how many a wrong one, and the longest time in which nobody was answered. Three
 * sorts of client, because the kernel treats them differently: a new port for each question
 * (its path is decided anew), sockets that stay (as kubelet, CoreDNS and conntrack see a
 * long-lived flow), and TCP connections that stay.
 */
#ifndef NODENS_KIND_E2E_STEADY_H
#define NODENS_KIND_E2E_STEADY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

#define STEADY_SOCKETS_MAX 64
#define STEADY_OPEN_MAX 32768 /* questions without an answer yet: rate times timeout */

struct steady_options {
	const char *names;  /* as agree's; asked in turn */
	const char *server; /* an address */
	uint64_t rate;	    /* questions a second */
	uint64_t sockets;   /* that stay; 0: a new one for each question */
	bool tcp;	    /* those that stay are TCP connections */
	uint64_t duration_ns, timeout_ns;
};

struct steady_counts {
	uint64_t sent, answered, lost; /* lost: no answer within timeout_ns */
	uint64_t failed;	       /* answered with SERVFAIL, REFUSED or worse */
	uint64_t late;		       /* answered after 200 ms */
	uint64_t refused;	       /* a socket that reported an error: nobody there */
	uint64_t cut;		       /* TCP connections that ended, and were made anew */
	uint64_t worst_gap_ns;	       /* longest time between two answers */
	uint64_t still_ns;     /* the longest time that the client itself had no time to ask */
};

/* Says "asking SERVER" on standard error when it begins, and at the end prints the counts as
 * "name value" pairs on one line of standard output. 0 when every question was answered
 * and well, 1 when not, 3: wrong options. */
int steady_main(const struct steady_options *o);

#endif
