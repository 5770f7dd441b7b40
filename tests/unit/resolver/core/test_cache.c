/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache against a naive model: an array searched from end to end, which
 * knows neither rings nor hashes. Random operations must give equal results
 * while everything fits; when it does not, the cache may forget but never lie.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "resolver/core/cache_int.h"
#include "resolver/core/query.h"

#define MODEL_MAX 20000
#define MIB       (1024u * 1024u)

/* --- the model --- */

struct model_entry {
	char name[32];
	uint16_t qtype;
	uint8_t key_flags, kind;
	uint32_t value, ttl_s;
	uint64_t stored_ns;
	bool in_use;
};
static struct model_entry model[MODEL_MAX];
static size_t n_model;

static struct model_entry *model_find(const char *name, uint16_t qtype, uint8_t key_flags)
{
	for (size_t i = 0; i < n_model; i++)
		if (model[i].in_use && model[i].qtype == qtype && model[i].key_flags == key_flags &&
		    strcmp(model[i].name, name) == 0)
			return &model[i];
	return NULL;
}

static void model_drop(const char *name, uint16_t qtype, uint8_t key_flags)
{
	struct model_entry *e = model_find(name, qtype, key_flags);

	if (e)
		e->in_use = false;
}

static void model_put(const struct model_entry *e)
{
	model_drop(e->name, e->qtype, e->key_flags);
	cr_assert(n_model < MODEL_MAX);
	model[n_model] = *e;
	model[n_model++].in_use = true;
}

/* --- the cache, spoken to in the model's terms --- */

static const struct hash_key key = {1, 2};

static void key_make(struct cache_key *k, struct name *n, const char *text, uint16_t qtype,
		     uint8_t key_flags)
{
	cr_assert_eq(name_from_text(n, text), 0);
	*k = (struct cache_key){.name = n->b,
				.name_len = n->len,
				.key_flags = key_flags,
				.qtype = qtype,
				.qclass = DNS_IN,
				.hash = hash_sip13(&key, n->b, n->len)};
}

/* An answer whose records hold `value` and some padding. */
static void answer_build(struct answer *a, struct answer_buf *buf, const struct cache_key *k,
			 const struct model_entry *e, size_t pad)
{
	struct dns_header h = {.flags = DNS_QR | (e->kind == ANSWER_NXDOMAIN ? DNS_NXDOMAIN : 0),
			       .n_qd = 1, .n_an = 1};
	struct wire_out o;
	size_t mark;

	wire_out_init(&o, buf->msg, DNS_MSG_MAX);
	wire_put_header(&o, &h);
	wire_put_question(&o, k->name, k->qtype, DNS_IN);
	mark = wire_rr_begin(&o, k->name, DNS_TXT, DNS_IN, e->ttl_s);
	buf->ttl_at[0] = (uint16_t)(o.len - 6);
	wire_put_u32(&o, e->value);
	for (; pad; pad--)
		wire_put_u8(&o, 'x');
	wire_rr_end(&o, mark);
	*a = (struct answer){.msg = buf->msg, .len = o.len, .ttl_at = buf->ttl_at, .n_ttl = 1,
			     .ttl_s = e->ttl_s, .kind = e->kind};
}

static uint32_t entry_value(const struct entry *e)
{
	return get_be32(e->msg + entry_ttl_at(e)[0] + 6);
}

static struct model_entry *model_fresh(const char *name, uint16_t qtype, uint8_t key_flags,
				       uint64_t now_ns)
{
	struct model_entry *e = model_find(name, qtype, key_flags);

	return e && e->stored_ns + e->ttl_s * NS_PER_S > now_ns ? e : NULL;
}

struct walk {
	struct cache c;
	struct answer_buf buf;
	struct rng rng;
	uint64_t now_ns;
	unsigned found, forgotten;
};

static void step_put(struct walk *w, struct model_entry *e, size_t pad_max)
{
	struct cache_key k;
	struct answer a;
	struct name n;

	e->kind = (uint8_t)(ANSWER_POSITIVE + rng_below(&w->rng, 3));
	e->ttl_s = (uint32_t)(1 + rng_below(&w->rng, 60)) * (rng_below(&w->rng, 16) ? 1 : 1000);
	e->value = (uint32_t)rng_u64(&w->rng);
	e->stored_ns = w->now_ns;
	key_make(&k, &n, e->name, e->qtype, e->key_flags);
	answer_build(&a, &w->buf, &k, e, rng_below(&w->rng, pad_max));
	cr_assert_not_null(cache_put(&w->c, &k, &a, w->now_ns));
	model_put(e);
}

static void step_drop(struct walk *w, struct model_entry *e)
{
	struct cache_key k;
	struct name n;

	e->kind = ANSWER_POSITIVE;
	e->stored_ns = w->now_ns; /* and a TTL of zero: nothing is to be found */
	key_make(&k, &n, e->name, e->qtype, e->key_flags);
	cache_forget(&w->c, &k);
	model_put(e);
}

static void step_get(struct walk *w, const struct model_entry *e, bool may_forget)
{
	struct model_entry *want = model_fresh(e->name, e->qtype, e->key_flags, w->now_ns);
	struct cache_key k;
	struct entry *got;
	struct name n;

	key_make(&k, &n, e->name, e->qtype, e->key_flags);
	got = cache_find(&w->c, &k);
	if (!got || entry_expires_ns(got) <= w->now_ns) {
		cr_assert(may_forget || !want, "%s %u is lost", e->name, e->qtype);
		w->forgotten += want != NULL;
		return;
	}
	cache_touch(got, w->now_ns);
	w->found++;
	cr_assert_not_null(want, "%s %u should not be there", e->name, e->qtype);
	cr_assert_eq(entry_value(got), want->value);
}

