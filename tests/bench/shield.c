/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench shield: what the daemon's core asks upstream on the Kubernetes-like
 * stream, with the search-path shield and without, beside what a cache without
 * a size limit has to ask (kube/ideal.h). Virtual time, one seed: the same
 * numbers on every machine. Each reply is held against the world's truth.
 *
 *   shield [QUERIES [RATE [SEED [WARM [SOA]]]]]      default 300000 10000 1 0, and then
 *                                                    1500000 5000 1 4500000
 *                                                    1000000 10000 1 1000000 300
 *
 * SOA: seconds that denials hold by their SOA, of which the Corefile lets stand 5.
 * WARM queries go before those that are counted. Fails when a reply is wrong, when
 * the counts are further than 3 % from the ideal, or when the shield has not spared
 * the cluster's DNS what docs/cache.md says of NXDOMAIN questions.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "tests/bench/kube/answer.h"
#include "tests/bench/kube/ideal.h"

#define PENDING_MAX 4096
#define REPLY_MAX 512
#define DELAY_MIN_NS (200 * NS_PER_US) /* an upstream in the same cluster */
#define DELAY_SPAN_NS (200 * NS_PER_US)
#define APART_MAX 3.0 /* percent, from the ideal */
#define SETTLED 1000000u /* queries after which what is seen for the first time is little */
#define FALL_COLD 1.3 /* from cold everything is new, and asked */
#define FALL_TRUST 10.0
#define FALL_WARM 4.0 /* after a quarter of an hour */

struct pending { /* an upstream's answer on its way */
	uint64_t t_ns;
	uint32_t id;
	uint16_t len;
	uint8_t msg[REPLY_MAX];
};

struct world {
	struct core *core;
	struct core_stats *stats;
	struct rng rng;
	uint64_t now_ns;
	struct pending *pending; /* sorted, the next last */
	size_t n_pending;
	struct ideal_count count;
	uint64_t replies, wrong;
};

/* --- what the core asks of its driver --- */

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct world *w = ctx;
	struct pending p = {.id = a->id};
	struct kube_asked asked;
	size_t i = w->n_pending;

	p.len = (uint16_t)kube_answer(a->query, a->len, p.msg, sizeof(p.msg), &asked);
	if (!p.len || w->n_pending == PENDING_MAX) {
		fprintf(stderr, "shield: a question that the upstream cannot take\n");
		exit(2);
	}
	p.t_ns = w->now_ns + DELAY_MIN_NS + rng_below(&w->rng, DELAY_SPAN_NS);
	for (; i > 0 && w->pending[i - 1].t_ns < p.t_ns; i--)
		w->pending[i] = w->pending[i - 1];
	w->pending[i] = p;
	w->n_pending++;
	w->count.asked++;
	w->count.cluster += asked.is_cluster;
	w->count.cluster_nx += asked.is_cluster && asked.verdict == KUBE_NXDOMAIN;
}

static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}

static void reply_check(struct world *w, uint64_t verdict, const uint8_t *b, size_t len)
{
	struct dns_msg m;
	unsigned rcode = verdict == KUBE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NOERROR;

	w->replies++;
	w->wrong += dns_msg_parse(&m, b, len) || m.rcode != rcode ||
		    (m.h.n_an > 0) != (verdict == KUBE_ANSWER);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	reply_check(ctx, c->cookie, bytes, len);
}

static void on_event(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "shield: the core says: %s\n", text);
}

/* --- virtual time --- */

/* Answers and deadlines up to `until_ns`, in order. */
static void time_pass(struct world *w, uint64_t until_ns)
{
	for (;;) {
		uint64_t tick_ns = core_deadline(w->core);
		uint64_t answer_ns = w->n_pending ? w->pending[w->n_pending - 1].t_ns : T_NEVER;
		struct pending p;

		if (tick_ns > until_ns && answer_ns > until_ns)
			break;
		if (tick_ns < answer_ns) {
			w->now_ns = tick_ns > w->now_ns ? tick_ns : w->now_ns;
			core_tick(w->core, w->now_ns);
			continue;
		}
		p = w->pending[--w->n_pending];
		w->now_ns = p.t_ns;
		core_answer(w->core, w->now_ns, p.id, p.msg, p.len);
	}
	w->now_ns = until_ns;
}

