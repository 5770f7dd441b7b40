/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in, and who goes for it: pods of several addresses and processes of the node, in
 * a network namespace that dies with the test.
 */
#include <sys/resource.h>

#include "tests/fixtures/http_world.h"
#include "tests/fixtures/own_net.h"


static struct in6_addr addr_text(const char *text)
{
	struct in6_addr a;
	uint16_t none;

	cr_assert_eq(sockaddr_parse(text, 1, &a, &none), 0);
	return a;
}

static void setup(void)
{
	struct diag d;

	http_setup();
	own_net("for i in 1 2 3 4; do ip addr add 192.0.2.$i/24 dev lo; done");
	local = addr_text("192.0.2.1");
	cr_assert_eq(http_listen(server, &local, port, 0, 2, &d), 0, "%s", d.text);
}

TestSuite(http_room, .init = setup, .fini = http_teardown, .timeout = 60);

/* A client of 192.0.2.`end`, accepted by now. */
static int client_of(unsigned end)
{
	union sockaddr_any sa;
	char text[32];
	unsigned open = http_counted(server)->open;
	uint64_t gone = http_counted(server)->evicted;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	snprintf(text, sizeof(text), "192.0.2.%u", end);
	struct in6_addr a = addr_text(text);
	socklen_t len = sockaddr_from(&sa, &a, 0, 0);

	cr_assert_eq(bind(fd, &sa.sa, len), 0);
	len = sockaddr_from(&sa, &local, port, 0);
	cr_assert_eq(connect(fd, &sa.sa, len), 0);
	while (http_counted(server)->open + (http_counted(server)->evicted - gone) == open)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	return fd;
}

static bool served(int fd)
{
	char b[4096];

	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	return strstr(b, "mask 2") != NULL;
}

static bool here[64]; /* ended() reads, and an end is read once */

static unsigned gone_of(const int *fd, unsigned n)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < n; i++)
		gone += !here[i] && (here[i] = ended(fd[i]));
	return gone;
}

/* Two are one address's share: the third takes the place of its own first, also where there is room. */
Test(http_room, a_share)
{
	int fd[3] = { client_of(2), client_of(2), -1 }, other = client_of(3);

	cr_expect_eq(http_counted(server)->evicted, 0);
	fd[2] = client_of(2);
	cr_expect_eq(http_counted(server)->evicted, 1);
	cr_expect_eq(http_counted(server)->open, 3);
	struct in6_addr last = addr_text("192.0.2.2");

	cr_expect(IN6_ARE_ADDR_EQUAL(&http_counted(server)->evicted_last, &last));
	cr_expect(ended(fd[0]));
	cr_expect(served(fd[1]) && served(fd[2]) && served(other));
}

/* Whoever was of use is not the one that goes. */
Test(http_room, the_longest_without_use)
{
	int fd[5];

	for (unsigned i = 0; i < 4; i++)
		fd[i] = client_of(2 + i / 2);
	cr_expect(served(fd[0]));
	fd[4] = client_of(4);
	cr_expect_eq(http_counted(server)->evicted, 1, "four are all that there may be");
	cr_expect_eq(http_counted(server)->open, 4);
	cr_expect_eq(gone_of(fd, 4), 1);
	cr_expect(here[1], "the second has not asked");
}

/* One that waits for its answer goes after those that want nothing, of the same address and of all. */
Test(http_room, the_busy_stay)
{
	int busy[2], idle[2];

	put_off = true;
	busy[0] = client_of(2);
	send(busy[0], "GET /wait HTTP/1.1\r\n\r\n", 22, 0);
	while (n_handled < 1)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	idle[0] = client_of(2);
	idle[1] = client_of(2);
	cr_expect(ended(idle[0]), "of two the idle one");
	busy[1] = idle[1];
	send(busy[1], "GET /wait HTTP/1.1\r\n\r\n", 22, 0);
	while (n_handled < 2)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	int last = client_of(2);

	cr_expect(ended(busy[0]), "of two busy ones the first");
	cr_expect(!ended(busy[1]));
	close(last);
}

/* What pods do takes nothing from the node's own, nor the other way round. */
Test(http_room, the_nodes_own)
{
	int own[4], pod[4];

	for (unsigned i = 0; i < 4; i++) {
		own[i] = client_of(1);
		pod[i] = client_of(2 + i);
		if (i == 2)
			break;
	}
	own[3] = client_of(1);
	cr_expect_eq(http_counted(server)->evicted, 0, "four by the node, three by pods, of one address");
	int more = client_of(1);

	cr_expect_eq(http_counted(server)->evicted, 1);
	cr_expect(ended(own[0]));
	for (unsigned i = 0; i < 3; i++)
		cr_expect(served(pod[i]));
	pod[3] = client_of(2);
	int fifth = client_of(3);

	cr_expect_eq(http_counted(server)->evicted, 2);
	for (unsigned i = 1; i < 4; i++)
		cr_expect(served(own[i]), "%u", i);
	cr_expect(served(more) && served(fifth));
}

/* What else a supervisor does wants descriptors, too: pods take a quarter of them at most, the node's processes an eighth. */
Test(http_room, where_descriptors_are_few_connections_are_too)
{
	struct rlimit all, few;
	struct http_limits l, usual, least;

	http_limits_default(&usual);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = (struct rlimit){.rlim_cur = 64, .rlim_max = all.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	http_limits_default(&l);
	few.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	http_limits_default(&least);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect_eq(usual.conns_max, 96);
	cr_expect_eq(usual.node_max, 32);
	cr_expect_eq(l.conns_max, 16);
	cr_expect_eq(l.node_max, 8);
	cr_expect_eq(least.conns_max, 1);
	cr_expect_eq(least.node_max, 1);
}
