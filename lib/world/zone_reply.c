/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zone data as messages: the reply a backend sends, and the judgement of a
 * reply someone received. Both ask zone_answer_find, so they agree.
 */
#include <string.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "lib/world/zone_int.h"

#define REPLY_UDP_SIZE 1232 /* what we offer to receive */

/* How a type's RDATA is built as far as names go: octets before the first name,
 * number of names; the rest is plain. Only types that RFC 3597 section 4 lets
 * be compressed, and SRV, which some servers compress all the same. */
static unsigned rdata_names(uint16_t type, size_t *ret_before)
{
	*ret_before = type == DNS_MX ? 2 : type == DNS_SRV ? 6 : 0;
	switch (type) {
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
	case DNS_MX:
	case DNS_SRV:
		return 1;
	case DNS_SOA:
		return 2;
	default:
		return 0;
	}
}

/* --- replying --- */

static void rdata_put(struct wire_out *o, const struct zone_rec *r)
{
	size_t off;
	unsigned n_names = rdata_names(r->type, &off);

	if (r->type == DNS_SRV)
		n_names = 0; /* RFC 2782: its target is not compressed */
	if (n_names == 0)
		off = 0;
	wire_put_bytes(o, r->rdata, off);
	for (; n_names > 0; n_names--) {
		wire_put_name(o, r->rdata + off);
		off += name_len(r->rdata + off);
	}
	wire_put_bytes(o, r->rdata + off, r->rdlen - off);
}

static void record_put(struct wire_out *o, const uint8_t *owner, const struct zone_rec *r)
{
	size_t mark = wire_rr_begin(o, owner, r->type, DNS_IN, r->ttl_s);

	rdata_put(o, r);
	wire_rr_end(o, mark);
}

static void opt_put(struct wire_out *o, const struct dns_msg *q, const char *server_id,
		    unsigned ext_rcode)
{
	size_t mark = wire_opt_begin(o, REPLY_UDP_SIZE, (uint8_t)ext_rcode, 0, q->edns.do_bit);
	uint16_t len;

	if (server_id && dns_edns_option(&q->edns, EDNS_NSID, &len)) {
		wire_put_u16(o, EDNS_NSID);
		wire_put_u16(o, (uint16_t)strlen(server_id));
		wire_put_bytes(o, server_id, strlen(server_id));
	}
	wire_opt_end(o, mark);
}

/* Errors a server answers without looking at its data; 0 to go on. */
static unsigned query_refusal(const struct dns_msg *q, int parse_err)
{
	if (DNS_OPCODE(q->h.flags) != DNS_QUERY)
		return DNS_NOTIMP;
	if (parse_err || q->h.n_qd != 1)
		return DNS_FORMERR;
	if (q->edns.present && q->edns.version > 0)
		return DNS_BADVERS;
	if (q->q.qclass != DNS_IN)
		return DNS_REFUSED;
	return 0;
}

static size_t reply_limit(const struct dns_msg *q, bool tcp, size_t cap)
{
	size_t limit = tcp ? DNS_MSG_MAX : 512;

	if (!tcp && q->edns.present && q->edns.udp_size > limit)
		limit = q->edns.udp_size;
	return limit < cap ? limit : cap;
}

static void sections_put(struct wire_out *o, struct dns_header *h, const struct zone_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		record_put(o, a->rr[i].owner, a->rr[i].rec);
	h->n_an = (uint16_t)a->n;
	if (a->verdict == ZONE_ANSWER)
		return;
	record_put(o, a->denier->name.b, a->denier->soa);
	h->n_ns = 1;
}

/* The parts of a reply between header and end; `a` NULL for a bare error. */
static void body_put(struct wire_out *o, const struct dns_msg *q, struct dns_header *h,
		     const struct zone_answer *a, const char *server_id, unsigned rcode)
{
	size_t opt_len = q->edns.present ? 15 + (server_id ? strlen(server_id) : 0) : 0;
	size_t after_question, full_cap = o->cap;

	if (h->n_qd)
		wire_put_question(o, q->q.name, q->q.qtype, q->q.qclass);
	after_question = o->len;
	if (a) {
		o->cap = full_cap > o->len + opt_len ? full_cap - opt_len : o->len;
		sections_put(o, h, a);
		o->cap = full_cap;
	}
	if (o->err == ERR_SHORT && after_question > DNS_HEADER_LEN) {
		wire_out_rewind(o, after_question);
		h->flags |= DNS_TC;
		h->n_an = h->n_ns = 0;
	}
	if (q->edns.present) {
		opt_put(o, q, server_id, rcode >> 4);
		h->n_ar = 1;
	}
}

size_t zone_reply(const struct zone *z, const char *server_id, const uint8_t *query, size_t len,
		  bool tcp, uint8_t *out, size_t cap)
{
	struct zone_answer answer, *a = NULL;
	struct wire_out o, head;
	struct dns_header h = {0};
	struct dns_msg q;
	unsigned rcode;
	int err = dns_msg_parse(&q, query, len);

	if (len < DNS_HEADER_LEN || (q.h.flags & DNS_QR))
		return 0;
	rcode = query_refusal(&q, err);
	h.id = q.h.id;
	h.n_qd = !err && q.h.n_qd == 1;
	h.flags = DNS_QR | DNS_RA | (q.h.flags & (DNS_RD | DNS_CD | 0x7800));
	if (rcode == 0) {
		a = &answer;
		zone_answer_find(z, q.q.name, q.q.qtype, a);
		rcode = a->verdict == ZONE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NOERROR;
		h.flags |= a->apex->ours ? DNS_AA : 0;
	}
	h.flags |= rcode & 15;
	wire_out_init(&o, out, reply_limit(&q, tcp, cap));
	wire_put_header(&o, &h);
	body_put(&o, &q, &h, a, server_id, rcode);
	if (o.err)
		return 0;
	wire_out_init(&head, out, DNS_HEADER_LEN); /* again, now that counts and TC are known */
	wire_put_header(&head, &h);
	return o.len;
}

