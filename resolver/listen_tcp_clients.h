/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each client address has: a small keyed hash table. */
#ifndef NODENS_LISTEN_TCP_CLIENTS_H
#define NODENS_LISTEN_TCP_CLIENTS_H

#include <netinet/in.h>

#include "lib/hash.h"

#define TCP_CLIENT_BUCKETS 256

struct tcp_client {
	struct tcp_client *next;
	struct in6_addr addr;
	unsigned n;
};
struct tcp_clients {
	struct hash_key key;
	struct tcp_client *bucket[TCP_CLIENT_BUCKETS];
};

int tcp_clients_init(struct tcp_clients *t);
void tcp_clients_release(struct tcp_clients *t);
unsigned tcp_clients_count(const struct tcp_clients *t, const struct in6_addr *addr);
/* Out of memory it counts nothing, and the limit does not bind. */
void tcp_clients_add(struct tcp_clients *t, const struct in6_addr *addr);
void tcp_clients_remove(struct tcp_clients *t, const struct in6_addr *addr);

#endif
