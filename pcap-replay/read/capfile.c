/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both formats are read through the same exact-length reads; `swap` says
 * whether the file's byte order differs from ours, per file in pcap and per
 * section in pcapng. Errors name the octet where the record began.
 */
#include "pcap-replay/read/capfile.h"

#include <byteswap.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcap-replay/read/inflow.h"

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du
#define NG_SECTION    0x0a0d0d0au
#define NG_BYTE_ORDER 0x1a2b3c4du
#define NG_INTERFACE  1u
#define NG_PACKET     2u /* obsolete, still written by old tools */
#define NG_SIMPLE     3u
#define NG_ENHANCED   6u
#define NG_TSRESOL    9u
#define NG_TSOFFSET   14u

struct iface {
	uint32_t link, snaplen;
	uint8_t tsresol; /* as in the option: power of 10, or of 2 with the top bit */
	int64_t tsoffset_s;
};

struct capfile {
	struct inflow *in;
	const char *path;
	bool swap, ng, nanos;
	uint64_t off; /* octets read so far */
	uint32_t link;
	uint32_t n_ifaces, cap_ifaces;
	struct iface *iface;
	const uint8_t *body; /* of the block or frame, in inflow's window */
};

static uint16_t u16(const struct capfile *c, const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return c->swap ? bswap_16(v) : v;
}

static uint32_t u32(const struct capfile *c, const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return c->swap ? bswap_32(v) : v;
}

/* 1: all n octets, in place until the next take; 0: clean end before the first; negative: error. */
static int take(struct capfile *c, const uint8_t **ret, size_t n, bool may_end, struct diag *d)
{
	long got = inflow_take(c->in, n, ret, d);
	if (got < 0)
		return (int)got;
	if (got == 0 && may_end)
		return 0;
	if ((size_t)got < n)
		return diag_set(d, ERR_SHORT, "%s: cut short at octet %" PRIu64 ": %zu octets expected, %ld there",
				c->path, c->off, n, got);
	c->off += n;
	return 1;
}

static int bad(const struct capfile *c, struct diag *d, const char *what, uint32_t v)
{
	return diag_set(d, ERR_SYNTAX, "%s: octet %" PRIu64 ": %s (%u)", c->path, c->off, what, v);
}

/* --- pcap --- */

static int pcap_open(struct capfile *c, struct diag *d)
{
	const uint8_t *h;
	int rc = take(c, &h, 20, false, d);
	if (rc < 0)
		return rc;
	if (u16(c, h) != 2 || u16(c, h + 2) > 4)
		return diag_set(d, ERR_UNKNOWN, "%s: pcap version %u.%u: expected 2.0 to 2.4", c->path, u16(c, h), u16(c, h + 2));
	/* link type; above it the FCS length, whose bits mean that only with bit 26 set */
	uint32_t link = u32(c, h + 16);
	if (link & 0x03ff0000)
		return bad(c, d, "reserved bits of the link type are set", link);
	c->link = link & 0xffff;
	return 0;
}

static int pcap_next(struct capfile *c, struct frame *f, struct diag *d)
{
	const uint8_t *h;
	int rc = take(c, &h, 16, true, d);
	if (rc <= 0)
		return rc;
	uint32_t caplen = u32(c, h + 8);
	if (caplen > CAPFILE_FRAME_MAX)
		return bad(c, d, "a frame larger than any capture has", caplen);
	uint64_t frac = u32(c, h + 4);
	*f = (struct frame){.has_time = true, .t_ns = (uint64_t)u32(c, h) * 1000000000u + (c->nanos ? frac : frac * 1000),
			    .link = c->link, .caplen = caplen, .len = u32(c, h + 12)};
	rc = take(c, &f->data, caplen, caplen == 0, d); /* what `h` points to is no longer there */
	return rc < 0 ? rc : 1;
}

/* --- pcapng --- */

static int ng_section(struct capfile *c, uint32_t *ret_len, struct diag *d)
{
	const uint8_t *h; /* length, byte-order magic, version */
	int rc = take(c, &h, 12, false, d);
	if (rc < 0)
		return rc;
	uint32_t magic;
	memcpy(&magic, h + 4, 4);
	if (magic != NG_BYTE_ORDER && magic != bswap_32(NG_BYTE_ORDER))
		return bad(c, d, "pcapng section without its byte-order magic", magic);
	c->swap = magic != NG_BYTE_ORDER;
	if (u16(c, h + 8) != 1 || (u16(c, h + 10) != 0 && u16(c, h + 10) != 2)) /* 1.2 is 1.0, says the draft */
		return diag_set(d, ERR_UNKNOWN, "%s: pcapng version %u.%u: expected 1.0", c->path, u16(c, h + 8), u16(c, h + 10));
	c->n_ifaces = 0;
	*ret_len = u32(c, h);
	return 0;
}

