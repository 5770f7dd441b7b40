/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the kernel's connection table, one by one. Times in the tests
 * are the kernel's own numbers (docs/conntrack.md names the source files). */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/ctable_int.h"
#include "lib/base/clock.h"

#define S NS_PER_S

/* A table whose gc never comes by, so that only the rule under test acts. */
static struct ct_conf quiet(void)
{
	struct ct_conf c;

	ctable_conf_init(&c);
	c.gc_first_ns = 1000000 * S;
	return c;
}

static struct ct_packet packet(uint8_t proto, unsigned client, uint16_t sport, uint8_t flags)
{
	struct ct_packet p = {.tuple = {.sport = sport, .dport = 53, .proto = proto},
			      .tcp_flags = flags};

	p.tuple.src.s6_addr[15] = (uint8_t)client;
	p.tuple.src.s6_addr[14] = (uint8_t)(client >> 8);
	p.tuple.dst.s6_addr[15] = 10;
	p.tuple.dst.s6_addr[0] = 0xfd;
	return p;
}

static struct ct_packet reply_to(const struct ct_packet *q, uint8_t flags)
{
	struct ct_packet p = {.tcp_flags = flags};

	ct_tuple_invert(&p.tuple, &q->tuple);
	return p;
}

static void exchange(struct ctable *t, uint64_t t_ns, unsigned client, uint16_t sport)
{
	struct ct_packet q = packet(CT_UDP, client, sport, 0), r = reply_to(&q, 0);

	ctable_packet(t, t_ns, &q, NULL);
	ctable_packet(t, t_ns, &r, NULL);
}

static uint64_t live(struct ctable *t, uint64_t t_ns)
{
	return ctable_live(t, t_ns, 0, NULL);
}

Test(ctable, udp_query_and_reply_live_30_s_after_the_reply)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0), r = reply_to(&q, 0);

	cr_assert_eq(ctable_packet(t, 0, &q, NULL), CT_NEW);
	cr_assert_eq(ctable_packet(t, 1 * S, &r, NULL), CT_REPLY);
	cr_assert_eq(live(t, 31 * S - 1), 1);
	cr_assert_eq(live(t, 31 * S), 0);
	cr_assert_eq(ctable_count(t, 31 * S, 0), 1, "dead, but still counted");
	ctable_free(t);
}

Test(ctable, udp_becomes_a_stream_only_after_2_s_and_a_reply)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0), r = reply_to(&q, 0);
	uint64_t assured;

	ctable_packet(t, 0, &q, NULL);
	ctable_packet(t, 0, &r, NULL);
	ctable_packet(t, 1 * S, &q, NULL); /* within 2 s: 30 s again */
	cr_assert_eq(live(t, 31 * S), 0);

	q = packet(CT_UDP, 1, 1001, 0);
	r = reply_to(&q, 0);
	ctable_packet(t, 40 * S, &q, NULL);
	ctable_packet(t, 45 * S, &q, NULL); /* late, but no reply was seen */
	ctable_packet(t, 46 * S, &r, NULL); /* this one only sets "reply seen" */
	cr_assert_eq(ctable_live(t, 47 * S, 0, &assured), 1);
	cr_assert_eq(assured, 0);
	ctable_packet(t, 48 * S, &q, NULL); /* the retransmit that makes the stream */
	cr_assert_eq(ctable_live(t, 168 * S - 1, 0, &assured), 1);
	cr_assert_eq(assured, 1);
	cr_assert_eq(live(t, 168 * S), 0);
	ctable_free(t);
}

Test(ctable, before_5_0_any_packet_after_a_reply_makes_a_stream)
{
	struct ct_conf c = quiet();
	c.kernel = CT_KERNEL(4, 19);
	c.udp_stream_s = 180;
	struct ctable *t = ctable_new(&c);
	uint64_t assured;

	exchange(t, 0, 1, 1000);
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0);
	ctable_packet(t, NS_PER_MS, &q, NULL);
	ctable_live(t, S, 0, &assured);
	cr_assert_eq(assured, 1);
	cr_assert_eq(live(t, 179 * S), 1);
	ctable_free(t);
}

