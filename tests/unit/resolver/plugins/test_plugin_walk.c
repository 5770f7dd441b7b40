/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cores with every plugin, asked at random by clients of all kinds and answered at random by
 * upstreams of all kinds: all that comes out of each (replies, questions, what is told, what is
 * counted) with its time makes one number, compared with tests/golden/corefile/walks. It says that
 * nothing has changed; what is right other tests say. GOLDEN_UPDATE=1 writes that file anew, and
 * WALK=n prints what a number is of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "tests/fixtures/corefile_util.h"

#define GOLDEN "tests/golden/corefile/walks"
#define STEPS  1200
#define TAIL   " cache 40\n bind 10.0.0.10\n errors\n forward . 192.0.2.53 192.0.2.54\n}\n"

static const char *const texts[] = {
	". {\n template IN ANY {\n match \"^(?P<a>[a-z]*)[-.](?P<b>[0-9]+)[.](.*)$\"\n"
	" answer \"{{ .Name }} 60 {{ .Class }} {{ .Type }} {{ .Group.b }}\"\n"
	" answer \"{{ .Name }} 60 IN TXT \\\"{{ .Group.a }} {{ index .Match 3 }} {{ .Zone }}\\\"\"\n"
	" additional \"{{ index .Match 3 }} 1 IN A 192.0.2.{{ .Group.b }}\"\n fallthrough\n }\n" TAIL,
	". {\n template IN A a.test {\n match \"^ip-([0-9]+)-([0-9]+)-(.*)[.]a[.]test[.]$\"\n"
	" answer \"{{ .Name }} 5 IN A 10.{{ parseInt (index .Match 1) 10 8 }}.{{ index .Match 2 }}.{{ index .Match 3 }}\"\n"
	" authority \"{{ .Zone }} 60 IN SOA ns.{{ .Name }} h. ({{ len .Name }} 1 1 1 1)\"\n"
	" ederror 21 \"{{ .Remote }} no\"\n rcode REFUSED\n }\n template ANY TXT b.test {\n rcode NXDOMAIN\n }\n" TAIL,
	". {\n template IN ANY short {\n match ^(.*)[.]short[.]$\n"
	" answer \"{{ .Name }} 30 IN CNAME {{ index .Match 1 }}.a.test.\"\n }\n loadbalance\n" TAIL,
	". {\n rewrite stop name regex (.*)-(a|b)[.](.*) {2}.{1}.{3} answer auto\n rewrite continue name suffix .short .b.test answer auto\n"
	" rewrite name substring xx y\n rewrite name prefix ip very.long.name.that.grows.\n rewrite type ANY HINFO\n"
	" rewrite class CH IN\n rewrite ttl regex (.*)test 30-60\n" TAIL,
	". {\n rewrite continue name exact web.a.test a.b.test answer auto\n rewrite edns0 local set 0xffee {client_ip}\n" TAIL,
	". {\n rewrite continue edns0 local replace 0xffed {qname}\n rewrite continue edns0 nsid append\n rewrite continue edns0 subnet set 24 56\n"
	" rewrite continue cname suffix a.test. b.test.\n rewrite continue cname regex (.*)x[.](.*) {2}.{1}\n rewrite rcode regex (.*)b(.*) SERVFAIL NXDOMAIN\n" TAIL,
	". {\n dns64 {\n prefix 64:ff9b::/96\n translate_all\n allow_ipv4\n }\n loadbalance round_robin\n minimal\n any\n"
	" acl {\n filter type TXT net 10.0.0.0/8\n block type MX net *\n drop type SRV net 10.0.1.4/32\n allow net *\n }\n" TAIL,
	". {\n dns64 64:ff9b:1::/48\n acl a.test {\n block net 10.0.1.1/32\n allow type A net 10.0.1.2/31\n filter net 10.0.1.0/24 fd00::/8\n }\n" TAIL,
	". {\n hosts /h a.test b.test in-addr.arpa ip6.arpa {\n 192.0.2.1 a.b.test *.w.a.test\n 2001:db8::1 a.b.test c.a.test\n 0.0.0.0 x.a.test\n 10.0.1.9 web.a.test web.b.test\n ttl 77\n"
	" fallthrough\n }\n nsid here\n cookies\n" TAIL,
	". {\n hosts /h {\n 192.0.2.1 a.b.test\n no_reverse\n fallthrough b.test\n fallthrough_unsupported\n }\n loadbalance weighted /w\n bufsize 600\n" TAIL,
	"a.test {\n whoami\n bind 10.0.0.10\n}\n. {\n errors {\n consolidate 1m .*\n }\n log . \"{remote} {name} {rcode}\"\n bind 10.0.0.10\n"
	" cache {\n success 100 30 2\n denial 50 20 1\n servfail 7s\n serve_stale 1h verify 1s\n prefetch 2 30s 60%\n keepttl\n }\n"
	" forward b.test 192.0.2.53 192.0.2.54 {\n except web.b.test\n policy sequential\n failover SERVFAIL REFUSED\n max_fails 1\n }\n"
	" forward . 192.0.2.55 {\n next NXDOMAIN\n next_on_nodata\n max_concurrent 3\n }\n forward . 192.0.2.56 {\n force_tcp\n }\n}\n",
	"cluster.local in-addr.arpa {\n search_path {\n cluster\n autopath\n }\n loadbalance {\n prefer 192.0.2.0/25\n }\n cache 30\n bind 10.0.0.10\n"
	" forward . 192.0.2.53 192.0.2.54 {\n prefer_udp\n policy round_robin\n }\n}\n. {\n cache {\n disable denial b.test\n serve_stale\n }\n bind 10.0.0.10\n forward . 192.0.2.55\n}\n",
};
enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

