/* SPDX-License-Identifier: Apache-2.0 */
/* The sums themselves: what went in, what came out, and what the counters say of it. */
#include "tests/scenario/laws.h"

#include "lib/dns/wire.h"

void tally_ask(struct tally *t, const struct core_ask *a)
{
	if (a->zone == UINT16_MAX)
		t->probes++;
	else
		t->asks[a->proto]++;
}

const char *tally_done(struct tally *t, const struct core_client *c, const struct core_done *d)
{
	bool tcp = c->proto != CORE_UDP, v6 = !IN6_IS_ADDR_V4MAPPED(&c->addr);
	struct dns_msg q, r;

	t->done++;
	if (d->from == CORE_FROM_NONE)
		return "a query is done, but by whom is not said";
	if (d->upstream != UINT16_MAX && d->from != CORE_FROM_UPSTREAM)
		return "a query is done by an upstream, and by something else";
	t->from[d->from]++;
	if (!d->reply_len) {
		t->done_drops++;
		return NULL;
	}
	t->requests[tcp][v6]++;
	t->query_octets[tcp] += d->query_len;
	t->reply_octets[tcp] += d->reply_len;
	t->took_ns += d->end_ns - d->start_ns;
	if (dns_msg_parse(&q, d->query, d->query_len) == 0)
		t->do_requests += q.edns.present && q.edns.do_bit;
	if (dns_msg_parse(&r, d->reply, d->reply_len) < 0)
		return "a reply that is done is none";
	t->rcode[r.rcode < STATS_RCODES ? r.rcode : STATS_RCODES - 1]++;
	return NULL;
}

/* --- sums over rows --- */

struct sums {
	uint64_t requests[2][2], responses, rcode[STATS_RCODES], do_requests;
	uint64_t took_ns, took, sized[2], query_octets[2], reply_octets[2], reply_n;
	uint64_t prefetch, stale, evicted, hits;
	uint64_t asks[CORE_PROTOS], fails, timeouts, late, answered;
};

static void server_sum(struct sums *to, const struct stats_server *row)
{
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		for (unsigned v6 = 0; v6 < 2; v6++)
			for (unsigned k = 0; k <= STATS_TYPES; k++)
				to->requests[tcp][v6] += row->requests[tcp][v6][k];
		to->sized[tcp] += row->request_size[tcp].n;
		to->query_octets[tcp] += row->request_size[tcp].sum;
		to->reply_octets[tcp] += row->response_size[tcp].sum;
		to->reply_n += row->response_size[tcp].n;
	}
	for (unsigned k = 0; k < STATS_RCODES; k++) {
		to->rcode[k] += row->responses[k];
		to->responses += row->responses[k];
	}
	to->do_requests += row->do_requests;
	to->took_ns += row->duration.sum_ns;
	to->took += row->duration.n;
	to->prefetch += row->cache_prefetch;
	to->stale += row->cache_served_stale;
	to->hits += row->cache_hits_success + row->cache_hits_denial;
	to->evicted += row->cache_evict_success + row->cache_evict_denial;
}

static void upstream_sum(struct sums *to, const struct stats_upstream *row)
{
	for (unsigned k = 0; k < CORE_PROTOS; k++)
		to->asks[k] += row->asks[k];
	for (unsigned k = 0; k < 8; k++)
		to->fails += k == CORE_FAIL_BADREPLY ? 0 : row->fails[k]; /* which the core finds */
	for (unsigned k = 0; k < STATS_RCODES; k++)
		to->answered += row->duration[k].n;
	to->timeouts += row->timeouts;
	to->late += row->late_answers;
}

static uint64_t bucket_sum(const uint64_t *bucket, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += bucket[i];
	return sum;
}

static const char *row_check(const struct stats_server *r)
{
	if (r->cache_requests != r->cache_hits_success + r->cache_hits_denial + r->cache_misses)
		return "a look into the cache is a hit or a miss";
	if (bucket_sum(r->duration.bucket, STATS_DURATION_EDGES + 1) != r->duration.n)
		return "each duration is in one bucket";
	for (unsigned tcp = 0; tcp < 2; tcp++)
		if (bucket_sum(r->request_size[tcp].bucket, STATS_SIZE_EDGES + 1) != r->request_size[tcp].n ||
		    bucket_sum(r->response_size[tcp].bucket, STATS_SIZE_EDGES + 1) != r->response_size[tcp].n)
			return "each size is in one bucket";
	return NULL;
}