static void tcp_open(struct ctable *t, uint64_t t_ns, uint16_t port)
{
	struct ct_packet syn = packet(CT_TCP, 1, port, CT_SYN),
			 ack = packet(CT_TCP, 1, port, CT_ACK);
	struct ct_packet synack = reply_to(&syn, CT_SYN | CT_ACK);

	ctable_packet(t, t_ns, &syn, NULL);
	ctable_packet(t, t_ns, &synack, NULL);
	ctable_packet(t, t_ns, &ack, NULL);
}

Test(ctable, tcp_stays_120_s_and_assured_after_a_normal_close)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet fin = packet(CT_TCP, 1, 7, CT_FIN | CT_ACK),
			 ack = packet(CT_TCP, 1, 7, CT_ACK);
	struct ct_packet finack = reply_to(&fin, CT_FIN | CT_ACK);
	uint64_t assured;

	tcp_open(t, 0, 7);
	cr_assert_eq(live(t, 400000 * S / 1000), 1);
	ctable_packet(t, 500 * S, &fin, NULL);
	ctable_packet(t, 500 * S, &finack, NULL);
	ctable_packet(t, 500 * S, &ack, NULL);
	cr_assert_eq(ctable_live(t, 620 * S - 1, 0, &assured), 1);
	cr_assert_eq(assured, 1);
	cr_assert_eq(live(t, 620 * S), 0);
	ctable_free(t);
}

Test(ctable, tcp_reset_leaves_10_s_and_kills_an_unanswered_syn)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet rst = packet(CT_TCP, 1, 7, CT_RST), syn = packet(CT_TCP, 1, 8, CT_SYN);
	struct ct_packet refused = reply_to(&syn, CT_RST | CT_ACK);

	tcp_open(t, 0, 7);
	ctable_packet(t, S, &rst, NULL);
	cr_assert_eq(live(t, 11 * S - 1), 1);
	cr_assert_eq(live(t, 11 * S), 0);
	ctable_packet(t, 12 * S, &syn, NULL);
	cr_assert_eq(live(t, 12 * S), 1);
	ctable_packet(t, 12 * S, &refused, NULL);
	cr_assert_eq(live(t, 12 * S), 0);
	ctable_free(t);
}

Test(ctable, syn_reopens_time_wait_as_a_new_entry)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet fin = packet(CT_TCP, 1, 7, CT_FIN | CT_ACK),
			 ack = packet(CT_TCP, 1, 7, CT_ACK);
	struct ct_packet finack = reply_to(&fin, CT_FIN | CT_ACK),
			 syn = packet(CT_TCP, 1, 7, CT_SYN);

	tcp_open(t, 0, 7);
	ctable_packet(t, S, &fin, NULL);
	ctable_packet(t, S, &finack, NULL);
	ctable_packet(t, S, &ack, NULL);
	cr_assert_eq(ctable_packet(t, 2 * S, &syn, NULL), CT_NEW);
	cr_assert_eq(ctable_count(t, 2 * S, 0), 1);
	cr_assert_eq(ctable_counters(t)->new_flows, 2);
	ctable_free(t);
}

Test(ctable, full_table_evicts_one_bucket_or_drops)
{
	struct ct_conf c = quiet();
	c.buckets = 64;
	c.max = 128;
	struct ctable *t = ctable_new(&c);

	for (unsigned i = 0; i < 128; i++)
		exchange(t, 0, i, 1000);
	cr_assert_eq(ctable_counters(t)->early_drop, 0);
	exchange(t, S, 200, 1);
	cr_assert_geq(ctable_counters(t)->early_drop, 1);
	cr_assert_leq(ctable_count(t, S, 0), 128);
	cr_assert_eq(ctable_counters(t)->table_full, 0);
	ctable_free(t);
}

/* Telling the table what will come changes nothing, told truly or not. Two namespaces, ports that come again, a limit
 * that is reached, a hash that is too small for all of it, and more entries than the near caches hold. */
