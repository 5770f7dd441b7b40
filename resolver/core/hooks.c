/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of a zone's plugins around a question to upstreams. */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

bool asks_changed(const struct plugin_query *p, const struct cache_key *k)
{
	return p->qtype != k->qtype || p->qclass != k->qclass || p->name.len != k->name_len ||
	       memcmp(p->name.b, k->name, k->name_len) != 0;
}

unsigned hooks_arrive(const struct config_zone *z, struct plugin_query *p, uint8_t *buf,
		      size_t *ret_len)
{
	struct wire_out o;

	for (size_t i = 0; i < z->z.n_steps; i++) {
		const struct plugin_step *s = z->z.step[i];
		enum plugin_verdict verdict;

		if (!s->ops->arrive)
			continue;
		wire_out_init(&o, buf, DNS_MSG_MAX);
		*ret_len = 0;
		verdict = s->ops->arrive(s, p, &o, ret_len);
		if (verdict == PLUGIN_REPLY)
			*ret_len = o.len;
		if (verdict != PLUGIN_NEXT)
			return verdict;
	}
	return PLUGIN_NEXT;
}

/* Runs the ask hooks over `p`. NEXT: upstreams are to be asked. `buf` of
 * DNS_MSG_MAX octets takes a reply. */
static enum plugin_verdict hooks_ask(const struct config_zone *z, struct plugin_query *p,
				     uint8_t *buf, size_t *ret_len)
{
	struct wire_out o;

	for (size_t i = 0; i < z->z.n_steps; i++) {
		const struct plugin_step *s = z->z.step[i];
		enum plugin_verdict verdict;

		if (!s->ops->ask)
			continue;
		wire_out_init(&o, buf, DNS_MSG_MAX);
		verdict = s->ops->ask(s, p, &o, ret_len);
		if (verdict == PLUGIN_REPLY)
			*ret_len = o.len;
		if (verdict != PLUGIN_NEXT)
			return verdict;
	}
	return PLUGIN_NEXT;
}

unsigned hooks_run(const struct config_zone *z, struct plugin_query *p, uint8_t *buf,
		   size_t *ret_len)
{
	struct plugin_query asked = *p;
	enum plugin_verdict verdict = hooks_ask(z, p, buf, ret_len);

	if (verdict == PLUGIN_REPLY) {
		*ret_len = hooks_answered(z, &asked, buf, *ret_len);
		if (asked.follow_rr)
			p->follow_rr = asked.follow_rr;
	} else {
		p->follow_rr = 0;
	}
	return verdict;
}

size_t hooks_answered(const struct config_zone *z, struct plugin_query *p, uint8_t *msg, size_t len)
{
	for (size_t i = z->hooks & HOOK_ANSWERED ? z->z.n_steps : 0; i-- > 0;) {
		const struct plugin_step *s = z->z.step[i];

		if (s->ops->answered)
			len = s->ops->answered(s, p, msg, len, DNS_MSG_MAX);
	}
	return len;
}
