/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of Space-Saving, on a stream whose truth is known; /debug/top. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"
#include "resolver/observe/top.h"

#define KEY_MAX 8
#define KEYS 5000

static struct topk t;
static uint8_t keys[TOPK_SLOTS][KEY_MAX];
static uint64_t truth[KEYS];

static void add(unsigned key, uint64_t weight)
{
	char text[KEY_MAX + 1];

	snprintf(text, sizeof(text), "k%u", key);
	topk_add(&t, keys[0], KEY_MAX, key * UINT64_C(0x9e3779b97f4a7c15), text, strlen(text),
		 weight);
	truth[key] += weight;
}

static unsigned key_of(const struct topk_entry *e)
{
	char text[KEY_MAX + 1] = "";

	memcpy(text, e->key, e->len);
	return (unsigned)atoi(text + 1);
}

Test(topk, few_keys_are_counted_exactly)
{
	struct topk_entry e;

	for (unsigned i = 0; i < TOPK_SLOTS; i++)
		add(i, i + 1);
	for (size_t i = 0; i < TOPK_SLOTS; i++) {
		cr_assert(topk_get(&t, keys[0], KEY_MAX, i, &e));
		cr_assert_eq(e.count, truth[key_of(&e)]);
		cr_assert_eq(e.error, 0);
	}
	cr_assert_not(topk_get(&t, keys[0], KEY_MAX, TOPK_SLOTS, &e));
	cr_assert_eq(topk_floor(&t), 1);
}

Test(topk, bounds_hold_on_a_zipf_stream)
{
	struct zipf *z = zipf_new(KEYS, 1.0);
	struct topk_entry e;
	struct rng r;
	size_t heavy = 0, found = 0;

	rng_seed(&r, 7);
	for (int i = 0; i < 200000; i++)
		add((unsigned)zipf_draw(z, &r), 1);
	zipf_free(z);
	cr_assert_eq(t.total, 200000);
	cr_assert_leq(topk_floor(&t), t.total / TOPK_SLOTS);
	for (size_t i = 0; i < TOPK_SLOTS; i++) {
		cr_assert(topk_get(&t, keys[0], KEY_MAX, i, &e));
		uint64_t is = truth[key_of(&e)];

		cr_assert_geq(e.count, is);
		cr_assert_leq(e.count - e.error, is);
		cr_assert_leq(e.error, t.total / TOPK_SLOTS);
		found += is > t.total / TOPK_SLOTS;
	}
	for (int i = 0; i < KEYS; i++)
		heavy += truth[i] > t.total / TOPK_SLOTS;
	cr_assert_gt(heavy, 10);
	cr_assert_eq(found, heavy, "each key above the share has a slot");
	for (size_t i = 0; i < TOPK_SLOTS; i++) { /* the index knows every slot */
		topk_get(&t, keys[0], KEY_MAX, i, &e);
		add(key_of(&e), 1);
		cr_assert_eq(t.count[i], e.count + 1);
	}
}

Test(topk, halving_forgets)
{
	struct topk_entry e;

	add(1, 8);
	add(2, 1);
	add(3, 5);
	topk_halve(&t, keys[0], KEY_MAX, 1);
	cr_assert_eq(t.n, 2);
	cr_assert_eq(t.total, 7);
	for (size_t i = 0; i < 2; i++) {
		cr_assert(topk_get(&t, keys[0], KEY_MAX, i, &e));
		cr_assert_eq(e.count, truth[key_of(&e)] / 2);
	}
	topk_halve(&t, keys[0], KEY_MAX, 500);
	cr_assert_eq(t.n, 0);
	cr_assert_eq(t.total, 0);
}

Test(topk, a_slot_that_is_being_replaced_is_not_shown)
{
	struct topk_entry e;

	add(1, 1);
	t.turn[0] |= 1;
	cr_assert_not(topk_get(&t, keys[0], KEY_MAX, 0, &e));
	add(1, 1); /* counted all the same */
	cr_assert_eq(t.count[0], 2);
	topk_repair(&t);
	cr_assert(topk_get(&t, keys[0], KEY_MAX, 0, &e));
}

Test(topk, another_writer_goes_on)
{
	struct topk_entry e;

	for (unsigned i = 0; i < 1000; i++)
		add(i % 200, 1);
	memset(t.index, 0, sizeof(t.index)); /* stopped in the middle of it */
	topk_repair(&t);
	for (size_t i = 0; i < TOPK_SLOTS; i++) {
		cr_assert(topk_get(&t, keys[0], KEY_MAX, i, &e));
		add(key_of(&e), 1);
		cr_assert_eq(t.count[i], e.count + 1);
	}
	t.n = 4000;
	topk_repair(&t);
	add(7, 1);
	cr_assert_eq(t.n, 1);
}

/* --- /debug/top --- */

static struct top *board[3];

static void ask(struct top *b, const char *client, const char *name, unsigned rcode,
		uint64_t now_ns)
{
	uint8_t query[300], reply[12] = {0};
	struct core_client c = {.proto = CORE_UDP};
	struct core_done d = {
		.query = query, .reply = reply, .reply_len = sizeof(reply), .end_ns = now_ns};
	struct name n;

	cr_assert_eq(name_from_text(&n, name), 0);
	sockaddr_parse(client, 1, &c.addr, &c.port);
	d.query_len = dns_query_build(query, sizeof(query), 1, n.b, DNS_A, DNS_RD, 0, false, false);
	reply[3] = (uint8_t)rcode;
	top_note(b, &c, &d);
}

static struct jdoc *page(size_t n_boards, uint64_t now_ns, size_t n)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct jdoc *j;
	struct diag d = {""};

	top_write((const struct top *const *)board, n_boards, now_ns, n, f);
	fclose(f);
	cr_assert_eq(jdoc_parse(&j, text, len, &d), 0, "%s in %s", d.text, text);
	free(text);
	return j;
}

