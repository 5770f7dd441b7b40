/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over an answer whose aliases are in order; as many as it takes for others. */
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
	if (s->n == SCRUB_CHAIN_MAX || in_chain(s, name))
		return false;
	name_copy(&s->name[s->n++], name);
	return true;
}

/* What a DNAME makes of a name below its owner (RFC 6672 section 2.2). */
static bool chain_substitute(struct scrub *s, const uint8_t *owner, const uint8_t *target)
{
	const struct name *from = below(s, owner);
	struct name head, made;
	size_t keep;

	if (!from)
		return false;
	keep = from->len - name_len(owner);
	memcpy(head.b, from->b, keep);
	head.b[keep] = 0;
	head.len = (uint8_t)(keep + 1);
	return name_join(&made, head.b, target) == 0 && chain_add(s, made.b);
}

/* True when a name came to the chain, so that records seen before may be part of it. */
static bool chain_pass(struct scrub *s, struct wire w, unsigned n_an, bool *ret_strange)
{
	bool grown = false;

	*ret_strange = false;
	for (; n_an > 0; n_an--) {
		struct name owner = {.len = 1}, target = {.len = 1};
		size_t start = w.off;
		struct dns_rr rr = {0};
		bool known;

		wire_name(&w, &owner);
		w.off = start;
		wire_rr(&w, &rr);
		if (w.err)
			return false;
		known = in_chain(s, owner.b);
		*ret_strange |= !known;
		s->is_to_it |= known || (rr.type == DNS_DNAME && below(s, owner.b));
		if (rr.type != DNS_DNAME && (rr.type != DNS_CNAME || !known))
			continue;
		w.off = rr.rdata_off;
		wire_name(&w, &target);
		if (w.err)
			return false;
		w.off = rr.end;
		grown |= rr.type == DNS_DNAME ? chain_substitute(s, owner.b, target.b) : chain_add(s, target.b);
	}
	return grown;
}

void scrub_begin(struct scrub *s, const uint8_t *asked, uint16_t qclass, const struct wire *w, unsigned n_an)
{
	bool strange;

	s->qclass = qclass;
	s->n = 1;
	s->dropped = 0;
	s->is_to_it = false;
	name_copy(&s->name[0], asked);
	for (int i = 0; i < SCRUB_PASSES && chain_pass(s, *w, n_an, &strange) && strange; i++)
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
