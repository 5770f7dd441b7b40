/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench hostile: one pod that means harm, for tests/bench/hostile-run and the
 * suites about clients' limits. Bounded in time and number; prints one line of
 * key=value when the time is over.
 *
 *   hostile ATTACK [OPTIONS] ADDR PORT
 *
 *   tcp-unread    CONNS connections, DEPTH questions each for NAME, none of the
 *                 answers read; one that is closed is opened again with --again
 *   tcp-pipeline  the same questions over and over on CONNS connections, read
 *   tcp-idle      connections that say nothing (to HTTP ports, too)
 *   http          GET NAME over and over on CONNS connections, read
 *   flood         NAME over UDP, RATE a second (0: as fast as the socket takes)
 *   names         another name below NAME each time
 *   types         another type of NAME each time
 *   large         queries of 60 KB for NAME
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"
#include "lib/dns/wire.h"
#include "resolver/net/sockaddr.h"

#define CONNS_MAX  4096
#define BATCH      64
#define CHUNK      (64 * 1024)
#define LARGE_LEN  60000
#define SMALL_RCVBUF 2048

static struct {
	uint64_t conns, depth, type;
	double rate, seconds;
	const char *name, *from;
	bool again, tcp;
} opt = { .conns = 256, .depth = 40, .type = DNS_A, .seconds = 4, .name = "hot.test" };

static const struct opt_def defs[] = {
	{"conns", 'c', OPT_U64, &opt.conns, "N", "connections (256)", 1, CONNS_MAX, NULL},
	{"depth", 'd', OPT_U64, &opt.depth, "N", "questions in one go on each (40)", 1, 1024, NULL},
	{"type", 't', OPT_U64, &opt.type, "N", "type that is asked (1)", 1, 65535, NULL},
	{"rate", 'r', OPT_F64, &opt.rate, "N", "datagrams a second (0: all that go)", 0, 0, NULL},
	{"seconds", 's', OPT_F64, &opt.seconds, "S", "for so long (4)", 0, 0, NULL},
	{"name", 'n', OPT_TEXT, &opt.name, "NAME", "what is asked (hot.test); a path for http", 0, 0, NULL},
	{"from", 'f', OPT_TEXT, &opt.from, "ADDR", "the source address", 0, 0, NULL},
	{"again", 'a', OPT_BOOL, &opt.again, NULL, "a connection that ends is begun again", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};

static struct {
	union sockaddr_any to, from;
	socklen_t to_len, from_len;
	bool deaf; /* reads nothing: little room for it */
	uint64_t end_ns, sent, octets_in, closed, opened, refused;
	uint8_t chunk[CHUNK];
	size_t chunk_len;
} st;

static void stop(int sig)
{
	(void)sig;
	st.end_ns = 0;
}

static bool over(void)
{
	return clock_mono_ns() >= st.end_ns;
}

static int socket_open(int type)
{
	int fd = socket(st.to.sa.sa_family, type | SOCK_NONBLOCK, 0), small = SMALL_RCVBUF;
	if (fd < 0 || (st.from_len && bind(fd, &st.from.sa, st.from_len) < 0)) {
		perror("hostile: socket");
		exit(1);
	}
	if (st.deaf || type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(fd, &st.to.sa, st.to_len) < 0 && errno != EINPROGRESS)
		st.refused++;
	st.opened++;
	return fd;
}

static size_t question(uint8_t *b, const char *text, uint16_t id, uint16_t type)
{
	struct name n;
	if (name_from_text(&n, text) < 0) {
		fprintf(stderr, "hostile: %s is no name\n", text);
		exit(3);
	}
	return dns_query_build(b, 512, id, n.b, type, DNS_RD, 0, false, false);
}

/* --- over connections --- */

static void chunk_questions(uint64_t n)
{
	uint8_t q[512];
	size_t len = question(q, opt.name, 1, (uint16_t)opt.type);
	for (uint64_t i = 0; i < n && st.chunk_len + 2 + len <= CHUNK; i++) {
		set_be16(st.chunk + st.chunk_len, (uint16_t)len);
		memcpy(st.chunk + st.chunk_len + 2, q, len);
		st.chunk_len += 2 + len;
	}
}

static void chunk_requests(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		st.chunk_len += (size_t)snprintf((char *)st.chunk + st.chunk_len, CHUNK - st.chunk_len,
						 "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", opt.name);
}

struct conn {
	int fd;
	size_t at; /* of the chunk */
};

/* `times`: chunks to send on each connection, 0: no end; `reads`: what comes back. */
static void connections(uint64_t times, bool reads)
{
	st.deaf = !reads;
	static struct conn conn[CONNS_MAX];
	static uint8_t in[1 << 18];
	struct epoll_event ev[64], e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP };
	uint32_t deaf = EPOLLRDHUP;
	int ep = epoll_create1(0);
	for (uint64_t i = 0; i < opt.conns; i++) {
		conn[i].fd = socket_open(SOCK_STREAM);
		e.data.ptr = &conn[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, conn[i].fd, &e);
	}
	while (!over()) {
		int n = epoll_wait(ep, ev, 64, 50);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			bool ended = ev[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP);
			if (reads && ev[i].events & EPOLLIN) {
				ssize_t got = recv(c->fd, in, sizeof(in), 0);
				st.octets_in += got > 0 ? (uint64_t)got : 0;
			}
			if (ended) {
				close(c->fd);
				st.closed++;
				*c = (struct conn){ .fd = -1 };
				if (!opt.again)
					continue;
				c->fd = socket_open(SOCK_STREAM);
				e.data.ptr = c;
				epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
				continue;
			}
			bool done = times && c->at >= times * st.chunk_len;
			if (ev[i].events & EPOLLOUT && st.chunk_len && !done) {
				size_t at = c->at % st.chunk_len;
				ssize_t put = send(c->fd, st.chunk + at, st.chunk_len - at, MSG_NOSIGNAL);
				c->at += put > 0 ? (size_t)put : 0;
				st.sent += put > 0 ? (uint64_t)put : 0;
			} else if (done || !st.chunk_len) {
				struct epoll_event quiet = { .events = reads ? EPOLLIN | deaf : deaf, .data.ptr = c };
				epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &quiet);
			}
		}
	}
}

