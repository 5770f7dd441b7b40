/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the stored answer to the reply's octets: copied, patched, cut to what fits, an
 * OPT behind it.
 */
#include "resolver/core/reply.h"

#include <assert.h>
#include <string.h>

#include "lib/base/hot.h"

#define OPT_LEN       11
#define UDP_MIN       512
#define COPIED_FLAGS  (DNS_RD | DNS_CD)

HOT size_t reply_limit(const struct query *q, bool udp, uint16_t bufsize, size_t cap)
{
	size_t limit = DNS_MSG_MAX;

	if (udp) {
		limit = q->edns.present && q->edns.udp_size > UDP_MIN ? q->edns.udp_size : UDP_MIN;
		if (limit > bufsize)
			limit = bufsize > UDP_MIN ? bufsize : UDP_MIN;
	}
	return limit < cap ? limit : cap;
}

static size_t opt_len(const struct query *q, const struct reply_opts *o, size_t ede_len)
{
	if (!q->edns.present)
		return 0;
	return OPT_LEN + (q->want_nsid && o->nsid ? 4u + o->nsid_len : 0u) +
	       (o->has_keepalive ? 4u + 2u : 0u) + (ede_len ? 4 + ede_len : 0) +
	       (o->has_cookie ? 4u + COOKIE_CLIENT_LEN + COOKIE_SERVER_LEN : 0u);
}

size_t reply_opt_len(const struct query *q, const struct reply_opts *o)
{
	return opt_len(q, o, o->ede ? o->ede_len : 0);
}

static uint8_t *option_put(uint8_t *p, uint16_t code, const void *data, size_t len)
{
	set_be16(p, code);
	set_be16(p + 2, (uint16_t)len);
	memcpy(p + 4, data, len);
	return p + 4 + len;
}

size_t reply_opt_put(const struct query *q, unsigned ext_rcode, const struct reply_opts *o,
		     const uint8_t *ede, size_t ede_len, uint8_t *msg, size_t len, size_t cap)
{
	size_t n = opt_len(q, o, ede_len);
	uint8_t *p = msg + len;
	struct reply_opts less;

	if (!n)
		return len;
	if (len + n > cap && ede_len) { /* words for people give way first */
		ede_len = 0;
		n = opt_len(q, o, 0);
	}
	if (len + n > cap) { /* then who we are: that there is an OPT says that we know EDNS (RFC 6891) */
		less = *o;
		less.nsid = NULL;
		o = &less;
		n = opt_len(q, o, 0);
	}
	if (len + n > cap)
		return len;
	p[0] = 0;
	set_be16(p + 1, DNS_OPT);
	set_be16(p + 3, o->bufsize);
	p[5] = (uint8_t)ext_rcode;
	p[6] = 0;
	set_be16(p + 7, q->edns.do_bit ? 0x8000 : 0);
	set_be16(p + 9, (uint16_t)(n - OPT_LEN));
	p += OPT_LEN;
	if (q->want_nsid && o->nsid)
		p = option_put(p, EDNS_NSID, o->nsid, o->nsid_len);
	if (o->has_keepalive) {
		uint8_t ds[2];

		set_be16(ds, o->keepalive_ds);
		p = option_put(p, EDNS_KEEPALIVE, ds, sizeof(ds));
	}
	if (ede_len)
		p = option_put(p, EDNS_EDE, ede, ede_len);
	if (o->has_cookie) {
		p = option_put(p, EDNS_COOKIE, q->cookie, COOKIE_CLIENT_LEN);
		set_be16(p - COOKIE_CLIENT_LEN - 2, COOKIE_CLIENT_LEN + COOKIE_SERVER_LEN);
		memcpy(p, o->cookie, COOKIE_SERVER_LEN);
	}
	set_be16(msg + 10, (uint16_t)(get_be16(msg + 10) + 1));
	return len + n;
}

struct cut { /* a place between records, beyond the answers between RRsets */
	size_t len;
	uint16_t n[3];
};

/* Walks the records while they fit; `ret` is the last border passed. Returns the
 * section in which it ran out of room, or 3. */
static unsigned border_find(const uint8_t *msg, size_t len, size_t limit, struct cut *ret)
{
	struct name prev = {0}, owner = {0};
	uint16_t prev_type = 0, n[3] = {0, 0, 0};
	struct wire w;

	wire_init(&w, msg, len);
	wire_skip(&w, DNS_HEADER_LEN);
	wire_name_skip(&w);
	wire_skip(&w, 4);
	for (unsigned sec = 0; sec < 3; sec++) {
		for (unsigned i = get_be16(msg + 6 + 2 * sec); i > 0; i--) {
			struct dns_rr rr = {0};
			size_t off = w.off;

			wire_name(&w, &owner);
			w.off = off;
			wire_rr(&w, &rr);
			assert(!w.err); /* our own message */
			if (sec == DNS_SEC_ANSWER || n[sec] == 0 || rr.type != prev_type ||
			    !name_eq(owner.b, prev.b)) {
				ret->len = off;
				memcpy(ret->n, n, sizeof(n));
			}
			if (rr.end > limit)
				return sec;
			n[sec]++;
			prev_type = rr.type;
			prev = owner;
		}
	}
	ret->len = w.off;
	memcpy(ret->n, n, sizeof(n));
	return 3;
}

