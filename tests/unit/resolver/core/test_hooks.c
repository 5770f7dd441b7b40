/* SPDX-License-Identifier: Apache-2.0 */
/* What the hooks of plugins are told of a question: all of it, whoever asks. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/core/core_int.h"
#include "resolver/plugins/plugin.h"

enum { PORT = 5353, CLIENT_PORT = 4242, EDNS_SIZE = 1400, FLAGS = DNS_RD | DNS_AD | DNS_CD };

static struct told {
	const char *hook;
	struct plugin_query q;
	struct core_client client;
	struct dns_edns edns;
	struct name zone;
	uint8_t msg[256];
} told[16];
static unsigned n_told, n_looked;

static void note(const char *hook, const struct plugin_query *q)
{
	struct told *t = &told[n_told++];

	cr_assert_lt(n_told, 16u);
	*t = (struct told){.hook = hook, .q = *q, .edns = *q->edns, .zone = *q->zone};
	if (q->client)
		t->client = *q->client;
	if (q->msg)
		memcpy(t->msg, q->msg, q->msg_len);
}

static enum plugin_verdict spy_arrive(const struct plugin_step *s, struct plugin_query *q, struct wire_out *o, size_t *len)
{
	(void)s;
	cr_assert_eq(o->len, 0u);
	cr_assert_eq(*len, 0u);
	note("arrive", q);
	return PLUGIN_NEXT;
}

static enum plugin_verdict spy_ask(const struct plugin_step *s, struct plugin_query *q, struct wire_out *o, size_t *len)
{
	(void)s;
	(void)len;
	cr_assert_eq(o->len, 0u);
	note("ask", q);
	return PLUGIN_NEXT;
}

static void spy_options(const struct plugin_step *s, const struct plugin_query *q, struct wire_out *o)
{
	(void)s;
	cr_assert_eq(o->len, 0u);
	note("options", q);
}

/* `f.z.` leads elsewhere. */
static size_t spy_answered(const struct plugin_step *s, struct plugin_query *q, uint8_t *msg, size_t len, size_t cap)
{
	(void)s;
	(void)msg;
	(void)cap;
	note("answered", q);
	q->follow_rr = q->name.b[1] == 'f';
	return len;
}

static uint16_t spy_reask(const struct plugin_step *s, const struct plugin_query *q, const uint8_t *msg, size_t len)
{
	(void)s;
	(void)msg;
	(void)len;
	note("reask", q);
	return q->qtype == DNS_AAAA ? DNS_A : 0;
}

static size_t spy_merge(const struct plugin_step *s, const struct plugin_query *q, const uint8_t *first, size_t first_len,
			const uint8_t *second, size_t second_len, uint8_t *out, size_t cap)
{
	(void)s;
	(void)second;
	(void)second_len;
	(void)cap;
	note("merge", q);
	memcpy(out, first, first_len);
	return first_len;
}

static size_t spy_respond(const struct plugin_step *s, const struct plugin_query *q, uint8_t *msg, size_t len, size_t cap)
{
	(void)s;
	(void)msg;
	(void)cap;
	note("respond", q);
	return len;
}

static const struct plugin_ops all_ops = {.name = "spy",
					  .arrive = spy_arrive,
					  .ask = spy_ask,
					  .options = spy_options,
					  .answered = spy_answered,
					  .reask = spy_reask,
					  .merge = spy_merge,
					  .respond = spy_respond};
static const struct plugin_ops arrive_ops = {.name = "spy", .arrive = spy_arrive};
static const struct plugin_step all_hooks = {.ops = &all_ops, .follows = true}, arrives = {.ops = &arrive_ops};
static const struct plugin_step *const steps[3][1] = {{&all_hooks}, {&arrives}, {&all_hooks}};

static struct core *core;
static struct core_stats *stats;
static uint32_t asked_id;
static unsigned n_replies;
static uint8_t query[64];
static size_t query_len;

static void id_note(void *ctx, const struct core_ask *a)
{
	(void)ctx;
	asked_id = a->id;
}

static void reply_note(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	(void)c;
	cr_assert_gt(len, DNS_HEADER_LEN);
	cr_assert_eq(DNS_RCODE(get_be16(b + 2)), DNS_NOERROR);
	n_replies++;
}

/* Zones `z.` and `p.`, which have all hooks, and `y.`, which looks at who arrives. What is
 * asked for in `p.` is kept, and renewed with its first hit. */
