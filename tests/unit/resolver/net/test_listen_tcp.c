/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, who makes room for that, and who goes with its listener, from within. */
#include "tests/fixtures/no_memory.h"

#include "tests/fixtures/listen_conns.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

TestSuite(listen_tcp, .timeout = 20);

static uint8_t large[60000];

static void until_closed(void)
{
	while (tcp_server_open(tcp))
		step();
}

Test(listen_tcp, limits_without_a_word)
{
	struct rlimit r;
	struct tcp_limits l;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	tcp_limits_default(&l);
	cr_expect_eq(l.conns_per_client, 256);
	cr_expect_eq(l.pipeline_max, 256);
	cr_expect_eq(l.out_max_bytes, 131072);
	cr_expect_eq(l.held_client_bytes, 8388608);
	cr_expect_eq(l.held_max_bytes, 16777216);
	cr_expect_eq(l.conns_a_round, LOOP_EVENTS);
	cr_expect_eq(l.turn_bytes, 8192);
	cr_expect_eq(l.timers.read_ns, 3000000000);
	cr_expect_eq(l.timers.idle_ns, 10000000000);
	cr_expect_eq(l.timers.write_ns, 5000000000);
	cr_expect_eq(l.timers.queries_max, 0);
	l.timers.read_ns = 7;
	start(&l, "127.0.0.1");
	for (unsigned i = 0; i < TCP_SLOTS; i++)
		cr_expect_eq(tcp->timers[i].read_ns, 7, "listener %u", i);
}

/* A query that is here when its connection is to end has come in time; who has closed its half owes none. */
Test(listen_tcp, draining_looks_whether_a_query_is_there)
{
	int client[3];
	uint8_t b[14];

	start_default();
	for (int i = 0; i < 3; i++)
		served_one(&client[i]);
	query_tcp(client[0], 7, NOW);
	shutdown(client[1], SHUT_WR);
	while (poll(&(struct pollfd){.fd = conn_of(client[0])->watch.fd, .events = POLLIN}, 1, 1000) != 1 ||
	       poll(&(struct pollfd){.fd = conn_of(client[1])->watch.fd, .events = POLLIN}, 1, 1000) != 1)
		;
	tcp_server_drain(tcp, 0); /* of another listener */
	tcp_server_drain(tcp, 2);
	tcp_flush(tcp);
	cr_expect_eq(tcp_server_open(tcp), 3);
	tcp_server_drain(tcp, 3);
	tcp_flush(tcp);
	cr_expect_eq(tcp_server_open(tcp), 1);
	cr_expect_eq(end_of(client[1]), 0);
	cr_expect_eq(end_of(client[2]), 0);
	cr_assert_eq(read_some(client[0], b, sizeof(b)), sizeof(b));
	until_closed();
	cr_expect_eq(end_of(client[0]), 0);
}

/* Who has connected and not asked yet has the time for that which anybody has, and no more. */
Test(listen_tcp, draining_waits_for_a_first_query)
{
	struct tcp_limits l;
	int client[2];
	uint8_t b[14];

	tcp_limits_default(&l);
	l.timers.read_ns = 300 * NS_PER_MS;
	start(&l, "127.0.0.1");
	for (int i = 0; i < 2; i++) {
		client[i] = client_from(SOCK_STREAM, NULL);
		conn_of(client[i]);
	}
	uint64_t until = conn_of(client[1])->deadline_ns;

	tcp_server_part(tcp, -1);
	tcp_server_drain(tcp, -1);
	for (int i = 0; i < 3; i++)
		step();
	cr_expect_eq(tcp_server_open(tcp), 2);
	query_tcp(client[0], 1, NOW);
	cr_assert_eq(read_some(client[0], b, sizeof(b)), sizeof(b));
	cr_expect_eq(ended(client[0]), 0, "with its answer");
	cr_expect_eq(tcp_server_open(tcp), 1);
	until_closed();
	cr_expect_geq(loop.now_ns, until);
	cr_expect_lt(loop.now_ns, until + NS_PER_S);
	cr_expect_eq(end_of(client[1]), 0);
	cr_expect_eq(stats.tcp_timeouts, 1);
}

/* A query of which a part is here has come in time, too. */
Test(listen_tcp, draining_waits_for_the_rest_of_a_query)
{
	int client;
	uint8_t b[14], q[22] = {0, 20, 7, [21] = NOW};

	start_default();
	served_one(&client);
	cr_assert_eq(write(client, q, 5), 5);
	while (conn_of(client)->stream.in_len < 5)
		step();
	tcp_server_drain(tcp, -1);
	for (int i = 0; i < 3; i++)
		step();
	cr_expect_eq(tcp_server_open(tcp), 1);
	cr_assert_eq(write(client, q + 5, 17), 17);
	cr_assert_eq(read_some(client, b, sizeof(b)), sizeof(b));
	cr_expect_eq(ended(client), 0);
	until_closed();
}

