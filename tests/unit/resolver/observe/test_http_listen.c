/* SPDX-License-Identifier: Apache-2.0 */
/* Where the HTTP server listens: what it opens, is given, hands on, and does without descriptors. */
#include "tests/fixtures/http_world.h"

#include <fcntl.h>
#include <sys/resource.h>

TestSuite(http_listen, .init = http_setup, .fini = http_teardown, .timeout = 60);

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static bool asks(const char *words)
{
	char b[4096];
	int fd = client();

	talk(fd, "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", b, sizeof(b));
	close(fd);
	return strstr(b, words) != NULL;
}

static void steps(unsigned n)
{
	while (n--)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
}

Test(http_listen, what_cannot_be_had_leaves_nothing)
{
	struct diag d;
	unsigned before = descriptors();

	struct http_server *other = http_new(&loop, NULL, handle, NULL);

	for (int i = 0; i < 3; i++)
		cr_expect_eq(http_listen(other, &local, port, 0, 2, &d), ERR_SYS);
	cr_expect_eq(descriptors(), before);
	unsigned cursor = 0;
	struct in6_addr a;
	uint16_t p;
	int fd;

	cr_expect_not(http_listener_next(other, &cursor, &fd, &a, &p));
	http_free(other);
	http_mark(server);
	http_sweep(server);
	cr_expect_eq(descriptors(), before - 1, "nor what was swept");
}

Test(http_listen, as_many_as_there_is_room_for)
{
	struct diag d;
	unsigned n = 1, cursor = 0, seen = 0;
	struct in6_addr a;
	uint16_t p;
	int fd, last = -1;

	for (; n < HTTP_LISTENERS_MAX; n++)
		cr_assert_eq(http_listen(server, &local, port_free(), 0, 1, &d), 0, "%u: %s", n, d.text);
	cr_expect_eq(http_listen(server, &local, port_free(), 0, 1, &d), ERR_LIMIT);
	cr_expect(strstr(d.text, "listeners"));
	cr_expect_eq(http_listen(server, &local, port, 0, 4, &d), 0, "one that is there");
	cr_expect(asks("mask 6"));
	for (; http_listener_next(server, &cursor, &fd, &a, &p); seen++, last = fd) {
		cr_expect_neq(fd, last);
		cr_expect(seen || p == port);
		cr_expect_eq(memcmp(&a, &local, sizeof(a)), 0);
	}
	cr_expect_eq(seen, HTTP_LISTENERS_MAX);
	cr_expect_eq(http_adopt(server, 0, &local, 1), ERR_LIMIT);
}

/* Of another process: its clients are served when its address is asked for, and not before. */
Test(http_listen, adopted)
{
	struct diag d;
	union sockaddr_any sa;
	unsigned cursor = 0;
	struct in6_addr a;
	uint16_t p, own = port_free();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), got = -1;
	socklen_t len = sockaddr_from(&sa, &local, own, 0);

	cr_assert_eq(bind(fd, &sa.sa, len), 0);
	cr_assert_eq(listen(fd, 4), 0);
	cr_assert_eq(http_adopt(server, fd, &local, own), 0);
	port = own;
	cr_expect(asks("mask 0"));
	while (http_listener_next(server, &cursor, &got, &a, &p) && p != own)
		;
	cr_expect_eq(got, fd);
	http_mark(server);
	cr_assert_eq(http_listen(server, &local, own, 0, 3, &d), 0, "%s", d.text);
	http_sweep(server);
	cr_expect(asks("mask 3"));
	cr_expect_eq(fcntl(fd, F_GETFD) >= 0, 1, "no other took its place");
	http_mark(server);
	http_sweep(server);
	cr_expect_lt(fcntl(fd, F_GETFD), 0);
}

/* Who comes meanwhile waits. */
Test(http_listen, deaf_for_a_while)
{
	http_accept(server, false);
	int fd = client();
	char b[4096];

	send(fd, "GET /hello HTTP/1.1\r\n\r\n", 23, 0);
	steps(20);
	cr_expect_eq(http_counted(server)->open, 0);
	cr_expect_eq(n_handled, 0);
	http_accept(server, true);
	talk(fd, "", b, sizeof(b));
	cr_expect(strstr(b, "mask 2"));
	close(fd);
}

/* So many that there is no other: the limit is `left` beyond what is open. */
static void descriptors_limit(unsigned left, struct rlimit *was)
{
	struct rlimit few;
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, was);
	few = *was;
	few.rlim_cur = (rlim_t)next + left;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
}

