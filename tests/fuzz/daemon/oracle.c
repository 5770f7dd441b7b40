/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client may be told: its own query, once, and of addresses and denials only
 * what some upstream has said that the configuration names for the name, about that
 * name, while its time to live runs.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

#define TTL_MIN_S 5 /* what is less is raised to (CoreDNS) */
#define NAMES_MAX 24

struct told { /* a reply being looked at */
	const struct wquery *q;
	struct dns_msg m;
	uint8_t name[NAMES_MAX][256]; /* the question's, and what CNAMEs lead to */
	unsigned n_names;
	bool is_loose, has_stale, has_dns64; /* a configuration of its time is so */
};

static const char *text_of(const uint8_t *name)
{
	static char buf[4][NAME_MAX_TEXT];
	static unsigned turn;
	char *b = buf[turn++ % 4];

	name_to_text(name, b, sizeof(buf[0]));
	return b;
}

/* --- which configurations were valid between question and reply --- */

static bool reload_overlaps(const struct wreload *r, const struct wquery *q)
{
	return r->to_ns >= q->asked_ns;
}

static void told_times(struct told *t)
{
	for (unsigned i = 0; i < w.n_reloads; i++) {
		const struct wreload *r = &w.reload[i];

		if (!reload_overlaps(r, t->q))
			continue;
		t->is_loose |= conf_is_loose(r->conf);
		t->has_stale |= conf_has_stale(r->conf);
		t->has_dns64 |= conf_has_dns64(r->conf);
	}
}

static bool upstream_allowed(const struct told *t, const struct statement *s)
{
	for (unsigned i = 0; i < w.n_reloads; i++)
		if (reload_overlaps(&w.reload[i], t->q) &&
		    conf_allows(w.reload[i].conf, &t->q->to, s->name, s->up))
			return true;
	return false;
}

static bool in_time(const struct told *t, const struct statement *s, uint64_t slack_ns)
{
	uint64_t ttl_s = s->ttl_s > INT32_MAX ? 0 : s->ttl_s;

	if (t->has_stale)
		ttl_s += 3600;
	return k.now_ns <=
	       s->said_ns + (ttl_s > TTL_MIN_S ? ttl_s : TTL_MIN_S) * NS_PER_S + slack_ns;
}

/* --- names --- */

static bool is_named(const struct told *t, const uint8_t *name)
{
	for (unsigned i = 0; i < t->n_names; i++)
		if (name_eq(t->name[i], name))
			return true;
	return false;
}

/* Where the CNAMEs of a reply lead from its question's name. */
static void names_follow(struct told *t, const uint8_t *b, size_t len)
{
	struct wire r;

	name_lower(t->name[t->n_names++], t->q->name);
	for (unsigned again = 0; again < NAMES_MAX; again++) {
		unsigned before = t->n_names;

		wire_init(&r, b, len);
		wire_skip(&r, t->m.answer_off);
		for (unsigned i = 0; i < t->m.h.n_an; i++) {
			struct name owner, target;
			struct wire at = r;
			struct dns_rr rr;

			wire_name(&at, &owner);
			wire_rr(&r, &rr);
			if (rr.type != DNS_CNAME || !is_named(t, owner.b))
				continue;
			at = r;
			at.off = rr.rdata_off;
			wire_name(&at, &target);
			if (!at.err && !is_named(t, target.b) && t->n_names < NAMES_MAX)
				name_lower(t->name[t->n_names++], target.b);
		}
		if (before == t->n_names)
			break;
	}
}

/* --- data --- */

static void serial_check(const struct told *t, uint32_t serial, const uint8_t *owner, uint16_t type,
			 uint32_t ttl_s)
{
	struct statement *s = &w.said[serial - 1];

	if (serial == 0 || serial > w.n_said)
		fault_found("data that nobody said: %08x for %s", serial, text_of(owner));
	if (s->is_forged)
		fault_found("a forged answer for %s was taken", text_of(owner));
	if (t->is_loose)
		return;
	if (s->qtype != type && s->qtype != DNS_ANY)
		fault_found("data of type %u for type %u of %s", s->qtype, type, text_of(owner));
	if (!is_named(t, s->name))
		fault_found("%s is answered with what was said of %s", text_of(t->q->name),
			    text_of(s->name));
	if (!upstream_allowed(t, s))
		fault_found("%s is answered by upstream %u, which is not its zone's",
			    text_of(s->name), s->up + 1);
	if (!in_time(t, s, NS_PER_S))
		fault_found("%s is answered %llu s after it was said for %u s", text_of(s->name),
			    (unsigned long long)((k.now_ns - s->said_ns) / NS_PER_S), s->ttl_s);
	if (ttl_s > s->ttl_s && ttl_s > 30)
		fault_found("%s: a time to live of %u s, said for %u s", text_of(s->name), ttl_s,
			    s->ttl_s);
	s->was_seen = true;
}

