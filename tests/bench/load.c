/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench load: a UDP generator that fills a core by itself. Closed loop (so many
 * queries outstanding) for throughput, open loop (so many a second) for latency,
 * which is then counted from the intended send time. Prints one line of
 * key=value; lost answers count as lost after one second and stay in the total.
 *
 *   load --server ADDR --port N [--names hot|kube|unique] [--count N]
 *        [--outstanding N | --rate R] [--seconds S] [--sockets N] [--seed N]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/hist.h"
#include "lib/opt.h"
#include "lib/wire.h"
#include "tests/bench/kube/kube.h"

#define SOCKETS_MAX 64
#define BATCH       64
#define DATAGRAM    4096
#define LOST_NS     NS_PER_S

static struct {
	const char *server, *names;
	uint64_t port, count, outstanding, sockets, seed;
	double rate, seconds;
	bool edns, dnssec;
} opt = {.server = "127.0.0.1", .names = "hot", .port = 53, .count = 1000, .outstanding = 1000, .sockets = 32, .seed = 1, .seconds = 5};

static const struct opt_def defs[] = {
	{"server", 0, OPT_TEXT, &opt.server, "ADDR", "address to ask", 0, 0, NULL},
	{"port", 0, OPT_U64, &opt.port, "N", "port", 1, 65535, NULL},
	{"names", 0, OPT_TEXT, &opt.names, "SET", "hot, kube or unique (with r20: answers of 20 records)", 0, 0, NULL},
	{"count", 0, OPT_U64, &opt.count, "N", "hot: how many names; kube: how many queries", 1, 1u << 30, NULL},
	{"outstanding", 0, OPT_U64, &opt.outstanding, "N", "closed loop: queries under way", 1, 60000, NULL},
	{"rate", 0, OPT_F64, &opt.rate, "R", "open loop: queries a second", 0, 0, NULL},
	{"seconds", 0, OPT_F64, &opt.seconds, "S", "how long", 0, 0, NULL},
	{"sockets", 0, OPT_U64, &opt.sockets, "N", "UDP sockets", 1, SOCKETS_MAX, NULL},
	{"seed", 0, OPT_U64, &opt.seed, "N", "seed of the stream", 0, 0, NULL},
	{"edns", 0, OPT_BOOL, &opt.edns, NULL, "send an OPT record", 0, 0, NULL},
	{"dnssec", 0, OPT_BOOL, &opt.dnssec, NULL, "and set DO in it", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};

struct lane { /* one socket; ids count up, a slot an id */
	int fd;
	uint16_t next_id;
	uint64_t *sent_ns; /* by id; 0: not under way */
};

static struct {
	struct lane lane[SOCKETS_MAX];
	uint64_t sent, answered, lost, rcode[16], under_way, send_errors;
	struct hist hist;
	struct rng rng;
	struct kube_stream *kube;
	uint64_t unique;
	unsigned turn;
} st;

/* --- which question --- */

/* Hot names are built once: the generator must not be the limit. */
static struct ready_query {
	uint16_t len;
	uint8_t msg[126];
} *hot;

static int hot_build(void)
{
	char text[128];
	struct name name;
	hot = calloc(opt.count, sizeof(*hot));
	for (unsigned i = 0; hot && i < opt.count; i++) {
		snprintf(text, sizeof(text), "svc%u.ns%u.svc.cluster.local", i % KUBE_SERVICES, i % KUBE_NAMESPACES);
		if (name_from_text(&name, text))
			return -1;
		hot[i].len = (uint16_t)dns_query_build(hot[i].msg, sizeof(hot[i].msg), 0, name.b, DNS_A, DNS_RD,
						       opt.edns || opt.dnssec ? 1232 : 0, opt.dnssec, false);
	}
	return hot ? 0 : -1;
}

static size_t next_query(uint8_t *buf, uint16_t id, uint64_t *ret_due_ns)
{
	struct name name;
	uint16_t qtype = DNS_A, size = opt.edns || opt.dnssec ? 1232 : 0;
	char text[128];
	if (st.kube) {
		struct kube_query q;
		if (!kube_stream_next(st.kube, &q))
			return 0;
		*ret_due_ns = q.t_ns;
		return dns_query_build(buf, DATAGRAM, id, q.name.b, q.qtype, DNS_RD, size, opt.dnssec, false);
	}
	if (hot) {
		const struct ready_query *r = &hot[rng_below(&st.rng, opt.count)];
		memcpy(buf, r->msg, r->len);
		set_be16(buf, id);
		return r->len;
	}
	snprintf(text, sizeof(text), "%su%llu-%llu.bench.test", !strcmp(opt.names, "r20") ? "r20." : "",
		 (unsigned long long)opt.seed, (unsigned long long)(st.unique++ % opt.count));
	if (name_from_text(&name, text))
		abort();
	return dns_query_build(buf, DATAGRAM, id, name.b, qtype, DNS_RD, size, opt.dnssec, false);
}

/* --- sockets --- */

static int lanes_open(void)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)opt.port)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
	bool v6 = inet_pton(AF_INET6, opt.server, &a6.sin6_addr) == 1;
	int rcvbuf = 4 << 20;
	if (!v6 && inet_pton(AF_INET, opt.server, &a4.sin_addr) != 1)
		return -1;
	for (unsigned i = 0; i < opt.sockets; i++) {
		struct lane *l = &st.lane[i];
		l->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		l->sent_ns = calloc(65536, sizeof(*l->sent_ns));
		if (l->fd < 0 || !l->sent_ns || connect(l->fd, v6 ? (void *)&a6 : (void *)&a4, v6 ? sizeof(a6) : sizeof(a4)))
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
		st.lost++;
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
		hist_record(&st.hist, now > l->sent_ns[id] ? now - l->sent_ns[id] : 0);
		l->sent_ns[id] = 0;
		st.under_way--;
		st.answered++;
		st.rcode[buf[i][3] & 15]++;
	}
}

