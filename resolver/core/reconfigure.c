/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration under running traffic. Entries stay: their key holds a
 * digest of who answers for the zone, so those of changed upstreams are simply
 * not found any more. Clients that wait are looked after anew by the next
 * core_tick, as if they had just asked; of how far their questions had come nothing
 * is kept, for it may mean nothing under this configuration, or something else.
 *
 * Silent: what was asked is void without a word, nothing is replied or asked.
 */
#include "resolver/core/core_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#define SILENT_NS (500 * NS_PER_MS) /* half of what is between two changes (resolver/supervisor/configuration.c) */

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

/* Where the new configuration has the listener; LISTENER_GONE: nowhere. */
static uint8_t listener_in(const struct config *to, const struct core_listener *l)
{
	for (size_t i = 0; i < to->n_listeners; i++)
		if (to->listener[i].port == l->port &&
		    memcmp(&to->listener[i].addr, &l->addr, sizeof(l->addr)) == 0)
			return (uint8_t)i;
	return LISTENER_GONE;
}

/* A client may also have been turned away already, and only not been told yet. */
static void waiters_put_off(struct core *c, const struct config *to)
{
	uint8_t moved[CORE_LISTENERS_MAX];

	for (size_t i = 0; i < c->conf->n_listeners; i++)
		moved[i] = listener_in(to, &c->conf->listener[i]);
	for (uint32_t qi = 0; qi < c->tab.questions_taken; qi++) {
		struct question *q = &c->tab.question[qi];

		while (q->in_use && q->first_waiter != NIL)
			waiter_put_off(&c->tab, q->first_waiter, true);
	}
	for (uint32_t wi = c->tab.due_waiter_first; wi != NIL; wi = c->tab.waiter[wi].next) {
		struct waiter *w = &c->tab.waiter[wi];

		if (w->client.listener != LISTENER_GONE)
			w->client.listener = moved[w->client.listener];
		w->zone = 0;
		if (w->leaves)
			w->waits = WAITS_ANSWER;
	}
}

/* Where configurations change faster than a try takes to fail, each begins with the same dead upstream. So who has been
 * silent for a while counts as failed: others are asked first, if there are, and it is probed. */
static void silences_note(struct core *c, uint64_t now_ns)
{
	for (uint32_t qi = 0; qi < c->tab.questions_taken; qi++) {
		const struct question *q = &c->tab.question[qi];

		for (unsigned i = 0; q->in_use && i < ASKS_MAX; i++) {
			const struct ask *a = &q->ask[i];

			if (a->id && now_ns - a->sent_ns >= SILENT_NS && c->up[a->upstream].answered_ns <= a->sent_ns)
				upstream_suspected(c, a->upstream, question_forward(c, q), a->proto != CORE_UDP);
		}
	}
}

static void questions_end(struct core *c)
{
	for (uint32_t qi = 0; qi < c->tab.questions_taken; qi++) {
		struct question *q = &c->tab.question[qi];

		if (!q->in_use)
			continue;
		refreshing_clear(c, q);
		follow_release(c, q);
		follower_remove(&c->tab, qi);
		followers_take(&c->tab, qi);
		timers_set(&c->timers, qi, T_NEVER);
		question_remove(&c->tab, qi);
	}
	for (unsigned u = 0; u < CORE_UPSTREAMS_MAX; u++)
		timers_set(&c->timers, c->tab.question_places + u, T_NEVER);
}

/* What an upstream is suspected of is not forgotten: it is probed on. */
static void probes_resume(struct core *c, uint64_t now_ns)
{
	for (unsigned u = 0; u < c->conf->n_upstreams; u++)
		if (c->up[u].is_suspect)
			timers_set(&c->timers, c->tab.question_places + u, now_ns);
}

/* All that may fail; NULL members are not needed, or there already. */
struct next {
	struct config *conf;
	struct upstream *up;
	struct forward_state *forward;
	uint32_t forward_at[CORE_ZONES_MAX + 1];
	struct path_client *path;
	struct follow *follow;
};

static int next_prepare(const struct core *c, struct next *n, const struct core_conf *conf,
			struct diag *d)
{
	int err;

	*n = (struct next){0};
	if (!conf->n_listeners || !conf->n_zones)
		return diag_set(d, ERR_RANGE, "a configuration needs a listener and a zone");
	err = config_new(&n->conf, conf, d);
	if (err)
		return err;
	n->up = calloc(CORE_UPSTREAMS_MAX, sizeof(*n->up));
	if (!n->up || forwards_new(n->conf, &n->forward, n->forward_at) < 0 ||
	    (!c->path && path_table(n->conf, &n->path) < 0) ||
	    (!c->follow && follow_table(n->conf, &n->follow) < 0)) {
		config_free(n->conf);
		free(n->up);
		free(n->forward);
		free(n->path);
		return diag_set(d, ERR_NOMEM, "no memory for the new configuration");
	}
	return 0;
}

static void next_take(struct core *c, struct next *n)
{
	path_move(c, n->conf);
	upstreams_carry(c, n->conf, n->up);
	config_free(c->conf);
	free(c->up);
	free(c->forward);
	c->conf = n->conf;
	c->up = n->up;
	c->forward = n->forward;
	memcpy(c->forward_at, n->forward_at, sizeof(c->forward_at));
	if (!c->path)
		c->path = n->path;
	if (!c->follow)
		c->follow = n->follow;
	memset(c->trust, 0, sizeof(c->trust));
	shield_reset(c);
}

int core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns, struct diag *d)
{
	struct next n;
	int err = next_prepare(c, &n, conf, d);

	if (err)
		return err;
	core_enter(c, CORE_NOTES);
	silences_note(c, now_ns);
	waiters_put_off(c, n.conf);
	questions_end(c);
	next_take(c, &n);
	stats_bind(c);
	probes_resume(c, now_ns);
	clients_gauge(c);
	core_leave(c);
	return 0;
}
