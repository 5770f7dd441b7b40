/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test against servers of the test's own: right, silent, wrong and closed. */
#include "resolver/supervisor/selftest.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/sockaddr.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/own_net.h"

enum { UDP, TCP };
enum reply { RIGHT, SILENT, WRONG_ID, QUESTION, SHORT, CLOSES };

struct host { /* one address: what it answers, and how often it was asked */
	struct core_listener at;
	int fd[2], client; /* client: of TCP, that has not asked yet; 0: none */
	enum reply reply[2];
	unsigned n_asked[2];
	unsigned n_slow; /* datagrams that it does not answer yet */
};
static struct loop loop;
static struct selftest *test;
static struct selftest_result result;
static unsigned n_done;
static struct host host[3];
static struct core_conf conf;
static unsigned lag; /* rounds before the last of them is served */

static void done(void *ctx, const struct selftest_result *r)
{
	cr_assert_eq(ctx, &conf);
	result = *r;
	n_done++;
}

static void host_open(struct host *h, const char *addr)
{
	union sockaddr_any sa;
	socklen_t len;
	int on = 1;

	*h = (struct host){.at.addr = addr_of(addr), .at.port = 5300};
	len = sockaddr_from(&sa, &h->at.addr, h->at.port, 0);
	h->fd[UDP] = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	h->fd[TCP] = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(h->fd[TCP], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert_eq(bind(h->fd[UDP], &sa.sa, len), 0);
	cr_assert_eq(bind(h->fd[TCP], &sa.sa, len), 0);
	cr_assert_eq(listen(h->fd[TCP], 4), 0);
}

static char address[3][32];
static struct core_listener listener[3];

static void setup(void)
{
	struct diag d;

	cr_assert_eq(loop_init(&loop, &d), 0);
	test = selftest_new(&loop, done, &conf);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(address[i], sizeof(address[i]), "127.%u.%u.%u", 80 + (unsigned)getpid() / 256 % 128,
			 (unsigned)getpid() % 256, i + 1);
		host_open(&host[i], address[i]);
		listener[i] = host[i].at;
	}
	conf = (struct core_conf){.n_listeners = 1, .listener = listener};
}

static void teardown(void)
{
	selftest_free(test);
	loop_release(&loop);
}

TestSuite(selftest, .init = setup, .fini = teardown, .timeout = 60);

static size_t reply_of(enum reply how, uint8_t *b, size_t n)
{
	static const uint8_t want[] = {0, 1, 0, 0, 0, 0, 0, 1, 0, 0, DNS_NS, 0, DNS_IN, 0, 0, DNS_OPT};

	cr_expect_eq(n, 28);
	cr_expect_arr_eq(b + 4, want, sizeof(want), "NS of the root");
	cr_expect_eq(b[23], 1, "EDNS version 1: cache and metrics are left alone");
	b[2] = how == QUESTION ? 0 : 0x80;
	b[1] = (uint8_t)(b[1] + (how == WRONG_ID));
	return how == SHORT ? 11 : n;
}

static void host_serve(struct host *h)
{
	uint8_t b[512];
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(h->fd[UDP], b, sizeof(b), 0, &from.sa, &len);

	bool slow = n > 0 && h->n_slow && h->n_slow--;

	if (n > 0 && ++h->n_asked[UDP] && h->reply[UDP] != SILENT && !slow)
		sendto(h->fd[UDP], b, reply_of(h->reply[UDP], b, (size_t)n), 0, &from.sa, len);
	int c = h->client > 0 ? h->client : accept4(h->fd[TCP], NULL, NULL, SOCK_NONBLOCK);

	h->client = c;
	if (c < 0 || (n = recv(c, b, sizeof(b), 0)) < 0)
		return;
	h->client = 0;
	if (n == 0) /* a test that has ended */
		return;
	h->n_asked[TCP]++;
	cr_expect(n == 30 && get_be16(b) == 28);
	if (h->reply[TCP] != CLOSES && h->reply[TCP] != SILENT)
		send(c, b, reply_of(h->reply[TCP], b + 2, 28) + 2, MSG_NOSIGNAL);
	if (h->reply[TCP] == CLOSES)
		close(c);
}

