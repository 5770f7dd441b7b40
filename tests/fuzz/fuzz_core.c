/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries, answers, failures and time in any order into a whole core with
 * small tables: whatever comes in, each reply is well-formed, fits its client,
 * carries the client's id, and goes out once, within a stub's patience; tables
 * drain when time passes.
 *
 * The input is a list of steps: an octet for what, an octet for detail, and for
 * raw messages two octets of length and the bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/core/core.h"

#define ASKS 64
#define PATIENCE_MS 5000 /* of a stub resolver */
#define IDLE_TICKS 16

static struct {
	struct core *core;
	uint64_t now_ns;
	struct core_ask ask[ASKS];
	uint8_t query[ASKS][512];
	size_t n_asks;
	unsigned parked, replied;
	uint16_t limit;
} w;

static struct core_stats stats;

static void reply_check(const uint8_t *b, size_t len, uint64_t limit)
{
	struct dns_msg m;

	assert(dns_msg_parse(&m, b, len) == 0 && m.end == len);
	assert(m.h.flags & DNS_QR);
	assert(len <= limit);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	reply_check(b, len, c->cookie);
	assert((uint32_t)(w.now_ns / NS_PER_MS) - c->scope_id <= PATIENCE_MS);
	w.replied++;
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	size_t i = w.n_asks++ % ASKS;
	struct dns_msg m;

	(void)ctx;
	assert(a->id && a->len <= sizeof(w.query[0]));
	assert(dns_msg_parse(&m, a->query, a->len) == 0 && m.h.n_qd == 1);
	memcpy(w.query[i], a->query, a->len);
	w.ask[i] = *a;
	w.ask[i].query = w.query[i];
}

static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx;
	assert(id);
}

static void on_event(void *ctx, int level, const char *text)
{
	(void)ctx;
	assert(level >= 0 && level <= 3 && *text);
}

static void name_set(struct name *n, const char *text)
{
	int err = name_from_text(n, text);

	assert(err == 0);
}

static void conf_make(struct core_conf *conf, bool second)
{
	static struct core_upstream up[2];
	static struct core_forward f[2];
	static struct core_zone z[3];
	static struct core_listener l = {.port = 53, .label = "dns://10.0.0.1:53"};

	up[0] = (struct core_upstream){.port = 53, .label = "a"};
	up[1] = (struct core_upstream){.port = second ? 54 : 55, .label = "b"};
	for (int i = 0; i < 2; i++) {
		core_conf_forward_defaults(&f[i]);
		f[i].n_to = 2;
		f[i].to[1] = 1;
	}
	f[1].max_concurrent = 4;
	f[1].failover_rcodes = 1u << DNS_SERVFAIL;
	for (int i = 0; i < 3; i++) {
		core_conf_zone_defaults(&z[i]);
		z[i].listeners = 1;
		z[i].block = (uint16_t)i;
		z[i].cache.enabled = i != 2;
		z[i].forward = f;
		z[i].n_forward = (size_t)i + 1 > 2 ? 2 : (size_t)i + 1;
	}
	name_set(&z[1].origin, "cluster.local.");
	z[1].is_cluster = true;
	z[1].autopath = second;
	z[1].cache.stale_enabled = true;
	z[1].cache.prefetch_hits = 1;
	z[1].cache.prefetch_percent = 90;
	name_set(&z[2].origin, "b.");
	*conf = (struct core_conf){.n_listeners = 1, .n_zones = 3, .n_upstreams = 2,
				   .listener = &l, .zone = z, .upstream = up,
				   .cache_bytes = 65536, .max_inflight = 8, .max_waiters = 8};
}

static void query_in(const uint8_t *b, size_t len, uint8_t how)
{
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = 1, .proto = how & 1 ? CORE_TCP : CORE_UDP};
	uint8_t *in = malloc(len + !len); /* of its own length: reads behind it show */
	size_t n = 0;

	assert(in);
	memcpy(in, b, len);
	c.addr.s6_addr[15] = how >> 4;
	c.scope_id = (uint32_t)(w.now_ns / NS_PER_MS); /* handed back with the reply */
	c.cookie = how & 1 ? DNS_MSG_MAX : CORE_UDP_MAX;
	switch (core_query(w.core, w.now_ns, &c, in, len, out, &n)) {
	case CORE_REPLY:
		reply_check(out, n, c.cookie);
		assert(out[0] == b[0] && out[1] == b[1]);
		break;
	case CORE_WAIT:
		w.parked++;
		break;
	case CORE_DROP:
		break;
	}
	free(in);
}

/* In a block of its own length, too. */
static void answer_give(uint32_t id, const uint8_t *b, size_t len)
{
	uint8_t *in = malloc(len + !len);

	assert(in);
	memcpy(in, b, len);
	core_answer(w.core, w.now_ns, id, in, len);
	free(in);
}

static void query_made(uint8_t how)
{
	static const char *const names[] = {
		"a.", "b.", "c.b.", "x.y.com.ns.svc.cluster.local.", "com.ns.svc.cluster.local.",
		"x.y.com.svc.cluster.local.", "x.y.com.cluster.local.", "x.y.com.",
	};
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_DS, DNS_ANY};
	struct name n;
	uint8_t q[400];
	size_t len;

	name_set(&n, names[how & 7]);
	len = dns_query_build(q, sizeof(q), how, n.b, types[how >> 3 & 3], DNS_RD,
			      how & 0x20 ? 1232 : 0, how & 0x40, how & 0x80);
	query_in(q, len, how);
}

