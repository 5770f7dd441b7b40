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

uint64_t transact_key_client(const struct transact *t, const struct qs_addr *client, uint16_t id, char proto)
{
	uint8_t b[24] = {0};
	memcpy(b, &client->ip, 16);
	memcpy(b + 16, &client->port, 2);
	memcpy(b + 18, &id, 2);
	b[20] = (uint8_t)proto;
	return hash_sip13(&t->key, b, sizeof(b));
}

uint64_t transact_key_number(uint64_t payload, uint32_t number)
{
	uint64_t h = payload ^ (number + 1) * 0x9e3779b97f4a7c15u; /* payload is keyed already */
	return h ^ h >> 29;
}

uint64_t transact_key_asked(const struct transact *t, const struct in6_addr *client, const struct seen *s)
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

void transact_expire(struct transact *t, uint64_t now_ns)
{
	while (t->open.oldest && now_ns > t->open.oldest->start_ns + TXN_LIFE_NS)
		txn_close(t, t->open.oldest);
	while (t->done.oldest && now_ns > t->done.oldest->answered_ns + TXN_DONE_NS)
		txn_close(t, t->done.oldest);
}

bool transact_make_room(struct transact *t, const struct txn *keep, size_t n)
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
