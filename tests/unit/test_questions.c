/* SPDX-License-Identifier: Apache-2.0 */
/* Questions under way, who waits for them, who follows them. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/hash.h"
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

Test(questions, a_new_hash_is_a_new_bucket)
{
	struct name n;
	struct cache_key k = key_of(&n, "a.example", DNS_A);
	uint32_t qi = question_add(&t, &k);

	question_rehash(&t, qi, ~k.hash);
	cr_assert_eq(question_find(&t, &k), NIL);
	k.hash = ~k.hash;
	cr_assert_eq(question_find(&t, &k), qi);
}

/* --- what strangers choose: types and classes of a name (hash flooding) --- */

static unsigned chain_longest(const struct questions *q)
{
	unsigned longest = 0;

	for (uint32_t b = 0; b < q->n_buckets; b++) {
		unsigned n = 0;

		for (uint32_t i = q->bucket[b]; i != NIL; i = q->question[i].next)
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
