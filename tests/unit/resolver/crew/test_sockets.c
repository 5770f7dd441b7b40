/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets that come and go with the plan. */
#include "resolver/crew/sockets.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"
#include "tests/fixtures/at_end.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/own_net.h"

static struct sockets s;
static struct diag d;
static char addr[32];
static unsigned before;

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* In a network of its own: a listener of all addresses meets whoever has its port. */
static void setup(void)
{
	snprintf(addr, sizeof(addr), "127.%u.%u.1", 80 + (unsigned)getpid() / 256 % 128, (unsigned)getpid() % 256);
	before = descriptors();
	own_net(NULL);
}

static void teardown(void)
{
	sockets_close(&s);
	AT_END(s.n == 0);
	AT_END(descriptors() == before);
}

TestSuite(sockets, .init = setup, .fini = teardown, .timeout = 60);

/* A plan that listens at these ports; 0: no more. */
static struct corefile_plan *plan(unsigned a, unsigned b)
{
	char text[400];
	int n = snprintf(text, sizeof(text), ".:%u {\n bind %s\n forward . 192.0.2.1\n}\n", a, addr);

	if (b)
		snprintf(text + n, sizeof(text) - (size_t)n, ".:%u {\n bind %s\n forward . 192.0.2.1\n}\n", b, addr);
	return plan_of(text);
}

static int opened(unsigned a, unsigned b, unsigned n_workers)
{
	struct corefile_plan *p = plan(a, b);
	int rc = sockets_open(&s, p, n_workers, &d);

	corefile_plan_free(p);
	return rc;
}

static void trimmed(unsigned a, unsigned b)
{
	struct corefile_plan *p = plan(a, b);

	sockets_trim(&s, p);
	corefile_plan_free(p);
}

/* By somebody who does not share. */
static int port_take(unsigned port, int type)
{
	struct in6_addr a = addr_of(addr);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &a, (uint16_t)port, 0);
	int fd = socket(AF_INET, type, 0);

	cr_assert_eq(bind(fd, &sa.sa, len), 0);
	if (type == SOCK_STREAM)
		cr_assert_eq(listen(fd, 1), 0);
	return fd;
}

Test(sockets, come_and_go)
{
	cr_assert_eq(opened(5301, 5302, 2), 0, "%s", d.text);
	cr_expect_eq(s.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect_eq(s.set[i].port, 5301 + i);
		cr_expect_eq(s.set[i].n, 2);
		cr_expect_eq(s.set[i].n_more % 2, 0);
		for (unsigned k = 0; k < 2; k++) {
			int type = 0;
			socklen_t len = sizeof(type);

			cr_expect_eq(getsockopt(s.set[i].udp[k], SOL_SOCKET, SO_TYPE, &type, &len), 0);
			cr_expect_eq(type, SOCK_DGRAM);
			cr_expect_eq(getsockopt(s.set[i].tcp[k], SOL_SOCKET, SO_TYPE, &type, &len), 0);
			cr_expect_eq(type, SOCK_STREAM);
		}
	}
	int udp = s.set[1].udp[0];

	cr_assert_eq(opened(5302, 5303, 2), 0, "%s", d.text);
	cr_expect_eq(s.n, 3, "what is there is not opened again");
	cr_expect_eq(s.set[1].udp[0], udp);
	cr_assert_eq(opened(5301, 5303, 2), 0, "%s", d.text);
	cr_expect_eq(s.n, 3, "neither are the first and the last");
	trimmed(5302, 5303);
	cr_expect_eq(s.n, 2);
	for (unsigned i = 0; i < 2; i++)
		cr_expect(s.set[i].port == 5302 || s.set[i].port == 5303);
	int fd = port_take(5301, SOCK_DGRAM);

	close(fd);
	trimmed(5304, 0);
	cr_expect_eq(s.n, 0);
	cr_expect_eq(descriptors(), before);
}

