/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the `errors` plugin, in CoreDNS's words (which are Go's, for what
 * sockets say), consolidated where the Corefile says so: matching ones are
 * counted and told once a period.
 */
#ifndef NODENS_LOG_ERRORS_H
#define NODENS_LOG_ERRORS_H

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/observe/log_out.h"
#include "resolver/net/loop.h"
#include "resolver/net/upstream.h"

struct log_errors;

/* *ret is NULL when no block has `errors`. The plan must outlive it. */
int log_errors_new(struct log_errors **ret, const struct corefile_plan *p, struct loop *loop,
		   struct log_out *out, struct diag *d);
/* What was counted and not told yet is told. NULL is allowed, here and below. */
void log_errors_free(struct log_errors *l);
/* `at`: sockets of f->ask_id; NULL when it is over. */
void log_errors_add(struct log_errors *l, const struct core_failed *f,
		    const struct upstream_seen *at);

/* "read udp 10.0.0.1:40212->10.96.0.11:53: i/o timeout" */
void log_errors_words(char *buf, size_t cap, const struct core_failed *f, const char *upstream,
		      const struct upstream_seen *at);
/* As Go prints a duration: "1.5s", "5m0s", "1h0m0s". */
void log_errors_duration(char *buf, size_t cap, uint64_t ns);

#endif
