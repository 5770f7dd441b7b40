/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client's connections may have, limit by limit and octet by octet, from within; what
 * clients see of it is test_listen_share.c and test_listen_held.c.
 */
#include "tests/fixtures/listen_conns.h"

static uint8_t large[60000];

/* A slow client's connection with n queries of its that wait. */
static struct tcp_conn *world(int n, int *ret_client)
{
	start_default();
	return asking_slowly(n, ret_client);
}

TestSuite(listen_tcp_share, .timeout = 20);

/* A reply of 3,000 octets takes a buffer of 4,096, which is the least that is counted. */
Test(listen_tcp_share, what_is_counted)
{
	int client;
	struct tcp_conn *c = world(3, &client);

	tcp_reply(tcp, &parked[0], large, 1000);
	cr_expect_eq(c->held_bytes, 0, "small change");
	cr_expect_not(c->listed[TCP_HOLDING]);
	tcp_reply(tcp, &parked[1], large, 2000);
	cr_expect_eq(c->held_bytes, 4096);
	cr_expect_eq(tcp->held_bytes, 4096);
	cr_expect_eq(stats.tcp_held_bytes, 4096);
	cr_expect_eq(c->who->held_bytes, 4096);
	cr_expect_eq(tcp->peak_bytes, 4096);
	cr_expect(c->listed[TCP_HOLDING]);
	cr_expect_eq(c->hold_ns, loop.now_ns);
	cr_expect_eq(c->unsent_bytes, c->stream.out_len + c->kernel_out_bytes);
	tcp_reply(tcp, &parked[2], large, sizeof(large));
	step();
	static const uint8_t part[2] = {60, 0};

	cr_assert_eq(send(client, part, 2, 0), 2);
	while (send(client, large, 3000, 0) > 0 && c->stream.in_len < 9000)
		step();
	step();
	cr_expect_gt(c->stream.in_cap, 4096, "a query that is not whole is held as well");
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_eq(c->held_bytes, c->stream.out_cap + c->stream.in_cap + c->kernel_out_bytes + c->kernel_in_bytes);
	cr_expect_eq(c->held_in_bytes, c->kernel_in_bytes);
	cr_expect_eq(c->unsent_bytes, c->stream.out_len + c->kernel_out_bytes);
	uint64_t held_since = c->hold_ns;

	loop.now_ns += NS_PER_MS;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_eq(c->hold_ns, held_since, "nothing has been taken meanwhile");
	c->unsent_bytes++;
	tcp_conn_touch(c);
	tcp_flush(tcp);
	cr_expect_eq(c->hold_ns, loop.now_ns, "less is left than was");
}

/* Each small answer is on its way for a while: what is counted for them is looked at in time. */
Test(listen_tcp_share, small_answers_that_are_read_are_not_held)
{
	uint8_t b[14];
	int client;

	start_default();
	struct tcp_conn *c = served_one(&client);

	cr_expect_geq(c->kernel_out_bytes, 14);
	for (int i = 0; i < 60; i++) {
		query_tcp(client, 1, NOW);
		cr_assert_eq(read_some(client, b, sizeof(b)), sizeof(b));
		cr_assert_lt(c->kernel_out_bytes, 20000);
		cr_assert_eq(c->sent_ns != 0, 1);
	}
}

