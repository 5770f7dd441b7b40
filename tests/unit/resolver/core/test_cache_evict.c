/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes when the cache is full, and who stays. */
#include "tests/fixtures/cache_world.h"

#include "lib/base/rng.h"

/* Full is full: what comes displaces about its own size, never a share of the
 * cache, whatever its size and kind. */
Test(cache_evict, bound_11_a_full_cache_gives_way_entry_by_entry)
{
	static const size_t pads[] = {1, 100, 3000};
	char name[32];
	uint32_t most = 0;

	cr_assert_eq(cache_init(&tight, 256 * 1024, 30), 0);
	for (unsigned i = 0; i < 6000; i++) {
		struct model_entry e = {.kind = (uint8_t)(ANSWER_POSITIVE + i % 3), .ttl_s = 3600, .qtype = DNS_A};
		struct cache_key k;
		struct answer a;
		struct name n;
		uint32_t was = tight.n_used;
		size_t pad = i < 3000 ? 1 : pads[i % 3];

		snprintf(name, sizeof(name), "flood%u.example.", i);
		key_make(&k, &n, name, DNS_A, 0);
		answer_build(&a, &shared, &k, &e, pad);
		cr_assert_not_null(cache_put(&tight, &k, &a, NS_PER_S));
		if (was >= tight.n_used && was + 1 - tight.n_used > most * (pad < 3000))
			most = pad < 3000 ? was + 1 - tight.n_used : most;
		if (pad == 3000) /* as large as thirty small ones */
			cr_assert_leq(was + 1 - tight.n_used, 64, "%u entries for one of 3,000 octets", was + 1 - tight.n_used);
	}
	cr_expect_leq(most, 8, "%u entries for a small one", most);
	cr_expect_gt(cache_bytes_used(&tight), 128 * 1024);
	cache_release(&tight);
}

/* Names seen once pass through; the ones asked for again stay. */
Test(cache_evict, a_scan_does_not_push_out_what_is_used)
{
	char name[32];
	unsigned kept = 0;

	cr_assert_eq(cache_init(&tight, 256 * 1024, 30), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "hot%u.example.", i);
		put_ttl(name, 3600, NS_PER_S);
		cache_touch(get(name), 2 * NS_PER_S);
	}
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "scan%u.example.", i);
		put_ttl(name, 3600, NS_PER_S);
		snprintf(name, sizeof(name), "hot%u.example.", i % 100);
		if (get(name))
			cache_touch(get(name), 2 * NS_PER_S);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "hot%u.example.", i);
		kept += get(name) != NULL;
	}
	cr_assert_gt(kept, 95, "only %u of 100 are left", kept);
	cache_release(&tight);
}

/* A and AAAA for one name at once are one interest, not two. */
Test(cache_evict, the_second_of_a_pair_proves_nothing)
{
	cr_assert_eq(cache_init(&tight, MIB, 30), 0);
	put_ttl("a.example.", 60, NS_PER_S);
	cache_touch(get("a.example."), NS_PER_S + NS_PER_MS);
	cr_assert_eq(get("a.example.")->freq, 0);
	cache_touch(get("a.example."), NS_PER_S + 20 * NS_PER_MS);
	cr_assert_eq(get("a.example.")->freq, 1);
	cache_release(&tight);
}

/* While a ring holds expired octets, nothing live is evicted. */
Test(cache_evict, expired_goes_first)
{
	char name[32];
	uint64_t before;

	cr_assert_eq(cache_init(&tight, 256 * 1024, 30), 0);
	for (unsigned i = 0; tight.counts.evicted == 0; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i);
		put_ttl(name, i % 2 ? 5 : 3600, NS_PER_S);
	}
	before = tight.counts.evicted;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "new%u.example.", i);
		put_ttl(name, 3600, 10 * NS_PER_S);
	}
	cr_assert_eq(tight.counts.evicted, before);
	cr_assert_gt(tight.counts.reclaimed, 50u);
	cache_release(&tight);
}

/* An expired denial that its upstream would still stand for may be renewed (denials.h): it is kept
 * while the main ring has room. */