/* Runs one to its end. */
static const struct selftest_result *run(const struct selftest_ways *rewrite, uint64_t timeout_ns)
{
	unsigned before = n_done;

	memset(&result, 0xee, sizeof(result));
	selftest_run(test, &conf, NULL, rewrite, timeout_ns);
	if (n_done == before) {
		cr_expect(selftest_busy(test));
		selftest_run(test, &conf, NULL, rewrite, timeout_ns); /* goes on with the one that there is */
	}
	while (n_done == before) {
		for (unsigned i = 0; i < (lag ? 2 : 3); i++)
			host_serve(&host[i]);
		lag -= lag > 0;
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	}
	cr_expect_eq(n_done, before + 1);
	cr_expect_not(selftest_busy(test));
	return &result;
}

#define LONG_NS  (20 * NS_PER_S)
#define SHORT_NS NS_PER_S /* three turns on a machine that does something else */

Test(selftest, each_over_udp_and_one_over_tcp)
{
	conf.n_listeners = 3;
	const struct selftest_result *r = run(NULL, LONG_NS);

	cr_expect(r->ok && !r->astray && !r->words[0], "%s", r->words);
	cr_expect_lt(r->took_ns, LONG_NS);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_eq(host[i].n_asked[UDP], 1);
		cr_expect_eq(host[i].n_asked[TCP], i == 0);
	}
	for (int i = 0; i < 100; i++)
		cr_expect(run(NULL, LONG_NS)->ok, "and again");
}

Test(selftest, no_answer)
{
	static const enum reply how[] = {SILENT, WRONG_ID, QUESTION, SHORT};
	char words[100];

	for (unsigned i = 0; i < 4; i++) {
		host[0].n_asked[UDP] = 0;
		host[0].reply[UDP] = how[i];
		snprintf(words, sizeof(words), "udp %s:5300: no answer", address[0]);
		const struct selftest_result *r = run(NULL, SHORT_NS);

		cr_expect(!r->ok && !r->astray, "%u", i);
		cr_expect_str_eq(r->words, words);
		cr_expect_geq(r->took_ns, SHORT_NS);
		cr_expect_geq(host[0].n_asked[UDP], 3, "asked again: a datagram may meet a full buffer");
	}
	host[0].reply[UDP] = RIGHT;
	for (unsigned i = 0; i < 4; i++) {
		host[0].reply[TCP] = how[i];
		snprintf(words, sizeof(words), "tcp %s:5300: no answer", address[0]);
		cr_expect_not(run(NULL, SHORT_NS)->ok);
		cr_expect_str_eq(result.words, words);
	}
	host[0].reply[TCP] = CLOSES;
	snprintf(words, sizeof(words), "tcp %s:5300: closed", address[0]);
	cr_expect_not(run(NULL, LONG_NS)->ok, "told at once");
	cr_expect_str_eq(result.words, words);
}

Test(selftest, nobody_there)
{
	char words[100];

	close(host[0].fd[UDP]);
	host[0].fd[UDP] = -1;
	snprintf(words, sizeof(words), "udp %s:5300: Connection refused", address[0]);
	cr_expect_not(run(NULL, LONG_NS)->ok);
	cr_expect_str_eq(result.words, words);
	listener[0].addr = host[1].at.addr;
	close(host[1].fd[TCP]);
	host[1].fd[TCP] = -1;
	snprintf(words, sizeof(words), "tcp %s:5300: Connection refused", address[1]);
	cr_expect_not(run(NULL, LONG_NS)->ok);
	cr_expect_str_eq(result.words, words);
	listener[0].addr = addr_of("192.0.2.1");
	cr_expect_not(run(NULL, LONG_NS)->ok, "an address that is not ours is not asked");
	cr_expect_str_eq(result.words, "udp 192.0.2.1:5300: Cannot assign requested address");
}

