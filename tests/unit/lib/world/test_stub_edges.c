/* SPDX-License-Identifier: Apache-2.0 */
/* The stub beyond the measured rows: odd names, strangers' replies, bad input. */
#include "tests/fixtures/stub_world.h"

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

Test(stub_edges, absolute_names_are_not_searched)
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
Test(stub_edges, names_with_enough_dots_come_bare_first)
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

Test(stub_edges, one_family_asks_one_question)
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

Test(stub_edges, names_too_long_for_a_domain_skip_it)
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

Test(stub_edges, bad_input_is_refused)
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
Test(stub_edges, strangers_are_ignored)
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
Test(stub_edges, same_socket_mode_leaves_slot_0_alone)
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

Test(stub_edges, conf_from_scenario)
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
