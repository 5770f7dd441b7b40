/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench eviction: hit ratios of the daemon's cache (resolver/core/cache.h) and
 * of textbook caches (pcap-replay/whatif/pool.h) on Kubernetes-like streams, at capacities
 * that are a fraction of what a cache without a limit would hold. All have the
 * same octets for entries of the same size, divided alike between answers and
 * denials, and keep an entry as long as its TTL. Virtual time, one seed: the
 * same numbers on every machine.
 *
 *   eviction [QUERIES [RATE [SEED]]]      default 300000 10000 1
 *
 * Fails when ours is behind random or LRU anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/wire.h"
#include "pcap-replay/whatif/pool.h"
#include "resolver/core/cache.h"
#include "tests/bench/kube/answer.h"

#define CAPACITIES 4
#define ITEMS_MAX (1u << 20)
#define FOREIGN_OF_100 30 /* share of queries for a name that is asked once */

static const unsigned capacity_percent[CAPACITIES] = {5, 10, 20, 50};
static const struct hash_key key = {0x65766963, 0x74696f6e};

enum foreign { NO_FOREIGN, FOREIGN_ANSWERED, FOREIGN_DENIED, STREAMS };
static const char *const stream_text[STREAMS] = {
	"pods alone",
	"30 % of all queries for names that exist and are asked once",
	"30 % of all queries for names that do not exist, never the same (NXDOMAIN flood)",
};

struct settings {
	uint64_t n, seed;
	double rate;
};

/* --- the streams: pods, and names in between that nobody asks for twice --- */

struct mix {
	struct kube_stream *pods;
	struct rng rng;
	enum foreign foreign;
	uint64_t serial;
	struct kube_query next; /* of the pods */
	struct kube_query twin; /* AAAA that follows a foreign A; its qtype 0: none */
	bool is_foreign;	/* what mix_next returned */
};

static bool mix_next(struct mix *m, struct kube_query *ret)
{
	char text[64];

	/* each brings two queries */
	m->is_foreign = m->twin.qtype ||
			(m->foreign && rng_below(&m->rng, 200 - FOREIGN_OF_100) < FOREIGN_OF_100);
	if (m->twin.qtype) {
		*ret = m->twin;
		m->twin.qtype = 0;
		return true;
	}
	if (!m->is_foreign) {
		*ret = m->next;
		return kube_stream_next(m->pods, &m->next);
	}
	snprintf(text, sizeof(text), "u%llu.%s", (unsigned long long)++m->serial,
		 m->foreign == FOREIGN_ANSWERED ? "bench.test" : "example.com");
	*ret = (struct kube_query){.t_ns = m->next.t_ns, .qtype = DNS_A};
	name_from_text(&ret->name, text);
	m->twin = *ret;
	m->twin.qtype = DNS_AAAA;
	return true;
}

static void mix_open(struct mix *m, const struct settings *s, enum foreign foreign)
{
	*m = (struct mix){.pods = kube_stream_new(s->seed, s->rate, s->n), .foreign = foreign};
	rng_seed(&m->rng, s->seed + 1);
	if (!m->pods || !kube_stream_next(m->pods, &m->next))
		exit(2);
}

/* --- one query, and its answer as it is stored --- */

struct asked {
	uint64_t now_ns, mark; /* mark: of name and type; of the name alone if it does not exist */
	struct cache_key key;
	uint8_t name[NAME_MAX_WIRE];
	enum cache_region region;
	struct answer answer;
};

static void asked_fill(struct asked *a, const struct kube_query *q)
{
	static struct answer_buf buf;
	static struct core_cache_conf conf;
	uint8_t query[512], reply[512], b[NAME_MAX_WIRE + 2];
	struct kube_asked what;
	size_t len;
	int n;

	core_conf_cache_defaults(&conf);
	a->now_ns = q->t_ns;
	a->key = (struct cache_key){.name = a->name, .qtype = q->qtype, .qclass = DNS_IN};
	a->key.name_len = (uint8_t)name_lower(a->name, q->name.b);
	a->key.hash = hash_sip13(&key, a->name, a->key.name_len);
	len = dns_query_build(query, sizeof(query), 0, q->name.b, q->qtype, DNS_RD, 0, false,
			      false);
	len = kube_answer(query, len, reply, sizeof(reply), &what);
	n = answer_pack(&buf, reply, len, &(struct answer_question){a->name, q->qtype, DNS_IN},
			NULL, false);
	if (n < 0 || answer_scan(&a->answer, &buf, (size_t)n, &conf) < 0)
		exit(2);
	a->region = what.verdict == KUBE_ANSWER ? CACHE_POSITIVE : CACHE_DENIAL;
	memcpy(b, a->name, a->key.name_len);
	set_be16(b + a->key.name_len, q->qtype);
	a->mark = hash_sip13(&key, b, a->key.name_len + 2u);
}

static size_t asked_size(const struct asked *a)
{
	size_t n = sizeof(struct entry) + ((a->answer.len + 1) & ~(size_t)1) + 2u * a->answer.n_ttl;

	return (n + 7) & ~(size_t)7;
}

/* --- who competes --- */

static bool ours_query(struct cache *c, const struct asked *a)
{
	struct entry *e = cache_find(c, &a->key);

	if (e && entry_expires_ns(e) > a->now_ns) {
		cache_touch(e, a->now_ns);
		return true;
	}
	cache_put(c, &a->key, &a->answer, a->now_ns);
	return false;
}

static bool pools_query(struct pool *const p[CACHE_REGIONS], const struct asked *a)
{
	if (pool_find(p[a->region], a->mark, a->now_ns))
		return true;
	pool_put(p[a->region], a->mark, asked_size(a), a->now_ns + a->answer.ttl_s * NS_PER_S,
		 a->now_ns);
	return false;
}