/* A service's address is asked only where there is no other. */
Test(selftest, services_are_left_out)
{
	conf.n_listeners = 2;
	listener[1].addr = addr_of("192.0.2.1"); /* not ours: would fail */
	cr_expect(run(NULL, LONG_NS)->ok);
	listener[0].addr = addr_of("192.0.2.1");
	conf.n_listeners = 1;
	cr_expect_not(run(NULL, LONG_NS)->ok);
	listener[0].addr = addr_of("0.0.0.0"); /* any will do: 127.0.0.1, where nobody is */
	cr_expect_not(run(NULL, LONG_NS)->ok);
	cr_expect(strstr(result.words, "Connection refused"), "%s", result.words);
}

enum { VIP = 4, FIRST = 2, SECOND = 8 }; /* bits */

static struct selftest_ways rewriting(bool holds)
{
	return (struct selftest_ways){.set = {true, false}, .vip = {host[2].at.addr}, .vip_bit = {VIP}, .target = {host[0].at.addr},
					 .port = 5300, .holds = holds};
}

/* A target's reply may come from the cluster's address; it is not asked over TCP. */
Test(selftest, rewriting)
{
	struct selftest_ways w = rewriting(false);

	conf.n_listeners = 2;
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect(!result.asked && !result.astray);
	cr_expect_eq(host[0].n_asked[TCP], 0);
	cr_expect_eq(host[1].n_asked[TCP], 1);
	cr_expect_eq(host[2].n_asked[UDP], 0, "the rules do not hold");
	w.holds = true;
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect(result.asked == VIP && !result.astray);
	cr_expect_eq(host[2].n_asked[UDP], 1);
	cr_expect_eq(host[2].n_asked[TCP], 1);
	w.vip_bit[0] = 0;
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect_eq(result.asked, 0, "they leave it alone");
	cr_expect_eq(host[2].n_asked[UDP], 1);
	w = rewriting(false);
	w.set[1] = w.set[0];
	w.target[1] = w.target[0];
	w.vip[1] = w.vip[0];
	w.vip_bit[1] = w.vip_bit[0];
	w.set[0] = false;
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect_eq(host[0].n_asked[TCP], 0, "of either family");
	w.set[0] = true;
	w.set[1] = false;
	w.port = 53;
	cr_expect(run(&w, LONG_NS)->ok, "of another port nothing is rewritten");
	cr_expect_eq(host[0].n_asked[TCP], 1);
}

/* Somebody else's replies are not taken for a target's, the cluster's address's are. */
Test(selftest, whose_reply)
{
	struct selftest_ways w = rewriting(false);
	int fd = host[0].fd[UDP];

	uint8_t b[512];
	union sockaddr_any from;
	socklen_t len = sizeof(from);

	for (int i = 0; i < 2; i++) { /* 1: by the cluster's address */
		unsigned before = n_done;

		selftest_run(test, &conf, NULL, &w, i ? LONG_NS : SHORT_NS);
		while (n_done == before) {
			ssize_t n = recvfrom(fd, b, sizeof(b), 0, &from.sa, &len);

			if (n > 0)
				sendto(host[1 + i].fd[UDP], b, reply_of(RIGHT, b, (size_t)n), 0, &from.sa, len);
			cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
		}
		cr_expect_eq(result.ok, i == 1);
	}
}

