/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS-over-HTTPS server that misbehaves on request: the first label of the
 * name asked says how. A process for each connection; nothing is slow but what
 * is asked to be.
 *
 *   h2server ADDRESS PORT CERT KEY STREAMS
 *
 *   status-N   an HTTP status               type       content-type text/html
 *   big        70,000 octets of body        head       17 KiB of headers
 *   empty      no body                      rst        RST_STREAM
 *   hold       no answer                    slow-MS    after so long
 *   age-N      an Age header                early      103 before 200
 *   ping       400 PINGs before the answer
 *   goaway close half garbage: GOAWAY before it is processed, the connection
 *              closed before, after half an answer, other than HTTP/2; only the
 *              first time that label is asked
 *   shut       the connection closed at each time
 * Anything else: A 192.0.2.1, TTL 300. For each question one line goes out:
 *   METHOD AUTHORITY PATH-WITHOUT-QUERY DNS-ID
 */
#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"

#define BODY_MAX 70000

struct ask {
	struct ask *next;
	int32_t stream;
	char method[8], authority[80], path[900];
	uint8_t query[600], body[BODY_MAX];
	size_t query_len, body_off, body_len;
	char label[64];
	bool half;
	uint64_t due_ns;
};

static SSL *ssl;
static nghttp2_session *session;
static struct ask *waiting;
static bool must_close;
static unsigned *times; /* shared by all connections, by the label's first letter */

static long number_of(const struct ask *a)
{
	const char *dash = strchr(a->label, '-');
	return dash ? atol(dash + 1) : 0;
}

static bool label_is(const struct ask *a, const char *word)
{
	size_t n = strlen(word);
	return strncmp(a->label, word, n) == 0 && (a->label[n] == 0 || a->label[n] == '-');
}

static bool first_time(const struct ask *a)
{
	return __atomic_fetch_add(&times[a->label[0] & 127], 1, __ATOMIC_RELAXED) == 0;
}

/* --- DNS --- */

static void query_of_path(struct ask *a)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *text = strstr(a->path, "?dns=");
	uint32_t bits = 0;
	int n = 0;
	if (!text)
		return;
	*text = 0;
	for (text += 5; *text && a->query_len < sizeof(a->query); text++) {
		const char *d = strchr(digit, *text);
		bits = bits << 6 | (uint32_t)(d ? d - digit : 0);
		n += 6;
		if (n >= 8) {
			n -= 8;
			a->query[a->query_len++] = (uint8_t)(bits >> n);
		}
	}
}

static void answer_make(struct ask *a)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1};
	struct dns_msg m;
	if (dns_msg_parse(&m, a->query, a->query_len) != 0 || m.h.n_qd != 1)
		return;
	memcpy(a->body, a->query, m.answer_off);
	a->body[2] |= 0x80;
	a->body[3] = 0x80;
	memset(a->body + 4, 0, 8);
	a->body[5] = 1;
	if (m.q.qtype == DNS_A) {
		a->body[7] = 1;
		memcpy(a->body + m.answer_off, rr, sizeof(rr));
	}
	a->body_len = m.answer_off + (m.q.qtype == DNS_A ? sizeof(rr) : 0);
	snprintf(a->label, sizeof(a->label), "%.*s", a->query[12] < 60 ? a->query[12] : 60,
		 (char *)a->query + 13);
}

