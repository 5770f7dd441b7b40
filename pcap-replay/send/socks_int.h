/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of socks.h share: having sockets (socks.c), and hearing from them (socks_hear.c).
 * circle: socks socks_hear: who hears of a connection's end breaks the socket, and who makes one says what it is heard by
 */
#ifndef NODENS_SOCKS_INT_H
#define NODENS_SOCKS_INT_H

#include "pcap-replay/send/socks.h"
#include "pcap-replay/send/uring.h"

struct socks {
	struct socks_conf c;
	struct sock **at; /* (flow * targets + target) * 2 + tcp */
	struct sock *oldest, *newest, *broken;
	size_t n, max;
	uint64_t made;
	int ep;
	bool old_epoll;     /* the kernel waits in whole milliseconds only */
	struct uring *ring; /* NULL: none */
	uint8_t buf[65536];
	char fault[160];
};

/* --- socks.c --- */

/* Out of the tables; the struct stays until nothing can point to it. */
void sock_break(struct socks *k, struct sock *s);
/* Frees broken sockets at which nothing waits: call when no event points to one. */
void socks_reap(struct socks *k);
/* As much of what is to be sent over TCP as goes. */
void socks_flush(struct socks *k, struct sock *s);

/* --- socks_hear.c: what the ring calls back --- */

void socks_came(void *ctx, void *who, const uint8_t *msg, size_t len, uint64_t stamp_ns);
void socks_ended(void *ctx, void *who);
void socks_failed(void *ctx, void *what);
void socks_ready(void *ctx);

#endif