Test(cache_evict, a_denial_that_may_come_back_outlives_others)
{
	struct model_entry e = {.ttl_s = 5, .kind = ANSWER_NXDOMAIN};
	struct cache_key k[2];
	struct name n[2];
	struct answer a;

	cr_assert_eq(cache_init(&tight, 256 * 1024, 90), 0);
	for (unsigned i = 0; i < 2; i++) {
		key_make(&k[i], &n[i], i ? "back.example." : "gone.example.", DNS_A, 0);
		answer_build(&a, &shared, &k[i], &e, 40);
		a.own_s = i ? 3600 : 0;
		cr_assert_not_null(cache_put(&tight, &k[i], &a, NS_PER_S));
	}
	for (unsigned i = 0; cache_find(&tight, &k[0]); i++) {
		struct cache_key more;
		struct name name;
		char text[32];

		cr_assert_lt(i, 5000);
		snprintf(text, sizeof(text), "n%u.example.", i);
		key_make(&more, &name, text, DNS_A, 0);
		e.ttl_s = 3600;
		answer_build(&a, &shared, &more, &e, 40);
		cr_assert_not_null(cache_put(&tight, &more, &a, 10 * NS_PER_S));
	}
	e.ttl_s = 3600;
	for (unsigned i = 0; i < 50; i++) { /* and past the other one's turn */
		struct cache_key more;
		struct name name;
		char text[32];

		snprintf(text, sizeof(text), "m%u.example.", i);
		key_make(&more, &name, text, DNS_A, 0);
		answer_build(&a, &shared, &more, &e, 40);
		cr_assert_not_null(cache_put(&tight, &more, &a, 10 * NS_PER_S));
	}
	cr_expect_not_null(cache_find(&tight, &k[1]));
	cr_expect_eq(tight.counts.evicted, 0);
	cache_release(&tight);
}

Test(cache_evict, ten_thousand_of_each_kind_fit_12_mib)
{
	struct model_entry e = {.ttl_s = 3600, .qtype = DNS_A};
	struct cache_key k;
	struct answer a;
	struct name n;

	cr_assert_eq(cache_init(&tight, 12 * MIB, 40), 0);
	for (unsigned i = 0; i < 20000; i++) {
		char text[64];

		snprintf(text, sizeof(text), "service-%u.some-namespace.svc.cluster.local.", i);
		key_make(&k, &n, text, DNS_A, 0);
		e.kind = i % 2 ? ANSWER_POSITIVE : ANSWER_NXDOMAIN;
		answer_build(&a, &shared, &k, &e, i % 2 ? 48 : 90); /* addresses; an SOA */
		cr_assert_not_null(cache_put(&tight, &k, &a, NS_PER_S));
	}
	cr_assert_eq(tight.counts.entries[CACHE_POSITIVE], 10000u);
	cr_assert_eq(tight.counts.entries[CACHE_DENIAL], 10000u);
	cr_assert_eq(tight.counts.evicted, 0u);
	cache_release(&tight);
}

Test(cache_evict, a_refresh_of_equal_size_keeps_its_place)
{
	struct entry *before;

	cr_assert_eq(cache_init(&tight, MIB, 30), 0);
	put_ttl("a.example.", 5, NS_PER_S);
	before = get("a.example.");
	cache_touch(before, 2 * NS_PER_S);
	put_ttl("a.example.", 50, 7 * NS_PER_S);
	cr_assert_eq(get("a.example."), before);
	cr_assert_eq(before->freq, 1);
	cr_assert_eq(entry_expires_ns(before), 57 * NS_PER_S);
	cache_release(&tight);
}

/* One more record than before: what was in use stays so, past a scan that takes others away. */
Test(cache_evict, a_refresh_of_another_size_keeps_its_merits)
{
	char name[32];

	cr_assert_eq(cache_init(&tight, 256 * 1024, 30), 0);
	for (unsigned i = 0; tight.counts.evicted == 0; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i);
		put_ttl(name, 3600, NS_PER_S);
	}
	put_ttl("used.example.", 3600, NS_PER_S);
	put_ttl("idle.example.", 3600, NS_PER_S);
	cache_touch(get("used.example."), 2 * NS_PER_S);
	get("used.example.")->hits = 3;
	put_padded("used.example.", 3600, 140, 3 * NS_PER_S);
	put_padded("idle.example.", 3600, 140, 3 * NS_PER_S);
	cr_expect_eq(get("used.example.")->hits, 3);
	cr_expect_eq(get("idle.example.")->hits, 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "more%u.example.", i);
		put_ttl(name, 3600, 4 * NS_PER_S);
	}
	cr_expect_not_null(get("used.example."));
	cr_expect_null(get("idle.example."));
	cache_release(&tight);
}

/* The smallest there can be: `kind`, of one octet's names below .a to .zz. */
static struct entry *put_tiny(unsigned i, uint8_t kind)
{
	struct dns_header h = {.flags = DNS_QR, .n_qd = 1};
	uint8_t name[] = {2, (uint8_t)(i >> 8), (uint8_t)i, 0};
	struct cache_key k = {.name = name, .name_len = 4, .qtype = DNS_A, .qclass = DNS_IN, .hash = hash_sip13(&key, name, 4)};
	struct wire_out o;
	struct answer a;