/* At a limit nobody pays; an octet beyond it the one that has held longest does. */
Test(listen_tcp_share, limits_to_the_octet)
{
	for (int of_all = 0; of_all < 2; of_all++)
		for (int less = 0; less < 2; less++) {
			int client;
			struct tcp_conn *c;

			n_parked = 0;
			stats.tcp_resets = 0;
			c = world(1, &client);
			*(of_all ? &tcp->limits.held_max_bytes : &tcp->limits.held_client_bytes) = 4096 - (size_t)less;
			tcp_reply(tcp, &parked[0], large, 3000);
			cr_expect_eq(c->reset, less);
			cr_expect_eq(stats.tcp_resets, (uint64_t)less);
			cr_expect_eq(tcp->told_ns, less ? loop.now_ns : 0, "and told");
			cr_expect_eq(c->held_bytes, less ? 0 : 4096);
			if (less) {
				cr_expect(c->dying && c->dirty);
				tcp_share_count(c);
				cr_expect_eq(tcp->held_bytes, 0, "it is over");
			}
			tcp_flush(tcp);
			cr_expect_eq(tcp_server_open(tcp), (unsigned)!less);
			close(client);
			tcp_listener_stop(&tcp_l);
			tcp_server_free(tcp);
		}
}

Test(listen_tcp_share, whose_part_is_spent)
{
	static const struct {
		size_t client, all;
		bool spent;
	} cases[] = {
		{16384, 1 << 20, false}, {16383, 1 << 20, true},	 /* a quarter of its own */
		{1 << 18, 16384, false}, {(1 << 18) - 64, 16384, false}, /* a quarter of all's, and ... */
		{1 << 18, 16383, false}, {(1 << 18) - 64, 16383, true},	 /* ... a sixty-fourth of its own */
	};
	int client;
	struct tcp_conn *c = world(1, &client);

	tcp_reply(tcp, &parked[0], large, 3000);
	cr_assert_eq(c->who->held_bytes, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tcp->limits.held_client_bytes = cases[i].client;
		tcp->limits.held_max_bytes = cases[i].all;
		cr_expect_eq(tcp_share_spent(c), cases[i].spent, "case %zu", i);
	}
	/* what it still has to be read is none of it: reading makes it less */
	tcp->limits.held_client_bytes = 16383;
	tcp->limits.held_max_bytes = 1 << 20;
	c->who->held_in_bytes = 1;
	cr_expect_not(tcp_share_spent(c));
	c->who->held_in_bytes = 0;
	tcp->limits.held_client_bytes = (1 << 18) - 64;
	tcp->limits.held_max_bytes = 16383;
	tcp->held_in_bytes = 1;
	cr_expect_not(tcp_share_spent(c));
	tcp->held_in_bytes = 0;
}

/* Who has taken all meanwhile does not pay for who has not. */
Test(listen_tcp_share, who_pays_is_looked_at_first)
{
	int client[2];
	struct tcp_conn *first = world(1, &client[0]);

	tcp_reply(tcp, &parked[0], large, 30000);
	step();
	cr_assert(first->listed[TCP_HOLDING]);
	struct tcp_conn *second = asking_slowly(1, &client[1]);

	for (size_t n = 0; n < 30002;) {
		ssize_t got = recv(client[0], large, sizeof(large), 0);

		n += got > 0 ? (size_t)got : 0;
		if (first->stream.out_len) {
			tcp_conn_touch(first);
			tcp_flush(tcp);
		}
	}
	tcp->limits.held_client_bytes = tcp->held_bytes + 40000;
	first->kernel_out_bytes = 60000; /* as it was before that */
	tcp_share_count(first);
	tcp_reply(tcp, &parked[1], large, 36000);
	cr_expect_not(first->reset);
	cr_expect_not(second->reset);
	cr_expect_eq(stats.tcp_resets, 0);
	cr_expect_not(first->listed[TCP_HOLDING], "it was looked at");
}

