/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that cannot be is refused, and the core goes on with what it has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core_int.h"
#include "resolver/plugins/plugin.h"

static struct core *core;
static struct core_stats *stats;
static struct core_listener listener = {.port = 53, .label = "dns://:53"};
static struct core_zone zone;
static struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 1, .zone = &zone};

static void setup(void)
{
	static const struct hash_key key = {1, 2};
	struct diag d;

	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	stats = calloc(1, sizeof(*stats));
	cr_assert_eq(core_new(&core, &conf, &(struct core_ops){0}, stats, &key, 1, &d), 0, "%s", d.text);
}

static void teardown(void)
{
	core_free(core);
	free(stats);
}

TestSuite(reconfigure, .init = setup, .fini = teardown);

/* Nothing is forwarded: the answer is SERVFAIL, by the zone. */
static void zone_answers(void)
{
	static const uint8_t query[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = 1024};
	uint64_t before = stats->server[0].request_size[0].n;
	size_t len = 0;

	cr_assert_eq(core_query(core, NS_PER_S, &c, query, sizeof(query), out, &len), CORE_WAIT);
	core_check(core);
	cr_assert_eq(stats->server[0].request_size[0].n, before + 1);
}

Test(reconfigure, without_a_zone_or_a_listener_is_refused)
{
	struct core_conf none = conf;
	struct diag d = {""};

	none.n_zones = 0;
	cr_assert_eq(core_reconfigure(core, &none, NS_PER_S, &d), ERR_RANGE);
	zone_answers();
	none = conf;
	none.n_listeners = 0;
	cr_assert_eq(core_reconfigure(core, &none, NS_PER_S, &d), ERR_RANGE);
	zone_answers();
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	zone_answers();
}

/* What is under way is none any more at once: gauges do not wait for the next tick. */
Test(reconfigure, gauges_are_of_now)
{
	struct diag d;

	zone_answers();
	clients_gauge(core);
	cr_expect_eq(stats->inflight, 1);
	cr_expect_eq(stats->waiters, 1);
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	cr_expect_eq(stats->inflight, 0);
	cr_expect_eq(stats->waiters, 1);
}

/* Tables that no zone needs are not made, by whatever way. */
Test(reconfigure, what_nobody_needs_is_not_there)
{
	struct diag d;

	cr_expect_null(core->path);
	cr_expect_null(core->follow);
	zone.autopath = true;
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	cr_expect_not_null(core->path);
	cr_expect_null(core->follow);
	zone.autopath = false;
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	cr_expect_null(core->path);
	cr_expect_null(core->follow);
}

/* However a zone is spelled, its names are found. */
Test(reconfigure, zones_are_spelled_as_anybody_likes)
{
	static const uint8_t query[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 2, 'i', 'n', 0, 0, 1, 0, 1};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = 1024};
	size_t len = 0;
	struct diag d;

	cr_assert_eq(name_from_text(&zone.origin, "iN"), 0);
	zone.origin.b[1] = 'I';
	cr_assert_eq(core_reconfigure(core, &conf, NS_PER_S, &d), 0);
	cr_expect_eq(core_query(core, NS_PER_S, &c, query, sizeof(query), out, &len), CORE_WAIT, "not refused");
	zone.origin = (struct name){.len = 1};
}

/* As many as can be: 0, and it answers; one more: words, and all is as before. */
static void refused(const struct core_conf *with, const char *words)
{
	static const struct hash_key key = {1, 2};
	struct core_stats *st = calloc(1, sizeof(*st));
	struct core *none = NULL;
	struct diag d = {""};

	cr_assert_eq(core_reconfigure(core, with, NS_PER_S, &d), ERR_RANGE);
	cr_assert(strstr(d.text, words), "'%s'", d.text);
	zone_answers();
	d.text[0] = 0;
	cr_assert_eq(core_new(&none, with, &(struct core_ops){0}, st, &key, 1, &d), ERR_RANGE);
	cr_assert(strstr(d.text, words), "'%s'", d.text);
	free(st);
}

static void taken(const struct core_conf *with)
{
	struct diag d = {""};

	cr_assert_eq(core_reconfigure(core, with, NS_PER_S, &d), 0, "%s", d.text);
	core_check(core);
}

