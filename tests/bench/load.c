/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench load: a UDP generator that fills a core by itself. Closed loop (so many
 * queries outstanding) for throughput, open loop (so many a second) for latency,
 * which is then counted from the intended send time. Prints one line of
 * key=value; lost answers count as lost after one second and stay in the total.
 * With --wait it asks one question until it is answered and prints when that was
 * (seconds since 1970): for starting servers. SIGINT ends the sending, not the
 * counting.
 *
 *   load --server ADDR --port N [--names hot|kube|unique|full|r20] [--count N]
 *        [--outstanding N | --rate R] [--seconds S] [--sockets N] [--seed N]
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "tests/bench/gen/gen.h"

#define SOCKETS_MAX 64
#define BATCH       64
#define DATAGRAM    4096

struct lane { /* one socket; ids count up, a slot an id */
	int fd;
	uint16_t next_id;
	uint64_t *sent_ns; /* by id; 0: not under way */
};

static struct {
	struct lane lane[SOCKETS_MAX];
	uint64_t under_way;
	unsigned turn;
	bool wait;
	double patience_s;
	volatile sig_atomic_t told; /* SIGINT: enough sent */
} st = {.patience_s = (double)GEN_LOST_NS / 1e9};

static const struct opt_def own[] = {
	{"rate", 0, OPT_F64, &gen_opt.rate, "R", "open loop: queries a second", 0, 0, NULL},
	{"patience", 0, OPT_F64, &st.patience_s, "S", "what is unanswered for so long is lost (default 1)", 0, 0, NULL},
	{"wait", 0, OPT_BOOL, &st.wait, NULL, "one question, until it is answered", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};

static uint64_t patience_ns(void)
{
	return (uint64_t)(st.patience_s * 1e9);
}

/* --- sockets --- */

static int lanes_open(void)
{
	struct sockaddr_storage to;
	socklen_t len = gen_server(&to);
	int rcvbuf = 4 << 20;
	if (!len || gen_opt.sockets > SOCKETS_MAX)
		return -1;
	for (unsigned i = 0; i < gen_opt.sockets; i++) {
		struct lane *l = &st.lane[i];
		l->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		l->sent_ns = calloc(65536, sizeof(*l->sent_ns));
		if (l->fd < 0 || !l->sent_ns || connect(l->fd, (struct sockaddr *)&to, len))
			return -1;
		if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)))
			setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	}
	return 0;
}

static uint16_t take_id(struct lane *l, uint64_t when_ns)
{
	uint16_t id = l->next_id++;
	if (l->sent_ns[id]) { /* 65536 queries ago and never answered */
		gen_tally.lost++;
		st.under_way--;
	}
	l->sent_ns[id] = when_ns;
	st.under_way++;
	return id;
}

static void receive(struct lane *l)
{
	static uint8_t buf[BATCH][DATAGRAM];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){buf[i], DATAGRAM};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(l->fd, m, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now = n > 0 ? clock_mono_ns() : 0;
	for (int i = 0; i < n; i++) {
		uint16_t id = get_be16(buf[i]);
		if (m[i].msg_len < DNS_HEADER_LEN || !l->sent_ns[id])
			continue;
		gen_answered(buf[i], m[i].msg_len, now > l->sent_ns[id] ? now - l->sent_ns[id] : 0);
		l->sent_ns[id] = 0;
		st.under_way--;
	}
}

/* Up to `n` queries on the next lane, in one call. */
static unsigned send_some(unsigned n, uint64_t now)
{
	static uint8_t buf[BATCH][GEN_QUERY_MAX];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	struct lane *l = &st.lane[st.turn++ % gen_opt.sockets];
	uint64_t due;
	unsigned k = 0;
	for (; k < n && k < BATCH; k++) {
		size_t len = gen_question(buf[k], take_id(l, now), &due);
		if (!len)
			break;
		iov[k] = (struct iovec){buf[k], len};
		m[k].msg_hdr = (struct msghdr){.msg_iov = &iov[k], .msg_iovlen = 1};
	}
	for (unsigned done = 0; done < k;) {
		int s = sendmmsg(l->fd, m + done, k - done, 0);
		if (s <= 0) {
			gen_tally.send_errors++;
			break;
		}
		done += (unsigned)s;
	}
	gen_tally.sent += k;
	return k;
}

