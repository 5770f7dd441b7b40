/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that do not leave. A datagram to a neighbour that does not answer (ARP, ND) waits in the
 * kernel for up to three seconds, charged to the socket it was sent by; questions in the name of a
 * few hundred unused addresses of the pods' own network fill a socket's buffer and keep it full, and
 * then no reply to anybody leaves by it.
 *
 * So when a listener's buffer is full, it is wary for a while: replies leave by its other sockets,
 * one at a time, and what a socket holds is looked at after each. Where it has grown, the reply is
 * still there: its address goes back to the full socket for some seconds. One reply an address and
 * time is what that costs the others' sockets, and the kernel has 1,024 unanswered neighbours at
 * most unless told otherwise. To be wary costs a system call a reply; not to be, nothing.
 */
#ifndef NODENS_LISTEN_STUCK_H
#define NODENS_LISTEN_STUCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"

#define STUCK_SLOTS   4096 /* a power of two; addresses that share one displace each other */
#define STUCK_WARY_NS (10 * NS_PER_S) /* after the last sign of it */
#define STUCK_HOLD_NS (5 * NS_PER_S)  /* longer than the kernel waits for a neighbour */

struct stuck { /* one a process; zeroed, and `key` drawn */
	struct hash_key key;
	struct {
		struct in6_addr addr;
		uint64_t until_ns;
	} slot[STUCK_SLOTS];
};

/* A keyed number of the address, for the table and for the choice of a socket. */
uint32_t stuck_hash(const struct stuck *s, const struct in6_addr *a);
bool stuck_is(const struct stuck *s, const struct in6_addr *a, uint32_t hash, uint64_t now_ns);
void stuck_mark(struct stuck *s, const struct in6_addr *a, uint32_t hash, uint64_t now_ns);
/* Octets that the socket holds, headers of the kernel's included; 0 also when it cannot be told. */
uint32_t stuck_held(int fd);

#endif
