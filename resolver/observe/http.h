/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest HTTP/1.1 server that probes and scrapers are happy with: GET and
 * HEAD, keep-alive, no bodies in, bounded connections and times. What is
 * served where is its owner's business: each listener carries a mask that the
 * handler gets with every request.
 */
#ifndef NODENS_HTTP_H
#define NODENS_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "resolver/net/loop.h"

#define HTTP_LISTENERS_MAX 48

struct http_request {
	const char *path;  /* without the query */
	const char *query; /* after '?'; "" when none */
	bool head;
	uint32_t mask;     /* the listener's */
	bool from_node;    /* the client is a process of this very node */
};
struct http_response { /* zeroed before the handler is called */
	int status;        /* 0: 404 */
	const char *type;  /* NULL: text/plain; charset=utf-8 */
	char *body;        /* malloc'd, freed by the server; may be NULL */
	size_t len;
	bool close;        /* end the connection after this response */
};
typedef void http_handler_f(void *ctx, const struct http_request *rq, struct http_response *rs);

struct http_limits {
	unsigned conns_max;
	uint64_t idle_ns;  /* between requests, and for a whole request */
	uint64_t write_ns;
};

struct http_server;

/* NULL limits: 64 connections, 30 s, 10 s. */
struct http_server *http_new(struct loop *loop, const struct http_limits *limits,
			     http_handler_f *handler, void *ctx);
void http_free(struct http_server *h);
/* Serve `mask` on this address; one that is open already only changes its mask.
 * 0, or ERR_SYS and a diag with words. */
int http_listen(struct http_server *h, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
		uint32_t mask, struct diag *d);
/* Close listeners whose mask is in none of the http_listen calls since
 * http_mark. */
void http_mark(struct http_server *h);
void http_sweep(struct http_server *h);
/* A listening socket from another process: `fd` is the server's on success. It
 * waits for an http_listen of its address; http_sweep closes it otherwise. */
int http_adopt(struct http_server *h, int fd, const struct in6_addr *addr, uint16_t port);
/* Accept nothing until `on` again: what comes waits, or is somebody else's. */
void http_accept(struct http_server *h, bool on);
/* The listening sockets one by one; false at the end. Start with *cursor == 0. */
bool http_listener_next(const struct http_server *h, unsigned *cursor, int *ret_fd,
			struct in6_addr *ret_addr, uint16_t *ret_port);
/* Requests served; connections turned away. */
void http_counts(const struct http_server *h, uint64_t *ret_requests, uint64_t *ret_refused);

#endif
