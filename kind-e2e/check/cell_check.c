/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over pods and differences over time, and what they must prove of a cell. */
#include "kind-e2e/check/cell_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/clock.h"

#define UDP_TIMEOUT_NS (30 * NS_PER_S) /* nf_conntrack_udp_timeout */

/* --- sums -------------------------------------------------------------------------- */

static void add_servers(struct totals *t, const struct load_shared *p)
{
	for (uint64_t i = 0; i < p->n_servers; i++) {
		if (!strcmp(p->server[i].id, "node-cache"))
			t->by_cache += p->server[i].n;
		else if (!strncmp(p->server[i].id, "backend-", 8))
			t->by_backend += p->server[i].n;
		else
			t->by_other += p->server[i].n;
	}
}

static void add_pod(struct totals *t, const struct load_shared *p)
{
	t->total += p->total;
	t->ok += p->ok;
	t->notfound += p->notfound;
	t->lost += p->lost;
	t->warmup += p->warmup;
	t->partial += p->partial;
	t->queries += p->queries;
	t->retried += p->retried;
	t->udp_sent += p->udp_sent;
	t->udp_received += p->udp_received;
	t->connections += p->connections;
	t->tuples += p->tuples;
	t->send_errors += p->send_errors;
	t->unmatched += p->unmatched;
	t->verified += p->verified;
	t->wrong += p->wrong;
	t->answered += p->udp_received + p->tcp_received;
	if (!*t->why_wrong)
		t->why_wrong = p->why_wrong;
	add_servers(t, p);
}

void totals_make(const struct cell *c, struct totals *ret)
{
	static struct hist late;
	const struct snap *a = &c->before, *b = &c->after;
	struct totals t = {.why_wrong = ""};
	unsigned n = c->topo.n_backends;

	hist_init(&late);
	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		uint64_t p99 = hist_quantile(&c->loads[i].late, 0.99);

		add_pod(&t, &c->loads[i]);
		hist_merge(&late, &c->loads[i].late);
		if (p99 > t.late_pod_p99_ns) {
			t.late_pod_p99_ns = p99;
			t.late_pod = i;
		}
	}
	t.late_p99_ns = hist_quantile(&late, 0.99);
	t.tcp_out = b->pod_tcp_out - a->pod_tcp_out;
	t.tcp_in = b->pod_tcp_in - a->pod_tcp_in;
	t.notrack_in = b->notrack.packets_in - a->notrack.packets_in;
	t.notrack_out = b->notrack.packets_out - a->notrack.packets_out;
	t.rule_in = (b->notrack.rule_in - a->notrack.rule_in) -
		    (b->notrack.rule_host - a->notrack.rule_host);
	t.external = b->served[n] - a->served[n];
	for (unsigned i = 0; i <= n; i++)
		t.served += b->served[i] - a->served[i];
	*ret = t;
}

bool totals_nothing_expired(const struct cell *c)
{
	return c->load_ns + 2 * NS_PER_S < UDP_TIMEOUT_NS;
}

/* --- checks ------------------------------------------------------------------------ */

struct checker {
	struct result *r;
	bool good;
};

