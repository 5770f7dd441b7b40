/* SPDX-License-Identifier: Apache-2.0 */
/* The cache dies, hangs, is replaced: what pods notice. A pod asks every 2 ms meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/proc.h"

/* Rules lapse this long after the last passed self-test; then two seconds for a machine that
 * has other things to do. */
#define OUTAGE_MAX_NS (CACHE_FAILOPEN_FAULTS + 2 * NS_PER_S)
#define SOON_NS (15 * NS_PER_S)

static bool outage_within(struct checker *k, const struct stream *s, uint64_t limit_ns)
{
	return check_that(k, s->v->outage_ns <= limit_ns, "no answers for %.1f s, at most %.1f",
			  (double)s->v->outage_ns / 1e9, (double)limit_ns / 1e9) &&
	       check_that(k, !s->v->wrong, "%llu wrong answers: %s",
			  (unsigned long long)s->v->wrong, s->v->why_wrong);
}

static bool backends_take_over(struct checker *k, struct stream *s)
{
	return check_that(k, stream_until_by(s, "backend-", 50, SOON_NS),
			  "backends do not answer: the rules still lead to a dead cache");
}

static bool cache_again(struct checker *k, struct stream *s)
{
	return check_that(k, stream_until_by(s, CACHE_ID, 50, SOON_NS),
			  "the cache does not answer again");
}

static void killed(struct checker *k)
{
	static struct answer a;
	struct way udp = {k->c->first, false};
	struct diag d = {""};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_STRICT)) {
		cache_kill(k->c);
		if (backends_take_over(k, &s)) {
			struct way tcp = {k->c->first, true};
			char ns[32], name[NAME_MAX_TEXT];
			struct question q = check_question(
				k, &tcp, ns, fixture_name(k->c->lab->s, "single", name), DNS_A);

			topo_pod_ns(ns, 0);
			if (check_did(k, ask(&q, &a, &d), &d))
				check_that(k, !a.error && !strncmp(a.by, "backend-", 8),
					   "TCP does not reach a backend");
		}
	}
	if (stream_end(k, &s) && outage_within(k, &s, OUTAGE_MAX_NS))
		check_found(k, "no answers for %.1f s, then backends'",
			    (double)s.v->outage_ns / 1e9);
}

static void stopped(struct checker *k)
{
	struct way udp = {k->c->first, false};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_STRICT)) {
		cache_signal(k->c, SIGSTOP);
		backends_take_over(k, &s);
	}
	cache_signal(k->c, SIGCONT);
	if (!k->failed)
		cache_again(k, &s);
	if (stream_end(k, &s) && outage_within(k, &s, OUTAGE_MAX_NS))
		check_found(k, "no answers for %.1f s, then backends', then the cache's",
			    (double)s.v->outage_ns / 1e9);
}

/* The supervisor lives and sees that its worker answers nobody. */
static void worker_fault(struct checker *k, int sig, uint64_t outage_max_ns)
{
	struct way udp = {k->c->first, false};
	pid_t worker = cache_worker(k->c);
	struct stream s;

	if (!check_that(k, worker > 0, "no worker process"))
		return;
	if (stream_start(k, &s, &udp, "single", STREAM_STRICT)) {
		uint64_t until = clock_mono_ns() + SOON_NS;

		kill(worker, sig);
		while (cache_worker(k->c) == worker || !cache_worker(k->c)) {
			if (!check_that(k, clock_mono_ns() < until, "the worker is not replaced"))
				break;
			stream_until(&s, &s.v->sent, 5, NS_PER_S);
		}
		cache_again(k, &s);
	}
	kill(worker, SIGCONT); /* a number that may be nobody's by now */
	if (stream_end(k, &s) && outage_within(k, &s, outage_max_ns))
		check_found(k, "no answers for %.2f s; a new worker answers",
			    (double)s.v->outage_ns / 1e9);
}

static void worker_hung(struct checker *k)
{
	worker_fault(k, SIGSTOP, OUTAGE_MAX_NS);
}

static void worker_killed(struct checker *k)
{
	worker_fault(k, SIGKILL, NS_PER_S);
}

static void handed_over(struct checker *k)
{
	struct way udp = {k->c->first, false};
	struct diag d = {""};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_PATIENT) &&
	    check_did(k, cache_hand_over(k->c, &d), &d))
		cache_again(k, &s);
	if (!stream_end(k, &s))
		return;
	check_volley_good(k, "while one instance took over", s.v, CACHE_ID);
	check_found(k, "none of %llu lost, all made by a cache", (unsigned long long)s.v->sent);
}

static void terminated(struct checker *k)
{
	struct way udp = {k->c->first, false};
	struct notrack rules = {0};
	struct diag d = {""};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_PATIENT) && check_did(k, cache_stop(k->c, &d), &d)) {
		check_that(k, k->c->cache_status == 0, "SIGTERM: status %d", k->c->cache_status);
		backends_take_over(k, &s);
		if (check_did(k, cell_notrack(&rules, &d), &d))
			check_that(k, !rules.n_rules, "%u NOTRACK rules are left", rules.n_rules);
	}
	if (!stream_end(k, &s))
		return;
	check_volley_good(k, "while the cache ended", s.v, "");
	check_found(k, "none of %llu lost", (unsigned long long)s.v->sent);
}

#define FAULT (NEED_CACHE | NEED_FAULTS | NEED_VIP | NEED_LOSSLESS)
static const struct check checks[] = {
	{"cache.terminated", "SIGTERM ends the cache and its rules, and no question is lost", FAULT,
	 terminated, NULL},
	{"cache.handed-over", "a new instance takes over and no question is lost", FAULT,
	 handed_over, NULL},
	{"cache.worker-killed", "a worker that dies is replaced within a second",
	 NEED_CACHE | NEED_FAULTS | NEED_LOSSLESS, worker_killed, NULL},
	{"cache.worker-hung", "a worker that hangs is replaced; backends answer meanwhile", FAULT,
	 worker_hung, NULL},
	{"cache.killed", "all processes killed: backends answer once the rules have lapsed", FAULT,
	 killed, NULL},
	{"cache.stopped", "all processes stopped: backends answer, and the cache when it goes on",
	 FAULT, stopped, NULL},
	{0},
};

const struct family family_cache = {"cache", "the cache dies, hangs, is replaced", checks};
