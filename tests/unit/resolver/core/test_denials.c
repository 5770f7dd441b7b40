/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A denial speaks for what was asked, as a property: an upstream that denies some
 * types of some names that exist, in several ways that are met, and random
 * questions, in any order, joined, stored, expired, stale, prefetched, across
 * reloads. Whatever the core replies is what the upstream says of exactly that
 * question; so no type that exists is ever denied. The world does not change, so
 * an old answer is as good as a new one. Where it does (names come and go, and an
 * honest server begins to lie), nothing is denied but what the upstream itself
 * denied for this type within the time that it said itself.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "tests/fixtures/corefile_util.h"

#define PENDING_MAX 2048
#define REPLY_MAX   512
#define NAMES	    48u
#define STEPS	    20000u
#define TTL_S	    6u
#define NEGATIVE_S  60u /* the Corefiles keep denials for less */

static const char *const domains[] = {"example.", "alias.test.", "ns1.svc.cluster.local.",
				      "cluster.local."};
enum { DOMAINS = sizeof(domains) / sizeof(domains[0]) };
static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_HTTPS, DNS_TXT};
enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

/* --- what the upstream says --- */

enum liar { HONEST, DENIES_ALL, DENIES_SOME };
enum verdict { SAYS_RECORD, SAYS_NODATA, SAYS_NXDOMAIN };

struct test_world {
	const char *corefile;
	enum liar liar;
	uint16_t denied; /* the type it lies about */
	bool has_soa;	 /* in a denial that is a lie */
	bool changes;	 /* names come and go, and lying begins halfway */
	uint64_t now_ns;
	uint64_t denied_ns[NAMES][DOMAINS][N_TYPES]; /* until when the upstream said so */
};
#define CHANGE_NS (45 * NS_PER_S)
#define HALFWAY_NS (300 * NS_PER_S)

/* A name's number is in its first label; which types it has follows from that. */
static bool has_type(unsigned i, uint16_t qtype)
{
	static const uint8_t of[8] = {1 | 2, 1, 2, 0, 4 | 1, 2 | 8, 1 | 2 | 4 | 8, 0};
	uint8_t bits = of[i % 8];

	return (qtype == DNS_A && bits & 1) || (qtype == DNS_AAAA && bits & 2) ||
	       (qtype == DNS_HTTPS && bits & 4) || (qtype == DNS_TXT && bits & 8);
}

static bool is_there(unsigned i)
{
	return i % 8 != 3 && i % 8 != 7;
}

/* Labels "n<i>" below a domain, and "l<i>", an empty name above one. Others are
 * empty and exist. */
static bool number_of(const uint8_t *name, unsigned *ret)
{
	char label[64];

	memcpy(label, name + 1, name[0]);
	label[name[0]] = 0;
	return (label[0] == 'n' || label[0] == 'l') && sscanf(label + 1, "%u", ret) == 1;
}

static uint64_t *denied_until(struct test_world *t, const uint8_t *name, uint16_t qtype)
{
	unsigned i = 0, d = 0, k = 0;
	struct name domain;

	if (!number_of(name, &i))
		return NULL;
	for (; d < DOMAINS; d++) {
		cr_assert_eq(name_from_text(&domain, domains[d]), 0);
		if (name_eq(name_parent(name), domain.b))
			break;
	}
	while (k < N_TYPES && types[k] != qtype)
		k++;
	return d < DOMAINS && k < N_TYPES ? &t->denied_ns[i][d][k] : NULL;
}

static enum verdict says(const struct test_world *t, const uint8_t *name, uint16_t qtype)
{
	unsigned i = 0;

	if (!number_of(name, &i))
		return SAYS_NODATA;
	if (t->changes)
		i += (unsigned)(t->now_ns / CHANGE_NS);
	if (t->changes && t->now_ns < HALFWAY_NS) {
		if (!is_there(i))
			return SAYS_NXDOMAIN;
		return name[1] == 'n' && has_type(i, qtype) ? SAYS_RECORD : SAYS_NODATA;
	}
	if (qtype == t->denied && (t->liar == DENIES_ALL || (t->liar == DENIES_SOME && i % 5 < 2)))
		return SAYS_NXDOMAIN;
	if (!is_there(i))
		return SAYS_NXDOMAIN;
	return name[1] == 'n' && has_type(i, qtype) ? SAYS_RECORD : SAYS_NODATA;
}

/* What a client is told: with dns64 an address that is made. */
static enum verdict expects(const struct test_world *t, const uint8_t *name, uint16_t qtype)
{
	enum verdict v = says(t, name, qtype);

