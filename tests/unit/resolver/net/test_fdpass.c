/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through a socket: all that were sent, none that were not expected, none left open. */
#include "resolver/net/fdpass.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/worker/ctl.h"
#include "resolver/handover/handover_msg.h"

static int pair[2];

static void up(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

/* All, for what is left open may lie above what was closed. */
static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void send_n(const void *msg, size_t len, unsigned n)
{
	int fds[FDPASS_MAX] = {0};

	cr_assert_eq(fdpass_send(pair[0], msg, len, fds, n), 0);
}

Test(fdpass, octets_and_descriptors_come_together, .init = up)
{
	int out[3] = {0, pair[0], pair[1]}, in[3], open_before = open_fds();
	unsigned n;
	size_t len;
	char b[8];

	cr_assert_eq(fdpass_send(pair[0], "hello", 5, out, 3), 0);
	cr_assert_eq(fdpass_recv(pair[1], b, sizeof b, &len, in, 3, &n), 1);
	cr_expect_eq(len, 5);
	cr_expect_arr_eq(b, "hello", 5);
	cr_assert_eq(n, 3);
	for (unsigned i = 0; i < n; i++)
		cr_expect(fcntl(in[i], F_GETFD) & FD_CLOEXEC);
	fdpass_close(in, n);
	cr_expect_eq(open_fds(), open_before);
	cr_expect_eq(fdpass_recv(pair[1], b, sizeof b, &len, in, 3, &n), 0, "nothing more");
	close(pair[0]);
	cr_expect_eq(fdpass_recv(pair[1], b, sizeof b, &len, in, 3, &n), ERR_PEER);
}

/* A control buffer for an odd number has room for one more. */
Test(fdpass, more_than_there_is_room_for_is_closed, .init = up)
{
	int in[4] = {-2, -2, -2, -2}, open_before = open_fds();
	unsigned n;
	size_t len;
	char b[4];

	for (unsigned more = 4; more <= FDPASS_MAX; more = more * 2 + 1) {
		send_n("x", 1, more);
		cr_expect_eq(fdpass_recv(pair[1], b, sizeof b, &len, in, 3, &n), ERR_PEER, "%u", more);
		cr_expect_eq(n, 0);
		cr_expect_eq(in[3], -2, "nothing behind the array");
		cr_expect_eq(open_fds(), open_before, "none is left open");
	}
	send_n("too long", 8, 2);
	cr_expect_eq(fdpass_recv(pair[1], b, sizeof b, &len, in, 3, &n), ERR_PEER);
	cr_expect_eq(open_fds(), open_before);
	cr_expect_eq(fdpass_send(pair[0], "x", 1, in, FDPASS_MAX + 1), ERR_LIMIT);
}

/* What a worker that was taken over might say to the supervisor. */
Test(fdpass, a_workers_message_is_ours_or_none, .init = up)
{
	int fds[CTL_FDS_MAX + 1], open_before = open_fds();
	struct ctl_msg m, in;
	unsigned n;

	memset(&m, 'x', sizeof m);
	fds[CTL_FDS_MAX] = -2;
	send_n(&m, sizeof m, CTL_FDS_MAX + 1);
	cr_expect_eq(ctl_recv(pair[1], &in, fds, &n), ERR_PEER);
	cr_expect_eq(fds[CTL_FDS_MAX], -2);
	send_n(&m, sizeof m - 1, 2);
	cr_expect_eq(ctl_recv(pair[1], &in, fds, &n), ERR_PEER);
	cr_expect_eq(open_fds(), open_before);
	send_n(&m, sizeof m, 0);
	cr_assert_eq(ctl_recv(pair[1], &in, fds, &n), 1);
	cr_expect_eq(strnlen(in.text, sizeof in.text), sizeof in.text - 1);
	cr_expect_eq(strnlen(in.file, sizeof in.file), sizeof in.file - 1);
}

Test(fdpass, a_hand_overs_message_is_ours_or_none, .init = up)
{
	struct handover_msg m = {.n = 3}, in;
	int fds[HANDOVER_FDS_MAX + 1], gift[HANDOVER_FDS_MAX + 2] = {0}, open_before = open_fds();
	unsigned n;

	memset(m.text, 'x', sizeof m.text);
	fds[HANDOVER_FDS_MAX] = -2;
	cr_assert_eq(handover_send(pair[0], HANDOVER_LISTENER, &m, gift, HANDOVER_FDS_MAX + 2), 0);
	cr_expect_eq(handover_recv(pair[1], &in, fds, &n), ERR_PEER);
	cr_expect_eq(fds[HANDOVER_FDS_MAX], -2);
	m.version++;
	send_n(&m, sizeof m, 5);
	cr_expect_eq(handover_recv(pair[1], &in, fds, &n), ERR_UNKNOWN);
	m.version--;
	send_n(&m, 4, 1);
	cr_expect_eq(handover_recv(pair[1], &in, fds, &n), ERR_PEER, "shorter than its version");
	send_n(&m, sizeof m - 1, 1);
	cr_expect_eq(handover_recv(pair[1], &in, fds, &n), ERR_PEER);
	cr_expect_eq(open_fds(), open_before);
	cr_assert_eq(handover_send(pair[0], HANDOVER_HELLO, &m, gift, HANDOVER_FDS_MAX), 0);
	cr_assert_eq(handover_recv(pair[1], &in, fds, &n), 1);
	cr_expect_eq(n, HANDOVER_FDS_MAX);
	cr_expect_eq(in.n, 3);
	cr_expect_eq(strnlen(in.text, sizeof in.text), sizeof in.text - 1);
}

Test(fdpass, what_is_given_up_is_closed)
{
	int fd[3];

	for (unsigned i = 0; i < 3; i++)
		cr_assert_geq(fd[i] = eventfd(0, 0), 0);
	fdpass_close(fd, 2);
	cr_expect_lt(fcntl(fd[0], F_GETFD), 0);
	cr_expect_lt(fcntl(fd[1], F_GETFD), 0);
	cr_expect_geq(fcntl(fd[2], F_GETFD), 0, "and no other");
	close(fd[2]);
}
