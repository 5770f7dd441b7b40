/* SPDX-License-Identifier: Apache-2.0 */
/* Which cuts above a name may deny it, and what becomes of a question that waits for one. */
#include "resolver/core/shield_int.h"

#include <string.h>

#define FOLLOWS_MAX    4   /* cuts one question waits for, one after the other */
#define CHECK_EARLY    256 /* of what is denied on trust, the first so many ... */
#define CHECK_EARLY_IN 64  /* ... are asked for all the same, one in so many */
#define CHECK_ONE_IN   4096
#define NAMESPACES     1   /* the level of <ns>.svc.D */

static const uint8_t svc_label[] = "\3svc", pod_label[] = "\3pod";

/* --- names --- */

static bool label_is(const uint8_t *at, const uint8_t *label)
{
	return memcmp(at, label, 1u + label[0]) == 0;
}

unsigned shield_cuts(const uint8_t *name, const uint8_t *origin,
		     struct shield_cut ret[SHIELD_CUTS_MAX])
{
	uint8_t at[QUERY_LABELS_MAX];
	unsigned n = 0, below, off = 0, origin_labels = name_labels(origin);

	while (name[off]) {
		at[n++] = (uint8_t)off;
		off += 1u + name[off];
	}
	if (n < origin_labels + 2 || !name_within(name, origin))
		return 0;
	below = n - origin_labels; /* at[below - 1] is the label right above the origin */
	if (label_is(name + at[below - 1], pod_label))
		return 0; /* made of addresses, and some servers answer for all of them */
	if (!label_is(name + at[below - 1], svc_label)) {
		ret[0] = (struct shield_cut){at[below - 1], 0};
		return 1;
	}
	if (below < 3)
		return 0;
	ret[0] = (struct shield_cut){at[below - 2], 1};
	if (below < 4)
		return 1;
	ret[1] = (struct shield_cut){at[below - 3], 2};
	return 2;
}

void shield_cut_key(const struct core *c, const struct cache_key *k, uint64_t view, unsigned at,
		    struct cache_key *ret)
{
	*ret = *k;
	ret->name = k->name + at;
	ret->name_len = (uint8_t)(k->name_len - at);
	ret->qtype = DNS_A;
	ret->hash = hash_sip13(&c->key, ret->name, ret->name_len) ^ view;
}

/* --- what is known --- */

struct shield_exists *shield_exists_slot(const struct core *c, const struct cache_key *cut)
{
	return &c->exists[cut->hash & (SHIELD_EXISTS_SIZE - 1)];
}

enum cut_state shield_cut_state(const struct core *c, const struct cache_key *cut, uint64_t now_ns,
				struct entry **ret)
{
	const struct shield_exists *e = shield_exists_slot(c, cut);
	struct entry *fresh = entry_fresh(cache_find(&c->cache, cut), now_ns);
	struct absent_age age;

	if (fresh && fresh->kind == ANSWER_NXDOMAIN) {
		*ret = fresh;
		return absent_find(&c->absent, cut, now_ns, &age) && age.known_s ? CUT_ABSENT :
										   CUT_DOUBTED;
	}
	if (fresh || (e->mark == cut->hash && e->until_ns > now_ns))
		return CUT_EXISTS;
	return failures_find(&c->failures, key_mark(cut), now_ns) ? CUT_FAILED : CUT_UNKNOWN;
}

bool shield_in_use(const struct core *c, unsigned zone)
{
	const struct core_zone *z = &c->conf->zone[zone].z;

	return z->is_cluster && !z->shield_off && z->cache.enabled && !z->cache.neg_disabled &&
	       c->shield[zone] != SHIELD_TRIPPED;
}

/* With DO, proofs are expected that a synthesized answer cannot give. */
static bool applies(const struct core *c, unsigned zone, unsigned key_flags)
{
	return shield_in_use(c, zone) && !(key_flags & QUERY_DO);
}

/* --- is it found elsewhere? --- */

/* Has this name addresses, or the type, whatever zone it belongs to? As far as is
 * known: expired counts. */
static bool is_found(const struct core *c, unsigned listener, const struct name *name,
		     const struct cache_key *like)
{
	const uint16_t types[] = {like->qtype, DNS_A, DNS_AAAA};
	const struct config_zone *z;
	struct cache_key k;
	struct query q;
	uint16_t zone;

	query_from_name(&q, name->b, like->qtype);
	q.key_flags = like->key_flags;
	zone = config_route(c->conf, listener, &q);
	if (zone == ZONE_NONE)
		return false;
	z = &c->conf->zone[zone];
	key_of_query(c, &q, z, &k);
	for (unsigned i = 0; z->z.cache.enabled && i < sizeof(types) / sizeof(types[0]); i++) {
		const struct entry *e;

		k.qtype = types[i];
		e = cache_find(&c->cache, &k);
		if (e && e->kind == ANSWER_POSITIVE)
			return true;
	}
	return false;
}

