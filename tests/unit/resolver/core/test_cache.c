/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache against a naive model: an array searched from end to end, which
 * knows neither rings nor hashes. Random operations must give equal results
 * while everything fits; when it does not, the cache may forget but never lie.
 */
#include "tests/fixtures/cache_world.h"

#include "lib/base/rng.h"

#define MODEL_MAX 20000

/* --- the model --- */

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
