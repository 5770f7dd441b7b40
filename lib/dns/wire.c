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

static inline const uint8_t *take(struct wire *w, size_t n)
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

const uint8_t *wire_bytes(struct wire *w, size_t n)
{
	return take(w, n);
}

void wire_skip(struct wire *w, size_t n)
{
	take(w, n);
}

uint8_t wire_u8(struct wire *w)
{
	const uint8_t *p = take(w, 1);

	return p ? *p : 0;
}

uint16_t wire_u16(struct wire *w)
{
	const uint8_t *p = take(w, 2);

	return p ? get_be16(p) : 0;
}

uint32_t wire_u32(struct wire *w)
{
	const uint8_t *p = take(w, 4);

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

/* Walks the name at w->off; *ret_len and *ret_end, where it ends in place, are its measure. */
static int name_walk(struct wire *w, size_t *ret_len, size_t *ret_end)
{
	const uint8_t *base = w->base;
	size_t end_of_all = w->len, off = w->off, start = off, end = 0, len = 0;
	unsigned jumps = 0;

	for (;;) {
		if (off >= end_of_all)
			return ERR_SHORT;
		unsigned c = base[off];
		if (c <= LABEL_MAX) {
			if (c + 1 > end_of_all - off)
				return ERR_SHORT;
			len += c + 1;
			if (len > NAME_MAX_WIRE)
				return ERR_LIMIT;
			off += c + 1;
			if (c == 0)
				break;
			continue;
		}
		if (c < 0xc0)
			return ERR_SYNTAX;
		if (!end)
			end = off + 2;
		if (++jumps > WIRE_NAME_JUMPS_MAX || ++w->jumps > WIRE_JUMPS_MAX)
			return ERR_LIMIT;
		int err = pointer_target(w, off, start, &off);
		if (err)
			return err;
		start = off;
	}
	*ret_len = len;
	*ret_end = end ? end : off;
	return 0;
}

/* The name at `off`, which has been walked, run by run. */
static void name_expand(const struct wire *w, size_t off, struct name *ret, size_t len)
{
	const uint8_t *base = w->base;
	uint8_t *to = ret->b;

	ret->len = (uint8_t)len;
	for (;;) {
		size_t from = off;
		while (base[off] - 1u < LABEL_MAX)
			off += 1u + base[off];
		memcpy(to, base + from, off - from);
		to += off - from;
		if (base[off] == 0)
			break;
		off = get_be16(base + off) & NAME_POINTER_MAX;
	}
	*to = 0;
}

void wire_name(struct wire *w, struct name *ret)
{
	size_t len, end;

	if (w->err)
		return;
	int err = name_walk(w, &len, &end);
	if (err) {
		wire_fail(w, err);
		return;
	}
	name_expand(w, w->off, ret, len);
	w->off = end;
}

static inline void name_skip(struct wire *w)
{
	size_t len, end;

	if (w->err)
		return;
	int err = name_walk(w, &len, &end);
	if (err)
		wire_fail(w, err);
	else
		w->off = end;
}

void wire_name_skip(struct wire *w)
{
	name_skip(w);
}

void wire_header(struct wire *w, struct dns_header *ret)
{
	const uint8_t *p = take(w, DNS_HEADER_LEN);

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
		size_t end;
		int err = name_walk(w, &len, &end);

		wire_fail(w, err ? err : ERR_SYNTAX);
		return;
	}
	if (w->len - w->off < len + 4) {
		wire_fail(w, ERR_SHORT);
		return;
	}
	p = take(w, len + 4);
	ret->name = name;
	ret->name_len = (uint8_t)len;
	ret->qtype = get_be16(p + len);
	ret->qclass = get_be16(p + len + 2);
}

/* What follows the owner of the record that begins at `off`. False: there was an error, and `ret` is as it was. */
static inline bool rr_rest(struct wire *w, size_t off, struct dns_rr *ret)
{
	const uint8_t *p = take(w, 10);
	if (!p)
		return false;
	uint16_t rdlen = get_be16(p + 8);
	size_t rdata_off = w->off;
	if (!take(w, rdlen))
		return false;
	*ret = (struct dns_rr){.off = off, .ttl_off = rdata_off - 6, .rdata_off = rdata_off, .end = w->off,
			       .type = get_be16(p), .rclass = get_be16(p + 2), .rdlen = rdlen, .ttl = get_be32(p + 4)};
	return true;
}

static inline bool rr_take(struct wire *w, struct dns_rr *ret)
{
	size_t off = w->off;

	name_skip(w);
	return rr_rest(w, off, ret);
}

void wire_rr(struct wire *w, struct dns_rr *ret)
{
	rr_take(w, ret);
}

void wire_rr_owned(struct wire *w, struct name *ret_owner, struct dns_rr *ret)
{
	size_t off = w->off;

	wire_name(w, ret_owner);
	rr_rest(w, off, ret);
}

const uint8_t *dns_edns_option(const struct dns_edns *e, uint16_t code, uint16_t *ret_len)
{
	const uint8_t *p = e->opts;

	if (!e->present || !p)
		return NULL;
	for (size_t left = e->opts_len; left >= 4;) {
		uint16_t n = get_be16(p + 2);

		if (n > left - 4)
			return NULL;
		if (get_be16(p) == code) {
			*ret_len = n;
			return p + 4;
		}
		p += 4 + n;
		left -= 4u + n;
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
		struct dns_rr rr;
		uint32_t ttl_s;

		if (!rr_take(w, &rr))
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
		struct dns_rr rr;

		if (rr_take(&at, &rr) && (rr.type == type || type == DNS_ANY))
			return true;
	}
	return false;
}

static int parse(struct dns_msg *ret, const void *buf, size_t len, bool is_reply)
{
	struct wire w;

	ret->h = (struct dns_header){0};
	ret->q = (struct dns_question){0};
	ret->edns = (struct dns_edns){0};
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
