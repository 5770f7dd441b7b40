/* SPDX-License-Identifier: Apache-2.0 */
/* What the scenario's own load must have left behind. */
#include <inttypes.h>

#include "kind-e2e/check/families.h"

static void answers(struct checker *k)
{
	const struct totals *t = k->t;

	check_that(k, t->verified && !t->wrong, "%" PRIu64 " right, %" PRIu64 " wrong%s%s",
		   t->verified, t->wrong, *t->why_wrong ? ": " : "", t->why_wrong);
	check_found(k, "%" PRIu64 " right", t->verified);
}

static void lost(struct checker *k)
{
	check_that(k, k->t->total && !k->t->lost, "%" PRIu64 " of %" PRIu64 " lost", k->t->lost,
		   k->t->total);
	check_found(k, "none of %" PRIu64, k->t->total);
}

static void getaddrinfo_agrees(struct checker *k)
{
	const struct gai_shared *g = k->c->gai;

	check_that(k, g->asked && g->right == g->asked, "%" PRIu64 " of %" PRIu64 " names%s%s",
		   g->right, g->asked, g->why_wrong[0] ? ": " : "", g->why_wrong);
	check_found(k, "%" PRIu64 " names", g->asked);
}

static void table_drops(struct checker *k)
{
	const struct ctnl_stats *a = &k->c->before.ct, *b = &k->c->after.ct;

	check_that(k, b->insert_failed == a->insert_failed && b->drop == a->drop,
		   "insert_failed %" PRIu64 ", drop %" PRIu64, b->insert_failed - a->insert_failed,
		   b->drop - a->drop);
	check_found(k, "insert_failed and drop stand still");
}

static void captured_sent(struct checker *k)
{
	const struct cell *c = k->c;

	if (!c->captured)
		check_skip(k, "%s", c->capture_why);
	else
		check_that(k, c->captured_queries == k->t->queries - k->t->send_errors,
			   "%" PRIu64 " queries captured, %" PRIu64 " sent", c->captured_queries,
			   k->t->queries - k->t->send_errors);
	check_found(k, "%" PRIu64 " queries", c->captured_queries);
}

static void captured_got(struct checker *k)
{
	const struct cell *c = k->c;

	if (!c->captured)
		check_skip(k, "%s", c->capture_why);
	else
		check_that(k, c->captured_answers == k->t->answered,
			   "%" PRIu64 " answers captured, %" PRIu64 " received",
			   c->captured_answers, k->t->answered);
	check_found(k, "%" PRIu64 " answers", c->captured_answers);
}

/* Entries of UDP flows older than the time-out may have gone, and may not have been swept yet:
 * a long load only bounds the number from above. */
static void entries(struct checker *k)
{
	const struct totals *t = k->t;
	uint64_t n = k->c->after.split.client;
	bool enough = !totals_nothing_expired(k->c) || n + t->tuples / 50 + 2 >= t->tuples;

	check_that(k, n && n <= t->tuples && enough, "%" PRIu64 " entries for %" PRIu64 " ports%s",
		   n, t->tuples,
		   totals_nothing_expired(k->c) ? "" : " (longer than their time-out)");
	check_found(k, "%" PRIu64 " entries for %" PRIu64 " ports", n, t->tuples);
}

static void tracked(struct checker *k)
{
	check_that(k, !k->t->notrack_in && !k->t->notrack_out,
		   "%" PRIu64 " untracked to the cluster DNS, %" PRIu64 " back", k->t->notrack_in,
		   k->t->notrack_out);
	check_found(k, "none");
}

static void by_backends(struct checker *k)
{
	const struct totals *t = k->t;

	check_that(k, t->by_backend && !t->by_cache && !t->by_other,
		   "%" PRIu64 " by backends, %" PRIu64 " by the cache, %" PRIu64 " unnamed",
		   t->by_backend, t->by_cache, t->by_other);
	check_found(k, "%" PRIu64 " answers", t->by_backend);
}

static void arrived(struct checker *k)
{
	check_that(k, k->t->served == k->t->queries, "%" PRIu64 " arrived, %" PRIu64 " sent",
		   k->t->served, k->t->queries);
	check_found(k, "%" PRIu64 " queries", k->t->served);
}

static void no_entries(struct checker *k)
{
	check_that(k, k->c->after.split.client == 0, "%" PRIu64 " entries",
		   k->c->after.split.client);
	check_found(k, "no entry");
}

static void notrack_in(struct checker *k)
{
	const struct totals *t = k->t;

	check_that(k, t->notrack_in == t->udp_sent + t->tcp_out,
		   "%" PRIu64 " untracked; pods sent %" PRIu64 " UDP queries and %" PRIu64
		   " TCP segments",
		   t->notrack_in, t->udp_sent, t->tcp_out);
	check_found(k, "%" PRIu64 " packets", t->notrack_in);
}

