/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `log` plugin prints for a finished query, in CoreDNS's words,
 * because people's dashboards parse them. Lines are gathered and written at
 * most once a round, and never wait: when nobody reads our output, queries are
 * answered and lines are lost, and counted.
 */
#ifndef NODENS_LOG_QUERY_H
#define NODENS_LOG_QUERY_H

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"

struct log_query;

/* *ret is NULL when no block logs anything. The plan must outlive it. Lost
 * lines are added to *lost. */
int log_query_new(struct log_query **ret, const struct corefile_plan *p, uint64_t *lost, struct diag *d);
void log_query_free(struct log_query *l);
void log_query_add(struct log_query *l, const struct core_client *c, const struct core_done *done);
void log_query_flush(struct log_query *l); /* NULL is allowed */

/* One line by a format, without its newline: its length, at most cap. */
size_t log_query_format(char *buf, size_t cap, const char *format, const struct core_client *c,
			const struct core_done *done);
/* COREFILE_LOG_* class of a reply. */
unsigned log_query_class(const uint8_t *reply, size_t len);

#endif