static void record_check(const struct told *t, const uint8_t *b, const struct name *owner,
			 const struct dns_rr *rr)
{
	static const uint8_t ours[12] = {0x20, 0x01, 0x0d, 0xb8}, made[12] = {0, 0x64, 0xff, 0x9b};
	const uint8_t *d = b + rr->rdata_off;

	switch (rr->type) {
	case DNS_A:
		if (rr->rdlen != 4)
			fault_found("an address of %u octets", rr->rdlen);
		if (d[0] == 11)
			serial_check(t, get_be32(d) & 0xffffff, owner->b, DNS_A, rr->ttl);
		else if (!t->is_loose)
			fault_found("an address that nobody said");
		break;
	case DNS_AAAA:
		if (rr->rdlen != 16)
			fault_found("an address of %u octets", rr->rdlen);
		if (memcmp(d, ours, 12) == 0)
			serial_check(t, get_be32(d + 12), owner->b, DNS_AAAA, rr->ttl);
		else if (memcmp(d, made, 12) == 0 && d[12] == 11 && (t->has_dns64 || t->is_loose))
			serial_check(t, get_be32(d + 12) & 0xffffff, owner->b, DNS_A, rr->ttl);
		else if (!t->is_loose)
			fault_found(
				"an address that nobody said, or DNS64 where it is not configured");
		break;
	case DNS_TXT:
	case DNS_HTTPS:
		if (rr->rdlen >= 4)
			serial_check(t, get_be32(d + rr->rdlen - 4), owner->b, rr->type, rr->ttl);
		break;
	default:
		break;
	}
}

static void data_check(struct told *t, const uint8_t *b, size_t len)
{
	struct wire r;

	wire_init(&r, b, len);
	wire_skip(&r, t->m.answer_off);
	for (unsigned i = 0; i < t->m.h.n_an; i++) {
		struct wire at = r;
		struct name owner;
		struct dns_rr rr;

		wire_name(&at, &owner);
		wire_rr(&r, &rr);
		if (rr.rclass != DNS_IN || t->q->qclass != DNS_IN)
			continue;
		if (!is_named(t, owner.b) && !t->is_loose)
			fault_found("%s is answered with records of %s", text_of(t->q->name),
				    text_of(owner.b));
		record_check(t, b, &owner, &rr);
	}
}

/* --- denials --- */

/* Somebody who may say so has said that the name, or one above it, does not exist, or
 * that it has nothing of the type. */
static bool was_denied(const struct told *t, const uint8_t *name, bool is_nodata)
{
	for (unsigned i = 0; i < w.n_said; i++) {
		const struct statement *s = &w.said[i];
		bool denies = s->said == SAID_NXDOMAIN && name_within(name, s->name);

		if (is_nodata && s->said == SAID_NODATA && s->qtype == t->q->qtype)
			denies |= name_eq(name, s->name);
		if (denies && !s->is_forged && in_time(t, s, NS_PER_S) && upstream_allowed(t, s))
			return true;
	}
	return false;
}

/* A client was told that it exists, that is still so, and nobody has spoken since. */
static const struct statement *known_to_exist(const struct told *t, const uint8_t *name)
{
	const struct statement *known = NULL;

	for (unsigned i = 0; i < w.n_said; i++) {
		const struct statement *s = &w.said[i];

		if (s->said == SAID_DATA && s->was_seen && s->qtype == t->q->qtype &&
		    name_eq(s->name, name) && s->do_bit == t->q->do_bit &&
		    s->cd == (bool)(t->q->flags & DNS_CD) && upstream_allowed(t, s) &&
		    s->ttl_s <= INT32_MAX && k.now_ns < s->said_ns + s->ttl_s * NS_PER_S &&
		    s->said_ns > w.last_reload_ns)
			known = s;
		else if (known && s->qtype == t->q->qtype && name_within(name, s->name))
			known = NULL;
	}
	return known;
}