Test(reconfigure, limits_hold_to_the_last_one)
{
	static struct core_listener listeners[CORE_LISTENERS_MAX + 1];
	static struct core_upstream upstreams[CORE_UPSTREAMS_MAX + 1];
	static struct core_zone zones[CORE_ZONES_MAX + 1];
	struct core_conf many = conf;
	char text[16];

	for (unsigned i = 0; i <= CORE_LISTENERS_MAX; i++)
		listeners[i] = (struct core_listener){.port = (uint16_t)(i + 1), .label = "dns://:53"};
	for (unsigned i = 0; i <= CORE_UPSTREAMS_MAX; i++)
		upstreams[i] = (struct core_upstream){.port = (uint16_t)(i + 1), .label = "x:1"};
	for (unsigned i = 0; i <= CORE_ZONES_MAX; i++) {
		core_conf_zone_defaults(&zones[i]);
		zones[i].listeners = 1;
		snprintf(text, sizeof(text), "z%u.example", i);
		cr_assert_eq(name_from_text(&zones[i].origin, i ? text : "."), 0);
	}
	many.listener = listeners;
	many.n_listeners = CORE_LISTENERS_MAX;
	taken(&many);
	many.n_listeners++;
	refused(&many, "at most 64 listeners");
	many = conf;
	many.upstream = upstreams;
	many.n_upstreams = CORE_UPSTREAMS_MAX;
	taken(&many);
	many.n_upstreams++;
	refused(&many, "256 upstreams");
	many = conf;
	many.zone = zones;
	many.n_zones = CORE_ZONES_MAX;
	taken(&many);
	many.n_zones++;
	refused(&many, "256 zones");
}

/* The first and the last of each are looked at. */
Test(reconfigure, a_forward_names_upstreams_that_are_there)
{
	struct core_upstream upstream[2] = {{.port = 1, .label = "a:1"}, {.port = 2, .label = "b:2"}};
	struct core_forward f[2];
	struct core_zone z[2] = {zone, zone};
	struct core_conf with = conf;

	with.zone = z;
	with.n_zones = 2;
	with.upstream = upstream;
	with.n_upstreams = 2;
	cr_assert_eq(name_from_text(&z[1].origin, "b.example"), 0);
	for (unsigned i = 0; i < 2; i++) {
		core_conf_forward_defaults(&f[i]);
		f[i].n_to = 2;
		f[i].to[1] = 1;
	}
	for (unsigned at = 0; at < 2; at++) {
		z[0].n_forward = z[1].n_forward = 0;
		z[at].forward = f;
		z[at].n_forward = 2;
		taken(&with);
		for (unsigned i = 0; i < 4; i++) {
			f[i / 2].to[i % 2] = 2;
			refused(&with, at ? "zone b.example.: forward to an upstream that is not there" :
					    "zone .: forward to an upstream that is not there");
			f[i / 2].to[i % 2] = (uint16_t)(i % 2);
		}
		f[1].n_to = CORE_FORWARD_TO_MAX;
		memset(f[1].to, 0, sizeof(f[1].to));
		taken(&with);
		f[1].n_to++;
		refused(&with, "forward takes at most 15 targets");
		f[1].n_to = 2;
		f[1].to[1] = 1;
		taken(&conf);
	}
}

/* --- what is counted under names --- */

/* Counters go on under the same names; what finds no row any more shares the last one. */
Test(reconfigure, rows_of_counters_have_an_end)
{
	struct core_upstream upstream = {.port = 1};
	struct core_conf with = conf;
	char label[32], zones[32];

	with.upstream = &upstream;
	with.n_upstreams = 1;
	for (unsigned i = 0; i < STATS_SERVERS_MAX; i++) {
		unsigned row = 1 + 2 * i; /* each has one for what is dropped as well; setup's had none for its zones */

		snprintf(label, sizeof(label), "x%u:1", i);
		snprintf(zones, sizeof(zones), "z%u", i);
		upstream.label = label;
		listener.label = label;
		zone.label_zones = zones;
		for (int again = 0; again < 2; again++) {
			taken(&with);
			cr_expect_eq(stats->upstream_row[0], i < CORE_UPSTREAMS_MAX ? i : CORE_UPSTREAMS_MAX - 1);
			cr_expect_eq(stats->server_row[0][0], row + 1 < STATS_SERVERS_MAX ? row + 1 : STATS_SERVERS_MAX - 1);
			cr_expect_eq(stats->server_row[0][CORE_ZONES_MAX], row + 2 < STATS_SERVERS_MAX ? row + 2 : STATS_SERVERS_MAX - 1);
		}
		if (i < CORE_UPSTREAMS_MAX)
			cr_expect_str_eq(stats->upstream[i].to, label);
		if (row + 1 < STATS_SERVERS_MAX) {
			const struct stats_server *r = &stats->server[row + 1];

			cr_expect_str_eq(r->server, label);
			cr_expect_str_eq(r->zone, ".");
			cr_expect_str_eq(r->zones, zones);
			cr_expect_eq(r->block, i + 2 < STATS_BLOCKS_MAX ? i + 2 : 0, "%u has %u", i, r->block);
		}
	}
	cr_expect_eq(stats->n_upstreams, CORE_UPSTREAMS_MAX);
	cr_expect_eq(stats->n_servers, STATS_SERVERS_MAX);
	cr_expect_eq(stats->n_blocks, STATS_BLOCKS_MAX);
	upstream.label = "x3:1"; /* an old name has its old row */
	taken(&with);
	cr_expect_eq(stats->upstream_row[0], 3);
}

