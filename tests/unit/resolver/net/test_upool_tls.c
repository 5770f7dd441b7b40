/* SPDX-License-Identifier: Apache-2.0 */
/* Questions over TLS, with OpenSSL's own server at the other end: what comes of them, and of who is not believed. */
#include "tests/fixtures/tls_world.h"

#include "resolver/net/tls.h"

TestSuite(upool_tls, .init = server_setup, .fini = server_teardown, .timeout = 60);

static char event_text[300];
static int n_events;

static void on_event(void *c, int level, const char *text)
{
	(void)c;
	cr_expect_eq(level, 3);
	snprintf(event_text, sizeof(event_text), "%s", text);
	n_events++;
}

static void configure_tls(const char *ca, const char *name, const char *doh)
{
	struct upstream_conf conf = {.port = port, .tls = true, .tls_ca = ca, .tls_name = name, .doh_path = doh};

	conf.addr.s6_addr[10] = conf.addr.s6_addr[11] = 0xff;
	conf.addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	configure(&conf, 1);
	upstreams_set_stats(&ups, 0, &up_stats);
	ups.events.event = on_event;
}

/* One round of the loop, and of a server that answers each question it has read whole. */
static void serve(bool answers)
{
	static uint8_t q[20 * 64];
	static size_t have;
	int n;

	cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	if (!server)
		return;
	if (!SSL_is_init_finished(server)) {
		have = 0;
		SSL_do_handshake(server);
		return;
	}
	while ((n = SSL_read(server, q + have, (int)(sizeof(q) - have))) > 0)
		have += (size_t)n;
	for (; answers && have >= 20; have -= 20) {
		q[4] |= 0x80;
		cr_assert_eq(SSL_write(server, q, 20), 20);
		memmove(q, q + 20, have - 20);
	}
}

Test(upool_tls, questions_are_answered)
{
	configure_tls(good, NULL, NULL);
	for (uint32_t id = 1; id <= 20; id++)
		ask(id, CORE_TLS);
	server_take(accept_one());
	while (n_answers < 20)
		serve(true);
	for (int i = 0; i < 20; i++)
		cr_expect_eq(answer_tag[i], answer_id[i]);
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(stats.up_tls_resumed, 0);
	cr_expect_eq(stats.up_tcp_connects, 1);
	cr_expect_eq(up_stats.conn_misses[CORE_TLS], 1);
	cr_expect_eq(up_stats.conn_hits[CORE_TLS], 19);
	struct upstream_seen seen;

	ask(30, CORE_TLS);
	cr_expect(upstreams_seen(&ups, 30, &seen));
	cr_expect(seen.connected);
	cr_expect_neq(seen.local_port, 0);
	/* it goes with its questions, and the next takes up its session */
	for (int i = 0; i < 20; i++)
		serve(false);
	SSL_shutdown(server);
	shutdown(server_fd, SHUT_RDWR);
	close(server_fd);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_ENDED);
	cr_expect_eq(stats.up_tcp_lost, 1);
	ask(31, CORE_TLS);
	server_take(accept_one());
	while (n_answers < 21)
		serve(true);
	cr_expect_eq(stats.up_tls_resumed, 1);
	cr_expect_eq(n_events, 0);
	close(server_fd);
}

Test(upool_tls, a_server_that_is_not_believed)
{
	char want[100];

	configure_tls(good, "other.test", NULL);
	ask(1, CORE_TLS);
	server_take(accept_one());
	while (n_fails < 1)
		serve(true);
	cr_expect_eq(fail_why[0], CORE_FAIL_TLS);
	snprintf(want, sizeof(want), "tls://127.0.0.1:%u: certificate not accepted: hostname mismatch", port);
	cr_expect_str_eq(event_text, want);
	cr_expect_eq(n_events, 1);
	cr_expect_eq(stats.up_tcp_open, 0);
	close(server_fd);
}

/* Without TLS's files there is nothing to ask by; a server without h2 is none for HTTPS. */
Test(upool_tls, nothing_to_ask_by)
{
	char want[100];

	configure_tls("/nonexistent/x.pem", NULL, NULL);
	ask(1, CORE_TLS);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_TLS);
	cr_expect_eq(stats.up_tcp_connects, 0);
	configure_tls(good, NULL, "/dns-query");
	ask(2, CORE_HTTPS);
	server_take(accept_one());
	while (n_fails < 2)
		serve(true);
	cr_expect_eq(fail_why[1], CORE_FAIL_TLS);
	snprintf(want, sizeof(want), "https://127.0.0.1:%u: the server does not speak 'h2' (ALPN)", port);
	cr_expect_str_eq(event_text, want);
	close(server_fd);
}

/* A file that was missing may be there with the next configuration, which says the same. */
Test(upool_tls, a_file_that_comes_later)
{
	char later[80];

	snprintf(later, sizeof(later), "%s/later.pem", dir);
	configure_tls(later, NULL, NULL);
	ask(1, CORE_TLS);
	until(&n_fails, 1);
	cr_expect_eq(fail_why[0], CORE_FAIL_TLS);
	cr_assert_eq(link(good, later), 0);
	ask(2, CORE_TLS);
	until(&n_fails, 2);
	const struct upstream *up = ups.up[0];

	configure_tls(later, NULL, NULL);
	cr_expect_eq(ups.up[0], up);
	ask(3, CORE_TLS);
	server_take(accept_one());
	while (n_answers < 1)
		serve(true);
	cr_expect_eq(answer_id[0], 3);
	unlink(later);
	close(server_fd);
}
