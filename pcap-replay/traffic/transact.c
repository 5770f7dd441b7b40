/* SPDX-License-Identifier: Apache-2.0 */
/* What a message was: a sending, a view of one, an answer, and what that changes. */
#include "pcap-replay/traffic/transact_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "pcap-replay/traffic/retry.h"

/* --- questions --- */

/* A further sending, seen at a view that is there or will be. */
static void sent_again(struct transact *t, struct txn *x, const struct seen *s)
{
	x->n_sent++;
	x->gap_ns = s->t_ns - x->start_ns;
	x->start_ns = s->t_ns;
	x->start_proof = s->proof;
	lookups_sent(x->lookup_open, x->lookup, s->t_ns, x->qtype);
	if (!x->answered_ns) {
		txn_list_drop(x);
		txn_list_add(&t->open, x);
	}
}

/* May a question of x's lookup, asked at t_ns, be a further sending? glibc asks again for the half that was answered
 * too; when it has learnt to ask for one after the other, the second waits for the first's answer. */
static bool is_its_time(const struct txn *x, uint64_t t_ns, bool same_id)
{
	if (x->answered_ns && !same_id)
		return false;
	if (retry_rule_of(t_ns - x->start_ns) || lookups_has_waited(x->lookup_open, x->lookup, t_ns))
		return true;
	return same_id && t_ns >= x->start_ns + NS_PER_S && lookups_goes_on(x->lookup_open, x->lookup, t_ns);
}

/* The same tuple and question as x's: a copy, a further sending, or (false) the
 * client asks anew with an id and port it had before. */
static bool same_tuple(struct transact *t, struct txn *x, const struct seen *s, enum txn_event *ret)
{
	struct txn_view *v = txn_view_at(x, s);
	bool copy = txn_is_copy_in_time(x, s);
	if (v && copy && v->last_ns >= x->start_ns) { /* here it was, this sending */
		if (s->t_ns >= v->last_ns + TXN_MIRROR_NS)
			copy = false;
		else
			x->n_dups++;
	}
	if (copy) {
		if (v)
			txn_view_touch(t, v, s);
		else
			txn_view_add(t, x, s);
		*ret = TXE_VIEW;
		return true;
	}
	/* over TCP nobody sends again: it would be another place in the stream */
	if (x->proto == 't' || (x->answered_ns && !is_its_time(x, s->t_ns, true)))
		return false;
	sent_again(t, x, s);
	if (v)
		txn_view_touch(t, v, s);
	else
		txn_view_add(t, x, s);
	*ret = TXE_RESEND;
	return true;
}

/* Does x repeat `before`, from another port or with another id? */
static void classify(struct transact *t, struct txn *x, const struct txn *before, const struct seen *s)
{
	if (before && before->truncated && before->proto == 'u' && x->proto == 't' && x->t_ns < before->answered_ns + LATE_NS)
		x->after_tc = true;
	else
		x->retry = before && is_its_time(before, x->t_ns, before->id == x->id);
	if (x->retry)
		x->gap_ns = x->t_ns - before->start_ns;
	if (x->after_tc || x->retry) {
		x->lookup = before->lookup;
		x->lookup_open = before->lookup_open;
		lookups_sent(x->lookup_open, x->lookup, x->t_ns, x->qtype);
	} else if (s->name_len && x->opcode == DNS_QUERY) {
		x->lookup = lookups_question(t->lookups, x->t_ns, &x->view.client, x->name, x->name_len, x->qtype, &x->lookup_open);
	}
}

static void keep_octets(struct transact *t, struct txn *x, const struct dmessage *m, uint8_t **ret, uint32_t *ret_len)
{
	if (!t->c.keep_wire || *ret || !transact_make_room(t, x, m->len))
		return;
	*ret = malloc(m->len);
	if (*ret) {
		memcpy(*ret, m->bytes, m->len);
		*ret_len = (uint32_t)m->len;
	}
	x->bytes += m->len;
}