/* --- what is known of upstreams --- */

static uint8_t cookie[2][8];

static void ask_note(void *ctx, const struct core_ask *a)
{
	struct dns_msg m;
	uint16_t len = 0;
	const uint8_t *c;

	(void)ctx;
	cr_assert_eq(dns_msg_parse(&m, a->query, a->len), 0);
	c = dns_edns_option(&m.edns, EDNS_COOKIE, &len);
	cr_assert(c && len == 8);
	memcpy(cookie[a->upstream], c, 8);
}
static void cancel_note(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}
static void reply_note(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	(void)c;
	(void)b;
	(void)len;
}

/* One question to each of two. */
static void cookies_see(struct core *c, uint64_t now_ns)
{
	static uint8_t out[DNS_MSG_MAX];
	uint8_t q[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 1, 'z', 0, 0, 1, 0, 1};
	struct core_client client = {.port = 1024};
	size_t len = 0;

	memset(cookie, 0, sizeof(cookie));
	for (unsigned i = 0; i < 2; i++) {
		q[13] = (uint8_t)('a' + now_ns / NS_PER_S);
		q[15] = (uint8_t)(i ? 'b' : 'z');
		cr_assert_eq(core_query(c, now_ns, &client, q, sizeof(q), out, &len), CORE_WAIT);
	}
	core_tick(c, now_ns);
}

/* Our cookie towards one upstream tells nobody that another one hears from us too (RFC 7873);
 * it is an address and a port that are one. */
Test(reconfigure, a_cookie_is_one_upstream_s)
{
	static const struct hash_key key = {3, 4};
	static const uint8_t none[8];
	struct core_upstream upstream[2] = {{.port = 1, .label = "a:1"}, {.port = 2, .label = "a:2"}}, swapped[2] = {upstream[1], upstream[0]};
	const struct core_ops ops = {.ask = ask_note, .cancel = cancel_note, .reply = reply_note};
	struct core_forward f[2];
	struct core_zone z[2] = {zone, zone};
	struct core_conf with = conf;
	struct core_stats *st = calloc(1, sizeof(*st));
	struct core *c = NULL;
	struct diag d = {""};
	uint8_t first[2][8];
	uint64_t soon_ns = NS_PER_S + 100 * NS_PER_MS; /* before who has not answered is probed */

	cr_assert_eq(name_from_text(&z[1].origin, "b"), 0);
	for (unsigned i = 0; i < 2; i++) {
		core_conf_forward_defaults(&f[i]);
		f[i].n_to = 1;
		f[i].to[0] = (uint16_t)i;
		f[i].hedge_percent = 0;
		f[i].force_tcp = false;
		f[i].prefer_udp = true;
		z[i].forward = &f[i];
		z[i].n_forward = 1;
	}
	with.zone = z;
	with.n_zones = 2;
	with.upstream = upstream;
	with.n_upstreams = 2;
	cr_assert_eq(core_new(&c, &with, &ops, st, &key, 1, &d), 0, "%s", d.text);
	cookies_see(c, NS_PER_S);
	cr_expect_neq(memcmp(cookie[0], none, 8), 0);
	cr_expect_neq(memcmp(cookie[1], none, 8), 0);
	cr_expect_neq(memcmp(cookie[0], cookie[1], 8), 0);
	memcpy(first, cookie, sizeof(first));
	with.upstream = swapped;
	cr_assert_eq(core_reconfigure(c, &with, soon_ns, &d), 0);
	cookies_see(c, soon_ns);
	cr_expect_eq(memcmp(cookie[0], first[1], 8), 0, "it goes with its upstream");
	cr_expect_eq(memcmp(cookie[1], first[0], 8), 0);
	core_free(c);
	free(st);
}

/* --- who has lost its place --- */

static uint32_t asked_id;
static unsigned n_told;
static uint16_t told_port;
static unsigned told_rcode;

static void id_note(void *ctx, const struct core_ask *a)
{
	(void)ctx;
	asked_id = a->id;
}

static void rcode_note(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	(void)len;
	n_told++;
	told_port = c->port;
	told_rcode = DNS_RCODE(get_be16(b + 2));
}

static uint16_t second_reask(const struct plugin_step *s, const struct plugin_query *q, const uint8_t *msg, size_t len)
{
	(void)s;
	(void)msg;
	(void)len;
	return q->qtype == DNS_AAAA ? DNS_A : 0;
}

static size_t second_merge(const struct plugin_step *s, const struct plugin_query *q, const uint8_t *first, size_t first_len,
			   const uint8_t *second, size_t second_len, uint8_t *out, size_t cap)
{
	(void)s;
	(void)q;
	(void)first;
	(void)first_len;
	(void)second;
	(void)second_len;
	(void)out;
	(void)cap;
	return 0;
}