static void notrack_out(struct checker *k)
{
	const struct totals *t = k->t;

	check_that(k, t->notrack_out == t->udp_received + t->tcp_in,
		   "%" PRIu64 " untracked; pods got %" PRIu64 " UDP answers and %" PRIu64
		   " TCP segments",
		   t->notrack_out, t->udp_received, t->tcp_in);
	check_found(k, "%" PRIu64 " packets", t->notrack_out);
}

static void notrack_rules(struct checker *k)
{
	check_that(k, k->t->rule_in == k->t->notrack_in,
		   "%" PRIu64 " by the rules, the node's own packets aside; %" PRIu64 " passed",
		   k->t->rule_in, k->t->notrack_in);
	check_found(k, "%" PRIu64 " packets", k->t->rule_in);
}

static void by_cache(struct checker *k)
{
	const struct totals *t = k->t;

	check_that(k, t->by_cache && !t->by_backend && !t->by_other,
		   "%" PRIu64 " by the cache, %" PRIu64 " by backends, %" PRIu64 " unnamed",
		   t->by_cache, t->by_backend, t->by_other);
	check_found(k, "%" PRIu64 " answers", t->by_cache);
}

static void cache_count(struct checker *k)
{
	double asked = k->c->after.cache_queries - k->c->before.cache_queries;

	check_that(k, asked == (double)k->t->queries,
		   "coredns_cache_requests_total grew by %.0f, pods sent %" PRIu64, asked,
		   k->t->queries);
	check_found(k, "%.0f queries", asked);
}

static void only_misses(struct checker *k)
{
	const struct snap *a = &k->c->before, *b = &k->c->after;
	double misses = b->cache_misses - a->cache_misses, again = b->cache_again - a->cache_again;

	check_that(k, (double)k->t->served <= misses + again,
		   "%" PRIu64 " queries upstream, %.0f misses, %.0f asked again", k->t->served,
		   misses, again);
	check_found(k, "%" PRIu64 " queries upstream, %.0f misses, %.0f asked again", k->t->served,
		    misses, again);
}

static const struct check checks[] = {
	{"load.answers", "answers are the zone's", NEED_LOAD, answers, NULL},
	{"load.lost", "no lookup was lost", NEED_LOAD | NEED_LOSSLESS, lost, NULL},
	{"load.getaddrinfo", "libc's getaddrinfo agrees", NEED_LOAD | NEED_LOSSLESS,
	 getaddrinfo_agrees, NULL},
	{"load.table", "the table lost no packet", NEED_LOAD, table_drops, NULL},
	{"load.captured-sent", "the capture holds what the load sent", NEED_LOAD, captured_sent,
	 NULL},
	{"load.captured-got", "the capture holds what the load got", NEED_LOAD | NEED_LOSSLESS,
	 captured_got, NULL},
	{"load.entries", "one table entry for each port a pod used", NEED_LOAD | NEED_PLAIN,
	 entries, NULL},
	{"load.tracked", "no packet skipped the table", NEED_LOAD | NEED_PLAIN, tracked, NULL},
	{"load.by-backends", "backends answered", NEED_LOAD | NEED_PLAIN, by_backends, NULL},
	{"load.arrived", "every query reached a backend", NEED_LOAD | NEED_PLAIN | NEED_LOSSLESS,
	 arrived, NULL},
	{"load.no-entries", "client DNS leaves no table entry", NEED_LOAD | NEED_CACHE, no_entries,
	 NULL},
	{"load.notrack-in", "every packet to the cache skipped the table", NEED_LOAD | NEED_CACHE,
	 notrack_in, NULL},
	{"load.notrack-out", "every packet from the cache skipped the table",
	 NEED_LOAD | NEED_CACHE, notrack_out, NULL},
	{"load.notrack-rules", "the NOTRACK rules counted the same", NEED_LOAD | NEED_CACHE,
	 notrack_rules, NULL},
	{"load.by-cache", "the cache answered", NEED_LOAD | NEED_CACHE | NEED_OURS, by_cache, NULL},
	{"load.cache-count", "the cache's own count agrees", NEED_LOAD | NEED_CACHE, cache_count,
	 NULL},
	{"load.only-misses", "backends saw only misses", NEED_LOAD | NEED_CACHE | NEED_LOSSLESS | NEED_OURS,
	 only_misses, NULL},
	{0},
};

const struct family family_load = {"load", "the scenario's lookups, measured", checks};
