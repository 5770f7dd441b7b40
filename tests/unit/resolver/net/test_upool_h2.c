/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over HTTPS on connections of the pool: TLS by OpenSSL's server, HTTP/2 by nghttp2's. */
#include "tests/fixtures/tls_world.h"

#include <nghttp2/nghttp2.h>
#include <signal.h>

#include "resolver/net/doh.h"

enum { ASKED_MAX = 400 };

static nghttp2_session *h2;
static struct request {
	int32_t stream;
	char authority[64], path[64];
	uint8_t body[64];
	size_t len;
	bool whole, reset;
} asked[ASKED_MAX];
static unsigned n_asked, n_pings;
static bool said_goodbye;
static char event_text[300];
static int n_events;

static void on_event(void *c, int level, const char *text)
{
	(void)c;
	cr_expect_eq(level, 3);
	snprintf(event_text, sizeof(event_text), "%s", text);
	n_events++;
}

/* --- the server --- */

static struct request *asked_of(int32_t stream)
{
	for (unsigned i = 0; i < n_asked; i++)
		if (asked[i].stream == stream)
			return &asked[i];
	cr_assert_lt(n_asked, ASKED_MAX);
	asked[n_asked].stream = stream;
	return &asked[n_asked++];
}

static int heard_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
			const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct request *r = asked_of(f->hd.stream_id);

	(void)s;
	(void)flags;
	(void)ctx;
	if (name_len == 10 && !memcmp(name, ":authority", 10))
		snprintf(r->authority, sizeof(r->authority), "%.*s", (int)len, (const char *)value);
	if (name_len == 5 && !memcmp(name, ":path", 5))
		snprintf(r->path, sizeof(r->path), "%.*s", (int)len, (const char *)value);
	return 0;
}

static int heard_data(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *b, size_t len, void *ctx)
{
	struct request *r = asked_of(stream);

	(void)s;
	(void)flags;
	(void)ctx;
	cr_assert_leq(r->len + len, sizeof(r->body));
	memcpy(r->body + r->len, b, len);
	r->len += len;
	return 0;
}

static int heard_frame(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
	(void)s;
	(void)ctx;
	said_goodbye |= f->hd.type == NGHTTP2_GOAWAY;
	n_pings += f->hd.type == NGHTTP2_PING;
	if (f->hd.stream_id && f->hd.flags & NGHTTP2_FLAG_END_STREAM)
		asked_of(f->hd.stream_id)->whole = true;
	if (f->hd.type == NGHTTP2_RST_STREAM)
		asked_of(f->hd.stream_id)->reset = true;
	return 0;
}

static void h2_take(uint32_t streams)
{
	nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
	nghttp2_session_callbacks *cb;

	server_take(accept_one());
	nghttp2_session_del(h2);
	n_asked = n_pings = 0;
	said_goodbye = false;
	memset(asked, 0, sizeof(asked));
	cr_assert_eq(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, heard_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, heard_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, heard_frame);
	cr_assert_eq(nghttp2_session_server_new(&h2, cb, NULL), 0);
	nghttp2_session_callbacks_del(cb);
	cr_assert_eq(nghttp2_submit_settings(h2, 0, &max, 1), 0);
}

/* What has come to the server, and what it has to say. */
static void h2_talk(void)
{
	uint8_t b[16384];
	const uint8_t *out;
	ssize_t n;

	if (!SSL_is_init_finished(server) && SSL_do_handshake(server) != 1)
		return;
	while ((n = SSL_read(server, b, sizeof(b))) > 0)
		cr_assert_eq(nghttp2_session_mem_recv(h2, b, (size_t)n), n);
	while ((n = nghttp2_session_mem_send(h2, &out)) > 0)
		cr_assert_eq(SSL_write(server, out, (int)n), n);
}

static void serve(void)
{
	cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	h2_talk();
}

static void serve_until_asked(unsigned n)
{
	unsigned whole = 0;

	while (whole < n) {
		serve();
		whole = 0;
		for (unsigned i = 0; i < n_asked; i++)
			whole += asked[i].whole;
	}
}

static ssize_t body_read(nghttp2_session *s, int32_t stream, uint8_t *to, size_t cap, uint32_t *flags,
			 nghttp2_data_source *from, void *ctx)
{
	struct request *r = from->ptr;

	(void)s;
	(void)stream;
	(void)ctx;
	cr_assert_geq(cap, r->len);
	memcpy(to, r->body, r->len);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)r->len;
}

