/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels are turned where they stand, each once: several names may end in it. What a record's
 * data holds is a row of a table: letters say what comes next in it.
 */
#include "pcap-replay/traffic/private_msg.h"

#include <string.h>

#include "lib/dns/wire.h"

struct turning {
	const struct hash_key *key;
	const struct name *keep;
	size_t n_keep;
	uint8_t *msg;
	size_t len;
	uint8_t done[65536 / 8]; /* labels that begin there have been seen to */
};

/* N a name; 4, 6 an address; 1, 2, 8 so many octets, harmless; C a counted string, turned, K one
 * that is harmless; T counted strings to the end; M octets with a count of 16 bits; B a bitmap of
 * types; Z a time of 48 bits, which becomes none; P parameters of SVCB. What is left over is turned. */
static const struct layout {
	uint16_t type;
	const char *parts;
} layouts[] = {
	{DNS_A, "4"}, {DNS_AAAA, "6"}, {DNS_NS, "N"}, {DNS_CNAME, "N"}, {DNS_PTR, "N"}, {DNS_DNAME, "N"}, {3, "N"}, {4, "N"}, {7, "N"}, {8, "N"},
	{9, "N"}, {DNS_SOA, "NN8822"}, {DNS_MX, "2N"}, {17, "NN"}, {18, "2N"}, {36, "2N"}, {DNS_SRV, "222N"}, {DNS_NAPTR, "22CCCN"}, {DNS_TXT, "T"},
	{99, "T"}, {DNS_HINFO, "T"}, {DNS_RRSIG, "882N"}, {24, "882N"}, {DNS_NSEC, "NB"}, {DNS_SVCB, "2NP"}, {DNS_HTTPS, "2NP"}, {DNS_DS, "22"},
	{DNS_DNSKEY, "22"}, {44, "2"}, {DNS_NSEC3, "22CCB"}, {51, "22C"}, {52, "21"}, {DNS_TSIG, "NZ2M222"}, {256, "22"}, {DNS_CAA, "1K"},
};

static bool seen(struct turning *t, size_t at)
{
	bool was = t->done[at / 8] & 1u << at % 8;
	t->done[at / 8] |= (uint8_t)(1u << at % 8);
	return was;
}

/* A possibly compressed name, expanded with its labels' places; those from `ret_here` on are an earlier name's. */
static int labels_of(struct wire *w, struct name *name, uint16_t at[128], unsigned *ret_n, unsigned *ret_here)
{
	size_t off = w->off;
	wire_name(w, name); /* checks it, too */
	unsigned n = 0, here = 128;
	if (w->err)
		return w->err;
	while (w->base[off]) {
		if (w->base[off] >= 0xc0) {
			here = here > n ? n : here;
			off = (size_t)(w->base[off] & 0x3f) << 8 | w->base[off + 1];
			continue;
		}
		at[n++] = (uint16_t)off;
		off += w->base[off] + 1u;
	}
	*ret_n = n;
	*ret_here = here;
	return 0;
}

static int turn_name(struct turning *t, struct wire *w)
{
	struct name name;
	uint16_t at[128];
	uint8_t lower[64];
	unsigned n, here, kept = 0;
	int rc = labels_of(w, &name, at, &n, &here);
	if (rc)
		return rc;
	for (size_t i = 0; i < t->n_keep; i++)
		if (name_within(name.b, t->keep[i].b) && name_labels(t->keep[i].b) > kept)
			kept = name_labels(t->keep[i].b);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *label = t->msg + at[i];
		bool known = seen(t, at[i]);
		if (i >= here && !known)
			return ERR_SYNTAX; /* it points into what is no name, and to turn that would be to break it */
		if (known || i >= n - kept)
			continue;
		for (unsigned b = 0; b <= label[0]; b++)
			lower[b] = b && label[b] >= 'A' && label[b] <= 'Z' ? (uint8_t)(label[b] + 32) : label[b];
		private_label(t->key, label, lower);
	}
	return 0;
}

/* Other octets, the same for the same ones. */
static void turn_octets(const struct turning *t, uint8_t *p, size_t n, bool letters)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t all = hash_sip13(t->key, p, n), h = 0;
	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0) {
			uint64_t in[2] = {all, i};
			h = hash_sip13(t->key, in, sizeof(in));
		}
		p[i] = letters ? (uint8_t)alphabet[h & 31] : (uint8_t)h;
		h >>= 8;
	}
}

static void turn_address(const struct turning *t, uint8_t *p, size_t n)
{
	struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(n == 4 ? ip.s6_addr + 12 : ip.s6_addr, p, n);
	private_ip(t->key, &ip);
	memcpy(p, n == 4 ? ip.s6_addr + 12 : ip.s6_addr, n);
}

static void turn_strings(const struct turning *t, size_t at, size_t end, bool all)
{
	while (at < end) {
		size_t n = t->msg[at] < end - at ? t->msg[at] : end - at - 1;
		turn_octets(t, t->msg + at + 1, n, true);
		at += 1 + n;
		if (!all)
			return;
	}
}

/* RFC 9460: keys with their values' lengths; addresses are hints, names of protocols and ports harmless. */
static void turn_params(const struct turning *t, size_t at, size_t end)
{
	while (at + 4 <= end) {
		uint16_t key = get_be16(t->msg + at), n = get_be16(t->msg + at + 2);
		size_t width = key == 4 ? 4 : key == 6 ? 16 : 0;
		if (n > end - at - 4)
			break; /* then these four are no key and length */
		at += 4;
		for (size_t i = 0; width && i + width <= n; i += width)
			turn_address(t, t->msg + at + i, width);
		if (!width && key > 3)
			turn_octets(t, t->msg + at, n, false);
		at += n;
	}
	turn_octets(t, t->msg + at, end - at, false);
}

