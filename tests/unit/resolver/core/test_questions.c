/* SPDX-License-Identifier: Apache-2.0 */
/* Questions under way, who waits for them, who follows them. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/hash.h"
#include "resolver/core/questions.h"

static struct questions t;
static const struct hash_key hkey = {1, 2};

static void setup(void)
{
	cr_assert_eq(questions_init(&t, &hkey, 4, 3), 0);
}

static void teardown(void)
{
	questions_release(&t);
}

TestSuite(questions, .init = setup, .fini = teardown);

static struct cache_key key_of(struct name *n, const char *text, uint16_t qtype)
{
	cr_assert_eq(name_from_text(n, text), 0);
	return (struct cache_key){.name = n->b, .name_len = n->len, .qtype = qtype,
				  .qclass = DNS_IN, .hash = hash_sip13(&hkey, n->b, n->len)};
}

static uint32_t wait_for(uint32_t qi)
{
	static const uint8_t plain[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	struct core_client client = {.port = 7};
	struct query q;

	cr_assert_eq(query_parse(&q, plain, sizeof(plain)), QUERY_OK);
	return waiter_add(&t, qi, &client, &q, 0, 5);
}

Test(questions, are_found_by_their_whole_key)
{
	struct name n;
	struct cache_key k = key_of(&n, "a.example", DNS_A), other;
	uint32_t qi = question_add(&t, &k);

	cr_assert_eq(question_find(&t, &k), qi);
	other = k, other.qtype = DNS_AAAA;
	cr_assert_eq(question_find(&t, &other), NIL);
	other = k, other.key_flags = QUERY_CD;
	cr_assert_eq(question_find(&t, &other), NIL);
	other = k, other.hash ^= 1;
	cr_assert_eq(question_find(&t, &other), NIL);
	question_remove(&t, qi);
	cr_assert_eq(question_find(&t, &k), NIL);
}

/* Three in a row behind one; whichever leaves, the others stay. */
Test(questions, followers_leave_from_anywhere)
{
	for (unsigned leaves = 0; leaves < 3; leaves++) {
		static const char *const names[] = {"a.x", "b.x", "c.x", "d.x"};
		uint32_t qi[4], seen = 0;

		for (unsigned i = 0; i < 4; i++) {
			struct name n;
			struct cache_key k = key_of(&n, names[i], DNS_A);

			qi[i] = question_add(&t, &k);
			if (i)
				follower_add(&t, qi[0], qi[i]);
		}
		follower_remove(&t, qi[1 + leaves]);
		follower_remove(&t, qi[1 + leaves]); /* a second time changes nothing */
		for (uint32_t i = followers_take(&t, qi[0]); i != NIL; i = t.question[i].next_follower)
			seen |= 1u << i;
		cr_expect_eq(seen, (1u << qi[1] | 1u << qi[2] | 1u << qi[3]) & ~(1u << qi[1 + leaves]), "%u", leaves);
		for (unsigned i = 0; i < 4; i++)
			question_remove(&t, qi[i]);
	}
}

Test(questions, a_follower_has_one_leader_till_it_leaves)
{
	struct name n;
	struct cache_key a = key_of(&n, "a.example", DNS_A), aaaa = a;
	uint32_t first, second;

	aaaa.qtype = DNS_AAAA;
	first = question_add(&t, &a);
	second = question_add(&t, &aaaa);
	follower_add(&t, first, second);
	cr_assert_eq(t.question[second].leader, first);
	cr_assert_eq(t.question[first].first_follower, second);
	follower_remove(&t, second);
	cr_assert_eq(t.question[first].first_follower, NIL);
	cr_assert_eq(t.question[second].leader, NIL);
}

Test(questions, the_table_has_an_end)
{
	static const char *const names[] = {"a.", "b.", "c.", "d.", "e."};
	struct cache_key k;
	struct name n;
	uint32_t qi = NIL;

	for (unsigned i = 0; i < 4; i++) {
		k = key_of(&n, names[i], DNS_A);
		qi = question_add(&t, &k);
		cr_assert_neq(qi, NIL);
	}
	k = key_of(&n, names[4], DNS_A);
	cr_assert_eq(question_add(&t, &k), NIL);
	question_remove(&t, qi);
	cr_assert_eq(question_add(&t, &k), qi);
	cr_assert_eq(t.in_use, 4u);
}

