/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest HTTP/1.1 server that probes and scrapers are happy with: GET and
 * HEAD, keep-alive, no bodies in. What is served where is its owner's business:
 * each listener carries a mask that the handler gets with every request.
 *
 * Every pod reaches these ports, and whoever owns the loop has better things to
 * do. So: processes of the node have connections of their own that no pod can
 * take; a newcomer is never refused for want of room, the connection that has
 * been idle longest goes, first of the same address when that holds its share;
 * a connection answers one request a turn, and all turns together take a slice
 * of the loop's time, what is left over waits for the next.
 */
#ifndef NODENS_HTTP_H
#define NODENS_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
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
	struct http_page *page; /* instead of body and len: a reference, given to the server */
	bool close;        /* end the connection after this response */
	bool later;        /* nothing yet: ask again after http_resume */
};
typedef void http_handler_f(void *ctx, const struct http_request *rq, struct http_response *rs);

/* A text that many responses share. */
struct http_page {
	unsigned refs;
	char *text;
	size_t len;
};
/* With one reference; `text` is malloc'd and the page's, also on failure (NULL). */
struct http_page *http_page_new(char *text, size_t len);
struct http_page *http_page_ref(struct http_page *p);
void http_page_unref(struct http_page *p); /* NULL: nothing */

struct http_limits {
	unsigned conns_max;   /* of clients that are no processes of this node */
	unsigned conns_share; /* of these, by one address */
	unsigned node_max;    /* of this node's processes */
	uint64_t header_ns;   /* for a whole request, and from connecting to the first */
	uint64_t idle_ns;     /* between requests */
	uint64_t write_ns;    /* for a whole response */
	uint64_t work_ns;     /* of answering in `slice_ns`; at least one is answered */
	uint64_t slice_ns;
};

struct http_counts {
	uint64_t requests;
	uint64_t evicted;  /* connections closed to make room for others */
	uint64_t refused;  /* connections that there was no memory or descriptor for */
	uint64_t slow;     /* connections that did not send or take in time */
	uint64_t deferred; /* times that answering stopped although requests waited */
	unsigned open;     /* connections now */
	struct in6_addr evicted_last; /* whose it was */
};

struct http_server;

/* What NULL limits mean. */
void http_limits_default(struct http_limits *l);
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
/* Requests that the handler put off are asked again, in this or a later round. */
void http_resume(struct http_server *h);
const struct http_counts *http_counted(const struct http_server *h);

#endif