static void play(struct ctable *t, bool tell, unsigned seed)
{
	enum { N = 40000, AHEAD = 12 };
	struct ct_packet next[AHEAD];
	struct ct_tuple reply[AHEAD];
	struct rng r;

	rng_seed(&r, seed);
	for (unsigned i = 0; i < N + AHEAD; i++) {
		unsigned at = i % AHEAD;
		if (i >= AHEAD && rng_below(&r, 20)) { /* some of those told never come */
			uint64_t now_ns = (uint64_t)(i - AHEAD) * S / 500;
			ctable_packet(t, now_ns, &next[at], NULL);
			ctable_packet(t, now_ns, &(struct ct_packet){.tuple = reply[at], .tcp_flags = CT_RST}, NULL);
		}
		next[at] = packet(rng_below(&r, 4) ? CT_UDP : CT_TCP, (uint8_t)rng_below(&r, 200), (uint16_t)rng_below(&r, 100), CT_SYN);
		next[at].tuple.netns = (uint8_t)rng_below(&r, 2);
		ct_tuple_invert(&reply[at], &next[at].tuple);
		reply[at].src.s6_addr[15] = (uint8_t)(7 + rng_below(&r, 2));
		next[at].reply = &reply[at];
		struct ct_packet told = next[at];
		if (rng_below(&r, 10) == 0)
			told.reply = NULL; /* whom it goes to is not known yet */
		if (tell)
			ctable_ahead(t, &told);
	}
}

Test(ctable, what_is_told_ahead_changes_nothing)
{
	static const struct {
		uint32_t buckets;
		uint64_t max;
	} sizes[] = {{1, 0}, {64, 3000}, {65536, 0}, {65536, 9000}, {1024, 20000}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ct_conf c = quiet();
		c.buckets = sizes[i].buckets;
		c.max = sizes[i].max;
		c.kernel = i == 0 ? CT_KERNEL(5, 10) : c.kernel; /* without a limit of chains */
		c.gc_first_ns = 10 * S;
		struct ctable *told = ctable_new(&c), *plain = ctable_new(&c);
		play(told, true, (unsigned)i + 1);
		play(plain, false, (unsigned)i + 1);
		cr_assert_eq(memcmp(ctable_counters(told), ctable_counters(plain), sizeof(struct ct_counters)), 0);
		cr_assert_eq(ctable_count(told, 100 * S, 0), ctable_count(plain, 100 * S, 0));
		cr_assert_eq(live(told, 100 * S), live(plain, 100 * S));
		cr_assert_gt(ctable_counters(told)->expired_lookup + ctable_counters(told)->expired_gc, 100);
		ctable_free(told);
		ctable_free(plain);
	}
}

Test(ctable, assured_entries_are_never_evicted)
{
	struct ct_conf c = quiet();
	c.buckets = 64;
	c.max = 100;
	struct ctable *t = ctable_new(&c);

	for (uint16_t i = 0; i < 100; i++)
		tcp_open(t, 0, i);
	struct ct_packet q = packet(CT_UDP, 1, 1, 0);
	cr_assert_eq(ctable_packet(t, S, &q, NULL), CT_DROP_FULL);
	cr_assert_eq(ctable_counters(t)->drop, 1);
	struct ct_packet ack = packet(CT_TCP, 1, 5, CT_ACK);
	cr_assert_eq(ctable_packet(t, S, &ack, NULL), CT_ORIG, "known flows pass a full table");
	ctable_free(t);
}

/* Expired entries met while looking for room are freed, but do not count as
 * success: the packet is still dropped. */
Test(ctable, expired_entries_are_no_success_for_early_drop)
{
	struct ct_conf c = quiet();
	c.buckets = 1;
	c.max = 3;
	struct ctable *t = ctable_new(&c);
	struct ct_packet q = packet(CT_UDP, 9, 9, 0);

	for (uint16_t i = 0; i < 3; i++)
		exchange(t, 0, i, 1000);
	/* one bucket: the look-up itself already frees all three */
	cr_assert_eq(ctable_packet(t, 40 * S, &q, NULL), CT_NEW);
	cr_assert_eq(ctable_counters(t)->early_drop, 0);
	cr_assert_eq(ctable_counters(t)->expired_lookup, 3);
	ctable_free(t);
}

