/* SPDX-License-Identifier: Apache-2.0 */
/* Client connections when their listener ends. */
#include <sys/syscall.h>

#include "tests/fixtures/listen_world.h"

static int flags_of_last; /* with which an answer left */

ssize_t send(int fd, const void *b, size_t len, int flags)
{
	flags_of_last = flags;
	return syscall(SYS_sendto, fd, b, len, flags, NULL, 0);
}

TestSuite(listen_drain, .timeout = 20);

/* Wherever among the places there are gaps. */
Test(listen_drain, draining_ends_all)
{
	int fd[5];
	start_default();
	for (int i = 0; i < 5; i++) {
		uint8_t b[14];
		fd[i] = client_from(SOCK_STREAM, NULL);
		query_tcp(fd[i], 1, NOW);
		cr_assert_eq(read_some(fd[i], b, 14), 14);
	}
	for (int i = 0; i < 5; i += 2)
		close(fd[i]);
	while (tcp_server_open(tcp) > 2)
		step();
	tcp_server_drain(tcp, -1);
	step();
	cr_assert_eq(tcp_server_open(tcp), 0);
}

Test(listen_drain, draining_ends_idle_connections_now_and_busy_ones_after_their_reply)
{
	uint8_t b[14], r[12] = { 0 };
	start_default();
	int idle = client_from(SOCK_STREAM, NULL), busy = client_from(SOCK_STREAM, NULL);
	query_tcp(idle, 1, NOW);
	cr_assert_eq(read_some(idle, b, 14), 14);
	query_tcp(busy, 1, LATER);
	while (n_parked < 1)
		step();
	tcp_listener_stop(&tcp_l);
	tcp_server_drain(tcp, -1);
	step();
	cr_assert_eq(tcp_server_open(tcp), 1);
	cr_assert(is_closed(idle));
	cr_assert_eq(parked[0].keepalive_ds, 100);
	query_tcp(busy, 2, LATER);
	while (n_parked < 2)
		step();
	cr_assert_eq(parked[1].keepalive_ds, 0, "please close");
	tcp_reply(tcp, &parked[1], r, 12);
	cr_assert_eq(read_some(busy, b, 14), 14);
	tcp_reply(tcp, &parked[0], r, 12);
	cr_assert_eq(read_some(busy, b, 14), 14);
	while (tcp_server_open(tcp))
		step();
}

/* The last answer waits for the end, to be one segment with it; one that more is to follow does not. */
Test(listen_drain, only_the_last_answer_goes_with_the_end)
{
	static const struct {
		int more;     /* answers that are owed behind it */
		bool drained, asks, is_last;
	} cases[] = {{0, true, false, true}, {0, false, false, false}, {1, true, false, false}, {0, true, true, false}};
	uint8_t b[14], r[12] = { 0 };

	start_default();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = client_from(SOCK_STREAM, NULL);
		n_parked = 0;
		for (int k = 0; k <= cases[i].more; k++)
			query_tcp(fd, 1, LATER);
		while (n_parked < 1 + cases[i].more)
			step();
		if (cases[i].drained)
			tcp_server_drain(tcp, -1);
		if (cases[i].asks)
			query_tcp(fd, 2, NEVER);
		tcp_reply(tcp, &parked[0], r, 12);
		tcp_flush(tcp);
		cr_expect_eq((flags_of_last & MSG_MORE) != 0, cases[i].is_last, "case %zu", i);
		cr_assert_eq(read_some(fd, b, 14), 14);
		for (int k = 0; k < cases[i].more; k++)
			tcp_reply(tcp, &parked[1 + k], r, 12);
		close(fd);
		while (tcp_server_open(tcp))
			step();
	}
}