/* --- HTTP/2 --- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), 0};
}

static ssize_t body_read(nghttp2_session *s, int32_t stream, uint8_t *b, size_t cap,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct ask *a = source->ptr;
	size_t n = a->body_len - a->body_off;
	(void)s;
	(void)stream;
	(void)ctx;
	if (a->half && a->body_off) {
		must_close = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	n = a->half ? n / 2 : n < cap ? n : cap;
	memcpy(b, a->body + a->body_off, n);
	a->body_off += n;
	if (a->body_off == a->body_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void respond(struct ask *a)
{
	nghttp2_data_provider body = {.source.ptr = a, .read_callback = body_read};
	static char value[17][1001];
	char number[16] = "200", age[16];
	size_t n = 3;
	if (label_is(a, "status"))
		snprintf(number, sizeof(number), "%ld", number_of(a));
	snprintf(age, sizeof(age), "%ld", label_is(a, "age") ? number_of(a) : 0);
	nghttp2_nv head[20] = {field(":status", number), field("age", age),
			       field("content-type", label_is(a, "type")
							     ? "text/html"
							     : "application/dns-message")};
	for (size_t i = 0; label_is(a, "head") && i < 17; i++) {
		memset(value[i], 'x', 1000);
		head[n++] = field("x-more", value[i]);
	}
	if (label_is(a, "big"))
		a->body_len = BODY_MAX;
	if (label_is(a, "early")) {
		nghttp2_nv early[] = {field(":status", "103")};
		nghttp2_submit_headers(session, 0, a->stream, NULL, early, 1, NULL);
	}
	for (int i = 0; label_is(a, "ping") && i < 400; i++)
		nghttp2_submit_ping(session, 0, NULL);
	nghttp2_submit_response(session, a->stream, head, n, label_is(a, "empty") ? NULL : &body);
}

static void ask_done(struct ask *a)
{
	query_of_path(a);
	answer_make(a);
	printf("%s %s %s %u\n", a->method, a->authority, a->path,
	       a->query_len > 1 ? get_be16(a->query) : 1);
	fflush(stdout);
	if (label_is(a, "hold"))
		return;
	if (label_is(a, "rst")) {
		nghttp2_submit_rst_stream(session, 0, a->stream, NGHTTP2_INTERNAL_ERROR);
	} else if (label_is(a, "slow")) {
		a->due_ns = clock_mono_ns() + (uint64_t)number_of(a) * NS_PER_MS;
		a->next = waiting;
		waiting = a;
	} else if (label_is(a, "goaway") && first_time(a)) {
		nghttp2_submit_goaway(session, 0, a->stream - 2 > 0 ? a->stream - 2 : 0, 0, NULL,
				      0);
	} else if (label_is(a, "shut") || (label_is(a, "close") && first_time(a))) {
		must_close = true;
	} else if (label_is(a, "garbage") && first_time(a)) {
		SSL_write(ssl, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	} else {
		a->half = label_is(a, "half") && first_time(a);
		respond(a);
	}
}

static int on_begin(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
	struct ask *a = calloc(1, sizeof(*a)); /* kept: the process is short-lived */
	(void)ctx;
	if (!a)
		exit(1);
	a->stream = f->hd.stream_id;
	return nghttp2_session_set_stream_user_data(s, f->hd.stream_id, a);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t n,
		     const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct ask *a = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
	(void)n;
	(void)flags;
	(void)ctx;
	if (strcmp((const char *)name, ":method") == 0)
		snprintf(a->method, sizeof(a->method), "%.*s", (int)len, value);
	else if (strcmp((const char *)name, ":authority") == 0)
		snprintf(a->authority, sizeof(a->authority), "%.*s", (int)len, value);
	else if (strcmp((const char *)name, ":path") == 0)
		snprintf(a->path, sizeof(a->path), "%.*s", (int)len, value);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *b, size_t len,
		   void *ctx)
{
	struct ask *a = nghttp2_session_get_stream_user_data(s, stream);
	(void)flags;
	(void)ctx;
	if (a->query_len + len > sizeof(a->query))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(a->query + a->query_len, b, len);
	a->query_len += len;
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
	struct ask *a = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
	(void)ctx;
	if (a && (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
	    f->hd.flags & NGHTTP2_FLAG_END_STREAM)
		ask_done(a);
	return 0;
}

/* --- one connection --- */

/* In records as large as they get: what comes at once is to be met at once. */
static bool send_all(void)
{
	static uint8_t record[SSL3_RT_MAX_PLAIN_LENGTH];
	size_t len = 0;
	const uint8_t *b;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(session, &b)) > 0)
		while (n > 0) {
			size_t some = sizeof(record) - len < (size_t)n ? sizeof(record) - len : (size_t)n;
			memcpy(record + len, b, some);
			len += some;
			b += some;
			n -= (ssize_t)some;
			if (len < sizeof(record))
				continue;
			if (SSL_write(ssl, record, (int)len) != (int)len)
				return false;
			len = 0;
		}
	if (len && SSL_write(ssl, record, (int)len) != (int)len)
		return false;
	return n == 0 && !must_close;
}

/* Answers those whose time has come; how long the next one has, ms; -1: none. */
static int waiting_serve(void)
{
	int ms = -1;
	for (struct ask **l = &waiting; *l;) {
		uint64_t now = clock_mono_ns();
		struct ask *a = *l;
		if (a->due_ns <= now) {
			*l = a->next;
			respond(a);
			continue;
		}
		int left = (int)((a->due_ns - now) / NS_PER_MS) + 1;
		ms = ms < 0 || left < ms ? left : ms;
		l = &a->next;
	}
	return ms;
}

static void serve(int fd, unsigned streams)
{
	nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
	nghttp2_session_callbacks *cb;
	uint8_t b[16384];
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_server_new(&session, cb, NULL);
	nghttp2_submit_settings(session, 0, &entry, 1);
	while (send_all()) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ms = waiting_serve();
		if (!send_all())
			break;
		if (!SSL_pending(ssl) && poll(&p, 1, ms) == 0)
			continue;
		int n = SSL_read(ssl, b, sizeof(b));
		if (n <= 0 || nghttp2_session_mem_recv(session, b, (size_t)n) < 0)
			break;
	}
	close(fd);
}

static int alpn_choose(SSL *s, const unsigned char **out, unsigned char *n, const unsigned char *in,
		       unsigned len, void *ctx)
{
	(void)s;
	(void)ctx;
	return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, n, in, len) == 1
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int one = 1, lis = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET};
	if (argc != 6 || inet_pton(AF_INET, argv[1], &sa.sin_addr) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1)
		return 2;
	sa.sin_port = htons((uint16_t)atoi(argv[2]));
	SSL_CTX_set_alpn_select_cb(ctx, alpn_choose, NULL);
	times = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setsockopt(lis, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (times == MAP_FAILED || bind(lis, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(lis, 64) < 0)
		return 2;
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(lis, NULL, NULL);
		if (fd < 0 || fork() != 0) {
			close(fd);
			continue;
		}
		close(lis);
		alarm(120); /* whatever becomes of the test */
		ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			serve(fd, (unsigned)atoi(argv[5]));
		_exit(0);
	}
}
