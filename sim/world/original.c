/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See original.h. A question under way holds its client and its socket; an answer is stored,
 * whatever became of the client, as the goroutine that waits for it would.
 */
#include "sim/world/original.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "sim/world/answers.h"
#include "sim/world/flow.h"
#include "sim/world/net.h"
#include "sim/world/original_store.h"

#define WORLD_RESOLVER 0xac120001u /* 172.18.0.1 */
#define READ_NS (2 * NS_PER_S)
#define BUDGET_NS (5 * NS_PER_S)
#define IDLE_NS (10 * NS_PER_S)
#define TTL_LEAST 5
#define QUESTIONS_MAX (1u << 20)

enum { BLOCK_CLUSTER, BLOCK_WORLD, BLOCKS }; /* reverse zones go with the cluster's */

struct sock { /* idle, on the stack of its upstream */
	uint16_t port, backend;
	uint32_t flow;
	uint64_t used_ns;
	struct sock *next;
};

struct question {
	bool open;
	uint8_t block;
	uint32_t gen, next_free;
	struct core_client client;
	uint64_t begun_ns, key;
	struct sock *sock;
	uint32_t len;
	uint8_t *query;
};

struct original {
	struct original_store *answers[BLOCKS], *denials[BLOCKS];
	struct sock *idle[BLOCKS];
	struct in6_addr upstream[BLOCKS];
	struct name domain;
	uint32_t n, cap, free_question;
	struct question *question;
	uint64_t n_queries, n_hits, n_misses, n_evicted;
};

/* --- its life --- */

struct original *original_new(struct world *w, struct node *n)
{
	const struct scenario *s = w->s;
	struct original *o = calloc(1, sizeof(*o));

	(void)n;
	if (!o)
		return NULL;
	o->free_question = UINT32_MAX;
	o->upstream[BLOCK_CLUSTER] = addr_of(s->upstream_dns);
	o->upstream[BLOCK_WORLD] = net_v4(WORLD_RESOLVER);
	name_from_text(&o->domain, s->domain);
	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned stock = 9984;
		o->answers[i] = original_store_new(i == BLOCK_CLUSTER ? s->cache_success : stock);
		o->denials[i] = original_store_new(i == BLOCK_CLUSTER ? s->cache_denial : stock);
		if (!o->answers[i] || !o->denials[i]) {
			original_free(w, o);
			return NULL;
		}
	}
	return o;
}

void original_free(struct world *w, struct original *o)
{
	(void)w; /* its flows go with the world's */
	if (!o)
		return;
	for (unsigned i = 0; i < BLOCKS; i++) {
		original_store_free(o->answers[i]);
		original_store_free(o->denials[i]);
		while (o->idle[i]) {
			struct sock *s = o->idle[i];
			o->idle[i] = s->next;
			free(s);
		}
	}
	for (uint32_t i = 0; i < o->n; i++) {
		free(o->question[i].query);
		free(o->question[i].sock);
	}
	free(o->question);
	free(o);
}

/* --- sockets --- */

static void sock_close(struct world *w, struct node *n, unsigned block, struct sock *s)
{
	if (s->flow != FLOW_NONE)
		net_node_close(w, n, &n->original->upstream[block], s->port, s->backend, s->flow);
	free(s);
}

/* The one used last; those idle too long go on the way. */
static struct sock *sock_take(struct world *w, struct node *n, unsigned block)
{
	struct original *o = n->original;

	for (struct sock **at = &o->idle[block], *s; (s = *at);) {
		if (w->now_ns - s->used_ns < IDLE_NS) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		sock_close(w, n, block, s);
	}
	struct sock *s = o->idle[block];
	if (s) {
		o->idle[block] = s->next;
		return s;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		w->err = ERR_NOMEM;
		return NULL;
	}
	s->port = port_draw(&n->rng);
	s->flow = FLOW_NONE;
	s->backend = BACKEND_WORLD;
	if (block == BLOCK_CLUSTER) {
		s->flow = net_node_connect(w, n, &o->upstream[block], s->port, &s->backend);
		if (s->flow == FLOW_NONE) {
			free(s);
			return NULL;
		}
	}
	return s;
}

