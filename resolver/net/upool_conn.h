/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the pool: a connection, and what its framing does. upool_tcp.c
 * chooses one for a question, upool_conn.c lives its life; a framing knows how
 * questions and answers look on one: lengths (upool_dns.c: TCP and TLS) or
 * HTTP/2 (upool_h2.c).
 */
#ifndef NODENS_UPOOL_CONN_H
#define NODENS_UPOOL_CONN_H

#include "resolver/net/idmap.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/net/upool.h"
#include "resolver/net/upstream_base.h"

#define CONN_FULL 1024 /* in flight on one */

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN };

struct doh;

struct upool_conn {
	struct upool *pool;
	struct upool_conn *next, *dirty_next;
	struct loop_fd watch;
	struct loop_timer timer;
	struct stream stream;
	struct doh *doh; /* HTTP/2 only */
	struct idmap ids;
	enum conn_state state;
	bool draining, suspect, dirty, dead;
	bool is_apart; /* for questions that connections broke under: upool_tcp.h */
	uint8_t n_refused;      /* in a row that answered nothing */
	bool told;              /* of an HTTP fault: once a connection */
	enum core_fail_why why; /* dead: what its questions are told */
	uint32_t n_answered;    /* since it was opened */
	unsigned n_asks;        /* ids.n less orphans */
	uint64_t born_ns, retire_ns, idle_ns;
	uint64_t heard_ns; /* last octet, or what silence counts from */
	uint64_t last_rx_ns; /* last message */
};

struct upool_framing {
	const char *scheme; /* for the log: "tls" */
	/* Before the connection is there; 0 or ERR_NOMEM. */
	int (*open)(struct upool_conn *c);
	/* The socket is still open, for a last word. */
	void (*close)(struct upool_conn *c);
	/* In flight at most. */
	unsigned (*room)(const struct upool_conn *c);
	/* One question; its message has id 0. 0 or an error. */
	int (*put)(struct upool_conn *c, uint16_t id, const uint8_t *msg, size_t len);
	/* What is there, handed to upool_answered and upool_failed. */
	enum stream_status (*read)(struct upool_conn *c);
	/* Octets left over, -1 on error. */
	long (*flush)(struct upool_conn *c);
	/* Nobody waits for it any more; its id is orphaned. NULL: nothing to do. */
	void (*given_up)(struct upool_conn *c, uint16_t id);
};
extern const struct upool_framing upool_framing_dns, upool_framing_h2;

/* For the framings. False: no such id is in use, or the core does not take it for an
 * answer: then the id stays open, and what is asked may still be answered. */
bool upool_answered(struct upool_conn *c, uint16_t id, const uint8_t *msg, size_t len);
/* A message that answers nothing; too many in a row end the connection. */
void upool_stray(struct upool_conn *c);
void upool_failed(struct upool_conn *c, uint16_t id, enum core_fail_why why);
/* Whatever comes counts as a sign of life. */
void upool_heard(struct upool_conn *c);
/* There is something to flush, or a change to act on. */
void upool_touch(struct upool_conn *c);
struct upstreams *upool_conn_all(const struct upool_conn *c);

/* Its descriptor; *ret_connected: no longer connecting. */
int upool_conn_fd(const struct upool_conn *c, bool *ret_connected);

/* For the pool. A new connection, in its list; NULL and errno. */
struct upool_conn *upool_conn_open(struct upool *p);
/* Out of its list and freed; its questions are told `why`. */
void upool_conn_close(struct upool_conn *c);
/* Sends what is queued; a connection that broke or has drained is then dead. */
void upool_conn_flush(struct upool_conn *c);
/* What it waits for may have come nearer. */
void upool_conn_timer_update(struct upool_conn *c);
/* Its age and the timer by the upstream's configuration, which has changed. */
void upool_conn_reconfigured(struct upool_conn *c);
/* The next moment at which something about the connection must change. */
uint64_t upool_conn_deadline(const struct upool_conn *c);

#endif
