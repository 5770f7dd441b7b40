/* SPDX-License-Identifier: Apache-2.0 */
/* What the errors plugin says, in CoreDNS's words: each failure for itself, or added up by rules. */
#include "resolver/observe/log_errors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/sockaddr.h"
#include "resolver/observe/log_out.h"
#include "tests/fixtures/corefile_util.h"

/* --- words --- */

static const char *words(uint8_t proto, enum core_fail_why why, const char *upstream,
			 const struct upstream_seen *at)
{
	static char text[256];
	struct core_failed f = {.proto = proto, .why = (uint8_t)why};

	log_errors_words(text, sizeof(text), &f, upstream, at);
	return text;
}

Test(log_errors, words_are_those_of_go)
{
	struct upstream_seen at = {.local_port = 40212, .connected = true};
	const char *up = "10.96.0.11:53";
	uint16_t port;

	sockaddr_parse("10.0.0.1", 0, &at.local, &port);
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_TIMEOUT, up, &at),
			 "read udp 10.0.0.1:40212->10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_TIMEOUT, up, &at),
			 "read tcp 10.0.0.1:40212->10.96.0.11:53: i/o timeout");
	at.connected = false;
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_TIMEOUT, up, &at),
			 "dial tcp 10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_TLS, CORE_FAIL_TIMEOUT, up, NULL),
			 "dial tcp 10.96.0.11:53: i/o timeout");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_REFUSED, up, NULL),
			 "read udp 10.96.0.11:53: read: connection refused");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_REFUSED, up, NULL),
			 "dial tcp 10.96.0.11:53: connect: connection refused");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_UNREACHABLE, up, NULL),
			 "dial udp 10.96.0.11:53: connect: no route to host");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_CLOSED, up, NULL), "EOF");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_UNHEALTHY, NULL, NULL), "no healthy proxies");
}

Test(log_errors, durations_are_those_of_go)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} of[] = {{NS_PER_MS, "1ms"},
		  {1500 * NS_PER_US, "1.5ms"},
		  {NS_PER_S, "1s"},
		  {1500 * NS_PER_MS, "1.5s"},
		  {30 * NS_PER_S, "30s"},
		  {300 * NS_PER_S, "5m0s"},
		  {90 * NS_PER_S, "1m30s"},
		  {3600 * NS_PER_S, "1h0m0s"},
		  {86399 * NS_PER_S, "23h59m59s"}};
	char text[40];

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		log_errors_duration(text, sizeof(text), of[i].ns);
		cr_assert_str_eq(text, of[i].text);
	}
}

/* The rest of the causes, and durations below a second. */
Test(log_errors, all_causes)
{
	struct upstream_seen at = {.local_port = 40212, .connected = true};
	const char *up = "10.96.0.11:53";
	uint16_t port;
	char text[40];

	sockaddr_parse("10.0.0.1", 0, &at.local, &port);
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_NOSOCKET, up, &at), "dial udp 10.96.0.11:53: socket: too many open files");
	cr_assert_str_eq(words(CORE_TLS, CORE_FAIL_TLS, up, &at), "dial tcp 10.96.0.11:53: TLS handshake failed");
	cr_assert_str_eq(words(CORE_TCP, CORE_FAIL_BADREPLY, up, &at), "read tcp 10.0.0.1:40212->10.96.0.11:53: bad reply");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_REFUSED, up, &at),
			 "read udp 10.0.0.1:40212->10.96.0.11:53: read: connection refused");
	cr_assert_str_eq(words(CORE_UDP, CORE_FAIL_CLOSED, NULL, NULL), "EOF");
	log_errors_duration(text, sizeof(text), 1500);
	cr_assert_str_eq(text, "1.5\u00b5s");
	log_errors_duration(text, sizeof(text), 0);
	cr_assert_str_eq(text, "0\u00b5s");
	log_errors_duration(text, sizeof(text), 999999999);
	cr_assert_str_eq(text, "999.999999ms");
	log_errors_duration(text, sizeof(text), 59 * NS_PER_S + 100 * NS_PER_MS);
	cr_assert_str_eq(text, "59.1s");
	log_errors_duration(text, sizeof(text), 60 * NS_PER_S);
	cr_assert_str_eq(text, "1m0s");
	log_errors_duration(text, sizeof(text), 100 * 3600 * NS_PER_S + 62 * NS_PER_S);
	cr_assert_str_eq(text, "100h1m2s");
}

/* --- lines --- */

static struct loop loop;
static int pipe_fd[2];
static uint64_t lost;
static struct log_out *out;
static struct corefile_plan *plan;
static struct log_errors *errors;

static void begin(const char *corefile)
{
	struct diag d;

	cr_assert_eq(loop_init(&loop, &d), 0);
	cr_assert_eq(pipe2(pipe_fd, O_NONBLOCK), 0);
	out = log_out_new(&loop, pipe_fd[1], &lost);
	plan = plan_of(corefile);
	cr_assert_eq(log_errors_new(&errors, plan, &loop, out, &d), 0);
}

static void end(void)
{
	log_out_free(out);
	corefile_plan_free(plan);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	loop_release(&loop);
}

/* A question that failed, of a zone by its number. */
static void failed(unsigned zone, const char *name, enum core_fail_why why, unsigned upstream)
{
	struct name n;

	cr_assert_eq(name_from_text(&n, name), 0);
	log_errors_add(errors, &(struct core_failed){.name = n.b, .qtype = DNS_AAAA, .rcode = DNS_SERVFAIL, .zone = (uint16_t)zone,
						     .upstream = (uint16_t)upstream, .proto = CORE_TCP, .why = (uint8_t)why}, NULL);
}

