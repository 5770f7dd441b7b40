/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over HTTPS, spoken with the library's own server in the same process: no socket, no clock. */
#include "tests/fixtures/no_memory.h"

#include "tests/fixtures/doh_world.h"

/* --- the client --- */

static void on_answer(void *ctx, uint16_t id, const uint8_t *msg, size_t len)
{
	size_t at = strlen(told);
	struct dns_msg m;

	(void)ctx;
	if (len == reply_len && dns_msg_parse(&m, msg, len) == 0)
		snprintf(told + at, sizeof(told) - at, "%u answer %u ", id, m.min_ttl_s);
	else
		snprintf(told + at, sizeof(told) - at, "%u answer of %zu ", id, len);
}

static void on_fail(void *ctx, uint16_t id, enum doh_fault fault, unsigned status)
{
	size_t at = strlen(told);

	(void)ctx;
	snprintf(told + at, sizeof(told) - at, "%u fail %d %u ", id, fault, status);
}

static void teardown(void)
{
	doh_free(doh);
	nghttp2_session_del(server);
}

static void open_both(bool get, bool settle, uint32_t streams)
{
	const struct doh_conf conf = {.authority = "dns.example", .path = "/q", .get = get};
	const struct doh_events ev = {.answer = on_answer, .fail = on_fail};
	nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
	nghttp2_session_callbacks *cb;

	cr_assert_eq(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, server_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, server_data);
	cr_assert_eq(nghttp2_session_server_new(&server, cb, NULL), 0);
	nghttp2_session_callbacks_del(cb);
	doh = doh_new(&conf, &ev);
	cr_assert(doh);
	if (settle) {
		cr_assert_eq(nghttp2_submit_settings(server, 0, &settings, 1), 0);
		cr_assert_eq(talk(), 0);
	}
}