static struct txn *txn_new(struct transact *t, const struct seen *s)
{
	size_t bytes = sizeof(struct txn) + s->name_len;
	const struct txn *before = transact_find_asked(t, s);
	struct txn *x = transact_alloc(t, before, &bytes);
	if (!x)
		return NULL;
	x->bytes = bytes;
	x->t_ns = x->start_ns = s->t_ns;
	x->start_proof = s->proof;
	x->payload = s->payload;
	x->name_hash = s->name_hash;
	x->id = s->id;
	x->qtype = s->qtype;
	x->qclass = s->qclass;
	x->proto = s->m->proto;
	x->opcode = DNS_OPCODE(s->m->m.h.flags);
	x->readable = s->name_len;
	x->edns_size = s->m->m.edns.present ? s->m->m.edns.udp_size : 0;
	x->asked_ad = s->m->m.h.flags & DNS_AD;
	x->cookie = dns_edns_option(&s->m->m.edns, EDNS_COOKIE, &(uint16_t){0});
	x->n_sent = x->n_views = 1;
	x->ttl_s = -1;
	x->name_len = s->name_len;
	memcpy(x->name, s->name, s->name_len);
	txn_view_fill(&x->view, x, s);
	txn_list_add(&t->open, x);
	classify(t, x, before, s);
	txn_view_index(t, &x->view, s);
	if (s->name_len)
		txnindex_put(&t->asked, &x->asked, s->key_asked);
	keep_octets(t, x, s->m, &x->wire, &x->wire_len);
	return x;
}

static void early_of(struct early *ret, const struct seen *s)
{
	const struct dns_msg *m = &s->m->m;
	bool has_ttl = !s->m->err && m->min_ttl_s != UINT32_MAX;
	*ret = (struct early){.t_ns = s->t_ns, .payload = s->payload, .client = s->client, .server = s->server, .id = s->id,
			      .rcode = m->rcode, .flags = m->h.flags, .ttl_s = -1};
	if (has_ttl)
		ret->ttl_s = (int32_t)(m->min_ttl_s > INT32_MAX ? 0 : m->min_ttl_s);
	ret->negative = m->rcode == DNS_NXDOMAIN || (m->rcode == DNS_NOERROR && m->h.n_an == 0);
}

static void apply_answer(struct transact *t, struct txn *x, const struct early *a)
{
	x->has_answer = true;
	x->answer = a->payload;
	x->rcode = a->rcode;
	x->reply_flags = a->flags;
	x->truncated = a->flags & DNS_TC;
	x->ttl_s = a->ttl_s;
	if (x->lookup)
		lookups_answer(t->lookups, x->lookup_open, x->lookup, x->t_ns, a->t_ns, x->qtype, a->negative);
}

static void take_answer(struct transact *t, struct txn *x, const struct seen *s)
{
	struct early a;
	early_of(&a, s);
	apply_answer(t, x, &a);
	keep_octets(t, x, s->m, &x->reply, &x->reply_len);
}

/* Queues of one interface are microseconds apart: the answer may stand before its
 * question. */
static void answered_before(struct transact *t, struct txn *x)
{
	for (unsigned k = 0; x->t_ns <= t->early_ns + TXN_MIRROR_NS && k < EARLY_MAX; k++) {
		struct early *a = &t->early[k];
		if (!a->payload || x->t_ns > a->t_ns + TXN_MIRROR_NS || a->id != x->id || !addr_eq(&a->client, &x->view.client) ||
		    !addr_eq(&a->server, &x->view.server))
			continue;
		apply_answer(t, x, a);
		a->payload = 0;
		x->answered_ns = x->view.answer_ns = x->t_ns ? x->t_ns : 1;
		txn_list_drop(x);
		txn_list_add(&t->done, x);
		t->counts.event[TXE_ALONE]--;
		t->counts.event[TXE_ANSWER]++;
		return;
	}
}

