/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of several workers on one address: who gets which query. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/dns/wire.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "tests/fixtures/own_net.h"

#define N 4
static int fd[N];
static struct sockaddr_in where;

static void setup(void)
{
	struct in6_addr a;
	socklen_t len = sizeof(where);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	fd[0] = udp_socket_open(&a, 0, 0, 1, NULL);
	cr_assert_geq(fd[0], 0);
	cr_assert_eq(getsockname(fd[0], (struct sockaddr *)&where, &len), 0);
	for (int i = 1; i < N; i++)
		cr_assert_geq(fd[i] = udp_socket_open(&a, ntohs(where.sin_port), 0, 1, NULL), 0);
}

/* Another program's connections, which end behind it, hold no port: its listener shared addresses, not ports. */
Test(listen_socket, after_another_program)
{
	struct in6_addr a;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int other, client, one = 1;
	char b;
	own_net(NULL);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	other = socket(AF_INET, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	cr_assert_eq(bind(other, (struct sockaddr *)&at, len) | listen(other, 1), 0);
	cr_assert_eq(getsockname(other, (struct sockaddr *)&at, &len), 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&at, len), 0);
	close(accept(other, NULL, NULL)); /* it ends first, so the wait is at its port */
	cr_assert_eq(recv(client, &b, 1, 0), 0);
	close(client);
	close(other);
	cr_expect_geq(tcp_socket_open(&a, ntohs(at.sin_port), 0, NULL), 0);
}

/* Where there is no descriptor the words say so, and not what comes of having none. */
Test(listen_socket, without_a_descriptor)
{
	struct rlimit few, all;
	struct in6_addr a;
	struct diag d[2];
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	int udp = udp_socket_open(&a, 0, 0, 1, &d[0]), tcp = tcp_socket_open(&a, 0, 0, &d[1]);
	bool taken = udp_socket_taken(&a, 1, 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect(udp < 0 && tcp < 0 && !taken);
	for (int i = 0; i < 2; i++)
		cr_expect_str_eq(d[i].text, "socket: Too many open files");
}

/* Which socket a query of a new client arrives at. */
static int taker(const char *text, uint16_t qtype, bool edns)
{
	uint8_t q[512];
	struct name name;
	struct pollfd p[N];
	int client = socket(AF_INET, SOCK_DGRAM, 0), got = -1;
	cr_assert_eq(name_from_text(&name, text), 0);
	size_t len = dns_query_build(q, sizeof(q), 7, name.b, qtype, DNS_RD, edns ? 1232 : 0, false, false);
	cr_assert_eq(sendto(client, q, len, 0, (struct sockaddr *)&where, sizeof(where)), (ssize_t)len);
	for (int i = 0; i < N; i++)
		p[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	cr_assert_eq(poll(p, N, 5000), 1);
	for (int i = 0; i < N; i++)
		if (p[i].revents) {
			got = i;
			cr_assert_eq(recv(fd[i], q, sizeof(q), 0), (ssize_t)len);
		}
	close(client);
	return got;
}

Test(listen_socket, all_questions_about_a_name_go_to_one_worker, .init = setup)
{
	int seen[N] = { 0 };
	char text[64], shout[64];
	cr_assert_eq(udp_socket_steer(fd[0], N, 1, 7), 0);
	for (int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "svc%d.ns%d.svc.cluster.local", i, i % 7);
		snprintf(shout, sizeof(shout), "SVC%d.Ns%d.svc.CLUSTER.local", i, i % 7);
		int first = taker(text, DNS_A, false);
		seen[first]++;
		cr_assert_eq(taker(text, DNS_AAAA, false), first);
		cr_assert_eq(taker(text, DNS_A, true), first);
		cr_assert_eq(taker(shout, DNS_A, false), first);
	}
	for (int i = 0; i < N; i++)
		cr_assert_geq(seen[i], 8, "worker %d got %d of 60 names", i, seen[i]);
}

Test(listen_socket, the_shortest_question_arrives_too, .init = setup)
{
	cr_assert_eq(udp_socket_steer(fd[0], N, 1, 7), 0);
	int first = taker(".", DNS_NS, false);
	cr_assert_eq(taker(".", DNS_NS, false), first);
}

/* A query from `from`, of the socket's family: where it arrives. */
static int taker_from(const char *from, const char *text)
{
	uint8_t q[512];
	struct name name;
	struct pollfd p[N];
	union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; } a = { .sa.sa_family = AF_INET };
	int got = -1;
	if (inet_pton(AF_INET, from, &a.v4.sin_addr) != 1) {
		a.sa.sa_family = AF_INET6;
		cr_assert_eq(inet_pton(AF_INET6, from, &a.v6.sin6_addr), 1);
	}
	int client = socket(a.sa.sa_family, SOCK_DGRAM, 0), yes = 1;
	setsockopt(client, SOL_IP, IP_FREEBIND, &yes, sizeof(yes));
	socklen_t len = a.sa.sa_family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	cr_assert_eq(bind(client, &a.sa, len), 0);
	cr_assert_eq(name_from_text(&name, text), 0);
	size_t q_len = dns_query_build(q, sizeof(q), 7, name.b, DNS_A, DNS_RD, 0, false, false);
	if (a.sa.sa_family == AF_INET)
		a.v4 = where;
	else
		a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = where.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	if (sendto(client, q, q_len, 0, &a.sa, len) != (ssize_t)q_len) {
		close(client);
		return -1;
	}
	for (int i = 0; i < N; i++)
		p[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	cr_assert_eq(poll(p, N, 5000), 1);
	for (int i = 0; i < N; i++)
		if (p[i].revents && recv(fd[i], q, sizeof(q), 0) > 0)
			got = i;
	close(client);
	return got;
}

static void setup_any(void)
{
	struct in6_addr a = IN6ADDR_ANY_INIT;
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);
	fd[0] = udp_socket_open(&a, 0, 0, N, NULL);
	cr_assert_geq(fd[0], 0);
	cr_assert_eq(getsockname(fd[0], (struct sockaddr *)&sa, &len), 0);
	where = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = sa.sin6_port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (int i = 1; i < N; i++)
		cr_assert_geq(fd[i] = udp_socket_open(&a, ntohs(sa.sin6_port), 0, N, NULL), 0);
}