static void pools_new(struct pool *p[CACHE_REGIONS], enum pool_policy policy,
		      const size_t budget[CACHE_REGIONS], uint64_t seed)
{
	for (unsigned i = 0; i < CACHE_REGIONS; i++)
		if (!(p[i] = pool_new(policy, budget[i], ITEMS_MAX, seed + i)))
			exit(2);
}

static void pools_free(struct pool *p[CACHE_REGIONS])
{
	for (unsigned i = 0; i < CACHE_REGIONS; i++)
		pool_free(p[i]);
}

/* What the pods' answers and denials take at their most, without a limit. */
static void working_set(const struct settings *s, size_t ret[CACHE_REGIONS])
{
	static const size_t none[CACHE_REGIONS];
	struct pool *p[CACHE_REGIONS];
	struct kube_query q;
	struct asked a;
	struct mix m;

	mix_open(&m, s, NO_FOREIGN);
	pools_new(p, POOL_INFINITE, none, 1);
	while (mix_next(&m, &q)) {
		asked_fill(&a, &q);
		pools_query(p, &a);
	}
	for (unsigned i = 0; i < CACHE_REGIONS; i++)
		ret[i] = pool_peak(p[i]);
	pools_free(p);
	kube_stream_free(m.pods);
}

/* One capacity: our cache, and the others with the octets of its rings. */
struct heat {
	struct cache ours;
	struct pool *pools[POOL_POLICIES][CACHE_REGIONS];
	size_t octets;
	uint64_t our_hits, hits[POOL_POLICIES];
};

static void heat_new(struct heat *h, const size_t working[CACHE_REGIONS], unsigned percent,
		     uint64_t seed)
{
	double want = (double)(working[0] + working[1]) * percent / 100;
	unsigned share = (unsigned)(100 * working[CACHE_DENIAL] / (working[0] + working[1]));
	size_t budget[CACHE_REGIONS];

	memset(h, 0, sizeof(*h));
	/* index and ghosts come on top, a tenth of the block */
	if (cache_init(&h->ours, (uint64_t)(want / 0.9), share) < 0) {
		fprintf(stderr, "eviction: %.0f octets are too few for a cache\n", want);
		exit(2);
	}
	for (unsigned i = 0; i < CACHE_REGIONS; i++) {
		budget[i] = h->ours.part[i].small.cap + h->ours.part[i].main.cap;
		h->octets += budget[i];
	}
	for (unsigned i = 0; i < POOL_POLICIES; i++)
		pools_new(h->pools[i], (enum pool_policy)i, budget, seed);
}

static void heat_free(struct heat *h)
{
	cache_release(&h->ours);
	for (unsigned i = 0; i < POOL_POLICIES; i++)
		pools_free(h->pools[i]);
}

static void heat_query(struct heat *h, const struct asked *a, bool counts)
{
	bool hit = ours_query(&h->ours, a);

	h->our_hits += hit && counts;
	for (unsigned i = 0; i < POOL_POLICIES; i++) {
		hit = pools_query(h->pools[i], a);
		h->hits[i] += hit && counts;
	}
}

/* --- the tables --- */

static bool heat_print(const struct heat *h, unsigned percent, uint64_t n)
{
	bool ok = h->our_hits >= h->hits[POOL_RANDOM] && h->our_hits >= h->hits[POOL_LRU];

	printf("%7u %% %9zu %11.2f", percent, h->octets, 100.0 * (double)h->our_hits / (double)n);
	for (unsigned i = 0; i < POOL_POLICIES; i++)
		printf(" %15.2f", 100.0 * (double)h->hits[i] / (double)n);
	printf("%s\n", ok ? "" : "  FAIL");
	return ok;
}

static bool stream_run(const struct settings *s, enum foreign foreign,
		       const size_t working[CACHE_REGIONS])
{
	static struct heat heat[CAPACITIES];
	struct kube_query q;
	struct asked a;
	struct mix m;
	uint64_t n = 0;
	bool ok = true;

	for (unsigned i = 0; i < CAPACITIES; i++)
		heat_new(&heat[i], working, capacity_percent[i], s->seed);
	mix_open(&m, s, foreign);
	while (mix_next(&m, &q)) {
		asked_fill(&a, &q);
		n += !m.is_foreign;
		for (unsigned i = 0; i < CAPACITIES; i++)
			heat_query(&heat[i], &a, !m.is_foreign);
	}
	printf("\n%s; hits of the pods' queries, percent\n%9s %9s %11s", stream_text[foreign],
	       "capacity", "octets", "node-cache");
	for (unsigned i = 0; i < POOL_POLICIES; i++)
		printf(" %15s", pool_text[i]);
	printf("\n");
	for (unsigned i = 0; i < CAPACITIES; i++) {
		ok &= heat_print(&heat[i], capacity_percent[i], n);
		heat_free(&heat[i]);
	}
	kube_stream_free(m.pods);
	return ok;
}

int main(int argc, char **argv)
{
	struct settings s = {.n = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000,
			     .seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1,
			     .rate = argc > 2 ? strtod(argv[2], NULL) : 10000};
	size_t working[CACHE_REGIONS];
	bool ok = true;

	working_set(&s, working);
	printf("%llu queries of pods at %.0f/s; working set %zu octets of answers, %zu of "
	       "denials\n",
	       (unsigned long long)s.n, s.rate, working[CACHE_POSITIVE], working[CACHE_DENIAL]);
	for (unsigned f = 0; f < STREAMS; f++)
		ok &= stream_run(&s, (enum foreign)f, working);
	printf("\n%s\n", ok ? "ok: node-cache is nowhere behind random or LRU"
			    : "FAIL: node-cache is behind random or LRU");
	return !ok;
}