static void sock_give(struct world *w, struct original *o, unsigned block, struct sock *s)
{
	s->used_ns = w->now_ns;
	s->next = o->idle[block];
	o->idle[block] = s;
}

/* --- questions --- */

static struct question *question_new(struct original *o, uint32_t *ret_id)
{
	if (o->free_question == UINT32_MAX) {
		uint32_t cap = o->cap ? o->cap * 2 : 16;
		struct question *p = o->n < o->cap ? o->question : realloc(o->question, cap * sizeof(*p));
		if (!p || o->n >= QUESTIONS_MAX)
			return NULL;
		if (o->n >= o->cap)
			o->cap = cap;
		o->question = p;
		p[o->n] = (struct question){.next_free = UINT32_MAX};
		o->free_question = o->n++;
	}
	*ret_id = o->free_question;
	struct question *q = &o->question[*ret_id];
	o->free_question = q->next_free;
	uint32_t gen = q->gen + 1;
	*q = (struct question){.open = true, .gen = gen};
	return q;
}

static void question_end(struct original *o, uint32_t id)
{
	struct question *q = &o->question[id];

	free(q->query);
	free(q->sock);
	uint32_t gen = q->gen;
	*q = (struct question){.gen = gen, .next_free = o->free_question};
	o->free_question = id;
}

static void ask(struct world *w, struct node *n, uint32_t id)
{
	struct original *o = n->original;
	struct question *q = &o->question[id];
	uint64_t arg = (uint64_t)q->gen << 32 | id;

	evq_push(&w->q, w->now_ns + READ_NS, EV_ORIGINAL, n->index, (void *)(uintptr_t)arg);
	if (q->block == BLOCK_WORLD && net_outside_full(w, n)) {
		w->r->dropped[CAUSE_OUTSIDE]++;
		n->cause = CAUSE_OUTSIDE;
		return;
	}
	q->sock = sock_take(w, n, q->block);
	struct pkt *p = q->sock ? pkt_refill(w, NULL, q->query, q->len) : NULL;
	if (!p)
		return;
	p->from_node = true;
	p->node = n->index;
	p->ask_id = id;
	p->gen = q->gen;
	p->id = (uint16_t)rng_u64(&n->rng);
	p->pod = q->block;
	p->port = q->sock->port;
	p->tcp = q->block == BLOCK_CLUSTER;
	set_be16(p->data, p->id);
	p->spot = answers_ahead(w->answers, p->data, p->len, p->tcp, true);
	enum ct_verdict v = net_leave_node(w, n, &o->upstream[q->block], p->port, CT_ACK, p->tcp, &p->backend);
	if (!p->tcp) {
		if (ct_verdict_dropped(v)) {
			net_drop(w, p, net_cause(v));
			return;
		}
		net_travel(w, p, n->out_ns, net_way_out(w, n, p->backend), EV_AT_BACKEND, NULL);
		return;
	}
	struct flow *f = w->flow[q->sock->flow];
	p->backend = q->sock->backend;
	p->conn = q->sock->flow;
	p->conn_gen = f->gen;
	flow_send(w, f, FLOW_OUT, p, f->ready_ns > n->out_ns ? f->ready_ns : n->out_ns,
		  net_way_out(w, n, p->backend), EV_AT_BACKEND);
}

static void fail(struct world *w, struct node *n, struct question *q)
{
	uint8_t msg[512];
	size_t len = q->len < sizeof(msg) ? q->len : sizeof(msg);

	memcpy(msg, q->query, len);
	set_be16(msg + 2, (uint16_t)((get_be16(msg + 2) & (DNS_RD | DNS_CD)) | DNS_QR | DNS_RA | DNS_SERVFAIL));
	n->out_ns = w->now_ns + w->c->costs->original_answer_cpu_ns;
	net_cache_reply(w, n, &q->client, msg, len, false);
}

