/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of several workers on one address: who gets which query. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire.h"
#include "resolver/net/listen_udp.h"

#define N 3
static int fd[N];
static struct sockaddr_in where;

static void setup(void)
{
	struct in6_addr a;
	socklen_t len = sizeof(where);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	fd[0] = udp_socket_open(&a, 0, 0, NULL);
	cr_assert_geq(fd[0], 0);
	cr_assert_eq(getsockname(fd[0], (struct sockaddr *)&where, &len), 0);
	for (int i = 1; i < N; i++)
		cr_assert_geq(fd[i] = udp_socket_open(&a, ntohs(where.sin_port), 0, NULL), 0);
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
	cr_assert_eq(udp_socket_steer(fd[0], N), 0);
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
	cr_assert_eq(udp_socket_steer(fd[0], N), 0);
	int first = taker(".", DNS_NS, false);
	cr_assert_eq(taker(".", DNS_NS, false), first);
}