static const uint8_t query[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
static const char *const ok[] = {":status=200", "content-type=application/dns-message", NULL};

static void reply_make(uint32_t ttl_s)
{
	static const uint8_t name[] = {1, 'a', 0};
	struct wire_out o;

	wire_out_init(&o, reply, sizeof(reply));
	wire_put_header(&o, &(struct dns_header){.flags = 0x8180, .n_qd = 1, .n_an = 1});
	wire_put_question(&o, name, DNS_A, 1);
	size_t mark = wire_rr_begin(&o, name, DNS_A, 1, ttl_s);

	wire_put_u32(&o, 0xc0000201);
	wire_rr_end(&o, mark);
	reply_len = o.len;
}

static void ask(uint16_t id)
{
	cr_assert_eq(doh_ask(doh, id, query, sizeof(query)), 0);
	cr_assert_eq(talk(), 0);
}

static const char *told_since(void)
{
	static char text[65536];

	strcpy(text, told);
	told[0] = 0;
	return text;
}

static void setup(void)
{
	reply_make(300);
	open_both(false, true, 100);
}

TestSuite(doh_talk, .fini = teardown, .timeout = 20);

Test(doh_talk, post, .init = setup)
{
	ask(5);
	cr_assert_eq(n_seen, 1);
	cr_expect_str_eq(seen[0].head, ":method=POST :scheme=https :authority=dns.example :path=/q "
				       "accept=application/dns-message content-type=application/dns-message "
				       "content-length=19 ");
	cr_expect_eq(seen[0].len, sizeof(query));
	cr_expect_eq(memcmp(seen[0].body, query, sizeof(query)), 0);
	cr_expect_str_eq(told_since(), "");
	cr_expect_eq(respond(0, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "5 answer 300 ");
}

Test(doh_talk, get)
{
	reply_make(300);
	open_both(true, true, 100);
	ask(6);
	cr_assert_eq(n_seen, 1);
	cr_expect_str_eq(seen[0].head, ":method=GET :scheme=https :authority=dns.example "
				       ":path=/q?dns=AAABAAABAAAAAAAAAWEAAAEAAQ accept=application/dns-message ");
	cr_expect_eq(seen[0].len, 0);
	cr_expect_eq(respond(0, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "6 answer 300 ");
}

/* In any order; each ends one question. */
Test(doh_talk, many_at_once, .init = setup)
{
	for (uint16_t id = 0; id < 20; id++)
		ask(id);
	cr_assert_eq(n_seen, 20);
	for (unsigned i = 20; i-- > 0;) {
		char want[32];

		cr_expect_eq(respond(i, ok, reply, reply_len), 0);
		snprintf(want, sizeof(want), "%u answer 300 ", i);
		cr_expect_str_eq(told_since(), want);
	}
}

Test(doh_talk, heads, .init = setup)
{
	static const struct {
		const char *fields[6], *want;
	} cases[] = {
		{{":status=200", "content-type=application/dns-message", "age=40"}, "answer 260 "},
		{{":status=200", "age=400", "content-type=application/dns-message"}, "answer 0 "},
		{{":status=299", "content-type=application/dns-message", "x-age=40"}, "answer 300 "},
		{{":status=200", "content-type=application/DNS-message; x=y"}, "answer 300 "},
		{{":status=300", "content-type=application/dns-message"}, "fail 2 300 "},
		{{":status=404", "content-type=application/dns-message"}, "fail 2 404 "},
		{{":status=503"}, "fail 2 503 "},
		{{":status=200", "content-type=text/html"}, "fail 3 200 "},
		{{":status=200"}, "fail 3 200 "},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[64];

		reply_make(300);
		ask((uint16_t)(100 + i));
		cr_expect_eq(respond(i, cases[i].fields, reply, reply_len), 0);
		snprintf(want, sizeof(want), "%u %s", 100 + i, cases[i].want);
		cr_expect_str_eq(told_since(), want, "case %u", i);
	}
	/* the connection is none the worse */
	ask(9);
	cr_expect_eq(respond(n_seen - 1, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "9 answer 300 ");
}

/* A head before the head says nothing of the answer; fields behind the body neither. */
Test(doh_talk, early_hints_and_trailers, .init = setup)
{
	const nghttp2_nv early[] = {field_of(":status=103"), field_of("age=100"),
				    field_of("content-type=application/dns-message")};

	ask(1);
	cr_assert_eq(nghttp2_submit_headers(server, 0, seen[0].stream, NULL, early, 3, NULL), 0);
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "");
	cr_expect_eq(respond(0, (const char *const[]){":status=200", "content-type=text/html", NULL}, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "1 fail 3 200 ");
	ask(3);
	cr_assert_eq(nghttp2_submit_headers(server, 0, seen[1].stream, NULL, early, 3, NULL), 0);
	cr_expect_eq(respond(1, (const char *const[]){":status=200", NULL}, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "3 fail 3 200 ");
	ask(2);
	cr_assert_eq(nghttp2_submit_headers(server, 0, seen[2].stream, NULL, early, 3, NULL), 0);
	cr_expect_eq(respond(2, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "2 answer 300 ");
}

/* Fields behind the body are read for their size only. */
Test(doh_talk, trailers, .init = setup)
{
	static char large[DOH_HEAD_MAX + 100] = "x=";

	ask(0);
	cr_expect_eq(respond_with(0, ok, &(struct body){.b = reply, .len = reply_len, .trailer = "age=100"}), 0);
	cr_expect_str_eq(told_since(), "0 answer 300 ");
	ask(1);
	cr_expect_eq(respond_with(1, ok, &(struct body){.b = reply, .len = reply_len, .trailer = "content-type=text/html"}), 0);
	cr_expect_str_eq(told_since(), "1 answer 300 ");
	memset(large + 2, 'v', sizeof(large) - 3);
	ask(2);
	cr_expect_eq(respond_with(2, ok, &(struct body){.b = reply, .len = reply_len, .trailer = large}), 0);
	cr_expect_str_eq(told_since(), "2 fail 4 200 ");
	ask(3);
	cr_expect_eq(respond(3, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "3 answer 300 ");
}

/* All bodies that have begun to come may take so much together, and no more. */
Test(doh_talk, bodies_together, .init = setup)
{
	enum { N = DOH_BODIES_MAX / 65536 };
	static uint8_t large[60000];
	static struct body body[N + 1];

	for (unsigned i = 0; i <= N; i++) {
		body[i] = (struct body){.b = large, .len = sizeof(large), .goes_on = true};
		ask((uint16_t)i);
		cr_expect_eq(respond_with(i, ok, &body[i]), 0);
		cr_expect_str_eq(told_since(), i < N ? "" : "16 fail 4 200 ", "%u", i);
	}
	doh_reset(doh, 3); /* its room is free again */
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "3 fail 1 200 ");
	memcpy(large, reply, DNS_HEADER_LEN);
	ask(50);
	cr_expect_eq(respond(n_seen - 1, ok, large, sizeof(large)), 0);
	cr_expect_str_eq(told_since(), "50 answer of 60000 ");
	body[5].goes_on = false;
	cr_assert_eq(nghttp2_session_resume_data(server, seen[5].stream), 0);
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "5 fail 5 200 ", "it was no answer");
}

/* Larger than a frame of HTTP/2: it arrives whole. */
Test(doh_talk, a_large_question, .init = setup)
{
	static uint8_t large[50000];

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 7 + i / 256);
	cr_assert_eq(doh_ask(doh, 1, large, sizeof(large)), 0);
	cr_expect_eq(talk(), 0);
	cr_expect_eq(seen[0].len, sizeof(large));
	cr_expect_eq(memcmp(seen[0].body, large, sizeof(large)), 0);
	cr_expect_eq(respond(0, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "1 answer 300 ");
}

/* A question that there is no memory for is refused, and harms none beside it. */
Test(doh_talk, memory_is_short, .init = setup)
{
	const struct doh_conf conf = {.authority = "dns.example", .path = "/q"};
	const struct doh_events ev = {.answer = on_answer, .fail = on_fail};
	bool is_short = true;
	unsigned n_good = 0;
	long n;

	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	for (n = 0; is_short; n++) {
		long kept = memory_kept;

		memory_fail(n, true);
		struct doh *other = doh_new(&conf, &ev);

		is_short = memory_back();
		cr_assert(is_short || other);
		doh_free(other);
		cr_assert_eq(memory_kept, kept, "of allocation %ld", n);
	}
	cr_expect_gt(n, 5);
	is_short = true;
	for (n = 0; is_short; n++) {
		memory_fail(n, true);
		int err = doh_ask(doh, (uint16_t)n, query, sizeof(query));

		is_short = memory_back();
		cr_assert(err == 0 || (is_short && err == ERR_NOMEM), "allocation %ld: %d", n, err);
		n_good += err == 0;
	}
	cr_expect_gt(n, 2);
	cr_expect_eq(talk(), 0);
	cr_expect_eq(n_seen, n_good);
	cr_expect_str_eq(told_since(), "");
	cr_expect_eq(respond(n_seen - 1, ok, reply, reply_len), 0);
	cr_expect(strstr(told_since(), " answer 300 "));
}

Test(doh_talk, bodies, .init = setup)
{
	static uint8_t large[DOH_BODY_MAX + 40000];

	reply_make(300);
	ask(0);
	cr_expect_eq(respond(0, ok, NULL, 0), 0);
	cr_expect_str_eq(told_since(), "0 fail 5 200 ");
	ask(1);
	cr_expect_eq(respond(1, ok, reply, DNS_HEADER_LEN - 1), 0);
	cr_expect_str_eq(told_since(), "1 fail 5 200 ");
	ask(2);
	cr_expect_eq(respond(2, ok, query, sizeof(query)), 0);
	cr_expect_str_eq(told_since(), "2 fail 5 200 ");
	memcpy(large, reply, DNS_HEADER_LEN);
	ask(3);
	cr_expect_eq(respond(3, ok, large, DOH_BODY_MAX), 0);
	cr_expect_str_eq(told_since(), "3 answer of 65535 ");
	ask(4);
	cr_expect_eq(respond(4, ok, large, DOH_BODY_MAX + 1), 0);
	cr_expect_str_eq(told_since(), "4 fail 4 200 ");
	ask(5);
	cr_expect_eq(respond(5, ok, large, DNS_HEADER_LEN), 0);
	cr_expect_str_eq(told_since(), "5 answer of 12 ");
	ask(6); /* what comes behind the limit is let pass */
	cr_expect_eq(respond(6, ok, large, sizeof(large)), 0);
	cr_expect_str_eq(told_since(), "6 fail 4 200 ");
	ask(7);
	cr_expect_eq(respond(7, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "7 answer 300 ");
}

Test(doh_talk, a_head_too_large, .init = setup)
{
	static char field[DOH_HEAD_MAX];
	const char *const fields[] = {":status=200", "content-type=application/dns-message", field, NULL};
	size_t known = 7 + 3 + 32 + 12 + 23 + 32; /* the two before, as HTTP/2 counts them */
	size_t value = DOH_HEAD_MAX - known - 32 - 1;

	for (unsigned i = 0; i < 2; i++) {
		memset(field, 'v', sizeof(field));
		memcpy(field, "x=", 2);
		field[2 + value + i] = 0;
		ask((uint16_t)i);
		cr_expect_eq(respond(i, fields, reply, reply_len), 0);
		cr_expect_str_eq(told_since(), i ? "1 fail 4 200 " : "0 answer 300 ");
	}
}

Test(doh_talk, streams_that_are_ended, .init = setup)
{
	ask(0);
	nghttp2_submit_rst_stream(server, 0, seen[0].stream, NGHTTP2_REFUSED_STREAM);
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "0 fail 0 0 ");
	ask(1);
	nghttp2_submit_rst_stream(server, 0, seen[1].stream, NGHTTP2_INTERNAL_ERROR);
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "1 fail 1 0 ");
	ask(2);
	ask(3);
	doh_reset(doh, 3);
	doh_reset(doh, 7); /* nobody's */
	cr_expect_eq(talk(), 0);
	cr_expect_str_eq(told_since(), "3 fail 1 0 ");
	cr_expect_eq(respond(2, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "2 answer 300 ");
}

Test(doh_talk, sixteen_until_the_server_says_how_many)
{
	reply_make(300);
	open_both(false, false, 0);
	cr_expect_eq(doh_streams_max(doh), 100);
	for (uint16_t id = 0; id < 20; id++)
		cr_assert_eq(doh_ask(doh, id, query, sizeof(query)), 0);
	/* its settings are a server's first word, however much it has heard */
	nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 18};

	cr_assert_eq(nghttp2_submit_settings(server, 0, &settings, 1), 0);
	cr_expect_eq(hear(), 1);
	cr_expect_eq(n_seen, 16);
	cr_expect_eq(talk(), 0);
	cr_expect_eq(doh_streams_max(doh), 18);
	cr_expect_eq(n_seen, 18);
	cr_expect_eq(respond(0, ok, reply, reply_len), 0);
	cr_expect_eq(n_seen, 19);
	cr_expect_str_eq(told_since(), "0 answer 300 ");
}

/* What the server has not begun is safe to ask elsewhere; what it has is still answered. */
Test(doh_talk, the_server_goes_away, .init = setup)
{
	for (uint16_t id = 0; id < 3; id++)
		ask(id);
	cr_expect(doh_takes_more(doh));
	cr_assert_eq(nghttp2_submit_goaway(server, 0, seen[1].stream, NGHTTP2_NO_ERROR, NULL, 0), 0);
	cr_assert_eq(doh_ask(doh, 9, query, sizeof(query)), 0);
	cr_assert_eq(doh_ask(doh, 8, query, sizeof(query)), 0);
	const uint8_t *b;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(server, &b)) > 0) /* while what is asked has not left yet */
		cr_assert_eq(doh_input(doh, b, (size_t)n), 0);
	cr_expect_eq(talk(), 0);
	cr_expect_not(doh_takes_more(doh));
	cr_expect_str_eq(told_since(), "2 fail 0 0 9 fail 0 0 8 fail 0 0 ");
	ask(10);
	cr_expect_str_eq(told_since(), "10 fail 0 0 ");
	cr_expect_eq(respond(0, ok, reply, reply_len), 0);
	cr_expect_str_eq(told_since(), "0 answer 300 ");
	respond(1, ok, reply, reply_len);
	cr_expect_str_eq(told_since(), "1 answer 300 ");
}

Test(doh_talk, goodbye_and_noise, .init = setup)
{
	static const uint8_t noise[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

	doh_goodbye(doh);
	cr_expect_eq(talk(), ERR_PEER, "both have said it");
	teardown();
	setup();
	ask(1);
	doh_input(doh, noise, sizeof(noise) - 1);
	const uint8_t *b;
	ssize_t n;

	while ((n = doh_output(doh, &b)) > 0)
		;
	cr_expect_eq(n, ERR_PEER);
}

/* Who only makes us answer its own frames is left. */
Test(doh_talk, a_flood_of_pings, .init = setup)
{
	const uint8_t *out;
	uint8_t ping[64];
	ssize_t len;
	int n = 0;

	cr_assert_eq(nghttp2_submit_ping(server, 0, NULL), 0);
	len = nghttp2_session_mem_send(server, &out);
	cr_assert(len > 0 && len <= (ssize_t)sizeof(ping));
	memcpy(ping, out, (size_t)len);
	for (int i = 0; i < 3 * DOH_ACKS_MAX; i++) {
		cr_assert_eq(doh_input(doh, ping, (size_t)len), 0);
		if (i % 10 == 9)
			cr_assert_eq(hear(), 1, "those that are answered are no flood");
	}
	while (doh_input(doh, ping, (size_t)len) == 0)
		cr_assert_lt(n++, 2 * DOH_ACKS_MAX);
	cr_expect_geq(n, DOH_ACKS_MAX - 10);
	cr_expect_eq(doh_input(doh, ping, (size_t)len), ERR_PEER);
}
