/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backends are numbered in the order they came, and have addresses nobody else has:
 * 198.18.0.0/15 (RFC 2544). All clients wait equally long, so who asks again stands in the
 * order they asked in, and a queue is enough.
 */
#include "conntrack-model/endpoints.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"

#define BACKENDS_MAX (65536 + ENDPOINT_CHANGES_MAX)
#define FIRST_IP     0xc6120001u
#define SYNC_NS	     NS_PER_S

struct waiting { /* for an answer */
	struct ct_tuple tuple;
	uint64_t since_ns, due_ns;
	unsigned tries; /* made so far */
};

struct endpoints {
	const struct endpoints_conf *c;
	struct rng rng;
	struct backend {
		bool answers, in_rules;
	} *backend;
	unsigned n_backends, *in_rules, n_in_rules;
	unsigned n_happened, n_synced; /* changes; all have one order in time */
	uint64_t churn_due_ns;
	struct waiting *queue;
	size_t first, n, cap;
	struct endpoints_told told;
};

/* --- words --- */

int endpoint_change_parse(struct endpoint_change *ret, const char *text, struct diag *d)
{
	char at[64];
	size_t n = strcspn(text, "+");
	struct endpoint_change c = {.sync_ns = SYNC_NS, .dies = ret->dies};

	if (n >= sizeof(at))
		return diag_set(d, ERR_SYNTAX, "'%.40s...': expected TIME[+SYNC]", text);
	memcpy(at, text, n);
	at[n] = 0;
	if (opt_duration(at, NS_PER_S, &c.t_ns) < 0 || (text[n] && opt_duration(text + n + 1, NS_PER_S, &c.sync_ns) < 0))
		return diag_set(d, ERR_SYNTAX, "'%s': expected TIME[+SYNC], as in 60s+1s", text);
	if (c.sync_ns > 3600 * NS_PER_S || c.t_ns > 366 * 86400 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "'%s': TIME is up to a year, SYNC up to an hour", text);
	*ret = c;
	return 0;
}

int kube_proxy_parse(void *ret_version, const char *text, struct diag *d)
{
	unsigned major, minor;
	char rest;

	if (sscanf(text, "%u.%u%c", &major, &minor, &rest) != 2 || major != 1 || minor < 10 || minor > 99)
		return diag_set(d, ERR_RANGE, "'%s': expected a version of kube-proxy like 1.36", text);
	*(unsigned *)ret_version = KUBE_PROXY(major, minor);
	return 0;
}

/* --- backends --- */

struct endpoints *endpoints_new(const struct endpoints_conf *c, unsigned n, uint64_t seed)
{
	struct endpoints *e = calloc(1, sizeof(*e));
	size_t most = (size_t)n + c->n_changes;

	if (!e)
		return NULL;
	e->c = c;
	e->backend = calloc(most + 1, sizeof(*e->backend));
	e->in_rules = calloc(most + 1, sizeof(*e->in_rules));
	if (!e->backend || !e->in_rules) {
		endpoints_free(e);
		return NULL;
	}
	rng_seed_stream(&e->rng, seed, 0x77616c6b);
	for (; e->n_backends < n; e->n_backends++) {
		e->backend[e->n_backends] = (struct backend){true, true};
		e->in_rules[e->n_in_rules++] = e->n_backends;
	}
	e->churn_due_ns = c->churn_ns ? c->churn_ns : T_NEVER;
	return e;
}

void endpoints_free(struct endpoints *e)
{
	if (!e)
		return;
	free(e->backend);
	free(e->in_rules);
	free(e->queue);
	free(e);
}

static struct in6_addr backend_ip(unsigned i)
{
	struct in6_addr ip = {.s6_addr[10] = 0xff, .s6_addr[11] = 0xff};
	uint32_t be = htonl(FIRST_IP + i);

	memcpy(&ip.s6_addr[12], &be, 4);
	return ip;
}

bool endpoints_pick(struct endpoints *e, const struct ct_tuple *orig, struct ct_tuple *ret_reply)
{
	ct_tuple_invert(ret_reply, orig);
	if (!e->n_backends)
		return true;
	if (!e->n_in_rules)
		return false;
	ret_reply->src = backend_ip(e->in_rules[rng_below(&e->rng, e->n_in_rules)]);
	return true;
}