/* All or nothing. */
Test(sockets, one_that_cannot_be_had)
{
	for (int type = 0; type < 2; type++) {
		int fd = port_take(5302, type ? SOCK_STREAM : SOCK_DGRAM);

		before++;
		cr_expect_lt(opened(5301, 5302, 3), 0);
		cr_expect(strstr(d.text, "5302"), "%s", d.text);
		cr_expect_eq(s.n, 0);
		cr_expect_eq(descriptors(), before);
		cr_assert_eq(opened(5301, 0, 1), 0);
		unsigned now = descriptors();

		cr_expect_lt(opened(5301, 5302, 1), 0);
		cr_expect_eq(s.n, 1, "what was there stays");
		cr_expect_eq(descriptors(), now);
		sockets_close(&s);
		close(fd);
		before--;
	}
}

/* What was said on standard error by this. */
static bool says(const char *words, struct corefile_plan *p)
{
	char text[2000];
	int pair[2], was = dup(2);

	cr_assert_eq(pipe2(pair, O_NONBLOCK), 0);
	dup2(pair[1], 2);
	dup2(pair[1], 1);
	cr_assert_eq(sockets_open(&s, p, 2, &d), 0, "%s", d.text);
	corefile_plan_free(p);
	fflush(NULL);
	dup2(was, 2);
	dup2(was, 1);
	ssize_t n = read(pair[0], text, sizeof(text) - 1);

	close(pair[0]);
	close(pair[1]);
	close(was);
	text[n > 0 ? n : 0] = 0;
	return strstr(text, words) != NULL;
}

/* Another of the same user lets us in, and takes half of the questions: that is said, of which address, and by whom. */
Test(sockets, shared_with_somebody)
{
	struct in6_addr a = addr_of(addr);
	char words[200];
	int udp = udp_socket_open(&a, 5302, 0, 1, &d), tcp = tcp_socket_open(&a, 5302, 0, &d);

	cr_assert(udp >= 0 && tcp >= 0);
	before += 2;
	snprintf(words, sizeof(words), "listen udp %s:5302: somebody else listens there, too (taken by ", addr);
	cr_expect(says(words, plan(5301, 5302)));
	sockets_close(&s);
	cr_expect_not(says("listen", plan(5301, 0)));
	cr_expect_not(says("listen", plan(5301, 5302)), "later on it may be ourselves");
	sockets_close(&s);
	close(udp);
	close(tcp);
	before -= 2;
	cr_expect_not(says("listen", plan(5301, 5302)), "nobody");
	sockets_close(&s);
	/* our own of the same port are nobody else's */
	snprintf(words, sizeof(words), ".:5301 {\n forward . 192.0.2.1\n}\na.org:5301 {\n bind %s\n forward . 192.0.2.1\n}\n", addr);
	cr_expect_not(says("listen", plan_of(words)));
	cr_expect_eq(s.n, 2);
}

static unsigned more_of(unsigned i)
{
	return 1 + s.set[i].n_more / s.set[i].n;
}

/* As many queues for each worker as there are, and less where descriptors are few. */
Test(sockets, queues)
{
	struct rlimit r, few;

	cr_assert_eq(opened(5301, 0, 1), 0);
	cr_expect_eq(more_of(0), UDP_QUEUES_MAX);
	sockets_close(&s);
	cr_assert_eq(opened(5301, 0, SOCKETS_MORE_MAX), 0);
	cr_expect_eq(more_of(0), 1);
	cr_expect_eq(s.set[0].n, SOCKETS_MORE_MAX);
	sockets_close(&s);
	cr_assert_eq(opened(5301, 0, SOCKETS_MORE_MAX / 2), 0);
	cr_expect_eq(more_of(0), 2);
	sockets_close(&s);
	getrlimit(RLIMIT_NOFILE, &r);
	few = r;
	few.rlim_cur = 1023;
	setrlimit(RLIMIT_NOFILE, &few);
	cr_assert_eq(opened(5301, 0, 1), 0);
	cr_expect_eq(more_of(0), 1);
	sockets_close(&s);
	few.rlim_cur = 1024;
	setrlimit(RLIMIT_NOFILE, &few);
	cr_assert_eq(opened(5301, 0, 1), 0);
	cr_expect_gt(more_of(0), 1);
	setrlimit(RLIMIT_NOFILE, &r);
}