static struct core_ask *ask_recent(uint8_t how)
{
	size_t n = w.n_asks < ASKS ? w.n_asks : ASKS;

	return n ? &w.ask[(w.n_asks - 1 - how % n) % ASKS] : NULL;
}

/* An answer to a recent question: its own header and question, then raw records. */
static void answer_in(const uint8_t *b, size_t len, uint8_t how, bool framed)
{
	static uint8_t msg[8192];
	struct core_ask *a = ask_recent(how & 15);
	struct dns_msg m;
	size_t n = 0;

	if (!a)
		return;
	if (framed && len >= 8 && dns_msg_parse(&m, a->query, a->len) == 0) {
		memcpy(msg, a->query, m.answer_off);
		memcpy(msg + 2, b, 2);
		msg[2] = (uint8_t)((msg[2] & 0x87) | 0x80);
		memcpy(msg + 6, b + 2, 6);
		msg[6] = msg[8] = msg[10] = 0;
		n = m.answer_off;
		b += 8;
		len -= 8;
	}
	if (len > sizeof(msg) - n)
		len = sizeof(msg) - n;
	memcpy(msg + n, b, len);
	answer_give(a->id, msg, n + len);
}

/* A plain answer, so that the cache fills: address, or denial with an SOA. */
static void answer_made(uint8_t how)
{
	struct core_ask *a = ask_recent(how & 7);
	uint8_t msg[1024];
	struct wire_out o;
	struct dns_msg m;
	bool denial = how & 8;
	size_t mark;

	if (!a || dns_msg_parse(&m, a->query, a->len) < 0)
		return;
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &(struct dns_header){.flags = (uint16_t)(DNS_QR | (how & 16 ? DNS_NXDOMAIN : 0)),
						 .n_qd = 1, .n_an = !denial, .n_ns = denial});
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	mark = wire_rr_begin(&o, denial ? (const uint8_t *)"" : m.q.name,
			     denial ? DNS_SOA : m.q.qtype, DNS_IN, how >> 5);
	wire_put_bytes(&o, "\0\0" "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\5", denial ? 22 : 4);
	wire_rr_end(&o, mark);
	answer_give(a->id, msg, o.len);
}

/* An upstream that is down is probed twice a second: when nobody waits and it has
 * been so for a while, the rest of a long time passes in one sleep, or hours of
 * nothing else would be most of what is run. */
static void time_pass(uint64_t ns)
{
	uint64_t until = w.now_ns + ns;
	unsigned n_idle = 0;

	while (core_deadline(w.core) <= until) {
		if (core_deadline(w.core) > w.now_ns)
			w.now_ns = core_deadline(w.core);
		if (stats.waiters == 0 && stats.inflight == 0 && ++n_idle > IDLE_TICKS)
			w.now_ns = until;
		core_tick(w.core, w.now_ns);
	}
	w.now_ns = until;
}

static void step(uint8_t what, uint8_t how, const uint8_t *b, size_t len)
{
	struct core_conf conf;
	struct core_ask *a;

	switch (what & 7) {
	case 0:
		query_in(b, len, how);
		break;
	case 1:
		answer_in(b, len, how, what & 8);
		break;
	case 2:
		query_made(how);
		break;
	case 3:
		answer_made(how);
		break;
	case 4:
		a = ask_recent(how & 15);
		if (a)
			core_fail(w.core, w.now_ns, a->id, (enum core_fail_why)((how >> 4) % 6));
		break;
	case 5:
		time_pass((uint64_t)how * how * how * 100000);
		break;
	case 6:
		conf_make(&conf, how & 1);
		core_reconfigure(w.core, &conf, w.now_ns, NULL);
		break;
	default:
		answer_in(b, len, how, true);
	}
	if (!(what & 0x40)) /* or some more happens before the driver sleeps */
		time_pass(0);
	core_check(w.core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key key = {3, 4};
	struct core_ops ops = {.reply = on_reply, .ask = on_ask, .cancel = on_cancel, .event = on_event};
	struct core_conf conf;

	memset(&w, 0, sizeof(w));
	conf_make(&conf, false);
	stats.n_servers = stats.n_upstreams = 0;
	if (core_new(&w.core, &conf, &ops, &stats, &key, 1, NULL) < 0)
		abort();
	w.now_ns = NS_PER_S;
	while (size >= 2) {
		uint8_t what = data[0], how = data[1];
		bool raw = (what & 7) < 2 || (what & 7) == 7;
		size_t len = 0;

		data += 2, size -= 2;
		if (raw && size >= 2) {
			len = (size_t)data[0] << 8 | data[1];
			data += 2, size -= 2;
			len = len < size ? len : size;
		}
		step(what, how, data, len);
		data += len, size -= len;
	}
	time_pass(60 * NS_PER_S); /* nobody waits for ever */
	assert(stats.waiters == 0 && stats.inflight == 0 && stats.clients == 0);
	assert(w.replied == w.parked);
	core_free(w.core);
	return 0;
}
