/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over TCP however the octets are cut. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dns/wire.h"
#include "resolver/net/stream.h"

static struct stream_scratch scratch;
static int n_got;
static size_t got_len[64];
static uint8_t got_first[64];
static int pause_at = -1;

static bool take(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	got_len[n_got] = len;
	got_first[n_got] = len ? msg[0] : 0;
	return ++n_got != pause_at;
}

static void pair(int fd[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	n_got = 0;
	pause_at = -1;
}

Test(stream, frames_arrive_whole_however_they_are_cut)
{
	int fd[2];
	uint8_t b[600];
	struct stream s;
	pair(fd);
	stream_init(&s, fd[0]);
	for (size_t i = 0; i < 3; i++) {
		set_be16(b + i * 200, 198);
		memset(b + i * 200 + 2, (int)i + 1, 198);
	}
	for (size_t at = 0; at < sizeof(b); at += 7) {
		size_t n = sizeof(b) - at < 7 ? sizeof(b) - at : 7;
		cr_assert_eq(write(fd[1], b + at, n), (ssize_t)n);
		cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_OK);
	}
	cr_assert_eq(n_got, 3);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(got_len[i], 198);
		cr_assert_eq(got_first[i], i + 1);
	}
	cr_assert_null(s.in, "an idle stream owns no memory");
	close(fd[1]);
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_CLOSED);
	stream_release(&s);
}