/* There is a worker's message to fit into: each of the listeners that may be has its pair. */
Test(sockets, many_listeners)
{
	unsigned total = 0;

	for (unsigned i = 0; i < CORE_LISTENERS_MAX; i++) {
		cr_assert_eq(opened(5301 + i, 0, 1), 0, "%s", d.text);
		total += 2 + s.set[i].n_more;
	}
	cr_expect_leq(total, 253 - 3 - 1, "with the Corefile they are passed at once");
	cr_expect_eq(more_of(CORE_LISTENERS_MAX - 1), 1);
	cr_expect_eq(opened(5301 + CORE_LISTENERS_MAX, 0, 1), ERR_LIMIT);
	cr_expect(strstr(d.text, "listeners"));
	cr_expect_eq(s.n, CORE_LISTENERS_MAX);
	int none[SOCKETS_MORE_MAX] = {0};
	struct in6_addr a = addr_of(addr);

	cr_expect_eq(sockets_adopt(&s, &a, 53, 0, 1, 0, none, none, none), ERR_LIMIT);
	trimmed(5301 + CORE_LISTENERS_MAX - 1, 0);
	cr_expect_eq(s.n, 1);
}

Test(sockets, adopted)
{
	int udp[2], tcp[2], more[3];
	struct in6_addr a = addr_of(addr);

	for (unsigned i = 0; i < 2; i++) {
		udp[i] = udp_socket_open(&a, 5301, 0, 1, &d);
		tcp[i] = socket(AF_INET, SOCK_STREAM, 0);
		more[i] = udp_socket_open(&a, 5301, 0, 1, &d);
		cr_assert(udp[i] >= 0 && more[i] >= 0);
	}
	more[2] = -1;
	cr_expect_eq(sockets_adopt(&s, &a, 5301, 7, SHM_WORKERS_MAX + 1, 0, udp, tcp, more), ERR_LIMIT);
	cr_expect_eq(sockets_adopt(&s, &a, 5301, 7, 2, 3, udp, tcp, more), ERR_LIMIT, "not as many for each");
	cr_expect_eq(sockets_adopt(&s, &a, 5301, 7, 1, SOCKETS_MORE_MAX + 1, udp, tcp, more), ERR_LIMIT);
	cr_expect_eq(s.n, 0);
	cr_assert_eq(sockets_adopt(&s, &a, 5301, 7, 2, 2, udp, tcp, more), 0);
	cr_expect(s.n == 1 && s.set[0].n == 2 && s.set[0].n_more == 2 && s.set[0].port == 5301 && s.set[0].scope_id == 7);
	cr_expect_eq(s.set[0].udp[1], udp[1]);
	cr_expect_eq(s.set[0].tcp[1], tcp[1]);
	cr_expect_eq(s.set[0].more[1], more[1]);
	sockets_extend(&s);
	cr_expect_eq(s.set[0].n_more, 2, "it came with queues");
	sockets_close(&s);
	/* without: it gets them */
	int one = udp_socket_open(&a, 5301, 0, 1, &d), other = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(sockets_adopt(&s, &a, 5301, 0, 1, 0, &one, &other, NULL), 0);
	sockets_extend(&s);
	cr_expect_eq(more_of(0), UDP_QUEUES_MAX);
}

