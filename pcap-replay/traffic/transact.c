/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four indexes: views by (client, port, id), by (octets, client port), by (octets,
 * proof); transactions by (client, question). Two lists in order of time, waiting
 * and answered, from whose old ends transactions leave.
 */
#include "pcap-replay/traffic/transact.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "pcap-replay/traffic/lookups.h"
#include "pcap-replay/traffic/retry.h"
#include "pcap-replay/traffic/txnindex.h"

#define LATE_NS   (5 * NS_PER_S)
#define EARLY_MAX 64
#define CONNS_MAX 256 /* begins and ends of connections of the last moment */

struct conn { /* a SYN or FIN that may be seen elsewhere too */
	uint64_t t_ns;
	uint32_t seq;
	uint16_t sport, dport;
	char kind;
};

struct early { /* an answer whose question is not there: it may come a moment later */
	uint64_t t_ns, payload;
	struct qs_addr client, server;
	int32_t ttl_s;
	uint16_t id, rcode, flags;
	bool negative;
};

struct transact {
	struct transact_conf c;
	struct hash_key key;
	struct lookups *lookups;
	struct txnindex by_client, by_port, by_proof, asked;
	struct txn_list open, done;
	struct conn conn[CONNS_MAX];
	unsigned conn_head, early_head;
	struct early early[EARLY_MAX];
	struct transact_counts counts;
};

/* A message as the matching sees it. */
struct seen {
	const struct dmessage *m;
	uint64_t t_ns, payload;
	struct qs_addr client, server;
	struct place place;
	uint32_t proof;
	uint16_t id, qtype, qclass;
	uint8_t name_len;
	uint8_t name[NAME_MAX_WIRE];
};

/* --- keys --- */

static uint64_t key_client(const struct transact *t, const struct qs_addr *client, uint16_t id, char proto)
{
	uint8_t b[24] = {0};
	memcpy(b, &client->ip, 16);
	memcpy(b + 16, &client->port, 2);
	memcpy(b + 18, &id, 2);
	b[20] = (uint8_t)proto;
	return hash_sip13(&t->key, b, sizeof(b));
}

static uint64_t key_number(uint64_t payload, uint32_t number)
{
	uint64_t h = payload ^ (number + 1) * 0x9e3779b97f4a7c15u; /* payload is keyed already */
	return h ^ h >> 29;
}

static uint64_t key_asked(const struct transact *t, const struct in6_addr *client, const struct seen *s)
{
	uint8_t b[NAME_MAX_WIRE + 20];
	memcpy(b, client, 16);
	memcpy(b + 16, &s->qtype, 2);
	memcpy(b + 18, &s->qclass, 2);
	memcpy(b + 20, s->name, s->name_len);
	return hash_sip13(&t->key, b, 20u + s->name_len);
}

/* --- life --- */

struct transact *transact_new(const struct transact_conf *c)
{
	struct transact *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->c = *c;
	rng_os_bytes(&t->key, sizeof(t->key));
	t->lookups = lookups_new(c->budget);
	if (!t->lookups || txnindex_init(&t->by_client) || txnindex_init(&t->by_port) || txnindex_init(&t->by_proof) ||
	    txnindex_init(&t->asked)) {
		transact_free(t);
		return NULL;
	}
	return t;
}

static void list_drop(struct txn *x)
{
	struct txn_list *l = x->list;
	*(x->older ? &x->older->newer : &l->oldest) = x->newer;
	*(x->newer ? &x->newer->older : &l->newest) = x->older;
}

static void list_add(struct txn_list *l, struct txn *x)
{
	x->list = l;
	x->newer = NULL;
	x->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = x;
	l->newest = x;
}

static void view_unlink(struct transact *t, struct txn_view *v)
{
	txnindex_drop(&t->by_client, &v->by_client);
	txnindex_drop(&t->by_port, &v->by_port);
	txnindex_drop(&t->by_proof, &v->by_proof);
}

static void txn_drop(struct transact *t, struct txn *x)
{
	list_drop(x);
	txnindex_drop(&t->asked, &x->asked);
	view_unlink(t, &x->view);
	for (struct txn_view *v = x->view.next, *next; v; v = next) {
		next = v->next;
		view_unlink(t, v);
		free(v);
	}
	budget_give(t->c.budget, x->bytes);
	free(x->wire);
	free(x->reply);
	free(x);
}

