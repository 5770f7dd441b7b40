/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do we answer? Asks each listener's address over UDP and one of them over TCP,
 * as a pod would, and wants a DNS reply in time. The question (EDNS version 1)
 * is answered by the worker itself with BADVERS, so that it tells about us and
 * not about an upstream, and leaves cache and query metrics alone.
 */
#ifndef NODENS_SELFTEST_H
#define NODENS_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/corefile/corefile.h"
#include "resolver/net/loop.h"

#define SELFTEST_SERVICES_MAX 4

struct selftest;

/* What rules do with what is sent to Services' addresses. */
struct selftest_ways {
	uint16_t port;
	bool holds; /* they do, as far as we know: these addresses are asked as well, as pods do */
	/* -intercept rewrite, one a family: what is sent to `vip` arrives at `target`, and what
	 * `target` replies comes from `vip`. */
	bool set[2]; /* 0 IPv4, 1 IPv6 */
	struct in6_addr vip[2], target[2];
	uint64_t vip_bit[2]; /* what `asked` calls it; 0: not asked, for they leave it alone */
	/* Else: those that are ours while rules hold. */
	unsigned n_services;
	struct in6_addr service[SELFTEST_SERVICES_MAX];
	uint64_t service_bit[SELFTEST_SERVICES_MAX];
};

struct selftest_result {
	bool ok;
	bool held_back; /* else: netfilter let none of our questions out; nothing is known about who answers */
	uint64_t asked, astray; /* Services' addresses, by their bits: where one was sent to, and of these, got no answer */
	uint64_t took_ns;
	char words[160]; /* what failed; of those that got no answer, the first */
};
typedef void selftest_done_f(void *ctx, const struct selftest_result *r);

struct selftest *selftest_new(struct loop *loop, selftest_done_f *done, void *ctx);
void selftest_free(struct selftest *t);
/* Begins one; a run in progress is left to finish. `done` is called from the
 * loop, at the latest after timeout_ns. `ways`: NULL where there are no rules. */
void selftest_run(struct selftest *t, const struct core_conf *conf, const uint32_t *scope,
		  const struct selftest_ways *ways, uint64_t timeout_ns);
bool selftest_busy(const struct selftest *t);

#endif
