/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches that are not ours. What is stored how long is what ours would make of the answer,
 * so that only who goes, and what a miss is, differ.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "pcap-replay/whatif/play.h"
#include "pcap-replay/whatif/pool.h"
#include "resolver/core/answer.h"
#include "resolver/corefile/sealed.h"

/* CoreDNS's plugin/cache: shards of a map each, at least 4 entries in one, 1,024 in all. */
#define SHARDS 256u
#define SHARD_MIN 4u
#define START_NS NS_PER_S

const char *const play_rival_text[PLAY_RIVALS] = {"the original", "LRU", "no limit"};

enum region { ANSWERS, DENIALS, REGIONS };

struct rival {
	enum play_rival who;
	size_t n_pools;
	struct pool **pool[REGIONS];
	struct corefile_plan *plan;
	struct answer_buf buf;
};

static struct pool *pool_of(struct rival *r, enum region g, uint64_t key)
{
	return r->pool[g][r->n_pools == 1 ? 0 : key >> 56]; /* the index inside takes the low bits */
}

static bool pools_open(struct rival *r, const struct play_conf *c)
{
	uint32_t entries = c->entries;
	enum pool_policy policy = POOL_LRU;
	r->n_pools = 1;
	if (r->who == PLAY_ORIGINAL) {
		r->n_pools = SHARDS;
		entries = entries / SHARDS < SHARD_MIN ? SHARD_MIN : entries / SHARDS;
		policy = POOL_RANDOM;
	} else if (r->who == PLAY_NO_LIMIT) {
		entries = c->asked->n < 1u << 24 ? (uint32_t)c->asked->n : 1u << 24;
		policy = POOL_INFINITE;
	}
	for (enum region g = 0; g < REGIONS; g++) {
		r->pool[g] = calloc(r->n_pools, sizeof(struct pool *));
		for (size_t i = 0; r->pool[g] && i < r->n_pools; i++)
			if (!(r->pool[g][i] = pool_new(policy, entries, entries, 1 + i)))
				return false;
		if (!r->pool[g])
			return false;
	}
	return true;
}

static void pools_close(struct rival *r)
{
	for (enum region g = 0; g < REGIONS; g++) {
		for (size_t i = 0; r->pool[g] && i < r->n_pools; i++)
			pool_free(r->pool[g][i]);
		free(r->pool[g]);
	}
}

static const struct core_cache_conf *conf_of(const struct rival *r, const uint8_t *name)
{
	const struct core_zone *best = NULL;
	for (size_t i = 0; i < r->plan->conf.n_zones; i++) {
		const struct core_zone *z = &r->plan->conf.zone[i];
		if (name_within(name, z->origin.b) && (!best || z->origin.len > best->origin.len))
			best = z;
	}
	return best ? &best->cache : NULL;
}

/* How long, and where, the answer may be kept; 0: not at all. */
static uint32_t keep_s(struct rival *r, const struct play_conf *c, const struct asked_one *q, enum region *ret)
{
	struct dns_msg m;
	struct answer a;
	uint8_t name[NAME_MAX_WIRE];
	const uint8_t *reply = asked_reply(c->asked, q);
	if (dns_reply_parse(&m, reply, q->reply_len))
		return 0;
	name_lower(name, m.q.name);
	const struct core_cache_conf *conf = conf_of(r, name);
	int n = answer_pack(&r->buf, reply, q->reply_len, &(struct answer_question){name, m.q.qtype, m.q.qclass}, NULL, false);
	if (!conf || n < 0 || answer_scan(&a, &r->buf, (size_t)n, conf) < 0 || m.rcode == DNS_SERVFAIL)
		return 0;
	*ret = a.kind == ANSWER_POSITIVE ? ANSWERS : DENIALS;
	return a.ttl_s;
}

int play_rival(const struct play_conf *c, enum play_rival who, struct play_counts *ret, struct diag *d)
{
	struct rival *r = calloc(1, sizeof(*r));
	char *text = play_corefile(c);
	*ret = (struct play_counts){.questions = c->asked->n};
	int rc = r && text ? corefile_compile_sealed(&r->plan, "Corefile", text, d) : ERR_NOMEM;
	if (r)
		r->who = who;
	if (rc == 0 && !pools_open(r, c))
		rc = ERR_NOMEM;
	if (rc == ERR_NOMEM)
		diag_set(d, rc, "out of memory");
	for (size_t i = 0; rc == 0 && i < c->asked->n; i++) {
		const struct asked_one *q = &c->asked->one[i];
		uint64_t now_ns = START_NS + q->t_ns;
		enum region g;
		if (pool_find(pool_of(r, ANSWERS, q->key), q->key, now_ns) || pool_find(pool_of(r, DENIALS, q->key), q->key, now_ns)) {
			ret->at_once++;
			continue;
		}
		ret->asked++;
		uint32_t ttl_s = q->reply_len ? keep_s(r, c, q, &g) : 0;
		if (ttl_s)
			pool_put(pool_of(r, g, q->key), q->key, 1, now_ns + ttl_s * NS_PER_S, now_ns);
	}
	if (r) {
		pools_close(r);
		corefile_plan_free(r->plan);
	}
	free(r);
	free(text);
	return rc;
}
