/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No fresh answer: what else can be said at once (a recent failure, a plugin's
 * own reply, a stale answer), and otherwise which question to join or begin.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

/* All that one query needs has one budget, below a stub's patience: a second
 * question must have time for a fair try, and one that somebody else began must
 * not end much later. */
#define SECOND_LATEST_NS (2500 * NS_PER_MS)
#define JOIN_LATE_NS     (400 * NS_PER_MS)

/* --- stale --- */

static size_t stale_serve(struct core *c, struct visit *v, struct entry *e)
{
	v->from = CORE_FROM_STALE;
	cache_touch(e, v->now_ns);
	return serve_entry(c, v, e, true);
}

/* Now and not after a try: CoreDNS's `immediate`, or a try failed just now, or
 * the client timer of the question under way has run out already. */
static bool stale_at_once(const struct core *c, const struct visit *v, const struct cache_key *k,
			  bool failed)
{
	uint32_t qi;

	if (!v->zone->z.cache.stale_verify || failed)
		return true;
	qi = question_find(&c->tab, k);
	return qi != NIL && v->now_ns - c->tab.question[qi].start_ns >=
				    v->zone->z.cache.stale_verify_timeout_ns;
}

static size_t stale_immediate(struct core *c, struct visit *v, const struct cache_key *k,
			      struct entry *e, bool failed)
{
	uint8_t listener = v->client->listener, proto = v->client->proto;
	size_t len = stale_serve(c, v, e);

	if (!failed && !e->is_refreshing) {
		e->is_refreshing = true;
		if (refresh_start(c, k, v->zone_index, listener, proto, FOR_STALE, v->now_ns) ==
		    NIL)
			e->is_refreshing = false; /* no room for it: with the next query */
	}
	return len;
}

/* --- misses --- */

/* No room: an old answer, or "try again". */
static enum core_verdict refuse(struct core *c, struct visit *v, size_t *ret_len)
{
	if (v->stale) {
		*ret_len = stale_serve(c, v, v->stale);
		return *ret_len ? CORE_REPLY : CORE_WAIT;
	}
	*ret_len = serve_overload(c, v);
	return CORE_REPLY;
}

/* Who was parked once already has its place: whatever it left is free. */
static bool room_for(struct core *c, const struct visit *v, bool joined)
{
	const struct in6_addr *addr = &v->client->addr;

	return room_for_reply(c, v->client) &&
	       (joined || room_make(c, HOLDS_QUESTIONS, addr, v->now_ns)) &&
	       room_make(c, HOLDS_WAITERS, addr, v->now_ns);
}

/* `reply_len` octets in c->buf->msg: a hook's reply that goes on to another name. */
static enum core_verdict park(struct core *c, struct visit *v, const struct cache_key *k,
			      const struct plugin_query *asked, size_t reply_len, size_t *ret_len)
{
	struct question_start s = {.key = k,
				   .asked = asked,
				   .reply = reply_len ? c->buf->msg : NULL,
				   .reply_len = reply_len,
				   .client = v->client,
				   .zone = v->zone_index,
				   .listener = v->client->listener,
				   .proto = v->client->proto,
				   .purpose = FOR_CLIENTS,
				   .start_ns = v->start_ns,
				   .now_ns = v->now_ns};
	bool joined = question_find(&c->tab, k) != NIL;
	uint32_t qi;

	if (reply_len > FOLLOW_HEAD_MAX || (!v->is_again && !room_for(c, v, joined)))
		return refuse(c, v, ret_len);
	qi = question_find(&c->tab, k); /* whoever gave way may have been the one to join */
	joined = qi != NIL;
	if (!joined && c->tab.waiting < c->tab.n_waiters)
		qi = question_enter(c, &s);
	if (qi == NIL || c->tab.waiting == c->tab.n_waiters) {
		c->stats->inflight_full++;
		return refuse(c, v, ret_len);
	}
	c->stats->joined += joined && !v->is_again;
	waiter_add(&c->tab, qi, v->client, v->q, v->zone_index, v->start_ns);
	if (!joined)
		due_note(&c->tab, qi, DUE_BEGIN);
	else if (v->is_again && v->start_ns < c->tab.question[qi].start_ns)
		c->tab.question[qi].start_ns = v->start_ns; /* not begun yet: its budget is the oldest's */
	clients_gauge(c);
	return CORE_WAIT;
}

bool park_for(struct core *c, const struct visit *v, const struct cache_key *k, uint16_t zone,
	      enum waits_for waits, unsigned step)
{
	struct question_start s = {.key = k,
				   .client = v->client,
				   .zone = zone,
				   .listener = v->client->listener,
				   .proto = v->client->proto,
				   .purpose = FOR_CLIENTS,
				   .start_ns = v->start_ns,
				   .now_ns = v->now_ns};
	uint32_t qi, wi;
	bool is_new;

