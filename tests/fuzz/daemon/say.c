/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstreams: what they are asked, and what they say. Each record carries the
 * number of the statement it belongs to: 11.x.x.x, 2001:db8::x, or the last four
 * octets of its data.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

enum {
	SAY_DATA,
	SAY_NODATA,
	SAY_NODATA_BARE,
	SAY_NXDOMAIN,
	SAY_NXDOMAIN_BARE,
	SAY_SERVFAIL,
	SAY_REFUSED,
	SAY_CNAME,
	SAY_CNAME_BARE,
	SAY_TC,
	SAY_WRONG_ID,
	SAY_WRONG_NAME,
	SAY_WRONG_CASE,
	SAY_TWICE,
	SAY_DAMAGED,
	SAY_MANY,
	SAY_LARGE,
	SAY_KINDS
};
static const uint32_t ttls[] = {30, 0, 1, 5, 60, 3600, 86400, 0x80000000u};

int upstream_of(const struct in6_addr *a)
{
	static const uint8_t net[15] = {[10] = 0xff, [11] = 0xff, 10, 1, 0};
	int i = a->s6_addr[15] - 1;

	return memcmp(a, net, sizeof(net)) == 0 && i >= 0 && i < UPSTREAMS ? i : -1;
}

/* --- what is asked --- */

static void question_note(struct ksock *s, unsigned up, const uint8_t *b, size_t len)
{
	struct pending *p = &w.pending[w.n_pending++ % PENDING_MAX];
	struct dns_msg m;

	diary(DIARY_OUTWARD, "question", up, s->kind, b, len);
	if (len > sizeof(p->q) || dns_msg_parse(&m, b, len) < 0 || m.h.n_qd != 1 ||
	    (m.h.flags & DNS_QR) || m.end != len)
		fault_found("an upstream is asked what is no question");
	*p = (struct pending){.s = s, .up = up, .id = m.h.id, .len = len};
	if (w.is_traced)
		fprintf(stderr, "          upstream %u is asked type %u over %s\n", up + 1,
			m.q.qtype, s->kind == K_UDP ? "UDP" : "TCP");
	memcpy(p->q, b, len);
}

void say_datagram(struct ksock *s, const struct in6_addr *to, const uint8_t *b, size_t len)
{
	int up = upstream_of(to);
	struct ksock *l = up < 0 ? kernel_listener_find(K_UDP, to, 53, 0) : NULL;

	if (up >= 0)
		question_note(s, (unsigned)up, b, len);
	else if (l) /* ourselves */
		kernel_datagram(l, &s->local, s->local_port, b, len);
}

static struct upconn *upconn_of(const struct ksock *s)
{
	for (unsigned i = 0; i < sizeof(w.upconn) / sizeof(w.upconn[0]); i++)
		if (w.upconn[i].s == s)
			return &w.upconn[i];
	return NULL;
}

void say_connect(struct ksock *s)
{
	int up = upstream_of(&s->peer);
	struct upconn *c = upconn_of(NULL);

	diary(DIARY_OUTWARD, "connects", (uint64_t)up, s->local_port, NULL, 0);
	s->error = up < 0 || !c || w.connects[up] == CONNECT_REFUSE ? ECONNREFUSED : 0;
	if (s->error)
		return;
	s->connecting = w.connects[up] == CONNECT_HANG;
	c->s = s;
	c->up = (unsigned)up;
	c->n_in = 0;
}

void say_stream(struct ksock *s, const uint8_t *b, size_t len)
{
	struct upconn *c = upconn_of(s);

	if (!c)
		fault_found("octets for a connection that is not there");
	while (len > 0) {
		size_t need = c->n_in < 2 ? 2 : 2u + get_be16(c->in);
		size_t n = need - c->n_in < len ? need - c->n_in : len;

		if (need > sizeof(c->in))
			fault_found("an upstream is asked %zu octets", need);
		memcpy(c->in + c->n_in, b, n);
		c->n_in += n;
		b += n;
		len -= n;
		if (c->n_in >= 2 && c->n_in == 2u + get_be16(c->in)) {
			question_note(s, c->up, c->in + 2, c->n_in - 2);
			c->n_in = 0;
		}
	}
}

void say_closed(struct ksock *s)
{
	struct upconn *c = upconn_of(s);

	if (c)
		c->s = NULL;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		if (w.pending[i].s == s)
			w.pending[i].s = NULL;
}

/* --- what is said --- */