static void txn_close(struct transact *t, struct txn *x)
{
	if (t->c.closed)
		t->c.closed(t->c.ctx, x);
	txn_drop(t, x);
}

void transact_free(struct transact *t)
{
	if (!t)
		return;
	while (t->open.oldest)
		txn_drop(t, t->open.oldest);
	while (t->done.oldest)
		txn_drop(t, t->done.oldest);
	lookups_free(t->lookups);
	txnindex_release(&t->by_client);
	txnindex_release(&t->by_port);
	txnindex_release(&t->by_proof);
	txnindex_release(&t->asked);
	free(t);
}

void transact_finish(struct transact *t)
{
	while (t->open.oldest || t->done.oldest) {
		struct txn *o = t->open.oldest, *d = t->done.oldest;
		txn_close(t, !o || (d && d->t_ns < o->t_ns) ? d : o);
	}
}

static void expire(struct transact *t, uint64_t now_ns)
{
	while (t->open.oldest && now_ns > t->open.oldest->start_ns + TXN_LIFE_NS)
		txn_close(t, t->open.oldest);
	while (t->done.oldest && now_ns > t->done.oldest->answered_ns + TXN_DONE_NS)
		txn_close(t, t->done.oldest);
}

/* Takes from the budget, closing the oldest others until there is enough. */
static bool make_room(struct transact *t, const struct txn *keep, size_t n)
{
	while (!budget_take(t->c.budget, n)) {
		struct txn *o = t->done.oldest ? t->done.oldest : t->open.oldest;
		if (!o || o == keep)
			return false;
		t->counts.early++;
		txn_close(t, o);
	}
	return true;
}

/* --- questions --- */

static bool same_question(const struct txn *x, const struct seen *s)
{
	if (!x->name_len || !s->name_len)
		return true; /* not readable: the tuple and the id have to do */
	return x->qtype == s->qtype && x->qclass == s->qclass && x->name_len == s->name_len &&
	       !memcmp(x->name, s->name, s->name_len);
}

static void view_index(struct transact *t, struct txn_view *v)
{
	const struct txn *x = v->owner;
	txnindex_put(&t->by_client, &v->by_client, key_client(t, &v->client, x->id, x->proto));
	txnindex_put(&t->by_port, &v->by_port, key_number(x->payload, v->client.port));
	if (v->proof)
		txnindex_put(&t->by_proof, &v->by_proof, key_number(x->payload, v->proof));
}

static void view_fill(struct txn_view *v, struct txn *x, const struct seen *s)
{
	*v = (struct txn_view){.owner = x, .client = s->client, .server = s->server, .place = s->place, .proof = s->proof,
			       .first_ns = s->t_ns, .last_ns = s->t_ns, .n_sent = x->n_sent};
}

static struct txn_view *view_at(struct txn *x, const struct seen *s)
{
	for (struct txn_view *v = &x->view; v; v = v->next)
		if (place_eq(&v->place, &s->place) && addr_eq(&v->client, &s->client) && addr_eq(&v->server, &s->server))
			return v;
	return NULL;
}

static void view_add(struct transact *t, struct txn *x, const struct seen *s)
{
	struct txn_view *v = make_room(t, x, sizeof(*v)) ? malloc(sizeof(*v)) : NULL;
	if (!v)
		return;
	x->bytes += sizeof(*v);
	view_fill(v, x, s);
	struct txn_view *last = &x->view;
	while (last->next)
		last = last->next;
	last->next = v;
	x->n_views++;
	view_index(t, v);
}

static bool is_copy_in_time(const struct txn *x, const struct seen *s)
{
	return s->t_ns < x->start_ns + TXN_COPY_NS && x->payload == s->payload &&
	       (!x->start_proof || !s->proof || x->start_proof == s->proof);
}

/* A further sending, seen at a view that is there or will be. */
static void sent_again(struct transact *t, struct txn *x, const struct seen *s)
{
	x->n_sent++;
	x->gap_ns = s->t_ns - x->start_ns;
	x->start_ns = s->t_ns;
	x->start_proof = s->proof;
	if (!x->answered_ns) {
		list_drop(x);
		list_add(&t->open, x);
	}
}