static enum txn_event question(struct transact *t, const struct seen *s, const struct txn **ret)
{
	enum txn_event e;
	struct txn *x = transact_find_tuple(t, s);
	*ret = x;
	if (x && same_tuple(t, x, s, &e))
		return e;
	x = transact_find_translated(t, s);
	*ret = x;
	if (x) {
		txn_view_add(t, x, s);
		return TXE_VIEW;
	}
	x = txn_new(t, s);
	*ret = x;
	t->counts.lost += !x;
	if (x)
		answered_before(t, x);
	return TXE_NEW;
}

/* --- answers --- */

/* Marks the views of this tuple; the one at the answer's interface if there is one. */
static void mark_views(struct txn *x, const struct seen *s)
{
	struct txn_view *hit = NULL;
	for (struct txn_view *v = &x->view; v; v = v->next) {
		if (!addr_eq(&v->client, &s->client) || !addr_eq(&v->server, &s->server))
			continue;
		if (v->place.iface == s->place.iface && v->place.lane == s->place.lane && v->place.tunnels == s->place.tunnels)
			hit = v;
		else if (!hit)
			hit = v;
	}
	if (hit && !hit->answer_ns)
		hit->answer_ns = s->t_ns ? s->t_ns : 1;
}

static enum txn_event answered(struct transact *t, struct txn *x, const struct seen *s)
{
	bool clients = addr_eq(&x->view.client, &s->client) && addr_eq(&x->view.server, &s->server);
	mark_views(x, s);
	if (!x->has_answer)
		take_answer(t, x, s);
	if (!clients) {
		if (!x->passed_ns)
			x->passed_ns = s->t_ns ? s->t_ns : 1;
		return TXE_ANSWER_VIEW;
	}
	if (x->answered_ns) {
		if (x->answer == s->payload && s->t_ns < x->answered_ns + TXN_COPY_NS)
			return TXE_ANSWER_VIEW;
		x->n_again++;
		return TXE_ANSWER_AGAIN;
	}
	x->answered_ns = s->t_ns ? s->t_ns : 1;
	x->late = s->t_ns > x->start_ns + LATE_NS;
	if (x->answer != s->payload) {
		x->has_answer = false; /* what passed upstream is not what the client got */
		take_answer(t, x, s);
	}
	if (x->elsewhere_answer == s->payload)
		x->n_elsewhere = 0;
	txn_list_drop(x);
	txn_list_add(&t->done, x);
	return TXE_ANSWER;
}

static enum txn_event answer(struct transact *t, const struct seen *s, const struct txn **ret)
{
	struct txn *x = transact_find_tuple(t, s);
	t->counts.answers_bare += !s->name_len;
	*ret = x;
	if (x)
		return answered(t, x, s);
	x = transact_find_elsewhere(t, s);
	*ret = x;
	if (!x) {
		early_of(&t->early[t->early_head], s);
		t->early_head = (t->early_head + 1) % EARLY_MAX;
		t->early_ns = s->t_ns > t->early_ns ? s->t_ns : t->early_ns;
		return TXE_ALONE;
	}
	/* half-way back through NAT: the client's own answer is or was seen too */
	if (x->answered_ns && x->answer == s->payload && s->t_ns < x->answered_ns + TXN_COPY_NS)
		return TXE_ANSWER_VIEW;
	x->n_elsewhere++;
	x->elsewhere = s->server.ip;
	x->elsewhere_answer = s->payload;
	return TXE_ELSEWHERE;
}

/* --- messages --- */

