/* SPDX-License-Identifier: Apache-2.0 */
/* Replies made and remade; see message.h. */
#include "resolver/plugins/message.h"

#include <string.h>

void reply_begin(struct wire_out *o, const struct plugin_query *q)
{
	struct dns_header h = {.id = q->msg_len >= 2 && q->msg ? get_be16(q->msg) : 0,
			       .flags = (uint16_t)(DNS_QR | (q->flags & (DNS_RD | DNS_CD))),
			       .n_qd = 1};

	wire_put_header(o, &h);
	wire_put_question(o, q->name.b, q->qtype, q->qclass);
}

enum plugin_verdict reply_end(struct wire_out *o, uint16_t rcode, bool aa, const uint16_t n[3],
			      size_t *ret_len)
{
	if (o->err) {
		*ret_len = DNS_SERVFAIL;
		return PLUGIN_RCODE;
	}
	set_be16(o->base + 2, (uint16_t)(get_be16(o->base + 2) | (aa ? DNS_AA : 0) | (rcode & 15)));
	for (int i = 0; i < 3; i++)
		set_be16(o->base + 6 + 2 * i, n[i]);
	*ret_len = o->len;
	return PLUGIN_REPLY;
}

void reply_address(struct wire_out *o, const uint8_t *owner, const struct in6_addr *addr,
		   uint32_t ttl_s)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);
	size_t mark = wire_rr_begin(o, owner, v4 ? DNS_A : DNS_AAAA, DNS_IN, ttl_s);

	wire_put_bytes(o, addr->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	wire_rr_end(o, mark);
}

/* RDATA of the types that may hold compressed names (RFC 3597 section 4), as
 * letters: digits are fixed octets, n a name, s a character string. */
static const char *rdata_shape(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_DNAME:
	case 3:
	case 4:
	case 7:
	case 8:
	case 9: /* MD MF MB MG MR */
		return "n";
	case DNS_SOA:
		return "nn";
	case DNS_MX:
	case 18:
	case 21:
	case 36: /* AFSDB RT KX */
		return "2n";
	case DNS_SRV:
		return "6n";
	case 14:
	case 17: /* MINFO RP */
		return "nn";
	case 26: /* PX */
		return "2nn";
	case DNS_NAPTR:
		return "4sssn";
	default:
		return "";
	}
}

void rdata_copy(struct wire_out *o, const struct wire *w, const struct dns_rr *rr, unsigned at,
		const struct message_map *m)
{
	struct wire r = {.base = w->base, .len = rr->end, .off = rr->rdata_off};
	struct name name, to;

	for (const char *s = rdata_shape(rr->type); *s && !r.err; s++) {
		if (*s == 'n') {
			wire_name(&r, &name);
			if (r.err)
				break;
			bool changed = m && m->value && m->value(m->ctx, rr, at, name.b, &to);
			const uint8_t *b = changed ? to.b : name.b;

			if (rr->type == DNS_SRV || rr->type == DNS_DNAME || rr->type == DNS_NAPTR)
				wire_put_name_plain(o, b);
			else
				wire_put_name(o, b);
		} else {
			size_t n = *s == 's' ? 1u + (r.off < r.len ? r.base[r.off] : 0)
					     : (size_t)(*s - '0');
			const uint8_t *p = wire_bytes(&r, n);

			if (p)
				wire_put_bytes(o, p, n);
		}
	}
	if (r.err)
		o->err = o->err ? o->err : r.err;
	else
		wire_put_bytes(o, r.base + r.off, rr->end - r.off);
}

static void rr_map(const struct message_map *m, struct wire *w, unsigned at, struct wire_out *o)
{
	struct name owner, to;
	struct dns_rr rr;
	struct wire head;

	head = *w;
	wire_rr(w, &rr);
	wire_name(&head, &owner);
	if (w->err || head.err)
		return;
	bool changed = rr.type != DNS_OPT && m->owner && m->owner(m->ctx, owner.b, &to);
	uint32_t ttl = rr.type != DNS_OPT && m->ttl ? m->ttl(m->ctx, rr.ttl) : rr.ttl;
	size_t mark = wire_rr_begin(o, changed ? to.b : owner.b, rr.type, rr.rclass, ttl);

	rdata_copy(o, w, &rr, at, m);
	wire_rr_end(o, mark);
}

size_t message_map(const struct message_map *m, const struct plugin_query *q, uint8_t *msg,
		   size_t len, size_t cap)
{
	uint8_t out[DNS_MSG_MAX];
	struct dns_question old;
	struct dns_header h;
	struct wire_out o;
	struct wire w;

	wire_init(&w, msg, len);
	wire_header(&w, &h);
	if (w.err || h.n_qd != 1)
		return len;
	wire_question(&w, &old);
	if (w.err)
		return len;
	wire_out_init(&o, out, cap < sizeof(out) ? cap : sizeof(out));
	wire_put_header(&o, &h);
	wire_put_question(&o, q->name.b, q->qtype, q->qclass);
	for (unsigned i = 1; i <= (unsigned)h.n_an + h.n_ns + h.n_ar && !w.err && !o.err; i++)
		rr_map(m, &w, i, &o);
	if (w.err || o.err)
		return len;
	memcpy(msg, out, o.len);
	return o.len;
}
