/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain query (one question, nothing else, or one OPT with few options or none) is
 * read in a single pass without the general parser; anything unusual takes
 * the general road and meets the same rules.
 */
#include "resolver/core/query.h"

#include <string.h>

#include "lib/base/hot.h"

#define COOKIE_CLIENT_LEN 8
#define COOKIE_SERVER_MIN 16 /* client part included */
#define COOKIE_SERVER_MAX 40

/* Reads the name at `p`, notes its labels and its lower-case copy; its length,
 * or 0 when it is not a plain name within `max`. */
HOT static size_t name_read(struct query *q, const uint8_t *p, size_t max)
{
	size_t off = 0;
	unsigned n = 0;

	if (max > NAME_MAX_WIRE)
		max = NAME_MAX_WIRE;
	for (;;) {
		if (off >= max || p[off] > 63)
			return 0;
		q->label_at[n] = (uint8_t)off;
		if (p[off] == 0)
			break;
		off += 1u + p[off];
		n++;
	}
	q->n_labels = (uint8_t)n;
	q->name_len = (uint8_t)(off + 1);
	name_fold(q->name, p, off + 1);
	return off + 1;
}

static enum query_verdict cookie_read(struct query *q)
{
	q->cookie = dns_edns_option(&q->edns, EDNS_COOKIE, &q->cookie_len);
	if (q->cookie && q->cookie_len != COOKIE_CLIENT_LEN &&
	    (q->cookie_len < COOKIE_SERVER_MIN || q->cookie_len > COOKIE_SERVER_MAX)) {
		q->cookie = NULL; /* nothing to copy into the reply: it may be shorter than that */
		return QUERY_FORMERR;
	}
	return QUERY_OK;
}

static enum query_verdict edns_judge(struct query *q)
{
	uint16_t len;

	if (!q->edns.present)
		return QUERY_OK;
	if (q->edns.version != 0)
		return QUERY_BADVERS;
	if (q->edns.do_bit)
		q->key_flags |= QUERY_DO;
	if (!q->edns.opts)
		return QUERY_OK;
	q->want_nsid = dns_edns_option(&q->edns, EDNS_NSID, &len) != NULL;
	q->want_keepalive = dns_edns_option(&q->edns, EDNS_KEEPALIVE, &len) != NULL && len == 0;
	return cookie_read(q);
}

/* Whatever follows the question, through the general parser. */
static enum query_verdict rest_parse(struct query *q)
{
	struct dns_msg m;

	if (dns_msg_parse(&m, q->msg, q->len) < 0)
		return QUERY_FORMERR;
	q->edns = m.edns;
	return edns_judge(q);
}

#define OPT_LEN	     11
#define OPTIONS_FEW  4

/* Do a few options fill these octets? */
static bool options_plain(const uint8_t *p, size_t len)
{
	for (unsigned n = 0; n < OPTIONS_FEW && len >= 4; n++) {
		size_t used = 4u + get_be16(p + 2);

		if (used > len)
			return false;
		p += used;
		len -= used;
	}
	return len == 0;
}

/* An OPT right behind the question, without options or with a few, is what nearly all EDNS
 * queries end in. */
static bool plain_opt(struct query *q)
{
	const uint8_t *p = q->msg + q->question_end;
	size_t len = q->len - q->question_end;

	if (len < OPT_LEN || p[0] != 0 || get_be16(p + 1) != DNS_OPT || get_be16(p + 9) != len - OPT_LEN ||
	    !options_plain(p + OPT_LEN, len - OPT_LEN))
		return false;
	q->edns.present = true;
	q->edns.opts = len > OPT_LEN ? p + OPT_LEN : NULL;
	q->edns.opts_len = (uint16_t)(len - OPT_LEN);
	q->edns.udp_size = get_be16(p + 3);
	q->edns.ext_rcode = p[5];
	q->edns.version = p[6];
	q->edns.do_bit = p[7] & 0x80;
	return true;
}

static enum query_verdict no_question(struct query *q, const uint8_t *in)
{
	enum query_verdict v;

