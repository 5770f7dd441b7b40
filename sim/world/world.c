/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What everybody in the world uses: addresses, ports, and the packets that travel.
 */
#include "sim/world/world.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define EPHEMERAL_LOW 32768 /* net.ipv4.ip_local_port_range */
#define EPHEMERAL_N 28232
#define POD_IP 0x0af40002u /* 10.244.0.2 and up */

struct in6_addr addr_of(struct in_addr a)
{
	struct in6_addr r = {0};

	r.s6_addr[10] = r.s6_addr[11] = 0xff;
	memcpy(&r.s6_addr[12], &a, sizeof(a));
	return r;
}

struct in6_addr pod_addr(unsigned pod)
{
	struct in_addr a = {.s_addr = htonl(POD_IP + pod)};

	return addr_of(a);
}

uint16_t port_draw(struct rng *r)
{
	return (uint16_t)(EPHEMERAL_LOW + rng_below(r, EPHEMERAL_N));
}

/* --- packets --- */

struct pkt *pkt_new(struct world *w, size_t len)
{
	struct pkt *p = w->free_pkt;
	bool big = len > PKT_CAP;

	if (p && !big)
		w->free_pkt = p->next;
	else
		p = malloc(sizeof(*p) + (big ? len : PKT_CAP));
	if (!p) {
		w->err = ERR_NOMEM;
		return NULL;
	}
	*p = (struct pkt){.big = big};
	return p;
}

void pkt_free(struct world *w, struct pkt *p)
{
	if (p->big) {
		free(p);
		return;
	}
	p->next = w->free_pkt;
	w->free_pkt = p;
}

struct pkt *pkt_refill(struct world *w, struct pkt *p, const uint8_t *data, size_t len)
{
	if (!p || len > PKT_CAP) {
		struct pkt *to = pkt_new(w, len);
		if (to && p) {
			bool big = to->big;
			*to = *p;
			to->big = big;
		}
		if (p)
			pkt_free(w, p);
		if (!to)
			return NULL;
		p = to;
	}
	memcpy(p->data, data, len);
	p->len = (uint32_t)len;
	return p;
}
