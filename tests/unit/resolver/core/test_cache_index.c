/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers choose: types and classes of a name (hash flooding), and sizes. */
#include "tests/fixtures/cache_world.h"

enum { NAME_PLACES = (19 + RARE_PLACES) * 4 };

static uint64_t one_name_put(uint16_t qtype, uint16_t qclass, uint8_t key_flags)
{
	struct model_entry e = {.kind = ANSWER_DENIAL, .ttl_s = 60, .qtype = qtype};
	struct cache_key k;
	struct answer a;
	struct name n;

	key_make(&k, &n, "one.example.", qtype, key_flags);
	k.qclass = qclass;
	e.value = (uint32_t)qclass << 16 | qtype;
	answer_build(&a, &shared, &k, &e, 0);
	cr_assert_not_null(cache_put(&tight, &k, &a, NS_PER_S));
	cr_assert_eq(entry_value(cache_find(&tight, &k)), e.value); /* the latest is there */
	return tight.counts.entries[CACHE_DENIAL];
}

static void names_put(unsigned n)
{
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i);
		put_ttl(name, 3600, NS_PER_S);
	}
}

/* All types, then all classes of one name, in every flavour: no longer walks than
 * with as many names, and the name has its places and not one more. */
Test(cache_index, types_and_classes_of_a_name_stand_in_nobody_s_way)
{
	unsigned before;

	cr_assert_eq(cache_init(&tight, 4 * MIB, 40), 0);
	names_put(8000);
	before = cache_walk_longest(&tight);
	for (uint32_t i = 1; i < 65536; i++)
		one_name_put((uint16_t)i, DNS_IN, (uint8_t)(i % 4));
	for (uint32_t i = 0; i < 65536; i++)
		one_name_put(DNS_A, (uint16_t)i, (uint8_t)(i % 4));
	for (unsigned flags = 0; flags < 4; flags++)
		for (uint16_t type = 1; type < 300; type++)
			one_name_put(type, DNS_IN, (uint8_t)flags);
	cr_assert_eq(tight.counts.entries[CACHE_DENIAL], NAME_PLACES);
	cr_assert_gt(tight.counts.displaced, 65536u);
	cr_assert_leq(cache_walk_longest(&tight), before + 8, "%u after %u",
		      cache_walk_longest(&tight), before);
	cache_release(&tight);
}

/* Common types of many names: what 76 names could do alone must not add up. */
Test(cache_index, walks_stay_short_when_names_bring_all_their_types)
{
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_TXT, DNS_SRV, DNS_HTTPS};
	struct model_entry e = {.kind = ANSWER_POSITIVE, .ttl_s = 60};
	struct cache_key k;
	struct answer a;
	struct name n;
	char name[32];

	cr_assert_eq(cache_init(&tight, 4 * MIB, 40), 0);
	for (unsigned i = 0; i < 12000; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i / 24);
		key_make(&k, &n, name, types[i % 6], (uint8_t)(i / 6 % 4));
		answer_build(&a, &shared, &k, &e, 0);
		cr_assert_not_null(cache_put(&tight, &k, &a, NS_PER_S));
	}
	cr_assert_eq(tight.counts.entries[CACHE_POSITIVE], 12000u);
	cr_assert_leq(cache_walk_longest(&tight), 24u, "%u", cache_walk_longest(&tight));
	cache_release(&tight);
}

Test(cache_index, a_rare_type_s_neighbour_is_another_question)
{
	struct cache_key k;
	struct name n;

	cr_assert_eq(cache_init(&tight, MIB, 40), 0);
	one_name_put(1000, DNS_IN, 0);
	one_name_put(1000 + RARE_PLACES, DNS_IN, 0);
	key_make(&k, &n, "one.example.", 1000, 0);
	cr_assert_null(cache_find(&tight, &k), "displaced, and not answered by who did it");
	cr_assert_eq(tight.counts.displaced, 1u);
	cache_release(&tight);
}

Test(cache_index, sizes_out_of_range_are_refused)
{
	struct cache c;

	cr_assert_lt(cache_init(&c, 1000, 30), 0);
	cr_assert_lt(cache_init(&c, MIB, 0), 0);
	cr_assert_lt(cache_init(&c, MIB, 95), 0);
}

/* Few entries use few slots, and all are found before and after the index takes the rest. */
Test(cache_index, a_cache_of_few_entries_uses_a_sixteenth_of_its_slots)
{
	char name[32];
	uint32_t first;

	cr_assert_eq(cache_init(&tight, 4 * MIB, 40), 0);
	first = tight.n_slots;
	cr_assert_eq(first, tight.most_slots / 16);
	for (unsigned n = 1; n <= first; n++) {
		snprintf(name, sizeof(name), "n%u.example.", n - 1);
		put_ttl(name, 3600, NS_PER_S);
		cr_assert_eq(tight.n_used, n);
		cr_assert_eq(tight.n_slots, n <= first / 2 ? first : tight.most_slots, "%u of %u", n, first);
		if (n < first / 2 - 1 || n > first / 2 + 1)
			continue;
		cache_check(&tight);
		cr_assert_lt(cache_walk_longest(&tight), 64u);
		for (unsigned i = 0; i < n; i++) {
			struct cache_key k;
			struct name b;

			snprintf(name, sizeof(name), "n%u.example.", i);
			key_make(&k, &b, name, DNS_A, 0);
			cr_assert_not_null(cache_find(&tight, &k), "%s", name);
		}
	}
	cache_check(&tight);
	cache_release(&tight);
}

Test(cache_index, a_small_cache_has_all_its_slots_at_once)
{
	cr_assert_eq(cache_init(&tight, 65536, 40), 0);
	cr_assert_eq(tight.n_slots, tight.most_slots);
	cache_release(&tight);
}

/* Nobody waits for a large cache's index: it never grows in one piece. */
Test(cache_index, a_large_cache_has_all_its_slots_from_the_beginning)
{
	cr_assert_eq(cache_init(&tight, 8 * MIB, 40), 0);
	cr_assert_lt(tight.n_slots, tight.most_slots);
	cache_release(&tight);
	cr_assert_eq(cache_init(&tight, 16 * MIB, 40), 0);
	cr_assert_eq(tight.n_slots, tight.most_slots);
	cache_release(&tight);
}