__attribute__((format(printf, 4, 5))) static void check(struct checker *k, const char *name,
							bool passed, const char *fmt, ...)
{
	char detail[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	result_check(k->r, name, passed, detail);
	k->good = k->good && passed;
}

static void check_answers(struct checker *k, const struct cell *c, const struct totals *t)
{
	check(k, "answers are the zone's", t->verified && !t->wrong,
	      "%" PRIu64 " right, %" PRIu64 " wrong%s%s", t->verified, t->wrong,
	      *t->why_wrong ? ": " : "", t->why_wrong);
	if (c->lab->s->loss == 0)
		check(k, "no lookup was lost", t->total && !t->lost,
		      "%" PRIu64 " of %" PRIu64 " lost", t->lost, t->total);
	if (c->lab->s->loss == 0)
		check(k, "libc's getaddrinfo agrees",
		      c->gai->asked && c->gai->right == c->gai->asked,
		      "%" PRIu64 " of %" PRIu64 " names%s%s", c->gai->right, c->gai->asked,
		      c->gai->why_wrong[0] ? ": " : "", c->gai->why_wrong);
	check(k, "the table lost no packet",
	      c->after.ct.insert_failed == c->before.ct.insert_failed &&
		      c->after.ct.drop == c->before.ct.drop,
	      "insert_failed %" PRIu64 ", drop %" PRIu64,
	      c->after.ct.insert_failed - c->before.ct.insert_failed,
	      c->after.ct.drop - c->before.ct.drop);
}

/* A capture sees every query, and every answer that reached a pod, also one
 * that nobody waited for any more. */
static void check_capture(struct checker *k, const struct cell *c, const struct totals *t)
{
	if (!c->captured)
		return;
	check(k, "the capture holds what the load sent", c->captured_queries == t->queries,
	      "%" PRIu64 " queries captured, %" PRIu64 " sent", c->captured_queries, t->queries);
	/* A stub that repeated its question and then left had one answer more coming. */
	if (c->lab->s->loss == 0)
		check(k, "the capture holds what the load got",
		      c->captured_answers >= t->answered &&
			      c->captured_answers <= t->answered + t->retried,
		      "%" PRIu64 " answers captured, %" PRIu64 " received", c->captured_answers,
		      t->answered);
}

/* Entries of UDP flows older than the time-out may have gone, and may not have
 * been swept yet: a long load only bounds the number from above. */
static void check_without_cache(struct checker *k, const struct cell *c, const struct totals *t)
{
	uint64_t entries = c->after.split.client;
	bool enough = !totals_nothing_expired(c) || entries + t->tuples / 50 + 2 >= t->tuples;

	check(k, "one table entry for each port a pod used",
	      entries && entries <= t->tuples && enough,
	      "%" PRIu64 " entries for %" PRIu64 " ports%s", entries, t->tuples,
	      totals_nothing_expired(c) ? "" : " (longer than their time-out)");
	check(k, "no packet skipped the table", !t->notrack_in && !t->notrack_out,
	      "%" PRIu64 " untracked to the cluster DNS, %" PRIu64 " back", t->notrack_in,
	      t->notrack_out);
	check(k, "backends answered", t->by_backend && !t->by_cache && !t->by_other,
	      "%" PRIu64 " by backends, %" PRIu64 " by the cache, %" PRIu64 " unnamed",
	      t->by_backend, t->by_cache, t->by_other);
	if (c->lab->s->loss == 0)
		check(k, "every query reached a backend", t->served == t->queries,
		      "%" PRIu64 " arrived, %" PRIu64 " sent", t->served, t->queries);
}

static void check_notrack(struct checker *k, const struct totals *t)
{
	check(k, "every packet to the cache skipped the table",
	      t->notrack_in == t->udp_sent + t->tcp_out,
	      "%" PRIu64 " untracked; pods sent %" PRIu64 " UDP queries and %" PRIu64
	      " TCP segments",
	      t->notrack_in, t->udp_sent, t->tcp_out);
	check(k, "every packet from the cache skipped the table",
	      t->notrack_out == t->udp_received + t->tcp_in,
	      "%" PRIu64 " untracked; pods got %" PRIu64 " UDP answers and %" PRIu64
	      " TCP segments",
	      t->notrack_out, t->udp_received, t->tcp_in);
	check(k, "the NOTRACK rules counted the same", t->rule_in == t->notrack_in,
	      "%" PRIu64 " by the rules, the node's own packets aside", t->rule_in);
}

static void check_with_cache(struct checker *k, const struct cell *c, const struct totals *t)
{
	double misses = c->after.cache_misses - c->before.cache_misses;
	double asked = c->after.cache_queries - c->before.cache_queries;
	double again = c->after.cache_again - c->before.cache_again;
	char how[64];

	check(k, "client DNS leaves no table entry", c->after.split.client == 0,
	      "%" PRIu64 " entries", c->after.split.client);
	check_notrack(k, t);
	check(k, "the cache answered", t->by_cache && !t->by_backend && !t->by_other,
	      "%" PRIu64 " by the cache, %" PRIu64 " by backends, %" PRIu64 " unnamed", t->by_cache,
	      t->by_backend, t->by_other);
	check(k, "the cache's own count agrees", asked == (double)t->queries,
	      "coredns_cache_requests_total grew by %.0f, pods sent %" PRIu64, asked, t->queries);
	if (c->lab->s->loss == 0)
		check(k, "backends saw only misses", (double)t->served <= misses + again,
		      "%" PRIu64 " queries upstream, %.0f misses, %.0f asked again", t->served,
		      misses, again);
	snprintf(how, sizeof how, "%s %d", WIFSIGNALED(c->cache_status) ? "signal" : "exit",
		 WIFSIGNALED(c->cache_status) ? WTERMSIG(c->cache_status)
					      : WEXITSTATUS(c->cache_status));
	check(k, "SIGTERM ended the cache and its rules",
	      c->cache_stopped && !c->cache_status && c->cache_rules_gone, "%s, rules %s",
	      c->cache_stopped ? how : "had to be killed",
	      c->cache_rules_gone ? "removed" : "left behind");
}

bool cell_check(const struct cell *c, const struct totals *t, struct result *r)
{
	struct checker k = {r, true};

	check_answers(&k, c, t);
	check_capture(&k, c, t);
	if (c->with_cache)
		check_with_cache(&k, c, t);
	else
		check_without_cache(&k, c, t);
	return k.good;
}