/* Up to `n` queries on the next lane, in one call. */
static unsigned send_some(unsigned n, uint64_t now)
{
	static uint8_t buf[BATCH][DATAGRAM];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	struct lane *l = &st.lane[st.turn++ % opt.sockets];
	uint64_t due;
	unsigned k = 0;
	for (; k < n && k < BATCH; k++) {
		size_t len = next_query(buf[k], take_id(l, now), &due);
		if (!len)
			break;
		iov[k] = (struct iovec){buf[k], len};
		m[k].msg_hdr = (struct msghdr){.msg_iov = &iov[k], .msg_iovlen = 1};
	}
	for (unsigned done = 0; done < k;) {
		int s = sendmmsg(l->fd, m + done, k - done, 0);
		if (s <= 0) {
			st.send_errors++;
			break;
		}
		done += (unsigned)s;
	}
	st.sent += k;
	return k;
}

static void wait_for_answers(uint64_t until_ns)
{
	struct pollfd p[SOCKETS_MAX];
	uint64_t now = clock_mono_ns();
	uint64_t gap = until_ns > now ? until_ns - now : 0;
	struct timespec ts = {(time_t)(gap / NS_PER_S), (long)(gap % NS_PER_S)};
	for (unsigned i = 0; i < opt.sockets; i++)
		p[i] = (struct pollfd){.fd = st.lane[i].fd, .events = POLLIN};
	if (ppoll(p, opt.sockets, &ts, NULL) > 0)
		for (unsigned i = 0; i < opt.sockets; i++)
			if (p[i].revents)
				receive(&st.lane[i]);
}

static void give_up_old(uint64_t now)
{
	for (unsigned i = 0; i < opt.sockets; i++)
		for (unsigned id = 0; id < 65536; id++)
			if (st.lane[i].sent_ns[id] && now > st.lane[i].sent_ns[id] + LOST_NS) {
				st.lane[i].sent_ns[id] = 0;
				st.lost++;
				st.under_way--;
			}
}

/* --- the two loops --- */

