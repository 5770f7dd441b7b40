/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, IPv6 with its extension headers, UDP and TCP. */
#include "pcap-replay/read/layers.h"

#include <string.h>

static void map4(struct in6_addr *ret, const uint8_t *v4)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 12, v4, 4);
}

/* The innermost addresses count; how many were around them is told. */
static void enter_ip(struct cursor *c)
{
	if (c->has_ip)
		c->pk->tunnels++;
	c->has_ip = true;
}

static enum decode_verdict ipv4(struct cursor *c)
{
	if (c->n < 20)
		return SKIP_SHORT;
	const uint8_t *p = c->p;
	uint32_t hlen = (p[0] & 15) * 4u, total = get_be16(p + 2), frag = get_be16(p + 6);
	if (p[0] >> 4 != 4 || hlen < 20 || (total && total < hlen))
		return SKIP_SHORT;
	if (total) /* 0: segmentation offload, the frame's own length holds */
		cursor_limit(c, total);
	enter_ip(c);
	map4(&c->pk->src, p + 12);
	map4(&c->pk->dst, p + 16);
	c->pk->ip_id = get_be16(p + 4);
	c->frag_id = c->pk->ip_id;
	c->more = frag & 0x2000;
	c->frag_off = (frag & 0x1fff) * 8;
	c->is_frag = c->more || c->frag_off;
	if (!cursor_take(c, hlen))
		return SKIP_SHORT;
	return cursor_next(c, BY_IPPROTO, p[9]);
}

static enum decode_verdict ipv6(struct cursor *c)
{
	if (c->n < 40 || c->p[0] >> 4 != 6)
		return SKIP_SHORT;
	uint32_t plen = get_be16(c->p + 4);
	enter_ip(c);
	memcpy(&c->pk->src, c->p + 8, 16);
	memcpy(&c->pk->dst, c->p + 24, 16);
	c->pk->ip_id = 0;
	uint8_t next = c->p[6];
	cursor_take(c, 40);
	if (plen)
		cursor_limit(c, plen);
	return cursor_next(c, BY_IPPROTO, next);
}

/* hop-by-hop, routing, destination, mobility */
static enum decode_verdict extension(struct cursor *c)
{
	if (c->n < 8)
		return SKIP_SHORT;
	uint8_t next = c->p[0];
	return cursor_take(c, (c->p[1] + 1u) * 8) ? cursor_next(c, BY_IPPROTO, next) : SKIP_SHORT;
}

/* an authentication header counts in 4-octet units */
static enum decode_verdict authentication(struct cursor *c)
{
	if (c->n < 8)
		return SKIP_SHORT;
	uint8_t next = c->p[0];
	return cursor_take(c, (c->p[1] + 2u) * 4) ? cursor_next(c, BY_IPPROTO, next) : SKIP_SHORT;
}

/* What follows belongs to the datagram as a whole, further extension headers too
 * (RFC 8200 section 4.5): they are read when it is together. */
static enum decode_verdict fragment6(struct cursor *c)
{
	if (c->n < 8)
		return SKIP_SHORT;
	uint8_t next = c->p[0];
	c->frag_off = get_be16(c->p + 2) & 0xfff8;
	c->more = c->p[3] & 1;
	c->is_frag = c->more || c->frag_off;
	c->frag_id = get_be32(c->p + 4);
	cursor_take(c, 8);
	return cursor_next(c, BY_IPPROTO, next);
}

static enum decode_verdict udp(struct cursor *c)
{
	if (c->n < 8)
		return SKIP_SHORT;
	uint32_t len = get_be16(c->p + 4);
	struct packet *pk = c->pk;
	pk->proto = IPPROTO_UDP;
	pk->sport = get_be16(c->p);
	pk->dport = get_be16(c->p + 2);
	if (len >= 8)
		cursor_limit(c, len);
	cursor_take(c, 8);
	return cursor_next(c, BY_UDP_PORT, pk->dport);
}

static enum decode_verdict tcp(struct cursor *c)
{
	if (c->n < 20)
		return SKIP_SHORT;
	const uint8_t *p = c->p;
	uint32_t hlen = (p[12] >> 4) * 4u;
	struct packet *pk = c->pk;
	pk->proto = IPPROTO_TCP;
	pk->sport = get_be16(p);
	pk->dport = get_be16(p + 2);
	pk->seq = get_be32(p + 4);
	pk->ack = get_be32(p + 8);
	pk->flags = p[13];
	return hlen >= 20 && cursor_take(c, hlen) ? cursor_next(c, BY_PAYLOAD, 0) : SKIP_SHORT;
}

const struct layer layers_ip[] = {
	{BY_ETHERTYPE, 0x0800, "IPv4", ipv4},
	{BY_ETHERTYPE, 0x86dd, "IPv6", ipv6},
	{BY_IPPROTO, IPPROTO_UDP, "UDP", udp},
	{BY_IPPROTO, IPPROTO_TCP, "TCP", tcp},
	{BY_IPPROTO, 0, "hop-by-hop options", extension},
	{BY_IPPROTO, 43, "routing header", extension},
	{BY_IPPROTO, 60, "destination options", extension},
	{BY_IPPROTO, 135, "mobility header", extension},
	{BY_IPPROTO, 51, "authentication header", authentication},
	{BY_IPPROTO, 44, "fragment header", fragment6},
	{0, 0, NULL, NULL},
};
