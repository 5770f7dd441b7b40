/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache and forwarder as a pure function of bytes and time. No socket, no
 * clock, no log, no allocation after core_new; the daemon's loop, dns-sim and
 * the scenario tests drive this same code.
 *
 * A driver hands in queries and upstream answers with `now` (any monotonic ns),
 * and carries out what the core decides through `struct core_ops`.
 *
 * Two calls act, core_tick and core_answer: only from within these are reply, ask
 * and cancel called. The others are silent. core_query answers in place (a hit, a
 * refusal), or parks the client; core_fail and core_reconfigure answer nobody. What
 * they bring about is noted, core_deadline then is 0, and the next core_tick does
 * it: so the driver calls that before it sleeps. Hence
 *
 *  - a reply to a parked query never comes before core_query has said CORE_WAIT,
 *    and there is exactly one; `out` is written for the query given alone;
 *  - from within an op nothing may be called but core_fail, which is allowed at any
 *    time, and for the ask just given too; the other calls assert it;
 *  - a reconfiguration is one switch. The driver prepares all that may fail before,
 *    and changes its own tables after, with no other call in between: no op will
 *    have seen one configuration's index while the other's table was there. Asks
 *    given before it are void: their ids are never cancelled or taken any more.
 *
 * event, failed and done only tell: they may come from within any call.
 *
 * One core belongs to one thread.
 */
#ifndef NODENS_CORE_H
#define NODENS_CORE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "resolver/core/conf.h"
#include "resolver/core/stats.h"

struct core;

enum core_proto { CORE_UDP, CORE_TCP, CORE_TLS, CORE_HTTPS, CORE_PROTOS };

/* Who asked. Kept with each waiter and handed back with the reply; the core
 * reads addr, proto and listener, the rest is the driver's. */
struct core_client {
	struct in6_addr addr;  /* v4-mapped */
	struct in6_addr local; /* address asked: the reply must leave from it */
	uint64_t cookie;       /* driver's: TCP connection and its generation */
	uint32_t scope_id;
	uint16_t port;         /* host order */
	uint16_t keepalive_ds; /* TCP: idle time promised (RFC 7828), tenths of a second */
	uint8_t proto;         /* enum core_proto */
	uint8_t listener;      /* index into core_conf.listener; with a reply: as the present
				* configuration has it, UINT8_MAX if it has it no more */
};

/* One question for one upstream. Valid only during the call. */
struct core_ask {
	uint32_t id;           /* echo it in core_answer and core_fail; never 0 */
	uint16_t upstream;     /* index into core_conf.upstream */
	uint8_t proto;         /* enum core_proto: what to use */
	const uint8_t *query;  /* message with id 0; the driver sets a fresh id */
	size_t len;            /* CORE_ASK_MAX at most */
	uint16_t zone;         /* index into core_conf.zone; UINT16_MAX: a health probe */
	const struct in6_addr *client; /* whose question it is; NULL: nobody's */
	bool is_again;         /* it was asked before: may not take another question's port */
	uint8_t n_broken;      /* connections that were closed or fell silent under it so far */
};

/* A client's question came to nothing. Valid only during the call. */
struct core_failed {
	const uint8_t *name;
	uint16_t qtype, rcode; /* rcode: what the client is told */
	uint16_t zone;         /* index into core_conf.zone */
	uint16_t upstream;     /* asked last; UINT16_MAX: none was */
	uint8_t proto;         /* enum core_proto: how it was asked */
	uint8_t why;           /* enum core_fail_why, of the last exchange */
	uint32_t ask_id;       /* the exchange, when it is still open; else 0 */
};

struct core_ops {
	void *ctx;
	/* Send a reply to a client whose query was parked: once for each CORE_WAIT.
	 * `bytes` are valid only during the call; the message fits the client's transport. */
	void (*reply)(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len);
	/* Ask an upstream. Time-outs are the core's business (core_tick). */
	void (*ask)(void *ctx, const struct core_ask *a);
	/* The core lost interest in an ask: forget it, if it is not forgotten already;
	 * a late answer is not taken. */
	void (*cancel)(void *ctx, uint32_t ask_id);
	/* Something an operator should read; level as in lib/base/log. May be NULL. */
	void (*event)(void *ctx, int level, const char *text);
	/* A query was finished (answered, dropped): for query logs, dnstap, top-K.
	 * NULL when nobody listens, and then it costs nothing. */
	void (*done)(void *ctx, const struct core_client *c, const struct core_done *done);
	/* What the `errors` plugin prints, for zones that have it; once a question,
	 * however many clients wait for it. NULL: nobody listens. */
	void (*failed)(void *ctx, const struct core_failed *f);
};

enum core_verdict {
	CORE_REPLY, /* *ret_len octets are in `out`; send them now */
	CORE_WAIT,  /* parked; ops->reply will follow */
	CORE_DROP,  /* deserves no answer */
};

