/* SPDX-License-Identifier: Apache-2.0 */
/* What connections each client address has, and what they hold: a small keyed hash table. */
#ifndef NODENS_LISTEN_TCP_CLIENTS_H
#define NODENS_LISTEN_TCP_CLIENTS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/hash.h"

#define TCP_CLIENT_BUCKETS 256

struct tcp_conn;
enum tcp_listing {
	TCP_IDLE,    /* without a query, longest first */
	TCP_HOLDING, /* with octets not taken, by us or by the client; longest first */
	TCP_HELD_UP, /* not read, for its client or all together hold too much */
	TCP_LISTINGS,
};
struct tcp_list {
	struct tcp_conn *first, *last;
};
struct tcp_client {
	struct tcp_client *next;
	struct in6_addr addr;
	unsigned n;
	struct tcp_list list[TCP_LISTINGS]; /* kept by listen_tcp_lists.c */
	size_t held_bytes;    /* of its connections: listen_tcp_share.c */
	size_t held_in_bytes; /* of these, what we have not read */
	uint64_t round;       /* of the turn that `turn_left` is of */
	int turn_left;
};
struct tcp_clients {
	struct hash_key key;
	struct tcp_client *bucket[TCP_CLIENT_BUCKETS];
};

int tcp_clients_init(struct tcp_clients *t);
void tcp_clients_release(struct tcp_clients *t);
/* The address's row, or NULL: it has no connection. */
struct tcp_client *tcp_clients_find(const struct tcp_clients *t, const struct in6_addr *addr);
/* One connection more: its row, there until the last is removed. NULL: no memory. */
struct tcp_client *tcp_clients_add(struct tcp_clients *t, const struct in6_addr *addr);
void tcp_clients_remove(struct tcp_clients *t, const struct in6_addr *addr);

#endif