/* What was said since, in static storage. */
static const char *said(void)
{
	static char b[8192];

	log_out_flush(out);
	ssize_t n = read(pipe_fd[0], b, sizeof(b) - 1);

	b[n > 0 ? n : 0] = 0;
	return b;
}

#define FORWARD " forward . 192.0.2.1\n"

Test(log_errors, each_for_itself)
{
	begin("a.test {\n errors\n" FORWARD "}\nb.test {\n errors\n forward . 192.0.2.1 192.0.2.2 {\n max_concurrent 7\n }\n}\n");
	failed(0, "x.a.test", CORE_FAIL_TIMEOUT, 0);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 2 x.a.test. AAAA: dial tcp 192.0.2.1:53: i/o timeout\n");
	failed(1, "x.b.test", CORE_FAIL_TIMEOUT, 1);
	failed(1, "x.b.test", CORE_FAIL_LIMIT, UINT16_MAX);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 2 x.b.test. AAAA: dial tcp 192.0.2.2:53: i/o timeout\n"
				 "[ERROR] plugin/errors: 2 x.b.test. AAAA: concurrent queries exceeded maximum 7\n");
	failed((unsigned)plan->conf.n_zones, "x", CORE_FAIL_TIMEOUT, 0);
	failed(0, "x", CORE_FAIL_UNHEALTHY, (unsigned)plan->conf.n_upstreams);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 2 x. AAAA: no healthy proxies\n");
	log_errors_free(errors);
	cr_expect_str_eq(said(), "");
	end();
}

Test(log_errors, none_where_nobody_asked)
{
	begin("a.test {\n" FORWARD "}\n");
	cr_expect_null(errors);
	failed(0, "x.a.test", CORE_FAIL_TIMEOUT, 0);
	cr_expect_str_eq(said(), "");
	log_errors_free(errors);
	end();
}

static void wait_for(const char *words)
{
	const char *text;

	while (text = said(), !*text)
		cr_assert_eq(loop_step(&loop, loop.now_ns + 10 * NS_PER_MS), 0);
	cr_expect_str_eq(text, words);
}

/* The first rule that fits counts; a period is said when it is over, with its number; the next begins with
 * the next failure. */
Test(log_errors, added_up)
{
	begin("a.test {\n errors {\n consolidate 50ms \".* i/o timeout$\" warning\n"
	      " consolidate 60s \"timeout\"\n consolidate 50ms \"^no healthy\" info show_first\n }\n" FORWARD "}\n"
	      "b.test {\n errors {\n consolidate 60s \"EOF\"\n consolidate 60s \"bad\" debug\n }\n" FORWARD "}\n"
	      "c.test {\n debug\n errors {\n consolidate 60s \"bad\" debug show_first\n }\n" FORWARD "}\n");
	for (int i = 0; i < 3; i++)
		failed(0, "x.a.test", CORE_FAIL_TIMEOUT, 0);
	cr_expect_str_eq(said(), "", "later");
	uint64_t begun = loop.now_ns;

	wait_for("[WARNING] plugin/errors: 3 errors like '.* i/o timeout$' occurred in last 50ms\n");
	cr_expect_geq(loop.now_ns, begun + 50 * NS_PER_MS);
	failed(0, "x.a.test", CORE_FAIL_TIMEOUT, 0);
	wait_for("[WARNING] plugin/errors: 1 errors like '.* i/o timeout$' occurred in last 50ms\n");
	/* the first of a period at once, and no sum of one */
	failed(0, "x.a.test", CORE_FAIL_UNHEALTHY, UINT16_MAX);
	cr_expect_str_eq(said(), "[INFO] plugin/errors: 2 x.a.test. AAAA: no healthy proxies\n");
	for (uint64_t until = loop.now_ns + 100 * NS_PER_MS; loop.now_ns < until;)
		cr_assert_eq(loop_step(&loop, until), 0);
	cr_expect_str_eq(said(), "");
	failed(0, "y.a.test", CORE_FAIL_UNHEALTHY, UINT16_MAX);
	cr_expect_str_eq(said(), "[INFO] plugin/errors: 2 y.a.test. AAAA: no healthy proxies\n");
	failed(0, "z.a.test", CORE_FAIL_UNHEALTHY, UINT16_MAX);
	wait_for("[INFO] plugin/errors: 2 errors like '^no healthy' occurred in last 50ms\n");
	/* what fits no rule is said as ever */
	failed(0, "x.a.test", CORE_FAIL_CLOSED, 0);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 2 x.a.test. AAAA: EOF\n");
	/* each block has its own; level debug is for blocks with debug */
	failed(1, "x.b.test", CORE_FAIL_CLOSED, 0);
	failed(1, "x.b.test", CORE_FAIL_BADREPLY, 0);
	failed(1, "x.b.test", CORE_FAIL_TIMEOUT, 0);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 2 x.b.test. AAAA: dial tcp 192.0.2.1:53: i/o timeout\n");
	failed(2, "x.c.test", CORE_FAIL_BADREPLY, 0);
	failed(2, "x.c.test", CORE_FAIL_BADREPLY, 0);
	cr_expect_str_eq(said(), "[DEBUG] plugin/errors: 2 x.c.test. AAAA: read tcp 192.0.2.1:53: bad reply\n");
	/* a reload, or the end: what was counted is said */
	log_errors_free(errors);
	cr_expect_str_eq(said(), "[ERROR] plugin/errors: 1 errors like 'EOF' occurred in last 1m0s\n"
				 "[DEBUG] plugin/errors: 2 errors like 'bad' occurred in last 1m0s\n");
	end();
}
