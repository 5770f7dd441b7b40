/* SPDX-License-Identifier: Apache-2.0 */
/* From a message of an upstream to the stored form: what is checked, packed, clamped and kept. */
#include "resolver/core/answer.h"

#include <string.h>

#include "lib/base/err.h"
#include "resolver/core/scrub.h"

#define TTL_MAX INT32_MAX /* RFC 2181 section 8: more counts as 0 */

/* --- packing --- */

struct pack {
	struct wire in;
	struct wire_out out;
	const uint8_t *asked, *name;
	struct scrub *scrub; /* NULL: all records are known to belong there */
	uint32_t age_s;
};

static void rdata_name(struct pack *p, bool compress)
{
	struct name n;

	wire_name(&p->in, &n);
	if (p->in.err)
		return;
	if (compress)
		wire_put_name(&p->out, n.b);
	else
		wire_put_name_plain(&p->out, n.b);
}

static void rdata_bytes(struct pack *p, size_t n)
{
	const uint8_t *b = wire_bytes(&p->in, n);

	if (b)
		wire_put_bytes(&p->out, b, n);
}

/* An address that is too short or too long is none, and its message is damaged. */
static void rdata_is(struct pack *p, const struct dns_rr *rr, size_t len)
{
	if (rr->rdlen != len)
		p->in.err = ERR_SYNTAX;
}

/* Types whose RDATA may hold compressed names on the way in (RFC 3597 section
 * 4); only those of RFC 1035 may be compressed on the way out. */
static void rdata_copy(struct pack *p, const struct dns_rr *rr)
{
	switch (rr->type) {
	case DNS_NS: case DNS_CNAME: case DNS_PTR:
	case 3: case 4: case 7: case 8: case 9: /* MD MF MB MG MR */
		rdata_name(p, true);
		break;
	case DNS_SOA:
		rdata_name(p, true);
		rdata_name(p, true);
		break;
	case 14: /* MINFO */
		rdata_name(p, true);
		rdata_name(p, true);
		break;
	case DNS_MX:
		rdata_bytes(p, 2);
		rdata_name(p, true);
		break;
	case 18: case 21: case 36: /* AFSDB RT KX */
		rdata_bytes(p, 2);
		rdata_name(p, false);
		break;
	case 26: /* PX */
		rdata_bytes(p, 2);
		rdata_name(p, false);
		rdata_name(p, false);
		break;
	case 17: /* RP */
		rdata_name(p, false);
		rdata_name(p, false);
		break;
	case DNS_SRV:
		rdata_bytes(p, 6);
		rdata_name(p, false);
		break;
	case DNS_DNAME:
		rdata_name(p, false);
		break;
	case DNS_A: /* of another class: a name, and what that class says */
		rdata_is(p, rr, rr->rclass == DNS_IN ? 4 : rr->rdlen);
		break;
	case DNS_AAAA:
		rdata_is(p, rr, 16);
		break;
	default:
		break;
	}
	if (p->in.off < rr->end)
		rdata_bytes(p, rr->end - p->in.off);
	if (!p->in.err && p->in.off != rr->end)
		p->in.err = ERR_SYNTAX; /* a name ran over the RDATA's end */
}

/* Copies a section's records; returns how many were kept. */
static unsigned section_pack(struct pack *p, unsigned n, enum dns_section sec)
{
	unsigned kept = 0;

	for (; n > 0 && !p->in.err && !p->out.err; n--) {
		struct name owner;
		struct dns_rr rr;
		size_t mark;

		wire_rr_owned(&p->in, &owner, &rr);
		if (p->in.err)
			break;
		if (rr.type == DNS_OPT || (p->scrub && !scrub_keeps(p->scrub, sec, owner.b, &rr)))
			continue;
		p->in.off = rr.rdata_off;
		mark = wire_rr_begin(&p->out,
				     p->asked && name_eq(owner.b, p->asked) ? p->name : owner.b,
				     rr.type, rr.rclass, rr.ttl > p->age_s ? rr.ttl - p->age_s : 0);
		rdata_copy(p, &rr);
		wire_rr_end(&p->out, mark);
		kept++;
	}
	return kept;
}

