/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three state machines against schedules measured on the real resolvers, on
 * a virtual clock: a lossy server answers at once or not at all.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/stub.h"
#include "lib/wire.h"
#include "tests/unit/stub_schedules.h"

#define SENDS_MAX 64
#define REPLIES_MAX 32

struct sent {
	double t;
	unsigned server, port;
	bool tcp;
	char name;
	uint16_t type;
};

struct reply {
	unsigned slot, port;
	bool refused;
	size_t len;
	uint8_t msg[512];
};

/* The world of one row: clock, the server's faults, what was sent. */
static struct {
	const struct schedule *row;
	uint64_t now;
	struct sent sent[SENDS_MAX];
	size_t n_sent;
	struct reply reply[REPLIES_MAX];
	size_t n_replies, next_reply;
	unsigned slot_port[STUB_SLOTS_MAX], n_ports;
	bool slot_open[STUB_SLOTS_MAX], slot_tcp[STUB_SLOTS_MAX];
	unsigned to_lose;
	uint16_t lose_type; /* 0: any */
	struct name exists; /* len 0: all names do */
	struct name names[8];
	size_t n_names;
} w;

static bool has(const char *text, const char *word)
{
	const char *p = strstr(text, word);

	return p && (p == text || p[-1] == ' ') &&
	       (p[strlen(word)] == 0 || p[strlen(word)] == ' ' || word[strlen(word) - 1] == ':');
}

static void world_setup(const struct schedule *row)
{
	const char *first = strstr(row->server, "first:"), *exists = strstr(row->server, "exists:");
	char name[64];

	memset(&w, 0, sizeof(w));
	w.row = row;
	if (first) {
		w.to_lose = (unsigned)atoi(first + 6);
		w.lose_type = strstr(first, ":AAAA") ? DNS_AAAA : 0;
	}
	if (exists) {
		sscanf(exists + 7, "%63s", name);
		cr_assert_eq(name_from_text(&w.exists, name), 0);
	}
}

static char name_letter(const uint8_t *name)
{
	size_t i = 0;

	while (i < w.n_names && !name_eq(w.names[i].b, name))
		i++;
	if (i == w.n_names)
		name_copy(&w.names[w.n_names++], name);
	return (char)('a' + i);
}

static bool lost(unsigned server, bool tcp, uint16_t type)
{
	const char *s = w.row->server;

	if (has(s, "all") || (has(s, "udp") && !tcp) || (has(s, "ip:1") && server == 0))
		return true;
	if ((has(s, "type:A") && type == DNS_A) || (has(s, "type:AAAA") && type == DNS_AAAA))
		return true;
	if (w.to_lose == 0 || (w.lose_type && w.lose_type != type))
		return false;
	w.to_lose--;
	return true;
}

