/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link types (the numbers are LINKTYPE_* of tcpdump.org's registry), and what
 * stands between them and IP: tags, labels, sessions.
 */
#include "pcap-replay/read/layers.h"

#define SNAP_MAX_LENGTH 0x05dc /* an ethertype below is a length: IEEE 802.3 */

static enum decode_verdict ethertype(struct cursor *c, uint16_t type)
{
	return cursor_next(c, BY_ETHERTYPE, type);
}

static enum decode_verdict ethernet(struct cursor *c)
{
	if (c->n < 14)
		return SKIP_SHORT;
	uint16_t type = get_be16(c->p + 12);
	cursor_take(c, 14);
	if (type > SNAP_MAX_LENGTH)
		return ethertype(c, type);
	/* LLC with SNAP, organisation 0: an ethertype after all */
	if (c->n < 8 || get_be32(c->p) != 0xaaaa0300 || get_be16(c->p + 4) != 0)
		return SKIP_NOT_IP;
	type = get_be16(c->p + 6);
	cursor_take(c, 8);
	return ethertype(c, type);
}

/* packet type of SLL and SLL2: 4 is "sent by us" */
static uint8_t sll_dir(unsigned pkttype)
{
	return pkttype == 4 ? DIR_OUT : DIR_IN;
}

static enum decode_verdict sll(struct cursor *c)
{
	if (c->n < 16)
		return SKIP_SHORT;
	c->pk->dir = sll_dir(get_be16(c->p));
	uint16_t type = get_be16(c->p + 14);
	cursor_take(c, 16);
	return ethertype(c, type);
}

static enum decode_verdict sll2(struct cursor *c)
{
	if (c->n < 20)
		return SKIP_SHORT;
	uint16_t type = get_be16(c->p);
	c->pk->iface = get_be32(c->p + 4);
	c->pk->dir = sll_dir(c->p[10]);
	cursor_take(c, 20);
	return ethertype(c, type);
}

/* NULL and LOOP: an address family in somebody's byte order; IP says it itself. */
static enum decode_verdict loopback(struct cursor *c)
{
	return cursor_take(c, 4) ? ethertype(c, cursor_ip_version(c)) : SKIP_SHORT;
}

static enum decode_verdict raw(struct cursor *c)
{
	return ethertype(c, cursor_ip_version(c));
}

/* NFLOG: family, version, resource, then records of length and type in the byte
 * order of the machine, four-octet aligned; the packet is one of them. */
#define NFLOG_INDEV   4
#define NFLOG_OUTDEV  5
#define NFLOG_PAYLOAD 9

static uint16_t nflog_u16(const uint8_t *p, bool swapped)
{
	return swapped ? get_be16(p) : (uint16_t)(p[1] << 8 | p[0]);
}

static enum decode_verdict nflog(struct cursor *c)
{
	if (!cursor_take(c, 4) || c->n < 4)
		return SKIP_SHORT;
	bool swapped = c->p[0] == 0 && c->p[1] > 0;
	while (c->n >= 4) {
		uint32_t len = nflog_u16(c->p, swapped), type = nflog_u16(c->p + 2, swapped) & 0x7fff;
		if (len < 4)
			return SKIP_SHORT;
		if (type == NFLOG_PAYLOAD) {
			cursor_take(c, 4);
			cursor_limit(c, len - 4);
			return ethertype(c, cursor_ip_version(c));
		}
		if ((type == NFLOG_INDEV || type == NFLOG_OUTDEV) && len == 8 && c->n >= 8) {
			c->pk->iface = get_be32(c->p + 4);
			c->pk->dir = type == NFLOG_INDEV ? DIR_IN : DIR_OUT;
		}
		if (!cursor_take(c, (len + 3u) & ~3u))
			return SKIP_SHORT;
	}
	return SKIP_NOT_IP;
}

static enum decode_verdict vlan(struct cursor *c)
{
	if (c->n < 4)
		return SKIP_SHORT;
	uint16_t type = get_be16(c->p + 2);
	cursor_take(c, 4);
	return ethertype(c, type);
}

/* Labels up to the bottom of the stack; behind them, unless the first nibble says
 * IP, is a control word or Ethernet, which nothing here tells apart. */
static enum decode_verdict mpls(struct cursor *c)
{
	for (bool bottom = false; !bottom;) {
		if (c->n < 4)
			return SKIP_SHORT;
		bottom = c->p[2] & 1;
		cursor_take(c, 4);
	}
	return ethertype(c, cursor_ip_version(c));
}

static enum decode_verdict pppoe(struct cursor *c)
{
	if (c->n < 6 || c->p[0] != 0x11)
		return SKIP_SHORT;
	if (c->p[1] != 0)
		return SKIP_NOT_IP; /* discovery */
	uint32_t len = get_be16(c->p + 4);
	cursor_take(c, 6);
	cursor_limit(c, len);
	return cursor_next(c, BY_PPP, 0);
}

/* Address and control field, where they are; protocol of one or two octets. */
static enum decode_verdict ppp(struct cursor *c)
{
	if (c->n >= 2 && get_be16(c->p) == 0xff03)
		cursor_take(c, 2);
	if (c->n < 2)
		return SKIP_SHORT;
	uint32_t short_form = c->p[0] & 1, proto = short_form ? c->p[0] : get_be16(c->p);
	cursor_take(c, short_form ? 1 : 2);
	return proto == 0x21 || proto == 0x57 ? ethertype(c, proto == 0x21 ? 0x0800 : 0x86dd) : SKIP_NOT_IP;
}

const struct layer layers_link[] = {
	{BY_LINK, 1, "Ethernet", ethernet},
	{BY_LINK, 276, "SLL2", sll2},
	{BY_LINK, 113, "SLL", sll},
	{BY_LINK, 101, "raw IP", raw},
	{BY_LINK, 12, "raw IP (BSD)", raw},
	{BY_LINK, 14, "raw IP (OpenBSD)", raw},
	{BY_LINK, 228, "IPv4", raw},
	{BY_LINK, 229, "IPv6", raw},
	{BY_LINK, 0, "NULL", loopback},
	{BY_LINK, 108, "LOOP", loopback},
	{BY_LINK, 239, "NFLOG", nflog},
	{BY_LINK, 9, "PPP", ppp},
	{BY_LINK, 50, "PPP in HDLC", ppp},
	{BY_LINK, 51, "PPPoE", pppoe},
	{BY_ETHERTYPE, 0x8100, "VLAN", vlan},
	{BY_ETHERTYPE, 0x88a8, "QinQ", vlan},
	{BY_ETHERTYPE, 0x9100, "QinQ (old)", vlan},
	{BY_ETHERTYPE, 0x8847, "MPLS", mpls},
	{BY_ETHERTYPE, 0x8864, "PPPoE session", pppoe},
	{BY_ETHERTYPE, 0x880b, "PPP", ppp},
	{BY_PPP, 0, "PPP", ppp},
	{0, 0, NULL, NULL},
};
