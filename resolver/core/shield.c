/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/core/shield.h"

#include <string.h>

#include "resolver/core/core_int.h"

#define CHECK_EARLY    256                /* the first so many synthesized answers ... */
#define CHECK_EARLY_IN 64                 /* ... are asked all the same, one in so many */
#define CHECK_ONE_IN   4096               /* ... and the rest more rarely */
#define EXISTS_MIN_NS  (60 * NS_PER_S)    /* a wrong "exists" costs a question, not an answer */
#define FOLLOWS_MAX    4                  /* cuts one question waits for, one after the other */

static const uint8_t svc_label[] = "\3svc", pod_label[] = "\3pod";

/* --- names --- */

static bool label_is(const uint8_t *at, const uint8_t *label)
{
	return memcmp(at, label, 1u + label[0]) == 0;
}

unsigned shield_cuts(const uint8_t *name, const uint8_t *origin, uint8_t ret_at[SHIELD_CUTS_MAX])
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
		ret_at[0] = at[below - 1];
		return 1;
	}
	if (below < 3)
		return 0;
	ret_at[0] = at[below - 2];
	if (below < 4)
		return 1;
	ret_at[1] = at[below - 3];
	return 2;
}

static void cut_key(const struct core *c, const struct cache_key *k, uint64_t view, unsigned at,
		    struct cache_key *ret)
{
	*ret = *k;
	ret->name = k->name + at;
	ret->name_len = (uint8_t)(k->name_len - at);
	ret->qtype = DNS_A;
	ret->hash = hash_sip13(&c->key, ret->name, ret->name_len) ^ view;
}

/* --- what is known of a cut --- */

enum cut_state {
	CUT_UNKNOWN,
	CUT_EXISTS,
	CUT_ABSENT,
	CUT_FAILED, /* cannot be asked about now */
};

static struct shield_exists *exists_slot(const struct core *c, const struct cache_key *cut)
{
	return &c->exists[cut->hash & (SHIELD_EXISTS_SIZE - 1)];
}

static void exists_note(struct core *c, const struct cache_key *cut, uint64_t until_ns)
{
	*exists_slot(c, cut) = (struct shield_exists){cut->hash, until_ns};
}

static enum cut_state cut_state(const struct core *c, const struct cache_key *cut, uint64_t now_ns,
				struct entry **ret)
{
	const struct shield_exists *e = exists_slot(c, cut);
	struct entry *fresh = entry_fresh(cache_find(&c->cache, cut), now_ns);

	if (fresh && fresh->kind == ANSWER_NXDOMAIN) {
		*ret = fresh;
		return CUT_ABSENT;
	}
	if (fresh || (e->mark == cut->hash && e->until_ns > now_ns))
		return CUT_EXISTS;
	return failures_find(&c->failures, key_mark(cut), now_ns) ? CUT_FAILED : CUT_UNKNOWN;
}

static bool in_use(const struct core *c, unsigned zone)
{
	const struct core_zone *z = &c->conf->zone[zone].z;

	return z->is_cluster && !z->shield_off && z->cache.enabled && !z->cache.neg_disabled &&
	       c->shield[zone] != SHIELD_TRIPPED;
}

/* With DO, proofs are expected that a synthesized answer cannot give. */
static bool applies(const struct core *c, unsigned zone, unsigned key_flags)
{
	return in_use(c, zone) && !(key_flags & QUERY_DO);
}

/* --- answering from a cut --- */

static void check_sample(struct core *c, const struct visit *v, const struct cache_key *k)
{
	unsigned one_in = c->stats->shield_synth < CHECK_EARLY ? CHECK_EARLY_IN : CHECK_ONE_IN;

	if (rng_below(&c->rng, one_in) != 0 || question_find(&c->tab, k) != NIL)
		return;
	if (refresh_start(c, k, v->zone_index, v->client->listener, v->client->proto, FOR_CHECK,
			  v->now_ns) != NIL)
		c->stats->shield_checks++;
}