/* Whatever it asks; others in other queues; IPv4 and IPv6 through one wildcard socket. */
Test(listen_socket, a_client_has_one_queue_and_clients_are_spread, .init = setup_any)
{
	int seen[N] = { 0 }, differs = 0;
	char from[32], text[32];
	cr_assert_eq(udp_socket_steer(fd[0], 1, N, 7), 0);
	for (int i = 1; i < 61; i++) {
		snprintf(from, sizeof(from), "127.0.%d.%d", i % 3, i);
		int first = taker_from(from, "a.test");
		for (int k = 0; k < 5; k++) {
			snprintf(text, sizeof(text), "n%d.other.test", k);
			cr_assert_eq(taker_from(from, text), first);
		}
		seen[first]++;
	}
	for (int i = 0; i < N; i++)
		cr_assert_geq(seen[i], 8, "queue %d has %d of 60 clients", i, seen[i]);
	if (taker_from("::1", "a.test") >= 0)
		cr_assert_eq(taker_from("::1", "b.test"), taker_from("::1", "a.test"));
	/* Another seed, another spread: nobody shares a queue with somebody for good. */
	for (int i = 1; i < 41; i++) {
		snprintf(from, sizeof(from), "127.0.0.%d", i);
		cr_assert_eq(udp_socket_steer(fd[0], 1, N, 7), 0);
		int before = taker_from(from, "a.test");
		cr_assert_eq(udp_socket_steer(fd[0], 1, N, 0x12345678), 0);
		differs += taker_from(from, "a.test") != before;
	}
	cr_assert_gt(differs, 8);
}