static void cut_apply(uint8_t *msg, const struct cut *cut, unsigned sec)
{
	/* RFC 2181 section 9: additional records are dropped without a word. 3: nothing is. */
	if (sec < DNS_SEC_ADDITIONAL)
		set_be16(msg + 2, get_be16(msg + 2) | DNS_TC);
	for (unsigned i = 0; i < 3; i++)
		set_be16(msg + 6 + 2 * i, cut->n[i]);
}

size_t reply_truncate(uint8_t *msg, size_t len, size_t limit)
{
	struct cut cut;
	unsigned sec;

	if (len <= limit)
		return len;
	sec = border_find(msg, len, limit, &cut);
	cut_apply(msg, &cut, sec);
	return cut.len;
}

static uint16_t reply_flags(const struct query *q, uint16_t stored)
{
	uint16_t flags = (uint16_t)(stored | (q->flags & COPIED_FLAGS));

	/* RFC 6840 section 5.8: AD only for those who show that they know it. */
	if (!q->edns.do_bit && !(q->flags & DNS_AD))
		flags &= (uint16_t)~DNS_AD;
	return flags;
}

static void ttls_patch(uint8_t *out, const struct answer *a, struct reply_age age)
{
	if (age.fixed_s != REPLY_KEEP_TTL) {
		for (unsigned i = 0; i < a->n_ttl; i++)
			set_be32(out + a->ttl_at[i], age.fixed_s);
	} else if (age.age_s > 0) {
		for (unsigned i = 0; i < a->n_ttl; i++) {
			uint8_t *p = out + a->ttl_at[i];
			uint32_t ttl_s = get_be32(p);

			set_be32(p, ttl_s > age.age_s ? ttl_s - age.age_s : 0);
		}
	}
}

HOT void reply_body(const struct query *q, const struct answer *a, struct reply_age age, uint8_t *out)
{
	memcpy(out, a->msg, a->len);
	set_be16(out, q->id);
	set_be16(out + 2, reply_flags(q, get_be16(a->msg + 2)));
	/* The question as spelled by the client; owners point at it. */
	memcpy(out + DNS_HEADER_LEN, q->msg + DNS_HEADER_LEN, q->question_end - DNS_HEADER_LEN);
	ttls_patch(out, a, age);
}

static size_t answer_truncated(const struct query *q, const struct answer *a, struct reply_age age,
			       size_t room, uint8_t *out)
{
	struct cut cut;
	unsigned sec = border_find(a->msg, a->len, room, &cut);
	struct answer part = *a;

	/* The whole message may exceed `out`: find the border in the stored one. */
	part.len = cut.len;
	for (part.n_ttl = 0; part.n_ttl < a->n_ttl && a->ttl_at[part.n_ttl] < cut.len;)
		part.n_ttl++;
	reply_body(q, &part, age, out);
	cut_apply(out, &cut, sec);
	return cut.len;
}

HOT size_t reply_answer(const struct query *q, const struct answer *a, struct reply_age age,
			const struct reply_opts *o, uint8_t *out)
{
	const uint8_t *ede = o->ede ? o->ede : a->ede;
	size_t ede_len = o->ede ? o->ede_len : a->ede_len, len = a->len;
	size_t opt = opt_len(q, o, ede_len);

	/* RFC 8914 section 3: the extended error gives way to data; where data is
	 * cut anyway its code stays, without words. */
	if (len + opt > o->limit && ede_len)
		opt = opt_len(q, o, 0);
	if (len + opt <= o->limit) {
		reply_body(q, a, age, out);
	} else {
		ede_len = ede_len ? 2 : 0;
		opt = opt_len(q, o, ede_len);
		len = answer_truncated(q, a, age, o->limit - opt, out);
	}
	return opt ? reply_opt_put(q, 0, o, ede, ede_len, out, len, o->limit) : len;
}

size_t reply_rcode(const struct query *q, unsigned rcode, const struct reply_opts *o, uint8_t *out)
{
	uint16_t flags = DNS_QR | (q->flags & (0x7800 | COPIED_FLAGS)) | (rcode & 15);
	bool question = q->question_end > DNS_HEADER_LEN;

	if (question && rcode != DNS_FORMERR && rcode != DNS_NOTIMP)
		flags |= DNS_RA;
	memset(out, 0, DNS_HEADER_LEN);
	set_be16(out, q->id);
	set_be16(out + 2, flags);
	set_be16(out + 4, question);
	memcpy(out + DNS_HEADER_LEN, q->msg + DNS_HEADER_LEN, q->question_end - DNS_HEADER_LEN);
	return reply_opt_put(q, rcode >> 4, o, o->ede, o->ede ? o->ede_len : 0, out,
			     q->question_end, o->limit);
}