/* Its listener is gone: what it has asked is answered, what it says then is not read. */
Test(listen_tcp, whose_listener_is_gone)
{
	int client[3];
	uint8_t b[28];

	start_default();
	for (int i = 0; i < 2; i++) {
		client[i] = client_from(SOCK_STREAM, NULL);
		query_tcp(client[i], (uint8_t)i, LATER);
		while (n_parked <= i)
			step();
	}
	served_one(&client[2]);
	tcp_server_place(tcp, 3, -1);
	for (int i = 0; i < 2; i++)
		query_tcp(client[i], 7, NOW);
	for (int i = 0; i < 5; i++)
		step();
	cr_expect_eq(tcp_server_open(tcp), 2, "the idle one has ended");
	cr_expect_eq(end_of(client[2]), 0);
	for (int i = 0; i < 2; i++)
		tcp_reply(tcp, &parked[i], large, 12);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(read_some(client[i], b, 14), 14);
	until_closed();
	cr_expect_eq(n_queries, 3, "no more was read");
}

/* One that is in use ends with an answer, in the same segment; until it asks it stays. */
Test(listen_tcp, parting_ends_with_an_answer)
{
	int client[2];
	uint8_t b[14];

	start_default();
	served_one(&client[0]);
	served_one(&client[1]);
	query_tcp(client[1], 1, LATER);
	while (!n_parked)
		step();
	tcp_server_part(tcp, -1);
	tcp_flush(tcp);
	cr_expect_eq(end_of(client[0]), EAGAIN, "it may ask once more");
	tcp_reply(tcp, &parked[0], large, 12);
	tcp_flush(tcp);
	cr_expect_eq(read_some(client[1], b, sizeof(b)), sizeof(b));
	cr_expect_eq(end_of(client[1]), 0, "it was owed an answer");
	query_tcp(client[0], 7, NOW);
	while (tcp_server_open(tcp))
		step();
	cr_expect_eq(read_some(client[0], b, sizeof(b)), sizeof(b));
	cr_expect_eq(end_of(client[0]), 0);
}

/* Of a listener that is to go, and not of another; one that stays after all has connections as ever. */
Test(listen_tcp, parting_of_one_listener)
{
	int client;
	uint8_t b[14];

	start_default();
	served_one(&client);
	tcp_server_part(tcp, tcp_l.slot + 1);
	query_tcp(client, 7, NOW);
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b));
	cr_expect_eq(end_of(client), EAGAIN, "another's");
	tcp_server_part(tcp, tcp_l.slot);
	tcp_server_place(tcp, tcp_l.slot, 0);
	query_tcp(client, 7, NOW);
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b));
	cr_expect_eq(end_of(client), EAGAIN, "it stays");
	query_tcp(client, 1, LATER);
	while (!n_parked)
		step();
	tcp_server_part(tcp, tcp_l.slot + 1);
	cr_expect_not(conn_of(client)->drain);
	tcp_server_part(tcp, tcp_l.slot);
	cr_expect(conn_of(client)->drain, "owed an answer, which is its last");
	tcp_reply(tcp, &parked[0], large, 12);
	tcp_flush(tcp);
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b));
	cr_expect_eq(end_of(client), 0);
	client = client_from(SOCK_STREAM, NULL); /* whoever comes has one */
	query_tcp(client, 1, NOW);
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b));
	until_closed();
	cr_expect_eq(end_of(client), 0);
}

/* Who asks again behind its last question is not kept waiting for either answer. */
Test(listen_tcp, parting_holds_nothing_back)
{
	int client, not_sent = -1;
	uint8_t b[14];

	start_default();
	served_one(&client);
	struct tcp_conn *c = conn_of(client);

	c->drain = true;
	c->stream.goes_with_end = true;
	cr_assert_eq(stream_put(&c->stream, large, 12), 0);
	cr_assert_eq(stream_flush(&c->stream), 0);
	cr_assert_eq(ioctl(c->watch.fd, SIOCOUTQNSD, &not_sent), 0);
	cr_expect_eq(not_sent, 14);
	query_tcp(client, 7, LATER);
	while (!n_parked)
		step();
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b), "pushed");
	cr_assert_eq(ioctl(c->watch.fd, SIOCOUTQNSD, &not_sent), 0);
	cr_expect_eq(not_sent, 0);
}

