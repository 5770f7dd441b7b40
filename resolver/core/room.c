/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room in the two fixed tables, for questions under way and for parked clients.
 * While an eighth of a table is free nobody is limited. The last eighth is for
 * clients that hold less than an equal share. When nothing is free at all, the
 * client that holds the most gives up its oldest for one that holds less.
 *
 * Between equals, and against its own, a newcomer gets only the place of what is
 * overdue: it has waited for longer than nearly all answers take. To give up
 * work that upstreams are about to finish for work they have not begun would, at
 * a constant rate above capacity, finish nothing.
 *
 * Who is turned away gets SERVFAIL: stub resolvers take it as "try again", while
 * REFUSED is final for glibc and ignored until a time-out by musl.
 */
#include "resolver/core/core_int.h"

#include <string.h>

/* Not learnt from what upstreams take: what is given up never shows how long it
 * would have taken, so such a limit sinks below slow answers and stays there. */
#define OVERDUE_NS  NS_PER_S
/* Replies that one address can be owed over UDP. Addresses can be forged, and answers
 * held back until as many wait as may: what then comes at once is what the owner of
 * the address gets, this many replies of at most 1,232 octets by default. (Others also
 * drop what is older than some 2 s; stub resolvers wait for 5 s and we answer them.) */
#define REPLIES_MAX 1000
#define PASS_ON_MAX 8  /* shared questions that change hands before one is given up */
#define WALK_MAX    64 /* waiters looked at for somebody else */

static uint32_t in_use(const struct core *c, enum holds what)
{
	return what == HOLDS_WAITERS ? c->tab.waiting : c->tab.in_use;
}

/* Only an eighth is left. */
static bool is_short(const struct core *c, enum holds what)
{
	uint32_t n = c->tab.clients.of[what].n;

	return in_use(c, what) >= n - n / 8;
}

static bool same_client(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_overdue(const struct core *c, enum holds what, uint32_t thing, uint64_t now_ns)
{
	uint64_t since_ns = what == HOLDS_WAITERS ? c->tab.waiter[thing].start_ns :
						    c->tab.question[thing].start_ns;

	return now_ns - since_ns >= OVERDUE_NS;
}

/* Whoever loses its place is told by core_tick. Until then it takes up one of the
 * places that there are beyond the limits: false when those are used up. */
static bool give_up(struct core *c, enum holds what, uint32_t thing)
{
	if ((what == HOLDS_WAITERS ? c->tab.leaving : c->tab.hidden) >= HOLDS_LEAVING_MAX)
		return false;
	if (what == HOLDS_WAITERS) {
		waiter_put_off(&c->tab, thing, false);
		return true;
	}
	question_hide(&c->tab, thing);
	follower_remove(&c->tab, thing);
	timers_set(&c->timers, thing, T_NEVER);
	due_note(&c->tab, thing, DUE_GIVE_UP);
	return true;
}

/* Somebody else waits for it too: from now on it is theirs. */
static bool pass_on(struct core *c, uint32_t qi)
{
	struct question *q = &c->tab.question[qi];
	const struct in6_addr *owner = clients_owner(&c->tab.clients, HOLDS_QUESTIONS, qi);
	uint32_t wi = q->first_waiter;

	if (!q->is_shared)
		return false;
	for (unsigned i = 0; wi != NIL && i < WALK_MAX; i++, wi = c->tab.waiter[wi].next) {
		if (!same_client(&c->tab.waiter[wi].client.addr, owner)) {
			question_charge(&c->tab, qi, &c->tab.waiter[wi].client.addr);
			return true;
		}
	}
	return false;
}

/* From the client that holds the most to one that holds `mine`. */
static bool room_from_most(struct core *c, enum holds what, uint32_t mine)
{
	for (unsigned i = 0; clients_most(&c->tab.clients, what) > mine + 1; i++) {
		uint32_t oldest = clients_oldest_of_most(&c->tab.clients, what);

		if (what == HOLDS_QUESTIONS && i < PASS_ON_MAX && pass_on(c, oldest))
			continue;
		if (!give_up(c, what, oldest))
			return false;
		c->stats->share_evicted[what]++;
		return true;
	}
	return false;
}

bool room_for_reply(struct core *c, const struct core_client *client)
{
	if (client->proto != CORE_UDP ||
	    clients_held(&c->tab.clients, HOLDS_WAITERS, &client->addr) < REPLIES_MAX)
		return true;
	c->stats->replies_limited++;
	return false;
}

bool room_make(struct core *c, enum holds what, const struct in6_addr *addr, uint64_t now_ns)
{
	struct clients *t = &c->tab.clients;
	uint32_t n = t->of[what].n, mine, oldest;
	bool full = in_use(c, what) == n;

	if (!is_short(c, what))
		return true;
	mine = clients_held(t, what, addr);
	if (!full && mine < clients_share(t, what, mine))
		return true;
	if (full && room_from_most(c, what, mine))
		return true;
	oldest = full ? clients_oldest_of_most(t, what) : clients_oldest(t, what, addr);
	if (oldest != NIL && is_overdue(c, what, oldest, now_ns) && give_up(c, what, oldest)) {
		c->stats->overdue_evicted[what]++;
		return true;
	}
	if (!full)
		c->stats->share_refused[what]++;
	else if (what == HOLDS_WAITERS)
		c->stats->waiters_full++;
	else
		c->stats->inflight_full++;
	return false;
}

bool room_for_more(const struct core *c, const struct core_client *client)
{
	uint32_t mine;

	if (!is_short(c, HOLDS_QUESTIONS))
		return true;
	if (!client || c->tab.in_use == c->tab.n_questions)
		return false;
	mine = clients_held(&c->tab.clients, HOLDS_QUESTIONS, &client->addr);
	return mine < clients_share(&c->tab.clients, HOLDS_QUESTIONS, mine);
}

void clients_gauge(struct core *c)
{
	c->stats->clients = c->tab.clients.in_use;
	c->stats->inflight = c->tab.in_use + c->tab.hidden;
	c->stats->waiters = c->tab.waiting + c->tab.leaving;
}