static void reply_write(struct reply *r, const struct dns_msg *q, bool tcp)
{
	struct dns_header h = {.id = q->h.id, .flags = DNS_QR | DNS_RD | DNS_RA, .n_qd = 1};
	bool exists = w.exists.len == 0 || name_eq(q->q.name, w.exists.b);
	bool good = false;
	struct wire_out o;

	if (has(w.row->server, "servfail"))
		h.flags |= DNS_SERVFAIL;
	else if (has(w.row->server, "tc") && !tcp)
		h.flags |= DNS_TC;
	else if (!exists)
		h.flags |= DNS_NXDOMAIN;
	else
		good = true;
	h.n_an = good;
	wire_out_init(&o, r->msg, sizeof(r->msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, q->q.name, q->q.qtype, DNS_IN);
	if (good) {
		size_t mark = wire_rr_begin(&o, q->q.name, q->q.qtype, DNS_IN, 30);

		wire_put_bytes(&o, "0123456789abcdef", q->q.qtype == DNS_A ? 4 : 16);
		wire_rr_end(&o, mark);
	}
	cr_assert_eq(o.err, 0);
	r->len = o.len;
}

static void server_take(const struct stub_action *a)
{
	struct reply *r = &w.reply[w.n_replies];
	struct sent *s = &w.sent[w.n_sent++];
	struct dns_msg q;

	cr_assert_leq(w.n_sent, SENDS_MAX);
	cr_assert(w.slot_open[a->slot], "sent on a closed slot");
	cr_assert_eq(dns_msg_parse(&q, a->query, a->len), 0);
	*s = (struct sent){.t = (double)w.now / NS_PER_S,
			   .server = a->server + 1,
			   .port = w.slot_port[a->slot],
			   .tcp = w.slot_tcp[a->slot],
			   .name = name_letter(q.q.name),
			   .type = q.q.qtype};
	r->refused = has(w.row->server, "refused");
	if (!r->refused && lost(a->server, s->tcp, s->type))
		return;
	r->slot = a->slot;
	r->port = w.slot_port[a->slot];
	reply_write(r, &q, s->tcp);
	cr_assert_lt(++w.n_replies, REPLIES_MAX);
}

/* Carries out one action; false at the end of the lookup. */
static bool action_do(struct stub *s, const struct stub_action *a)
{
	switch (a->act) {
	case STUB_OPEN:
		cr_assert_not(w.slot_open[a->slot], "opened twice");
		w.slot_open[a->slot] = true;
		w.slot_tcp[a->slot] = a->tcp;
		w.slot_port[a->slot] = ++w.n_ports;
		break;
	case STUB_CLOSE:
		cr_assert(w.slot_open[a->slot], "closed twice");
		w.slot_open[a->slot] = false;
		break;
	case STUB_SEND:
		server_take(a);
		break;
	case STUB_WAIT:
		if (w.next_reply < w.n_replies) {
			const struct reply *r = &w.reply[w.next_reply++];

			if (r->refused)
				stub_broken(s, w.now, r->slot);
			else if (w.slot_open[r->slot] && w.slot_port[r->slot] == r->port)
				stub_receive(s, w.now, r->slot, r->msg, r->len);
			break;
		}
		cr_assert_neq(a->deadline_ns, T_NEVER, "waits for ever");
		cr_assert_geq(a->deadline_ns, w.now);
		w.now = a->deadline_ns;
		stub_expire(s, w.now);
		break;
	case STUB_DONE:
		return false;
	}
	return true;
}

static void call_run(const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
		     const char *name, struct stub_outcome *ret)
{
	struct stub *s = malloc(stub_sizeof());
	struct stub_action a;

	w.n_replies = w.next_reply = 0;
	cr_assert_eq(stub_start(s, c, t, rng, name, w.now), 0);
	for (int i = 0;; i++) {
		cr_assert_lt(i, 1000, "no end");
		stub_next(s, w.now, &a);
		if (!action_do(s, &a))
			break;
	}
	for (int i = 0; i < STUB_SLOTS_MAX; i++)
		cr_assert_not(w.slot_open[i], "slot %d left open", i);
	stub_outcome(s, ret);
	free(s);
}

/* --- the trace as text --- */

static bool show(char what)
{
	return strchr(w.row->show, what);
}

static bool same_instant(const struct sent *a, const struct sent *b)
{
	return a->t == b->t && a->name == b->name && a->tcp == b->tcp &&
	       (w.row->lib != SCEN_MUSL || a->port == b->port);
}

static bool out_of_order(const struct sent *a, const struct sent *b)
{
	if (show('t') && a->type != b->type)
		return a->type > b->type;
	return a->server > b->server;
}

static void trace_sort(void)
{
	if (w.row->lib == SCEN_GLIBC)
		return;
	for (size_t i = 1; i < w.n_sent; i++)
		for (size_t j = i; j > 0 && same_instant(&w.sent[j - 1], &w.sent[j]) &&
				   out_of_order(&w.sent[j - 1], &w.sent[j]);
		     j--) {
			struct sent s = w.sent[j];

			w.sent[j] = w.sent[j - 1];
			w.sent[j - 1] = s;
		}
}

static void trace_print(char *text, size_t cap, bool search)
{
	FILE *f = fmemopen(text, cap, "w");

	trace_sort();
	for (size_t i = 0; i < w.n_sent; i++) {
		const struct sent *s = &w.sent[i];

		fprintf(f, "%s%.4g:", i ? " " : "", (double)(int64_t)(s->t * 1000 + 0.5) / 1000);
		if (show('s'))
			fprintf(f, "%u", s->server);
		if (show('p'))
			fprintf(f, "/%u", s->port);
		fprintf(f, "%s", s->tcp ? "+" : "");
		if (search)
			fputc(s->name, f);
		if (show('t'))
			fprintf(f, "%s", s->type == DNS_A ? "A" : "AAAA");
	}
	fclose(f);
}

static void conf_setup(struct stub_conf *c, const struct schedule *row)
{
	static const char *const search[] = {"default.svc.cluster.local", "svc.cluster.local",
					     "cluster.local"};
	const char *o = row->options;

	*c = (struct stub_conf){.lib = row->lib,
				.transport = has(o, "use-vc") ? SCEN_TCP : SCEN_NEW_PORT,
				.family = SCEN_A_AAAA,
				.n_servers = row->n_servers,
				.ndots = has(o, "ndots:5") ? 5 : 1,
				.attempts = has(o, "attempts:3") ? 3 : 2,
				.timeout_ns = (has(o, "timeout:1") ? 1 : 5) * NS_PER_S,
				.single_request = has(o, "single-request"),
				.single_request_reopen = has(o, "single-request-reopen"),
				.rotate = has(o, "rotate")};
	if (c->ndots == 5)
		for (c->n_search = 0; c->n_search < 3; c->n_search++)
			name_from_text(&c->search[c->n_search], search[c->n_search]);
}

static void row_run(const struct schedule *row)
{
	const char *name = strstr(row->server, "db.prod") ? "db.prod" : "www.example.com";
	char sends[4000] = "", calls[400] = "";
	struct stub_thread t = {0};
	struct stub_conf c;
	struct rng rng;

	rng_seed(&rng, 1);
	world_setup(row);
	conf_setup(&c, row);
	for (const char *p = row->calls; p; p = strchr(p + 1, ',')) {
		uint64_t start = w.now;
		struct stub_outcome out;
		size_t n = strlen(calls);

		call_run(&c, &t, &rng, name, &out);
		snprintf(calls + n, sizeof(calls) - n, "%s%.4g %s%s%s", n ? ", " : "",
			 (double)(w.now - start) / NS_PER_S, out.result == STUB_OK ? "ok" : "fail",
			 out.have_a ? " A" : "", out.have_aaaa ? " AAAA" : "");
		cr_expect_eq(out.partial, out.result == STUB_OK && out.have_a != out.have_aaaa);
	}
	trace_print(sends, sizeof(sends), c.n_search > 0);
	if (!has(row->server, "refused"))
		cr_expect_str_eq(sends, row->sends, "%d %s:\n got %s\nwant %s", row->lib,
				 row->title, sends, row->sends);
	cr_expect_str_eq(calls, row->calls, "%d %s: got %s, want %s", row->lib, row->title, calls,
			 row->calls);
}

static void lib_run(enum scen_stub lib)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(schedules) / sizeof(schedules[0]); i++) {
		if (schedules[i].lib != lib)
			continue;
		row_run(&schedules[i]);
		n++;
	}
	cr_assert_eq(n, 26);
}

