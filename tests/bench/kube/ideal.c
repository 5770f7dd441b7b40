/* SPDX-License-Identifier: Apache-2.0 */
/* A cache that forgets nothing before its time, rule by rule. */
#include "tests/bench/kube/ideal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/wire.h"
#include "resolver/core/absent.h"

#define SLOTS (1u << 20)

const char *const ideal_text[IDEAL_RULES] = {
	"negative by name and type",
	"renewed by a cut that is not there",
	"nothing asked below a cut that is not there",
	"NXDOMAIN by name, for all types",
	"both",
};

#define NAMESPACE_LABELS 4 /* com.svc.cluster.local */

enum { WHOLE_NAME = 65535 };

struct ideal {
	enum ideal_rule rule;
	uint32_t soa_s;
	struct ideal_count count;
	struct known {
		uint64_t hash; /* of name and type, or one of these */
		uint64_t expires_ns;
		uint64_t first_ns, last_ns; /* its denials */
		uint64_t denied_ns, soa_ns; /* until when the last one holds, and would */
	} known[SLOTS];
};

static const struct hash_key key = {0x6e6f64656e73, 0x62656e6368};

struct ideal *ideal_new(enum ideal_rule rule, uint32_t soa_s)
{
	struct ideal *c = calloc(1, sizeof(*c));

	if (c) {
		c->rule = rule;
		c->soa_s = soa_s;
	}
	return c;
}

void ideal_free(struct ideal *c)
{
	free(c);
}

const struct ideal_count *ideal_counts(const struct ideal *c)
{
	return &c->count;
}

static struct known *known_of(struct ideal *c, const uint8_t *name, uint16_t qtype)
{
	uint8_t b[NAME_MAX_WIRE + 2];
	size_t n = name_lower(b, name);
	uint64_t h;
	size_t at;

	set_be16(b + n, qtype);
	h = hash_sip13(&key, b, n + 2) | 1;
	at = h & (SLOTS - 1);
	while (c->known[at].hash && c->known[at].hash != h)
		at = (at + 1) & (SLOTS - 1);
	c->known[at].hash = h;
	return &c->known[at];
}

static uint64_t *expiry_of(struct ideal *c, const uint8_t *name, uint16_t qtype)
{
	return &known_of(c, name, qtype)->expires_ns;
}

static void denial_note(struct known *k, uint64_t now_ns)
{
	if (!k->last_ns)
		k->first_ns = now_ns;
	k->last_ns = now_ns;
}

/* Its own denial, be it over. */
static bool holds(const struct known *k, uint64_t now_ns)
{
	uint64_t known_s = (k->last_ns - k->first_ns) / NS_PER_S;

	if (known_s < ABSENT_HOLD_MIN_S)
		known_s = ABSENT_HOLD_MIN_S;
	if (known_s > ABSENT_HOLD_MAX_S)
		known_s = ABSENT_HOLD_MAX_S;
	return k->last_ns && now_ns - k->last_ns <= known_s * NS_PER_S;
}

/* Further along the search list. */
static bool found_elsewhere(const uint8_t *name, const uint8_t *own)
{
	static const char *const suffix[] = {"", "\7cluster\5local", "\3svc\7cluster\5local"};
	struct name base, other;

	memcpy(base.b, name, (size_t)(own - name));
	base.b[own - name] = 0;
	for (unsigned i = 0; i < 3; i++)
		if (!name_eq((const uint8_t *)suffix[i], own) &&
		    name_join(&other, base.b, (const uint8_t *)suffix[i]) == 0 &&
		    kube_lookup(other.b, DNS_A) == KUBE_ANSWER)
			return true;
	return false;
}

/* One question to the upstream, and what its answer teaches. */
static enum kube_verdict ask(struct ideal *c, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	enum kube_verdict v = kube_lookup(name, qtype);
	uint64_t until = now_ns + (v == KUBE_ANSWER ? KUBE_TTL_S : KUBE_NEGATIVE_S) * NS_PER_S;
	bool whole_name = v == KUBE_NXDOMAIN && c->rule >= IDEAL_BY_NAME;

	c->count.asked++;
	c->count.cluster += kube_is_cluster(name);
	c->count.cluster_nx += kube_is_cluster(name) && v == KUBE_NXDOMAIN;
	*expiry_of(c, name, whole_name ? WHOLE_NAME : qtype) = until;
	if (v == KUBE_NXDOMAIN) {
		struct known *k = known_of(c, name, qtype);

		denial_note(k, now_ns);
		k->denied_ns = until;
		k->soa_ns = now_ns + c->soa_s * NS_PER_S;
	}
	return v;
}

/* By what has just been said of the other address type. */
static bool type_renews(struct ideal *c, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	uint16_t other = qtype == DNS_A ? DNS_AAAA : DNS_A;
	uint64_t until_ns = known_of(c, name, other)->denied_ns;

	return until_ns > now_ns && known_of(c, name, qtype)->soa_ns >= until_ns;
}

static bool is_known(struct ideal *c, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	if (*expiry_of(c, name, qtype) > now_ns || type_renews(c, now_ns, name, qtype))
		return true;
	return c->rule >= IDEAL_BY_NAME && *expiry_of(c, name, WHOLE_NAME) > now_ns;
}

/* Is its own denial renewed by that of its cut? */
static bool is_renewed(struct ideal *c, const struct kube_query *q, const uint8_t *cut)
{
	struct known *k = known_of(c, cut, DNS_A);

	if (!holds(known_of(c, q->name.b, q->qtype), q->t_ns) ||
	    !found_elsewhere(q->name.b, name_parent(cut)))
		return false;
	if (k->expires_ns <= q->t_ns)
		ask(c, q->t_ns, cut, DNS_A);
	return k->last_ns > k->first_ns && kube_lookup(cut, DNS_A) == KUBE_NXDOMAIN;
}

/* Is the cut denied, now or on being asked? The first denial of a namespace does not
 * do: then it is up to the name one label below it. */
static bool is_below(struct ideal *c, const struct kube_query *q, const uint8_t *cut)
{
	struct known *k = known_of(c, cut, DNS_A);
	unsigned labels = name_labels(cut);

	if (!is_known(c, q->t_ns, cut, DNS_A))
		ask(c, q->t_ns, cut, DNS_A);
	if (kube_lookup(cut, DNS_A) != KUBE_NXDOMAIN)
		return false;
	if (labels != NAMESPACE_LABELS || k->last_ns > k->first_ns)
		return true;
	return name_labels(q->name.b) > labels + 1 &&
	       is_below(c, q, name_tail(q->name.b, labels + 1));
}

void ideal_query(struct ideal *c, const struct kube_query *q)
{
	const uint8_t *cut = c->rule == IDEAL_BY_TYPE || c->rule == IDEAL_BY_NAME ?
				     NULL :
				     kube_cut(q->name.b);

	if (is_known(c, q->t_ns, q->name.b, q->qtype))
		return;
	if (cut && (c->rule == IDEAL_RENEWED ? is_renewed(c, q, cut) : is_below(c, q, cut)))
		return;
	ask(c, q->t_ns, q->name.b, q->qtype);
}
