/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that includes nghttp2; see the header. A response is judged when
 * its stream ends, except that one with a wrong head or too long a body is ended
 * at once.
 */
#include "resolver/net/doh.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "resolver/net/doh_msg.h"

/* Until the server has said how many streams it takes: so many are sent, the rest
 * wait in the session, up to what RFC 9113 section 5.1.2 calls the least. */
#define STREAMS_FIRST 16
#define STREAMS_ASSUMED 100

struct doh_stream {
	struct doh *doh;
	struct doh_stream *next, **at; /* in doh->streams */
	int32_t number;
	uint16_t id;
	unsigned status;
	bool type_ok, final, has_fault, has_closed; /* final: the last head came, no 1xx one */
	enum doh_fault fault;
	uint32_t age_s;
	size_t head_len, body_len, body_cap;
	uint8_t *body;
	size_t query_len, query_off;
	uint8_t query[];
};

struct doh {
	nghttp2_session *session;
	struct doh_conf conf;
	struct doh_events events;
	char *authority;
	size_t bodies; /* octets of all body_cap */
	bool settled;  /* the server's SETTINGS have come */
	struct doh_stream *streams;
};

static void stream_free(struct doh_stream *s)
{
	if (s->next)
		s->next->at = s->at;
	*s->at = s->next;
	s->doh->bodies -= s->body_cap;
	free(s->body);
	free(s);
}

static void stream_fault(struct doh_stream *s, enum doh_fault fault)
{
	if (s->has_fault)
		return;
	s->has_fault = true;
	s->fault = fault;
	nghttp2_submit_rst_stream(s->doh->session, NGHTTP2_FLAG_NONE, s->number, NGHTTP2_CANCEL);
}

/* --- the head --- */

static bool is(const uint8_t *b, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(b, word, len) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct doh_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	(void)flags;
	(void)ctx;
	if (!s || s->has_fault)
		return 0;
	s->head_len += name_len + len + 32; /* as RFC 9113 section 6.5.2 counts */
	if (s->head_len > DOH_HEAD_MAX)
		stream_fault(s, DOH_TOO_LARGE);
	else if (s->final)
		return 0; /* trailers */
	else if (is(name, name_len, ":status"))
		s->status = doh_number(value, len);
	else if (is(name, name_len, "content-type"))
		s->type_ok = doh_is_dns_type(value, len);
	else if (is(name, name_len, "age"))
		s->age_s = doh_number(value, len);
	return 0;
}

static void head_done(struct doh_stream *s)
{
	if (s->status < 200) {
		s->type_ok = false;
		s->age_s = 0;
		return;
	}
	s->final = true;
	if (s->status >= 300)
		stream_fault(s, DOH_STATUS);
	else if (!s->type_ok)
		stream_fault(s, DOH_TYPE);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct doh_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct doh *d = ctx;
	d->settled |= frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK);
	if (s && frame->hd.type == NGHTTP2_HEADERS && !s->final && !s->has_fault)
		head_done(s);
	return 0;
}

/* --- the body --- */

static bool body_grow(struct doh_stream *s, size_t want)
{
	size_t cap = s->body_cap ? s->body_cap : 512;
	while (cap < want)
		cap *= 2;
	if (s->doh->bodies - s->body_cap + cap > DOH_BODIES_MAX)
		return false;
	uint8_t *p = realloc(s->body, cap);
	if (!p)
		return false;
	s->doh->bodies += cap - s->body_cap;
	s->body = p;
	s->body_cap = cap;
	return true;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t number, const uint8_t *b,
		   size_t len, void *ctx)
{
	struct doh_stream *s = nghttp2_session_get_stream_user_data(session, number);
	(void)flags;
	(void)ctx;
	if (!s || s->has_fault)
		return 0;
	if (s->body_len + len > DOH_BODY_MAX ||
	    (s->body_len + len > s->body_cap && !body_grow(s, s->body_len + len))) {
		stream_fault(s, DOH_TOO_LARGE);
		return 0;
	}
	if (len)
		memcpy(s->body + s->body_len, b, len);
	s->body_len += len;
	return 0;
}

/* --- the end --- */

static bool stream_answers(const struct doh_stream *s)
{
	return !s->has_fault && s->final && s->body_len >= DNS_HEADER_LEN && s->body[2] & 0x80;
}

static int on_close(nghttp2_session *session, int32_t number, uint32_t code, void *ctx)
{
	struct doh_stream *s = nghttp2_session_get_stream_user_data(session, number);
	struct doh *d = ctx;
	if (!s)
		return 0;
	nghttp2_session_set_stream_user_data(session, number, NULL);
	s->has_closed = true;
	if (code == NGHTTP2_NO_ERROR && stream_answers(s)) {
		doh_ttls_lower(s->body, s->body_len, s->age_s);
		d->events.answer(d->events.ctx, s->id, s->body, s->body_len);
	} else {
		enum doh_fault f = code == NGHTTP2_NO_ERROR ? DOH_MALFORMED : DOH_RESET;
		if (s->has_fault)
			f = s->fault;
		else if (code == NGHTTP2_REFUSED_STREAM)
			f = DOH_REFUSED;
		d->events.fail(d->events.ctx, s->id, f, s->status);
	}
	stream_free(s);
	return 0;
}

/* A request the session did not let out has no stream to be closed. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	struct doh *d = ctx;
	struct doh_stream *s = frame->hd.type == NGHTTP2_HEADERS ? d->streams : NULL;
	(void)error;
	while (s && s->number != frame->hd.stream_id)
		s = s->next;
	if (s) {
		nghttp2_session_set_stream_user_data(session, s->number, NULL);
		d->events.fail(d->events.ctx, s->id, s->has_fault ? s->fault : DOH_REFUSED, 0);
		stream_free(s);
	}
	return 0;
}

/* --- asking --- */