static void query(struct world *w, const struct kube_query *q)
{
	uint8_t in[512], out[CORE_UDP_MAX];
	struct core_client cl = {.port = 1024, .cookie = kube_lookup(q->name.b, q->qtype)};
	size_t len =
		dns_query_build(in, sizeof(in), 1, q->name.b, q->qtype, DNS_RD, 1232, false, false);
	size_t out_len;

	cl.addr.s6_addr[15] = (uint8_t)q->client;
	if (core_query(w->core, w->now_ns, &cl, in, len, out, &out_len) == CORE_REPLY)
		reply_check(w, cl.cookie, out, out_len);
}

/* --- one run --- */

enum mode { SHIELD_OFF, SHIELD_ON, SHIELD_TRUST };

static int core_start(struct world *w, enum mode mode)
{
	static const struct hash_key key = {1, 2};
	struct core_ops ops = {
		.ctx = w, .reply = on_reply, .ask = on_ask, .cancel = on_cancel, .event = on_event};
	struct core_listener listener = {.port = DNS_PORT, .label = "dns://:53"};
	struct core_upstream upstream = {.port = DNS_PORT, .label = "10.96.0.11:53"};
	struct core_conf conf = {.n_listeners = 1, .n_zones = 2, .n_upstreams = 1};
	struct core_forward forward;
	struct core_zone zone[2];
	struct diag d = {""};
	int rc;

	core_conf_forward_defaults(&forward);
	forward.n_to = 1;
	for (unsigned i = 0; i < 2; i++) {
		core_conf_zone_defaults(&zone[i]);
		zone[i].listeners = 1;
		zone[i].block = (uint16_t)i;
		zone[i].cache.enabled = true;
		zone[i].cache.neg_max_s = KUBE_NEGATIVE_S;
		zone[i].n_forward = 1;
		zone[i].forward = &forward;
	}
	name_from_text(&zone[0].origin, "cluster.local");
	zone[0].is_cluster = true;
	zone[0].shield_off = mode == SHIELD_OFF;
	zone[0].shield_trusts = mode == SHIELD_TRUST;
	upstream.addr.s6_addr[10] = upstream.addr.s6_addr[11] = 0xff;
	upstream.addr.s6_addr[12] = 10;
	conf.listener = &listener;
	conf.zone = zone;
	conf.upstream = &upstream;
	rc = core_new(&w->core, &conf, &ops, w->stats, &key, 1, &d);
	if (rc < 0)
		fprintf(stderr, "shield: %s\n", d.text);
	return rc;
}

struct load {
	uint64_t n, warm, seed; /* queries counted, and before */
	double rate;
	uint32_t soa_s;
};

static struct ideal_count count_since(const struct ideal_count *now, const struct ideal_count *then)
{
	return (struct ideal_count){.asked = now->asked - then->asked,
				    .cluster = now->cluster - then->cluster,
				    .cluster_nx = now->cluster_nx - then->cluster_nx};
}

/* The stream through a core; returns what went upstream. */
static struct ideal_count run(enum mode mode, const struct load *l, uint64_t *wrong)
{
	struct kube_stream *s = kube_stream_new(l->seed, l->rate, l->warm + l->n);
	struct world w = {.stats = calloc(1, sizeof(*w.stats)),
			  .pending = calloc(PENDING_MAX, sizeof(*w.pending))};
	struct ideal_count warm = {0};
	uint64_t sent = 0;
	struct kube_query q;

	rng_seed(&w.rng, l->seed);
	if (!s || !w.stats || !w.pending || core_start(&w, mode) < 0)
		exit(2);
	while (kube_stream_next(s, &q)) {
		time_pass(&w, q.t_ns);
		if (sent++ == l->warm)
			warm = w.count;
		query(&w, &q);
	}
	time_pass(&w, w.now_ns + 10 * NS_PER_S);
	*wrong += w.wrong + (w.replies > sent ? w.replies - sent : sent - w.replies);
	if (w.wrong || w.replies != sent)
		fprintf(stderr, "shield: %llu of %llu replies, %llu wrong\n",
			(unsigned long long)w.replies, (unsigned long long)sent,
			(unsigned long long)w.wrong);
	if (getenv("DEBUG_BENCH"))
		fprintf(stderr, "evicted=%llu hedges=%llu cuts=%llu synth=%llu confirmed=%llu\n",
			(unsigned long long)w.stats->evicted, (unsigned long long)w.stats->hedges,
			(unsigned long long)w.stats->shield_cuts,
			(unsigned long long)w.stats->shield_synth,
			(unsigned long long)w.stats->shield_confirmed);
	core_free(w.core);
	free(w.stats);
	free(w.pending);
	kube_stream_free(s);
	return count_since(&w.count, &warm);
}

