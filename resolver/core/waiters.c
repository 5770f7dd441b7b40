/* SPDX-License-Identifier: Apache-2.0 */
/* Replies to the clients that wait for a question. What they are made from may lie
 * in the cache: nothing is stored meanwhile, for whatever a reply asks for besides
 * is only noted. */
#include "resolver/core/core_int.h"

void visit_of(const struct core *c, const struct waiter *w, struct query *query, struct visit *v,
	      uint64_t now_ns)
{
	query_parse(query, w->query, w->query_len); /* it was accepted once */
	*v = (struct visit){.client = &w->client,
			    .q = query,
			    .zone = &c->conf->zone[w->zone],
			    .zone_index = w->zone,
			    .upstream = UPSTREAM_NONE,
			    .from = CORE_FROM_UPSTREAM,
			    .is_parked = true,
			    .start_ns = w->start_ns,
			    .now_ns = now_ns,
			    .out = c->reply,
			    .cap = w->client.proto == CORE_UDP ? CORE_UDP_MAX : DNS_MSG_MAX};
}

static void waiter_send(struct core *c, uint32_t wi, size_t len)
{
	struct waiter *w = &c->tab.waiter[wi];

	core_acts(c);
	if (len) /* otherwise it went on to wait for a second half */
		c->ops.reply(c->ops.ctx, &w->client, c->reply, len);
	waiter_free(&c->tab, wi);
}

size_t serve_other(struct core *c, const struct visit *v, const struct waiter *w,
		   const struct answer *a)
{
	if (w->waits == WAITS_FIRST)
		return serve_first(c, v, a);
	return w->waits == WAITS_PATH ? path_resume(c, v, w->step, a) : serve_second(c, v, w->step, a);
}

void waiters_serve_entry(struct core *c, struct question *q, struct entry *e, uint64_t now_ns)
{
	struct query query;
	struct visit v;
	uint32_t wi;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		if (w->waits == WAITS_ANSWER) {
			v.from = CORE_FROM_STALE;
			len = serve_entry(c, &v, e, true);
		} else {
			struct answer a;

			cache_answer(e, &a);
			v.is_stale = true;
			len = serve_other(c, &v, w, &a);
		}
		waiter_send(c, wi, len);
	}
}

void waiters_serve(struct core *c, struct question *q, const struct answer *a, uint16_t upstream,
		   uint64_t now_ns)
{
	struct reply_age age = {0, REPLY_KEEP_TTL};
	uint32_t wi;
	struct query query;
	struct visit v;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		v.upstream = upstream;
		len = w->waits == WAITS_ANSWER ? serve_answer(c, &v, a, age, NULL, 0) :
						 serve_other(c, &v, w, a);
		waiter_send(c, wi, len);
	}
}

void waiters_deny(struct core *c, struct question *q, const struct answer *cut, uint32_t age_s,
		  bool is_stale, uint16_t upstream, uint64_t now_ns)
{
	struct query query;
	struct visit v;
	uint32_t wi;

	while ((wi = waiter_take(&c->tab, q)) != NIL) {
		struct waiter *w = &c->tab.waiter[wi];
		size_t len;

		visit_of(c, w, &query, &v, now_ns);
		v.upstream = upstream;
		if (w->waits == WAITS_ANSWER || w->waits == WAITS_FIRST) {
			v.from = is_stale ? CORE_FROM_STALE : CORE_FROM_SHIELD;
			len = serve_synthesized(c, &v, cut, age_s, is_stale);
		} else {
			len = serve_other(c, &v, w, cut);
		}
		waiter_send(c, wi, len);
	}
}

void waiters_deny_stale(struct core *c, struct question *q, struct entry *e, uint64_t now_ns)
{
	struct answer cut;

	cache_touch(e, now_ns);
	cache_answer(e, &cut);
	waiters_deny(c, q, &cut, 0, true, UPSTREAM_NONE, now_ns);
}
