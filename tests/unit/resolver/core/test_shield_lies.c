/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shield before a cluster DNS that lies about empty names and has not always
 * synced (lying_world.h): an hour of questions of all types, in any order, joined,
 * lost, with DO and CD, through reloads. No name that exists is denied but by its
 * own denial, for that denial's time; and the shield does act meanwhile.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "resolver/core/core.h"
#include "tests/fixtures/lying_world.h"

#define ANSWERS_MAX 256
#define ASKED_MAX   4096

struct pending {
	uint64_t t_ns;
	uint32_t id;
	uint16_t len;
	uint8_t msg[512];
};

struct asked { /* what the DNS itself denied last, of a name and type */
	struct name name;
	uint16_t qtype;
	uint64_t sent_ns;
};

struct lookup { /* a client's, by its cookie */
	struct name name;
	uint16_t qtype;
};

struct sim {
	struct core *core;
	struct core_stats *stats;
	struct rng rng;
	uint64_t now_ns, synced_ns; /* when the last bad time is over */
	bool loses, is_stale;
	struct pending pending[ANSWERS_MAX];
	unsigned n_pending;
	struct asked asked[ASKED_MAX];
	unsigned n_asked;
	uint64_t replies, records;
};

static struct asked *asked_of(struct sim *w, const uint8_t *name, uint16_t qtype)
{
	struct asked *a = w->asked;

	for (; a < w->asked + w->n_asked; a++)
		if (a->qtype == qtype && name_eq(a->name.b, name))
			return a;
	cr_assert_lt(w->n_asked++, ASKED_MAX);
	name_copy(&a->name, name);
	a->qtype = qtype;
	return a;
}

static bool is_synced(const struct sim *w)
{
	return w->now_ns >= w->synced_ns;
}

static void on_ask(void *ctx, const struct core_ask *q)
{
	struct sim *w = ctx;
	struct pending p = {.id = q->id};
	unsigned i = w->n_pending;
	enum lying_says says;
	struct name name;
	uint16_t qtype;

	p.len = (uint16_t)lying_reply(q->query, q->len, w->now_ns, is_synced(w), p.msg,
				      sizeof(p.msg), &name, &qtype, &says);
	if (w->loses && rng_below(&w->rng, 100) == 0)
		return;
	if (says == SAYS_NXDOMAIN)
		asked_of(w, name.b, qtype)->sent_ns = w->now_ns;
	cr_assert_lt(w->n_pending, ANSWERS_MAX);
	p.t_ns = w->now_ns + (1 + rng_below(&w->rng, 20)) * NS_PER_MS;
	for (; i > 0 && w->pending[i - 1].t_ns < p.t_ns; i--)
		w->pending[i] = w->pending[i - 1];
	w->pending[i] = p;
	w->n_pending++;
}

static void on_cancel(void *ctx, uint32_t id)
{
	struct sim *w = ctx;

	for (unsigned i = 0; i < w->n_pending; i++)
		if (w->pending[i].id == id) {
			memmove(&w->pending[i], &w->pending[i + 1],
				(w->n_pending - i - 1) * sizeof(w->pending[0]));
			w->n_pending--;
			return;
		}
}

/* A denial of what exists must be the DNS's own of this name and type, from within
 * its time; a question's time is on top, and what is left of a bad time is no lie of
 * ours. */
static void denial_judge(struct sim *w, const struct lookup *l)
{
	const struct asked *a = asked_of(w, l->name.b, l->qtype);
	uint64_t since_ns = a->sent_ns > w->synced_ns ? a->sent_ns : w->synced_ns;
	char text[NAME_MAX_TEXT];

	if (lying_truth(l->name.b, l->qtype, w->now_ns) == SAYS_NXDOMAIN)
		return;
	name_to_text(l->name.b, text, sizeof(text));
	cr_assert(a->sent_ns, "%s type %u exists, was never denied, and yet is", text, l->qtype);
	if (!w->is_stale && is_synced(w))
		cr_assert_leq(w->now_ns - since_ns, (LYING_TTL_S + 2) * NS_PER_S,
			      "%s type %u exists, and was denied %.1f s ago", text, l->qtype,
			      (double)(w->now_ns - since_ns) / 1e9);
}

static void reply_judge(struct sim *w, const struct lookup *l, const uint8_t *b, size_t len)
{
	enum lying_says truth = lying_truth(l->name.b, l->qtype, w->now_ns);
	struct dns_msg m;

	cr_assert_eq(dns_msg_parse(&m, b, len), 0);
	w->replies++;
	if (m.rcode == DNS_NXDOMAIN)
		denial_judge(w, l);
	else if (m.rcode != DNS_NOERROR)
		cr_assert(w->loses, "rcode %u", m.rcode);
	else if (m.h.n_an)
		w->records++;
	else if (truth == SAYS_RECORD)
		cr_assert(lying_row(l->name.b, 0) == NULL, "a name without its records");
}

static struct lookup lookups[1 << 16];

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	reply_judge(ctx, &lookups[c->cookie], bytes, len);
}

static void time_pass(struct sim *w, uint64_t until_ns)
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

