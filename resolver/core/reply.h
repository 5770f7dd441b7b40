/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stored answer and a query to the reply's bytes: identity and flags of
 * the query, its spelling of the name, TTLs counted down, an OPT of our own,
 * and what does not fit left out: of the answer section single records, since a
 * stub that never comes back over TCP can use those that are there (RFC 2181
 * section 9 leaves it open; CoreDNS does the same), of the others whole RRsets.
 */
#ifndef NODENS_CORE_REPLY_H
#define NODENS_CORE_REPLY_H

#include "resolver/core/answer.h"
#include "resolver/core/cookie.h"
#include "resolver/core/query.h"

struct reply_opts {
	size_t limit;            /* reply_limit */
	uint16_t bufsize;        /* what our OPT announces */
	uint8_t nsid_len;
	bool has_keepalive;      /* RFC 7828: keepalive_ds goes to a client that asked */
	uint16_t keepalive_ds;
	bool has_cookie;         /* COOKIE goes back: the query's client part and this */
	uint16_t ede_len;
	const char *nsid;        /* sent if asked for; NULL: none */
	const uint8_t *ede;      /* EDE option data or NULL; replaces the answer's own */
	uint8_t cookie[COOKIE_SERVER_LEN];
};

enum ede_code { /* RFC 8914 */
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_CACHED_ERROR = 13,
	EDE_STALE_NXDOMAIN = 19,
	EDE_NO_REACHABLE = 22,
	EDE_NETWORK = 23,
	EDE_SYNTHESIZED = 29,
};
/* Option data for a query turned away for want of room. */
#define EDE_OVERLOAD "\0\0too many queries at once"

#define REPLY_KEEP_TTL UINT32_MAX
struct reply_age {
	uint32_t age_s;     /* taken off each TTL */
	uint32_t fixed_s;   /* REPLY_KEEP_TTL, or the TTL each record gets (stale) */
};

/* Octets a reply may have: the transport's or the client's limit, ours, `cap`. */
size_t reply_limit(const struct query *q, bool udp, uint16_t bufsize, size_t cap);
/* Both return the reply's length. `out` needs limit octets, at least 512. */
size_t reply_answer(const struct query *q, const struct answer *a, struct reply_age age,
		    const struct reply_opts *o, uint8_t *out);
/* The answer's octets under this query, a->len of them: no OPT, no limit. */
void reply_body(const struct query *q, const struct answer *a, struct reply_age age, uint8_t *out);
/* No records. Without a readable question only the header goes back. */
size_t reply_rcode(const struct query *q, unsigned rcode, const struct reply_opts *o, uint8_t *out);
/* Octets our OPT will take, with o->ede in it. */
size_t reply_opt_len(const struct query *q, const struct reply_opts *o);
/* Appends our OPT to a message of `len` octets without one; the new length. */
size_t reply_opt_put(const struct query *q, unsigned ext_rcode, const struct reply_opts *o,
		     const uint8_t *ede, size_t ede_len, uint8_t *msg, size_t len, size_t cap);
/* Cuts a message without OPT to `limit` octets, TC set if more than additional
 * records went; the new length. */
size_t reply_truncate(uint8_t *msg, size_t len, size_t limit);

#endif