/* The entry of a cut known to be absent, or NULL. */
static struct entry *cut_find(const struct core *c, unsigned zone, const struct cache_key *k,
			      uint64_t now_ns)
{
	const struct config_zone *z = &c->conf->zone[zone];
	uint8_t at[SHIELD_CUTS_MAX];
	unsigned n;

	if (c->shield[zone] != SHIELD_ACTIVE || !applies(c, zone, k->key_flags))
		return NULL;
	n = shield_cuts(k->name, z->z.origin.b, at);
	for (unsigned i = 0; i < n; i++) {
		struct entry *e = NULL;
		struct cache_key cut;

		cut_key(c, k, z->view, at[i], &cut);
		if (cut_state(c, &cut, now_ns, &e) == CUT_ABSENT)
			return e;
	}
	return NULL;
}

bool shield_denies(const struct core *c, unsigned zone, const struct cache_key *k, uint64_t now_ns)
{
	return cut_find(c, zone, k, now_ns) != NULL;
}

struct entry *shield_stale(const struct core *c, unsigned zone, const struct cache_key *k,
			   uint64_t now_ns, bool *ret_failed)
{
	const struct config_zone *z = &c->conf->zone[zone];
	uint8_t at[SHIELD_CUTS_MAX];
	unsigned n;

	if (c->shield[zone] != SHIELD_ACTIVE || !applies(c, zone, k->key_flags) ||
	    !z->z.cache.stale_enabled)
		return NULL;
	n = shield_cuts(k->name, z->z.origin.b, at);
	for (unsigned i = 0; i < n; i++) {
		struct entry *fresh, *e;
		struct cache_key cut;

		cut_key(c, k, z->view, at[i], &cut);
		if (cut_state(c, &cut, now_ns, &fresh) == CUT_EXISTS)
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
	struct entry *e = cut_find(c, v->zone_index, k, v->now_ns);
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
	q->follows = FOLLOWS_CUT;
	follower_add(&c->tab, leader, qi);
	q->follow_ns = now_ns + follow_delay(c, &c->tab.question[leader]);
	question_timer(c, qi);
	return true;
}

/* `svc.<domain>`, the name that must exist. */
static void gate_key(const struct core *c, const struct question *q, struct name *name,
		     struct cache_key *ret)
{
	struct cache_key k;

	name_join(name, (const uint8_t *)"\3svc", c->conf->zone[q->zone].z.origin.b);
	question_key(q, &k);
	k.name = name->b;
	k.name_len = name->len;
	cut_key(c, &k, q->view, 0, ret);
}

/* Asks for the gate beside the question that needs it; the shield acts as soon
 * as the answer is there. */
static void gate_open(struct core *c, const struct question *q, uint64_t now_ns)
{
	struct entry *e = NULL;
	struct cache_key gate;
	struct name name;

	gate_key(c, q, &name, &gate);
	switch (cut_state(c, &gate, now_ns, &e)) {
	case CUT_EXISTS:
		c->shield[q->zone] = SHIELD_ACTIVE;
		break;
	case CUT_UNKNOWN:
		refresh_start(c, &gate, q->zone, q->listener, q->proto, FOR_CUT, now_ns);
		break;
	default:
		break;
	}
}

bool shield_follow(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint8_t at[SHIELD_CUTS_MAX];
	struct cache_key k;
	struct answer a;
	unsigned n;

	if (q->is_renamed || q->purpose == FOR_CUT || q->purpose == FOR_CHECK ||
	    q->purpose == FOR_CONFIRM || q->n_follows >= FOLLOWS_MAX ||
	    !applies(c, q->zone, q->key_flags))
		return false;
	n = shield_cuts(q->name, c->conf->zone[q->zone].z.origin.b, at);
	if (n && c->shield[q->zone] == SHIELD_UNPROVEN)
		gate_open(c, q, now_ns);
	if (c->shield[q->zone] != SHIELD_ACTIVE)
		return false;
	question_key(q, &k);
	for (unsigned i = 0; i < n; i++) {
		struct entry *e = NULL;
		struct cache_key cut;

		cut_key(c, &k, q->view, at[i], &cut);
		switch (cut_state(c, &cut, now_ns, &e)) {
		case CUT_UNKNOWN:
			return follow(c, qi, &cut, at[i], now_ns);
		case CUT_ABSENT: /* learnt since the query came in */
			cache_answer(e, &a);
			question_deny(c, qi, &a, (uint32_t)((now_ns - e->stored_ns) / NS_PER_S),
				      UPSTREAM_NONE, now_ns);
			return true;
		default:
			break;
		}
	}
	return false;
}

/* --- learning --- */

/* One ancestor exists: away with the cut that denies it, with CD or without. */
static void ancestor_exists(struct core *c, const struct question *q, struct cache_key *cut,
			    uint64_t now_ns)
{
	static const uint8_t flags[] = {0, QUERY_CD};

	for (unsigned i = 0; i < sizeof(flags); i++) {
		struct entry *e;

		cut->key_flags = flags[i];
		e = cache_find(&c->cache, cut);
		if (!e || e->kind != ANSWER_NXDOMAIN)
			continue;
		cache_remove(&c->cache, e);
		if (q->purpose == FOR_CHECK) { /* new since, or does the server contradict itself? */
			exists_note(c, cut, now_ns);
			refresh_start(c, cut, q->zone, q->listener, q->proto, FOR_CONFIRM, now_ns);
		}
	}
}

/* The name exists, so all its ancestors do. */
static void ancestors_exist(struct core *c, const struct question *q, const struct cache_key *k,
			    uint32_t ttl_s, uint64_t now_ns)
{
	uint64_t keep_ns = ttl_s * NS_PER_S > EXISTS_MIN_NS ? ttl_s * NS_PER_S : EXISTS_MIN_NS;
	uint8_t at[SHIELD_CUTS_MAX];
	unsigned n = shield_cuts(q->name, c->conf->zone[q->zone].z.origin.b, at);

	for (unsigned i = 0; i < n; i++) {
		struct cache_key cut;

		cut_key(c, k, q->view, at[i], &cut);
		exists_note(c, &cut, now_ns + keep_ns);
		ancestor_exists(c, q, &cut, now_ns);
	}
}

static void trip(struct core *c, const struct question *q, const char *why)
{
	char name[NAME_MAX_TEXT], zone[NAME_MAX_TEXT];

	c->stats->shield_contradictions++;
	if (c->shield[q->zone] == SHIELD_TRIPPED)
		return;
	c->shield[q->zone] = SHIELD_TRIPPED;
	name_to_text(q->name, name, sizeof(name));
	name_to_text(c->conf->zone[q->zone].z.origin.b, zone, sizeof(zone));
	core_say(c, EVENT_WARNING, "search-path shield is off for zone %s: its DNS denies %s, %s", zone,
		 name, why);
}

static bool is_gate(const struct core *c, const struct question *q)
{
	const uint8_t *origin = c->conf->zone[q->zone].z.origin.b;

	return label_is(q->name, svc_label) && name_eq(q->name + 4, origin);
}

/* Does the cluster's DNS tell an empty name from an absent one? */
static void gate_learn(struct core *c, const struct question *q, const struct answer *a)
{
	if (c->shield[q->zone] != SHIELD_UNPROVEN || !is_gate(c, q))
		return;
	if (a->kind == ANSWER_NXDOMAIN)
		trip(c, q, "which must exist");
	else
		c->shield[q->zone] = SHIELD_ACTIVE;
}

void shield_learn(struct core *c, const struct question *q, const struct answer *a, uint64_t now_ns)
{
	struct cache_key k;

	if (q->is_renamed || !in_use(c, q->zone))
		return;
	question_key(q, &k);
	if (q->key_flags & QUERY_DO) {
		/* Only records count: signers deny with NODATA (RFC 9824). */
		if (a->kind == ANSWER_POSITIVE)
			ancestors_exist(c, q, &k, a->ttl_s, now_ns);
		return;
	}
	gate_learn(c, q, a);
	if (a->kind == ANSWER_NXDOMAIN) {
		c->stats->shield_cuts += q->purpose == FOR_CUT && c->shield[q->zone] == SHIELD_ACTIVE;
		if (q->purpose == FOR_CONFIRM)
			trip(c, q, "yet answers for a name below it");
		return;
	}
	/* An NXDOMAIN behind a CNAME is a denial too, but of another name. */
	if (a->kind == ANSWER_POSITIVE || a->kind == ANSWER_DENIAL) {
		if (q->purpose == FOR_CUT || q->purpose == FOR_CONFIRM) {
			uint64_t ttl_ns = a->ttl_s * NS_PER_S;

			exists_note(c, &k, now_ns + (ttl_ns > EXISTS_MIN_NS ? ttl_ns : EXISTS_MIN_NS));
		}
		ancestors_exist(c, q, &k, a->ttl_s, now_ns);
	}
}
