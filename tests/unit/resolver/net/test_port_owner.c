/* SPDX-License-Identifier: Apache-2.0 */
/* Who is said to have a port, with sockets of the test's own and what /proc tells of them. */
#include "resolver/net/port_owner.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/sockaddr.h"

static char said[200], us[100];
static struct in6_addr lo4, lo6, any4, other4;

static void setup(void)
{
	prctl(PR_SET_NAME, "some daemon");
	snprintf(us, sizeof(us), " (taken by some daemon, pid %d)", getpid());
	lo4 = addr_from_v4((struct in_addr){htonl(INADDR_LOOPBACK)});
	other4 = addr_from_v4((struct in_addr){htonl(INADDR_LOOPBACK + 1)});
	any4 = addr_from_v4((struct in_addr){0});
	lo6 = in6addr_loopback;
}

TestSuite(port_owner, .init = setup, .timeout = 20);

/* A socket at that address, at a port of its own; it listens or not. */
static int socket_at(const struct in6_addr *addr, bool listens, uint16_t *ret_port)
{
	union sockaddr_any sa;
	struct in6_addr a;
	uint32_t scope;
	socklen_t len = sockaddr_from(&sa, addr, 0, 0);
	int fd = socket(sa.sa.sa_family, SOCK_STREAM, 0);

	if (bind(fd, &sa.sa, len))
		cr_skip_test("no such address here");
	cr_assert_eq(listens ? listen(fd, 1) : 0, 0);
	len = sizeof(sa);
	cr_assert_eq(getsockname(fd, &sa.sa, &len), 0);
	sockaddr_split(&sa, &a, ret_port, &scope);
	return fd;
}

Test(port_owner, whoever_listens_there)
{
	uint16_t port, unheard;

	socket_at(&lo4, true, &port);
	socket_at(&lo4, false, &unheard);
	int next = dup(0);

	close(next);
	cr_expect_str_eq(port_owner(said, sizeof(said), &lo4, port), us);
	cr_expect_eq(dup(0), next, "nothing that was looked into stays open");
	close(next);
	cr_expect_str_eq(port_owner(said, sizeof(said), &any4, port), us, "all addresses are also that one");
	cr_expect_str_eq(port_owner(said, sizeof(said), &in6addr_any, port), us);
	cr_expect_str_eq(port_owner(said, sizeof(said), &other4, port), "", "another address is free");
	cr_expect_str_eq(port_owner(said, sizeof(said), &lo4, unheard), "", "bound is not heard");
}

Test(port_owner, at_all_addresses)
{
	uint16_t port;

	socket_at(&any4, true, &port);
	cr_expect_str_eq(port_owner(said, sizeof(said), &lo4, port), us);
	cr_expect_str_eq(port_owner(said, sizeof(said), &other4, port), us);
}

Test(port_owner, ipv6)
{
	uint16_t port;

	socket_at(&lo6, true, &port);
	cr_expect_str_eq(port_owner(said, sizeof(said), &lo6, port), us);
	cr_expect_str_eq(port_owner(said, sizeof(said), &lo4, port), "");
}

/* Other users' processes are not looked into: the user is all that is known. */
Test(port_owner, who_may_not_look)
{
	char want[200];
	uint16_t port;

	if (getuid() != 0)
		cr_skip_test("takes two users");
	socket_at(&lo4, true, &port);
	snprintf(want, sizeof(want), " (taken by user 0; on the node, ss -Hltnp sport = :%u names the process)", port);
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	if (fork() == 0) { /* a stranger, without the socket */
		for (int i = 3; i < fd[0]; i++)
			close(i);
		if (setgid(65534) || setuid(65534))
			_exit(1);
		port_owner(said, sizeof(said), &lo4, port);
		_exit(write(fd[1], said, strlen(said) + 1) < 0);
	}
	cr_expect_gt(read(fd[0], said, sizeof(said)), 0);
	cr_expect_str_eq(said, want);
}
