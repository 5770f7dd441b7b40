/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever reaches the HTTP ports, on a kernel in memory: requests in pieces, many on
 * one connection, headers of any kind, clients that do not read, resets, time, and a
 * handler that is not always ready. Each response is well-formed, nobody holds more
 * connections than the limits say, and all end when time passes.
 *
 * The input is a list of steps of three octets: what, whose connection, a detail; raw
 * octets follow where the step says so.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/observe/http.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/kernel.h"

#define CONNS 32
#define ROUNDS_MAX 2000
#define LIMIT 6 /* connections of pods; of one address: 3; of the node: 2 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tokens[] = {
	"GET ",
	"HEAD ",
	"POST ",
	"/",
	"/metrics",
	"/health?self",
	"/../x",
	"%2e%2f",
	" HTTP/1.1\r\n",
	" HTTP/1.0\r\n",
	"Host: x\r\n",
	"Connection: close\r\n",
	"connection:keep-alive\r\n",
	"Content-Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n",
	"\r\n",
	"\r",
	"\n",
	" ",
	"?a=b&c",
	"GET /metrics HTTP/1.1\r\n\r\n",
	"HEAD / HTTP/1.1\r\n\r\n",
	"GET /later HTTP/1.1\r\nConnection: close\r\n\r\n",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static struct {
	struct loop loop;
	struct http_server *http;
	struct conn {
		struct ksock *s;
		char head[512]; /* of a response on its way */
		size_t n_head, n_body;
		bool is_new; /* nothing of the body has come yet */
	} conn[CONNS];
	unsigned n_conns;
	bool ready;
} h;

/* --- what the server does --- */

/* Only the daemon's runs are written down. */
void diary(enum diary_side side, const char *what, uint64_t x, uint64_t y, const void *octets, size_t len)
{
	(void)side, (void)what, (void)x, (void)y, (void)octets, (void)len;
}

/* No body begins with H: what does is the next response, and that was one to HEAD. */
static void response_take(struct conn *c, const uint8_t *b, size_t len)
{
	for (; len > 0; len--, b++) {
		const char *at;

		if (c->n_body && !(c->is_new && *b == 'H')) {
			c->n_body--;
			c->is_new = false;
			continue;
		}
		c->n_body = 0;
		if (c->n_head == sizeof(c->head) - 1)
			fault_found("a response's headers do not end");
		c->head[c->n_head++] = (char)*b;
		c->head[c->n_head] = 0;
		if (strncmp(c->head, "HTTP/1.1 ", c->n_head < 9 ? c->n_head : 9) != 0)
			fault_found("no response: %s", c->head);
		if (c->n_head < 4 || strcmp(c->head + c->n_head - 4, "\r\n\r\n") != 0)
			continue;
		at = strstr(c->head, "\r\nContent-Length: ");
		if (!at)
			fault_found("a response of no length: %s", c->head);
		c->n_body = (size_t)atol(at + 18);
		c->n_head = 0;
		c->is_new = true;
	}
}

void world_stream(struct ksock *s, const uint8_t *b, size_t len)
{
	if (s->owner)
		response_take(s->owner, b, len);
}

void world_closed(struct ksock *s)
{
	struct conn *c = s->owner;

	if (c)
		c->s = NULL;
}

void world_connect(struct ksock *s)
{
	(void)s;
}

void world_datagram(struct ksock *s, const struct in6_addr *from, const struct in6_addr *to,
		    uint16_t port, const uint8_t *b, size_t len)
{
	(void)s, (void)from, (void)to, (void)port, (void)b, (void)len;
}

static void handle(void *ctx, const struct http_request *rq, struct http_response *rs)
{
	size_t len = strlen(rq->path) * 100;

	(void)ctx;
	assert(rq->path[0] == '/' && strlen(rq->path) + strlen(rq->query) <= 8192 && rq->mask == 1);
	k.now_ns += 200 * NS_PER_US; /* work */
	if (strcmp(rq->path, "/later") == 0 && !h.ready) {
		rs->later = true;
		return;
	}
	if (strcmp(rq->path, "/") == 0)
		return; /* 404 */
	rs->status = 200;
	rs->body = malloc(len + 1);
	assert(rs->body);
	memset(rs->body, 'x', len);
	rs->len = len;
	rs->close = rq->query[0] == 'c';
}