Test(ctable, loss_at_full_follows_the_share_of_evictable_buckets)
{
	/* E evictable entries over H buckets: exp(-16 E / H), here 0.135 */
	struct ct_conf c = quiet();
	c.buckets = 4096;
	c.max = 4096;
	struct ctable *t = ctable_new(&c);
	unsigned dropped = 0;

	for (uint16_t i = 0; i < 4096 - 512; i++)
		tcp_open(t, 0, i);
	for (unsigned i = 0; i < 512; i++)
		exchange(t, 0, i, 1000);
	for (unsigned i = 0; i < 4000; i++) {
		struct ct_packet q = packet(CT_UDP, i % 60000, (uint16_t)(2000 + i), 0);
		dropped += ctable_packet(t, S + i * NS_PER_MS, &q, NULL) == CT_DROP_FULL;
	}
	cr_assert_float_eq(dropped / 4000.0, exp(-2), 0.035, "%u of 4000", dropped);
	ctable_free(t);
}

Test(ctable, clash_by_kernel_version)
{
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0);
	struct ct_tuple b1, b2;
	ct_tuple_invert(&b1, &q.tuple);
	b2 = b1;
	b1.src.s6_addr[15] = 101;
	b2.src.s6_addr[15] = 102;

	for (int modern = 0; modern < 2; modern++) {
		struct ct_conf c = quiet();
		c.kernel = modern ? CT_KERNEL(6, 18) : CT_KERNEL(5, 4);
		struct ctable *t = ctable_new(&c);
		q.reply = &b1;
		ctable_packet(t, 0, &q, NULL);
		cr_assert_eq(ctable_race(t, 0, &q), CT_ORIG, "same backend: joins the winner");
		q.reply = &b2;
		enum ct_verdict v = ctable_race(t, 0, &q);
		cr_assert_eq(v, modern ? CT_NEW : CT_DROP_CLASH);
		cr_assert_eq(ctable_counters(t)->insert_failed, modern ? 0 : 1);
		cr_assert_eq(ctable_count(t, 0, 0), modern ? 2 : 1);
		cr_assert_eq(live(t, 2 * S), 1, "the loser's entry has one second");
		ctable_free(t);
	}
}

Test(ctable, taken_reply_tuple_is_remapped_only_when_snat_may)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_packet a = packet(CT_UDP, 1, 1000, 0), b = packet(CT_UDP, 2, 1000, 0);
	struct ct_tuple masq, got;

	ct_tuple_invert(&masq, &a.tuple);
	masq.dst.s6_addr[15] = 99;
	a.reply = b.reply = &masq;
	cr_assert_eq(ctable_packet(t, 0, &a, NULL), CT_NEW);
	cr_assert_eq(ctable_packet(t, 0, &b, NULL), CT_DROP_CLASH);
	b.may_remap = true;
	cr_assert_eq(ctable_packet(t, 0, &b, &got), CT_NEW);
	cr_assert_neq(got.dport, masq.dport);
	ctable_free(t);
}

Test(ctable, dump_frees_the_dead_of_every_namespace)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);

	exchange(t, 0, 1, 1000);
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0);
	q.tuple.netns = 3;
	ctable_packet(t, 0, &q, NULL);
	cr_assert_eq(ctable_count(t, 40 * S, 0), 1);
	cr_assert_eq(ctable_count(t, 40 * S, 3), 1);
	ctable_dump(t, 40 * S);
	cr_assert_eq(ctable_count(t, 40 * S, 0), 0);
	cr_assert_eq(ctable_count(t, 40 * S, 3), 0);
	ctable_free(t);
}

Test(ctable, one_namespace_never_evicts_anothers)
{
	struct ct_conf c = quiet();
	c.buckets = 1;
	c.max = 1;
	struct ctable *t = ctable_new(&c);
	struct ct_packet q = packet(CT_UDP, 1, 1000, 0), o = packet(CT_UDP, 2, 1000, 0);

	o.tuple.netns = 1;
	ctable_packet(t, 0, &o, NULL);
	ctable_packet(t, 0, &q, NULL);
	q.tuple.sport++;
	ctable_packet(t, 0, &q, NULL);
	cr_assert_eq(ctable_count(t, 0, 1), 1);
	cr_assert_eq(ctable_counters(t)->early_drop, 1);
	ctable_free(t);
}