/* Why an exchange ended without an answer. */
enum core_fail_why {
	CORE_FAIL_REFUSED, CORE_FAIL_CLOSED, CORE_FAIL_UNREACHABLE, CORE_FAIL_BADREPLY, CORE_FAIL_NOSOCKET, CORE_FAIL_TLS,
	/* no fault of the upstream: somebody guesses at the socket; it was needed for a newer question */
	CORE_FAIL_GUESSED, CORE_FAIL_GAVE_WAY,
	/* nor is this: the peer closed a connection that had answered others (it gives each so many) */
	CORE_FAIL_ENDED,
	/* found by the core itself: never in a core_fail */
	CORE_FAIL_TIMEOUT, CORE_FAIL_UNHEALTHY, CORE_FAIL_LIMIT, CORE_FAIL_NO_FORWARD,
};
/* "connection refused", "i/o timeout", ... */
const char *core_fail_text(enum core_fail_why why);

/* All memory is allocated here, once. `stats` is the caller's (shared memory in
 * the daemon) and is only ever added to. */
int core_new(struct core **ret, const struct core_conf *conf, const struct core_ops *ops,
	     struct core_stats *stats, const struct hash_key *key, uint64_t seed, struct diag *d);
/* New configuration, same cache: entries stay valid unless their zone's
 * upstreams changed. Parked queries start over under the new one, with what is left
 * of their time; those of a listener that is gone (address and port) are SERVFAIL.
 * Silent, and all asks given before are void. On error nothing changed. The core
 * keeps `conf`'s content by copy. */
int core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns, struct diag *d);
/* Who listens to finished queries may change with the configuration. */
void core_set_done(struct core *c, void (*done)(void *ctx, const struct core_client *cl, const struct core_done *done));
/* Questions that the driver itself sent to upstreams and that must not come
 * back: HINFO of names that begin with these two labels of 16 digits. `seen` is
 * the core's, the rest the driver's; a zeroed place is free. */
struct core_probes {
	struct core_probe {
		uint8_t labels[34];
		uint32_t seen;
	} probe[CORE_PROBES_MAX];
};
void core_set_probes(struct core *c, struct core_probes *p);
void core_free(struct core *c);

/* Silent. `out` needs DNS_MSG_MAX octets for TCP, CORE_UDP_MAX for UDP; it may not
 * overlap `in`. */
enum core_verdict core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
			     const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len);
/* Acts. A reply came for an ask: transport, source address and id were checked by the
 * driver; the core checks question and content. Unknown or old ids are ignored.
 * False: not an answer to what was asked (forged, or stray): go on listening; where
 * no other can come, tell core_fail. True: the exchange is over. */
bool core_answer(struct core *c, uint64_t now_ns, uint32_t ask_id, const uint8_t *bytes, size_t len);
/* Silent. The exchange is over, and the driver has forgotten it. */
void core_fail(struct core *c, uint64_t now_ns, uint32_t ask_id, enum core_fail_why why);
/* Acts. Do what is noted or due: what queries and failures brought about, time-outs,
 * retries, hedges, refreshes, probes. */
void core_tick(struct core *c, uint64_t now_ns);
/* When core_tick must be called next; 0: now, something is noted; T_NEVER when nothing
 * is pending. */
uint64_t core_deadline(const struct core *c);

/* For tests, between two calls: asserts what must hold of all tables. */
void core_check(const struct core *c);
/* For tests of drivers: each exchange that the driver has still to carry out, and each client that
 * has still to be answered, for comparison with what the driver has. */
void core_asks_check(const struct core *c, void (*seen)(void *ctx, uint32_t ask_id, unsigned upstream, enum core_proto proto), void *ctx);
void core_waiters_check(const struct core *c, void (*seen)(void *ctx, const struct core_client *client), void *ctx);

/* Iterate stored entries, for snapshots, hand-over and /debug; false at the end. */
struct core_entry {
	const uint8_t *name;
	uint16_t qtype;
	uint16_t flags; /* CD as in the header */
	bool is_do;     /* DO was set */
	const uint8_t *msg; /* wire form as stored */
	size_t len;
	uint64_t stored_ns, expires_ns;
	uint64_t view; /* whose answers these are: digest of the zone's upstreams and plugins */
	uint16_t qclass;
	uint8_t kind;  /* enum answer_kind of answer.h */
	const uint8_t *ede; /* EDE option data that came with it, or NULL */
	uint16_t ede_len;
};
bool core_entry_next(const struct core *c, size_t *cursor, struct core_entry *ret);
/* Put one back, in this process or another: 0, ERR_RANGE when it expired,
 * ERR_SYNTAX when it is no such message, ERR_LIMIT when it does not fit. */
int core_entry_put(struct core *c, uint64_t now_ns, const struct core_entry *e);

#endif