/* --- time --- */

static void run(uint64_t ns)
{
	uint64_t end = k.now_ns + ns;
	unsigned rounds = 0;

	k.until_ns = end;
	do {
		int rc = loop_step(&h.loop, T_NEVER);

		assert(rc == 0);
		rounds = k.last_events ? rounds + 1 : 0;
		if (rounds > ROUNDS_MAX)
			fault_found("the loop turns and turns");
	} while (k.now_ns < end || k.last_events);
}

/* --- steps --- */

static void connect_in(unsigned who)
{
	struct in6_addr from = {
		.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 1, (uint8_t)(who & 3)}};
	struct in6_addr here = {.s6_addr = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
	struct in6_addr at = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 10}};
	struct ksock *l = kernel_listener_find(K_LISTEN, &at, 9153, 0);
	struct conn *c = &h.conn[h.n_conns % CONNS];

	if (!l)
		fault_found("nobody listens");
	if (c->s) {
		c->s->owner = NULL;
		c->s->reset = true;
	}
	memset(c, 0, sizeof(*c));
	c->s = kernel_connect_in(l, who & 4 ? &here : &from, (uint16_t)(1024 + h.n_conns));
	if (!c->s)
		return;
	c->s->owner = c;
	c->s->room = who & 8 ? 100 + who : SIZE_MAX;
	h.n_conns++;
}

static struct conn *conn_of(unsigned which)
{
	struct conn *c = h.n_conns ? &h.conn[(h.n_conns - 1 - which % h.n_conns) % CONNS] : NULL;

	return c && c->s ? c : NULL;
}

/* How many octets of the input a step takes. */
static size_t step(const uint8_t *b, size_t left)
{
	struct conn *c = conn_of(b[1] & 7);
	const char *t = tokens[b[2] % (sizeof(tokens) / sizeof(tokens[0]))];
	size_t len = b[2] < left ? b[2] : left;

	switch (b[0] % 9) {
	case 0:
		connect_in(b[2]);
		return 0;
	case 1:
	case 2:
		for (unsigned i = 0; c && !c->s->eof && i <= (b[1] >> 3); i++)
			kernel_stream_in(c->s, t, strlen(t));
		return 0;
	case 3:
		if (c && !c->s->eof)
			kernel_stream_in(c->s, b + 3, len);
		return len;
	case 4:
		if (c && b[2] & 1)
			c->s->eof = true;
		else if (c)
			c->s->reset = true;
		return 0;
	case 5:
		if (c)
			c->s->room = b[2] & 1 ? SIZE_MAX : b[2];
		return 0;
	case 6:
		run((uint64_t)b[2] * b[2] * NS_PER_MS);
		return 0;
	case 7:
		h.ready = b[2] & 1;
		http_resume(h.http);
		return 0;
	default:
		k.fault[KC_ACCEPT].count = b[2] & 1;
		k.fault[KC_ACCEPT].err = EMFILE;
		return 0;
	}
}

static void limits_check(void)
{
	const struct http_counts *n = http_counted(h.http);

	if (n->open > LIMIT + 2)
		fault_found("%u connections", n->open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in6_addr at = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 10}};
	struct http_limits limits;
	struct diag d;

	kernel_reset();
	memset(&h, 0, sizeof(h));
	http_limits_default(&limits);
	limits.conns_max = LIMIT;
	limits.conns_share = LIMIT / 2;
	limits.node_max = 2;
	if (loop_init(&h.loop, &d) < 0)
		abort();
	h.http = http_new(&h.loop, &limits, handle, NULL);
	if (!h.http || http_adopt(h.http, kernel_listener(K_LISTEN, &at, 9153, 0), &at, 9153) < 0 ||
	    http_listen(h.http, &at, 9153, 0, 1, &d) < 0)
		abort();
	while (size >= 3) {
		size_t used = 3 + step(data, size - 3);

		data += used;
		size -= used;
		run(0);
		limits_check();
	}
	h.ready = true;
	http_resume(h.http);
	run(200 * NS_PER_S);
	if (http_counted(h.http)->open)
		fault_found("%u connections stay open", http_counted(h.http)->open);
	http_free(h.http);
	loop_release(&h.loop);
	if (kernel_fds_open())
		fault_found("%u descriptors are left open", kernel_fds_open());
	return 0;
}