/* Those that were not read for it go on sixteen at a time, each client's by itself, past who may not yet. */
Test(listen_tcp_share, who_is_woken)
{
	int client[20];
	unsigned left = 0;

	start_default();
	for (int i = 0; i < 20; i++)
		served_one(&client[i]);
	for (int i = 0; i < 20; i++)
		tcp_share_hold_up(conn_of(client[i]));
	cr_expect_eq(stats.tcp_held_up, 20);
	tcp->look.due(&tcp->look);
	for (int i = 0; i < 20; i++) {
		cr_expect_eq(conn_of(client[i])->listed[TCP_HELD_UP], i >= 16, "%d", i);
		cr_expect_eq(conn_of(client[i])->dirty, i < 16, "%d", i);
		left += conn_of(client[i])->listed[TCP_HELD_UP];
	}
	cr_expect_eq(left, 4);
	cr_expect(tcp->look.armed);
	cr_expect_eq(tcp->look.at_ns, loop.now_ns + 20 * NS_PER_MS);
	tcp_flush(tcp);
	tcp->look.due(&tcp->look);
	cr_expect_null(tcp->list[TCP_HELD_UP].first);
}

Test(listen_tcp_share, who_is_woken_of_several_clients)
{
	struct tcp_conn *c[4], *holder;
	struct tcp_limits l;
	int client[5];

	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	for (int i = 0; i < 4; i++) {
		c[i] = served_from(i % 2 ? "127.0.0.3" : "127.0.0.2", &client[i]);
		tcp_share_hold_up(c[i]);
		tcp_conn_touch(c[i]);
	}
	client[4] = client_from(SOCK_STREAM, "127.0.0.2");
	query_tcp(client[4], 1, LATER);
	while (!n_parked)
		step();
	holder = conn_of(client[4]);
	for (int i = 0; i < 4; i++)
		tcp_share_hold_up(c[i]); /* where they are not any more */
	tcp_reply(tcp, &parked[0], large, 3000);
	cr_assert_eq(holder->who->held_bytes, 4096);
	tcp->limits.held_client_bytes = 16383;
	tcp->look.due(&tcp->look);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(c[i]->listed[TCP_HELD_UP], i % 2 == 0, "%d: its client holds too much", i);
	for (int i = 1; i < 4; i += 2)
		tcp_share_hold_up(c[i]);
	tcp->limits.held_client_bytes = 1 << 20;
	holder->stream.out_len = 0; /* it has taken all */
	holder->stream.out_cap = 0;
	holder->kernel_out_bytes = 0;
	tcp_share_count(holder);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(c[i]->listed[TCP_HELD_UP], i % 2 == 1, "%d: of that client alone", i);
	holder->stream.out_cap = 4096;
}

/* When it is looked again, and what for. */
Test(listen_tcp_share, looks_at_the_holders)
{
	int client;
	struct tcp_conn *c = world(2, &client);

	cr_expect_not(tcp->look.armed);
	tcp_reply(tcp, &parked[0], large, 3000);
	cr_assert(tcp->look.armed);
	cr_expect_eq(tcp->look.at_ns, loop.now_ns + 100 * NS_PER_MS);
	tcp_reply(tcp, &parked[1], large, sizeof(large));
	step();
	loop.now_ns += 4 * NS_PER_S;
	tcp->looked_ns = loop.now_ns - 99 * NS_PER_MS;
	c->hold_ns = 0;
	tcp->look.due(&tcp->look);
	cr_expect_not(c->reset, "not again so soon");
	tcp->looked_ns = loop.now_ns - 100 * NS_PER_MS;
	c->hold_ns = loop.now_ns - 5 * NS_PER_S;
	tcp->look.due(&tcp->look);
	cr_expect_eq(tcp->looked_ns, loop.now_ns);
	cr_expect_not(c->reset, "it has five seconds");
	tcp->looked_ns = 0;
	c->hold_ns--;
	tcp->look.due(&tcp->look);
	cr_expect(c->reset);
	cr_expect_eq(stats.tcp_slow_readers, 1);
	tcp->looked_ns = 0;
	c->hold_ns = 0;
	tcp->look.due(&tcp->look);
	cr_expect_eq(stats.tcp_slow_readers, 1, "once");
	tcp_flush(tcp);
	cr_expect_eq(ended(client), ECONNRESET);
}

