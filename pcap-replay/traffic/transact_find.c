/* SPDX-License-Identifier: Apache-2.0 */
/* Which transaction a message belongs to, by what proves it (transact.h). */
#include "pcap-replay/traffic/transact_int.h"

#include <string.h>

static bool same_question(const struct txn *x, const struct seen *s)
{
	if (!x->name_len || !s->name_len)
		return true; /* not readable: the tuple and the id have to do */
	return x->qtype == s->qtype && x->qclass == s->qclass && x->name_len == s->name_len &&
	       !memcmp(x->name, s->name, s->name_len);
}

bool txn_is_copy_in_time(const struct txn *x, const struct seen *s)
{
	return s->t_ns < x->start_ns + TXN_COPY_NS && x->payload == s->payload &&
	       (!x->start_proof || !s->proof || x->start_proof == s->proof);
}

/* Other addresses, the same octets: does NAT lie between? */
static bool is_translated(struct txn *x, const struct txn_view *v, const struct seen *s)
{
	bool client = addr_eq(&v->client, &s->client), server = addr_eq(&v->server, &s->server);
	bool proven = v->proof && v->proof == s->proof, been_there = false;
	if (!txn_is_copy_in_time(x, s) || (v->proof && s->proof && !proven))
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

struct txn *transact_find_translated(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_port, s->key_port); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_port));
		if (is_translated(v->owner, v, s))
			return v->owner;
	}
	left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = s->proof ? txnindex_first(&t->by_proof, s->key_proof) : NULL; l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_proof));
		if (is_translated(v->owner, v, s))
			return v->owner;
	}
	return NULL;
}

struct txn *transact_find_tuple(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_client, s->key_client); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_client));
		if (v->owner->id == s->id && addr_eq(&v->client, &s->client) && addr_eq(&v->server, &s->server) &&
		    same_question(v->owner, s))
			return v->owner;
	}
	return NULL;
}

struct txn *transact_find_asked(struct transact *t, const struct seen *s)
{
	if (!s->name_len)
		return NULL;
	for (struct txn_link *l = txnindex_first(&t->asked, s->key_asked); l; l = txnindex_next(l)) {
		struct txn *x = (struct txn *)((char *)l - offsetof(struct txn, asked));
		if (IN6_ARE_ADDR_EQUAL(&x->view.client.ip, &s->client.ip) && same_question(x, s))
			return x;
	}
	return NULL;
}

struct txn *transact_find_elsewhere(struct transact *t, const struct seen *s)
{
	int left = TXNINDEX_WALK_MAX;
	for (struct txn_link *l = txnindex_first(&t->by_client, s->key_client); l && left--;
	     l = txnindex_next(l)) {
		struct txn_view *v = (struct txn_view *)((char *)l - offsetof(struct txn_view, by_client));
		if (v->owner->id == s->id && addr_eq(&v->client, &s->client) && s->name_len && same_question(v->owner, s))
			return v->owner;
	}
	return NULL;
}
