/* SPDX-License-Identifier: Apache-2.0 */
/* Entries on their way out of a cache and into one: snapshots, hand-over. */
#include "resolver/core/core_int.h"

#include <string.h>

bool core_entry_next(const struct core *c, size_t *cursor, struct core_entry *ret)
{
	const struct entry *e;

	if (!cache_next(&c->cache, cursor, &e))
		return false;
	*ret = (struct core_entry){.name = entry_name(e),
				   .qtype = e->qtype,
				   .flags = (e->key_flags & QUERY_CD ? DNS_CD : 0),
				   .is_do = e->key_flags & QUERY_DO,
				   .msg = e->msg,
				   .len = e->len,
				   .stored_ns = e->stored_ns,
				   .expires_ns = entry_expires_ns(e),
				   .qclass = e->qclass,
				   .kind = e->kind,
				   .ede = entry_ede(e),
				   .ede_len = e->ede_len};
	ret->view = e->hash ^ hash_sip13(&c->key, ret->name, e->name_len);
	return true;
}

static void ttls_age(struct answer_buf *buf, const struct answer *a, uint32_t age_s)
{
	for (unsigned i = 0; i < a->n_ttl; i++) {
		uint8_t *p = buf->msg + a->ttl_at[i];

		set_be32(p, get_be32(p) > age_s ? get_be32(p) - age_s : 0);
	}
}

/* Whose an entry counts as that another process learnt: the block with the longest
 * origin among those that would answer from it. */
static uint8_t block_of(const struct core *c, const uint8_t *name, uint64_t view)
{
	const struct core_zone *best = NULL;
	uint8_t block = 0;

	for (size_t i = 0; i < c->conf->n_zones; i++) {
		const struct core_zone *z = &c->conf->zone[i].z;

		if (c->conf->zone[i].view != view || !z->listeners || !name_within(name, z->origin.b) ||
		    (best && best->origin.len >= z->origin.len))
			continue;
		best = z;
		block = (uint8_t)stats_server_of(c->stats, (unsigned)__builtin_ctzll(z->listeners),
						 (unsigned)i)->block;
	}
	return block;
}

int core_entry_put(struct core *c, uint64_t now_ns, const struct core_entry *e)
{
	struct core_cache_conf conf;
	const struct entry *known;
	uint64_t left_s, age_s;
	struct cache_key k;
	struct dns_msg m;
	struct answer a;
	uint8_t name[NAME_MAX_WIRE];

	if (e->expires_ns <= now_ns || e->stored_ns > now_ns)
		return ERR_RANGE;
	left_s = (e->expires_ns - now_ns) / NS_PER_S;
	age_s = (now_ns - e->stored_ns + NS_PER_S - 1) / NS_PER_S;
	if (!left_s || left_s > UINT32_MAX || age_s > UINT32_MAX)
		return ERR_RANGE;
	if (e->len > DNS_MSG_MAX || dns_msg_parse(&m, e->msg, e->len) < 0 || m.h.n_qd != 1 ||
	    m.edns.present || e->ede_len > ANSWER_EDE_MAX)
		return ERR_SYNTAX;
	memcpy(c->buf->msg, e->msg, e->len);
	answer_no_limits(&conf);
	if (answer_scan(&a, c->buf, e->len, &conf) < 0 || a.kind == ANSWER_FAILURE)
		return ERR_SYNTAX;
	ttls_age(c->buf, &a, (uint32_t)age_s);
	a.ttl_s = (uint32_t)left_s;
	a.own_s = 0; /* the TTL in it is the Corefile's */
	a.ede = e->ede;
	a.ede_len = e->ede_len;
	k = (struct cache_key){.name = name,
			       .name_len = (uint8_t)name_lower(name, m.q.name),
			       .key_flags = (uint8_t)((e->flags & DNS_CD ? QUERY_CD : 0) |
						      (e->is_do ? QUERY_DO : 0)),
			       .qtype = m.q.qtype,
			       .qclass = m.q.qclass};
	memcpy(c->buf->msg + DNS_HEADER_LEN, name, k.name_len);
	k.hash = hash_sip13(&c->key, name, k.name_len) ^ e->view;
	known = cache_find(&c->cache, &k);
	if (known && known->stored_ns > e->stored_ns)
		return ERR_RANGE; /* what was learnt here meanwhile is newer */
	k.block = block_of(c, name, e->view);
	if (!cache_put(&c->cache, &k, &a, now_ns))
		return ERR_LIMIT;
	cache_gauges(c);
	return 0;
}
