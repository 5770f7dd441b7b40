/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the HTTP server: http.c listens, http_conn.c answers on a connection. */
#ifndef NODENS_HTTP_INT_H
#define NODENS_HTTP_INT_H

#include "resolver/observe/http.h"

struct http_conn;

struct http_listener {
	struct http_server *server;
	struct loop_fd watch;
	bool open, wanted;
	struct in6_addr addr;
	uint16_t port;
	uint32_t mask;
};

struct http_server {
	struct loop *loop;
	struct http_limits limits;
	http_handler_f *handler;
	void *ctx;
	unsigned n_conns;
	uint64_t n_requests, n_refused;
	struct http_conn *conns;
	struct http_listener listener[HTTP_LISTENERS_MAX];
};

/* The descriptor is the connection's; over the limit it is closed. */
void http_conn_new(struct http_listener *l, int fd);
void http_conn_close(struct http_conn *c);

#endif
