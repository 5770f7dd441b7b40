/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client zoo: what stub resolvers, scanners and broken programs send, one
 * TAP line each. Run by tests/suites/live-clients against the real daemon.
 *
 *   clients ADDRESS PORT
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

static union sockaddr_any server;
static socklen_t server_len;
static int n_tests, n_bad;
static uint8_t reply[65536];

static void __attribute__((format(printf, 2, 3))) ok(bool good, const char *fmt, ...)
{
	va_list ap;
	printf("%sok %d - ", good ? "" : "not ", ++n_tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	n_bad += !good;
}

/* --- sockets --- */

static int open_to(int type, int timeout_ms)
{
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	int fd = socket(server.sa.sa_family, type, 0);
	if (fd < 0 || connect(fd, &server.sa, server_len) < 0) {
		perror("connect");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static size_t get(int fd, uint8_t *b, size_t want)
{
	size_t have = 0;
	while (have < want) {
		ssize_t n = recv(fd, b + have, want - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

/* One framed message into `reply`: its length, 0: none came. */
static size_t get_frame(int fd)
{
	uint8_t len[2];
	if (get(fd, len, 2) != 2)
		return 0;
	return get(fd, reply, get_be16(len)) == get_be16(len) ? get_be16(len) : 0;
}

static size_t get_datagram(int fd)
{
	ssize_t n = recv(fd, reply, sizeof(reply), 0);
	return n > 0 ? (size_t)n : 0;
}

static void put_frame(int fd, const uint8_t *q, size_t len)
{
	uint8_t b[2 + 4096];
	set_be16(b, (uint16_t)len);
	memcpy(b + 2, q, len);
	if (send(fd, b, 2 + len, MSG_NOSIGNAL) < 0)
		perror("send");
}

/* True when the peer ends the connection. */
static bool ended(int fd)
{
	uint8_t b[4096];
	for (;;) {
		ssize_t n = recv(fd, b, sizeof(b), 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		if (n < 0)
			return false;
	}
}

static size_t query(uint8_t *b, uint16_t id, const char *name, uint16_t type, uint16_t edns)
{
	struct name n;
	if (name_from_text(&n, name) < 0)
		exit(1);
	return dns_query_build(b, 512, id, n.b, type, DNS_RD, edns, false, false);
}

static unsigned rcode_of(const uint8_t *b, size_t len)
{
	return len >= 12 ? DNS_RCODE(get_be16(b + 2)) : 255;
}

/* One datagram there, one back (0: none within the socket's patience). */
static size_t exchange(const void *q, size_t len, int timeout_ms)
{
	int fd = open_to(SOCK_DGRAM, timeout_ms);
	send(fd, q, len, 0);
	size_t n = get_datagram(fd);
	close(fd);
	return n;
}

/* --- well-meaning --- */

static void pair(void)
{
	uint8_t q[512];
	int fd = open_to(SOCK_DGRAM, 3000), got = 0;
	send(fd, q, query(q, 1, "pair.test", DNS_A, 0), 0);
	send(fd, q, query(q, 2, "pair.test", DNS_AAAA, 0), 0);
	for (int i = 0; i < 2; i++)
		if (get_datagram(fd) > 12 && get_be16(reply + 6) == 1)
			got |= get_be16(reply);
	ok(got == 3, "A and AAAA from one socket: both come back");
	close(fd);
}

static void search_storm(void)
{
	static const char *const names[] = {
		"api.nx.ns.svc.test", "api.nx.svc.test", "api.nx.test", "api.nx.c.internal.test",
		"api.nx.internal.test", "api.example.test" };
	uint8_t q[512];
	int fd = open_to(SOCK_DGRAM, 3000), n_nx = 0, n_good = 0;
	for (uint16_t i = 0; i < 12; i++)
		send(fd, q, query(q, i, names[i / 2], i & 1 ? DNS_AAAA : DNS_A, 1232), 0);
	for (int i = 0; i < 12; i++) {
		size_t n = get_datagram(fd);
		n_nx += rcode_of(reply, n) == DNS_NXDOMAIN;
		n_good += rcode_of(reply, n) == DNS_NOERROR && get_be16(reply + 6) == 1;
	}
	ok(n_nx == 10 && n_good == 2, "a search list at once: %d denials, %d answers", n_nx, n_good);
	close(fd);
}

static void mixed_case(void)
{
	uint8_t q[512];
	size_t len = query(q, 3, "MiXeD.CaSe.TeSt", DNS_A, 0);
	for (int i = 0; i < 2; i++) {
		size_t n = exchange(q, len, 3000);
		ok(n > len && memcmp(reply + 12, q + 12, len - 12) == 0,
		   "the case of the question comes back (%s)", i ? "hit" : "miss");
		q[13] ^= 0x20;
	}
}

static void sizes(void)
{
	static const uint16_t edns[] = { 0, 200, 512, 1232, 4096, 65535 };
	uint8_t q[512];
	for (size_t i = 0; i < 6; i++) {
		size_t len = query(q, 9, "big-40.sizes.test", DNS_A, edns[i]);
		size_t n = exchange(q, len, 3000), limit = edns[i] < 512 ? 512 : edns[i];
		struct dns_msg m;
		bool whole = dns_msg_parse(&m, reply, n) == 0 && m.end == n;
		bool fits = 12 + 21 + 40 * 16 + 11 <= (limit > 1232 ? 1232 : limit);
		ok(n && n <= limit && whole && m.edns.present == (edns[i] != 0) &&
		   ((m.h.flags & DNS_TC) != 0) == !fits,
		   "EDNS size %u: %zu octets%s", edns[i], n, m.h.flags & DNS_TC ? ", cut" : "");
	}
}

static void bits(void)
{
	uint8_t q[512];
	struct name n;
	struct dns_msg m;
	name_from_text(&n, "bits.test");
	size_t len = dns_query_build(q, sizeof(q), 5, n.b, DNS_A, DNS_RD | DNS_CD, 1232, true, false);
	size_t got = exchange(q, len, 3000);
	ok(dns_msg_parse(&m, reply, got) == 0 && m.edns.do_bit && (m.h.flags & DNS_CD) &&
	   (m.h.flags & DNS_RD), "DO, CD and RD come back");
	len = dns_query_build(q, sizeof(q), 6, n.b, 65280, DNS_RD, 0, false, false);
	ok(exchange(q, len, 3000) > 12, "a type nobody knows is asked all the same");
}

static void huge_query(void)
{
	static uint8_t q[65507];
	struct dns_msg m;
	size_t len = query(q, 7, "huge.test", DNS_A, 1232);
	set_be16(q + len - 2, (uint16_t)(sizeof(q) - len)); /* an OPT full of padding */
	set_be16(q + len, EDNS_PADDING);
	set_be16(q + len + 2, (uint16_t)(sizeof(q) - len - 4));
	size_t n = exchange(q, sizeof(q), 3000);
	ok(dns_msg_parse(&m, reply, n) == 0 && m.h.n_an == 1, "a query of 65,507 octets");
}

/* --- malformed --- */

static void malformed(void)
{
	static const struct {
		const char *what;
		size_t len;
		int want; /* rcode; -1: silence */
		uint8_t b[44];
	} t[] = {
		{ "11 octets", 11, -1, { 0, 1, 1 } },
		{ "a reply", 19, -1, { 0, 2, 0x81, 0, 0, 1, [12] = 1, 'a', 0, 0, 1, 0, 1 } },
		{ "no question", 12, DNS_FORMERR, { 0, 3, 1, 0 } },
		{ "two questions", 26, DNS_FORMERR, { 0, 4, 1, 0, 0, 2, [12] = 1, 'a', 0, 0, 1, 0, 1, 1, 'b', 0, 0, 1, 0, 1 } },
		{ "a question cut off", 15, DNS_FORMERR, { 0, 5, 1, 0, 0, 1, [12] = 9, 'a', 'b' } },
		{ "a name that points at itself", 18, DNS_FORMERR, { 0, 6, 1, 0, 0, 1, [12] = 0xc0, 12, 0, 1, 0, 1 } },
		{ "a label of 64 octets' type", 19, DNS_FORMERR, { 0, 7, 1, 0, 0, 1, [12] = 0x41, 'a', 0, 0, 1, 0, 1 } },
		{ "opcode UPDATE", 19, DNS_NOTIMP, { 0, 8, 0x28, 0, 0, 1, [12] = 1, 'a', 0, 0, 6, 0, 1 } },
		{ "opcode 15", 19, DNS_NOTIMP, { 0, 9, 0x78, 0, 0, 1, [12] = 1, 'a', 0, 0, 1, 0, 1 } },
		{ "two answers in a query", 19, DNS_FORMERR, { 0, 10, 1, 0, 0, 1, 0, 2, [12] = 1, 'a', 0, 0, 1, 0, 1 } },
		{ "two OPTs", 41, DNS_FORMERR,
		  { 0, 12, 1, 0, 0, 1, 0, 0, 0, 0, 0, 2, 1, 'a', 0, 0, 1, 0, 1, 0, 0, 41, 4, 0, [30] = 0, 0, 41, 4, 0 } },
		{ "an option longer than its OPT", 34, DNS_FORMERR,
		  { 0, 13, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 0, 0, 1, 0, 1, 0, 0, 41, 4, 0, [29] = 4, 0, 10, 0, 32 } },
		{ "a cookie of no octets", 34, DNS_FORMERR,
		  { 0, 14, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 0, 0, 1, 0, 1, 0, 0, 41, 4, 0, [29] = 4, 0, 10, 0, 0 } },
		{ "a zone transfer", 19, DNS_REFUSED, { 0, 15, 1, 0, 0, 1, [12] = 1, 'a', 0, 0, 252, 0, 1 } },
		{ "octets behind the question", 24, DNS_NOERROR, { 0, 16, 1, 0, 0, 1, [12] = 1, 'a', 0, 0, 1, 0, 1, 'x', 'y', 'z' } },
		{ "an OPT that is not the root's", 31, DNS_FORMERR,
		  { 0, 11, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 0, 0, 1, 0, 1, 1, 'x', 0, 41, 4, 0 } },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t n = exchange(t[i].b, t[i].len, t[i].want < 0 ? 150 : 3000);
		if (t[i].want < 0)
			ok(n == 0, "%s: silence", t[i].what);
		else
			ok(n >= 12 && get_be16(reply) == get_be16(t[i].b) && (reply[2] & 0x80) &&
			   rcode_of(reply, n) == (unsigned)t[i].want, "%s: rcode %u", t[i].what,
			   rcode_of(reply, n));
	}
}

static void garbage(void)
{
	struct rng r;
	uint8_t b[600], q[512];
	int fd = open_to(SOCK_DGRAM, 20);
	rng_seed(&r, 42);
	for (int i = 0; i < 20000; i++) {
		size_t len = rng_below(&r, sizeof(b));
		for (size_t j = 0; j < len; j++)
			b[j] = (uint8_t)rng_u64(&r);
		if (len > 5 && i & 1) { /* half of it looks like a query at first sight */
			b[2] &= 0x01;
			set_be16(b + 4, 1);
		}
		send(fd, b, len, MSG_DONTWAIT);
		while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
	size_t n = 0; /* a queue that is still full loses a question, and who asks asks again */
	for (int i = 0; i < 3 && n <= 12; i++)
		n = exchange(q, query(q, 8, "after.test", DNS_A, 0), 1000);
	ok(n > 12, "20,000 datagrams of garbage, then a question");
}

/* --- TCP --- */

static void pipelining(void)
{
	uint8_t q[512];
	char name[64];
	bool seen[50] = { false };
	int fd = open_to(SOCK_STREAM, 5000), n = 0, first = -1;
	for (uint16_t i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), i ? "p%u.test" : "delay-400.p%u.test", i);
		put_frame(fd, q, query(q, i, name, DNS_A, 0));
	}
	for (int i = 0; i < 50 && get_frame(fd); i++) {
		uint16_t id = get_be16(reply);
		if (first < 0)
			first = id;
		n += id < 50 && !seen[id];
		seen[id % 50] = true;
	}
	ok(n == 50 && first != 0, "fifty questions on one connection; a slow one does not hold up the others");
	close(fd);
}

static void pieces(void)
{
	uint8_t q[512], b[514];
	int fd = open_to(SOCK_STREAM, 3000), one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	size_t len = query(q, 4, "pieces.test", DNS_A, 0);
	set_be16(b, (uint16_t)len);
	memcpy(b + 2, q, len);
	for (size_t i = 0; i < len + 2; i++)
		send(fd, b + i, 1, 0);
	ok(get_frame(fd) > len, "a question octet by octet");
	put_frame(fd, q, 0);
	put_frame(fd, q, len);
	ok(get_frame(fd) > len, "an empty frame between two questions");
	close(fd);
}

static void cut_off(void)
{
	uint8_t q[512];
	int fd = open_to(SOCK_STREAM, 3000);
	send(fd, "\0\100half a question", 17, 0);
	shutdown(fd, SHUT_WR);
	ok(ended(fd), "a frame cut in the middle ends the connection");
	close(fd);
	fd = open_to(SOCK_STREAM, 3000);
	put_frame(fd, q, query(q, 5, "delay-200.half.test", DNS_A, 0));
	shutdown(fd, SHUT_WR);
	ok(get_frame(fd) > 12 && ended(fd), "a client that closes its side first still gets its answer");
	close(fd);
}

static void silence(void)
{
	uint8_t q[512];
	int mute = open_to(SOCK_STREAM, 8000), drip = open_to(SOCK_STREAM, 8000);
	int idle = open_to(SOCK_STREAM, 8000);
	send(drip, "\1", 1, 0);
	put_frame(idle, q, query(q, 6, "idle.test", DNS_A, 0));
	bool answered = get_frame(idle) > 12;
	ok(ended(mute), "a connection that says nothing is ended");
	ok(ended(drip), "so is one that stops after an octet");
	ok(answered && ended(idle), "and one that stays idle after its answer");
	close(mute);
	close(drip);
	close(idle);
}

/* The first question's time is for all of it: an octet now and then buys none. */
static void trickle(void)
{
	uint8_t q[512], b[514], in;
	int fd = open_to(SOCK_STREAM, 100);
	size_t len = query(q, 7, "a-name-of-some-length.for-a-client.that-is-in-no-hurry.test", DNS_A, 1232), i;
	set_be16(b, (uint16_t)len);
	memcpy(b + 2, q, len);
	for (i = 0; i < len + 1; i++) { /* the receive time-out is the pause */
		if (send(fd, b + i, 1, MSG_NOSIGNAL) < 0)
			break;
		ssize_t n = recv(fd, &in, 1, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			break;
	}
	ok(i < len + 1, "a question that trickles in, an octet every 0.1 s, is not waited for (%zu of %zu octets)", i, len + 2);
	close(fd);
}

static void crowd(void)
{
	static int fd[400];
	uint8_t q[512], b;
	int n_refused = 0, last = -1;
	for (int i = 0; i < 400; i++) {
		fd[i] = open_to(SOCK_STREAM, 3000);
		put_frame(fd[i], q, query(q, (uint16_t)i, "delay-600.crowd.test", DNS_A, 0));
	}
	for (int i = 0; i < 400; i++) {
		bool open = recv(fd[i], &b, 1, MSG_PEEK) == 1;
		n_refused += !open;
		last = open ? i : last;
	}
	ok(n_refused == 400 - 256, "one client may hold 256 connections: %d of 400 were refused", n_refused);
	ok(last >= 0 && get_frame(fd[last]) > 12, "the others are answered");
	for (int i = 0; i < 400; i++)
		close(fd[i]);
}

static void greedy(void)
{
	uint8_t q[512], b[514];
	int small = 4096, fd = open_to(SOCK_STREAM, 100);
	struct timeval tv = { 0, 100000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	size_t len = query(q, 1, "big-200.greedy.test", DNS_A, 0);
	set_be16(b, (uint16_t)len);
	memcpy(b + 2, q, len);
	for (int i = 0; i < 100000; i++) /* until the server stops taking them */
		if (send(fd, b, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
			break;
	ok(exchange(q, query(q, 2, "beside.test", DNS_A, 0), 3000) > 12,
	   "a client that asks and never reads does not keep others waiting");
	close(fd);
}

static void resets(void)
{
	uint8_t q[512];
	struct linger l = { 1, 0 };
	for (int i = 0; i < 200; i++) {
		int fd = open_to(SOCK_STREAM, 3000);
		put_frame(fd, q, query(q, 1, "delay-50.reset.test", DNS_A, 0));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(fd);
	}
	ok(exchange(q, query(q, 3, "afterwards.test", DNS_A, 0), 3000) > 12,
	   "200 connections reset with a question in flight");
}

int main(int argc, char **argv)
{
	struct in6_addr addr;
	uint16_t port;
	if (argc != 3 || sockaddr_parse(argv[1], (uint16_t)atoi(argv[2]), &addr, &port) < 0) {
		fprintf(stderr, "usage: clients ADDRESS PORT\n");
		return 2;
	}
	server_len = sockaddr_from(&server, &addr, port, 0);
	pair();
	search_storm();
	mixed_case();
	sizes();
	bits();
	huge_query();
	malformed();
	garbage();
	pipelining();
	pieces();
	cut_off();
	trickle();
	crowd();
	greedy();
	resets();
	silence();
	return n_bad != 0;
}
