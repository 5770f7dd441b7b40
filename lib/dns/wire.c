/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading cursor and messages taken apart with it. Invariants: off <= len,
 * and after an error nothing moves. The writing twin is wire_out.c.
 */
#include "lib/dns/wire.h"

#include <string.h>

#include "lib/base/err.h"

void wire_init(struct wire *w, const void *base, size_t len)
{
	w->base = base;
	w->len = len;
	w->off = 0;
	w->err = 0;
	w->jumps = 0;
}

static void wire_fail(struct wire *w, int err)
{
	if (!w->err)
		w->err = err;
}

const uint8_t *wire_bytes(struct wire *w, size_t n)
{
	const uint8_t *p;

	if (w->err || n > w->len - w->off) {
		wire_fail(w, ERR_SHORT);
		return NULL;
	}
	p = w->base + w->off;
	w->off += n;
	return p;
}

void wire_skip(struct wire *w, size_t n)
{
	wire_bytes(w, n);
}

uint8_t wire_u8(struct wire *w)
{
	const uint8_t *p = wire_bytes(w, 1);

	return p ? *p : 0;
}

uint16_t wire_u16(struct wire *w)
{
	const uint8_t *p = wire_bytes(w, 2);

	return p ? get_be16(p) : 0;
}

uint32_t wire_u32(struct wire *w)
{
	const uint8_t *p = wire_bytes(w, 4);

	return p ? get_be32(p) : 0;
}

/* Where a pointer at `off` leads, checked to lie before `start`, where the run
 * of labels that ends in it begins: each jump goes below all that was read. That
 * alone lets a row of bare pointers cost 8,192 jumps a name, hence the limits. */
static int pointer_target(const struct wire *w, size_t off, size_t start, size_t *ret)
{
	size_t to;

	if (off + 2 > w->len)
		return ERR_SHORT;
	to = get_be16(w->base + off) & NAME_POINTER_MAX;
	if (to >= start)
		return ERR_SYNTAX;
	*ret = to;
	return 0;
}

/* Expands the name at w->off into `ret` (NULL: only looks at it); *ret_end is where it ends in place. */
static int name_walk(struct wire *w, struct name *ret, size_t *ret_end)
{
	size_t off = w->off, start = off, end = 0, len = 0;
	unsigned jumps = 0;

	for (;;) {
		unsigned c;

		if (off >= w->len)
			return ERR_SHORT;
		c = w->base[off];
		if (c >= 0xc0) {
			int err;

			if (!end)
				end = off + 2;
			if (++jumps > WIRE_NAME_JUMPS_MAX || ++w->jumps > WIRE_JUMPS_MAX)
				return ERR_LIMIT;
			err = pointer_target(w, off, start, &off);
			if (err)
				return err;
			start = off;
			continue;
		}
		if (c > LABEL_MAX)
			return ERR_SYNTAX;
		if (c + 1 > w->len - off)
			return ERR_SHORT;
		if (len + c + 1 > NAME_MAX_WIRE)
			return ERR_LIMIT;
		if (ret)
			memcpy(ret->b + len, w->base + off, c + 1);
		len += c + 1;
		off += c + 1;
		if (c == 0)
			break;
	}
	if (ret)
		ret->len = (uint8_t)len;
	*ret_end = end ? end : off;
	return 0;
}

void wire_name(struct wire *w, struct name *ret)
{
	struct name n;
	size_t end;
	int err;

	if (w->err)
		return;
	err = name_walk(w, &n, &end);
	if (err) {
		wire_fail(w, err);
		return;
	}
	memcpy(ret->b, n.b, n.len);
	ret->len = n.len;
	w->off = end;
}

void wire_name_skip(struct wire *w)
{
	size_t end;
	int err;

	if (w->err)
		return;
	err = name_walk(w, NULL, &end);
	if (err)
		wire_fail(w, err);
	else
		w->off = end;
}

void wire_header(struct wire *w, struct dns_header *ret)
{
	const uint8_t *p = wire_bytes(w, DNS_HEADER_LEN);

	if (!p)
		return;
	ret->id = get_be16(p);
	ret->flags = get_be16(p + 2);
	ret->n_qd = get_be16(p + 4);
	ret->n_an = get_be16(p + 6);
	ret->n_ns = get_be16(p + 8);
	ret->n_ar = get_be16(p + 10);
}

void wire_question(struct wire *w, struct dns_question *ret)
{
	const uint8_t *p, *name = w->base + w->off;
	size_t len;

	if (w->err)
		return;
	len = name_check(name, w->len - w->off);
	if (!len) {
		struct name n;
		size_t end;
		int err = name_walk(w, &n, &end);

		wire_fail(w, err ? err : ERR_SYNTAX);
		return;
	}
	if (w->len - w->off < len + 4) {
		wire_fail(w, ERR_SHORT);
		return;
	}
	p = wire_bytes(w, len + 4);
	ret->name = name;
	ret->name_len = (uint8_t)len;
	ret->qtype = get_be16(p + len);
	ret->qclass = get_be16(p + len + 2);
}

