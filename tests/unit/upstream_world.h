/* SPDX-License-Identifier: Apache-2.0 */
/* One upstream on sockets of the test's own, over TCP and UDP at one port, and what came of the questions. */
#ifndef NODENS_TEST_UPSTREAM_WORLD_H
#define NODENS_TEST_UPSTREAM_WORLD_H

#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/wire.h"
#include "resolver/net/idmap.h"
#include "resolver/net/upstream.h"

static struct loop loop;
static struct stream_scratch scratch;
static struct driver_stats stats;
static struct upstreams ups;
static struct stats_upstream up_stats;
static int n_answers, n_fails;
static uint32_t answer_id[1024], fail_id[64];
static int fail_why[64], ask_again;
static uint8_t answer_tag[1024];
static int listen_fd, udp_fd;
static uint16_t port;

static inline void ask(uint32_t id, uint8_t proto);

static inline bool on_answer(void *ctx, uint32_t id, const uint8_t *b, size_t len)
{
	(void)ctx;
	if (b[6] == 0xee) /* what the tests call a forgery */
		return false;
	answer_id[n_answers] = id;
	answer_tag[n_answers++] = b[len - 1];
	return true;
}

static inline void on_fail(void *ctx, uint32_t id, enum core_fail_why why)
{
	(void)ctx;
	fail_id[n_fails] = id;
	fail_why[n_fails++] = (int)why;
	if (ask_again > 0) {
		ask_again--;
		ask(id + 100, CORE_TCP);
	}
}

static inline void configure(const struct upstream_conf *conf, unsigned n)
{
	struct upstreams_next *next;
	cr_assert_eq(upstreams_prepare(&ups, conf, n, &next, NULL), 0);
	upstreams_commit(&ups, next);
}

static inline void flush(void *ctx)
{
	(void)ctx;
	upstreams_flush(&ups);
}

static inline void setup(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	struct upstream_events ev = { .answer = on_answer, .fail = on_fail };
	cr_assert_eq(loop_init(&loop, NULL), 0);
	loop.before_sleep = flush;
	/* One number for both: tests run side by side, and another one's question may have it. */
	for (int tries = 0;; tries++) {
		sa.sin_port = 0;
		listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		cr_assert_eq(bind(listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
		cr_assert_eq(listen(listen_fd, 16), 0);
		cr_assert_eq(getsockname(listen_fd, (struct sockaddr *)&sa, &len), 0);
		udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (bind(udp_fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			break;
		cr_assert_lt(tries, 100);
		close(listen_fd);
		close(udp_fd);
	}
	port = ntohs(sa.sin_port);
	cr_assert_eq(upstreams_init(&ups, &loop, &ev, &scratch, &stats), 0);
	struct upstream_conf conf = { .port = port, .expire_ns = 100 * NS_PER_MS };
	conf.addr.s6_addr[10] = conf.addr.s6_addr[11] = 0xff;
	conf.addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	configure(&conf, 1);
	upstreams_set_stats(&ups, 0, &up_stats);
}

static inline void teardown(void)
{
	upstreams_release(&ups);
	loop_release(&loop);
}

/* The message's last octet tells questions apart. */
static inline void ask_long(uint32_t id, uint8_t proto, size_t len)
{
	uint8_t q[64] = { [2] = 1, [5] = 1 };
	struct core_ask a = { .id = id, .proto = proto, .query = q, .len = len };
	q[len - 1] = (uint8_t)id;
	upstreams_ask(&ups, &a);
}

static inline void ask(uint32_t id, uint8_t proto)
{
	ask_long(id, proto, 18);
}

static inline int accept_one(void)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
		if (fd >= 0)
			return fd;
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
}

/* Reads n framed questions; fills their messages of 18 octets. */
static inline void questions_read(int fd, uint8_t (*q)[20], int n)
{
	size_t have = 0, want = (size_t)n * 20;
	while (have < want) {
		ssize_t r = recv(fd, (uint8_t *)q + have, want - have, 0);
		if (r > 0)
			have += (size_t)r;
		else
			cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
}

static inline void answer_write(int fd, const uint8_t *q)
{
	uint8_t a[20];
	memcpy(a, q, 20);
	a[4] |= 0x80;
	cr_assert_eq(send(fd, a, 20, 0), 20);
}

static inline void until(const int *counter, int n)
{
	while (*counter < n)
		cr_assert_eq(loop_step(&loop, loop.now_ns + 10 * NS_PER_MS), 0);
}

#endif