static unsigned waiting(int fd)
{
	uint8_t b[64];
	unsigned n = 0;

	while (recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

/* Of `n` clients one datagram each: how many queues got some. */
static unsigned spread(unsigned n)
{
	struct in6_addr a = addr_of(addr);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &a, 5301, 0);
	unsigned used = 0, all = 0;

	for (unsigned i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		char own[32];
		struct in6_addr from;
		union sockaddr_any by;

		snprintf(own, sizeof(own), "127.9.%u.%u", i / 200, i % 200 + 1);
		from = addr_of(own);
		socklen_t by_len = sockaddr_from(&by, &from, 0, 0);

		cr_assert_eq(bind(fd, &by.sa, by_len), 0);
		cr_assert_eq(sendto(fd, "x", 1, 0, &sa.sa, len), 1);
		close(fd);
	}
	unsigned got = waiting(s.set[0].udp[0]);

	used += got > 0;
	all += got;
	for (unsigned i = 0; i < s.set[0].n_more; i++) {
		got = waiting(s.set[0].more[i]);
		used += got > 0;
		all += got;
	}
	cr_expect_eq(all, n);
	return used;
}

Test(sockets, steered)
{
	cr_assert_eq(opened(5301, 0, 1), 0);
	cr_expect_gt(spread(64), 2, "over all queues from the start");
	sockets_steer(&s, true);
	cr_expect_eq(spread(64), 1);
	sockets_steer(&s, false);
	cr_expect_gt(spread(64), 2);
}

/* Sockets that are closed have lost what they lost. */
Test(sockets, drops)
{
	struct in6_addr a = addr_of(addr);
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, &a, 5301, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 0;

	cr_assert_eq(opened(5301, 5302, 1), 0);
	cr_expect_eq(sockets_drops(&s), 0);
	sockets_steer(&s, true);
	setsockopt(s.set[0].udp[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (int i = 0; i < 200; i++)
		sendto(fd, "0123456789", 10, 0, &sa.sa, len);
	unsigned kept = waiting(s.set[0].udp[0]);
	uint64_t lost = sockets_drops(&s);

	cr_expect_eq(lost, 200 - kept);
	cr_expect_gt(lost, 0);
	trimmed(5302, 0);
	cr_expect_eq(sockets_drops(&s), lost);
	cr_assert_eq(opened(5301, 5302, 1), 0);
	for (unsigned i = 0; i < s.set[1].n_more; i++) { /* a queue other than the first */
		size = 0;
		setsockopt(s.set[1].more[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
	sockets_steer(&s, false);
	for (int i = 0; i < 64; i++) {
		int client = socket(AF_INET, SOCK_DGRAM, 0);
		char own[32];
		union sockaddr_any by;

		snprintf(own, sizeof(own), "127.9.1.%u", i + 1u);
		struct in6_addr from = addr_of(own);
		socklen_t by_len = sockaddr_from(&by, &from, 0, 0);

		cr_assert_eq(bind(client, &by.sa, by_len), 0);
		for (int k = 0; k < 20; k++)
			sendto(client, "0123456789", 10, 0, &sa.sa, len);
		close(client);
	}
	uint64_t more = sockets_drops(&s);

	cr_expect_gt(more, lost);
	trimmed(5302, 0);
	cr_expect_eq(sockets_drops(&s), more);
	close(fd);
}

Test(sockets, a_private_port)
{
	for (int i = 0; i < 20; i++) {
		uint16_t port = sockets_private_port();

		cr_expect(port >= 20000 && port < 30000);
	}
}

/* What is sent to one address is a wildcard's until that address has sockets of its own: then nobody would read them yet. */
Test(sockets, ahead)
{
	static const struct {
		const char *all, *one;
		bool covered;
	} c[] = {{"::", "127.0.0.1", true}, {"::", "::1", true}, {"0.0.0.0", "127.0.0.1", true}, {"0.0.0.0", "::1", false}, {"127.0.0.2", "127.0.0.1", false}};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		char text[400];

		snprintf(text, sizeof(text), ".:5301 {\n bind %s\n forward . 192.0.2.1\n}\n", c[i].all);
		struct corefile_plan *all = plan_of(text);
		snprintf(text, sizeof(text), ".:5301 .:5302 {\n bind %s\n forward . 192.0.2.1\n}\n", c[i].one);
		struct corefile_plan *one = plan_of(text);

		cr_assert_eq(sockets_open_ahead(&s, all, 1, &d), 0, "%s", d.text);
		cr_expect_eq(s.n, 1);
		cr_assert_eq(sockets_open_ahead(&s, one, 1, &d), 0, "%s", d.text);
		cr_expect_eq(s.n, c[i].covered ? 2 : 3, "%s, %s", c[i].all, c[i].one);
		cr_assert_eq(sockets_open(&s, one, 1, &d), 0, "%s", d.text);
		cr_expect_eq(s.n, 3);
		cr_expect(sockets_wanted(&s.set[2], one) && !sockets_wanted(&s.set[0], one) && sockets_wanted(&s.set[0], all));
		sockets_close(&s);
		corefile_plan_free(all);
		corefile_plan_free(one);
	}
}
