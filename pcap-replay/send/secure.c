/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multi handle each, because connections are shared within one, and each captured client
 * has its own. libcurl says which descriptors and when; both are in the caller's epoll, the
 * time as a timerfd. A stream is connected by libcurl (CONNECT_ONLY) and then read and
 * written here; its handle stays in the multi, which would close the connection otherwise.
 */
#include "pcap-replay/send/secure.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "pcap-replay/send/room.h"

#define OUT_MAX  (1u << 20)   /* octets that wait to be sent */
#define BODY_MAX (65535u + 1) /* of an answer; the one more shows that it is too long */
#define CONNECT_MS 10000L

struct post { /* one question over HTTPS */
	struct post *next; /* of the free ones */
	CURL *easy;
	uint8_t *question, *body;
	size_t n_question, n_body;
};

struct secure {
	struct secure_conf c;
	CURLM *multi;
	CURL *stream;         /* over TLS */
	struct curl_slist *headers, *connect_to;
	struct post *free_posts, *posts[4096]; /* all there are, for the end */
	size_t n_posts, n_under_way;
	curl_socket_t fd;     /* of the stream, once it is ours */
	int timer;
	bool broken;
	uint8_t *out, *in;    /* with lengths */
	size_t n_out, cap_out, n_in, cap_in;
	char fault[160], why[CURL_ERROR_SIZE];
};

static void failed(struct secure *s, const char *what)
{
	if (!s->fault[0])
		snprintf(s->fault, sizeof(s->fault), "%.30s: %.120s", s->c.target->text, what);
}

/* --- what libcurl wants watched --- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct secure *s = arg;
	struct epoll_event ev = {.data.ptr = s->c.event};
	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(s->c.epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(s->c.epoll, EPOLL_CTL_MOD, fd, &ev))
		epoll_ctl(s->c.epoll, EPOLL_CTL_ADD, fd, &ev);
	s->fd = fd;
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct secure *s = arg;
	struct itimerspec t = {{0, 0}, {0, 0}};
	(void)multi;
	if (ms == 0)
		t.it_value.tv_nsec = 1;
	else if (ms > 0)
		t.it_value = (struct timespec){ms / 1000, ms % 1000 * 1000000};
	timerfd_settime(s->timer, 0, &t, NULL);
	return 0;
}

/* --- handles --- */

static CURL *easy_new(struct secure *s, bool is_stream)
{
	const struct target *t = s->c.target;
	const char *host = t->name[0] ? t->name : t->host;
	char url[512];
	CURL *e = curl_easy_init();
	if (!e)
		return NULL;
	snprintf(url, sizeof(url), strchr(host, ':') ? "https://[%s]:%u%s" : "https://%s:%u%s", host, t->port, is_stream ? "/" : t->path);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->why);
	if (s->connect_to)
		curl_easy_setopt(e, CURLOPT_CONNECT_TO, s->connect_to);
	if (s->c.trust->ca_file) {
		curl_easy_setopt(e, CURLOPT_CAINFO, s->c.trust->ca_file);
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
	if (s->c.trust->anybody) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (is_stream) {
		curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
		curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L);
	}
	return e;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct post *p = arg;
	if (size * n > BODY_MAX - p->n_body)
		return 0;
	memcpy(p->body + p->n_body, data, size * n);
	p->n_body += size * n;
	return size * n;
}

static struct post *post_new(struct secure *s)
{
	struct post *p = s->n_posts < sizeof(s->posts) / sizeof(s->posts[0]) ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	p->question = malloc(65535);
	p->body = malloc(BODY_MAX);
	p->easy = easy_new(s, false);
	if (!p->question || !p->body || !p->easy) {
		curl_easy_cleanup(p->easy);
		free(p->question);
		free(p->body);
		free(p);
		return NULL;
	}
	curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(p->easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, s->headers);
	curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(p->easy, CURLOPT_PRIVATE, p);
	s->posts[s->n_posts++] = p;
	return p;
}

static bool is_stream(const struct secure *s)
{
	return s->c.target->via == TARGET_TLS;
}

static int connect_to(struct secure *s)
{
	const struct target *t = s->c.target;
	char text[512];
	if (!t->name[0])
		return 0;
	snprintf(text, sizeof(text), strchr(t->host, ':') ? "::[%s]:%u" : "::%s:%u", t->host, t->port);
	s->connect_to = curl_slist_append(NULL, text);
	return s->connect_to ? 0 : ERR_NOMEM;
}