Test(stub, glibc_does_as_measured)
{
	lib_run(SCEN_GLIBC);
}

Test(stub, musl_does_as_measured)
{
	lib_run(SCEN_MUSL);
}

Test(stub, go_does_as_measured)
{
	lib_run(SCEN_GO);
	/* and takes a new port for every query: the last row with sends */
	row_run(&schedules[sizeof(schedules) / sizeof(schedules[0]) - 2]);
	for (size_t i = 0; i < w.n_sent; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_neq(w.sent[i].port, w.sent[j].port);
}

/* --- beyond the measured rows --- */

static const struct schedule plain = {SCEN_GLIBC, "plain", 1, "ndots:5", "", "spt", "", ""};

static struct stub_outcome plain_call(const struct schedule *row, const char *name,
				      enum scen_family family, bool nsid)
{
	struct stub_thread t = {0};
	struct stub_outcome out;
	struct stub_conf c;
	struct rng rng;

	rng_seed(&rng, 2);
	world_setup(row);
	conf_setup(&c, row);
	c.family = family;
	c.nsid = nsid;
	c.edns_size = 1232;
	call_run(&c, &t, &rng, name, &out);
	return out;
}

Test(stub, absolute_names_are_not_searched)
{
	for (int lib = SCEN_GLIBC; lib <= SCEN_GO; lib++) {
		struct schedule row = plain;
		struct stub_outcome out;

		row.lib = (enum scen_stub)lib;
		row.server = "exists:nowhere.";
		out = plain_call(&row, "www.example.com.", SCEN_A_AAAA, true);
		cr_expect_eq(out.n_names, 1);
		cr_expect_eq(out.n_queries, 2);
		cr_expect_eq(out.result, STUB_NOTFOUND);
		out = plain_call(&row, "www.example.com", SCEN_A_AAAA, true);
		cr_expect_eq(out.n_names, 4);
		cr_expect_eq(out.n_queries, 8);
		cr_expect_eq(out.n_retries, 0);
		cr_expect_eq(out.result, STUB_NOTFOUND);
	}
}

/* Enough dots: the bare name first; glibc and Go then search all the same. */
Test(stub, names_with_enough_dots_come_bare_first)
{
	static const unsigned want[] = {[SCEN_GLIBC] = 4, [SCEN_MUSL] = 1, [SCEN_GO] = 4};

	for (int lib = SCEN_GLIBC; lib <= SCEN_GO; lib++) {
		struct schedule row = plain;
		struct stub_outcome out;

		row.lib = (enum scen_stub)lib;
		out = plain_call(&row, "a.b.c.d.e.f", SCEN_A_AAAA, false);
		cr_expect_eq(out.n_names, 1);
		cr_expect_eq(out.final_name.len, 13);
		row.server = "exists:nowhere.";
		out = plain_call(&row, "a.b.c.d.e.f", SCEN_A_AAAA, false);
		cr_expect_eq(out.n_names, want[lib], "%d: %u", lib, out.n_names);
		cr_expect_eq(out.result, STUB_NOTFOUND);
	}
}

Test(stub, one_family_asks_one_question)
{
	for (int lib = SCEN_GLIBC; lib <= SCEN_GO; lib++) {
		struct schedule row = plain;
		struct stub_outcome out;

		row.lib = (enum scen_stub)lib;
		row.options = "";
		out = plain_call(&row, "www.example.com", SCEN_AAAA, false);
		cr_expect_eq(out.n_queries, 1);
		cr_expect(out.have_aaaa && !out.have_a && !out.partial);
		row.server = "all";
		out = plain_call(&row, "www.example.com", SCEN_A, false);
		cr_expect_eq(out.n_queries, 2);
		cr_expect_eq(out.n_retries, 1);
		cr_expect_eq(out.result, STUB_FAIL);
	}
}

Test(stub, names_too_long_for_a_domain_skip_it)
{
	char name[256] = "";

	for (int i = 0; i < 61; i++)
		strcat(name, "abc.");
	name[243] = 0; /* 245 octets: no domain fits */
	for (int lib = SCEN_GLIBC; lib <= SCEN_GO; lib++) {
		struct schedule row = plain;

		row.lib = (enum scen_stub)lib;
		row.server = "exists:nowhere.";
		cr_expect_eq(plain_call(&row, name, SCEN_A_AAAA, true).n_names, 1);
	}
}

Test(stub, bad_input_is_refused)
{
	struct stub *s = malloc(stub_sizeof());
	struct stub_thread t = {0};
	struct stub_conf c;
	struct rng rng;

	rng_seed(&rng, 3);
	conf_setup(&c, &plain);
	cr_assert_eq(stub_start(s, &c, &t, &rng, "a..b", 0), ERR_SYNTAX);
	c.attempts = 0;
	cr_assert_eq(stub_start(s, &c, &t, &rng, "a", 0), ERR_RANGE);
	c.attempts = 2;
	c.n_servers = 4;
	cr_assert_eq(stub_start(s, &c, &t, &rng, "a", 0), ERR_RANGE);
	free(s);
}

/* Replies that are not to our question leave no trace. */
Test(stub, strangers_are_ignored)
{
	struct stub *s = malloc(stub_sizeof());
	struct stub_thread t = {0};
	struct stub_action a;
	struct stub_conf c;
	uint8_t msg[300];
	struct rng rng;
	size_t len;

	rng_seed(&rng, 4);
	world_setup(&plain);
	conf_setup(&c, &plain);
	c.n_search = 0;
	stub_start(s, &c, &t, &rng, "www.example.com", 0);
	do
		stub_next(s, 0, &a);
	while (a.act != STUB_SEND);
	len = a.len;
	memcpy(msg, a.query, len);
	cr_assert_not(stub_receive(s, 0, 0, msg, len), "a query is no reply");
	msg[2] |= 0x80;
	msg[1] ^= 1;
	cr_assert_not(stub_receive(s, 0, 0, msg, len), "another id");
	msg[1] ^= 1;
	msg[13] = 'v';
	cr_assert_not(stub_receive(s, 0, 0, msg, len), "another name");
	msg[13] = 'W';
	cr_assert_not(stub_receive(s, 0, 3, msg, len), "another slot");
	cr_assert_not(stub_receive(s, 0, 0, msg, len - 1), "cut short");
	cr_assert(stub_receive(s, 0, 0, msg, len), "case does not matter");
	cr_assert_not(stub_receive(s, 0, 0, msg, len), "once is enough");
	free(s);
}

/* One socket for all lookups: the stub neither opens nor closes slot 0. */
Test(stub, same_socket_mode_leaves_slot_0_alone)
{
	for (int lib = SCEN_GLIBC; lib <= SCEN_GO; lib++) {
		struct stub_thread t = {0};
		struct schedule row = plain;
		struct stub_outcome out;
		struct stub_conf c;
		struct rng rng;

		row.lib = (enum scen_stub)lib;
		row.server = "tc";
		rng_seed(&rng, 5);
		world_setup(&row);
		conf_setup(&c, &row);
		c.transport = SCEN_SAME_SOCKET;
		c.n_search = 0;
		w.slot_open[0] = true;
		for (int i = 0; i < 2; i++) {
			struct stub *s = malloc(stub_sizeof());
			struct stub_action a;

			w.n_replies = w.next_reply = 0;
			stub_start(s, &c, &t, &rng, "www.example.com", w.now);
			do
				stub_next(s, w.now, &a);
			while (action_do(s, &a));
			cr_assert(w.slot_open[0]);
			stub_outcome(s, &out);
			cr_expect_eq(out.result, STUB_OK);
			cr_expect_geq(out.n_tc, 1);
			free(s);
		}
	}
}

Test(stub, conf_from_scenario)
{
	struct scenario s = {.stub = SCEN_MUSL,
			     .ndots = 5,
			     .attempts = 3,
			     .timeout_ns = NS_PER_S,
			     .n_search = 1,
			     .search = {"cluster.local"}};
	struct scen_load l = {.transport = SCEN_TCP, .family = SCEN_A};
	struct stub_conf c;

	cr_assert_eq(stub_conf_from_scenario(&c, &s, &l), 0);
	cr_assert(c.lib == SCEN_MUSL && c.attempts == 3 && c.n_servers == 1 && c.nsid);
	cr_assert_eq(c.search[0].len, 15);
	s.search[0] = "a..b";
	cr_assert_eq(stub_conf_from_scenario(&c, &s, &l), ERR_SYNTAX);
}