struct alias { /* what is put before the answer's records: a CNAME ... */
	const uint8_t *target;
	uint32_t ttl_s;
	const uint8_t *head; /* ... or, target NULL, a message's answer section */
	size_t head_len;
	uint32_t age_s; /* of the answer behind it */
};

static unsigned alias_put(struct pack *p, const struct alias *a, const struct answer_question *q)
{
	struct wire in = p->in;
	unsigned n = 1;

	if (a->target) {
		size_t mark = wire_rr_begin(&p->out, q->name, DNS_CNAME, q->qclass, a->ttl_s);

		wire_put_name(&p->out, a->target);
		wire_rr_end(&p->out, mark);
		return n;
	}
	wire_init(&p->in, a->head, a->head_len);
	p->in.off = DNS_HEADER_LEN;
	wire_name_skip(&p->in);
	wire_skip(&p->in, 4);
	n = section_pack(p, get_be16(a->head + 6), DNS_SEC_ANSWER);
	p->in = in;
	p->age_s = a->age_s;
	return n;
}

static int message_pack(struct answer_buf *buf, const uint8_t *msg, size_t len,
			const struct answer_question *q, const uint8_t *asked, bool keep_aa,
			const struct alias *alias, struct scrub *scrub)
{
	struct pack p = {.asked = asked, .name = q->name, .scrub = scrub};
	struct dns_header h = {0}, out = {.n_qd = 1};

	wire_init(&p.in, msg, len);
	wire_header(&p.in, &h);
	for (unsigned i = 0; i < h.n_qd && !p.in.err; i++) {
		wire_name_skip(&p.in);
		wire_skip(&p.in, 4);
	}
	if (scrub)
		scrub_begin(scrub, asked ? asked : q->name, scrub->qclass, &p.in, h.n_an);
	wire_out_init(&p.out, buf->msg, DNS_MSG_MAX);
	wire_put_header(&p.out, &out);
	wire_put_question(&p.out, q->name, q->qtype, q->qclass);
	if (alias)
		out.n_an = (uint16_t)alias_put(&p, alias, q);
	out.n_an = (uint16_t)(out.n_an + section_pack(&p, h.n_an, DNS_SEC_ANSWER));
	out.n_ns = (uint16_t)section_pack(&p, h.n_ns, DNS_SEC_AUTHORITY);
	out.n_ar = (uint16_t)section_pack(&p, h.n_ar, DNS_SEC_ADDITIONAL);
	if (p.in.err || p.out.err)
		return p.in.err ? p.in.err : p.out.err;
	out.flags = DNS_QR | DNS_RA | (h.flags & (DNS_AD | 15u)) | (keep_aa ? h.flags & DNS_AA : 0);
	set_be16(buf->msg + 2, out.flags);
	set_be16(buf->msg + 6, out.n_an);
	set_be16(buf->msg + 8, out.n_ns);
	set_be16(buf->msg + 10, out.n_ar);
	return (int)p.out.len;
}

int answer_pack(struct answer_buf *buf, const uint8_t *msg, size_t len,
		const struct answer_question *q, const uint8_t *asked, bool keep_aa)
{
	return message_pack(buf, msg, len, q, asked, keep_aa, NULL, NULL);
}

int answer_take(struct answer_buf *buf, const uint8_t *msg, size_t len, const struct answer_question *q,
		const uint8_t *asked, uint16_t asked_class, unsigned *ret_dropped)
{
	struct scrub scrub;
	int n;

	scrub.qclass = asked_class;
	scrub.dropped = 0;
	n = message_pack(buf, msg, len, q, asked, false, NULL, &scrub);
	*ret_dropped = scrub.dropped;
	if (n > 0 && scrub.cut) /* NOERROR without the end would be a denial that nobody gave */
		return ERR_PEER;
	if (n > 0 && scrub.dropped && DNS_RCODE(get_be16(buf->msg + 2)) == DNS_NOERROR && get_be16(msg + 6) > 0 &&
	    get_be16(buf->msg + 6) == 0)
		return ERR_PEER;
	return n;
}