static void ng_interface_options(struct capfile *c, struct iface *f, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at + 4 <= len;) {
		uint16_t code = u16(c, p + at), n = u16(c, p + at + 2);
		if (code == 0 || at + 4 + n > len)
			return;
		if (code == NG_TSRESOL && n == 1)
			f->tsresol = p[at + 4];
		if (code == NG_TSOFFSET && n == 8) {
			uint64_t v;
			memcpy(&v, p + at + 4, 8);
			f->tsoffset_s = (int64_t)(c->swap ? bswap_64(v) : v);
		}
		at += 4 + ((n + 3u) & ~3u);
	}
}

static int ng_interface(struct capfile *c, const uint8_t *p, size_t len, struct diag *d)
{
	if (len < 8)
		return bad(c, d, "interface block too short", (uint32_t)len);
	if (u16(c, p + 2))
		return bad(c, d, "reserved field of an interface block is set", u16(c, p + 2));
	if (c->n_ifaces == CAPFILE_IFACES_MAX)
		return bad(c, d, "more interfaces than any host has", CAPFILE_IFACES_MAX);
	if (c->n_ifaces == c->cap_ifaces) {
		uint32_t cap = c->cap_ifaces ? c->cap_ifaces * 2 : 16;
		struct iface *more = realloc(c->iface, cap * sizeof(*more));
		if (!more)
			return diag_set(d, ERR_NOMEM, "%s: out of memory", c->path);
		c->iface = more;
		c->cap_ifaces = cap;
	}
	struct iface *f = &c->iface[c->n_ifaces++];
	*f = (struct iface){.link = u16(c, p), .snaplen = u32(c, p + 4), .tsresol = 6};
	ng_interface_options(c, f, p + 8, len - 8);
	return 0;
}