/* An answer that the kernel has and nobody takes, though nothing else is asked. */
Test(listen_tcp_share, who_holds_the_kernels_memory_alone)
{
	int client;
	struct tcp_conn *c = world(1, &client);

	tcp_reply(tcp, &parked[0], large, 20000);
	step();
	cr_assert_eq(c->stream.out_len, 0);
	tcp->looked_ns = 0;
	tcp->look.due(&tcp->look);
	cr_assert_geq(c->kernel_out_bytes, 4096);
	cr_expect_not(c->reset);
	c->hold_ns = 0;
	tcp->looked_ns = 0;
	tcp->look.due(&tcp->look);
	cr_expect(c->reset);
	cr_expect_eq(stats.tcp_slow_readers, 1);
}

Test(listen_tcp_share, memory_goes_back_after_a_burst)
{
	int client;

	start_default();
	served_one(&client);
	tcp->peak_bytes = 1 << 20;
	tcp->look.due(&tcp->look);
	cr_expect_eq(tcp->peak_bytes, 1 << 20, "that was none");
	cr_expect_not(tcp->look.armed);
	tcp->peak_bytes = (1 << 20) + 1;
	tcp->held_bytes = tcp->peak_bytes / 8 + 1;
	tcp->look.due(&tcp->look);
	cr_expect_eq(tcp->peak_bytes, (1 << 20) + 1, "too much is still in use");
	cr_expect(tcp->look.armed, "it is looked again");
	tcp->held_bytes--;
	tcp->look.due(&tcp->look);
	cr_expect_eq(tcp->peak_bytes, tcp->held_bytes);
	tcp->held_bytes = 0;
}

/* Some hundred queries, or what is left of a larger one, up to twice as much. */
Test(listen_tcp_share, how_much_a_turn_reads)
{
	static const struct {
		size_t in_len, frame, want;
	} cases[] = {{0, 0, 4096},	{1, 60000, 4096}, {2, 100, 4096},    {2, 4096, 4096},	{2, 4097, 4097},
		     {2, 6000, 6000}, {1000, 6000, 5002}, {2000, 6000, 4096}, {2, 8192, 8192}, {2, 8193, 8192}, {2, 65535, 8192}};
	uint8_t head[2];
	int client;

	start_default();
	struct tcp_conn *c = served_one(&client);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_be16(head, (uint16_t)cases[i].frame);
		c->stream.in = head;
		c->stream.in_len = cases[i].in_len;
		tcp->round++;
		cr_expect_eq(tcp_turn_take(c), cases[i].want, "case %zu", i);
		cr_expect_eq(c->who->turn_left, 8192);
	}
	c->stream.in = NULL;
	c->stream.in_len = 0;
	tcp_turn_used(c, 100);
	cr_expect_eq(c->who->turn_left, 8192 - 612);
	cr_expect_eq(tcp_turn_take(c), 4096);
	cr_expect_eq(c->who->turn_left, 8192 - 612, "the same round");
	c->who->turn_left = 1;
	cr_expect_eq(tcp_turn_take(c), 4096);
	cr_expect_eq(stats.tcp_put_off, 0);
	c->who->turn_left = 0;
	cr_expect_eq(tcp_turn_take(c), 0);
	cr_expect_eq(stats.tcp_put_off, 1);
}

/* A quarter of a client's connections' looks is spared: what waits to be read is seen every sixteenth time. */
Test(listen_tcp_share, what_waits_to_be_read_is_seen)
{
	int client;

	start_default();
	struct tcp_conn *c = served_one(&client);

	cr_assert_eq(tcp_turn_take(c) > 0, 1);
	c->who->round = tcp->round;
	c->who->turn_left = 0;
	for (unsigned i = 0; i < 33; i++) {
		c->kernel_in_bytes = 77777;
		cr_expect_eq(tcp_turn_take(c), 0);
		cr_expect_eq(c->kernel_in_bytes == 77777, i % 16 != 0, "%u", i);
	}
	c->kernel_in_bytes = 0;
	tcp_share_count(c);
}