static void respond(struct request *r, const char *status, const char *type)
{
	nghttp2_data_provider from = {.source.ptr = r, .read_callback = body_read};
	nghttp2_nv nv[] = {{.name = (uint8_t *)(uintptr_t) ":status", .namelen = 7,
			    .value = (uint8_t *)(uintptr_t)status, .valuelen = strlen(status)},
			   {.name = (uint8_t *)(uintptr_t) "content-type", .namelen = 12,
			    .value = (uint8_t *)(uintptr_t)type, .valuelen = strlen(type)}};

	r->body[2] |= 0x80;
	cr_assert_eq(nghttp2_submit_response(h2, r->stream, nv, 2, &from), 0);
	h2_talk();
}

static void respond_well(struct request *r)
{
	respond(r, "200", "application/dns-message");
}

/* --- the client --- */

static void h2_setup(void)
{
	server_setup();
	server_alpn = "\2h2";
	signal(SIGPIPE, SIG_IGN);
}

static void h2_teardown(void)
{
	nghttp2_session_del(h2);
	server_teardown();
}

TestSuite(upool_h2, .init = h2_setup, .fini = h2_teardown, .timeout = 60);

static void configure_https(const char *name, uint64_t quiet_ns)
{
	struct upstream_conf conf = {.port = port, .tls = true, .tls_ca = good, .tls_name = name, .doh_path = "/q", .quiet_ns = quiet_ns};

	conf.addr.s6_addr[10] = conf.addr.s6_addr[11] = 0xff;
	conf.addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	configure(&conf, 1);
	upstreams_set_stats(&ups, 0, &up_stats);
	ups.events.event = on_event;
}

static void open_with(uint32_t id, uint32_t streams)
{
	ask(id, CORE_HTTPS);
	h2_take(streams);
	serve_until_asked(1);
}

static void until_open(uint32_t n)
{
	while (stats.up_tcp_open != n)
		serve();
}

Test(upool_h2, questions_are_answered_in_any_order_on_one_connection)
{
	char authority[64];

	configure_https("dns.test", 0);
	snprintf(authority, sizeof(authority), "dns.test:%u", port);
	open_with(1, 100);
	for (uint32_t id = 2; id <= 20; id++)
		ask(id, CORE_HTTPS);
	serve_until_asked(20);
	for (unsigned i = 20; i-- > 0;) {
		cr_expect_str_eq(asked[i].authority, authority);
		cr_expect_str_eq(asked[i].path, "/q");
		cr_expect_eq(asked[i].len, 18);
		cr_expect_eq(get_be16(asked[i].body), 0, "the id says nothing over HTTP");
		respond_well(&asked[i]);
	}
	while (n_answers < 20)
		serve();
	for (int i = 0; i < 20; i++)
		cr_expect_eq(answer_tag[i], answer_id[i]);
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(n_events, 0);
	cr_expect_eq(stats.up_tcp_connects, 1);
	cr_expect_eq(up_stats.conn_hits[CORE_HTTPS], 19);
	close(server_fd);
}

Test(upool_h2, an_address_is_an_authority_too)
{
	char authority[64];

	configure_https(NULL, 0);
	snprintf(authority, sizeof(authority), "127.0.0.1:%u", port);
	open_with(1, 100);
	cr_expect_str_eq(asked[0].authority, authority);
	close(server_fd);
}

/* Each kind of fault is counted and ends its question; the first of a connection is told. */
Test(upool_h2, faults_of_the_server)
{
	static const struct {
		const char *status, *type, *words;
		size_t len;
	} cases[] = {
		[DOH_STATUS] = {"503", "application/dns-message", "HTTP status 503", 18},
		[DOH_TYPE] = {"200", "text/html", "not application/dns-message: HTTP status 200", 18},
		[DOH_MALFORMED] = {"200", "application/dns-message", "no DNS message in the response: HTTP status 200", 11},
	};
	char want[200];

	for (unsigned i = DOH_STATUS; i <= DOH_MALFORMED; i++) {
		if (!cases[i].words)
			continue;
		n_fails = n_events = 0;
		configure_https("dns.test", 0);
		open_with(i, 100);
		for (int k = 0; k < 2; k++) {
			if (k) {
				ask(i + 100, CORE_HTTPS);
				serve_until_asked(2);
			}
			asked[k].len = cases[i].len;
			respond(&asked[k], cases[i].status, cases[i].type);
			while (n_fails < k + 1)
				serve();
			cr_expect_eq(fail_why[k], CORE_FAIL_BADREPLY, "case %u", i);
			cr_expect_eq(n_events, 1, "once a connection");
		}
		snprintf(want, sizeof(want), "https://127.0.0.1:%u: %s", port, cases[i].words);
		cr_expect_str_eq(event_text, want);
		cr_expect_eq(stats.up_doh_faults[i], 2, "case %u", i);
		cr_expect_eq(stats.up_tcp_open, 1, "the connection is none the worse");
		upstreams_release(&ups);
		close(server_fd);
		struct upstream_events ev = {.answer = on_answer, .fail = on_fail};

		memset(&stats, 0, sizeof(stats));
		cr_assert_eq(upstreams_init(&ups, &loop, &ev, &scratch, &stats), 0);
	}
}