static void counts_check(const struct cache *c)
{
	const struct entry *e;
	uint64_t n[CACHE_REGIONS] = {0, 0};
	size_t cursor = 0;

	while (cache_next(c, &cursor, &e))
		n[e->kind == ANSWER_POSITIVE ? CACHE_POSITIVE : CACHE_DENIAL]++;
	cr_assert_eq(n[CACHE_POSITIVE], c->counts.entries[CACHE_POSITIVE]);
	cr_assert_eq(n[CACHE_DENIAL], c->counts.entries[CACHE_DENIAL]);
	cr_assert_eq(n[0] + n[1], c->n_used);
}

static void walk(uint64_t bytes, unsigned names, unsigned steps, size_t pad_max, bool may_forget)
{
	static struct walk w;
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_MX};

	memset(&w, 0, sizeof(w));
	n_model = 0;
	rng_seed(&w.rng, 42);
	w.now_ns = NS_PER_S;
	cr_assert_eq(cache_init(&w.c, bytes, 30), 0);
	for (unsigned i = 0; i < steps; i++) {
		struct model_entry e = {.qtype = types[rng_below(&w.rng, 3)],
					.key_flags = rng_below(&w.rng, 8) ? 0 : QUERY_DO};

		snprintf(e.name, sizeof(e.name), "n%lu.example.",
			 (unsigned long)rng_below(&w.rng, names));
		if (rng_below(&w.rng, 3) == 0)
			step_put(&w, &e, pad_max);
		else if (rng_below(&w.rng, 12) == 0)
			step_drop(&w, &e);
		else
			step_get(&w, &e, may_forget);
		w.now_ns += rng_below(&w.rng, 100 * NS_PER_MS);
		if (i % 500 == 0)
			counts_check(&w.c);
		if (i % 20 == 0)
			cache_check(&w.c);
	}
	cr_assert_gt(w.found, steps / 50);
	cr_assert(may_forget ? w.forgotten > 0 : w.forgotten == 0);
	cr_assert_leq(cache_bytes_used(&w.c), bytes);
	cache_release(&w.c);
}

Test(cache, equals_the_model_while_all_fits)
{
	walk(16 * MIB, 300, 20000, 100, false);
}

Test(cache, forgets_but_never_lies)
{
	walk(65536, 900, 20000, 300, true);
}

Test(cache, entries_of_all_sizes_in_a_tight_ring)
{
	walk(128 * 1024, 400, 20000, 2000, true);
}

/* --- eviction --- */

static struct cache tight;
static struct answer_buf shared;

static void put_padded(const char *name, uint32_t ttl_s, size_t pad, uint64_t now_ns)
{
	struct model_entry e = {.kind = ANSWER_POSITIVE, .ttl_s = ttl_s, .qtype = DNS_A};
	struct cache_key k;
	struct answer a;
	struct name n;

	key_make(&k, &n, name, DNS_A, 0);
	answer_build(&a, &shared, &k, &e, pad);
	cr_assert_not_null(cache_put(&tight, &k, &a, now_ns));
}

static void put_ttl(const char *name, uint32_t ttl_s, uint64_t now_ns)
{
	put_padded(name, ttl_s, 100, now_ns);
}

static struct entry *get(const char *name)
{
	struct cache_key k;
	struct name n;

	key_make(&k, &n, name, DNS_A, 0);
	return cache_find(&tight, &k);
}

/* Full is full: what comes displaces about its own size, never a share of the
 * cache, whatever its size and kind. */
Test(cache, bound_11_a_full_cache_gives_way_entry_by_entry)
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
Test(cache, a_scan_does_not_push_out_what_is_used)
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
Test(cache, the_second_of_a_pair_proves_nothing)
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
Test(cache, expired_goes_first)
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
Test(cache, a_denial_that_may_come_back_outlives_others)
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

Test(cache, ten_thousand_of_each_kind_fit_12_mib)
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

Test(cache, a_refresh_of_equal_size_keeps_its_place)
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
Test(cache, a_refresh_of_another_size_keeps_its_merits)
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
Test(cache, entries_too_small_for_the_index)
{
	static const struct {
		unsigned share;
		uint8_t first, second;
	} cases[] = {{50, ANSWER_POSITIVE, ANSWER_NXDOMAIN}, {5, ANSWER_POSITIVE, ANSWER_NXDOMAIN}, {90, ANSWER_NXDOMAIN, ANSWER_POSITIVE}};

	for (unsigned k = 0; k < 3; k++) {
		uint64_t *of = tight.counts.entries;
		uint32_t most;

		cr_assert_eq(cache_init(&tight, 65536, cases[k].share), 0);
		most = tight.n_slots / 4 * 3;
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

/* --- what strangers choose: types and classes of a name (hash flooding) --- */

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
Test(cache, types_and_classes_of_a_name_stand_in_nobody_s_way)
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
Test(cache, walks_stay_short_when_names_bring_all_their_types)
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

Test(cache, a_rare_type_s_neighbour_is_another_question)
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

Test(cache, sizes_out_of_range_are_refused)
{
	struct cache c;

	cr_assert_lt(cache_init(&c, 1000, 30), 0);
	cr_assert_lt(cache_init(&c, MIB, 0), 0);
	cr_assert_lt(cache_init(&c, MIB, 95), 0);
}