static void soa_put(struct wire_out *o, const uint8_t *name, uint32_t ttl_s)
{
	size_t mark = wire_rr_begin(o, name_labels(name) > 1 ? name_parent(name) : name, DNS_SOA,
				    DNS_IN, ttl_s);

	wire_put_bytes(o,
		       "\0\0"
		       "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1",
		       18);
	wire_put_u32(o, ttl_s);
	wire_rr_end(o, mark);
}

static void data_put(struct wire_out *o, const uint8_t *owner, uint16_t type, uint32_t ttl_s,
		     uint32_t serial)
{
	size_t mark = wire_rr_begin(o, owner, type, DNS_IN, ttl_s);

	switch (type) {
	case DNS_A:
		wire_put_u32(o, 11u << 24 | serial);
		break;
	case DNS_AAAA:
		wire_put_bytes(o, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0", 12);
		wire_put_u32(o, serial);
		break;
	case DNS_PTR:
	case DNS_NS:
		wire_put_name_plain(o, (const uint8_t *)"\4name\7example");
		break;
	case DNS_SRV:
		wire_put_bytes(o, "\0\0\0\0\0\1", 6);
		wire_put_name_plain(o, (const uint8_t *)"\4name\7example");
		break;
	case DNS_SOA:
		wire_put_bytes(o, "\0\0", 2);
		wire_put_bytes(o, "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\5", 20);
		break;
	case DNS_HTTPS:
		wire_put_bytes(o, "\0\1\0\xff\0\0\4", 7);
		wire_put_u32(o, serial);
		break;
	default:
		wire_put_u8(o, 4);
		wire_put_u32(o, serial);
	}
	wire_rr_end(o, mark);
}

static void deliver(const struct pending *p, const uint8_t *b, size_t len)
{
	uint8_t head[2];

	if (p->s->kind == K_UDP) {
		kernel_datagram(p->s, &p->s->peer, p->s->peer_port, b, len);
		return;
	}
	if (p->s->eof || p->s->reset)
		return;
	set_be16(head, (uint16_t)len);
	kernel_stream_in(p->s, head, 2);
	kernel_stream_in(p->s, b, len);
}

/* The record sections of one answer. */
static void sections_put(struct wire_out *o, const struct dns_question *q, unsigned kind,
			 unsigned param, uint32_t ttl_s, uint32_t serial, struct dns_header *h)
{
	uint16_t type = q->qtype == DNS_ANY ? DNS_A : q->qtype;
	struct name target;
	size_t mark;

	switch (kind) {
	case SAY_NODATA:
	case SAY_NXDOMAIN:
		soa_put(o, q->name, ttl_s);
		h->n_ns = 1;
		break;
	case SAY_CNAME:
	case SAY_CNAME_BARE:
		pool_name(param >> 3, &target);
		mark = wire_rr_begin(o, q->name, DNS_CNAME, DNS_IN, ttl_s);
		wire_put_name(o, target.b);
		wire_rr_end(o, mark);
		h->n_an = 1;
		if (kind == SAY_CNAME && type != DNS_CNAME) {
			data_put(o, target.b, type, ttl_s, serial);
			h->n_an++;
		}
		break;
	case SAY_MANY:
	case SAY_LARGE:
		h->n_an = kind == SAY_MANY ? 8 : 120;
		for (unsigned i = 0; i < h->n_an; i++)
			data_put(o, q->name, type, ttl_s, serial);
		break;
	case SAY_NODATA_BARE:
	case SAY_NXDOMAIN_BARE:
	case SAY_SERVFAIL:
	case SAY_REFUSED:
	case SAY_TC:
		break;
	default:
		data_put(o, q->name, type, ttl_s, serial);
		h->n_an = 1;
	}
}

static struct statement *statement_new(const struct pending *p, const struct dns_msg *m,
				       unsigned kind, uint32_t ttl_s)
{
	static const uint8_t said_of[SAY_KINDS] = {
		[SAY_NODATA] = SAID_NODATA,	[SAY_NODATA_BARE] = SAID_NODATA,
		[SAY_NXDOMAIN] = SAID_NXDOMAIN, [SAY_NXDOMAIN_BARE] = SAID_NXDOMAIN,
		[SAY_SERVFAIL] = SAID_OTHER,	[SAY_REFUSED] = SAID_OTHER,
		[SAY_TC] = SAID_OTHER,		[SAY_CNAME_BARE] = SAID_OTHER,
		[SAY_DAMAGED] = SAID_OTHER,
	};
	struct statement *s = &w.said[w.n_said++];

	*s = (struct statement){.said_ns = k.now_ns,
				.qtype = m->q.qtype,
				.up = (uint8_t)p->up,
				.said = said_of[kind],
				.ttl_s = ttl_s,
				.do_bit = m->edns.do_bit,
				.cd = m->h.flags & DNS_CD};
	name_lower(s->name, m->q.name);
	s->is_forged = kind == SAY_WRONG_NAME || (kind == SAY_WRONG_ID && p->s->kind == K_UDP);
	return s;
}

static void say_to(struct pending *p, unsigned kind, unsigned param)
{
	static uint8_t msg[16384];
	static const uint8_t rcode[SAY_KINDS] = {[SAY_NXDOMAIN] = DNS_NXDOMAIN,
						 [SAY_NXDOMAIN_BARE] = DNS_NXDOMAIN,
						 [SAY_SERVFAIL] = DNS_SERVFAIL,
						 [SAY_REFUSED] = DNS_REFUSED};
	uint32_t ttl_s = ttls[param & 7], serial = w.n_said + 1;
	struct dns_header h;
	struct wire_out o;
	struct dns_msg m;
	struct name name;

	kind %= SAY_KINDS;
	if (!p->s || w.n_said == STATEMENTS_MAX || dns_msg_parse(&m, p->q, p->len) < 0)
		return;
	if (m.q.qclass != DNS_IN)
		kind = SAY_REFUSED;
	if (p->s->kind != K_UDP && (kind == SAY_WRONG_ID || kind == SAY_TC))
		kind = SAY_SERVFAIL;
	statement_new(p, &m, kind, ttl_s);
	name_copy(&name, m.q.name);
	if (kind == SAY_WRONG_NAME) {
		name.b[0] = 1;
		memcpy(name.b, "\5wrong\4test", 12);
	} else if (kind == SAY_WRONG_CASE) {
		name_spell(name.b, 0);
		name_lower(name.b, name.b);
	}
	m.q.name = name.b;
	h = (struct dns_header){
		.id = p->id,
		.n_qd = 1,
		.flags = (uint16_t)(DNS_QR | DNS_RA | (m.h.flags & DNS_RD) | rcode[kind])};
	if (kind == SAY_WRONG_ID)
		h.id ^= 0x55aa;
	if (kind == SAY_TC)
		h.flags |= DNS_TC;
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	sections_put(&o, &m.q, kind, param, ttl_s, serial, &h);
	if (m.edns.present && !(param & 0x80 && kind < SAY_CNAME)) {
		wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, m.edns.do_bit));
		h.n_ar = 1;
	}
	set_be16(msg + 6, h.n_an);
	set_be16(msg + 8, h.n_ns);
	set_be16(msg + 10, h.n_ar);
	if (kind == SAY_DAMAGED) {
		w.is_damaged = true;
		if (param & 1)
			o.len = 12 + (param >> 1) % (o.len - 12);
		else
			msg[2 + (param * 7) % (o.len - 2)] ^= (uint8_t)(param | 1);
	}
	p->answered = true;
	deliver(p, msg, o.len);
	if (kind == SAY_TWICE)
		deliver(p, msg, o.len);
}

