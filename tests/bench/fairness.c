/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench fairness: a flood that upstreams cannot keep up with, beside 20 clients
 * that ask 25 questions a second each, through the daemon's core; and beside it
 * the same arrivals at a table of the same size that takes whoever comes first.
 * Virtual time, one seed: the same numbers on every machine.
 *
 *   fairness [SECONDS [RATE [SEED]]]      default 10 20000 1
 *
 * Fails when flooding pods cost the others an answer, when a flood from so many
 * addresses that nobody can tell it from the others leaves them less than whoever
 * comes first would get (half as much again, when nobody answers it), when the flood's
 * own answers fall by more than a fifth below that or below what one address may be
 * owed, or when anything is left in the tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"

#define TABLE        4096u /* the core's own default */
#define BUDGET_NS    (4500 * NS_PER_MS)
#define POLITE       20u
#define POLITE_RATE  25u
#define SLOW_NS      (400 * NS_PER_MS)
#define OWED         1000u /* replies to one address: resolver/core/room.c */
#define MSG_MAX      320

struct flood {
	const char *what;
	unsigned addresses;
	bool is_answered; /* after SLOW_NS, or never */
};

struct event { /* an answer on its way */
	uint64_t t_ns;
	uint32_t id;
	uint16_t len;
	uint8_t msg[MSG_MAX];
};

struct tally {
	uint64_t polite, polite_answered, flood, flood_answered, most;
};

struct world {
	struct core *core;
	struct core_stats *stats;
	struct rng rng;
	const struct flood *flood;
	uint64_t now_ns;
	struct event *heap;
	size_t n, cap;
	struct tally tally;
};

/* --- answers on their way: a heap by time --- */