static void setup(void)
{
	static const struct hash_key key = {1, 2};
	static const struct core_ops ops = {.ask = id_note, .reply = reply_note};
	static struct core_listener listener = {.port = PORT, .label = "dns://:5353"};
	static struct core_upstream upstream = {.port = 53, .label = "192.0.2.1:53"};
	static const char *const origin[] = {"z.", "y.", "p."};
	static struct core_zone zone[3];
	static struct core_forward f;
	struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 3, .zone = zone, .n_upstreams = 1, .upstream = &upstream};
	struct diag d = {""};

	core_conf_forward_defaults(&f);
	f.n_to = 1;
	f.force_tcp = true;
	for (unsigned i = 0; i < 3; i++) {
		core_conf_zone_defaults(&zone[i]);
		cr_assert_eq(name_from_text(&zone[i].origin, origin[i]), 0);
		zone[i].listeners = 1;
		zone[i].forward = &f;
		zone[i].n_forward = 1;
		zone[i].step = steps[i];
		zone[i].n_steps = 1;
	}
	zone[2].cache.enabled = true;
	zone[2].cache.prefetch_hits = 1;
	zone[2].cache.prefetch_percent = 100;
	stats = calloc(1, sizeof(*stats));
	cr_assert_eq(core_new(&core, &conf, &ops, stats, &key, 1, &d), 0, "%s", d.text);
}

static void teardown(void)
{
	core_free(core);
	free(stats);
}

TestSuite(hooks, .init = setup, .fini = teardown);

static void ask(uint64_t now_ns, const char *spelled, uint16_t qtype)
{
	static uint8_t out[DNS_MSG_MAX];
	struct core_client client = {.port = CLIENT_PORT, .addr.s6_addr = {0xfd, [15] = 9}};
	struct name n;
	size_t len = 0;

	cr_assert_eq(name_from_text(&n, spelled), 0);
	query_len = dns_query_build(query, sizeof(query), 7, n.b, qtype, FLAGS, EDNS_SIZE, false, false);
	n_replies += core_query(core, now_ns, &client, query, query_len, out, &len) == CORE_REPLY;
	core_tick(core, now_ns);
}

enum says { NODATA, ADDRESS, ALIAS };

/* The only upstream answers what it was asked last. */
static void answer(uint64_t now_ns, const char *name, uint16_t qtype, enum says what)
{
	struct dns_header h = {.flags = DNS_QR | DNS_RA, .n_qd = 1, .n_an = what != NODATA};
	struct name n, target;
	struct wire_out o;
	uint8_t msg[256];

	cr_assert_eq(name_from_text(&n, name), 0);
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, n.b, qtype, DNS_IN);
	if (what != NODATA) {
		size_t mark = wire_rr_begin(&o, n.b, what == ALIAS ? DNS_CNAME : DNS_A, DNS_IN, 60);

		cr_assert_eq(name_from_text(&target, "T.y."), 0);
		if (what == ALIAS)
			wire_put_name(&o, target.b);
		else
			wire_put_bytes(&o, "\300\0\2\1", 4);
		wire_rr_end(&o, mark);
	}
	cr_assert(core_answer(core, now_ns, asked_id, msg, o.len));
	core_tick(core, now_ns);
}

enum whose { OF_CLIENT, OF_CORE, TO_UPSTREAM, CORE_TO_UPSTREAM };

static void expect(const char *hook, uint64_t now_ns, const char *name, uint16_t qtype, const char *zone, enum whose whose)
{
	const struct told *t = &told[n_looked++];
	const struct plugin_query *q = &t->q;
	bool is_client = whose == OF_CLIENT || whose == TO_UPSTREAM;
	bool is_sent = whose == TO_UPSTREAM || whose == CORE_TO_UPSTREAM;
	static const uint64_t zeros[4];
	struct name want, origin;

	cr_assert_leq(n_looked, n_told, "%s was not called", hook);
	cr_assert_str_eq(t->hook, hook);
	cr_assert_eq(name_from_text(&want, name), 0);
	cr_assert_eq(name_from_text(&origin, zone), 0);
	cr_expect_eq(q->name.len, want.len, "%s", hook);
	cr_expect_arr_eq(q->name.b, want.b, want.len, "%s", hook);
	cr_expect_eq(q->qtype, qtype, "%s", hook);
	cr_expect_eq(q->qclass, DNS_IN, "%s", hook);
	cr_expect_eq(t->zone.len, origin.len, "%s", hook);
	cr_expect_arr_eq(t->zone.b, origin.b, origin.len, "%s", hook);
	cr_expect_eq(q->now_ns, is_sent ? 0 : now_ns, "%s: %lu", hook, (unsigned long)q->now_ns);
	cr_expect_eq(q->flags, whose == OF_CLIENT ? FLAGS : DNS_RD, "%s: %x", hook, q->flags);
	cr_expect_eq(q->server_port, whose == TO_UPSTREAM ? PORT : 0, "%s", hook);
	cr_expect_eq(q->client != NULL, is_client, "%s", hook);
	cr_expect_eq(t->client.port, is_client ? CLIENT_PORT : 0, "%s", hook);
	cr_expect_eq(t->edns.present, is_client, "%s", hook);
	cr_expect_eq(t->edns.udp_size, is_client ? EDNS_SIZE : 0, "%s", hook);
	cr_expect_eq(q->msg_len, whose == OF_CLIENT ? query_len : 0, "%s", hook);
	cr_expect_eq(q->msg != NULL, whose == OF_CLIENT, "%s", hook);
	cr_expect_arr_eq(t->msg, query, q->msg_len, "%s", hook);
	cr_expect_arr_eq(q->scratch, zeros, sizeof(zeros), "%s", hook);
	cr_expect(!q->has_ede && !q->ede_text && !q->follow_rr && !q->n_events, "%s", hook);
}

