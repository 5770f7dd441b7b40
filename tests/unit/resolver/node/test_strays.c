/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose sockets hold an address that an earlier instance had: of whoever serves there, of open
 * connections to it, not of who asks there, which is done from that very address. In a network
 * namespace that dies with the test.
 */
#include <arpa/inet.h>
#include <string.h>

#include "resolver/node/strays.h"
#include "tests/fixtures/own_net.h"

TestSuite(strays, .timeout = 60);

static struct sockaddr_in at(const char *addr, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

	cr_assert_eq(inet_pton(AF_INET, addr, &sa.sin_addr), 1);
	return sa;
}

static int bound(int type, const char *addr, uint16_t port)
{
	struct sockaddr_in sa = at(addr, port);
	int fd = socket(AF_INET, type, 0), one = 1;

	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

/* As the kernel does it: from the address that is asked. */
static int client(int type, const char *addr, uint16_t port)
{
	struct sockaddr_in sa = at(addr, port);
	int fd = socket(AF_INET, type, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static bool held(uint16_t port, const char *addr)
{
	static struct strays s;
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	s = (struct strays){.port = port};
	cr_assert_eq(inet_pton(AF_INET, addr, a.s6_addr + 12), 1);
	strays_begin(&s);
	return strays_held(&s, &a);
}

Test(strays, an_address_is_held_by_who_serves_there_and_by_no_client)
{
	const char *addr = "127.1.2.3";
	int fd, to, from;

	own_net(NULL);
	cr_expect_not(held(53, addr));
	fd = bound(SOCK_DGRAM, addr, 53);
	cr_expect(held(53, addr), "a server over UDP");
	to = client(SOCK_DGRAM, addr, 53);
	close(fd);
	cr_expect_not(held(53, addr), "a client over UDP");
	close(to);
	fd = bound(SOCK_STREAM, addr, 53);
	cr_assert_eq(listen(fd, 1), 0);
	cr_expect(held(53, addr), "a server over TCP");
	to = client(SOCK_STREAM, addr, 53);
	from = accept(fd, NULL, NULL);
	close(fd);
	cr_expect(held(53, addr), "a connection that it has still");
	cr_expect_not(held(5300, addr), "one from another port than DNS is served at: a client's");
	close(from);
	close(to);
	fd = bound(SOCK_DGRAM, addr, 8080);
	cr_expect(held(53, addr), "who lives beside, whatever it serves there");
	close(fd);
}

/* Services' addresses are a host's own with IPVS, and so is its clients' end then: however many there are, they tell nothing. */
Test(strays, clients_of_many_addresses_are_no_servers)
{
	int fd[STRAYS_HELD_MAX + 1];
	char addr[32];

	own_net(NULL);
	for (unsigned i = 0; i <= STRAYS_HELD_MAX; i++) {
		snprintf(addr, sizeof addr, "127.1.%u.%u", i / 200, i % 200 + 1);
		fd[i] = client(SOCK_DGRAM, addr, 80);
	}
	cr_expect_not(held(53, "127.1.9.9"));
	for (unsigned i = 0; i <= STRAYS_HELD_MAX; i++)
		close(fd[i]);
}