static void wait_for_answers(uint64_t until_ns)
{
	struct pollfd p[SOCKETS_MAX];
	uint64_t now = clock_mono_ns();
	uint64_t gap = until_ns > now ? until_ns - now : 0;
	struct timespec ts = {(time_t)(gap / NS_PER_S), (long)(gap % NS_PER_S)};
	for (unsigned i = 0; i < gen_opt.sockets; i++)
		p[i] = (struct pollfd){.fd = st.lane[i].fd, .events = POLLIN};
	if (ppoll(p, gen_opt.sockets, &ts, NULL) > 0)
		for (unsigned i = 0; i < gen_opt.sockets; i++)
			if (p[i].revents)
				receive(&st.lane[i]);
}

static void give_up_old(uint64_t now)
{
	for (unsigned i = 0; i < gen_opt.sockets; i++)
		for (unsigned id = 0; id < 65536; id++)
			if (st.lane[i].sent_ns[id] && now > st.lane[i].sent_ns[id] + patience_ns()) {
				st.lane[i].sent_ns[id] = 0;
				gen_tally.lost++;
				st.under_way--;
			}
}

/* --- the loops --- */

static void closed_loop(uint64_t end_ns)
{
	uint64_t look_ns = clock_mono_ns() + patience_ns();
	for (uint64_t now; !st.told && (now = clock_mono_ns()) < end_ns;) {
		uint64_t before = gen_tally.answered;
		for (unsigned i = 0; i < gen_opt.sockets; i++)
			receive(&st.lane[i]);
		while (st.under_way < gen_opt.outstanding) {
			uint64_t room = gen_opt.outstanding - st.under_way;
			if (!send_some(room < 16 ? (unsigned)room : 16, now))
				return;
		}
		if (gen_tally.answered == before)
			wait_for_answers(now + NS_PER_MS);
		if (now > look_ns) {
			give_up_old(now);
			look_ns = now + patience_ns();
		}
	}
}

static void open_loop(uint64_t start_ns, uint64_t end_ns)
{
	uint64_t due = start_ns;
	double gap = 1e9 / gen_opt.rate;
	for (uint64_t i = 1; due < end_ns && !st.told; i++) {
		uint8_t buf[GEN_QUERY_MAX];
		uint64_t now, stream_ns = 0;
		struct lane *l = &st.lane[st.turn++ % gen_opt.sockets];
		uint16_t id = l->next_id;
		size_t len = gen_question(buf, id, &stream_ns);
		if (!len)
			return;
		if (gen_is_stream())
			due = start_ns + stream_ns;
		while ((now = clock_mono_ns()) < due)
			wait_for_answers(due);
		take_id(l, due);
		if (send(l->fd, buf, len, 0) < 0)
			gen_tally.send_errors++;
		gen_tally.sent++;
		if (!gen_is_stream())
			due = start_ns + (uint64_t)((double)i * gap);
		if (i % 32 == 0)
			wait_for_answers(0);
	}
}

/* A server that is starting: prints when it answered first. */
static int ask_until_answered(uint64_t end_ns)
{
	uint8_t buf[GEN_QUERY_MAX];
	uint64_t due, now;
	for (uint16_t id = 1; (now = clock_mono_ns()) < end_ns; id++) {
		size_t len = gen_question(buf, id, &due);
		if (send(st.lane[0].fd, buf, len, 0) > 0) {
			st.lane[0].sent_ns[id] = now;
			wait_for_answers(now + 200 * NS_PER_MS);
			if (gen_tally.rcode[DNS_NOERROR]) {
				printf("%.6f\n", (double)clock_real_ns() / 1e9);
				return 0;
			}
		}
		usleep(200); /* refused so far: nobody listens yet */
	}
	fprintf(stderr, "load: %s: no answer\n", gen_opt.server);
	return 1;
}

static void on_interrupt(int signo)
{
	(void)signo;
	st.told = 1;
}

int main(int argc, char **argv)
{
	if (gen_parse("load", "UDP query generator for benchmarks.", own, argc, argv))
		return 3;
	if (gen_questions_init() || lanes_open()) {
		fprintf(stderr, "load: %s: %s\n", gen_opt.server, strerror(errno));
		return 1;
	}
	signal(SIGINT, on_interrupt);
	uint64_t start = clock_mono_ns(), end = start + (uint64_t)(gen_opt.seconds * 1e9);
	if (st.wait)
		return ask_until_answered(end);
	if (gen_opt.rate > 0)
		open_loop(start, end);
	else
		closed_loop(end);
	uint64_t stop = clock_mono_ns();
	while (st.under_way && clock_mono_ns() < stop + patience_ns())
		wait_for_answers(stop + patience_ns());
	gen_tally.lost += st.under_way;
	gen_print((double)(stop - start) / 1e9);
	gen_questions_release();
	return 0;
}