/* From this address and port; `name` is one octet. */
static enum core_verdict asked_by(struct core *c, uint8_t from, uint16_t port, char name, uint8_t qtype)
{
	static uint8_t out[DNS_MSG_MAX];
	struct core_client client = {.port = port, .addr.s6_addr = {[15] = from}};
	const uint8_t q[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, (uint8_t)name, 0, 0, qtype, 0, 1};
	size_t len = 0;

	return core_query(c, NS_PER_S, &client, q, sizeof(q), out, &len);
}

/* A client waits for the second half of its reply, gives up its place, and before it is told
 * the zone has no second halves any more: it is told to try again, and not what the first
 * half would have been. */
Test(reconfigure, who_lost_its_place_is_told_nothing_of_the_zone_before)
{
	static const struct hash_key key = {5, 6};
	static const struct plugin_ops halves = {.name = "dns64", .reask = second_reask, .merge = second_merge};
	static const struct plugin_step step = {.ops = &halves};
	static const struct plugin_step *const steps[] = {&step};
	struct core_upstream upstream = {.port = 1, .label = "a:1"};
	const struct core_ops ops = {.ask = id_note, .cancel = cancel_note, .reply = rcode_note};
	struct core_forward f;
	struct core_zone z = zone;
	struct core_conf with = conf;
	struct core_stats *st = calloc(1, sizeof(*st));
	struct core *c = NULL;
	struct diag d = {""};
	uint8_t answer[] = {0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, DNS_AAAA, 0, 1};

	core_conf_forward_defaults(&f);
	f.n_to = 1;
	f.force_tcp = true;
	f.hedge_percent = 0;
	z.forward = &f;
	z.n_forward = 1;
	z.step = steps;
	z.n_steps = 1;
	with.zone = &z;
	with.upstream = &upstream;
	with.n_upstreams = 1;
	with.max_waiters = 8;
	cr_assert_eq(core_new(&c, &with, &ops, st, &key, 1, &d), 0, "%s", d.text);
	cr_assert_eq(asked_by(c, 1, 1000, 'a', DNS_AAAA), CORE_WAIT);
	core_tick(c, NS_PER_S);
	cr_assert(core_answer(c, NS_PER_S, asked_id + 1, answer, sizeof(answer)), "nobody's is over");
	cr_assert(core_answer(c, NS_PER_S, asked_id, answer, sizeof(answer)));
	cr_assert_eq(n_told, 0, "it waits for the other half");
	for (uint16_t i = 1; i < 8; i++)
		cr_assert_eq(asked_by(c, i < 6 ? 1 : 2, (uint16_t)(1000 + i), 'a', DNS_AAAA), CORE_WAIT);
	cr_assert_eq(asked_by(c, 3, 1008, 'b', DNS_A), CORE_WAIT, "for whom the first gives way");
	z.n_steps = 0;
	cr_assert_eq(core_reconfigure(c, &with, NS_PER_S, &d), 0);
	n_told = 0;
	core_tick(c, NS_PER_S);
	cr_expect_eq(n_told, 1);
	cr_expect_eq(told_port, 1000);
	cr_expect_eq(told_rcode, DNS_SERVFAIL);
	core_free(c);
	free(st);
}

/* The core keeps words of its own: those it was given may go. */
Test(reconfigure, words_are_copied)
{
	char label[3][16] = {"dns://:53", "192.0.2.1:53", "192.0.2.2:53"}, tls[2][16] = {"one.test", "two.test"}, nsid[] = "node";
	struct core_listener one = {.port = 53, .label = label[0]};
	struct core_upstream up[2] = {{.port = 53, .label = label[1], .tls_name = tls[0]}, {.port = 54, .label = label[2], .tls_name = tls[1]}};
	struct core_conf with = {.n_listeners = 1, .listener = &one, .n_zones = 1, .zone = &zone, .n_upstreams = 2, .upstream = up};

	zone.nsid = nsid;
	taken(&with);
	memset(label, 'x', sizeof(label));
	memset(tls, 'x', sizeof(tls));
	memset(nsid, 'x', 4);
	memset(up, 0, sizeof(up));
	cr_expect_str_eq(core->conf->listener[0].label, "dns://:53");
	cr_expect_str_eq(core->conf->upstream[0].label, "192.0.2.1:53");
	cr_expect_str_eq(core->conf->upstream[1].label, "192.0.2.2:53");
	cr_expect_str_eq(core->conf->upstream[0].tls_name, "one.test");
	cr_expect_str_eq(core->conf->upstream[1].tls_name, "two.test");
	cr_expect_eq(core->conf->upstream[1].port, 54);
	cr_expect_str_eq(core->conf->zone[0].z.nsid, "node");
	zone.nsid = NULL;
}