/* RFC 7871: family, two prefix lengths, as many octets of the address as they say. */
static void turn_subnet(const struct turning *t, uint8_t *p, size_t n)
{
	uint8_t whole[16] = {0};
	size_t width = n >= 4 && get_be16(p) == 1 ? 4 : 16, have = n > 4 ? n - 4 : 0;
	unsigned bits = n >= 3 ? p[2] : 0;
	if (have > width)
		have = width;
	memcpy(whole, p + (n - have), have);
	turn_address(t, whole, width);
	for (unsigned b = bits; b < 8 * width; b++)
		whole[b / 8] &= (uint8_t)~(0x80u >> b % 8);
	memcpy(p + (n - have), whole, have);
}

/* RFC 4034 section 4.1.2: where the windows of a bitmap of types end. */
static size_t bitmap_end(const struct turning *t, size_t at, size_t end)
{
	while (end - at >= 2 && t->msg[at + 1] >= 1 && t->msg[at + 1] <= 32 && t->msg[at + 1] + 2u <= end - at)
		at += t->msg[at + 1] + 2u;
	return at;
}

static void turn_options(const struct turning *t, size_t at, size_t end)
{
	while (at + 4 <= end) {
		uint16_t code = get_be16(t->msg + at), n = get_be16(t->msg + at + 2);
		if (n > end - at - 4)
			break;
		at += 4;
		if (code == EDNS_ECS)
			turn_subnet(t, t->msg + at, n);
		else if (code == EDNS_EDE)
			turn_octets(t, t->msg + at + (n < 2 ? n : 2), n < 2 ? 0u : n - 2u, true);
		else if (code == EDNS_PADDING) /* RFC 7830 section 3: any octets, not zeros alone */
			memset(t->msg + at, 0, n);
		else if (!(code == EDNS_EXPIRE && n == 4) && !(code == EDNS_KEEPALIVE && n == 2))
			turn_octets(t, t->msg + at, n, code == EDNS_NSID);
		at += n;
	}
	turn_octets(t, t->msg + at, end - at, false);
}

static int turn_data(struct turning *t, const struct dns_rr *rr)
{
	const char *parts = "";
	size_t at = rr->rdata_off;
	if (rr->type == DNS_OPT) {
		turn_options(t, at, rr->end);
		return 0;
	}
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == rr->type && rr->rdlen) /* an UPDATE's may be empty */
			parts = layouts[i].parts;
	for (; *parts; parts++) {
		size_t left = rr->end - at, n = *parts == '4' ? 4 : *parts == '6' ? 16 : *parts == '1' ? 1 : *parts == '2' ? 2 : *parts == '8' ? 8 : *parts == 'Z' ? 6 : 0;
		struct wire w;
		if (n > left)
			return ERR_SYNTAX;
		switch (*parts) {
		case 'N':
			wire_init(&w, t->msg, rr->end);
			wire_skip(&w, at);
			if (turn_name(t, &w))
				return ERR_SYNTAX;
			at = w.off;
			break;
		case '4':
		case '6':
			turn_address(t, t->msg + at, n);
			at += n;
			break;
		case 'C':
		case 'K':
			if (!left || t->msg[at] >= left)
				return ERR_SYNTAX;
			n = t->msg[at] + 1u;
			if (*parts == 'C')
				turn_strings(t, at, at + n, false);
			at += n;
			break;
		case 'M':
			if (left < 2 || get_be16(t->msg + at) > left - 2)
				return ERR_SYNTAX;
			n = get_be16(t->msg + at);
			turn_octets(t, t->msg + at + 2, n, false);
			at += 2 + n;
			break;
		case 'T':
			turn_strings(t, at, rr->end, true);
			at = rr->end;
			break;
		case 'P':
			turn_params(t, at, rr->end);
			at = rr->end;
			break;
		case 'B':
			at = bitmap_end(t, at, rr->end);
			break;
		case 'Z':
			memset(t->msg + at, 0, n);
			at += n;
			break;
		default:
			at += n;
		}
	}
	turn_octets(t, t->msg + at, rr->end - at, false);
	return 0;
}

int private_message(const struct hash_key *k, uint8_t *msg, size_t len, const struct name *keep, size_t n_keep)
{
	struct turning t = {.key = k, .keep = keep, .n_keep = n_keep, .msg = msg, .len = len};
	struct dns_header h;
	struct wire w;
	if (len > 65535)
		return ERR_LIMIT;
	wire_init(&w, msg, len);
	wire_header(&w, &h);
	for (unsigned i = 0; i < h.n_qd && !w.err; i++) {
		int rc = turn_name(&t, &w);
		wire_skip(&w, 4);
		if (rc)
			return rc;
	}
	unsigned n = (unsigned)h.n_an + h.n_ns + h.n_ar;
	for (unsigned i = 0; i < n && !w.err; i++) {
		struct wire owner = w;
		struct dns_rr rr;
		wire_rr(&w, &rr);
		if (w.err)
			break;
		int rc = turn_name(&t, &owner);
		rc = rc ? rc : turn_data(&t, &rr);
		if (rc)
			return rc;
	}
	if (w.err)
		return w.err;
	memset(msg + w.off, 0, len - w.off);
	return 0;
}
