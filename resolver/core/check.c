/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of a core between two calls. Tests call it after each step, and
 * builds with sanitizers at the end of each call; nothing else links it.
 */
#include "resolver/core/core_int.h"

/* With more than so much under way, only so often: it walks over all of it. */
#define CHECK_ALWAYS 64
#define CHECK_ONE_IN 256
#define CHECK_CACHE  256 /* entries; the cache's own tests look at more */

/* Places from here on were never used. */
static uint32_t question_used(const struct questions *t)
{
	uint32_t n = t->in_use + t->hidden;

	for (uint32_t i = t->free_question; i != NIL; i = t->question[i].next, n++)
		assert(n < t->question_places && !t->question[i].in_use);
	return n;
}

/* --- waiters --- */

static uint32_t waiters_of(const struct core *c, uint32_t qi)
{
	const struct questions *t = &c->tab;
	const struct question *q = &t->question[qi];
	uint32_t n = 0, before = NIL;

	for (uint32_t i = q->first_waiter; i != NIL; before = i, i = t->waiter[i].next, n++) {
		const struct waiter *w = &t->waiter[i];

		assert(n < t->waiter_places && w->question == qi && w->prev == before);
		assert(!w->leaves && w->waits < WAITS_AGAIN && w->zone < c->conf->n_zones);
		assert(w->client.listener < c->conf->n_listeners && w->query_len <= sizeof(w->query));
		assert(clients_owner(&t->clients, HOLDS_WAITERS, i));
	}
	assert(q->last_waiter == before);
	return n;
}

/* Each waits for a question that is there, or is in the list of those due. */
static void waiters_check(const struct core *c, uint32_t n_used)
{
	const struct questions *t = &c->tab;
	uint32_t attached = 0, again = 0, leaving = 0, before = NIL;

	for (uint32_t qi = 0; qi < n_used; qi++)
		if (t->question[qi].in_use)
			attached += waiters_of(c, qi);
	for (uint32_t i = t->due_waiter_first; i != NIL; before = i, i = t->waiter[i].next) {
		const struct waiter *w = &t->waiter[i];

		assert(w->question == NIL && w->prev == before);
		assert(!clients_owner(&t->clients, HOLDS_WAITERS, i));
		assert(w->leaves || w->waits == WAITS_AGAIN);
		*(w->leaves ? &leaving : &again) += 1;
		assert(again + leaving <= t->waiter_places);
	}
	assert(t->due_waiter_last == before);
	assert(attached + again == t->waiting && leaving == t->leaving);
	assert(t->waiting <= t->n_waiters && t->leaving <= HOLDS_LEAVING_MAX);
}

/* --- questions --- */

/* What is not hidden stands in its bucket once, and nothing else does. */
static void buckets_check(const struct questions *t)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < t->n_buckets; b++) {
		for (uint32_t at = t->bucket[b]; at; at = t->question[at - 1].next) {
			uint32_t i = at - 1;
			struct cache_key k;

			assert(t->question[i].in_use && !t->question[i].is_hidden && n < t->in_use);
			question_key(&t->question[i], &k);
			assert(question_find(t, &k) == i);
			n++;
		}
	}
	assert(n == t->in_use);
}

static uint32_t followers_of(const struct questions *t, uint32_t qi)
{
	uint32_t n = 0;

	for (uint32_t i = t->question[qi].first_follower; i != NIL;
	     i = t->question[i].next_follower) {
		assert(n++ < t->question_places);
		assert(t->question[i].in_use && !t->question[i].is_hidden);
		assert(t->question[i].leader == qi);
	}
	return n;
}

/* Each follower is in its leader's list, and no row of leaders is a circle. */
static void followers_check(const struct questions *t, uint32_t n_used)
{
	uint32_t listed = 0, following = 0;

	for (uint32_t qi = 0; qi < n_used; qi++) {
		const struct question *q = &t->question[qi];

		if (!q->in_use)
			continue;
		listed += followers_of(t, qi);
		following += q->leader != NIL;
		assert(q->leader == NIL || !question_leads(t, qi, q->leader));
	}
	assert(listed == following);
}

static void due_check(const struct questions *t, uint32_t n_used)
{
	uint32_t listed = 0, due = 0, before = NIL;

	for (uint32_t i = t->due_first; i != NIL; before = i, i = t->question[i].due_next) {
		assert(listed++ < t->question_places);
		assert(t->question[i].in_use && t->question[i].due);
		assert(t->question[i].due_prev == before);
	}
	assert(t->due_last == before);
	for (uint32_t qi = 0; qi < n_used; qi++)
		due += t->question[qi].in_use && t->question[qi].due;
	assert(listed == due);
}