/* Out of descriptors with nobody to close: it listens again a while later; who waited is served. */
Test(http_listen, without_descriptors)
{
	struct rlimit was;
	char b[4096];
	int fd = client();

	descriptors_limit(0, &was);
	steps_until(&http_counted(server)->refused, 1);
	uint64_t begin = loop.now_ns;

	for (unsigned i = 0; i < 20 && loop.now_ns < begin + 50 * NS_PER_MS; i++)
		steps(1);
	cr_expect(http_counted(server)->refused == 1 || loop.now_ns >= begin + 100 * NS_PER_MS, "it does not try meanwhile");
	steps_until(&http_counted(server)->refused, 2); /* it tries again */
	setrlimit(RLIMIT_NOFILE, &was);
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_expect(strstr(b, "mask 2"));
	close(fd);
	/* One that is deaf by its owner's wish stays so. */
	steps(2);
	fd = client();
	descriptors_limit(0, &was);
	uint64_t refused = http_counted(server)->refused;

	steps_until(&http_counted(server)->refused, refused + 1);
	http_accept(server, false);
	setrlimit(RLIMIT_NOFILE, &was);
	for (begin = loop.now_ns; loop.now_ns < begin + 150 * NS_PER_MS;)
		steps(1);
	cr_expect_eq(http_counted(server)->open, 0);
	http_accept(server, true);
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_expect(strstr(b, "mask 2"));
	close(fd);
}

/* With an idle connection to close, whose it may be, the newcomer is served at once. */
Test(http_listen, the_last_descriptor)
{
	struct rlimit was;
	char b[4096];
	int idle = client();

	steps(3);
	int fd = client();

	cr_expect_eq(http_counted(server)->open, 1);
	descriptors_limit(0, &was);
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	setrlimit(RLIMIT_NOFILE, &was);
	cr_expect(strstr(b, "mask 2"));
	cr_expect(ended(idle));
	cr_expect_eq(http_counted(server)->evicted, 1);
	cr_expect_eq(http_counted(server)->refused, 0);
	close(idle);
	close(fd);
}

/* What the kernel keeps for a connection is bounded; requests do not wait for one another's octets. */
Test(http_listen, sockets_are_small)
{
	int fd = client(), out = 0, in = 0, nodelay = 0;
	socklen_t len = sizeof(int);

	steps(3);
	cr_assert_eq(http_counted(server)->open, 1);
	for (int i = 0; i < 100; i++) { /* the server's end is one of ours */
		struct sockaddr_in peer, own;
		socklen_t peer_len = sizeof(peer), own_len = sizeof(own);

		if (i == fd || getpeername(i, (struct sockaddr *)&peer, &peer_len) || getsockname(i, (struct sockaddr *)&own, &own_len) ||
		    own.sin_family != AF_INET || ntohs(own.sin_port) != port)
			continue;
		cr_assert_eq(getsockopt(i, SOL_SOCKET, SO_SNDBUF, &out, &len), 0);
		cr_assert_eq(getsockopt(i, SOL_SOCKET, SO_RCVBUF, &in, &len), 0);
		cr_assert_eq(getsockopt(i, IPPROTO_TCP, 1 /* TCP_NODELAY */, &nodelay, &len), 0);
	}
	cr_expect_eq(out, 2 * 64 * 1024);
	cr_expect_eq(in, 2 * 16 * 1024);
	cr_expect_eq(nodelay, 1);
	close(fd);
}

/* All of the node's addresses of both families at one port, and each on its own. */
Test(http_listen, families)
{
	struct diag d;
	struct in6_addr any4 = addr_from_v4((struct in_addr){ htonl(INADDR_ANY) }), lo6 = in6addr_loopback;
	uint16_t p = port_free();

	cr_expect_eq(http_listen(server, &lo6, p, 0, 8, &d), 0, "%s", d.text);
	cr_expect_eq(http_listen(server, &any4, p, 0, 16, &d), 0, "not the other family's: %s", d.text);
	port = p;
	cr_expect(asks("mask 16"));
	local = lo6;
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &lo6, p, 0);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	char b[4096];

	cr_assert_eq(connect(fd, &sa.sa, len), 0);
	talk(fd, "GET /hello HTTP/1.1\r\n\r\n", b, sizeof(b));
	cr_expect(strstr(b, "mask 8"));
	close(fd);
	p = port_free();
	cr_assert_eq(http_listen(server, &in6addr_any, p, 0, 32, &d), 0, "%s", d.text);
	port = p;
	local = addr_from_v4((struct in_addr){ htonl(INADDR_LOOPBACK) });
	cr_expect(asks("mask 32"), "of both");
}
