/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards an upstream, with OpenSSL's own server at the other end of a connection
 * of loopback: who is believed, what a session gives to read and takes to write, and how
 * it ends. Questions over it are test_upool_tls.c's.
 */
#include "tests/fixtures/no_memory.h"
#include "tests/fixtures/tls_world.h"

#include <errno.h>
#include <signal.h>

#include "resolver/net/tls.h"

TestSuite(tls, .init = server_setup, .fini = server_teardown, .timeout = 60);

/* --- a session by hand --- */

static struct tls_ctx *ctx;
static struct tls_session *session;
static struct diag words;
static int client_fd;

static int session_start(const struct tls_conf *conf)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int rc = 0, theirs = 0;

	if (!ctx)
		cr_assert_eq(tls_ctx_new(&ctx, conf, &words), 0, "%s", words.text);
	client_fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(client_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(fcntl(client_fd, F_SETFL, O_NONBLOCK), 0);
	server_take(accept_one());
	session = tls_session_new(ctx, client_fd);
	cr_assert(session);
	words.text[0] = 0;
	while (rc == 0) {
		bool want_write = true;

		rc = tls_handshake(session, &want_write, &words);
		cr_assert(rc || !want_write, "a short flight waits for the other side");
		if (theirs != 1)
			theirs = SSL_do_handshake(server);
		if (SSL_get_servername(server, TLSEXT_NAMETYPE_host_name))
			snprintf(server_sni, sizeof(server_sni), "%s", SSL_get_servername(server, TLSEXT_NAMETYPE_host_name));
		if (theirs != 1 && SSL_get_error(server, theirs) == SSL_ERROR_SSL && rc == 0)
			rc = tls_handshake(session, &want_write, &words);
	}
	for (int i = 0; rc == 1 && theirs != 1 && i < 1000; i++)
		theirs = SSL_do_handshake(server);
	return rc;
}

static void session_end(void)
{
	tls_session_free(session);
	session = NULL;
	close(client_fd);
	close(server_fd);
}

static void ctx_end(void)
{
	tls_ctx_free(ctx);
	ctx = NULL;
}