	if (get_be16(in + 4) != 0 || get_be16(in + 6) != 0 || get_be16(in + 8) != 0)
		return QUERY_FORMERR;
	v = rest_parse(q);
	if (v != QUERY_OK)
		return v;
	return q->cookie ? QUERY_COOKIE_ONLY : QUERY_FORMERR;
}

static enum query_verdict type_judge(const struct query *q)
{
	switch (q->qtype) {
	case DNS_OPT:
		return QUERY_FORMERR;
	case DNS_AXFR:
	case DNS_IXFR: /* a cache has no zone to give away */
		return QUERY_REFUSED;
	default:
		return QUERY_OK;
	}
}

HOT enum query_verdict query_parse(struct query *q, const uint8_t *in, size_t len)
{
	uint16_t n_ar;
	size_t n;

	q->msg = in;
	q->len = len;
	q->question_end = DNS_HEADER_LEN;
	q->key_flags = 0;
	q->name_len = 0;
	q->n_labels = 0;
	q->want_nsid = q->want_keepalive = false;
	q->edns = (struct dns_edns){0};
	q->cookie = NULL;
	if (len < DNS_HEADER_LEN)
		return QUERY_DROP;
	q->id = get_be16(in);
	q->flags = get_be16(in + 2);
	if (q->flags & DNS_QR)
		return QUERY_DROP;
	if (DNS_OPCODE(q->flags) != DNS_QUERY)
		return QUERY_NOTIMP;
	if (get_be16(in + 4) != 1)
		return no_question(q, in);
	n = name_read(q, in + DNS_HEADER_LEN, len - DNS_HEADER_LEN);
	if (!n || len < DNS_HEADER_LEN + n + 4)
		return QUERY_FORMERR;
	q->qtype = get_be16(in + DNS_HEADER_LEN + n);
	q->qclass = get_be16(in + DNS_HEADER_LEN + n + 2);
	q->question_end = (uint16_t)(DNS_HEADER_LEN + n + 4);
	if (q->flags & DNS_CD)
		q->key_flags = QUERY_CD;
	n_ar = get_be16(in + 10);
	if (get_be16(in + 6) | get_be16(in + 8) | n_ar) {
		enum query_verdict v;

		if (get_be16(in + 6) > 1 || get_be16(in + 8) > 1 || n_ar > 2)
			return QUERY_FORMERR;
		if (n_ar == 1 && !(get_be16(in + 6) | get_be16(in + 8)) && plain_opt(q))
			v = edns_judge(q);
		else
			v = rest_parse(q);
		if (v != QUERY_OK)
			return v;
	}
	return type_judge(q);
}

void query_from_name(struct query *q, const uint8_t *name, uint16_t qtype)
{
	memset(q, 0, offsetof(struct query, label_at));
	name_read(q, name, NAME_MAX_WIRE);
	q->qtype = qtype;
	q->qclass = DNS_IN;
}

static void option_copy(struct wire_out *o, uint16_t code, const uint8_t *data, uint16_t len)
{
	wire_put_u16(o, code);
	wire_put_u16(o, len);
	wire_put_bytes(o, data, len);
}

size_t query_compact(const struct query *q, uint8_t out[QUERY_COMPACT_MAX])
{
	struct wire_out o;

	wire_out_init(&o, out, QUERY_COMPACT_MAX);
	if (q->len <= QUERY_COMPACT_MAX) {
		wire_put_bytes(&o, q->msg, q->len);
		return o.len;
	}
	wire_put_bytes(&o, q->msg, q->question_end);
	memset(out + 6, 0, 6);
	if (q->edns.present) {
		size_t mark =
			wire_opt_begin(&o, q->edns.udp_size, 0, q->edns.version, q->edns.do_bit);

		out[11] = 1;
		if (q->want_nsid)
			option_copy(&o, EDNS_NSID, NULL, 0);
		if (q->want_keepalive)
			option_copy(&o, EDNS_KEEPALIVE, NULL, 0);
		if (q->cookie)
			option_copy(&o, EDNS_COOKIE, q->cookie, q->cookie_len);
		wire_opt_end(&o, mark);
	}
	return o.len;
}