static void asks_check(const struct core *c, uint32_t qi)
{
	const struct question *q = &c->tab.question[qi];

	for (unsigned i = 0; i < ASKS_MAX; i++) {
		const struct ask *a = &q->ask[i];

		if (!a->id)
			continue;
		assert((a->id & ((1u << c->id_bits) - 1)) == qi * ASKS_MAX + i);
		assert(a->upstream < c->conf->n_upstreams);
		assert(!a->failed || q->is_hidden || q->due & DUE_FAILED);
		assert(a->proto < CORE_PROTOS && !q->follows_target && q->n_tries + q->n_moved);
		assert(!a->had_cookie || a->has_edns);
	}
}

static uint64_t timer_of(const struct core *c, uint32_t item)
{
	uint32_t at = c->timers.where[item];

	return at ? c->timers.heap[at - 1].at_ns : T_NEVER;
}

/* Somebody wakes it up: a timer, what is due, or the question it follows. */
static void wakes_check(const struct core *c, uint32_t qi)
{
	const struct question *q = &c->tab.question[qi];
	bool has_timer = c->timers.where[qi] != 0;

	assert(q->in_use || !has_timer);
	if (!q->in_use)
		return;
	assert(timer_of(c, qi) == (q->is_hidden ? T_NEVER : question_wakes(q)));
	assert(q->zone < c->conf->n_zones && q->listener < c->conf->n_listeners);
	assert(!q->is_hidden || (q->due & DUE_GIVE_UP && !has_timer && q->leader == NIL));
	assert(has_timer || q->due || (q->leader != NIL && q->follows_target));
	assert(!q->head || c->follow);
}

/* What belongs to one state is at rest in the others. */
static void states_check(const struct core *c, const struct question *q)
{
	unsigned targets = 0;

	assert(q->is_counted <= (q->end_ns != T_NEVER) && q->is_settled <= (q->last_rcode && q->is_counted));
	assert(q->hedge_ns == T_NEVER || (q->is_counted && !q->is_settled && q->retry_ns != T_NEVER && asks_open(q)));
	assert(!q->is_settled || asks_open(q));
	assert(q->is_counted <= (q->retry_ns != T_NEVER || asks_open(q))); /* the last may still answer */
	assert(q->stale_ns == T_NEVER || q->first_waiter != NIL);
	assert(!q->last_why || q->last_upstream < c->conf->n_upstreams);
	assert(!q->n_follows || q->end_ns == T_NEVER || q->leader == NIL || q->follows_target || q->follow_ns != T_NEVER);
	assert(q->retry_ns == T_NEVER || q->is_counted);
	assert(q->follow_ns == T_NEVER || (q->leader != NIL && !q->follows_target));
	assert(!q->follows_target || (q->head && !q->is_counted && q->retry_ns == T_NEVER));
	assert(!(q->due & DUE_BEGIN) || (!q->is_counted && q->leader == NIL));
	if (q->is_counted) {
		assert(q->forward < c->conf->zone[q->zone].z.n_forward);
		targets = (1u << question_forward(c, q)->n_to) - 1;
		assert(!((q->tried | q->damaged | q->respelled | q->no_edns) & ~targets));
	}
}

static void questions_check(const struct core *c, uint32_t n_used)
{
	const struct questions *t = &c->tab;
	uint32_t n = 0, hidden = 0;

	for (uint32_t qi = 0; qi < n_used; qi++) {
		const struct question *q = &t->question[qi];

		wakes_check(c, qi);
		n += q->in_use;
		hidden += q->in_use && q->is_hidden;
		assert((q->in_use && !q->is_hidden) ||
		       !clients_owner(&t->clients, HOLDS_QUESTIONS, qi));
		if (q->in_use) {
			asks_check(c, qi);
			if (!q->is_hidden)
				states_check(c, q);
		}
	}
	assert(n == t->in_use + t->hidden && hidden == t->hidden);
	assert(t->in_use <= t->n_questions && t->hidden <= HOLDS_LEAVING_MAX);
}

/* --- what is counted elsewhere --- */

static void forwards_check(const struct core *c, uint32_t n_used)
{
	for (size_t z = 0; z < c->conf->n_zones; z++) {
		for (size_t f = 0; f < c->conf->zone[z].z.n_forward; f++) {
			uint64_t n = 0;

			for (uint32_t qi = 0; qi < n_used; qi++) {
				const struct question *q = &c->tab.question[qi];

				n += q->in_use && q->is_counted && q->zone == z && q->forward == f;
			}
			assert(c->forward[c->forward_at[z] + f].concurrent == n);
		}
	}
}

