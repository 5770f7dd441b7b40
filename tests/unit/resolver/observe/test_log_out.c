/* SPDX-License-Identifier: Apache-2.0 */
/* Lines into a pipe that nobody reads, and words of the errors plugin. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/observe/log_errors.h"
#include "resolver/observe/log_out.h"
#include "resolver/net/sockaddr.h"

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

/* --- words of the errors plugin --- */

static const char *words(uint8_t proto, enum core_fail_why why, const char *upstream,
			 const struct upstream_seen *at)
{
	static char text[256];
	struct core_failed f = {.proto = proto, .why = (uint8_t)why};

	log_errors_words(text, sizeof(text), &f, upstream, at);
	return text;
}

Test(log_errors, words_are_those_of_go)
{
	struct upstream_seen at = {.local_port = 40212, .connected = true};
	const char *up = "10.96.0.11:53";
	uint16_t port;

	sockaddr_parse("10.0.0.1", 0, &at.local, &port);
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_TIMEOUT, up, &at),
			 "read udp 10.0.0.1:40212->10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_TIMEOUT, up, &at),
			 "read tcp 10.0.0.1:40212->10.96.0.11:53: i/o timeout");
	at.connected = false;
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_TIMEOUT, up, &at),
			 "dial tcp 10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_TLS, CORE_FAIL_TIMEOUT, up, NULL),
			 "dial tcp 10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_REFUSED, up, NULL),
			 "read udp 10.96.0.11:53: read: connection refused");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_REFUSED, up, NULL),
			 "dial tcp 10.96.0.11:53: connect: connection refused");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_UNREACHABLE, up, NULL),
			 "dial udp 10.96.0.11:53: connect: no route to host");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_CLOSED, up, NULL), "EOF");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_UNHEALTHY, NULL, NULL), "no healthy proxies");
}

Test(log_errors, durations_are_those_of_go)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} of[] = {{NS_PER_MS, "1ms"},
		  {1500 * NS_PER_US, "1.5ms"},
		  {NS_PER_S, "1s"},
		  {1500 * NS_PER_MS, "1.5s"},
		  {30 * NS_PER_S, "30s"},
		  {300 * NS_PER_S, "5m0s"},
		  {90 * NS_PER_S, "1m30s"},
		  {3600 * NS_PER_S, "1h0m0s"},
		  {86399 * NS_PER_S, "23h59m59s"}};
	char text[40];

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		log_errors_duration(text, sizeof(text), of[i].ns);
		cr_assert_str_eq(text, of[i].text);
	}
}
