/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as a hash of connections and a wheel of seconds: a slot holds what was due
 * in that second when it was last put there, and whoever was refreshed since is moved on
 * when its second comes, so that a packet costs no more than a look-up.
 */
#include "conntrack-model/ipvs.h"

#include <stdlib.h>
#include <string.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/walk.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"

#define UDP_S         300
#define TCP_OPEN_S    900 /* ESTABLISHED */
#define TCP_CLOSED_S  120 /* TIME_WAIT */
#define TCP_RESET_S   10  /* CLOSE */
#define WHEEL_S       1024
#define NONE          UINT32_MAX

struct conn {
	struct qs_addr client, server;
	uint64_t expires_ns;
	uint32_t next_hash, next_slot, prev_slot; /* next_hash: of the free list too */
	uint16_t slot;
	uint8_t proto, netns;
};
struct table {
	struct conn *conn;
	uint32_t n, cap, free, mask;
	uint32_t *head, slot[WHEEL_S];
	uint64_t second, count;
	struct hash_key key;
};

static int table_grow(struct table *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 1024;
	struct conn *conn = realloc(t->conn, (size_t)cap * sizeof(*conn));
	if (!conn)
		return ERR_NOMEM;
	t->conn = conn;
	t->cap = cap;
	return 0;
}

static int table_init(struct table *t)
{
	*t = (struct table){.free = NONE, .mask = (1u << 16) - 1, .key = {1, 2}};
	t->head = malloc(((size_t)t->mask + 1) * sizeof(*t->head));
	if (!t->head)
		return ERR_NOMEM;
	memset(t->head, 0xff, ((size_t)t->mask + 1) * sizeof(*t->head));
	memset(t->slot, 0xff, sizeof(t->slot));
	return 0;
}

static uint32_t *head_of(struct table *t, const struct ct_event *ev)
{
	struct {
		struct qs_addr client, server;
		uint8_t proto, netns, zero[6];
	} key;
	memset(&key, 0, sizeof(key));
	key.client.ip = ev->client.ip;
	key.client.port = ev->client.port;
	key.server.ip = ev->server.ip;
	key.server.port = ev->server.port;
	key.proto = ev->proto;
	key.netns = ev->netns;
	return &t->head[hash_sip13(&t->key, &key, sizeof(key)) & t->mask];
}