/* Led astray: told apart, and nothing else fails for it. */
Test(selftest, astray)
{
	struct selftest_ways w = rewriting(true);
	char words[100];

	conf.n_listeners = 2;
	host[2].reply[UDP] = SILENT;
	cr_expect(run(&w, SHORT_NS)->ok);
	cr_expect_eq(result.astray, VIP);
	snprintf(words, sizeof(words), "udp %s:5300: no answer", address[2]);
	cr_expect_str_eq(result.words, words);
	cr_expect_geq(host[2].n_asked[UDP], 3);
	host[2].reply[UDP] = RIGHT;
	host[2].reply[TCP] = CLOSES;
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect_eq(result.astray, VIP);
	lag = 50; /* the last that is waited for */
	cr_expect(run(&w, LONG_NS)->ok);
	cr_expect_eq(result.astray, VIP);
	snprintf(words, sizeof(words), "tcp %s:5300: closed", address[2]);
	cr_expect_str_eq(result.words, words);
	close(host[2].fd[TCP]);
	host[2].fd[TCP] = -1;
	host[2].reply[UDP] = SILENT;
	cr_expect(run(&w, SHORT_NS)->ok);
	cr_expect_eq(result.astray, VIP);
	snprintf(words, sizeof(words), "tcp %s:5300: Connection refused", address[2]);
	cr_expect_str_eq(result.words, words, "the first that failed");
	host[0].reply[UDP] = SILENT;
	cr_expect_not(run(&w, SHORT_NS)->ok, "what is ours counts all the same");
	w.vip[0] = addr_of("255.255.255.255");
	host[0].reply[UDP] = RIGHT;
	cr_expect(run(&w, SHORT_NS)->ok);
	cr_expect_eq(result.astray, VIP, "what cannot even be sent");
	cr_expect(strstr(result.words, "255.255.255.255:5300: "), "%s", result.words);
}

/* Addresses of Services that are ours while rules hold: asked then, over UDP, by who is no listener. */
Test(selftest, services)
{
	struct selftest_ways w = {.port = 5300, .n_services = 2, .service = {host[2].at.addr, host[1].at.addr},
				  .service_bit = {FIRST, SECOND}};
	char words[100];

	conf.n_listeners = 1;
	cr_expect(run(&w, LONG_NS)->ok && !result.asked);
	cr_expect_eq(host[1].n_asked[UDP] + host[2].n_asked[UDP], 0, "the rules do not hold");
	w.holds = true;
	cr_expect(run(&w, LONG_NS)->ok && !result.astray);
	cr_expect_eq(result.asked, FIRST | SECOND);
	cr_expect_eq(host[1].n_asked[UDP], 1);
	cr_expect_eq(host[2].n_asked[UDP], 1);
	cr_expect_eq(host[1].n_asked[TCP] + host[2].n_asked[TCP], 0);
	host[2].reply[UDP] = SILENT;
	cr_expect(run(&w, SHORT_NS)->ok, "it is well");
	cr_expect_eq(result.astray, FIRST, "and the other is");
	snprintf(words, sizeof(words), "udp %s:5300: no answer", address[2]);
	cr_expect_str_eq(result.words, words);
	cr_expect_geq(host[2].n_asked[UDP], 4, "asked three times");
	host[0].n_slow = 2; /* its answer comes to the third try: who is slow there may be slow here */
	cr_expect(run(&w, SHORT_NS)->ok && !result.astray, "%s", result.words);
	host[0].n_slow = 0;
	w.service[0] = addr_of("255.255.255.255"); /* it does not leave */
	cr_expect(run(&w, LONG_NS)->ok && !result.astray, "%s", result.words);
	w.n_services = 0;
	cr_expect(run(&w, LONG_NS)->ok && !result.astray);
}

Test(selftest, ended_in_the_middle)
{
	selftest_run(test, &conf, NULL, NULL, LONG_NS);
	cr_expect(selftest_busy(test));
	selftest_free(test);
	test = NULL;
	selftest_free(NULL);
	cr_expect_eq(loop_step(&loop, loop.now_ns), 0);
	cr_expect_eq(n_done, 0);
}

/* What does not leave this host says nothing of who answers. */
Test(selftest, held_back)
{
	char words[100];

	cr_expect(!run(NULL, LONG_NS)->held_back);
	close(host[0].fd[UDP]);
	cr_expect_not(run(NULL, LONG_NS)->ok);
	cr_expect_not(result.held_back, "refused is said by who would answer");
	own_net("nft add table inet full && nft add chain inet full out '{ type filter hook output priority 0; }' &&"
		" nft add rule inet full out udp dport 5300 drop");
	snprintf(words, sizeof(words), "udp %s:5300: Operation not permitted", address[0]);
	cr_expect_not(run(NULL, LONG_NS)->ok);
	cr_expect(result.held_back);
	cr_expect_str_eq(result.words, words);
}