Test(ctable, timer_wheel_rounds_up_by_level)
{
	/* 63 jiffies and more: granularity 8; from 63*8^2: 512 (2.048 s at HZ 250) */
	cr_assert_eq(ct_timer_expiry(1000, 0), 1001);
	cr_assert_eq(ct_timer_expiry(1000, 62), 1063);
	cr_assert_eq(ct_timer_expiry(1000, 63), 1064);
	cr_assert_eq(ct_timer_expiry(1000, 70), 1072);
	cr_assert_eq(ct_timer_expiry(0, 4032), 4096);
	cr_assert_eq(ct_timer_expiry(0, 4224), 4608);
}

/* Truncating division freezes the average above its true mean of 15 s, and the
 * wheel rounds the sleep: about 18.4 s at HZ 250 between sweeps. */
Test(ctable, gc_period_under_steady_udp)
{
	struct ct_conf c;
	ctable_conf_init(&c);
	c.gc_first_ns = 30 * S;
	struct ctable *t = ctable_new(&c);

	for (unsigned i = 0; i < 200 * 120; i++)
		exchange(t, i * (S / 200), i % 60000, (uint16_t)(i / 60000 + 1));
	cr_assert_float_eq(ctable_gc_period_s(t), 18.4, 0.3, "%g", ctable_gc_period_s(t));
	cr_assert_float_eq((double)t->gc.avg_j / 250, 16.9, 0.4);
	ctable_free(t);
}

Test(ctable, other_traffic_collects_dead_entries)
{
	uint64_t left[2];

	for (int busy = 0; busy < 2; busy++) {
		struct ct_conf c = quiet();
		c.buckets = 1024;
		c.other_walks_per_s = busy ? 1000 : 0;
		struct ctable *t = ctable_new(&c);
		for (unsigned i = 0; i < 1000; i++)
			exchange(t, 0, i, 1);
		left[busy] = ctable_count(t, 31 * S, 0);
		ctable_free(t);
	}
	cr_assert_eq(left[0], 1000);
	/* every entry sits in two buckets; half a second of dead time at k = 2*W/H */
	cr_assert_lt(left[1], 1000);
}

Test(ctable, same_seed_same_table)
{
	uint64_t drops[2];

	for (int run = 0; run < 2; run++) {
		struct ct_conf c;
		ctable_conf_init(&c);
		c.buckets = 4096;
		c.max = 300;
		struct ctable *t = ctable_new(&c);
		for (unsigned i = 0; i < 5000; i++)
			exchange(t, i * (S / 100), i, 1);
		drops[run] = ctable_counters(t)->drop * 100000 + ctable_counters(t)->early_drop;
		ctable_free(t);
	}
	cr_assert_eq(drops[0], drops[1]);
	cr_assert_neq(drops[0], 0);
}

Test(ctable, defaults_by_memory_and_cores)
{
	static const struct {
		unsigned kernel;
		uint64_t ram_mib;
		unsigned cores; /* 0: no kube-proxy */
		uint32_t buckets;
		uint64_t max;
	} node[] = {
		{CT_KERNEL(6, 18), 512, 0, 4096, 4096},	      {CT_KERNEL(6, 18), 2048, 0, 65536, 65536},
		{CT_KERNEL(6, 18), 24576, 0, 262144, 262144}, {CT_KERNEL(6, 18), 64, 0, 1024, 1024},
		{CT_KERNEL(6, 18), 24576, 2, 262144, 131072}, {CT_KERNEL(6, 18), 24576, 8, 262144, 262144},
		{CT_KERNEL(6, 18), 24576, 64, 262144, 1048576}, {CT_KERNEL(5, 10), 24576, 0, 65536, 262144},
		{CT_KERNEL(5, 10), 24576, 64, 262144, 1048576}, {CT_KERNEL(5, 4), 2048, 0, 16384, 65536},
	};
	struct ct_conf c;
	for (size_t i = 0; i < sizeof(node) / sizeof(node[0]); i++) {
		ctable_conf_init(&c);
		ctable_conf_kernel(&c, node[i].kernel, node[i].ram_mib << 20);
		if (node[i].cores)
			ctable_conf_kube_proxy(&c, node[i].cores);
		cr_expect_eq(c.buckets, node[i].buckets, "%zu: %u", i, c.buckets);
		cr_expect_eq(c.max, node[i].max, "%zu: %llu", i, (unsigned long long)c.max);
	}
	cr_expect_eq(c.tcp_s[CT_CLOSE_WAIT], 60);
	cr_assert_eq(ctable_bytes(131072, 0), 32ull << 20);
}

