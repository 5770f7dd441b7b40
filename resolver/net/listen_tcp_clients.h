/* SPDX-License-Identifier: Apache-2.0 */
/* What connections each client address has: a small keyed hash table. */
#ifndef NODENS_LISTEN_TCP_CLIENTS_H
#define NODENS_LISTEN_TCP_CLIENTS_H

#include <netinet/in.h>

#include "lib/hash.h"

#define TCP_CLIENT_BUCKETS 256

struct tcp_conn;
struct tcp_idle { /* connections without a query, longest first */
	struct tcp_conn *first, *last;
};
struct tcp_client {
	struct tcp_client *next;
	struct in6_addr addr;
	unsigned n;
	struct tcp_idle idle; /* kept by listen_tcp.c */
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