/* One try is over: another, until the budget is spent. */
static void try_again(struct world *w, struct node *n, uint32_t id)
{
	struct original *o = n->original;
	struct question *q = &o->question[id];

	if (q->sock)
		sock_close(w, n, q->block, q->sock);
	q->sock = NULL;
	if (w->now_ns - q->begun_ns < BUDGET_NS) {
		n->out_ns = w->now_ns;
		ask(w, n, id);
		return;
	}
	fail(w, n, q);
	question_end(o, id);
}

void original_timeout(struct world *w, struct node *n, uint64_t arg)
{
	uint32_t id = (uint32_t)arg, gen = (uint32_t)(arg >> 32);
	struct question *q = id < n->original->n ? &n->original->question[id] : NULL;

	if (!q || !q->open || q->gen != gen)
		return;
	q->gen++; /* what comes now is late */
	try_again(w, n, id);
}

void original_reset(struct world *w, struct node *n, unsigned backend)
{
	struct original *o = n->original;

	for (struct sock **at = &o->idle[BLOCK_CLUSTER], *s; (s = *at);) {
		if (s->backend != backend) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		sock_close(w, n, BLOCK_CLUSTER, s);
	}
	for (uint32_t i = 0; i < o->n; i++) {
		struct question *q = &o->question[i];
		if (q->open && q->sock && q->sock->flow != FLOW_NONE && q->sock->backend == backend) {
			q->gen++;
			try_again(w, n, i); /* EOF on a pooled socket: at once on another */
		}
	}
}

/* --- what it serves --- */

static uint64_t key_of(const struct dns_msg *m)
{
	uint64_t h = 14695981039346656037ull;
	const uint8_t head[] = {m->edns.do_bit ? '1' : '0', m->h.flags & DNS_CD ? '1' : '0',
				(uint8_t)(m->q.qtype >> 8), (uint8_t)m->q.qtype};

	for (size_t i = 0; i < sizeof(head); i++)
		h = (h * 1099511628211ull) ^ head[i];
	for (size_t i = 0; i < m->q.name_len; i++) {
		uint8_t c = m->q.name[i];
		h = (h * 1099511628211ull) ^ (c >= 'A' && c <= 'Z' ? c + 32u : c);
	}
	return h;
}

/* All records get one TTL, as they do there. */
static void set_ttls(uint8_t *msg, size_t len, uint32_t ttl_s)
{
	struct wire r;
	struct dns_header h;
	struct dns_question q;
	struct dns_rr rr;

	wire_init(&r, msg, len);
	wire_header(&r, &h);
	wire_question(&r, &q);
	for (unsigned i = 0; i < (unsigned)h.n_an + h.n_ns + h.n_ar; i++) {
		wire_rr(&r, &rr);
		if (r.err)
			return;
		if (rr.type != DNS_OPT)
			set_be32(msg + rr.ttl_off, ttl_s);
	}
}

