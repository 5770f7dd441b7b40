/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that wait for the end of the round, a list for each connected socket.
 * A list leaves in one system call, and those of one length in it as segments of
 * one message (UDP_SEGMENT, udp(7)): the kernel then walks its stack once for all
 * of them. Where a device cannot do that they leave one by one from then on.
 */
#ifndef NODENS_UDP_OUT_H
#define NODENS_UDP_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/core/limits.h"

#define UDP_OUT_MAX   128 /* waiting at a time, in all lists */

struct udp_out {
	struct udp_out *next;
	size_t len;
	uint8_t b[CORE_ASK_MAX];
};

struct udp_outs {
	struct udp_out *first, **end; /* end: where the next one is linked; NULL: `first` */
};

struct udp_queue { /* where all lists' datagrams are */
	unsigned n;
	bool one_by_one;
	struct udp_out out[UDP_OUT_MAX];
};

/* Room for one more, linked to the list; q->n must be below UDP_OUT_MAX. */
struct udp_out *udp_outs_add(struct udp_queue *q, struct udp_outs *o);
/* Sends the list and empties it. 0, or the errno at which the rest was given up. */
int udp_outs_send(struct udp_queue *q, struct udp_outs *o, int fd);

#endif
