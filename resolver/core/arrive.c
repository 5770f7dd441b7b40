/* SPDX-License-Identifier: Apache-2.0 */
/* A query as it comes: is it one we serve, in which zone, is its answer here. */
#include "resolver/core/core_int.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hot.h"
#include "resolver/plugins/plugin.h"

static enum core_verdict query_reject(struct core *c, struct visit *v, enum query_verdict why,
				      size_t *ret_len)
{
	struct core_stats *s = c->stats;

	switch (why) {
	case QUERY_FORMERR:
		s->formerr++;
		*ret_len = serve_rcode(c, v, DNS_FORMERR, -1);
		break;
	case QUERY_NOTIMP:
		s->notimp++;
		*ret_len = serve_rcode(c, v, DNS_NOTIMP, -1);
		break;
	case QUERY_BADVERS:
		s->badvers++;
		*ret_len = serve_rcode(c, v, DNS_BADVERS, -1);
		break;
	case QUERY_COOKIE_ONLY:
		s->formerr += !cookies_given(c, v);
		*ret_len = serve_rcode(c, v, cookies_given(c, v) ? DNS_NOERROR : DNS_FORMERR, -1);
		break;
	case QUERY_REFUSED:
		s->refused++;
		*ret_len = serve_rcode(c, v, DNS_REFUSED, -1);
		break;
	default:
		s->dropped++;
		return CORE_DROP;
	}
	return CORE_REPLY;
}

static void requests_count(struct core *c, const struct visit *v)
{
	const struct core_client *cl = v->client;
	struct stats_server *row = stats_server_of(c->stats, cl->listener, v->zone_index);
	bool tcp = cl->proto != CORE_UDP, v6 = !IN6_IS_ADDR_V4MAPPED(&cl->addr);

	row->requests[tcp][v6][stats_type_index(v->q->qtype)]++;
	stats_size_add(&row->request_size[tcp], v->q->len);
	row->do_requests += v->q->edns.do_bit;
}

/* Prefetch: asked for often enough and near its end (CoreDNS's rule). */
static void prefetch_consider(struct core *c, const struct visit *v, const struct cache_key *k,
			      struct entry *e)
{
	const struct core_cache_conf *cc = &v->zone->z.cache;
	uint32_t now_s = (uint32_t)(v->now_ns / NS_PER_S);
	uint64_t left_ns = entry_expires_ns(e) - v->now_ns;
	struct stats_server *row;

	if (e->hits && (uint64_t)(now_s - e->last_hit_s) * NS_PER_S > cc->prefetch_window_ns)
		e->hits = 0;
	e->last_hit_s = now_s;
	if (e->hits < UINT16_MAX)
		e->hits++;
	if (e->hits < cc->prefetch_hits || e->is_refreshing ||
	    left_ns > (uint64_t)e->ttl_s * NS_PER_S / 100 * cc->prefetch_percent)
		return;
	e->is_refreshing = true;
	if (refresh_start(c, k, v->zone_index, v->client->listener, v->client->proto, FOR_REFRESH,
			  v->now_ns) == NIL) {
		e->is_refreshing = false; /* no room for it: with the next hit */
		return;
	}
	row = stats_server_of(c->stats, v->client->listener, v->zone_index);
	row->cache_prefetch++;
	c->stats->prefetches++;
}

HOT size_t hit_serve(struct core *c, struct visit *v, const struct cache_key *k, struct entry *e)
{
	struct stats_server *row = stats_server_of(c->stats, v->client->listener, v->zone_index);
	size_t len;

	if (e->kind == ANSWER_POSITIVE)
		row->cache_hits_success += !v->is_again;
	else
		row->cache_hits_denial += !v->is_again;
	cache_touch(e, v->now_ns);
	v->from = CORE_FROM_CACHE;
	len = serve_entry(c, v, e, false);
	if (v->zone->z.cache.prefetch_hits)
		prefetch_consider(c, v, k, e);
	return len;
}

/* CORE_WAIT means: no arrive hook took it. */
static enum core_verdict query_arrive(struct core *c, struct visit *v, size_t *ret_len)
{
	struct plugin_query p;
	unsigned verdict;
	size_t len = 0;

	plugin_query_fill(&p, v);
	verdict = hooks_arrive(v->zone, &p, c->buf->msg, &len);
	return verdict == PLUGIN_NEXT ? CORE_WAIT : serve_verdict(c, v, &p, verdict, len, ret_len);
}

enum core_verdict query_serve(struct core *c, struct visit *v, size_t *ret_len)
{
	struct entry *found = NULL;
	struct cache_key k;

	if (v->zone->hooks & HOOK_ARRIVE && !v->is_again) {
		enum core_verdict verdict = query_arrive(c, v, ret_len);

		if (verdict != CORE_WAIT)
			return verdict;
	}
	key_of_query(c, v->q, v->zone, &k);
	if (v->zone->z.cache.enabled) {
		struct stats_server *row =
			stats_server_of(c->stats, v->client->listener, v->zone_index);
		struct entry *e;

		row->cache_requests += !v->is_again;
		found = cache_find(&c->cache, &k);
		e = entry_fresh(found, v->now_ns);
		if (!e && found)
			e = denial_renew(c, v->zone_index, &k, found, v->now_ns);
		if (e) {
			*ret_len = hit_serve(c, v, &k, e);
			return *ret_len ? CORE_REPLY : CORE_WAIT;
		}
		row->cache_misses += !v->is_again;
	}
	return miss_query(c, v, &k, found, ret_len);
}

HOT enum core_verdict core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
				 const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len)
{
	struct query q;
	struct visit v = {.client = cl,
			  .q = &q,
			  .zone_index = ZONE_NONE,
			  .upstream = UPSTREAM_NONE,
			  .from = CORE_FROM_SERVER,
			  .start_ns = now_ns,
			  .now_ns = now_ns,
			  .out = out,
			  .cap = cl->proto == CORE_UDP ? CORE_UDP_MAX : DNS_MSG_MAX};
	enum core_verdict verdict;
	enum query_verdict judged = query_parse(&q, in, len);

	assert(cl->listener < c->conf->n_listeners);
	core_enter(c, CORE_NOTES);
	v.is_unrouted = judged != QUERY_OK && judged != QUERY_REFUSED;
	if (v.is_unrouted)
		goto reject;
	if (c->path)
		path_observe(c, &v);
	v.zone_index = config_route(c->conf, cl->listener, &q);
	requests_count(c, &v);
	judged = v.zone_index == ZONE_NONE ? QUERY_REFUSED : judged;
	if (judged == QUERY_REFUSED)
		goto reject;
	v.zone = &c->conf->zone[v.zone_index];
	verdict = query_serve(c, &v, ret_len);
	if (verdict == CORE_WAIT && c->is_dropped) {
		c->is_dropped = false;
		verdict = CORE_DROP;
	}
	core_leave(c);
	return verdict;
reject:
	verdict = query_reject(c, &v, judged, ret_len);
	core_leave(c);
	return verdict;
}

uint64_t core_deadline(const struct core *c)
{
	if (c->tab.due_first != NIL || c->tab.due_waiter_first != NIL)
		return 0;
	return timers_next(&c->timers);
}
