/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstreams of a worker: carries out the core's asks over UDP, TCP, TLS or HTTPS
 * and hands back answers and failures. Most failures that happen while the core is
 * asking are told only before the loop sleeps.
 */
#ifndef NODENS_UPSTREAM_H
#define NODENS_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/net/asks.h"
#include "resolver/core/core.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/net/tls.h"
#include "resolver/net/upool_tcp.h"

#define UPSTREAM_ASKS_MAX 16384
#define UPSTREAM_CLIENTS  256

struct upstream_conf {
	struct in6_addr addr, source;
	uint32_t scope_id;
	uint16_t port;
	bool has_source;
	bool tls;            /* is asked over TLS */
	const char *doh_path; /* and HTTP/2 (tls is set too); NULL: plain DNS in it */
	bool doh_get;        /* the method; else POST */
	const char *tls_name, *tls_ca, *tls_cert, *tls_key;
	uint64_t max_age_ns; /* of a connection, jittered; 0: our default */
	uint64_t expire_ns;  /* idle connections; 0: default */
	uint32_t max_idle_conns; /* more of them close at once; 0: no limit */
	uint64_t quiet_ns;   /* a connection that answers nothing for so long is dead; 0: default */
};

struct upstream_events {
	void *ctx;
	/* False: not an answer to this question; go on listening. */
	bool (*answer)(void *ctx, uint32_t ask_id, const uint8_t *bytes, size_t len);
	void (*fail)(void *ctx, uint32_t ask_id, enum core_fail_why why);
	void (*event)(void *ctx, int level, const char *text); /* may be NULL */
	/* Out of descriptors: closes one that somebody else can do without; false:
	 * there is none. May be NULL. */
	bool (*descriptor_make)(void *ctx);
};

struct upstream {
	struct upstreams *all;
	struct upstream_conf conf;    /* its texts are ours */
	struct stats_upstream *stats; /* NULL: not counted */
	struct upool tcp, tls;
	struct tls_ctx *tls_ctx;
	struct udp_sock *udp, *udp_shared; /* all of them; those that take more questions */
	struct loop_timer udp_sweep;
	uint64_t udp_fresh_due_ns; /* see upstream_udp.c */
	uint64_t told_ns;             /* of guesses; see udp_sock.c */
	bool retired;                 /* no longer configured; goes when its asks are done */
	struct upstream *next_retired;
};

struct upstreams {
	struct loop *loop;
	struct upstream_events events;
	struct driver_stats *stats;
	struct stream_scratch *scratch;
	struct asks asks;
	struct ask *failed, **failed_end;
	struct upool_conn *dirty;
	struct udp_sock *udp_dirty;
	struct udp_queue *udp_queue;
	struct udp_sock *udp_oldest, *udp_newest; /* of those for one question */
	struct udp_sock *udp_slow; /* of these one that was slow when last looked at, or NULL */
	unsigned n_udp_open, n_udp_single, udp_single_max;
	unsigned n_udp_leaving; /* gave way, not closed yet */
	struct hash_key key;
	struct udp_client { /* by keyed hash of the address; see upstream_udp.c */
		uint64_t due_ns;
		unsigned n_single;
	} client[UPSTREAM_CLIENTS];
	struct loop_timer later;
	unsigned n;
	struct upstream *up[CORE_UPSTREAMS_MAX];
	struct upstream *retired;
};

int upstreams_init(struct upstreams *u, struct loop *loop, const struct upstream_events *ev,
		   struct stream_scratch *scratch, struct driver_stats *stats);
void upstreams_release(struct upstreams *u);
/* A new set, in two steps. All that may fail is done by the first; 0 or an error with
 * nothing changed. The second forgets all asks, which nobody is told: the core has
 * (core_reconfigure). Connections of upstreams that stay the same stay open. `conf`
 * must live until then; nothing of `u` may be called between the two. */
struct upstreams_next;
int upstreams_prepare(struct upstreams *u, const struct upstream_conf *conf, unsigned n,
		      struct upstreams_next **ret, struct diag *d);
void upstreams_commit(struct upstreams *u, struct upstreams_next *next);
void upstreams_discard(struct upstreams_next *next);
/* Where upstream i counts its sockets: set again after each configuration. */
void upstreams_set_stats(struct upstreams *u, unsigned i, struct stats_upstream *stats);

void upstreams_ask(struct upstreams *u, const struct core_ask *a);
void upstreams_cancel(struct upstreams *u, uint32_t ask_id);
/* What an open exchange looks like from outside: for logs and taps. False: it
 * is over, or has no socket yet. */
struct upstream_seen {
	struct in6_addr local;
	uint16_t local_port;
	uint16_t dns_id; /* on the wire */
	bool connected;  /* over streams: the connection is there */
};
bool upstreams_seen(const struct upstreams *u, uint32_t ask_id, struct upstream_seen *ret);
/* Before sleeping: sends what was queued, tells of failures. */
void upstreams_flush(struct upstreams *u);

/* --- for the transports --- */

void upstream_fail_later(struct upstreams *u, struct ask *a, enum core_fail_why why);
/* The ask is over: its row is given back, then the core is told. */
void upstream_ask_failed(struct upstreams *u, struct ask *a, enum core_fail_why why);
enum core_fail_why upstream_why(int err_no);
/* Was it for want of descriptors that a socket could not be opened, and is there one now? */
bool upstream_descriptor_make(struct upstreams *u, int err_no);

/* upstream_udp.c: sockets with random ports, each for a short time. */
void upstream_udp_ask(struct upstream *up, struct ask *a, const struct core_ask *what);
void upstream_udp_cancel(struct ask *a);
int upstream_udp_fd(const struct udp_sock *s);
void upstream_udp_flush(struct upstreams *u);
void upstream_udp_retire(struct upstream *up);
void upstream_udp_release(struct upstream *up); /* fails what is under way */

#endif
