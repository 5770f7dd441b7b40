/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a configuration are looked up by children, and the loop goes on. The test is the server that is asked. */
#include "resolver/supervisor/hostnames.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "tests/fixtures/own_net.h"

enum { SERVES = 5301, NOBODY = 5302 };

static struct loop loop;
static struct hostnames *hostnames;
static struct in6_addr server, got[8];
static unsigned n_done;
static int up;

static void done(void *ctx)
{
	cr_assert_eq(ctx, &loop);
	n_done++;
}

static void setup(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(SERVES), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct diag d;

	own_net(NULL);
	cr_assert_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &server), 1);
	up = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(up, (struct sockaddr *)&sa, sizeof sa), 0);
	cr_assert_eq(loop_init(&loop, &d), 0);
	hostnames = hostnames_new(&loop, done, &loop);
	cr_assert_not_null(hostnames);
}

static void teardown(void)
{
	hostnames_free(hostnames);
	loop_release(&loop);
	close(up);
}

TestSuite(hostnames, .init = setup, .fini = teardown, .timeout = 60);

static size_t ask(const char *host, uint16_t port)
{
	return hostnames_addrs(hostnames, host, &server, &port, 1, got, 8);
}

static bool is_at(const struct in6_addr *a, const char *text)
{
	struct in6_addr want;

	cr_assert_eq(inet_pton(AF_INET6, text, &want), 1);
	return IN6_ARE_ADDR_EQUAL(a, &want);
}

/* A questions get two addresses, AAAA none. */
static void serve(void)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 8};
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	struct dns_msg m;
	uint8_t b[600];
	ssize_t n = recvfrom(up, b, 512, 0, (struct sockaddr *)&from, &len);

	if (n < 0)
		return;
	cr_assert_eq(dns_msg_parse(&m, b, (size_t)n), 0);
	bool is_a = m.q.qtype == DNS_A;

	n = (ssize_t)m.answer_off;
	b[2] |= 0x80;
	set_be16(b + 6, is_a ? 2 : 0);
	set_be16(b + 8, 0);
	set_be16(b + 10, 0);
	memcpy(b + n, rr, sizeof rr);
	sendto(up, b, (size_t)n + (is_a ? sizeof rr : 0), 0, (struct sockaddr *)&from, len);
}

Test(hostnames, a_name_is_found_by_the_reading_after)
{
	cr_expect_eq(ask("one.test", SERVES), 1);
	cr_expect(is_at(&got[0], "::ffff:192.0.2.1"), "nobody's address");
	cr_expect_eq(ask("one.test", NOBODY), 1, "of another server");
	cr_expect(hostnames_go(hostnames));
	cr_expect(hostnames_busy(hostnames));
	hostnames_forget(hostnames); /* not now */
	while (!n_done) {
		serve();
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	cr_expect_not(hostnames_busy(hostnames));
	cr_expect_eq(ask("one.test", SERVES), 2);
	cr_expect(is_at(&got[0], "::ffff:192.0.2.7") && is_at(&got[1], "::ffff:192.0.2.8"));
	cr_expect_eq(ask("one.test", NOBODY), 0);
	cr_expect_not(hostnames_go(hostnames), "all is known");
	cr_expect_eq(ask("two.test", SERVES), 1);
	cr_expect(hostnames_go(hostnames), "one more name");
	while (n_done < 2) {
		serve();
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	cr_expect_eq(ask("one.test", SERVES), 2);
	cr_expect_eq(ask("two.test", SERVES), 2);
	hostnames_forget(hostnames);
	cr_expect_eq(ask("one.test", SERVES), 1);
	cr_expect(hostnames_go(hostnames), "asked anew");
}

Test(hostnames, who_ends_takes_the_children_along)
{
	int status;

	ask("mute.test", SERVES);
	cr_expect(hostnames_go(hostnames));
	hostnames_free(hostnames);
	hostnames = NULL;
	cr_assert_gt(waitpid(-1, &status, 0), 0);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cr_expect_eq(waitpid(-1, &status, 0), -1, "there was one for one name");
}

Test(hostnames, more_names_than_there_is_room_for_are_unknown)
{
	char name[32];

	for (unsigned i = 0; i < 320; i++) {
		snprintf(name, sizeof name, "n%u.test", i);
		cr_assert_eq(ask(name, SERVES), 1);
	}
	cr_expect_eq(ask("another.test", SERVES), 0);
	cr_expect_eq(ask("n319.test", SERVES), 1);
}

/* At a start nothing else is to be done meanwhile, and the loop may not have turned for long. */
Test(hostnames, a_start_waits_for_them)
{
	pid_t serves = fork();

	if (serves == 0)
		for (;;) {
			struct pollfd p = {.fd = up, .events = POLLIN};

			poll(&p, 1, -1);
			serve();
		}
	loop.now_ns -= 60 * NS_PER_S;
	cr_expect_eq(ask("one.test", SERVES), 1);
	cr_expect_eq(ask("one.test", NOBODY), 1);
	cr_expect(hostnames_go(hostnames));
	hostnames_wait(hostnames);
	kill(serves, SIGKILL);
	cr_expect_not(hostnames_busy(hostnames));
	cr_expect_eq(ask("one.test", SERVES), 2);
	cr_expect_eq(ask("one.test", NOBODY), 0);
	cr_expect_not(hostnames_go(hostnames));
	cr_expect_eq(n_done, 0);
}