/* Further along a pod's search list than under the suffix above the cut: under
 * another suffix, or as it stands. */
static bool found_elsewhere(const struct core *c, unsigned zone, unsigned listener,
			    const struct cache_key *k, unsigned cut_at)
{
	const uint8_t *origin = c->conf->zone[zone].z.origin.b;
	const uint8_t *own = k->name + cut_at + 1 + k->name[cut_at];
	const uint8_t *suffix[3] = {(const uint8_t *)"", origin, NULL};
	uint8_t base[NAME_MAX_WIRE];
	struct name svc, name;
	size_t len = (size_t)(own - k->name);

	memcpy(base, k->name, len);
	base[len] = 0;
	if (name_join(&svc, svc_label, origin) == 0)
		suffix[2] = svc.b;
	for (unsigned i = 0; i < 3; i++) {
		if (!suffix[i] || name_eq(suffix[i], own) || name_join(&name, base, suffix[i]) < 0)
			continue;
		if (is_found(c, listener, &name, k))
			return true;
	}
	return false;
}

/* --- answering from a cut --- */

static bool trusts(const struct core *c, unsigned zone)
{
	return c->conf->zone[zone].z.shield_trusts;
}

/* Would the first denial of a cut do? Not of a namespace, nor of what has existed. */
static bool does_at_once(const struct core *c, unsigned zone, const struct shield_cut *at,
			 const struct cache_key *cut)
{
	return trusts(c, zone) && at->level != NAMESPACES &&
	       shield_exists_slot(c, cut)->mark != cut->hash;
}

/* The denial of a cut that is believed, or NULL. *ret_state: what is known of it. */
static struct entry *cut_denial(const struct core *c, unsigned zone, const struct cache_key *k,
				const struct shield_cut *at, struct cache_key *ret_cut,
				enum cut_state *ret_state, uint64_t now_ns)
{
	struct entry *e = NULL;

	shield_cut_key(c, k, c->conf->zone[zone].view, at->at, ret_cut);
	*ret_state = shield_cut_state(c, ret_cut, now_ns, &e);
	return *ret_state == CUT_ABSENT ||
			       (*ret_state == CUT_DOUBTED && does_at_once(c, zone, at, ret_cut)) ?
		       e :
		       NULL;
}

/* May a cut that is denied deny this name, as far as the name itself is concerned? */
static bool is_deniable(const struct core *c, unsigned zone, unsigned listener,
			const struct cache_key *k, unsigned cut_at)
{
	return trusts(c, zone) || found_elsewhere(c, zone, listener, k, cut_at);
}

/* Of what is denied on trust alone, some is asked for. */
static void check_sample(struct core *c, const struct visit *v, const struct cache_key *k)
{
	unsigned one_in = c->stats->shield_synth < CHECK_EARLY ? CHECK_EARLY_IN : CHECK_ONE_IN;

	if (trusts(c, v->zone_index) && rng_below(&c->rng, one_in) == 0)
		refresh_start(c, k, v->zone_index, v->client->listener, v->client->proto,
			      FOR_REFRESH, v->now_ns);
}

/* The cuts that may deny this name if they are absent themselves; how many. */
static unsigned cuts_that_may(const struct core *c, unsigned zone, const struct cache_key *k,
			      uint64_t now_ns, struct shield_cut ret[SHIELD_CUTS_MAX])
{
	unsigned n, kept = 0;

	if (c->shield[zone] != SHIELD_ACTIVE || !applies(c, zone, k->key_flags))
		return 0;
	n = shield_cuts(k->name, c->conf->zone[zone].z.origin.b, ret);
	if (n && !trusts(c, zone) && !absent_holds(&c->absent, k, now_ns))
		return 0;
	for (unsigned i = 0; i < n; i++)
		if (!(c->shield_given_up[zone] & 1u << ret[i].level))
			ret[kept++] = ret[i];
	return kept;
}

/* The entry of a cut that denies the name, or NULL. */
static struct entry *cut_find(const struct core *c, unsigned zone, unsigned listener,
			      const struct cache_key *k, uint64_t now_ns)
{
	struct shield_cut cuts[SHIELD_CUTS_MAX];
	unsigned n = cuts_that_may(c, zone, k, now_ns, cuts);

	for (unsigned i = 0; i < n; i++) {
		enum cut_state state;
		struct cache_key cut;
		struct entry *e = cut_denial(c, zone, k, &cuts[i], &cut, &state, now_ns);

		if (e && is_deniable(c, zone, listener, k, cuts[i].at))
			return e;
	}
	return NULL;
}

bool shield_denies(const struct core *c, unsigned zone, unsigned listener,
		   const struct cache_key *k, uint64_t now_ns)
{
	return cut_find(c, zone, listener, k, now_ns) != NULL;
}

/* The name's own denial is young enough to be served again, were it still there. */
static bool was_denied(const struct core *c, const struct config_zone *z, const struct cache_key *k,
		       uint64_t now_ns)
{
	struct absent_age age;

	return z->z.shield_trusts || (absent_find(&c->absent, k, now_ns, &age) &&
				      age.ago_s * NS_PER_S < z->z.cache.stale_ns);
}