static const char *const names[] = {
	"a.b.test.", "web.a.test.", "web.b.test.", "c.a.test.", "x.a.test.", "y.w.a.test.", "a-7.b.test.", "x.12.a.test.", "ip-10-2-3.a.test.",
	"ip-300-2-3.a.test.", "foo-a.b.test.", "foo-b.a.test.", "web.short.", "c.short.", "xxx.b.test.", "b.test.", "test.", ".",
	"9.1.0.10.in-addr.arpa.", "1.2.0.192.in-addr.arpa.", "WEB.A.test.", "web.default.svc.cluster.local.", "a.b.test.default.svc.cluster.local.",
	"a.b.test.svc.cluster.local.", "a.b.test.cluster.local.", "a.b.test.node.example.", "_http._tcp.web.default.svc.cluster.local.", "no.such.test.",
};
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };
static const uint16_t types[] = {DNS_A, DNS_A, DNS_A, DNS_AAAA, DNS_AAAA, DNS_TXT, DNS_MX, DNS_SRV, DNS_PTR, DNS_HTTPS, DNS_ANY, DNS_CNAME, DNS_SOA};

static struct walk {
	struct core *core;
	struct core_stats *stats;
	struct rng rng;
	uint64_t now_ns, number;
	struct given {
		uint32_t id;
		unsigned proto;
		size_t len;
		uint8_t q[CORE_ASK_MAX];
	} given[64];
	size_t n_given;
	bool is_told;
} w;

static unsigned below(unsigned n)
{
	return (unsigned)rng_below(&w.rng, n);
}

static void note(const char *what, uint64_t x, uint64_t y, const void *b, size_t len)
{
	uint64_t n[] = {w.number, w.now_ns, x, y, len};
	struct hash_key key = {w.number, 0};

	w.number = hash_sip13(&key, n, sizeof(n));
	key.k1 = hash_sip13(&key, what, strlen(what));
	w.number = hash_sip13(&key, b ? b : "", b ? len : 0);
	if (!w.is_told)
		return;
	fprintf(stderr, "%12.3f %s %lx %lx", (double)w.now_ns / 1e6, what, x, y);
	for (size_t i = 0; b && i < len; i++)
		fprintf(stderr, "%s%02x", i ? "" : " ", ((const uint8_t *)b)[i]);
	fprintf(stderr, "\n");
}

