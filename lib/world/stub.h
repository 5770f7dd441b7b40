/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub resolver in every pod, as a state machine without sockets or clock:
 * glibc, musl and Go's pure resolver, with their pairing of A and AAAA, their
 * ports, retry times, search list and TC handling as measured on the real ones.
 * The simulator drives it with virtual packets, the lab's load program with
 * real sockets.
 *
 * The driver's loop: stub_start, then pull stub_next until STUB_WAIT or
 * STUB_DONE; feed stub_receive or stub_expire; pull again. Sockets are small
 * numbers (slots) that the stub opens and closes; the driver maps them.
 */
#ifndef NODENS_STUB_H
#define NODENS_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "lib/base/rng.h"
#include "lib/world/scenario.h"

#define STUB_SERVERS_MAX 3
#define STUB_SLOTS_MAX   8
#define STUB_QUERY_MAX   300

struct stub_conf {
	enum scen_stub lib;
	enum scen_transport transport; /* SCEN_TCP: use-vc; SCEN_SAME_SOCKET: slot 0 is kept open by the driver */
	enum scen_family family;
	unsigned n_servers, ndots, attempts;
	uint64_t timeout_ns;
	size_t n_search;
	struct name search[SCEN_SEARCH_MAX];
	bool single_request, single_request_reopen, rotate;
	bool nsid;             /* add OPT with NSID, to learn who answered */
	uint16_t edns_size;    /* with nsid; 1232 */
};
/* One server (the cluster DNS), and NSID asked for, so that each answer tells who
 * made it. 0, or ERR_SYNTAX/ERR_LIMIT for a search domain that is no name. */
int stub_conf_from_scenario(struct stub_conf *ret, const struct scenario *s, const struct scen_load *l);

/* What outlives a lookup in one thread of a real libc: glibc's sticky
 * single-request modes, Go's and glibc's rotation. Zero-initialise. */
struct stub_thread {
	unsigned sticky;
	unsigned next_server;
};

enum stub_act { STUB_OPEN, STUB_SEND, STUB_CLOSE, STUB_WAIT, STUB_DONE };
struct stub_action {
	enum stub_act act;
	unsigned slot;         /* OPEN, SEND, CLOSE */
	unsigned server;       /* OPEN (connected) and SEND: index of the nameserver */
	bool tcp;              /* OPEN */
	bool unconnected;      /* OPEN: one socket for all servers (musl); SEND names the server */
	const uint8_t *query;  /* SEND: message without the TCP length prefix; valid until the next call */
	size_t len;
	uint64_t deadline_ns;  /* WAIT: call stub_expire then */
};

enum stub_result {
	STUB_OK,         /* at least one address family answered with records */
	STUB_NOTFOUND,   /* NXDOMAIN or NODATA for the whole search list: a definite answer */
	STUB_FAIL,       /* time-outs or server failures: what users call a lost lookup */
};
struct stub_outcome {
	enum stub_result result;
	bool have_a, have_aaaa;      /* which families brought records */
	bool partial;                /* one family was given up (glibc's AAAA loss) */
	unsigned n_queries, n_retries, n_names, n_tc;
	struct name final_name;      /* the name that was answered */
};

struct stub; /* one lookup in progress */
size_t stub_sizeof(void);       /* for drivers that pool their storage */
/* `name` is the application's spelling. Ids come from `rng`. `c`, `t` and `rng`
 * must outlive the lookup. 0, or an error of name_from_text, or ERR_RANGE for a
 * configuration without servers or attempts. */
int stub_start(struct stub *s, const struct stub_conf *c, struct stub_thread *t,
	       struct rng *rng, const char *name, uint64_t now_ns);
/* The same for a name whose octets are known. */
int stub_start_known(struct stub *s, const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
		     const char *name, const uint8_t *wire, uint64_t now_ns);
void stub_next(struct stub *s, uint64_t now_ns, struct stub_action *ret);
/* A message arrived on a slot. Wrong id or question is ignored as libc does;
 * returns true when it was the answer to something outstanding. */
bool stub_receive(struct stub *s, uint64_t now_ns, unsigned slot, const uint8_t *msg, size_t len);
/* The same in two steps, for who has read the message or knows its like. */
struct stub_said {  /* what a message says, its id and its spelling aside */
	bool reply; /* to one question; false: nothing else is valid */
	bool tc, lame;
	uint8_t state; /* as the stub takes it */
	uint8_t name_len;
	uint16_t rcode, qtype;
};
void stub_said_of(struct stub_said *ret, const struct dns_msg *m, const uint8_t *msg, size_t len); /* m: what dns_msg_parse made of it */
bool stub_take(struct stub *s, uint64_t now_ns, unsigned slot, const uint8_t *msg, const struct stub_said *said);
/* The transport broke: ICMP refusal, connection refused or closed. */
void stub_broken(struct stub *s, uint64_t now_ns, unsigned slot);
void stub_expire(struct stub *s, uint64_t now_ns);
void stub_outcome(const struct stub *s, struct stub_outcome *ret); /* after STUB_DONE */
const struct stub_outcome *stub_outcome_see(const struct stub *s); /* the same, but for the name */

#endif
