/* SPDX-License-Identifier: Apache-2.0 */
/* Each counter that is not zero, by name: what transcripts end with. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/scenario/expect.h"

struct to {
	void (*each)(void *ctx, const char *of, const char *name, uint64_t n);
	void *ctx;
	const char *of;
};

__attribute__((format(printf, 3, 4))) static void tell(const struct to *to, uint64_t n, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	if (!n)
		return;
	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	to->each(to->ctx, to->of, name, n);
}

static void duration_tell(const struct to *to, const char *what, const struct stats_duration *d)
{
	tell(to, d->n, "%s", what);
	tell(to, d->sum_ns, "%s ns", what);
}

static void size_tell(const struct to *to, const char *what, const struct stats_size *s)
{
	tell(to, s->n, "%s", what);
	tell(to, s->sum, "%s octets", what);
}

static void server_tell(struct to *to, const struct stats_server *r)
{
	static const char *const proto[] = {"udp", "tcp"};
	char of[256];

	snprintf(of, sizeof(of), "server %s %s", r->server, r->zone);
	to->of = of;
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned v6 = 0; v6 < 2; v6++)
			for (unsigned k = 0; k <= STATS_TYPES; k++)
				tell(to, r->requests[p][v6][k], "requests %s v%u %s", proto[p], v6 ? 6 : 4,
				     stats_type_label(k));
		size_tell(to, p ? "request tcp" : "request udp", &r->request_size[p]);
		size_tell(to, p ? "response tcp" : "response udp", &r->response_size[p]);
	}
	for (unsigned k = 0; k < STATS_RCODES; k++)
		tell(to, r->responses[k], "responses rcode %u", k);
	duration_tell(to, "duration", &r->duration);
	tell(to, r->has_metrics, "has_metrics");
	tell(to, r->do_requests, "do_requests");
	tell(to, r->cache_hits_success, "cache_hits_success");
	tell(to, r->cache_hits_denial, "cache_hits_denial");
	tell(to, r->cache_misses, "cache_misses");
	tell(to, r->cache_requests, "cache_requests");
	tell(to, r->cache_prefetch, "cache_prefetch");
	tell(to, r->cache_drops, "cache_drops");
	tell(to, r->cache_served_stale, "cache_served_stale");
	tell(to, r->cache_evict_success, "cache_evict_success");
	tell(to, r->cache_evict_denial, "cache_evict_denial");
}

static void upstream_tell(struct to *to, const struct stats_upstream *r)
{
	char of[128], what[32];

	snprintf(of, sizeof(of), "upstream %s", r->to);
	to->of = of;
	for (unsigned k = 0; k < 4; k++)
		tell(to, r->asks[k], "asks %u", k);
	for (unsigned k = 0; k < 9; k++)
		tell(to, r->fails[k], "fails %u", k);
	tell(to, r->timeouts, "timeouts");
	tell(to, r->healthcheck_failures, "healthcheck_failures");
	tell(to, r->late_answers, "late_answers");
	tell(to, r->mismatches, "mismatches");
	tell(to, r->damaged, "damaged");
	for (unsigned k = 0; k < STATS_RCODES; k++) {
		snprintf(what, sizeof(what), "rcode %u", k);
		duration_tell(to, what, &r->duration[k]);
	}
}

static void core_tell(struct to *to, const struct core_stats *s)
{
	to->of = "";
#define TELL(f) tell(to, s->f, "%s", #f)
	TELL(entries_success), TELL(entries_denial), TELL(inflight), TELL(waiters), TELL(clients);
	TELL(inflight_full), TELL(waiters_full), TELL(cache_full);
	TELL(share_refused[0]), TELL(share_refused[1]), TELL(share_evicted[0]), TELL(share_evicted[1]);
	TELL(overdue_evicted[0]), TELL(overdue_evicted[1]), TELL(replies_limited), TELL(extras_skipped);
	TELL(joined), TELL(types_displaced), TELL(denials_renewed), TELL(denials_contradicted);
	TELL(expired_reclaimed), TELL(evicted), TELL(stale_served), TELL(prefetches), TELL(hedges);
	TELL(retries), TELL(tries_withheld), TELL(failures_cached), TELL(failure_hits);
	TELL(shield_cuts), TELL(shield_synth), TELL(shield_confirmed), TELL(shield_contradictions);
	TELL(autopath_answers), TELL(follow_full), TELL(dropped), TELL(formerr), TELL(notimp);
	TELL(refused), TELL(badvers), TELL(servfail), TELL(healthcheck_broken);
	TELL(max_concurrent_rejects), TELL(panics), TELL(n_blocks);
#undef TELL
	for (unsigned i = 0; i < STATS_BLOCKS_MAX; i++)
		for (unsigned k = 0; k < 2; k++)
			tell(to, s->block_entries[i][k], "block %u %s", i, k ? "denials" : "answers");
}

void counters_each(const struct core_stats *s, void (*each)(void *ctx, const char *of, const char *name, uint64_t n),
		   void *ctx)
{
	struct to to = {.each = each, .ctx = ctx};

	core_tell(&to, s);
	for (uint32_t i = 0; i < s->n_servers; i++)
		server_tell(&to, &s->server[i]);
	for (uint32_t i = 0; i < s->n_upstreams; i++)
		upstream_tell(&to, &s->upstream[i]);
	for (uint32_t i = 0; i < s->n_events; i++) {
		const struct stats_event *e = &s->event[i];

		to.of = "event";
		tell(&to, e->n, "%u %s %s %s %s %s", e->what, e->zone, e->type, e->rclass, e->section, e->text);
	}
}