uint64_t original_query(struct world *w, struct node *n, const struct pkt *p)
{
	struct original *o = n->original;
	const struct sim_costs *k = w->c->costs;
	uint64_t more_ns = !p->tcp ? 0 : n->processors ? net_tcp_ns(w, 1, TCP_MESSAGE) : k->tcp_cpu_ns;
	struct core_client cl = {.cookie = (uint64_t)p->lookup << 32 | (uint64_t)p->gen << 8 | p->slot,
				 .proto = p->tcp ? CORE_TCP : CORE_UDP};
	struct dns_msg m;

	n->out_ns = w->now_ns + k->original_miss_cpu_ns + more_ns;
	if (dns_msg_parse(&m, p->data, p->len) < 0 || !m.q.name)
		return k->original_miss_cpu_ns;
	unsigned block = name_within(m.q.name, o->domain.b) ? BLOCK_CLUSTER : BLOCK_WORLD;
	uint64_t key = key_of(&m);
	size_t len = 0;
	uint32_t ttl_s = 0, id;
	o->n_queries++;
	const uint8_t *hit = original_store_get(o->denials[block], key, w->now_ns, &len, &ttl_s);
	if (!hit)
		hit = original_store_get(o->answers[block], key, w->now_ns, &len, &ttl_s);
	if (hit && len <= sizeof(w->scratch)) {
		o->n_hits++;
		memcpy(w->scratch, hit, len);
		memcpy(w->scratch, p->data, 2);
		set_ttls(w->scratch, len, ttl_s);
		n->out_ns = w->now_ns + k->original_hit_cpu_ns + more_ns;
		net_cache_reply(w, n, &cl, w->scratch, len, true);
		return k->original_hit_cpu_ns + more_ns;
	}
	o->n_misses++;
	struct question *q = question_new(o, &id);
	uint8_t *copy = malloc(p->len);
	if (!q || !copy) {
		w->err = ERR_NOMEM;
		free(copy);
		return k->original_miss_cpu_ns;
	}
	memcpy(copy, p->data, p->len);
	q->query = copy;
	q->len = p->len;
	q->block = (uint8_t)block;
	q->client = cl;
	q->key = key;
	q->begun_ns = w->now_ns;
	ask(w, n, id);
	return k->original_miss_cpu_ns + more_ns;
}

static void store(struct world *w, struct node *n, const struct question *q, const struct dns_msg *m,
		  const uint8_t *msg, size_t len)
{
	const struct scenario *s = w->s;
	struct original *o = n->original;
	bool denial = m->rcode == DNS_NXDOMAIN || (m->rcode == DNS_NOERROR && !m->h.n_an);
	bool cluster = q->block == BLOCK_CLUSTER, evicted;
	uint32_t ttl_s = m->min_ttl_s == UINT32_MAX ? TTL_LEAST : m->min_ttl_s;
	uint32_t most = denial && cluster ? s->cache_negative_ttl_s : s->cache_ttl_s;

	if ((m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN) || m->h.flags & DNS_TC)
		return;
	ttl_s = ttl_s < TTL_LEAST ? TTL_LEAST : ttl_s;
	ttl_s = ttl_s > most ? most : ttl_s;
	if (!original_store_put(denial ? o->denials[q->block] : o->answers[q->block], &n->rng, q->key,
				w->now_ns, ttl_s, msg, len, &evicted))
		w->err = ERR_NOMEM;
	o->n_evicted += evicted;
}

uint64_t original_answer(struct world *w, struct node *n, const struct pkt *p)
{
	struct original *o = n->original;
	const struct sim_costs *k = w->c->costs;
	struct question *q = p->ask_id < o->n ? &o->question[p->ask_id] : NULL;
	struct dns_msg m;

	net_enter_node(w, n, &o->upstream[p->pod], p->port, p->backend, CT_ACK, p->tcp);
	if (!q || !q->open || q->gen != p->gen || !q->sock || dns_msg_parse(&m, p->data, p->len) < 0)
		return k->original_answer_cpu_ns;
	n->out_ns = w->now_ns + k->original_answer_cpu_ns;
	store(w, n, q, &m, p->data, p->len);
	memcpy(w->scratch, p->data, p->len);
	memcpy(w->scratch, q->query, 2);
	net_cache_reply(w, n, &q->client, w->scratch, p->len, false);
	sock_give(w, o, q->block, q->sock);
	q->sock = NULL;
	question_end(o, p->ask_id);
	return k->original_answer_cpu_ns;
}

void original_count(const struct original *o, struct sim_result *r)
{
	r->cache_queries += o->n_queries;
	r->cache_hits += o->n_hits;
	r->cache_misses += o->n_misses;
	r->cache_evicted += o->n_evicted;
}
