/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each layer is a row: in which table it is found, under which key, and how it is
 * taken off. It takes its header from the front of what is left and names the
 * table and key of what follows, so that any layer may lie in any other (decode.c
 * is the loop). All reads are checked against what was captured; IP lengths, not
 * frame lengths, decide where a payload ends, so padding never leaks in.
 */
#ifndef NODENS_LAYERS_H
#define NODENS_LAYERS_H

#include <stddef.h>

#include "lib/dns/wire.h"
#include "pcap-replay/read/packet.h"

enum layer_table { BY_LINK, BY_ETHERTYPE, BY_IPPROTO, BY_PPP, BY_UDP_PORT, BY_PAYLOAD };

struct cursor {
	const uint8_t *p;
	uint32_t n;  /* captured octets left */
	bool cut;    /* more was on the wire */
	enum layer_table table;
	uint32_t key;
	struct packet *pk;
	bool has_ip; /* an IP header was passed: the next one is inside a tunnel */
	bool gre_seq; /* ERSPAN's header is there (draft-foschiano-erspan) */
	bool is_frag, more; /* stop here: the datagram has to be put together first */
	uint32_t frag_id, frag_off;
};

struct layer {
	enum layer_table table;
	uint32_t key;
	const char *name;
	enum decode_verdict (*strip)(struct cursor *c);
};
extern const struct layer layers_link[], layers_ip[], layers_tunnel[]; /* end with a NULL name */

/* Octets that look like a VXLAN header with Ethernet and IP or ARP behind it. */
bool layer_looks_vxlan(const uint8_t *p, uint32_t n);

static inline bool cursor_take(struct cursor *c, uint32_t n)
{
	if (c->n < n)
		return false;
	c->p += n;
	c->n -= n;
	return true;
}

/* Keep `n` octets: what follows is padding, or belongs to nobody. */
static inline void cursor_limit(struct cursor *c, uint32_t n)
{
	c->cut = n > c->n;
	if (n < c->n)
		c->n = n;
}

static inline enum decode_verdict cursor_next(struct cursor *c, enum layer_table table, uint32_t key)
{
	c->table = table;
	c->key = key;
	return DECODED;
}

/* What an IP version's ethertype would be; 0 for neither. */
static inline uint16_t cursor_ip_version(const struct cursor *c)
{
	return c->n == 0 ? 0 : c->p[0] >> 4 == 4 ? 0x0800 : c->p[0] >> 4 == 6 ? 0x86dd : 0;
}

#endif