void answer_empty(struct answer *ret, uint8_t *buf, const struct answer_question *q,
		  unsigned rcode)
{
	struct dns_header h = {.flags = (uint16_t)(DNS_QR | DNS_RA | (rcode & 15)), .n_qd = 1};
	struct wire_out o;

	wire_out_init(&o, buf, ANSWER_EMPTY_MAX);
	wire_put_header(&o, &h);
	wire_put_question(&o, q->name, q->qtype, q->qclass);
	*ret = (struct answer){.msg = buf, .len = o.len};
	ret->kind = rcode == DNS_NOERROR ? ANSWER_DENIAL : ANSWER_FAILURE;
}

/* --- what it says, and for how long --- */

struct scan {
	struct answer_buf *buf;
	const struct core_cache_conf *conf;
	unsigned n_ttl;
	uint32_t min_s, own_s;
	bool has_soa, negative;
};

static uint32_t ttl_clamp(uint32_t ttl_s, uint32_t min_s, bool min_set, uint32_t max_s)
{
	if (ttl_s > TTL_MAX)
		ttl_s = 0;
	if (ttl_s == 0 && !min_set)
		return 0; /* its owner said: not even once */
	if (ttl_s < min_s)
		ttl_s = min_s;
	return ttl_s > max_s ? max_s : ttl_s;
}

/* RFC 2308 section 5: a denial lives min(TTL of the SOA, its MINIMUM). */
static uint32_t soa_ttl(const struct scan *s, const struct dns_rr *rr)
{
	uint32_t minimum_s = get_be32(s->buf->msg + rr->end - 4);

	return rr->ttl < minimum_s ? rr->ttl : minimum_s;
}

static uint32_t own_max(uint32_t ttl_s)
{
	return ttl_s < ANSWER_OWN_MAX ? ttl_s : ANSWER_OWN_MAX;
}

static void rr_scan(struct scan *s, const struct dns_rr *rr, enum dns_section sec)
{
	const struct core_cache_conf *c = s->conf;
	uint32_t ttl_s = rr->ttl;

	if (sec == DNS_SEC_AUTHORITY && rr->type == DNS_SOA && rr->rdlen >= 22) {
		s->has_soa = true;
		if (s->negative)
			s->own_s = ttl_s = soa_ttl(s, rr);
	}
	if (s->negative && sec == DNS_SEC_AUTHORITY)
		ttl_s = ttl_clamp(ttl_s, c->neg_min_s, c->neg_min_set, c->neg_max_s);
	else
		ttl_s = ttl_clamp(ttl_s, c->pos_min_s, c->pos_min_set, c->pos_max_s);
	set_be32(s->buf->msg + rr->ttl_off, ttl_s);
	if (ttl_s < s->min_s)
		s->min_s = ttl_s;
	s->buf->ttl_at[s->n_ttl++] = (uint16_t)rr->ttl_off;
}

static int section_scan(struct scan *s, struct wire *w, unsigned n, enum dns_section sec)
{
	for (; n > 0; n--) {
		struct dns_rr rr = {0};

		wire_rr(w, &rr);
		if (w->err || s->n_ttl == ANSWER_RRS_MAX)
			return ERR_SYNTAX;
		rr_scan(s, &rr, sec);
	}
	return 0;
}

static enum answer_kind kind_of(const struct dns_header *h, bool has_type)
{
	switch (DNS_RCODE(h->flags)) {
	case DNS_NOERROR:
		return has_type ? ANSWER_POSITIVE : ANSWER_DENIAL;
	case DNS_NXDOMAIN: /* behind a CNAME it speaks of the target, not of the name */
		return h->n_an == 0 ? ANSWER_NXDOMAIN : ANSWER_DENIAL;
	default:
		return ANSWER_FAILURE;
	}
}