/* Not processed, or ended: asked elsewhere, and nobody's words are wrong. */
Test(upool_h2, streams_that_the_server_ends)
{
	configure_https("dns.test", 0);
	open_with(1, 100);
	ask(2, CORE_HTTPS);
	serve_until_asked(2);
	nghttp2_submit_rst_stream(h2, 0, asked[0].stream, NGHTTP2_REFUSED_STREAM);
	nghttp2_submit_rst_stream(h2, 0, asked[1].stream, NGHTTP2_INTERNAL_ERROR);
	while (n_fails < 2)
		serve();
	cr_expect_eq(fail_why[0], CORE_FAIL_CLOSED);
	cr_expect_eq(fail_why[1], CORE_FAIL_CLOSED);
	cr_expect_eq(stats.up_doh_faults[DOH_REFUSED], 1);
	cr_expect_eq(stats.up_doh_faults[DOH_RESET], 1);
	cr_expect_eq(n_events, 0);
	close(server_fd);
}

/* Its stream has ended, so no better one can come: unlike over UDP the question fails. */
Test(upool_h2, a_message_that_the_core_does_not_take)
{
	configure_https("dns.test", 0);
	open_with(1, 100);
	asked[0].body[6] = 0xee;
	respond_well(&asked[0]);
	while (n_fails < 1)
		serve();
	cr_expect_eq(fail_why[0], CORE_FAIL_BADREPLY);
	cr_expect_eq(n_answers, 0);
	cr_expect_eq(stats.up_tcp_open, 1);
	close(server_fd);
}

/* What it says it lets us have open is had on a second connection beyond that. */
Test(upool_h2, more_than_a_connection_takes)
{
	int first;

	configure_https("dns.test", 0);
	open_with(1, 2);
	first = server_fd;
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	for (uint32_t id = 2; id <= 4; id++)
		ask(id, CORE_HTTPS);
	serve_until_asked(3);
	cr_expect_eq(n_asked, 3);
	h2_take(100);
	serve_until_asked(1);
	cr_expect_eq(asked[0].body[17], 4);
	cr_expect_eq(stats.up_tcp_open, 2);
	close(first);
	close(server_fd);
}

/* No more questions to one that goes away; what it has begun is still answered, then it is closed. */
Test(upool_h2, the_server_goes_away)
{
	int first;

	configure_https("dns.test", 0);
	open_with(1, 100);
	first = server_fd;
	nghttp2_submit_goaway(h2, 0, asked[0].stream, NGHTTP2_NO_ERROR, NULL, 0);
	while (!stats.up_doh_goaway)
		serve();
	serve();
	cr_expect_eq(stats.up_doh_goaway, 1);
	cr_expect_eq(stats.up_tcp_open, 1);
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	until_open(0);
	cr_expect_eq(n_fails, 0);
	cr_expect_eq(stats.up_tcp_lost, 0);
	close(first);
	open_with(2, 100);
	cr_expect_eq(stats.up_tcp_connects, 2);
	close(server_fd);
}

/* With nothing asked it says goodbye when it is too old or nobody has asked for long. */
Test(upool_h2, an_idle_connection_ends_with_a_goodbye)
{
	configure_https("dns.test", 0);
	ups.up[0]->conf.expire_ns = 50 * NS_PER_MS;
	open_with(1, 100);
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	cr_expect_not(said_goodbye);
	until_open(0);
	cr_expect_eq(stats.up_tcp_idle, 1);
	h2_talk();
	cr_expect(said_goodbye);
	close(server_fd);
}

