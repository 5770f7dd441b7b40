/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask is said by the arrive hooks (acl), also of names that we look up for a
 * client: the targets of an alias, the second half of an answer. These are looked up
 * for nobody in particular, and kept for all; so each reply is weighed for its client
 * when it is made, from the cache or not.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

/* CNAMEs weighed for a reply; more are SERVFAIL. Sixteen look-ups in a row are
 * followed, and what an upstream puts into one CNAME by CNAME is rarely above six. */
enum { TARGETS_MAX = 64 };

/* What the zone of `name` says of this client asking for it. A plugin's own reply
 * (`any`) forbids nothing. c->second is free: it is filled when all is weighed. */
static unsigned name_arrive(struct core *c, const struct visit *v, const uint8_t *name,
			    uint16_t qtype, struct plugin_query *p, size_t *ret_rcode)
{
	unsigned verdict;
	struct query q;
	uint16_t zone;

	query_from_name(&q, name, qtype);
	zone = config_route(c->conf, v->client->listener, &q);
	if (zone == ZONE_NONE || !(c->conf->zone[zone].hooks & HOOK_ARRIVE))
		return PLUGIN_NEXT;
	plugin_query_fill(p, v);
	p->name.len = q.name_len;
	memcpy(p->name.b, q.name, q.name_len);
	p->qtype = qtype;
	p->zone = &c->conf->zone[zone].z.origin;
	verdict = hooks_arrive(&c->conf->zone[zone], p, c->second, ret_rcode);
	return verdict == PLUGIN_REPLY ? PLUGIN_NEXT : verdict;
}

/* The CNAMEs that were followed stand first (follow.c); what stands behind another
 * record came with it from one upstream. */
static unsigned targets_arrive(struct core *c, const struct visit *v, const struct answer *a,
			       struct plugin_query *p, size_t *ret_rcode)
{
	struct dns_question asked = {0};
	struct dns_header h = {0};
	struct wire w;

	wire_init(&w, a->msg, a->len);
	wire_header(&w, &h);
	if (h.n_qd == 1)
		wire_question(&w, &asked);
	if (asked.qtype == DNS_CNAME) /* the alias itself: it leads nowhere */
		return PLUGIN_NEXT;
	for (unsigned n = 0; n < h.n_an; n++) {
		struct name target = {0};
		struct dns_rr rr = {0};
		struct wire data;
		unsigned verdict;

		wire_rr(&w, &rr);
		if (w.err || rr.type != DNS_CNAME)
			break;
		if (n == TARGETS_MAX) {
			p->has_ede = false;
			*ret_rcode = DNS_SERVFAIL;
			return PLUGIN_RCODE;
		}
		data = (struct wire){.base = w.base, .len = rr.end, .off = rr.rdata_off};
		wire_name(&data, &target);
		name_lower(target.b, target.b);
		verdict = name_arrive(c, v, target.b, asked.qtype, p, ret_rcode);
		if (verdict != PLUGIN_NEXT)
			return verdict;
	}
	return PLUGIN_NEXT;
}

bool targets_refuse(struct core *c, const struct visit *v, const struct answer *a, size_t *ret_len)
{
	struct visit refused = *v;
	struct plugin_query p;
	unsigned verdict;
	size_t rcode = 0;

	verdict = targets_arrive(c, v, a, &p, &rcode);
	if (verdict == PLUGIN_NEXT)
		return false;
	/* What it was found in is counted already; an upstream did not say this, nor is it old. */
	if (v->from == CORE_FROM_UPSTREAM || v->from == CORE_FROM_STALE)
		refused.from = CORE_FROM_PLUGIN;
	refused.upstream = UPSTREAM_NONE;
	*ret_len = 0;
	if (verdict == PLUGIN_DROP && v->is_parked) { /* it was told to wait for a reply */
		*ret_len = serve_rcode(c, &refused, DNS_REFUSED, -1);
	} else if (verdict == PLUGIN_DROP) {
		serve_drop(c, &refused);
		c->is_dropped = true;
	} else {
		*ret_len = serve_rcode(c, &refused, (unsigned)rcode, p.has_ede ? p.ede_code : -1);
	}
	return true;
}

bool targets_refused(struct core *c, const struct visit *v, const struct answer *a)
{
	struct plugin_query p;
	size_t rcode;

	return targets_arrive(c, v, a, &p, &rcode) != PLUGIN_NEXT;
}

bool second_refused(struct core *c, const struct visit *v, uint16_t qtype)
{
	struct plugin_query p;
	size_t rcode;

	return v->zone->hooks & HOOK_ARRIVE &&
	       name_arrive(c, v, v->q->name, qtype, &p, &rcode) != PLUGIN_NEXT;
}
