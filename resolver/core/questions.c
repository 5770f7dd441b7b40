/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free lists, hash chains and rings by index: all tables of questions and waiters
 * change here alone.
 */
#include "resolver/core/questions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"

int questions_init(struct questions *t, const struct hash_key *key, uint32_t n_questions,
		   uint32_t n_waiters)
{
	memset(t, 0, sizeof(*t));
	t->n_questions = n_questions;
	t->n_waiters = n_waiters;
	t->n_buckets = n_questions;
	t->question_places = n_questions + HOLDS_LEAVING_MAX;
	t->waiter_places = n_waiters + HOLDS_LEAVING_MAX;
	/* not cleared: nobody looks at a place that was never taken, and who takes one fills it */
	t->question = malloc(t->question_places * sizeof(*t->question));
	t->waiter = malloc(t->waiter_places * sizeof(*t->waiter));
	t->bucket = calloc(t->n_buckets, sizeof(*t->bucket)); /* pages that nobody has used stay untouched */
	if (!t->question || !t->waiter || !t->bucket ||
	    clients_init(&t->clients, key, n_waiters, n_questions) < 0)
		return ERR_NOMEM;
	t->free_question = t->free_waiter = NIL;
	t->due_first = t->due_last = t->due_waiter_first = t->due_waiter_last = NIL;
	return 0;
}

void questions_release(struct questions *t)
{
	free(t->question);
	free(t->waiter);
	free(t->bucket);
	clients_release(&t->clients);
}

static uint32_t *bucket_of(const struct questions *t, const struct cache_key *k)
{
	uint64_t h = key_mix(k->hash, key_rest(k->qtype, k->qclass, k->key_flags));

	return &t->bucket[(h >> 32) * t->n_buckets >> 32];
}

static bool same_name(const struct question *q, const struct cache_key *k)
{
	return q->hash == k->hash && q->key_flags == k->key_flags && q->qclass == k->qclass &&
	       q->name_len == k->name_len && memcmp(q->name, k->name, k->name_len) == 0;
}

uint32_t question_find(const struct questions *t, const struct cache_key *k)
{
	for (uint32_t i = *bucket_of(t, k); i; i = t->question[i - 1].next)
		if (t->question[i - 1].qtype == k->qtype && same_name(&t->question[i - 1], k))
			return i - 1;
	return NIL;
}

/* Free places are handed out lowest first, later last freed first: memory that
 * was never needed stays untouched. */
static uint32_t question_take(struct questions *t)
{
	uint32_t i = t->free_question;

	if (t->in_use == t->n_questions)
		return NIL;
	if (i != NIL)
		t->free_question = t->question[i].next;
	else if (t->questions_taken < t->question_places)
		i = t->questions_taken++;
	return i;
}

uint32_t question_add(struct questions *t, const struct cache_key *k)
{
	uint32_t i = question_take(t), *bucket = bucket_of(t, k);
	struct question *q;

	if (i == NIL)
		return NIL;
	q = &t->question[i];
	memset(q, 0, sizeof(*q));
	q->in_use = true;
	q->name_len = k->name_len;
	q->key_flags = k->key_flags;
	q->qtype = q->asked_type = k->qtype;
	q->qclass = q->asked_class = k->qclass;
	q->hash = k->hash;
	memcpy(q->name, k->name, k->name_len);
	q->first_waiter = q->last_waiter = NIL;
	q->leader = q->first_follower = q->next_follower = NIL;
	q->due_next = q->due_prev = NIL;
	q->retry_ns = q->hedge_ns = q->stale_ns = q->follow_ns = q->end_ns = T_NEVER;
	q->next = *bucket;
	*bucket = i + 1;
	t->in_use++;
	return i;
}

static void bucket_leave(struct questions *t, uint32_t qi)
{
	struct cache_key k;
	uint32_t *link;

	question_key(&t->question[qi], &k);
	link = bucket_of(t, &k);
	while (*link != qi + 1)
		link = &t->question[*link - 1].next;
	*link = t->question[qi].next;
}

void question_hide(struct questions *t, uint32_t qi)
{
	struct question *q = &t->question[qi];

	if (q->is_hidden)
		return;
	bucket_leave(t, qi);
	clients_give(&t->clients, HOLDS_QUESTIONS, qi);
	q->is_hidden = true;
	t->in_use--;
	t->hidden++;
}

void question_remove(struct questions *t, uint32_t qi)
{
	struct question *q = &t->question[qi];

	assert(q->in_use && q->first_waiter == NIL && q->first_follower == NIL &&
	       q->leader == NIL);
	question_hide(t, qi);
	due_forget(t, qi);
	SPOIL(q, sizeof(*q));
	q->in_use = false;
	q->next = t->free_question;
	t->free_question = qi;
	t->hidden--;
}

void question_charge(struct questions *t, uint32_t qi, const struct in6_addr *addr)
{
	clients_give(&t->clients, HOLDS_QUESTIONS, qi);
	clients_take(&t->clients, HOLDS_QUESTIONS, qi, addr);
}

void question_key(const struct question *q, struct cache_key *ret)
{
	*ret = (struct cache_key){.name = q->name,
				  .name_len = q->name_len,
				  .key_flags = q->key_flags,
				  .qtype = q->qtype,
				  .qclass = q->qclass,
				  .hash = q->hash};
}

static bool is_anothers(const struct questions *t, uint32_t qi, const struct in6_addr *addr)
{
	const struct in6_addr *whose = clients_owner(&t->clients, HOLDS_QUESTIONS, qi);

	return whose && memcmp(whose, addr, sizeof(*addr)) != 0;
}