/* --- judging --- */

/* The record's RDATA with its names expanded. 0, or an error. */
static int rdata_expand(const uint8_t *msg, const struct dns_rr *rr, uint8_t *buf, size_t cap,
			size_t *ret_len)
{
	struct wire_out o;
	struct wire w;
	size_t before;
	unsigned n_names = rdata_names(rr->type, &before);

	wire_out_init(&o, buf, cap);
	wire_init(&w, msg, rr->end);
	w.off = rr->rdata_off;
	if (n_names) {
		const uint8_t *p = wire_bytes(&w, before);

		if (p)
			wire_put_bytes(&o, p, before);
	}
	for (; n_names > 0 && !w.err; n_names--) {
		struct name n;

		wire_name(&w, &n);
		if (!w.err)
			wire_put_name_plain(&o, n.b);
	}
	if (!w.err)
		wire_put_bytes(&o, msg + w.off, rr->end - w.off);
	*ret_len = o.len;
	return w.err ? w.err : o.err;
}

/* Octet for octet, but names (and only names) without regard to case. */
static bool rdata_eq(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t off;
	unsigned n_names = rdata_names(type, &off);

	if (a_len != b_len)
		return false;
	if (n_names == 0)
		return memcmp(a, b, a_len) == 0;
	if (memcmp(a, b, off) != 0)
		return false;
	for (; n_names > 0; n_names--) {
		if (!name_check(a + off, a_len - off) || !name_check(b + off, b_len - off) ||
		    !name_eq(a + off, b + off))
			return false;
		off += name_len(a + off);
	}
	return memcmp(a + off, b + off, a_len - off) == 0;
}

/* Crosses the record off the expected ones. */
static const char *record_check(const struct zone_answer *a, bool seen[ZONE_ANSWER_MAX],
				const uint8_t *msg, const struct dns_rr *rr,
				const struct name *owner)
{
	uint8_t rdata[4096];
	size_t len;

	if (rr->rclass != DNS_IN || rdata_expand(msg, rr, rdata, sizeof(rdata), &len) != 0)
		return "answer holds a malformed record";
	for (size_t i = 0; i < a->n; i++) {
		const struct zone_rec *want = a->rr[i].rec;

		if (seen[i] || want->type != rr->type || !name_eq(a->rr[i].owner, owner->b) ||
		    !rdata_eq(rr->type, rdata, len, want->rdata, want->rdlen))
			continue;
		seen[i] = true;
		return rr->ttl > want->ttl_s ? "answer's TTL exceeds the zone's" : NULL;
	}
	return "answer holds a record the zone does not";
}

static const char *answers_check(const struct zone_answer *a, const uint8_t *reply, size_t len,
				 const struct dns_msg *m)
{
	bool seen[ZONE_ANSWER_MAX];
	struct wire w;

	if (m->h.n_an < a->n)
		return "answer lacks records of the zone";
	if (m->h.n_an > a->n)
		return "answer holds more records than the zone";
	memset(seen, 0, a->n);
	wire_init(&w, reply, len);
	w.off = m->answer_off;
	for (unsigned i = 0; i < m->h.n_an; i++) {
		const char *why;
		struct name owner;
		struct dns_rr rr;
		size_t start = w.off;

		wire_name(&w, &owner); /* the message parsed before, so no error is left */
		w.off = start;
		wire_rr(&w, &rr);
		why = record_check(a, seen, reply, &rr, &owner);
		if (why)
			return why;
	}
	return NULL;
}

const char *zone_check(const struct zone *z, const uint8_t *reply, size_t len)
{
	struct dns_msg m;

	return dns_msg_parse(&m, reply, len) != 0 ? "malformed message" : zone_check_parsed(z, &m, reply, len);
}

const char *zone_check_parsed(const struct zone *z, const struct dns_msg *m, const uint8_t *reply, size_t len)
{
	struct zone_answer a;
	unsigned want;

	if (!(m->h.flags & DNS_QR) || DNS_OPCODE(m->h.flags) != DNS_QUERY || m->h.n_qd != 1)
		return "not a reply to a question";
	if (m->q.qclass != DNS_IN)
		return "not a reply in class IN";
	zone_answer_find(z, m->q.name, m->q.qtype, &a);
	want = a.verdict == ZONE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NOERROR;
	if (m->rcode != want)
		return want == DNS_NXDOMAIN	 ? "rcode is not the zone's NXDOMAIN"
		       : m->rcode == DNS_NXDOMAIN ? "NXDOMAIN for a name that exists"
						 : "rcode is not the zone's NOERROR";
	if (m->h.flags & DNS_TC)
		return NULL;
	return answers_check(&a, reply, len, m);
}
