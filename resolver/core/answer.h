/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer in the form it is stored and served in: the complete message in
 * wire form without OPT, the question in lower case and uncompressed at offset
 * 12, names compressed, TTLs already clamped, and the offsets of those TTLs.
 * Hits and misses are served from the same form by the same code (reply.h).
 */
#ifndef NODENS_CORE_ANSWER_H
#define NODENS_CORE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "resolver/core/conf.h"

enum answer_kind {
	ANSWER_NONE,
	ANSWER_POSITIVE,
	ANSWER_DENIAL,   /* of this type only: NODATA, or NXDOMAIN behind a CNAME (RFC 6604) */
	ANSWER_NXDOMAIN, /* says of the whole name (RFC 8020), and is believed of the type asked */
	ANSWER_FAILURE,  /* any other rcode: never stored here */
};

#define ANSWER_OWN_MAX 300
#define ANSWER_RRS_MAX 6000 /* 65535 / 11 */
#define ANSWER_EDE_MAX 128

struct answer {
	const uint8_t *msg;
	size_t len;
	const uint16_t *ttl_at;
	uint16_t n_ttl;
	uint16_t ede_len;
	const uint8_t *ede; /* data of an EDE option, or NULL */
	uint32_t ttl_s;     /* how long it may be used; 0: do not store */
	uint32_t own_s;     /* NXDOMAIN: how long its SOA says, ANSWER_OWN_MAX at most; else 0 */
	uint8_t kind;       /* enum answer_kind */
};

/* Room to build one. */
struct answer_buf {
	uint8_t msg[DNS_MSG_MAX + 1];
	uint16_t ttl_at[ANSWER_RRS_MAX];
	uint8_t ede[ANSWER_EDE_MAX];
};

struct answer_question {
	const uint8_t *name; /* lower case */
	uint16_t qtype, qclass;
};

/* Rewrites an upstream's (or plugin's) message into `buf`: question as given,
 * OPT taken out, names compressed; owners equal to `asked` become the
 * question's name (NULL: nothing was renamed). AA is cleared unless `keep_aa`.
 * Returns the new length, or a negative code when it is no proper message. */
int answer_pack(struct answer_buf *buf, const uint8_t *msg, size_t len,
		const struct answer_question *q, const uint8_t *asked, bool keep_aa);
/* Likewise what an upstream said, without the records that are no part of an answer
 * (resolver/core/scrub.h): *ret_dropped of them. ERR_PEER: nothing else was in it, though it
 * was to be a positive answer. */
int answer_take(struct answer_buf *buf, const uint8_t *msg, size_t len, const struct answer_question *q,
		const uint8_t *asked, uint16_t asked_class, unsigned *ret_dropped);
/* Classifies the `len` octets in buf->msg, clamps their TTLs by `conf` and fills
 * `ret`, which points into buf. 0, or ERR_SYNTAX when a plugin broke it. */
int answer_scan(struct answer *ret, struct answer_buf *buf, size_t len,
		const struct core_cache_conf *conf);
/* The same in another place; nothing happens when it is there already. */
void answer_copy(struct answer *ret, struct answer_buf *buf, const struct answer *from);
/* The same records under another question: a denial of an ancestor for a name
 * below it. 0 or negative. */
int answer_transplant(struct answer *ret, struct answer_buf *buf, const struct answer *from,
		      const struct answer_question *q);
/* The same with a CNAME from the question's name to `target` before the answer's
 * records; without records it is a plain transplant. */
int answer_alias(struct answer *ret, struct answer_buf *buf, const struct answer *from,
		 const struct answer_question *q, const uint8_t *target);
/* The records of `head`, a message, before those of an answer `age_s` old, as the
 * answer to q, classified and clamped by `conf`. `from` may not lie in buf. */
int answer_behind(struct answer *ret, struct answer_buf *buf, const uint8_t *head, size_t head_len,
		  const struct answer *from, uint32_t age_s, const struct answer_question *q,
		  const struct core_cache_conf *conf);
/* Limits that change nothing. */
void answer_no_limits(struct core_cache_conf *ret);
/* An answer without records, built in `buf` of ANSWER_EMPTY_MAX octets. */
#define ANSWER_EMPTY_MAX (DNS_HEADER_LEN + NAME_MAX_WIRE + 4)
void answer_empty(struct answer *ret, uint8_t *buf, const struct answer_question *q,
		  unsigned rcode);

#endif
