/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's query, taken apart and judged: what deserves an answer at all, and
 * which error the rest gets (RFC 8906, RFC 9619, RFC 6891, RFC 7873).
 */
#ifndef NODENS_CORE_QUERY_H
#define NODENS_CORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/wire.h"

enum query_verdict {
	QUERY_OK,
	QUERY_DROP,        /* no DNS query: not even an error goes back */
	QUERY_FORMERR,
	QUERY_NOTIMP,
	QUERY_BADVERS,
	QUERY_REFUSED,     /* zone transfers */
	QUERY_COOKIE_ONLY, /* no question, only a cookie: RFC 7873 section 5.4 */
};

#define QUERY_LABELS_MAX 128
/* Bits of the cache key that the query carries besides name, type and class. */
#define QUERY_DO 1
#define QUERY_CD 2

struct query {
	const uint8_t *msg; /* as received */
	size_t len;
	uint16_t id, flags, qtype, qclass;
	uint16_t question_end; /* offset behind the question; DNS_HEADER_LEN: none was read */
	uint8_t key_flags;     /* QUERY_DO, QUERY_CD */
	uint8_t n_labels;
	uint8_t name_len;
	bool want_nsid, want_keepalive;
	struct dns_edns edns;
	const uint8_t *cookie; /* COOKIE option's data or NULL */
	uint16_t cookie_len;
	uint8_t label_at[QUERY_LABELS_MAX]; /* [i]: offset of label i; [n_labels]: of the root */
	uint8_t name[NAME_MAX_WIRE + 9];    /* lower case; room for eight-octet steps */
};

enum query_verdict query_parse(struct query *q, const uint8_t *in, size_t len);
/* The question alone, without a message: for routing. */
void query_from_name(struct query *q, const uint8_t *name, uint16_t qtype);
/* The query in at most QUERY_COMPACT_MAX octets, for parking: padding and
 * foreign options are left out when it is longer. Returns the length. */
#define QUERY_COMPACT_MAX 352
size_t query_compact(const struct query *q, uint8_t out[QUERY_COMPACT_MAX]);

#endif
