/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four indexes: views by (client, port, id), by (octets, client port), by (octets,
 * proof); transactions by (client, question). Two lists in order of time, waiting
 * and answered, from whose old ends transactions leave.
 */
#include "pcap-replay/traffic/transact_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"

/* --- keys --- */

uint64_t transact_key_number(uint64_t payload, uint32_t number)
{
	uint64_t h = payload ^ (number + 1) * 0x9e3779b97f4a7c15u; /* payload is keyed already */
	return h ^ h >> 29;
}

void transact_keys(const struct transact *t, struct seen *s, bool asks)
{
	uint64_t half[2], ip;
	memcpy(half, &s->client.ip, 16);
	ip = hash_pair(&t->key, half[0], half[1]);
	s->key_client = hash_pair(&t->key, ip, (uint64_t)(uint8_t)s->m->proto << 32 | (uint32_t)s->client.port << 16 | s->id);
	txnindex_prefetch(&t->by_client, s->key_client);
	if (!asks)
		return;
	s->key_port = transact_key_number(s->payload, s->client.port);
	txnindex_prefetch(&t->by_port, s->key_port);
	s->key_proof = transact_key_number(s->payload, s->proof);
	txnindex_prefetch(&t->by_proof, s->key_proof);
	if (!s->name_len)
		return;
	s->name_hash = hash_sip13(&t->key, s->name, s->name_len) | 1;
	s->key_asked = hash_pair(&t->key, ip ^ s->name_hash, (uint32_t)s->qtype << 16 | s->qclass);
	txnindex_prefetch(&t->asked, s->key_asked);
}

void transact_fetch_first(const struct transact *t, const struct seen *s)
{
	txnindex_prefetch_first(&t->by_client, s->key_client);
	if (s->m->kind != MSG_QUESTION)
		return;
	txnindex_prefetch_first(&t->by_port, s->key_port);
	txnindex_prefetch_first(&t->by_proof, s->key_proof);
	if (s->name_len)
		txnindex_prefetch_first(&t->asked, s->key_asked);
}

static void fetch(const void *at, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
		__builtin_prefetch((const char *)at + i, 1);
}

