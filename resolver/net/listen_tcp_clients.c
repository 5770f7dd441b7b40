/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are chosen by whoever connects, hence the keyed hash. */
#include "resolver/net/listen_tcp_clients.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"

int tcp_clients_init(struct tcp_clients *t)
{
	memset(t, 0, sizeof(*t));
	rng_os_bytes(&t->key, sizeof(t->key));
	return 0;
}

void tcp_clients_release(struct tcp_clients *t)
{
	for (unsigned i = 0; i < TCP_CLIENT_BUCKETS; i++) {
		while (t->bucket[i]) {
			struct tcp_client *c = t->bucket[i];
			t->bucket[i] = c->next;
			free(c);
		}
	}
}

/* The link that points to the address's row, or to the NULL where it belongs. */
static struct tcp_client **link_of(struct tcp_clients *t, const struct in6_addr *addr)
{
	uint64_t h = hash_sip13(&t->key, addr, sizeof(*addr));
	struct tcp_client **l = &t->bucket[h % TCP_CLIENT_BUCKETS];
	while (*l && memcmp(&(*l)->addr, addr, sizeof(*addr)) != 0)
		l = &(*l)->next;
	return l;
}

struct tcp_client *tcp_clients_find(const struct tcp_clients *t, const struct in6_addr *addr)
{
	return *link_of((struct tcp_clients *)t, addr);
}

struct tcp_client *tcp_clients_add(struct tcp_clients *t, const struct in6_addr *addr)
{
	struct tcp_client **l = link_of(t, addr);
	if (!*l) {
		*l = calloc(1, sizeof(**l));
		if (!*l)
			return NULL;
		(*l)->addr = *addr;
	}
	(*l)->n++;
	return *l;
}

void tcp_clients_remove(struct tcp_clients *t, const struct in6_addr *addr)
{
	struct tcp_client **l = link_of(t, addr), *c = *l;
	if (!c || --c->n > 0)
		return;
	*l = c->next;
	free(c);
}