static void view_touch(struct transact *t, struct txn_view *v, const struct seen *s)
{
	v->last_ns = s->t_ns;
	v->n_sent = v->owner->n_sent;
	if (v->proof != s->proof) {
		txnindex_drop(&t->by_proof, &v->by_proof);
		v->proof = s->proof;
		if (v->proof)
			txnindex_put(&t->by_proof, &v->by_proof, key_number(v->owner->payload, v->proof));
	}
}

/* The same tuple and question as x's: a copy, a further sending, or (false) the
 * client asks anew with an id and port it had before. */
static bool same_tuple(struct transact *t, struct txn *x, const struct seen *s, enum txn_event *ret)
{
	struct txn_view *v = view_at(x, s);
	bool copy = is_copy_in_time(x, s);
	if (v && copy && v->last_ns >= x->start_ns) { /* here it was, this sending */
		if (s->t_ns >= v->last_ns + TXN_MIRROR_NS)
			copy = false;
		else
			x->n_dups++;
	}
	if (copy) {
		if (v)
			view_touch(t, v, s);
		else
			view_add(t, x, s);
		*ret = TXE_VIEW;
		return true;
	}
	/* over TCP nobody sends again: it would be another place in the stream */
	if (x->proto == 't' || (x->answered_ns && !retry_rule_of(s->t_ns - x->start_ns)))
		return false;
	sent_again(t, x, s);
	if (v)
		view_touch(t, v, s);
	else
		view_add(t, x, s);
	*ret = TXE_RESEND;
	return true;
}

/* Other addresses, the same octets: does NAT lie between? */
static bool is_translated(struct txn *x, const struct txn_view *v, const struct seen *s)
{
	bool client = addr_eq(&v->client, &s->client), server = addr_eq(&v->server, &s->server);
	bool proven = v->proof && v->proof == s->proof, been_there = false;
	if (!is_copy_in_time(x, s) || (v->proof && s->proof && !proven))
		return false;
	for (const struct txn_view *w = &x->view; w; w = w->next)
		been_there |= place_eq(&w->place, &s->place);
	if (proven)
		return client || server || !been_there;
	if (been_there)
		return false;
	if (client || (server && v->client.port == s->client.port))
		return true;
	/* both ends changed at once, the port kept: in at one side, out at another */
	return v->client.port == s->client.port && v->place.dir == DIR_IN && s->place.dir == DIR_OUT;
}

static struct txn *find_translated(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_port, key_number(s->payload, s->client.port)); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_port));
		if (is_translated(v->owner, v, s))
			return v->owner;
	}
	left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = s->proof ? txnindex_first(&t->by_proof, key_number(s->payload, s->proof)) : NULL; l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_proof));
		if (is_translated(v->owner, v, s))
			return v->owner;
	}
	return NULL;
}

/* The newest transaction of this client, port and id that asks this of this server. */
static struct txn *find_tuple(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_client, key_client(t, &s->client, s->id, s->m->proto)); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_client));
		if (v->owner->id == s->id && addr_eq(&v->client, &s->client) && addr_eq(&v->server, &s->server) &&
		    same_question(v->owner, s))
			return v->owner;
	}
	return NULL;
}

static struct txn *find_asked(struct transact *t, const struct seen *s)
{
	if (!s->name_len)
		return NULL;
	for (struct txn_link *l = txnindex_first(&t->asked, key_asked(t, &s->client.ip, s)); l; l = txnindex_next(l)) {
		struct txn *x = (struct txn *)((char *)l - offsetof(struct txn, asked));
		if (IN6_ARE_ADDR_EQUAL(&x->view.client.ip, &s->client.ip) && same_question(x, s))
			return x;
	}
	return NULL;
}

/* Does x repeat `before`, from another port or with another id? glibc keeps the id,
 * and asks again for the half that was answered too. */
static void classify(struct transact *t, struct txn *x, const struct txn *before, const struct seen *s)
{
	if (before && before->truncated && before->proto == 'u' && x->proto == 't' && x->t_ns < before->answered_ns + LATE_NS)
		x->after_tc = true;
	else if (before && retry_rule_of(x->t_ns - before->start_ns))
		x->retry = !before->answered_ns || before->id == x->id;
	if (x->retry)
		x->gap_ns = x->t_ns - before->start_ns;
	if (x->after_tc || x->retry)
		x->lookup = before->lookup;
	else if (s->name_len && x->opcode == DNS_QUERY)
		x->lookup = lookups_question(t->lookups, x->t_ns, &x->view.client, x->name, x->qtype);
}

