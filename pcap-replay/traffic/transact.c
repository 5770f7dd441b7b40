/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three indexes over one growing array of transactions, all of the same kind: a
 * keyed hash of some fields to the newest transaction that has them. `exact` is
 * the tuple with id and question, `moved` is id and question alone (another hop
 * may have changed the addresses), `asked` is client and question (a retry from
 * a new port has neither port nor id in common).
 */
#include "pcap-replay/traffic/transact.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "pcap-replay/traffic/lookups.h"
#include "pcap-replay/traffic/names.h"

#define NO_TXN UINT32_MAX

struct index { /* open addressing; an entry is replaced by the next one like it */
	uint64_t *hash;
	uint32_t *txn;
	size_t n_slots, n;
};

struct transact {
	struct hash_key key;
	struct names *names;
	struct lookups *lookups;
	struct txn *txn;
	size_t n, cap;
	struct index exact, moved, asked;
	struct transact_counts counts;
};

/* --- index --- */

static int index_init(struct index *x, size_t n_slots)
{
	x->n_slots = n_slots;
	x->n = 0;
	x->hash = calloc(n_slots, sizeof(*x->hash));
	x->txn = malloc(n_slots * sizeof(*x->txn));
	return x->hash && x->txn ? 0 : ERR_NOMEM;
}

static void index_release(struct index *x)
{
	free(x->hash);
	free(x->txn);
}

static size_t index_slot(const struct index *x, uint64_t h)
{
	size_t at = h & (x->n_slots - 1);
	while (x->hash[at] && x->hash[at] != h)
		at = (at + 1) & (x->n_slots - 1);
	return at;
}

static uint32_t index_get(const struct index *x, uint64_t h)
{
	size_t at = index_slot(x, h);
	return x->hash[at] ? x->txn[at] : NO_TXN;
}

static void index_put(struct index *x, uint64_t h, uint32_t txn)
{
	if ((x->n + 1) * 2 > x->n_slots) {
		struct index big;
		if (index_init(&big, x->n_slots * 2)) {
			index_release(&big);
			return;
		}
		for (size_t i = 0; i < x->n_slots; i++)
			if (x->hash[i]) {
				size_t to = index_slot(&big, x->hash[i]);
				big.hash[to] = x->hash[i];
				big.txn[to] = x->txn[i];
			}
		big.n = x->n;
		index_release(x);
		*x = big;
	}
	size_t at = index_slot(x, h);
	x->n += x->hash[at] == 0;
	x->hash[at] = h;
	x->txn[at] = txn;
}

/* --- keys --- */

struct key_fields {
	struct in6_addr client;
	uint32_t name;
	uint16_t qtype, id, cport;
	uint8_t proto, kind;
};

static uint64_t key_hash(const struct transact *t, const struct key_fields *k)
{
	uint8_t b[32];
	memcpy(b, &k->client, 16);
	memcpy(b + 16, &k->name, 4);
	memcpy(b + 20, &k->qtype, 2);
	memcpy(b + 22, &k->id, 2);
	memcpy(b + 24, &k->cport, 2);
	b[26] = k->proto;
	b[27] = k->kind;
	memset(b + 28, 0, 4);
	return hash_sip13(&t->key, b, sizeof(b)) | 1; /* 0 marks a free slot */
}

static uint64_t key_exact(const struct transact *t, const struct txn *q)
{
	return key_hash(t, &(struct key_fields){q->client.ip, q->name, q->qtype, q->id, q->client.port, (uint8_t)q->proto, 'e'});
}

static uint64_t key_moved(const struct transact *t, const struct txn *q)
{
	return key_hash(t, &(struct key_fields){IN6ADDR_ANY_INIT, q->name, q->qtype, q->id, 0, (uint8_t)q->proto, 'm'});
}

static uint64_t key_asked(const struct transact *t, const struct txn *q)
{
	return key_hash(t, &(struct key_fields){q->client.ip, q->name, q->qtype, 0, 0, 0, 'a'});
}

/* --- life --- */

struct transact *transact_new(void)
{
	struct transact *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	rng_os_bytes(&t->key, sizeof(t->key));
	t->names = names_new();
	t->lookups = lookups_new();
	if (!t->names || !t->lookups || index_init(&t->exact, 1024) || index_init(&t->moved, 1024) ||
	    index_init(&t->asked, 1024)) {
		transact_free(t);
		return NULL;
	}
	return t;
}

void transact_free(struct transact *t)
{
	if (!t)
		return;
	names_free(t->names);
	lookups_free(t->lookups);
	index_release(&t->exact);
	index_release(&t->moved);
	index_release(&t->asked);
	free(t->txn);
	free(t);
}