/* A query whose reply is made of two answers. */
Test(hooks, each_is_told_all_of_the_question)
{
	ask(NS_PER_S, "Ab.z.", DNS_AAAA);
	expect("arrive", NS_PER_S, "ab.z.", DNS_AAAA, "z.", OF_CLIENT);
	expect("ask", NS_PER_S, "ab.z.", DNS_AAAA, "z.", OF_CLIENT);
	expect("options", NS_PER_S, "ab.z.", DNS_AAAA, "z.", TO_UPSTREAM);
	answer(NS_PER_S + 1, "ab.z.", DNS_AAAA, NODATA);
	expect("answered", NS_PER_S + 1, "ab.z.", DNS_AAAA, "z.", OF_CORE);
	expect("reask", NS_PER_S + 1, "ab.z.", DNS_AAAA, "z.", OF_CLIENT);
	expect("arrive", NS_PER_S + 1, "ab.z.", DNS_A, "z.", OF_CLIENT);
	expect("ask", NS_PER_S + 1, "ab.z.", DNS_A, "z.", OF_CORE);
	expect("options", NS_PER_S + 1, "ab.z.", DNS_A, "z.", TO_UPSTREAM);
	cr_assert_eq(n_replies, 0u);
	answer(NS_PER_S + 2, "ab.z.", DNS_A, NODATA);
	expect("answered", NS_PER_S + 2, "ab.z.", DNS_A, "z.", OF_CORE);
	expect("merge", NS_PER_S + 2, "ab.z.", DNS_AAAA, "z.", OF_CLIENT);
	expect("respond", NS_PER_S + 2, "ab.z.", DNS_AAAA, "z.", OF_CLIENT);
	cr_expect_eq(n_looked, n_told);
	cr_expect_eq(n_replies, 1u);
}

/* What an alias leads to is told in its own zone. */
Test(hooks, a_target_arrives_where_it_lies)
{
	ask(NS_PER_S, "F.z.", DNS_A);
	answer(NS_PER_S + 1, "f.z.", DNS_A, ALIAS);
	answer(NS_PER_S + 2, "t.y.", DNS_A, NODATA);
	expect("arrive", NS_PER_S, "f.z.", DNS_A, "z.", OF_CLIENT);
	expect("ask", NS_PER_S, "f.z.", DNS_A, "z.", OF_CLIENT);
	expect("options", NS_PER_S, "f.z.", DNS_A, "z.", TO_UPSTREAM);
	expect("answered", NS_PER_S + 1, "f.z.", DNS_A, "z.", OF_CORE);
	expect("arrive", NS_PER_S + 2, "t.y.", DNS_A, "y.", OF_CLIENT);
	expect("reask", NS_PER_S + 2, "f.z.", DNS_A, "z.", OF_CLIENT);
	expect("respond", NS_PER_S + 2, "f.z.", DNS_A, "z.", OF_CLIENT);
	cr_expect_eq(n_looked, n_told);
	cr_expect_eq(n_replies, 1u);
}

/* A renewal is the core's own question: it has no client. */
Test(hooks, a_renewal_is_nobody_s)
{
	ask(NS_PER_S, "a.p.", DNS_A);
	answer(NS_PER_S, "a.p.", DNS_A, ADDRESS);
	cr_assert_eq(n_replies, 1u);
	n_looked = n_told;
	ask(2 * NS_PER_S, "a.p.", DNS_A);
	cr_assert_eq(n_replies, 2u);
	expect("arrive", 2 * NS_PER_S, "a.p.", DNS_A, "p.", OF_CLIENT);
	expect("reask", 2 * NS_PER_S, "a.p.", DNS_A, "p.", OF_CLIENT);
	expect("respond", 2 * NS_PER_S, "a.p.", DNS_A, "p.", OF_CLIENT);
	expect("ask", 2 * NS_PER_S, "a.p.", DNS_A, "p.", OF_CORE);
	expect("options", 2 * NS_PER_S, "a.p.", DNS_A, "p.", CORE_TO_UPSTREAM);
	answer(3 * NS_PER_S, "a.p.", DNS_A, ADDRESS);
	expect("answered", 3 * NS_PER_S, "a.p.", DNS_A, "p.", OF_CORE);
	cr_expect_eq(n_looked, n_told);
	cr_expect_eq(n_replies, 2u);
}