/* What differs in one word of an address, or of a name, is told apart. */
Test(listen_socket, each_word_of_an_ipv6_address_counts)
{
	static const char *const round[][2] = {{"fd00:", "::1"}, {"fd00:0:0:", "::1"}, {"fd00::", ":0:1"}, {"fd00::", ""}};
	own_net("ip -6 route add local fd00::/8 dev lo");
	setup_any();
	cr_assert_eq(udp_socket_steer(fd[0], 1, N, 7), 0);
	for (int k = 0; k < 4; k++) {
		int seen[N] = { 0 };
		for (unsigned i = 1; i <= 60; i++) {
			char from[64];
			snprintf(from, sizeof(from), "%s%x%s", round[k][0], i * 259, round[k][1]);
			int first = taker_from(from, "a.test");
			cr_assert_geq(first, 0, "%s", from);
			cr_assert_eq(taker_from(from, "another.test"), first);
			seen[first]++;
		}
		for (int i = 0; i < N; i++)
			cr_assert_geq(seen[i], 4, "queue %d has %d of 60 clients that differ in word %d", i, seen[i], k);
	}
}

/* Of each worker as many queues: the name decides the worker, the client which of its queues. */
Test(listen_socket, workers_with_queues, .init = setup_any)
{
	int n_second = 0;
	char from[32], text[32];
	cr_assert_eq(udp_socket_steer(fd[0], 2, 2, 7), 0);
	for (int i = 1; i < 21; i++) {
		int seen[N] = { 0 }, queue;
		snprintf(from, sizeof(from), "127.0.0.%d", i);
		queue = taker_from(from, "n0.test") / 2;
		n_second += queue;
		for (int k = 0; k < 20; k++) {
			snprintf(text, sizeof(text), "n%d.test", k);
			int got = taker_from(from, text);
			cr_assert_eq(got / 2, queue, "%s asks %s at %d", from, text, got);
			cr_assert_eq(got % 2, taker_from("127.0.9.9", text) % 2, "another worker for %s", text);
			seen[got]++;
		}
		cr_assert(seen[queue * 2] >= 3 && seen[queue * 2 + 1] >= 3);
	}
	cr_assert(n_second >= 4 && n_second <= 16, "%d of 20 clients", n_second);
}

Test(listen_socket, each_word_of_a_name_counts, .init = setup)
{
	cr_assert_eq(udp_socket_steer(fd[0], N, 1, 7), 0);
	for (int k = 0; k < 5; k++) {
		int seen[N] = { 0 };
		char text[] = "aaaaaaaaaaaaaaaaaaaaaaaa.test";
		for (int i = 0; i < 60; i++) {
			text[k * 4] = (char)('a' + i % 26);
			text[k * 4 + 1] = (char)('a' + i / 26);
			seen[taker(text, DNS_A, false)]++;
		}
		for (int i = 0; i < N; i++)
			cr_assert_geq(seen[i], 4, "worker %d has %d of 60 names that differ in word %d", i, seen[i], k);
	}
}