static struct txn *txn_add(struct transact *t, const struct txn *q)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 1024;
		struct txn *p = realloc(t->txn, cap * sizeof(*p));
		if (!p)
			return NULL;
		t->txn = p;
		t->cap = cap;
	}
	t->txn[t->n] = *q;
	return &t->txn[t->n++];
}

/* --- questions and answers --- */

static struct txn *find(struct transact *t, const struct index *x, uint64_t h, uint64_t now_ns)
{
	uint32_t i = index_get(x, h);
	if (i == NO_TXN || now_ns > t->txn[i].t_ns + TXN_LIFE_NS)
		return NULL;
	return &t->txn[i];
}

static bool same_view(const struct txn *a, const struct txn *b)
{
	return a->iface == b->iface && a->server.port == b->server.port &&
	       !memcmp(&a->server.ip, &b->server.ip, 16) && !memcmp(&a->client.ip, &b->client.ip, 16);
}

static void question(struct transact *t, const struct txn *q)
{
	struct txn *old = find(t, &t->exact, key_exact(t, q), q->t_ns);
	if (old && same_view(old, q) && !old->answered_ns) {
		old->n_sent++;
		return;
	}
	if (!old)
		old = find(t, &t->moved, key_moved(t, q), q->t_ns);
	if (old && !same_view(old, q) && q->t_ns < old->t_ns + TXN_HOP_NS) {
		old->n_hops++;
		index_put(&t->exact, key_exact(t, q), (uint32_t)(old - t->txn));
		return;
	}
	struct txn *before = find(t, &t->asked, key_asked(t, q), q->t_ns);
	bool retry = before && !before->answered_ns && q->t_ns > before->t_ns + 250000000u;
	uint32_t lookup_before = before ? before->lookup : 0;
	struct txn *n = txn_add(t, q);
	if (!n)
		return;
	uint32_t i = (uint32_t)(n - t->txn);
	n->retry = retry;
	n->lookup = retry ? lookup_before
			  : lookups_question(t->lookups, q->t_ns, &q->client, names_at(t->names, q->name), q->qtype);
	index_put(&t->exact, key_exact(t, n), i);
	index_put(&t->moved, key_moved(t, n), i);
	index_put(&t->asked, key_asked(t, n), i);
}

static void answer(struct transact *t, const struct txn *a, uint16_t rcode, bool tc, bool negative)
{
	struct txn *q = find(t, &t->exact, key_exact(t, a), a->t_ns);
	if (!q) {
		t->counts.answers_alone++;
		return;
	}
	if (q->answered_ns) {
		*(a->t_ns < q->answered_ns + TXN_HOP_NS && q->n_hops ? &t->counts.answer_hops : &t->counts.answers_again) += 1;
		return;
	}
	q->answered_ns = a->t_ns ? a->t_ns : 1;
	q->rcode = rcode;
	q->truncated = tc;
	lookups_answer(t->lookups, q->lookup, a->t_ns, negative);
}

void transact_message(void *transact, const struct dmessage *m)
{
	struct transact *t = transact;
	if (m->kind == QS_OPEN || m->kind == QS_CLOSE) {
		*(m->kind == QS_OPEN ? &t->counts.opens : &t->counts.closes) += 1;
		return;
	}
	if (m->m.q.name == NULL) {
		t->counts.no_question++;
		return;
	}
	const struct packet *pk = m->pk;
	bool is_q = m->kind == QS_QUESTION;
	struct txn x = {
		.t_ns = pk->t_ns, .iface = pk->iface << 2 | pk->dir, .id = m->m.h.id, .qtype = m->m.q.qtype,
		.proto = m->proto, .n_sent = 1,
		.client = {is_q ? pk->src : pk->dst, is_q ? pk->sport : pk->dport},
		.server = {is_q ? pk->dst : pk->src, is_q ? pk->dport : pk->sport},
	};
	struct name name = {.len = m->m.q.name_len};
	memcpy(name.b, m->m.q.name, name.len);
	x.name = names_intern(t->names, name.b);
	if (x.name == NAMES_NONE)
		t->counts.names_full++;
	else if (is_q)
		question(t, &x);
	else
		answer(t, &x, m->m.rcode, m->m.h.flags & DNS_TC,
		       m->m.rcode == DNS_NXDOMAIN || (m->m.rcode == DNS_NOERROR && m->m.h.n_an == 0));
}

size_t transact_count(const struct transact *t)
{
	return t->n;
}

const struct txn *transact_at(const struct transact *t, size_t i)
{
	return &t->txn[i];
}

const uint8_t *transact_name(const struct transact *t, uint32_t index)
{
	return names_at(t->names, index);
}

size_t transact_n_names(const struct transact *t)
{
	return names_count(t->names);
}

uint64_t transact_n_lookups(const struct transact *t)
{
	return lookups_count(t->lookups);
}

const struct transact_counts *transact_counts(const struct transact *t)
{
	return &t->counts;
}