int secure_new(struct secure **ret, const struct secure_conf *c)
{
	static bool begun;
	int running;
	if (!begun && curl_global_init(CURL_GLOBAL_DEFAULT))
		return ERR_NOMEM;
	begun = true;
	struct secure *s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->c = *c;
	s->fd = CURL_SOCKET_BAD;
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->multi = curl_multi_init();
	s->headers = curl_slist_append(NULL, "Content-Type: application/dns-message");
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c->event};
	if (s->timer < 0 || !s->multi || !s->headers || connect_to(s) || epoll_ctl(c->epoll, EPOLL_CTL_ADD, s->timer, &ev)) {
		secure_free(s);
		return ERR_SYS;
	}
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
	if (is_stream(s)) {
		s->stream = easy_new(s, true);
		if (!s->stream || curl_multi_add_handle(s->multi, s->stream)) {
			secure_free(s);
			return ERR_NOMEM;
		}
		curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	*ret = s;
	return 0;
}

void secure_free(struct secure *s)
{
	if (!s)
		return;
	if (s->stream) {
		if (s->c.epoll >= 0 && s->fd != CURL_SOCKET_BAD)
			epoll_ctl(s->c.epoll, EPOLL_CTL_DEL, s->fd, NULL);
		curl_multi_remove_handle(s->multi, s->stream);
		curl_easy_cleanup(s->stream);
	}
	for (size_t i = 0; i < s->n_posts; i++) {
		curl_multi_remove_handle(s->multi, s->posts[i]->easy);
		curl_easy_cleanup(s->posts[i]->easy);
		free(s->posts[i]->question);
		free(s->posts[i]->body);
		free(s->posts[i]);
	}
	if (s->multi)
		curl_multi_cleanup(s->multi);
	curl_slist_free_all(s->headers);
	curl_slist_free_all(s->connect_to);
	if (s->timer >= 0)
		close(s->timer);
	free(s->in);
	free(s->out);
	free(s);
}

const char *secure_fault(const struct secure *s)
{
	return s->fault[0] ? s->fault : NULL;
}

/* --- the stream --- */

static bool is_connected(const struct secure *s)
{
	return s->stream && s->n_under_way;
}

/* The socket has become ours: libcurl watches it no more. */
static void connected(struct secure *s)
{
	s->n_under_way = 1;
	curl_easy_getinfo(s->stream, CURLINFO_ACTIVESOCKET, &s->fd);
}

static void stream_watch(struct secure *s)
{
	struct epoll_event ev = {.events = EPOLLIN | (s->n_out ? EPOLLOUT : 0u), .data.ptr = s->c.event};
	if (epoll_ctl(s->c.epoll, EPOLL_CTL_MOD, s->fd, &ev) && epoll_ctl(s->c.epoll, EPOLL_CTL_ADD, s->fd, &ev))
		s->broken = true;
}

static void stream_flush(struct secure *s)
{
	size_t at = 0, n;
	while (at < s->n_out) {
		CURLcode rc = curl_easy_send(s->stream, s->out + at, s->n_out - at, &n);
		if (rc == CURLE_AGAIN)
			break;
		if (rc) {
			failed(s, curl_easy_strerror(rc));
			s->broken = true;
			return;
		}
		at += n;
	}
	if (at > 0) /* before the first question there is no room yet */
		memmove(s->out, s->out + at, s->n_out - at);
	s->n_out -= at;
	stream_watch(s);
}

static void stream_messages(struct secure *s)
{
	uint64_t now_ns = clock_mono_ns();
	size_t at = 0;
	while (s->n_in - at >= 2 && s->n_in - at >= 2u + get_be16(s->in + at)) {
		size_t n = get_be16(s->in + at);
		s->c.got(s->c.ctx, s->in + at + 2, n, now_ns);
		at += 2 + n;
	}
	if (at > 0)
		memmove(s->in, s->in + at, s->n_in - at);
	s->n_in -= at;
}

