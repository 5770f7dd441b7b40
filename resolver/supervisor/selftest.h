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

struct selftest;

/* -intercept rewrite, one a family: what is sent to `vip` arrives at `target`, and what
 * `target` replies comes from `vip`. */
struct selftest_rewrite {
	bool set[2]; /* 0 IPv4, 1 IPv6 */
	struct in6_addr vip[2], target[2];
	uint16_t port;
	bool holds; /* the rules do, as far as we know: `vip` is asked as well */
};

struct selftest_result {
	bool ok;
	bool led_here; /* what was sent to `vip` was answered, or nothing was sent */
	uint64_t took_ns;
	char words[160]; /* what failed */
};
typedef void selftest_done_f(void *ctx, const struct selftest_result *r);

struct selftest *selftest_new(struct loop *loop, selftest_done_f *done, void *ctx);
void selftest_free(struct selftest *t);
/* Begins one; a run in progress is left to finish. `done` is called from the
 * loop, at the latest after timeout_ns. `rewrite`: NULL where nothing is. */
void selftest_run(struct selftest *t, const struct core_conf *conf, const uint32_t *scope,
		  const struct selftest_rewrite *rewrite, uint64_t timeout_ns);
bool selftest_busy(const struct selftest *t);

#endif