/* The address may be nobody's yet, and may not be anybody else's. */
Test(listen_socket, where_it_can_be_opened)
{
	static const char *const later[] = { "::ffff:10.99.98.97", "2001:db8::97" };
	struct sockaddr_in taken = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(taken);
	struct in6_addr a;
	struct diag d;
	for (int i = 0; i < 2; i++) {
		inet_pton(AF_INET6, later[i], &a);
		int udp = udp_socket_open(&a, 0, 0, 1, &d), tcp = tcp_socket_open(&a, 0, 0, &d);
		cr_expect_geq(udp, 0, "%s", d.text);
		cr_expect_geq(tcp, 0, "%s", d.text);
		close(udp);
		close(tcp);
	}
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	for (int i = 0; i < 2; i++) {
		int theirs = socket(AF_INET, i ? SOCK_STREAM : SOCK_DGRAM, 0), next;
		taken.sin_port = 0;
		cr_assert_eq(bind(theirs, (struct sockaddr *)&taken, sizeof(taken)), 0);
		cr_assert_eq(i ? listen(theirs, 1) : 0, 0);
		cr_assert_eq(getsockname(theirs, (struct sockaddr *)&taken, &len), 0);
		close(next = dup(0));
		uint16_t at = ntohs(taken.sin_port);
		cr_expect_eq(i ? tcp_socket_open(&a, at, 0, &d) : udp_socket_open(&a, at, 0, 1, &d), ERR_SYS);
		char want[64];
		snprintf(want, sizeof(want), "listen %s 127.0.0.1:%u: bind: ", i ? "tcp" : "udp", at);
		cr_expect_eq(strncmp(d.text, want, strlen(want)), 0, "%s", d.text);
		cr_expect_eq(dup(0), next, "nothing stays open");
		close(next);
		close(theirs);
	}
}

static int buffer_of(int s, int which)
{
	int size = 0;
	socklen_t len = sizeof(size);
	getsockopt(s, SOL_SOCKET, which, &size, &len);
	return size;
}

/* As large as we want with the privilege; without, as large as anybody may. */
Test(listen_socket, how_much_a_socket_holds)
{
	struct in6_addr a;
	int plain = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	if (geteuid() != 0)
		cr_skip_test("takes root");
	for (unsigned n = 1; n <= 2; n++) {
		int s = udp_socket_open(&a, 0, 0, n, NULL), want = 2 * (n > 1 ? UDP_RCVBUF_QUEUE : UDP_RCVBUF_WISH);
		cr_expect_eq(buffer_of(s, SO_RCVBUF), want);
		cr_expect_eq(buffer_of(s, SO_SNDBUF), want);
		close(s);
	}
	cr_assert_eq(setuid(65534), 0);
	int s = udp_socket_open(&a, 0, 0, 1, NULL);
	cr_expect_gt(buffer_of(s, SO_RCVBUF), buffer_of(plain, SO_RCVBUF));
	cr_expect_gt(buffer_of(s, SO_SNDBUF), buffer_of(plain, SO_SNDBUF));
}

Test(listen_socket, closing_queues_leaves_the_workers_where_they_were, .init = setup)
{
	struct in6_addr a;
	int more[4], first;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	cr_assert_eq(udp_socket_steer(fd[0], N, 1, 7), 0);
	first = taker("svc1.ns1.svc.cluster.local", DNS_A, false);
	for (int i = 0; i < 4; i++) { /* another process's, opened behind ours */
		cr_assert_geq(more[i] = udp_socket_open(&a, ntohs(where.sin_port), 0, 2, NULL), 0);
		cr_assert_eq(taker("svc1.ns1.svc.cluster.local", DNS_A, false), first);
	}
	for (int i = 0; i < 4; i++) {
		close(more[i]);
		cr_assert_eq(taker("svc1.ns1.svc.cluster.local", DNS_A, false), first);
	}
}

/* What did not fit is counted by the kernel, and we see it. */
Test(listen_socket, what_a_full_buffer_drops_is_seen, .init = setup)
{
	static const uint8_t junk[1000];
	int client = socket(AF_INET, SOCK_DGRAM, 0), small = 1;
	uint64_t sum = 0;

	for (int i = 0; i < N; i++) {
		cr_assert_eq(udp_socket_drops(fd[i]), 0);
		cr_assert_eq(setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	}
	for (int i = 0; i < 100; i++)
		cr_assert_eq(sendto(client, junk, sizeof(junk), 0, (struct sockaddr *)&where, sizeof(where)), (ssize_t)sizeof(junk));
	for (int i = 0; i < N; i++)
		sum += udp_socket_drops(fd[i]);
	cr_assert(sum > 50 && sum <= 100, "%llu", (unsigned long long)sum);
	cr_assert_eq(udp_socket_drops(-1), 0);
	close(client);
}
