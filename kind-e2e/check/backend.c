/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster-DNS pods die, one or all, and come back. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/families.h"
#include "kind-e2e/lab/proc.h"

#define N 60

static bool sync_to(struct checker *k, unsigned live)
{
	struct diag d = {""};

	return check_did(k, cell_proxy_sync(k->c, live, &d), &d);
}

static unsigned all_of(const struct checker *k)
{
	return (1u << k->c->topo.n_backends) - 1;
}

static bool silence(struct checker *k, bool silent)
{
	struct diag d = {""};

	return check_did(k, topo_silence(0, silent, &d), &d);
}

static bool run(struct checker *k, const struct volley_conf *conf, struct volley *v)
{
	struct diag d = {""};
	char ns[32];

	topo_pod_ns(ns, 0);
	return check_did(k, volley_run(ns, conf, v, &d), &d);
}

/* A node dies: its pod's address is silent. Until kube-proxy hears of it, whoever is sent there
 * waits in vain; afterwards nobody is. */
static void dies_plain(struct checker *k)
{
	struct way udp = {k->c->first, false};
	char name[NAME_MAX_TEXT];
	struct volley_conf conf = check_volley_conf(k, &udp, N, "single", name);
	unsigned n = k->c->topo.n_backends;
	static struct volley v;
	double share = 0;

	conf.window = N;
	conf.timeout_ns = 500 * NS_PER_MS;
	if (silence(k, true) && run(k, &conf, &v)) {
		share = (double)v.lost / N * n;
		check_that(k, share > 0.4 && share < 1.8,
			   "%llu of %d lost with one of %u silent", (unsigned long long)v.lost, N,
			   n);
		conf.timeout_ns = 5 * NS_PER_S;
		if (sync_to(k, all_of(k) & ~1u) && run(k, &conf, &v))
			check_volley_good(k, "after kube-proxy knew", &v, "backend-");
	}
	silence(k, false);
	sync_to(k, all_of(k));
	check_found(k, "%.0f of %d lost until kube-proxy knew, none after", share * N / n, N);
}

/* Until kube-proxy knows, a new connection of the cache may meet the silent one again, so some
 * misses fail (by an answer that says so); afterwards none does. */
static void dies_cached(struct checker *k)
{
	struct way udp = {k->c->first, false};
	char name[NAME_MAX_TEXT], missing[NAME_MAX_TEXT], leaf[64], each[80];
	struct volley_conf hits = check_volley_conf(k, &udp, N, "single", name), misses;
	unsigned servfail = 0;
	static struct volley v;

	snprintf(each, sizeof each, "%s-%%u", check_fresh(leaf));
	misses = check_volley_conf(k, &udp, N / 3, each, missing);
	misses.timeout_ns = 10 * NS_PER_S;
	if (run(k, &hits, &v) && silence(k, true)) {
		if (run(k, &hits, &v))
			check_volley_good(k, "cached names", &v, check_server(k));
		if (run(k, &misses, &v))
			check_that(k, v.answered == v.sent && !v.wrong,
				   "misses: %llu of %llu answered, %llu wrong",
				   (unsigned long long)v.answered, (unsigned long long)v.sent,
				   (unsigned long long)v.wrong);
		servfail = (unsigned)v.servfail;
		snprintf(each, sizeof each, "%s-%%u", check_fresh(leaf));
		misses.name = fixture_name(k->c->lab->s, each, missing);
		if (sync_to(k, all_of(k) & ~1u) && run(k, &misses, &v))
			check_volley_good(k, "misses after kube-proxy knew", &v, check_server(k));
	}
	silence(k, false);
	sync_to(k, all_of(k));
	check_found(k, "%d cached names answered; of %d misses %u failed, none after kube-proxy knew",
		    N, N / 3, servfail);
}

/* --- all of them ------------------------------------------------------------------------- */

static bool kill_all(struct checker *k)
{
	for (unsigned i = 0; i < k->c->topo.n_backends; i++) {
		proc_stop(k->c->server[i], SIGKILL, NS_PER_S, NULL);
		k->c->server[i] = 0;
	}
	return sync_to(k, 0);
}

static bool revive_all(struct checker *k)
{
	struct diag d = {""};
	int code = 0;

	for (unsigned i = 0; !code && i < k->c->topo.n_backends; i++)
		code = k->c->server[i] ? 0 : cell_backend_start(k->c, i, &d);
	return check_did(k, code, &d) && sync_to(k, all_of(k));
}

/* Without endpoints kube-proxy rejects: an error at once, not a wait. For the first ones, that
 * is: the kernel lets a destination have some six ICMP errors, and then one a second. */
static void gone_plain(struct checker *k)
{
	struct way udp = {k->c->first, false};
	char name[NAME_MAX_TEXT];
	struct volley_conf some = check_volley_conf(k, &udp, 3, "single", name), many;
	static struct volley v;
	uint64_t refused = 0;

	some.window = 1;
	some.timeout_ns = 1500 * NS_PER_MS;
	many = check_volley_conf(k, &udp, N, "single", name);
	if (kill_all(k) && run(k, &some, &v)) {
		refused = v.refused;
		check_that(k, v.refused && !v.answered, "%llu of %llu refused, %llu answered",
			   (unsigned long long)v.refused, (unsigned long long)v.sent,
			   (unsigned long long)v.answered);
	}
	if (revive_all(k) && run(k, &many, &v))
		check_volley_good(k, "after they came back", &v, "backend-");
	check_found(k, "%llu of 3 refused at once, answered when they are back",
		    (unsigned long long)refused);
}