	wire_out_init(&o, shared.msg, DNS_MSG_MAX);
	wire_put_header(&o, &h);
	wire_put_question(&o, name, DNS_A, DNS_IN);
	a = (struct answer){.msg = shared.msg, .len = o.len, .ttl_at = shared.ttl_at, .ttl_s = 3600, .kind = kind};
	return cache_put(&tight, &k, &a, NS_PER_S);
}

/* More than the index has slots for: the oldest go, of the same region, or of the other one
 * while that has all. A quarter of the slots stays free. */
Test(cache_evict, entries_too_small_for_the_index)
{
	static const struct {
		unsigned share;
		uint8_t first, second;
	} cases[] = {{50, ANSWER_POSITIVE, ANSWER_NXDOMAIN}, {5, ANSWER_POSITIVE, ANSWER_NXDOMAIN}, {90, ANSWER_NXDOMAIN, ANSWER_POSITIVE}};

	for (unsigned k = 0; k < 3; k++) {
		uint64_t *of = tight.counts.entries;
		uint32_t most;

		cr_assert_eq(cache_init(&tight, 65536, cases[k].share), 0);
		most = tight.most_slots / 4 * 3;
		for (unsigned i = 0; i < 1000; i++)
			cr_assert_not_null(put_tiny(i, cases[k].first));
		if (k) /* one region has all */
			cr_expect_eq(tight.n_used, most);
		for (unsigned i = 0; i < 4000; i++) {
			struct entry *e = put_tiny(1000 + i, i % 2 ? cases[k].first : cases[k].second);

			cr_assert_not_null(e);
			cr_assert_leq(tight.n_used, most);
			if (k)
				cr_assert_geq(tight.n_used, most - 1, "one goes for one that comes");
			cr_assert_eq(tight.n_used, of[CACHE_POSITIVE] + of[CACHE_DENIAL]);
			if (i % 97 == 0)
				cache_check(&tight);
		}
		cr_expect(of[CACHE_POSITIVE] && of[CACHE_DENIAL]);
		cache_release(&tight);
	}
}

/* Who stays is policy, and no order of these is wrong: but none changes unless somebody means it
 * to. Names of all popularities, sizes, kinds and times to live, four times what there is room for;
 * each hit and miss, what an entry has earned by then and where it lies make one number. */
Test(cache_evict, the_policy_is_what_it_was)
{
	static const uint32_t ttls[] = {1, 5, 30, 300, 3600, 3600};
	static const size_t pads[] = {1, 1, 1, 100, 100, 400, 2500};
	struct hash_key known = {0, 0};
	uint64_t now_ns = NS_PER_S;
	struct rng rng;
	char name[32];

	rng_seed(&rng, 11);
	cr_assert_eq(cache_init(&tight, 128 * 1024, 30), 0);
	for (unsigned i = 0; i < 40000; i++) {
		uint64_t popular = rng_below(&rng, 4000);
		unsigned n = (unsigned)rng_below(&rng, 1 + rng_below(&rng, 1 + popular));
		uint64_t seen[6] = {n};
		struct cache_key k;
		struct entry *e;
		struct name nm;

		now_ns += rng_below(&rng, 200) * NS_PER_MS;
		snprintf(name, sizeof(name), "n%u.example.", n);
		key_make(&k, &nm, name, n % 7 ? DNS_A : DNS_TXT, n % 5 ? 0 : QUERY_DO);
		e = cache_find(&tight, &k);
		if (e && entry_expires_ns(e) > now_ns) {
			cache_touch(e, now_ns);
		} else {
			struct model_entry m = {.kind = (uint8_t)(n % 4 ? ANSWER_POSITIVE : ANSWER_NXDOMAIN),
						.ttl_s = ttls[rng_below(&rng, 6)], .qtype = k.qtype};
			struct answer a;

			answer_build(&a, &shared, &k, &m, pads[rng_below(&rng, 7)]); /* sizes and kinds change with time, as they do */
			a.own_s = n % 8 ? 0 : 60;
			seen[1] = e != NULL;
			e = cache_put(&tight, &k, &a, now_ns);
		}
		if (n % 97 == 3 && e)
			cache_remove(&tight, e);
		else if (e)
			seen[2] = (uint64_t)e->freq << 40 | (uint64_t)e->ring << 32 | e->hits, seen[3] = e->size;
		seen[4] = tight.counts.evicted << 32 | tight.counts.reclaimed;
		seen[5] = cache_bytes_used(&tight);
		known.k0 = hash_sip13(&known, seen, sizeof(seen));
		if (i % 500 == 0)
			cache_check(&tight);
	}
	cr_assert_gt(tight.counts.evicted, 1000);
	cr_assert_gt(tight.counts.reclaimed, 1000);
	cr_assert_eq(known.k0, 0x7fdb2d68fd463606u, "%016lx", known.k0);
	cache_release(&tight);
}