static void closed_loop(uint64_t end_ns)
{
	uint64_t look_ns = clock_mono_ns() + LOST_NS;
	for (uint64_t now; (now = clock_mono_ns()) < end_ns;) {
		uint64_t before = st.answered;
		for (unsigned i = 0; i < opt.sockets; i++)
			receive(&st.lane[i]);
		while (st.under_way < opt.outstanding) {
			uint64_t room = opt.outstanding - st.under_way;
			if (!send_some(room < 16 ? (unsigned)room : 16, now))
				return;
		}
		if (st.answered == before)
			wait_for_answers(now + NS_PER_MS);
		if (now > look_ns) {
			give_up_old(now);
			look_ns = now + LOST_NS;
		}
	}
}

static void open_loop(uint64_t start_ns, uint64_t end_ns)
{
	uint64_t due = start_ns;
	double gap = 1e9 / opt.rate;
	for (uint64_t i = 1; due < end_ns; i++) {
		uint8_t buf[DATAGRAM];
		uint64_t now, stream_ns = 0;
		struct lane *l = &st.lane[st.turn++ % opt.sockets];
		uint16_t id = l->next_id;
		size_t len = next_query(buf, id, &stream_ns);
		if (!len)
			return;
		if (st.kube)
			due = start_ns + stream_ns;
		while ((now = clock_mono_ns()) < due)
			wait_for_answers(due);
		take_id(l, due);
		if (send(l->fd, buf, len, 0) < 0)
			st.send_errors++;
		st.sent++;
		if (!st.kube)
			due = start_ns + (uint64_t)((double)i * gap);
		if (i % 32 == 0)
			wait_for_answers(0);
	}
}

int main(int argc, char **argv)
{
	static const struct opt_prog prog = {"load", "[options]", "UDP query generator for benchmarks.", defs, OPT_GNU};
	struct diag d = {0};
	char special;
	struct rusage ru;
	if (opt_parse(&prog, argc, argv, &special, &d) != 0 || special) {
		fprintf(stderr, "load: %s\n", special ? "see the source" : d.text);
		return 3;
	}
	hist_init(&st.hist);
	rng_seed(&st.rng, opt.seed);
	if (!strcmp(opt.names, "kube"))
		st.kube = kube_stream_new(opt.seed, opt.rate > 0 ? opt.rate : 10000, opt.count);
	else if (strcmp(opt.names, "hot") && opt.count == 1000)
		opt.count = UINT64_MAX;
	if ((!strcmp(opt.names, "hot") && hot_build()) || lanes_open()) {
		fprintf(stderr, "load: %s: %s\n", opt.server, strerror(errno));
		return 1;
	}
	uint64_t start = clock_mono_ns(), end = start + (uint64_t)(opt.seconds * 1e9);
	if (opt.rate > 0)
		open_loop(start, end);
	else
		closed_loop(end);
	uint64_t stop = clock_mono_ns();
	while (st.under_way && clock_mono_ns() < stop + LOST_NS)
		wait_for_answers(stop + LOST_NS);
	st.lost += st.under_way;
	getrusage(RUSAGE_SELF, &ru);
	double secs = (double)(stop - start) / 1e9;
	double cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	printf("sent=%llu answered=%llu lost=%llu seconds=%.3f qps=%.0f noerror=%llu nxdomain=%llu servfail=%llu other=%llu mean_us=%.1f "
	       "p50_us=%.1f p90_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f cpu_s=%.3f\n", (unsigned long long)st.sent,
	       (unsigned long long)st.answered, (unsigned long long)st.lost, secs, (double)st.answered / secs,
	       (unsigned long long)st.rcode[0], (unsigned long long)st.rcode[3], (unsigned long long)st.rcode[2],
	       (unsigned long long)(st.answered - st.rcode[0] - st.rcode[3] - st.rcode[2]), hist_mean(&st.hist) / 1e3,
	       (double)hist_quantile(&st.hist, .5) / 1e3, (double)hist_quantile(&st.hist, .9) / 1e3, (double)hist_quantile(&st.hist, .99) / 1e3,
	       (double)hist_quantile(&st.hist, .999) / 1e3, (double)(st.hist.n ? st.hist.max : 0) / 1e3, cpu);
	kube_stream_free(st.kube);
	return 0;
}