static void stream_read(struct secure *s)
{
	size_t n;
	for (;;) {
		if (!room_grow(&s->in, &s->cap_in, s->n_in + 16384)) {
			s->broken = true;
			return;
		}
		CURLcode rc = curl_easy_recv(s->stream, s->in + s->n_in, s->cap_in - s->n_in, &n);
		if (rc == CURLE_AGAIN)
			return;
		if (rc || n == 0) { /* a server that has heard nothing for a while closes: no fault */
			s->broken = true;
			return;
		}
		s->n_in += n;
		stream_messages(s);
	}
}

/* --- what came --- */

/* The server has not answered, which is not the same as answering with an error. */
static bool is_connection_lost(CURLcode rc)
{
	return rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING || rc == CURLE_PARTIAL_FILE ||
	       rc == CURLE_HTTP2 || rc == CURLE_HTTP2_STREAM;
}

static void post_done(struct secure *s, struct post *p, CURLcode rc)
{
	long status = 0;
	char text[64];
	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(s->multi, p->easy);
	s->n_under_way--;
	p->next = s->free_posts;
	s->free_posts = p;
	if (rc == CURLE_OK && status == 200) {
		s->c.got(s->c.ctx, p->body, p->n_body, clock_mono_ns());
		return;
	}
	snprintf(text, sizeof(text), "HTTP status %ld", status);
	failed(s, rc ? (s->why[0] ? s->why : curl_easy_strerror(rc)) : text);
	if (is_connection_lost(rc))
		s->c.lost(s->c.ctx, p->question, p->n_question);
}

static void transfers(struct secure *s)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(s->multi, &left))) {
		CURLcode rc = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		if (m->easy_handle != s->stream) {
			struct post *p;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
			post_done(s, p, rc);
		} else if (rc) {
			failed(s, s->why[0] ? s->why : curl_easy_strerror(rc));
			s->broken = true;
		} else {
			connected(s);
		}
	}
}

bool secure_event(struct secure *s)
{
	uint64_t n;
	int running;
	ssize_t rung = read(s->timer, &n, sizeof(n));
	if (!is_connected(s) || !is_stream(s)) {
		if (rung > 0)
			curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		if (s->fd != CURL_SOCKET_BAD)
			curl_multi_socket_action(s->multi, s->fd, 0, &running);
		transfers(s);
	}
	if (!s->broken && is_stream(s) && is_connected(s)) {
		stream_flush(s);
		stream_read(s);
	}
	return !s->broken;
}

int secure_send(struct secure *s, const uint8_t *msg, size_t len)
{
	int running;
	if (s->broken)
		return ERR_SYS;
	if (is_stream(s)) {
		if (s->n_out + len + 2 > OUT_MAX || !room_grow(&s->out, &s->cap_out, s->n_out + len + 2))
			return ERR_LIMIT;
		set_be16(s->out + s->n_out, (uint16_t)len);
		memcpy(s->out + s->n_out + 2, msg, len);
		s->n_out += len + 2;
		if (is_connected(s))
			stream_flush(s);
		return s->broken ? ERR_SYS : 0;
	}
	struct post *p = s->free_posts;
	if (p)
		s->free_posts = p->next;
	else if (!(p = post_new(s)))
		return ERR_LIMIT;
	memcpy(p->question, msg, len);
	p->n_question = len;
	p->n_body = 0;
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, (const char *)p->question);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE, (long)len);
	if (curl_multi_add_handle(s->multi, p->easy)) {
		p->next = s->free_posts;
		s->free_posts = p;
		return ERR_SYS;
	}
	s->n_under_way++;
	curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	return 0;
}

int secure_try(const struct target *t, const struct target_trust *trust, uint64_t timeout_ns, struct diag *d)
{
	struct secure s = {.c = {.target = t, .trust = trust, .epoll = -1}};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || connect_to(&s))
		return diag_set(d, ERR_NOMEM, "out of memory");
	CURL *e = easy_new(&s, true);
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	if (e) {
		curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ns / NS_PER_MS));
		rc = curl_easy_perform(e);
	}
	bool untrusted = rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE;
	if (rc)
		diag_set(d, ERR_PEER, "%s: %s%s", t->text, s.why[0] ? s.why : curl_easy_strerror(rc),
			 untrusted ? "; --ca FILE trusts others, ADDRESS%NAME expects another name, --insecure anybody" : "");
	curl_easy_cleanup(e);
	curl_slist_free_all(s.connect_to);
	return rc ? ERR_PEER : 0;
}
