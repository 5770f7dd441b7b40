/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstreams of a worker, as each of their transports sees them: what is asked, whom
 * to tell of an end, and what descriptors there are.
 */
#ifndef NODENS_UPSTREAM_BASE_H
#define NODENS_UPSTREAM_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/core/core.h"
#include "resolver/net/asks.h"
#include "resolver/net/driver_stats.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/net/tls.h"
#include "resolver/net/upool.h"

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

void upstream_fail_later(struct upstreams *u, struct ask *a, enum core_fail_why why);
/* The ask is over: its row is given back, then the core is told. */
void upstream_ask_failed(struct upstreams *u, struct ask *a, enum core_fail_why why);
enum core_fail_why upstream_why(int err_no);
/* Was it for want of descriptors that a socket could not be opened, and is there one now? */
bool upstream_descriptor_make(struct upstreams *u, int err_no);

/* For tests, behind upstreams_flush: asserts what must hold of all tables. */
void upstreams_check(const struct upstreams *u);

#endif
