/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays: IP in IP and 6in4 (Calico), GRE (RFC 2784, 2890, 2637), VXLAN
 * (RFC 7348; Flannel and Cilium use port 8472), Geneve (RFC 8926). A UDP port alone
 * proves nothing: what does not have the overlay's header stays a UDP payload.
 */
#include "pcap-replay/read/layers.h"

static enum decode_verdict ipip(struct cursor *c)
{
	return cursor_next(c, BY_ETHERTYPE, 0x0800);
}

static enum decode_verdict sixinfour(struct cursor *c)
{
	return cursor_next(c, BY_ETHERTYPE, 0x86dd);
}

static enum decode_verdict gre(struct cursor *c)
{
	if (c->n < 4)
		return SKIP_SHORT;
	uint16_t flags = get_be16(c->p), type = get_be16(c->p + 2);
	uint32_t len = 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0) +
		       (flags & 0x0080 && flags & 7 ? 4 : 0); /* checksum, key, sequence; PPTP's acknowledgement */
	c->gre_seq = flags & 0x1000;
	return cursor_take(c, len) ? cursor_next(c, BY_ETHERTYPE, type) : SKIP_SHORT;
}

static enum decode_verdict bridged(struct cursor *c)
{
	return cursor_next(c, BY_LINK, 1);
}

static enum decode_verdict erspan(struct cursor *c)
{
	return c->gre_seq && !cursor_take(c, 8) ? SKIP_SHORT : cursor_next(c, BY_LINK, 1);
}

bool layer_looks_vxlan(const uint8_t *p, uint32_t n)
{
	if (n < 22 || p[0] != 0x08 || p[1] || p[2] || p[3] || p[7])
		return false;
	static const uint16_t inside[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x9100, 0x8847, 0x8864};
	uint16_t type = get_be16(p + 20);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (type == inside[i])
			return true;
	return type <= n - 22 && n >= 30 && get_be32(p + 22) == 0xaaaa0300; /* 802.3 with SNAP */
}

static enum decode_verdict vxlan(struct cursor *c)
{
	if (!layer_looks_vxlan(c->p, c->n))
		return cursor_next(c, BY_PAYLOAD, 0);
	cursor_take(c, 8);
	return cursor_next(c, BY_LINK, 1);
}

static enum decode_verdict vxlan_gpe(struct cursor *c) /* draft-ietf-nvo3-vxlan-gpe: says what is inside */
{
	static const uint16_t inside[] = {0, 0x0800, 0x86dd, 0x6558};
	if (c->n < 8 || !(c->p[0] & 0x08) || c->p[1] || c->p[2] || c->p[3] == 0 || c->p[3] > 3)
		return cursor_next(c, BY_PAYLOAD, 0);
	uint16_t type = inside[c->p[3]];
	cursor_take(c, 8);
	return cursor_next(c, BY_ETHERTYPE, type);
}

static enum decode_verdict geneve(struct cursor *c)
{
	uint32_t len = c->n < 8 ? 0 : 8 + (c->p[0] & 0x3f) * 4u;
	if (c->n < 8 || c->p[0] >> 6 || c->p[1] & 0x3f || c->p[7] || c->n < len)
		return cursor_next(c, BY_PAYLOAD, 0);
	uint16_t type = get_be16(c->p + 2);
	cursor_take(c, len);
	return cursor_next(c, BY_ETHERTYPE, type);
}

static enum decode_verdict gre_in_udp(struct cursor *c) /* RFC 8086 */
{
	if (c->n < 4 || get_be16(c->p) & 0x4fff)
		return cursor_next(c, BY_PAYLOAD, 0);
	return gre(c);
}

const struct layer layers_tunnel[] = {
	{BY_IPPROTO, 4, "IP in IP", ipip},
	{BY_IPPROTO, 41, "6in4", sixinfour},
	{BY_IPPROTO, 47, "GRE", gre},
	{BY_ETHERTYPE, 0x6558, "bridged Ethernet", bridged},
	{BY_ETHERTYPE, 0x88be, "ERSPAN", erspan},
	{BY_UDP_PORT, 4789, "VXLAN", vxlan},
	{BY_UDP_PORT, 8472, "VXLAN (Linux)", vxlan},
	{BY_UDP_PORT, 4790, "VXLAN-GPE", vxlan_gpe},
	{BY_UDP_PORT, 6081, "Geneve", geneve},
	{BY_UDP_PORT, 4754, "GRE in UDP", gre_in_udp},
	{0, 0, NULL, NULL},
};
