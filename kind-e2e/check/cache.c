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
#define CUT_MAX 10 /* connections that were open when rules went */

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

/* Nobody else has the link-local address: the outage is whole and lasts until the cache is there
 * again. That this is so is what is shown, not that it is good. */
static void killed_local(struct checker *k)
{
	struct way udp = {k->c->first, false, false};
	uint64_t before = 0, missed = 0;
	struct diag d = {""};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_STRICT)) {
		cache_kill(k->c);
		before = s.v->answered;
		missed = s.v->lost + s.v->refused;
		check_that(k, stream_until(&s, &s.v->sent, 500, SOON_NS), "the pod does not ask any more");
		/* of those on their way when it was killed, an answer may have been on its way back */
		check_that(k, s.v->answered <= before + 5, "%llu answers while it was dead",
			   (unsigned long long)(s.v->answered - before));
		check_that(k, s.v->lost + s.v->refused > missed, "nothing was lost while it was dead");
	}
	check_did(k, cache_start(k->c, CACHE_FAILOPEN_FAULTS, &d), &d);
	if (!k->failed)
		cache_again(k, &s);
	if (!stream_end(k, &s))
		return;
	check_that(k, !s.v->wrong, "%llu wrong answers: %s", (unsigned long long)s.v->wrong,
		   s.v->why_wrong);
	check_found(k, "nothing for %.1f s, until it was started again", (double)s.v->outage_ns / 1e9);
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

/* Connections that one instance has accepted it serves to their end. */
static void handed_over(struct checker *k)
{
	struct way udp = {k->c->first, false, false}, tcp = {k->c->first, true, false};
	struct diag d = {""};
	struct stream s, t;
	bool both = stream_start(k, &s, &udp, "single", STREAM_PATIENT);

	both = stream_start(k, &t, &tcp, "single", STREAM_PATIENT) && both;
	if (both && check_did(k, cache_hand_over(k->c, &d), &d)) {
		cache_again(k, &s);
		cache_again(k, &t);
	}
	if (stream_end(k, &s))
		check_volley_good(k, "while one instance took over", s.v, CACHE_ID);
	if (stream_end(k, &t))
		check_volley_good(k, "over TCP while one instance took over", t.v, CACHE_ID);
	if (s.v && t.v)
		check_found(k, "none of %llu lost nor of %llu over TCP, all made by a cache",
			    (unsigned long long)s.v->sent, (unsigned long long)t.v->sent);
}

/* A connection that is open when the rules go leads to nobody from then on; later ones to a
 * backend. At a question every 2 ms that is what was asked within a moment. */
static void terminated(struct checker *k)
{
	struct way udp = {k->c->first, false, false}, tcp = {k->c->first, true, false};
	struct notrack rules = {0};
	struct diag d = {""};
	struct stream s, t;
	bool both = stream_start(k, &s, &udp, "single", STREAM_PATIENT);

	both = stream_start(k, &t, &tcp, "single", STREAM_PATIENT) && both;
	if (both && check_did(k, cache_stop(k->c, &d), &d)) {
		check_that(k, k->c->cache_status == 0, "SIGTERM: status %d", k->c->cache_status);
		backends_take_over(k, &s);
		backends_take_over(k, &t);
		if (check_did(k, cell_notrack(&rules, &d), &d))
			check_that(k, !rules.n_rules, "%u NOTRACK rules are left", rules.n_rules);
	}
	if (stream_end(k, &s))
		check_volley_good(k, "while the cache ended", s.v, "");
	if (stream_end(k, &t)) {
		uint64_t cut = t.v->lost + t.v->refused;

		check_that(k, cut <= CUT_MAX, "%llu connections of %llu lost while the cache ended",
			   (unsigned long long)cut, (unsigned long long)t.v->sent);
		check_that(k, !t.v->wrong && !t.v->servfail, "over TCP: %llu wrong, %llu SERVFAIL",
			   (unsigned long long)t.v->wrong, (unsigned long long)t.v->servfail);
		check_found(k, "none of %llu lost, and %llu of %llu connections",
			    (unsigned long long)s.v->sent, (unsigned long long)cut,
			    (unsigned long long)t.v->sent);
	}
}

#define FAULT (NEED_CACHE | NEED_FAULTS | NEED_VIP | NEED_LOSSLESS | NEED_OURS)
static const struct check checks[] = {
	{"cache.terminated", "SIGTERM ends the cache and its rules, and no question is lost", FAULT,
	 terminated, NULL},
	{"cache.handed-over", "a new instance takes over and no question is lost", FAULT,
	 handed_over, NULL},
	{"cache.worker-killed", "a worker that dies is replaced within a second",
	 NEED_CACHE | NEED_FAULTS | NEED_LOSSLESS | NEED_OURS, worker_killed, NULL},
	{"cache.worker-hung", "a worker that hangs is replaced; backends answer meanwhile", FAULT,
	 worker_hung, NULL},
	{"cache.killed", "all processes killed: backends answer once the rules have lapsed", FAULT,
	 killed, NULL},
	{"cache.killed-local", "all processes killed where only its own address is asked: nobody answers until it is started again",
	 NEED_CACHE | NEED_FAULTS | NEED_LOCAL | NEED_LOSSLESS | NEED_OURS, killed_local, NULL},
	{"cache.stopped", "all processes stopped: backends answer, and the cache when it goes on",
	 FAULT, stopped, NULL},
	{0},
};

const struct family family_cache = {"cache", "the cache dies, hangs, is replaced", checks};