/* Sixteen questions that nobody waits for any more may keep their streams; beyond that they are ended. */
Test(upool_h2, given_up_questions_are_reset_beyond_sixteen)
{
	unsigned resets = 0;

	configure_https("dns.test", 0);
	open_with(1, 100);
	for (uint32_t id = 2; id <= 30; id++)
		ask(id, CORE_HTTPS);
	serve_until_asked(30);
	for (uint32_t id = 1; id <= 16; id++)
		upstreams_cancel(&ups, id);
	for (int i = 0; i < 5; i++)
		serve();
	for (unsigned i = 0; i < n_asked; i++)
		resets += asked[i].reset;
	cr_expect_eq(resets, 0);
	upstreams_cancel(&ups, 17);
	while (!resets) {
		serve();
		for (unsigned i = 0; i < n_asked; i++)
			resets += asked[i].reset;
	}
	cr_expect_eq(resets, 1);
	cr_expect(asked[16].reset);
	cr_expect_eq(n_fails, 0, "nobody waits for them");
	respond_well(&asked[29]);
	while (n_answers < 1)
		serve();
	cr_expect_eq(answer_id[0], 30);
	close(server_fd);
}

/* A server that breaks HTTP/2, or ends without a word, has failed its questions: at once, not
 * when it has been quiet for too long. */
Test(upool_h2, a_connection_that_breaks)
{
	static const uint8_t noise[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

	configure_https("dns.test", 3600 * NS_PER_S);
	open_with(1, 100);
	cr_assert_eq(SSL_write(server, noise, sizeof(noise) - 1), (int)sizeof(noise) - 1);
	while (n_fails < 1)
		serve();
	cr_expect_eq(fail_why[0], CORE_FAIL_CLOSED);
	cr_expect_eq(stats.up_tcp_lost, 1);
	close(server_fd);
	open_with(2, 100);
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	ask(3, CORE_HTTPS);
	serve_until_asked(2);
	shutdown(server_fd, SHUT_RDWR);
	close(server_fd);
	until(&n_fails, 2);
	cr_expect_eq(fail_why[1], CORE_FAIL_CLOSED, "without GOAWAY even if it has answered before");
	cr_expect_eq(stats.up_tcp_lost, 2);
}

/* Pings are answered: without this a server thinks us dead. */
Test(upool_h2, what_the_protocol_asks_is_answered)
{
	configure_https("dns.test", 0);
	open_with(1, 100);
	nghttp2_submit_ping(h2, 0, NULL);
	while (!n_pings)
		serve();
	cr_expect_eq(stats.up_tcp_open, 1);
	close(server_fd);
}

/* A server that lets us have few open is busy before they are used up. */
Test(upool_h2, a_second_one_before_the_first_is_full)
{
	int first;

	configure_https("dns.test", 0);
	open_with(1, 8);
	first = server_fd;
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	for (uint32_t id = 2; id <= 7; id++)
		ask(id, CORE_HTTPS);
	cr_expect_eq(stats.up_tcp_connects, 1, "six of eight");
	serve_until_asked(7);
	ask(8, CORE_HTTPS);
	cr_expect_eq(stats.up_tcp_connects, 2);
	serve_until_asked(8);
	close(first);
}

/* Its id says nothing over HTTP, and what is asked of one that goes is still let end. */
Test(upool_h2, an_upstream_that_goes)
{
	struct upstream_seen seen;

	configure_https("dns.test", 0);
	open_with(1, 100);
	cr_assert(upstreams_seen(&ups, 1, &seen));
	cr_expect_eq(seen.dns_id, 0);
	cr_expect(seen.connected);
	configure(NULL, 0);
	for (int i = 0; i < 3; i++)
		serve();
	cr_expect_eq(stats.up_tcp_open, 1, "its stream is under way");
	cr_expect(ups.retired);
	respond_well(&asked[0]);
	until_open(0);
	cr_assert_eq(loop_step(&loop, loop.now_ns), 0);
	cr_expect_null(ups.retired);
	cr_expect_eq(n_answers + n_fails, 0);
	close(server_fd);
	/* and one that is asked nothing goes at once, with a word */
	configure_https("dns.test", 0);
	open_with(2, 100);
	respond_well(&asked[0]);
	while (n_answers < 1)
		serve();
	configure(NULL, 0);
	until_open(0);
	h2_talk();
	cr_expect(said_goodbye);
	close(server_fd);
}