uint32_t waiter_add(struct questions *t, uint32_t qi, const struct core_client *client,
		    const struct query *query, uint16_t zone, uint64_t now_ns)
{
	struct question *q = &t->question[qi];
	uint32_t i = t->free_waiter;
	struct waiter *w;

	if (t->waiting == t->n_waiters)
		return NIL;
	if (i != NIL)
		t->free_waiter = t->waiter[i].next;
	else
		i = t->waiting + t->leaving; /* of those that leave there are never more than places for them */
	assert(i < t->waiter_places);
	w = &t->waiter[i];
	w->client = *client;
	w->start_ns = now_ns;
	w->next = NIL;
	w->prev = q->last_waiter;
	w->question = qi;
	w->waits = WAITS_ANSWER;
	w->step = 0;
	w->leaves = false;
	w->zone = zone;
	w->query_len = (uint16_t)query_compact(query, w->query);
	if (q->last_waiter == NIL)
		q->first_waiter = i;
	else
		t->waiter[q->last_waiter].next = i;
	q->last_waiter = i;
	t->waiting++;
	q->is_shared |= is_anothers(t, qi, &client->addr);
	clients_take(&t->clients, HOLDS_WAITERS, i, &client->addr);
	return i;
}

void waiter_pull(struct questions *t, uint32_t wi)
{
	struct waiter *w = &t->waiter[wi];
	struct question *q = &t->question[w->question];

	*(w->prev == NIL ? &q->first_waiter : &t->waiter[w->prev].next) = w->next;
	*(w->next == NIL ? &q->last_waiter : &t->waiter[w->next].prev) = w->prev;
	clients_give(&t->clients, HOLDS_WAITERS, wi);
}

uint32_t waiter_take(struct questions *t, struct question *q)
{
	uint32_t i = q->first_waiter;

	if (i != NIL)
		waiter_pull(t, i);
	return i;
}

void waiter_free(struct questions *t, uint32_t wi)
{
	struct waiter *w = &t->waiter[wi];

	*(w->leaves ? &t->leaving : &t->waiting) -= 1;
	SPOIL(w, sizeof(*w));
	w->next = t->free_waiter;
	t->free_waiter = wi;
}

void waiter_put_off(struct questions *t, uint32_t wi, bool again)
{
	struct waiter *w = &t->waiter[wi];

	waiter_pull(t, wi);
	w->question = NIL;
	if (again) {
		w->waits = WAITS_AGAIN;
	} else {
		w->leaves = true;
		t->waiting--;
		t->leaving++;
	}
	w->next = NIL;
	w->prev = t->due_waiter_last;
	*(w->prev == NIL ? &t->due_waiter_first : &t->waiter[w->prev].next) = wi;
	t->due_waiter_last = wi;
}

uint32_t waiter_due_take(struct questions *t)
{
	uint32_t wi = t->due_waiter_first;

	if (wi == NIL)
		return NIL;
	t->due_waiter_first = t->waiter[wi].next;
	*(t->due_waiter_first == NIL ? &t->due_waiter_last :
				       &t->waiter[t->due_waiter_first].prev) = NIL;
	return wi;
}

/* --- what is due --- */

void due_note(struct questions *t, uint32_t qi, unsigned what)
{
	struct question *q = &t->question[qi];
	bool listed = q->due;

	assert(q->in_use);
	q->due |= (uint8_t)what;
	if (listed)
		return;
	q->due_next = NIL;
	q->due_prev = t->due_last;
	*(q->due_prev == NIL ? &t->due_first : &t->question[q->due_prev].due_next) = qi;
	t->due_last = qi;
}

void due_forget(struct questions *t, uint32_t qi)
{
	struct question *q = &t->question[qi];

	if (!q->due)
		return;
	*(q->due_prev == NIL ? &t->due_first : &t->question[q->due_prev].due_next) = q->due_next;
	*(q->due_next == NIL ? &t->due_last : &t->question[q->due_next].due_prev) = q->due_prev;
	q->due = 0;
}

uint32_t due_take(struct questions *t, unsigned *ret_what)
{
	uint32_t qi = t->due_first;

	if (qi != NIL) {
		*ret_what = t->question[qi].due;
		due_forget(t, qi);
	}
	return qi;
}

/* --- followers --- */

void follower_add(struct questions *t, uint32_t leader, uint32_t qi)
{
	t->question[qi].leader = leader;
	t->question[qi].next_follower = t->question[leader].first_follower;
	t->question[leader].first_follower = qi;
}

void follower_remove(struct questions *t, uint32_t qi)
{
	struct question *q = &t->question[qi];
	uint32_t *link;

	if (q->leader == NIL)
		return;
	link = &t->question[q->leader].first_follower;
	while (*link != qi)
		link = &t->question[*link].next_follower;
	*link = q->next_follower;
	q->leader = q->next_follower = NIL;
}

uint32_t followers_take(struct questions *t, uint32_t qi)
{
	uint32_t first = t->question[qi].first_follower;

	for (uint32_t i = first; i != NIL; i = t->question[i].next_follower)
		t->question[i].leader = NIL;
	t->question[qi].first_follower = NIL;
	return first;
}

bool question_leads(const struct questions *t, uint32_t qi, uint32_t leader)
{
	while (leader != NIL && leader != qi)
		leader = t->question[leader].leader;
	return leader != NIL;
}