static enum txn_event connection(struct transact *t, const struct dmessage *m)
{
	const struct packet *pk = &m->pk;
	for (unsigned k = 1; k <= CONNS_MAX; k++) {
		const struct conn *c = &t->conn[(t->conn_head + CONNS_MAX - k) % CONNS_MAX];
		if (!c->kind || pk->t_ns > c->t_ns + TXN_COPY_NS)
			break;
		/* NAT changes addresses and perhaps a port, never both ports and not the number */
		if (c->kind == m->kind && c->seq == pk->seq && (c->sport == pk->sport || c->dport == pk->dport))
			return TXE_CONN_VIEW;
	}
	t->conn[t->conn_head] = (struct conn){pk->t_ns, pk->seq, pk->sport, pk->dport, m->kind};
	t->conn_head = (t->conn_head + 1) % CONNS_MAX;
	*(m->kind == MSG_OPEN ? &t->counts.opens : &t->counts.closes) += 1;
	return TXE_CONN;
}

static void see(const struct transact *t, struct seen *s, const struct dmessage *m)
{
	const struct packet *pk = &m->pk;
	bool asks = m->kind == MSG_QUESTION;
	struct qs_addr src = {pk->src, pk->sport}, dst = {pk->dst, pk->dport};
	s->m = m;
	s->t_ns = pk->t_ns;
	s->client = asks ? src : dst;
	s->server = asks ? dst : src;
	s->place = (struct place){pk->iface, pk->lane, pk->dir, pk->tunnels};
	s->proof = m->proto == 't' ? pk->seq | 1 : pk->ip_id;
	s->payload = hash_sip13(&t->key, m->bytes, m->len) | 1;
	s->id = m->m.h.id;
	s->qtype = s->qclass = 0;
	s->name_hash = 0;
	s->name_len = 0;
	if (m->m.q.name) {
		s->qtype = m->m.q.qtype;
		s->qclass = m->m.q.qclass;
		s->name_len = (uint8_t)name_lower(s->name, m->m.q.name);
	}
	transact_keys(t, s, asks);
}

/* How many messages later what was fetched for one is looked at for what leads on from there. */
#define FIRST_AFTER 4
#define FOUND_AFTER 8

static struct seen *expected(struct transact *t, unsigned i)
{
	return &t->expected[(t->expected_from + i) % EXPECTED_MAX];
}

void transact_expect(struct transact *t, const struct dmessage *m)
{
	if (!m->bytes || m->len < DNS_HEADER_LEN || t->expected_n == EXPECTED_MAX - 1)
		return;
	see(t, expected(t, t->expected_n++), m);
	if (t->expected_n > FIRST_AFTER)
		transact_fetch_first(t, expected(t, t->expected_n - 1 - FIRST_AFTER));
	if (t->expected_n > FOUND_AFTER)
		transact_fetch_found(t, expected(t, t->expected_n - 1 - FOUND_AFTER));
}

/* As it was made ready, or in `room`. */
static const struct seen *seen_of(struct transact *t, const struct dmessage *m, struct seen *room)
{
	const struct seen *s = expected(t, 0);
	if (t->expected_n && s->m == m) {
		t->expected_from++;
		t->expected_n--;
		return s;
	}
	see(t, room, m);
	transact_fetch_first(t, room);
	return room;
}

enum txn_event transact_message(struct transact *t, const struct dmessage *m, const struct txn **ret_txn)
{
	struct seen room;
	enum txn_event e;
	*ret_txn = NULL;
	transact_expire(t, m->pk.t_ns);
	if (m->kind == MSG_OPEN || m->kind == MSG_CLOSE) {
		e = connection(t, m);
	} else if (m->len < DNS_HEADER_LEN) {
		e = TXE_UNREADABLE;
	} else {
		const struct seen *s = seen_of(t, m, &room);
		e = m->kind == MSG_QUESTION ? question(t, s, ret_txn) : answer(t, s, ret_txn);
	}
	t->counts.event[e]++;
	return e;
}

const struct lookups_waste *transact_waste(const struct transact *t)
{
	return lookups_waste(t->lookups);
}

uint64_t transact_n_lookups(const struct transact *t)
{
	return lookups_count(t->lookups);
}

const struct transact_counts *transact_counts(const struct transact *t)
{
	return &t->counts;
}
