/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cores with every plugin, asked at random by clients of all kinds and answered at random by
 * upstreams of all kinds, once by honest ones; their configurations become others under way, and what is kept at the end
 * is taken over by another. All that comes out of each (replies, questions, what is told, what is
 * counted, what is kept) with its time makes one number, compared with tests/golden/corefile/walks.
 * It says that nothing has changed; what is right other tests say. GOLDEN_UPDATE=1 writes that file
 * anew, and WALK=n prints what a number is of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/walk_words.h"

#define GOLDEN "tests/golden/corefile/walks"
#define STEPS  1200
#define SEEDS  4 /* of each configuration; with the first it is never reloaded, with the last upstreams are honest */

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
	struct search {
		unsigned base, step;
		uint16_t type;
	} search[6]; /* of each host */
	size_t n_listeners;
	bool is_honest, is_told;
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

	return ttls[w.is_honest ? 3 + below(4) : below(10)];
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

/* What there is by honest upstreams: names of even numbers, and what stands where a search list looks first. */
static bool is_absent(const uint8_t *name)
{
	char text[NAME_MAX_TEXT];
	struct name lower;
	unsigned number;

	name_lower(lower.b, name);
	name_to_text(lower.b, text, sizeof(text));
	if (sscanf(text, "n%u.", &number) == 1)
		return number % 2;
	return strstr(text, "node.example.") || (strstr(text, "cluster.local.") && !strstr(text, "default.svc."));
}

static unsigned kind_draw(const struct dns_question *q)
{
	unsigned kind = below(20);

	if (!w.is_honest || kind == 18)
		return kind;
	if (is_absent(q->name))
		return 13;
	return q->qtype == DNS_TXT || q->qtype == DNS_MX ? 11 : kind % 5;
}

/* OPT of an answer to `m`: sometimes with an extended error, a cookie or more of an rcode. */
static void opt_put(struct wire_out *o, const struct dns_msg *m)
{
	static const uint8_t more[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DNS_BADCOOKIE >> 4, DNS_BADVERS >> 4};
	size_t mark = wire_opt_begin(o, 1232, more[below(sizeof(more))], 0, m->edns.do_bit);
	uint16_t len = 0;
	const uint8_t *cookie = dns_edns_option(&m->edns, EDNS_COOKIE, &len);

	if (!below(3)) {
		wire_put_u16(o, EDNS_EDE);
		wire_put_u16(o, 5);
		wire_put_bytes(o, "\0\11abc", 5);
	}
	if (cookie && below(4)) {
		wire_put_u16(o, EDNS_COOKIE);
		wire_put_u16(o, 16);
		wire_put_bytes(o, cookie, 8);
		wire_put_bytes(o, below(9) ? "12345678" : "87654321", 8);
	}
	wire_opt_end(o, mark);
}

/* Seldom: another octet, another spelling, cut short, with more behind it, or without its question. */
static size_t message_spoil(uint8_t *msg, size_t len, size_t name_len)
{
	unsigned at = 2 + below((unsigned)len - 2);

	switch (below(160)) {
	case 0:
	case 1:
	case 2:
	case 3:
		msg[at] ^= (uint8_t)(1 + below(255));
		return len;
	case 4:
		return at;
	case 5:
		memcpy(msg + len, "more", 4);
		return len + 4;
	case 6:
		set_be16(msg + 4, 0);
		memmove(msg + DNS_HEADER_LEN, msg + DNS_HEADER_LEN + name_len + 4, len - DNS_HEADER_LEN - name_len - 4);
		return len - name_len - 4;
	case 7:
	case 8:
		for (size_t i = DNS_HEADER_LEN; i < DNS_HEADER_LEN + name_len; i++)
			if (msg[i] >= 'a' && msg[i] <= 'z')
				msg[i] = (uint8_t)(msg[i] - 32);
		return len;
	}
	return len;
}