static ssize_t query_read(nghttp2_session *session, int32_t number, uint8_t *b, size_t cap,
			  uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct doh_stream *s = source->ptr;
	size_t n = s->query_len - s->query_off;
	(void)session;
	(void)number;
	(void)ctx;
	if (n > cap)
		n = cap;
	memcpy(b, s->query + s->query_off, n);
	s->query_off += n;
	if (s->query_off == s->query_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value, size_t len, uint8_t flags)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .namelen = strlen(name),
			    .value = (uint8_t *)(uintptr_t)value,
			    .valuelen = len,
			    .flags = flags};
}

static int32_t request_submit(struct doh *d, struct doh_stream *s, const char *path)
{
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = query_read};
	const char *method = d->conf.get ? "GET" : "POST";
	/* A path that is another each time would only push the rest out of the
	 * compression table. */
	uint8_t once = d->conf.get ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
	char number[12];
	int n = snprintf(number, sizeof(number), "%zu", s->query_len);
	nghttp2_nv head[] = {
		field(":method", method, strlen(method), 0),
		field(":scheme", "https", 5, 0),
		field(":authority", d->authority, strlen(d->authority), 0),
		field(":path", path, strlen(path), once),
		field("accept", DOH_TYPE_DNS, strlen(DOH_TYPE_DNS), 0),
		field("content-type", DOH_TYPE_DNS, strlen(DOH_TYPE_DNS), 0),
		field("content-length", number, (size_t)n, NGHTTP2_NV_FLAG_NO_INDEX),
	};
	size_t n_head = sizeof(head) / sizeof(head[0]);
	return nghttp2_submit_request(d->session, NULL, head, d->conf.get ? n_head - 2 : n_head,
				      d->conf.get ? NULL : &body, s);
}

static int request_send(struct doh *d, struct doh_stream *s)
{
	size_t n = strlen(d->conf.path);
	char *path = NULL;
	if (d->conf.get) {
		path = malloc(n + 5 + DOH_BASE64_MAX(s->query_len));
		if (!path)
			return ERR_NOMEM;
		memcpy(path, d->conf.path, n);
		memcpy(path + n, "?dns=", 5);
		doh_base64url(path + n + 5, s->query, s->query_len);
	}
	s->number = request_submit(d, s, path ? path : d->conf.path);
	free(path);
	if (s->number > 0)
		return 0;
	return s->number == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_LIMIT;
}

int doh_ask(struct doh *d, uint16_t id, const uint8_t *msg, size_t len)
{
	struct doh_stream *s = calloc(1, sizeof(*s) + len);
	if (!s)
		return ERR_NOMEM;
	s->doh = d;
	s->id = id;
	s->query_len = len;
	memcpy(s->query, msg, len);
	s->next = d->streams;
	s->at = &d->streams;
	if (s->next)
		s->next->at = &s->next;
	d->streams = s;
	int rc = request_send(d, s);
	if (rc < 0)
		stream_free(s);
	return rc;
}

void doh_reset(struct doh *d, uint16_t id)
{
	for (struct doh_stream *s = d->streams; s; s = s->next)
		if (s->id == id && !s->has_closed) {
			stream_fault(s, DOH_RESET);
			return;
		}
}

unsigned doh_streams_max(const struct doh *d)
{
	return d->settled ? nghttp2_session_get_remote_settings(
				    d->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
			  : STREAMS_ASSUMED;
}

bool doh_takes_more(const struct doh *d)
{
	return nghttp2_session_check_request_allowed(d->session) != 0;
}

/* --- octets --- */

int doh_input(struct doh *d, const uint8_t *b, size_t len)
{
	ssize_t n = nghttp2_session_mem_recv(d->session, b, len);
	return n < 0 ? ERR_PEER : 0;
}

ssize_t doh_output(struct doh *d, const uint8_t **ret)
{
	ssize_t n = nghttp2_session_mem_send(d->session, ret);
	if (n == 0 && !nghttp2_session_want_read(d->session) &&
	    !nghttp2_session_want_write(d->session))
		return ERR_PEER; /* both sides have said goodbye */
	return n < 0 ? ERR_PEER : n;
}

void doh_goodbye(struct doh *d)
{
	nghttp2_session_terminate_session(d->session, NGHTTP2_NO_ERROR);
}

static int session_new(struct doh *d)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, DOH_HEAD_MAX},
	};
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	if (nghttp2_session_callbacks_new(&cb) != 0)
		return ERR_NOMEM;
	if (nghttp2_option_new(&option) != 0) {
		nghttp2_session_callbacks_del(cb);
		return ERR_NOMEM;
	}
	nghttp2_option_set_peer_max_concurrent_streams(option, STREAMS_FIRST);
	nghttp2_option_set_max_outbound_ack(option, DOH_ACKS_MAX);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_not_sent);
	int rc = nghttp2_session_client_new2(&d->session, cb, d, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	if (rc != 0)
		return ERR_NOMEM;
	return nghttp2_submit_settings(d->session, NGHTTP2_FLAG_NONE, settings,
				       sizeof(settings) / sizeof(settings[0]))
		       ? ERR_NOMEM
		       : 0;
}

struct doh *doh_new(const struct doh_conf *conf, const struct doh_events *ev)
{
	struct doh *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->conf = *conf;
	d->events = *ev;
	d->authority = strdup(conf->authority);
	if (!d->authority || session_new(d) < 0) {
		doh_free(d);
		return NULL;
	}
	return d;
}

void doh_free(struct doh *d)
{
	if (!d)
		return;
	nghttp2_session_del(d->session);
	while (d->streams)
		stream_free(d->streams);
	free(d->authority);
	free(d);
}