static void ideal_run(struct ideal_count ret[IDEAL_RULES], const struct load *l)
{
	struct kube_stream *s = kube_stream_new(l->seed, l->rate, l->warm + l->n);
	struct ideal_count warm[IDEAL_RULES];
	struct ideal *cache[IDEAL_RULES];
	struct kube_query q;

	for (unsigned r = 0; r < IDEAL_RULES; r++)
		if (!s || !(cache[r] = ideal_new((enum ideal_rule)r, l->soa_s)))
			exit(2);
	for (uint64_t sent = 0; kube_stream_next(s, &q); sent++)
		for (unsigned r = 0; r < IDEAL_RULES; r++) {
			if (sent == l->warm)
				warm[r] = *ideal_counts(cache[r]);
			ideal_query(cache[r], &q);
		}
	for (unsigned r = 0; r < IDEAL_RULES; r++) {
		ret[r] = count_since(ideal_counts(cache[r]), &warm[r]);
		ideal_free(cache[r]);
	}
	kube_stream_free(s);
}

/* --- the table --- */

static double apart(uint64_t is, uint64_t ideal)
{
	return ideal ? 100.0 * ((double)is - (double)ideal) / (double)ideal : 0;
}

static void row(const char *what, const struct ideal_count *c)
{
	printf("%-50s %9llu %15llu %15llu\n", what, (unsigned long long)c->asked,
	       (unsigned long long)c->cluster, (unsigned long long)c->cluster_nx);
}

/* A row and its distance from the ideal; false: too far. */
static bool row_apart(const char *what, const struct ideal_count *c,
		      const struct ideal_count *ideal)
{
	double all = apart(c->asked, ideal->asked), cluster = apart(c->cluster, ideal->cluster);
	double nx = apart(c->cluster_nx, ideal->cluster_nx);

	row(what, c);
	printf("%-50s %+8.2f%% %+14.2f%% %+14.2f%%\n", "  against the ideal", all, cluster, nx);
	return all <= APART_MAX && all >= -APART_MAX && cluster <= APART_MAX &&
	       cluster >= -APART_MAX && nx <= APART_MAX && nx >= -APART_MAX;
}

static double fall(const struct ideal_count *from, const struct ideal_count *to)
{
	return to->cluster_nx ? (double)from->cluster_nx / (double)to->cluster_nx : 0;
}

static void head(const struct load *l)
{
	printf("%llu queries at %.0f/s after %llu, ndots:5, 4 suffixes, A and AAAA; negative TTL %u s, by the SOA %u s\n\n",
	       (unsigned long long)l->n, l->rate, (unsigned long long)l->warm, KUBE_NEGATIVE_S, l->soa_s);
	printf("%-50s %9s %15s %15s\n", "questions upstream", "all", "to cluster DNS",
	       "of it NXDOMAIN");
}

