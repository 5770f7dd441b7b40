/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration under running traffic. Entries stay: their key holds a
 * digest of who answers for the zone, so those of changed upstreams are simply
 * not found any more. Questions under way are routed and asked anew.
 */
#include "resolver/core/core_int.h"

#include <stdlib.h>
#include <string.h>

static const struct upstream *upstream_known(const struct core *c, const struct core_upstream *u)
{
	for (size_t i = 0; i < c->conf->n_upstreams; i++) {
		const struct upstream *old = &c->up[i];

		if (old->port == u->port && old->transport == u->transport &&
		    memcmp(&old->addr, &u->addr, sizeof(u->addr)) == 0)
			return old;
	}
	return NULL;
}

/* Upstreams keep what was learnt about their address. */
static void upstreams_carry(const struct core *c, const struct config *conf, struct upstream *to)
{
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		const struct upstream *old = upstream_known(c, &conf->upstream[i]);

		if (old)
			to[i] = *old;
		else
			upstream_fresh(c, &to[i], &conf->upstream[i]);
		to[i].is_probing = false;
		to[i].probe_id = 0;
	}
}

static void exchanges_cancel(struct core *c)
{
	for (uint32_t qi = 0; qi < c->tab.n_questions; qi++) {
		struct question *q = &c->tab.question[qi];

		if (!q->in_use)
			continue;
		for (unsigned i = 0; i < ASKS_MAX; i++)
			if (q->ask[i].id)
				ask_close(c, qi, &q->ask[i], true);
		question_release_forward(c, q);
		follower_remove(&c->tab, qi);
		q->follow_ns = q->retry_ns = q->hedge_ns = T_NEVER;
	}
	for (unsigned u = 0; u < c->conf->n_upstreams; u++) {
		if (c->up[u].is_probing && c->ops.cancel)
			c->ops.cancel(c->ops.ctx, c->up[u].probe_id);
		timers_set(&c->timers, c->tab.n_questions + u, T_NEVER);
	}
}

/* A client may wait for another name than its own (autopath): its zone is its own. */
static void waiter_move(struct core *c, struct waiter *w, uint16_t zone)
{
	struct query query;

	if (w->client.listener >= c->conf->n_listeners)
		w->client.listener = 0;
	w->zone = zone;
	if (w->waits != WAITS_PATH)
		return;
	query_parse(&query, w->query, w->query_len);
	w->zone = config_route(c->conf, w->client.listener, &query);
	if (w->zone == ZONE_NONE)
		w->zone = zone;
}

/* Finds the question's place in the new configuration; false: it has none. */
static bool question_move(struct core *c, uint32_t qi)
{
	struct question *q = &c->tab.question[qi];
	struct query query;
	uint16_t zone = ZONE_NONE;
	bool has_zone;

	query_from_name(&query, q->name, q->qtype);
	if (q->listener < c->conf->n_listeners)
		zone = config_route(c->conf, q->listener, &query);
	has_zone = zone != ZONE_NONE;
	if (!has_zone)
		zone = 0; /* for the counters' sake */
	q->zone = zone;
	for (uint32_t wi = q->first_waiter; wi != NIL; wi = c->tab.waiter[wi].next)
		waiter_move(c, &c->tab.waiter[wi], zone);
	if (q->listener >= c->conf->n_listeners)
		q->listener = 0;
	question_rehash(&c->tab, qi, q->hash ^ q->view ^ c->conf->zone[zone].view);
	q->view = c->conf->zone[zone].view;
	return has_zone;
}

static void questions_resume(struct core *c, uint64_t now_ns)
{
	for (uint32_t qi = 0; qi < c->tab.n_questions; qi++)
		if (c->tab.question[qi].in_use && !question_move(c, qi))
			c->tab.question[qi].purpose = FOR_NOBODY;
	for (uint32_t qi = 0; qi < c->tab.n_questions; qi++)
		if (c->tab.question[qi].in_use && c->tab.question[qi].purpose == FOR_NOBODY)
			question_fail(c, qi, DNS_REFUSED, -1, false, now_ns);
	for (uint32_t qi = 0; qi < c->tab.n_questions; qi++)
		if (c->tab.question[qi].in_use && c->tab.question[qi].leader == NIL &&
		    !asks_open(&c->tab.question[qi]))
			question_ask(c, qi, now_ns);
	for (unsigned u = 0; u < c->conf->n_upstreams; u++)
		if (c->up[u].is_suspect)
			timers_set(&c->timers, c->tab.n_questions + u, now_ns);
}

int core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns, struct diag *d)
{
	struct forward_state *forward = NULL;
	uint32_t at[CORE_ZONES_MAX + 1];
	struct config *fresh = NULL;
	struct upstream *up;
	int err;

	if (!conf->n_listeners || !conf->n_zones)
		return diag_set(d, ERR_RANGE, "a configuration needs a listener and a zone");
	err = config_new(&fresh, conf, d);
	if (err)
		return err;
	up = calloc(CORE_UPSTREAMS_MAX, sizeof(*up));
	err = forwards_new(fresh, &forward, at);
	if (!up || err) {
		config_free(fresh);
		free(up);
		return diag_set(d, ERR_NOMEM, "no memory for the new configuration");
	}
	core_enter(c);
	exchanges_cancel(c);
	upstreams_carry(c, fresh, up);
	config_free(c->conf);
	free(c->up);
	free(c->forward);
	c->conf = fresh;
	c->up = up;
	c->forward = forward;
	memcpy(c->forward_at, at, sizeof(at));
	memset(c->shield, 0, sizeof(c->shield));
	stats_bind(c);
	path_table(c); /* without memory for it, autopath rests */
	follow_table(c); /* ... and what needs following fails */
	questions_resume(c, now_ns);
	core_leave(c, now_ns);
	return 0;
}
