/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS over HTTPS on a connection of the pool: octets between resolver/net/doh.c and
 * the TLS stream. A question is a stream of HTTP/2; its DNS id is 0, ours only
 * finds it again.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "resolver/net/doh.h"
#include "resolver/net/sockaddr.h"
#include "resolver/net/upool_conn.h"

#define OUT_CHUNK 32768 /* taken from HTTP/2 before the socket is tried */
#define ORPHANS_MAX 16 /* streams nobody waits for; more are reset */

/* --- events --- */

static void on_answer(void *ctx, uint16_t id, const uint8_t *msg, size_t len)
{
	upool_heard(ctx);
	/* Its stream has ended: no other answer can come. */
	if (!upool_answered(ctx, id, msg, len))
		upool_failed(ctx, id, CORE_FAIL_BADREPLY);
}

static void fault_tell(struct upool_conn *c, enum doh_fault fault, unsigned status)
{
	static const char *const words[DOH_FAULTS] = {
		[DOH_STATUS] = "HTTP status",
		[DOH_TYPE] = "not application/dns-message: HTTP status",
		[DOH_TOO_LARGE] = "response too large: HTTP status",
		[DOH_MALFORMED] = "no DNS message in the response: HTTP status"};
	struct upstreams *u = upool_conn_all(c);
	char where[SOCKADDR_TEXT], text[SOCKADDR_TEXT + 96];
	if (!words[fault] || c->told || !u->events.event)
		return;
	c->told = true;
	snprintf(text, sizeof(text), "https://%s: %s %u",
		 sockaddr_text(where, &c->pool->up->conf.addr, c->pool->up->conf.port),
		 words[fault], status);
	u->events.event(u->events.ctx, 3, text);
}

static void on_fail(void *ctx, uint16_t id, enum doh_fault fault, unsigned status)
{
	struct upool_conn *c = ctx;
	upool_conn_all(c)->stats->up_doh_faults[fault]++;
	fault_tell(c, fault, status);
	upool_failed(c, id, fault <= DOH_RESET ? CORE_FAIL_CLOSED : CORE_FAIL_BADREPLY);
}

/* --- the framing --- */

static void authority_of(char *to, size_t cap, const struct upstream_conf *conf)
{
	char addr[SOCKADDR_TEXT];
	if (conf->tls_name)
		snprintf(to, cap, "%s:%u", conf->tls_name, conf->port);
	else
		snprintf(to, cap, "%s", sockaddr_text(addr, &conf->addr, conf->port));
	if (conf->port == DNS_HTTPS_PORT) /* RFC 9110 section 4.2.3: as if it were not there */
		*strrchr(to, ':') = 0;
}

static int h2_open(struct upool_conn *c)
{
	const struct upstream_conf *conf = &c->pool->up->conf;
	struct doh_events ev = {.ctx = c, .answer = on_answer, .fail = on_fail};
	char authority[300];
	struct doh_conf dc = {.authority = authority, .path = conf->doh_path, .get = conf->doh_get};
	authority_of(authority, sizeof(authority), conf);
	c->doh = doh_new(&dc, &ev);
	return c->doh ? 0 : ERR_NOMEM;
}

static long h2_flush(struct upool_conn *c)
{
	for (;;) {
		const uint8_t *b;
		ssize_t n = 1;
		while (c->stream.out_len < OUT_CHUNK && (n = doh_output(c->doh, &b)) > 0)
			if (stream_put_raw(&c->stream, b, (size_t)n) < 0)
				return -1;
		long left = stream_flush(&c->stream);
		if (n < 0) /* nothing is heard any more: whoever waits would wait for nothing */
			return -1;
		if (left != 0 || n <= 0)
			return left;
	}
}

static void h2_close(struct upool_conn *c)
{
	if (c->state == CONN_OPEN && c->ids.n == 0) {
		doh_goodbye(c->doh);
		h2_flush(c);
	}
	doh_free(c->doh);
	c->doh = NULL;
}

static unsigned h2_room(const struct upool_conn *c)
{
	unsigned max = doh_streams_max(c->doh);
	return max < CONN_FULL ? max : CONN_FULL;
}

static int h2_put(struct upool_conn *c, uint16_t id, const uint8_t *msg, size_t len)
{
	return doh_ask(c->doh, id, msg, len);
}

static enum stream_status h2_read(struct upool_conn *c)
{
	struct upstreams *u = upool_conn_all(c);
	size_t len;
	enum stream_status st = stream_read_raw(&c->stream, u->scratch, &len);
	if (st != STREAM_OK || len == 0)
		return st;
	if (doh_input(c->doh, u->scratch->b, len) < 0)
		return STREAM_ERROR;
	if (!c->draining && !doh_takes_more(c->doh)) {
		c->draining = true;
		u->stats->up_doh_goaway++;
	}
	upool_touch(c); /* acknowledgements and windows */
	return STREAM_OK;
}

static void h2_given_up(struct upool_conn *c, uint16_t id)
{
	if (c->ids.n - c->n_asks <= ORPHANS_MAX)
		return;
	doh_reset(c->doh, id);
	upool_touch(c);
}

const struct upool_framing upool_framing_h2 = {
	.scheme = "https",
	.open = h2_open,
	.close = h2_close,
	.room = h2_room,
	.put = h2_put,
	.read = h2_read,
	.flush = h2_flush,
	.given_up = h2_given_up,
};