static void given_answer(uint32_t id, const uint8_t *msg, size_t len)
{
	bool taken = core_answer(w.core, w.now_ns, id, msg, len);

	note("taken", taken, 0, NULL, 0);
	for (size_t i = 0; taken && i < w.n_given; i++)
		if (w.given[i].id == id)
			given_end(i);
}

static void answer(size_t i)
{
	static uint8_t msg[DNS_MSG_MAX];
	static const uint8_t rcodes[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_FORMERR, DNS_NOTIMP};
	struct given g = w.given[i];
	struct dns_header h = {.n_qd = 1};
	struct wire_out o;
	struct dns_msg m;
	unsigned kind;

	if (dns_msg_parse(&m, g.q, g.len) < 0)
		return;
	kind = kind_draw(&m.q);
	if (kind == 19) {
		given_end(i);
		core_fail(w.core, w.now_ns, g.id, (enum core_fail_why)below(CORE_FAIL_TIMEOUT));
		return;
	}
	h.id = m.h.id;
	h.flags = (uint16_t)(DNS_QR | DNS_RA | (m.h.flags & DNS_RD));
	h.flags |= below(3) ? 0 : DNS_AA;
	h.flags |= below(5) ? 0 : DNS_AD;
	if (kind == 18)
		h.flags |= rcodes[below(4)];
	else if (kind == 17 && (g.proto == CORE_UDP || !below(3)))
		h.flags |= DNS_TC;
	else if (kind > 12 && kind < 17)
		h.flags |= DNS_NXDOMAIN;
	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	if (kind < 17)
		sections_put(&o, &m.q, &h, kind);
	if (m.edns.present && below(8)) {
		opt_put(&o, &m);
		h.n_ar++;
	}
	set_be16(msg + 6, h.n_an);
	set_be16(msg + 8, h.n_ns);
	set_be16(msg + 10, h.n_ar);
	given_answer(g.id, msg, w.is_honest ? o.len : message_spoil(msg, o.len, m.q.name_len));
}

/* --- what clients ask --- */

static void option_put(struct wire_out *o, uint16_t code, const void *b, size_t len)
{
	wire_put_u16(o, code);
	wire_put_u16(o, (uint16_t)len);
	wire_put_bytes(o, b, len);
}

static void options_put(struct wire_out *o, uint8_t host)
{
	uint8_t cookie[24] = "clients 0123456789abcdef";
	static const uint8_t subnet[] = {0, 1, 24, 0, 192, 0, 2};

	cookie[7] = host;
	if (!below(4))
		option_put(o, EDNS_NSID, NULL, 0);
	if (!below(5))
		option_put(o, EDNS_COOKIE, cookie, below(3) ? 8 : below(4) ? 24 : 3);
	if (!below(8))
		option_put(o, EDNS_ECS, subnet, sizeof(subnet));
	if (!below(8))
		option_put(o, EDNS_KEEPALIVE, NULL, 0);
	if (!below(8))
		option_put(o, EDNS_PADDING, subnet, sizeof(subnet));
	if (!below(12))
		option_put(o, 65500, "what", 4);
}

/* The next name of a host: of no order, or the next of its search list. */
static const char *name_draw(unsigned host, uint16_t *type)
{
	static char text[NAME_MAX_TEXT];
	struct search *s = &w.search[host];

	*type = types[below(w.is_honest ? 5 : sizeof(types) / sizeof(types[0]))];
	if (w.is_honest && below(2)) {
		unsigned number = below(50);

		snprintf(text, sizeof(text), "n%u.%s", number, below(2) ? "b.test." : "default.svc.cluster.local.");
		return text;
	}
	if (below(3))
		return names[below(N_NAMES)];
	if (s->step == 0) {
		s->base = below(N_BASES);
		s->type = below(2) ? DNS_A : DNS_AAAA;
	}
	*type = s->type;
	snprintf(text, sizeof(text), "%s%s", bases[s->base], suffixes[s->step]);
	if (below(12))
		s->step = (s->step + 1) % N_SUFFIXES;
	return text;
}

