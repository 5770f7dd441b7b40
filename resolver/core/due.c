/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was noted is done: questions begin, are asked, learn that an exchange
 * failed, or end; clients that lost their place are told, those that a new
 * configuration found waiting are looked after anew. Only from here, from
 * timers and from answers do replies and asks leave the core, and nothing
 * there runs within another: what comes up meanwhile joins the end of the list.
 */
#include "resolver/core/core_int.h"

#include <string.h>

/* --- clients --- */

static void client_reply(struct core *c, const struct core_client *to, size_t len)
{
	core_acts(c);
	c->ops.reply(c->ops.ctx, to, c->reply, len);
}

/* Gave up its place: an old answer, or "try again". */
static void waiter_turn_away(struct core *c, const struct waiter *w, struct visit *v)
{
	struct entry *e = NULL;
	struct cache_key k;
	size_t len;

	if (w->waits == WAITS_ANSWER && v->zone->z.cache.enabled) {
		key_of_query(c, v->q, v->zone, &k);
		e = entry_stale(cache_find(&c->cache, &k), v->zone, v->now_ns);
	}
	v->from = e ? CORE_FROM_STALE : CORE_FROM_SERVER;
	if (e)
		len = serve_entry(c, v, e, true);
	else if (w->waits == WAITS_ANSWER)
		len = serve_overload(c, v);
	else
		len = serve_other(c, v, w, NULL);
	if (len) /* otherwise it waits for something else */
		client_reply(c, &w->client, len);
}

/* Its zone is none, or it cannot be answered by a zone: its listener is gone. */
static void waiter_refuse(struct core *c, const struct waiter *w, struct visit *v, unsigned rcode)
{
	v->zone = NULL;
	v->from = CORE_FROM_SERVER;
	client_reply(c, &w->client, serve_rcode(c, v, rcode, -1));
}

static void waiter_again(struct core *c, const struct waiter *w, struct visit *v)
{
	size_t len = 0;

	v->is_again = true;
	v->from = CORE_FROM_SERVER;
	switch (query_serve(c, v, &len)) {
	case CORE_REPLY:
		client_reply(c, &w->client, len);
		break;
	case CORE_WAIT:
		break;
	case CORE_DROP: /* too late for that */
		v->is_unrouted = true;
		waiter_refuse(c, w, v, DNS_REFUSED);
	}
}

/* By a copy: its place is free for what becomes of it. Nothing of it but the
 * client's own octets is believed, for the configuration may be another one. */
static void waiter_do(struct core *c, uint32_t wi, uint64_t now_ns)
{
	struct waiter w = c->tab.waiter[wi];
	struct query query;
	struct visit v;

	waiter_free(&c->tab, wi);
	visit_of(c, &w, &query, &v, now_ns);
	if (w.client.listener == LISTENER_GONE) {
		v.is_unrouted = true;
		waiter_refuse(c, &w, &v, DNS_SERVFAIL);
		return;
	}
	v.zone_index = config_route(c->conf, w.client.listener, &query);
	if (v.zone_index == ZONE_NONE) {
		waiter_refuse(c, &w, &v, DNS_REFUSED);
		return;
	}
	v.zone = &c->conf->zone[v.zone_index];
	if (w.waits == WAITS_AGAIN)
		waiter_again(c, &w, &v);
	else
		waiter_turn_away(c, &w, &v);
}

/* --- questions --- */

/* One failure may end the question, and its place be taken: exchanges by their ids. */
static void failures_do(struct core *c, uint32_t qi, uint64_t now_ns)
{
	const struct question *q = &c->tab.question[qi];
	struct ask told[ASKS_MAX];

	memcpy(told, q->ask, sizeof(told));
	for (unsigned i = 0; i < ASKS_MAX; i++)
		if (told[i].id && told[i].failed)
			exchange_failed(c, now_ns, told[i].id,
					(enum core_fail_why)(told[i].failed - 1));
}

static void question_do(struct core *c, uint32_t qi, unsigned what, uint64_t now_ns)
{
	if (what & DUE_GIVE_UP)
		question_overload(c, qi, now_ns);
	else if (what & DUE_BEGIN)
		question_begin(c, qi, now_ns);
	else if (what & DUE_ASK)
		question_ask(c, qi, now_ns);
	else
		failures_do(c, qi, now_ns);
}

void due_run(struct core *c, uint64_t now_ns)
{
	unsigned what = 0;
	uint32_t i;

	for (;;) {
		if ((i = waiter_due_take(&c->tab)) != NIL)
			waiter_do(c, i, now_ns);
		else if ((i = due_take(&c->tab, &what)) != NIL)
			question_do(c, i, what, now_ns);
		else
			return;
	}
}
