/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers teach the shield: which names their DNS has denied itself, which
 * cuts exist, and whether the DNS denies what it answers for.
 */
#include "resolver/core/shield_int.h"

#include <string.h>

#define EXISTS_MIN_NS (60 * NS_PER_S) /* a wrong "exists" costs a question, not an answer */

/* --- the gate: `svc.<domain>`, the name that must exist --- */

static const uint8_t svc_label[] = "\3svc";

static void gate_key(const struct core *c, const struct question *q, struct name *name,
		     struct cache_key *ret)
{
	struct cache_key k;

	name_join(name, svc_label, c->conf->zone[q->zone].z.origin.b);
	question_key(q, &k);
	k.name = name->b;
	k.name_len = name->len;
	shield_cut_key(c, &k, q->view, 0, ret);
}

void shield_gate_open(struct core *c, const struct question *q, uint64_t now_ns)
{
	struct entry *e = NULL;
	struct cache_key gate;
	struct name name;

	gate_key(c, q, &name, &gate);
	switch (shield_cut_state(c, &gate, now_ns, &e)) {
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

static bool is_gate(const struct core *c, const struct question *q)
{
	struct name gate;

	return name_join(&gate, svc_label, c->conf->zone[q->zone].z.origin.b) == 0 &&
	       name_eq(q->name, gate.b);
}

static void trip(struct core *c, const struct question *q)
{
	char name[NAME_MAX_TEXT], zone[NAME_MAX_TEXT];

	c->stats->shield_contradictions++;
	c->shield[q->zone] = SHIELD_TRIPPED;
	name_to_text(q->name, name, sizeof(name));
	name_to_text(c->conf->zone[q->zone].z.origin.b, zone, sizeof(zone));
	core_say(c, EVENT_WARNING, "search-path shield is off for zone %s: its DNS denies %s, which must exist",
		 zone, name);
}

/* Does the cluster's DNS tell an empty name from an absent one? */
static void gate_learn(struct core *c, const struct question *q, const struct answer *a)
{
	if (c->shield[q->zone] != SHIELD_UNPROVEN || !is_gate(c, q))
		return;
	if (a->kind == ANSWER_NXDOMAIN)
		trip(c, q);
	else
		c->shield[q->zone] = SHIELD_ACTIVE;
}

/* --- contradictions --- */

static void level_give_up(struct core *c, const struct question *q, unsigned level,
			  const struct cache_key *cut)
{
	char name[NAME_MAX_TEXT], zone[NAME_MAX_TEXT];

	c->shield_given_up[q->zone] |= (uint8_t)(1u << level);
	name_to_text(cut->name, name, sizeof(name));
	name_to_text(c->conf->zone[q->zone].z.origin.b, zone, sizeof(zone));
	core_say(c, EVENT_WARNING,
		 "search-path shield is off for names like those below %s in zone %s: its DNS denies it "
		 "and answers for a name below it",
		 name, zone);
}

/* A name was found below a cut that is denied. Once, the cut may have come into being
 * a moment ago, and a cache on the way may not know it. A minute later, the
 * DNS contradicts itself. */
static void contradicted(struct core *c, const struct question *q, const struct shield_cut *at,
			 const struct cache_key *cut, uint64_t now_ns)
{
	struct shield_exists *e = shield_exists_slot(c, cut);

	c->stats->shield_contradictions++;
	if (c->conf->zone[q->zone].z.shield_trusts ||
	    (e->mark == cut->hash && e->denied_ns && now_ns - e->denied_ns >= EXISTS_MIN_NS))
		level_give_up(c, q, at->level, cut);
	if (e->mark != cut->hash)
		*e = (struct shield_exists){.mark = cut->hash};
	if (!e->denied_ns)
		e->denied_ns = now_ns;
}

/* --- names that exist --- */

static void exists_note(const struct core *c, const struct cache_key *cut, uint32_t ttl_s,
			uint64_t now_ns)
{
	struct shield_exists *e = shield_exists_slot(c, cut);
	uint64_t keep_ns = ttl_s * NS_PER_S > EXISTS_MIN_NS ? ttl_s * NS_PER_S : EXISTS_MIN_NS;

	if (e->mark != cut->hash)
		*e = (struct shield_exists){.mark = cut->hash};
	e->until_ns = now_ns + keep_ns;
}

/* Away with what denies it, with CD or without. Was that a denial yet to be believed? */
static bool denials_drop(struct core *c, struct cache_key *k, uint64_t now_ns)
{
	static const uint8_t flags[] = {0, QUERY_CD};
	bool fresh = false;

	for (unsigned i = 0; i < sizeof(flags); i++) {
		struct entry *e;

		k->key_flags = flags[i];
		absent_drop(&c->absent, k);
		e = cache_find(&c->cache, k);
		if (!e || e->kind != ANSWER_NXDOMAIN)
			continue;
		fresh |= entry_fresh(e, now_ns) != NULL;
		cache_remove(&c->cache, e);
	}
	return fresh;
}

/* The name exists, so all its ancestors do. */
static void ancestors_exist(struct core *c, const struct question *q, const struct cache_key *k,
			    uint32_t ttl_s, uint64_t now_ns)
{
	struct shield_cut cuts[SHIELD_CUTS_MAX];
	unsigned n = shield_cuts(q->name, c->conf->zone[q->zone].z.origin.b, cuts);

	for (unsigned i = 0; i < n; i++) {
		struct cache_key cut;

		if (c->shield_given_up[q->zone] & 1u << cuts[i].level)
			continue; /* they say nothing */
		shield_cut_key(c, k, q->view, cuts[i].at, &cut);
		if (denials_drop(c, &cut, now_ns))
			contradicted(c, q, &cuts[i], &cut, now_ns);
		exists_note(c, &cut, ttl_s, now_ns);
	}
}

/* Of the name itself, other types' denials stay: each speaks for what was asked. */
static void name_exists(struct core *c, const struct cache_key *k)
{
	static const uint8_t flags[] = {0, QUERY_CD};
	struct cache_key own = *k;

	for (unsigned i = 0; i < sizeof(flags); i++) {
		own.key_flags = flags[i];
		absent_drop(&c->absent, &own);
	}
}

/* --- learning --- */

/* Denied, and that was kept: the Corefile and its TTL allow it. */
static void own_denial_learn(struct core *c, const struct question *q, const struct cache_key *k,
			 uint64_t now_ns)
{
	struct shield_cut cuts[SHIELD_CUTS_MAX];
	const struct entry *e = cache_find(&c->cache, k);

	c->stats->shield_cuts += q->purpose == FOR_CUT && c->shield[q->zone] == SHIELD_ACTIVE;
	if (!e || e->kind != ANSWER_NXDOMAIN || e->stored_ns != now_ns)
		return;
	absent_note(&c->absent, k, now_ns);
	c->stats->shield_confirmed +=
		shield_cuts(k->name, c->conf->zone[q->zone].z.origin.b, cuts) > 0;
}

void shield_learn(struct core *c, const struct question *q, const struct answer *a, uint64_t now_ns)
{
	struct cache_key k;

	if (q->is_renamed || !shield_in_use(c, q->zone))
		return;
	question_key(q, &k);
	/* With DO only records count: signers deny with NODATA (RFC 9824). */
	if (q->key_flags & QUERY_DO && a->kind != ANSWER_POSITIVE)
		return;
	if (!(q->key_flags & QUERY_DO))
		gate_learn(c, q, a);
	if (a->kind == ANSWER_NXDOMAIN)
		own_denial_learn(c, q, &k, now_ns);
	/* An NXDOMAIN behind a CNAME is a denial too, but of another name. */
	if (a->kind != ANSWER_POSITIVE && a->kind != ANSWER_DENIAL)
		return;
	name_exists(c, &k);
	if (q->purpose == FOR_CUT)
		exists_note(c, &k, a->ttl_s, now_ns);
	ancestors_exist(c, q, &k, a->ttl_s, now_ns);
}

void shield_reset(struct core *c)
{
	memset(c->shield, 0, sizeof(c->shield));
	memset(c->shield_given_up, 0, sizeof(c->shield_given_up));
	memset(c->exists, 0, SHIELD_EXISTS_SIZE * sizeof(*c->exists));
	absent_forget(&c->absent);
}
