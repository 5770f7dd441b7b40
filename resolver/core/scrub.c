/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over an answer. Aliases that stand before what leads to them are kept in mind, and looked
 * at again as long as one of them makes the chain longer: at most SCRUB_CHAIN_MAX times
 * SCRUB_WAITS_MAX, however many records there are.
 */
#include "resolver/core/scrub.h"

#include <string.h>

static bool in_chain(const struct scrub *s, const uint8_t *owner)
{
	for (unsigned i = s->n; i-- > 0;)
		if (name_eq(s->name[i].b, owner))
			return true;
	return false;
}

/* Some name of the chain lies below it. */
static const struct name *below(const struct scrub *s, const uint8_t *owner)
{
	for (unsigned i = 0; i < s->n; i++)
		if (name_within(s->name[i].b, owner) && !name_eq(s->name[i].b, owner))
			return &s->name[i];
	return NULL;
}

static bool chain_add(struct scrub *s, const uint8_t *name)
{
	if (in_chain(s, name))
		return false;
	s->cut |= s->n == SCRUB_CHAIN_MAX;
	if (s->cut)
		return false;
	name_copy(&s->name[s->n++], name);
	return true;
}

/* What a DNAME makes of `from`, a name below its owner (RFC 6672 section 2.2). */
static bool chain_substitute(struct scrub *s, const struct name *from, const uint8_t *owner, const uint8_t *target)
{
	struct name head, made;
	size_t keep = from->len - name_len(owner);

	memcpy(head.b, from->b, keep);
	head.b[keep] = 0;
	head.len = (uint8_t)(keep + 1);
	return name_join(&made, head.b, target) == 0 && chain_add(s, made.b);
}

enum alias { ALIAS_NONE, ALIAS_STRANGE, ALIAS_FOLLOWED, ALIAS_GROWS };

/* The record that `w` stands before, which is left behind it. */
static enum alias chain_step(struct scrub *s, struct wire *w)
{
	struct name owner = {0}, target = {0};
	size_t start = w->off;
	struct dns_rr rr = {0};
	const struct name *from = NULL;
	bool known;

	wire_name(w, &owner);
	w->off = start;
	wire_rr(w, &rr);
	if (w->err)
		return ALIAS_NONE;
	if (rr.type == DNS_DNAME)
		from = below(s, owner.b);
	known = from || (rr.type != DNS_DNAME && in_chain(s, owner.b));
	s->is_to_it |= known || in_chain(s, owner.b);
	if (rr.type != DNS_DNAME && rr.type != DNS_CNAME)
		return ALIAS_NONE;
	if (!known)
		return ALIAS_STRANGE;
	w->off = rr.rdata_off;
	wire_name(w, &target);
	if (w->err)
		return ALIAS_NONE;
	w->off = rr.end;
	known = from ? chain_substitute(s, from, owner.b, target.b) : chain_add(s, target.b);
	return known ? ALIAS_GROWS : ALIAS_FOLLOWED;
}

/* True when one of those that wait made the chain longer. */
static bool waits_pass(struct scrub *s, struct wire w)
{
	unsigned n = 0;
	bool grown = false;

	for (unsigned i = 0; i < s->n_waits; i++) {
		enum alias a;

		w.off = s->waits[i];
		a = chain_step(s, &w);
		grown |= a == ALIAS_GROWS;
		if (a == ALIAS_STRANGE)
			s->waits[n++] = s->waits[i];
	}
	s->n_waits = n;
	return grown;
}

void scrub_begin(struct scrub *s, const uint8_t *asked, uint16_t qclass, const struct wire *w, unsigned n_an)
{
	struct wire at = *w;

	s->qclass = qclass;
	s->n = 1;
	s->n_waits = s->dropped = 0;
	s->is_to_it = s->cut = false;
	name_copy(&s->name[0], asked);
	for (; n_an > 0 && !at.err; n_an--) {
		uint16_t start = (uint16_t)at.off; /* a message has 65,535 octets at most */

		if (chain_step(s, &at) == ALIAS_STRANGE && s->n_waits < SCRUB_WAITS_MAX)
			s->waits[s->n_waits++] = start;
	}
	while (s->n_waits > 0 && waits_pass(s, *w))
		;
}

static bool fits(const struct dns_rr *rr)
{
	switch (rr->type) {
	case DNS_A:
		return rr->rclass != DNS_IN || rr->rdlen == 4;
	case DNS_AAAA:
		return rr->rclass != DNS_IN || rr->rdlen == 16;
	case DNS_NS: case DNS_CNAME: case DNS_SOA: case DNS_PTR: case DNS_MX: case DNS_SRV: case DNS_DNAME:
		return rr->rdlen > 0;
	default:
		return true;
	}
}

bool scrub_keeps(struct scrub *s, enum dns_section sec, const uint8_t *owner, const struct dns_rr *rr)
{
	bool keeps = (rr->rclass == s->qclass || s->qclass == DNS_CLASS_ANY) && fits(rr);

	if (keeps && sec == DNS_SEC_ANSWER && s->is_to_it && !in_chain(s, owner))
		keeps = (rr->type == DNS_DNAME || rr->type == DNS_RRSIG) && below(s, owner);
	s->dropped += !keeps;
	return keeps;
}
