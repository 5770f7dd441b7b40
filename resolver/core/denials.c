/* SPDX-License-Identifier: Apache-2.0 */
/* When a denial of one type renews another's, and when a question waits for its sibling. */
#include "resolver/core/denials.h"

#include "resolver/core/core_int.h"

#define EARN_NAMES  16
#define TOGETHER_NS NS_PER_S /* two answers of one state of the world */
#define FOLLOWS_MAX 4

/* The other address type's key; false: the key is of neither. With DO a denial may be
 * made NODATA by the signer (RFC 9824), so it tells nothing. */
static bool other_key(const struct cache_key *k, struct cache_key *ret)
{
	if ((k->qtype != DNS_A && k->qtype != DNS_AAAA) || k->qclass != DNS_IN ||
	    k->key_flags & QUERY_DO)
		return false;
	*ret = *k;
	ret->qtype = k->qtype == DNS_A ? DNS_AAAA : DNS_A;
	return true;
}

/* --- earning, losing --- */

enum says { SAYS_NOTHING, SAYS_ABSENT, SAYS_EMPTY, SAYS_PRESENT };

/* What a message says of the name itself: not what stands behind a CNAME. */
static enum says says_of(unsigned kind, const uint8_t *msg)
{
	switch (kind) {
	case ANSWER_NXDOMAIN:
		return SAYS_ABSENT;
	case ANSWER_POSITIVE:
		return SAYS_PRESENT;
	case ANSWER_DENIAL:
		return DNS_RCODE(get_be16(msg + 2)) == DNS_NOERROR && get_be16(msg + 6) == 0
			       ? SAYS_EMPTY
			       : SAYS_NOTHING;
	default:
		return SAYS_NOTHING;
	}
}

static void trust_lose(struct core *c, const struct question *q, uint16_t denied)
{
	char name[NAME_MAX_TEXT], zone[NAME_MAX_TEXT];

	c->trust[q->zone].is_lost = true;
	c->stats->denials_contradicted++;
	name_to_text(q->name, name, sizeof(name));
	name_to_text(c->conf->zone[q->zone].z.origin.b, zone, sizeof(zone));
	core_say(c, EVENT_WARNING,
		 "zone %s: its DNS denies %s of %s and knows the name when asked for %s; until the next "
		 "reload no denial is renewed by another type's",
		 zone, denied == DNS_A ? "A" : "AAAA", name, denied == DNS_A ? "AAAA" : "A");
}

void denial_learn(struct core *c, const struct question *q, const struct answer *a, uint64_t now_ns)
{
	struct denial_trust *t = &c->trust[q->zone];
	enum says here = says_of(a->kind, a->msg), there;
	struct cache_key k, other;
	uint64_t bucket;
	struct entry *e;

	question_key(q, &k);
	if (t->is_lost || q->is_renamed || here == SAYS_NOTHING || !other_key(&k, &other))
		return;
	e = cache_find(&c->cache, &other);
	if (!e || e->is_renewed)
		return;
	there = says_of(e->kind, e->msg);
	if (now_ns - e->stored_ns > TOGETHER_NS) {
		/* The name has come to exist since: what is known of its other type is old. */
		if (here >= SAYS_EMPTY && there == SAYS_ABSENT)
			cache_remove(&c->cache, e);
		return;
	}
	bucket = 1ull << (k.hash >> 58);
	if (there != SAYS_NOTHING && (here == SAYS_ABSENT) != (there == SAYS_ABSENT))
		trust_lose(c, q, here == SAYS_ABSENT ? k.qtype : other.qtype);
	else if (here == SAYS_ABSENT && there == SAYS_ABSENT && a->ttl_s)
		t->absent |= bucket;
	else if (here == SAYS_PRESENT || (there == SAYS_PRESENT && here == SAYS_EMPTY))
		t->present |= bucket;
}

static bool is_earned(const struct core *c, unsigned zone)
{
	const struct denial_trust *t = &c->trust[zone];

	return !t->is_lost && __builtin_popcountll(t->absent) >= EARN_NAMES &&
	       __builtin_popcountll(t->present) >= EARN_NAMES;
}

/* --- renewing --- */

/* Might the other type's denial renew it, the hooks having no say in it? */
static bool may_renew(const struct core *c, unsigned zone, const struct entry *e, uint64_t now_ns)
{
	return e && e->kind == ANSWER_NXDOMAIN && e->own_s > now_ns / NS_PER_S &&
	       !(c->conf->zone[zone].hooks & HOOK_ASK) && is_earned(c, zone);
}

struct entry *denial_renew(struct core *c, unsigned zone, const struct cache_key *k, struct entry *e,
			   uint64_t now_ns)
{
	struct cache_key other;
	const struct entry *by;

	if (!may_renew(c, zone, e, now_ns) || !other_key(k, &other))
		return NULL;
	by = entry_fresh(cache_find(&c->cache, &other), now_ns);
	if (!by || by->kind != ANSWER_NXDOMAIN || by->stored_ns <= e->stored_ns ||
	    entry_expires_ns(by) > e->own_s * NS_PER_S)
		return NULL;
	cache_renew(&c->cache, e, by);
	c->stats->denials_renewed++;
	return entry_fresh(e, now_ns);
}

bool denial_follow(struct core *c, uint32_t qi, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	struct cache_key k, other;
	const struct question *l;
	struct entry *e;
	uint32_t leader;

	question_key(q, &k);
	if (q->purpose != FOR_CLIENTS || q->is_renamed || q->n_follows >= FOLLOWS_MAX ||
	    !other_key(&k, &other))
		return false;
	e = cache_find(&c->cache, &k);
	if (!may_renew(c, q->zone, e, now_ns))
		return false;
	e = denial_renew(c, q->zone, &k, e, now_ns);
	if (e) {
		question_known(c, qi, e, now_ns);
		return true;
	}
	leader = question_find(&c->tab, &other);
	l = leader == NIL ? NULL : &c->tab.question[leader];
	if (!l || l->leader != NIL || l->is_renamed || l->head)
		return false;
	q->n_follows++;
	follower_add(&c->tab, leader, qi);
	q->follow_ns = now_ns + follow_delay(c, l);
	question_timer(c, qi);
	return true;
}
