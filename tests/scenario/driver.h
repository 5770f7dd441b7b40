/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver between a test and a core that holds both to the contract of core.h:
 * one reply for each CORE_WAIT and none else, none before the call has returned,
 * with its client's id and question; replies, asks and cancels only from within
 * the calls that act; asks of upstreams that the present configuration has;
 * buffers that nobody touches afterwards; core_check and the laws of counters (laws.h)
 * after each call. It can
 * refuse from within `ask`.
 *
 * What is breached is told to `breach`, once each time; then the run goes on.
 */
#ifndef NODENS_SCENARIO_DRIVER_H
#define NODENS_SCENARIO_DRIVER_H

#include "resolver/core/core.h"
#include "tests/scenario/laws.h"

struct ticket { /* one query */
	struct core_client client; /* as the test gave it */
	uint8_t *query;
	size_t len;
	uint64_t asked_ns;
	bool is_parked, is_over;
};
struct given { /* one ask */
	uint32_t id;
	bool is_over, is_void;
};

struct driver {
	struct core *core;
	struct core_ops to; /* the test's; reply's client is the one it gave */
	/* Refuse this ask from within? NULL: never. */
	bool (*refuses)(void *ctx, const struct core_ask *a, enum core_fail_why *ret_why);
	void (*breach)(void *ctx, const char *what);
	size_t n_upstreams;
	uint64_t now_ns;
	/* inside */
	uint8_t state;
	uint8_t *out; /* full of POISON between calls */
	struct ticket *ticket;
	struct given *given;
	size_t n_tickets, n_given, n_parked;
	const struct core_stats *stats;
	struct tally tally;
};

/* `to` and `breach` are set; `d` stays where it is. Another core may take the place
 * of one before, which is the caller's then. */
int driver_start(struct driver *d, const struct core_conf *conf, struct core_stats *stats,
		 const struct hash_key *key, struct diag *diag);
/* Frees all. */
void driver_end(struct driver *d);

/* `ret` of DNS_MSG_MAX octets takes a reply. */
enum core_verdict driver_query(struct driver *d, const struct core_client *c, const uint8_t *in,
			       size_t len, uint8_t *ret, size_t *ret_len);
bool driver_answer(struct driver *d, uint32_t ask_id, const uint8_t *bytes, size_t len);
void driver_fail(struct driver *d, uint32_t ask_id, enum core_fail_why why);
int driver_reconfigure(struct driver *d, const struct core_conf *conf, struct diag *diag);
void driver_tick(struct driver *d);

#endif
