/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that a file can expect by name. */
#include <stddef.h>
#include <string.h>

#include "tests/scenario/expect.h"

enum counter_of { OF_CORE, OF_SERVERS, OF_UPSTREAMS, OF_EVENTS };
#define CORE_COUNTER(f)                                                                            \
	{                                                                                          \
#f, OF_CORE, offsetof(struct core_stats, f)                                        \
	}
static const struct {
	const char *name;
	enum counter_of of;
	size_t at;
} counters[] = {
	CORE_COUNTER(bytes_limit),
	CORE_COUNTER(entries_success),
	CORE_COUNTER(entries_denial),
	CORE_COUNTER(inflight),
	CORE_COUNTER(waiters),
	CORE_COUNTER(inflight_full),
	CORE_COUNTER(waiters_full),
	CORE_COUNTER(clients), CORE_COUNTER(extras_skipped),
	{"share_refused.waiters", OF_CORE, offsetof(struct core_stats, share_refused[0])},
	{"share_refused.questions", OF_CORE, offsetof(struct core_stats, share_refused[1])},
	{"share_evicted.waiters", OF_CORE, offsetof(struct core_stats, share_evicted[0])},
	{"share_evicted.questions", OF_CORE, offsetof(struct core_stats, share_evicted[1])},
	{"overdue_evicted.waiters", OF_CORE, offsetof(struct core_stats, overdue_evicted[0])},
	{"overdue_evicted.questions", OF_CORE, offsetof(struct core_stats, overdue_evicted[1])},
	CORE_COUNTER(cache_full),
	CORE_COUNTER(follow_full),
	CORE_COUNTER(joined),
	CORE_COUNTER(denials_renewed),
	CORE_COUNTER(denials_contradicted),
	CORE_COUNTER(types_displaced),
	CORE_COUNTER(expired_reclaimed),
	CORE_COUNTER(evicted),
	CORE_COUNTER(stale_served),
	CORE_COUNTER(prefetches),
	CORE_COUNTER(hedges),
	CORE_COUNTER(retries),
	CORE_COUNTER(tries_withheld),
	CORE_COUNTER(replies_limited),
	CORE_COUNTER(failures_cached),
	CORE_COUNTER(failure_hits),
	CORE_COUNTER(shield_cuts),
	CORE_COUNTER(shield_synth),
	CORE_COUNTER(shield_confirmed),
	CORE_COUNTER(shield_contradictions),
	CORE_COUNTER(autopath_answers),
	CORE_COUNTER(dropped),
	CORE_COUNTER(formerr),
	CORE_COUNTER(notimp),
	CORE_COUNTER(refused),
	CORE_COUNTER(badvers),
	CORE_COUNTER(servfail),
	CORE_COUNTER(healthcheck_broken),
	CORE_COUNTER(max_concurrent_rejects),
	{"cache.hits", OF_SERVERS, offsetof(struct stats_server, cache_hits_success)},
	{"cache.denials", OF_SERVERS, offsetof(struct stats_server, cache_hits_denial)},
	{"cache.misses", OF_SERVERS, offsetof(struct stats_server, cache_misses)},
	{"cache.requests", OF_SERVERS, offsetof(struct stats_server, cache_requests)},
	{"cache.stale", OF_SERVERS, offsetof(struct stats_server, cache_served_stale)},
	{"server.do", OF_SERVERS, offsetof(struct stats_server, do_requests)},
	{"server.replies", OF_SERVERS, offsetof(struct stats_server, duration.n)},
	{"upstream.udp", OF_UPSTREAMS, offsetof(struct stats_upstream, asks[CORE_UDP])},
	{"upstream.tcp", OF_UPSTREAMS, offsetof(struct stats_upstream, asks[CORE_TCP])},
	{"upstream.timeouts", OF_UPSTREAMS, offsetof(struct stats_upstream, timeouts)},
	{"upstream.damaged", OF_UPSTREAMS, offsetof(struct stats_upstream, damaged)},
	{"upstream.dropped", OF_UPSTREAMS, offsetof(struct stats_upstream, records_dropped)},
	{"upstream.mismatches", OF_UPSTREAMS, offsetof(struct stats_upstream, mismatches)},
	{"upstream.late", OF_UPSTREAMS, offsetof(struct stats_upstream, late_answers)},
	{"upstream.probe_failures", OF_UPSTREAMS,
	 offsetof(struct stats_upstream, healthcheck_failures)},
	{"upstream.refused", OF_UPSTREAMS,
	 offsetof(struct stats_upstream, fails[CORE_FAIL_REFUSED])},
	{"upstream.closed", OF_UPSTREAMS, offsetof(struct stats_upstream, fails[CORE_FAIL_CLOSED])},
	{"template.matches", OF_EVENTS, STATS_TEMPLATE_MATCH},
	{"template.failures", OF_EVENTS, STATS_TEMPLATE_FAILURE},
	{"template.rr_failures", OF_EVENTS, STATS_TEMPLATE_RR_FAILURE},
	{"dns64.translated", OF_EVENTS, STATS_DNS64},
};

static uint64_t events_sum(const struct core_stats *st, size_t what)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < st->n_events; i++)
		sum += st->event[i].what == what ? st->event[i].n : 0;
	return sum;
}

static uint64_t counter_sum(const struct core_stats *st, enum counter_of of, size_t at)
{
	const uint8_t *base = (const uint8_t *)(of == OF_SERVERS     ? (const void *)st->server
						: of == OF_UPSTREAMS ? (const void *)st->upstream
								     : (const void *)st);
	size_t n = of == OF_SERVERS ? st->n_servers : of == OF_UPSTREAMS ? st->n_upstreams : 1;
	size_t step = of == OF_SERVERS ? sizeof(st->server[0]) : sizeof(st->upstream[0]);
	uint64_t sum = 0, v;

	if (of == OF_EVENTS)
		return events_sum(st, at);

	for (size_t i = 0; i < n; i++) {
		memcpy(&v, base + i * step + at, sizeof(v));
		sum += v;
	}
	return sum;
}

/* entries_of ZONES success|denial N: what a server block shows. */
static void expect_entries_of(struct world *w)
{
	struct script *s = &w->s;
	const char *zones = word_next(s, "a block's zones");
	bool denial = word_is(s, "denial");

	if (!denial && !word_is(s, "success"))
		script_fail(s, "success or denial");
	for (uint32_t i = 0; i < w->stats->n_servers; i++) {
		const struct stats_server *row = &w->stats->server[i];

		if (strcmp(row->zones, zones) != 0)
			continue;
		expect_equal(w, zones, w->stats->block_entries[row->block][denial],
			     number_next(s, "a number"));
		return;
	}
	script_fail(s, "there is no block of '%s'", zones);
}

void expect_count(struct world *w)
{
	const char *name = word_next(&w->s, "a counter");

	if (strcmp(name, "entries_of") == 0) {
		expect_entries_of(w);
		return;
	}
	if (strcmp(name, "loop.seen") == 0) {
		expect_equal(w, name, w->probes.probe[3].seen, number_next(&w->s, "a number"));
		return;
	}

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (strcmp(counters[i].name, name) == 0) {
			expect_equal(w, name, counter_sum(w->stats, counters[i].of, counters[i].at),
				     number_next(&w->s, "a value"));
			return;
		}
	}
	script_fail(&w->s, "there is no counter '%s'", name);
}