static void ask(uint64_t n)
{
	static const uint16_t sizes[] = {0, 512, 1232, 4096};
	static const uint16_t odd[] = {DNS_QR, 4 << 11, DNS_TC, DNS_AD, DNS_Z, DNS_AA};
	static uint8_t out[DNS_MSG_MAX];
	struct core_client c = {.port = (uint16_t)(1000 + n), .cookie = n, .proto = below(4) ? CORE_UDP : CORE_TCP};
	struct dns_header h = {.id = (uint16_t)n, .n_qd = 1, .flags = below(8) ? DNS_RD : 0};
	unsigned host = below(6);
	uint16_t type, size = sizes[below(4)], qclass = below(40) ? DNS_IN : DNS_CH;
	const char *text = name_draw(host, &type);
	uint8_t q[1024];
	size_t ret = 0;
	struct name name;
	struct wire_out o;
	enum core_verdict v;

	c.addr = host < 5 ? addr_of("10.0.1.0") : addr_of("fd00::7");
	if (host < 5)
		c.addr.s6_addr[15] = (uint8_t)host;
	c.local = addr_of("10.0.0.10");
	c.listener = (uint8_t)below((unsigned)w.n_listeners);
	c.keepalive_ds = c.proto == CORE_TCP ? 300 : 0;
	cr_assert_eq(name_from_text(&name, text), 0);
	if (!below(w.is_honest ? 40 : 8))
		h.flags |= DNS_CD;
	if (!below(50))
		h.flags |= odd[below(sizeof(odd) / sizeof(odd[0]))];
	h.n_ar = size > 0;
	wire_out_init(&o, q, sizeof(q));
	wire_put_header(&o, &h);
	wire_put_question(&o, name.b, type, qclass);
	if (size) {
		uint8_t version = below(60) ? 0 : 1;
		size_t mark = wire_opt_begin(&o, size, 0, version, !below(w.is_honest ? 20 : 3));

		options_put(&o, (uint8_t)host);
		wire_opt_end(&o, mark);
	}
	v = core_query(w.core, w.now_ns, &c, q, below(2) ? o.len : message_spoil(q, o.len, name.len), out, &ret);
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

static struct corefile_plan *plan_make(const char *text, unsigned seed)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p;
	struct corefile *c;
	struct diag d = {""};

	e.read_file = file_read;
	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0, "%s", d.text);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	corefile_free(c);
	p->conf.max_inflight = seed == 2 ? 40 : 12;
	p->conf.max_waiters = seed == 2 ? 90 : 24;
	p->conf.cache_bytes = 65536;
	return p;
}

static void core_make(const struct corefile_plan *p)
{
	static const struct hash_key key = {3, 4};
	struct core_ops ops = {.reply = on_reply, .ask = on_ask, .cancel = on_cancel, .event = on_event, .done = on_done, .failed = on_failed};
	struct diag d = {""};

	w.stats = calloc(1, sizeof(*w.stats));
	w.n_given = 0;
	w.n_listeners = p->conf.n_listeners;
	cr_assert_eq(core_new(&w.core, &p->conf, &ops, w.stats, &key, 6, &d), 0, "%s", d.text);
}

static void reload(const struct corefile_plan *p)
{
	struct diag d = {""};

	note("reload", (uint64_t)core_reconfigure(w.core, &p->conf, w.now_ns, &d), core_deadline(w.core), NULL, 0);
	w.n_given = 0;
	w.n_listeners = p->conf.n_listeners;
}