/* (One draw an expression: compilers differ in which of two comes first.) */

/* --- what the core wants --- */

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx;
	note("reply", c->cookie, c->proto, b, len);
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct given *g = &w.given[w.n_given];

	(void)ctx;
	note("ask", (uint64_t)a->upstream << 8 | a->proto, a->zone, a->query, a->len);
	if (w.n_given == sizeof(w.given) / sizeof(w.given[0]))
		return;
	*g = (struct given){.id = a->id, .proto = a->proto, .len = a->len};
	memcpy(g->q, a->query, a->len);
	w.n_given++;
}

static void given_end(size_t i)
{
	w.given[i] = w.given[--w.n_given];
}

static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx;
	note("cancel", id, 0, NULL, 0);
	for (size_t i = 0; i < w.n_given; i++)
		if (w.given[i].id == id) {
			given_end(i);
			return;
		}
}

static void on_event(void *ctx, int level, const char *text)
{
	(void)ctx;
	note("says", (uint64_t)level, 0, text, strlen(text));
}

static void on_done(void *ctx, const struct core_client *c, const struct core_done *d)
{
	(void)ctx;
	note("done", (uint64_t)d->from << 32 | (unsigned)d->zone << 16 | d->upstream, c->cookie, NULL, d->end_ns - d->start_ns);
}

static void on_failed(void *ctx, const struct core_failed *f)
{
	(void)ctx;
	note("failed", (uint64_t)f->rcode << 32 | (unsigned)f->upstream << 16 | (unsigned)f->proto << 8 | f->why, f->qtype, f->name, name_len(f->name));
}

/* --- what upstreams say --- */

