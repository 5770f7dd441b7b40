/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench floor: what the kernel alone takes to send a question from one of many sockets and to
 * take its answer, with nothing else done. Nobody who has a socket a client and port can be
 * cheaper with the same calls.
 *
 *   floor ADDRESS PORT SOCKETS N      somebody sends everything back there
 *
 * One row a line: name, microseconds of this process's processor time for each of N.
 *   send       a call of send each, connected sockets in turn
 *   sendmmsg   64 in a call, all of one socket: the least the way through the loopback takes
 *   question   as `send`, and each answer heard of by epoll (as many as there are in a call) and taken
 *   uring-send, uring-question    likewise through io_uring as pcap-replay uses it, 16 in a call
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pcap-replay/send/uring.h"

#define BATCH     64
#define HANDED_IN 16 /* to io_uring */
#define LENGTH    60 /* octets of a question */
#define UNDER_WAY 512 /* questions before an answer is waited for */

static int *sock, epoll, n_socks;
static const char message[LENGTH];

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int hear(int ms)
{
	struct epoll_event ev[256];
	char b[512];
	int got = 0, n = epoll_wait(epoll, ev, 256, ms);
	for (int i = 0; i < n; i++)
		while (recv(ev[i].data.fd, b, sizeof(b), MSG_DONTWAIT) > 0)
			got++;
	return got;
}

/* What is left of the row before goes away. */
static void quiet(void)
{
	while (hear(100) > 0)
		;
}

static void report(const char *name, double began_us, int n)
{
	printf("%s %.3f\n", name, (cpu_us() - began_us) / n);
	fflush(stdout);
}

static void send_row(int n)
{
	double began = cpu_us();
	for (int i = 0; i < n; i++)
		send(sock[i % n_socks], message, LENGTH, MSG_DONTWAIT);
	report("send", began, n);
}

static void sendmmsg_row(int n)
{
	struct iovec io = {(char *)(uintptr_t)message, LENGTH};
	struct mmsghdr m[BATCH];
	memset(m, 0, sizeof(m));
	for (int i = 0; i < BATCH; i++)
		m[i].msg_hdr = (struct msghdr){.msg_iov = &io, .msg_iovlen = 1};
	double began = cpu_us();
	int sent = 0;
	for (int i = 0; i < n / BATCH; i++) {
		int got = sendmmsg(sock[0], m, BATCH, MSG_DONTWAIT);
		sent += got > 0 ? got : 0;
	}
	report("sendmmsg", began, sent ? sent : 1);
}

static void question_row(int n)
{
	double began = cpu_us();
	int under_way = 0;
	for (int i = 0; i < n; i++) {
		under_way += send(sock[i % n_socks], message, LENGTH, MSG_DONTWAIT) == LENGTH;
		if (i % 16 == 15)
			under_way -= hear(0);
		while (under_way > UNDER_WAY) {
			int got = hear(100);
			under_way = got ? under_way - got : 0; /* what has not come by then is lost */
		}
	}
	report("question", began, n);
}

static int uring_got;

static void came(void *ctx, void *who, const uint8_t *msg, size_t len, uint64_t stamp_ns)
{
	(void)ctx, (void)who, (void)msg, (void)len, (void)stamp_ns;
	uring_got++;
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void nothing_of(void *ctx, void *who)
{
	(void)ctx, (void)who;
}

static int uring_hear(struct uring *u, uint64_t wait_ns)
{
	uring_got = 0;
	uring_turn(u, wait_ns);
	return uring_got;
}

static void uring_row(const char *name, int n, bool receives)
{
	static _Alignas(16) char who[16]; /* all of them are one to us */
	static const struct uring_conf c = {.came = came, .ended = nothing_of, .failed = nothing_of, .ready = nothing};
	struct uring *u = uring_new(&c, epoll);
	if (!u)
		return; /* the kernel has none, or forbids it */
	for (int i = 0; receives && i < n_socks; i++) {
		epoll_ctl(epoll, EPOLL_CTL_DEL, sock[i], NULL);
		uring_receive(u, sock[i], who);
	}
	uring_turn(u, 1);
	double began = cpu_us();
	int under_way = 0;
	for (int i = 0; i < n; i++) {
		under_way += uring_send(u, sock[i % n_socks], who, (const uint8_t *)message, LENGTH);
		if (i % HANDED_IN < HANDED_IN - 1)
			continue;
		uring_submit(u);
		under_way -= receives ? uring_hear(u, 0) : 0;
		while (receives && under_way > UNDER_WAY) {
			int got = uring_hear(u, 100000000);
			under_way = got ? under_way - got : 0;
		}
	}
	report(name, began, n);
	uring_free(u);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct rlimit lim;
	if (argc != 5 || inet_pton(AF_INET, argv[1], &a.sin_addr) != 1)
		return 2;
	a.sin_port = htons((uint16_t)atoi(argv[2]));
	n_socks = atoi(argv[3]);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	sock = n_socks > 0 ? calloc((size_t)n_socks, sizeof(*sock)) : NULL;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; sock && i < n_socks; i++) {
		sock[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = sock[i]};
		if (sock[i] < 0 || connect(sock[i], (struct sockaddr *)&a, sizeof(a)) || epoll_ctl(epoll, EPOLL_CTL_ADD, sock[i], &ev))
			return 1;
	}
	if (!sock)
		return 1;
	send_row(atoi(argv[4]));
	quiet();
	sendmmsg_row(atoi(argv[4]));
	quiet();
	question_row(atoi(argv[4]));
	quiet();
	uring_row("uring-send", atoi(argv[4]), false);
	quiet();
	uring_row("uring-question", atoi(argv[4]), true);
	free(sock);
	return 0;
}