static uint64_t ng_time_ns(const struct iface *f, uint32_t high, uint32_t low)
{
	uint64_t ticks = (uint64_t)high << 32 | low;
	unsigned exp = f->tsresol & 0x7f;
	__int128_t ns = ticks;
	if (f->tsresol & 0x80)
		ns = exp < 64 ? (ns * 1000000000u) >> exp : 0;
	else
		for (unsigned e = exp; e != 9; e < 9 ? e++ : e--)
			ns = e < 9 ? ns * 10 : ns / 10;
	ns += (__int128_t)f->tsoffset_s * 1000000000;
	return ns < 0 ? 0 : ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

/* Enhanced, obsolete and simple packet blocks differ in their fixed part only. */
static int ng_packet(struct capfile *c, uint32_t type, const uint8_t *p, size_t len, struct frame *f, struct diag *d)
{
	size_t fixed = type == NG_SIMPLE ? 4 : 20;
	if (len < fixed)
		return bad(c, d, "packet block too short", (uint32_t)len);
	uint32_t i = type == NG_SIMPLE ? 0 : type == NG_ENHANCED ? u32(c, p) : u16(c, p);
	if (i >= c->n_ifaces)
		return bad(c, d, "packet of an interface that was not described", i);
	const struct iface *ifc = &c->iface[i];
	uint32_t orig = type == NG_SIMPLE ? u32(c, p) : u32(c, p + 16);
	uint32_t caplen = type == NG_SIMPLE ? orig : u32(c, p + 12);
	if (type == NG_SIMPLE && ifc->snaplen && caplen > ifc->snaplen)
		caplen = ifc->snaplen;
	if (caplen > len - fixed)
		return bad(c, d, "packet longer than its block", caplen);
	*f = (struct frame){.link = ifc->link, .iface = i, .data = p + fixed, .caplen = caplen, .len = orig};
	f->has_time = type != NG_SIMPLE;
	if (f->has_time)
		f->t_ns = ng_time_ns(ifc, u32(c, p + 4), u32(c, p + 8));
	return 1;
}

static bool ng_is_packet(uint32_t type)
{
	return type == NG_ENHANCED || type == NG_SIMPLE || type == NG_PACKET;
}

/* Blocks of other kinds (names, statistics, secrets, custom) may be of any size
 * and are read past, so that they need no room. */
static int ng_pass(struct capfile *c, uint64_t n, struct diag *d)
{
	const uint8_t *past;
	while (n) {
		size_t part = n < 4096 ? n : 4096;
		int rc = take(c, &past, part, false, d);
		if (rc < 0)
			return rc;
		n -= part;
	}
	return 0;
}

/* Up to the end of a section header, whose length, magic and version were taken. */
static int ng_section_rest(struct capfile *c, uint32_t total, struct diag *d)
{
	if (total < 28 || total % 4)
		return bad(c, d, "impossible pcapng section header length", total);
	return ng_pass(c, total - 16, d);
}

/* 1: c->body is the block's body; 2: it was none of those that are read. */
static int ng_block(struct capfile *c, uint32_t *ret_type, size_t *ret_len, struct diag *d)
{
	const uint8_t *h, *len;
	int rc = take(c, &h, 4, true, d);
	if (rc <= 0)
		return rc;
	uint32_t total;
	memcpy(ret_type, h, 4);
	if (*ret_type == NG_SECTION) {
		rc = ng_section(c, &total, d);
		rc = rc ? rc : ng_section_rest(c, total, d);
		return rc ? rc : 2;
	}
	*ret_type = u32(c, h);
	if ((rc = take(c, &len, 4, false, d)) < 0)
		return rc;
	total = u32(c, len);
	bool wanted = *ret_type == NG_INTERFACE || ng_is_packet(*ret_type);
	if (total < 12 || total % 4 || (wanted && total > CAPFILE_FRAME_MAX + 4096))
		return bad(c, d, "impossible pcapng block length", total);
	if (!wanted) {
		rc = ng_pass(c, total - 8, d);
		return rc ? rc : 2;
	}
	if ((rc = take(c, &c->body, total - 8, false, d)) < 0)
		return rc;
	if (u32(c, c->body + total - 12) != total)
		return bad(c, d, "pcapng block whose two lengths differ", total);
	*ret_len = total - 12;
	return 1;
}

static int ng_next(struct capfile *c, struct frame *f, struct diag *d)
{
	for (;;) {
		uint32_t type = 0;
		size_t len = 0;
		int rc = ng_block(c, &type, &len, d);
		if (rc <= 0)
			return rc;
		if (rc == 2)
			continue;
		if (ng_is_packet(type))
			return ng_packet(c, type, c->body, len, f, d);
		if ((rc = ng_interface(c, c->body, len, d)))
			return rc;
	}
}

/* --- either --- */

static int detect(struct capfile *c, struct diag *d)
{
	const uint8_t *h;
	int rc = take(c, &h, 4, true, d);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return diag_set(d, ERR_SHORT, "%s: empty file: expected a pcap or pcapng capture", c->path);
	uint32_t magic;
	memcpy(&magic, h, 4);
	if (magic == NG_SECTION) {
		uint32_t total;
		c->ng = true;
		rc = ng_section(c, &total, d);
		return rc ? rc : ng_section_rest(c, total, d);
	}
	c->swap = magic == bswap_32(PCAP_MAGIC_US) || magic == bswap_32(PCAP_MAGIC_NS);
	magic = u32(c, h);
	if (inflow_packing(h))
		return diag_set(d, ERR_UNKNOWN, "%s: packed twice, inside with %s: unpack it once", c->path, inflow_packing(h));
	if (magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS)
		return diag_set(d, ERR_SYNTAX, "%s: not a capture: expected pcap or pcapng (plain, gzip, zstd, lz4 or xz), "
				"found %02x %02x %02x %02x", c->path, h[0], h[1], h[2], h[3]);
	c->nanos = magic == PCAP_MAGIC_NS;
	return pcap_open(c, d);
}

int capfile_open(struct capfile **ret, const char *path, struct diag *d)
{
	struct capfile *c = calloc(1, sizeof(*c));
	if (!c)
		return diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	c->path = path;
	int rc = inflow_open(&c->in, path, d);
	if (rc == 0)
		rc = detect(c, d);
	if (rc) {
		capfile_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

int capfile_next(struct capfile *c, struct frame *ret, struct diag *d)
{
	return c->ng ? ng_next(c, ret, d) : pcap_next(c, ret, d);
}

const char *capfile_format(const struct capfile *c)
{
	return c->ng ? "pcapng" : c->nanos ? "pcap (ns)" : "pcap";
}

void capfile_close(struct capfile *c)
{
	if (!c)
		return;
	inflow_close(c->in);
	free(c->iface);
	free(c);
}