/* --- laws --- */

static const char *requests_check(const struct tally *t, const struct sums *s)
{
	uint64_t n = 0;

	for (unsigned tcp = 0; tcp < 2; tcp++) {
		if (s->requests[tcp][0] + s->requests[tcp][1] != s->sized[tcp])
			return "each request has a type and a size";
		n += s->sized[tcp];
	}
	if (n != t->done + t->parked + t->lost)
		return "each request is done, or parked";
	if (t->parked + t->lost + t->done_drops)
		return NULL;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		if (s->query_octets[tcp] < t->query_octets[tcp]) /* who is parked may be cut */
			return "octets of requests, by transport";
		for (unsigned v6 = 0; v6 < 2; v6++)
			if (s->requests[tcp][v6] != t->requests[tcp][v6])
				return "requests by transport and family";
	}
	return s->do_requests == t->do_requests ? NULL : "requests with DO";
}

static const char *responses_check(const struct tally *t, const struct sums *s)
{
	if (s->responses != t->done - t->done_drops || s->reply_n != s->responses ||
	    s->took != s->responses)
		return "each reply has an rcode, a size and a duration";
	for (unsigned k = 0; k < STATS_RCODES; k++)
		if (s->rcode[k] != t->rcode[k])
			return "replies by rcode";
	for (unsigned tcp = 0; tcp < 2; tcp++)
		if (s->reply_octets[tcp] != t->reply_octets[tcp])
			return "octets of replies, by transport";
	return s->took_ns == t->took_ns ? NULL : "what replies took";
}

/* Who answered, as logs say it, by those who answered, as counters say it. */
static const char *from_check(const struct tally *t, const struct sums *s, const struct core_stats *st)
{
	if (t->from[CORE_FROM_STALE] != st->stale_served)
		return "from stale entries";
	if (t->from[CORE_FROM_SHIELD] > st->shield_synth || /* an old cut's denial is stale as well */
	    t->from[CORE_FROM_SHIELD] + t->from[CORE_FROM_STALE] < st->shield_synth)
		return "from the shield";
	if (t->from[CORE_FROM_CACHE] + t->hits_parked < s->hits + st->failure_hits) /* after reloads more */
		return "from the cache";
	return NULL;
}

static const char *upstreams_check(const struct tally *t, const struct sums *s)
{
	uint64_t asks = 0;

	for (unsigned k = 0; k < CORE_PROTOS; k++) {
		asks += s->asks[k];
		if (s->asks[k] != t->asks[k])
			return "questions to upstreams, by transport";
	}
	if (s->fails > t->fails)
		return "more failures than there were";
	if (s->answered > t->answers || s->late > s->answered)
		return "more answers than there were";
	return s->timeouts <= asks ? NULL : "more time-outs than questions";
}

static const char *entries_check(const struct core_stats *s)
{
	uint64_t n[2] = {0};

	for (unsigned i = 0; i < STATS_BLOCKS_MAX; i++)
		for (unsigned k = 0; k < 2; k++)
			n[k] += s->block_entries[i][k];
	return n[0] == s->entries_success && n[1] == s->entries_denial ?
		       NULL :
		       "the blocks' entries are the cache's";
}

uint64_t laws_hits(const struct core_stats *st)
{
	struct sums s = {0};

	for (uint32_t i = 0; i < st->n_servers; i++)
		server_sum(&s, &st->server[i]);
	return s.hits;
}

const char *laws_check(const struct tally *t, const struct core_stats *st)
{
	struct sums s = {0};
	const char *broken = NULL;

	for (uint32_t i = 0; i < st->n_servers && !broken; i++) {
		server_sum(&s, &st->server[i]);
		broken = row_check(&st->server[i]);
	}
	for (uint32_t i = 0; i < st->n_upstreams; i++)
		upstream_sum(&s, &st->upstream[i]);
	if (broken)
		return broken;
	if (s.prefetch != st->prefetches || s.stale != st->stale_served)
		return "prefetches and stale answers, by server and in all";
	if (s.evicted > st->evicted)
		return "evictions, by server and in all";
	if (st->dropped != t->drops)
		return "each query without a reply is counted";
	if ((broken = requests_check(t, &s)) || (broken = responses_check(t, &s)) ||
	    (broken = from_check(t, &s, st)) ||
	    (broken = upstreams_check(t, &s)))
		return broken;
	return entries_check(st);
}