Test(tls, whose_certificate_is_taken)
{
	static const struct {
		const char *name, *alpn;
		bool is_good, dot;
		int max_version;
		const char *sni, *words; /* NULL: taken */
	} cases[] = {
		{NULL, NULL, true, false, 0, "", NULL},
		{"dns.test", NULL, true, false, 0, "dns.test", NULL},
		{"127.0.0.1", NULL, true, false, 0, "", NULL},
		{"::1", NULL, true, false, 0, "", NULL},
		{"dns.test", NULL, true, false, TLS1_2_VERSION, "dns.test", NULL},
		{"other.test", NULL, true, false, 0, "other.test", "certificate not accepted: hostname mismatch"},
		{"127.0.0.2", NULL, true, false, 0, "", "certificate not accepted: IP address mismatch"},
		{"::2", NULL, true, false, 0, "", "certificate not accepted: IP address mismatch"},
		{NULL, NULL, false, false, 0, "", "certificate not accepted: "},
		{NULL, "dot", true, true, 0, "", NULL},
		{NULL, "dot", true, false, 0, "", "the server does not speak 'dot' (ALPN)"},
		{NULL, "do", true, true, 0, "", "the server does not speak 'do' (ALPN)"},
		{NULL, NULL, true, true, 0, "", NULL},
		{NULL, NULL, true, false, TLS1_1_VERSION, "", "TLS handshake: "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_conf conf = {.server_name = cases[i].name, .alpn = cases[i].alpn, .ca_file = cases[i].is_good ? good : stranger};

		server_alpn = cases[i].dot ? "\3dot" : NULL;
		SSL_CTX_set_max_proto_version(server_ctx, cases[i].max_version);
		SSL_CTX_set_security_level(server_ctx, cases[i].max_version == TLS1_1_VERSION ? 0 : 1);
		int rc = session_start(&conf);

		cr_expect_eq(rc, cases[i].words ? ERR_PEER : 1, "case %zu: %s", i, words.text);
		if (cases[i].words)
			cr_expect_eq(strncmp(words.text, cases[i].words, strlen(cases[i].words)), 0, "case %zu: %s", i, words.text);
		cr_expect_null(strstr(words.text, "connection closed"), "OpenSSL knows why");
		cr_expect_str_eq(server_sni, cases[i].sni, "case %zu", i);
		cr_expect_not(tls_resumed(session));
		session_end();
		ctx_end();
	}
}

/* Without a name the certificate is the address's, of IPv6 too. */
Test(tls, an_address_of_ipv6)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const struct tls_conf conf = {.ca_file = good};
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET6, SOCK_STREAM, 0), rc = 0, theirs = 0;

	if (l < 0 || bind(l, (struct sockaddr *)&sa, len) || listen(l, 1))
		cr_skip_test("no IPv6 here");
	cr_assert_eq(getsockname(l, (struct sockaddr *)&sa, &len), 0);
	cr_assert_eq(tls_ctx_new(&ctx, &conf, &words), 0, "%s", words.text);
	client_fd = socket(AF_INET6, SOCK_STREAM, 0);
	cr_assert_eq(connect(client_fd, (struct sockaddr *)&sa, len), 0);
	cr_assert_eq(fcntl(client_fd, F_SETFL, O_NONBLOCK), 0);
	int fd = accept(l, NULL, NULL);

	cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	server_take(fd);
	session = tls_session_new(ctx, client_fd);
	cr_assert(session);
	words.text[0] = 0;
	while (rc == 0) {
		bool want_write;

		rc = tls_handshake(session, &want_write, &words);
		if (theirs != 1)
			theirs = SSL_do_handshake(server);
	}
	cr_expect_eq(rc, 1, "%s", words.text);
	session_end();
	ctx_end();
	close(l);
}

