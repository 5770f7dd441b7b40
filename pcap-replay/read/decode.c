/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each layer takes the rest of the frame as a struct rest, checks that what it
 * needs was captured, and hands on a shorter one. IP lengths, not frame
 * lengths, decide where a payload ends, so Ethernet padding never leaks in.
 */
#include "pcap-replay/read/decode.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "pcap-replay/read/defrag.h"

#define ETH_IPV4  0x0800
#define ETH_IPV6  0x86dd
#define ETH_VLAN  0x8100
#define ETH_QINQ  0x88a8
#define ETH_QINQ2 0x9100
#define VLAN_DEPTH_MAX 8
#define IPV6_EXT_MAX   16

struct decoder {
	struct defrag *defrag;
};

struct rest { /* what is left of the frame */
	const uint8_t *p;
	uint32_t n;    /* captured */
	bool cut;      /* more was on the wire */
};

struct ip { /* common to both families */
	struct in6_addr src, dst;
	uint8_t proto;
	bool is_frag, more;
	uint32_t frag_id, frag_off;
};

const char *decode_verdict_str(enum decode_verdict v)
{
	static const char *const words[N_DECODE] = {
		"decoded", "unknown link type", "not IP", "cut short or malformed",
		"no ports", "fragment, kept", "fragment, lost",
	};
	return words[v];
}

struct decoder *decoder_new(void)
{
	struct decoder *dec = calloc(1, sizeof(*dec));
	if (dec && !(dec->defrag = defrag_new())) {
		free(dec);
		return NULL;
	}
	return dec;
}

void decoder_free(struct decoder *dec)
{
	if (!dec)
		return;
	defrag_free(dec->defrag);
	free(dec);
}

static bool take(struct rest *r, uint32_t n)
{
	if (r->n < n)
		return false;
	r->p += n;
	r->n -= n;
	return true;
}

/* Keep `n` octets: what follows is padding, or belongs to nobody. */
static void limit(struct rest *r, uint32_t n)
{
	if (n < r->n)
		r->n = n, r->cut = false;
	else if (n > r->n)
		r->cut = true;
	else
		r->cut = false;
}

/* --- link layers: leave r at the IP header, return the ethertype or 0 --- */

static uint16_t vlan_skip(struct rest *r, uint16_t type)
{
	for (int depth = 0; type == ETH_VLAN || type == ETH_QINQ || type == ETH_QINQ2; depth++) {
		if (depth == VLAN_DEPTH_MAX || r->n < 4)
			return 0;
		type = get_be16(r->p + 2);
		take(r, 4);
	}
	return type;
}

static uint16_t by_version(const struct rest *r)
{
	return r->n == 0 ? 0 : r->p[0] >> 4 == 4 ? ETH_IPV4 : r->p[0] >> 4 == 6 ? ETH_IPV6 : 0;
}

/* packet type of SLL and SLL2: 4 is "sent by us" */
static uint8_t sll_dir(unsigned pkttype)
{
	return pkttype == 4 ? DIR_OUT : DIR_IN;
}

static enum decode_verdict link_strip(const struct frame *f, struct rest *r, struct packet *pk, uint16_t *ret_type)
{
	uint16_t type = 0;
	switch (f->link) {
	case LINK_ETHERNET:
		if (r->n < 14)
			return SKIP_SHORT;
		type = get_be16(r->p + 12);
		take(r, 14);
		break;
	case LINK_LINUX_SLL:
		if (r->n < 16)
			return SKIP_SHORT;
		pk->dir = sll_dir(get_be16(r->p));
		type = get_be16(r->p + 14);
		take(r, 16);
		break;
	case LINK_LINUX_SLL2:
		if (r->n < 20)
			return SKIP_SHORT;
		type = get_be16(r->p);
		pk->iface = get_be32(r->p + 4);
		pk->dir = sll_dir(r->p[10]);
		take(r, 20);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		if (!take(r, 4))
			return SKIP_SHORT;
		type = by_version(r);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		type = by_version(r);
		break;
	default:
		return SKIP_LINK;
	}
	*ret_type = vlan_skip(r, type);
	return DECODED;
}

/* --- network layer: leave r at the transport header --- */

static void map4(struct in6_addr *ret, const uint8_t *v4)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 12, v4, 4);
}

static enum decode_verdict ipv4_strip(struct rest *r, struct ip *ip)
{
	if (r->n < 20)
		return SKIP_SHORT;
	const uint8_t *p = r->p;
	uint32_t hlen = (p[0] & 15) * 4u, total = get_be16(p + 2), frag = get_be16(p + 6);
	if (p[0] >> 4 != 4 || hlen < 20 || (total && total < hlen))
		return SKIP_SHORT;
	if (total) /* 0: segmentation offload, the frame's own length holds */
		limit(r, total);
	map4(&ip->src, p + 12);
	map4(&ip->dst, p + 16);
	ip->proto = p[9];
	ip->more = frag & 0x2000;
	ip->frag_off = (frag & 0x1fff) * 8;
	ip->is_frag = ip->more || ip->frag_off;
	ip->frag_id = get_be16(p + 4);
	return take(r, hlen) ? DECODED : SKIP_SHORT;
}

