/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the HTTP server: http.c listens, http_room.c says who gets in,
 * http_conn.c reads and writes on a connection, http_request.c understands.
 */
#ifndef NODENS_HTTP_INT_H
#define NODENS_HTTP_INT_H

#include <sys/queue.h>

#include "resolver/observe/http.h"

#define HTTP_REQUEST_MAX 8192
#define HTTP_HEAD_MAX    256

struct http_listener {
	struct http_server *server;
	struct loop_fd watch;
	bool open, wanted;
	struct in6_addr addr;
	uint16_t port;
	uint32_t mask;
};

enum http_state {
	HTTP_READING, /* waits for a request, or for the rest of one */
	HTTP_QUEUED,  /* has one, waits for its turn */
	HTTP_PARKED,  /* has had it, and the handler said later */
	HTTP_WRITING, /* the client does not take all of the response yet */
};

struct http_conn {
	struct http_server *server;
	const struct http_listener *listener; /* NULL: it is closed; the mask is the last it had */
	TAILQ_ENTRY(http_conn) by_age;  /* longest without a request or response first */
	TAILQ_ENTRY(http_conn) waiting; /* HTTP_QUEUED, HTTP_PARKED */
	struct loop_fd watch;
	struct loop_timer timer;
	struct in6_addr addr;
	enum http_state state;
	uint32_t mask;
	bool from_node, close_after, head_only;
	int status; /* to refuse what `in` begins with; 0: it is in rq */
	struct http_request rq;
	size_t used, in_len;      /* `used` octets of `in` are this request */
	struct http_page *page;   /* the response's body, or NULL */
	size_t head_len, out_off; /* out_off counts through head and body */
	char head[HTTP_HEAD_MAX];
	char in[HTTP_REQUEST_MAX + 1];
};
TAILQ_HEAD(http_list, http_conn);

struct http_pool {
	unsigned n, max;
	struct http_list by_age;
};

struct http_server {
	struct loop *loop;
	struct http_limits limits;
	http_handler_f *handler;
	void *ctx;
	struct http_counts counts;
	struct http_pool node, other;
	struct http_list queue, parked;
	bool deaf; /* accepts nothing, by its owner's wish */
	struct loop_timer turn, rest; /* the queue's next slice; accepting, out of descriptors */
	uint64_t slice_at_ns, slice_used_ns;
	struct http_listener listener[HTTP_LISTENERS_MAX];
};

/* --- http_room.c --- */
/* Somebody connected; the descriptor is taken over. */
void http_admit(struct http_listener *l, int fd);
/* Out of descriptors or memory: closes an idle connection. False: there is none. */
bool http_evict_any(struct http_server *h);

/* --- http_conn.c --- */
/* NULL: no memory. */
struct http_conn *http_conn_start(struct http_listener *l, int fd);
void http_conn_close(struct http_conn *c);
/* It has been of use just now. */
void http_conn_touch(struct http_conn *c);
/* As many requests as the slice has room for; the rest when the next begins. */
void http_queue_run(struct http_server *h);
/* When there is something in the queue. */
void http_queue_soon(struct http_server *h);
/* Its listener is gone: what has begun is finished. */
void http_conn_orphan(struct http_conn *c);

/* --- http_request.c --- */
/* Is there a whole request in `in`? 0: not yet; 1: it is in c->rq; else the
 * status to refuse it with. */
int http_request_parse(struct http_conn *c);
/* Status line and headers of what is sent. */
void http_head_write(struct http_conn *c, int status, const char *type, size_t len);
const char *http_status_words(int status);

#endif
