/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of messages and frames; the daemon's side of a connection. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "resolver/observe/dnstap.h"
#include "resolver/net/sockaddr.h"

Test(dnstap, a_message_to_the_octet)
{
	static const uint8_t want[] = {
		0,    0,    0,	  60,						     /* frame */
		0x0a, 1,    'n',  0x12, 1,    'v',  0x1a, 2,	'e',  'x', 0x72, 46, /* message */
		0x08, 6,    0x10, 1,	0x18, 2, /* CLIENT_RESPONSE INET TCP */
		0x22, 4,    10,	  0,	0,    1,    0x2a, 4,	10,   0,   0,	 2,  0x30,
		0xb9, 0x60, 0x38, 53,	0x40, 2,    0x4d, 3,	0,    0,   0, /* query: 2 s 3 ns */
		0x60, 0xac, 2,	  0x6d, 0xff, 0xc9, 0x9a, 0x3b, /* response: 300 s 999999999 ns */
		0x72, 6,    1,	  2,	3,    4,    5,	  6,	0x78, 1,
	};
	struct in6_addr from, to;
	uint16_t port;
	uint8_t buf[512];
	struct dnstap_msg m = {.type = DNSTAP_CLIENT_RESPONSE,
			       .proto = CORE_TCP,
			       .identity = "n",
			       .version = "v",
			       .extra = "ex",
			       .extra_len = 2,
			       .query_addr = &from,
			       .response_addr = &to,
			       .query_port = 12345,
			       .response_port = 53,
			       .query_ns = 2 * NS_PER_S + 3,
			       .response_ns = 301 * NS_PER_S - 1,
			       .response = (const uint8_t *)"\1\2\3\4\5\6",
			       .response_len = 6};

	sockaddr_parse("10.0.0.1", 0, &from, &port);
	sockaddr_parse("10.0.0.2", 0, &to, &port);
	size_t len = dnstap_msg_put(buf, &m);

	cr_assert_eq(len, sizeof(want), "%zu", len);
	cr_assert_arr_eq(buf, want, sizeof(want));
	cr_assert_leq(len, dnstap_msg_bound(&m));
}

Test(dnstap, control_frames_from_a_stranger)
{
	uint8_t b[DNSTAP_CONTROL_MAX];
	enum dnstap_control c;
	size_t len = dnstap_control_put(b, DNSTAP_ACCEPT);

	for (size_t i = 0; i < len; i++)
		cr_assert_eq(dnstap_control_take(b, i, &c), 0);
	cr_assert_eq(dnstap_control_take(b, len, &c), (int)len);
	cr_assert_eq(c, DNSTAP_ACCEPT);
	b[25] ^= 1; /* other content */
	cr_assert_eq(dnstap_control_take(b, len, &c), ERR_PEER);
	b[19] = 200; /* a field longer than its frame */
	cr_assert_eq(dnstap_control_take(b, len, &c), ERR_PEER);
	b[6] = 9; /* a frame too long */
	cr_assert_eq(dnstap_control_take(b, len, &c), ERR_PEER);
	cr_assert_eq(dnstap_control_take((const uint8_t *)"\0\0\0\1\0\0\0\4\0\0\0\3", 12, &c),
		     ERR_PEER);
	len = dnstap_control_put(b, DNSTAP_FINISH);
	cr_assert_eq(len, 12);
	cr_assert_eq(dnstap_control_take(b, len, &c), 12);
}

Test(dnstap, targets)
{
	struct diag d;
	char longish[200];

	memset(longish, 'x', sizeof(longish) - 1);
	longish[sizeof(longish) - 1] = 0;
	cr_assert_eq(dnstap_check("/run/x.sock", false, &d), 0);
	cr_assert_eq(dnstap_check(longish, false, &d), ERR_LIMIT);
	cr_assert_eq(dnstap_check("10.0.0.1:6000", true, &d), 0);
	cr_assert_eq(dnstap_check("[::1]:6000", true, &d), 0);
	cr_assert_eq(dnstap_check("10.0.0.1", true, &d), ERR_SYNTAX);
	cr_assert_eq(dnstap_check("collector:6000", true, &d), ERR_SYNTAX);
}

/* --- a connection --- */

static struct loop loop;
static struct driver_stats stats;
static char path[64];
static int listener;
static struct dnstap *tap;

static void collector_listen(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	strcpy(un.sun_path, path);
	unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	cr_assert_eq(listen(listener, 4), 0);
}

static void setup(void)
{
	struct diag d;

	snprintf(path, sizeof(path), "/tmp/nodens-tap.%d", (int)getpid());
	cr_assert_eq(loop_init(&loop, &d), 0);
	collector_listen();
	cr_assert_eq(dnstap_open(&tap, &loop, path, false, &stats, &d), 0);
}

static void teardown(void)
{
	dnstap_close(tap);
	loop_release(&loop);
	unlink(path);
}

static bool run_until(const uint64_t *counter, uint64_t value)
{
	uint64_t end = clock_mono_ns() + 10 * NS_PER_S;

	while (*counter != value && clock_mono_ns() < end)
		loop_step(&loop, clock_mono_ns() + 20 * NS_PER_MS);
	return *counter == value;
}