/* One table; 0 or 1. */
static int table(const struct load *l)
{
	double fall_min = l->warm ? FALL_WARM : FALL_COLD;
	struct ideal_count ideal[IDEAL_RULES], off, on, trust;
	bool off_near, on_near, trust_near, fell;
	uint64_t wrong = 0;

	kube_soa_s = l->soa_s;
	ideal_run(ideal, l);
	off = run(SHIELD_OFF, l, &wrong);
	on = run(SHIELD_ON, l, &wrong);
	trust = run(SHIELD_TRUST, l, &wrong);
	head(l);
	row("denials by name and type, no size limit", &ideal[IDEAL_BY_TYPE]);
	off_near = row_apart("node-cache, shield off", &off, &ideal[IDEAL_BY_TYPE]);
	row("own denials renewed by their cut, no size limit", &ideal[IDEAL_RENEWED]);
	on_near = row_apart("node-cache, shield on", &on, &ideal[IDEAL_RENEWED]);
	row("nothing asked below a cut that is not there", &ideal[IDEAL_BY_CUT]);
	trust_near = row_apart("node-cache, shield trust", &trust, &ideal[IDEAL_BY_CUT]);
	row("and if NXDOMAIN spoke for all types", &ideal[IDEAL_BY_CUT_AND_NAME]);
	printf("\nNXDOMAIN questions to the cluster's DNS, by name and type against shield on: "
	       "%.1f to 1, trust: %.1f to 1\n",
	       fall(&ideal[IDEAL_BY_TYPE], &on), fall(&ideal[IDEAL_BY_TYPE], &trust));
	/* In a few seconds nothing is asked for twice. */
	fell = l->n < 300000 || (fall(&ideal[IDEAL_BY_TYPE], &on) >= fall_min &&
				 fall(&ideal[IDEAL_BY_TYPE], &trust) >= FALL_TRUST);
	printf("%s\n", wrong		? "FAIL: wrong or missing replies"
		       : !off_near	? "FAIL: shield off is not within 3 % of the ideal"
		       : !on_near	? "FAIL: shield on is not within 3 % of the ideal"
		       : !trust_near	? "FAIL: shield trust is not within 3 % of the ideal"
		       : !fell		? "FAIL: less than what the shield is to spare"
					: "ok: within 3 % of the ideal, every reply right");
	return wrong || !off_near || !on_near || !trust_near || !fell;
}

/* What SOAs bring that say more than the Corefile lets stand; 0 or 1. */
static int table_earned(const struct load *l)
{
	struct ideal_count plain[IDEAL_RULES], ideal[IDEAL_RULES], on, trust;
	struct load capped = *l;
	bool is_near, by_name_near;
	uint64_t wrong = 0;

	capped.soa_s = KUBE_NEGATIVE_S;
	ideal_run(plain, &capped);
	ideal_run(ideal, l);
	kube_soa_s = l->soa_s;
	on = run(SHIELD_ON, l, &wrong);
	trust = run(SHIELD_TRUST, l, &wrong);
	head(l);
	row("own denials renewed by their cut, no size limit", &plain[IDEAL_RENEWED]);
	row("and by the other address type's", &ideal[IDEAL_RENEWED]);
	row("node-cache, shield on", &on);
	row("nothing asked below a cut that is not there", &plain[IDEAL_BY_CUT]);
	row("and renewed by the other address type's denial", &ideal[IDEAL_BY_CUT]);
	is_near = row_apart("node-cache, shield trust", &trust, &ideal[IDEAL_BY_CUT]);
	row("if NXDOMAIN spoke for all types", &plain[IDEAL_BY_CUT_AND_NAME]);
	by_name_near = row_apart("node-cache, shield trust, again", &trust, &plain[IDEAL_BY_CUT_AND_NAME]) ||
		       l->warm < SETTLED;
	printf("%s\n", wrong	       ? "FAIL: wrong or missing replies"
		       : !is_near      ? "FAIL: shield trust is not within 3 % of the ideal"
		       : !by_name_near ? "FAIL: nor within 3 % of NXDOMAIN for all types"
				       : "ok: within 3 % of the ideal, every reply right");
	return wrong || !is_near || !by_name_near;
}

int main(int argc, char **argv)
{
	static const struct load settled = {.n = 1500000, .rate = 5000, .seed = 1, .warm = 4500000, .soa_s = KUBE_NEGATIVE_S};
	static const struct load earned = {.n = 1000000, .rate = 10000, .seed = 1, .warm = 1000000, .soa_s = 300};
	struct load l = {.n = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000,
			 .rate = argc > 2 ? strtod(argv[2], NULL) : 10000,
			 .seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1,
			 .warm = argc > 4 ? strtoull(argv[4], NULL, 10) : 0,
			 .soa_s = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : KUBE_NEGATIVE_S};
	int rc;

	if (l.soa_s > KUBE_NEGATIVE_S)
		return table_earned(&l);
	rc = table(&l);
	if (argc > 1)
		return rc;
	printf("\n");
	rc |= table(&settled);
	printf("\n");
	return table_earned(&earned) || rc;
}