static double number(const struct jdoc *j, const char *key)
{
	double v = -1;

	jdoc_number(jdoc_get(j, key), &v);
	return v;
}

static void is_entry(const struct jdoc *j, const char *list, size_t i, const char *key,
		     double queries)
{
	const struct jdoc *e = jdoc_item(jdoc_get(j, list), i);
	const char *name = jdoc_text(jdoc_get(e, "name")),
		   *client = jdoc_text(jdoc_get(e, "client"));

	cr_assert(e, "%s has no entry %zu", list, i);
	cr_assert_str_eq(name ? name : client, key);
	cr_assert_float_eq(number(e, "queries"), queries, 0.01, "%s: %f", key,
			   number(e, "queries"));
}

static void boards_new(void)
{
	for (int i = 0; i < 3; i++) {
		board[i] = calloc(1, sizeof(*board[i]));
		top_init(board[i]);
	}
}

static void boards_free(void)
{
	for (int i = 0; i < 3; i++)
		free(board[i]);
}

Test(top, workers_are_added_up, .init = boards_new, .fini = boards_free)
{
	uint64_t now = 1000 * NS_PER_S;

	ask(board[0], "10.0.0.1", "A.example", 0, now);
	ask(board[0], "10.0.0.1", "a.example", 0, now);
	ask(board[1], "10.0.0.1", "nx.example", 3, now);
	ask(board[1], "2001:db8::1", "odd\\\"\\\\\\009.example", 3, now);
	struct jdoc *j = page(3, now + 10 * NS_PER_S, 20);

	is_entry(j, "clients", 0, "10.0.0.1", 3);
	is_entry(j, "clients", 1, "2001:db8::1", 1);
	is_entry(j, "names", 0, "a.example.", 2);
	is_entry(j, "nxdomain_clients", 1, "2001:db8::1", 1);
	cr_assert_eq(jdoc_count(jdoc_get(j, "nxdomain_names")), 2);
	is_entry(j, "nxdomain_names", 1, "odd\\\"\\\\\\009.example.", 1);
	cr_assert_float_eq(number(j, "queries"), 4, 0);
	cr_assert_float_eq(number(j, "nxdomain"), 2, 0);
	cr_assert_float_eq(number(j, "span_s"), 10, 0.01);
	cr_assert_float_eq(number(jdoc_item(jdoc_get(j, "clients"), 0), "per_s"), 0.3, 0.001);
	jdoc_free(j);
	j = page(3, now, 1);
	cr_assert_eq(jdoc_count(jdoc_get(j, "names")), 1);
	jdoc_free(j);
	j = page(0, now, 20);
	cr_assert_eq(jdoc_count(jdoc_get(j, "names")), 0);
	jdoc_free(j);
}

Test(top, a_rate_stays_a_rate_while_counts_fade, .init = boards_new, .fini = boards_free)
{
	uint64_t now = 5000 * NS_PER_S;
	struct jdoc *j;

	for (int i = 0; i < 1200; i++, now += NS_PER_S / 2) /* ten minutes, two a second */
		ask(board[0], "10.0.0.1", "a.example", 0, now);
	j = page(1, now, 20);
	cr_assert_float_eq(number(jdoc_item(jdoc_get(j, "clients"), 0), "per_s"), 2, 0.1);
	cr_assert_lt(number(j, "queries"), 300);
	jdoc_free(j);
	j = page(1, now + 5 * TOP_WINDOW_NS, 20); /* nobody asked since */
	cr_assert_lt(number(j, "queries"), 10);
	jdoc_free(j);
	j = page(1, now + 5000 * TOP_WINDOW_NS, 20);
	cr_assert_float_eq(number(j, "queries"), 0, 0);
	cr_assert_eq(jdoc_count(jdoc_get(j, "clients")), 0);
	jdoc_free(j);
	ask(board[0], "10.0.0.9", "b.example", 0, now + 5000 * TOP_WINDOW_NS);
	j = page(1, now + 5000 * TOP_WINDOW_NS, 20);
	is_entry(j, "clients", 0, "10.0.0.9", 1);
	cr_assert_eq(jdoc_count(jdoc_get(j, "clients")), 1);
	jdoc_free(j);
}

Test(top, a_busy_second_is_sampled_without_bias, .init = boards_new, .fini = boards_free)
{
	uint64_t now = 1000 * NS_PER_S;
	struct jdoc *j;

	for (int i = 0; i < 200000; i++) /* A and AAAA of four names, in step */
		ask(board[0], "10.0.0.1", (const char *[]){"a.x", "b.x", "c.x", "d.x"}[i % 4], 0,
		    now);
	j = page(1, now + 1, 20);
	cr_assert_float_eq(number(j, "queries"), 200000, 10000);
	for (size_t i = 0; i < 4; i++) {
		double n = number(jdoc_item(jdoc_get(j, "names"), i), "queries");

		cr_assert_float_eq(n, 50000, 7000, "%f", n);
	}
	jdoc_free(j);
}

Test(top, errors_and_our_own_selftest_do_not_count, .init = boards_new, .fini = boards_free)
{
	uint8_t query[12] = {0};
	struct core_client c = {.proto = CORE_UDP};
	struct core_done d = {
		.query = query, .query_len = sizeof(query), .zone = UINT16_MAX, .end_ns = 5};

	top_note(board[0], &c, &d);
	d.zone = 0;
	top_note(board[0], &c, &d); /* no name */
	d.query_len = 3;
	top_note(board[0], &c, &d);
	cr_assert_eq(board[0]->list[TOP_CLIENTS].n, 0);
}