static void heap_put(struct world *w, const struct event *e)
{
	size_t i = w->n++;

	if (w->n > w->cap) {
		w->cap = w->cap ? 2 * w->cap : 1024;
		w->heap = realloc(w->heap, w->cap * sizeof(*w->heap));
		if (!w->heap)
			exit(2);
	}
	for (; i && w->heap[(i - 1) / 2].t_ns > e->t_ns; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = *e;
}

static struct event heap_take(struct world *w)
{
	struct event first = w->heap[0], last = w->heap[--w->n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < w->n && w->heap[child + 1].t_ns < w->heap[child].t_ns)
			child++;
		if (child >= w->n || w->heap[child].t_ns >= last.t_ns)
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

/* --- the world --- */

/* How long the answer takes: names begin with p (polite) or f (flood). */
static uint64_t delay_of(struct world *w, char kind)
{
	if (kind == 'p')
		return 2 * NS_PER_MS + rng_below(&w->rng, 28 * NS_PER_MS);
	return w->flood->is_answered ? SLOW_NS : T_NEVER;
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	struct world *w = ctx;
	struct event e = {.id = a->id};
	struct dns_msg m;
	uint64_t delay_ns;
	size_t question;

	if (dns_msg_parse(&m, a->query, a->len) < 0)
		exit(2);
	delay_ns = m.q.name_len < 2 ? NS_PER_MS : delay_of(w, (char)(m.q.name[1] | 0x20)); /* a probe */
	if (delay_ns == T_NEVER)
		return;
	question = DNS_HEADER_LEN + m.q.name_len + 4u;
	memcpy(e.msg, a->query, question);
	set_be16(e.msg + 2, DNS_QR | DNS_RD | DNS_RA);
	memset(e.msg + 6, 0, 6);
	e.msg[7] = 1;
	memcpy(e.msg + question, record, sizeof(record));
	e.len = (uint16_t)(question + sizeof(record));
	e.t_ns = w->now_ns + delay_ns;
	heap_put(w, &e);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	bool answered = len > 3 && DNS_RCODE(get_be16(bytes + 2)) == DNS_NOERROR;

	if (c->cookie)
		w->tally.polite_answered += answered;
	else
		w->tally.flood_answered += answered;
}

static void time_pass(struct world *w, uint64_t until_ns)
{
	for (;;) {
		uint64_t tick_ns = core_deadline(w->core);
		uint64_t answer_ns = w->n ? w->heap[0].t_ns : T_NEVER;
		struct event e;

		if (tick_ns > until_ns && answer_ns > until_ns)
			break;
		if (tick_ns < answer_ns) {
			w->now_ns = tick_ns > w->now_ns ? tick_ns : w->now_ns;
			core_tick(w->core, w->now_ns);
			continue;
		}
		e = heap_take(w);
		w->now_ns = e.t_ns;
		core_answer(w->core, w->now_ns, e.id, e.msg, e.len);
	}
	w->now_ns = until_ns;
}

static void ask(struct world *w, bool polite, uint64_t number, unsigned address)
{
	uint8_t in[512], out[CORE_UDP_MAX];
	struct core_client cl = {.port = 1024, .cookie = polite};
	struct name name;
	char text[64];
	size_t len, out_len = 0;

	snprintf(text, sizeof(text), "%c%llu.example", polite ? 'p' : 'f',
		 (unsigned long long)number);
	name_from_text(&name, text);
	set_be32(cl.addr.s6_addr + 12, (polite ? 0x0a000000u : 0x0b000000u) + address);
	len = dns_query_build(in, sizeof(in), 1, name.b, DNS_A, DNS_RD, 1232, false, false);
	if (core_query(w->core, w->now_ns, &cl, in, len, out, &out_len) == CORE_REPLY)
		on_reply(w, &cl, out, out_len);
	w->tally.polite += polite;
	w->tally.flood += !polite;
	if (w->stats->inflight > w->tally.most)
		w->tally.most = w->stats->inflight;
}

static void core_start(struct world *w)
{
	static const struct hash_key key = {1, 2};
	struct core_ops ops = {.ctx = w, .reply = on_reply, .ask = on_ask};
	struct core_listener listener = {.port = DNS_PORT, .label = "dns://:53"};
	struct core_upstream upstream = {.port = DNS_PORT, .label = "10.96.0.11:53"};
	struct core_conf conf = {.n_listeners = 1, .n_zones = 1, .n_upstreams = 1,
				 .max_inflight = TABLE};
	struct core_forward forward;
	struct core_zone zone;
	struct diag d = {""};

	core_conf_forward_defaults(&forward);
	forward.n_to = 1;
	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	zone.cache.enabled = true;
	zone.n_forward = 1;
	zone.forward = &forward;
	upstream.addr.s6_addr[10] = upstream.addr.s6_addr[11] = 0xff;
	upstream.addr.s6_addr[12] = 10;
	conf.listener = &listener;
	conf.zone = &zone;
	conf.upstream = &upstream;
	if (core_new(&w->core, &conf, &ops, w->stats, &key, 1, &d) < 0) {
		fprintf(stderr, "fairness: %s\n", d.text);
		exit(2);
	}
}

/* --- arrivals: at random, on average as the rates say; the polite ones in turn --- */

struct arrivals {
	struct rng rng;
	uint64_t flood_every_ns, polite_every_ns, end_ns;
	uint64_t flood_ns, polite_ns, n_flood, n_polite;
};

/* The next to come, or T_NEVER. */
static uint64_t arrival_next(struct arrivals *a, bool *ret_polite)
{
	*ret_polite = a->polite_ns < a->flood_ns;
	if (a->flood_ns > a->end_ns && a->polite_ns > a->end_ns)
		return T_NEVER;
	if (*ret_polite) {
		uint64_t t_ns = a->polite_ns;

		a->polite_ns += rng_below(&a->rng, 2 * a->polite_every_ns);
		a->n_polite++;
		return t_ns;
	} else {
		uint64_t t_ns = a->flood_ns;

		a->flood_ns += rng_below(&a->rng, 2 * a->flood_every_ns);
		a->n_flood++;
		return t_ns;
	}
}

static struct arrivals arrivals_of(uint64_t seconds, uint64_t rate, uint64_t seed)
{
	struct arrivals a = {.flood_every_ns = NS_PER_S / rate,
			     .polite_every_ns = NS_PER_S / (POLITE * POLITE_RATE),
			     .end_ns = seconds * NS_PER_S};

	rng_seed(&a.rng, seed);
	return a;
}

static struct tally run_core(const struct flood *f, struct arrivals a, uint64_t seed, bool *ret_left)
{
	struct world w = {.flood = f, .stats = calloc(1, sizeof(*w.stats))};
	uint64_t t_ns;
	bool polite;

	if (!w.stats)
		exit(2);
	rng_seed(&w.rng, seed);
	core_start(&w);
	while ((t_ns = arrival_next(&a, &polite)) != T_NEVER) {
		time_pass(&w, t_ns);
		if (polite)
			ask(&w, true, a.n_polite, (unsigned)(a.n_polite % POLITE));
		else
			ask(&w, false, a.n_flood, (unsigned)(a.n_flood % f->addresses));
	}
	time_pass(&w, w.now_ns + 2 * BUDGET_NS);
	*ret_left = w.stats->inflight || w.stats->waiters || w.stats->clients;
	core_free(w.core);
	free(w.stats);
	free(w.heap);
	return w.tally;
}

/* Whoever comes first: a place is taken until the answer, or the budget's end. */
static struct tally run_first_come(const struct flood *f, struct arrivals a, uint64_t seed)
{
	struct world w = {.flood = f};
	uint64_t t_ns;
	bool polite;

	rng_seed(&w.rng, seed);
	while ((t_ns = arrival_next(&a, &polite)) != T_NEVER) {
		uint64_t delay_ns = delay_of(&w, polite ? 'p' : 'f');
		struct event e = {.t_ns = t_ns + (delay_ns == T_NEVER ? BUDGET_NS : delay_ns)};

		while (w.n && w.heap[0].t_ns <= t_ns)
			heap_take(&w);
		w.tally.polite += polite;
		w.tally.flood += !polite;
		if (w.n == TABLE)
			continue;
		heap_put(&w, &e);
		w.tally.polite_answered += polite;
		w.tally.flood_answered += !polite && delay_ns != T_NEVER;
		if (w.n > w.tally.most)
			w.tally.most = w.n;
	}
	free(w.heap);
	return w.tally;
}

static double percent(uint64_t part, uint64_t of)
{
	return of ? 100.0 * (double)part / (double)of : 0;
}

/* What the flood may get: as much as who comes first, but to one address over UDP only
 * so many answers are owed at a time. */
static uint64_t flood_may(const struct flood *f, uint64_t first_come, uint64_t seconds)
{
	uint64_t owed = f->is_answered ? f->addresses * OWED * seconds * NS_PER_S / SLOW_NS : 0;

	return owed < first_come ? owed : first_come;
}

int main(int argc, char **argv)
{
	static const struct flood floods[] = {
		{"one pod, answered after 400 ms", 1, true},
		{"one pod, never answered", 1, false},
		{"16 pods, answered after 400 ms", 16, true},
		{"50,000 addresses, never answered", 50000, false},
		{"50,000 addresses, answered after 400 ms", 50000, true},
	};
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
	uint64_t rate = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	bool ok = true;

	if (!seconds || !rate || rate > 1000000) {
		fprintf(stderr, "usage: fairness [SECONDS [RATE [SEED]]]\n");
		return 2;
	}
	printf("%llu s, a flood of %llu questions a second beside %u clients of %u; %u places\n\n",
	       (unsigned long long)seconds, (unsigned long long)rate, POLITE, POLITE_RATE, TABLE);
	printf("%-42s %23s %23s\n", "", "others answered, %", "flood answered, 1/s");
	printf("%-42s %11s %11s %11s %11s\n", "the flood", "first come", "nodens", "first come",
	       "nodens");
	for (unsigned i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		const struct flood *f = &floods[i];
		bool left = true, is_alike = f->addresses > TABLE;
		struct tally core = run_core(f, arrivals_of(seconds, rate, seed), seed, &left);
		struct tally first = run_first_come(f, arrivals_of(seconds, rate, seed), seed);

		printf("%-42s %11.1f %11.1f %11llu %11llu\n", f->what,
		       percent(first.polite_answered, first.polite),
		       percent(core.polite_answered, core.polite),
		       (unsigned long long)(first.flood_answered / seconds),
		       (unsigned long long)(core.flood_answered / seconds));
		if (is_alike)
			ok &= core.polite_answered * 100 >=
			      first.polite_answered * (f->is_answered ? 95 : 150);
		else
			ok &= core.polite_answered == core.polite;
		ok &= core.flood_answered * 10 >= flood_may(f, first.flood_answered, seconds) * 8;
		ok &= core.most <= TABLE + 1 && !left; /* who gives way leaves with the next tick */
	}
	if (!ok)
		printf("\nnot as it should be\n");
	return !ok;
}