static struct ct_tuple tuple_of(const char *src, const char *dst, uint16_t sport)
{
	struct ct_tuple t = {.sport = sport, .dport = 53, .proto = CT_UDP, .netns = 3, .zone = 65535};

	cr_assert_eq(inet_pton(AF_INET6, src, &t.src), 1);
	cr_assert_eq(inet_pton(AF_INET6, dst, &t.dst), 1);
	return t;
}

/* Entries keep IPv4 addresses in 32 bits and all others aside. */
Test(ctable, tuples_of_all_kinds_of_addresses_are_kept_whole)
{
	static const char *const addr[] = {"::ffff:10.0.0.1", "::ffff:10.0.0.2", "::10.0.0.1", "fd00::ffff:a00:1", "::", "1::ffff:10.0.0.1"};
	enum { N = sizeof(addr) / sizeof(addr[0]) };
	struct ct_wides w = {0};
	struct ct_key key[N][N];
	uint32_t most = 0;

	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < N * N; i++) {
			struct ct_tuple t = tuple_of(addr[i / N], addr[i % N], (uint16_t)i);
			cr_assert(ct_wides_room(&w));
			key[i / N][i % N] = ct_key_take(&w, &t);
		}
		for (unsigned i = 0; i < N * N * N * N; i++) {
			unsigned a = i / (N * N), b = i % (N * N);
			struct ct_tuple t = tuple_of(addr[b / N], addr[b % N], (uint16_t)b), back = ct_key_tuple(&w, &key[b / N][b % N]);
			cr_assert(ct_tuple_eq(&t, &back));
			t.sport = (uint16_t)a; /* so that addresses alone tell them apart */
			cr_assert_eq(ct_key_is(&w, &key[a / N][a % N], &t), a == b, "%u %u", a, b);
		}
		for (unsigned i = 0; i < N * N; i++)
			ct_key_give(&w, &key[i / N][i % N]);
		cr_assert(turn == 0 || w.n == most, "what was given back is taken again");
		most = w.n;
	}
	free(w.pair);
}

static unsigned by_port(const struct ct_tuple tuple[2], const void *ctx)
{
	(void)ctx;
	return tuple[0].sport % 3;
}

Test(ctable, marks_are_counted_as_kinds_are)
{
	struct ct_conf c = quiet();
	struct ctable *t = ctable_new(&c);
	struct ct_kind mark[2], kind[2];

	for (unsigned i = 0; i < 300; i++) {
		struct ct_packet q = packet(CT_UDP, i, (uint16_t)(1000 + i), 0), r = reply_to(&q, 0);
		q.mark = (uint8_t)((1000 + i) % 3); /* 2: left out */
		r.mark = 1;			    /* the entry has its own */
		ctable_packet(t, i * S, &q, NULL);
		ctable_packet(t, i * S, &r, NULL);
	}
	ctable_marks(t, 299 * S, 0, mark, 2);
	ctable_kinds(t, 299 * S, 0, by_port, NULL, kind, 2);
	for (unsigned i = 0; i < 2; i++) {
		cr_assert_eq(mark[i].counted, kind[i].counted);
		cr_assert_eq(mark[i].live, kind[i].live);
		cr_assert_gt(mark[i].live, 0);
		cr_assert_gt(mark[i].counted, mark[i].live);
	}
	ctable_free(t);
}