static enum decode_verdict ipv6_strip(struct rest *r, struct ip *ip)
{
	if (r->n < 40 || r->p[0] >> 4 != 6)
		return SKIP_SHORT;
	uint32_t plen = get_be16(r->p + 4);
	memcpy(&ip->src, r->p + 8, 16);
	memcpy(&ip->dst, r->p + 24, 16);
	uint8_t next = r->p[6];
	take(r, 40);
	if (plen)
		limit(r, plen);
	for (int i = 0; i < IPV6_EXT_MAX; i++) {
		switch (next) {
		case 0: case 43: case 60: case 135: /* hop-by-hop, routing, destination, mobility */
			if (r->n < 8)
				return SKIP_SHORT;
			next = r->p[0];
			if (!take(r, (r->p[1] + 1u) * 8))
				return SKIP_SHORT;
			break;
		case 51: /* authentication header counts in 4-octet units */
			if (r->n < 8)
				return SKIP_SHORT;
			next = r->p[0];
			if (!take(r, (r->p[1] + 2u) * 4))
				return SKIP_SHORT;
			break;
		case 44: /* fragment */
			if (r->n < 8)
				return SKIP_SHORT;
			next = r->p[0];
			ip->frag_off = get_be16(r->p + 2) & 0xfff8;
			ip->more = r->p[3] & 1;
			ip->is_frag = ip->more || ip->frag_off;
			ip->frag_id = get_be32(r->p + 4);
			take(r, 8);
			if (ip->frag_off) {
				ip->proto = next;
				return DECODED;
			}
			break;
		default:
			ip->proto = next;
			return DECODED;
		}
	}
	return SKIP_SHORT;
}

/* --- transport --- */

static enum decode_verdict udp_strip(struct rest *r, struct packet *pk)
{
	if (r->n < 8)
		return SKIP_SHORT;
	uint32_t len = get_be16(r->p + 4);
	pk->sport = get_be16(r->p);
	pk->dport = get_be16(r->p + 2);
	if (len >= 8)
		limit(r, len);
	take(r, 8);
	return DECODED;
}

static enum decode_verdict tcp_strip(struct rest *r, struct packet *pk)
{
	if (r->n < 20)
		return SKIP_SHORT;
	const uint8_t *p = r->p;
	uint32_t hlen = (p[12] >> 4) * 4u;
	pk->sport = get_be16(p);
	pk->dport = get_be16(p + 2);
	pk->seq = get_be32(p + 4);
	pk->flags = p[13];
	return hlen >= 20 && take(r, hlen) ? DECODED : SKIP_SHORT;
}

static enum decode_verdict whole_datagram(struct decoder *dec, const struct packet *pk, struct rest *r, const struct ip *ip)
{
	struct frag_key key = {.src = ip->src, .dst = ip->dst, .id = ip->frag_id, .iface = pk->iface,
			       .proto = ip->proto, .dir = pk->dir};
	const uint8_t *whole;
	size_t len;
	int rc = r->cut ? -1 : defrag_add(dec->defrag, pk->t_ns, &key, ip->frag_off, ip->more, r->p, r->n, &whole, &len);
	if (rc <= 0)
		return rc < 0 ? SKIP_FRAG_LOST : SKIP_FRAGMENT;
	*r = (struct rest){.p = whole, .n = (uint32_t)len};
	return DECODED;
}

enum decode_verdict decode_frame(struct decoder *dec, const struct frame *f, struct packet *ret)
{
	struct rest r = {.p = f->data, .n = f->caplen, .cut = f->len > f->caplen};
	struct ip ip = {0};
	uint16_t type = 0;
	*ret = (struct packet){.t_ns = f->t_ns, .iface = f->iface};
	enum decode_verdict v = link_strip(f, &r, ret, &type);
	if (v != DECODED)
		return v;
	if (type != ETH_IPV4 && type != ETH_IPV6)
		return SKIP_NOT_IP;
	v = type == ETH_IPV4 ? ipv4_strip(&r, &ip) : ipv6_strip(&r, &ip);
	if (v == DECODED && ip.is_frag)
		v = whole_datagram(dec, ret, &r, &ip);
	if (v != DECODED)
		return v;
	ret->src = ip.src;
	ret->dst = ip.dst;
	ret->proto = ip.proto;
	v = ip.proto == IPPROTO_UDP ? udp_strip(&r, ret) : ip.proto == IPPROTO_TCP ? tcp_strip(&r, ret) : SKIP_NOT_PORTS;
	ret->payload = r.p;
	ret->len = r.n;
	ret->cut = r.cut;
	return v;
}