static void denial_check(const struct told *t)
{
	const uint8_t *name = t->name[t->n_names - 1];
	bool is_nodata = t->m.rcode == DNS_NOERROR && !t->m.h.n_an && !(t->m.h.flags & DNS_TC);
	const struct statement *s;

	if (t->is_loose || t->q->qclass != DNS_IN || (t->m.rcode != DNS_NXDOMAIN && !is_nodata))
		return;
	if (!was_denied(t, name, is_nodata))
		fault_found("%s type %u is denied, and nobody said so", text_of(name), t->q->qtype);
	s = known_to_exist(t, name);
	if (s && !w.has_handed && w.shm->core.evicted == 0)
		fault_found("%s type %u is denied, and was said to exist for %u s", text_of(name),
			    s->qtype, s->ttl_s);
}

/* --- replies --- */

static void content_check(const struct wquery *q, const struct dns_msg *m, const uint8_t *b,
			  size_t len)
{
	static struct told t;

	t.q = q;
	t.m = *m;
	t.n_names = 0;
	t.is_loose = t.has_stale = t.has_dns64 = false;
	told_times(&t);
	names_follow(&t, b, len);
	data_check(&t, b, len);
	denial_check(&t);
}

static void question_check(const struct wquery *q, const struct dns_msg *m)
{
	if (m->h.n_qd != 1 || m->q.name_len != name_len(q->name) ||
	    memcmp(m->q.name, q->name, m->q.name_len) != 0)
		fault_found("a reply to %s answers another name", text_of(q->name));
	if (m->q.qtype != q->qtype || m->q.qclass != q->qclass)
		fault_found("a reply to %s answers type %u, not %u", text_of(q->name), m->q.qtype,
			    q->qtype);
	if ((m->h.flags ^ q->flags) & DNS_RD)
		fault_found("a reply with another RD than its query");
	if (m->edns.present && !q->udp_size)
		fault_found("EDNS for a client that has none");
}

void oracle_reply(const uint8_t *b, size_t len, const struct in6_addr *from,
		  const struct in6_addr *to, uint16_t port, int conn)
{
	unsigned i = len >= DNS_HEADER_LEN ? get_be16(b) - QUERY_ID : QUERIES_MAX;
	struct wquery *q = &w.query[i < w.n_queries ? i : 0];
	struct dns_msg m;

	diary(DIARY_OUTWARD, "reply", port, (uint64_t)conn, b, len);
	if (len < DNS_HEADER_LEN || dns_msg_parse(&m, b, len) < 0 || m.end != len ||
	    !(m.h.flags & DNS_QR))
		fault_found("a reply of %zu octets that is none: id %04x, flags %04x", len,
			    len >= 4 ? get_be16(b) : 0, len >= 4 ? get_be16(b + 2) : 0);
	if (w.is_traced)
		fprintf(stderr,
			"          reply to %04x port %u conn %d: %s type %u rcode %u, %u "
			"answers\n",
			m.h.id, port, conn, m.h.n_qd ? text_of(m.q.name) : "-", m.q.qtype, m.rcode,
			m.h.n_an);
	if (conn >= 0 && w.conn[conn].is_raw && (i >= w.n_queries || q->conn != conn))
		return;
	if (i >= w.n_queries || q->conn != conn || q->port != port ||
	    memcmp(&q->addr, to, sizeof(*to)) != 0)
		fault_found("a reply with id %04x for somebody who has not asked", get_be16(b));
	if (memcmp(&q->to, from, sizeof(*from)) != 0)
		fault_found("a reply from another address than was asked");
	if (q->answered && !q->is_raw)
		fault_found("%s is answered twice", text_of(q->name));
	q->answered = true;
	if (conn < 0 && len > (q->udp_size > 512 ? q->udp_size : 512) && !q->is_raw)
		fault_found("a datagram of %zu octets for a client that takes %u", len,
			    q->udp_size);
	if (q->is_raw)
		return;
	question_check(q, &m);
	if (!w.is_damaged)
		content_check(q, &m, b, len);
}

void oracle_gone(int conn)
{
	for (unsigned i = 0; i < w.n_queries; i++)
		if (w.query[i].conn == conn && !w.query[i].answered) {
			w.query[i].over = true;
			w.query[i].conn = -2;
		}
}