/* Those that hold as many are in one ring, and nobody else is. */
static uint32_t levels_check(const struct clients *t, unsigned k)
{
	const struct client_table *of = &t->of[k];
	uint32_t rows = 0;

	for (uint32_t n = 1; n <= of->most; n++) {
		uint32_t first = of->level[n], i = first;

		if (first == NIL)
			continue;
		do {
			const struct client_hold *h = &t->row[i].of[k];

			assert(h->n == n && t->row[h->level_next].of[k].level_prev == i);
			assert(rows++ < t->used);
			i = h->level_next;
		} while (i != first);
	}
	return rows;
}

static void holds_check(const struct clients *t)
{
	uint32_t in_use = 0, most[HOLDS_N] = {0}, active[HOLDS_N] = {0}, is_free = 0;

	for (uint32_t r = t->free; r != NIL; r = t->row[r].next)
		assert(is_free++ < t->used);
	for (uint32_t r = 0; r < t->used; r++) {
		const struct client_hold *of = t->row[r].of;

		in_use += of[HOLDS_WAITERS].n || of[HOLDS_QUESTIONS].n;
		for (unsigned k = 0; k < HOLDS_N; k++) {
			const struct client_thing *thing = t->of[k].thing;
			uint32_t n = 0;

			for (uint32_t i = of[k].first; of[k].n && i != NIL; i = thing[i].next, n++)
				assert(n < of[k].n && thing[i].whose == r + 1);
			assert(n == of[k].n);
			most[k] = n > most[k] ? n : most[k];
			active[k] += n > 0;
		}
	}
	assert(in_use == t->in_use && in_use + is_free == t->used);
	for (unsigned k = 0; k < HOLDS_N; k++) {
		assert(most[k] == t->of[k].most);
		assert(active[k] == t->of[k].active && levels_check(t, k) == active[k]);
	}
}

static void upstreams_check(const struct core *c)
{
	for (unsigned u = 0; u < CORE_UPSTREAMS_MAX; u++) {
		const struct upstream *up = &c->up[u];
		bool has_timer = c->timers.where[c->tab.question_places + u] != 0;

		assert(u < c->conf->n_upstreams || (!has_timer && !up->is_suspect));
		assert(has_timer == up->is_suspect && up->is_probing <= up->is_suspect);
		assert(up->is_suspect || !up->fails);
		assert(up->is_probing == (up->probe_id != 0));
		assert(!up->is_probing || probe_find(c, up->probe_id) == (int)u);
	}
}

/* The earliest is in front, and each item is where it is looked for. */
static void timers_check(const struct timers *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		assert(t->where[t->heap[i].item] == i + 1);
		assert(t->heap[i ? (i - 1) / 2 : 0].at_ns <= t->heap[i].at_ns);
	}
}

void core_check(const struct core *c)
{
	uint32_t n_used = question_used(&c->tab);

	assert(c->state == CORE_IDLE);
	waiters_check(c, n_used);
	buckets_check(&c->tab);
	followers_check(&c->tab, n_used);
	due_check(&c->tab, n_used);
	questions_check(c, n_used);
	forwards_check(c, n_used);
	holds_check(&c->tab.clients);
	upstreams_check(c);
	timers_check(&c->timers);
	assert(c->hedge_credit <= HEDGE_CREDIT_MAX);
	path_check(c);
	follow_check(c);
	if (c->cache.n_used < CHECK_CACHE)
		cache_check(&c->cache);
}

void core_asks_check(const struct core *c, void (*seen)(void *ctx, uint32_t ask_id, unsigned upstream, enum core_proto proto), void *ctx)
{
	for (uint32_t i = 0; i < c->tab.questions_taken * ASKS_MAX; i++) {
		const struct question *q = &c->tab.question[i / ASKS_MAX];
		const struct ask *a = &q->ask[i % ASKS_MAX];

		if (q->in_use && a->id && !a->failed)
			seen(ctx, a->id, a->upstream, (enum core_proto)a->proto);
	}
	for (unsigned u = 0; u < c->conf->n_upstreams; u++)
		if (c->up[u].probe_id && !c->up[u].probe_failed)
			seen(ctx, c->up[u].probe_id, u, (enum core_proto)c->up[u].probe_proto);
}

void core_waiters_check(const struct core *c, void (*seen)(void *ctx, const struct core_client *client), void *ctx)
{
	const struct questions *t = &c->tab;

	for (uint32_t qi = 0; qi < t->questions_taken; qi++)
		for (uint32_t i = t->question[qi].in_use ? t->question[qi].first_waiter : NIL; i != NIL; i = t->waiter[i].next)
			seen(ctx, &t->waiter[i].client);
	for (uint32_t i = t->due_waiter_first; i != NIL; i = t->waiter[i].next)
		seen(ctx, &t->waiter[i].client);
}

void core_check_some(struct core *c)
{
	if (c->tab.in_use + c->tab.waiting < CHECK_ALWAYS || ++c->n_checks % CHECK_ONE_IN == 0)
		core_check(c);
}
