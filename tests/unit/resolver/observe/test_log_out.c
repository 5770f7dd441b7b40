/* SPDX-License-Identifier: Apache-2.0 */
/* Lines into a pipe that nobody reads. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/observe/log_out.h"

static struct loop loop;
static int pipe_fd[2];
static uint64_t lost;
static struct log_out *out;

static void setup(void)
{
	struct diag d;

	cr_assert_eq(loop_init(&loop, &d), 0);
	cr_assert_eq(pipe2(pipe_fd, O_NONBLOCK), 0);
	out = log_out_new(&loop, pipe_fd[1], &lost);
}

static void teardown(void)
{
	log_out_free(out);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	loop_release(&loop);
}

static void lines_put(unsigned from, unsigned n)
{
	char line[200];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(line, sizeof(line), "%u %0*d", i, (int)(i % 150) + 1, 0);
		log_out_line(out, line);
	}
}

/* Reads what is there; every line must be whole, and they must ascend. */
static unsigned lines_read(unsigned *next)
{
	static char b[1 << 20], rest[512];
	ssize_t got;
	size_t len = strlen(rest);
	unsigned n = 0;

	memcpy(b, rest, len);
	while ((got = read(pipe_fd[0], b + len, sizeof(b) - len)) > 0)
		len += (size_t)got;
	char *at = b, *end;

	for (; (end = memchr(at, '\n', len - (size_t)(at - b))); at = end + 1, n++) {
		unsigned i;
		int digits = 0;

		cr_assert_eq(sscanf(at, "%u %n", &i, &digits), 1);
		cr_assert_geq(i, *next);
		cr_assert_eq(end - at - digits, i % 150 + 1, "line %u was cut", i);
		*next = i + 1;
	}
	memcpy(rest, at, len - (size_t)(at - b));
	rest[len - (size_t)(at - b)] = 0;
	return n;
}

Test(log_out, a_reader_that_stops_costs_lines_and_nothing_else, .init = setup, .fini = teardown)
{
	unsigned next = 0, n = 0;

	for (unsigned i = 0; i < 100; i++) {
		lines_put(i * 100, 100);
		log_out_flush(out);
	}
	cr_assert_gt(lost, 0);
	uint64_t end = clock_mono_ns() + 10 * NS_PER_S;

	while (n + lost < 10000 && clock_mono_ns() < end) {
		n += lines_read(&next);
		loop_step(&loop, clock_mono_ns() + NS_PER_MS * 10);
	}
	cr_assert_eq(n + lost, 10000, "%u read, %lu lost", n, (unsigned long)lost);
	lines_put(10000, 10);
	log_out_flush(out);
	cr_assert_eq(lines_read(&next), 10);
	cr_assert_eq(next, 10010);
}

Test(log_out, a_reader_that_is_gone, .init = setup, .fini = teardown)
{
	signal(SIGPIPE, SIG_IGN);
	close(pipe_fd[0]);
	pipe_fd[0] = -1;
	lines_put(0, 10);
	log_out_flush(out);
	cr_assert_eq(lost, 10);
}

/* Of a pipe others may have the other end's description: a description of our own does not block, theirs does as
 * it did. A socket has but one; files do not block. */
Test(log_out, standard_output_does_not_block)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600), p[2], was[2] = {dup(1), dup(2)}, flags[2];

	cr_assert_eq(pipe(p), 0);
	dup2(p[1], 1);
	dup2(file, 2);
	cr_assert_eq(write(2, "12345", 5), 5);
	log_out_unblock_stdio();
	flags[0] = fcntl(1, F_GETFL);
	flags[1] = fcntl(2, F_GETFL);
	cr_assert_eq(write(2, "67", 2), 2);
	cr_assert_eq(write(1, "x", 1), 1);
	int sock[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	dup2(sock[0], 1);
	log_out_unblock_stdio();
	int of_socket = fcntl(1, F_GETFL);

	dup2(was[0], 1);
	dup2(was[1], 2);
	char b[8];

	cr_expect(flags[0] & O_NONBLOCK);
	cr_expect_not(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	cr_expect_eq(read(p[0], b, sizeof(b)), 1, "it is the same pipe");
	cr_expect_not(flags[1] & O_NONBLOCK);
	cr_expect_eq(pread(file, b, sizeof(b), 0), 7, "where it was");
	cr_expect(of_socket & O_NONBLOCK);
	cr_expect_eq(of_socket & O_ACCMODE, O_RDWR);
	close(file);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(sock[i]);
		close(was[i]);
	}
}

Test(log_out, long_lines_are_cut, .init = setup, .fini = teardown)
{
	static char line[10000], got[5000];

	memset(line, 'x', sizeof(line) - 1);
	log_out_line(out, line);
	log_out_line(out, "y");
	log_out_flush(out);
	cr_assert_eq(read(pipe_fd[0], got, sizeof(got)), LOG_OUT_LINE_MAX + 2);
	cr_assert_eq(got[LOG_OUT_LINE_MAX - 1], '\n');
	cr_assert_eq(got[LOG_OUT_LINE_MAX], 'y');
}
