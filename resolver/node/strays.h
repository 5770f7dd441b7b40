/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose are rules and addresses that bear our mark and are not for our addresses? Of an
 * instance that was killed: then nobody serves at the address, and they go. Of one
 * that we took over from, which finishes what it was asked: then questions go elsewhere at
 * once, and the rest when its sockets are closed. Of another instance that lives beside
 * us, or the original: then its sockets are there, and nothing is touched.
 */
#ifndef NODENS_NODE_STRAYS_H
#define NODENS_NODE_STRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/node/node_types.h"

#define STRAYS_HELD_MAX 256

struct strays {
	struct node_released released;
	uint16_t port; /* where DNS is served: who is connected from another is a client */
	bool last; /* there will be no later look: nobody is waited for who was taken over from */
	bool left; /* since strays_begin: something was left for the sake of a socket */
	bool looked, many; /* more than there is room for: then all count as held */
	size_t n_held;
	struct in6_addr held[STRAYS_HELD_MAX];
};

/* A new look: sockets come and go. */
void strays_begin(struct strays *s);
/* A socket of whomever is bound to this very address, and it is no client's; notes that then something is left. */
bool strays_held(struct strays *s, const struct in6_addr *addr);
bool strays_released(const struct strays *s, const struct in6_addr *addr);

#endif