/* Under load, from one port: no backend is left, and then others come. The port's entry in the table led to
 * one that stays away; whoever leaves it there leaves that pod without DNS for as long as it asks
 * (kube-proxy 1.32 to 1.36 do: kubernetes#139628). */
static void moved_plain(struct checker *k)
{
	struct way port = {k->c->first, false, true};
	uint64_t missed = 0, begin = 0;
	struct diag d = {""};
	unsigned gone = 0;
	struct stream s;

	if (stream_start(k, &s, &port, "single", STREAM_STRICT)) {
		while (gone + 1 < k->c->topo.n_backends && !volley_by(s.v, k->c->server_id[gone]))
			gone++;
		missed = s.v->lost + s.v->refused;
		if (kill_all(k))
			check_that(k, stream_until(&s, &s.v->sent, 100, 5 * NS_PER_S) && s.v->lost + s.v->refused > missed,
				   "answers with all backends gone");
		for (unsigned i = 0; !k->failed && i < k->c->topo.n_backends; i++)
			if (i != gone)
				check_did(k, cell_backend_start(k->c, i, &d), &d);
		begin = clock_mono_ns();
		if (!k->failed && sync_to(k, all_of(k) & ~(1u << gone)))
			check_that(k, stream_until_by(&s, "backend-", 50, 10 * NS_PER_S),
				   "10 s after other backends came: the pod's port still leads to one that is gone");
		check_found(k, "answers from another %.1f s after it came", (double)(clock_mono_ns() - begin) / 1e9);
	}
	stream_end(k, &s);
	revive_all(k);
}

/* Names in the cache go on; others get an answer that says so, in less than a resolver waits. */
static void gone_cached(struct checker *k)
{
	struct way udp = {k->c->first, false};
	char name[NAME_MAX_TEXT], missing[NAME_MAX_TEXT], leaf[64], each[80];
	struct volley_conf hits = check_volley_conf(k, &udp, N, "single", name), misses;
	static struct volley v;

	snprintf(each, sizeof each, "%s-%%u", check_fresh(leaf));
	misses = check_volley_conf(k, &udp, N / 3, each, missing);
	if (!run(k, &hits, &v))
		return;
	if (kill_all(k)) {
		if (run(k, &hits, &v))
			check_volley_good(k, "cached names", &v, check_server(k));
		if (run(k, &misses, &v))
			check_that(k, v.servfail == v.sent,
				   "misses: %llu of %llu SERVFAIL within 5 s, %llu lost",
				   (unsigned long long)v.servfail, (unsigned long long)v.sent,
				   (unsigned long long)v.lost);
	}
	revive_all(k);
	check_found(k, "cached names answered, misses SERVFAIL");
}

/* Under load, all of it misses: how long after the backends are back until pods have answers? */
static void back_cached(struct checker *k)
{
	struct way udp = {k->c->first, false};
	char leaf[64], each[80];
	uint64_t begin = 0, good;
	struct stream s;

	snprintf(each, sizeof each, "%s-%%u", check_fresh(leaf));
	if (stream_start(k, &s, &udp, each, STREAM_PATIENT) && kill_all(k))
		check_that(k, stream_until(&s, &s.v->servfail, 20, 10 * NS_PER_S),
			   "no SERVFAIL with all backends gone");
	revive_all(k);
	begin = clock_mono_ns();
	for (good = s.v ? s.v->answered - s.v->servfail : 0; s.v && !k->failed;) {
		if (s.v->answered - s.v->servfail >= good + 50)
			break;
		if (!check_that(k, clock_mono_ns() - begin < 10 * NS_PER_S,
				"no answers 10 s after they were back"))
			break;
		stream_until(&s, &s.v->answered, 1, NS_PER_S);
	}
	check_found(k, "50 answers %.1f s after they were back",
		    (double)(clock_mono_ns() - begin) / 1e9);
	if (stream_end(k, &s))
		check_that(k, !s.v->wrong, "%llu wrong answers: %s", (unsigned long long)s.v->wrong,
			   s.v->why_wrong);
}

static const struct check checks[] = {
	{"backend.dies", "a silent backend costs its share until kube-proxy knows, nothing after",
	 NEED_PLAIN | NEED_BACKENDS | NEED_LOSSLESS, dies_plain, NULL},
	{"backend.dies-cached", "a silent backend costs cached names nothing, and misses nothing once it is known",
	 NEED_CACHE | NEED_BACKENDS | NEED_LOSSLESS, dies_cached, NULL},
	{"backend.gone", "without backends the Service refuses at once, with them it answers again",
	 NEED_PLAIN | NEED_LOSSLESS, gone_plain, NULL},
	{"backend.moved", "under load, a port that led to a backend is led to another one when all had gone",
	 NEED_PLAIN | NEED_BACKENDS | NEED_LOSSLESS, moved_plain, NULL},
	{"backend.gone-cached", "without backends cached names are answered, misses fail in time",
	 NEED_CACHE | NEED_LOSSLESS, gone_cached, NULL},
	{"backend.back", "under load, misses are answered again soon after backends are back",
	 NEED_CACHE | NEED_LOSSLESS, back_cached, NULL},
	{0},
};

const struct family family_backend = {"backend", "cluster-DNS pods die and come back", checks};