	if (failures_find(&c->failures, key_mark(k), v->now_ns) ||
	    c->tab.waiting == c->tab.n_waiters || v->now_ns - v->start_ns > SECOND_LATEST_NS)
		return false;
	qi = question_open(c, &s, &is_new);
	if (qi == NIL || (!is_new && c->tab.question[qi].start_ns > v->start_ns + JOIN_LATE_NS))
		return false;
	wi = waiter_add(&c->tab, qi, v->client, v->q, v->zone_index, v->start_ns);
	c->tab.waiter[wi].waits = (uint8_t)waits;
	c->tab.waiter[wi].step = (uint8_t)step;
	if (is_new)
		due_note(&c->tab, qi, DUE_BEGIN);
	return true;
}

/* With a stale answer in hand the client waits only so long (RFC 8767 section 5). */
static void client_timer(struct core *c, const struct visit *v, const struct cache_key *k)
{
	uint32_t qi = question_find(&c->tab, k);
	struct question *q;

	if (qi == NIL)
		return;
	q = &c->tab.question[qi];
	if (q->stale_ns == T_NEVER)
		q->stale_ns = q->start_ns + v->zone->z.cache.stale_verify_timeout_ns;
	question_timer(c, qi);
}

static enum core_verdict plugins_or_park(struct core *c, struct visit *v, const struct cache_key *k,
					 size_t *ret_len)
{
	enum plugin_verdict verdict;
	struct plugin_query p;
	size_t len = 0;

	if (!(v->zone->hooks & HOOK_ASK))
		return park(c, v, k, NULL, 0, ret_len);
	plugin_query_fill(&p, v);
	verdict = hooks_run(v->zone, &p, c->buf->msg, &len);
	plugin_events_count(c, v->client->listener, &p);
	if (verdict == PLUGIN_REPLY && p.follow_rr)
		return park(c, v, k, &p, len, ret_len);
	if (verdict != PLUGIN_NEXT)
		return serve_verdict(c, v, &p, verdict, len, ret_len);
	if (!asks_changed(&p, k) && shield_serve(c, v, k, ret_len))
		return *ret_len ? CORE_REPLY : CORE_WAIT;
	return park(c, v, k, &p, 0, ret_len);
}

/* Our own question to an upstream has come back. */
static bool probe_returned(struct core *c, const struct cache_key *k)
{
	for (int i = 0; i < CORE_PROBES_MAX; i++) {
		struct core_probe *p = &c->probes->probe[i];

		if (p->labels[0] && k->name_len > sizeof(p->labels) &&
		    memcmp(p->labels, k->name, sizeof(p->labels)) == 0) {
			__atomic_store_n(&p->seen, 1, __ATOMIC_RELEASE);
			return true;
		}
	}
	return false;
}

enum core_verdict miss_query(struct core *c, struct visit *v, const struct cache_key *k,
			     struct entry *found, size_t *ret_len)
{
	const struct failure *f = failures_find(&c->failures, key_mark(k), v->now_ns);
	struct entry *stale = entry_stale(found, v->zone, v->now_ns), *cut;
	enum core_verdict verdict;
	bool failed = false;

	if (k->qtype == DNS_HINFO && c->probes && probe_returned(c, k)) {
		*ret_len = serve_rcode(c, v, DNS_SERVFAIL, EDE_NO_REACHABLE);
		return CORE_REPLY;
	}
	if (!(v->zone->hooks & HOOK_ASK) && shield_serve(c, v, k, ret_len))
		return *ret_len ? CORE_REPLY : CORE_WAIT;
	if (stale && stale_at_once(c, v, k, f != NULL)) {
		*ret_len = stale_immediate(c, v, k, stale, f != NULL);
		return *ret_len ? CORE_REPLY : CORE_WAIT;
	}
	cut = stale ? NULL : shield_stale(c, v->zone_index, k, v->now_ns, &failed);
	if (cut && (f || failed)) {
		struct answer a;

		v->from = CORE_FROM_STALE;
		cache_touch(cut, v->now_ns);
		cache_answer(cut, &a);
		*ret_len = serve_synthesized(c, v, &a, 0, true);
		return *ret_len ? CORE_REPLY : CORE_WAIT;
	}
	if (f && v->now_ns < f->until_ns) {
		c->stats->failure_hits++;
		v->from = CORE_FROM_CACHE;
		*ret_len = serve_rcode(c, v, f->rcode, f->ede ? f->ede : EDE_CACHED_ERROR);
		return CORE_REPLY;
	}
	v->stale = stale;
	verdict = plugins_or_park(c, v, k, ret_len);
	if ((stale || cut) && verdict == CORE_WAIT)
		client_timer(c, v, k);
	return verdict;
}

bool stale_to_waiters(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	struct cache_key k;
	struct entry *e;
	bool failed;

	question_key(q, &k);
	e = entry_stale(cache_find(&c->cache, &k), &c->conf->zone[q->zone], now_ns);
	if (e) {
		waiters_serve_entry(c, q, e, now_ns);
		return true;
	}
	e = q->is_renamed ? NULL : shield_stale(c, q->zone, &k, now_ns, &failed);
	if (e)
		waiters_deny_stale(c, q, e, now_ns);
	return e != NULL;
}