Test(stream, the_largest_message_passes_and_a_cut_one_is_an_error)
{
	int fd[2], size = 1 << 20;
	static uint8_t big[65535];
	struct stream out, in;
	pair(fd);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	stream_init(&in, fd[0]);
	stream_init(&out, fd[1]);
	memset(big, 9, sizeof(big));
	cr_assert_eq(stream_put(&out, big, sizeof(big)), 0);
	cr_assert_eq(stream_put(&out, big, 0), 0);
	while (stream_flush(&out) > 0 || n_got < 2)
		cr_assert_eq(stream_read(&in, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(got_len[0], 65535);
	cr_assert_eq(got_len[1], 0);
	cr_assert_eq(write(fd[1], "\0\11half", 6), 6);
	close(fd[1]);
	cr_assert_eq(stream_read(&in, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(stream_read(&in, &scratch, take, NULL), STREAM_ERROR);
	cr_assert_eq(errno, EPROTO);
	cr_assert(in.eof);
	stream_release(&in);
	stream_release(&out);
}

Test(stream, a_paused_handler_gets_the_rest_later)
{
	int fd[2];
	struct stream s;
	pair(fd);
	stream_init(&s, fd[0]);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(write(fd[1], "\0\1x", 3), 3);
	pause_at = 2;
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_PAUSED);
	cr_assert_eq(n_got, 2);
	pause_at = 4;
	cr_assert_eq(stream_resume(&s, take, NULL), STREAM_PAUSED);
	cr_assert_eq(n_got, 4);
	cr_assert_eq(stream_resume(&s, take, NULL), STREAM_OK);
	cr_assert_eq(n_got, 5);
	stream_release(&s);
	close(fd[1]);
}

Test(stream, output_waits_when_the_peer_does_not_read)
{
	int fd[2];
	static uint8_t msg[4096];
	struct stream s;
	pair(fd);
	stream_init(&s, fd[0]);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(stream_put(&s, msg, sizeof(msg)), 0);
	long left = stream_flush(&s);
	cr_assert_gt(left, 0);
	cr_assert_eq((size_t)left, s.out_len);
	close(fd[1]);
	cr_assert_eq(stream_flush(&s), -1);
	stream_release(&s);
}

/* What is queued behind a part that has left stays in its order, wherever it is kept. */
Test(stream, what_waits_moves_up)
{
	static uint8_t in[1 << 20];
	int fd[2], small = 1;
	size_t have = 0, at = 0;
	uint8_t b[1000];
	struct stream s;
	unsigned n_put = 0, n_seen = 0;
	pair(fd);
	cr_assert_eq(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	stream_init(&s, fd[0]);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 5; i++) {
			memset(b, (int)n_put++, sizeof(b));
			cr_assert_eq(stream_put(&s, b, sizeof(b)), 0);
		}
		cr_assert_geq(stream_flush(&s), 0);
		ssize_t n = recv(fd[1], in + have, 3000, 0);
		have += n > 0 ? (size_t)n : 0;
	}
	while (s.out_len) {
		ssize_t n = recv(fd[1], in + have, sizeof(in) - have, 0);
		have += n > 0 ? (size_t)n : 0;
		cr_assert_geq(stream_flush(&s), 0);
	}
	for (ssize_t n; (n = recv(fd[1], in + have, sizeof(in) - have, 0)) > 0;)
		have += (size_t)n;
	cr_assert_eq(have, n_put * 1002);
	for (; at < have; at += 1002, n_seen++) {
		cr_assert_eq(get_be16(in + at), 1000);
		for (size_t i = 0; i < 1000; i++)
			cr_assert_eq(in[at + 2 + i], (uint8_t)n_seen, "message %u", n_seen);
	}
	cr_assert_eq(n_seen, 200);
	stream_release(&s);
}

/* As much room as is needed at a time, however much passes. */
Test(stream, room_is_used_again)
{
	int fd[2], small = 1;
	uint8_t b[1000] = { 0 };
	struct stream s;
	pair(fd);
	cr_assert_eq(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	stream_init(&s, fd[0]);
	while (s.out_len < 4000) {
		cr_assert_eq(stream_put(&s, b, sizeof(b)), 0);
		cr_assert_geq(stream_flush(&s), 0);
	}
	for (int i = 0; i < 500; i++) {
		while (s.out_len > 4000) {
			uint8_t in[1002];
			cr_assert_gt(recv(fd[1], in, sizeof(in), 0), 0);
			cr_assert_geq(stream_flush(&s), 0);
		}
		cr_assert_eq(stream_put(&s, b, sizeof(b)), 0);
	}
	cr_assert_leq(s.out_cap, 16384);
	stream_release(&s);
}

/* How much was read, and whether that was all the turn had room for. */
Test(stream, a_turn_reads_so_much)
{
	static const uint8_t frames[30] = { 0, 8, [10] = 0, 8, [20] = 0, 8 };
	int fd[2];
	struct stream s;
	pair(fd);
	stream_init(&s, fd[0]);
	s.read_max = 15;
	cr_assert_eq(write(fd[1], frames, sizeof(frames)), (ssize_t)sizeof(frames));
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(s.n_read, 15);
	cr_assert(s.more);
	cr_assert_eq(n_got, 1);
	s.read_max = 16;
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(s.n_read, 15);
	cr_assert_not(s.more);
	cr_assert_eq(n_got, 3);
	s.more = true;
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(s.n_read, 0, "nothing was there");
	cr_assert_not(s.more);
	size_t len = 1;
	cr_assert_eq(stream_read_raw(&s, &scratch, &len), STREAM_OK);
	cr_assert_eq(len, 0);
	cr_assert_not(s.eof);
	stream_release(&s);
	close(fd[1]);
}

/* Reset by the other side is no end. */
Test(stream, a_reset_is_an_error)
{
	int fd[2];
	struct stream s;
	pair(fd);
	stream_init(&s, fd[0]);
	cr_assert_eq(stream_put(&s, (const uint8_t *)"unread", 6), 0);
	cr_assert_eq(stream_flush(&s), 0);
	cr_assert_null(s.out, "nothing is kept for nothing");
	cr_assert_eq(s.out_cap, 0);
	close(fd[1]);
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_ERROR);
	cr_assert_eq(errno, ECONNRESET);
	cr_assert_not(s.eof);
	stream_release(&s);
}

/* Nothing is held on to: whoever ends it once more ends nothing. */
Test(stream, released_it_holds_nothing)
{
	int fd[2], small = 1;
	static uint8_t big[60000];
	struct stream s;
	pair(fd);
	cr_assert_eq(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	stream_init(&s, fd[0]);
	cr_assert_eq(write(fd[1], "\0\11half", 6), 6);
	cr_assert_eq(stream_read(&s, &scratch, take, NULL), STREAM_OK);
	cr_assert_eq(stream_put(&s, big, sizeof(big)), 0);
	cr_assert_gt(stream_flush(&s), 0);
	cr_assert(s.in && s.in_len == 6 && s.in_cap && s.out && s.out_off && s.out_len && s.out_cap);
	for (int i = 0; i < 2; i++) {
		stream_release(&s);
		cr_expect(!s.in && !s.in_len && !s.in_cap && !s.out && !s.out_off && !s.out_len && !s.out_cap);
	}
	close(fd[1]);
}