static void steps(unsigned n_steps, struct corefile_plan *const *plan, bool reloads)
{
	static const uint64_t pauses[] = {0, 0, 0, 1, 1, 3, 20, 400, 2000, 30000};
	unsigned now = 0;

	for (uint64_t n = 0; n < n_steps; n++) {
		unsigned more = below(3), how_long = below(60) ? 1 : 40;
		bool all = w.is_honest && below(6);

		ask(n);
		if (reloads && !below(w.is_honest ? 1500 : 100))
			reload(plan[now = !now]);
		for (more = all ? (unsigned)w.n_given : more; more > 0 && w.n_given; more--)
			answer(below((unsigned)w.n_given));
		w.now_ns += pauses[below(10)] * NS_PER_MS * how_long / (w.is_honest ? 20 : 1);
		core_tick(w.core, w.now_ns);
		note("next", core_deadline(w.core), 0, NULL, 0);
	}
	for (unsigned i = 0; i < 100 && core_deadline(w.core) != UINT64_MAX; i++) {
		w.now_ns = core_deadline(w.core) > w.now_ns ? core_deadline(w.core) : w.now_ns;
		core_tick(w.core, w.now_ns);
	}
}

static void counted(void)
{
	note("core", 0, 0, w.stats, offsetof(struct core_stats, server));
	for (unsigned i = 0; i < w.stats->n_servers; i++)
		note("server", i, 0, &w.stats->server[i], sizeof(w.stats->server[i]));
	for (unsigned i = 0; i < w.stats->n_upstreams; i++)
		note("upstream", i, 0, &w.stats->upstream[i], sizeof(w.stats->upstream[i]));
	for (unsigned i = 0; i < w.stats->n_events; i++)
		note("event", i, 0, &w.stats->event[i], sizeof(w.stats->event[i]));
}

/* What one core keeps goes to another, of the same configuration. */
static void hand_over(const struct corefile_plan *p)
{
	struct core *old = w.core;
	struct core_entry e;
	size_t cursor = 0;

	core_make(p);
	while (core_entry_next(old, &cursor, &e)) {
		note("entry", e.stored_ns, e.expires_ns, e.msg, e.len);
		note("of", (uint64_t)e.qtype << 32 | (uint64_t)e.kind << 16 | e.is_do, e.view, e.ede, e.ede_len);
		note("put", (uint64_t)core_entry_put(w.core, w.now_ns, &e), 0, NULL, 0);
	}
	core_free(old);
}

static uint64_t walk(unsigned which, unsigned seed)
{
	struct corefile_plan *plan[] = {plan_make(texts[which], seed), plan_make(texts[(which + seed * 5 + 1) % N_TEXTS], seed)};
	struct core_stats *first;

	w.now_ns = 1000 * NS_PER_S;
	w.number = 0;
	memset(w.search, 0, sizeof(w.search));
	w.is_honest = seed == SEEDS - 1;
	rng_seed(&w.rng, 5 + seed);
	core_make(plan[0]);
	first = w.stats;
	steps(w.is_honest ? 3 * STEPS : STEPS, plan, seed != 0);
	counted();
	hand_over(plan[0]);
	free(first);
	steps(STEPS / 20, plan, false);
	counted();
	core_free(w.core);
	corefile_plan_free(plan[0]);
	corefile_plan_free(plan[1]);
	free(w.stats);
	return w.number;
}

Test(plugin_walk, all_that_comes_out_is_what_it_was, .timeout = 120)
{
	const char *which = getenv("WALK");
	FILE *f = fopen(GOLDEN, getenv("GOLDEN_UPDATE") ? "w" : "r");

	cr_assert(f, "%s", GOLDEN);
	for (unsigned i = 0; i < N_TEXTS * SEEDS; i++) {
		unsigned long want = 0, got;
		unsigned number = 0;

		w.is_told = which && strtoul(which, NULL, 10) == i;
		got = walk(i / SEEDS, i % SEEDS);
		if (getenv("GOLDEN_UPDATE"))
			fprintf(f, "%u %016lx\n", i, got);
		else
			cr_expect(fscanf(f, "%u %lx", &number, &want) == 2 && number == i && want == got, "walk %u", i);
	}
	fclose(f);
}