Test(questions, waiters_leave_in_the_order_they_came)
{
	struct name n;
	struct cache_key k = key_of(&n, "a.example", DNS_A);
	uint32_t qi = question_add(&t, &k), w[3];

	for (unsigned i = 0; i < 3; i++)
		w[i] = wait_for(qi);
	cr_assert_eq(wait_for(qi), NIL, "three places, four waiters");
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(waiter_take(&t, &t.question[qi]), w[i]);
		waiter_free(&t, w[i]);
	}
	cr_assert_eq(waiter_take(&t, &t.question[qi]), NIL);
	cr_assert_eq(t.waiting, 0u);
	cr_assert_neq(wait_for(qi), NIL);
}

Test(questions, one_that_ends_is_not_found)
{
	struct name n;
	struct cache_key k = key_of(&n, "a.example", DNS_A);
	uint32_t qi = question_add(&t, &k);

	question_hide(&t, qi);
	question_hide(&t, qi);
	cr_assert_eq(question_find(&t, &k), NIL);
	cr_assert_eq(t.in_use, 0u);
	cr_assert_eq(t.hidden, 1u);
	question_remove(&t, qi);
	cr_assert_eq(t.hidden, 0u);
}

Test(questions, what_is_due_comes_in_order_and_once)
{
	static const char *const names[] = {"a.", "b.", "c."};
	unsigned what = 0;
	uint32_t qi[3];
	struct name n;

	for (unsigned i = 0; i < 3; i++) {
		struct cache_key k = key_of(&n, names[i], DNS_A);

		qi[i] = question_add(&t, &k);
		due_note(&t, qi[i], DUE_BEGIN);
	}
	due_note(&t, qi[0], DUE_FAILED);
	due_forget(&t, qi[1]);
	cr_assert_eq(due_take(&t, &what), qi[0]);
	cr_assert_eq(what, DUE_BEGIN | DUE_FAILED);
	cr_assert_eq(due_take(&t, &what), qi[2]);
	cr_assert_eq(what, DUE_BEGIN);
	cr_assert_eq(due_take(&t, &what), NIL);
}

Test(questions, a_waiter_that_leaves_makes_room_before_it_is_gone)
{
	struct name n;
	struct cache_key k = key_of(&n, "a.example", DNS_A);
	uint32_t qi = question_add(&t, &k), w[3];

	for (unsigned i = 0; i < 3; i++)
		w[i] = wait_for(qi);
	waiter_put_off(&t, w[1], false);
	cr_assert_neq(wait_for(qi), NIL);
	cr_assert_eq(wait_for(qi), NIL);
	waiter_put_off(&t, w[0], true); /* to be asked again: it keeps its place */
	cr_assert_eq(wait_for(qi), NIL);
	cr_assert_eq(waiter_due_take(&t), w[1]);
	cr_assert_eq(waiter_due_take(&t), w[0]);
	cr_assert_eq(waiter_due_take(&t), NIL);
	waiter_free(&t, w[1]);
	cr_assert_eq(t.leaving, 0u);
	cr_assert_eq(t.waiting, 3u);
}

/* --- what strangers choose: types and classes of a name (hash flooding) --- */

static unsigned chain_longest(const struct questions *q)
{
	unsigned longest = 0;

	for (uint32_t b = 0; b < q->n_buckets; b++) {
		unsigned n = 0;

		for (uint32_t i = q->bucket[b]; i; i = q->question[i - 1].next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* A full table of one name's types and classes has no longer chains than one of names. */
Test(questions, types_and_classes_of_a_name_share_no_chain, .init = NULL, .fini = NULL)
{
	struct questions full;
	struct cache_key k;
	struct name n;

	cr_assert_eq(questions_init(&full, &hkey, 4096, 1), 0);
	k = key_of(&n, "one.example", DNS_A);
	for (unsigned i = 0; i < 4096; i++) {
		k.qtype = (uint16_t)(i % 2 ? i : 1);
		k.qclass = (uint16_t)(i % 2 ? DNS_IN : i);
		k.key_flags = (uint8_t)(i / 2 % 4);
		cr_assert_neq(question_add(&full, &k), NIL);
	}
	cr_assert_leq(chain_longest(&full), 10u, "%u", chain_longest(&full));
	questions_release(&full);
}