/* A deaf socket finishes handshakes, and begins none. */
Test(listen_tcp, deaf)
{
	int client, late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in to;
	socklen_t len = sizeof(to);

	start_default();
	served_one(&client);
	tcp_socket_deafen(tcp_l.watch.fd);
	cr_assert_eq(getsockname(tcp_l.watch.fd, (struct sockaddr *)&to, &len), 0);
	cr_expect(connect(late, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EINPROGRESS);
	query_tcp(client, 7, LATER);
	while (!n_parked)
		step();
	cr_expect_eq(poll(&(struct pollfd){.fd = late, .events = POLLOUT}, 1, 0), 0, "not even refused");
	close(late);
	tcp_socket_hear(tcp_l.watch.fd);
	served_one(&late);
	close(late);
}

/* Before a hand-over each that comes has one query. */
Test(listen_tcp, parting)
{
	int client = client_from(SOCK_STREAM, NULL);
	uint8_t b[14];

	start_default();
	close(client);
	tcp_server_part(tcp, -1);
	client = client_from(SOCK_STREAM, NULL);
	conn_of(client);
	for (int i = 0; i < 3; i++)
		step();
	cr_expect_eq(tcp_server_open(tcp), 1, "it may ask");
	query_tcp(client, 1, LATER);
	while (!n_parked)
		step();
	cr_expect_eq(parked[0].keepalive_ds, 0, "please close");
	tcp_reply(tcp, &parked[0], large, 12);
	cr_expect_eq(read_some(client, b, sizeof(b)), sizeof(b));
	until_closed();
}

/* Who comes when there is no room: of its own client's or of all the one that is idle longest goes,
 * passing over those that have something to say in this round. */
Test(listen_tcp, who_makes_room)
{
	struct tcp_limits l;
	int client[4], late;

	tcp_limits_default(&l);
	l.conns_max = 4;
	l.conns_per_client = 2;
	start(&l, "0.0.0.0");
	static const char *const from[] = {"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.4"};

	for (int i = 0; i < 4; i++)
		served_from(from[i], &client[i]);
	late = client_from(SOCK_STREAM, "127.0.0.2");
	while (poll(&(struct pollfd){.fd = tcp_l.watch.fd, .events = POLLIN}, 1, 1000) != 1)
		;
	tcp_conn_touch(conn_of(client[0]));
	tcp_l.watch.ready(&tcp_l.watch, EPOLLIN);
	cr_expect_eq(end_of(client[2]), 0, "its own, though another's was idle longer");
	cr_expect_eq(end_of(client[1]), EAGAIN);
	cr_expect_eq(stats.tcp_evicted, 1);
	step();
	late = client_from(SOCK_STREAM, "127.0.0.9");
	while (poll(&(struct pollfd){.fd = tcp_l.watch.fd, .events = POLLIN}, 1, 1000) != 1)
		;
	tcp_conn_touch(conn_of(client[0]));
	tcp_l.watch.ready(&tcp_l.watch, EPOLLIN);
	cr_expect_eq(end_of(client[1]), 0, "of all");
	cr_expect_eq(stats.tcp_evicted, 2);
	conn_of(late);
	tcp_conn_touch(conn_of(client[0]));
	cr_expect(tcp_server_give_way(tcp));
	cr_expect_eq(end_of(client[3]), 0);
	cr_expect_eq(end_of(client[0]), EAGAIN);
}

/* Out of descriptors: somebody idle goes, and who waits is let in at once. */
Test(listen_tcp, a_descriptor_of_who_is_idle)
{
	struct rlimit all, few;
	struct tcp_limits l;
	int client[2], late;

	tcp_limits_default(&l);
	start(&l, "0.0.0.0");
	served_from("127.0.0.2", &client[0]);
	served_from("127.0.0.3", &client[1]);
	late = client_from(SOCK_STREAM, "127.0.0.4");
	while (poll(&(struct pollfd){.fd = tcp_l.watch.fd, .events = POLLIN}, 1, 1000) != 1)
		;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	int next = dup(0);

	close(next);
	few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	tcp_conn_touch(conn_of(client[0]));
	tcp_l.watch.ready(&tcp_l.watch, EPOLLIN);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect_eq(stats.tcp_accepted, 3);
	cr_expect_eq(stats.tcp_evicted, 1);
	cr_expect_not(tcp_l.rest.armed);
	cr_expect_eq(end_of(client[1]), 0);
	cr_expect_eq(end_of(client[0]), EAGAIN);
	conn_of(late);
}

/* With nobody idle accepting rests, and a listener that is stopped then stays so. */
Test(listen_tcp, resting_ends_with_the_listener)
{
	struct rlimit all, few;
	int busy;

	start_default();
	asking_slowly(1, &busy);
	client_from(SOCK_STREAM, NULL);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	int next = dup(0);

	close(next);
	few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (!tcp_l.rest.armed)
		step();
	cr_expect_eq(tcp_l.watch.events, 0, "it is not told of who waits");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	tcp_l.rest.due(&tcp_l.rest);
	cr_expect_eq(tcp_l.watch.events, EPOLLIN);
	tcp_listener_stop(&tcp_l);
	cr_expect_not(tcp_l.rest.armed);
	for (int i = 0; i < 3; i++)
		step();
	cr_expect_eq(tcp_server_open(tcp), 1);
}

/* Closed in the very round in which it has something to say. */
Test(listen_tcp, room_is_made_while_others_are_read)
{
	int client[2];

	start_default();
	for (int i = 0; i < 2; i++)
		served_one(&client[i]);
	for (int i = 0; i < 2; i++)
		query_tcp(client[i], 1, i ? NOW : ROOM);
	while (tcp_server_open(tcp) > 1)
		step();
	cr_expect_eq(n_queries, 3, "it was not asked any more");
	cr_expect_neq(end_of(client[1]), EAGAIN);
	cr_expect_eq(end_of(client[0]), EAGAIN);
}

/* There is no memory, or no room in the kernel's list: it is closed, and nothing of it stays. */
Test(listen_tcp, one_that_cannot_be_kept)
{
	int client, next, epfd;

	start_default();
	for (int i = 0; i < 2; i++) {
		if (i == 1 && !NO_MEMORY_HERE)
			continue;
		client = client_from(SOCK_STREAM, NULL);
		next = dup(0);
		close(next);
		epfd = tcp->conns.epfd;
		if (i == 0)
			tcp->conns.epfd = -1;
		else
			memory_fail(1, false); /* of its client's row */
		while (poll(&(struct pollfd){.fd = tcp_l.watch.fd, .events = POLLIN}, 1, 1000) != 1)
			;
		tcp_l.watch.ready(&tcp_l.watch, EPOLLIN);
		if (i == 1)
			memory_back();
		tcp->conns.epfd = epfd;
		cr_expect_eq(end_of(client), 0, "case %d", i);
		cr_expect_eq(dup(0), next, "nothing stays open");
		close(next);
		close(client);
		cr_expect_eq(tcp_server_open(tcp), 0);
		cr_expect_null(tcp_clients_find(&tcp->clients, &lo));
	}
	served_one(&client);
}

Test(listen_tcp, a_server_that_cannot_be)
{
	struct tcp_limits l;
	struct rlimit all, few;

	tcp_limits_default(&l);
	cr_assert_eq(loop_init(&loop, NULL), 0);
	if (NO_MEMORY_HERE) {
		long kept = memory_kept, n = 0;

		for (bool is_short = true; is_short; n++) {
			memory_fail(n, true);
			struct tcp_server *s = tcp_server_new(&loop, &l, &scratch, &stats);

			is_short = memory_back();
			cr_expect_eq(s == NULL, is_short, "allocation %ld", n);
			tcp_server_free(s);
			cr_expect_eq(memory_kept, kept, "allocation %ld", n);
		}
		cr_expect_geq(n, 4);
	}
	int next = dup(0);

	close(next);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_expect_null(tcp_server_new(&loop, &l, &scratch, &stats));
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect_eq(dup(0), next, "nor is anything closed that is not its own");
	close(next);
}

/* With something to send still, and timers set. */
Test(listen_tcp, a_server_ends_with_all_it_has)
{
	int client[2];

	start_default();
	struct tcp_conn *c = asking_slowly(1, &client[0]);

	served_one(&client[1]);
	tcp_reply(tcp, &parked[0], large, sizeof(large));
	step();
	cr_assert(tcp->look.armed);
	for (int i = 0; i < 2; i++)
		tcp_conn_touch(conn_of(client[i]));
	cr_assert(c->dirty);
	tcp_listener_stop(&tcp_l);
	tcp_server_free(tcp);
	cr_expect_eq(loop_deadline(&loop), T_NEVER);
	cr_expect_eq(stats.tcp_open, 0);
	cr_expect_neq(end_of(client[1]), EAGAIN);
}