void say(unsigned which, unsigned kind, unsigned param)
{
	unsigned n = w.n_pending < PENDING_MAX ? w.n_pending : PENDING_MAX;

	if (n)
		say_to(&w.pending[(w.n_pending - 1 - which % n) % PENDING_MAX], kind, param);
}

void say_to_all(unsigned kind, unsigned param)
{
	unsigned n = w.n_pending < PENDING_MAX ? w.n_pending : PENDING_MAX;

	for (unsigned i = w.n_pending - n; i != w.n_pending; i++)
		if (!w.pending[i % PENDING_MAX].answered)
			say_to(&w.pending[i % PENDING_MAX], kind, param);
}

/* An upstream's connections, or how it meets new ones. */
void say_conn(unsigned which, unsigned how, unsigned value)
{
	struct ksock *s = w.upconn[which % 8].s;

	switch (how % 8) {
	case 0:
	case 1:
	case 2:
		w.connects[which % UPSTREAMS] = (uint8_t)(how % 8);
		return;
	case 3:
		if (s)
			s->eof = true;
		return;
	case 4:
		if (s)
			s->reset = true;
		return;
	case 5:
		if (s)
			s->room = value ? value : SIZE_MAX;
		return;
	case 6:
		if (s)
			s->connecting = false;
		return;
	default: /* nobody listens there: an ICMP error comes back */
		if (w.n_pending && (s = w.pending[(w.n_pending - 1) % PENDING_MAX].s) &&
		    s->kind == K_UDP)
			s->error = ECONNREFUSED;
	}
}