	return strstr(t->corefile, "dns64") && qtype == DNS_AAAA && v != SAYS_RECORD &&
			       says(t, name, DNS_A) == SAYS_RECORD
		       ? SAYS_RECORD
		       : v;
}

static void put_data(struct wire_out *o, uint16_t qtype)
{
	static const uint8_t data[16] = {0x20, 1, 0xd, 0xb8, 1};
	static const uint8_t https[] = {0, 1, 0}, txt[] = {1, 'x'};

	switch (qtype) {
	case DNS_A:
		wire_put_bytes(o, data, 4);
		break;
	case DNS_AAAA:
		wire_put_bytes(o, data, 16);
		break;
	case DNS_HTTPS:
		wire_put_bytes(o, https, sizeof(https));
		break;
	default:
		wire_put_bytes(o, txt, sizeof(txt));
	}
}

static void put_soa(struct wire_out *o, const uint8_t *name)
{
	const uint8_t *apex = name_tail(name, 1);
	size_t mark = wire_rr_begin(o, apex, DNS_SOA, DNS_IN, NEGATIVE_S);

	wire_put_name(o, apex);
	wire_put_name(o, apex);
	for (int i = 0; i < 5; i++)
		wire_put_u32(o, NEGATIVE_S);
	wire_rr_end(o, mark);
}

static size_t answer_make(const struct test_world *t, const uint8_t *q, size_t len, uint8_t *out)
{
	struct dns_header h = {.n_qd = 1};
	struct dns_msg m;
	struct name name;
	struct wire_out o;
	enum verdict v;

	cr_assert_eq(dns_msg_parse(&m, q, len), 0);
	name.len = (uint8_t)name_lower(name.b, m.q.name);
	v = says(t, name.b, m.q.qtype);
	h.id = m.h.id;
	h.flags = (uint16_t)(DNS_QR | DNS_RD | DNS_RA | (v == SAYS_NXDOMAIN ? DNS_NXDOMAIN : 0));
	h.n_an = v == SAYS_RECORD;
	h.n_ns = v != SAYS_RECORD && (t->has_soa || m.q.qtype != t->denied);
	wire_out_init(&o, out, REPLY_MAX);
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	if (h.n_an) {
		size_t mark = wire_rr_begin(&o, m.q.name, m.q.qtype, DNS_IN, TTL_S);

		put_data(&o, m.q.qtype);
		wire_rr_end(&o, mark);
	}
	if (h.n_ns)
		put_soa(&o, name.b);
	cr_assert_eq(o.err, 0);
	return o.len;
}

/* --- the driver --- */

struct pending { /* an answer on its way */
	uint64_t t_ns;
	uint32_t id;
	size_t len;
	uint8_t msg[REPLY_MAX];
};

struct driver {
	struct test_world *t;
	struct core *core;
	struct rng rng;
	uint64_t now_ns;
	struct pending pending[PENDING_MAX];
	size_t n_pending;
	uint64_t n_asked, n_replies, n_queries, n_denied;
};

/* It holds from when it comes on, for as long as its SOA says. */
static void denial_note(struct driver *d, const struct core_ask *a, const struct pending *p)
{
	struct dns_msg q, m;
	struct name name;
	uint64_t *until;

	cr_assert_eq(dns_msg_parse(&q, a->query, a->len), 0);
	cr_assert_eq(dns_msg_parse(&m, p->msg, p->len), 0);
	name_lower(name.b, q.q.name);
	until = denied_until(d->t, name.b, q.q.qtype);
	if (until && m.rcode == DNS_NXDOMAIN)
		*until = p->t_ns + (m.h.n_ns ? NEGATIVE_S : 0) * NS_PER_S + NS_PER_S;
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct driver *d = ctx;
	struct pending *p = &d->pending[d->n_pending++];

	cr_assert_lt(d->n_pending, PENDING_MAX);
	d->n_asked++;
	d->t->now_ns = d->now_ns;
	p->id = a->id;
	p->len = answer_make(d->t, a->query, a->len, p->msg);
	p->t_ns = d->now_ns + rng_below(&d->rng, 30 * NS_PER_MS);
	denial_note(d, a, p);
}

static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}