static void record_put(struct wire_out *o, const uint8_t *owner, uint16_t type, uint32_t ttl_s)
{
	static const uint8_t target[] = "\3web\1a\4test";
	size_t mark = wire_rr_begin(o, owner, type, DNS_IN, ttl_s);
	uint32_t x = below(250);

	switch (type) {
	case DNS_A:
		wire_put_u32(o, 0xc0000200u | x);
		break;
	case DNS_AAAA:
		wire_put_bytes(o, x % 5 ? "\x20\x01\x0d\xb8\0\0\0\0\0\0\0" : "\0\0\0\0\0\0\0\0\0\0\xff", 11);
		wire_put_u32(o, x);
		wire_put_u8(o, 1);
		break;
	case DNS_MX:
		wire_put_u16(o, (uint16_t)x);
		wire_put_name(o, target);
		break;
	case DNS_SRV:
		wire_put_bytes(o, "\0\1\0\2\0\3", 6);
		wire_put_name_plain(o, target);
		break;
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		wire_put_name(o, target);
		break;
	case DNS_SOA:
		wire_put_name(o, target);
		wire_put_name(o, target);
		wire_put_bytes(o, "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 16);
		wire_put_u32(o, x);
		break;
	default:
		wire_put_u8(o, 3);
		wire_put_bytes(o, "xyz", 3);
	}
	wire_rr_end(o, mark);
}

static uint32_t ttl_draw(void)
{
	static const uint32_t ttls[] = {0, 1, 4, 30, 60, 61, 300, 3600, 86400, 0x80000000u};

	return ttls[below(10)];
}

/* Sections of one answer; counts go into `h`. */
static void sections_put(struct wire_out *o, const struct dns_question *q, struct dns_header *h, unsigned kind)
{
	struct name alias;
	const uint8_t *owner = q->name;
	uint32_t ttl_s = ttl_draw();

	if (kind >= 10) { /* denied, in different words */
		record_put(o, name_labels(q->name) ? name_parent(q->name) : q->name, DNS_SOA, ttl_s);
		h->n_ns = 1;
		return;
	}
	if (kind >= 7) {
		cr_assert_eq(name_from_text(&alias, names[below(N_NAMES)]), 0);
		size_t mark = wire_rr_begin(o, owner, DNS_CNAME, DNS_IN, ttl_draw());

		wire_put_name(o, alias.b);
		wire_rr_end(o, mark);
		owner = alias.b;
		h->n_an = 1;
	}
	for (unsigned n = kind == 6 ? 30 : kind == 9 ? 0 : 1 + below(3); n > 0; n--, h->n_an++)
		record_put(o, owner, q->qtype == DNS_ANY ? (uint16_t)(n & 1 ? DNS_A : DNS_TXT) : q->qtype, below(4) ? ttl_s : ttl_draw());
	if (kind == 5) {
		record_put(o, q->name, DNS_NS, ttl_s);
		record_put(o, (const uint8_t *)"\3web\1a\4test", DNS_A, ttl_s);
		h->n_ns = h->n_ar = 1;
	}
}

static void answer(size_t i)
{
	static uint8_t msg[DNS_MSG_MAX];
	static const uint8_t rcodes[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_FORMERR, DNS_NOTIMP};
	struct given g = w.given[i];
	unsigned kind = below(20);
	struct dns_header h = {.n_qd = 1};
	struct wire_out o;
	struct dns_msg m;

	if (kind == 19) {
		given_end(i);
		core_fail(w.core, w.now_ns, g.id, (enum core_fail_why)below(CORE_FAIL_TIMEOUT));
		return;
	}
	if (dns_msg_parse(&m, g.q, g.len) < 0)
		return;
	h.id = m.h.id;
	h.flags = (uint16_t)(DNS_QR | DNS_RA | (m.h.flags & DNS_RD));
	h.flags |= below(3) ? 0 : DNS_AA;
	h.flags |= below(5) ? 0 : DNS_AD;
	if (kind == 18)
		h.flags |= rcodes[below(4)];
	else if (kind == 17 && g.proto == CORE_UDP)
		h.flags |= DNS_TC;
	else if (kind > 12 && kind < 17)
		h.flags |= DNS_NXDOMAIN;
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	if (kind < 17)
		sections_put(&o, &m.q, &h, kind);
	if (m.edns.present && below(8)) {
		size_t mark = wire_opt_begin(&o, 1232, 0, 0, m.edns.do_bit);

		if (!below(3)) {
			wire_put_u16(&o, EDNS_EDE);
			wire_put_u16(&o, 5);
			wire_put_bytes(&o, "\0\11abc", 5);
		}
		wire_opt_end(&o, mark);
		h.n_ar++;
	}
	set_be16(msg + 6, h.n_an);
	set_be16(msg + 8, h.n_ns);
	set_be16(msg + 10, h.n_ar);
	if (!below(40)) {
		unsigned at = 2 + below((unsigned)o.len - 2);

		msg[at] ^= (uint8_t)(1 + below(255));
	}
	if (core_answer(w.core, w.now_ns, g.id, msg, o.len))
		for (i = 0; i < w.n_given; i++)
			if (w.given[i].id == g.id)
				given_end(i);
}

/* --- what clients ask --- */

static void ask(uint64_t n)
{
	static const uint16_t sizes[] = {0, 512, 1232, 4096};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = (uint16_t)(1000 + n), .cookie = n, .proto = below(4) ? CORE_UDP : CORE_TCP};
	uint16_t size = sizes[below(4)], flags = below(8) ? DNS_RD : 0, type = types[below(sizeof(types) / sizeof(types[0]))];
	bool wants_do = size && !below(3), wants_nsid = size && !below(4);
	unsigned host = below(6);
	uint8_t q[512];
	size_t len, ret = 0;
	struct name name;
	enum core_verdict v;

	c.addr = host < 5 ? addr_of("10.0.1.0") : addr_of("fd00::7");
	if (host < 5)
		c.addr.s6_addr[15] = (uint8_t)host;
	c.local = addr_of("10.0.0.10");
	cr_assert_eq(name_from_text(&name, names[below(N_NAMES)]), 0);
	if (!below(8))
		flags |= DNS_CD;
	len = dns_query_build(q, sizeof(q), (uint16_t)n, name.b, type, flags, size, wants_do, wants_nsid);
	if (!below(40))
		set_be16(q + DNS_HEADER_LEN + name.len + 2, DNS_CH);
	v = core_query(w.core, w.now_ns, &c, q, len, out, &ret);
	note("query", v, n, v == CORE_REPLY ? out : NULL, v == CORE_REPLY ? ret : 0);
}