/* The loop runs while we wait for octets. */
static void octets_read(int fd, uint8_t *b, size_t len)
{
	uint64_t end = clock_mono_ns() + 10 * NS_PER_S;

	while (len > 0 && clock_mono_ns() < end) {
		ssize_t n = recv(fd, b, len, MSG_DONTWAIT);

		if (n <= 0) {
			loop_step(&loop, clock_mono_ns() + NS_PER_MS);
			continue;
		}
		b += n;
		len -= (size_t)n;
	}
	cr_assert_eq(len, 0, "%zu octets did not come", len);
}

/* Reads READY, says ACCEPT. */
static int collector_greet(void)
{
	uint8_t b[DNSTAP_CONTROL_MAX], want[DNSTAP_CONTROL_MAX];
	size_t len = dnstap_control_put(want, DNSTAP_READY);
	int fd = accept(listener, NULL, NULL);

	octets_read(fd, b, len);
	cr_assert_arr_eq(b, want, len);
	len = dnstap_control_put(b, DNSTAP_ACCEPT);
	cr_assert_eq(send(fd, b, len, 0), (ssize_t)len);
	cr_assert(run_until(&stats.dnstap_connected, 1));
	len = dnstap_control_put(want, DNSTAP_START);
	octets_read(fd, b, len);
	cr_assert_arr_eq(b, want, len);
	return fd;
}

static void message_put(uint32_t id)
{
	static uint8_t big[20000];
	struct dnstap_msg m = {.type = DNSTAP_CLIENT_QUERY, .query = big, .query_len = sizeof(big)};

	set_be32(big, id);
	dnstap_put(tap, &m);
}

static uint32_t message_read(int fd)
{
	static uint8_t b[40000];

	octets_read(fd, b, 4);
	uint32_t len = get_be32(b);

	cr_assert_leq(len, sizeof(b));
	octets_read(fd, b, len);
	return get_be32(b + len - 20002); /* the query stands before the final two octets */
}

Test(dnstap, what_waited_goes_out_in_order_and_what_found_no_room_is_counted, .init = setup,
     .fini = teardown)
{
	for (uint32_t i = 0; i < 200; i++) /* 4 MB */
		message_put(i);
	cr_assert_gt(stats.dnstap_dropped, 90);
	cr_assert_lt(stats.dnstap_dropped, 110);
	uint64_t kept = 200 - stats.dnstap_dropped;
	int fd = collector_greet();

	for (uint32_t i = 0; i < kept; i++)
		cr_assert_eq(message_read(fd), i);
	cr_assert(run_until(&stats.dnstap_sent, kept));
	close(fd);
}

Test(dnstap, a_lost_connection_begins_again_at_a_whole_frame, .init = setup, .fini = teardown)
{
	uint8_t b[100];
	int fd = collector_greet();

	for (uint32_t i = 0; i < 60; i++) /* more than the socket takes */
		message_put(i);
	dnstap_flush(tap);
	octets_read(fd, b, sizeof(b));
	close(fd);
	cr_assert(run_until(&stats.dnstap_connected, 0));
	uint64_t sent = stats.dnstap_sent;

	cr_assert_lt(sent, 60);
	struct pollfd again = {.fd = listener, .events = POLLIN};

	while (poll(&again, 1, 0) == 0) /* the pause */
		loop_step(&loop, clock_mono_ns() + NS_PER_MS);
	fd = collector_greet();
	for (uint32_t i = (uint32_t)sent; i < 60; i++)
		cr_assert_eq(message_read(fd), i);
	close(fd);
}

Test(dnstap, who_is_no_collector_gets_nothing, .init = setup, .fini = teardown)
{
	char b[512];
	int fd = accept(listener, NULL, NULL);

	message_put(1);
	cr_assert_gt(send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 0);
	loop_step(&loop, clock_mono_ns() + NS_PER_S);
	loop_step(&loop, clock_mono_ns() + NS_PER_S);
	ssize_t n = recv(fd, b, sizeof(b), MSG_WAITALL); /* READY, then the end */

	cr_assert_leq(n, DNSTAP_CONTROL_MAX);
	cr_assert_eq(stats.dnstap_connected, 0);
	close(fd);
}

/* Half a greeting is not remembered for the next connection. */
Test(dnstap, a_greeting_in_pieces, .init = setup, .fini = teardown)
{
	uint8_t b[DNSTAP_CONTROL_MAX];
	size_t ready = dnstap_control_put(b, DNSTAP_READY);
	int fd = accept(listener, NULL, NULL);

	octets_read(fd, b, ready);
	size_t len = dnstap_control_put(b, DNSTAP_ACCEPT);

	cr_assert_eq(send(fd, b, len / 2, 0), (ssize_t)(len / 2));
	for (int i = 0; i < 5; i++)
		loop_step(&loop, clock_mono_ns() + NS_PER_MS);
	cr_expect_eq(stats.dnstap_connected, 0);
	close(fd);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	while (poll(&p, 1, 0) == 0)
		loop_step(&loop, clock_mono_ns() + 5 * NS_PER_MS);
	fd = accept(listener, NULL, NULL);
	octets_read(fd, b, ready);
	len = dnstap_control_put(b, DNSTAP_ACCEPT);
	for (size_t i = 0; i < len; i++) {
		cr_expect_eq(stats.dnstap_connected, 0);
		cr_assert_eq(send(fd, b + i, 1, 0), 1);
		loop_step(&loop, clock_mono_ns() + NS_PER_MS);
	}
	cr_expect(run_until(&stats.dnstap_connected, 1), "octet by octet");
	close(fd);
}