void wire_rr(struct wire *w, struct dns_rr *ret)
{
	struct dns_rr rr = {.off = w->off};
	const uint8_t *p;

	wire_name_skip(w);
	p = wire_bytes(w, 10);
	if (!p)
		return;
	rr.type = get_be16(p);
	rr.rclass = get_be16(p + 2);
	rr.ttl = get_be32(p + 4);
	rr.rdlen = get_be16(p + 8);
	rr.rdata_off = w->off;
	rr.ttl_off = w->off - 6;
	wire_skip(w, rr.rdlen);
	rr.end = w->off;
	if (!w->err)
		*ret = rr;
}

const uint8_t *dns_edns_option(const struct dns_edns *e, uint16_t code, uint16_t *ret_len)
{
	struct wire w;

	if (!e->present || !e->opts)
		return NULL;
	wire_init(&w, e->opts, e->opts_len);
	while (w.off < w.len) {
		uint16_t c = wire_u16(&w), n = wire_u16(&w);
		const uint8_t *p = wire_bytes(&w, n);

		if (w.err)
			return NULL;
		if (c == code) {
			*ret_len = n;
			return p;
		}
	}
	return NULL;
}

/* The octets of the options that are looked at: all, which must fill the RDATA
 * exactly (RFC 6891 section 6.1.2), or the first DNS_OPTIONS_MAX. Negative: malformed. */
static int options_measure(const uint8_t *p, size_t len)
{
	struct wire w;

	wire_init(&w, p, len);
	for (unsigned n = 0; n < DNS_OPTIONS_MAX && !w.err && w.off < w.len; n++) {
		wire_skip(&w, 2);
		wire_skip(&w, wire_u16(&w));
	}
	return w.err ? ERR_SYNTAX : (int)w.off;
}

static void edns_take(struct wire *w, const struct dns_rr *rr, struct dns_msg *m)
{
	struct dns_edns *e = &m->edns;

	/* One OPT at most, owned by the root (sections 6.1.1 and 6.1.2). */
	if (e->present || w->base[rr->off] != 0) {
		wire_fail(w, ERR_SYNTAX);
		return;
	}
	e->present = true;
	e->udp_size = rr->rclass;
	e->ext_rcode = (uint8_t)(rr->ttl >> 24);
	e->version = (uint8_t)(rr->ttl >> 16);
	e->do_bit = rr->ttl & 0x8000;
	e->opts = rr->rdlen ? w->base + rr->rdata_off : NULL;
	m->rcode |= (uint16_t)(e->ext_rcode << 4);
	int len = options_measure(w->base + rr->rdata_off, rr->rdlen);
	if (len < 0)
		wire_fail(w, ERR_SYNTAX);
	e->opts_len = len < 0 ? 0 : (uint16_t)len;
}

static void section_parse(struct wire *w, unsigned n, enum dns_section sec, struct dns_msg *m,
			  bool is_reply)
{
	for (; n > 0 && !w->err; n--) {
		struct dns_rr rr = {0};
		uint32_t ttl_s;

		wire_rr(w, &rr);
		if (w->err)
			return;
		if (rr.type == DNS_OPT) {
			if (sec == DNS_SEC_ADDITIONAL && !(is_reply && m->edns.present))
				edns_take(w, &rr, m);
			continue;
		}
		ttl_s = rr.ttl > INT32_MAX ? 0 : rr.ttl;
		if (ttl_s < m->min_ttl_s)
			m->min_ttl_s = ttl_s;
	}
}

bool wire_has_type(const struct wire *w, unsigned n, uint16_t type)
{
	struct wire at = *w;

	for (; n > 0 && !at.err; n--) {
		struct dns_rr rr = {0};

		wire_rr(&at, &rr);
		if (!at.err && (rr.type == type || type == DNS_ANY))
			return true;
	}
	return false;
}

static int parse(struct dns_msg *ret, const void *buf, size_t len, bool is_reply)
{
	struct wire w;

	memset(ret, 0, sizeof(*ret));
	ret->min_ttl_s = UINT32_MAX;
	wire_init(&w, buf, len);
	wire_header(&w, &ret->h);
	ret->rcode = DNS_RCODE(ret->h.flags);
	if (ret->h.n_qd > 0)
		wire_question(&w, &ret->q);
	for (unsigned i = 1; i < ret->h.n_qd && !w.err; i++) {
		wire_name_skip(&w);
		wire_skip(&w, 4);
	}
	ret->answer_off = w.off;
	section_parse(&w, ret->h.n_an, DNS_SEC_ANSWER, ret, is_reply);
	section_parse(&w, ret->h.n_ns, DNS_SEC_AUTHORITY, ret, is_reply);
	section_parse(&w, ret->h.n_ar, DNS_SEC_ADDITIONAL, ret, is_reply);
	ret->end = w.off;
	return w.err;
}

int dns_msg_parse(struct dns_msg *ret, const void *buf, size_t len)
{
	return parse(ret, buf, len, false);
}

int dns_reply_parse(struct dns_msg *ret, const void *buf, size_t len)
{
	return parse(ret, buf, len, true);
}