/* --- over UDP --- */

/* Answers are left to overflow. */
static void all_that_go(int fd, size_t (*next)(uint8_t *b, uint64_t n))
{
	static uint8_t b[BATCH][512];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ b[i], next(b[i], (uint64_t)i) };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	while (!over()) {
		int n = sendmmsg(fd, m, BATCH, 0);
		st.sent += n > 0 ? (uint64_t)n : 0;
	}
}

static void datagrams(size_t (*next)(uint8_t *b, uint64_t n))
{
	static uint8_t b[65536], in[4096];
	int fd = socket_open(SOCK_DGRAM);
	uint64_t start = clock_mono_ns();
	struct timespec nap = { .tv_nsec = 500000 };
	if (opt.rate <= 0)
		all_that_go(fd, next);
	while (!over()) {
		uint64_t due = (uint64_t)((double)(clock_mono_ns() - start) / 1e9 * opt.rate);
		while (st.sent < due) {
			size_t len = next(b, st.sent++);
			if (send(fd, b, len, 0) < 0 && errno == ECONNREFUSED)
				st.refused++;
			if (st.sent % 32 == 0)
				for (ssize_t n; (n = recv(fd, in, sizeof(in), 0)) > 0;)
					st.octets_in += (uint64_t)n;
		}
		nanosleep(&nap, NULL);
	}
}

static size_t same(uint8_t *b, uint64_t n)
{
	return question(b, opt.name, (uint16_t)n, (uint16_t)opt.type);
}

static size_t another_name(uint8_t *b, uint64_t n)
{
	char text[256];
	snprintf(text, sizeof(text), "x%llx-%d.%s", (unsigned long long)(n * 0x9e3779b97f4a7c15u >> 20), (int)getpid(), opt.name);
	return question(b, text, (uint16_t)n, (uint16_t)opt.type);
}

/* 41 and 128 to 255 are for the protocol's own use. */
static size_t another_type(uint8_t *b, uint64_t n)
{
	return question(b, opt.name, (uint16_t)n, (uint16_t)(256 + n % 65000));
}

static size_t large(uint8_t *b, uint64_t n)
{
	size_t len = question(b, opt.name, (uint16_t)n, (uint16_t)opt.type);
	memset(b + len, 0, LARGE_LEN - len);
	return LARGE_LEN;
}

static int attack(const char *what)
{
	if (strcmp(what, "tcp-unread") == 0) {
		chunk_questions(opt.depth);
		connections(1, false);
	} else if (strcmp(what, "tcp-pipeline") == 0) {
		chunk_questions(opt.depth);
		connections(0, true);
	} else if (strcmp(what, "tcp-idle") == 0) {
		connections(1, false);
	} else if (strcmp(what, "http") == 0) {
		chunk_requests(opt.depth);
		connections(0, true);
	} else if (strcmp(what, "flood") == 0) {
		datagrams(same);
	} else if (strcmp(what, "names") == 0) {
		datagrams(another_name);
	} else if (strcmp(what, "types") == 0) {
		datagrams(another_type);
	} else if (strcmp(what, "large") == 0) {
		datagrams(large);
	} else {
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct opt_prog prog = { .name = "hostile", .usage = "hostile ATTACK [OPTIONS] ADDR PORT",
		.about = "One pod that means harm, bounded.", .defs = defs, .dialect = OPT_GNU };
	struct diag d;
	char special = 0;
	struct in6_addr addr;
	uint16_t port;
	int n = opt_parse(&prog, argc, argv, &special, &d);
	if (n != 3 || sockaddr_parse(argv[2], (uint16_t)atoi(argv[3]), &addr, &port) < 0) {
		opt_help(&prog, stderr);
		return 3;
	}
	st.to_len = sockaddr_from(&st.to, &addr, port, 0);
	if (opt.from && sockaddr_parse(opt.from, 0, &addr, &port) == 0)
		st.from_len = sockaddr_from(&st.from, &addr, 0, 0);
	signal(SIGTERM, stop);
	signal(SIGPIPE, SIG_IGN);
	st.end_ns = clock_mono_ns() + (uint64_t)(opt.seconds * 1e9);
	if (attack(argv[1]) < 0) {
		opt_help(&prog, stderr);
		return 3;
	}
	printf("attack=%s sent=%llu octets_in=%llu opened=%llu closed=%llu refused=%llu\n", argv[1],
	       (unsigned long long)st.sent, (unsigned long long)st.octets_in, (unsigned long long)st.opened,
	       (unsigned long long)st.closed, (unsigned long long)st.refused);
	return 0;
}
