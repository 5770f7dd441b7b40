/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to fill a map of addresses share (addrmap.h). */
#ifndef NODENS_ADDRMAP_INT_H
#define NODENS_ADDRMAP_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/traffic/addrmap.h"

struct cell { /* of a table, or a string of a message */
	const char *at;
	size_t len;
};

struct addrmap *addrmap_new(void); /* NULL: no memory */
/* Either version's text form; false: neither. */
bool addrmap_ip(struct in6_addr *ret, const struct cell *text);
/* "namespace/name", or the name alone when there is no namespace. 0 or ERR_NOMEM. */
int addrmap_add(struct addrmap *m, const struct in6_addr *ip, enum addrmap_kind kind, const struct cell *namespace, const struct cell *name);
/* Once, when all has been added; before that nothing is found. */
void addrmap_ready(struct addrmap *m);

#endif
