/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/kube/ideal.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/wire.h"

#define SLOTS (1u << 20)

const char *const ideal_text[IDEAL_RULES] = {
	"negative by name and type",
	"and nothing below a cut that is not there",
	"NXDOMAIN by name, for all types",
	"both",
};

enum { WHOLE_NAME = 65535, WHOLE_TREE = 65534 };

struct ideal {
	enum ideal_rule rule;
	struct ideal_count count;
	uint64_t hash[SLOTS]; /* of name and type, or one of these */
	uint64_t expires_ns[SLOTS];
};

static const struct hash_key key = {0x6e6f64656e73, 0x62656e6368};

struct ideal *ideal_new(enum ideal_rule rule)
{
	struct ideal *c = calloc(1, sizeof(*c));

	if (c)
		c->rule = rule;
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

static uint64_t *expiry_of(struct ideal *c, const uint8_t *name, uint16_t qtype)
{
	uint8_t b[NAME_MAX_WIRE + 2];
	size_t n = name_lower(b, name);
	uint64_t h;
	size_t at;

	set_be16(b + n, qtype);
	h = hash_sip13(&key, b, n + 2) | 1;
	at = h & (SLOTS - 1);
	while (c->hash[at] && c->hash[at] != h)
		at = (at + 1) & (SLOTS - 1);
	c->hash[at] = h;
	return &c->expires_ns[at];
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
	return v;
}

static bool is_known(struct ideal *c, uint64_t now_ns, const uint8_t *name, uint16_t qtype)
{
	if (*expiry_of(c, name, qtype) > now_ns)
		return true;
	return c->rule >= IDEAL_BY_NAME && *expiry_of(c, name, WHOLE_NAME) > now_ns;
}

void ideal_query(struct ideal *c, const struct kube_query *q)
{
	bool cuts = c->rule == IDEAL_BY_CUT || c->rule == IDEAL_BY_CUT_AND_NAME;
	const uint8_t *cut = cuts ? kube_cut(q->name.b) : NULL;

	if (is_known(c, q->t_ns, q->name.b, q->qtype))
		return;
	if (cut) {
		if (*expiry_of(c, cut, WHOLE_TREE) > q->t_ns)
			return;
		/* that the cut exists is remembered as its NODATA */
		if (*expiry_of(c, cut, DNS_A) <= q->t_ns &&
		    ask(c, q->t_ns, cut, DNS_A) == KUBE_NXDOMAIN) {
			*expiry_of(c, cut, WHOLE_TREE) = q->t_ns + KUBE_NEGATIVE_S * NS_PER_S;
			return;
		}
	}
	ask(c, q->t_ns, q->name.b, q->qtype);
}