/* Without a file of the configuration's the system's are believed; with one, it alone. */
Test(tls, whom_the_system_believes)
{
	static const struct {
		bool system_knows;
		const char *file; /* NULL: none is said */
		bool is_taken;
	} cases[] = {{true, NULL, true}, {false, NULL, false}, {true, stranger, false}, {false, good, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_conf conf = {.server_name = "dns.test", .ca_file = cases[i].file};

		setenv("SSL_CERT_FILE", cases[i].system_knows ? good : stranger, 1);
		setenv("SSL_CERT_DIR", dir, 1); /* where nothing has the name that is looked for */
		cr_expect_eq(session_start(&conf), cases[i].is_taken ? 1 : ERR_PEER, "case %zu: %s", i, words.text);
		session_end();
		ctx_end();
	}
}

Test(tls, files_that_are_no_good)
{
	static const char nobody[] = "/nonexistent/x.pem";
	const struct {
		struct tls_conf conf;
		const char *words;
	} cases[] = {
		{{.ca_file = nobody}, "tls: CA file '/nonexistent/x.pem': "},
		{{.ca_file = good, .cert_file = nobody, .key_file = good_key}, "tls: certificate '/nonexistent/x.pem': "},
		{{.ca_file = good, .cert_file = good, .key_file = nobody}, "tls: key '/nonexistent/x.pem': "},
		{{.ca_file = good, .cert_file = good, .key_file = stranger_key}, "tls: key '"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_ctx *c = NULL;

		cr_expect_eq(tls_ctx_new(&c, &cases[i].conf, &words), ERR_SYS, "case %zu", i);
		cr_expect_null(c);
		cr_expect_eq(strncmp(words.text, cases[i].words, strlen(cases[i].words)), 0, "%s", words.text);
	}
	ERR_clear_error();
	tls_ctx_free(NULL);
	tls_session_free(NULL);
}

Test(tls, a_certificate_of_ours)
{
	struct tls_conf conf = {.ca_file = good, .cert_file = stranger, .key_file = stranger_key, .alpn = "dot"};

	server_alpn = "\3dot";
	SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	cr_assert_eq(SSL_CTX_load_verify_file(server_ctx, stranger), 1);
	cr_assert_eq(session_start(&conf), 1, "%s", words.text);
	cr_expect(SSL_is_init_finished(server), "the server has it");
	session_end();
	ctx_end();
}

/* OpenSSL keeps errors in a list of the thread: what others left in it is not ours. */
Test(tls, errors_of_others)
{
	struct tls_conf conf = {.ca_file = good}, bad = {.ca_file = "/nonexistent/x.pem"};
	struct tls_ctx *none = NULL;
	bool want_write = true;
	uint8_t b[16];

	ERR_raise(ERR_LIB_USER, 1);
	cr_expect_eq(tls_ctx_new(&none, &bad, &words), ERR_SYS);
	cr_expect_eq(strncmp(words.text, "tls: CA file '/nonexistent/x.pem': system lib", 45), 0, "%s", words.text);
	ERR_clear_error();
	cr_assert_eq(tls_ctx_new(&ctx, &conf, &words), 0);
	cr_assert_eq(session_start(&conf), 1);
	ERR_raise(ERR_LIB_USER, 1);
	cr_expect_eq(tls_read(session, b, sizeof(b), NULL), -1);
	cr_expect_eq(errno, EAGAIN);
	ERR_raise(ERR_LIB_USER, 1);
	while (tls_write(session, dir, sizeof(dir)) > 0)
		ERR_raise(ERR_LIB_USER, 1);
	cr_expect_eq(errno, EAGAIN);
	session_end();
	client_fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

	cr_assert_eq(connect(client_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(fcntl(client_fd, F_SETFL, O_NONBLOCK), 0);
	session = tls_session_new(ctx, client_fd);
	ERR_raise(ERR_LIB_USER, 1);
	cr_expect_eq(tls_handshake(session, &want_write, &words), 0, "it waits for the other side");
	tls_session_free(session);
	session = NULL;
	close(client_fd);
	ctx_end();
}

/* Nobody is at the other end, so there is no address that a certificate could name. */
Test(tls, no_peer_no_session)
{
	struct tls_conf conf = {.ca_file = good};

	cr_assert_eq(tls_ctx_new(&ctx, &conf, &words), 0);
	client_fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_expect_null(tls_session_new(ctx, client_fd));
	close(client_fd);
	ctx_end();
}

/* What does not fit into the socket's buffer is written when there is room. */
Test(tls, a_handshake_may_have_to_wait_for_room)
{
	static uint8_t junk[4096];
	struct tls_conf conf = {.ca_file = good, .server_name = "dns.test"};
	bool want_write = false;
	int fd[2];

	cr_assert_eq(tls_ctx_new(&ctx, &conf, &words), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	while (send(fd[0], junk, sizeof(junk), 0) > 0)
		;
	session = tls_session_new(ctx, fd[0]);
	cr_assert(session);
	cr_expect_eq(tls_handshake(session, &want_write, &words), 0);
	cr_expect(want_write);
	while (recv(fd[1], junk, sizeof(junk), 0) > 0)
		;
	cr_expect_eq(tls_handshake(session, &want_write, &words), 0);
	cr_expect_not(want_write, "now it waits for the other side");
	cr_expect_gt(recv(fd[1], junk, sizeof(junk), 0), 100, "its greeting has left");
	tls_session_free(session);
	session = NULL;
	close(fd[0]);
	close(fd[1]);
	ctx_end();
}

/* All there is in one piece, then nothing, then the end, and an end that is none. */
Test(tls, what_is_read)
{
	static uint8_t b[40000], sent[30000];
	struct tls_conf conf = {.ca_file = good};

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	cr_assert_eq(session_start(&conf), 1);
	cr_expect_eq(tls_read(session, b, sizeof(b), NULL), -1);
	cr_expect_eq(errno, EAGAIN);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(SSL_write(server, sent + i * 10000, 10000), 10000);
	bool want_write = false;
	size_t have = 0;

	while (have < 15000) {
		ssize_t n = tls_read(session, b + have, 15000 - have, &want_write);

		if (n > 0)
			have += (size_t)n;
		else
			cr_assert(n == -1 && errno == EAGAIN);
	}
	ssize_t rest = tls_read(session, b + have, sizeof(b) - have, &want_write);

	cr_expect_eq(rest, 15000, "of several records, and no more than there is: %zd", rest);
	cr_expect_arr_eq(b, sent, 30000);
	cr_expect_not(want_write);
	SSL_shutdown(server);
	errno = 0;
	for (ssize_t n = -1; n < 0; n = tls_read(session, b, sizeof(b), NULL))
		cr_assert(errno == 0 || errno == EAGAIN);
	cr_expect_eq(tls_read(session, b, sizeof(b), NULL), 0, "the end stays the end");
	session_end();

	cr_assert_eq(session_start(&conf), 1);
	shutdown(server_fd, SHUT_WR);
	while (tls_read(session, b, sizeof(b), NULL) < 0 && errno == EAGAIN)
		;
	cr_expect_eq(tls_read(session, b, sizeof(b), NULL), -1, "cut off is no end");
	cr_expect_eq(errno, ECONNRESET);
	session_end();
	ctx_end();
}

/* What the other side does not take waits; it gets the rest, and is told of the end. */
Test(tls, what_is_written)
{
	static uint8_t b[1 << 20], got[1 << 16];
	struct tls_conf conf = {.ca_file = good};
	size_t sent = 0, read = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 5 + i / 251);
	cr_assert_eq(session_start(&conf), 1);
	for (int blocked = 0; sent < sizeof(b);) {
		n = tls_write(session, b + sent, sizeof(b) - sent);
		cr_assert_neq(n, 0);
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		cr_assert_eq(errno, EAGAIN);
		if (!blocked++)
			cr_expect_gt(sent, 0);
		while ((n = SSL_read(server, got, sizeof(got))) > 0) {
			cr_assert_eq(memcmp(got, b + read, (size_t)n), 0);
			read += (size_t)n;
		}
	}
	while (read < sizeof(b)) {
		if ((n = SSL_read(server, got, sizeof(got))) <= 0)
			continue;
		cr_assert_eq(memcmp(got, b + read, (size_t)n), 0);
		read += (size_t)n;
	}
	tls_session_free(session); /* says goodbye */
	session = NULL;
	while ((n = SSL_read(server, got, sizeof(got))) < 0 && SSL_get_error(server, (int)n) == SSL_ERROR_WANT_READ)
		;
	cr_expect_eq(SSL_get_error(server, (int)n), SSL_ERROR_ZERO_RETURN, "close_notify");
	session_end();
	ctx_end();
}

/* After a fault no goodbye is said, and nothing more is taken. */
Test(tls, a_broken_session)
{
	struct tls_conf conf = {.ca_file = good};
	uint8_t b[64] = {0};

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(session_start(&conf), 1);
	cr_assert_eq(send(server_fd, "\x17\x03\x03\x00\x10 not of this key", 21, 0), 21);
	while (tls_read(session, b, sizeof(b), NULL) < 0 && errno == EAGAIN)
		;
	cr_expect_eq(errno, ECONNRESET);
	cr_expect_eq(tls_write(session, b, 10), -1);
	session_end();
	ctx_end();
}

/* Who has said goodbye and gone takes nothing more, and that is an error, not an end. */
Test(tls, written_to_nobody)
{
	struct tls_conf conf = {.ca_file = good};
	uint8_t b[64] = {0};
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(session_start(&conf), 1);
	SSL_shutdown(server);
	close(server_fd);
	while ((n = tls_read(session, b, sizeof(b), NULL)) < 0)
		cr_assert_eq(errno, EAGAIN);
	cr_expect_eq(n, 0);
	while ((n = tls_write(session, b, sizeof(b))) > 0)
		;
	cr_expect_eq(n, -1);
	cr_expect_eq(errno, EPIPE);
	session_end();
	ctx_end();
}

/* The second connection takes up the first one's session; another upstream's does not. */
Test(tls, sessions_are_resumed)
{
	struct tls_conf conf = {.ca_file = good, .server_name = "dns.test"};
	uint8_t b[8];

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(session_start(&conf), 1, "%s", words.text);
		cr_expect_eq(tls_resumed(session), i > 0, "connection %d", i);
		cr_assert_eq(SSL_write(server, "x", 1), 1);
		while (tls_read(session, b, 1, NULL) < 0) /* tickets come before it */
			cr_assert_eq(errno, EAGAIN);
		session_end();
	}
	ctx_end();
	cr_assert_eq(session_start(&conf), 1);
	cr_expect_not(tls_resumed(session));
	session_end();
	ctx_end();
}

/* Without memory there is neither context nor session. */
Test(tls, no_memory)
{
	struct tls_conf conf = {.ca_file = good};
	struct tls_ctx *other = NULL;

	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	cr_assert_eq(session_start(&conf), 1); /* what OpenSSL keeps is kept now */
	for (long n = 0; n < 2; n++) {
		struct tls_session *s;

		memory_fail(n, true);
		s = tls_session_new(ctx, client_fd);
		memory_back();
		cr_expect_null(s);
		memory_fail(n, true);
		int err = tls_ctx_new(&other, &conf, &words);

		memory_back();
		cr_expect_eq(err, ERR_NOMEM);
		cr_expect_null(other);
		cr_expect_eq(strncmp(words.text, "tls: ", 5), 0);
	}
	session_end();
	ctx_end();
}

/* CA certificates are read once for all upstreams that name them, and anew when the file is another: a system's take 30 ms each time. */
Test(tls, what_is_trusted_is_shared_while_the_file_is_the_same)
{
	struct tls_ctx *more[3], *renewed;
	struct tls_conf conf = {.server_name = "dns.test"}, system = {.server_name = "dns.test"};
	char ca[80];

	snprintf(ca, sizeof(ca), "%s/ca", dir);
	cr_assert_eq(link(good, ca), 0);
	conf.ca_file = ca;
	cr_expect_eq(tls_trusts(), 0);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(tls_ctx_new(&more[i], i == 2 ? &system : &conf, &words), 0, "%s", words.text);
	cr_expect_eq(tls_trusts(), 2, "a file's and the system's");
	cr_expect_eq(session_start(&conf), 1, "the third of the file's: %s", words.text);
	cr_expect_eq(tls_trusts(), 2);
	session_end();
	cr_assert_eq(unlink(ca), 0);
	cr_assert_eq(link(stranger, ca), 0);
	cr_assert_eq(tls_ctx_new(&renewed, &conf, &words), 0, "%s", words.text);
	cr_expect_eq(tls_trusts(), 3, "the file is another");
	tls_ctx_free(more[0]);
	cr_expect_eq(session_start(&conf), 1, "who has read it before trusts what it was: %s", words.text);
	session_end();
	tls_ctx_free(ctx);
	ctx = renewed;
	cr_expect_eq(session_start(&conf), ERR_PEER, "who reads it now does not");
	session_end();
	ctx_end();
	tls_ctx_free(more[2]);
	cr_expect_eq(tls_trusts(), 1);
	tls_ctx_free(more[1]);
	cr_expect_eq(tls_trusts(), 0);
	cr_expect_eq(unlink(ca), 0);
}