int answer_scan(struct answer *ret, struct answer_buf *buf, size_t len,
		const struct core_cache_conf *conf)
{
	struct scan s = {.buf = buf, .conf = conf, .min_s = UINT32_MAX};
	struct dns_question q = {0};
	struct dns_header h = {0};
	struct wire w;
	enum answer_kind kind;

	if (len > DNS_MSG_MAX)
		return ERR_SYNTAX;
	wire_init(&w, buf->msg, len);
	wire_header(&w, &h);
	wire_question(&w, &q);
	if (w.err || h.n_qd != 1)
		return ERR_SYNTAX;
	kind = kind_of(&h, wire_has_type(&w, h.n_an, q.qtype));
	s.negative = kind == ANSWER_DENIAL || kind == ANSWER_NXDOMAIN;
	if (section_scan(&s, &w, h.n_an, DNS_SEC_ANSWER) < 0 ||
	    section_scan(&s, &w, h.n_ns, DNS_SEC_AUTHORITY) < 0 ||
	    section_scan(&s, &w, h.n_ar, DNS_SEC_ADDITIONAL) < 0)
		return ERR_SYNTAX;
	/* RFC 2308 section 5: without an SOA a denial has no lifetime. */
	if (s.n_ttl == 0 || kind == ANSWER_FAILURE || (s.negative && !s.has_soa))
		s.min_s = 0;
	*ret = (struct answer){.msg = buf->msg,
			       .len = len,
			       .ttl_at = buf->ttl_at,
			       .n_ttl = (uint16_t)s.n_ttl,
			       .ttl_s = s.min_s,
			       .own_s = kind == ANSWER_NXDOMAIN && s.own_s <= TTL_MAX ?
						own_max(s.own_s) :
						0,
			       .kind = (uint8_t)kind};
	return 0;
}

void answer_no_limits(struct core_cache_conf *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->pos_max_s = ret->neg_max_s = UINT32_MAX;
}

void answer_copy(struct answer *ret, struct answer_buf *buf, const struct answer *from)
{
	*ret = *from;
	if (from->msg == buf->msg)
		return;
	memcpy(buf->msg, from->msg, from->len);
	memcpy(buf->ttl_at, from->ttl_at, from->n_ttl * sizeof(buf->ttl_at[0]));
	ret->msg = buf->msg;
	ret->ttl_at = buf->ttl_at;
	if (from->ede) {
		memcpy(buf->ede, from->ede, from->ede_len);
		ret->ede = buf->ede;
	}
}

int answer_transplant(struct answer *ret, struct answer_buf *buf, const struct answer *from,
		      const struct answer_question *q)
{
	struct core_cache_conf none;
	int n = answer_pack(buf, from->msg, from->len, q, NULL, true);

	if (n < 0)
		return n;
	answer_no_limits(&none);
	return answer_scan(ret, buf, (size_t)n, &none);
}

int answer_alias(struct answer *ret, struct answer_buf *buf, const struct answer *from,
		 const struct answer_question *q, const uint8_t *target)
{
	struct alias alias = {.target = target, .ttl_s = from->ttl_s};
	struct core_cache_conf none;
	int n;

	if (get_be16(from->msg + 6) == 0)
		return answer_transplant(ret, buf, from, q);
	n = message_pack(buf, from->msg, from->len, q, NULL, true, &alias, NULL);
	if (n < 0)
		return n;
	answer_no_limits(&none);
	return answer_scan(ret, buf, (size_t)n, &none);
}

int answer_behind(struct answer *ret, struct answer_buf *buf, const uint8_t *head, size_t head_len,
		  const struct answer *from, uint32_t age_s, const struct answer_question *q,
		  const struct core_cache_conf *conf)
{
	struct alias alias = {.head = head, .head_len = head_len, .age_s = age_s};
	int n = message_pack(buf, from->msg, from->len, q, NULL, false, &alias, NULL);

	if (n < 0)
		return n;
	n = answer_scan(ret, buf, (size_t)n, conf);
	if (n == 0 && from->ede && from->ede_len <= sizeof(buf->ede)) {
		memcpy(buf->ede, from->ede, from->ede_len);
		ret->ede = buf->ede;
		ret->ede_len = from->ede_len;
	}
	return n;
}
