/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hooks share: making a reply from nothing, and making a message anew with
 * other names in it.
 */
#ifndef NODENS_PLUGIN_MESSAGE_H
#define NODENS_PLUGIN_MESSAGE_H

#include <netinet/in.h>

#include "resolver/plugins/plugin.h"

/* Header and question of a reply to q; finish with reply_end. */
void reply_begin(struct wire_out *o, const struct plugin_query *q);
/* Counts and rcode into the header. PLUGIN_REPLY, or SERVFAIL when it did not fit. */
enum plugin_verdict reply_end(struct wire_out *o, uint16_t rcode, bool aa, const uint16_t n[3],
			      size_t *ret_len);
void reply_address(struct wire_out *o, const uint8_t *owner, const struct in6_addr *addr,
		   uint32_t ttl_s);

/* How message_map changes a message. Any of them may be NULL; false
 * leaves the name as it is. */
struct message_map {
	void *ctx;
	bool (*owner)(void *ctx, const uint8_t *name, struct name *ret);
	/* Names in RDATA; `rr` is its record, the message's `at`th from 1 on. */
	bool (*value)(void *ctx, const struct dns_rr *rr, unsigned at, const uint8_t *name,
		      struct name *ret);
	uint32_t (*ttl)(void *ctx, uint32_t ttl_s);
};
/* Rebuilds `msg` in place under q's question; its length, or `len` unchanged when
 * it cannot be read or would not fit. */
size_t message_map(const struct message_map *m, const struct plugin_query *q, uint8_t *msg,
		   size_t len, size_t cap);/* One record's RDATA, names expanded and written anew into `o`; m may be NULL. */
void rdata_copy(struct wire_out *o, const struct wire *w, const struct dns_rr *rr, unsigned at,
		const struct message_map *m);

#endif