void transact_fetch_found(const struct transact *t, const struct seen *s)
{
	const struct txn_link *l;
	if (s->m->kind != MSG_QUESTION && (l = txnindex_front(&t->by_client, s->key_client))) /* the first view, mostly */
		fetch((const char *)l - offsetof(struct txn, view.by_client), sizeof(struct txn) + 64);
	else if (s->m->kind == MSG_QUESTION && s->name_len && (l = txnindex_front(&t->asked, s->key_asked)))
		fetch((const char *)l - offsetof(struct txn, asked), sizeof(struct txn) + 64);
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

void txn_list_drop(struct txn *x)
{
	struct txn_list *l = x->list;
	*(x->older ? &x->older->newer : &l->oldest) = x->newer;
	*(x->newer ? &x->newer->older : &l->newest) = x->older;
}

void txn_list_add(struct txn_list *l, struct txn *x)
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

/* Which of transact.spare: names are shorter than what TXN_SIZES hold. */
static unsigned size_of(size_t bytes)
{
	return (unsigned)((bytes - sizeof(struct txn) + 63) / 64);
}

static void txn_drop(struct transact *t, struct txn *x)
{
	txn_list_drop(x);
	txnindex_drop(&t->asked, &x->asked);
	view_unlink(t, &x->view);
	for (struct txn_view *v = x->view.next, *next; v; v = next) {
		next = v->next;
		view_unlink(t, v);
		free(v);
	}
	free(x->wire);
	free(x->reply);
	budget_give(t->c.budget, x->bytes - x->own_bytes);
	unsigned size = size_of(x->own_bytes);
	x->newer = t->spare[size];
	t->spare[size] = x;
}

static bool spare_drop(struct transact *t)
{
	for (unsigned i = 0; i < TXN_SIZES; i++) {
		struct txn *x = t->spare[i];
		if (!x)
			continue;
		t->spare[i] = x->newer;
		budget_give(t->c.budget, x->own_bytes + TXN_INDEX_BYTES);
		free(x);
		return true;
	}
	return false;
}

struct txn *transact_alloc(struct transact *t, const struct txn *keep, size_t *bytes)
{
	unsigned size = size_of(*bytes);
	size_t own = sizeof(struct txn) + (size_t)size * 64;
	struct txn *x = t->spare[size];
	if (x)
		t->spare[size] = x->newer;
	else if (!transact_make_room(t, keep, own + TXN_INDEX_BYTES))
		return NULL;
	else if (!(x = malloc(own)))
		budget_give(t->c.budget, own + TXN_INDEX_BYTES);
	if (!x)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->own_bytes = (uint32_t)own;
	*bytes = own;
	return x;
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
	while (spare_drop(t))
		;
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

/* What leaves has not been looked at for seconds: the next but one is called for, and of the next
 * whatever its links lead to. */
static void fetch_ahead(const struct txn *x)
{
	const struct txn *next = x->newer;
	if (!next || !next->newer)
		return;
	for (size_t at = 0; at < sizeof(*x) + 64; at += 64)
		__builtin_prefetch((const char *)next->newer + at, 1);
	__builtin_prefetch(next->asked.pprev, 1);
	__builtin_prefetch(next->view.by_client.pprev, 1);
	__builtin_prefetch(next->view.by_port.pprev, 1);
	__builtin_prefetch(next->view.by_proof.pprev, 1);
}

void transact_expire(struct transact *t, uint64_t now_ns)
{
	while (t->open.oldest && now_ns > t->open.oldest->start_ns + TXN_LIFE_NS)
		txn_close(t, t->open.oldest);
	while (t->done.oldest && now_ns > t->done.oldest->answered_ns + TXN_DONE_NS) {
		fetch_ahead(t->done.oldest);
		txn_close(t, t->done.oldest);
	}
}

bool transact_make_room(struct transact *t, const struct txn *keep, size_t n)
{
	while (!budget_take(t->c.budget, n)) {
		struct txn *o = t->done.oldest ? t->done.oldest : t->open.oldest;
		if (spare_drop(t))
			continue;
		if (!o || o == keep)
			return false;
		t->counts.early++;
		txn_close(t, o);
	}
	return true;
}

/* --- views --- */

void txn_view_index(struct transact *t, struct txn_view *v, const struct seen *s)
{
	const struct txn *x = v->owner;
	txnindex_put(&t->by_client, &v->by_client, s->key_client);
	txnindex_put(&t->by_port, &v->by_port, transact_key_number(x->payload, v->client.port));
	if (v->proof)
		txnindex_put(&t->by_proof, &v->by_proof, transact_key_number(x->payload, v->proof));
}

void txn_view_fill(struct txn_view *v, struct txn *x, const struct seen *s)
{
	*v = (struct txn_view){.owner = x, .client = s->client, .server = s->server, .place = s->place, .proof = s->proof,
			       .first_ns = s->t_ns, .last_ns = s->t_ns, .n_sent = x->n_sent};
}

struct txn_view *txn_view_at(struct txn *x, const struct seen *s)
{
	for (struct txn_view *v = &x->view; v; v = v->next)
		if (place_eq(&v->place, &s->place) && addr_eq(&v->client, &s->client) && addr_eq(&v->server, &s->server))
			return v;
	return NULL;
}

void txn_view_add(struct transact *t, struct txn *x, const struct seen *s)
{
	if (x->n_views == TXN_VIEWS_MAX) {
		x->n_dups++;
		return;
	}
	struct txn_view *v = transact_make_room(t, x, sizeof(*v)) ? malloc(sizeof(*v)) : NULL;
	if (!v)
		return;
	x->bytes += sizeof(*v);
	txn_view_fill(v, x, s);
	struct txn_view *last = &x->view;
	while (last->next)
		last = last->next;
	last->next = v;
	x->n_views++;
	txn_view_index(t, v, s);
}

void txn_view_touch(struct transact *t, struct txn_view *v, const struct seen *s)
{
	v->last_ns = s->t_ns;
	v->n_sent = v->owner->n_sent;
	if (v->proof != s->proof) {
		txnindex_drop(&t->by_proof, &v->by_proof);
		v->proof = s->proof;
		if (v->proof)
			txnindex_put(&t->by_proof, &v->by_proof, transact_key_number(v->owner->payload, v->proof));
	}
}
