/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question begins: what ask hooks make of it, its place in the table, and
 * whether it is asked or follows another that may answer it too.
 */
#include "resolver/core/core_int.h"

#include <string.h>

#include "resolver/plugins/plugin.h"

uint32_t question_enter(struct core *c, const struct question_start *s)
{
	const struct config_zone *z = &c->conf->zone[s->zone];
	uint32_t qi = question_add(&c->tab, s->key);
	struct question *q;

	if (qi == NIL)
		return NIL;
	if (s->client)
		question_charge(&c->tab, qi, &s->client->addr);
	q = &c->tab.question[qi];
	q->zone = s->zone;
	q->view = z->view;
	q->listener = s->listener;
	q->proto = s->proto;
	q->purpose = s->purpose;
	q->start_ns = s->start_ns;
	q->asked.len = q->name_len;
	memcpy(q->asked.b, q->name, q->name_len);
	if (s->asked && asks_changed(s->asked, s->key)) {
		q->is_renamed = true;
		q->asked.len = (uint8_t)name_lower(q->asked.b, s->asked->name.b);
		q->asked_type = s->asked->qtype;
		q->asked_class = s->asked->qclass;
	}
	if (s->reply && !follow_keep(c, q, s->reply, s->reply_len, s->asked->follow_rr)) {
		question_remove(&c->tab, qi);
		return NIL;
	}
	return qi;
}

void question_begin(struct core *c, uint32_t qi, uint64_t now_ns)
{
	if (!c->tab.question[qi].head &&
	    (shield_follow(c, qi, now_ns) || denial_follow(c, qi, now_ns)))
		return;
	question_ask(c, qi, now_ns);
}

uint32_t question_open(struct core *c, struct question_start *s, bool *ret_is_new)
{
	const struct config_zone *z = &c->conf->zone[s->zone];
	uint32_t qi = question_find(&c->tab, s->key);
	struct plugin_query p;

	*ret_is_new = false;
	if (qi != NIL)
		return qi;
	if (!room_for_more(c, s->client)) {
		c->stats->extras_skipped++;
		return NIL;
	}
	if (z->hooks & HOOK_ASK) {
		memset(&p, 0, sizeof(p));
		p.now_ns = s->now_ns;
		p.name.len = s->key->name_len;
		memcpy(p.name.b, s->key->name, s->key->name_len);
		p.qtype = s->key->qtype;
		p.qclass = s->key->qclass;
		p.flags = DNS_RD;
		p.edns = &(const struct dns_edns){0};
		p.zone = &z->z.origin;
		/* c->buf may hold the answer that led here. */
		s->verdict = hooks_run(z, &p, c->merged, &s->reply_len);
		if (s->verdict != PLUGIN_NEXT && !p.follow_rr)
			return NIL;
		s->reply = p.follow_rr ? c->merged : NULL;
		s->asked = &p;
	}
	qi = question_enter(c, s);
	s->asked = NULL;
	s->reply = NULL;
	if (qi == NIL)
		s->verdict = PLUGIN_DROP; /* nobody answers */
	*ret_is_new = qi != NIL;
	return qi;
}

uint32_t refresh_start(struct core *c, const struct cache_key *k, uint16_t zone, unsigned listener,
		       unsigned proto, enum question_purpose purpose, uint64_t now_ns)
{
	struct question_start s = {.key = k,
				   .zone = zone,
				   .listener = (uint8_t)listener,
				   .proto = (uint8_t)proto,
				   .purpose = (uint8_t)purpose,
				   .start_ns = now_ns,
				   .now_ns = now_ns};
	bool is_new;
	uint32_t qi = question_open(c, &s, &is_new);

	if (is_new)
		due_note(&c->tab, qi, purpose == FOR_STALE ? DUE_BEGIN : DUE_ASK);
	return qi;
}