static bool addr_eq(const struct qs_addr *a, const struct qs_addr *b)
{
	return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

static uint32_t conn_find(const struct table *t, uint32_t head, const struct ct_event *ev)
{
	for (uint32_t i = head; i != NONE; i = t->conn[i].next_hash) {
		const struct conn *c = &t->conn[i];
		if (c->proto == ev->proto && c->netns == ev->netns && addr_eq(&c->client, &ev->client) &&
		    addr_eq(&c->server, &ev->server))
			return i;
	}
	return NONE;
}

static void slot_put(struct table *t, uint32_t id)
{
	struct conn *c = &t->conn[id];

	c->slot = (uint16_t)(c->expires_ns / NS_PER_S % WHEEL_S);
	c->prev_slot = NONE;
	c->next_slot = t->slot[c->slot];
	if (c->next_slot != NONE)
		t->conn[c->next_slot].prev_slot = id;
	t->slot[c->slot] = id;
}

static void slot_take(struct table *t, uint32_t id)
{
	struct conn *c = &t->conn[id];

	if (c->next_slot != NONE)
		t->conn[c->next_slot].prev_slot = c->prev_slot;
	if (c->prev_slot != NONE)
		t->conn[c->prev_slot].next_slot = c->next_slot;
	else
		t->slot[c->slot] = c->next_slot;
}

static void conn_end(struct table *t, uint32_t id)
{
	struct conn *c = &t->conn[id];
	struct ct_event ev = {.client = c->client, .server = c->server, .proto = c->proto, .netns = c->netns};
	uint32_t *link = head_of(t, &ev);

	while (*link != id)
		link = &t->conn[*link].next_hash;
	*link = c->next_hash;
	c->next_hash = t->free;
	t->free = id;
	t->count--;
}

/* Ends what expires up to now. */
static void table_advance(struct table *t, uint64_t now_ns)
{
	uint64_t last = now_ns / NS_PER_S;

	if (t->count == 0)
		t->second = last;
	for (;; t->second++) {
		uint32_t id = t->slot[t->second % WHEEL_S], next;
		for (; id != NONE; id = next) {
			next = t->conn[id].next_slot;
			slot_take(t, id);
			if (t->conn[id].expires_ns <= now_ns)
				conn_end(t, id);
			else
				slot_put(t, id);
		}
		if (t->second >= last)
			break;
	}
}

static uint64_t life_s(const struct ct_event *ev)
{
	if (ev->proto == CT_UDP)
		return UDP_S;
	return ev->kind == CTE_CLOSE ? TCP_CLOSED_S : ev->kind == CTE_RESET ? TCP_RESET_S : TCP_OPEN_S;
}

/* 1: a connection was made; 0: it was there, or a reply to nobody. */
static int table_packet(struct table *t, const struct ct_event *ev)
{
	uint32_t *head = head_of(t, ev), id = conn_find(t, *head, ev);
	uint64_t expires_ns = ev->t_ns + life_s(ev) * NS_PER_S;

	if (id != NONE) {
		bool sooner = expires_ns < t->conn[id].expires_ns;
		if (sooner)
			slot_take(t, id);
		t->conn[id].expires_ns = expires_ns;
		if (sooner)
			slot_put(t, id);
		return 0;
	}
	if (ev->kind == CTE_REPLY || ev->kind == CTE_CLOSE || ev->kind == CTE_RESET)
		return 0;
	if (t->free != NONE) {
		id = t->free;
		t->free = t->conn[id].next_hash;
	} else {
		if (t->n == t->cap && table_grow(t) < 0)
			return ERR_NOMEM;
		id = t->n++;
	}
	t->conn[id] = (struct conn){.client = ev->client,
				    .server = ev->server,
				    .expires_ns = expires_ns,
				    .next_hash = *head,
				    .proto = ev->proto,
				    .netns = ev->netns};
	*head = id;
	slot_put(t, id);
	t->count++;
	return 1;
}

static void row_add(struct ipvs_walk *w, const struct table *t, uint64_t now_ns, uint64_t *sample_ns)
{
	w->row[w->n_rows++] = (struct ipvs_row){(double)now_ns / 1e9, t->count};
	if (w->n_rows < WALK_ROWS_MAX)
		return;
	for (size_t i = 0; i < w->n_rows / 2; i++)
		w->row[i] = w->row[2 * i + 1];
	w->n_rows /= 2;
	*sample_ns *= 2;
}

static void rows_until(struct ipvs_walk *w, struct table *t, uint64_t *next_ns, uint64_t *sample_ns, uint64_t t_ns)
{
	while (*next_ns <= t_ns) {
		table_advance(t, *next_ns);
		row_add(w, t, *next_ns, sample_ns);
		*next_ns += *sample_ns;
		if (t->count == 0 && *next_ns < t_ns) /* nothing to see until then */
			*next_ns += (t_ns - *next_ns) / *sample_ns * *sample_ns;
	}
	table_advance(t, t_ns);
}

int ipvs_walk(struct ipvs_walk *ret, const struct ct_events *e, uint64_t tail_ns)
{
	uint64_t sample_ns = NS_PER_S, next_ns = NS_PER_S;
	struct table t;
	int rc = table_init(&t);

	*ret = (struct ipvs_walk){.row = calloc(WALK_ROWS_MAX, sizeof(*ret->row))};
	if (!ret->row)
		rc = ERR_NOMEM;
	for (size_t i = 0; i < e->n && rc >= 0; i++) {
		rows_until(ret, &t, &next_ns, &sample_ns, e->ev[i].t_ns);
		rc = table_packet(&t, &e->ev[i]);
		ret->made += rc > 0;
		if (t.count > ret->peak) {
			ret->peak = t.count;
			ret->peak_at_s = (double)e->ev[i].t_ns / 1e9;
		}
	}
	if (rc >= 0)
		rows_until(ret, &t, &next_ns, &sample_ns, e->end_ns + tail_ns);
	free(t.head);
	free(t.conn);
	if (rc < 0)
		ipvs_walk_release(ret);
	return rc < 0 ? rc : 0;
}

void ipvs_walk_release(struct ipvs_walk *w)
{
	free(w->row);
	w->row = NULL;
	w->n_rows = 0;
}