static void query(struct sim *w, unsigned n)
{
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_TXT, TYPE_HTTPS};
	struct core_client cl = {.port = 1024, .cookie = n & 0xffff};
	struct lookup *l = &lookups[cl.cookie];
	uint8_t in[512], out[CORE_UDP_MAX];
	size_t len, out_len;
	char text[256];

	lying_draw(&w->rng, text, sizeof(text));
	cr_assert_eq(name_from_text(&l->name, text), 0);
	l->qtype = types[rng_below(&w->rng, 5)];
	if (rng_below(&w->rng, 2))
		l->qtype = DNS_A;
	len = dns_query_build(in, sizeof(in), 1, l->name.b, l->qtype,
			      rng_below(&w->rng, 20) ? DNS_RD : DNS_RD | DNS_CD, 1232,
			      rng_below(&w->rng, 20) == 0, false);
	cl.addr.s6_addr[15] = (uint8_t)rng_below(&w->rng, 50);
	if (core_query(w->core, w->now_ns, &cl, in, len, out, &out_len) == CORE_REPLY)
		reply_judge(w, l, out, out_len);
}

struct setup {
	struct core_listener listener;
	struct core_upstream upstream;
	struct core_forward forward;
	struct core_zone zone[2];
	struct core_conf conf;
};

static void setup_fill(struct setup *s, bool stale)
{
	*s = (struct setup){.listener = {.port = DNS_PORT, .label = "dns://:53"},
			    .upstream = {.port = DNS_PORT, .label = "10.96.0.11:53"}};
	s->upstream.addr.s6_addr[10] = s->upstream.addr.s6_addr[11] = 0xff;
	core_conf_forward_defaults(&s->forward);
	s->forward.n_to = 1;
	for (unsigned i = 0; i < 2; i++) {
		core_conf_zone_defaults(&s->zone[i]);
		s->zone[i].listeners = 1;
		s->zone[i].block = (uint16_t)i;
		s->zone[i].cache.enabled = true;
		s->zone[i].cache.stale_enabled = stale;
		s->zone[i].cache.stale_ns = 3600 * NS_PER_S;
		s->zone[i].cache.prefetch_hits = 3;
		s->zone[i].cache.prefetch_window_ns = 60 * NS_PER_S;
		s->zone[i].cache.prefetch_percent = 20;
		s->zone[i].n_forward = 1;
		s->zone[i].forward = &s->forward;
	}
	name_from_text(&s->zone[0].origin, "cluster.local");
	s->zone[0].is_cluster = true;
	s->conf = (struct core_conf){.n_listeners = 1, .n_zones = 2, .n_upstreams = 1,
				     .listener = &s->listener, .zone = s->zone, .upstream = &s->upstream};
}

static void bad_time(struct sim *w)
{
	w->synced_ns = w->now_ns + rng_below(&w->rng, 8 * NS_PER_S);
}

/* An hour. Returns how many denials were the shield's. */
static uint64_t hour(uint64_t seed, bool loses, bool stale, bool bad_times)
{
	static const struct hash_key key = {1, 2};
	struct sim *w = calloc(1, sizeof(*w));
	struct core_ops ops = {.ctx = w, .reply = on_reply, .ask = on_ask, .cancel = on_cancel};
	struct setup s;
	struct diag d;
	uint64_t made;
	unsigned n = 0;

	cr_assert(w);
	rng_seed(&w->rng, seed);
	w->stats = calloc(1, sizeof(*w->stats));
	w->loses = loses;
	w->is_stale = stale;
	setup_fill(&s, stale);
	cr_assert_eq(core_new(&w->core, &s.conf, &ops, w->stats, &key, seed, &d), 0);
	w->now_ns = NS_PER_S;
	while (w->now_ns < 60 * MINUTE) {
		time_pass(w, w->now_ns + (uint64_t)rng_exp(&w->rng, 100 * NS_PER_MS));
		query(w, n++);
		if (bad_times && rng_below(&w->rng, 5000) == 0)
			bad_time(w);
		if (rng_below(&w->rng, 3000) == 0)
			cr_assert_eq(core_reconfigure(w->core, &s.conf, w->now_ns, &d), 0);
	}
	time_pass(w, w->now_ns + MINUTE);
	cr_assert_eq(w->replies, n, "%llu replies to %u queries", (unsigned long long)w->replies, n);
	cr_assert_gt(w->records, n / 10);
	made = w->stats->shield_synth;
	core_free(w->core);
	free(w->stats);
	free(w);
	return made;
}

Test(shield_lies, names_that_exist_are_never_denied)
{
	cr_assert_gt(hour(1, false, false, false), 500);
}

Test(shield_lies, nor_where_answers_are_lost)
{
	cr_assert_gt(hour(2, true, false, false), 500);
}

Test(shield_lies, nor_where_old_answers_are_served)
{
	cr_assert_gt(hour(3, true, true, false), 500);
}

Test(shield_lies, a_dns_that_has_not_synced_denies_what_it_denied)
{
	cr_assert_gt(hour(4, false, false, true), 500);
}