static void keep_octets(struct transact *t, struct txn *x, const struct dmessage *m, uint8_t **ret, uint32_t *ret_len)
{
	if (!t->c.keep_wire || *ret || !make_room(t, x, m->len))
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
	const struct txn *before = find_asked(t, s);
	if (!make_room(t, before, bytes))
		return NULL;
	struct txn *x = calloc(1, bytes);
	if (!x) {
		budget_give(t->c.budget, bytes);
		return NULL;
	}
	x->bytes = bytes;
	x->t_ns = x->start_ns = s->t_ns;
	x->start_proof = s->proof;
	x->payload = s->payload;
	x->id = s->id;
	x->qtype = s->qtype;
	x->qclass = s->qclass;
	x->proto = s->m->proto;
	x->opcode = DNS_OPCODE(s->m->m.h.flags);
	x->readable = s->name_len;
	x->edns_size = s->m->m.edns.present ? s->m->m.edns.udp_size : 0;
	x->n_sent = x->n_views = 1;
	x->ttl_s = -1;
	x->name_len = s->name_len;
	memcpy(x->name, s->name, s->name_len);
	view_fill(&x->view, x, s);
	list_add(&t->open, x);
	classify(t, x, before, s);
	view_index(t, &x->view);
	if (s->name_len)
		txnindex_put(&t->asked, &x->asked, key_asked(t, &s->client.ip, s));
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
		lookups_answer(t->lookups, x->lookup, a->t_ns, a->negative);
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
	for (unsigned k = 0; k < EARLY_MAX; k++) {
		struct early *a = &t->early[k];
		if (!a->payload || x->t_ns > a->t_ns + TXN_MIRROR_NS || a->id != x->id || !addr_eq(&a->client, &x->view.client) ||
		    !addr_eq(&a->server, &x->view.server))
			continue;
		apply_answer(t, x, a);
		a->payload = 0;
		x->answered_ns = x->view.answer_ns = x->t_ns ? x->t_ns : 1;
		list_drop(x);
		list_add(&t->done, x);
		t->counts.event[TXE_ALONE]--;
		t->counts.event[TXE_ANSWER]++;
		return;
	}
}

static enum txn_event question(struct transact *t, const struct seen *s, const struct txn **ret)
{
	enum txn_event e;
	struct txn *x = find_tuple(t, s);
	*ret = x;
	if (x && same_tuple(t, x, s, &e))
		return e;
	x = find_translated(t, s);
	*ret = x;
	if (x) {
		view_add(t, x, s);
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
	list_drop(x);
	list_add(&t->done, x);
	return TXE_ANSWER;
}

/* Who asked this with this port and id, whomever it asked. */
static struct txn *find_elsewhere(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_client, key_client(t, &s->client, s->id, s->m->proto)); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_client));
		if (v->owner->id == s->id && addr_eq(&v->client, &s->client) && s->name_len && same_question(v->owner, s))
			return v->owner;
	}
	return NULL;
}

static enum txn_event answer(struct transact *t, const struct seen *s, const struct txn **ret)
{
	struct txn *x = find_tuple(t, s);
	t->counts.answers_bare += !s->name_len;
	*ret = x;
	if (x)
		return answered(t, x, s);
	x = find_elsewhere(t, s);
	*ret = x;
	if (!x) {
		early_of(&t->early[t->early_head], s);
		t->early_head = (t->early_head + 1) % EARLY_MAX;
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
	s->name_len = 0;
	if (m->m.q.name) {
		s->qtype = m->m.q.qtype;
		s->qclass = m->m.q.qclass;
		s->name_len = (uint8_t)name_lower(s->name, m->m.q.name);
	}
}

enum txn_event transact_message(struct transact *t, const struct dmessage *m, const struct txn **ret_txn)
{
	struct seen s;
	enum txn_event e;
	*ret_txn = NULL;
	expire(t, m->pk.t_ns);
	if (m->kind == MSG_OPEN || m->kind == MSG_CLOSE) {
		e = connection(t, m);
	} else if (m->len < DNS_HEADER_LEN) {
		e = TXE_UNREADABLE;
	} else {
		see(t, &s, m);
		e = m->kind == MSG_QUESTION ? question(t, &s, ret_txn) : answer(t, &s, ret_txn);
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