/* The reply is what the upstream says of this question. */
static void reply_check(struct driver *d, uint64_t cookie, const uint8_t *b, size_t len)
{
	enum verdict want = (enum verdict)(cookie & 3);
	struct dns_msg m;
	char name[NAME_MAX_TEXT];

	cr_assert_eq(dns_msg_parse(&m, b, len), 0);
	name_to_text(m.q.name, name, sizeof(name));
	d->n_replies++;
	d->n_denied += m.rcode == DNS_NXDOMAIN;
	if (d->t->changes) {
		uint8_t lower[NAME_MAX_WIRE];
		uint64_t *until;

		name_lower(lower, m.q.name);
		until = denied_until(d->t, lower, m.q.qtype);
		cr_assert(m.rcode != DNS_NXDOMAIN || !until || d->now_ns <= *until,
			  "%s type %u is denied %lu ms after its own denial", name, m.q.qtype,
			  (unsigned long)((d->now_ns - *until) / NS_PER_MS));
		return;
	}
	cr_assert_eq(m.rcode, want == SAYS_NXDOMAIN ? DNS_NXDOMAIN : DNS_NOERROR,
		     "%s type %u: rcode %u", name, m.q.qtype, m.rcode);
	cr_assert_eq(m.h.n_an > 0, want == SAYS_RECORD, "%s type %u: %u records", name, m.q.qtype,
		     m.h.n_an);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	reply_check(ctx, c->cookie, b, len);
}

/* What is due by `until_ns`: answers and the core's own deadlines, in order. */
static void time_pass(struct driver *d, uint64_t until_ns)
{
	for (;;) {
		uint64_t tick_ns = core_deadline(d->core), answer_ns = T_NEVER;
		size_t next = 0;
		struct pending p;

		for (size_t i = 0; i < d->n_pending; i++) {
			if (d->pending[i].t_ns < answer_ns) {
				answer_ns = d->pending[i].t_ns;
				next = i;
			}
		}
		if (tick_ns > until_ns && answer_ns > until_ns)
			break;
		if (tick_ns <= answer_ns) {
			d->now_ns = tick_ns > d->now_ns ? tick_ns : d->now_ns;
			core_tick(d->core, d->now_ns);
			continue;
		}
		p = d->pending[next];
		d->pending[next] = d->pending[--d->n_pending];
		d->now_ns = p.t_ns;
		core_answer(d->core, d->now_ns, p.id, p.msg, p.len);
	}
	d->now_ns = until_ns;
}

static void query(struct driver *d, const char *text, uint16_t qtype)
{
	struct core_client cl = {.port = 1024, .local = addr_of("10.0.0.9"), .addr = addr_of("10.0.0.7")};
	uint8_t in[512], out[CORE_UDP_MAX];
	struct name name, asked;
	size_t len, out_len;
	char *alias;

	cr_assert_eq(name_from_text(&name, text), 0);
	asked = name;
	alias = strstr(text, "alias.test.");
	if (alias) { /* what the Corefile makes of it */
		char renamed[64];

		snprintf(renamed, sizeof(renamed), "%.*sexample.", (int)(alias - text), text);
		cr_assert_eq(name_from_text(&asked, renamed), 0);
	}
	cl.cookie = expects(d->t, asked.b, qtype);
	len = dns_query_build(in, sizeof(in), 1, name.b, qtype, DNS_RD, 1232, rng_below(&d->rng, 8) == 0,
			      false);
	d->n_queries++;
	if (core_query(d->core, d->now_ns, &cl, in, len, out, &out_len) == CORE_REPLY)
		reply_check(d, cl.cookie, out, out_len);
}

/* A lookup as a stub does it: all types it wants at once, in any order. */
static void lookup(struct driver *d)
{
	unsigned i = (unsigned)rng_below(&d->rng, NAMES), n = 1 + (unsigned)rng_below(&d->rng, 3);
	unsigned first = (unsigned)rng_below(&d->rng, N_TYPES);
	unsigned where = (unsigned)rng_below(&d->rng, 5);
	char text[64];

	if (where < 4)
		snprintf(text, sizeof(text), "n%u.%s", i, domains[where]);
	else
		snprintf(text, sizeof(text), "n%u.l%u.cluster.local.", i, i);
	for (unsigned k = 0; k < n; k++) {
		query(d, text, types[(first + k * 3) % N_TYPES]);
		if (rng_below(&d->rng, 2))
			time_pass(d, d->now_ns + rng_below(&d->rng, 40 * NS_PER_MS));
	}
}

/* What an honest upstream saves it has earned; a liar has not, or lost it. */
static void trust_check(const struct test_world *t, const struct core_stats *s)
{
	bool of_addresses = t->denied == DNS_A || t->denied == DNS_AAAA;
	bool lies = t->liar != HONEST && of_addresses;

	if (lies)
		cr_assert_geq(s->denials_contradicted, 1u);
	if (t->changes) /* a name that goes between two answers is taken for a lie */
		return;
	if (!lies)
		cr_assert_eq(s->denials_contradicted, 0u);
	if (lies)
		cr_assert_eq(s->denials_renewed, 0u);
	else if ((t->has_soa || !of_addresses) && !strstr(t->corefile, "rewrite") &&
		 !strstr(t->corefile, "stale"))
		cr_assert_gt(s->denials_renewed, 100u);
}

