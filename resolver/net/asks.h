/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions on their way to upstreams, found by the core's id. A fixed table:
 * rows are taken and given back, nothing is allocated per question.
 */
#ifndef NODENS_ASKS_H
#define NODENS_ASKS_H

#include <stddef.h>
#include <stdint.h>

#include "resolver/core/core.h"

struct upstream;
struct upool_conn;
struct udp_sock;

enum ask_place { ASK_FREE, ASK_FAILED, ASK_UDP, ASK_TCP };

struct ask {
	uint32_t id;          /* the core's; 0: row not in use */
	uint16_t dns_id;      /* on the wire */
	uint8_t place;        /* enum ask_place */
	uint8_t why;          /* ASK_FAILED: enum core_fail_why */
	uint8_t n_refused;    /* ASK_UDP: answers that the core did not take */
	struct upstream *up;
	struct ask *hash_next, *list_next;
	struct upool_conn *conn; /* ASK_TCP */
	struct udp_sock *sock;   /* ASK_UDP */
	uint64_t sent_ns;
};

struct asks {
	size_t n, n_used, n_buckets;
	struct ask *row, *free;
	struct ask **bucket;
};

int asks_init(struct asks *t, size_t n);
void asks_release(struct asks *t);
struct ask *asks_new(struct asks *t, uint32_t id); /* NULL: full */
struct ask *asks_find(const struct asks *t, uint32_t id);
void asks_free(struct asks *t, struct ask *a);

#endif
