/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection (RFC 9113) as a client of DNS over HTTPS (RFC 8484), as
 * a function of octets: no socket, no clock. doh.c is the only file that knows
 * libnghttp2. What the server sends goes in through doh_input, what it is to be
 * sent comes out of doh_output; answers and failures come through the events,
 * called from within these two. An event may ask again but not free.
 *
 * What a server can grow: response headers 16 KiB a question, a body 65,535
 * octets (it is a DNS message), bodies not complete yet 1 MiB a connection,
 * acknowledgements we owe 64. Whoever exceeds one loses the stream or, for the
 * last, the connection.
 */
#ifndef NODENS_DOH_H
#define NODENS_DOH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/dns/limits.h"

#define DOH_HEAD_MAX   16384
#define DOH_BODY_MAX   DNS_MSG_MAX
#define DOH_BODIES_MAX (1024 * 1024)
#define DOH_ACKS_MAX   64

struct doh;

/* Why a question got no answer; the order is that of the metric's labels. */
enum doh_fault {
	DOH_REFUSED,   /* not processed (GOAWAY, REFUSED_STREAM): safe to ask again */
	DOH_RESET,     /* the server ended the stream, or we did */
	DOH_STATUS,    /* an HTTP status that is not 2xx */
	DOH_TYPE,      /* content-type is not application/dns-message */
	DOH_TOO_LARGE, /* a limit above */
	DOH_MALFORMED, /* no DNS response in the body */
	DOH_FAULTS
};

struct doh_conf {
	const char *authority; /* host[:port]; copied */
	const char *path;      /* begins with '/'; outlives the connection */
	bool get;              /* GET with ?dns=, else POST */
};

struct doh_events {
	void *ctx;
	/* The id given to doh_ask; msg has at least a header with QR set, its TTLs
	 * are lowered by the response's Age (RFC 8484 section 5.1). */
	void (*answer)(void *ctx, uint16_t id, const uint8_t *msg, size_t len);
	/* `status` is the HTTP status, 0: none came. */
	void (*fail)(void *ctx, uint16_t id, enum doh_fault fault, unsigned status);
};

/* NULL: no memory. */
struct doh *doh_new(const struct doh_conf *conf, const struct doh_events *ev);
/* Tells nobody of anything. */
void doh_free(struct doh *d);

/* One question, its message with id 0. `id` tells it apart from others of this
 * connection. 0, ERR_LIMIT (no stream to be had any more) or ERR_NOMEM. */
int doh_ask(struct doh *d, uint16_t id, const uint8_t *msg, size_t len);
/* The stream is ended; fail() will tell. */
void doh_reset(struct doh *d, uint16_t id);
/* How many questions the server lets us have open at once. */
unsigned doh_streams_max(const struct doh *d);
/* False: the server goes away, or there are no stream numbers left. */
bool doh_takes_more(const struct doh *d);

/* 0, or ERR_PEER: the connection is of no use any more. */
int doh_input(struct doh *d, const uint8_t *b, size_t len);
/* The next octets to send, valid until the next call: how many, 0: none for
 * now, negative: as doh_input. */
ssize_t doh_output(struct doh *d, const uint8_t **ret);
/* Says goodbye (GOAWAY) with the octets that come out next. */
void doh_goodbye(struct doh *d);

#endif