static int index_of(const struct endpoints *e, const struct in6_addr *ip)
{
	uint32_t be;

	if (!e->n_backends || !IN6_IS_ADDR_V4MAPPED(ip))
		return -1;
	memcpy(&be, &ip->s6_addr[12], 4);
	uint32_t i = ntohl(be) - FIRST_IP;
	return i < e->n_backends ? (int)i : -1;
}

bool endpoints_answer(const struct endpoints *e, const struct ct_tuple *reply)
{
	int i = index_of(e, &reply->src);

	return i < 0 || e->backend[i].answers;
}

/* --- clients that ask again --- */

static int queue_add(struct endpoints *e, const struct waiting *w)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 256;
		struct waiting *q = malloc(cap * sizeof(*q));
		if (!q)
			return ERR_NOMEM;
		for (size_t i = 0; i < e->n; i++)
			q[i] = e->queue[(e->first + i) % e->cap];
		free(e->queue);
		e->queue = q;
		e->cap = cap;
		e->first = 0;
	}
	e->queue[(e->first + e->n++) % e->cap] = *w;
	return 0;
}

int endpoints_lost(struct endpoints *e, uint64_t now_ns, const struct ct_tuple *orig)
{
	e->told.n_dead++;
	return queue_add(e, &(struct waiting){.tuple = *orig, .since_ns = now_ns, .due_ns = now_ns + e->c->retry_ns, .tries = 1});
}

void endpoints_refused(struct endpoints *e)
{
	e->told.n_refused++;
}

/* One more try. True: it is over, for better or worse. */
static bool try_again(struct endpoints *e, struct ctable *t, struct waiting *w)
{
	struct ct_tuple reply, go;
	struct ct_packet p = {.tuple = w->tuple, .reply = &reply};

	if (w->tries == e->c->tries || w->tuple.proto != CT_UDP) {
		e->told.n_failed++;
		e->told.waited_s += (double)(w->due_ns - w->since_ns) / 1e9;
		return true;
	}
	w->tries++;
	bool held = ctable_peek(t, w->due_ns, &w->tuple, &go); /* by an entry, whatever the rules say */
	if (!held && !endpoints_pick(e, &w->tuple, &reply)) {
		e->told.n_failed++; /* refused now: the stub need not wait any longer */
		e->told.waited_s += (double)(w->due_ns - w->since_ns) / 1e9;
		return true;
	}
	if (held)
		reply = go;
	enum ct_verdict v = ctable_packet(t, w->due_ns, &p, &go);
	if (!ct_verdict_dropped(v) && v != CT_NO_MEMORY && endpoints_answer(e, &go)) {
		struct ct_packet answer = {.tuple = go};
		ctable_packet(t, w->due_ns, &answer, NULL);
		e->told.n_answered++;
		e->told.waited_s += (double)(w->due_ns - w->since_ns) / 1e9;
		return true;
	}
	w->due_ns += e->c->retry_ns;
	return false;
}

/* --- kube-proxy --- */

static uint64_t flush(struct endpoints *e, struct ctable *t, uint64_t now_ns, unsigned i)
{
	struct in6_addr ip = backend_ip(i);
	uint64_t n = ctable_flush_udp(t, now_ns, &ip);

	e->told.n_flushed += n;
	return n;
}

static void dump(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns)
{
	ctable_dump(t, now_ns);
	e->told.n_dumps++;
	e->told.n_dumped += ctable_count(t, now_ns, netns);
}

static void reconcile(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns)
{
	uint64_t stale = 0;

	if (!e->c->version)
		return;
	dump(e, t, now_ns, netns);
	if (!e->n_in_rules && e->c->version < KUBE_PROXY(1, 37))
		return;
	for (unsigned i = 0; i < e->n_backends; i++)
		if (!e->backend[i].in_rules)
			stale += flush(e, t, now_ns, i);
	if (stale)
		dump(e, t, now_ns, netns); /* what is to go is looked for by another */
	if (stale > e->told.n_stale_most)
		e->told.n_stale_most = stale;
}

static void clean(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns, int gone)
{
	if (e->c->version >= KUBE_PROXY(1, 32)) {
		reconcile(e, t, now_ns, netns);
	} else if (e->c->version && gone >= 0) {
		dump(e, t, now_ns, netns); /* conntrack -D goes over all of them */
		uint64_t n = flush(e, t, now_ns, (unsigned)gone);
		e->told.n_stale_most = n > e->told.n_stale_most ? n : e->told.n_stale_most;
	}
}