static void run(struct test_world *t, uint64_t seed)
{
	static const struct hash_key key = {3, 4};
	struct driver *d = calloc(1, sizeof(*d));
	struct core_stats *stats = calloc(1, sizeof(*stats));
	struct corefile_plan *plan = plan_of(t->corefile);
	struct core_ops ops = {.ctx = d, .reply = on_reply, .ask = on_ask, .cancel = on_cancel};
	uint64_t renewed = 0;
	struct diag why;

	cr_assert(d && stats);
	d->t = t;
	d->now_ns = NS_PER_S;
	rng_seed(&d->rng, seed);
	cr_assert_eq(core_new(&d->core, &plan->conf, &ops, stats, &key, seed, &why), 0, "%s", why.text);
	for (unsigned i = 0; i < STEPS; i++) {
		lookup(d);
		if (d->now_ns < HALFWAY_NS + 100 * NS_PER_S) /* found out by then */
			renewed = stats->denials_renewed;
		if (rng_below(&d->rng, 3) == 0)
			time_pass(d, d->now_ns + rng_below(&d->rng, 100 * NS_PER_MS));
		if (rng_below(&d->rng, 300) == 0)
			time_pass(d, d->now_ns + rng_below(&d->rng, 8 * NS_PER_S));
		if (!t->changes && rng_below(&d->rng, 5000) == 0)
			cr_assert_eq(core_reconfigure(d->core, &plan->conf, d->now_ns, &why), 0);
	}
	time_pass(d, d->now_ns + 10 * NS_PER_S);
	cr_assert_eq(d->n_replies, d->n_queries);
	cr_assert_gt(d->n_denied, STEPS / 8);
	trust_check(t, stats);
	if (t->changes)
		cr_assert_eq(stats->denials_renewed, renewed);
	core_free(d->core);
	corefile_plan_free(plan);
	free(stats);
	free(d);
}

static const char *const corefiles[] = {
	/* stored, joined, expired: as the manifest has it */
	". {\n cache 30 {\n denial 9984 5\n }\n forward . 10.0.0.1\n}\n",
	/* stale and prefetched, a small cache */
	". {\n cache {\n success 100 30\n denial 100 5\n prefetch 2 1m 50%\n"
	" serve_stale 1h immediate\n }\n forward . 10.0.0.1\n}\n",
	". {\n cache {\n denial 9984 5\n serve_stale 1h verify 5ms\n }\n forward . 10.0.0.1\n}\n",
	/* through a rewrite, beside the cluster's zone */
	"cluster.local {\n cache {\n denial 9984 5\n }\n search_path {\n cluster\n }\n forward . 10.0.0.1\n}\n"
	". {\n rewrite name suffix .alias.test. .example. answer auto\n cache 30 {\n denial 9984 5\n }\n forward . 10.0.0.1\n}\n",
	/* addresses made from A where there is no IPv4 */
	". {\n dns64 {\n allow_ipv4\n }\n cache 30 {\n denial 9984 5\n }\n forward . 10.0.0.1\n}\n",
};

static void run_all(enum liar liar)
{
	for (size_t f = 0; f < sizeof(corefiles) / sizeof(corefiles[0]); f++) {
		for (unsigned k = 0; k < N_TYPES - 1u; k++) {
			for (int soa = 0; soa < 2; soa++) {
				struct test_world t = {.corefile = corefiles[f], .liar = liar,
						       .denied = types[k], .has_soa = soa};

				run(&t, 1 + f * 10 + k);
			}
		}
	}
}

Test(denials, of_one_type_for_all_names)
{
	run_all(DENIES_ALL);
}

Test(denials, of_one_type_for_some_names)
{
	run_all(DENIES_SOME);
}

Test(denials, by_an_honest_upstream)
{
	run_all(HONEST);
}

/* Names come and go, and a server that was honest for long begins to lie. */
Test(denials, hold_no_longer_than_their_own_upstream_said)
{
	for (unsigned k = 0; k < 2; k++) { /* A, AAAA */
		for (int soa = 0; soa < 2; soa++) {
			static struct test_world t;

			t = (struct test_world){.corefile = corefiles[0], .liar = DENIES_SOME,
					       .denied = types[k], .has_soa = soa, .changes = true};

			run(&t, 70 + k);
		}
	}
}