struct entry *shield_stale(const struct core *c, unsigned zone, const struct cache_key *k,
			   uint64_t now_ns, bool *ret_failed)
{
	const struct config_zone *z = &c->conf->zone[zone];
	struct shield_cut cuts[SHIELD_CUTS_MAX];
	unsigned n;

	if (c->shield[zone] != SHIELD_ACTIVE || !applies(c, zone, k->key_flags) ||
	    !z->z.cache.stale_enabled || !was_denied(c, z, k, now_ns))
		return NULL;
	n = shield_cuts(k->name, z->z.origin.b, cuts);
	for (unsigned i = 0; i < n; i++) {
		struct entry *fresh, *e;
		struct cache_key cut;

		shield_cut_key(c, k, z->view, cuts[i].at, &cut);
		if (shield_cut_state(c, &cut, now_ns, &fresh) == CUT_EXISTS)
			continue;
		e = entry_stale(cache_find(&c->cache, &cut), z, now_ns);
		if (!e || e->kind != ANSWER_NXDOMAIN)
			continue;
		*ret_failed = failures_find(&c->failures, key_mark(&cut), now_ns) != NULL;
		return e;
	}
	return NULL;
}

bool shield_serve(struct core *c, struct visit *v, const struct cache_key *k, size_t *ret_len)
{
	struct entry *e = cut_find(c, v->zone_index, v->client->listener, k, v->now_ns);
	struct answer a;

	if (!e)
		return false;
	cache_touch(e, v->now_ns);
	cache_answer(e, &a);
	v->from = CORE_FROM_SHIELD;
	*ret_len = serve_synthesized(c, v, &a, (uint32_t)((v->now_ns - e->stored_ns) / NS_PER_S),
				     false);
	check_sample(c, v, k);
	return true;
}

/* --- waiting for a cut --- */

/* Puts the question behind that of its cut, `at` octets into its name. If that must
 * be asked first, the question begins again after it: by then it is known how long
 * the answer may take, or it has failed on the spot. */
static bool follow(struct core *c, uint32_t qi, const struct cache_key *cut, uint8_t at,
		   uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint32_t leader = question_find(&c->tab, cut);

	if (leader == NIL) {
		if (q->cut_at == at || refresh_start(c, cut, q->zone, q->listener, q->proto,
						     FOR_CUT, now_ns) == NIL)
			return false;
		q->cut_at = at;
		due_note(&c->tab, qi, DUE_BEGIN);
		return true;
	}
	if (question_leads(&c->tab, qi, leader))
		return false;
	q->n_follows++;
	follower_add(&c->tab, leader, qi);
	q->follow_ns = now_ns + follow_delay(c, &c->tab.question[leader]);
	question_timer(c, qi);
	return true;
}

/* Nothing was known of the cut: asks for it, and waits for it only if its denial
 * would count. True: the question waits. */
static bool cut_ask(struct core *c, uint32_t qi, const struct cache_key *cut,
		    const struct shield_cut *at, uint64_t now_ns)
{
	const struct question *q = &c->tab.question[qi];
	struct absent_age age;

	if (absent_find(&c->absent, cut, now_ns, &age) || does_at_once(c, q->zone, at, cut))
		return follow(c, qi, cut, at->at, now_ns);
	refresh_start(c, cut, q->zone, q->listener, q->proto, FOR_CUT, now_ns);
	return false;
}

bool shield_follow(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	struct shield_cut cuts[SHIELD_CUTS_MAX];
	struct cache_key k;
	struct answer a;
	unsigned n;

	if (q->is_renamed || q->purpose == FOR_CUT || q->n_follows >= FOLLOWS_MAX ||
	    !applies(c, q->zone, q->key_flags))
		return false;
	question_key(q, &k);
	if (c->shield[q->zone] == SHIELD_UNPROVEN &&
	    shield_cuts(q->name, c->conf->zone[q->zone].z.origin.b, cuts))
		shield_gate_open(c, q, now_ns);
	n = cuts_that_may(c, q->zone, &k, now_ns, cuts);
	for (unsigned i = 0; i < n; i++) {
		enum cut_state state;
		struct cache_key cut;
		struct entry *e;

		if (!is_deniable(c, q->zone, q->listener, &k, cuts[i].at))
			continue;
		e = cut_denial(c, q->zone, &k, &cuts[i], &cut, &state, now_ns);
		if (e) { /* learnt since the query came in */
			cache_answer(e, &a);
			question_deny(c, qi, &a, (uint32_t)((now_ns - e->stored_ns) / NS_PER_S),
				      UPSTREAM_NONE, now_ns);
			return true;
		}
		if (state == CUT_UNKNOWN)
			return cut_ask(c, qi, &cut, &cuts[i], now_ns);
	}
	return false;
}