static void happen(struct endpoints *e, const struct endpoint_change *c)
{
	unsigned i = 0;

	if (!c->dies) {
		e->backend[e->n_backends++] = (struct backend){.answers = true};
		return;
	}
	while (i < e->n_backends && !e->backend[i].answers)
		i++;
	if (i < e->n_backends)
		e->backend[i].answers = false;
}

/* The rules as they are once this change has come through: the oldest who died, or who came. */
static void sync_rules(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns, const struct endpoint_change *c)
{
	int changed = -1;

	for (unsigned i = 0; i < e->n_backends && changed < 0; i++)
		if (e->backend[i].in_rules == c->dies && e->backend[i].answers != c->dies)
			changed = (int)i;
	if (changed < 0)
		return;
	e->backend[changed].in_rules = !c->dies;
	e->n_in_rules = 0;
	for (unsigned i = 0; i < e->n_backends; i++)
		if (e->backend[i].in_rules)
			e->in_rules[e->n_in_rules++] = i;
	clean(e, t, now_ns, netns, c->dies ? changed : -1);
}

/* --- time --- */

static uint64_t sync_due_ns(const struct endpoints *e)
{
	const struct endpoint_change *c = &e->c->change[e->n_synced];

	return e->n_synced < e->n_happened ? c->t_ns + c->sync_ns : T_NEVER;
}

static uint64_t change_due_ns(const struct endpoints *e)
{
	return e->n_happened < e->c->n_changes ? e->c->change[e->n_happened].t_ns : T_NEVER;
}

static uint64_t try_due_ns(const struct endpoints *e)
{
	return e->n ? e->queue[e->first].due_ns : T_NEVER;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t endpoints_next_ns(const struct endpoints *e)
{
	return lesser(lesser(change_due_ns(e), sync_due_ns(e)), lesser(try_due_ns(e), e->churn_due_ns));
}

static void churn(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns, uint64_t until_ns)
{
	if (e->c->version >= KUBE_PROXY(1, 32))
		reconcile(e, t, now_ns, netns);
	else if (e->c->version)
		dump(e, t, now_ns, netns);
	e->churn_due_ns += e->c->churn_ns;
	if (!ctable_empty(t) || e->churn_due_ns >= until_ns)
		return;
	uint64_t n = (until_ns - e->churn_due_ns) / e->c->churn_ns;
	e->churn_due_ns += n * e->c->churn_ns;
	e->told.n_dumps += e->c->version ? n : 0;
}

void endpoints_step(struct endpoints *e, struct ctable *t, uint8_t netns, uint64_t until_ns)
{
	uint64_t now_ns = endpoints_next_ns(e);

	if (now_ns == change_due_ns(e)) {
		happen(e, &e->c->change[e->n_happened++]);
	} else if (now_ns == sync_due_ns(e)) {
		sync_rules(e, t, now_ns, netns, &e->c->change[e->n_synced++]);
	} else if (now_ns == e->churn_due_ns) {
		churn(e, t, now_ns, netns, until_ns);
	} else {
		struct waiting w = e->queue[e->first];
		e->first = (e->first + 1) % e->cap;
		e->n--;
		if (!try_again(e, t, &w))
			queue_add(e, &w); /* its own place is free */
	}
}

static unsigned leads_nowhere(const struct ct_tuple tuple[2], const void *ctx)
{
	const struct endpoints *e = ctx;

	return endpoints_answer(e, &tuple[1]) ? 1 : 0;
}

void endpoints_end(struct endpoints *e, struct ctable *t, uint64_t now_ns, uint8_t netns, struct endpoints_told *ret)
{
	struct ct_kind kinds[2];

	ctable_kinds(t, now_ns, netns, leads_nowhere, e, kinds, 2);
	e->told.n_stale_end = kinds[0].live;
	for (; e->n; e->n--, e->first = (e->first + 1) % e->cap) {
		e->told.n_waiting++;
		e->told.waited_s += (double)(now_ns - e->queue[e->first].since_ns) / 1e9;
	}
	*ret = e->told;
}