static int file_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	const char *text = strcmp(path, "/h") == 0 ? "10.0.1.9 nine.a.test\nfd00::9 nine.a.test\n" :
						     "web.a.test\n192.0.2.1 1\n192.0.2.2 98\n192.0.2.77 9\n";

	(void)ctx, (void)secret, (void)d;
	*ret_text = strdup(text);
	*ret_len = strlen(text);
	return 0;
}

static uint64_t walk(const char *text)
{
	static const uint64_t pauses[] = {0, 0, 0, 1, 1, 3, 20, 400, 2000, 30000};
	static const struct hash_key key = {3, 4};
	struct core_ops ops = {.reply = on_reply, .ask = on_ask, .cancel = on_cancel, .event = on_event, .done = on_done, .failed = on_failed};
	struct corefile_env e = test_env();
	struct corefile_plan *p;
	struct corefile *c;
	struct diag d = {""};

	e.read_file = file_read;
	w.stats = calloc(1, sizeof(*w.stats));
	w.now_ns = 1000 * NS_PER_S;
	w.number = w.n_given = 0;
	rng_seed(&w.rng, 5);
	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0, "%s", d.text);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	corefile_free(c);
	p->conf.max_inflight = 12;
	p->conf.max_waiters = 24;
	p->conf.cache_bytes = 65536;
	cr_assert_eq(core_new(&w.core, &p->conf, &ops, w.stats, &key, 6, &d), 0, "%s", d.text);
	for (uint64_t n = 0; n < STEPS; n++) {
		unsigned more = below(3), how_long = below(60) ? 1 : 40;

		ask(n);
		for (; more > 0 && w.n_given; more--)
			answer(below((unsigned)w.n_given));
		w.now_ns += pauses[below(10)] * NS_PER_MS * how_long;
		core_tick(w.core, w.now_ns);
		note("next", core_deadline(w.core), 0, NULL, 0);
	}
	for (unsigned i = 0; i < 100 && core_deadline(w.core) != UINT64_MAX; i++) {
		w.now_ns = core_deadline(w.core) > w.now_ns ? core_deadline(w.core) : w.now_ns;
		core_tick(w.core, w.now_ns);
	}
	note("core", 0, 0, w.stats, offsetof(struct core_stats, server));
	for (unsigned i = 0; i < w.stats->n_servers; i++)
		note("server", i, 0, &w.stats->server[i], sizeof(w.stats->server[i]));
	for (unsigned i = 0; i < w.stats->n_upstreams; i++)
		note("upstream", i, 0, &w.stats->upstream[i], sizeof(w.stats->upstream[i]));
	for (unsigned i = 0; i < w.stats->n_events; i++)
		note("event", i, 0, &w.stats->event[i], sizeof(w.stats->event[i]));
	core_free(w.core);
	corefile_plan_free(p);
	free(w.stats);
	return w.number;
}

Test(plugin_walk, all_that_comes_out_is_what_it_was, .timeout = 120)
{
	const char *which = getenv("WALK");
	FILE *f = fopen(GOLDEN, getenv("GOLDEN_UPDATE") ? "w" : "r");

	cr_assert(f, "%s", GOLDEN);
	for (unsigned i = 0; i < N_TEXTS; i++) {
		unsigned long want = 0, got;
		unsigned number = 0;

		w.is_told = which && strtoul(which, NULL, 10) == i;
		got = walk(texts[i]);
		if (getenv("GOLDEN_UPDATE"))
			fprintf(f, "%u %016lx\n", i, got);
		else
			cr_expect(fscanf(f, "%u %lx", &number, &want) == 2 && number == i && want == got, "walk %u", i);
	}
	fclose(f);
}
